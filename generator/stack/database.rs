//! What a service does with a database. Roles and grants follow; passwords are secrets of the planner.

use std::collections::BTreeMap;

use crate::values::{ExtensionName, SettingName, SqlIdent, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One database as one service uses it. The service's login role is its own name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseUse {
    /// The database; the main one, named after the project, unless given.
    pub name: Option<SqlIdent>,
    pub access: Access,
    /// The schema that the service owns, with `access = 'schema`.
    pub schema: Option<SqlIdent>,
    /// Extensions installed before the service starts.
    pub extensions: Vec<ExtensionName>,
}

/// Options of the database server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseServer {
    /// Whether connections to it are encrypted and both ends checked. Unless given: where manifests for a cluster are
    /// generated, since pods of one stack run on several hosts.
    pub tls: Option<bool>,
    /// Settings of PostgreSQL by name, for the server and its replica. They replace those that follow from the memory
    /// limit of the server, such as `shared_buffers`.
    pub settings: BTreeMap<SettingName, Text>,
}

/// How much a service may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Owns the database. Where the stack defines it, the role of its migrations does, and this one reads and writes the
    /// rows of everything in it.
    #[default]
    Owner,
    /// Owns one schema of it.
    Schema,
    /// Reads and writes the owner's tables.
    Write,
    /// Reads the owner's tables.
    Read,
}
