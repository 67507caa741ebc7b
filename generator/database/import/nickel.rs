//! A definition as Nickel source.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::artifact::json;
use crate::database::model::Schema;

/// Fields whose values are tags.
const TAGS: [&str; 5] = ["deferrable", "identity", "on_delete", "on_update", "using"];
/// A line that is longer is broken.
const WIDTH: usize = 110;

/// The source of a definition.
pub fn write(schema: &Schema) -> String {
    let mut out = String::new();
    record(&json::tree(schema), 0, &mut out);
    out.push('\n');
    out
}

fn record(value: &Value, depth: usize, out: &mut String) {
    let short = inline(value);
    let open = matches!(value, Value::Object(fields) if !fields.is_empty()) && depth < 2;
    if !open && short.len() + depth * 2 < WIDTH {
        out.push_str(&short);
        return;
    }
    let pad = "  ".repeat(depth + 1);
    match value {
        Value::Object(fields) => {
            out.push_str("{\n");
            for (key, value) in fields {
                let _ = write!(out, "{pad}{} = ", name(key));
                match tag(key, value) {
                    Some(tag) => out.push_str(&tag),
                    None => record(value, depth + 1, out),
                }
                out.push_str(",\n");
            }
        }
        Value::Array(items) => {
            out.push_str("[\n");
            for item in items {
                out.push_str(&pad);
                record(item, depth + 1, out);
                out.push_str(",\n");
            }
        }
        _ => {
            out.push_str(&short);
            return;
        }
    }
    out.push_str(&"  ".repeat(depth));
    out.push(if value.is_object() { '}' } else { ']' });
}

fn inline(value: &Value) -> String {
    let fields = |fields: &Map<String, Value>| {
        let all: Vec<String> = fields
            .iter()
            .map(|(key, value)| format!("{} = {}", name(key), tag(key, value).unwrap_or_else(|| inline(value))))
            .collect();
        all.join(", ")
    };
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(all) if all.is_empty() => "{}".into(),
        Value::Object(all) => format!("{{ {} }}", fields(all)),
        other => other.to_string(),
    }
}

fn tag(key: &str, value: &Value) -> Option<String> {
    let text = value.as_str().filter(|_| TAGS.contains(&key))?;
    Some(format!("'{text}"))
}

/// Words of Nickel that cannot be a field's name without quotes.
const WORDS: [&str; 16] = [
    "let", "in", "if", "then", "else", "fun", "import", "match", "forall", "rec", "null", "true", "false", "include",
    "merge", "or",
];

fn name(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain && !WORDS.contains(&key) { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    // It would begin an interpolation.
    out.replace("%{", "\\%{")
}
