//! Splits SQL into tokens by the rules of PostgreSQL's lexer (`scan.l`, shared with psql).
//! [`super::completeness`] refuses a text that versions of PostgreSQL, psql or the parser of this crate would split
//! differently.

use std::borrow::Cow;

/// A token. `at` is its byte offset in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    pub at: usize,
    pub kind: TokenKind,
    pub text: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A key word or a name without quotes.
    Word,
    /// A name in double quotes, with the prefix `U&` if it has one.
    Quoted,
    /// A string of any form, with its quotes and its prefix, such as `E`.
    Literal,
    Number,
    Symbol,
    Comment,
}

/// An unclosed quote or comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclosed {
    /// Byte offset of its first character.
    pub at: usize,
    /// Name of the unclosed part in messages, such as `string`.
    pub what: &'static str,
}

/// The rule for a quote or backslash inside a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// A doubled quote is one quote: `'…'`, `N'…'` and `U&'…'`.
    Doubled,
    /// A doubled quote is one quote, and a backslash escapes the next character: `E'…'`.
    Escapes,
    /// The first quote ends the string: `B'…'` and `X'…'`.
    First,
}

/// Splits a text into tokens, without blanks. Each part of a string that continues in a later line is a token.
///
/// # Errors
/// The first unclosed quote or comment.
pub fn tokens(text: &str) -> Result<Vec<Token<'_>>, Unclosed> {
    let bytes = text.as_bytes();
    let mut tokens: Vec<Token> = Vec::new();
    let mut i = 0;
    // Quoting of the last string, while the text after it may continue that string.
    let mut open_string: Option<Quoting> = None;
    let mut is_on_new_line = false;
    while i < bytes.len() {
        let start = i;
        if is_blank(bytes[i]) {
            is_on_new_line |= is_line_end(bytes[i]);
            i += 1;
            continue;
        }
        let continued_string = if is_on_new_line && bytes[i] == b'\'' { open_string } else { None };
        let (kind, end) = match continued_string {
            Some(quoting) => (TokenKind::Literal, end_of_string(text, i, i, quoting)?),
            None => token(text, i)?,
        };
        i = end;
        open_string = match (kind, &text[start..i]) {
            // A line comment may separate the parts of a string; a block comment may not.
            (TokenKind::Comment, comment) if comment.starts_with("--") => open_string,
            (TokenKind::Literal, literal) => continued_string.or_else(|| quoting(literal)),
            _ => None,
        };
        // A string continues after a new line, even if comments follow that new line.
        if kind != TokenKind::Comment {
            is_on_new_line = false;
        }
        tokens.push(Token { at: start, kind, text: &text[start..i] });
    }
    Ok(tokens)
}

/// Returns the kind of the token that begins at `start`, and the byte offset of its end.
fn token(text: &str, start: usize) -> Result<(TokenKind, usize), Unclosed> {
    let bytes = text.as_bytes();
    let tail = &bytes[start..];
    let string_literal = |prefix_length: usize, quoting| {
        Ok((TokenKind::Literal, end_of_string(text, start, start + prefix_length, quoting)?))
    };
    match tail {
        [b'\'', ..] => string_literal(0, Quoting::Doubled),
        [b'n' | b'N', b'\'', ..] => string_literal(1, Quoting::Doubled),
        [b'e' | b'E', b'\'', ..] => string_literal(1, Quoting::Escapes),
        [b'b' | b'B' | b'x' | b'X', b'\'', ..] => string_literal(1, Quoting::First),
        [b'u' | b'U', b'&', b'\'', ..] => string_literal(2, Quoting::Doubled),
        [b'u' | b'U', b'&', b'"', ..] => {
            Ok((TokenKind::Quoted, end_of_quotes(text, start, start + 2, b'"', "double quote")?))
        }
        [b'"', ..] => Ok((TokenKind::Quoted, end_of_quotes(text, start, start, b'"', "double quote")?)),
        [b'-', b'-', ..] => {
            let length = tail.iter().position(|b| is_line_end(*b));
            Ok((TokenKind::Comment, start + length.unwrap_or(tail.len())))
        }
        [b'/', b'*', ..] => {
            let end = end_of_comment(bytes, start).ok_or(Unclosed { at: start, what: "comment" })?;
            Ok((TokenKind::Comment, end))
        }
        [b'$', ..] => match dollar_tag(&text[start..]) {
            Some(tag) => {
                let body = start + tag.len();
                let body_length = text[body..].find(tag).ok_or(Unclosed { at: start, what: "dollar quote" })?;
                Ok((TokenKind::Literal, body + body_length + tag.len()))
            }
            None => Ok((TokenKind::Symbol, start + 1)),
        },
        [b'.', b'.', ..] => Ok((TokenKind::Symbol, start + 2)),
        [b'.', b'0'..=b'9', ..] | [b'0'..=b'9', ..] => Ok((TokenKind::Number, start + length_of_number(tail))),
        [first, ..] if starts_word(*first) => {
            let length = tail.iter().position(|b| !starts_word(*b) && !b.is_ascii_digit() && *b != b'$');
            Ok((TokenKind::Word, start + length.unwrap_or(tail.len())))
        }
        _ => Ok((TokenKind::Symbol, start + text[start..].chars().next().map_or(1, char::len_utf8))),
    }
}

/// Returns whether every version of PostgreSQL treats the byte as a blank. The vertical tab is a blank only since 16.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Returns whether a name may begin with the byte.
pub fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// Returns the content of a string literal, without its prefix and quotes: `a` for `'a'`, `E'a'` and `$x$a$x$`.
pub fn content_of_literal(literal: &str) -> &str {
    let tag = if literal.starts_with('$') { dollar_tag(literal) } else { None };
    let (opening_length, closing_length) = match tag {
        Some(tag) => (tag.len(), tag.len()),
        None => (literal.find('\'').map_or(0, |at| at + 1), 1),
    };
    literal.get(opening_length..literal.len().saturating_sub(closing_length)).unwrap_or_default()
}

/// Returns the name that a token in double quotes spells: `a"b` for `"a""b"`.
pub fn unquoted_name(quoted: &str) -> Cow<'_, str> {
    let content = quoted.find('"').and_then(|open| quoted.get(open + 1..quoted.len() - 1)).unwrap_or_default();
    if content.contains('"') { content.replace("\"\"", "\"").into() } else { content.into() }
}

/// Returns the end of the name in double quotes that a text begins with; `None` if the quote is not closed.
pub fn end_of_quoted(text: &str) -> Option<usize> {
    end_of_quotes(text, 0, 0, b'"', "double quote").ok()
}

/// Returns the quoting of a string literal; `None` for a dollar-quoted string, which the next line cannot continue.
fn quoting(literal: &str) -> Option<Quoting> {
    match literal.as_bytes() {
        [b'$', ..] => None,
        [b'e' | b'E', ..] => Some(Quoting::Escapes),
        [b'b' | b'B' | b'x' | b'X', ..] => Some(Quoting::First),
        _ => Some(Quoting::Doubled),
    }
}

/// Returns the length of the number that a text begins with: digits, a fraction, an exponent.
fn length_of_number(bytes: &[u8]) -> usize {
    let digit_count = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut length = digit_count(0);
    // `1..2` is a range.
    if bytes.get(length) == Some(&b'.') && bytes.get(length + 1) != Some(&b'.') {
        length += 1 + digit_count(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign_length = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent_length = digit_count((length + 1 + sign_length).min(bytes.len()));
        if exponent_length > 0 {
            length += 1 + sign_length + exponent_length;
        }
    }
    length
}

/// Returns the line and column of the byte at the offset `at`, both counted from 1. Columns count characters.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let text_before = text.get(..at).unwrap_or(text);
    let line = text_before.matches('\n').count() + 1;
    (line, text_before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

/// The starts of a text's lines, with which the positions of many bytes are found without reading the text for each.
pub struct LineStarts<'t> {
    text: &'t str,
    /// Byte offsets.
    starts: Vec<usize>,
}

impl<'t> LineStarts<'t> {
    pub fn of(text: &'t str) -> Self {
        let starts = text.match_indices('\n').map(|(line_break, _)| line_break + 1);
        LineStarts { text, starts: std::iter::once(0).chain(starts).collect() }
    }

    /// Does the same as [`position`].
    pub fn position(&self, at: usize) -> (usize, usize) {
        let at = if self.text.is_char_boundary(at) { at } else { self.text.len() };
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        (line, self.text[start..at].chars().count() + 1)
    }
}

/// Returns the position of a byte for messages: `character 7`, or `line 2, character 7` after the first line.
pub fn place_in_words(text: &str, at: usize) -> String {
    let (line, column) = position(text, at);
    if line == 1 { format!("character {column}") } else { format!("line {line}, character {column}") }
}

/// Returns the end of a quoted text in which a doubled quote is one quote. Its token begins at `start`, and its opening
/// quote is at `opening`, since the token may have a prefix.
fn end_of_quotes(text: &str, start: usize, opening: usize, quote: u8, what: &'static str) -> Result<usize, Unclosed> {
    let bytes = text.as_bytes();
    let mut i = opening + 1;
    while let Some(byte) = bytes.get(i) {
        i += 1;
        if *byte == quote {
            if bytes.get(i) != Some(&quote) {
                return Ok(i);
            }
            i += 1;
        }
    }
    Err(Unclosed { at: start, what })
}

/// Returns the end of a string. Its token begins at `start`, and its opening quote is at `opening`.
fn end_of_string(text: &str, start: usize, opening: usize, quoting: Quoting) -> Result<usize, Unclosed> {
    if quoting == Quoting::Doubled {
        return end_of_quotes(text, start, opening, b'\'', "string");
    }
    let bytes = text.as_bytes();
    let mut i = opening + 1;
    while let Some(byte) = bytes.get(i) {
        i += 1;
        match byte {
            b'\\' if quoting == Quoting::Escapes => i += 1,
            b'\'' if quoting == Quoting::Escapes && bytes.get(i) == Some(&b'\'') => i += 1,
            b'\'' => return Ok(i),
            _ => {}
        }
    }
    Err(Unclosed { at: start, what: "string" })
}

/// Returns the end of a block comment, which may contain further block comments; `None` if it is not closed.
fn end_of_comment(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut depth, mut i) = (0, from);
    loop {
        match (bytes.get(i)?, bytes.get(i + 1)) {
            (b'/', Some(b'*')) => (depth, i) = (depth + 1, i + 2),
            (b'*', Some(b'/')) if depth == 1 => return Some(i + 2),
            (b'*', Some(b'/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
}

/// Returns the `$$` or `$name$` that a text begins with; `None` for any other text that begins with `$`, such as `$1`.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 1;
    let name = &text.as_bytes()[1..end];
    let is_name = name.iter().enumerate().all(|(i, b)| starts_word(*b) || (i > 0 && b.is_ascii_digit()));
    is_name.then(|| &text[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of all tokens.
    fn split(text: &str) -> Vec<&str> {
        tokens(text).unwrap().iter().map(|token| token.text).collect()
    }

    #[test]
    fn positions_from_line_starts_are_those_of_the_text() {
        for text in ["", "\n", "a\nä b\n\nc", "ä\n"] {
            let line_starts = LineStarts::of(text);
            for at in 0..=text.len() + 1 {
                assert_eq!(line_starts.position(at), position(text, at), "{text:?} {at}");
            }
        }
    }

    #[test]
    fn strings_end_at_the_same_place_as_on_the_server() {
        assert_eq!(split(r"E'a\'b'c"), [r"E'a\'b'", "c"]);
        assert_eq!(split(r"'a\'d'c'"), [r"'a\'", "d", "'c'"]);
        assert_eq!(split("xe'a'"), ["xe", "'a'"]);
        assert_eq!(split("B'0''1'"), ["B'0'", "'1'"]);
        assert_eq!(split("U&'d' U&\"d\""), ["U&'d'", "U&\"d\""]);
        assert_eq!(split("a$$b$$"), ["a$$b$$"]);
        assert_eq!(split("1$$b$$"), ["1", "$$b$$"]);
    }

    #[test]
    fn a_string_continues_with_the_quoting_of_its_first_part() {
        assert_eq!(split("E'a'\n'\\'' + 1"), ["E'a'", "'\\''", "+", "1"]);
        assert_eq!(split("E'a' -- note\n '\\'')"), ["E'a'", "-- note", "'\\''", ")"]);
        // A string on the same line, after a block comment or after a dollar-quoted string is not a continuation.
        assert_eq!(split("E'a' '\\' + 1"), ["E'a'", "'\\'", "+", "1"]);
        assert_eq!(split("E'a' /* \n */ '\\' + 1").len(), 5);
        assert_eq!(split("$$a$$\n'\\' + 1"), ["$$a$$", "'\\'", "+", "1"]);
    }

    #[test]
    fn numbers_and_comments_end_at_the_same_place_as_on_the_server() {
        assert_eq!(split("1.5e-3+.5 1..2 1e"), ["1.5e-3", "+", ".5", "1", "..", "2", "1", "e"]);
        assert_eq!(split("a -- b\rc"), ["a", "-- b", "c"]);
        assert_eq!(split("/* /* */ */ a"), ["/* /* */ */", "a"]);
    }
}
