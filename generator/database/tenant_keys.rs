//! Foreign keys between rows of tenants. The server checks foreign keys without applying policies, so a key without the
//! tenant's column would reveal which rows other tenants have, and would delete across tenants. Every such key
//! therefore contains the column on both sides, and the target table gets a unique constraint that contains the column.

use std::collections::BTreeSet;

use super::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::Checked;

/// Completes the foreign keys of all tables, and returns a finding for each that cannot be completed.
pub fn apply(schema: &mut Schema, root: &FieldPath) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let tenant_tables: BTreeSet<ObjectName> = schema
        .tables
        .iter()
        .filter(|(_, table)| table.scope == Some(Scope::Tenant))
        .map(|(name, _)| name.clone())
        .collect();
    let mut targets: Vec<Target> = Vec::new();
    for (name, table) in &mut schema.tables {
        let path = root.key("tables").key(name.as_str()).key("foreign_keys");
        for (key_name, key) in &mut table.foreign_keys {
            if !tenant_tables.contains(&key.references.table) {
                continue;
            }
            let completion = match table.scope {
                Some(Scope::Tenant) => complete(key),
                Some(Scope::Shared) => Err(shared_table_error(name, key)),
                // NS711 reports a table whose scope is missing or does not fit the convention.
                _ => continue,
            };
            match completion {
                Ok(()) => targets.push(key.references.clone()),
                Err((message, hint)) => findings.push(
                    Diagnostic::error(Code::ForeignTenant, path.key(key_name.as_str())).message(message).hint(hint),
                ),
            }
        }
    }
    for target in targets {
        if let Some(table) = schema.tables.get_mut(&target.table) {
            add_unique(&target, table);
        }
    }
    findings
}

/// Returns message and hint of the finding about a foreign key of a shared table that refers to rows of tenants.
fn shared_table_error(name: &ObjectName, key: &ForeignKey) -> (String, String) {
    let table = &key.references.table;
    (
        format!("{name} has `scope = 'shared`, but refers to rows of {table}, which belong to one tenant each"),
        format!("set `scope = 'tenant` for {name}, or let {table} refer to {name} instead"),
    )
}

/// Adds the tenant's column as the first column on both sides, unless the key has it. Lets ON DELETE SET NULL and SET
/// DEFAULT change only the other columns.
///
/// # Errors
/// Message and hint of the finding about a key that cannot be completed.
fn complete(key: &mut ForeignKey) -> Result<(), (String, String)> {
    let tenant_position = |columns: &[SqlName]| columns.iter().position(|column| column.as_str() == TENANT_COLUMN);
    match (tenant_position(&key.columns), tenant_position(&key.references.columns)) {
        (None, None) => {
            key.columns.insert(0, SqlName::wrap(TENANT_COLUMN.into()));
            key.references.columns.insert(0, SqlName::wrap(TENANT_COLUMN.into()));
        }
        (Some(position), Some(referenced_position)) if position == referenced_position => {}
        _ => {
            return Err((
                format!(
                    "the column `{TENANT_COLUMN}` of the key must refer to the column `{TENANT_COLUMN}` of the other table"
                ),
                format!("leave `{TENANT_COLUMN}` out on both sides; the convention adds it"),
            ));
        }
    }
    let sets_columns = |action: Action| matches!(action, Action::SetNull | Action::SetDefault);
    let other_columns: Vec<SqlName> =
        key.columns.iter().filter(|column| column.as_str() != TENANT_COLUMN).cloned().collect();
    if sets_columns(key.on_update) || (sets_columns(key.on_delete) && other_columns.is_empty()) {
        return Err((
            format!("'set_null and 'set_default would also change `{TENANT_COLUMN}` of the row"),
            "use 'cascade, 'restrict or 'no_action".into(),
        ));
    }
    if sets_columns(key.on_delete) && key.on_delete_columns.is_empty() {
        key.on_delete_columns = other_columns;
    }
    Ok(())
}

/// Adds the unique constraint that a foreign key to the columns of `target` needs, unless the table has a primary key,
/// unique constraint or unique index with exactly these columns.
fn add_unique(target: &Target, table: &mut Table) {
    let target_columns: BTreeSet<&SqlName> = target.columns.iter().collect();
    let are_target_columns = |columns: &[SqlName]| columns.iter().collect::<BTreeSet<_>>() == target_columns;
    let has_columns = target.columns.iter().all(|column| table.columns.contains_key(column));
    let has_index = table.indexes.values().any(|index| {
        let columns: Vec<SqlName> = index.columns.iter().filter_map(|column| column.column.clone()).collect();
        index.unique
            && index.predicate.is_none()
            && columns.len() == index.columns.len()
            && are_target_columns(&columns)
    });
    let has_unique =
        table.uniques.values().any(|unique| are_target_columns(&unique.columns) && unique.deferrable == Deferrable::No);
    if !has_columns || has_index || has_unique || are_target_columns(&table.primary_key) {
        return;
    }
    // The two parts together with `_` and `_key` have at most 63 bytes.
    let table_part = prefix(target.table.name(), 24);
    let column_names: Vec<&str> = target.columns.iter().map(SqlName::as_str).collect();
    let joined_columns = column_names.join("_");
    let column_part = prefix(&joined_columns, 34);
    let unique = Unique { columns: target.columns.clone(), ..Unique::default() };
    let name = first_free_name(&format!("{table_part}_{column_part}_key"), |name| table.uniques.contains_key(name));
    table.uniques.insert(name, unique);
}

/// Returns the name, or the first of `name1`, `name2` and so on that is not taken, as PostgreSQL numbers its own names.
pub(super) fn first_free_name(name: &str, is_taken: impl Fn(&SqlName) -> bool) -> SqlName {
    let numbered_names = (1..).map(|number: usize| SqlName::wrap(format!("{name}{number}")));
    let mut names = std::iter::once(SqlName::wrap(name.to_owned())).chain(numbered_names);
    names.find(|name| !is_taken(name)).expect("one of endless names is free")
}
