//! Writes a script for psql that reverts migrations. Before each step the script checks that the server's ledger ends
//! with the migration that the step reverts.

use std::fmt::Write;

use super::definition::Selection;
use crate::database::history::{History, Migration, RunMode, SumLine};
use crate::database::ledger;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::ExtensionName;
use crate::words;

/// The first statements of a script. They check the role of the session, and take the same lock as the runner.
const HEAD: &str = "\\set ON_ERROR_STOP on
\\pset tuples_only on
SET client_min_messages = warning;
SET standard_conforming_strings = on;
SET search_path = pg_catalog, pg_temp;
@ROLE@
DO $$ BEGIN
  IF NOT pg_try_advisory_lock(7241105402127946086) THEN RAISE EXCEPTION 'nself: another run of migrations holds the lock of this database; try again when it has ended'; END IF;
END $$;
";

/// Returns the script that reverts the migrations of the selected database after the number `last_kept`; 0 reverts all.
/// `last_applied` is the number of the last migration that the server has; without it, the server has all.
///
/// # Errors
/// NS107 for a number outside of the history, NS725 for each migration that cannot be reverted without losing
/// data.
pub fn down_script(
    selection: &Selection,
    last_kept: usize,
    last_applied: Option<usize>,
) -> Result<String, Vec<Diagnostic>> {
    let definition = selection.single("the script reverts the migrations of one database")?;
    let history = selection.history(&definition.name)?;
    let findings = history.check_sql(&definition.name);
    if !findings.is_empty() {
        return Err(findings);
    }
    let irreversible_finding = |migration: &Migration| {
        Diagnostic::error(Code::ChangeRefused, definition.root())
            .message(format!("{} cannot be reverted without losing data", migration.name))
            .hint("change the definition instead, and run `nself db new`")
    };
    script(&history, (last_kept, last_applied), irreversible_finding).map_err(|findings| definition.locate(findings))
}

/// Returns the script for the migrations after the number `last_kept` up to `last_applied`, the newest first. `irreversible_finding` returns the
/// finding about a migration without `down.sql`.
fn script(
    history: &History,
    (last_kept, last_applied): (usize, Option<usize>),
    irreversible_finding: impl Fn(&Migration) -> Diagnostic,
) -> Result<String, Vec<Diagnostic>> {
    let total = history.migrations.len();
    let last_applied = last_applied.unwrap_or(total);
    for (option, number, largest) in [("--from", last_applied, total), ("--to", last_kept, last_applied)] {
        if number > largest {
            let message = match number > total {
                true => {
                    let count = words::count(total, "migration");
                    format!("`{option} {number}` names no migration: the history has {count}")
                }
                false => format!("`{option} {number}` is after the last migration of the server, {largest}"),
            };
            return Err(vec![
                Diagnostic::error(Code::OutOfRange, FieldPath::root())
                    .message(message)
                    .expected(format!("a number from 0 to {largest}")),
            ]);
        }
    }
    let sum = history.sum();
    let numbered_migrations: Vec<(usize, &Migration, &SumLine)> = (1..)
        .zip(history.migrations.iter().zip(&sum))
        .map(|(number, (migration, line))| (number, migration, line))
        .collect();
    let newest_first = numbered_migrations[last_kept..last_applied].iter().rev();
    let findings: Vec<Diagnostic> = newest_first
        .clone()
        .filter(|(_, migration, _)| migration.down.is_none())
        .map(|(_, migration, _)| irreversible_finding(migration))
        .collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut text = ledger::replace_placeholders(HEAD);
    for (number, migration, line) in newest_first {
        write_step(&mut text, *number, migration, line);
    }
    Ok(text)
}

/// Appends the statements that revert one migration and delete its row in the ledger. They are one transaction, unless
/// the migration builds an index, which PostgreSQL can neither build nor drop in a transaction without blocking writers.
fn write_step(text: &mut String, number: usize, migration: &Migration, line: &SumLine) {
    let name = &migration.name;
    let in_transaction = migration.plan.run == RunMode::Transaction;
    let _ = writeln!(text, "\n\\echo reverting {name}");
    if in_transaction {
        text.push_str("BEGIN;\n");
    }
    let _ = write!(
        text,
        "DO $$ BEGIN
  IF (SELECT name || ' ' || chain FROM nself.ledger ORDER BY number DESC LIMIT 1) IS DISTINCT FROM '{name} {chain}' THEN
    RAISE EXCEPTION 'nself: the last migration of this database is not {name}; give its number in `nself db down --from`';
  END IF;
END $$;\n",
        chain = line.chain
    );
    // Only a superuser can create the extensions that the migration removed, so the script checks that this was done.
    let extensions = migration.removed_extensions();
    if extensions.is_empty() {
        let _ = writeln!(text, "SET search_path = public;\n{}", migration.down.as_deref().unwrap_or_default());
    }
    for extension in extensions {
        let statement = creation_of_extension(migration, &extension);
        let _ = write!(
            text,
            "DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = '{extension}') THEN
    RAISE EXCEPTION 'nself: a superuser must first create the extension {extension}: {statement}';
  END IF;
END $$;\n"
        );
    }
    // `nself.catalog` contains the digest of the catalog after this migration, which no longer applies. The runner computes
    // the digest again if the table is empty.
    let _ = writeln!(
        text,
        "RESET ROLE;\nSET search_path = pg_catalog, pg_temp;\nDELETE FROM nself.ledger WHERE number = {number};\nDELETE FROM nself.catalog;"
    );
    text.push_str(if in_transaction { "COMMIT;\n" } else { "" });
}

/// Returns the statement that creates an extension that the migration removed, for use in a string of SQL.
fn creation_of_extension(migration: &Migration, extension: &ExtensionName) -> String {
    let start = format!("CREATE EXTENSION IF NOT EXISTS \"{extension}\"");
    let mut lines = migration.down.as_deref().unwrap_or_default().lines();
    let options = lines.find_map(|line| line.strip_prefix(&start)).unwrap_or_default();
    format!("CREATE EXTENSION \"{extension}\"{}", options.trim_end_matches(';').replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::model::MigrationName;

    fn history() -> History {
        let mut history = History::default();
        for (slug, down) in [("init", None), ("mail", Some("DROP TABLE mail;")), ("phone", Some("DROP TABLE phone;"))] {
            let name = MigrationName::numbered(history.migrations.len() + 1, slug).unwrap();
            let mut migration = Migration::handwritten(name, &history.snapshot);
            migration.down = down.map(str::to_owned);
            history.migrations.push(migration);
        }
        history
    }

    fn finding(migration: &Migration) -> Diagnostic {
        Diagnostic::error(Code::ChangeRefused, FieldPath::root()).message(migration.name.to_string())
    }

    #[test]
    fn the_newest_migration_is_reverted_first_and_earlier_ones_are_kept() {
        let text = script(&history(), (1, None), finding).unwrap();
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
        assert!(place("reverting 0003_phone") < place("DROP TABLE phone;"));
        assert!(place("DELETE FROM nself.ledger WHERE number = 3;") < place("reverting 0002_mail"));
        assert!(place("DROP TABLE mail;") < place("DELETE FROM nself.ledger WHERE number = 2;"));
        assert!(!text.contains("0001_init"));
        assert_eq!(text.matches("BEGIN;\n").count(), text.matches("COMMIT;\n").count());
    }

    #[test]
    fn an_irreversible_migration_and_a_number_outside_the_history_are_refused() {
        assert_eq!(script(&history(), (0, None), finding).unwrap_err()[0].message, "0001_init");
        assert_eq!(script(&history(), (4, None), finding).unwrap_err()[0].code, Code::OutOfRange);
        assert!(!script(&history(), (3, None), finding).unwrap().contains("reverting"), "nothing to revert");
    }

    #[test]
    fn a_server_that_is_behind_is_reverted_from_its_last_migration() {
        let text = script(&history(), (1, Some(2)), finding).unwrap();
        assert!(text.contains("reverting 0002_mail") && !text.contains("0003_phone"), "{text}");
        let message = |last_kept, last_applied| {
            script(&history(), (last_kept, Some(last_applied)), finding).unwrap_err()[0].message.clone()
        };
        assert_eq!(message(3, 2), "`--to 3` is after the last migration of the server, 2");
        assert_eq!(message(1, 4), "`--from 4` names no migration: the history has 3 migrations");
    }
}
