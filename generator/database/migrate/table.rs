//! Plans the creation, removal and change of tables.

use std::collections::{BTreeMap, BTreeSet};

use super::comments_and_grants::AnnotatedObject;
use super::diff::{Diff, TableChange, TableChangeKind};
use super::dropped_table::drop_table;
use super::graph::ObjectKind;
use super::planner::Planner;
use super::rewrite::refuse_rewrite;
use super::step::{MigrationStep, Phase};
use super::{column, foreign_keys, indexes, keys, partition, replica_identity, security, triggers};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::Code;

/// Plans changes of tables.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    let no_table = Table::default();
    for (name, old) in diff.old.tables.iter().filter(|(name, _)| !diff.new.tables.contains_key(*name)) {
        let path = &planner.path(&["tables"]);
        drop_table(planner, diff, &TableChange { kind: TableChangeKind::Drop, name, old, new: &no_table, path });
    }
    for (name, new) in &diff.new.tables {
        let path = &partition::table_path(planner, name, new);
        match diff.old.tables.get(name) {
            Some(old) => {
                alter_table(planner, diff, &TableChange { kind: TableChangeKind::Alter, name, old, new, path })
            }
            None => create_table(
                planner,
                diff,
                &TableChange { kind: TableChangeKind::Create, name, old: &no_table, new, path },
            ),
        }
    }
}

/// Plans a new table. Its `down` drops the table only if it has no rows.
fn create_table(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, new, path, .. } = *change;
    let guard = ddl::fail_if_rows(&format!("SELECT FROM {}", name.sql()), &format!("{name} holds rows"));
    planner.push(
        MigrationStep::new(
            Phase::Create,
            partition::object_name(name, new),
            path.clone(),
            format!("the {} {name} is new", partition::table_word(new)),
        )
        .order_in_phase(diff.new_graph.position(ObjectKind::Table, name))
        .up(ddl::create_table(name, new))
        .down(format!("{guard}\nDROP TABLE {};", name.sql()))
        .hazards(partition::hazards_beside_default(diff, new)),
    );
    if new.partition_of.is_some() {
        partition::change_columns(planner, diff, change);
    }
    foreign_keys::add(planner, diff, change);
    indexes::plan(planner, diff, name, &BTreeMap::new(), &new.indexes, path);
    security::plan(planner, diff, change);
    triggers::add_to_table(planner, diff, change);
    replica_identity::plan(planner, diff, change);
    keys::comment_constraints(planner, change, |_| true);
    change_settings(planner, diff, change);
}

/// Plans the change of a table that both sides have.
fn alter_table(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, new, path, .. } = *change;
    if old.partition_by != new.partition_by {
        planner.refuse(
            Code::ChangeRefused,
            path.key("partition_by"),
            format!("the partitioning of {name} cannot change"),
            "create a table with a different name, and move the rows",
        );
        return;
    }
    if let Err(partition::Refused) = partition::change_bound(planner, diff, change) {
        return;
    }
    if old.unlogged != new.unlogged {
        change_logging(planner, diff, change);
    }
    keys::drop_changed(planner, diff, change);
    security::drop_changed(planner, diff, change);
    triggers::drop_from_table(planner, diff, change);
    match new.partition_of {
        Some(_) => partition::change_columns(planner, diff, change),
        None => column::plan(planner, diff, change),
    }
    keys::plan(planner, diff, change);
    security::plan(planner, diff, change);
    triggers::add_to_table(planner, diff, change);
    replica_identity::plan(planner, diff, change);
    change_settings(planner, diff, change);
}

/// Plans the change of whether a table is in the write-ahead log.
fn change_logging(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, new, path, .. } = *change;
    let path = path.key("unlogged");
    let refused_change = format!("`unlogged` of {name} cannot change");
    let otherwise = "create a table with a different name, and move the rows";
    if refuse_rewrite(planner, diff, (name, path.clone()), (&refused_change, otherwise)) {
        return;
    }
    let set_logging =
        |unlogged: bool| format!("ALTER TABLE {} SET {};", name.sql(), if unlogged { "UNLOGGED" } else { "LOGGED" });
    planner.push(
        MigrationStep::new(Phase::Create, name.as_str(), path, format!("{name}: write-ahead log"))
            .order_in_phase(logging_position(diff, name, new.unlogged))
            .up(set_logging(new.unlogged))
            .down(set_logging(old.unlogged))
            .hazard(Hazard::Rewrite),
    );
}

/// Returns the position of a step that changes whether a table is logged: a logged table cannot refer to an unlogged one,
/// so a referring table becomes unlogged before the other table, and logged after it.
fn logging_position(diff: &Diff, name: &ObjectName, unlogged: bool) -> usize {
    // The number of foreign keys in the longest chain that begins at the table. For a cycle of keys, the number of tables.
    let mut depth = 0;
    // The tables at this depth.
    let mut reached = BTreeSet::from([name]);
    while depth < diff.old.tables.len() {
        let tables = reached.into_iter().filter_map(|table| Some((table, diff.old.tables.get(table)?)));
        let referenced = tables.flat_map(|(table, definition)| {
            definition.foreign_keys.values().map(|key| &key.references.table).filter(move |other| *other != table)
        });
        reached = referenced.collect();
        if reached.is_empty() {
            break;
        }
        depth += 1;
    }
    if unlogged { usize::MAX / 2 - depth } else { usize::MAX / 2 + depth }
}

/// Plans changes of the table's comment, storage parameters and grants, and of its columns' comments and statistics.
fn change_settings(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, new, path, .. } = *change;
    let table_sql = name.sql();
    let annotated_table = AnnotatedObject {
        phase: Phase::Attach,
        order_in_phase: 0,
        kind: "TABLE",
        object: &table_sql,
        name: name.as_str(),
        path,
    };
    annotated_table.plan_comment(planner, old.comment.as_ref(), new.comment.as_ref());
    for (column, new_column) in &new.columns {
        // A column that is dropped and added again loses its comment and statistics.
        let old_column = old.columns.get(column).filter(|_| !diff.affected.regenerated_columns(name).contains(column));
        // A column whose type is created again loses its storage.
        if old_column == Some(new_column) && !diff.affected.retyped_columns(name).contains(column) {
            continue;
        }
        let column_path = path.key("columns").key(column.as_str());
        let column_sql = format!("{table_sql}.{}", quoted(column));
        let column_name = format!("{name}.{column}");
        let annotated_column = AnnotatedObject {
            phase: Phase::Attach,
            order_in_phase: 1,
            kind: "COLUMN",
            object: &column_sql,
            name: &column_name,
            path: &column_path,
        };
        plan_column_settings(planner, name, (column, old_column, new_column), &annotated_column);
        plan_column_storage(planner, diff, name, (column, old_column, new_column), &annotated_column);
        plan_identity_grants(planner, name, (column, old_column, new_column), &annotated_column);
    }
    if change.kind == TableChangeKind::Alter {
        annotated_table.plan_storage(planner, &old.storage, &new.storage);
    }
    // A column that is dropped and added again is left out: the step that adds it also grants its privileges. The
    // `down` of the step that drops a column also restores its privileges, so `down` here leaves out columns that only
    // one side has.
    let keeps_grants = |column: &SqlName| !diff.affected.regenerated_columns(name).contains(column);
    let keeps_grants_in_both =
        |column: &SqlName| keeps_grants(column) && old.columns.contains_key(column) && new.columns.contains_key(column);
    let down = ddl::change_table_grants(&table_sql, new, old, keeps_grants_in_both);
    annotated_table.push_grants(planner, ddl::change_table_grants(&table_sql, old, new, keeps_grants), down);
}

/// Plans changes of a column's comment, statistics target and options.
fn plan_column_settings(
    planner: &mut Planner,
    table: &ObjectName,
    (column, old_column, new_column): (&SqlName, Option<&Column>, &Column),
    annotated_column: &AnnotatedObject,
) {
    let old_comment = old_column.and_then(|column| column.comment.as_ref());
    annotated_column.plan_comment(planner, old_comment, new_column.comment.as_ref());
    let old_statistics = old_column.and_then(|column| column.statistics);
    if old_statistics != new_column.statistics {
        let set = |target| {
            format!("ALTER TABLE ONLY {} ALTER COLUMN {} {};", table.sql(), quoted(column), ddl::statistics(target))
        };
        planner.push(annotated_column.step("statistics").up(set(new_column.statistics)).down(set(old_statistics)));
    }
    let no_options = StorageParameters::new();
    let old_options = old_column.map_or(&no_options, |column| &column.options);
    if *old_options != new_column.options {
        let change = |from, to| ddl::alter_column_options(table, column, from, to).join("\n");
        let step = annotated_column.step("options").up(change(old_options, &new_column.options));
        planner.push(step.down(change(&new_column.options, old_options)));
    }
}

/// Plans a change of the privileges on the sequence of an identity column.
fn plan_identity_grants(
    planner: &mut Planner,
    table: &ObjectName,
    (column, old, new): (&SqlName, Option<&Column>, &Column),
    annotated_column: &AnnotatedObject,
) {
    if new.identity.is_none() {
        return;
    }
    let none = Grants::new();
    let had_identity = old.is_some_and(|old| old.identity.is_some());
    let old_rights = old.filter(|_| had_identity).map_or(Rights::new(&none, &none), Column::identity_rights);
    let change = |from, to| ddl::change_identity_grants(table, column, from, to);
    let Some(up) = change(old_rights, new.identity_rights()) else { return };
    let mut step = annotated_column.step("identity_grants").up(up).hazard(Hazard::AuthzUpdate);
    if had_identity {
        step = step.down(change(new.identity_rights(), old_rights).unwrap_or_default());
    } else {
        // The `down` of the step that creates the sequence drops it with its privileges. The sequence exists only after the
        // column has become NOT NULL.
        let is_late = old.is_some_and(|old| old.nullable && !new.nullable);
        step = MigrationStep { phase: if is_late { Phase::Validate } else { step.phase }, ..step };
        step = step.order_in_phase(usize::MAX);
    }
    planner.push(step);
}

/// Plans a change of a column's storage or compression. The step that changes the type sets both itself.
fn plan_column_storage(
    planner: &mut Planner,
    diff: &Diff,
    table: &ObjectName,
    (column, old, new): (&SqlName, Option<&Column>, &Column),
    annotated_column: &AnnotatedObject,
) {
    if old.is_some_and(|old| !new.has_type_of(old)) {
        return;
    }
    // A column whose type is created again loses both settings.
    let is_retyped = diff.affected.retyped_columns(table).contains(column);
    let default = new.with_default_storage();
    let old = old.filter(|_| !is_retyped).unwrap_or(&default);
    if old.storage == new.storage && old.compression == new.compression {
        return;
    }
    // Without a known default, the step cannot name the storage that it must restore.
    let is_default_known = new.kind.default_storage().is_some();
    if new.storage.is_none() && old.storage.is_some() && !is_default_known {
        planner.refuse(
            Code::ChangeRefused,
            annotated_column.path.clone(),
            format!("{table}.{column}: nself does not know the default storage of {}", new.kind),
            "set the storage, such as `storage = 'extended`",
        );
        return;
    }
    let step = annotated_column.step("storage").up(ddl::alter_column_storage(table, column, old, new).join("\n"));
    planner.push(match old.storage.is_none() && new.storage.is_some() && !is_default_known {
        true => step.irreversible("nself does not know the default storage of the type"),
        false => step.down(ddl::alter_column_storage(table, column, new, old).join("\n")),
    });
}
