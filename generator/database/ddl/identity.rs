//! SQL that turns a column with a sequence into an identity column, and back. The new sequence continues at the position
//! of the old one.

use super::{create_sequence, do_block, generated_clause, identity};
use crate::database::model::*;

/// Returns the statement that makes a column an identity column and drops the sequence that numbered its rows before.
/// The default of the column, which uses that sequence, must have been dropped before.
pub fn sequence_to_identity(owner: &ColumnOf, sequence: &ObjectName, column: &Column) -> String {
    let ColumnOf { table, column: name } = owner;
    let clause = match column.identity {
        Some(kind) => identity(kind, column.identity_options),
        None => generated_clause(Identity::ByDefault).to_owned(),
    };
    let change = format!(
        "DROP SEQUENCE {};\n  ALTER TABLE {} ALTER COLUMN {} ADD {clause};",
        sequence.sql(),
        table.sql(),
        quoted(name)
    );
    with_position(&literal(&sequence.sql()), &change, &serial_sequence(owner))
}

/// Returns the statement that makes an identity column a plain one, and creates a sequence that continues its numbers.
pub fn identity_to_sequence(owner: &ColumnOf, sequence: &ObjectName, definition: &Sequence) -> String {
    let ColumnOf { table, column } = owner;
    let change = format!(
        "ALTER TABLE {} ALTER COLUMN {} DROP IDENTITY;\n  {}",
        table.sql(),
        quoted(column),
        create_sequence(sequence, definition)
    );
    with_position(&serial_sequence(owner), &change, &literal(&sequence.sql()))
}

/// Returns an expression whose value is the name of the sequence that belongs to a column.
fn serial_sequence(owner: &ColumnOf) -> String {
    let (table, column) = (literal(&owner.table.sql()), literal(owner.column.as_str()));
    format!("pg_catalog.pg_get_serial_sequence({table}, {column})")
}

/// Returns a statement that makes a change and gives the new sequence the position of the old one. `old` and `new` are
/// expressions whose values are the names of the sequences.
fn with_position(old: &str, change: &str, new: &str) -> String {
    do_block(&format!(
        "DECLARE last bigint; called boolean;\nBEGIN\n  EXECUTE pg_catalog.format('SELECT last_value, is_called FROM %s', {old}) INTO last, called;\n  \
         {change}\n  PERFORM pg_catalog.setval(({new})::pg_catalog.regclass, last, called);\nEND"
    ))
}
