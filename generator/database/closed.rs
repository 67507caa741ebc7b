//! Checks that a piece of the user's SQL is complete and that every reader parses it in the same way: this crate, psql
//! and all versions of the server. Ambiguous text is refused.

use super::lexer::{Token, TokenKind, is_word, place, tokens, unquoted};
use crate::codes::Code;

/// Maximum nesting of brackets and CASE. Parsers recurse once per level.
const DEPTH: usize = 200;
/// Maximum number of tokens without a comma or semicolon between them. Parsers recurse once per operator of a chain.
const CHAIN: usize = 4000;
/// Maximum number of open prefix operators, such as `NOT` and signs.
const PREFIXES: usize = 100;

/// The form that a text must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// An expression or a query: neither `;` nor comments.
    Piece,
    /// Statements that end with `;`.
    Statements,
}

/// The reason why a text is refused, and its byte offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
    pub code: Code,
    pub what: String,
}

impl Fault {
    fn new(at: usize, what: impl Into<String>) -> Fault {
        Fault { at, code: Code::NotOnePiece, what: what.into() }
    }

    /// Returns the fault as one sentence about `text`.
    pub fn sentence(&self, text: &str) -> String {
        if text.trim().is_empty() { self.what.clone() } else { format!("at {}: {}", place(text, self.at), self.what) }
    }
}

/// Returns why a text is incomplete, contains more than its form allows, or is ambiguous between readers; `None` if
/// it is accepted.
pub fn fault(text: &str, form: TextForm) -> Option<Fault> {
    let control = |c: char| (c.is_control() && !"\n\t".contains(c)) || c == '\u{feff}';
    if let Some((at, sign)) = text.char_indices().find(|(_, c)| control(*c)) {
        return Some(Fault::new(at, format!("it contains the control character U+{:04X}", u32::from(sign))));
    }
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(open) => return Some(Fault::new(open.at, format!("the {} is not closed", open.what))),
    };
    ambiguous(&tokens)
        .or_else(|| brackets(text, &tokens, form))
        .or_else(|| deep(&tokens))
        .or_else(|| bodies(&tokens).filter(|_| form == TextForm::Statements))
}

/// Returns why a text is nested too deeply for a parser. Checks nothing else.
pub fn too_deep(text: &str) -> Option<Fault> {
    match tokens(text) {
        Ok(tokens) => deep(&tokens).or_else(|| bodies(&tokens)),
        // The depth of an unclosed text cannot be measured, but it has at most one level per byte.
        Err(_) => (text.len() > DEPTH).then(|| Fault::new(0, "a quote or comment is not closed")),
    }
}

/// Returns the word at which psql finds the end of BEGIN ATOMIC … END before its last word. psql counts the words BEGIN,
/// CASE and END outside of brackets, also where they are names.
pub fn early_end(text: &str) -> Option<Fault> {
    let tokens = tokens(text).unwrap_or_default();
    let (mut depth, mut brackets) = (0_usize, 0_usize);
    let last = tokens.iter().rposition(|token| token.kind == TokenKind::Word);
    for (i, token) in tokens.iter().enumerate() {
        match (token.kind, token.text.to_ascii_lowercase().as_str()) {
            (TokenKind::Symbol, "(") => brackets += 1,
            (TokenKind::Symbol, ")") => brackets = brackets.saturating_sub(1),
            (TokenKind::Word, "begin" | "case") if brackets == 0 => depth += 1,
            (TokenKind::Word, "end") if brackets == 0 => depth = depth.saturating_sub(1),
            _ => {}
        }
        if (depth == 0) != (Some(i) >= last) {
            return Some(Fault::new(
                token.at,
                "psql reads another end of the body; put the names begin, case and end in quotes",
            ));
        }
    }
    None
}

fn brackets(text: &str, tokens: &[Token], form: TextForm) -> Option<Fault> {
    let mut brackets: Vec<&Token> = Vec::new();
    let mut empty = true;
    for token in tokens {
        let fault = |what: &str| Some(Fault::new(token.at, what));
        match (token.kind, token.text) {
            (TokenKind::Comment, _) if form == TextForm::Piece => return fault("it contains a comment"),
            (TokenKind::Comment, _) => continue,
            (TokenKind::Symbol, "(" | "[" | "{") => brackets.push(token),
            (TokenKind::Symbol, close @ (")" | "]" | "}")) => {
                let opening = match close {
                    ")" => "(",
                    "]" => "[",
                    _ => "{",
                };
                if brackets.pop().is_none_or(|open| open.text != opening) {
                    return fault("this bracket has no opening bracket");
                }
            }
            (TokenKind::Symbol, ";") if form == TextForm::Piece => return fault("it contains a `;`"),
            (TokenKind::Symbol, "\\") => return fault("it contains a `\\`"),
            (TokenKind::Symbol, symbol) if !symbol.is_ascii() => return fault("this character is not part of SQL"),
            _ => {}
        }
        empty = false;
    }
    if empty && (form == TextForm::Piece || text.trim().is_empty()) {
        return (form == TextForm::Piece).then(|| Fault::new(0, "it is empty"));
    }
    brackets.last().map(|open| Fault::new(open.at, format!("this `{}` is not closed", open.text)))
}

/// Returns the first token that readers understand differently.
fn ambiguous(tokens: &[Token]) -> Option<Fault> {
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.kind != TokenKind::Comment).collect();
    significant.iter().enumerate().find_map(|(i, token)| {
        let before = i.checked_sub(1).map(|before| significant[before]);
        let after = significant.get(i + 1).copied();
        let touches = |next: Option<&Token>| next.is_some_and(|next| next.at == token.at + token.text.len());
        let reason = match (token.kind, token.text) {
            // The server reads the second string with the quoting of the first one; other readers do not.
            (TokenKind::Literal, _) if before.is_some_and(|before| before.kind == TokenKind::Literal) => {
                "a string follows another string; join the two with `||`"
            }
            // Escapes hide the characters of the body, so its depth cannot be measured.
            (TokenKind::Literal, body)
                if before.is_some_and(|before| before.text.eq_ignore_ascii_case("as"))
                    && !body.starts_with(['$', '\'']) =>
            {
                "a function body has escapes; write it between `$$`"
            }
            (TokenKind::Quoted, name) if !name.starts_with('"') => "a name uses `U&`; write its characters",
            (TokenKind::Number, _) if touches(after) && after.is_some_and(|next| is_word(next.text.as_bytes()[0])) => {
                "a number ends in letters; write it in decimal digits, with a blank after it"
            }
            (TokenKind::Number | TokenKind::Symbol, _)
                if touches(after) && after.is_some_and(|next| next.text.starts_with('$')) =>
            {
                "a `$` directly follows a different symbol; put a blank between the two"
            }
            // psql replaces `:name` with the value of a variable.
            (TokenKind::Symbol, ":")
                if before.is_none_or(|b| b.text != ":" || b.at + 1 != token.at) && touches(after) =>
            {
                let next = after.map_or(b' ', |next| next.text.as_bytes()[0]);
                let variable = is_word(next) || [b'\'', b'"', b'{'].contains(&next);
                variable
                    .then_some("psql takes `:` and the word after it for a variable; put a blank between the two")?
            }
            _ => return None,
        };
        Some(Fault::new(token.at, reason))
    })
}

/// Counts of tokens since the last comma in an open bracket or CASE.
#[derive(Default)]
struct Level {
    is_case: bool,
    tokens: usize,
    prefixes: usize,
}

/// Returns a fault if a parser could run out of stack on the tokens. Works without recursion.
fn deep(tokens: &[Token]) -> Option<Fault> {
    let mut levels = vec![Level::default()];
    let mut before: Option<&Token> = None;
    for token in tokens.iter().filter(|token| token.kind != TokenKind::Comment) {
        let level = levels.last_mut()?;
        level.tokens += 1;
        if is_prefix(token, before) {
            level.prefixes += 1;
        }
        before = Some(token);
        let is = |word: &str| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word);
        match token.text {
            "(" | "[" | "{" => levels.push(Level::default()),
            ")" | "]" | "}" => while levels.len() > 1 && levels.pop().is_some_and(|level| level.is_case) {},
            "," | ";" => (level.tokens, level.prefixes) = (0, 0),
            _ if is("and") || is("or") => level.prefixes = 0,
            _ if is("case") => levels.push(Level { is_case: true, ..Level::default() }),
            _ if is("end") && level.is_case => drop(levels.pop()),
            _ => {}
        }
        let sum = |count: fn(&Level) -> usize| levels.iter().map(count).sum::<usize>();
        let excess = if levels.len() > DEPTH {
            format!("brackets are nested deeper than {DEPTH} levels")
        } else if sum(|level| level.tokens) > CHAIN {
            format!("more than {CHAIN} words and symbols without a comma between them")
        } else if sum(|level| level.prefixes) > PREFIXES {
            format!("more than {PREFIXES} prefix operators before one operand")
        } else {
            continue;
        };
        return Some(Fault { at: token.at, code: Code::TooDeep, what: excess });
    }
    None
}

/// Returns whether a token may be an operator before its only operand. Adjacent signs are one operator, unless they end in
/// `+` or `-`.
fn is_prefix(token: &Token, before: Option<&Token>) -> bool {
    let sign = |token: &Token| token.kind == TokenKind::Symbol && !"()[]{},;.".contains(token.text);
    let touches = before.is_some_and(|before| sign(before) && before.at + before.text.len() == token.at);
    let operand = before.is_some_and(|before| before.kind != TokenKind::Symbol || ")]}".contains(before.text));
    token.text.eq_ignore_ascii_case("not") || (sign(token) && !operand && (!touches || "+-".contains(token.text)))
}

/// Checks the depth of function bodies in statements, which servers parse too.
fn bodies(tokens: &[Token]) -> Option<Fault> {
    let mut waiting: Vec<(usize, String)> = inner(tokens);
    while let Some((at, body)) = waiting.pop() {
        let fault = match super::lexer::tokens(&body) {
            Ok(tokens) => {
                waiting.extend(inner(&tokens).into_iter().map(|(_, body)| (at, body)));
                deep(&tokens)
            }
            Err(_) => too_deep(&body),
        };
        if let Some(fault) = fault {
            return Some(Fault { at, ..fault });
        }
    }
    None
}

/// Returns the strings after AS, which are bodies of functions, with their byte offsets.
fn inner(tokens: &[Token]) -> Vec<(usize, String)> {
    let bodies =
        tokens.windows(2).filter(|pair| pair[0].text.eq_ignore_ascii_case("as") && pair[1].kind == TokenKind::Literal);
    bodies.map(|pair| (pair[1].at, unquoted(pair[1].text).replace("''", "'"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str) -> Option<Fault> {
        fault(text, TextForm::Piece)
    }

    #[test]
    fn complete_pieces_are_accepted() {
        for text in [
            "a + (b[1:2])",
            "'it''s; )'",
            "e'\\'; ('",
            "$$ ; ( $$",
            "\"odd ( name\"",
            "x ~ '^[(]'",
            "$a$ $b$ $a$",
            "a[i : j]::text",
        ] {
            assert_eq!(piece(text), None, "{text}");
        }
        assert_eq!(fault("INSERT INTO t VALUES (1); -- done\n/* ( /* ; */ */ SELECT 1;", TextForm::Statements), None);
    }

    #[test]
    fn incomplete_and_extended_pieces_are_refused() {
        for text in
            ["", "a; DROP TABLE x", "a)", "(a", "'a", "\"a", "$$a", "a -- b", "a /* b", "a /* b */", "[1)", "a \\! id"]
        {
            assert!(piece(text).is_some(), "{text}");
        }
    }

    #[test]
    fn ambiguous_texts_are_refused() {
        for text in [
            "E'a'\n'\\''",
            "'a' 'b'",
            "B'0''1'",
            "U&\"d\"",
            "0x1F",
            "1_000",
            "1a",
            "1$$a$$",
            "+$$a$$",
            ":name",
            "a[1:n]",
            ":'x'",
            ":{?x}",
            "a\u{b}+ b",
            "a\r+ b",
            "a\0",
            "\u{feff}a",
        ] {
            assert!(piece(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn nesting_has_limits() {
        let nested = |count: usize| format!("{}1{}", "(".repeat(count), ")".repeat(count));
        assert_eq!(piece(&nested(DEPTH - 1)), None);
        for text in [
            nested(DEPTH),
            nested(8000),
            format!("{}1{}", "case when ".repeat(300), " then 1 end".repeat(300)),
            format!("{}1", "- ".repeat(300)),
            format!("{}1", "+-".repeat(300)),
            format!("{}1", "a = not ".repeat(300)),
            format!("1{}", "+1".repeat(4000)),
            format!("x{}", "::int".repeat(4000)),
        ] {
            assert!(piece(&text).is_some_and(|fault| fault.code == Code::TooDeep), "{}", &text[..40]);
        }
        let body = format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT {} $$;", nested(300));
        assert!(fault(&body, TextForm::Statements).is_some_and(|fault| fault.code == Code::TooDeep && fault.at == 48));
        let rows = format!("INSERT INTO t VALUES {};", vec!["(1, -1, NOT true, 'a' || 'b')"; 5000].join(", "));
        assert_eq!(fault(&rows, TextForm::Statements), None);
    }

    proptest::proptest! {
        /// An accepted text can be put in brackets: the bracket after it is the closing one.
        #[test]
        fn accepted_texts_fit_in_brackets(text in "[a-z'\"$();\\[\\]\\\\/*e\n -]{0,24}") {
            if piece(&text).is_none() {
                let around = format!("({text})");
                let all = tokens(&around).unwrap();
                let last = all.last().unwrap();
                proptest::prop_assert_eq!((last.text, last.at), (")", around.len() - 1));
            }
        }
    }
}
