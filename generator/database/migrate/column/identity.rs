//! Plans changes of identity columns.

use super::change::ColumnChange;
use crate::database::ddl;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::Phase;
use crate::database::model::*;
use crate::diagnostic::Code;

/// Refuses a change of an identity in a partitioned table, which PostgreSQL does not support.
pub(super) fn refuse_identity(planner: &mut Planner, change: &ColumnChange) {
    planner.refuse(
        Code::ChangeRefused,
        change.path().key("identity"),
        format!("{} is partitioned, so the identity of its columns cannot change", change.table.name),
        "use a sequence and `default = \"nextval('…')\"`",
    );
}

/// Plans the change of a column's identity.
pub(super) fn identity(planner: &mut Planner, change: &ColumnChange, old: &Column, new: &Column) {
    if change.table.new.partition_by.is_some() && old.identity != new.identity {
        refuse_identity(planner, change);
        return;
    }
    // The server refuses an identity for a column that may be NULL.
    let phase = if old.nullable && !new.nullable { Phase::Validate } else { Phase::Create };
    let step = |what: &str| change.step(phase, "identity", what).rank(change.rank + 1);
    match (old.identity, new.identity) {
        (None, Some(identity)) => {
            let table = literal(&change.table.name.sql());
            let column = literal(change.column.as_str());
            let next = format!(
                "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({table}, {column}), \
                 (SELECT coalesce(max({}), 0) + 1 FROM {}), false);",
                quoted(change.column),
                change.table.name.sql()
            );
            planner.push(
                step("is numbered by the server")
                    .up(format!("{} ADD {};\n{}", change.alter(), ddl::identity(identity), change.on_all_rows(&next)))
                    .down(format!("{} DROP IDENTITY;", change.alter())),
            );
        }
        (Some(_), None) => planner.push(
            step("is no longer numbered by the server")
                .rank(change.rank.saturating_sub(1))
                .up(format!("{} DROP IDENTITY;", change.alter()))
                .never("the position of its sequence is lost"),
        ),
        (Some(old), Some(new)) if old != new => {
            let set = |identity| {
                format!("{} SET {};", change.alter(), ddl::identity(identity).trim_end_matches(" AS IDENTITY"))
            };
            planner.push(step("is numbered otherwise").up(set(new)).down(set(old)));
        }
        _ => {}
    }
}
