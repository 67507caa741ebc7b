//! Migrations of one database, and the job that applies them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::database::Grant;
use crate::database::history::RunMode;
use crate::database::model::{HexDigest, MigrationName, ObjectName, RequiredExtension, Statements};
use crate::values::{ExtensionName, SecretName, ServiceName, SqlIdent};

/// The migrations and seeds of one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migrations {
    /// The job that applies the migrations.
    pub job: ServiceName,
    /// The role that owns the database and everything in it. SQL from the project runs in sessions of this role.
    pub owner: SqlIdent,
    /// Services that wait for the job, with the secret of their connection URL.
    pub waiters: BTreeMap<ServiceName, SecretName>,
    pub steps: Vec<Step>,
    /// The roles that the steps name. A role can have left the stack since.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<SqlIdent>,
    pub seeds: Vec<Statements>,
    /// Access of services to the rows of schemas that the migrations create. The setup job runs before them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// The tables of which Hasura sends events; `None` if no Hasura serves the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<EventTables>,
}

/// The tables on which the role of a Hasura service creates triggers for its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventTables {
    pub role: SqlIdent,
    pub tables: BTreeSet<ObjectName>,
}

impl Migrations {
    /// Returns whether a step requires the superuser.
    pub fn needs_superuser(&self) -> bool {
        self.steps.iter().any(|step| !step.requires.is_empty() || !step.removes.is_empty())
    }
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub name: MigrationName,
    pub up: String,
    /// Checksum of `up`.
    pub sum: HexDigest,
    /// Checksum of this migration and all earlier ones.
    pub chain: HexDigest,
    pub run: RunMode,
    /// Extensions that the superuser creates, moves or updates before the migration runs, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<RequiredExtension>,
    /// Extensions that the superuser removes, in this order. Such a migration has no other effect, and its text does not
    /// run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removes: Vec<ExtensionName>,
}
