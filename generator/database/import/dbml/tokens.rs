//! Tokens of DBML.

use crate::database::import::ImportFinding;

/// A token with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbmlToken {
    pub line: usize,
    pub kind: DbmlTokenKind,
    pub text: String,
    /// Whether it is the first token of its line.
    pub first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DbmlTokenKind {
    Word,
    /// In double quotes.
    Name,
    Text,
    Expression,
    Symbol,
}

/// Splits a text into tokens; comments are left out.
///
/// # Errors
/// An unclosed quote or comment, with its line.
pub fn tokens(text: &str) -> Result<Vec<DbmlToken>, ImportFinding> {
    let mut all: Vec<DbmlToken> = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let (mut i, mut line, mut first) = (0, 1, true);
    let starts = |i: usize, what: &str| what.chars().enumerate().all(|(k, c)| chars.get(i + k) == Some(&c));
    while i < chars.len() {
        let c = chars[i];
        let from = line;
        if c == '\n' {
            (line, first) = (line + 1, true);
            i += 1;
            continue;
        }
        if c.is_whitespace() || c == '\u{feff}' {
            i += 1;
            continue;
        }
        if starts(i, "//") {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
            continue;
        }
        let until = |mut i: usize, end: &str, escapes: bool| -> Option<(String, usize)> {
            let mut out = String::new();
            while i < chars.len() {
                if starts(i, end) {
                    return Some((out, i + end.chars().count()));
                }
                if escapes && chars[i] == '\\' && i + 1 < chars.len() {
                    i += 1;
                    if chars[i] != '\n' {
                        out.push(chars[i]);
                    }
                } else {
                    out.push(chars[i]);
                }
                i += 1;
            }
            None
        };
        let open = |what: &str| ImportFinding { line: from, column: 1, what: format!("the {what} is not closed") };
        let (kind, value, next) = if starts(i, "/*") {
            let (inside, next) = until(i + 2, "*/", false).ok_or_else(|| open("comment"))?;
            line += inside.matches('\n').count();
            i = next;
            continue;
        } else if starts(i, "'''") {
            let (inside, next) = until(i + 3, "'''", true).ok_or_else(|| open("text"))?;
            (DbmlTokenKind::Text, dedented(&inside), next)
        } else if c == '\'' {
            let (inside, next) = until(i + 1, "'", true).ok_or_else(|| open("text"))?;
            (DbmlTokenKind::Text, inside, next)
        } else if c == '"' {
            let (inside, next) = until(i + 1, "\"", true).ok_or_else(|| open("name"))?;
            (DbmlTokenKind::Name, inside, next)
        } else if c == '`' {
            let (inside, next) = until(i + 1, "`", false).ok_or_else(|| open("expression"))?;
            (DbmlTokenKind::Expression, inside, next)
        } else if c.is_alphanumeric() || c == '_' || c == '#' {
            let end = (i + 1..chars.len()).find(|k| !(chars[*k].is_alphanumeric() || chars[*k] == '_'));
            let end = end.unwrap_or(chars.len());
            (DbmlTokenKind::Word, chars[i..end].iter().collect(), end)
        } else {
            (DbmlTokenKind::Symbol, c.to_string(), i + 1)
        };
        line += chars[i..next].iter().filter(|c| **c == '\n').count();
        all.push(DbmlToken { line: from, kind, text: value, first });
        first = false;
        i = next;
    }
    Ok(all)
}

/// Removes the indentation that all lines of a text have in common.
fn dedented(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let least =
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    let cut = lines.iter().map(|line| line.get(least.unwrap_or_default()..).unwrap_or_default()).collect::<Vec<_>>();
    cut.join("\n").trim_matches('\n').to_owned()
}
