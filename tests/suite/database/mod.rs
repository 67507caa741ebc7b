//! Databases against real PostgreSQL servers.

mod commands;
mod dbml;
mod edits;
mod pooler;
mod property;
mod runner;
pub mod server;
mod tenants;
