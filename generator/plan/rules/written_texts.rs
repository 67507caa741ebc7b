//! The texts of a service that its program reads: variables, arguments and files. Each has the field that the user wrote.

use crate::diagnostic::FieldPath;
use crate::plan::env_files::FileVariables;
use crate::plan::model::{FileContent, Plan, Service, Value};
use crate::plan::roster::{Category, PlannedService, Roster};
use crate::plan::secret_list::Recipe;
use crate::values::{ServiceName, VariableName, credential_formats};

/// The text in the place of each secret in a composed one.
const PLACEHOLDER: &str = "x";

/// Parts of names of variables with the web pages that may call the service. It does not connect to them.
const ORIGINS: [&str; 3] = ["CORS", "ORIGINS", "ALLOWED_"];

/// Marks at the start of a line of a file that is a comment.
const COMMENTS: [&str; 4] = ["#", "//", "--", ";"];

/// A text of a service, with its field.
pub struct WrittenText {
    pub path: FieldPath,
    pub text: String,
    pub place: Place,
}

/// The place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Variable,
    Argument,
    /// A word of a file. It may be an example in a text that no program reads.
    File,
}

/// Returns the texts of a service in which addresses can be.
pub fn texts(
    file_variables: &FileVariables,
    plan: &Plan,
    roster: &Roster,
    (name, service): (&ServiceName, &Service),
) -> Vec<WrittenText> {
    let member = &roster[name];
    let mut texts = variables(file_variables.get(name), plan, member, service);
    // A copy has the command and the files of its original, and inherits its variables.
    if let Category::Copy(original) = &member.category {
        let original = plan.services.get(original);
        texts.retain(|written| {
            let variable = written.path.last_key();
            original.and_then(|original| original.env.get(variable)) != service.env.get(variable)
        });
        return texts;
    }
    texts.extend(arguments(member));
    if member.main_service(name) == name {
        texts.extend(files(plan, member));
    }
    texts
}

/// Returns the variables that the user wrote, also those in files of variables.
/// `in_files` are those in files.
fn variables(
    in_files: Option<&Vec<(VariableName, FieldPath)>>,
    plan: &Plan,
    member: &PlannedService,
    service: &Service,
) -> Vec<WrittenText> {
    let field = |variable: &VariableName| {
        let declared = member.service.variables().into_iter().find(|(_, variables)| variables.contains_key(variable));
        let declared = declared.map(|(field, _)| member.path.key(field).key(variable.as_str()));
        declared.or_else(|| {
            // Of several files, the last one sets the variable.
            let file = in_files?.iter().rev().find(|(name, _)| name == variable);
            file.map(|(_, path)| path.clone())
        })
    };
    let mut texts = Vec::new();
    for (variable, value) in &service.env {
        if ORIGINS.iter().any(|part| variable.as_str().contains(part)) {
            continue;
        }
        if let (Some(path), Some(text)) = (field(variable), text(plan, value)) {
            texts.push(WrittenText { path, text, place: Place::Variable });
        }
    }
    texts
}

/// Returns the text of a variable; for a composed secret, its text with a placeholder for each secret in it.
fn text(plan: &Plan, value: &Value) -> Option<String> {
    let secret = match value {
        // A URL with a password is refused as a credential, and the reference in its place opens the connection.
        Value::Text(text) => return Some(text.clone()).filter(|text| credential_formats::find(text).is_none()),
        Value::Secret(secret) => secret,
    };
    let Recipe::Template { parts } = &plan.secrets.get(secret)?.recipe else { return None };
    Some(parts.iter().map(|part| part.text.as_ref().map_or(PLACEHOLDER, |text| text.as_str())).collect())
}

/// Returns the words of the command.
fn arguments(member: &PlannedService) -> Vec<WrittenText> {
    let service = &member.service;
    let mut texts = Vec::new();
    for (field, words) in [("entrypoint", &service.entrypoint), ("command", &service.command)] {
        for (i, word) in words.iter().flatten().enumerate() {
            let path = member.path.key(field).index(i);
            texts.extend(separate_words(word.as_str(), &path, Place::Argument));
        }
    }
    texts
}

/// Returns the words of the files, without comments.
fn files(plan: &Plan, member: &PlannedService) -> Vec<WrittenText> {
    let mut texts = Vec::new();
    let files_path = member.path.key("files");
    for file in plan.files.values().filter(|file| file.origin.starts_with(&files_path)) {
        match &file.content {
            FileContent::Text(text) => {
                let is_comment = |line: &&str| COMMENTS.iter().any(|mark| line.trim_start().starts_with(mark));
                let lines = text.lines().filter(|line| !is_comment(line));
                texts.extend(lines.flat_map(|line| separate_words(line, &file.origin, Place::File)));
            }
            FileContent::Yaml(data) | FileContent::Json(data) => {
                visit_texts(data, &mut |text| texts.extend(separate_words(text, &file.origin, Place::File)));
            }
        }
    }
    texts
}

/// Returns the words of a text that look like addresses, without the quotes, brackets and names of options around them.
fn separate_words(text: &str, path: &FieldPath, place: Place) -> Vec<WrittenText> {
    let is_around = |c: char| c.is_whitespace() || "\"'`()[]{}<>|;&=,".contains(c);
    let words = text.split(is_around).filter(|word| word.contains(':'));
    words.map(|word| WrittenText { path: path.clone(), text: word.to_owned(), place }).collect()
}

/// Calls `visit` with each text in data.
fn visit_texts(data: &serde_json::Value, visit: &mut impl FnMut(&str)) {
    match data {
        serde_json::Value::String(text) => visit(text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| visit_texts(item, visit)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| visit_texts(field, visit)),
        _ => {}
    }
}
