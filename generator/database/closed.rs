//! Whether SQL of the user is one closed piece for every reader: this crate, psql and the server in all versions. What
//! they read differently is refused, not interpreted.

use super::lexer::{Token, TokenKind, is_word, place, tokens, unquoted};
use crate::codes::Code;

/// How deep brackets and CASE may be nested. Parsers recurse for each level.
const DEPTH: usize = 200;
/// How many tokens may follow each other without a comma or semicolon between them; a chain of operators is as deep as it is long.
const CHAIN: usize = 4000;
/// How many prefix operators may be open at once: `NOT`, signs.
const PREFIXES: usize = 100;

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// An expression or a query: neither `;` nor comments.
    Piece,
    /// Statements that end with `;`.
    Statements,
}

/// Why a text is refused, and where.
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

    /// The same as one sentence about a text.
    pub fn sentence(&self, text: &str) -> String {
        if text.trim().is_empty() { self.what.clone() } else { format!("at {}: {}", place(text, self.at), self.what) }
    }
}

/// Returns why a text could end before its end, reach beyond it or mean different things to different readers.
pub fn fault(text: &str, form: TextForm) -> Option<Fault> {
    let control = |c: char| (c.is_control() && !"\n\t".contains(c)) || c == '\u{feff}';
    if let Some((at, sign)) = text.char_indices().find(|(_, c)| control(*c)) {
        return Some(Fault::new(at, format!("there is the control character U+{:04X}", u32::from(sign))));
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

/// Returns why a text is nested too deeply for a parser, whatever else it is.
pub fn too_deep(text: &str) -> Option<Fault> {
    match tokens(text) {
        Ok(tokens) => deep(&tokens).or_else(|| bodies(&tokens)),
        // Whatever it is, it has no more levels than brackets and words.
        Err(_) => (text.len() > DEPTH).then(|| Fault::new(0, "a quote or comment is not closed")),
    }
}

fn brackets(text: &str, tokens: &[Token], form: TextForm) -> Option<Fault> {
    let mut brackets: Vec<&Token> = Vec::new();
    let mut empty = true;
    for token in tokens {
        let fault = |what: &str| Some(Fault::new(token.at, what));
        match (token.kind, token.text) {
            (TokenKind::Comment, _) if form == TextForm::Piece => return fault("there is a comment"),
            (TokenKind::Comment, _) => continue,
            (TokenKind::Symbol, "(" | "[" | "{") => brackets.push(token),
            (TokenKind::Symbol, close @ (")" | "]" | "}")) => {
                let opening = match close {
                    ")" => "(",
                    "]" => "[",
                    _ => "{",
                };
                if brackets.pop().is_none_or(|open| open.text != opening) {
                    return fault("this bracket closes nothing");
                }
            }
            (TokenKind::Symbol, ";") if form == TextForm::Piece => return fault("there is a `;`"),
            (TokenKind::Symbol, "\\") => return fault("there is a `\\`"),
            (TokenKind::Symbol, symbol) if !symbol.is_ascii() => return fault("this sign is not SQL"),
            _ => {}
        }
        empty = false;
    }
    if empty && (form == TextForm::Piece || text.trim().is_empty()) {
        return (form == TextForm::Piece).then(|| Fault::new(0, "it is empty"));
    }
    brackets.last().map(|open| Fault::new(open.at, format!("this `{}` is not closed", open.text)))
}

/// What one reader takes for something else than another one.
fn ambiguous(tokens: &[Token]) -> Option<Fault> {
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.kind != TokenKind::Comment).collect();
    significant.iter().enumerate().find_map(|(i, token)| {
        let before = i.checked_sub(1).map(|before| significant[before]);
        let after = significant.get(i + 1).copied();
        let touches = |next: Option<&Token>| next.is_some_and(|next| next.at == token.at + token.text.len());
        let reason = match (token.kind, token.text) {
            // The second part is read by the quoting of the first one, which not every reader does.
            (TokenKind::Literal, _) if before.is_some_and(|before| before.kind == TokenKind::Literal) => {
                "a string follows another one; join the two with `||`"
            }
            // Its characters are not those that are written, so its depth cannot be seen.
            (TokenKind::Literal, body)
                if before.is_some_and(|before| before.text.eq_ignore_ascii_case("as"))
                    && !body.starts_with(['$', '\'']) =>
            {
                "a body is written with escapes; write it between `$$`"
            }
            (TokenKind::Quoted, name) if !name.starts_with('"') => "a name is written with `U&`; write its characters",
            (TokenKind::Number, _) if touches(after) && after.is_some_and(|next| is_word(next.text.as_bytes()[0])) => {
                "a number ends in letters; write it in decimal digits, with a blank after it"
            }
            (TokenKind::Number | TokenKind::Symbol, _)
                if touches(after) && after.is_some_and(|next| next.text.starts_with('$')) =>
            {
                "a `$` touches the sign before it; put a blank between the two"
            }
            // psql puts the values of its variables there.
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

/// What an open bracket or CASE holds since its last comma.
#[derive(Default)]
struct Level {
    is_case: bool,
    tokens: usize,
    prefixes: usize,
}

/// A text that parsers cannot read without using up their stack; found without recursion.
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
            format!("more than {DEPTH} brackets are open")
        } else if sum(|level| level.tokens) > CHAIN {
            format!("more than {CHAIN} words and signs follow each other without a comma")
        } else if sum(|level| level.prefixes) > PREFIXES {
            format!("more than {PREFIXES} signs precede one value")
        } else {
            continue;
        };
        return Some(Fault { at: token.at, code: Code::TooDeep, what: excess });
    }
    None
}

/// Whether a token may be an operator before its only operand. Signs that touch are one operator, unless they end in `+` or `-`.
fn is_prefix(token: &Token, before: Option<&Token>) -> bool {
    let sign = |token: &Token| token.kind == TokenKind::Symbol && !"()[]{},;.".contains(token.text);
    let touches = before.is_some_and(|before| sign(before) && before.at + before.text.len() == token.at);
    let operand = before.is_some_and(|before| before.kind != TokenKind::Symbol || ")]}".contains(before.text));
    token.text.eq_ignore_ascii_case("not") || (sign(token) && !operand && (!touches || "+-".contains(token.text)))
}

/// The texts of functions in statements are parsed with them, so the same limits hold there.
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

/// The strings that follow AS, with their places.
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
    fn closed_pieces_pass() {
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
    fn nothing_gets_out() {
        for text in
            ["", "a; DROP TABLE x", "a)", "(a", "'a", "\"a", "$$a", "a -- b", "a /* b", "a /* b */", "[1)", "a \\! id"]
        {
            assert!(piece(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_readers_take_for_different_things_is_refused() {
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
    fn depth_has_limits() {
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
        /// Whatever passes can stand in brackets: the bracket after it is the one that closes.
        #[test]
        fn what_passes_stands_in_brackets(text in "[a-z'\"$();\\[\\]\\\\/*e\n -]{0,24}") {
            if piece(&text).is_none() {
                let around = format!("({text})");
                let all = tokens(&around).unwrap();
                let last = all.last().unwrap();
                proptest::prop_assert_eq!((last.text, last.at), (")", around.len() - 1));
            }
        }
    }
}
