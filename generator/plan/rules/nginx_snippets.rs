//! Checks hand-written files of nginx: finds their server names, and refuses a file that closes nginx's `http` block.
//! nginx itself checks the rest.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::iter::Peekable;
use std::str::Chars;

use crate::diagnostic::{Code, Diagnostic, FieldPath, Related, Span};
use crate::plan::addresses::Address;
use crate::values::credential_formats;

/// The folder of the user's files, relative to the project.
pub const FOLDER: &str = "nginx/conf.d";

/// A word of a configuration file with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    line: u32,
    column: u32,
    is_quoted: bool,
}

/// The place that uses a server name.
enum NameOwner<'a> {
    Route(&'a FieldPath),
    Directive(Span),
}

/// Checks the hand-written files, and reports at their lines: a server name that a route or another `server_name` already
/// uses (NS206), text that does not parse (NS603), and secrets as plain text (NS504).
pub fn check(routes: &[Address], files: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut used_names: BTreeMap<String, NameOwner> = BTreeMap::new();
    for route in routes {
        for host in &route.hosts {
            used_names.entry(host.clone()).or_insert(NameOwner::Route(&route.path));
        }
    }
    for (name, text) in files {
        let file = format!("{FOLDER}/{name}");
        findings.extend(plain_secrets(&file, text));
        let words = match words(text) {
            Ok(words) => words,
            Err((line, column, reason)) => {
                let finding = Diagnostic::error(Code::ConfD, FieldPath::root()).message(reason);
                findings.push(finding.at(Some(Span { file, line, column })));
                continue;
            }
        };
        for name in server_names(&words) {
            let span = Span { file: file.clone(), line: name.line, column: name.column };
            match used_names.entry(name.text.to_ascii_lowercase()) {
                Entry::Vacant(entry) => {
                    entry.insert(NameOwner::Directive(span));
                }
                Entry::Occupied(entry) => findings.push(name_taken(&name.text, entry.get()).at(Some(span))),
            }
        }
    }
    findings
}

/// Returns the finding for a server name that a route or another `server_name` already uses.
fn name_taken(name: &str, owner: &NameOwner) -> Diagnostic {
    let finding = Diagnostic::error(Code::ServerNameTaken, FieldPath::root());
    match owner {
        NameOwner::Route(path) => finding
            .message(format!("`{name}` is already the host name of a route"))
            .hint("choose a different name, or change the host name of the route in stack.ncl")
            .related((*path).clone(), "the route"),
        NameOwner::Directive(other) => {
            let mut finding = finding
                .message(format!("`{name}` is already a server name in `{}`", other.file))
                .hint("remove the name from one of the two servers");
            finding.related.push(Related {
                path: FieldPath::root(),
                span: Some(other.clone()),
                message: "the other server".into(),
                is_counterpart: false,
            });
            finding
        }
    }
}

/// Returns findings about credentials in a known format, in comments as well, because the file is copied unchanged.
fn plain_secrets(file: &str, text: &str) -> impl Iterator<Item = Diagnostic> {
    credential_formats::all(text).map(move |(offset, format)| {
        let before = &text[..offset];
        let line = before.rsplit('\n').next().unwrap_or(before);
        let count_from_one = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
        let span = Span {
            file: file.to_owned(),
            line: count_from_one(before.matches('\n').count()),
            column: count_from_one(line.chars().count()),
        };
        Diagnostic::error(Code::PlainSecret, FieldPath::root())
            .message(format!("{format} is written here as plain text"))
            .expected("the credential in a mounted secret")
            .hint("move the directive to a secret, mount it with `services.nginx.secret_files = [\"name\"]`, and include it with `include /run/secrets/name;`")
            .at(Some(span))
    })
}

/// Returns the arguments of every `server_name` directive. A directive starts at the first word, or after `;`, `{` or
/// `}`.
fn server_names(words: &[Word]) -> impl Iterator<Item = &Word> {
    let ends_directive = |word: &Word| !word.is_quoted && matches!(word.text.as_str(), ";" | "{" | "}");
    let directives =
        (0..words.len()).filter(move |&i| words[i].text == "server_name" && (i == 0 || ends_directive(&words[i - 1])));
    directives.flat_map(move |i| words[i + 1..].iter().take_while(move |word| !ends_directive(word)))
}

/// Line, column and reason of an error.
type ParseError = (u32, u32, String);

/// Splits a file into words, `;`, `{` and `}`.
fn words(text: &str) -> Result<Vec<Word>, ParseError> {
    let mut scanner = Scanner {
        chars: text.chars().peekable(),
        line: 1,
        column: 0,
        words: Vec::new(),
        current: None,
        open_braces: Vec::new(),
    };
    while let Some(c) = scanner.chars.next() {
        scanner.column += 1;
        match c {
            '\0' => return Err((scanner.line, scanner.column, "the file contains a NUL byte".into())),
            '#' if scanner.current.is_none() => while scanner.chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' if scanner.current.is_none() => scanner.read_quoted(c)?,
            ';' | '{' | '}' => scanner.read_punctuation(c)?,
            c if c.is_whitespace() => scanner.read_blank(c),
            c => scanner.read_character(c),
        }
    }
    scanner.finish()
}

/// Reads a file from left to right.
struct Scanner<'a> {
    chars: Peekable<Chars<'a>>,
    line: u32,
    /// Column of the last character that was read.
    column: u32,
    /// The words that are complete.
    words: Vec<Word>,
    /// The word that is being read.
    current: Option<Word>,
    /// Lines and columns of braces that are not closed yet.
    open_braces: Vec<(u32, u32)>,
}

impl Scanner<'_> {
    /// Reads the rest of a word in quotes.
    fn read_quoted(&mut self, quote: char) -> Result<(), ParseError> {
        let (line, column) = (self.line, self.column);
        let mut word = Word { text: String::new(), line, column, is_quoted: true };
        loop {
            match self.chars.next() {
                None => return Err((line, column, "a quote is not closed".into())),
                Some('\\') => {
                    word.text.extend(self.chars.next());
                    self.column += 1;
                }
                Some(end) if end == quote => break,
                Some(character) => word.text.push(character),
            }
            self.column += 1;
            if word.text.ends_with('\n') {
                (self.line, self.column) = (self.line + 1, 0);
            }
        }
        self.column += 1;
        self.words.push(word);
        Ok(())
    }

    /// Ends the current word with `;`, `{` or `}`.
    fn read_punctuation(&mut self, sign: char) -> Result<(), ParseError> {
        let (line, column) = (self.line, self.column);
        self.words.extend(self.current.take());
        match sign {
            '{' => self.open_braces.push((line, column)),
            '}' if self.open_braces.pop().is_none() => {
                return Err((line, column, "this `}` has no opening `{`".into()));
            }
            _ => {}
        }
        self.words.push(Word { text: sign.to_string(), line, column, is_quoted: false });
        Ok(())
    }

    /// Ends the current word with white space.
    fn read_blank(&mut self, c: char) {
        self.words.extend(self.current.take());
        if c == '\n' {
            (self.line, self.column) = (self.line + 1, 0);
        }
    }

    /// Adds a character to the current word, with the character that it escapes or the variable that it begins.
    fn read_character(&mut self, c: char) {
        let (line, column) = (self.line, self.column);
        let word = self.current.get_or_insert_with(|| Word { text: String::new(), line, column, is_quoted: false });
        word.text.push(c);
        if c == '\\' {
            word.text.extend(self.chars.next());
            self.column += 1;
            if word.text.ends_with('\n') {
                (self.line, self.column) = (self.line + 1, 0);
            }
        } else if c == '$' && self.chars.next_if_eq(&'{').is_some() {
            // `${name}` is a variable inside a word.
            while let Some(character) = self.chars.next_if(|c| *c != '}' && *c != '\n') {
                word.text.push(character);
                self.column += 1;
            }
            let is_closed = self.chars.next_if_eq(&'}').is_some();
            self.column += if is_closed { 2 } else { 1 };
        }
    }

    /// Returns all words of the file.
    ///
    /// # Errors
    /// A directive or a block that the file does not end.
    fn finish(mut self) -> Result<Vec<Word>, ParseError> {
        if let Some(word) = self.current {
            return Err((word.line, word.column, "the last directive does not end with `;`".into()));
        }
        match self.open_braces.pop() {
            Some((line, column)) => Err((line, column, "a `{` is not closed".into())),
            None => Ok(self.words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the texts of the words of a file.
    fn texts(text: &str) -> Vec<String> {
        words(text).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn quotes_comments_and_variables_are_parts_of_words() {
        assert_eq!(
            texts("a \"b; c\" 'd}' ${x}y; # { \"\ne { f; }"),
            ["a", "b; c", "d}", "$xy", ";", "e", "{", "f", ";", "}"]
        );
        let words = words("server {\n  server_name  a.b;\n}").unwrap();
        assert_eq!((words[3].line, words[3].column, words[3].text.as_str()), (2, 16, "a.b"));
    }

    /// The place of the last word is right also after escaped characters, variables and line breaks.
    #[test]
    fn each_word_has_its_place() {
        for (text, line, column) in [
            (r#"a "b\"c\"d" e;"#, 1, 13),
            ("a b\\ c e;", 1, 8),
            ("a ${b}c e;", 1, 9),
            ("a \"b\\\nc\" e;", 2, 4),
            ("a b\\\nc e;", 2, 3),
            ("a ${b\n e;", 2, 2),
        ] {
            let words = words(text).unwrap();
            let word = &words[words.len() - 2];
            assert_eq!((word.text.as_str(), word.line, word.column), ("e", line, column), "{text}");
        }
    }

    #[test]
    fn files_that_would_end_the_http_block_are_refused() {
        for bad in ["}", "server {", "a \"b", "a 'b;", "listen 80", "a\0;"] {
            assert!(words(bad).is_err(), "{bad:?}");
        }
    }
}
