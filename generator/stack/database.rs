//! Databases of services and options of the database server. The planner derives roles, grants and passwords from them.

use std::collections::{BTreeMap, BTreeSet};

use crate::values::{Checked, Cidr, ExtensionName, Host, Reason, ServiceName, SettingName, SqlIdent, Text, ranged};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A service's use of one database. The service logs in with a role named after the service.
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
    /// Largest number of connections that one container of the service opens, such as the size of its pool.
    #[serde(deserialize_with = "ranged::positive")]
    pub connections: Option<u16>,
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
    /// Roles that cannot log in, by name. The setup job creates those that are missing; definitions may grant rights to them.
    pub roles: BTreeMap<SqlIdent, ServerRole>,
    /// A server outside of the stack, which replaces the service `postgres`.
    pub external: Option<ExternalServer>,
}

/// A role that cannot log in, such as `anon` of PostgREST.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerRole {
    /// Services whose roles may act as this role, with `SET ROLE`.
    pub members: BTreeSet<ServiceName>,
}

/// A PostgreSQL server outside of the stack, such as a managed one. Connections are encrypted, and its certificate is
/// checked against the authority in the secret `database_authority`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalServer {
    /// Host name or IPv4 address of the server, as in its certificate.
    pub host: Host,
    #[serde(default = "default_port", deserialize_with = "ranged::positive")]
    pub port: u16,
    /// The role that creates the roles and databases of the stack. It needs CREATEROLE and CREATEDB, but not the rights of
    /// a superuser. Its password is the secret `postgres_password`.
    #[serde(default = "default_admin")]
    pub admin: SqlIdent,
    /// The database to which `admin` connects first.
    #[serde(default = "default_admin")]
    pub database: SqlIdent,
    /// Addresses of the server, private or public. Network policies of clusters allow connections to them.
    #[serde(default)]
    pub addresses: Vec<Cidr>,
    /// Switches the encryption of connections off, for this reason.
    #[serde(default)]
    pub unencrypted: Option<Reason>,
}

impl ExternalServer {
    /// Returns the declared addresses; without any, `host` if it is an IP address. The list is empty if only a name is known.
    pub fn known_addresses(&self) -> Vec<Cidr> {
        if !self.addresses.is_empty() {
            return self.addresses.clone();
        }
        let is_address = self.host.as_str().parse::<std::net::IpAddr>().is_ok();
        is_address.then(|| Cidr::wrap(self.host.to_string())).into_iter().collect()
    }
}

/// The registered port of PostgreSQL.
fn default_port() -> u16 {
    5432
}

/// The role and the database that every new server has.
fn default_admin() -> SqlIdent {
    SqlIdent::wrap("postgres".into())
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
