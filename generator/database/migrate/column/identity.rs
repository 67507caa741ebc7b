//! Plans changes of identity columns.

use super::ColumnChange;
use crate::database::ddl;
use crate::database::migrate::{Phase, Planner};
use crate::database::model::*;
use crate::diagnostic::Code;

/// Refuses a change of an identity in a partitioned table, which PostgreSQL does not support.
pub(super) fn refuse_identity(planner: &mut Planner, at: &ColumnChange) {
    planner.refuse(
        Code::ChangeRefused,
        at.path().key("identity"),
        format!("{} is partitioned, so the identity of its columns cannot change", at.table),
        "use a sequence and `default = \"nextval('…')\"`",
    );
}

/// Plans the change of a column's identity.
pub(super) fn identity(planner: &mut Planner, at: &ColumnChange, was: &Column, is: &Column) {
    if at.divided && was.identity != is.identity {
        refuse_identity(planner, at);
        return;
    }
    let step = |what: &str| at.step(Phase::Create, "identity", what).rank(at.rank + 1);
    match (was.identity, is.identity) {
        (None, Some(identity)) => {
            let table = literal(&at.table.sql());
            let column = literal(at.column.as_str());
            let next = format!(
                "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({table}, {column}), \
                 (SELECT coalesce(max({}), 0) + 1 FROM {}), false);",
                quoted(at.column),
                at.table.sql()
            );
            planner.push(
                step("is numbered by the server")
                    .up(format!("{} ADD {};\n{}", at.alter(), ddl::identity(identity), at.on_all_rows(&next)))
                    .down(format!("{} DROP IDENTITY;", at.alter())),
            );
        }
        (Some(_), None) => planner.push(
            step("is no longer numbered by the server")
                .rank(at.rank.saturating_sub(1))
                .up(format!("{} DROP IDENTITY;", at.alter()))
                .never("the position of its sequence is lost"),
        ),
        (Some(old), Some(new)) if old != new => {
            let set =
                |identity| format!("{} SET {};", at.alter(), ddl::identity(identity).trim_end_matches(" AS IDENTITY"));
            planner.push(step("is numbered otherwise").up(set(new)).down(set(old)));
        }
        _ => {}
    }
}
