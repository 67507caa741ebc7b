//! Puts the migrations of this branch after the migrations of the base, which is the branch into which this one will be
//! merged. Migrations of the base stay unchanged. Migrations of this branch are generated again if nself generated them;
//! hand-written ones keep their SQL and follow the generated ones. So a branch in which a generated migration follows a
//! hand-written one is refused: it may remove what the SQL reads.

use super::create::{CreatedMigrations, NewMigrations};
use super::definition::{Definition, Selection};
use super::revision::Revision;
use crate::database::history::{History, Migration};
use crate::database::model::MigrationName;
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::project::migrations;
use crate::source::JsonDecoder;
use crate::values::SqlIdent;
use crate::values::plugin_names::database_folder;

/// Rewrites the migrations of the selected databases so that the migrations of `base`, a git revision, come first.
///
/// # Errors
/// The errors of reading and planning; NS725 for a generated migration after a hand-written one; NS804 if git fails (with
/// its message) or a file cannot be written. If the change of any database cannot be planned, no file is written.
pub fn rebase(selection: &Selection, base: &str) -> Result<CreatedMigrations, Vec<Diagnostic>> {
    let revision = Revision { project: selection.project(), name: base };
    let mut result = CreatedMigrations { databases: Vec::new(), warnings: Vec::new() };
    for definition in selection.definitions()? {
        let base_history = History::read(&definition.name, &revision.files(&definition.name)?)?;
        let mut files = migrations::read(&selection.project(), &definition.name)?;
        // The sum file and the snapshots may have conflict markers, so only the migrations are read.
        files.retain(|path, _| path.starts_with("migrations/"));
        let branch_history = History::parse(&definition.name, &files)?;
        let (database, warnings) = rebase_database(&definition, base_history, &branch_history)?;
        result.databases.push(database);
        result.warnings.extend(warnings);
    }
    for database in &result.databases {
        database.write(selection)?;
    }
    Ok(result)
}

/// Returns the history of the base with the migrations of the branch at its end, and warnings.
fn rebase_database(
    definition: &Definition,
    base_history: History,
    branch_history: &History,
) -> Result<(NewMigrations, Vec<Diagnostic>), Vec<Diagnostic>> {
    let branch_migrations = added_migrations(&base_history, branch_history);
    if let Some(finding) = refuse_generated_after_handwritten(&definition.name, &branch_migrations) {
        return Err(vec![finding]);
    }
    let base_count = base_history.migrations.len();
    let base_schema = base_history.schema(&definition.name, &JsonDecoder).map_err(|finding| vec![finding])?;
    let mut rebased_history = base_history;
    let (step_groups, warnings) = definition.plan(&base_schema)?;
    if !step_groups.is_empty() {
        let first_generated = branch_migrations.iter().find(|migration| !migration.is_handwritten());
        let slug = first_generated.map_or("change", |migration| migration.name.slug());
        rebased_history.extend(slug, &step_groups, &definition.schema).map_err(malformed_name)?;
    }
    for migration in branch_migrations.iter().filter(|migration| migration.is_handwritten()) {
        let mut renumbered_migration = (*migration).clone();
        let number = rebased_history.migrations.len() + 1;
        renumbered_migration.name = MigrationName::numbered(number, migration.name.slug()).map_err(malformed_name)?;
        // The effects of handwritten SQL are unknown, so the schema counts as unchanged.
        renumbered_migration.plan.from = snapshot::Digests::of_objects(&rebased_history.snapshot).root();
        renumbered_migration.plan.to = renumbered_migration.plan.from;
        rebased_history.migrations.push(renumbered_migration);
    }
    Ok((NewMigrations::new(definition.name.clone(), rebased_history, base_count), warnings))
}

/// Returns the migrations of the branch that the base does not have with the same name and the same SQL.
fn added_migrations<'a>(base: &History, branch: &'a History) -> Vec<&'a Migration> {
    let is_in_base = |migration: &Migration| {
        base.migrations
            .iter()
            .any(|base_migration| base_migration.name == migration.name && base_migration.up == migration.up)
    };
    branch.migrations.iter().filter(|migration| !is_in_base(migration)).collect()
}

/// Returns a finding if a generated migration of the branch follows a hand-written one, whose SQL may need the schema before
/// the generated one: after `UPDATE t SET b = a`, a generated migration drops `a`.
fn refuse_generated_after_handwritten(database: &SqlIdent, branch_migrations: &[&Migration]) -> Option<Diagnostic> {
    let first_handwritten = branch_migrations.iter().position(|migration| migration.is_handwritten())?;
    let later = &branch_migrations[first_handwritten..];
    let handwritten = &later.first()?.name;
    let generated = &later.iter().find(|migration| !migration.is_handwritten())?.name;
    let folder = database_folder(database);
    let place = Span { file: format!("{folder}/migrations/{generated}/up.sql"), line: 1, column: 1 };
    let finding = Diagnostic::error(Code::ChangeRefused, FieldPath::root()).at(Some(place));
    Some(
        finding
            .message(format!("{generated} follows the hand-written {handwritten}, but a rebase writes generated migrations first"))
            .hint(format!(
                "undo the change of {generated} in the definition, remove its folder and those of later generated migrations, \
                 rebase, then make the change again and run `nself db new`"
            )),
    )
}

fn malformed_name(reason: String) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::BadName, FieldPath::root()).message(reason)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    fn migration(number: usize, slug: &str, up: &str) -> Migration {
        let mut migration =
            Migration::handwritten(MigrationName::numbered(number, slug).unwrap(), &History::default().snapshot);
        migration.up = up.to_owned();
        migration
    }

    #[test]
    fn migrations_of_the_base_are_recognised_by_name_and_sql() {
        let base =
            History { migrations: vec![migration(1, "init", "a"), migration(2, "mail", "b")], ..History::default() };
        let branch_migrations = [migration(1, "init", "a"), migration(2, "mail", "other"), migration(2, "phone", "b")];
        let branch = History { migrations: branch_migrations.to_vec(), ..History::default() };
        assert_eq!(added_migrations(&base, &branch), [&branch_migrations[1], &branch_migrations[2]]);
    }

    #[test]
    fn a_generated_migration_after_a_handwritten_one_is_refused() {
        let database = SqlIdent::new("shop").unwrap();
        let by_hand = migration(2, "copy_a", "UPDATE t SET b = a;");
        let mut generated = migration(3, "drop_a", "ALTER TABLE t DROP COLUMN a;");
        generated.plan.by_hand = false;
        let finding = refuse_generated_after_handwritten(&database, &[&by_hand, &generated]).unwrap();
        assert!(finding.message.starts_with("0003_drop_a follows the hand-written 0002_copy_a"), "{}", finding.message);
        assert_eq!(refuse_generated_after_handwritten(&database, &[&generated, &by_hand]), None);
        assert_eq!(refuse_generated_after_handwritten(&database, &[&by_hand, &by_hand]), None);
    }
}
