//! Writes a definition as Nickel source.

use std::fmt::Write;

use serde_json::Value;

use crate::artifact::json;
use crate::database::model::Schema;

/// Maximum width of a record or list on one line.
const WIDTH: usize = 110;
/// Step of a path for an item of a list.
const ITEM: &str = "*";

/// Returns the Nickel source of a definition.
pub fn write(schema: &Schema) -> String {
    let mut out = String::new();
    value(&json::tree(schema), &mut Vec::new(), &mut out);
    out.push('\n');
    out
}

/// Returns whether the text at a path is an enum tag in Nickel.
fn is_tag(path: &[&str]) -> bool {
    matches!(
        path,
        ["tables", _, "row_security" | "replica_identity"]
            | ["tables", _, "columns", _, "identity" | "collation"]
            | ["tables", _, "uniques" | "foreign_keys", _, "deferrable" | "on_delete" | "on_update"]
            | ["tables" | "views", _, "indexes" | "excludes", _, "using"]
            | ["tables" | "views", _, "indexes", _, "columns", ITEM, "nulls" | "collation"]
            | ["tables", _, "triggers", _, "timing"]
            | ["tables", _, "triggers", _, "events", ITEM]
            | ["tables", _, "policies", _, "for"]
            | ["tables", _, "partition_by", "strategy"]
            | ["tables", _, "partitions", _]
            | ["tables", _, "partition_of", "bound"]
            | ["sequences", _, "kind"]
            | ["functions", _, "language" | "volatility" | "parallel"]
            | [_, _, "grants" | "grant_options" | "default_privileges", _, ITEM]
            | ["tables", _, "columns", _, "grants" | "grant_options", _, ITEM]
    )
}

/// Writes a value on one line if it fits, otherwise on several lines.
fn value<'a>(value: &'a Value, path: &mut Vec<&'a str>, out: &mut String) {
    let depth = path.len();
    let pad = "  ".repeat(depth + 1);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let short = inline(value, path);
            if depth >= 2 && fits(&short, depth) {
                out.push_str(&short);
                return;
            }
            out.push_str("{\n");
            for (key, field) in fields {
                let _ = write!(out, "{pad}{} = ", name(key));
                path.push(key);
                self::value(field, path, out);
                path.pop();
                out.push_str(",\n");
            }
            out.push_str(&"  ".repeat(depth));
            out.push('}');
        }
        Value::Array(items) => {
            let short = inline(value, path);
            if fits(&short, depth) {
                out.push_str(&short);
                return;
            }
            out.push_str("[\n");
            path.push(ITEM);
            for item in items {
                out.push_str(&pad);
                self::value(item, path, out);
                out.push_str(",\n");
            }
            path.pop();
            out.push_str(&"  ".repeat(depth));
            out.push(']');
        }
        Value::String(text) if !is_tag(path) => match block(text, &pad) {
            Some(block) => out.push_str(&block),
            None => out.push_str(&quoted(text)),
        },
        other => out.push_str(&inline(other, path)),
    }
}

fn fits(short: &str, depth: usize) -> bool {
    short.len() + depth * 2 < WIDTH && !short.contains("\\n")
}

fn inline<'a>(value: &'a Value, path: &mut Vec<&'a str>) -> String {
    let tag = is_tag(path);
    let mut inner = |step: &'a str, value: &'a Value| {
        path.push(step);
        let text = inline(value, path);
        path.pop();
        text
    };
    match value {
        Value::String(text) if tag => format!("'{text}"),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let all: Vec<String> = items.iter().map(|item| inner(ITEM, item)).collect();
            format!("[{}]", all.join(", "))
        }
        Value::Object(all) if all.is_empty() => "{}".into(),
        Value::Object(all) => {
            let all: Vec<String> =
                all.iter().map(|(key, value)| format!("{} = {}", name(key), inner(key, value))).collect();
            format!("{{ {} }}", all.join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns a multi-line string, or `None` if Nickel would not read the same text: it removes the common indentation
/// of the lines, and blank lines have none.
fn block(text: &str, pad: &str) -> Option<String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let filled = || lines.iter().filter(|line| !line.is_empty());
    let safe = lines.len() > 1
        && filled().any(|line| !line.starts_with([' ', '\t']))
        && !filled().any(|line| line.trim().is_empty() || line.contains('\r'))
        && !text.contains("\"%");
    if !safe {
        return None;
    }
    // Use one `%` more than the longest run in the text, so that no run can be read as interpolation.
    let signs = "%".repeat(text.split(|c| c != '%').map(str::len).max().unwrap_or(0) + 1);
    let mut out = format!("m{signs}\"\n");
    for line in &lines {
        if !line.is_empty() {
            out.push_str(pad);
            out.push_str(line);
        }
        out.push('\n');
    }
    out.push_str(pad.get(2..).unwrap_or_default());
    Some(out + "\"" + &signs)
}

/// Keywords of Nickel, which need quotes as field names.
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
    // `%{` would begin an interpolation.
    out.replace("%{", "\\%{")
}
