//! JSON in two forms: canonical bytes for digests (RFC 8785) and readable text for committed files. This module sorts
//! the keys itself, so no feature of a dependency can change their order.

use std::cmp::Ordering;
use std::fmt::Write;

use serde::Serialize;
use serde_json::{Number, Value};

/// Returns canonical JSON: keys sorted by UTF-16 code units, no blanks, shortest numbers. A value that JSON cannot
/// express becomes `null`.
pub fn to_canonical(value: &impl Serialize) -> Vec<u8> {
    canonical(&tree(value))
}

/// Returns canonical JSON of a JSON value.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_value(value, None, &mut out);
    out.into_bytes()
}

/// Returns canonical JSON of a record, given the canonical JSON of its fields. The fields need no copy in a tree.
pub fn canonical_record<K: AsRef<str>>(fields: impl IntoIterator<Item = (K, Vec<u8>)>) -> Vec<u8> {
    let mut fields: Vec<(K, Vec<u8>)> = fields.into_iter().collect();
    fields.sort_by(|(a, _), (b, _)| utf16_order(a.as_ref(), b.as_ref()));
    let mut out = vec![b'{'];
    for (i, (key, value)) in fields.iter().enumerate() {
        let mut prefix = String::from(if i > 0 { "," } else { "" });
        write_string(key.as_ref(), &mut prefix);
        prefix.push(':');
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(value);
    }
    out.push(b'}');
    out
}

/// Returns readable JSON for committed files: indented by two blanks, keys sorted, with a final newline.
pub fn to_pretty(value: &impl Serialize) -> Vec<u8> {
    pretty(&tree(value))
}

/// Does the same as [`to_pretty`] for a JSON value, without a copy of it.
pub fn pretty(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_value(value, Some(0), &mut out);
    out.push('\n');
    out.into_bytes()
}

/// Returns a serializable value as a JSON value; `null` if JSON cannot express it.
pub fn tree(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// Writes a value. `depth` is the number of lists and records around it, for the indentation of readable text; it is
/// `None` for canonical bytes.
fn write_value(value: &Value, depth: Option<usize>, out: &mut String) {
    let item_depth = depth.map(|depth| depth + 1);
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                begin_item(i, item_depth, out);
                write_value(item, item_depth, out);
            }
            end_items(items.is_empty(), depth, out);
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| utf16_order(a, b));
            out.push('{');
            for (i, (key, value)) in fields.iter().enumerate() {
                begin_item(i, item_depth, out);
                write_string(key, out);
                out.push_str(if depth.is_some() { ": " } else { ":" });
                write_value(value, item_depth, out);
            }
            end_items(fields.is_empty(), depth, out);
            out.push('}');
        }
        Value::String(string) => write_string(string, out),
        Value::Number(value) => write_number(value, out),
        Value::Bool(_) | Value::Null => {
            let _ = write!(out, "{value}");
        }
    }
}

/// Compares two keys by UTF-16 code units; for ASCII this is the order of the bytes.
fn utf16_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Writes the text before the item with the index `i`: a comma after the previous item, and the indentation.
fn begin_item(i: usize, depth: Option<usize>, out: &mut String) {
    if i > 0 {
        out.push(',');
    }
    begin_line(depth, out);
}

/// Writes the text between the last item and the closing bracket. An empty list or record has no line break there.
fn end_items(is_empty: bool, depth: Option<usize>, out: &mut String) {
    if !is_empty {
        begin_line(depth, out);
    }
}

/// Begins a new line of readable text; canonical bytes have no lines.
fn begin_line(depth: Option<usize>, out: &mut String) {
    if let Some(depth) = depth {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// Writes floats as ECMAScript does (RFC 8785, section 3.2.2.3). Integers stay exact; the RFC would round integers
/// beyond 2^53, and two different plans could then have the same digest.
fn write_number(number: &Number, out: &mut String) {
    let text = number.to_string();
    out.push_str(&if number.is_f64() { ecmascript_float(&text) } else { text });
}

/// Returns a float as `Number::toString` of ECMA-262 writes it: without an exponent from 1e-6 up to 1e21, so `1e2`
/// becomes `100`, and `1e21` becomes `1e+21`. `float` is the text of serde_json, which has the shortest digits that are
/// read as the same float. If two such texts are equally near, serde_json takes the one whose last digit is even,
/// unlike the standard library.
fn ecmascript_float(float: &str) -> String {
    let (sign, float) = float.strip_prefix('-').map_or(("", float), |float| ("-", float));
    let (mantissa, exponent) = float.split_once('e').unwrap_or((float, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = format!("{whole}{fraction}");
    let digits = all_digits.trim_start_matches('0');
    if digits.is_empty() {
        // ECMAScript writes negative zero without its sign.
        return "0".to_owned();
    }
    let length = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
    let leading_zeros = length(&all_digits) - length(digits);
    // The number of digits before the decimal point; negative if zeros follow the point.
    let point = exponent.parse::<i32>().unwrap_or_default() + length(whole) - leading_zeros;
    let digits = digits.trim_end_matches('0');
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let digit_count = length(digits);
    let text = if (digit_count..=21).contains(&point) {
        format!("{digits}{}", zeros(point - digit_count))
    } else if (1..=21).contains(&point) {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or_default());
        format!("{whole}.{fraction}")
    } else if (-5..=0).contains(&point) {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, following) = digits.split_at(1);
        let dot = if following.is_empty() { "" } else { "." };
        format!("{first}{dot}{following}e{:+}", point - 1)
    };
    format!("{sign}{text}")
}

/// Writes a string in quotes, with the escapes that it needs.
fn write_string(text: &str, out: &mut String) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        // serde_json escapes exactly the characters that RFC 8785 requires.
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
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

    /// The samples of RFC 8785, appendix B.
    #[test]
    fn floats_follow_the_rfc() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let float = f64::from_bits(bits);
            assert_eq!(String::from_utf8(to_canonical(&float)).unwrap(), expected);
            assert_eq!(expected.parse::<f64>().unwrap(), float);
        }
        assert_eq!(to_canonical(&u64::MAX), b"18446744073709551615");
    }

    #[test]
    fn readable_json_has_the_same_value() {
        let value = json!({"b": [1, {"c": {}}], "a": "x"});
        let text = to_pretty(&value);
        assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), value);
        assert!(text.starts_with(b"{\n  \"a\": \"x\",\n  \"b\": [\n    1,\n"));
    }
}
