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
    let mut scanner = Scanner { chars: text.chars().collect(), at: 0, line: 1, line_begins: true };
    let mut tokens = Vec::new();
    scanner.skip_blanks()?;
    while let Some(c) = scanner.peek() {
        let (line, first) = (scanner.line, scanner.line_begins);
        let (kind, text) = scanner.token(c)?;
        tokens.push(DbmlToken { line, kind, text, first });
        scanner.line_begins = false;
        scanner.skip_blanks()?;
    }
    Ok(tokens)
}

struct Scanner {
    chars: Vec<char>,
    /// Index of the next character.
    at: usize,
    line: usize,
    /// Whether the line has no token before the next character.
    line_begins: bool,
}

impl Scanner {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn starts(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn skip_blanks(&mut self) -> Result<(), ImportFinding> {
        while let Some(c) = self.peek() {
            if c == '\n' {
                (self.line, self.line_begins) = (self.line + 1, true);
                self.at += 1;
            } else if c.is_whitespace() || c == '\u{feff}' {
                self.at += 1;
            } else if self.starts("//") {
                self.take_while(|c| c != '\n');
            } else if self.starts("/*") {
                self.enclosed("comment", "/*", "*/", false)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Reads the token that begins with the next character.
    fn token(&mut self, c: char) -> Result<(DbmlTokenKind, String), ImportFinding> {
        Ok(match c {
            '\'' if self.starts("'''") => {
                (DbmlTokenKind::Text, without_indentation(&self.enclosed("text", "'''", "'''", true)?))
            }
            '\'' => (DbmlTokenKind::Text, self.enclosed("text", "'", "'", true)?),
            '"' => (DbmlTokenKind::Name, self.enclosed("name", "\"", "\"", true)?),
            '`' => (DbmlTokenKind::Expression, self.enclosed("expression", "`", "`", false)?),
            _ if c.is_alphanumeric() || c == '_' || c == '#' => {
                self.at += 1;
                let rest = self.take_while(|c| c.is_alphanumeric() || c == '_');
                (DbmlTokenKind::Word, format!("{c}{rest}"))
            }
            _ => {
                self.at += 1;
                (DbmlTokenKind::Symbol, c.to_string())
            }
        })
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// Reads the text between two delimiters. With `escapes`, a backslash escapes a character.
    fn enclosed(&mut self, what: &str, start: &str, end: &str, escapes: bool) -> Result<String, ImportFinding> {
        let line = self.line;
        self.at += start.chars().count();
        let mut text = String::new();
        while !self.starts(end) {
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

    /// Takes the next character, and counts lines.
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
    let least =
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    let cut = lines.iter().map(|line| line.get(least.unwrap_or_default()..).unwrap_or_default()).collect::<Vec<_>>();
    cut.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_lines() {
        let text = "a /* b\n*/ \"c\\\"d\" // e\n'''\n  f\n  g\n''' `h`\ni.j";
        let tokens: Vec<(usize, String, bool)> =
            tokens(text).unwrap().into_iter().map(|token| (token.line, token.text, token.first)).collect();
        let expected = [
            (1, "a", true),
            (2, "c\"d", false),
            (3, "f\ng", true),
            (6, "h", false),
            (7, "i", true),
            (7, ".", false),
            (7, "j", false),
        ];
        assert_eq!(tokens, expected.map(|(line, text, first)| (line, text.to_owned(), first)));
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
