//! Plans changes of partitions. A partition is a table whose columns belong to another table, so only their defaults
//! and NOT NULL can be different.

use super::column::ColumnChange;
use super::diff::{Diff, TableChange};
use super::graph::ObjectKind;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};

/// Returns the name of a table in messages and in `allow`, the field that permits hazards. The name of a partition that
/// is listed in `partitions` of the partitioned table begins with that table: `orders.orders_2024`.
pub fn object_name(name: &ObjectName, table: &Table) -> String {
    match &table.partition_of {
        Some(partition) if partition.is_listed => format!("{}.{}", partition.table, name.name()),
        _ => name.to_string(),
    }
}

/// Returns the word for a table in messages: `partition` or `table`.
pub fn table_word(table: &Table) -> &'static str {
    if table.partition_of.is_some() { "partition" } else { "table" }
}

/// Returns the path of a table in the stack.
pub fn table_path(planner: &Planner, name: &ObjectName, table: &Table) -> FieldPath {
    match &table.partition_of {
        Some(partition) if partition.is_listed => {
            planner.path(&["tables", partition.table.as_str(), "partitions", name.name()])
        }
        _ => planner.path(&["tables", name.as_str()]),
    }
}

/// Returns the hazards of a partition that is created or attached while the table keeps a default partition: the server
/// reads the default partition under a lock, and refuses the change if one of its rows belongs to the other partition.
pub fn hazards_beside_default(diff: &Diff, table: &Table) -> Vec<Hazard> {
    let Some(partition) = &table.partition_of else { return Vec::new() };
    let is_default = |table: &Table| {
        table.partition_of.as_ref().is_some_and(|other| other.table == partition.table && other.bound == Bound::Default)
    };
    let mut old_tables = diff.old.tables.iter();
    let keeps_default = partition.bound != Bound::Default
        && old_tables.any(|(name, old)| is_default(old) && diff.new.tables.get(name).is_some_and(is_default));
    if keeps_default { vec![Hazard::MayFail, Hazard::BlockingScan] } else { Vec::new() }
}

/// A change of a partition that cannot be planned; the planner already has the finding.
pub struct Refused;

/// Plans the change of a partition's bound, after other partitions have been dropped and before new ones are created.
/// A table that is not a partition is left unchanged.
///
/// # Errors
/// [`Refused`] if the change cannot be planned.
pub fn change_bound(planner: &mut Planner, diff: &Diff, change: &TableChange) -> Result<(), Refused> {
    let TableChange { name, old, new, path, .. } = *change;
    let (old_partition, new_partition) = match (&old.partition_of, &new.partition_of) {
        (Some(old_partition), Some(new_partition)) if old_partition.table == new_partition.table => {
            (old_partition, new_partition)
        }
        (None, None) => return Ok(()),
        _ => {
            planner.refuse(
                Code::ChangeRefused,
                path.key("partition_of"),
                format!("{name} may have rows: it cannot become a partition, a plain table or part of another table"),
                "declare a table or partition with a different name beside it, move the rows in a migration by hand (`nself db new \
                 --by-hand`), and remove this one after it",
            );
            return Err(Refused);
        }
    };
    if old_partition.bound == new_partition.bound {
        return Ok(());
    }
    let alter = format!("ALTER TABLE {}", new_partition.table.sql());
    let detach = format!("{alter} DETACH PARTITION {};", name.sql());
    let attach = |bound: &Bound| format!("{alter} ATTACH PARTITION {} {};", name.sql(), ddl::bound(bound));
    let step = |phase, what: &str| {
        MigrationStep::new(phase, object_name(name, new), path.clone(), format!("the partition {name} {what}"))
            .hazard(Hazard::AccessExclusive)
    };
    // All partitions are detached, as the last steps of their phase, before any is attached, since the bound of one may
    // become the bound of another.
    let order_in_phase = diff.new_graph.position(ObjectKind::Table, name);
    planner.push(
        step(Phase::DropConstraints, "is detached from its table")
            .order_in_phase(usize::MAX)
            .up(detach.clone())
            .down(attach(&old_partition.bound)),
    );
    planner.push(
        step(Phase::Create, "gets different bounds")
            .order_in_phase(order_in_phase)
            .up(attach(&new_partition.bound))
            .down(detach)
            .hazard(Hazard::MayFail)
            .hazards(hazards_beside_default(diff, new)),
    );
    Ok(())
}

/// The properties of a column that can be different in a partition.
#[derive(Clone, Copy, PartialEq)]
struct PartitionColumn<'a> {
    default: Option<&'a Expression>,
    nullable: bool,
}

impl<'a> PartitionColumn<'a> {
    /// Returns these properties of a column.
    fn of_column(column: &'a Column) -> Self {
        PartitionColumn { default: column.default.as_ref(), nullable: column.nullable }
    }
}

/// Plans the changes of a partition's columns that do not follow from the partitioned table: defaults and NOT NULL.
pub fn change_columns(planner: &mut Planner, diff: &Diff, table: &TableChange) {
    let Some(partition) = &table.new.partition_of else { return };
    let Some(partitioned) = diff.new.tables.get(&partition.table) else { return };
    let old_partitioned = diff.old.tables.get(&partition.table);
    let order_in_phase = diff.new_graph.position(ObjectKind::Table, table.name);
    for (column, new) in &table.new.columns {
        let Some(inherited) = partitioned.columns.get(column) else { continue };
        let change = ColumnChange { table, column, order_in_phase };
        // The old column of the partition, and that of the partitioned table.
        let old_pair =
            table.old.columns.get(column).zip(old_partitioned.and_then(|partitioned| partitioned.columns.get(column)));
        let (state_before, is_retyped) = match old_pair {
            // A new partition and a new column begin with the properties of the partitioned table's column.
            None => (PartitionColumn::of_column(inherited), false),
            Some((old, old_inherited)) => state_after_inheritance(diff, (old, old_inherited), inherited),
        };
        let old_with_default = old_pair.map(|(old, _)| old).filter(|old| is_retyped && old.default.is_some());
        if let Some(old) = old_with_default {
            // The server cannot convert the default of a partition when it changes the type of the partitioned table's
            // column.
            let step = change.step(Phase::DropConstraints, "default", "has no default while its type changes");
            planner.push(step.up(change.set_default(None)).down(change.set_default(old.default.as_ref())));
        }
        change_column(planner, &change, state_before, PartitionColumn::of_column(new));
    }
}

/// Returns the state of a column after the changes of the partitioned table, which also apply to its partitions, and
/// whether the column's type changes.
fn state_after_inheritance<'a>(
    diff: &Diff,
    (old, old_inherited): (&'a Column, &'a Column),
    inherited: &'a Column,
) -> (PartitionColumn<'a>, bool) {
    let is_retyped = old_inherited.kind != inherited.kind
        || old_inherited.collation != inherited.collation
        || diff.affected.is_rebuilt(&old_inherited.kind);
    // A change of the type sets the default of the partitioned table's column again, also for its partitions.
    let sets_default = old_inherited.default != inherited.default || (is_retyped && old_inherited.default.is_some());
    let default = match (sets_default, is_retyped) {
        (true, _) => inherited.default.as_ref(),
        // The default was dropped before the change of the type.
        (false, true) => None,
        (false, false) => old.default.as_ref(),
    };
    let nullable = if old_inherited.nullable == inherited.nullable { old.nullable } else { inherited.nullable };
    (PartitionColumn { default, nullable }, is_retyped)
}

/// Plans the change of the default and NOT NULL of one column. The steps come directly after the step that creates the
/// partition, whose position is `change.order_in_phase`.
fn change_column(planner: &mut Planner, change: &ColumnChange, from: PartitionColumn, to: PartitionColumn) {
    if from.default != to.default {
        let step =
            change.step(Phase::Create, "default", "has a different default").order_in_phase(change.order_in_phase + 1);
        planner.push(step.up(change.set_default(to.default)).down(change.set_default(from.default)));
    }
    let set_nullable = |nullable: bool| {
        format!("{} {} NOT NULL;", change.alter_column_prefix(), if nullable { "DROP" } else { "SET" })
    };
    if from.nullable != to.nullable {
        let hazards =
            if to.nullable { vec![Hazard::DropsConstraint] } else { vec![Hazard::MayFail, Hazard::BlockingScan] };
        let step = change.step(Phase::Create, "nullable", if to.nullable { "may be NULL" } else { "has no NULLs" });
        planner.push(
            step.order_in_phase(change.order_in_phase + 1)
                .up(set_nullable(to.nullable))
                .down(set_nullable(from.nullable))
                .hazards(hazards),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns the hazards of the new partition `new` of a table that has the partition `old` with this bound.
    fn hazards_beside(old: &Value) -> Vec<Hazard> {
        let schema = |partitions: Value| -> Schema {
            serde_json::from_value(json!({ "tables": { "events": {
                "columns": { "day": { "type": "date" } },
                "partition_by": { "strategy": "range", "columns": ["day"] },
                "partitions": partitions,
            }}}))
            .unwrap()
        };
        let month = json!({ "range": { "from": ["'2026-02-01'"], "to": ["'2026-03-01'"] } });
        let (before, after) = (schema(json!({ "old": old })), schema(json!({ "old": old, "new": month })));
        let groups = super::super::plan(&before, &after, &FieldPath::root()).unwrap();
        let steps: Vec<MigrationStep> = groups.into_iter().flatten().collect();
        let step = steps.iter().find(|step| step.object == "events.new").unwrap();
        step.hazards.iter().copied().collect()
    }

    #[test]
    fn a_partition_beside_a_default_partition_may_fail() {
        assert_eq!(hazards_beside(&json!("default")), [Hazard::BlockingScan, Hazard::MayFail]);
        assert_eq!(hazards_beside(&json!({ "range": { "from": ["'2026-01-01'"], "to": ["'2026-02-01'"] } })), []);
    }
}
