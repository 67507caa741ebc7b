//! Databases against real PostgreSQL servers.

mod edits;
mod property;
mod runner;
mod server;
