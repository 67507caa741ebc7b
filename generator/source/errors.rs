//! Turns errors of the Nickel evaluator into findings in plain words, at a place in the user's files if the error has
//! one. The notes of the library's contracts set the code, the expectation and the hint of a finding.

use nickel_lang_core::error::{
    Diagnostic as NickelDiagnostic, Error, EvalErrorKind, ImportErrorKind, IntoDiagnostics, Label,
};
use nickel_lang_core::files::{FileId, Files};

use super::explain;
use super::foreign_words;
use super::imports::RefusedImport;
use super::node::{Finding, Mark};
use super::reading::RefusedFile;
use super::source_map::SourceMap;
use crate::codes::Code;
use crate::words;

/// Returns a finding without a place.
pub fn without_place(code: Code, message: String) -> Finding {
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

/// Returns a finding about a stack file or import that cannot be read as text.
pub fn unreadable(file: &str, error: &std::io::Error) -> Finding {
    match error.kind() {
        std::io::ErrorKind::InvalidData => Finding {
            hint: "save it as UTF-8".into(),
            ..without_place(Code::StackUnreadable, format!("{file} is not UTF-8 text"))
        },
        _ => without_place(Code::StackUnreadable, format!("{file}: {error}")),
    }
}

/// Returns a finding about a file without the library's contract.
pub fn not_a_stack() -> Finding {
    Finding {
        expected: "a record with the library's contract: `{ … } | nself.Stack`".into(),
        hint: "add `| nself.Stack` at the end of the file".into(),
        ..without_place(Code::NotAStack, Code::NotAStack.title().to_owned())
    }
}

/// Returns a finding about a field without a value.
pub fn missing_field(field: &str) -> Finding {
    Finding {
        expected: "a value; `nself schema` describes the field".into(),
        hint: format!("add `{field} = …`"),
        ..without_place(Code::MissingField, format!("`{field}` has no value"))
    }
}

/// Returns a finding about a value that is not data, such as a function.
pub fn not_data() -> Finding {
    Finding {
        expected: "text, a number, true or false, an array or a record".into(),
        hint: "if it is a function, give it its arguments, as in `nself.secret \"name\"`".into(),
        ..without_place(Code::WrongType, "the value is not data".into())
    }
}

/// Returns a finding about a number that no float can hold.
pub fn too_large() -> Finding {
    Finding {
        expected: "a number below 1.8e308".into(),
        ..without_place(Code::OutOfRange, "the number is too large".into())
    }
}

/// Returns a finding about an import outside the project. The message shows only the file's name without its folders.
pub fn import_outside(import: &RefusedImport) -> Finding {
    let RefusedImport { place, name } = import;
    let (message, hint) = match place {
        // With a place, a file of the program has the import; without one, the stack file itself is a link.
        Some(_) => (format!("the import of `{name}` points outside the project"), "copy the file into the project"),
        None => (format!("`{name}` is a link to a file outside its folder"), "replace the link with the stack file"),
    };
    Finding {
        hint: format!("{hint}, or allow its folder with --allow-import DIR"),
        ..without_place(Code::ImportOutside, message)
    }
}

/// Returns the finding about a file that the program may not read.
pub fn refused_file(file: &RefusedFile) -> Finding {
    let RefusedFile { import, reason } = file;
    match reason {
        // The file is outside the project.
        None => import_outside(import),
        Some(reason) => {
            let code = if reason.is_size() { Code::FileTooLarge } else { Code::NotPlain };
            let message = format!("`{}` cannot be imported: {}", import.name, reason.in_words());
            Finding { hint: reason.hint().to_owned(), ..without_place(code, message) }
        }
    }
}

/// Removes absolute folders from the texts of findings, and limits the length of the texts.
pub fn shorten_texts(findings: &mut [Finding], places: &SourceMap) {
    for finding in findings {
        let related = finding.related.iter_mut().map(|(_, message)| message);
        for text in [&mut finding.message, &mut finding.expected, &mut finding.hint].into_iter().chain(related) {
            *text = with_bounded_length(&places.relative(text));
        }
    }
}

/// Maximum number of characters of a text in a finding. A stack can compute texts of any length.
const MAX_TEXT_LENGTH: usize = 500;

fn with_bounded_length(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Nickel's labels for the place of a contract: of a value, of an item of an array, or of a field of a record.
const EXPECTED_TYPE_LABELS: [&str; 3] =
    ["expected type", "expected array element type", "expected dictionary field type"];

/// What an error tells apart from the diagnostic that Nickel makes of it.
struct ErrorFacts {
    code: Code,
    advice: Option<explain::Advice>,
    /// The kind and the text or tag of the value that broke a contract.
    blamed_kind: Option<&'static str>,
    blamed_word: String,
}

/// Returns the finding for an error of Nickel, of several syntax errors the first. The library's contracts add notes to a
/// diagnostic, such as `code: NS107`, which replace parts of the finding.
pub fn findings(error: Error, files: &Files, places: &mut SourceMap) -> Vec<Finding> {
    let facts = ErrorFacts {
        code: code_of(&error),
        advice: explain::advice_for(&error),
        blamed_kind: blamed_kind(&error),
        blamed_word: blamed_word(&error),
    };
    let mut files = files.clone();
    // Nickel reports the call stack as additional diagnostics, and after a syntax error more of them, most of which
    // follow from the first.
    let first = error.into_diagnostics(&mut files).into_iter().next();
    first.map(|diagnostic| finding(&facts, &diagnostic, &files, places)).into_iter().collect()
}

/// Returns the finding for the first diagnostic of an error.
fn finding(
    facts: &ErrorFacts,
    diagnostic: &NickelDiagnostic<FileId>,
    files: &Files,
    places: &mut SourceMap,
) -> Finding {
    let code = facts.code;
    let mut finding = without_place(code, message_text(&diagnostic.message));
    if let Some(explain::Advice { message, expected, hint }) = &facts.advice {
        finding = Finding { message: message.clone(), expected: expected.clone(), hint: hint.clone(), ..finding };
    }
    add_places(&mut finding, facts, &diagnostic.labels, files, places);
    if let Some(explain::Advice { message, hint, .. }) = explain::advice_for_reference(&finding.message) {
        finding = Finding { message, hint, ..finding };
    }
    if code == Code::Contract {
        describe_kind(&mut finding, facts.blamed_kind);
        suggest_tags(&mut finding, &facts.blamed_word);
        if finding.mark.is_some_and(|mark| places.is_data(mark)) && finding.expected.starts_with("one of '") {
            finding.hint = "JSON, YAML and TOML have no tags: move this record to a Nickel file".to_owned();
        }
    }
    if code == Code::Syntax {
        let label = diagnostic.labels.first();
        let source = label.map(|label| files.source(label.file_id)).unwrap_or_default();
        let offset = label.map(|label| label.range.start).unwrap_or_default();
        let (message, hint) = explain::syntax_advice(source, offset, &finding.message);
        finding = Finding { message: message.map_or(finding.message, str::to_owned), hint: hint.into(), ..finding };
    }
    for line in diagnostic.notes.iter().flat_map(|note| note.lines()) {
        apply_note(&mut finding, line.trim());
    }
    suggest_field(&mut finding);
    finding
}

/// Adds what the labels of a diagnostic tell: the place of the finding, the expected type, and the other places.
fn add_places(
    finding: &mut Finding,
    facts: &ErrorFacts,
    labels: &[Label<FileId>],
    files: &Files,
    places: &mut SourceMap,
) {
    let mut marks: Vec<(Mark, &str)> = Vec::new();
    for label in labels {
        let Some(mark) =
            u32::try_from(label.range.start).ok().and_then(|start| places.mark(files, label.file_id, start))
        else {
            continue;
        };
        if EXPECTED_TYPE_LABELS.contains(&label.message.as_str()) && places.is_library(mark) {
            let source = files.source(label.file_id);
            let contract = source.get(label.range.clone()).unwrap_or_default();
            finding.expected = contract_in_words(named_tags(source, contract).unwrap_or(contract));
        }
        marks.push((mark, label.message.as_str()));
    }
    let user_mark_index = marks.iter().position(|(mark, _)| places.is_user(*mark));
    // If no place is in a file of the user, the path of the field locates the finding.
    finding.mark = user_mark_index.map(|i| marks[i].0);
    for (i, (mark, message)) in marks.iter().enumerate() {
        if Some(i) == user_mark_index {
            if facts.code == Code::Evaluation && facts.advice.is_none() && !message.is_empty() {
                finding.message = match finding.message.as_str() {
                    // Nickel's title of the error adds nothing to the label of its place.
                    "dynamic type error" => message_text(message),
                    title => format!("{title}: {}", message_text(message)),
                };
            }
        } else if let Some(message) = explain::related_message(message)
            && places.is_user(*mark)
        {
            finding.related.push((*mark, message_text(message)));
        }
    }
}

/// Returns the kind, such as "a number", of the value that broke a contract; `None` for other errors.
fn blamed_kind(error: &Error) -> Option<&'static str> {
    let Error::EvalError(error) = error else { return None };
    let EvalErrorKind::BlameError { evaluated_arg, .. } = &error.error else { return None };
    explain::kind(evaluated_arg.as_ref()?)
}

/// Returns the text or the tag that broke a contract; empty for any other value.
fn blamed_word(error: &Error) -> String {
    let Error::EvalError(error) = error else { return String::new() };
    let EvalErrorKind::BlameError { evaluated_arg: Some(value), .. } = &error.error else { return String::new() };
    let tag = value.as_enum_tag().map(|tag| tag.label().to_owned());
    tag.or_else(|| value.as_string().map(|text| text.to_string())).unwrap_or_default()
}

/// Sets the hint to the allowed tag that is most similar to the user's word, such as `'prod` for `production`, or to a list
/// of such tags. The word is not repeated, because it can be a secret.
fn suggest_tags(finding: &mut Finding, word: &str) {
    let expected = finding.expected.clone();
    if let Some(tags) = expected.strip_prefix("an array of '") {
        let parts = word.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
        let meant: Option<Vec<String>> = parts.map(|part| Some(format!("'{}", meant_tag(part, tags)?))).collect();
        if let Some(tags) = meant.filter(|tags| !tags.is_empty()) {
            finding.hint = format!("write a list, with the tag in brackets: `[{}]`", tags.join(", "));
        }
        return;
    }
    let Some(tags) = expected.strip_prefix("one of '").filter(|_| finding.hint.is_empty()) else { return };
    if let Some(tag) = meant_tag(word, tags) {
        finding.hint = if tag == word {
            format!("write a tag, with one quote in front: `'{tag}`")
        } else {
            format!("did you mean `'{tag}`?")
        };
    }
}

/// Returns the tag that a word means; `tags` are the allowed ones with `, '` in between.
fn meant_tag<'a>(word: &str, tags: &'a str) -> Option<&'a str> {
    let tags = || tags.split(", '");
    words::nearest(word, tags())
        .or_else(|| tags().find(|tag| word.starts_with(*tag)))
        .or_else(|| tags().find(|tag| foreign_words::is_meant(word, tag)))
}

/// Sets the hint about an unknown field to the allowed field that is most similar.
fn suggest_field(finding: &mut Finding) {
    // The message names the field first: "there is no field `prot` here".
    let (Some(field), Some(fields)) = (finding.message.split('`').nth(1), finding.expected.strip_prefix("one of "))
    else {
        return;
    };
    if finding.code == Code::UnknownField.id() && finding.hint.is_empty() {
        finding.hint = words::suggestion_or(field, fields.split(", "), "use one of these fields");
    }
}

/// Completes the short message of one of Nickel's contracts with the kind of the value, and a hint for converting it.
fn describe_kind(finding: &mut Finding, kind: Option<&str>) {
    if finding.message.to_lowercase().ends_with("a record") && finding.expected.is_empty() {
        finding.expected = "a record".into();
    }
    if finding.message == "tag not in the enum type" {
        finding.message = "the value is not one of the allowed values".into();
    }
    // Messages that do not name the mistake.
    let general_messages = ["", "expected a Record", "not a record", "expected an array", "expected an enum"];
    if !general_messages.contains(&finding.message.as_str()) {
        return;
    }
    finding.message = match kind {
        _ if finding.expected.is_empty() => "the value violates its contract".into(),
        Some(kind) if !finding.expected.starts_with(kind) => format!("the value has the wrong type: {kind}"),
        _ => "the value has the wrong type".into(),
    };
    finding.hint = explain::conversion_hint(kind.unwrap_or_default(), &finding.expected).into();
}

/// Returns the code for an error, unless a note of a contract names a different one.
fn code_of(error: &Error) -> Code {
    match error {
        Error::ParseErrors(_) => Code::Syntax,
        Error::ImportError(error) if matches!(**error, ImportErrorKind::ParseErrors(..)) => Code::Syntax,
        Error::EvalError(error) => match error.error {
            EvalErrorKind::BlameError { .. } => Code::Contract,
            EvalErrorKind::MissingFieldDef { .. } => Code::MissingField,
            EvalErrorKind::ParseError(_) => Code::Syntax,
            _ => Code::Evaluation,
        },
        _ => Code::Evaluation,
    }
}

/// Sets the part of a finding that a note names: `code: …`, `expected: …` or `hint: …`.
fn apply_note(finding: &mut Finding, line: &str) {
    let line = line.trim_start_matches("- ").trim();
    if let Some(code) = line.strip_prefix("code: ") {
        code.clone_into(&mut finding.code);
    } else if let Some(expected) = line.strip_prefix("expected: ") {
        expected.clone_into(&mut finding.expected);
    } else if let Some(hint) = line.strip_prefix("hint: ") {
        hint.clone_into(&mut finding.hint);
    }
}

/// Returns a message of Nickel in one line, without `contract broken by …` before it and the place after it; empty for a
/// contract without a message.
fn message_text(message: &str) -> String {
    let mut lines = message.lines().map(str::trim);
    let first_line = lines.next().unwrap_or_default();
    if first_line.starts_with("contract broken by") {
        let notes: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        return notes.join(" ");
    }
    // The rest of the line is the place, which the finding has already.
    first_line.split(" when parsing ").next().unwrap_or(first_line).to_owned()
}

/// Returns the tags for a contract that the source names: `[| 'cascade, 'restrict |]` for `Action` after
/// `let Action = [| 'cascade, 'restrict |] in`. `None` for a different contract.
fn named_tags<'a>(source: &'a str, contract: &str) -> Option<&'a str> {
    let is_name = !contract.is_empty() && contract.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let definition = format!("let {contract} = [|");
    let start = source.find(&definition).filter(|_| is_name)? + definition.len() - 2;
    let length = source.get(start..)?.find("|]")? + 2;
    source.get(start..start + length)
}

/// Returns in words what a contract expects: "an array of text" for `Array String`; empty for an unknown contract.
fn contract_in_words(contract: &str) -> String {
    match contract {
        "String" => "text".into(),
        "Sql" => "text with SQL".into(),
        "Number" => "a number".into(),
        "Bool" => "true or false".into(),
        "Names" | "Array String" => "an array of text".into(),
        _ if contract.starts_with("[|") => format!("one of {}", contract.trim_matches(['[', ']', '|', ' '])),
        "Profile" => "one of 'local, 'staging, 'prod".into(),
        "Array Profile" => "an array of 'local, 'staging, 'prod".into(),
        _ if contract.starts_with("Array [|") => {
            format!("an array of {}", contract.trim_start_matches("Array ").trim_matches(['[', ']', '|', ' ']))
        }
        _ if contract.starts_with("Array") => "an array".into(),
        _ if contract.starts_with('{') => "a record".into(),
        _ => String::new(),
    }
}
