//! Plans changes of identity columns.

use super::change::ColumnChange;
use crate::database::ddl;
use crate::database::migrate::diff::Diff;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::sequences::{sequence_before_identity, sequence_follows_identity};
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::Code;

/// Refuses a change of an identity column in a partitioned table, because PostgreSQL does not support such changes.
pub(super) fn refuse_identity(planner: &mut Planner, change: &ColumnChange) {
    planner.refuse(
        Code::ChangeRefused,
        change.path().key("identity"),
        format!("{} is partitioned, so the identity of its columns cannot change", change.table.name),
        "use a sequence and `default = \"nextval('…')\"`",
    );
}

/// Plans the change of a column's identity.
pub(super) fn change_identity(
    planner: &mut Planner,
    diff: &Diff,
    change: &ColumnChange,
    (old, new): (&Column, &Column),
) {
    let identity_changes = old.identity != new.identity || old.identity_options != new.identity_options;
    if change.table.new.partition_by.is_some() && identity_changes {
        refuse_identity(planner, change);
        return;
    }
    // The server refuses an identity for a column that may be NULL, so NOT NULL comes first.
    let phase = if old.nullable && !new.nullable { Phase::Validate } else { Phase::Create };
    // After the other steps of the column in the phase.
    let step = |predicate: &str| change.step(phase, "identity", predicate).order_in_phase(change.order_in_phase + 1);
    let owner = ColumnOf { table: change.table.name.clone(), column: change.column.clone() };
    // The identity continues the numbers of the sequence that it replaces.
    if let Some((name, sequence)) = sequence_before_identity(diff, &owner) {
        let sequence_from_identity = ddl::identity_to_sequence(&owner, name, sequence);
        planner.push(step("is numbered by the server").up(ddl::sequence_to_identity(&owner, name, new)).down(format!(
            "{sequence_from_identity}\nALTER SEQUENCE {} OWNED BY {};",
            name.sql(),
            owner.sql()
        )));
        return;
    }
    match (old.identity, new.identity) {
        // The step of the new sequence also drops the identity.
        (Some(_), None) if sequence_follows_identity(diff, &owner) => {}
        (None, Some(identity)) => {
            planner.push(add_identity(step("is numbered by the server"), change, identity, new.identity_options));
        }
        (Some(_), None) => planner.push(
            step("is no longer numbered by the server")
                .order_in_phase(change.order_in_phase.saturating_sub(1))
                .up(format!("{} DROP IDENTITY;", change.alter_column_prefix()))
                .irreversible("the position of its sequence is lost"),
        ),
        (Some(old_identity), Some(new_identity)) if old_identity != new_identity => {
            let set = |identity| format!("{} SET {};", change.alter_column_prefix(), ddl::generated_clause(identity));
            planner.push(step("is numbered differently").up(set(new_identity)).down(set(old_identity)));
        }
        _ => {}
    }
    if old.identity.is_some() && new.identity.is_some() && old.identity_options != new.identity_options {
        let step = step("is numbered with other options");
        planner.push(step.up(set_options(change, old, new)).down(set_options(change, new, old)));
    }
}

/// Returns a step that makes a column an identity column. New rows get numbers after those of the stored rows.
fn add_identity(
    step: MigrationStep,
    change: &ColumnChange,
    identity: Identity,
    options: IdentityOptions,
) -> MigrationStep {
    let (table, column) = (literal(&change.table.name.sql()), literal(change.column.as_str()));
    let set_position = format!(
        "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({table}, {column}), \
         (SELECT {} FROM {}), false);",
        next_number(&quoted(change.column), options),
        change.table.name.sql()
    );
    step.up(format!(
        "{} ADD {};\n{}",
        change.alter_column_prefix(),
        ddl::identity(identity, options),
        change.without_forced_row_security(&set_position)
    ))
    .down(format!("{} DROP IDENTITY;", change.alter_column_prefix()))
}

/// Returns the statements that change the options of an identity column.
fn set_options(change: &ColumnChange, from: &Column, to: &Column) -> String {
    let alter = change.alter_column_prefix();
    let (table, column) = (literal(&change.table.name.sql()), literal(change.column.as_str()));
    let sequence = format!("pg_catalog.pg_get_serial_sequence({table}, {column})::pg_catalog.regclass");
    let statements = ddl::SequenceStatements { alter: &alter, option_prefix: "SET ", sequence: &sequence };
    let options = ddl::numbering(&to.identity_options.into()).map(|option| format!("SET {option}"));
    ddl::change_sequence_options(&statements, &sequence_of(from), &sequence_of(to), &options.join(" "))
}

/// Returns the sequence of an identity column: its type is that of the column, and its options are those of the
/// identity.
fn sequence_of(column: &Column) -> Sequence {
    let kind = match column.kind.as_str() {
        "smallint" => SequenceKind::Smallint,
        "integer" => SequenceKind::Integer,
        _ => SequenceKind::Bigint,
    };
    Sequence { kind, ..column.identity_options.into() }
}

/// Returns the expression for the first number of new rows: after the numbers of all stored rows, and not before the
/// start of the sequence. A negative increment counts down.
fn next_number(column: &str, options: IdentityOptions) -> String {
    let sequence = Sequence::from(options);
    let start = sequence.start.unwrap_or(sequence.default_start());
    // In a table without rows, `min` and `max` are NULL, which `least` and `greatest` ignore.
    if sequence.is_descending() {
        format!("least(min({column}) - 1, {start})")
    } else {
        format!("greatest(max({column}) + 1, {start})")
    }
}
