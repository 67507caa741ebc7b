//! `nself schema`: the stack language, from the types that read it.

use std::fmt::Write;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{SUCCESS, output};
use crate::stack::Stack;

#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(long, value_enum, default_value = "text")]
    format: SchemaFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    /// Every field with its type and meaning.
    Text,
    /// JSON Schema (draft 2020-12) of one environment's stack.
    Json,
}

pub fn run(arguments: &Arguments) -> u8 {
    let schema = schemars::schema_for!(Stack).to_value();
    match arguments.format {
        SchemaFormat::Json => output::json(&schema),
        SchemaFormat::Text => output::document(&text(&schema)),
    }
    SUCCESS
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

/// A type: its meaning, then its fields or alternatives.
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
