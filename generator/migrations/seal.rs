//! Records migrations that were written by hand in the sum file.

use super::definition::Selection;
use crate::database::history::{History, HistoryFiles, SUM_FILE, SumLine};
use crate::diagnostic::Diagnostic;
use crate::project::migrations;
use crate::values::SqlIdent;

/// A database whose sum file was written.
#[derive(Debug, PartialEq, Eq)]
pub struct SealedDatabase {
    pub database: SqlIdent,
    /// Number of migrations in the sum file.
    pub migrations: usize,
}

/// Writes the sum files of the selected databases again. Only migrations at the end that were written by hand may have
/// changed since the last time.
///
/// # Errors
/// NS730 if any other migration was changed, NS732 for malformed files, NS804 if a file cannot be written.
pub fn seal(selection: &Selection) -> Result<Vec<SealedDatabase>, Vec<Diagnostic>> {
    let project = selection.project();
    let mut databases = Vec::new();
    for definition in selection.definitions()? {
        let name = definition.name;
        let files = migrations::read(&project, &name)?;
        let history = History::parse(&name, &files)?;
        if !extends_sum(&history, &files) {
            // `History::read` fails with findings that name the changed migrations.
            History::read(&name, &files)?;
        }
        migrations::write(&project, &name, &history.files())?;
        selection.history(&name)?;
        databases.push(SealedDatabase { database: name, migrations: history.migrations.len() });
    }
    Ok(databases)
}

/// Returns whether the sum file agrees with the history up to the hand-written migrations at the end of the history. A
/// missing file agrees with every history, and a malformed one with none.
fn extends_sum(history: &History, files: &HistoryFiles) -> bool {
    let Some(bytes) = files.get(SUM_FILE) else { return true };
    let Some(recorded_lines) = SumLine::parse(&String::from_utf8_lossy(bytes)) else { return false };
    let current_lines = history.sum();
    let handwritten_at_end = history.migrations.iter().rev().take_while(|migration| migration.is_handwritten()).count();
    // Number of migrations that the sum file must have and that may not change.
    let unchangeable_count = history.migrations.len() - handwritten_at_end;
    recorded_lines.get(..unchangeable_count) == current_lines.get(..unchangeable_count)
        && recorded_lines.len() <= current_lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::history::Migration;
    use crate::database::model::MigrationName;

    fn history(texts: &[&str]) -> History {
        let mut history = History::default();
        for (index, text) in texts.iter().enumerate() {
            let name = MigrationName::numbered(index + 1, "by_hand").unwrap();
            let mut migration = Migration::handwritten(name, &history.snapshot);
            migration.up = (*text).to_owned();
            // The first migration counts as planned by nself.
            migration.plan.by_hand = index > 0;
            history.migrations.push(migration);
        }
        history
    }

    #[test]
    fn only_hand_written_migrations_at_the_end_may_change() {
        let files = history(&["a", "b"]).files();
        assert!(extends_sum(&history(&["a", "b"]), &files));
        assert!(extends_sum(&history(&["a", "changed", "c"]), &files), "a hand-written one at the end");
        assert!(!extends_sum(&history(&["changed", "b"]), &files), "a planned one");
        assert!(!extends_sum(&history(&["a"]), &files), "one was removed");
        assert!(extends_sum(&history(&["a"]), &HistoryFiles::new()), "no sum file yet");
        let files_of_first = history(&["a"]).files();
        assert!(extends_sum(&history(&["a", "b"]), &files_of_first), "a hand-written one that is not listed");
        let mut planned = history(&["a", "b"]);
        planned.migrations[1].plan.by_hand = false;
        assert!(!extends_sum(&planned, &files_of_first), "a planned one that is not listed");
    }

    #[test]
    fn a_malformed_sum_file_permits_no_change() {
        let mut files = history(&["a", "b"]).files();
        files.get_mut(SUM_FILE).unwrap().extend(b"garbage\n");
        assert!(!extends_sum(&history(&["a", "b"]), &files));
    }
}
