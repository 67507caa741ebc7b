//! JSON two ways: canonical bytes for digests (RFC 8785) and readable text for committed files. Both sort
//! keys themselves, so no feature of a dependency can change the order.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Number, Value};

/// Canonical JSON: keys sorted by UTF-16 code units, no blanks, shortest numbers.
///
/// Values are plain data of this program; one that JSON cannot hold becomes `null`.
pub fn to_canonical(value: &impl Serialize) -> Vec<u8> {
    let mut out = String::new();
    write(&tree(value), None, &mut out);
    out.into_bytes()
}

/// Readable JSON for committed files: two blanks, sorted keys, a final newline.
pub fn to_pretty(value: &impl Serialize) -> Vec<u8> {
    let mut out = String::new();
    write(&tree(value), Some(0), &mut out);
    out.push('\n');
    out.into_bytes()
}

fn tree(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// `depth` is the indentation of readable text.
fn write(value: &Value, depth: Option<usize>, out: &mut String) {
    let inner = depth.map(|depth| depth + 1);
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i, inner, out);
                write(item, inner, out);
            }
            close(items.is_empty(), depth, out);
            out.push(']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (i, key) in keys.iter().enumerate() {
                separate(i, inner, out);
                text(key, out);
                out.push_str(if depth.is_some() { ": " } else { ":" });
                write(&fields[*key], inner, out);
            }
            close(fields.is_empty(), depth, out);
            out.push('}');
        }
        Value::String(string) => text(string, out),
        Value::Number(value) => number(value, out),
        Value::Bool(_) | Value::Null => {
            let _ = write!(out, "{value}");
        }
    }
}

fn separate(i: usize, depth: Option<usize>, out: &mut String) {
    if i > 0 {
        out.push(',');
    }
    line(depth, out);
}

fn close(empty: bool, depth: Option<usize>, out: &mut String) {
    if !empty {
        line(depth, out);
    }
}

fn line(depth: Option<usize>, out: &mut String) {
    if let Some(depth) = depth {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// Integral numbers without fraction or exponent, as ECMAScript prints them up to 2^53.
fn number(number: &Number, out: &mut String) {
    let _ = match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
            write!(out, "{float:.0}")
        }
        _ => write!(out, "{number}"),
    };
}

fn text(text: &str, out: &mut String) {
    // serde_json escapes exactly what RFC 8785 asks for.
    let _ = write!(out, "{}", Value::from(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_bytes_follow_the_rfc() {
        let value =
            json!({"\u{20ac}": 1.0, "\r": "\u{000f}\n\"\\", "1": [true, null, {}], "\u{1f600}": [], "\u{fb33}": 1e2});
        let text = String::from_utf8(to_canonical(&value)).unwrap();
        assert_eq!(
            text,
            "{\"\\r\":\"\\u000f\\n\\\"\\\\\",\"1\":[true,null,{}],\"\u{20ac}\":1,\"\u{1f600}\":[],\"\u{fb33}\":100}"
        );
    }

    #[test]
    fn readable_text_is_the_same_value() {
        let value = json!({"b": [1, {"c": {}}], "a": "x"});
        let text = to_pretty(&value);
        assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), value);
        assert!(text.starts_with(b"{\n  \"a\": \"x\",\n  \"b\": [\n    1,\n"));
    }
}
