//! Plans changes of whole tables: creation, removal, settings.

use std::collections::BTreeMap;

use super::comments_and_grants::Described;
use super::diff::{Diff, TableChange, TableChangeKind};
use super::graph::ObjectKind;
use super::planner::Planner;
use super::step::{DATA_LOST, MigrationStep, Phase};
use super::{column, indexes, keys, partition, replica_identity, security};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic};

/// Plans changes of tables.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    let none = Table::default();
    for (name, old) in diff.old.tables.iter().filter(|(name, _)| !diff.new.tables.contains_key(*name)) {
        let path = &planner.path(&["tables"]);
        drop_table(planner, diff, &TableChange { kind: TableChangeKind::Drop, name, old, new: &none, path });
    }
    for (name, new) in &diff.new.tables {
        let path = &partition::path(planner, name, new);
        match diff.old.tables.get(name) {
            Some(old) => alter(planner, diff, &TableChange { kind: TableChangeKind::Alter, name, old, new, path }),
            None => create(planner, diff, &TableChange { kind: TableChangeKind::Create, name, old: &none, new, path }),
        }
    }
}

fn create(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, new, path, .. } = *change;
    let guard = ddl::fail_if_rows(&format!("SELECT FROM {}", name.sql()), &format!("{name} holds rows"));
    planner.push(
        MigrationStep::new(
            Phase::Create,
            partition::object(name, new),
            path.clone(),
            format!("the {} {name} is new", partition::word(new)),
        )
        .rank(diff.new_graph.position(ObjectKind::Table, name))
        .up(ddl::create_table(name, new))
        .down(format!("{guard}\nDROP TABLE {};", name.sql())),
    );
    partition::columns(planner, diff, change);
    keys::add_foreign_keys(planner, diff, change);
    indexes::plan(planner, name, &BTreeMap::new(), &new.indexes, path);
    security::plan(planner, diff, change);
    replica_identity::plan(planner, diff, change);
    settings(planner, diff, change);
}

fn drop_table(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, path, .. } = *change;
    if let Some(finding) = unclear_rename(planner, diff, change) {
        planner.findings.push(finding);
        return;
    }
    keys::teardown(planner, diff, change);
    security::teardown(planner, diff, change);
    let is_partition = old.partition_of.is_some();
    if old.partition_of.as_ref().is_some_and(|partition| !diff.new.tables.contains_key(&partition.table)) {
        // The server drops it with its table.
        return;
    }
    let mut indexes = old.indexes.keys().chain(old.uniques.keys());
    // New partitions can hold the same rows as a dropped one.
    let collides = is_partition
        || diff.relations.contains(name)
        || indexes.any(|index| diff.relations.contains(&name.beside(index)));
    let phase = if collides { Phase::Teardown } else { Phase::Contract };
    planner.push(
        MigrationStep::new(
            phase,
            partition::object(name, old),
            path.clone(),
            format!("the {} {name} is gone", partition::word(old)),
        )
        .rank(if collides { usize::MAX } else { diff.old_graph.reverse(ObjectKind::Table, name) })
        .up(format!("DROP TABLE {};", name.sql()))
        .never(DATA_LOST)
        .hazard(Hazard::DeletesData)
        .hazards(is_partition.then_some(Hazard::AccessExclusive)),
    );
}

/// Returns a finding if a new table has the columns of the dropped one, unless the loss of its rows is allowed.
fn unclear_rename(planner: &Planner, diff: &Diff, change: &TableChange) -> Option<Diagnostic> {
    let TableChange { name, old, .. } = *change;
    let columns: Vec<&SqlName> = old.columns.keys().collect();
    if columns.is_empty() || old.partition_of.is_some() || planner.allows(name.as_str(), Hazard::DeletesData) {
        return None;
    }
    let candidate = diff.new_by_columns.get(&columns)?;
    let finding = Diagnostic::error(Code::RenameUnclear, planner.path(&["tables", candidate.as_str()]))
        .message(format!("{name} is gone, and {candidate} is new with the same columns"))
        .expected("a hint that tells a rename from a loss")
        .hint(format!(
            "`renamed_from = \"{}\"` keeps the rows; `allow.\"{}\".deletes_data = \"why\"` drops them",
            in_nickel(name.name()),
            in_nickel(name.as_str())
        ));
    Some(finding)
}

fn alter(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, new, path, .. } = *change;
    if old.partition_by != new.partition_by {
        planner.refuse(
            Code::ChangeRefused,
            path.key("partition_by"),
            format!("the partitioning of {name} cannot change"),
            "create a table with another name, and move the rows",
        );
        return;
    }
    if !partition::bound(planner, diff, change) {
        return;
    }
    if old.unlogged != new.unlogged {
        let set = |unlogged: bool| {
            format!("ALTER TABLE {} SET {};", name.sql(), if unlogged { "UNLOGGED" } else { "LOGGED" })
        };
        let why = format!("{name}: write-ahead log");
        planner.push(
            MigrationStep::new(Phase::Create, name.as_str(), path.key("unlogged"), why)
                .rank(diff.new_graph.position(ObjectKind::Table, name))
                .up(set(new.unlogged))
                .down(set(old.unlogged))
                .hazard(Hazard::Rewrite),
        );
    }
    keys::teardown(planner, diff, change);
    security::teardown(planner, diff, change);
    match new.partition_of {
        Some(_) => partition::columns(planner, diff, change),
        None => column::plan(planner, diff, change),
    }
    keys::plan(planner, diff, change);
    security::plan(planner, diff, change);
    replica_identity::plan(planner, diff, change);
    settings(planner, diff, change);
}

/// Plans changes of the table's comment, storage parameters and grants, and of its columns' comments and statistics.
fn settings(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, new, path, .. } = *change;
    let object = name.sql();
    let table = Described { phase: Phase::Attach, rank: 0, kind: "TABLE", object: &object, name: name.as_str(), path };
    table.comment(planner, old.comment.as_ref(), new.comment.as_ref());
    for (column, new_column) in &new.columns {
        // A column that is dropped and added loses its comment.
        let old_column = old.columns.get(column).filter(|_| !diff.affected.regenerated_of(name).contains(column));
        let path = path.key("columns").key(column.as_str());
        let (table, object) = (&object, format!("{object}.{}", quoted(column)));
        let name = format!("{name}.{column}");
        let described =
            Described { phase: Phase::Attach, rank: 1, kind: "COLUMN", object: &object, name: &name, path: &path };
        described.comment(planner, old_column.and_then(|it| it.comment.as_ref()), new_column.comment.as_ref());
        let statistics = (old_column.and_then(|it| it.statistics), new_column.statistics);
        if statistics.0 != statistics.1 {
            let set = |target| {
                format!("ALTER TABLE ONLY {table} ALTER COLUMN {} {};", quoted(column), ddl::statistics(target))
            };
            planner.push(described.step("statistics").up(set(statistics.1)).down(set(statistics.0)));
        }
    }
    if change.kind == TableChangeKind::Alter {
        table.storage(planner, &old.storage, &new.storage);
    }
    // A column that is dropped and added gets its grants again there.
    let keeps = |column: &SqlName| !diff.affected.regenerated_of(name).contains(column);
    let in_both =
        |column: &SqlName| keeps(column) && old.columns.contains_key(column) && new.columns.contains_key(column);
    let down = ddl::change_table_grants(&object, new, old, in_both);
    table.push_grants(planner, ddl::change_table_grants(&object, old, new, keeps), down);
}
