//! Finds the constraints and indexes of a table that must be dropped: because the definition no longer has them,
//! because they change, or because they depend on a column that is retyped or computed again, or on a changed function.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::{Diff, TableChange, TableChangeKind};
use super::needed_names::{texts_of_exclude, texts_of_index};
use super::partition_indexes::may_serve_as;
use crate::database::ddl;
use crate::database::identifiers::mentions_column;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Constraints and indexes of an old table that must be dropped.
pub(super) struct DroppedParts {
    pub primary_key: bool,
    pub uniques: BTreeSet<SqlName>,
    pub checks: BTreeSet<SqlName>,
    pub excludes: BTreeSet<SqlName>,
    pub foreign_keys: BTreeSet<SqlName>,
    pub indexes: BTreeSet<SqlName>,
}

/// Returns whether one of the expressions mentions one of the columns.
fn any_mentions<'a>(expressions: impl IntoIterator<Item = &'a Expression>, columns: &BTreeSet<SqlName>) -> bool {
    expressions.into_iter().any(|expression| mentions_column(expression.as_str(), columns))
}

/// Returns whether one of the columns is in the set.
fn overlap<'a>(columns: impl IntoIterator<Item = &'a SqlName>, set: &BTreeSet<SqlName>) -> bool {
    columns.into_iter().any(|column| set.contains(column))
}

/// Returns the constraints and indexes of the old table that must be dropped.
pub(super) fn dropped_parts(diff: &Diff, change: &TableChange) -> DroppedParts {
    let TableChange { name, old, new, .. } = *change;
    let regenerated = diff.affected.regenerated_columns(name);
    let changed_columns: BTreeSet<SqlName> = diff.affected.retyped_columns(name).union(regenerated).cloned().collect();
    DroppedParts {
        primary_key: change.kind != TableChangeKind::Drop
            && (!keeps_primary_key(name, old, new)
                || (new.partition_by.is_some() && old.primary_key_storage != new.primary_key_storage)
                || overlap(old.primary_key.iter().chain(&old.primary_key_include), regenerated)),
        uniques: dropped_keys(&old.uniques, |key, unique| {
            let is_partitioned = new.partition_by.is_some();
            new.uniques.get(key).is_none_or(|new| !unique.is_same_key(new, is_partitioned))
                || overlap(unique.columns.iter().chain(&unique.include), regenerated)
                || is_added_late(diff, name, unique)
        }),
        checks: dropped_keys(&old.checks, |key, check| {
            new.checks.get(key).is_none_or(|new| new != check && !check.differs_only_in_validity(new))
                || mentions_column(check.as_str(), &changed_columns)
                || diff.recreated_parts.has_check(name, key)
                || diff.affected.mentions_rebuilt(&check.expression)
        }),
        excludes: dropped_keys(&old.excludes, |key, exclude| {
            new.excludes.get(key) != Some(exclude)
                || any_mentions(texts_of_exclude(exclude), &changed_columns)
                || diff.recreated_parts.has_exclude(name, key)
                || diff.affected.any_computes_differently(old, texts_of_exclude(exclude))
        }),
        foreign_keys: dropped_keys(&old.foreign_keys, |key, foreign_key| {
            new.foreign_keys.get(key).is_none_or(|new| new != foreign_key && !is_only_validated(diff, foreign_key, new))
                || overlap(&foreign_key.columns, &changed_columns)
                || target_changes(diff, foreign_key)
                || is_in_logging_cycle(diff, name, foreign_key)
        }),
        indexes: dropped_keys(&old.indexes, |key, index| {
            let is_partitioned = change.new.partition_by.is_some();
            new.indexes.get(key).is_none_or(|new| !same_index(index, new, is_partitioned))
                || index_depends_on(index, &changed_columns, regenerated)
                || diff.recreated_parts.has_index(name, key)
                || diff.affected.any_computes_differently(old, texts_of_index(index))
                || is_built_late(diff, name, index)
        }),
    }
}

/// Returns the names of those constraints or indexes of a table that `is_dropped` selects.
fn dropped_keys<T>(parts: &BTreeMap<SqlName, T>, is_dropped: impl Fn(&SqlName, &T) -> bool) -> BTreeSet<SqlName> {
    parts.iter().filter(|(key, part)| is_dropped(key, part)).map(|(key, _)| key.clone()).collect()
}

/// Returns whether a table keeps its primary key. A key with a different name could not be renamed.
fn keeps_primary_key(name: &ObjectName, old: &Table, new: &Table) -> bool {
    old.has_primary_key_of(new)
        && (old.primary_key.is_empty() || ddl::primary_key_name(name, old) == ddl::primary_key_name(name, new))
}

/// Returns whether two indexes differ at most in properties that change in place.
pub(super) fn same_index(a: &Index, b: &Index, is_partitioned: bool) -> bool {
    a == b || a.structure(is_partitioned) == b.structure(is_partitioned)
}

/// Returns whether the only change of a foreign key is that NOT VALID is removed, so that it is validated in place. A
/// key to a partitioned table is recreated, since PostgreSQL 15 leaves the constraints of the partitions unvalidated.
fn is_only_validated(diff: &Diff, old: &ForeignKey, new: &ForeignKey) -> bool {
    let target = diff.new.tables.get(&new.references.table);
    old.differs_only_in_validity(new) && target.is_some_and(|target| target.partition_by.is_none())
}

/// Returns whether a foreign key is part of a cycle of tables that become logged or unlogged. No order of these changes
/// would be right: a logged table cannot refer to an unlogged one.
fn is_in_logging_cycle(diff: &Diff, name: &ObjectName, key: &ForeignKey) -> bool {
    let changes_logging = |name: &ObjectName| match (diff.old.tables.get(name), diff.new.tables.get(name)) {
        (Some(old), Some(new)) => old.unlogged != new.unlogged,
        _ => false,
    };
    let target = &key.references.table;
    if target == name || !changes_logging(name) || !changes_logging(target) {
        return false;
    }
    // The key is part of a cycle if the foreign keys of its target lead back to its table.
    let (mut reached, mut unvisited) = (BTreeSet::from([target]), vec![target]);
    while let Some(table) = unvisited.pop() {
        let keys = diff.old.tables.get(table).into_iter().flat_map(|table| table.foreign_keys.values());
        unvisited.extend(keys.map(|key| &key.references.table).filter(|other| reached.insert(other)));
    }
    reached.contains(name)
}

/// Returns whether an index of a partition must be built after the indexes of its partitioned table. Otherwise the server
/// would use it as a part of an equal index of the partitioned table that the change creates, or to which it attaches the
/// partition again.
pub(super) fn is_built_late(diff: &Diff, name: &ObjectName, index: &Index) -> bool {
    would_be_used(diff, name, index, false)
}

/// Returns whether a unique constraint of a partition must be added after the constraints and indexes of its partitioned
/// table, for the same reason as in [`is_built_late`].
pub(super) fn is_added_late(diff: &Diff, name: &ObjectName, unique: &Unique) -> bool {
    let index = ddl::unique_index(&unique.columns, &unique.include, unique.nulls_not_distinct);
    would_be_used(diff, name, &index, true)
}

/// Returns whether the server would use an index of a partition for a part of the partitioned table. `has_constraint`
/// tells whether the index belongs to a constraint.
fn would_be_used(diff: &Diff, name: &ObjectName, index: &Index, has_constraint: bool) -> bool {
    let bound = |schema: &Schema| Some(schema.tables.get(name)?.partition_of.as_ref()?.bound.clone());
    let ancestors = diff.new.table_and_ancestors(name);
    let is_attached_again = bound(diff.old).is_some_and(|old| Some(old) != bound(diff.new));
    ancestors.into_iter().skip(1).any(|(ancestor, table)| {
        let equal = equal_parts(table, index, has_constraint);
        !equal.is_empty() && (is_attached_again || creates_any(diff, ancestor, table, &equal))
    })
}

/// A part of a table that has an index.
enum PartWithIndex<'a> {
    Index(&'a SqlName),
    Unique(&'a SqlName),
    PrimaryKey,
}

/// Returns the parts of a partitioned table for which the server may use an index of a partition. For a constraint, it only
/// uses the index of a constraint.
fn equal_parts<'a>(table: &'a Table, index: &Index, has_constraint: bool) -> Vec<PartWithIndex<'a>> {
    let indexes = table.indexes.iter().filter(|(_, other)| may_serve_as(index, other));
    let mut parts: Vec<PartWithIndex> = indexes.map(|(key, _)| PartWithIndex::Index(key)).collect();
    if has_constraint {
        let is_equal = |columns: &[SqlName], include: &[SqlName], nulls_not_distinct| {
            may_serve_as(index, &ddl::unique_index(columns, include, nulls_not_distinct))
        };
        let equal_uniques = table
            .uniques
            .iter()
            .filter(|(_, unique)| is_equal(&unique.columns, &unique.include, unique.nulls_not_distinct));
        parts.extend(equal_uniques.map(|(key, _)| PartWithIndex::Unique(key)));
        let has_equal_key = is_equal(&table.primary_key, &table.primary_key_include, false);
        parts.extend(has_equal_key.then_some(PartWithIndex::PrimaryKey));
    }
    parts
}

/// Returns whether the change creates one of these parts of a partitioned table.
fn creates_any(diff: &Diff, name: &ObjectName, new: &Table, parts: &[PartWithIndex]) -> bool {
    let Some(old) = diff.old.tables.get(name) else { return true };
    let path = &FieldPath::root();
    let dropped = dropped_parts(diff, &TableChange { kind: TableChangeKind::Alter, name, old, new, path });
    parts.iter().any(|part| match part {
        PartWithIndex::Index(key) => !old.indexes.contains_key(*key) || dropped.indexes.contains(*key),
        PartWithIndex::Unique(key) => !old.uniques.contains_key(*key) || dropped.uniques.contains(*key),
        PartWithIndex::PrimaryKey => dropped.primary_key,
    })
}

/// Returns whether an index has a column that is dropped and added again, or an expression or operator class that
/// depends on a changed column.
fn index_depends_on(index: &Index, changed_columns: &BTreeSet<SqlName>, regenerated: &BTreeSet<SqlName>) -> bool {
    let columns = index.columns.iter().filter_map(|column| column.column.as_ref()).chain(&index.include);
    // An operator class depends on the type of its column.
    let columns_with_class = index.columns.iter().filter(|column| column.opclass.is_some());
    let columns_with_class = columns_with_class.filter_map(|column| column.column.as_ref());
    overlap(columns, regenerated)
        || any_mentions(texts_of_index(index), changed_columns)
        || overlap(columns_with_class, changed_columns)
}

/// Returns whether the key that a foreign key refers to is dropped, or the type of one of its columns changes.
fn target_changes(diff: &Diff, key: &ForeignKey) -> bool {
    // A key to a partition can use a key of the partitioned table.
    let tables = diff.old.table_and_ancestors(&key.references.table);
    tables.into_iter().any(|(name, old)| referenced_key_changes(diff, (name, old), key))
}

/// Returns whether a table drops the key that a foreign key refers to, or changes the type of one of its columns.
fn referenced_key_changes(diff: &Diff, (target, old): (&ObjectName, &Table), key: &ForeignKey) -> bool {
    let Some(new) = diff.new.tables.get(target) else { return true };
    let changed_columns: BTreeSet<SqlName> =
        diff.affected.retyped_columns(target).union(diff.affected.regenerated_columns(target)).cloned().collect();
    let referenced: BTreeSet<&SqlName> = key.references.columns.iter().collect();
    let is_referenced = |columns: &[SqlName]| columns.iter().collect::<BTreeSet<_>>() == referenced;
    let changes_primary_key = is_referenced(&old.primary_key) && !keeps_primary_key(target, old, new);
    let changes_unique = old.uniques.iter().any(|(name, unique)| {
        let is_same = |new: &Unique| unique.is_same_key(new, old.partition_by.is_some());
        is_referenced(&unique.columns)
            && (!new.uniques.get(name).is_some_and(is_same) || is_added_late(diff, target, unique))
    });
    let changes_index = old.indexes.iter().any(|(name, index)| {
        let columns: Vec<SqlName> = index.columns.iter().filter_map(|column| column.column.clone()).collect();
        index.unique && is_referenced(&columns) && new.indexes.get(name) != Some(index)
    });
    changes_primary_key || changes_unique || changes_index || overlap(&key.references.columns, &changed_columns)
}
