//! The database server's part of the plan: databases, roles, endpoints and access rules.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::database::DeclaredPrivilege;
use crate::database::model::PUBLIC_SCHEMA;
use crate::plan::service_names::DATABASE;
use crate::stack::Access;
use crate::values::{ExtensionName, Host, SecretName, ServiceName, SqlIdent};

/// A database with its roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Database {
    /// The role that owns the database: the migrations' role if the stack defines the database, otherwise the role of the
    /// service with `access = 'owner`. `None` is the superuser.
    pub owner: Option<SqlIdent>,
    pub extensions: BTreeSet<ExtensionName>,
    /// Access of roles that do not own the database.
    pub grants: Vec<Grant>,
    /// Privileges that the definition of the database grants. Its migrations grant them, and the setup job leaves them alone.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub declared_privileges: BTreeSet<DeclaredPrivilege>,
}

impl Database {
    /// Returns whether a role may connect.
    pub fn admits(&self, role: &SqlIdent) -> bool {
        self.owner.as_ref() == Some(role) || self.grants.iter().any(|grant| grant.role == *role)
    }

    /// Returns the schemas that belong to services, each with the role of its service.
    pub fn service_schemas(&self) -> impl Iterator<Item = (&SqlIdent, &SqlIdent)> {
        let grants = self.grants.iter().filter(|grant| grant.access == Access::Schema);
        grants.map(|grant| (&grant.schema, &grant.role))
    }

    /// Returns the role that creates the objects in a schema; `None` if the stack does not know it.
    pub fn creator(&self, schema: &SqlIdent) -> Option<&SqlIdent> {
        let mut schemas = self.service_schemas().filter(|(name, _)| name.as_str() != PUBLIC_SCHEMA);
        let service_role = schemas.find(|(name, _)| *name == schema).map(|(_, role)| role);
        service_role.or(self.owner.as_ref())
    }

    /// Returns the roles with `access = 'write` to a schema that does not belong to a service.
    pub fn writers(&self) -> BTreeSet<&SqlIdent> {
        let is_of_service = |schema: &SqlIdent| self.service_schemas().any(|(name, _)| name == schema);
        let writes = |grant: &&Grant| grant.access == Access::Write && !is_of_service(&grant.schema);
        self.grants.iter().filter(writes).map(|grant| &grant.role).collect()
    }

    /// Returns whether a grant is on the rows of a schema that the setup job does not create.
    pub fn may_lack_schema(&self, grant: &Grant) -> bool {
        matches!(grant.access, Access::Write | Access::Read)
            && grant.schema.as_str() != PUBLIC_SCHEMA
            && self.service_schemas().all(|(schema, _)| *schema != grant.schema)
    }
}

/// A role that may log in at the database server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoginRole {
    /// The service or job that logs in with this role.
    pub service: ServiceName,
    pub password: SecretName,
    /// The databases to which the role may connect.
    pub databases: BTreeSet<SqlIdent>,
    /// Whether the role only copies the server, for the replica or for backups, and connects to no database.
    pub replication: bool,
}

/// The rights of a role in a database that it does not own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Grant {
    pub role: SqlIdent,
    /// The access. `'owner` occurs only in databases whose tables the stack defines: there the migrations' role owns the
    /// objects, and `role` may read and write the rows of all schemas.
    pub access: Access,
    pub schema: SqlIdent,
}

/// The job that creates missing roles, databases, extensions and rights at each start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseSetup {
    pub job: ServiceName,
    /// Whether the server belongs to the stack. The job does not change the other databases of an external server.
    pub is_own_server: bool,
    /// For each service that waits for the job, the secrets with its connection URLs; for each secret, the extensions
    /// that the job creates in the database of the URL.
    pub waiters: BTreeMap<ServiceName, BTreeMap<SecretName, BTreeSet<ExtensionName>>>,
    /// Roles that cannot log in, each with the roles that may act as it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shared_roles: BTreeMap<SqlIdent, BTreeSet<SqlIdent>>,
    /// Roles that migrations name and the stack no longer has. On a new server, the migrations need them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub former_roles: BTreeSet<SqlIdent>,
}

/// Settings of the pooler's configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pooler {
    /// Whether connections of clients and connections to the server are encrypted.
    pub tls: bool,
    pub port: u16,
    /// Host and port of the server.
    pub server: (Host, u16),
    pub databases: BTreeSet<SqlIdent>,
    /// Connections to the server for each role in each database.
    pub pool_size: u16,
    /// The secret with the names and passwords of the roles that may connect through the pooler.
    pub users: SecretName,
}

/// The connection of the replica to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replication {
    /// A role that may only copy the server.
    pub role: SqlIdent,
    pub password: SecretName,
}

/// Access rules of the database server, except the rules of the login roles, which follow from the databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerAccess {
    pub superuser: SqlIdent,
    /// Containers from which the superuser may connect.
    pub superuser_from: Peers,
    /// Containers from which the replica and the services of backups may connect.
    pub replication_from: Peers,
    /// Whether connections from other containers are encrypted.
    pub tls: bool,
}

impl ServerAccess {
    /// Returns the host name to which the replica and the services of backups connect. It is a name in the network that only
    /// they and the server join, so that the server sees an address of that network.
    pub fn primary_host(&self) -> String {
        match &self.replication_from {
            Peers::Network(network) => format!("{DATABASE}.{network}"),
            Peers::None | Peers::All => DATABASE.to_owned(),
        }
    }
}

/// Containers that may connect to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Peers {
    /// No container.
    None,
    /// Containers of a network, by its name on the engine.
    Network(Host),
    /// Every container that reaches the server.
    All,
}
