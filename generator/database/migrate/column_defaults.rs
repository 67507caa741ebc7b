//! Defaults of columns that call a function which is dropped and created again. A default holds no data, so it is dropped
//! before the function, and set when the function exists again.

use super::diff::Diff;
use super::graph::ObjectKind;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::model::*;

/// Plans the steps that drop these defaults, and set the defaults of the new schema when the functions exist again.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    for (table, columns) in &diff.recreated_parts.defaults {
        for column in columns {
            let default_in = |schema: &Schema| schema.tables.get(table)?.columns.get(column)?.default.clone();
            let alter = format!("ALTER TABLE {} ALTER COLUMN {}", table.sql(), quoted(column));
            let drop = format!("{alter} DROP DEFAULT;");
            let set = |default: &Expression| format!("{alter} SET DEFAULT ({default});");
            let path = planner.path(&["tables", table.as_str(), "columns", column.as_str()]).key("default");
            let step = |phase, what: &str| {
                MigrationStep::new(phase, format!("{table}.{column}"), path.clone(), format!("{table}.{column} {what}"))
            };
            let Some(old) = default_in(diff.before_renames) else { continue };
            // This step has position 0, so it comes before the steps of the phase that drop functions.
            planner.push(
                step(Phase::DropDependents, "has no default while its function is recreated").up(&drop).down(set(&old)),
            );
            if let Some(new) = default_in(diff.new) {
                planner.push(
                    step(Phase::Create, "gets its default")
                        .order_in_phase(diff.new_graph.position(ObjectKind::Table, table))
                        .up(set(&new))
                        .down(&drop),
                );
            }
        }
    }
}
