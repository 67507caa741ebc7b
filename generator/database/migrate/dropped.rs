//! Finds constraints and indexes that must be dropped: removed, changed, or dependent on a column that is dropped and
//! added.

use std::collections::{BTreeMap, BTreeSet};

use super::{Diff, mentions};
use crate::database::model::*;
use crate::values::SqlIdent;

/// Constraints and indexes of an old table that must be dropped.
pub(super) struct DroppedParts {
    pub primary_key: bool,
    pub uniques: BTreeSet<SqlIdent>,
    pub checks: BTreeSet<SqlIdent>,
    pub excludes: BTreeSet<SqlIdent>,
    pub foreign_keys: BTreeSet<SqlIdent>,
    pub indexes: BTreeSet<SqlIdent>,
}

fn any_mentions<'a>(texts: impl IntoIterator<Item = &'a Expression>, columns: &BTreeSet<SqlIdent>) -> bool {
    texts.into_iter().any(|text| mentions(text.as_str(), columns))
}

fn overlap<'a>(columns: impl IntoIterator<Item = &'a SqlIdent>, set: &BTreeSet<SqlIdent>) -> bool {
    columns.into_iter().any(|column| set.contains(column))
}

/// Returns the constraints and indexes of the old table that must be dropped.
pub(super) fn dropped_parts(diff: &Diff, name: &ObjectName, old: &Table, new: Option<&Table>) -> DroppedParts {
    let none = Table::default();
    let is = new.unwrap_or(&none);
    let types = diff.affected.types_of(name);
    let again = diff.affected.regenerated_of(name);
    let both: BTreeSet<SqlIdent> = types.union(again).cloned().collect();
    DroppedParts {
        primary_key: new.is_some() && (old.primary_key != is.primary_key || overlap(&old.primary_key, again)),
        uniques: which(&old.uniques, |key, was| {
            is.uniques.get(key) != Some(was) || overlap(was.columns.iter().chain(&was.include), again)
        }),
        checks: which(&old.checks, |key, was| is.checks.get(key) != Some(was) || mentions(was.as_str(), &both)),
        excludes: which(&old.excludes, |key, was| {
            let texts = was.elements.iter().map(|element| &element.expression).chain(&was.predicate);
            is.excludes.get(key) != Some(was) || any_mentions(texts, &both)
        }),
        foreign_keys: which(&old.foreign_keys, |key, was| {
            is.foreign_keys.get(key) != Some(was) || overlap(&was.columns, &both) || target_changes(diff, was)
        }),
        indexes: which(&old.indexes, |key, was| {
            is.indexes.get(key).is_none_or(|is| !same_index(was, is)) || index_depends_on(was, &both, again)
        }),
    }
}

fn which<T>(old: &BTreeMap<SqlIdent, T>, lost: impl Fn(&SqlIdent, &T) -> bool) -> BTreeSet<SqlIdent> {
    old.iter().filter(|(key, was)| lost(key, was)).map(|(key, _)| key.clone()).collect()
}

/// Whether two indexes differ in their comments at most, which are changed in place.
pub(super) fn same_index(a: &Index, b: &Index) -> bool {
    a == b || Index { comment: None, ..a.clone() } == Index { comment: None, ..b.clone() }
}

fn index_depends_on(was: &Index, both: &BTreeSet<SqlIdent>, again: &BTreeSet<SqlIdent>) -> bool {
    let columns = was.columns.iter().filter_map(|column| column.column.as_ref()).chain(&was.include);
    let texts = was.columns.iter().filter_map(|column| column.expression.as_ref()).chain(&was.predicate);
    // An operator class depends on the type of its column.
    let classes =
        was.columns.iter().filter(|column| column.opclass.is_some()).filter_map(|column| column.column.as_ref());
    overlap(columns, again) || any_mentions(texts, both) || overlap(classes, both)
}

/// Whether the key that a foreign key refers to is dropped, or the type of one of its columns changes.
fn target_changes(diff: &Diff, key: &ForeignKey) -> bool {
    let target = &key.references.table;
    let Some(old) = diff.old.tables.get(target) else { return false };
    let Some(new) = diff.new.tables.get(target) else { return true };
    let changed: BTreeSet<SqlIdent> =
        diff.affected.types_of(target).union(diff.affected.regenerated_of(target)).cloned().collect();
    let wanted: BTreeSet<&SqlIdent> = key.references.columns.iter().collect();
    let same = |columns: &[SqlIdent]| columns.iter().collect::<BTreeSet<_>>() == wanted;
    let primary = same(&old.primary_key) && old.primary_key != new.primary_key;
    let unique = old.uniques.iter().any(|(name, was)| same(&was.columns) && new.uniques.get(name) != Some(was));
    let index = old.indexes.iter().any(|(name, was)| {
        let columns: Vec<SqlIdent> = was.columns.iter().filter_map(|column| column.column.clone()).collect();
        was.unique && same(&columns) && new.indexes.get(name) != Some(was)
    });
    primary || unique || index || overlap(&key.references.columns, &changed)
}
