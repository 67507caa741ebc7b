//! Plans the change of a column to NOT NULL.

use super::change::ColumnChange;
use crate::artifact::Digest;
use crate::database::hazard::Hazard;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::Phase;
use crate::database::model::*;

/// Plans NOT NULL for a column without a long lock. A check is added and validated while others can write rows; with
/// the validated check, SET NOT NULL needs no scan of the table. `backfill` computes a value for the rows that have NULL.
pub(super) fn set_not_null(planner: &mut Planner, change: &ColumnChange, backfill: Option<&Expression>) {
    let table = change.table.name.sql();
    let column = quoted(change.column);
    // The name of the temporary check is a digest of the column's name, so that it is the same in every plan.
    let check = format!("\"nn_{}\"", Digest::of(change.column.as_str().as_bytes()).short());
    if let Some(backfill) = backfill {
        let update = format!("UPDATE {table} SET {column} = ({backfill}) WHERE {column} IS NULL;");
        planner.push(
            change
                .step(Phase::Create, "backfill", "gets values where it has none")
                .up(change.update_all_rows(planner.new, &update))
                .irreversible("the rows that had NULL before are not recorded"),
        );
    }
    let add_check = format!("ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID;");
    let drop_check = format!("ALTER TABLE {table} DROP CONSTRAINT {check};");
    let alter = change.alter_column_prefix();
    planner.push(
        change
            .step(Phase::Attach, "nullable", "accepts no new NULLs")
            .up(add_check.clone())
            .down(drop_check.clone())
            .hazard(Hazard::MayFail),
    );
    planner.push(
        change
            .step(Phase::Validate, "nullable", "has no NULLs")
            .up(format!("ALTER TABLE {table} VALIDATE CONSTRAINT {check};\n{alter} SET NOT NULL;\n{drop_check}"))
            .down(format!("{add_check}\n{alter} DROP NOT NULL;"))
            .hazard(Hazard::MayFail),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::database::migrate::plan;
    use crate::diagnostic::FieldPath;

    #[test]
    fn a_backfill_checks_deferred_constraints_at_once() {
        let update_sql = |deferrable: &str| {
            let schema = |nullable: bool| -> Schema {
                let columns = json!({ "id": { "type": "integer" }, "parent": { "type": "integer", "nullable": true },
                    "a": { "type": "text", "nullable": nullable, "backfill": "'x'" } });
                let key = json!({ "columns": ["parent"], "references": { "table": "t", "columns": ["id"] }, "deferrable": deferrable });
                serde_json::from_value(json!({ "tables": { "t": { "columns": columns, "primary_key": ["id"], "foreign_keys": { "k": key } } } })).unwrap()
            };
            let steps = plan(&schema(true), &schema(false), &FieldPath::root()).unwrap();
            steps.into_iter().flatten().find(|step| step.up.contains("UPDATE")).unwrap().up
        };
        assert!(update_sql("deferred").starts_with("SET CONSTRAINTS ALL IMMEDIATE;\nUPDATE "));
        assert!(update_sql("immediate").starts_with("UPDATE "));
    }
}
