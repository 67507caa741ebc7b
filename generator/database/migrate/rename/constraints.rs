//! Renames constraints and indexes that differ only in their names.

use std::collections::{BTreeMap, BTreeSet};

use super::renamed_schema::RenamedSchema;
use super::taken_names::all_names;
use crate::database::ddl;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;

/// Position in the phase: the steps use the new names of tables, whose renames come first, at 0.
const AFTER_TABLE_RENAMES: usize = 1;

/// Plans the renames of constraints and indexes, and applies them to the old schema in `renamed_old`.
pub(super) fn rename_constraints(planner: &mut Planner, renamed_old: &mut RenamedSchema) {
    // A name that was freed is no longer in use.
    let mut old_names = all_names(&renamed_old.schema);
    renamed_old.freed_names.values().for_each(|name| {
        old_names.remove(name);
    });
    for (name, table) in &planner.new.tables {
        let Some(old) = renamed_old.schema.tables.get_mut(name) else { continue };
        let old_constraints = constraint_names(name, old);
        let is_free_for_index = |index: &SqlName| !old_names.contains(&name.in_same_schema(index));
        let is_free_for_constraint = |constraint: &SqlName| !old_constraints.contains(constraint);
        let is_free_for_key = |key: &SqlName| is_free_for_index(key) && is_free_for_constraint(key);
        // The word `CONSTRAINT` or `INDEX`, the old name and the new name.
        let mut renames: Vec<(&str, SqlName, SqlName)> = Vec::new();
        let constraint = "CONSTRAINT";
        if !old.primary_key.is_empty() && old.has_primary_key_of(table) {
            let (old_key, new_key) = (ddl::primary_key_name(name, old), ddl::primary_key_name(name, table));
            if old_key == new_key || is_free_for_key(&new_key) {
                old.primary_key_name.clone_from(&table.primary_key_name);
                renames.extend((old_key != new_key).then_some((constraint, old_key, new_key)));
            }
        }
        // Foreign keys and checks have no index, so they may have the name of any relation.
        let uniques = rename_pairs(&mut old.uniques, &table.uniques, is_free_for_key);
        let foreign_keys = rename_pairs(&mut old.foreign_keys, &table.foreign_keys, is_free_for_constraint);
        let checks = rename_pairs(&mut old.checks, &table.checks, is_free_for_constraint);
        let excludes = rename_pairs(&mut old.excludes, &table.excludes, is_free_for_key);
        for (from, to) in uniques.into_iter().chain(foreign_keys).chain(checks).chain(excludes) {
            renames.push((constraint, from, to));
        }
        let indexes = rename_pairs(&mut old.indexes, &table.indexes, is_free_for_index);
        renames.extend(indexes.into_iter().map(|(from, to)| ("INDEX", from, to)));
        for (kind, from, to) in renames {
            old.rename_constraint_comment(&from, &to);
            if old.replica_identity == ReplicaIdentity::Index(from.clone()) {
                old.replica_identity = ReplicaIdentity::Index(to.clone());
            }
            let rename = |from: &SqlName, to: &SqlName| {
                if kind == "INDEX" {
                    format!("ALTER INDEX {} RENAME TO {};", name.in_same_schema(from).sql(), quoted(to))
                } else {
                    format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {};", name.sql(), quoted(from), quoted(to))
                }
            };
            let path = planner.path(&["tables", name.as_str()]);
            let step =
                MigrationStep::new(Phase::Rename, format!("{name}.{to}"), path, format!("{from} is now called {to}"));
            planner.push(step.order_in_phase(AFTER_TABLE_RENAMES).up(rename(&from, &to)).down(rename(&to, &from)));
        }
    }
}

/// Returns the names of all constraints of a table.
fn constraint_names(name: &ObjectName, table: &Table) -> BTreeSet<SqlName> {
    let keys = table.uniques.keys().chain(table.excludes.keys());
    let names = keys.chain(table.foreign_keys.keys()).chain(table.checks.keys());
    let primary_key = (!table.primary_key.is_empty()).then(|| ddl::primary_key_name(name, table));
    names.cloned().chain(primary_key).collect()
}

/// Renames the parts of an old table, such as its checks, that have a different name in the new table, and returns the
/// old and new names. An old and a new part form a pair only if their definitions are equal and no other removed or
/// added part has the same definition. The new name must be free.
fn rename_pairs<T: PartialEq>(
    old: &mut BTreeMap<SqlName, T>,
    new: &BTreeMap<SqlName, T>,
    is_free: impl Fn(&SqlName) -> bool,
) -> Vec<(SqlName, SqlName)> {
    let removed: Vec<&SqlName> = old.keys().filter(|name| !new.contains_key(*name)).collect();
    let added: Vec<&SqlName> = new.keys().filter(|name| !old.contains_key(*name)).collect();
    let mut pairs = Vec::new();
    for from in &removed {
        let equal_added: Vec<_> = added.iter().filter(|name| new[**name] == old[*from]).collect();
        let equal_removed_count = removed.iter().filter(|name| old[**name] == old[*from]).count();
        if let ([to], 1) = (equal_added.as_slice(), equal_removed_count)
            && is_free(to)
        {
            pairs.push(((*from).clone(), (**to).clone()));
        }
    }
    for (from, to) in &pairs {
        if let Some(definition) = old.remove(from) {
            old.insert(to.clone(), definition);
        }
    }
    pairs
}
