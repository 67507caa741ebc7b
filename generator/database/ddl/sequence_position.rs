//! SQL that changes the bounds of a sequence whose position may be outside of them.

use super::do_block;
use crate::database::model::*;

/// The parts of statements in PL/pgSQL that name a sequence.
pub struct SequenceStatements<'a> {
    /// The beginning of a statement that changes the sequence, such as `ALTER SEQUENCE "public"."s"`.
    pub alter: &'a str,
    /// The word before an option: `SET ` for the sequence of an identity column, else none.
    pub option_prefix: &'a str,
    /// The sequence as an expression of the type regclass.
    pub sequence: &'a str,
}

/// Returns the statement that gives a sequence its new options. PostgreSQL refuses bounds that exclude the position of the
/// sequence. A sequence that has not reached the new bounds then starts within them; one that has passed them has no
/// further value, unless it cycles, since every value within the bounds may be in use.
pub fn change_sequence_options(
    statements: &SequenceStatements,
    old: &Sequence,
    new: &Sequence,
    options: &str,
) -> String {
    let SequenceStatements { alter, option_prefix, sequence } = statements;
    let ((old_min, old_max), (min, max)) = (old.bounds(), new.bounds());
    if min <= old_min && old_max <= max {
        return format!("{alter} {options};");
    }
    let restart = |value: i64| format!("{alter} {options} RESTART WITH {value};");
    // `start` continues at the start value; `end` continues after the last value, so that no value follows.
    let start = restart(new.start.unwrap_or(new.default_start()));
    let end = |value: i64| format!("{} PERFORM pg_catalog.setval({sequence}, {value}, true);", restart(value));
    // The statements for a position below and for a position above the new bounds.
    let (below, above) = match new.is_descending() {
        false => (start, end(max)),
        true => (end(min), start),
    };
    // This statement changes no option. Its lock prevents others from changing the position before the end of the transaction.
    let lock = format!("{alter} {option_prefix}CACHE {};", old.cache.unwrap_or(1));
    do_block(&format!(
        "DECLARE last bigint;\nBEGIN\n  {lock}\n  EXECUTE pg_catalog.format('SELECT last_value FROM %s', {sequence}) INTO last;\n  \
         IF last < {min} THEN\n    {below}\n  ELSIF last > {max} THEN\n    {above}\n  ELSE\n    {alter} {options};\n  END IF;\nEND"
    ))
}
