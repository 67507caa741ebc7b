//! Names of services for which the planner has special rules, such as the proxy that every stack has.

use crate::stack::GraphqlEndpoint;
use crate::values::{Checked, ServiceName};

/// The proxy: the service that faces the internet. Every stack has it.
pub const PROXY_SERVICE: &str = "nginx";
/// The database server.
pub const DATABASE: &str = "postgres";
/// The GraphQL engine, which also serves additional GraphQL endpoints.
pub const HASURA: &str = "hasura";
/// The connection pooler in front of the database server.
pub const POOLER: &str = "pgbouncer";
/// The mail server that keeps all mail in its inbox.
pub const MAIL_CATCHER: &str = "mail";
/// The streaming replica of the database server.
pub const REPLICA: &str = "postgres-replica";
/// The client of a public certificate authority (ACME). It runs only in environments with `tls.mode = 'acme`.
pub const ACME: &str = "acme";
/// The job that creates the databases and roles of the server.
pub const SETUP_JOB: &str = "postgres-setup";
/// The job that sets the owner of data volumes.
pub const VOLUME_OWNER: &str = "volume-owner";

/// Receives the write-ahead log of the database server and stores it for restores.
pub const WAL_RECEIVER: &str = "backup-wal";
/// Takes base backups at the times of the schedule.
pub const BACKUP: &str = "backup";
/// Lists the backups in the storage to which they are written.
pub const BACKUP_LIST: &str = "backup-list";
/// Restores a backup into an empty folder and checks it.
pub const BACKUP_VERIFY: &str = "backup-verify";
/// Restores a backup in place of the server's data.
pub const BACKUP_RESTORE: &str = "backup-restore";
/// Takes snapshots of volumes and buckets at the times of their schedule.
pub const FILES_BACKUP: &str = "backup-files";
/// Restores snapshots of volumes and buckets into an empty folder, and checks them.
pub const FILES_VERIFY: &str = "backup-files-verify";
/// Restores snapshots in place of the files of volumes and the objects of buckets.
pub const FILES_RESTORE: &str = "backup-files-restore";
/// The job that copies the backup tool into a volume, from which the database server runs it.
pub const BACKUP_TOOLS: &str = "backup-tools";

/// Returns the name of the headless Kubernetes Service by which Prometheus finds all pods of a service.
pub fn metrics_service_name(service: &ServiceName) -> String {
    format!("{service}-metrics")
}

/// Returns the name of the headless Kubernetes Service by which the pods of a StatefulSet find each other.
pub fn peers_service_name(service: &ServiceName) -> String {
    format!("{service}-peers")
}

/// Returns the name of the Kubernetes Service of the ports that clients reach without the edge.
pub fn published_service_name(service: &ServiceName) -> String {
    format!("{service}-published")
}

/// Returns the service that a GraphQL endpoint copies.
pub fn original_of(endpoint: &GraphqlEndpoint) -> ServiceName {
    endpoint.copy_of.clone().unwrap_or_else(|| service_name(HASURA))
}

/// Returns one of the constants above as a service name.
pub fn service_name(text: &str) -> ServiceName {
    ServiceName::wrap(text.to_owned())
}
