//! Databases against real PostgreSQL servers.

mod baseline;
mod case;
mod changes;
mod commands;
mod concurrency;
mod dbml;
mod edits;
mod export;
mod import;
mod losses;
mod migration_folders;
mod names;
mod objects;
mod pairs;
mod pooler;
pub mod project;
mod property;
mod public_schemas;
mod routines;
mod rows;
mod runner;
pub mod server;
mod settings;
mod tenants;
mod triggers;
mod urls;
