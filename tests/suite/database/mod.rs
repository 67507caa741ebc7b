//! Databases against real PostgreSQL servers.

mod baseline;
mod commands;
mod concurrency;
mod dbml;
mod edits;
mod export;
mod import;
mod pooler;
mod property;
mod runner;
pub mod server;
mod tenants;
