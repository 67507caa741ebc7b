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
    /// The format of the output.
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
        match find_type(&schema, name) {
            Ok((name, definition)) => {
                match arguments.format {
                    SchemaFormat::Json => output::json(&definition),
                    SchemaFormat::Text => {
                        let mut text = String::new();
                        append_type(&name, &definition, &mut text);
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
        SchemaFormat::Text => output::document(&schema_text(&schema)),
    }
    SUCCESS
}

/// Returns the name and definition of a type. `name` is the name of the type, such as `Route`, or the name of a field
/// that has the type, such as `route`; the case of letters does not matter.
///
/// # Errors
/// NS102 for a name that is neither.
fn find_type(schema: &Value, name: &str) -> Result<(String, Value), Diagnostic> {
    let empty = Map::new();
    let definitions = schema["$defs"].as_object().unwrap_or(&empty);
    if name.eq_ignore_ascii_case("stack") {
        return Ok(("Stack".into(), schema.clone()));
    }
    let types: BTreeMap<&str, &Value> =
        definitions.iter().map(|(name, definition)| (name.as_str(), definition)).collect();
    let records = std::iter::once(schema).chain(types.values().copied());
    let fields = records.flat_map(|record| record["properties"].as_object().into_iter().flatten());
    // Maps each name that a user may search for, of a type or of a field, to the name of the type.
    let mut type_by_search_name: BTreeMap<&str, &str> =
        fields.filter_map(|(field, schema)| Some((field.as_str(), type_name(schema)?))).collect();
    type_by_search_name.extend(types.keys().map(|name| (*name, *name)));
    let selected_type = type_by_search_name
        .iter()
        .find(|(search_name, _)| search_name.eq_ignore_ascii_case(name))
        .map(|(_, type_name)| *type_name);
    let definition =
        selected_type.and_then(|selected_type| Some((selected_type.to_owned(), (*types.get(selected_type)?).clone())));
    definition.ok_or_else(|| {
        Diagnostic::error(Code::UnknownField, FieldPath::root())
            .message(format!("the stack language has no type or field `{name}`"))
            .expected(words::one_of(&types.keys().copied().collect::<Vec<_>>()))
            .hint(words::suggestion(name, type_by_search_name.keys().copied()))
    })
}

/// Returns the name of the type that a field has, or that its entries have: `Route` for a list of routes. `None` if the
/// type has no name, such as a number.
fn type_name(schema: &Value) -> Option<&str> {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next();
    }
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    alternatives
        .chain([&schema["additionalProperties"], &schema["items"]])
        .find_map(|part| if part.is_object() { type_name(part) } else { None })
}

/// Returns the description of all types.
fn schema_text(schema: &Value) -> String {
    let mut text = String::new();
    let empty = Map::new();
    let definitions = schema["$defs"].as_object().unwrap_or(&empty);
    append_type("Stack", schema, &mut text);
    for (name, definition) in definitions {
        append_type(name, definition, &mut text);
    }
    text
}

/// Appends a type: its description, then its fields or alternatives.
fn append_type(name: &str, schema: &Value, text: &mut String) {
    let description = schema["description"].as_str().or(schema["title"].as_str()).unwrap_or_default();
    let _ = writeln!(text, "{name}: {}", description.replace('\n', " "));
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        let description = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        append_row(text, field, &type_text(schema), &description);
    }
    for alternative in schema["oneOf"].as_array().into_iter().flatten() {
        let description = alternative["description"].as_str().unwrap_or_default().replace('\n', " ");
        // An alternative is one tag, a record with one field, or a list of tags.
        let tag = alternative["const"].as_str().map(str::to_owned);
        let field_name = || alternative["properties"].as_object().and_then(|fields| fields.keys().next().cloned());
        let tag_list = || {
            alternative["enum"]
                .as_array()
                .map(|tags| tags.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "))
        };
        append_row(text, &tag.or_else(field_name).or_else(tag_list).unwrap_or_default(), "", &description);
    }
    let tags = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let tags: Vec<String> = tags.map(|tag| format!("'{tag}")).collect();
    if !tags.is_empty() {
        let _ = writeln!(text, "  {}", tags.join(" | "));
    }
    text.push('\n');
}

/// Appends the row of a field, or of an alternative, which has no type.
fn append_row(text: &mut String, name: &str, type_text: &str, description: &str) {
    let _ = writeln!(text, "  {name:<24} {type_text:<28} {description}");
}

/// Returns the type of a field, such as `{ _ : Service }`, `Array string` or `Port | string`.
fn type_text(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or(reference).to_owned();
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().map(type_text).filter(|name| name != "null").collect::<Vec<_>>().join(" | ");
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        return format!("{{ _ : {} }}", type_text(values));
    }
    if let Some(items) = schema.get("items") {
        return format!("Array {}", type_text(items));
    }
    match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect::<Vec<_>>().join(" | ")
        }
        _ => "anything".to_owned(),
    }
}
