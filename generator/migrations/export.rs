//! Writes the migrations of a database in the file format of a different migration runner.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};

use super::definition::Selection;
use crate::database::history::{Migration, RunMode};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::Root;

/// A migration runner whose file format nself writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    GolangMigrate,
    Dbmate,
    Sqlx,
    Flyway,
    Refinery,
    Atlas,
    Hasura,
}

impl Runner {
    /// All runners.
    pub const ALL: [Runner; 7] = [
        Runner::GolangMigrate,
        Runner::Dbmate,
        Runner::Sqlx,
        Runner::Flyway,
        Runner::Refinery,
        Runner::Atlas,
        Runner::Hasura,
    ];

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Runner::GolangMigrate => "golang-migrate",
            Runner::Dbmate => "dbmate",
            Runner::Sqlx => "sqlx",
            Runner::Flyway => "flyway",
            Runner::Refinery => "refinery",
            Runner::Atlas => "atlas",
            Runner::Hasura => "hasura",
        }
    }

    /// Returns whether the runner can run a file outside of a transaction.
    fn runs_outside_transactions(self) -> bool {
        !matches!(self, Runner::Hasura | Runner::Refinery)
    }
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Runner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Runner::ALL
            .into_iter()
            .find(|runner| runner.name() == text)
            .ok_or_else(|| format!("nself cannot write files for the migration tool `{text}`"))
    }
}

/// Writes the migrations of the selected database to a folder. Returns the paths of the written files in the folder. Other
/// files in the folder stay.
///
/// # Errors
/// NS701 for each migration that the runner cannot run, NS804 if a file cannot be written.
pub fn export(selection: &Selection, runner: Runner, folder: &Path) -> Result<Vec<String>, Vec<Diagnostic>> {
    let definition = selection.single("a folder can have the migrations of one database only")?;
    let history = selection.history(&definition.name)?;
    let files = convert(runner, &history.migrations)?;
    let folder = Root::named(folder);
    for (path, text) in &files {
        folder.write(path, text.as_bytes()).map_err(|error| vec![error.into()])?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Returns path and text of each file, in the order of the migrations.
///
/// # Errors
/// NS701 for each migration that the runner cannot run.
fn convert(runner: Runner, migrations: &[Migration]) -> Result<Vec<(String, String)>, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for migration in migrations {
        if migration.plan.run != RunMode::Transaction && !runner.runs_outside_transactions() {
            findings.push(
                Diagnostic::error(Code::Unsupported, FieldPath::root())
                    .message(format!(
                        "{} builds an index, which must run outside of a transaction, but {runner} runs every file in one",
                        migration.name
                    ))
                    .hint("choose a tool that can run a file outside of a transaction, or apply the migrations with nself"),
            );
        } else {
            files.extend(convert_migration(runner, migration));
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    if runner == Runner::Atlas {
        let sum = atlas_sum(&files);
        files.push(("atlas.sum".into(), sum));
    }
    Ok(files)
}

/// Returns path and text of each file for one migration.
fn convert_migration(runner: Runner, migration: &Migration) -> Vec<(String, String)> {
    let (name, slug, number) = (&migration.name, migration.name.slug(), migration.name.number());
    let in_transaction = migration.plan.run == RunMode::Transaction;
    let (up, down) = (migration.up.clone(), migration.down.clone());
    let up_and_down = |up_path: String, down_path: String, header: &str| {
        let down = down.as_ref().map(|down| (down_path, format!("{header}{down}")));
        std::iter::once((up_path, format!("{header}{up}"))).chain(down).collect()
    };
    match runner {
        // golang-migrate sends a file as one query. PostgreSQL runs a query of several statements in one transaction,
        // and a single statement outside of one, so no option is needed.
        Runner::GolangMigrate => {
            up_and_down(format!("{number:06}_{slug}.up.sql"), format!("{number:06}_{slug}.down.sql"), "")
        }
        Runner::Sqlx => {
            let header = if in_transaction { "" } else { "-- no-transaction\n" };
            up_and_down(format!("{name}.up.sql"), format!("{name}.down.sql"), header)
        }
        Runner::Dbmate => {
            let option = if in_transaction { "" } else { " transaction:false" };
            let down = down
                .unwrap_or_else(|| "DO $$ BEGIN RAISE EXCEPTION 'this migration cannot be reverted'; END $$;\n".into());
            vec![(format!("{name}.sql"), format!("-- migrate:up{option}\n{up}\n-- migrate:down{option}\n{down}"))]
        }
        Runner::Flyway => {
            let path = format!("V{number:04}__{slug}.sql");
            let settings = flyway_settings(&up, in_transaction);
            let settings = (!settings.is_empty()).then(|| (format!("{path}.conf"), settings));
            std::iter::once((path, up)).chain(settings).collect()
        }
        Runner::Refinery => vec![(format!("V{number}__{slug}.sql"), up)],
        // Atlas requires an empty line after directives for the whole file.
        Runner::Atlas => {
            let header = if in_transaction { "" } else { "-- atlas:txmode none\n\n" };
            vec![(format!("{name}.sql"), format!("{header}{up}"))]
        }
        Runner::Hasura => up_and_down(format!("{number}_{slug}/up.sql"), format!("{number}_{slug}/down.sql"), ""),
    }
}

/// Returns the settings of a migration for Flyway, which by default replaces `${name}` in SQL, and runs each file in a
/// transaction.
fn flyway_settings(sql: &str, in_transaction: bool) -> String {
    let transaction = if in_transaction { "" } else { "executeInTransaction=false\n" };
    let placeholders = if sql.contains("${") { "placeholderReplacement=false\n" } else { "" };
    format!("{transaction}{placeholders}")
}

/// Returns Atlas's integrity file. The first line has a digest of all other lines. Each other line has the name of a file
/// and a digest of the names and texts of all files up to this one (package `sql/migrate` of Atlas, `NewHashFile` and
/// `HashFile.Sum`).
fn atlas_sum(files: &[(String, String)]) -> String {
    let (mut sum_of_lines, mut sum_of_files) = (Context::new(&SHA256), Context::new(&SHA256));
    let mut lines = String::new();
    for (name, text) in files {
        sum_of_files.update(name.as_bytes());
        sum_of_files.update(text.as_bytes());
        let digest = STANDARD.encode(sum_of_files.clone().finish());
        sum_of_lines.update(name.as_bytes());
        sum_of_lines.update(digest.as_bytes());
        lines.push_str(&format!("{name} h1:{digest}\n"));
    }
    format!("h1:{}\n{lines}", STANDARD.encode(sum_of_lines.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::history::History;
    use crate::database::model::{MigrationName, ObjectName};
    use crate::values::Checked;

    fn migrations() -> Vec<Migration> {
        let migration = |number, slug: &str, down: Option<&str>| {
            let name = MigrationName::numbered(number, slug).unwrap();
            let mut migration = Migration::handwritten(name, &History::default().snapshot);
            (migration.up, migration.down) = (format!("up of {slug};\n"), down.map(str::to_owned));
            migration
        };
        let mut index = migration(2, "index", Some("DROP INDEX i;\n"));
        index.plan.run = RunMode::Index(ObjectName::new("i").unwrap());
        vec![migration(1, "init", None), index]
    }

    #[test]
    fn files_follow_the_rules_of_each_runner() {
        for (runner, path, text) in [
            (Runner::GolangMigrate, "000002_index.down.sql", "DROP INDEX i;\n"),
            (Runner::Sqlx, "0002_index.up.sql", "-- no-transaction\nup of index;\n"),
            (Runner::Dbmate, "0001_init.sql", "-- migrate:up\nup of init;\n\n-- migrate:down\nDO $$ BEGIN"),
            (Runner::Flyway, "V0002__index.sql.conf", "executeInTransaction=false\n"),
            (Runner::Atlas, "0002_index.sql", "-- atlas:txmode none\n\nup of index;\n"),
            (Runner::Atlas, "atlas.sum", "h1:"),
        ] {
            let files = convert(runner, &migrations()).unwrap();
            let file = files.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("{path} in {files:?}"));
            assert!(file.1.starts_with(text), "{path}: {}", file.1);
        }
        let flyway = convert(Runner::Flyway, &migrations()).unwrap();
        assert!(flyway.iter().all(|(path, _)| path != "V0001__init.sql.conf"));
        let mut with_placeholder = migrations();
        with_placeholder[0].up.push_str("SELECT '${x}';\n");
        let flyway = convert(Runner::Flyway, &with_placeholder).unwrap();
        let settings = flyway.iter().find(|(path, _)| path == "V0001__init.sql.conf").unwrap();
        assert_eq!(settings.1, "placeholderReplacement=false\n");
    }

    #[test]
    fn runners_that_always_open_a_transaction_refuse_an_index() {
        for runner in Runner::ALL {
            let is_refused = convert(runner, &migrations()).is_err();
            assert_eq!(is_refused, [Runner::Hasura, Runner::Refinery].contains(&runner), "{runner}");
            assert_eq!(runner.name().parse(), Ok(runner));
        }
        assert!(convert(Runner::Hasura, &migrations()[..1]).is_ok());
    }
}
