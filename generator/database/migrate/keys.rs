//! Plans changes of the constraints of existing tables, so that writers wait only for a moment.

use std::collections::{BTreeMap, BTreeSet};

use super::dropped::dropped_parts;
use super::indexes;
use super::{Diff, MigrationStep, Phase, Planner};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::SqlIdent;

/// Drops constraints and indexes that change. Of a dropped table, only foreign keys are dropped in advance, since
/// they could block other steps.
pub fn teardown(
    planner: &mut Planner,
    diff: &Diff,
    name: &ObjectName,
    old: &Table,
    new: Option<&Table>,
    path: &FieldPath,
) {
    let dropped = dropped_parts(diff, name, old, new);
    let table = name.sql();
    let mut drop = |key: &SqlIdent, rank: usize, definition: String, gone: bool| {
        planner.push(
            MigrationStep::new(
                Phase::Teardown,
                format!("{name}.{key}"),
                path.clone(),
                format!("{name}.{key} {}", change_text(gone)),
            )
            .rank(rank)
            .up(format!("ALTER TABLE {table} DROP CONSTRAINT {};", quoted(key)))
            .down(format!("ALTER TABLE {table} ADD {definition};"))
            .hazard(Hazard::AccessExclusive)
            .hazards((gone && new.is_some()).then_some(Hazard::DropsConstraint)),
        );
    };
    let last = usize::MAX - 2;
    for key in &dropped.foreign_keys {
        let gone = new.is_none_or(|new| !new.foreign_keys.contains_key(key));
        drop(key, 0, ddl::foreign_key(key, &old.foreign_keys[key]), gone);
    }
    let Some(new) = new else { return };
    for key in &dropped.checks {
        drop(key, last, ddl::check(key, &old.checks[key]), !new.checks.contains_key(key));
    }
    for key in &dropped.excludes {
        drop(key, last, ddl::exclude(key, &old.excludes[key]), !new.excludes.contains_key(key));
    }
    for key in &dropped.uniques {
        drop(key, last, ddl::unique(key, &old.uniques[key]), !new.uniques.contains_key(key));
    }
    if dropped.primary_key && !old.primary_key.is_empty() {
        let key = ddl::primary_key_name(name, old);
        drop(&key, last, ddl::primary_key(name, old).unwrap_or_default(), new.primary_key.is_empty());
    }
    for index in &dropped.indexes {
        let was = &old.indexes[index];
        let mut down = ddl::create_index(name, index, was, false);
        if was.comment.is_some() {
            down += &format!("\n{}", ddl::comment("INDEX", &name.beside(index).sql(), was.comment.as_ref()));
        }
        let gone = !new.indexes.contains_key(index);
        planner.push(
            MigrationStep::new(
                Phase::Teardown,
                format!("{name}.{index}"),
                path.clone(),
                format!("{name}.{index} {}", change_text(gone)),
            )
            .rank(last)
            .up(format!("DROP INDEX {};", name.beside(index).sql()))
            .down(down)
            .hazard(Hazard::AccessExclusive)
            .hazards((gone && was.unique).then_some(Hazard::DropsConstraint)),
        );
    }
}

fn change_text(gone: bool) -> &'static str {
    if gone { "is gone" } else { "is recreated" }
}

/// Adds constraints and indexes that are new or were dropped for a change.
pub fn plan(planner: &mut Planner, diff: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let dropped = dropped_parts(diff, name, old, Some(new));
    let table = name.sql();
    let whole = new.partition_by.is_none();
    let step = |phase, field: &str, key: &SqlIdent, what: &str| {
        let path = path.key(field).key(key.as_str());
        MigrationStep::new(phase, format!("{name}.{key}"), path, format!("{name}.{key} {what}"))
    };
    let drop = |key: &SqlIdent| format!("ALTER TABLE {table} DROP CONSTRAINT {};", quoted(key));
    for (key, check) in
        new.checks.iter().filter(|(key, _)| !old.checks.contains_key(*key) || dropped.checks.contains(*key))
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
        new.excludes.iter().filter(|(key, _)| !old.excludes.contains_key(*key) || dropped.excludes.contains(*key))
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
        planner.push(indexes::concurrent(step(Phase::Concurrent, field, key, "gets its index"), name, key, &index));
        planner.push(
            step(Phase::Keys, field, key, "is new")
                .up(format!("ALTER TABLE {table} ADD CONSTRAINT {} {kind};", quoted(key)))
                .down(drop(key)),
        );
    };
    if dropped.primary_key && !new.primary_key.is_empty() {
        let key = ddl::primary_key_name(name, new);
        let index = ddl::unique_index(&new.primary_key, &[], false);
        let plain = ddl::primary_key(name, new).unwrap_or_default();
        unique(&key, "primary_key", index, plain, format!("PRIMARY KEY USING INDEX {}", quoted(&key)));
    }
    for (key, is) in
        new.uniques.iter().filter(|(key, _)| !old.uniques.contains_key(*key) || dropped.uniques.contains(*key))
    {
        let index = ddl::unique_index(&is.columns, &is.include, is.nulls_not_distinct);
        let kind = format!("UNIQUE USING INDEX {}{}", quoted(key), ddl::deferrable(is.deferrable));
        unique(key, "uniques", index, ddl::unique(key, is), kind);
    }
    foreign_keys(planner, diff, name, old, new, path);
    let kept: BTreeMap<SqlIdent, Index> = old
        .indexes
        .iter()
        .filter(|(key, _)| !dropped.indexes.contains(*key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let path = path.key("indexes");
    for (key, index) in new.indexes.iter().filter(|(key, _)| !kept.contains_key(*key)) {
        let start = step(Phase::Concurrent, "indexes", key, "is new");
        if whole {
            planner.push(indexes::concurrent(start, name, key, index));
        } else {
            let mut start = start.hazard(Hazard::BlockingScan);
            start.phase = Phase::Keys;
            let sql = ddl::create_index(name, key, index, false);
            planner.push(start.up(sql).down(format!("DROP INDEX {};", name.beside(key).sql())));
        }
    }
    indexes::comments(planner, name, &kept, &new.indexes, &path);
}

/// Plans new foreign keys, after all keys to which they refer. Existing rows are validated in a later migration.
pub fn foreign_keys(planner: &mut Planner, diff: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let stored = diff.old.tables.contains_key(name);
    let dropped = if stored { dropped_parts(diff, name, old, Some(new)).foreign_keys } else { BTreeSet::new() };
    let later = stored && new.partition_by.is_none();
    let table = name.sql();
    for (key, is) in
        new.foreign_keys.iter().filter(|(key, _)| !old.foreign_keys.contains_key(*key) || dropped.contains(*key))
    {
        let path = path.key("foreign_keys").key(key.as_str());
        let object = format!("{name}.{key}");
        let valid = if later { " NOT VALID" } else { "" };
        planner.push(
            MigrationStep::new(Phase::Keys, object.clone(), path.clone(), format!("{object} is new"))
                .rank(10)
                .up(format!("ALTER TABLE {table} ADD {}{valid};", ddl::foreign_key(key, is)))
                .down(format!("ALTER TABLE {table} DROP CONSTRAINT {};", quoted(key)))
                .hazards(stored.then_some(Hazard::MayFail)),
        );
        if later {
            planner.push(
                MigrationStep::new(
                    Phase::ValidateKeys,
                    object.clone(),
                    path,
                    format!("{object} holds for stored rows"),
                )
                .up(format!("ALTER TABLE {table} VALIDATE CONSTRAINT {};", quoted(key)))
                .hazard(Hazard::MayFail),
            );
        }
    }
}
