//! Hand-written files: read as far as needed to find server names and to see that a file stays at the http
//! level. nginx itself judges the rest.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, FieldPath, Related, Span};
use crate::plan::model::Site;
use crate::values::credential_formats;

/// Where files of the user live, relative to the project.
pub const FOLDER: &str = "nginx/conf.d";

/// A word of a configuration file with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    line: u32,
    column: u32,
    quoted: bool,
}

/// Refuses server names that the stack generates, names that two files share, files that do not parse, and secrets:
/// NS206, NS603 and NS504, at the file's own lines.
pub fn check(sites: &BTreeMap<String, Site>, files: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut taken: BTreeMap<String, Option<Span>> = BTreeMap::new();
    for host in sites.values().flat_map(|site| &site.hosts) {
        taken.insert(host.clone(), None);
    }
    for (name, text) in files {
        let file = format!("{FOLDER}/{name}");
        secrets(&file, text, &mut findings);
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
            let Some(other) = taken.get(&name.text.to_ascii_lowercase()) else {
                taken.insert(name.text.to_ascii_lowercase(), Some(span));
                continue;
            };
            let mut finding = Diagnostic::error(Code::ServerNameTaken, FieldPath::root())
                .message(format!("`{}` is served already", name.text))
                .hint("choose another name, or change the route in stack.ncl")
                .at(Some(span));
            if other.is_some() {
                finding.related.push(Related {
                    path: FieldPath::root(),
                    span: other.clone(),
                    message: "the other server".into(),
                });
            }
            findings.push(finding);
        }
    }
    findings
}

/// What shows by its form, in comments too: the file is copied as it is.
fn secrets(file: &str, text: &str, findings: &mut Vec<Diagnostic>) {
    for (at, what) in credential_formats::all(text) {
        let before = &text[..at];
        let line = before.rsplit('\n').next().unwrap_or(before);
        let count = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        let span = Span {
            file: file.to_owned(),
            line: count(before.matches('\n').count()),
            column: count(line.chars().count()),
        };
        findings.push(
            Diagnostic::error(Code::PlainSecret, FieldPath::root())
                .message(format!("{what} is written here as plain text"))
                .expected("a file that is mounted")
                .hint("`services.nginx.secret_files = [\"name\"]` mounts it, and `include /run/secrets/name;` reads directives from it")
                .at(Some(span)),
        );
    }
}

/// The arguments of every `server_name` directive.
fn server_names(words: &[Word]) -> impl Iterator<Item = &Word> {
    let ends = |word: &Word| !word.quoted && matches!(word.text.as_str(), ";" | "{" | "}");
    let starts = (0..words.len()).filter(move |&i| words[i].text == "server_name" && (i == 0 || ends(&words[i - 1])));
    starts.flat_map(move |i| words[i + 1..].iter().take_while(move |word| !ends(word)))
}

type Place = (u32, u32, String);

/// Splits a file into words, `;`, `{` and `}`.
fn words(text: &str) -> Result<Vec<Word>, Place> {
    let mut words: Vec<Word> = Vec::new();
    let mut open: Vec<(u32, u32)> = Vec::new();
    let (mut line, mut column) = (1_u32, 0_u32);
    let mut chars = text.chars().peekable();
    let mut current: Option<Word> = None;
    while let Some(c) = chars.next() {
        column += 1;
        match c {
            '\0' => return Err((line, column, "the file holds a NUL byte".into())),
            '#' if current.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' if current.is_none() => {
                let mut word = Word { text: String::new(), line, column, quoted: true };
                let start = (line, column);
                loop {
                    match chars.next() {
                        None => return Err((start.0, start.1, "a quote is not closed".into())),
                        Some('\\') => word.text.extend(chars.next()),
                        Some(end) if end == c => break,
                        Some(inner) => word.text.push(inner),
                    }
                    column += 1;
                    if word.text.ends_with('\n') {
                        (line, column) = (line + 1, 0);
                    }
                }
                column += 1;
                words.push(word);
            }
            ';' | '{' | '}' => {
                words.extend(current.take());
                // `${name}` is a variable inside a word.
                match c {
                    '{' => open.push((line, column)),
                    '}' if open.pop().is_none() => return Err((line, column, "a `}` closes nothing".into())),
                    _ => {}
                }
                words.push(Word { text: c.to_string(), line, column, quoted: false });
            }
            c if c.is_whitespace() => {
                words.extend(current.take());
                if c == '\n' {
                    (line, column) = (line + 1, 0);
                }
            }
            c => {
                let word = current.get_or_insert_with(|| Word { text: String::new(), line, column, quoted: false });
                word.text.push(c);
                if c == '\\' {
                    word.text.extend(chars.next());
                    column += 1;
                } else if c == '$' && chars.next_if_eq(&'{').is_some() {
                    while let Some(inner) = chars.next_if(|c| *c != '}' && *c != '\n') {
                        word.text.push(inner);
                        column += 1;
                    }
                    chars.next();
                    column += 2;
                }
            }
        }
    }
    if let Some(word) = current {
        return Err((word.line, word.column, "the last directive has no `;`".into()));
    }
    match open.pop() {
        Some((line, column)) => Err((line, column, "a `{` is not closed".into())),
        None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_quotes_comments_and_variables() {
        assert_eq!(
            texts("a \"b; c\" 'd}' ${x}y; # { \"\ne { f; }"),
            ["a", "b; c", "d}", "$xy", ";", "e", "{", "f", ";", "}"]
        );
        let found = words("server {\n  server_name  a.b;\n}").unwrap();
        assert_eq!((found[3].line, found[3].column, found[3].text.as_str()), (2, 16, "a.b"));
    }

    #[test]
    fn files_that_would_break_out_are_refused() {
        for bad in ["}", "server {", "a \"b", "a 'b;", "listen 80", "a\0;"] {
            assert!(words(bad).is_err(), "{bad:?}");
        }
    }
}
