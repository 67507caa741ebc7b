//! nself: one typed Nickel file to Compose, nginx and PostgreSQL artifacts, the same bytes on every machine.
//!
//! ```text
//! stack.ncl ──source──▶ Stack + Origins ──plan──▶ Plan ──backend──▶ Artifacts ──store──▶ check | write
//! ```

// Tests set up folders as they like; the program itself is linted without them.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod artifact;
pub mod backend;
pub mod cli;
pub mod codes;
pub mod database;
pub mod diagnostic;
pub mod files;
pub mod image;
pub mod lock;
pub mod merge_conflict;
pub mod migrations;
mod parallel;
pub mod plan;
pub mod project;
#[cfg(feature = "registry")]
pub mod registry;
pub mod release;
pub mod secrets;
pub mod server;
pub mod source;
pub mod stack;
pub mod store;
pub mod templates;
mod terminal;
#[cfg(test)]
mod unit;
pub mod values;
pub mod words;
