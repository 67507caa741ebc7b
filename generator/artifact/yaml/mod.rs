//! The one YAML writer: block style, field order of the types, and quoting that every reader of YAML 1.1 and
//! 1.2 understands alike.

mod node;

use serde::Serialize;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;
use node::{Builder, Node, Refused};

/// The value as a YAML document.
///
/// # Errors
/// NS901 when the value has a form that YAML files of nself do not use: bytes, enum variants with data, keys
/// that are not text, floats that are no numbers.
pub fn to_yaml(value: &impl Serialize) -> Result<String, Diagnostic> {
    let node = value.serialize(Builder).map_err(|Refused(what)| {
        Diagnostic::error(Code::Internal, FieldPath::root())
            .message(format!("a value cannot be written as YAML: {what}"))
    })?;
    let mut out = String::new();
    match &node {
        Node::List(items) if !items.is_empty() => block(&node, 0, &mut out),
        Node::Record(fields) if !fields.is_empty() => block(&node, 0, &mut out),
        other => {
            inline(other, &mut out);
            out.push('\n');
        }
    }
    Ok(out)
}

fn is_block(node: &Node) -> bool {
    match node {
        Node::List(items) => !items.is_empty(),
        Node::Record(fields) => !fields.is_empty(),
        _ => false,
    }
}

fn block(node: &Node, depth: usize, out: &mut String) {
    match node {
        Node::Record(fields) => {
            for (i, (key, value)) in fields.iter().enumerate() {
                if i > 0 {
                    indent(depth, out);
                }
                let start = out.len();
                scalar(key, out);
                if out.len() - start > LONGEST_KEY {
                    out.insert_str(start, "? ");
                    out.push('\n');
                    indent(depth, out);
                }
                out.push(':');
                if is_block(value) {
                    out.push('\n');
                    indent(depth + 1, out);
                    block(value, depth + 1, out);
                } else {
                    out.push(' ');
                    inline(value, out);
                    out.push('\n');
                }
            }
        }
        Node::List(items) => {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    indent(depth, out);
                }
                out.push_str("- ");
                if is_block(item) {
                    block(item, depth + 1, out);
                } else {
                    inline(item, out);
                    out.push('\n');
                }
            }
        }
        other => inline(other, out),
    }
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn inline(node: &Node, out: &mut String) {
    match node {
        Node::Plain(plain) => out.push_str(plain),
        Node::Text(text) => scalar(text, out),
        Node::List(_) => out.push_str("[]"),
        Node::Record(_) => out.push_str("{}"),
    }
}

/// Bytes of a key that stands before its colon without further ado; a longer one is announced by `?`. YAML 1.1
/// and 1.2 say 1024 characters, and libyaml counts bytes.
const LONGEST_KEY: usize = 1024;

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
