//! Plans changes of partitions. A partition is a table whose columns belong to another table, so only their defaults and
//! NOT NULL can be different.

use super::column::ColumnChange;
use super::diff::{Diff, TableChange, TableChangeKind};
use super::graph::ObjectKind;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};

/// Returns the name by which `allow` and messages know a table. A listed partition is a part of its table.
pub fn object(name: &ObjectName, table: &Table) -> String {
    match &table.partition_of {
        Some(partition) if partition.is_listed => format!("{}.{}", partition.table, name.name()),
        _ => name.to_string(),
    }
}

/// Returns what a table is called in messages.
pub fn word(table: &Table) -> &'static str {
    if table.partition_of.is_some() { "partition" } else { "table" }
}

/// Returns the path of a table in the stack.
pub fn path(planner: &Planner, name: &ObjectName, table: &Table) -> FieldPath {
    match &table.partition_of {
        Some(partition) if partition.is_listed => {
            planner.path(&["tables", partition.table.as_str(), "partitions", name.name()])
        }
        _ => planner.path(&["tables", name.as_str()]),
    }
}

/// Plans the change of the bound, between the removal of other partitions and the creation of new ones. Returns false for
/// a change that cannot be planned.
pub fn bound(planner: &mut Planner, diff: &Diff, change: &TableChange) -> bool {
    let TableChange { name, old, new, path, .. } = *change;
    let (from, to) = match (&old.partition_of, &new.partition_of) {
        (Some(from), Some(to)) if from.table == to.table => (from, to),
        (None, None) => return true,
        _ => {
            planner.refuse(
                Code::ChangeRefused,
                path.key("partition_of"),
                format!("{name} cannot become a partition, or one of another table, with its rows"),
                "create a partition with another name and move the rows, or attach the table in a migration by hand",
            );
            return false;
        }
    };
    if from.bound == to.bound {
        return true;
    }
    let alter = format!("ALTER TABLE {}", to.table.sql());
    let detach = format!("{alter} DETACH PARTITION {};", name.sql());
    let attach = |bound: &Bound| format!("{alter} ATTACH PARTITION {} {};", name.sql(), ddl::bound(bound));
    let step = |phase, what: &str| {
        MigrationStep::new(phase, object(name, new), path.clone(), format!("the partition {name} {what}"))
            .hazard(Hazard::AccessExclusive)
    };
    // Other partitions may take over the rows only after all have been detached.
    let rank = diff.new_graph.position(ObjectKind::Table, name);
    planner
        .push(step(Phase::Teardown, "leaves its table").rank(usize::MAX).up(detach.clone()).down(attach(&from.bound)));
    planner.push(
        step(Phase::Create, "holds other rows").rank(rank).up(attach(&to.bound)).down(detach).hazard(Hazard::MayFail),
    );
    true
}

/// The default and NOT NULL of a column.
#[derive(Clone, Copy, PartialEq)]
struct PartitionColumn<'a> {
    default: Option<&'a Expression>,
    nullable: bool,
}

impl<'a> PartitionColumn<'a> {
    fn of(column: &'a Column) -> Self {
        PartitionColumn { default: column.default.as_ref(), nullable: column.nullable }
    }
}

/// Plans the changes of defaults and NOT NULL that do not follow from the partitioned table.
pub fn columns(planner: &mut Planner, diff: &Diff, table: &TableChange) {
    let Some(partition) = &table.new.partition_of else { return };
    let Some(whole) = diff.new.tables.get(&partition.table) else { return };
    let old_whole = diff.old.tables.get(&partition.table).filter(|_| table.kind == TableChangeKind::Alter);
    let rank = diff.new_graph.position(ObjectKind::Table, table.name);
    for (column, new) in &table.new.columns {
        let Some(inherited) = whole.columns.get(column) else { continue };
        let change = ColumnChange { table, column, rank };
        let before = table.old.columns.get(column).zip(old_whole.and_then(|whole| whole.columns.get(column)));
        let (meantime, retyped) = match before {
            None => (PartitionColumn::of(inherited), false),
            Some((old, old_inherited)) => inherited_state(diff, (old, old_inherited), inherited),
        };
        let old = before.map(|(old, _)| old).filter(|old| retyped && old.default.is_some());
        if let Some(old) = old {
            // The server could not convert a default that the partition alone has.
            let step = change.step(Phase::Teardown, "default", "has no default in the meantime");
            planner.push(step.up(change.set_default(None)).down(change.set_default(old.default.as_ref())));
        }
        change_column(planner, &change, meantime, PartitionColumn::of(new));
    }
}

/// Returns the default and NOT NULL that a column has after the changes of the partitioned table, which reach all of its
/// partitions, and whether its type changes.
fn inherited_state<'a>(
    diff: &Diff,
    (old, old_inherited): (&'a Column, &'a Column),
    inherited: &'a Column,
) -> (PartitionColumn<'a>, bool) {
    let retyped = old_inherited.kind != inherited.kind
        || old_inherited.collation != inherited.collation
        || diff.affected.rebuilds(&old_inherited.kind);
    let sets_default = old_inherited.default != inherited.default || (retyped && old_inherited.default.is_some());
    let default = match (sets_default, retyped) {
        (true, _) => inherited.default.as_ref(),
        (false, true) => None,
        (false, false) => old.default.as_ref(),
    };
    let nullable = if old_inherited.nullable == inherited.nullable { old.nullable } else { inherited.nullable };
    (PartitionColumn { default, nullable }, retyped)
}

/// Adds the steps that change the default and NOT NULL of one column.
fn change_column(planner: &mut Planner, change: &ColumnChange, from: PartitionColumn, to: PartitionColumn) {
    if from.default != to.default {
        let step = change.step(Phase::Create, "default", "has another default").rank(change.rank + 1);
        planner.push(step.up(change.set_default(to.default)).down(change.set_default(from.default)));
    }
    let set = |nullable: bool| format!("{} {} NOT NULL;", change.alter(), if nullable { "DROP" } else { "SET" });
    if from.nullable != to.nullable {
        let hazards =
            if to.nullable { vec![Hazard::DropsConstraint] } else { vec![Hazard::MayFail, Hazard::BlockingScan] };
        let step = change.step(Phase::Create, "nullable", if to.nullable { "may be NULL" } else { "has no NULLs" });
        planner.push(step.rank(change.rank + 1).up(set(to.nullable)).down(set(from.nullable)).hazards(hazards));
    }
}
