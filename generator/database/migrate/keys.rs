//! Plans changes of the constraints and indexes of existing tables, with steps that block writers only for a moment
//! where PostgreSQL allows it.

use std::collections::BTreeMap;

use super::diff::{Diff, TableChange, TableChangeKind};
use super::dropped::{DroppedParts, dropped_parts, is_added_late, is_built_late};
use super::foreign_keys;
use super::indexes;
use super::key_step::{add_constraint_sql, added_entries, drop_constraint_sql, key_step, validation_step};
use super::partition_indexes;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;

/// Position of dropped keys and indexes in the phase `DropConstraints`: after the foreign keys that need them, which are
/// first, but before dropped tables, which are last.
const AFTER_FOREIGN_KEYS: usize = usize::MAX / 2;

/// Position of dropped generated columns in their phase: after the keys and indexes that contain them.
pub const AFTER_KEYS: usize = AFTER_FOREIGN_KEYS + 1;

/// Position of recreated functions in their phase: after the generated columns that call them.
pub const AFTER_GENERATED_COLUMNS: usize = AFTER_KEYS + 1;

/// Plans the removal of constraints and indexes that change. Of a dropped table, only the foreign keys are dropped in
/// advance, since they could block other steps; the rest is dropped with the table.
pub fn drop_changed(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, new, .. } = *change;
    let dropped = dropped_parts(diff, change);
    for key in &dropped.foreign_keys {
        let is_gone = !new.foreign_keys.contains_key(key);
        let foreign_key = &old.foreign_keys[key];
        let add = add_constraint_sql(name, &ddl::foreign_key(key, foreign_key));
        let add = foreign_keys::sql_that_sees_all_rows(diff.old, name, foreign_key, &add);
        planner.push(drop_constraint(change, key, add, is_gone).order_in_phase(0));
    }
    if change.kind == TableChangeKind::Drop {
        return;
    }
    for key in &dropped.checks {
        let is_gone = !new.checks.contains_key(key);
        let add = add_constraint_sql(name, &ddl::check(key, &old.checks[key]));
        let step = drop_constraint(change, key, add, is_gone);
        planner.push(before_function(step, diff.recreated_parts.has_check(name, key)));
    }
    for key in &dropped.excludes {
        let is_gone = !new.excludes.contains_key(key);
        let add = add_constraint_sql(name, &ddl::exclude(key, &old.excludes[key]));
        let step = drop_constraint(change, key, add, is_gone);
        planner.push(before_function(step, diff.recreated_parts.has_exclude(name, key)));
    }
    // The `down` of these steps creates the keys and indexes of a partitioned table before those of its partitions.
    let depth = partition_indexes::depth(diff.old, name);
    for key in &dropped.uniques {
        let is_gone = !new.uniques.contains_key(key);
        let add = add_constraint_sql(name, &ddl::unique(key, &old.uniques[key]));
        planner.push(drop_constraint(change, key, add, is_gone).order_in_phase(AFTER_FOREIGN_KEYS - depth));
    }
    if dropped.primary_key && !old.primary_key.is_empty() {
        let definition = ddl::primary_key(name, old).unwrap_or_default();
        let key = ddl::primary_key_name(name, old);
        planner.push(drop_constraint(change, &key, add_constraint_sql(name, &definition), new.primary_key.is_empty()));
    }
    for index in &dropped.indexes {
        let step = drop_index(change, index).order_in_phase(AFTER_FOREIGN_KEYS - depth);
        planner.push(before_function(step, diff.recreated_parts.has_index(name, index)));
    }
}

/// Returns a step that drops a part of a table. If the part calls a function that is dropped, the step is moved before
/// the steps that drop functions.
fn before_function(step: MigrationStep, calls_dropped_function: bool) -> MigrationStep {
    match calls_dropped_function {
        true => MigrationStep { phase: Phase::DropDependents, order_in_phase: 0, ..step },
        false => step,
    }
}

/// Returns the step that drops a constraint; `add` is the SQL that restores it. `is_gone` is false if a later step adds
/// the constraint again.
fn drop_constraint(change: &TableChange, key: &SqlName, add: String, is_gone: bool) -> MigrationStep {
    drop_step(change, key, is_gone)
        .up(drop_constraint_sql(change.name, key))
        .down(with_comment(change, key, add))
        .hazards((is_gone && change.kind != TableChangeKind::Drop).then_some(Hazard::DropsConstraint))
}

/// Returns the statement that adds an old constraint again, and the one that sets its comment, if it has one.
fn with_comment(change: &TableChange, key: &SqlName, add: String) -> String {
    match change.old.constraint_comments.get(key) {
        Some(text) => format!("{add}\n{}", ddl::constraint_comment(change.name, key, Some(text))),
        None => add,
    }
}

/// Returns the step that drops an index.
fn drop_index(change: &TableChange, key: &SqlName) -> MigrationStep {
    let TableChange { name, old, new, .. } = *change;
    let index = &old.indexes[key];
    let is_gone = !new.indexes.contains_key(key);
    drop_step(change, key, is_gone)
        .up(format!("DROP INDEX {};", name.in_same_schema(key).sql()))
        .down(indexes::restore_sql(name, key, index))
        .hazards((is_gone && index.unique).then_some(Hazard::DropsConstraint))
}

/// Returns a step that drops a constraint or index, without its SQL.
fn drop_step(change: &TableChange, key: &SqlName, is_gone: bool) -> MigrationStep {
    let object = format!("{}.{key}", change.name);
    let why = format!("{object} {}", if is_gone { "is gone" } else { "is recreated" });
    MigrationStep::new(Phase::DropConstraints, object, change.path.clone(), why)
        .order_in_phase(AFTER_FOREIGN_KEYS)
        .hazard(Hazard::AccessExclusive)
}

/// Plans new constraints and indexes, and those that were dropped for a change.
pub fn plan(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let dropped = dropped_parts(diff, change);
    validate_remaining(planner, diff, change, &dropped);
    add_checks(planner, change, &dropped);
    add_excludes(planner, change, &dropped);
    add_primary_key(planner, diff, change, &dropped);
    add_uniques(planner, diff, change, &dropped);
    foreign_keys::add(planner, diff, change);
    add_indexes(planner, diff, change, &dropped);
    change_key_storage(planner, change, &dropped);
    let is_dropped = |key: &SqlName| {
        dropped.uniques.contains(key)
            || dropped.checks.contains(key)
            || dropped.excludes.contains(key)
            || dropped.foreign_keys.contains(key)
            || (dropped.primary_key && ddl::primary_key_name(change.name, change.old) == *key)
    };
    comment_constraints(planner, change, is_dropped);
}

/// Plans changes of the comments of constraints. `is_new` tells whether a constraint is new or created again, so that it
/// has no comment.
pub fn comment_constraints(planner: &mut Planner, change: &TableChange, is_new: impl Fn(&SqlName) -> bool) {
    let TableChange { name, old, new, .. } = *change;
    let exists = |table: &Table, key: &SqlName| ddl::has_constraint(name, table, key);
    let removed = old.constraint_comments.keys().filter(|key| !new.constraint_comments.contains_key(*key));
    for key in new.constraint_comments.keys().chain(removed).filter(|key| exists(new, key)) {
        let is_new = is_new(key) || !exists(old, key);
        let old_text = old.constraint_comments.get(key);
        let new_text = new.constraint_comments.get(key);
        let has_right_comment = if is_new { new_text.is_none() } else { old_text == new_text };
        if has_right_comment {
            continue;
        }
        let set = |text| ddl::constraint_comment(name, key, text);
        let step = key_step(change, Phase::Keys, ("constraint_comments", key), "comment");
        // The foreign keys of the phase come before, at 10.
        let step = step.order_in_phase(20).up(set(new_text));
        planner.push(if is_new { step } else { step.down(set(old_text)) });
    }
}

/// Plans changes of the storage parameters of the primary key and the unique constraints that remain.
fn change_key_storage(planner: &mut Planner, change: &TableChange, dropped: &DroppedParts) {
    let TableChange { name, old, new, .. } = *change;
    // Field of the table, name of the key, and its old and new storage parameters.
    let mut remaining = Vec::new();
    for (key, unique) in old.uniques.iter().filter(|(key, _)| !dropped.uniques.contains(*key)) {
        if let Some(new) = new.uniques.get(key) {
            remaining.push(("uniques", key.clone(), &unique.storage, &new.storage));
        }
    }
    if !dropped.primary_key && !new.primary_key.is_empty() {
        let key = ddl::primary_key_name(name, new);
        remaining.push(("primary_key", key, &old.primary_key_storage, &new.primary_key_storage));
    }
    for (field, key, old, new) in remaining.into_iter().filter(|(_, _, old, new)| old != new) {
        let object = name.in_same_schema(&key).sql();
        let alter = |from, to| ddl::alter_storage_parameters("INDEX", &object, from, to).join("\n");
        let step = key_step(change, Phase::Attach, (field, &key), "storage parameters");
        planner.push(step.up(alter(old, new)).down(alter(new, old)));
    }
}

/// Plans new checks: a check is added as NOT VALID, and then validated while others can write rows.
fn add_checks(planner: &mut Planner, change: &TableChange, dropped: &DroppedParts) {
    for (key, check) in added_entries(&change.new.checks, &change.old.checks, &dropped.checks) {
        planner.push(
            key_step(change, Phase::Attach, ("checks", key), "is new")
                .up(add_constraint_sql(
                    change.name,
                    &ddl::check(key, &CheckConstraint { not_valid: true, ..check.clone() }),
                ))
                .down(drop_constraint_sql(change.name, key))
                .hazards((!check.not_valid).then_some(Hazard::MayFail)),
        );
        if !check.not_valid {
            planner.push(validation_step(change, Phase::Validate, ("checks", key)));
        }
    }
}

/// Plans the validation of constraints that remain, but were NOT VALID before.
fn validate_remaining(planner: &mut Planner, diff: &Diff, change: &TableChange, dropped: &DroppedParts) {
    let TableChange { name, old, new, .. } = *change;
    // PostgreSQL cannot make a constraint NOT VALID again, so `down` drops the constraint and adds it again.
    let recreate = |key: &SqlName, definition: String| {
        let add = with_comment(change, key, add_constraint_sql(name, &definition));
        format!("{}\n{add}", drop_constraint_sql(name, key))
    };
    for (key, check) in old.checks.iter().filter(|(key, _)| !dropped.checks.contains(*key)) {
        if new.checks.get(key).is_some_and(|new| check.differs_only_in_validity(new)) {
            let step = validation_step(change, Phase::Validate, ("checks", key));
            planner.push(step.down(recreate(key, ddl::check(key, check))));
        }
    }
    for (key, foreign_key) in old.foreign_keys.iter().filter(|(key, _)| !dropped.foreign_keys.contains(*key)) {
        if new.foreign_keys.get(key).is_some_and(|new| foreign_key.differs_only_in_validity(new)) {
            let step = foreign_keys::validation(diff, change, key, foreign_key);
            planner.push(step.down(recreate(key, ddl::foreign_key(key, foreign_key))));
        }
    }
}

fn add_excludes(planner: &mut Planner, change: &TableChange, dropped: &DroppedParts) {
    for (key, exclude) in added_entries(&change.new.excludes, &change.old.excludes, &dropped.excludes) {
        planner.push(
            key_step(change, Phase::Keys, ("excludes", key), "is new")
                .up(add_constraint_sql(change.name, &ddl::exclude(key, exclude)))
                .down(drop_constraint_sql(change.name, key))
                .hazards([Hazard::MayFail, Hazard::BlockingScan]),
        );
    }
}

/// A primary key or unique constraint that is added to a table.
struct AddedKey<'a> {
    /// Field of the table that holds the key.
    field: &'a str,
    name: &'a SqlName,
    /// The index that the constraint uses.
    index: Index,
    /// The definition with columns: `CONSTRAINT orders_pkey PRIMARY KEY (id)`.
    definition: String,
    /// The definition with the index: `PRIMARY KEY USING INDEX orders_pkey`.
    using_index: String,
}

fn add_primary_key(planner: &mut Planner, diff: &Diff, change: &TableChange, dropped: &DroppedParts) {
    let TableChange { name, new, .. } = *change;
    if !dropped.primary_key || new.primary_key.is_empty() {
        return;
    }
    let key_name = ddl::primary_key_name(name, new);
    let key = AddedKey {
        field: "primary_key",
        name: &key_name,
        index: Index {
            storage: new.primary_key_storage.clone(),
            ..ddl::unique_index(&new.primary_key, &new.primary_key_include, false)
        },
        definition: ddl::primary_key(name, new).unwrap_or_default(),
        using_index: format!(
            "PRIMARY KEY USING INDEX {}{}",
            quoted(&key_name),
            ddl::deferrable(new.primary_key_deferrable)
        ),
    };
    add_key(planner, diff, change, &key, false);
}

fn add_uniques(planner: &mut Planner, diff: &Diff, change: &TableChange, dropped: &DroppedParts) {
    for (key, unique) in added_entries(&change.new.uniques, &change.old.uniques, &dropped.uniques) {
        let key = AddedKey {
            field: "uniques",
            name: key,
            index: Index {
                storage: unique.storage.clone(),
                ..ddl::unique_index(&unique.columns, &unique.include, unique.nulls_not_distinct)
            },
            definition: ddl::unique(key, unique),
            using_index: format!("UNIQUE USING INDEX {}{}", quoted(key), ddl::deferrable(unique.deferrable)),
        };
        add_key(planner, diff, change, &key, is_added_late(diff, change.name, unique));
    }
}

/// Plans a step that builds the index of a key while others can write rows, and a step that adds the key with this
/// index. A partitioned table cannot use such an index, so its key is added in one step; so is a key that must come after
/// that of a partitioned table (`is_late`).
fn add_key(planner: &mut Planner, diff: &Diff, change: &TableChange, key: &AddedKey, is_late: bool) {
    let table = change.name.sql();
    let step = |phase, what| key_step(change, phase, (key.field, key.name), what);
    let add_step = step(Phase::Keys, "is new").down(drop_constraint_sql(change.name, key.name));
    if change.new.partition_by.is_some() || is_late {
        let add_step = partition_indexes::after_ancestors(diff, change.name, add_step);
        planner.push(
            add_step
                .up(add_constraint_sql(change.name, &key.definition))
                .hazards([Hazard::MayFail, Hazard::BlockingScan]),
        );
        return;
    }
    let build_step = step(Phase::Concurrent, "gets its index");
    planner.push(indexes::build_concurrently(build_step, change.name, key.name, &key.index));
    planner.push(add_step.up(format!("ALTER TABLE {table} ADD CONSTRAINT {} {};", quoted(key.name), key.using_index)));
}

/// Plans new and recreated indexes, and changes of the settings of those that remain.
fn add_indexes(planner: &mut Planner, diff: &Diff, change: &TableChange, dropped: &DroppedParts) {
    let TableChange { name, old, new, path, .. } = *change;
    let remaining: BTreeMap<SqlName, Index> = old
        .indexes
        .iter()
        .filter(|(key, _)| !dropped.indexes.contains(*key))
        .map(|(key, index)| (key.clone(), index.clone()))
        .collect();
    for (key, index) in new.indexes.iter().filter(|(key, _)| !remaining.contains_key(*key)) {
        let is_late = is_built_late(diff, name, index);
        if new.partition_by.is_none() && !is_late {
            let build_step = key_step(change, Phase::Concurrent, ("indexes", key), "is new");
            planner.push(indexes::build_concurrently(build_step, name, key, index));
        } else {
            let step = key_step(change, Phase::Keys, ("indexes", key), "is new")
                .up(ddl::create_index(name, key, index, false))
                .down(format!("DROP INDEX {};", name.in_same_schema(key).sql()));
            planner.push(partition_indexes::after_ancestors(diff, name, step).hazard(Hazard::BlockingScan));
        }
    }
    indexes::change_settings(planner, name, &remaining, &new.indexes, &path.key("indexes"));
}
