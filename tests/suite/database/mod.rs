//! Databases against real PostgreSQL servers.

mod commands;
mod dbml;
mod edits;
mod import;
mod property;
mod runner;
mod server;
mod tenants;
