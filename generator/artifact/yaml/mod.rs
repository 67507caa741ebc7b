//! The one YAML writer: block style, field order of the types, and quoting that every reader of YAML 1.1 and
//! 1.2 understands alike.

mod block;

use serde::Serialize;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;
use block::{Block, Refused};

/// The value as a YAML document.
///
/// # Errors
/// NS901 when the value has a form that YAML files of nself do not use: bytes, enum variants with data, keys
/// that are not text, floats that are no numbers.
pub fn to_yaml(value: &impl Serialize) -> Result<String, Diagnostic> {
    let mut out = String::new();
    value.serialize(Block::document(&mut out)).map_err(|Refused(what)| {
        Diagnostic::error(Code::Internal, FieldPath::root())
            .message(format!("a value cannot be written as YAML: {what}"))
    })?;
    Ok(out)
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Rust prints floats without exponent, and whole ones without the point that keeps them floats.
fn float(finite: bool, mut text: String) -> Result<String, Refused> {
    if !finite {
        return Err(Refused(text));
    }
    if !text.contains('.') {
        text.push_str(".0");
    }
    Ok(text)
}

/// Words that YAML 1.1 reads as booleans or null.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Plain only when no reader can take it for anything but text; else in double quotes.
fn scalar(text: &str, out: &mut String) {
    let safe = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'/' | b'-');
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(safe)
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if plain {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            '\u{0}'..='\u{9f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            // Marks are shown by number, so that a diff reads as the file does.
            _ if words::is_mark(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
}
