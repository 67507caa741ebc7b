//! Databases of services and options of the database server. The planner derives roles, grants and passwords from them.

use std::collections::BTreeMap;

use crate::values::{ExtensionName, SettingName, SqlIdent, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A service's use of one database. The service logs in with a role of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseUse {
    /// Name of the database; the main database, named after the project, by default.
    pub name: Option<SqlIdent>,
    pub access: Access,
    /// The schema to which the access applies. Default: a schema named after the service for `'schema`, and `public` for
    /// `'write` and `'read`.
    pub schema: Option<SqlIdent>,
    /// Extensions that are installed before the service starts.
    pub extensions: Vec<ExtensionName>,
}

/// Options of the database server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseServer {
    /// Whether connections to the server are encrypted and certificates checked. Default: true if manifests for a cluster
    /// are generated, since the pods of a stack run on several hosts there, otherwise false.
    pub tls: Option<bool>,
    /// Settings of PostgreSQL by name, for the server and its replica. They replace settings that nself derives from the
    /// memory limit of the server, such as `shared_buffers`.
    pub settings: BTreeMap<SettingName, Text>,
}

/// Rights of a service in a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Owns the database. If the stack defines its tables, the role of the migrations owns it instead, and the service
    /// reads and writes all rows.
    #[default]
    Owner,
    /// Owns one schema of the database.
    Schema,
    /// Reads and writes the owner's tables.
    Write,
    /// Reads the owner's tables.
    Read,
    /// Reads the server's statistics and no table.
    Monitor,
}
