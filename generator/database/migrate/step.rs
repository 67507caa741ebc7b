//! A step of a plan.

use std::collections::BTreeSet;

use crate::database::hazard::Hazard;
use crate::database::model::ObjectName;
use crate::diagnostic::FieldPath;

/// Why a change that PostgreSQL undoes only by losing something has no way back.
pub const LOSES: &str = "what was stored is gone";

/// What a step is for; the phases of a plan run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// What is text about other things goes away under the old names, so that its way back speaks of them.
    Unhook,
    Rename,
    /// New labels of enumerations, which can be used only after a commit.
    Labels,
    /// Constraints and indexes that stand in the way of a change, or go away.
    Teardown,
    Create,
    /// What belongs to a table and needs it.
    Attach,
    /// Index builds that stop nobody.
    Concurrent,
    /// Looks at stored rows while they can be written.
    Validate,
    Keys,
    ValidateKeys,
    /// What held data goes away.
    Contract,
    /// Extensions go away, which takes the rights of who made them.
    Extensions,
}

/// The way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    Sql(String),
    Nothing,
    /// There is none without a loss; why.
    Never(&'static str),
}

/// How a step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepMode {
    /// In a transaction with the others of its group.
    Transaction,
    /// By itself, outside of any transaction: builds this index, which may be left invalid.
    Index(ObjectName),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStep {
    pub phase: Phase,
    /// Order within the phase.
    pub rank: usize,
    /// What it is about, as `allow` names it.
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
