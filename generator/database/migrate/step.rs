//! A step of a migration plan.

use std::collections::BTreeSet;

use crate::database::hazard::Hazard;
use crate::database::model::ObjectName;
use crate::diagnostic::FieldPath;

/// Reason why a dropped object or column cannot be restored.
pub const DATA_LOST: &str = "the stored data is lost";

/// The purpose of a step. Phases run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Drops objects that are defined by SQL text (views, functions, policies, triggers) before renames, so that
    /// their `down` uses the old names.
    Unhook,
    Rename,
    /// Adds labels to enumerations, which can be used only after a commit.
    Labels,
    /// Drops constraints and indexes that change or would block another step.
    Teardown,
    Create,
    /// Adds what needs a complete table: checks, policies, triggers, comments, grants.
    Attach,
    /// Builds indexes without blocking writers.
    Concurrent,
    /// Validates checks for existing rows while rows can be written.
    Validate,
    /// Adds primary keys, unique constraints, exclusions and foreign keys.
    Keys,
    /// Validates foreign keys for existing rows while rows can be written.
    ValidateKeys,
    /// Drops objects that hold data.
    Contract,
    /// Removes extensions, which needs the rights of the role that created them.
    Extensions,
}

/// The way to revert a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    Sql(String),
    Nothing,
    /// Impossible without a loss, for this reason.
    Never(&'static str),
}

/// The relation of a step to transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepMode {
    /// In a transaction with the others of its group.
    Transaction,
    /// Alone and outside of any transaction: builds this index, which is invalid after an interruption.
    Index(ObjectName),
}

/// One step of a migration plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStep {
    pub phase: Phase,
    /// Order within the phase.
    pub rank: usize,
    /// Object of the step, by the name that `allow` uses for it.
    pub object: String,
    pub source: FieldPath,
    pub why: String,
    pub up: String,
    pub down: Down,
    pub mode: StepMode,
    pub hazards: BTreeSet<Hazard>,
}

impl MigrationStep {
    pub fn new(phase: Phase, object: impl Into<String>, source: FieldPath, why: impl Into<String>) -> Self {
        MigrationStep {
            phase,
            rank: 0,
            object: object.into(),
            source,
            why: why.into(),
            up: String::new(),
            down: Down::Nothing,
            mode: StepMode::Transaction,
            hazards: BTreeSet::new(),
        }
    }

    #[must_use]
    pub fn rank(mut self, rank: usize) -> Self {
        self.rank = rank;
        self
    }

    #[must_use]
    pub fn up(mut self, sql: impl Into<String>) -> Self {
        self.up = sql.into();
        self
    }

    #[must_use]
    pub fn down(mut self, sql: impl Into<String>) -> Self {
        self.down = Down::Sql(sql.into());
        self
    }

    #[must_use]
    pub fn never(mut self, why: &'static str) -> Self {
        self.down = Down::Never(why);
        self
    }

    #[must_use]
    pub fn hazard(mut self, hazard: Hazard) -> Self {
        self.hazards.insert(hazard);
        self
    }

    #[must_use]
    pub fn hazards(mut self, hazards: impl IntoIterator<Item = Hazard>) -> Self {
        self.hazards.extend(hazards);
        self
    }

    #[must_use]
    pub fn index(mut self, name: ObjectName) -> Self {
        self.mode = StepMode::Index(name);
        self
    }
}
