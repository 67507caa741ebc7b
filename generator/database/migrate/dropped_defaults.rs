//! Columns whose defaults are dropped for a while, because a function that they call is dropped and created again.

use std::collections::{BTreeMap, BTreeSet};

use super::affected::Affected;
use super::graph::{ObjectKind, ObjectNode, mentioned_as};
use crate::database::identifiers::mentioned_names;
use crate::database::model::*;

/// Columns of the old schema whose defaults are dropped, by table.
pub type DroppedDefaults = BTreeMap<ObjectName, BTreeSet<SqlName>>;

/// Returns the columns whose defaults call a function that is created again. Defaults that another step sets, and those
/// of partitioned tables and partitions, which share them, are left out.
pub fn dropped_defaults(before_renames: &Schema, old: &Schema, new: &Schema, affected: &Affected) -> DroppedDefaults {
    let recreated = old
        .functions
        .keys()
        .filter(|name| affected.recreated_routines.contains(*name) && new.functions.contains_key(*name));
    let names: BTreeSet<_> = recreated.map(|name| mentioned_as(old, &ObjectNode(ObjectKind::Function, name))).collect();
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

/// Returns whether the default of a column is dropped.
pub fn is_default_dropped(dropped: &DroppedDefaults, table: &ObjectName, column: &SqlName) -> bool {
    dropped.get(table).is_some_and(|columns| columns.contains(column))
}
