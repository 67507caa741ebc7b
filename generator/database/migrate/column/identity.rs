//! Columns that the server numbers.

use super::At;
use crate::database::ddl;
use crate::database::migrate::{Phase, Planner};
use crate::database::model::*;
use crate::diagnostic::Code;

/// A table that is divided cannot number its rows later on.
pub(super) fn refuse_identity(planner: &mut Planner, at: &At) {
    planner.refuse(
        Code::ChangeRefused,
        at.path().key("identity"),
        format!("{} is divided into partitions, and its columns are numbered from the start or not at all", at.table),
        "use a sequence and `default = \"nextval('…')\"`",
    );
}

pub(super) fn identity(planner: &mut Planner, at: &At, was: &Column, is: &Column) {
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
            step("is numbered by the server no more")
                .rank(at.rank.saturating_sub(1))
                .up(format!("{} DROP IDENTITY;", at.alter()))
                .never("the position of its sequence is gone"),
        ),
        (Some(old), Some(new)) if old != new => {
            let set =
                |identity| format!("{} SET {};", at.alter(), ddl::identity(identity).trim_end_matches(" AS IDENTITY"));
            planner.push(step("is numbered otherwise").up(set(new)).down(set(old)));
        }
        _ => {}
    }
}
