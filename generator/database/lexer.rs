//! The tokens of PostgreSQL's SQL, as far as needed to know where a text ends: quotes, brackets, semicolons.
//! What the user writes as SQL passes here before anything is put around it.

/// A token; positions are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    pub at: usize,
    pub kind: Kind,
    pub text: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A key word or a name without quotes.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A string of any form, with its quotes.
    Literal,
    Number,
    Symbol,
    Comment,
}

/// Splits a text into tokens, without blanks.
///
/// # Errors
/// What is not closed, with its place.
pub fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let from = i;
        let kind = match bytes[i] {
            b if b.is_ascii_whitespace() => {
                i += 1;
                continue;
            }
            b'\'' => {
                let escapes = all.last().is_some_and(|last: &Token| {
                    last.kind == Kind::Word && last.text.eq_ignore_ascii_case("e") && last.at + 1 == from
                });
                i = string(text, i, escapes)?;
                Kind::Literal
            }
            b'"' => {
                i = closing(text, i, b'"', "double quote")?;
                Kind::Quoted
            }
            b'-' if bytes.get(i + 1) == Some(&b'-') => {
                i = text[i..].find('\n').map_or(bytes.len(), |end| i + end);
                Kind::Comment
            }
            b'/' if bytes.get(i + 1) == Some(&b'*') => {
                i = comment(bytes, i).ok_or_else(|| unclosed("comment", text, from))?;
                Kind::Comment
            }
            b'$' if tag(&text[i..]).is_some() => {
                let tag = tag(&text[i..]).unwrap_or_default();
                let body = i + tag.len();
                let end = text[body..].find(tag).ok_or_else(|| unclosed("dollar quote", text, from))?;
                i = body + end + tag.len();
                Kind::Literal
            }
            b if b.is_ascii_digit() => {
                while bytes.get(i).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.' || *b == b'_') {
                    i += 1;
                }
                Kind::Number
            }
            b if word(b) => {
                while bytes.get(i).is_some_and(|b| word(*b) || b.is_ascii_digit() || *b == b'$') {
                    i += 1;
                }
                Kind::Word
            }
            _ => {
                i += text[i..].chars().next().map_or(1, char::len_utf8);
                Kind::Symbol
            }
        };
        all.push(Token { at: from, kind, text: &text[from..i] });
    }
    Ok(all)
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn unclosed(what: &str, text: &str, at: usize) -> String {
    format!("the {what} at {} is not closed", place(text, at))
}

/// Line and column of a byte, from 1; columns are characters.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

/// The same for messages about a text of several lines.
pub fn place(text: &str, at: usize) -> String {
    let (line, column) = position(text, at);
    if line == 1 { format!("character {column}") } else { format!("line {line}, character {column}") }
}

/// The place after a quote that is doubled to stand for itself.
fn closing(text: &str, from: usize, quote: u8, what: &str) -> Result<usize, String> {
    let bytes = text.as_bytes();
    let mut i = from + 1;
    while let Some(byte) = bytes.get(i) {
        i += 1;
        if *byte == quote {
            if bytes.get(i) != Some(&quote) {
                return Ok(i);
            }
            i += 1;
        }
    }
    Err(unclosed(what, text, from))
}

fn string(text: &str, from: usize, escapes: bool) -> Result<usize, String> {
    if !escapes {
        return closing(text, from, b'\'', "string");
    }
    let bytes = text.as_bytes();
    let mut i = from + 1;
    while let Some(byte) = bytes.get(i) {
        i += 1;
        match byte {
            b'\\' => i += 1,
            b'\'' if bytes.get(i) == Some(&b'\'') => i += 1,
            b'\'' => return Ok(i),
            _ => {}
        }
    }
    Err(unclosed("string", text, from))
}

fn comment(bytes: &[u8], from: usize) -> Option<usize> {
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

/// `$$` or `$name$` at the start.
fn tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 1;
    let name = &text.as_bytes()[1..end];
    let good = name.iter().enumerate().all(|(i, b)| word(*b) || (i > 0 && b.is_ascii_digit()));
    good.then(|| &text[..=end])
}

/// What [`open`] says about a text without tokens.
pub const EMPTY: &str = "it is empty";

/// Why a text could end before its end or reach beyond it; nothing when it is one closed piece.
pub fn open(text: &str, statements: bool) -> Option<String> {
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(reason) => return Some(reason),
    };
    let mut brackets: Vec<&str> = Vec::new();
    let mut empty = true;
    for token in tokens {
        let at = || place(text, token.at);
        match (token.kind, token.text) {
            (Kind::Comment, _) if !statements => return Some(format!("there is a comment at {}", at())),
            (Kind::Comment, _) => continue,
            (Kind::Symbol, "(" | "[" | "{") => brackets.push(token.text),
            (Kind::Symbol, close @ (")" | "]" | "}")) => {
                let opening = match close {
                    ")" => "(",
                    "]" => "[",
                    _ => "{",
                };
                if brackets.pop() != Some(opening) {
                    return Some(format!("the bracket at {} closes nothing", at()));
                }
            }
            (Kind::Symbol, ";") if !statements => return Some(format!("there is a `;` at {}", at())),
            (Kind::Symbol, "\\") => return Some(format!("there is a `\\` at {}", at())),
            (Kind::Symbol, symbol) if !symbol.is_ascii() => return Some(format!("{} is no SQL", at())),
            _ => {}
        }
        empty = false;
    }
    if empty {
        return Some(EMPTY.into());
    }
    brackets.last().map(|bracket| format!("a `{bracket}` is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_pieces_pass() {
        for text in
            ["a + (b[1:2])", "'it''s; )'", "e'\\'; ('", "$$ ; ( $$", "\"odd ( name\"", "x ~ '^[(]'", "$a$ $b$ $a$"]
        {
            assert_eq!(open(text, false), None, "{text}");
        }
        assert_eq!(open("INSERT INTO t VALUES (1); -- done\n/* ( /* ; */ */ SELECT 1;", true), None);
    }

    #[test]
    fn nothing_gets_out() {
        for text in
            ["", "a; DROP TABLE x", "a)", "(a", "'a", "\"a", "$$a", "a -- b", "a /* b", "a /* b */", "[1)", "a \\! id"]
        {
            assert!(open(text, false).is_some(), "{text}");
        }
    }

    proptest::proptest! {
        /// Whatever passes can stand in brackets: the bracket after it is the one that closes.
        #[test]
        fn what_passes_stands_in_brackets(text in "[a-z'\"$();\\[\\]\\\\/*e -]{0,24}") {
            if open(&text, false).is_none() {
                let around = format!("({text})");
                let all = tokens(&around).unwrap();
                let last = all.last().unwrap();
                proptest::prop_assert_eq!((last.text, last.at), (")", around.len() - 1));
            }
        }
    }
}
