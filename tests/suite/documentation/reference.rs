//! Generates the pages of `docs/reference` from the program's output.

use std::fmt::Write;
use std::path::Path;

use nself::codes::Code;
use serde_json::{Map, Value};

use crate::support::nself_in;

const NOTICE: &str = "<!-- Written by tests/bless from the program itself; edits are lost. -->\n";

/// Returns all pages by their file names.
pub fn pages() -> [(&'static str, String); 3] {
    [("codes.md", codes()), ("commands.md", commands()), ("fields.md", fields())]
}

fn codes() -> String {
    let mut text = format!(
        "# Codes\n\n{NOTICE}\nEvery error and warning has one of these codes; `nself explain CODE` prints the same \
         text. A number is never used again for anything else.\n\n| code | title | explanation |\n|---|---|---|\n"
    );
    let mut all: Vec<&Code> = Code::ALL.iter().collect();
    all.sort_by_key(|code| code.id());
    for code in all {
        let _ = writeln!(text, "| {} | {} | {} |", code.id(), cell(code.title()), cell(code.explanation()));
    }
    text
}

fn commands() -> String {
    let mut text = format!(
        "# Commands\n\n{NOTICE}\nThis is what `--help` prints. Results go to standard output, everything else to \
         standard error. Exit codes: 0 success, 1 a difference or a finding, 2 an error.\n"
    );
    command(&[], &mut text);
    text
}

/// Appends the help of a command and of its subcommands.
fn command(words: &[&str], text: &mut String) {
    let help = nself_in(Path::new("/"), [words, &["--help"]].concat()).stdout;
    let name = [&["nself"], words].concat().join(" ");
    let _ = writeln!(text, "\n{} {name}\n\n```text\n{}\n```", "#".repeat(words.len() + 2), help.trim_end());
    let below = help.split_once("Commands:\n").map_or("", |(_, list)| list);
    let names = below.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in names.filter(|name| !name.is_empty() && *name != "help") {
        command(&[words, &[name]].concat(), text);
    }
}

fn fields() -> String {
    let json = nself_in(Path::new("/"), ["schema", "--format", "json"]).stdout;
    let schema: Value = serde_json::from_str(&json).unwrap();
    let definitions = schema["$defs"].as_object().cloned().unwrap_or_default();
    let mut text = format!(
        "# Fields\n\n{NOTICE}\nEvery field of the stack language, by type; `nself schema` prints the same list. \
         `environments.<name>` holds a layer with the fields of [Stack](#stack).\n"
    );
    section("Stack", &schema, &definitions, &mut text);
    for (name, definition) in &definitions {
        section(name, definition, &definitions, &mut text);
    }
    text
}

/// Appends a type: its description, then its fields or alternatives.
fn section(name: &str, schema: &Value, definitions: &Map<String, Value>, text: &mut String) {
    let _ = writeln!(text, "\n## {name}\n\n{}", about(schema));
    if let Some(fields) = schema["properties"].as_object().filter(|fields| !fields.is_empty()) {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let _ = writeln!(text, "\n| field | type | meaning |\n|---|---|---|");
        for (field, schema) in fields {
            let needed = if required.contains(&Value::from(field.as_str())) { " (required)" } else { "" };
            let _ = writeln!(text, "| `{field}`{needed} | {} | {} |", kind(schema, definitions), cell(&about(schema)));
        }
    }
    if schema["enum"].is_array() {
        let _ = writeln!(text, "\nOne of {}.", names(schema));
    }
    if let Some(alternatives) = schema["oneOf"].as_array() {
        let _ = writeln!(text, "\n| one of | meaning |\n|---|---|");
        for alternative in alternatives {
            let _ = writeln!(text, "| {} | {} |", names(alternative), cell(&about(alternative)));
        }
    }
}

/// Returns the tags, or the field, of an alternative.
fn names(alternative: &Value) -> String {
    let tags = alternative["enum"].as_array().cloned().unwrap_or_default();
    let tags = tags.iter().chain(alternative.get("const")).filter_map(Value::as_str).map(|tag| format!("`'{tag}`"));
    let fields = alternative["properties"].as_object().into_iter().flatten().map(|(field, _)| format!("`{field}`"));
    tags.chain(fields).collect::<Vec<_>>().join(", ")
}

fn about(schema: &Value) -> String {
    schema["description"].as_str().or(schema["title"].as_str()).unwrap_or_default().replace('\n', " ")
}

/// Returns a type's name, with a link if the page has a section about it.
fn kind(schema: &Value, definitions: &Map<String, Value>) -> String {
    let below = |schema: &Value| kind(schema, definitions);
    let quoted_list = |names: &[Value]| {
        let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
        names.collect::<Vec<_>>().join(" or ")
    };
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        assert!(definitions.contains_key(name), "{name}");
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(below).filter(|kind| kind != "null").collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        return format!("record of {}", below(values));
    }
    if let Some(items) = schema.get("items") {
        return format!("array of {}", below(items));
    }
    match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => quoted_list(names),
        _ => "anything".to_owned(),
    }
}

/// Escapes text for a table, in which a bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
