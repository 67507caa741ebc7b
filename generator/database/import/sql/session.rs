//! Statements and psql commands that concern the session, not the schema.

use squawk_syntax::SyntaxNode;

use super::plain_names::PlainNames;
use super::query;
use super::tree::{Parsed, Unsupported, leading_keywords, tokens, unsupported};
use crate::database::lexer::{self, TokenKind};

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
    "row_security",
    "default_table_access_method",
    "default_tablespace",
    "default_with_oids",
    "default_toast_compression",
    "escape_string_warning",
    "timezone",
    "jit",
];

/// Settings that do not change the schema, whatever their value.
const SETTINGS_WITH_ANY_VALUE: [&str; 18] = [
    "application_name",
    "bytea_output",
    "constraint_exclusion",
    "deadlock_timeout",
    "default_statistics_target",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "extra_float_digits",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "client_min_messages",
    "log_min_messages",
    "log_statement",
    "maintenance_work_mem",
    "work_mem",
    "session_replication_role",
    "synchronous_commit",
    "max_parallel_maintenance_workers",
];

/// Commands of psql that print or change how psql runs; they do not change the schema.
const HARMLESS_COMMANDS: [&str; 13] = [
    "restrict",
    "unrestrict",
    "set",
    "unset",
    "echo",
    "qecho",
    "warn",
    "pset",
    "timing",
    "encoding",
    "x",
    "conninfo",
    "prompt",
];

/// Values of [`HARMLESS_SETTINGS`] that do not change the meaning of later statements.
const HARMLESS_VALUES: [&str; 10] = ["on", "off", "true", "false", "''", "heap", "0", "content", "warning", "'utc'"];

/// Parts of a search path with which names without a schema mean objects of `public` or of the server. `$user` is the
/// schema with the name of the current role; a dump does not use such a schema.
const HARMLESS_PATHS: [&str; 11] = [
    ",",
    "public",
    "\"public\"",
    "'public'",
    "pg_catalog",
    "\"pg_catalog\"",
    "pg_temp",
    "''",
    "\"$user\"",
    "'$user'",
    "default",
];

/// Replaces the rows after `COPY … FROM stdin;` by blanks, which keep the places of later statements.
fn without_copied_rows(text: &str) -> String {
    let mut sql = String::with_capacity(text.len());
    // `start` is the end of the last rows, where a statement begins; `at` is the start of the next line.
    let (mut start, mut at) = (0, 0);
    while let Some(line) = text[at..].split_inclusive('\n').next() {
        let (line_start, line_end) = (at, at + line.len());
        at = line_end;
        // Inside a string, the text before the line has an unclosed quote.
        let begins_statement = || {
            lexer::tokens(&text[start..line_start]).is_ok_and(|tokens| {
                tokens.iter().rfind(|token| token.kind != TokenKind::Comment).is_none_or(|token| token.text == ";")
            })
        };
        if !copies_rows(line) || !begins_statement() {
            continue;
        }
        // Rows without the end `\.` stay in the text, and the parser reports them.
        let mut length = 0;
        let rows_length = text[line_end..].split_inclusive('\n').find_map(|row| {
            length += row.len();
            (row.trim_end() == "\\.").then_some(length)
        });
        if let Some(length) = rows_length {
            sql.push_str(&text[start..line_end]);
            // Each byte becomes a blank, so that places stay the same.
            let rows = text[line_end..line_end + length].bytes();
            sql.extend(rows.map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            (start, at) = (line_end + length, line_end + length);
        }
    }
    sql.push_str(&text[start..]);
    sql
}

/// Returns whether a line is `COPY … FROM stdin;`, after which psql reads rows.
fn copies_rows(line: &str) -> bool {
    let words = line.trim_end().to_ascii_lowercase();
    words.starts_with("copy ") && words.contains(" from stdin") && words.ends_with(';')
}

/// SQL without commands of psql.
pub struct WithoutCommands {
    pub sql: String,
    pub unsupported_commands: Vec<Unsupported>,
    /// The place of the command that connects to the database. The statements before it belong to a different database.
    pub connected_at: Option<usize>,
}

impl WithoutCommands {
    /// Returns the text without the double quotes that names do not need.
    pub fn with_plain_names(&self, names: &PlainNames) -> WithoutCommands {
        let commands = self.unsupported_commands.iter();
        WithoutCommands {
            sql: names.sql.clone(),
            unsupported_commands: commands
                .map(|command| Unsupported { at: names.changed(command.at), what: command.what.clone() })
                .collect(),
            connected_at: self.connected_at.map(|at| names.changed(at)),
        }
    }
}

/// Replaces the rows of `COPY … FROM stdin` and the commands of psql that do not change the schema by blanks, and
/// reports all other commands. Blanks keep the places of later statements.
pub fn without_psql_commands(text: &str) -> WithoutCommands {
    let text = &without_copied_rows(text);
    let mut sql = text.to_owned();
    let mut unsupported_commands = Vec::new();
    let mut connected_at = None;
    // A line that begins with a backslash is a command, unless it is inside quotes.
    let quoted_ranges: Vec<(usize, usize)> = lexer::tokens(text)
        .unwrap_or_default()
        .iter()
        .filter(|token| token.kind == TokenKind::Literal || token.kind == TokenKind::Comment)
        .map(|token| (token.at, token.at + token.text.len()))
        .collect();
    let is_quoted = |at: usize| quoted_ranges.iter().any(|(start, end)| *start < at && at < *end);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('\\') && !is_quoted(at) {
            let command = line[1..].split_whitespace().next().unwrap_or_default();
            let is_connect = ["c", "connect"].contains(&command);
            // A dump begins with one command that connects to its database.
            let is_first_connect = is_connect && connected_at.is_none();
            if is_first_connect {
                connected_at = Some(at);
            }
            let end = at + line.trim_end().len();
            sql.replace_range(at..end, &" ".repeat(end - at));
            // `\d` and the commands that begin with it print descriptions of objects.
            if !(HARMLESS_COMMANDS.contains(&command) || is_first_connect || command.starts_with('d')) {
                let way = if ["i", "ir", "include", "include_relative"].contains(&command) {
                    "; write the content of that file in its place"
                } else {
                    ""
                };
                let what = format!("`\\{command}` is a command of psql, not SQL{way}");
                unsupported_commands.push(Unsupported { at, what });
            }
        }
        at += line.len();
    }
    WithoutCommands { sql: with_quoted_exclude(sql), unsupported_commands, connected_at }
}

/// Puts the name of a column `exclude` in quotes, because the parser reads the word as the beginning of a constraint.
fn with_quoted_exclude(sql: String) -> String {
    if !sql.to_ascii_lowercase().contains("exclude") {
        return sql;
    }
    let tokens: Vec<_> = lexer::tokens(&sql).unwrap_or_default();
    let tokens: Vec<_> = tokens.into_iter().filter(|token| token.kind != TokenKind::Comment).collect();
    let is_column = |triple: &[lexer::Token]| {
        let [before, word, after] = triple else { return false };
        let precedes_column = ["(", ",", "column", "add"].iter().any(|other| before.text.eq_ignore_ascii_case(other));
        let begins_constraint = after.text == "(" || after.text.eq_ignore_ascii_case("using");
        word.kind == TokenKind::Word
            && word.text.eq_ignore_ascii_case("exclude")
            && precedes_column
            && !begins_constraint
    };
    let places: Vec<usize> = tokens.windows(3).filter(|triple| is_column(triple)).map(|triple| triple[1].at).collect();
    let (mut quoted_sql, mut copied_until) = (String::with_capacity(sql.len()), 0);
    for at in places {
        quoted_sql.push_str(&sql[copied_until..at]);
        quoted_sql.push_str("\"exclude\"");
        copied_until = at + "exclude".len();
    }
    quoted_sql.push_str(&sql[copied_until..]);
    quoted_sql
}

/// Refuses a statement that changes the meaning of later statements, or that is not about the session.
pub fn check_statement(node: &SyntaxNode) -> Parsed<()> {
    let words: Vec<String> = tokens(node).map(|token| token.text().to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != ";").collect();
    // `SET LOCAL name` and `SET SESSION name` are checked as `SET name`.
    let is_scoped = words.len() > 2 && words[0] == "set" && ["local", "session"].contains(&words[1]);
    let words = if is_scoped { [&words[..1], &words[2..]].concat() } else { words };
    match words.as_slice() {
        [] | ["begin" | "commit" | "end"] | ["begin" | "commit" | "start", "transaction" | "work"] => Ok(()),
        ["select" | "with", ..] => query::check_query(node, &words),
        ["set", "time", "zone", ..] => check_time_zone(node),
        ["set", "search_path", "to" | "=", path @ ..] if path.iter().all(|word| HARMLESS_PATHS.contains(word)) => {
            Ok(())
        }
        // A setting of an extension or of the application.
        ["set", _, ".", ..] => Ok(()),
        ["set", "search_path", ..] => unsupported(
            node,
            "`SET search_path`: write the schema before each name instead, so that names are unambiguous",
        ),
        ["set", name, "to" | "=", _] if SETTINGS_WITH_ANY_VALUE.contains(name) => Ok(()),
        ["set", name, "to" | "=", ..] if name.starts_with("enable_") => Ok(()),
        ["set", "datestyle", "to" | "=", "'iso, mdy'" | "iso" | "'iso'"] => Ok(()),
        ["set", "datestyle", "to" | "=", "iso", ",", "mdy"] => Ok(()),
        ["set", "intervalstyle", "to" | "=", "'postgres'" | "postgres"] => Ok(()),
        ["set", name, "to" | "=", value] if HARMLESS_SETTINGS.contains(name) => {
            let accepts_any_value = name.ends_with("_timeout");
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
        _ => unsupported(node, format!("nself cannot represent `{}`", leading_keywords(node))),
    }
}

/// Refuses a time zone that is not UTC, since it changes the meaning of times in defaults and partitions.
fn check_time_zone(node: &SyntaxNode) -> Parsed<()> {
    let zone = tokens(node).filter(|token| token.text() != ";").last().map(|token| token.text().to_ascii_lowercase());
    match zone.as_deref() {
        Some("'utc'" | "utc" | "default" | "local" | "zone" | "'etc/utc'" | "'gmt'") => Ok(()),
        _ => unsupported(node, "`SET TIME ZONE`: this value changes the meaning of later statements"),
    }
}
