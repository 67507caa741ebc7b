//! Plans new foreign keys, and their validation for existing rows.

use std::collections::BTreeSet;

use super::diff::{Diff, TableChange, TableChangeKind};
use super::dropped::dropped_parts;
use super::key_step::{add_constraint_sql, added_entries, drop_constraint_sql, key_step, validation_step};
use super::planner::Planner;
use super::security;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;

/// Plans new foreign keys, after all keys to which they refer. Existing rows are validated in a later migration.
pub fn add(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let table_exists = change.kind != TableChangeKind::Create;
    let dropped = if table_exists { dropped_parts(diff, change).foreign_keys } else { BTreeSet::new() };
    // A key from or to a partitioned table is validated at once: PostgreSQL 15 would leave the constraints of
    // partitions unvalidated.
    let is_partitioned =
        |target: &ObjectName| diff.new.tables.get(target).is_some_and(|table| table.partition_by.is_some());
    for (key, foreign_key) in added_entries(&change.new.foreign_keys, &change.old.foreign_keys, &dropped) {
        let involves_partitions = change.new.partition_by.is_some() || is_partitioned(&foreign_key.references.table);
        let is_validated_later = table_exists && !involves_partitions && !foreign_key.not_valid;
        let not_valid = ddl::not_valid(is_validated_later);
        let add = add_constraint_sql(change.name, &(ddl::foreign_key(key, foreign_key) + not_valid));
        planner.push(
            key_step(change, Phase::Keys, ("foreign_keys", key), "is new")
                // The keys of the phase come first, at 0.
                .order_in_phase(10)
                .up(match table_exists && involves_partitions {
                    true => sql_that_sees_all_rows(diff.new, change.name, foreign_key, &add),
                    false => add,
                })
                .down(drop_constraint_sql(change.name, key))
                .hazards(table_exists.then_some(Hazard::MayFail))
                .hazards((table_exists && involves_partitions).then_some(Hazard::BlockingScan)),
        );
        if is_validated_later {
            planner.push(validation(diff, change, key, foreign_key));
        }
    }
}

/// Returns `sql`, a statement that checks a foreign key for stored rows, with statements around it that switch off forced
/// row security of the two tables. The server checks the key by a query of the tables' owner, from whom it would hide rows.
pub fn sql_that_sees_all_rows(schema: &Schema, table: &ObjectName, foreign_key: &ForeignKey, sql: &str) -> String {
    let tables = [table, &foreign_key.references.table].map(|name| (name, schema.tables.get(name)));
    security::without_forced_row_security(tables, sql)
}

/// Returns the step that checks a foreign key for stored rows.
pub fn validation(diff: &Diff, change: &TableChange, key: &SqlName, foreign_key: &ForeignKey) -> MigrationStep {
    let step = validation_step(change, Phase::ValidateKeys, ("foreign_keys", key));
    let sql = sql_that_sees_all_rows(diff.new, change.name, foreign_key, &step.up);
    step.up(sql)
}
