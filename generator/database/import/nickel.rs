//! Writes a definition as Nickel source.

use std::fmt::Write;

use serde_json::Value;

use crate::artifact::json;
use crate::database::model::Schema;

/// Maximum width, in characters, of a line with a whole record or list.
const MAX_WIDTH: usize = 110;
/// The step of a path that means any item of a list, in place of its index.
const ITEM: &str = "*";

/// Returns the Nickel source of a definition.
pub fn write(schema: &Schema) -> String {
    let mut out = String::new();
    let mut tree = json::tree(schema);
    // Snapshots do not have this field, but a definition does.
    if let (Value::Object(fields), false) = (&mut tree, schema.allow.is_empty()) {
        fields.insert("allow".into(), json::tree(&schema.allow));
    }
    write_value(&tree, &mut Vec::new(), &mut out);
    out.push('\n');
    out
}

/// Returns whether the text at a path of the definition is an enum tag in Nickel: `row_security = 'Forced`, not `"Forced"`.
fn is_tag(path: &[&str]) -> bool {
    matches!(
        path,
        ["tables", _, "row_security" | "replica_identity" | "primary_key_deferrable"]
            | ["tables", _, "columns", _, "identity" | "storage" | "compression"]
            | ["tables", _, "uniques" | "foreign_keys" | "excludes", _, "deferrable" | "on_delete" | "on_update"]
            | ["tables" | "views", _, "indexes" | "excludes", _, "using"]
            | ["tables" | "views", _, "indexes", _, "columns", ITEM, "nulls"]
            | ["tables" | "views", _, "triggers", _, "timing" | "deferrable" | "enabled"]
            | ["tables" | "views", _, "triggers", _, "events", ITEM]
            | ["tables", _, "policies", _, "for"]
            | ["tables", _, "partition_by", "strategy"]
            | ["tables", _, "partitions", _]
            | ["tables", _, "partition_of", "bound"]
            | ["views", _, "check_option"]
            | ["sequences", _, "kind"]
            | ["functions", _, "arguments", ITEM, "mode"]
            | ["functions", _, "language" | "volatility" | "parallel"]
            | [_, _, "grants" | "grant_options", _, ITEM]
            | ["default_privileges", _, _, ITEM]
            | ["schemas", _, "default_privileges", _, _, ITEM]
            | [
                "tables",
                _,
                "columns",
                _,
                "grants" | "grant_options" | "identity_grants" | "identity_grant_options",
                _,
                ITEM
            ]
            | ["views", _, "column_grants" | "column_grant_options", _, _, ITEM]
            | ["types", _, _, "grants" | "grant_options", _, ITEM]
    )
}

/// Writes the value at a path on one line if it fits, otherwise on several lines. The definition and its groups, such as
/// `tables`, always have several lines.
fn write_value<'a>(value: &'a Value, path: &mut Vec<&'a str>, out: &mut String) {
    let depth = path.len();
    let indentation = "  ".repeat(depth + 1);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let one_line = value_on_one_line(value, path);
            if depth >= 2 && fits(&one_line, depth) {
                out.push_str(&one_line);
                return;
            }
            out.push_str("{\n");
            for (key, field) in fields {
                let _ = write!(out, "{indentation}{} = ", field_name(key));
                path.push(key);
                write_value(field, path, out);
                path.pop();
                out.push_str(",\n");
            }
            out.push_str(&"  ".repeat(depth));
            out.push('}');
        }
        Value::Array(items) => {
            let one_line = value_on_one_line(value, path);
            if fits(&one_line, depth) {
                out.push_str(&one_line);
                return;
            }
            out.push_str("[\n");
            path.push(ITEM);
            for item in items {
                out.push_str(&indentation);
                write_value(item, path, out);
                out.push_str(",\n");
            }
            path.pop();
            out.push_str(&"  ".repeat(depth));
            out.push(']');
        }
        Value::String(text) if !is_tag(path) => match multi_line_string(text, &indentation) {
            Some(string) => out.push_str(&string),
            None => out.push_str(&quoted_string(text)),
        },
        other => out.push_str(&value_on_one_line(other, path)),
    }
}

/// Returns whether a value fits on one line after the indentation of its depth. A text with line breaks never does: it is
/// written as a multi-line string.
fn fits(one_line: &str, depth: usize) -> bool {
    one_line.len() + depth * 2 < MAX_WIDTH && !one_line.contains("\\n")
}

/// Returns a value on one line: `{ type = "text", nullable = true }`.
fn value_on_one_line<'a>(value: &'a Value, path: &mut Vec<&'a str>) -> String {
    let is_tag = is_tag(path);
    let mut inner_value = |step: &'a str, value: &'a Value| {
        path.push(step);
        let text = value_on_one_line(value, path);
        path.pop();
        text
    };
    match value {
        Value::String(text) if is_tag => format!("'{text}"),
        Value::String(text) => quoted_string(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| inner_value(ITEM, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".into(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{} = {}", field_name(key), inner_value(key, value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns a multi-line string, or `None` if Nickel would read a different text from it. Nickel removes the indentation
/// that all lines have in common; blank lines are not indented.
fn multi_line_string(text: &str, indentation: &str) -> Option<String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let nonempty_lines = || lines.iter().filter(|line| !line.is_empty());
    // A line without indentation keeps Nickel from removing indentation that belongs to the text.
    let has_unindented_line = nonempty_lines().any(|line| !line.starts_with([' ', '\t']));
    let has_line_that_nickel_alters = nonempty_lines().any(|line| line.trim().is_empty() || line.contains('\r'));
    let ends_early = text.contains("\"%");
    if lines.len() < 2 || !has_unindented_line || has_line_that_nickel_alters || ends_early {
        return None;
    }
    // Use one `%` more than the longest run in the text, so that no run can be read as interpolation.
    let percent_signs = "%".repeat(text.split(|c| c != '%').map(str::len).max().unwrap_or(0) + 1);
    let mut out = format!("m{percent_signs}\"\n");
    for line in &lines {
        if !line.is_empty() {
            out.push_str(indentation);
            out.push_str(line);
        }
        out.push('\n');
    }
    // The closing quote is one level (two spaces) to the left of the text.
    out.push_str(indentation.get(2..).unwrap_or_default());
    Some(out + "\"" + &percent_signs)
}

/// Keywords and built-in types of Nickel. As names of fields they need quotes.
const KEYWORDS: [&str; 21] = [
    "let", "in", "if", "then", "else", "fun", "import", "match", "forall", "rec", "null", "true", "false", "include",
    "merge", "or", "Array", "Bool", "Dyn", "Number", "String",
];

/// Returns the name of a field, in quotes if Nickel needs them.
fn field_name(key: &str) -> String {
    // Underscores at the beginning need a letter after them.
    let is_plain = key.trim_start_matches('_').starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain && !KEYWORDS.contains(&key) { key.to_owned() } else { quoted_string(key) }
}

/// Returns a text as a string of Nickel in double quotes.
fn quoted_string(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nickel_reads_as_something_else_have_quotes() {
        for plain in ["id", "_id", "__EFMigrationsHistory", "Numbers", "number"] {
            assert_eq!(field_name(plain), plain);
        }
        for other in ["in", "Number", "String", "__1", "a b", "1a", ""] {
            assert_eq!(field_name(other), format!("\"{other}\""));
        }
    }
}
