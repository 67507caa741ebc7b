//! Tests that run the program like its users: one binary, so that it is linked only once. Tests find tools below
//! `NSELF_TOOLS` (see tests/tools.sh). If a tool is missing, they fail if `CI` is `true`, and otherwise print SKIP.

// Tests may use functions of `std::fs` that the program must not use.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod attacks;
mod backups;
mod cluster;
mod commands;
mod compose;
mod compose_vs_kubernetes;
mod containers;
mod database;
mod determinism;
mod documentation;
mod edge;
mod error_messages;
mod external;
mod facets;
mod fault_injection;
mod fuzz;
mod graphql;
mod handlers;
mod hostile;
mod images;
mod imports;
mod incremental;
mod kubernetes;
mod language;
mod life;
mod lock;
mod mail;
mod manifest;
mod mistakes;
mod monitoring;
mod nginx;
mod order;
mod ownership;
mod plugins;
mod postgres;
mod publish;
mod registry;
mod replica;
mod reprotest;
mod restricted;
mod secrets;
mod sentinel;
mod source;
mod store;
mod support;
mod templates;
mod timers;
mod up;
mod upgrade;
mod watch;
mod why;
mod yaml;
