//! A step of a migration plan.

use std::collections::BTreeSet;

use crate::database::hazard::Hazard;
use crate::database::model::ObjectName;
use crate::diagnostic::FieldPath;

/// The reason why a dropped object or column cannot be restored.
pub const DATA_LOST: &str = "the stored data is lost";

/// The reason why an object that was renamed to free its name cannot be restored.
pub const OTHER_OBJECT_HAS_NAME: &str = "a different object has its name";

/// The purpose of a step. Phases run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Drops objects whose SQL refers to other objects: views, functions, policies and triggers. This phase precedes the
    /// renames, because the SQL that restores these objects uses the old names.
    DropDependents,
    /// Renames objects that a later phase drops, so that new objects can have their names.
    FreeNames,
    /// Renames objects, columns, constraints and labels.
    Rename,
    /// Adds labels to enumerations. A label can be used only after a commit.
    Labels,
    /// Drops constraints and indexes that change or would block another step.
    DropConstraints,
    /// Creates objects and columns, and changes them.
    Create,
    /// Adds the parts that need a complete table: checks, policies, triggers, comments, grants.
    Attach,
    /// Builds indexes without blocking writers.
    Concurrent,
    /// Validates checks for existing rows, while others can write rows.
    Validate,
    /// Adds primary keys, unique constraints, exclusions and foreign keys.
    Keys,
    /// Validates foreign keys for existing rows, while others can write rows.
    ValidateKeys,
    /// Drops objects that hold data.
    DropData,
    /// Removes extensions, which needs the rights of the role that created them.
    Extensions,
}

/// The way to revert a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    Sql(String),
    /// Nothing needs to be done, for example because the `down` of an earlier step drops the object.
    Nothing,
    /// The step cannot be reverted, for this reason.
    Irreversible(&'static str),
}

/// Whether a step runs in a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepMode {
    /// In one transaction with the other steps of its group.
    Transaction,
    /// Alone and outside of a transaction: builds this index, which is invalid if the build is interrupted.
    Index(ObjectName),
}

/// One step of a migration plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStep {
    pub phase: Phase,
    /// Position within the phase; lower positions come first. Mostly the object's position in the dependency graph.
    pub order_in_phase: usize,
    /// Name of the object that the step changes, as in `allow`.
    pub object: String,
    /// Path of the changed field in the stack.
    pub source: FieldPath,
    /// The reason, such as `orders.total is new`. It is a comment in the migration.
    pub why: String,
    /// SQL that makes the change.
    pub up: String,
    pub down: Down,
    pub mode: StepMode,
    pub hazards: BTreeSet<Hazard>,
}

impl MigrationStep {
    /// Returns a step without SQL, at the first position of its phase.
    pub fn new(phase: Phase, object: impl Into<String>, source: FieldPath, why: impl Into<String>) -> Self {
        MigrationStep {
            phase,
            order_in_phase: 0,
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
    pub fn order_in_phase(mut self, order_in_phase: usize) -> Self {
        self.order_in_phase = order_in_phase;
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
    pub fn irreversible(mut self, why: &'static str) -> Self {
        self.down = Down::Irreversible(why);
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

    /// Makes the step a concurrent build of an index.
    #[must_use]
    pub fn index(mut self, name: ObjectName) -> Self {
        self.mode = StepMode::Index(name);
        self
    }
}
