//! Migrations of one database, and the job that applies them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::database::history::RunMode;
use crate::database::model::{MigrationName, Statements, Sum};
use crate::values::{ExtensionName, SecretName, ServiceName, SqlIdent};

/// What is applied to one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migrations {
    /// The job that applies them.
    pub job: ServiceName,
    /// The role that owns the database and everything in it; all SQL of the user runs in sessions that log in as it.
    pub owner: SqlIdent,
    /// Services that wait for the job, with the secrets by which they reach the database.
    pub asked_by: BTreeMap<ServiceName, SecretName>,
    pub steps: Vec<Step>,
    pub seeds: Vec<Statements>,
}

impl Migrations {
    /// Whether a step needs the superuser.
    pub fn needs_superuser(&self) -> bool {
        self.steps.iter().any(|step| !step.requires.is_empty() || !step.removes.is_empty())
    }
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub name: MigrationName,
    pub up: String,
    pub sum: Sum,
    pub chain: Sum,
    pub run: RunMode,
    /// Extensions that have to be there before it, which takes the rights of the superuser.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub requires: BTreeSet<ExtensionName>,
    /// Extensions that it removes; it does nothing else, and its text is not run.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub removes: BTreeSet<ExtensionName>,
}
