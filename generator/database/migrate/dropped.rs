//! Constraints and indexes that do not stay as they are: dropped, changed, or made of a column that is made anew.

use std::collections::{BTreeMap, BTreeSet};

use super::{Diff, mentions};
use crate::database::model::*;
use crate::values::SqlIdent;

/// Constraints of a table by what the old one has to lose.
pub(super) struct Lost {
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

/// What of the old table does not stay as it is: dropped, changed, or made of a column that is made anew.
pub(super) fn lost(all: &Diff, name: &ObjectName, old: &Table, new: Option<&Table>) -> Lost {
    let none = Table::default();
    let is = new.unwrap_or(&none);
    let types = all.touched.types_of(name);
    let again = all.touched.regenerated_of(name);
    let both: BTreeSet<SqlIdent> = types.union(again).cloned().collect();
    Lost {
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
            is.foreign_keys.get(key) != Some(was) || overlap(&was.columns, &both) || target_lost(all, was)
        }),
        indexes: which(&old.indexes, |key, was| {
            is.indexes.get(key).is_none_or(|is| !same_index(was, is)) || index_lost(was, &both, again)
        }),
    }
}

fn which<T>(old: &BTreeMap<SqlIdent, T>, lost: impl Fn(&SqlIdent, &T) -> bool) -> BTreeSet<SqlIdent> {
    old.iter().filter(|(key, was)| lost(key, was)).map(|(key, _)| key.clone()).collect()
}

/// Comments are changed in place.
pub(super) fn same_index(a: &Index, b: &Index) -> bool {
    a == b || Index { comment: None, ..a.clone() } == Index { comment: None, ..b.clone() }
}

fn index_lost(was: &Index, both: &BTreeSet<SqlIdent>, again: &BTreeSet<SqlIdent>) -> bool {
    let columns = was.columns.iter().filter_map(|column| column.column.as_ref()).chain(&was.include);
    let texts = was.columns.iter().filter_map(|column| column.expression.as_ref()).chain(&was.predicate);
    // An operator class belongs to a type.
    let classes =
        was.columns.iter().filter(|column| column.opclass.is_some()).filter_map(|column| column.column.as_ref());
    overlap(columns, again) || any_mentions(texts, both) || overlap(classes, both)
}

/// Whether the key that a foreign key points to is dropped, or a column of it has another type.
fn target_lost(all: &Diff, key: &ForeignKey) -> bool {
    let target = &key.references.table;
    let Some(old) = all.old.tables.get(target) else { return false };
    let Some(new) = all.new.tables.get(target) else { return true };
    let changed: BTreeSet<SqlIdent> =
        all.touched.types_of(target).union(all.touched.regenerated_of(target)).cloned().collect();
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
