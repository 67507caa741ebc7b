//! Rewrites errors of Nickel in terms of the stack, with a fix.

use nickel_lang_core::error::{Error, EvalErrorKind, ImportErrorKind};
use nickel_lang_core::eval::value::NickelValue;

use crate::words;

/// Texts that replace Nickel's texts in a finding. An empty text replaces nothing.
#[derive(Debug, Default)]
pub struct Advice {
    pub message: String,
    pub expected: String,
    pub hint: String,
}

/// Returns the texts for an error that can be explained without the source; `None` for other errors.
pub fn advice_for(error: &Error) -> Option<Advice> {
    match error {
        // Nickel lists the folders that it searched, under names that users do not know.
        Error::ImportError(error) => match &**error {
            ImportErrorKind::IOError(path, ..) => Some(Advice {
                message: format!(
                    "the import `{path}` does not exist next to this file or in the library, or is not text"
                ),
                hint: if path.contains("nself") {
                    "import the library as `nself/main.ncl`".into()
                } else {
                    String::new()
                },
                ..Advice::default()
            }),
            _ => None,
        },
        Error::EvalError(error) => match &error.error {
            EvalErrorKind::UnboundIdentifier(name, _) => Some(Advice {
                message: format!("`{name}` is not defined"),
                hint: match name.label() {
                    "nself" => "begin the file with `let nself = import \"nself/main.ncl\" in`".into(),
                    "True" | "False" | "yes" | "no" | "on" | "off" => "write `true` or `false`".into(),
                    "None" | "nil" | "undefined" => "write `null`".into(),
                    _ => "put text in double quotes".into(),
                },
                ..Advice::default()
            }),
            EvalErrorKind::FieldMissing { id, field_names, .. } => {
                let names: Vec<&str> = field_names.iter().map(|name| name.label()).collect();
                if names.is_empty() {
                    return Some(Advice {
                        message: format!("this record has no field `{id}`, since it is empty"),
                        ..Advice::default()
                    });
                }
                let nearest_field = words::nearest(id.label(), names.iter().copied());
                Some(Advice {
                    message: format!("this record has no field `{id}`"),
                    expected: words::one_of(&sorted(&names)),
                    hint: nearest_field.map_or_else(
                        || "use one of these fields".to_owned(),
                        |field| format!("did you mean `{field}`?"),
                    ),
                })
            }
            EvalErrorKind::MergeIncompatibleArgs { left_arg, right_arg, .. } => {
                Some(advice_for_merge(left_arg, right_arg))
            }
            EvalErrorKind::NotAFunc(function, argument, _) => Some(advice_for_application(function, argument)),
            EvalErrorKind::NAryPrimopTypeError { primop, arg_evaluated, .. } => {
                advice_for_operator(primop, kind(arg_evaluated)?)
            }
            _ => None,
        },
        _ => None,
    }
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

/// Returns the texts for two values of one field that Nickel cannot merge.
fn advice_for_merge(left: &NickelValue, right: &NickelValue) -> Advice {
    match (kind(left), kind(right)) {
        (Some("null"), Some("a record")) | (Some("a record"), Some("null")) => Advice {
            message: "the value is null, but a record is needed here".into(),
            hint: "remove the field to use its default; `enabled = false` leaves out a service or an environment, and `null` removes a field only inside of `environments.<name>`"
                .into(),
            ..Advice::default()
        },
        (Some(left), Some(right)) if left != right => Advice {
            message: format!("the value is {left}, but {right} is needed here"),
            hint: conversion_hint(left, right).into(),
            ..Advice::default()
        },
        _ => Advice {
            message: "the field has two values".into(),
            hint: "remove one of them; only fields below `environments` can replace a value".into(),
            ..Advice::default()
        },
    }
}

/// Returns the texts for a value that is used as a function.
fn advice_for_application(function: &NickelValue, argument: &NickelValue) -> Advice {
    let function_kind = kind(function).unwrap_or("the value");
    let hint = match (function_kind, kind(argument)) {
        ("a record", Some("a record")) => "join two records with `&`: `nself.templates.express & { … }`",
        ("a record", Some("text")) => {
            "a `,` may be missing between the two values; a function that takes a list has brackets: `nself.join [\"a\", \"b\"]`"
        }
        ("a number", Some("a number")) => {
            "an address, a version or a time is text in double quotes: `\"10.0.0.0/8\"`; in a list, a `,` may be missing"
        }
        _ => "a `,` may be missing between the two values",
    };
    Advice { message: format!("{function_kind} is not a function"), hint: hint.into(), ..Advice::default() }
}

/// Returns the texts for an operator between values of a kind that it does not take; `None` if no operator is meant that
/// takes them. `operator` is in brackets, as Nickel prints it.
fn advice_for_operator(operator: &str, kind: &str) -> Option<Advice> {
    let (purpose, hint) = match (operator, kind) {
        ("(&&)", "a record") => (
            "`&&` joins conditions that are true or false",
            "join two records with a single `&`: `nself.templates.express & { … }`",
        ),
        ("(||)", "a record" | "text") => (
            "`||` joins conditions that are true or false",
            "choose a value with `if … then … else …`; a value below `environments` replaces the common one",
        ),
        ("(+)", "a record") => ("`+` adds numbers", "join two records with `&`: `nself.templates.express & { … }`"),
        ("(@)", "a record") => ("`@` joins arrays", "join two records with `&`: `nself.templates.express & { … }`"),
        ("(+)", "text") => ("`+` adds numbers", "join texts with `++`: `\"a\" ++ \"b\"`"),
        ("(+)", "an array") => ("`+` adds numbers", "join arrays with `@`: `[\"a\"] @ [\"b\"]`"),
        ("(++)", "an array") => ("`++` joins texts", "join arrays with `@`: `[\"a\"] @ [\"b\"]`"),
        _ => return None,
    };
    Some(Advice { message: format!("{purpose}, but here is {kind}"), hint: hint.into(), ..Advice::default() })
}

/// Returns the label for a second place of an error, from Nickel's label; `None` if the place does not help.
pub fn related_message(message: &str) -> Option<&str> {
    match message {
        "with this expression" => Some("the other value"),
        // These labels do not tell which value is meant.
        "" | "originally merged here" | "when combining the definitions of this field" | "applied here" => None,
        _ => Some(message),
    }
}

/// Returns the kind of a value in words, such as "a number"; `None` for other values.
pub fn kind(value: &NickelValue) -> Option<&'static str> {
    if value.is_null() {
        return Some("null");
    }
    match value.type_of()? {
        "Bool" => Some("true or false"),
        "Number" => Some("a number"),
        "String" => Some("text"),
        "EnumTag" => Some("a tag"),
        "Array" => Some("an array"),
        "Record" => Some("a record"),
        "Function" => Some("a function"),
        _ => None,
    }
}

/// Returns the advice for a reference that is used as text. Nickel's message is then about a record where text was
/// expected. `None` for other messages.
pub fn advice_for_reference(message: &str) -> Option<Advice> {
    let is_record = message.contains("has type Record");
    let is_text_needed = ["Stringable was expected", "String was expected"].iter().any(|text| message.contains(text));
    (is_record && is_text_needed).then(|| Advice {
        message: "a reference such as `nself.domain` is no text: its value is known only when files are generated"
            .into(),
        hint: "join the parts: `nself.join [\"https://\", nself.domain, \"/path\"]`".into(),
        ..Advice::default()
    })
}

/// Returns the hint for converting a value of the kind `actual` to the kind `expected`; empty if there is none.
pub fn conversion_hint(actual: &str, expected: &str) -> &'static str {
    match (actual, expected) {
        ("a number" | "a fraction", "text with SQL") => "write SQL as text in double quotes, such as `\"0\"`",
        ("true or false", "text with SQL") => "write SQL as text in double quotes, such as `\"false\"`",
        ("a tag", "text with SQL") => "write SQL as text in double quotes, such as `\"'new'\"`",
        ("a number" | "a fraction" | "true or false" | "a tag", expected) if expected.starts_with("text") => {
            "put text in double quotes"
        }
        ("text" | "a tag", "true or false") => "write `true` or `false` without quotes",
        ("text", expected) if ["a number", "a whole number"].iter().any(|number| expected.starts_with(number)) => {
            "remove the quotes"
        }
        ("text", expected) if expected.starts_with("an array") => {
            "put it into brackets, each argument of a command in separate quotes: `[\"…\"]`"
        }
        ("an array", "a record") => "write a record, in which each item has a name: `{ orders = …, carts = … }`",
        ("a function", _) => "give the function its arguments, as in `nself.secret \"name\"`",
        _ => "",
    }
}

/// Returns whether a keyword of Nickel is where a field has its name: after a `.`, a `,` or a bracket, and before `.` or
/// `=`. `before` and `behind` are the source before and after the beginning of the word.
fn is_keyword_as_name(before: &str, behind: &str) -> bool {
    const KEYWORDS: [&str; 18] = [
        "as", "else", "forall", "fun", "if", "import", "in", "include", "let", "match", "or", "rec", "then", "Array",
        "Bool", "Dyn", "Number", "String",
    ];
    let length = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
    let (word, after) = behind.split_at(length);
    let is_name = before.trim_end().ends_with(['.', ',', '{']) && after.trim_start().starts_with(['.', '=']);
    is_name && KEYWORDS.contains(&word)
}

/// Returns message and hint for a syntax error; no message if Nickel's is good enough. `offset` is the byte offset of the
/// error in the source.
pub fn syntax_advice(source: &str, offset: usize, message: &str) -> (Option<&'static str>, &'static str) {
    if source.starts_with('\u{FEFF}') {
        return (Some("the file begins with a byte order mark"), "save it as UTF-8 without one");
    }
    let start = source.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line = source.get(start..).unwrap_or_default();
    if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
        return (
            Some("unresolved merge conflict"),
            "edit the file to the intended content and remove the conflict markers",
        );
    }
    if source.trim().is_empty() {
        return (Some("the file is empty"), "`nself init` writes a stack");
    }
    if message == "invalid contract expression" {
        return (None, "write a field as `name = value`; a contract follows `:` or `|`");
    }
    if message == "statically typed field without a definition" {
        return (None, "write a field as `name = value`");
    }
    let before = source.get(..offset).unwrap_or_default();
    let behind = source.get(offset..).unwrap_or_default();
    // After a `;`, the parser expects the tail of a record type.
    if behind.starts_with(';') || before.trim_end().ends_with(';') {
        return (None, "separate fields with `,`");
    }
    if behind.starts_with('$') || before.ends_with('$') {
        return (
            None,
            "put text in double quotes; nself replaces no variables, and a reference has no `$`: `nself.domain`",
        );
    }
    if is_in_single_quotes(before, behind) {
        return (None, "put text in double quotes; a single quote begins a tag, such as `'prod`");
    }
    if before.ends_with('/') || behind.starts_with("//") {
        return (None, "join two records with `&`; a comment begins with `#`");
    }
    if is_keyword_as_name(before, behind) {
        return (None, "a field whose name is a keyword of Nickel needs quotes: `\"in\" = …`");
    }
    if is_let_without_in(before) {
        return (None, "a `let` needs an `in` after its value: `let nself = import \"nself/main.ncl\" in`");
    }
    (None, "look just before this place: a `,` between fields, a closing bracket or a quote may be missing")
}

/// Returns whether the place between two texts is in a word with a single quote at its start and a second one.
fn is_in_single_quotes(before: &str, behind: &str) -> bool {
    let ends_word = |c: char| c.is_whitespace() || "=,;([{}])".contains(c);
    let start = before.rsplit(ends_word).next().unwrap_or_default();
    let word = format!("{start}{}", behind.split(ends_word).next().unwrap_or_default());
    word.strip_prefix('\'').is_some_and(|rest| rest.contains('\''))
}

/// Returns whether a text ends with a `let` that has a value and no `in`.
fn is_let_without_in(text: &str) -> bool {
    let mut code = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    code.next_back().is_some_and(|line| line.starts_with("let ") && line.contains('=') && !line.ends_with(" in"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_as_the_name_of_a_field_needs_quotes() {
        let hint = |source: &str| syntax_advice(source, source.find("in ").unwrap(), "unexpected token").1;
        assert!(hint("{ list.in = [1] }").contains("quotes: `\"in\""), "{}", hint("{ list.in = [1] }"));
        assert!(hint("{ in = [1] }").contains("quotes: `\"in\""));
        assert!(!hint("{ a = 1 in b }").contains("quotes: `\"in\""));
    }

    #[test]
    fn text_in_single_quotes_needs_double_quotes() {
        let hint = |source: &str, offset: usize| syntax_advice(source, offset, "unexpected token").1;
        for (source, offset) in [("{ a = 'b/c:1', d = 1 }", 8), ("{ a = 'b:1.2' }", 12), ("{ a = ['0.5'] }", 7)] {
            assert!(hint(source, offset).contains("double quotes; a single quote"), "{source}");
        }
        assert!(!hint("{ a = 'b 'c }", 9).contains("double quotes"));
    }
}
