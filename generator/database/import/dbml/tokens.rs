//! Tokens of DBML.

use crate::database::import::ImportFinding;

/// A token with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbmlToken {
    pub line: usize,
    pub kind: DbmlTokenKind,
    pub text: String,
    /// Whether the token is the first of its line.
    pub is_first_of_line: bool,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DbmlTokenKind {
    /// A plain word, a number, or a colour such as `#fff`.
    Word,
    /// A name in double quotes.
    Name,
    /// A text in single quotes, or in three on each side.
    Text,
    /// An expression in backquotes.
    Expression,
    /// A single character that belongs to no other kind, such as `{`.
    Symbol,
}

/// Splits a text into tokens, without comments.
///
/// # Errors
/// An unclosed quote or comment, with its line.
pub fn tokens(text: &str) -> Result<Vec<DbmlToken>, ImportFinding> {
    let mut scanner = Scanner { chars: text.chars().collect(), at: 0, line: 1, at_line_start: true };
    let mut tokens = Vec::new();
    scanner.skip_blanks()?;
    while let Some(c) = scanner.peek() {
        let (line, is_first_of_line) = (scanner.line, scanner.at_line_start);
        let (kind, text) = scanner.read_token(c)?;
        tokens.push(DbmlToken { line, kind, text, is_first_of_line });
        scanner.at_line_start = false;
        scanner.skip_blanks()?;
    }
    Ok(tokens)
}

/// The characters of a file, and the position up to which they have been read.
struct Scanner {
    chars: Vec<char>,
    /// Index of the next character.
    at: usize,
    line: usize,
    /// Whether the line has no token before the next character.
    at_line_start: bool,
}

impl Scanner {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Returns whether the next characters are this text.
    fn next_is(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    /// Skips blanks and comments.
    fn skip_blanks(&mut self) -> Result<(), ImportFinding> {
        while let Some(c) = self.peek() {
            if c == '\n' {
                (self.line, self.at_line_start) = (self.line + 1, true);
                self.at += 1;
            } else if c.is_whitespace() || c == '\u{feff}' {
                self.at += 1;
            } else if self.next_is("//") {
                self.take_while(|c| c != '\n');
            } else if self.next_is("/*") {
                self.read_enclosed("comment", "/*", "*/", false)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Reads the token that begins with the next character.
    fn read_token(&mut self, c: char) -> Result<(DbmlTokenKind, String), ImportFinding> {
        Ok(match c {
            '\'' if self.next_is("'''") => {
                (DbmlTokenKind::Text, without_indentation(&self.read_enclosed("text", "'''", "'''", true)?))
            }
            '\'' => (DbmlTokenKind::Text, self.read_enclosed("text", "'", "'", true)?),
            '"' => (DbmlTokenKind::Name, self.read_enclosed("name", "\"", "\"", true)?),
            '`' => (DbmlTokenKind::Expression, self.read_enclosed("expression", "`", "`", false)?),
            _ if c.is_alphanumeric() || c == '_' || c == '#' => {
                self.at += 1;
                let other_chars = self.take_while(|c| c.is_alphanumeric() || c == '_');
                (DbmlTokenKind::Word, format!("{c}{other_chars}"))
            }
            _ => {
                self.at += 1;
                (DbmlTokenKind::Symbol, c.to_string())
            }
        })
    }

    /// Takes the next characters as long as `accepts` is true, and returns them.
    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&accepts) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// Reads the text between two delimiters; `what` names it in the message if it is not closed. With `escapes`, a
    /// backslash escapes the next character, and a backslash at the end of a line joins the line with the next.
    fn read_enclosed(&mut self, what: &str, start: &str, end: &str, escapes: bool) -> Result<String, ImportFinding> {
        let line = self.line;
        self.at += start.chars().count();
        let mut text = String::new();
        while !self.next_is(end) {
            let Some(c) = self.next() else {
                return Err(ImportFinding { line, column: 1, what: format!("the {what} is not closed") });
            };
            match self.peek() {
                Some(escaped) if escapes && c == '\\' => {
                    self.next();
                    text.extend((escaped != '\n').then_some(escaped));
                }
                _ => text.push(c),
            }
        }
        self.at += end.chars().count();
        Ok(text)
    }

    /// Takes the next character and counts the lines.
    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }
}

/// Removes the indentation that all lines of a text have in common.
fn without_indentation(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let common_indentation =
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    let lines_without_indentation = lines
        .iter()
        .map(|line| line.get(common_indentation.unwrap_or_default()..).unwrap_or_default())
        .collect::<Vec<_>>();
    lines_without_indentation.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_lines() {
        let text = "a /* b\n*/ \"c\\\"d\" // e\n'''\n  f\n  g\n''' `h`\ni.j";
        let tokens: Vec<(usize, String, bool)> =
            tokens(text).unwrap().into_iter().map(|token| (token.line, token.text, token.is_first_of_line)).collect();
        let expected = [
            (1, "a", true),
            (2, "c\"d", false),
            (3, "f\ng", true),
            (6, "h", false),
            (7, "i", true),
            (7, ".", false),
            (7, "j", false),
        ];
        assert_eq!(tokens, expected.map(|(line, text, is_first_of_line)| (line, text.to_owned(), is_first_of_line)));
    }

    #[test]
    fn an_unclosed_quote_or_comment_is_an_error_at_its_first_line() {
        for (text, what) in
            [("\n'a\n", "text"), ("\n'''a'", "text"), ("\n\"a", "name"), ("\n`a", "expression"), ("\n/* a", "comment")]
        {
            let finding = tokens(text).unwrap_err();
            assert_eq!((finding.line, finding.what), (2, format!("the {what} is not closed")), "{text}");
        }
    }
}
