//! Databases against real PostgreSQL servers.

mod commands;
mod dbml;
mod edits;
mod property;
mod runner;
pub mod server;
mod tenants;
