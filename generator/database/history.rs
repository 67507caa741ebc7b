//! The migrations of a database as files: numbered folders, a snapshot of where they lead, and a sum in which each
//! line seals all lines before it.
//!
//! ```text
//! db/<name>/migrations/0007_slug/{up.sql,down.sql,plan.json}
//! db/<name>/schema/<kind>/<object>.json
//! db/<name>/nself.sum
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::hazard::Hazard;
use super::model::{MigrationName, ObjectName, Schema, Sum};
use super::plan::{Down, Groups, Mode, Phase, Step};
use super::snapshot::{self, Delta, Digests, Objects};
use super::statements;
use crate::artifact::{Digest, Sha256, json};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::stack::Checked;
use crate::stack::SqlIdent;

/// The file of sums.
pub const SUM: &str = "nself.sum";
const MIGRATIONS: &str = "migrations";
const SCHEMA: &str = "schema";
const ATTRIBUTES: &str = ".gitattributes";

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

/// A file's path below the database's folder to its content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// How a migration runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
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
    pub run: Run,
    /// Digests of the schema before and after.
    pub from: Digest,
    pub to: Digest,
    /// Which of so many migrations that together make the change.
    pub part: (usize, usize),
    /// Runs as who made the extensions, not as the owner of the tables.
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

/// All migrations of a database and where they lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    pub migrations: Vec<Migration>,
    pub head: Objects,
}

/// A line of the sum: name, digest of `up.sql`, digest of everything so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub name: MigrationName,
    pub up: Sum,
    pub chain: Sum,
}

/// The first words of every transactional migration.
const HEADER: &str = "SET LOCAL lock_timeout = '5s';\nSET LOCAL search_path = public;\n";

pub fn sha256(bytes: &[u8]) -> Sum {
    Sum::wrap(Sha256::of(bytes).hex().to_owned())
}

/// Text with the line ends of every system made one.
fn lines(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

fn damaged(file: &str, message: impl Into<String>) -> Diagnostic {
    at(Code::MigrationDamaged, file).message(message)
}

fn at(code: Code, file: &str) -> Diagnostic {
    Diagnostic::error(code, FieldPath::root()).at(Some(Span { file: file.to_owned(), line: 1, column: 1 }))
}

impl Migration {
    fn group(name: MigrationName, steps: &[Step], from: &Digest, to: &Digest, part: (usize, usize)) -> Migration {
        let run = match &steps[0].mode {
            Mode::Transaction => Run::Transaction,
            Mode::Index(index) => Run::Index(index.clone()),
        };
        let header = if run == Run::Transaction { HEADER } else { "" };
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
            from: from.clone(),
            to: to.clone(),
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
            up: format!("{HEADER}\n-- Statements of your own. Run `nself db sum` when they are written.\n"),
            down: None,
            plan: PlanFile {
                version: 1,
                run: Run::Transaction,
                from: digest.clone(),
                to: digest,
                part: (1, 1),
                privileged: false,
                by_hand: true,
                steps: Vec::new(),
                changes: Delta::default(),
            },
        }
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let path = |file: &str| format!("{MIGRATIONS}/{}/{file}", self.name);
        let mut files =
            vec![(path("up.sql"), self.up.clone().into_bytes()), (path("plan.json"), json::to_pretty(&self.plan))];
        files.extend(self.down.as_ref().map(|down| (path("down.sql"), down.clone().into_bytes())));
        files
    }

    fn line(&self, before: &str) -> Line {
        let up = sha256(self.up.as_bytes());
        let down = self.down.as_ref().map_or(String::new(), |down| sha256(down.as_bytes()).to_string());
        let plan = sha256(&json::to_canonical(&self.plan));
        let chain = sha256(format!("{before}\n{}\n{up}\n{down}\n{plan}", self.name).as_bytes());
        Line { name: self.name.clone(), up, chain }
    }
}

/// A comment of one line.
fn comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

impl Line {
    pub fn text(&self) -> String {
        format!("{} up:{} chain:{}\n", self.name, self.up, self.chain)
    }

    /// The lines of a sum file; nothing where a line has another form.
    pub fn parse(text: &str) -> Option<Vec<Line>> {
        let line = |line: &str| {
            let mut parts = line.split(' ');
            let (name, up, chain) = (parts.next()?, parts.next()?, parts.next()?);
            let sum = |part: &str, prefix: &str| Sum::new(part.strip_prefix(prefix)?).ok();
            let (up, chain) = (sum(up, "up:")?, sum(chain, "chain:")?);
            let name = MigrationName::new(name).ok()?;
            parts.next().is_none().then_some(Line { name, up, chain })
        };
        text.lines().filter(|text| !text.is_empty()).map(line).collect()
    }
}

impl History {
    /// Reads the files of a database and checks that they are what was written.
    ///
    /// # Errors
    /// Every file that is missing, changed or of another form.
    pub fn read(name: &SqlIdent, files: &Files) -> Result<History, Vec<Diagnostic>> {
        let history = Self::parse(name, files)?;
        let findings = history.verify(name, files);
        if findings.is_empty() { Ok(history) } else { Err(findings) }
    }

    /// The same without a look at the sum, for what writes it.
    ///
    /// # Errors
    /// Files of another form.
    pub fn parse(database: &SqlIdent, files: &Files) -> Result<History, Vec<Diagnostic>> {
        let mut history = History::default();
        let mut findings = Vec::new();
        let mut found: BTreeMap<&str, BTreeMap<&str, &Vec<u8>>> = BTreeMap::new();
        for (path, bytes) in files {
            let shown = format!("db/{database}/{path}");
            let mut parts = path.splitn(3, '/');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(MIGRATIONS), Some(name), Some(file)) => {
                    found.entry(name).or_default().insert(file, bytes);
                }
                (Some(SCHEMA), Some(kind), Some(file)) if file.ends_with(".json") => {
                    let object = format!("{kind}/{}", file.trim_end_matches(".json"));
                    match serde_json::from_slice(bytes) {
                        Ok(value) => {
                            history.head.insert(object, value);
                        }
                        Err(error) => findings.push(damaged(&shown, error.to_string())),
                    }
                }
                (Some(SUM | ATTRIBUTES), None, None) => {}
                _ => findings.push(damaged(&shown, "this file does not belong here").hint("move it elsewhere")),
            }
        }
        for (name, mut files) in found {
            let shown = |file: &str| format!("db/{database}/{MIGRATIONS}/{name}/{file}");
            let parsed = MigrationName::new(name);
            let (up, down, plan) = (files.remove("up.sql"), files.remove("down.sql"), files.remove("plan.json"));
            for file in files.keys() {
                findings.push(damaged(&shown(file), "this file does not belong here").hint("move it elsewhere"));
            }
            match (parsed, up, plan.map(|bytes| serde_json::from_slice(bytes))) {
                (Ok(name), Some(up), Some(Ok(plan))) => {
                    let down = down.map(|bytes| lines(bytes));
                    history.migrations.push(Migration { name, up: lines(up), down, plan });
                }
                (Err(reason), ..) => findings.push(damaged(&shown("up.sql"), reason)),
                (_, None, _) => findings.push(damaged(&shown("up.sql"), "the file is missing")),
                (_, _, None) => findings.push(damaged(&shown("plan.json"), "the file is missing")),
                (_, _, Some(Err(error))) => findings.push(damaged(&shown("plan.json"), error.to_string())),
            }
        }
        if findings.is_empty() { Ok(history) } else { Err(findings) }
    }

    fn verify(&self, database: &SqlIdent, files: &Files) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let sum = format!("db/{database}/{SUM}");
        let tampered = |file: String, message: String| {
            at(Code::MigrationTampered, &file)
                .message(message)
                .hint("restore it from version control, and put the change into a new migration")
        };
        let text = files.get(SUM).map_or(String::new(), |bytes| lines(bytes));
        let Some(written) = Line::parse(&text) else {
            return vec![
                damaged(&sum, "a line has another form").hint("after a merge, `nself db rebase` writes it anew"),
            ];
        };
        let actual = self.sum();
        for i in 0..actual.len().max(written.len()) {
            let finding = match (actual.get(i), written.get(i)) {
                (Some(is), Some(was)) if is == was => continue,
                (Some(is), Some(was)) if is.name == was.name => tampered(
                    format!("db/{database}/{MIGRATIONS}/{}/up.sql", is.name),
                    format!("{} is not what was written", is.name),
                ),
                (Some(is), Some(was)) => tampered(sum.clone(), format!("{} stands where {} was", is.name, was.name)),
                (Some(is), None) => tampered(sum.clone(), format!("{} is not in the sum", is.name))
                    .hint("`nself db sum` adds a migration that you wrote by hand at the end"),
                (None, Some(was)) => tampered(sum.clone(), format!("{} is gone", was.name)),
                (None, None) => continue,
            };
            findings.push(finding);
            // Each line seals those before it, so the ones after it differ in any case.
            break;
        }
        for (i, migration) in self.migrations.iter().enumerate() {
            if migration.name.number() != i + 1 {
                findings.push(tampered(
                    format!("db/{database}/{MIGRATIONS}/{}/plan.json", migration.name),
                    format!("{} has the number of another migration", migration.name),
                ));
            }
        }
        let mut folded = Objects::new();
        let mut digests = Digests::default();
        for migration in &self.migrations {
            if digests.root() != migration.plan.from {
                findings.push(tampered(
                    format!("db/{database}/{MIGRATIONS}/{}/plan.json", migration.name),
                    format!("{} does not follow from the migrations before it", migration.name),
                ));
                break;
            }
            migration.plan.changes.apply(&mut folded);
            digests.apply(&migration.plan.changes);
        }
        if findings.is_empty() && folded != self.head {
            let delta = Delta::between(&folded, &self.head);
            let paths = delta.set.keys().chain(&delta.unset);
            for path in paths {
                let file = format!("db/{database}/{SCHEMA}/{path}.json");
                findings.push(tampered(file, format!("{path} is not what the migrations lead to")));
            }
        }
        findings
    }

    /// SQL that the runner cannot apply: what does not parse, psql's own commands, transactions of its own.
    pub fn check_sql(&self, database: &SqlIdent) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for migration in &self.migrations {
            for (file, text) in [("up.sql", Some(&migration.up)), ("down.sql", migration.down.as_ref())] {
                let Some(text) = text else { continue };
                let shown = format!("db/{database}/{MIGRATIONS}/{}/{file}", migration.name);
                findings.extend(statements::findings(&shown, text));
            }
        }
        findings
    }

    /// The lines of the sum.
    pub fn sum(&self) -> Vec<Line> {
        let mut before = String::new();
        let lines = self.migrations.iter().map(|migration| {
            let line = migration.line(&before);
            line.chain.as_str().clone_into(&mut before);
            line
        });
        lines.collect()
    }

    /// The schema to which the migrations lead.
    ///
    /// # Errors
    /// NS732 when the snapshot is of another form.
    pub fn schema(&self, database: &SqlIdent) -> Result<Schema, Diagnostic> {
        snapshot::schema(&self.head).map_err(|error| damaged(&format!("db/{database}/{SCHEMA}"), error))
    }

    /// Adds what a plan needs.
    ///
    /// # Errors
    /// A slug that is no word.
    pub fn extend(&mut self, slug: &str, groups: &Groups, new: &Schema) -> Result<(), String> {
        let next = snapshot::objects(new);
        let (from, to) = (Digests::of(&self.head).root(), Digests::of(&next).root());
        let count = groups.len();
        let start = self.migrations.len();
        for (i, steps) in groups.iter().enumerate() {
            let slug = if i == 0 { slug.to_owned() } else { format!("{slug}_{}", i + 1) };
            let name = MigrationName::numbered(start + i + 1, &slug)?;
            let last = i + 1 == count;
            let mut migration = Migration::group(name, steps, &from, if last { &to } else { &from }, (i + 1, count));
            if last {
                migration.plan.changes = Delta::between(&self.head, &next);
            }
            self.migrations.push(migration);
        }
        self.head = next;
        Ok(())
    }

    /// All files.
    pub fn files(&self) -> Files {
        let mut files: Files = self.migrations.iter().flat_map(Migration::files).collect();
        for (path, object) in &self.head {
            files.insert(format!("{SCHEMA}/{path}.json"), json::to_pretty(object));
        }
        let sum: String = self.sum().iter().map(Line::text).collect();
        files.insert(SUM.into(), sum.into_bytes());
        // The sums are those of files with plain line ends.
        files.insert(ATTRIBUTES.into(), b"* text eol=lf\n".to_vec());
        files
    }
}

/// Whether the history only grew: every line of the base is where it was.
pub fn grew(database: &SqlIdent, base: &[Line], now: &[Line]) -> Option<Diagnostic> {
    let changed =
        base.iter().zip(now.iter().map(Some).chain(std::iter::repeat(None))).find(|(was, is)| Some(*was) != *is)?;
    let message = match changed.1 {
        Some(is) if is.name == changed.0.name => format!("{} is not what it was in the base", is.name),
        Some(is) => format!("{} stands where the base has {}", is.name, changed.0.name),
        None => format!("{} of the base is gone", changed.0.name),
    };
    Some(
        at(Code::MigrationTampered, &format!("db/{database}/{SUM}"))
            .message(message)
            .hint("if both branches added migrations, `nself db rebase --base REV` puts yours after theirs"),
    )
}
