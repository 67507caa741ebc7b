//! Defaults of columns and checks that are dropped for a while, because a function that they call is dropped and created
//! again.

use std::collections::{BTreeMap, BTreeSet};

use super::affected::Affected;
use super::graph::{ObjectKind, ObjectNode, mentioned_as};
use crate::database::identifiers::mentioned_names;
use crate::database::model::*;

/// Columns of the old schema whose defaults are dropped, by table.
pub type DroppedDefaults = BTreeMap<ObjectName, BTreeSet<SqlName>>;

/// Checks of the old schema that are dropped, by table.
pub type DroppedChecks = BTreeMap<ObjectName, BTreeSet<SqlName>>;

/// Returns the names of the functions that are created again, as SQL mentions them.
fn recreated_functions(old: &Schema, new: &Schema, affected: &Affected) -> BTreeSet<String> {
    let is_recreated =
        |name: &&ObjectName| affected.recreated_routines.contains(*name) && new.functions.contains_key(*name);
    let recreated = old.functions.keys().filter(is_recreated);
    recreated.map(|name| mentioned_as(old, &ObjectNode(ObjectKind::Function, name)).into_owned()).collect()
}

/// Returns the checks that call a function which is created again. Checks that renames change, and those of partitioned
/// tables and partitions, are left out.
pub fn dropped_checks(before_renames: &Schema, old: &Schema, new: &Schema, affected: &Affected) -> DroppedChecks {
    let names = recreated_functions(old, new, affected);
    let mut dropped = DroppedChecks::new();
    if names.is_empty() {
        return dropped;
    }
    let plain_tables =
        old.tables.iter().filter(|(_, table)| table.partition_by.is_none() && table.partition_of.is_none());
    for (name, table) in plain_tables {
        let Some(before) = before_renames.tables.get(name) else { continue };
        let calls = |check: &CheckConstraint| mentioned_names(check.as_str()).any(|word| names.contains(&*word));
        let checks = table.checks.iter().filter(|(key, check)| before.checks.get(*key) == Some(*check) && calls(check));
        let checks: BTreeSet<SqlName> = checks.map(|(key, _)| key.clone()).collect();
        if !checks.is_empty() {
            dropped.insert(name.clone(), checks);
        }
    }
    dropped
}

/// Returns the columns whose defaults call a function that is created again. Defaults that another step sets, and those
/// of partitioned tables and partitions, which share them, are left out.
pub fn dropped_defaults(before_renames: &Schema, old: &Schema, new: &Schema, affected: &Affected) -> DroppedDefaults {
    let names = recreated_functions(old, new, affected);
    let mut dropped = DroppedDefaults::new();
    if names.is_empty() {
        return dropped;
    }
    let plain_tables =
        old.tables.iter().filter(|(_, table)| table.partition_by.is_none() && table.partition_of.is_none());
    for (name, table) in plain_tables {
        let retyped = affected.retyped_columns(name);
        // The default is dropped before columns and tables get other names.
        let has_old_name =
            |column: &SqlName| before_renames.tables.get(name).is_some_and(|table| table.columns.contains_key(column));
        let calls = |default: &Expression| mentioned_names(default.as_str()).any(|word| names.contains(&*word));
        let columns = table.columns.iter().filter(|(column, definition)| {
            !retyped.contains(*column) && has_old_name(column) && definition.default.as_ref().is_some_and(calls)
        });
        let columns: BTreeSet<SqlName> = columns.map(|(column, _)| column.clone()).collect();
        if !columns.is_empty() {
            dropped.insert(name.clone(), columns);
        }
    }
    dropped
}

/// Returns whether the default of a column, or a check, is dropped.
pub fn is_dropped(dropped: &BTreeMap<ObjectName, BTreeSet<SqlName>>, table: &ObjectName, part: &SqlName) -> bool {
    dropped.get(table).is_some_and(|parts| parts.contains(part))
}
