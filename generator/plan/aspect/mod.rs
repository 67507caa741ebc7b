//! Aspects of the plan. Each is a function from the inputs and the parts of earlier aspects to a
//! [`Planned`](super::wiring::Planned): its own part, wirings of services, and findings. No aspect changes a service.

pub mod access;
pub mod backup_buckets;
pub mod backup_files;
pub mod backups;
pub mod cache_memory;
pub mod connections;
pub mod dashboards;
pub mod database_clients;
pub mod database_connections;
pub mod database_endpoints;
pub mod database_host;
pub mod databases;
pub mod definitions;
pub mod encryption;
pub mod endpoint;
pub mod extensions;
pub mod external_server;
mod file_content;
pub mod files;
pub mod fixed_addresses;
pub mod graphql;
pub mod ingress;
pub mod login_roles;
pub mod mail;
pub mod migrations;
pub mod monitoring;
pub mod plugins;
mod reference_scope;
pub mod secrets;
pub mod server_files;
pub mod server_settings;
pub mod service_schemas;
pub mod setup;
pub mod variables;
pub mod volumes;
