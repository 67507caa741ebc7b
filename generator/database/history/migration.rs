//! One migration: its files, and what `plan.json` says of it.

use serde::{Deserialize, Serialize};

use super::{MIGRATIONS, SumLine, sha256};
use crate::artifact::{Digest, json};
use crate::database::hazard::Hazard;
use crate::database::migrate::{Down, MigrationStep, Phase, StepMode};
use crate::database::model::{MigrationName, ObjectName};
use crate::database::snapshot::{Delta, Digests, Objects};
use crate::values::Checked;

impl MigrationName {
    pub fn numbered(number: usize, slug: &str) -> Result<Self, String> {
        Self::new(&format!("{number:04}_{slug}"))
    }

    pub fn number(&self) -> usize {
        self.as_str()[..4].parse().unwrap_or_default()
    }

    pub fn slug(&self) -> &str {
        &self.as_str()[5..]
    }
}

/// How a migration runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    /// In one transaction, with its line in the ledger.
    Transaction,
    /// By itself: builds this index. One that was left invalid is dropped first.
    Index(ObjectName),
}

/// What `plan.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    pub version: u32,
    pub run: RunMode,
    /// Digests of the schema before and after.
    pub from: Digest,
    pub to: Digest,
    /// Which of so many migrations that together make the change.
    pub part: (usize, usize),
    /// Removes extensions and does nothing else, which takes more rights than the owner of the tables has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// Written by hand; nothing is known about what it does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    pub steps: Vec<StepFile>,
    /// The objects that the last part changes.
    pub changes: Delta,
}

/// What `plan.json` says about one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    pub why: String,
    pub object: String,
    pub source: String,
    pub hazards: Vec<Hazard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<String>,
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub name: MigrationName,
    pub up: String,
    /// Absent when something would be lost.
    pub down: Option<String>,
    pub plan: PlanFile,
}

/// The first words of every transactional migration.
const HEADER: &str = "SET LOCAL lock_timeout = '5s';\nSET LOCAL search_path = public;\n";

impl Migration {
    pub(super) fn group(
        name: MigrationName,
        steps: &[MigrationStep],
        from: &Digest,
        to: &Digest,
        part: (usize, usize),
    ) -> Migration {
        let run = match &steps[0].mode {
            StepMode::Transaction => RunMode::Transaction,
            StepMode::Index(index) => RunMode::Index(index.clone()),
        };
        let header = if run == RunMode::Transaction { HEADER } else { "" };
        let text = |body: Vec<String>| format!("{header}{}\n", body.join("\n"));
        let up = text(steps.iter().map(|step| format!("\n-- {}\n{}", comment(&step.why), step.up)).collect());
        let lossless = !steps.iter().any(|step| matches!(step.down, Down::Never(_)));
        let down = lossless.then(|| {
            let back = steps.iter().rev().filter_map(|step| match &step.down {
                Down::Sql(sql) => Some(format!("\n-- back: {}\n{sql}", comment(&step.why))),
                _ => None,
            });
            text(back.collect())
        });
        let privileged = steps.iter().all(|step| step.phase == Phase::Extensions);
        let steps = steps.iter().map(|step| StepFile {
            why: step.why.clone(),
            object: step.object.clone(),
            source: step.source.to_string(),
            hazards: step.hazards.iter().copied().collect(),
            irreversible: match step.down {
                Down::Never(why) => Some(why.to_owned()),
                _ => None,
            },
        });
        let plan = PlanFile {
            version: 1,
            run,
            from: *from,
            to: *to,
            part,
            privileged,
            by_hand: false,
            steps: steps.collect(),
            changes: Delta::default(),
        };
        Migration { name, up, down, plan }
    }

    /// Frame for SQL of the user.
    pub fn by_hand(name: MigrationName, head: &Objects) -> Migration {
        let digest = Digests::of(head).root();
        Migration {
            name,
            up: format!("{HEADER}\n-- Statements of your own. RunMode `nself db sum` when they are written.\n"),
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

    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let path = |file: &str| format!("{MIGRATIONS}/{}/{file}", self.name);
        let mut files =
            vec![(path("up.sql"), self.up.clone().into_bytes()), (path("plan.json"), json::to_pretty(&self.plan))];
        files.extend(self.down.as_ref().map(|down| (path("down.sql"), down.clone().into_bytes())));
        files
    }

    pub(super) fn line(&self, before: &str) -> SumLine {
        let up = sha256(self.up.as_bytes());
        let down = self.down.as_ref().map_or(String::new(), |down| sha256(down.as_bytes()).to_string());
        let plan = sha256(&json::to_canonical(&self.plan));
        let chain = sha256(format!("{before}\n{}\n{up}\n{down}\n{plan}", self.name).as_bytes());
        SumLine { name: self.name.clone(), up, chain }
    }
}

/// A comment of one line.
fn comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
