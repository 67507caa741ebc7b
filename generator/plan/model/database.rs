//! The database server's part of the plan: databases, roles, endpoints and access rules.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::plan::service_names::DATABASE;
use crate::stack::Access;
use crate::values::{ExtensionName, Host, SecretName, ServiceName, SqlIdent};

/// A database with its roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Database {
    /// The role that owns the database: the migrations' role where the stack defines it, else the service's that asked
    /// for it; the superuser when none did.
    pub owner: Option<SqlIdent>,
    pub extensions: BTreeSet<ExtensionName>,
    /// Roles that do not own it.
    pub grants: Vec<Grant>,
}

impl Database {
    /// Whether a role may connect.
    pub fn admits(&self, role: &SqlIdent) -> bool {
        self.owner.as_ref() == Some(role) || self.grants.iter().any(|grant| grant.role == *role)
    }
}

/// A role that may log in at the database server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoginRole {
    /// The service or job that logs in as it.
    pub service: ServiceName,
    pub password: SecretName,
    /// The databases to which it may connect.
    pub databases: BTreeSet<SqlIdent>,
    /// Copies the server, and connects to no database.
    pub replication: bool,
}

/// What a role may do in a database it does not own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Grant {
    pub role: SqlIdent,
    /// `'owner` where the migrations' role owns everything: rows of all its schemas are read and written.
    pub access: Access,
    pub schema: SqlIdent,
}

/// The pooler, as far as its file says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pooler {
    /// Whether it encrypts both sides of its connections.
    pub tls: bool,
    pub port: u16,
    pub databases: BTreeSet<SqlIdent>,
    /// Connections to the server for each role in each database.
    pub pool_size: u16,
    /// Holds the names and passwords of the roles that it lets through.
    pub users: SecretName,
}

/// The replica, as far as files of the server and its own say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replication {
    /// The role by which it connects; it may copy the server and nothing else.
    pub role: SqlIdent,
    pub password: SecretName,
}

/// The rules of the database server beyond those of the roles, which follow from the databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerAccess {
    pub superuser: SqlIdent,
    /// Where the superuser's connections come from.
    pub superuser_from: Peers,
    /// Where the replica's connections come from.
    pub replication_from: Peers,
    /// Whether connections from other containers are encrypted.
    pub tls: bool,
}

impl ServerAccess {
    /// The host by which the replica reaches the server: in a network of the two, so that it comes from there.
    pub fn primary(&self) -> String {
        match &self.replication_from {
            Peers::Network(network) => format!("{DATABASE}.{network}"),
            Peers::None | Peers::All => DATABASE.to_owned(),
        }
    }
}

/// The other end of a connection to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Peers {
    None,
    /// Containers of a network, by its name on the engine.
    Network(Host),
    /// Every container that reaches the server.
    All,
}
