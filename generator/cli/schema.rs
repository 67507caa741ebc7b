//! `nself schema`: prints the stack language, from the types that decode it.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{ERROR, SUCCESS, output};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::Stack;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this type, such as `Route`, or the type of this field, such as `route`.
    name: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: SchemaFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    /// Every field with its type and description.
    Text,
    /// JSON Schema (draft 2020-12) of one environment's stack.
    Json,
}

pub fn run(arguments: &Arguments) -> u8 {
    let schema = schemars::schema_for!(Stack).to_value();
    if let Some(name) = &arguments.name {
        match select(&schema, name) {
            Ok((name, one)) => {
                match arguments.format {
                    SchemaFormat::Json => output::json(&one),
                    SchemaFormat::Text => {
                        let mut text = String::new();
                        record(&name, &one, &mut text);
                        output::document(&text);
                    }
                }
                return SUCCESS;
            }
            Err(finding) => {
                output::findings(&[finding]);
                return ERROR;
            }
        }
    }
    match arguments.format {
        SchemaFormat::Json => output::json(&schema),
        SchemaFormat::Text => output::document(&text(&schema)),
    }
    SUCCESS
}

/// Finds a type by its name, or by the name of a field that has it.
///
/// # Errors
/// NS102 for a name that is neither.
fn select(schema: &Value, name: &str) -> Result<(String, Value), Diagnostic> {
    let none = Map::new();
    let definitions = schema["$defs"].as_object().unwrap_or(&none);
    if name.eq_ignore_ascii_case("stack") {
        return Ok(("Stack".into(), schema.clone()));
    }
    let types: BTreeMap<&str, &Value> = definitions.iter().map(|(name, one)| (name.as_str(), one)).collect();
    let fields = std::iter::once(schema).chain(types.values().copied());
    let fields = fields.flat_map(|one| one["properties"].as_object().into_iter().flatten());
    let named = fields.filter_map(|(field, one)| Some((field.as_str(), type_name(one)?)));
    let mut names: BTreeMap<&str, &str> = named.collect();
    names.extend(types.keys().map(|name| (*name, *name)));
    let found = names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, of)| *of);
    let definition = found.and_then(|found| Some((found.to_owned(), (*types.get(found)?).clone())));
    definition.ok_or_else(|| {
        Diagnostic::error(Code::UnknownField, FieldPath::root())
            .message(format!("the stack language has no type or field `{name}`"))
            .expected(format!("one of {}", types.keys().copied().collect::<Vec<_>>().join(", ")))
            .hint(words::suggestion(name, names.keys().copied()))
    })
}

/// Returns the name of the type that a field has, or that its entries have.
fn type_name(schema: &Value) -> Option<&str> {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next();
    }
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    alternatives
        .chain([&schema["additionalProperties"], &schema["items"]])
        .find_map(|below| if below.is_object() { type_name(below) } else { None })
}

fn text(schema: &Value) -> String {
    let mut out = String::new();
    let none = Map::new();
    let definitions = schema["$defs"].as_object().unwrap_or(&none);
    record("Stack", schema, &mut out);
    for (name, definition) in definitions {
        record(name, definition, &mut out);
    }
    out
}

/// Appends a type: its description, then its fields or alternatives.
fn record(name: &str, schema: &Value, out: &mut String) {
    let about = schema["description"].as_str().or(schema["title"].as_str()).unwrap_or_default();
    let _ = writeln!(out, "{name}: {}", about.replace('\n', " "));
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        let _ = writeln!(out, "  {field:<24} {:<28} {about}", kind(schema));
    }
    for alternative in schema["oneOf"].as_array().into_iter().flatten() {
        let about = alternative["description"].as_str().unwrap_or_default().replace('\n', " ");
        let tag = alternative["const"].as_str().map(str::to_owned);
        let names =
            tag.or_else(|| alternative["properties"].as_object().map(|fields| fields.keys().cloned().collect()));
        let plain = || {
            alternative["enum"]
                .as_array()
                .map(|tags| tags.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "))
        };
        let _ = writeln!(out, "  {:<24} {:<28} {about}", names.or_else(plain).unwrap_or_default(), "");
    }
    let tags = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let tags: Vec<String> = tags.map(|tag| format!("'{tag}")).collect();
    if !tags.is_empty() {
        let _ = writeln!(out, "  {}", tags.join(" | "));
    }
    out.push('\n');
}

fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or(reference).to_owned();
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(kind).filter(|kind| kind != "null").collect::<Vec<_>>().join(" | ");
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        return format!("{{ _ : {} }}", kind(values));
    }
    if let Some(items) = schema.get("items") {
        return format!("Array {}", kind(items));
    }
    match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect::<Vec<_>>().join(" | ")
        }
        _ => "anything".to_owned(),
    }
}
