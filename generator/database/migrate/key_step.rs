//! Steps about constraints of a table.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::TableChange;
use super::step::{MigrationStep, Phase};
use crate::database::hazard::Hazard;
use crate::database::model::*;

/// Returns the entries of a field of a table, such as `checks`, that a migration adds: new entries, and entries that it
/// drops and adds again.
pub fn added_entries<'a, T>(
    new: &'a BTreeMap<SqlName, T>,
    old: &'a BTreeMap<SqlName, T>,
    dropped: &'a BTreeSet<SqlName>,
) -> impl Iterator<Item = (&'a SqlName, &'a T)> {
    new.iter().filter(|(key, _)| !old.contains_key(*key) || dropped.contains(*key))
}

/// Returns a step about one entry in a field of the table, such as the entry `positive` in the field `checks`.
pub fn key_step(change: &TableChange, phase: Phase, (field, key): (&str, &SqlName), what: &str) -> MigrationStep {
    let path = change.path.key(field).key(key.as_str());
    MigrationStep::new(phase, format!("{}.{key}", change.name), path, format!("{}.{key} {what}", change.name))
}

/// Returns the step that checks a constraint for stored rows.
pub fn validation_step(change: &TableChange, phase: Phase, (field, key): (&str, &SqlName)) -> MigrationStep {
    key_step(change, phase, (field, key), "is checked for stored rows")
        .up(format!("ALTER TABLE {} VALIDATE CONSTRAINT {};", change.name.sql(), quoted(key)))
        .hazard(Hazard::MayFail)
}

/// Returns the statement that adds a constraint with a definition.
pub fn add_constraint_sql(table: &ObjectName, definition: &str) -> String {
    format!("ALTER TABLE {} ADD {definition};", table.sql())
}

/// Returns the statement that drops a constraint.
pub fn drop_constraint_sql(table: &ObjectName, key: &SqlName) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT {};", table.sql(), quoted(key))
}
