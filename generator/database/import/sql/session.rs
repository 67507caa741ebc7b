//! Statements and psql commands that concern the session and not the schema.

use squawk_syntax::SyntaxNode;

use super::tree::{Parsed, Unsupported, clause, tokens, unsupported};
use crate::database::lexer;

/// Settings in dumps that do not change what is stored.
const HARMLESS: [&str; 16] = [
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

/// Values that do not change the meaning of later statements.
const PLAIN: [&str; 10] = ["on", "off", "true", "false", "''", "heap", "0", "content", "warning", "'utc'"];

/// Replaces psql commands that only guard a dump with blanks, and reports all others.
pub fn without_commands(text: &str) -> (String, Vec<Unsupported>) {
    let mut sql = text.to_owned();
    let mut losses = Vec::new();
    // A line that begins with a backslash is a command, unless it is inside quotes.
    let quoted: Vec<(usize, usize)> = lexer::tokens(text)
        .unwrap_or_default()
        .iter()
        .filter(|token| token.kind == lexer::TokenKind::Literal || token.kind == lexer::TokenKind::Comment)
        .map(|token| (token.at, token.at + token.text.len()))
        .collect();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('\\') && !quoted.iter().any(|(from, to)| *from < at && at < *to) {
            let command = line[1..].split_whitespace().next().unwrap_or_default();
            if ["restrict", "unrestrict"].contains(&command) {
                let end = at + line.trim_end().len();
                sql.replace_range(at..end, &" ".repeat(end - at));
            } else {
                losses.push(Unsupported { at, what: format!("`\\{command}` is a command of psql, not SQL") });
            }
        }
        at += line.len();
    }
    (sql, losses)
}

/// Checks a statement that concerns the session.
pub fn statement(node: &SyntaxNode) -> Parsed<()> {
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
        ["set", name, "to" | "=", value] if HARMLESS.contains(name) => {
            let timeout = name.ends_with("_timeout") || *name == "client_min_messages";
            let escapes = *name == "standard_conforming_strings" && !["on", "true"].contains(value);
            if escapes {
                unsupported(node, "`SET standard_conforming_strings`: this value changes the meaning of strings")
            } else if timeout || PLAIN.contains(value) || value.starts_with("'utf") || value.starts_with("'warn") {
                Ok(())
            } else {
                unsupported(node, format!("`SET {name}`: this value changes the meaning of later statements"))
            }
        }
        ["reset", ..] => Ok(()),
        ["set", name, ..] => unsupported(node, format!("nself cannot represent `SET {name}`")),
        ["select", ..] => unsupported(node, "`SELECT`: a query is not part of a schema"),
        _ => unsupported(node, format!("nself cannot represent `{}`", clause(node))),
    }
}
