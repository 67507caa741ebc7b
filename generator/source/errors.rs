//! Errors of the Nickel evaluator as findings: at the user's file where one takes part, in plain words,
//! with what the contract's notes say about code, expectation and fix.

use std::path::Path;

use nickel_lang_core::error::{Error, EvalErrorKind, IntoDiagnostics};
use nickel_lang_core::files::Files;

use super::node::{Finding, Mark};
use super::places::Places;
use crate::codes::Code;

/// A finding without a place.
pub fn plain(code: Code, message: String) -> Finding {
    Finding {
        code: code.id().to_owned(),
        path: Vec::new(),
        mark: None,
        message,
        expected: String::new(),
        hint: String::new(),
        related: Vec::new(),
    }
}

pub fn missing(field: &str) -> Finding {
    plain(Code::MissingField, format!("`{field}` has no value"))
}

pub fn not_data() -> Finding {
    Finding {
        expected: "text, a number, true or false, an array or a record".into(),
        ..plain(Code::WrongType, "this is no data".into())
    }
}

/// Names the import as the stack would write it; nothing of the file's content is known here.
pub fn outside(stack: &Path, import: &Path) -> Finding {
    let name = import.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let _ = stack;
    Finding {
        hint: "copy the file into the project, or permit its folder with --allow-import DIR".into(),
        ..plain(Code::ImportOutside, format!("the import of `{name}` leaves the project"))
    }
}

/// One finding per diagnostic that Nickel would print; notes such as `code: NS107` are for this function.
pub fn findings(error: Error, files: &Files, places: &mut Places) -> Vec<Finding> {
    let code = code(&error);
    let mut files = files.clone();
    let mut found = Vec::new();
    for diagnostic in error.into_diagnostics(&mut files) {
        // Callstack entries follow as notes of their own: they explain the first one.
        if !found.is_empty() && code != Code::Syntax {
            break;
        }
        let mut finding = plain(code, clean(&diagnostic.message));
        let mut marks: Vec<(Mark, &str)> = Vec::new();
        for label in &diagnostic.labels {
            let Some(mark) =
                u32::try_from(label.range.start).ok().and_then(|start| places.mark(&files, label.file_id, start))
            else {
                continue;
            };
            if label.message == "expected type" && places.is_library(mark) {
                finding.expected = readable(files.source(label.file_id).get(label.range.clone()).unwrap_or_default());
            }
            marks.push((mark, label.message.as_str()));
        }
        let first = marks.iter().position(|(mark, _)| places.is_user(*mark));
        finding.mark = first.or(if marks.is_empty() { None } else { Some(0) }).map(|first| marks[first].0);
        for (i, (mark, message)) in marks.iter().enumerate() {
            if Some(i) == first {
                if code == Code::Evaluation && !message.is_empty() {
                    finding.message = format!("{}: {}", finding.message, clean(message));
                }
            } else if places.is_user(*mark) && !message.is_empty() {
                finding.related.push((*mark, clean(message)));
            }
        }
        if code == Code::Syntax {
            finding.hint =
                "look just before this place: a `,` between fields or a closing bracket may be missing".into();
        }
        for line in diagnostic.notes.iter().flat_map(|note| note.lines()) {
            note(&mut finding, line.trim());
        }
        found.push(finding);
    }
    found
}

fn code(error: &Error) -> Code {
    match error {
        Error::ParseErrors(_) => Code::Syntax,
        Error::EvalError(error) => match error.error {
            EvalErrorKind::BlameError { .. } => Code::Contract,
            EvalErrorKind::MissingFieldDef { .. } => Code::MissingField,
            EvalErrorKind::ParseError(_) => Code::Syntax,
            _ => Code::Evaluation,
        },
        _ => Code::Evaluation,
    }
}

fn note(finding: &mut Finding, line: &str) {
    let line = line.trim_start_matches("- ").trim();
    if let Some(code) = line.strip_prefix("code: ") {
        code.clone_into(&mut finding.code);
    } else if let Some(expected) = line.strip_prefix("expected: ") {
        expected.clone_into(&mut finding.expected);
    } else if let Some(hint) = line.strip_prefix("hint: ") {
        hint.clone_into(&mut finding.hint);
    }
}

/// Contract messages without Nickel's frame around them; no message shows a path of the machine.
fn clean(message: &str) -> String {
    let mut lines = message.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    if first.starts_with("contract broken by") {
        let own: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        return if own.is_empty() { "the value has another type".to_owned() } else { own.join(" ") };
    }
    first.split(" (looked in").next().unwrap_or(first).to_owned()
}

/// A contract of the library in words.
fn readable(contract: &str) -> String {
    match contract {
        "String" => "text".into(),
        "Number" => "a number".into(),
        "Bool" => "true or false".into(),
        "Names" | "Array String" => "an array of texts".into(),
        _ if contract.starts_with("[|") => format!("one of {}", contract.trim_matches(['[', ']', '|', ' '])),
        _ if contract.starts_with("Array") => "an array".into(),
        _ if contract.starts_with('{') => "a record".into(),
        _ => String::new(),
    }
}
