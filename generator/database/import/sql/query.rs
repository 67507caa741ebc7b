//! Queries of a script, whose functions may change the schema or the session.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{Parsed, path, unsupported};

/// Functions without an effect on the schema, which scripts call to wait, to lock or to look something up.
const HARMLESS_FUNCTIONS: [&str; 19] = [
    "coalesce",
    "count",
    "current_database",
    "current_setting",
    "current_schema",
    "format",
    "max",
    "min",
    "now",
    "pg_advisory_lock",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_xact_lock",
    "pg_get_serial_sequence",
    "pg_sleep",
    "pg_try_advisory_lock",
    "sum",
    "to_regclass",
    "version",
];

/// Refuses a query that could change the schema or the meaning of later statements. `words` are its tokens.
pub fn check_query(node: &SyntaxNode, words: &[&str]) -> Parsed<()> {
    let arguments: &[&str] = match words {
        ["select", "pg_catalog", ".", "set_config", "(", arguments @ ..]
        | ["select", "set_config", "(", arguments @ ..] => arguments,
        _ => &[],
    };
    let is_harmless = match arguments {
        ["'search_path'", ",", path, ",", "false" | "true", ")"] => {
            ["''", "'public'", "'public, pg_catalog'"].contains(path)
        }
        // A setting of an extension or of the application.
        [name, ..] => {
            let mut functions = called_functions(node).filter(|name| !is_harmless_function(name));
            name.contains('.') && functions.next().is_some() && functions.next().is_none()
        }
        // Without a call of a function, a query changes nothing.
        [] => called_functions(node).all(|name| is_harmless_function(&name)),
    };
    if is_harmless {
        return Ok(());
    }
    unsupported(
        node,
        "`SELECT`: a query is not part of a schema; remove it, and if its functions change the schema, run it in a \
         hand-written migration: `nself db new --by-hand`",
    )
}

/// Returns whether a function has no effect on the schema.
pub fn is_harmless_function(name: &str) -> bool {
    HARMLESS_FUNCTIONS.contains(&name)
}

/// Returns the names of the functions that a statement calls, without their schemas.
pub fn called_functions(node: &SyntaxNode) -> impl Iterator<Item = String> {
    let calls = node.descendants().filter(|part| part.kind() == SyntaxKind::CALL_EXPR);
    calls.map(|call| call.children().next().and_then(|name| path(&name).pop()).unwrap_or_default())
}
