//! One migration: its files and the contents of `plan.json`.

use serde::{Deserialize, Serialize};

use super::{MIGRATIONS, SumLine, sha256};
use crate::artifact::{Digest, json};
use crate::database::hazard::Hazard;
use crate::database::migrate::{Down, MigrationStep, Phase, StepGroups, StepMode};
use crate::database::model::{MigrationName, ObjectName};
use crate::database::snapshot::{Delta, Digests, Objects};
use crate::values::Checked;

impl MigrationName {
    /// Returns the name `0007_orders` for the number 7 and the slug `orders`.
    pub fn numbered(number: usize, slug: &str) -> Result<Self, String> {
        Self::new(&format!("{number:04}_{slug}"))
    }

    /// Returns 7 for `0007_orders`.
    pub fn number(&self) -> usize {
        self.as_str()[..4].parse().unwrap_or_default()
    }

    /// Returns `orders` for `0007_orders`.
    pub fn slug(&self) -> &str {
        &self.as_str()[5..]
    }
}

/// How the runner executes a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    /// In one transaction, in which the runner also adds the migration to the ledger.
    Transaction,
    /// Outside of a transaction, because the migration only builds this index. An invalid index from an interrupted run
    /// is dropped first.
    Index(ObjectName),
}

/// Contents of `plan.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    pub version: u32,
    pub run: RunMode,
    /// Digest of the schema before the migration.
    pub from: Digest,
    /// Digest of the schema after the migration.
    pub to: Digest,
    /// `(index, total)` among the migrations of one change; the index starts at 1.
    pub part: (usize, usize),
    /// Whether the migration only removes extensions, which needs more rights than the owner of the tables has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// Whether the migration was written by hand, so that its effects are unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    pub steps: Vec<StepFile>,
    /// Objects that the change sets and removes; empty except in the last migration of the change.
    pub changes: Delta,
}

/// Description of one step in `plan.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// The reason for the step, such as `orders.total is new`.
    pub why: String,
    /// The object that the step changes.
    pub object: String,
    /// Path of the changed field in the stack.
    pub source: String,
    pub hazards: Vec<Hazard>,
    /// The reason why the step cannot be reverted; `None` if it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<String>,
}

/// One migration, which is a folder such as `migrations/0007_orders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub name: MigrationName,
    /// Content of `up.sql`.
    pub up: String,
    /// Content of `down.sql`; `None` if reverting the migration would lose data.
    pub down: Option<String>,
    pub plan: PlanFile,
}

impl PlanFile {
    /// Returns canonical JSON of the plan, without a copy of the objects in `changes`, which can be large.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let PlanFile { version, run, from, to, part, privileged, by_hand, steps, changes } = self;
        let mut fields = vec![
            ("version", json::to_canonical(version)),
            ("run", json::to_canonical(run)),
            ("from", json::to_canonical(from)),
            ("to", json::to_canonical(to)),
            ("part", json::to_canonical(part)),
            ("steps", json::to_canonical(steps)),
            ("changes", changes.canonical()),
        ];
        let flags = [("privileged", privileged), ("by_hand", by_hand)];
        fields
            .extend(flags.into_iter().filter(|(_, flag)| **flag).map(|(name, flag)| (name, json::to_canonical(flag))));
        json::canonical_record(fields)
    }
}

/// First statements of every transactional migration.
const HEADER: &str = "SET LOCAL lock_timeout = '5s';\nSET LOCAL search_path = public;\n";

impl Migration {
    /// Creates a migration for each group of steps, with numbers after those of the `existing` migrations. Their plans do
    /// not have the digests and changes of the schema yet, which [`super::History::extend`] adds.
    ///
    /// # Errors
    /// The reason why `slug` cannot be part of a migration's name.
    pub fn of_groups(slug: &str, existing: usize, groups: &StepGroups) -> Result<Vec<Migration>, String> {
        let migrations = groups.iter().enumerate().map(|(i, steps)| {
            let slug = if i == 0 { slug.to_owned() } else { format!("{slug}_{}", i + 1) };
            let name = MigrationName::numbered(existing + i + 1, &slug)?;
            Ok(Migration::from_steps(name, steps, (i + 1, groups.len())))
        });
        migrations.collect()
    }

    /// Creates a migration from the steps of one group. `part` is `(index, total)` among the groups of the change, where
    /// the index starts at 1.
    fn from_steps(name: MigrationName, steps: &[MigrationStep], part: (usize, usize)) -> Migration {
        let run = match &steps[0].mode {
            StepMode::Transaction => RunMode::Transaction,
            StepMode::Index(index) => RunMode::Index(index.clone()),
        };
        let header = if run == RunMode::Transaction { HEADER } else { "" };
        let script = |body: Vec<String>| format!("{header}{}\n", body.join("\n"));
        let up = script(steps.iter().map(|step| format!("\n-- {}\n{}", single_line(&step.why), step.up)).collect());
        let is_reversible = !steps.iter().any(|step| matches!(step.down, Down::Irreversible(_)));
        let down = is_reversible.then(|| {
            let down_statements = steps.iter().rev().filter_map(|step| match &step.down {
                Down::Sql(sql) => Some(format!("\n-- back: {}\n{sql}", single_line(&step.why))),
                _ => None,
            });
            script(down_statements.collect())
        });
        // Steps that remove extensions are in groups without other steps.
        let privileged = steps.iter().all(|step| step.phase == Phase::Extensions);
        let steps = steps.iter().map(|step| StepFile {
            why: step.why.clone(),
            object: step.object.clone(),
            source: step.source.to_string(),
            hazards: step.hazards.iter().copied().collect(),
            irreversible: match step.down {
                Down::Irreversible(why) => Some(why.to_owned()),
                _ => None,
            },
        });
        let plan = PlanFile {
            version: 1,
            run,
            from: Digest::default(),
            to: Digest::default(),
            part,
            privileged,
            by_hand: false,
            steps: steps.collect(),
            changes: Delta::default(),
        };
        Migration { name, up, down, plan }
    }

    /// Creates an empty migration for SQL of the user.
    pub fn handwritten(name: MigrationName, snapshot: &Objects) -> Migration {
        let digest = Digests::of_objects(snapshot).root();
        Migration {
            name,
            up: format!("{HEADER}\n-- Write your statements here, then run `nself db sum`.\n"),
            down: None,
            plan: PlanFile {
                version: 1,
                run: RunMode::Transaction,
                from: digest,
                to: digest,
                part: (1, 1),
                privileged: false,
                by_hand: true,
                steps: Vec::new(),
                changes: Delta::default(),
            },
        }
    }

    /// Returns whether the migration has SQL of the user, so that its effects are unknown.
    pub fn is_handwritten(&self) -> bool {
        self.plan.by_hand
    }

    /// Returns the files of the migration: the path below the database's folder, and the content.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let path = |file: &str| format!("{MIGRATIONS}/{}/{file}", self.name);
        let mut files =
            vec![(path("up.sql"), self.up.clone().into_bytes()), (path("plan.json"), json::to_pretty(&self.plan))];
        files.extend(self.down.as_ref().map(|down| (path("down.sql"), down.clone().into_bytes())));
        files
    }

    /// Returns the line of the migration in the sum file. `previous_chain` is the chained digest of the line before it.
    pub(super) fn sum_line(&self, previous_chain: &str) -> SumLine {
        let up = sha256(self.up.as_bytes());
        let down = self.down.as_ref().map_or(String::new(), |down| sha256(down.as_bytes()).to_string());
        let plan = sha256(&self.plan.canonical());
        let chain = sha256(format!("{previous_chain}\n{}\n{up}\n{down}\n{plan}", self.name).as_bytes());
        SumLine { name: self.name.clone(), up, chain }
    }
}

/// Returns the text with blanks in place of its line breaks, so that it can be a comment in SQL.
fn single_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
