//! Writes migrations for the changes of the definitions, or empty migrations for SQL of the user.

use super::definition::Selection;
use crate::database::history::{History, Migration};
use crate::database::model::MigrationName;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::project::migrations;
use crate::source::JsonDecoder;
use crate::values::SqlIdent;

/// The migrations that a command added to the history of a database.
#[derive(Debug)]
pub struct NewMigrations {
    pub database: SqlIdent,
    /// The whole history, with the new migrations at its end.
    history: History,
    /// Number of migrations that existed before.
    pub existing: usize,
}

impl NewMigrations {
    pub(super) fn new(database: SqlIdent, history: History, existing: usize) -> Self {
        NewMigrations { database, history, existing }
    }

    /// Returns the added migrations, in order.
    pub fn migrations(&self) -> &[Migration] {
        &self.history.migrations[self.existing..]
    }

    /// Writes the files of the whole history.
    pub(super) fn write(&self, selection: &Selection) -> Result<(), Vec<Diagnostic>> {
        migrations::write(&selection.project(), &self.database, &self.history.files()).map(drop)
    }
}

/// The migrations that a command wrote, by database.
#[derive(Debug)]
pub struct CreatedMigrations {
    pub databases: Vec<NewMigrations>,
    pub warnings: Vec<Diagnostic>,
}

/// Writes migrations for all changes of the selected definitions or, with `handwritten`, one empty migration for each
/// database. `slug` is the part of the names after the number: `orders` in `0007_orders`.
///
/// # Errors
/// NS105 for a malformed `slug`, the errors of reading and planning, NS804 if a file cannot be written. If the change
/// of any database is refused, no file is written.
pub fn create(
    selection: &Selection,
    slug: Option<&str>,
    handwritten: bool,
) -> Result<CreatedMigrations, Vec<Diagnostic>> {
    let mut result = CreatedMigrations { databases: Vec::new(), warnings: Vec::new() };
    for definition in selection.definitions()? {
        let database = definition.name.clone();
        let mut history = selection.history(&database)?;
        let existing = history.migrations.len();
        if handwritten {
            let migration_name =
                MigrationName::numbered(existing + 1, slug.unwrap_or("by_hand")).map_err(malformed_slug)?;
            history.migrations.push(Migration::handwritten(migration_name, &history.snapshot));
        } else {
            let old_schema = history.schema(&database, &JsonDecoder).map_err(|finding| vec![finding])?;
            let (step_groups, warnings) = definition.plan(&old_schema)?;
            result.warnings.extend(warnings);
            if !step_groups.is_empty() {
                let default_slug = if existing == 0 { "init" } else { "change" };
                let slug = slug.unwrap_or(default_slug);
                history.extend(slug, &step_groups, &definition.schema).map_err(malformed_slug)?;
            }
        }
        result.databases.push(NewMigrations::new(database, history, existing));
    }
    for database in result.databases.iter().filter(|database| !database.migrations().is_empty()) {
        database.write(selection)?;
    }
    Ok(result)
}

fn malformed_slug(reason: String) -> Vec<Diagnostic> {
    vec![
        Diagnostic::error(Code::BadName, FieldPath::root())
            .message(format!("--name: {reason}"))
            .expected("a word of a-z, 0-9 and `_`"),
    ]
}
