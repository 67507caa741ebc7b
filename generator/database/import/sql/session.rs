//! Statements and psql commands that concern the session, not the schema.

use squawk_syntax::SyntaxNode;

use super::tree::{Parsed, Unsupported, leading_keywords, tokens, unsupported};
use crate::database::lexer;

/// Settings in dumps that do not change the schema, if their value is harmless.
const HARMLESS_SETTINGS: [&str; 16] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "client_encoding",
    "standard_conforming_strings",
    "check_function_bodies",
    "xmloption",
    "client_min_messages",
    "row_security",
    "default_table_access_method",
    "default_tablespace",
    "default_with_oids",
    "default_toast_compression",
    "escape_string_warning",
    "timezone",
];

/// Values of [`HARMLESS_SETTINGS`] that do not change the meaning of later statements.
const HARMLESS_VALUES: [&str; 10] = ["on", "off", "true", "false", "''", "heap", "0", "content", "warning", "'utc'"];

/// Replaces the psql commands `\restrict` and `\unrestrict`, with which pg_dump protects a dump, by blanks, and reports
/// all other commands. Blanks keep the places of later statements.
pub fn without_psql_commands(text: &str) -> (String, Vec<Unsupported>) {
    let mut sql = text.to_owned();
    let mut unsupported_commands = Vec::new();
    // A line that begins with a backslash is a command, unless it is inside quotes.
    let quoted_ranges: Vec<(usize, usize)> = lexer::tokens(text)
        .unwrap_or_default()
        .iter()
        .filter(|token| token.kind == lexer::TokenKind::Literal || token.kind == lexer::TokenKind::Comment)
        .map(|token| (token.at, token.at + token.text.len()))
        .collect();
    let is_quoted = |at: usize| quoted_ranges.iter().any(|(start, end)| *start < at && at < *end);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('\\') && !is_quoted(at) {
            let command = line[1..].split_whitespace().next().unwrap_or_default();
            if ["restrict", "unrestrict"].contains(&command) {
                let end = at + line.trim_end().len();
                sql.replace_range(at..end, &" ".repeat(end - at));
            } else {
                unsupported_commands
                    .push(Unsupported { at, what: format!("`\\{command}` is a command of psql, not SQL") });
            }
        }
        at += line.len();
    }
    (sql, unsupported_commands)
}

/// Refuses a statement that changes the meaning of later statements, or that is not about the session.
pub fn check_statement(node: &SyntaxNode) -> Parsed<()> {
    let words: Vec<String> = tokens(node).map(|token| token.text().to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != ";").collect();
    match words.as_slice() {
        [] | ["begin" | "commit" | "end"] | ["begin" | "commit" | "start", "transaction" | "work"] => Ok(()),
        ["select", "pg_catalog", ".", "set_config", "(", "'search_path'", ",", "''", ",", "false", ")"] => Ok(()),
        ["set", "search_path", "to" | "=", path @ ..]
            if path.iter().all(|word| [",", "public", "pg_catalog", "'public'", "''"].contains(word)) =>
        {
            Ok(())
        }
        ["set", "search_path", ..] => unsupported(
            node,
            "`SET search_path`: write the schema before each name instead, so that names are unambiguous",
        ),
        ["set", name, "to" | "=", value] if HARMLESS_SETTINGS.contains(name) => {
            let accepts_any_value = name.ends_with("_timeout") || *name == "client_min_messages";
            let enables_escapes = *name == "standard_conforming_strings" && !["on", "true"].contains(value);
            if enables_escapes {
                unsupported(node, "`SET standard_conforming_strings`: this value changes the meaning of strings")
            } else if accepts_any_value
                || HARMLESS_VALUES.contains(value)
                || value.starts_with("'utf")
                || value.starts_with("'warn")
            {
                Ok(())
            } else {
                unsupported(node, format!("`SET {name}`: this value changes the meaning of later statements"))
            }
        }
        ["reset", ..] => Ok(()),
        ["set", name, ..] => unsupported(node, format!("nself cannot represent `SET {name}`")),
        ["select", ..] => unsupported(node, "`SELECT`: a query is not part of a schema"),
        _ => unsupported(node, format!("nself cannot represent `{}`", leading_keywords(node))),
    }
}
