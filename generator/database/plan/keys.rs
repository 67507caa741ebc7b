//! Constraints and indexes of tables that hold rows, so that writers wait for a moment at most.

use std::collections::{BTreeMap, BTreeSet};

use super::{Diff, Phase, Planner, Step, mentions};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::stack::SqlIdent;

/// Constraints of a table by what the old one has to lose.
struct Lost {
    primary_key: bool,
    uniques: BTreeSet<SqlIdent>,
    checks: BTreeSet<SqlIdent>,
    excludes: BTreeSet<SqlIdent>,
    foreign_keys: BTreeSet<SqlIdent>,
    indexes: BTreeSet<SqlIdent>,
}

fn any_mentions<'a>(texts: impl IntoIterator<Item = &'a Expression>, columns: &BTreeSet<SqlIdent>) -> bool {
    texts.into_iter().any(|text| mentions(text.as_str(), columns))
}

fn overlap<'a>(columns: impl IntoIterator<Item = &'a SqlIdent>, set: &BTreeSet<SqlIdent>) -> bool {
    columns.into_iter().any(|column| set.contains(column))
}

/// What of the old table does not stay as it is: dropped, changed, or made of a column that is made anew.
fn lost(all: &Diff, name: &ObjectName, old: &Table, new: Option<&Table>) -> Lost {
    let none = Table::default();
    let is = new.unwrap_or(&none);
    let types = all.touched.types_of(name);
    let again = all.touched.regenerated_of(name);
    let both: BTreeSet<SqlIdent> = types.union(again).cloned().collect();
    let keep = |found: Vec<&SqlIdent>| found.into_iter().cloned().collect();
    Lost {
        primary_key: new.is_some() && (old.primary_key != is.primary_key || overlap(&old.primary_key, again)),
        uniques: keep(
            old.uniques
                .iter()
                .filter(|(key, was)| {
                    is.uniques.get(*key) != Some(was) || overlap(was.columns.iter().chain(&was.include), again)
                })
                .map(|(key, _)| key)
                .collect(),
        ),
        checks: keep(
            old.checks
                .iter()
                .filter(|(key, was)| is.checks.get(*key) != Some(was) || mentions(was.as_str(), &both))
                .map(|(key, _)| key)
                .collect(),
        ),
        excludes: keep(
            old.excludes
                .iter()
                .filter(|(key, was)| {
                    let texts = was.elements.iter().map(|element| &element.expression).chain(&was.predicate);
                    is.excludes.get(*key) != Some(was) || any_mentions(texts, &both)
                })
                .map(|(key, _)| key)
                .collect(),
        ),
        foreign_keys: keep(
            old.foreign_keys
                .iter()
                .filter(|(key, was)| {
                    is.foreign_keys.get(*key) != Some(was) || overlap(&was.columns, &both) || target_lost(all, was)
                })
                .map(|(key, _)| key)
                .collect(),
        ),
        indexes: keep(
            old.indexes
                .iter()
                .filter(|(key, was)| {
                    is.indexes.get(*key).is_none_or(|is| !same_index(was, is)) || index_lost(was, &both, again)
                })
                .map(|(key, _)| key)
                .collect(),
        ),
    }
}

/// Comments are changed in place.
fn same_index(a: &Index, b: &Index) -> bool {
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

/// Drops what does not stay; of a table that goes away only what others could trip over.
pub fn teardown(
    planner: &mut Planner,
    all: &Diff,
    name: &ObjectName,
    old: &Table,
    new: Option<&Table>,
    path: &FieldPath,
) {
    let lost = lost(all, name, old, new);
    let table = name.sql();
    let mut drop = |key: &SqlIdent, rank: usize, definition: String, gone: bool| {
        planner.push(
            Step::new(Phase::Teardown, format!("{name}.{key}"), path.clone(), format!("{name}.{key} {}", word(gone)))
                .rank(rank)
                .up(format!("ALTER TABLE {table} DROP CONSTRAINT {};", quoted(key)))
                .down(format!("ALTER TABLE {table} ADD {definition};"))
                .hazard(Hazard::AccessExclusive)
                .hazards((gone && new.is_some()).then_some(Hazard::DropsConstraint)),
        );
    };
    let last = usize::MAX - 2;
    for key in &lost.foreign_keys {
        let gone = new.is_none_or(|new| !new.foreign_keys.contains_key(key));
        drop(key, 0, ddl::foreign_key(key, &old.foreign_keys[key]), gone);
    }
    let Some(new) = new else { return };
    for key in &lost.checks {
        drop(key, last, ddl::check(key, &old.checks[key]), !new.checks.contains_key(key));
    }
    for key in &lost.excludes {
        drop(key, last, ddl::exclude(key, &old.excludes[key]), !new.excludes.contains_key(key));
    }
    for key in &lost.uniques {
        drop(key, last, ddl::unique(key, &old.uniques[key]), !new.uniques.contains_key(key));
    }
    if lost.primary_key && !old.primary_key.is_empty() {
        let key = ddl::primary_key_name(name, old);
        drop(&key, last, ddl::primary_key(name, old).unwrap_or_default(), new.primary_key.is_empty());
    }
    for index in &lost.indexes {
        let was = &old.indexes[index];
        let mut down = ddl::create_index(name, index, was, false);
        if was.comment.is_some() {
            down += &format!("\n{}", ddl::comment("INDEX", &name.beside(index).sql(), was.comment.as_ref()));
        }
        let gone = !new.indexes.contains_key(index);
        planner.push(
            Step::new(
                Phase::Teardown,
                format!("{name}.{index}"),
                path.clone(),
                format!("{name}.{index} {}", word(gone)),
            )
            .rank(last)
            .up(format!("DROP INDEX {};", name.beside(index).sql()))
            .down(down)
            .hazard(Hazard::AccessExclusive)
            .hazards((gone && was.unique).then_some(Hazard::DropsConstraint)),
        );
    }
}

fn word(gone: bool) -> &'static str {
    if gone { "is gone" } else { "is made anew" }
}

/// Adds what is new or was dropped for a change.
pub fn plan(planner: &mut Planner, all: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let lost = lost(all, name, old, Some(new));
    let table = name.sql();
    let whole = new.partition_by.is_none();
    let step = |phase, field: &str, key: &SqlIdent, what: &str| {
        let path = path.key(field).key(key.as_str());
        Step::new(phase, format!("{name}.{key}"), path, format!("{name}.{key} {what}"))
    };
    let drop = |key: &SqlIdent| format!("ALTER TABLE {table} DROP CONSTRAINT {};", quoted(key));
    for (key, check) in
        new.checks.iter().filter(|(key, _)| !old.checks.contains_key(*key) || lost.checks.contains(*key))
    {
        planner.push(
            step(Phase::Attach, "checks", key, "is new")
                .up(format!("ALTER TABLE {table} ADD {} NOT VALID;", ddl::check(key, check)))
                .down(drop(key))
                .hazard(Hazard::MayFail),
        );
        planner.push(
            step(Phase::Validate, "checks", key, "holds for stored rows")
                .up(format!("ALTER TABLE {table} VALIDATE CONSTRAINT {};", quoted(key)))
                .hazard(Hazard::MayFail),
        );
    }
    for (key, exclude) in
        new.excludes.iter().filter(|(key, _)| !old.excludes.contains_key(*key) || lost.excludes.contains(*key))
    {
        planner.push(
            step(Phase::Keys, "excludes", key, "is new")
                .up(format!("ALTER TABLE {table} ADD {};", ddl::exclude(key, exclude)))
                .down(drop(key))
                .hazards([Hazard::MayFail, Hazard::BlockingScan]),
        );
    }
    let mut unique = |key: &SqlIdent, field: &str, index: Index, plain: String, kind: String| {
        if !whole {
            planner.push(
                step(Phase::Keys, field, key, "is new")
                    .up(format!("ALTER TABLE {table} ADD {plain};"))
                    .down(drop(key))
                    .hazards([Hazard::MayFail, Hazard::BlockingScan]),
            );
            return;
        }
        planner.push(concurrent(step(Phase::Concurrent, field, key, "gets its index"), name, key, &index));
        planner.push(
            step(Phase::Keys, field, key, "is new")
                .up(format!("ALTER TABLE {table} ADD CONSTRAINT {} {kind};", quoted(key)))
                .down(drop(key)),
        );
    };
    if lost.primary_key && !new.primary_key.is_empty() {
        let key = ddl::primary_key_name(name, new);
        let index = ddl::unique_index(&new.primary_key, &[], false);
        let plain = ddl::primary_key(name, new).unwrap_or_default();
        unique(&key, "primary_key", index, plain, format!("PRIMARY KEY USING INDEX {}", quoted(&key)));
    }
    for (key, is) in
        new.uniques.iter().filter(|(key, _)| !old.uniques.contains_key(*key) || lost.uniques.contains(*key))
    {
        let index = ddl::unique_index(&is.columns, &is.include, is.nulls_not_distinct);
        let kind = format!("UNIQUE USING INDEX {}{}", quoted(key), ddl::deferrable(is.deferrable));
        unique(key, "uniques", index, ddl::unique(key, is), kind);
    }
    foreign_keys(planner, all, name, old, new, path);
    let kept: BTreeMap<SqlIdent, Index> = old
        .indexes
        .iter()
        .filter(|(key, _)| !lost.indexes.contains(*key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let path = path.key("indexes");
    for (key, index) in new.indexes.iter().filter(|(key, _)| !kept.contains_key(*key)) {
        let start = step(Phase::Concurrent, "indexes", key, "is new");
        if whole {
            planner.push(concurrent(start, name, key, index));
        } else {
            let mut start = start.hazard(Hazard::BlockingScan);
            start.phase = Phase::Keys;
            let sql = ddl::create_index(name, key, index, false);
            planner.push(start.up(sql).down(format!("DROP INDEX {};", name.beside(key).sql())));
        }
    }
    index_comments(planner, name, &kept, &new.indexes, &path);
}

fn concurrent(step: Step, table: &ObjectName, name: &SqlIdent, index: &Index) -> Step {
    let object = table.beside(name);
    step.up(ddl::create_index(table, name, index, true))
        .down(format!("DROP INDEX CONCURRENTLY IF EXISTS {};", object.sql()))
        .hazard(Hazard::IndexBuild)
        .hazards(index.unique.then_some(Hazard::MayFail))
        .index(object)
}

fn index_comments(
    planner: &mut Planner,
    name: &ObjectName,
    old: &BTreeMap<SqlIdent, Index>,
    new: &BTreeMap<SqlIdent, Index>,
    path: &FieldPath,
) {
    let none = None;
    for (key, index) in new {
        let both = (old.get(key).map_or(&none, |was| &was.comment), &index.comment);
        let object = name.beside(key).sql();
        let path = path.key(key.as_str());
        // After the index, which may be built in a migration of its own.
        super::objects::comment(planner, Phase::Keys, 9, "INDEX", &object, &format!("{name}.{key}"), both, &path);
    }
}

/// Indexes of a table or view that nobody uses yet.
pub fn indexes_of_new(planner: &mut Planner, name: &ObjectName, new: &Table, path: &FieldPath) {
    indexes(planner, name, &BTreeMap::new(), &new.indexes, path);
}

/// Indexes that are built while nobody waits for them.
pub fn indexes(
    planner: &mut Planner,
    name: &ObjectName,
    old: &BTreeMap<SqlIdent, Index>,
    new: &BTreeMap<SqlIdent, Index>,
    path: &FieldPath,
) {
    let path = path.key("indexes");
    let same =
        |key: &SqlIdent, a: &Index, other: &BTreeMap<SqlIdent, Index>| other.get(key).is_some_and(|b| same_index(a, b));
    for (key, was) in old.iter().filter(|(key, was)| !same(key, was, new)) {
        planner.push(
            Step::new(Phase::Teardown, format!("{name}.{key}"), path.clone(), format!("{name}.{key} is gone"))
                .rank(0)
                .up(format!("DROP INDEX {};", name.beside(key).sql()))
                .down(ddl::create_index(name, key, was, false)),
        );
    }
    for (key, index) in new.iter().filter(|(key, is)| !same(key, is, old)) {
        planner.push(
            Step::new(Phase::Attach, format!("{name}.{key}"), path.key(key.as_str()), format!("{name}.{key} is new"))
                .up(ddl::create_index(name, key, index, false))
                .down(format!("DROP INDEX {};", name.beside(key).sql())),
        );
    }
    let kept: BTreeMap<SqlIdent, Index> =
        old.iter().filter(|(key, was)| same(key, was, new)).map(|(k, v)| (k.clone(), v.clone())).collect();
    index_comments(planner, name, &kept, new, &path);
}

/// Foreign keys come after all keys that they point to; those of stored rows are validated later.
pub fn foreign_keys(planner: &mut Planner, all: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let stored = all.old.tables.contains_key(name);
    let lost = if stored { lost(all, name, old, Some(new)).foreign_keys } else { BTreeSet::new() };
    let later = stored && new.partition_by.is_none();
    let table = name.sql();
    for (key, is) in
        new.foreign_keys.iter().filter(|(key, _)| !old.foreign_keys.contains_key(*key) || lost.contains(*key))
    {
        let path = path.key("foreign_keys").key(key.as_str());
        let object = format!("{name}.{key}");
        let valid = if later { " NOT VALID" } else { "" };
        planner.push(
            Step::new(Phase::Keys, object.clone(), path.clone(), format!("{object} is new"))
                .rank(10)
                .up(format!("ALTER TABLE {table} ADD {}{valid};", ddl::foreign_key(key, is)))
                .down(format!("ALTER TABLE {table} DROP CONSTRAINT {};", quoted(key)))
                .hazards(stored.then_some(Hazard::MayFail)),
        );
        if later {
            planner.push(
                Step::new(Phase::ValidateKeys, object.clone(), path, format!("{object} holds for stored rows"))
                    .up(format!("ALTER TABLE {table} VALIDATE CONSTRAINT {};", quoted(key)))
                    .hazard(Hazard::MayFail),
            );
        }
    }
}
