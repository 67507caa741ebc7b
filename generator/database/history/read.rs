//! Reads the files of a history and compares them with the sum file and the snapshot.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    ATTRIBUTES, History, HistoryFiles, MIGRATIONS, Migration, SCHEMA, SUM_FILE, SumLine, finding_at, malformed_file,
};
use crate::database::check::migration_sql;
use crate::database::model::MigrationName;
use crate::database::snapshot::Digests;
use crate::diagnostic::{Code, Diagnostic};
use crate::values::Checked;
use crate::values::SqlIdent;
use crate::values::plugin_names::database_folder;

/// Returns the text of a file with `\n` in place of `\r\n`, so that its digest does not depend on the checkout.
fn with_unix_line_ends(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

/// Returns the path of a migration's `plan.json`, for messages.
fn plan_file(database: &SqlIdent, migration: &MigrationName) -> String {
    format!("{}/{MIGRATIONS}/{migration}/plan.json", database_folder(database))
}

/// Creates the finding NS730 about a file that differs from what nself recorded.
fn tampered_file(file: &str, message: String) -> Diagnostic {
    finding_at(Code::MigrationTampered, file)
        .message(message)
        .hint("restore it from version control, and put the change into a new migration")
}

impl History {
    /// Reads the files of a database and verifies them.
    ///
    /// # Errors
    /// All files that are missing, changed or malformed.
    pub fn read(name: &SqlIdent, files: &HistoryFiles) -> Result<History, Vec<Diagnostic>> {
        let history = Self::parse(name, files)?;
        let findings = history.verify(name, files);
        if findings.is_empty() { Ok(history) } else { Err(findings) }
    }

    /// Reads the files without comparing them with the sum file, for commands that write the sum file.
    ///
    /// # Errors
    /// All malformed files.
    pub fn parse(database: &SqlIdent, files: &HistoryFiles) -> Result<History, Vec<Diagnostic>> {
        let mut history = History::default();
        let mut findings = Vec::new();
        // The files in the folder of each migration.
        let mut migration_folders: BTreeMap<&str, BTreeMap<&str, &Vec<u8>>> = BTreeMap::new();
        for (path, bytes) in files {
            let path_in_messages = format!("{}/{path}", database_folder(database));
            let mut parts = path.splitn(3, '/');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(MIGRATIONS), Some(name), Some(file)) => {
                    migration_folders.entry(name).or_default().insert(file, bytes);
                }
                (Some(SCHEMA), Some(kind), Some(file)) if file.ends_with(".json") => {
                    let object = format!("{kind}/{}", file.strip_suffix(".json").unwrap_or(file));
                    match serde_json::from_slice(bytes) {
                        Ok(value) => {
                            history.snapshot.insert(object, value);
                        }
                        Err(error) => findings.push(malformed_file(&path_in_messages, error.to_string())),
                    }
                }
                (Some(SUM_FILE | ATTRIBUTES), None, None) => {}
                _ => findings.push(
                    malformed_file(&path_in_messages, "this folder can contain only files that `nself db` writes")
                        .hint("move the file to a different folder"),
                ),
            }
        }
        for (folder, mut files) in migration_folders {
            let path_in_messages = |file: &str| format!("{}/{MIGRATIONS}/{folder}/{file}", database_folder(database));
            let migration_name = MigrationName::new(folder);
            let (up, down, plan) = (files.remove("up.sql"), files.remove("down.sql"), files.remove("plan.json"));
            for unknown_file in files.keys() {
                findings.push(
                    malformed_file(
                        &path_in_messages(unknown_file),
                        "this folder can contain only files that `nself db` writes",
                    )
                    .hint("move the file to a different folder"),
                );
            }
            match (migration_name, up, plan.map(|bytes| serde_json::from_slice(bytes))) {
                (Ok(name), Some(up), Some(Ok(plan))) => {
                    let down = down.map(|bytes| with_unix_line_ends(bytes));
                    history.migrations.push(Migration { name, up: with_unix_line_ends(up), down, plan });
                }
                (Err(reason), ..) => findings.push(
                    malformed_file(&path_in_messages("up.sql"), reason)
                        .hint("rename the folder back to its old name; create new migrations with `nself db new`"),
                ),
                (_, None, _) => findings.push(malformed_file(&path_in_messages("up.sql"), "the file is missing")),
                (_, _, None) => findings.push(malformed_file(&path_in_messages("plan.json"), "the file is missing")),
                (_, _, Some(Err(error))) => {
                    findings.push(malformed_file(&path_in_messages("plan.json"), error.to_string()))
                }
            }
        }
        if findings.is_empty() { Ok(history) } else { Err(findings) }
    }

    /// Returns findings where the migrations differ from the sum file, the numbering or the snapshot.
    fn verify(&self, database: &SqlIdent, files: &HistoryFiles) -> Vec<Diagnostic> {
        let sum_text = files.get(SUM_FILE).map_or(String::new(), |bytes| with_unix_line_ends(bytes));
        let Some(recorded_lines) = SumLine::parse(&sum_text) else {
            let finding =
                malformed_file(&format!("{}/{SUM_FILE}", database_folder(database)), "nself.sum: a line is malformed");
            return vec![finding.hint(
                "after a merge, rewrite the file with `nself db rebase --base REV`, where REV is the other branch; otherwise restore it from version control",
            )];
        };
        let mut findings: Vec<Diagnostic> = self.verify_sum(database, &recorded_lines).into_iter().collect();
        findings.extend(self.verify_numbers(database));
        findings.extend(self.verify_order(database));
        if findings.is_empty() {
            for path in self.differing_objects() {
                let file = format!("{}/{SCHEMA}/{path}.json", database_folder(database));
                findings.push(tampered_file(&file, format!("{SCHEMA}/{path}.json does not match the migrations")));
            }
        }
        findings
    }

    /// Returns a finding about the first migration that was planned for a different schema than the one that the
    /// migrations before it create.
    fn verify_order(&self, database: &SqlIdent) -> Option<Diagnostic> {
        let mut digests = Digests::default();
        // Migrations without changes have the root digest of the one before them.
        let mut root = digests.root();
        for (i, Migration { name, plan, .. }) in self.migrations.iter().enumerate() {
            if root != plan.from {
                let message = format!(
                    "{name} was planned for a different schema than the one that the earlier migrations create"
                );
                return Some(tampered_file(&plan_file(database, name), message));
            }
            let is_last = i + 1 == self.migrations.len();
            if !is_last && !plan.changes.is_empty() {
                digests.apply(&plan.changes);
                root = digests.root();
            }
        }
        None
    }

    /// Returns the paths of objects of the snapshot that differ from the result of the migrations, or that only one side
    /// has.
    fn differing_objects(&self) -> BTreeSet<&String> {
        let mut created: BTreeMap<&String, &Value> = BTreeMap::new();
        for Migration { plan, .. } in &self.migrations {
            for path in &plan.changes.unset {
                created.remove(path);
            }
            created.extend(&plan.changes.set);
        }
        let changed = created.iter().filter(|(path, object)| self.snapshot.get(**path) != Some(**object));
        let missing = self.snapshot.keys().filter(|path| !created.contains_key(path));
        changed.map(|(path, _)| *path).chain(missing).collect()
    }

    /// Returns a finding about the first difference from the sum file. Each line includes a digest of the lines
    /// before it, so all later lines differ as well.
    fn verify_sum(&self, database: &SqlIdent, recorded_lines: &[SumLine]) -> Option<Diagnostic> {
        let file = format!("{}/{SUM_FILE}", database_folder(database));
        let actual_lines = self.sum();
        let line_count = actual_lines.len().max(recorded_lines.len());
        let first_difference = (0..line_count).find(|i| actual_lines.get(*i) != recorded_lines.get(*i))?;
        let finding = match (actual_lines.get(first_difference), recorded_lines.get(first_difference)) {
            (Some(actual), Some(recorded)) if actual.name == recorded.name => {
                let finding = tampered_file(
                    &format!("{}/{MIGRATIONS}/{}/up.sql", database_folder(database), actual.name),
                    format!("{} was edited after it was recorded", actual.name),
                );
                let is_last =
                    first_difference + 1 == recorded_lines.len() && first_difference + 1 == actual_lines.len();
                if is_last && self.migrations[first_difference].is_handwritten() {
                    finding.hint("if you edited it by hand on purpose, record the edit with `nself db sum`")
                } else {
                    finding
                }
            }
            (Some(actual), Some(recorded)) => tampered_file(
                &file,
                format!(
                    "the order of migrations changed: nself.sum lists {} in the place of {}",
                    recorded.name, actual.name
                ),
            ),
            (Some(actual), None) => tampered_file(&file, format!("{} is missing from nself.sum", actual.name))
                .hint("if you wrote it by hand as the last migration, add it with `nself db sum`"),
            (None, Some(recorded)) => {
                tampered_file(&file, format!("{} is missing, but nself.sum lists it", recorded.name))
            }
            (None, None) => return None,
        };
        Some(finding)
    }

    /// Returns a finding for each migration whose number is not its position in the history, counted from 1.
    fn verify_numbers(&self, database: &SqlIdent) -> impl Iterator<Item = Diagnostic> {
        let misnumbered_migrations =
            self.migrations.iter().enumerate().filter(|(i, migration)| migration.name.number() != i + 1);
        misnumbered_migrations.map(move |(_, migration)| {
            let name = &migration.name;
            tampered_file(
                &plan_file(database, name),
                format!("{name} is out of sequence: migrations are numbered from 1 without gaps"),
            )
        })
    }

    /// Returns findings about SQL that the runner cannot apply: syntax errors, transaction control, and statements that
    /// need rights which the runner does not have.
    pub fn check_sql(&self, database: &SqlIdent) -> Vec<Diagnostic> {
        let mut findings: Vec<Diagnostic> = self.check_privileged(database).collect();
        for migration in &self.migrations {
            for (file, text) in [("up.sql", Some(&migration.up)), ("down.sql", migration.down.as_ref())] {
                let Some(text) = text else { continue };
                let path_in_messages = format!("{}/{MIGRATIONS}/{}/{file}", database_folder(database), migration.name);
                findings.extend(migration_sql::findings(&path_in_messages, text));
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::database::migrate::plan;
    use crate::database::model::Schema;
    use crate::diagnostic::FieldPath;

    /// Returns the history of a schema that begins with the table `a` and gets the table `b`, then a column of it.
    fn history() -> History {
        let (mut history, mut old) = (History::default(), Schema::default());
        for tables in [
            json!({ "a": { "columns": { "id": { "type": "bigint" } } } }),
            json!({ "b": { "columns": { "id": { "type": "bigint" } } } }),
            json!({ "b": { "columns": { "id": { "type": "bigint" }, "note": { "type": "text", "nullable": true } } } }),
        ] {
            let mut new = old.clone();
            new.tables.extend(serde_json::from_value::<Schema>(json!({ "tables": tables })).unwrap().tables);
            history.extend("change", &plan(&old, &new, &FieldPath::root()).unwrap(), &new).unwrap();
            old = new;
        }
        history
    }

    #[test]
    fn the_canonical_json_of_a_plan_has_all_its_fields() {
        let mut history = history();
        history.migrations[1].plan.by_hand = true;
        history.migrations[2].plan.privileged = true;
        for Migration { plan, .. } in &history.migrations {
            assert!(plan.changes.canonical().len() > 20);
            assert_eq!(plan.canonical(), crate::artifact::json::to_canonical(plan));
        }
    }

    /// Returns the messages about the files of a history, which has a right sum file.
    fn messages(history: &History) -> Vec<String> {
        let findings = History::read(&SqlIdent::wrap("shop".into()), &history.files()).err().unwrap_or_default();
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn each_migration_begins_with_the_schema_that_the_earlier_ones_create() {
        assert!(messages(&history()).is_empty());
        let mut skipped = history();
        skipped.migrations[1].plan.changes.set.clear();
        let message = "0003_change was planned for a different schema than the one that the earlier migrations create";
        assert_eq!(messages(&skipped), [message]);
    }

    #[test]
    fn the_snapshot_has_the_objects_that_the_migrations_create() {
        let mut differing = history();
        differing.snapshot.remove("tables/a");
        differing.snapshot.insert("tables/b".into(), json!({}));
        differing.snapshot.insert("tables/c".into(), json!({}));
        let paths = ["tables/a", "tables/b", "tables/c"];
        assert_eq!(messages(&differing), paths.map(|path| format!("schema/{path}.json does not match the migrations")));
        let mut unset = history();
        unset.migrations[2].plan.changes.unset.push("tables/a".into());
        assert_eq!(messages(&unset), ["schema/tables/a.json does not match the migrations"]);
    }
}
