//! Parts of tables that are dropped for a while, because a function that they call is dropped and created again: defaults
//! of columns, checks, exclusion constraints and indexes. Generated columns are dropped for a while, too.

use std::collections::{BTreeMap, BTreeSet};

use super::affected::Affected;
use super::graph::{ObjectKind, ObjectNode, mentioned_as};
use super::needed_names::{texts_of_exclude, texts_of_index};
use crate::database::identifiers::mentioned_names;
use crate::database::model::*;

/// Columns or constraints of the old schema, by table.
type PartsByTable = BTreeMap<ObjectName, BTreeSet<SqlName>>;

/// The parts of tables that call a function which is created again.
#[derive(Default)]
pub struct RecreatedParts {
    /// Columns whose defaults are dropped. A column that is retyped is left out, since a different step sets its default.
    pub defaults: PartsByTable,
    /// Checks that are dropped. Checks with a column or name that is renamed are left out.
    checks: PartsByTable,
    /// Exclusion constraints that are dropped.
    excludes: PartsByTable,
    /// Indexes that are dropped.
    indexes: PartsByTable,
    /// Generated columns that are dropped, also those of partitioned tables and partitions.
    generated: PartsByTable,
}

impl RecreatedParts {
    /// Returns the parts of all tables that call a recreated function. Of partitioned tables and partitions, which share
    /// their other parts, only generated columns are included.
    pub fn of(before_renames: &Schema, old: &Schema, new: &Schema, affected: &Affected) -> Self {
        let mut parts = RecreatedParts::default();
        let is_recreated =
            |name: &&ObjectName| affected.recreated_routines.contains(*name) && new.functions.contains_key(*name);
        let recreated = old.functions.keys().filter(is_recreated);
        let function_names: BTreeSet<_> =
            recreated.map(|name| mentioned_as(old, &ObjectNode::new(ObjectKind::Function, name))).collect();
        if function_names.is_empty() {
            return parts;
        }
        let calls = |text: &str| mentioned_names(text).any(|word| function_names.contains(&word));
        for (name, table) in &old.tables {
            let generated = affected.regenerated_columns(name).iter().filter(|key| {
                let generated = table.columns.get(*key).and_then(|column| column.generated.as_ref());
                generated.is_some_and(|generated| calls(generated.as_str()))
            });
            add(&mut parts.generated, name, generated);
            // The other parts are dropped before the renames, so parts that a rename changes are left out.
            let Some(before) = before_renames.tables.get(name) else { continue };
            if table.partition_by.is_some() || table.partition_of.is_some() {
                continue;
            }
            let retyped = affected.retyped_columns(name);
            let columns = table.columns.iter().filter(|(key, column)| {
                !retyped.contains(*key)
                    && before.columns.contains_key(*key)
                    && column.default.as_ref().is_some_and(|default| calls(default.as_str()))
            });
            add(&mut parts.defaults, name, columns.map(|(key, _)| key));
            let checks = table.checks.iter();
            let checks = checks.filter(|(key, check)| before.checks.get(*key) == Some(*check) && calls(check.as_str()));
            add(&mut parts.checks, name, checks.map(|(key, _)| key));
            let excludes = table.excludes.iter().filter(|(key, exclude)| {
                before.excludes.get(*key) == Some(*exclude)
                    && texts_of_exclude(exclude).any(|text| calls(text.as_str()))
            });
            add(&mut parts.excludes, name, excludes.map(|(key, _)| key));
            let indexes = table.indexes.iter().filter(|(key, index)| {
                before.indexes.get(*key) == Some(*index) && texts_of_index(index).any(|text| calls(text.as_str()))
            });
            add(&mut parts.indexes, name, indexes.map(|(key, _)| key));
        }
        parts
    }

    /// Returns whether the default of a column is dropped. The methods below return the same for other parts.
    pub fn has_default(&self, table: &ObjectName, column: &SqlName) -> bool {
        has_part(&self.defaults, table, column)
    }

    pub fn has_generated(&self, table: &ObjectName, column: &SqlName) -> bool {
        has_part(&self.generated, table, column)
    }

    /// Returns the name and the expression of each generated column that is dropped.
    pub fn generated<'a>(&'a self, old: &'a Schema) -> impl Iterator<Item = (String, &'a Expression)> {
        self.generated.iter().flat_map(|(table, columns)| columns.iter().map(move |column| (table, column))).filter_map(
            |(table, column)| {
                let generated = old.tables.get(table)?.columns.get(column)?.generated.as_ref()?;
                Some((format!("{table}.{column}"), generated))
            },
        )
    }

    pub fn has_check(&self, table: &ObjectName, check: &SqlName) -> bool {
        has_part(&self.checks, table, check)
    }

    pub fn has_exclude(&self, table: &ObjectName, exclude: &SqlName) -> bool {
        has_part(&self.excludes, table, exclude)
    }

    pub fn has_index(&self, table: &ObjectName, index: &SqlName) -> bool {
        has_part(&self.indexes, table, index)
    }
}

fn has_part(parts: &PartsByTable, table: &ObjectName, part: &SqlName) -> bool {
    parts.get(table).is_some_and(|parts| parts.contains(part))
}

/// Adds parts of a table, if there are any.
fn add<'a>(parts: &mut PartsByTable, table: &ObjectName, names: impl Iterator<Item = &'a SqlName>) {
    let names: BTreeSet<SqlName> = names.cloned().collect();
    if !names.is_empty() {
        parts.insert(table.clone(), names);
    }
}
