//! Scalars of YAML as text.

use crate::words;

/// Writes two blanks for each level of `depth`.
pub fn write_indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Returns the text of a float with a decimal point, which Rust omits for whole numbers: `1` becomes `1.0`.
pub fn float_text(mut text: String) -> String {
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// Words that YAML 1.1 reads as a boolean or as null.
const RESERVED_WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Writes text without quotes if every reader takes it for text, otherwise in double quotes.
pub fn write_scalar(text: &str, out: &mut String) {
    let is_plain_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-');
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(is_plain_byte)
        && !RESERVED_WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_plain {
        out.push_str(text);
        return;
    }
    out.push('"');
    let needs_escape = |byte: u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\');
    let mut rest = text;
    while let Some(index) = rest.bytes().position(needs_escape) {
        out.push_str(&rest[..index]);
        let mut chars = rest[index..].chars();
        if let Some(c) = chars.next() {
            write_escaped(c, out);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Writes a character between double quotes that is not plain ASCII or has a meaning there.
fn write_escaped(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        '\u{0}'..='\u{9f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
        // Invisible marks are written as numbers, so that a diff shows them.
        '\u{10000}'.. if words::is_mark(c) => out.push_str(&format!("\\U{:08x}", c as u32)),
        _ if words::is_mark(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_wherever_a_reader_could_take_it_for_another_type() {
        for (text, written) in [
            ("orders", "orders"),
            ("a/b-c_d.e", "a/b-c_d.e"),
            ("Yes", "\"Yes\""),
            ("null", "\"null\""),
            ("1.5", "\"1.5\""),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("\"\\\n\u{7f}", "\"\\\"\\\\\\n\\x7f\""),
            ("\u{200b}", "\"\\u200b\""),
            ("\u{ad}\u{e0041}", "\"\\u00ad\\U000e0041\""),
            ("ä", "\"ä\""),
            ("a ä\"b\\ c\n", "\"a ä\\\"b\\\\ c\\n\""),
        ] {
            let mut out = String::new();
            write_scalar(text, &mut out);
            assert_eq!(out, written, "{text:?}");
        }
        assert_eq!((float_text("1".to_owned()), float_text("1.5".to_owned())), ("1.0".to_owned(), "1.5".to_owned()));
    }
}
