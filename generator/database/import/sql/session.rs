//! What a file says to the session that reads it, not about the schema.

use squawk_syntax::SyntaxNode;

use super::tree::{Take, Unsupported, clause, loss, tokens};
use crate::database::lexer;

/// Settings of a session that change nothing that is stored, as pg_dump writes them.
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

/// Values under which the others mean what they say.
const PLAIN: [&str; 10] = ["on", "off", "true", "false", "''", "heap", "0", "content", "warning", "'utc'"];

/// psql's own commands are no SQL: those that only guard a dump become blanks, others are losses.
pub fn without_commands(text: &str) -> (String, Vec<Unsupported>) {
    let mut sql = text.to_owned();
    let mut losses = Vec::new();
    // Lines that begin with a backslash, unless inside of quotes.
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

/// A statement about the session.
pub fn statement(node: &SyntaxNode) -> Take<()> {
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
        ["set", "search_path", ..] => {
            loss(node, "`SET search_path`: write the schema before each name, so that every name says what it means")
        }
        ["set", name, "to" | "=", value] if HARMLESS.contains(name) => {
            let timeout = name.ends_with("_timeout") || *name == "client_min_messages";
            let escapes = *name == "standard_conforming_strings" && !["on", "true"].contains(value);
            if escapes {
                loss(node, "`SET standard_conforming_strings`: strings would mean something else")
            } else if timeout || PLAIN.contains(value) || value.starts_with("'utf") || value.starts_with("'warn") {
                Ok(())
            } else {
                loss(node, format!("`SET {name}`: the value changes what the rest means"))
            }
        }
        ["reset", ..] => Ok(()),
        ["set", name, ..] => loss(node, format!("`SET {name}` has no place in the model")),
        ["select", ..] => loss(node, "`SELECT`: a statement that runs is no part of a schema"),
        _ => loss(node, format!("`{}` has no place in the model", clause(node))),
    }
}
