//! Checks that SQL of the user is complete, and that this crate, psql and all versions of PostgreSQL parse it in the
//! same way. Refuses ambiguous text.

use super::lexer::{Token, TokenKind, content_of_literal, place_in_words, starts_word, tokens};
use crate::codes::Code;

/// Maximum nesting of brackets and CASE. Parsers recurse once per level.
const MAX_DEPTH: usize = 200;
/// Maximum number of tokens without a comma or semicolon between them. Parsers recurse once per operator of a chain.
const MAX_CHAIN_TOKENS: usize = 4000;
/// Maximum number of open prefix operators, such as `NOT` and signs.
const MAX_PREFIXES: usize = 100;

/// The form that a text must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// An expression or a query: neither `;` nor comments.
    ExpressionOrQuery,
    /// One statement whose brackets may contain further ones, with `;` between them: no comments.
    NestedStatements,
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
        Fault { at, code: Code::NotOneExpression, what: what.into() }
    }

    /// Returns the fault as one sentence with its position in `text`.
    pub fn message(&self, text: &str) -> String {
        if text.trim().is_empty() {
            self.what.clone()
        } else {
            format!("at {}: {}", place_in_words(text, self.at), self.what)
        }
    }
}

/// Returns the reason why a text is incomplete, contains more than its form allows, or is ambiguous; `None` for a valid
/// text.
pub fn fault(text: &str, form: TextForm) -> Option<Fault> {
    let is_control = |c: char| (c.is_control() && !"\n\t".contains(c)) || c == '\u{feff}';
    if let Some((at, sign)) = text.char_indices().find(|(_, c)| is_control(*c)) {
        return Some(Fault::new(at, format!("the control character U+{:04X} is not allowed", u32::from(sign))));
    }
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(open) => return Some(Fault::new(open.at, format!("the {} is not closed", open.what))),
    };
    first_ambiguity(&tokens)
        .or_else(|| bracket_fault(&tokens, form))
        .or_else(|| depth_fault(&tokens))
        .or_else(|| if form == TextForm::Statements { body_fault(&tokens) } else { None })
}

/// Returns the reason why a text is nested too deeply for a parser; `None` if it is not. Nothing else is checked.
pub fn nested_too_deep(text: &str) -> Option<Fault> {
    match tokens(text) {
        Ok(tokens) => depth_fault(&tokens).or_else(|| body_fault(&tokens)),
        // The depth of an unclosed text cannot be measured, but it has at most one level per byte.
        Err(_) => (text.len() > MAX_DEPTH).then(|| Fault::new(0, "a quote or comment is not closed")),
    }
}

/// Returns a fault if psql would end a body BEGIN ATOMIC … END at a word other than the last one. psql counts the words
/// BEGIN, CASE and END outside of brackets, also where they are names.
pub fn psql_end_fault(text: &str) -> Option<Fault> {
    let tokens = tokens(text).unwrap_or_default();
    let (mut depth, mut brackets) = (0_usize, 0_usize);
    let last_word = tokens.iter().rposition(|token| token.kind == TokenKind::Word);
    for (i, token) in tokens.iter().enumerate() {
        match (token.kind, token.text.to_ascii_lowercase().as_str()) {
            (TokenKind::Symbol, "(") => brackets += 1,
            (TokenKind::Symbol, ")") => brackets = brackets.saturating_sub(1),
            (TokenKind::Word, "begin" | "case") if brackets == 0 => depth += 1,
            (TokenKind::Word, "end") if brackets == 0 => depth = depth.saturating_sub(1),
            _ => {}
        }
        // The body is open before its last word, END, and closed from there on.
        let (is_closed, reaches_last_word) = (depth == 0, Some(i) >= last_word);
        if is_closed != reaches_last_word {
            return Some(Fault::new(
                token.at,
                "psql would end the body at the wrong END; write columns named begin, case or end in double quotes",
            ));
        }
    }
    None
}

/// Returns a fault if brackets do not match, or at the first token that the form does not allow.
fn bracket_fault(tokens: &[Token], form: TextForm) -> Option<Fault> {
    let mut open_brackets: Vec<&Token> = Vec::new();
    let mut is_empty = true;
    for token in tokens {
        let fault = |what: &str| Some(Fault::new(token.at, what));
        match (token.kind, token.text) {
            (TokenKind::Comment, _) if form != TextForm::Statements => {
                return fault("a comment is not allowed here");
            }
            (TokenKind::Comment, _) => continue,
            (TokenKind::Symbol, "(" | "[" | "{") => open_brackets.push(token),
            (TokenKind::Symbol, close @ (")" | "]" | "}")) => {
                let opening = match close {
                    ")" => "(",
                    "]" => "[",
                    _ => "{",
                };
                if open_brackets.pop().is_none_or(|open| open.text != opening) {
                    return fault("this bracket has no opening bracket");
                }
            }
            (TokenKind::Symbol, ";") if form == TextForm::ExpressionOrQuery => return fault("`;` is not allowed here"),
            (TokenKind::Symbol, ";") if form == TextForm::NestedStatements && open_brackets.is_empty() => {
                return fault("`;` is not allowed here");
            }
            (TokenKind::Symbol, "\\") => return fault("`\\` is not allowed outside of quotes"),
            (TokenKind::Symbol, symbol) if !symbol.is_ascii() => return fault("this character is not part of SQL"),
            _ => {}
        }
        is_empty = false;
    }
    if is_empty && form != TextForm::Statements {
        return Some(Fault::new(0, "the SQL is empty"));
    }
    open_brackets.last().map(|open| Fault::new(open.at, format!("this `{}` is not closed", open.text)))
}

/// Returns a fault at the first token that PostgreSQL, psql and the parser of this crate may read differently.
fn first_ambiguity(tokens: &[Token]) -> Option<Fault> {
    let code_tokens: Vec<&Token> = tokens.iter().filter(|token| token.kind != TokenKind::Comment).collect();
    code_tokens.iter().enumerate().find_map(|(i, token)| {
        let previous = i.checked_sub(1).map(|previous| code_tokens[previous]);
        let following = code_tokens.get(i + 1).copied();
        let touches_following = following.is_some_and(|next| next.at == token.at + token.text.len());
        let reason = match (token.kind, token.text) {
            // The server reads the second string with the quoting of the first one; psql and the parser do not.
            (TokenKind::Literal, _) if previous.is_some_and(|previous| previous.kind == TokenKind::Literal) => {
                "a string follows another string; join the two with `||`"
            }
            // Escapes hide the characters of the body, so its depth cannot be measured.
            (TokenKind::Literal, body)
                if previous.is_some_and(|previous| previous.text.eq_ignore_ascii_case("as"))
                    && !body.starts_with(['$', '\'']) =>
            {
                "a function body is a string with escapes (E'…'); write it between `$$`"
            }
            (TokenKind::Quoted, name) if !name.starts_with('"') => {
                "a name uses `U&` escapes; write the characters themselves"
            }
            (TokenKind::Number, _)
                if touches_following && following.is_some_and(|next| starts_word(next.text.as_bytes()[0])) =>
            {
                "a number ends in letters; write it in decimal digits, with a space after it"
            }
            // All of them read `$1` in `($1` as an argument of a function.
            (TokenKind::Symbol, symbol)
                if symbol != "$"
                    && following.is_some_and(|next| next.text == "$")
                    && code_tokens.get(i + 2).is_some_and(|number| number.kind == TokenKind::Number) =>
            {
                return None;
            }
            (TokenKind::Number | TokenKind::Symbol, _)
                if touches_following && following.is_some_and(|next| next.text.starts_with('$')) =>
            {
                "a `$` directly follows a different symbol; put a space between the two"
            }
            // psql replaces `:name` with the value of a variable, but leaves the cast `::name`.
            (TokenKind::Symbol, ":")
                if touches_following && previous.is_none_or(|colon| colon.text != ":" || colon.at + 1 != token.at) =>
            {
                let next_byte = following.map_or(b' ', |next| next.text.as_bytes()[0]);
                let is_variable = starts_word(next_byte) || [b'\'', b'"', b'{'].contains(&next_byte);
                is_variable
                    .then_some("psql would read `:` and the word after it as a variable; put a space between the two")?
            }
            _ => return None,
        };
        Some(Fault::new(token.at, reason))
    })
}

/// An open bracket or CASE, with counts of its tokens since the last comma.
#[derive(Default)]
struct Level {
    is_case: bool,
    tokens: usize,
    prefixes: usize,
}

/// Returns a fault if a parser could run out of stack on the tokens. Does not recurse itself.
fn depth_fault(tokens: &[Token]) -> Option<Fault> {
    let mut levels = vec![Level::default()];
    let mut previous: Option<&Token> = None;
    for token in tokens.iter().filter(|token| token.kind != TokenKind::Comment) {
        let level = levels.last_mut()?;
        level.tokens += 1;
        if is_prefix(token, previous) {
            level.prefixes += 1;
        }
        previous = Some(token);
        let is_word = |word: &str| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word);
        match token.text {
            "(" | "[" | "{" => levels.push(Level::default()),
            // A closing bracket also ends each CASE that is open inside of it.
            ")" | "]" | "}" => while levels.len() > 1 && levels.pop().is_some_and(|level| level.is_case) {},
            "," | ";" => (level.tokens, level.prefixes) = (0, 0),
            _ if is_word("and") || is_word("or") => level.prefixes = 0,
            _ if is_word("case") => levels.push(Level { is_case: true, ..Level::default() }),
            _ if is_word("end") && level.is_case => drop(levels.pop()),
            _ => {}
        }
        // A parser holds the tokens of all open levels on its stack.
        let total = |count: fn(&Level) -> usize| levels.iter().map(count).sum::<usize>();
        let excess = if levels.len() > MAX_DEPTH {
            format!("brackets are nested deeper than {MAX_DEPTH} levels")
        } else if total(|level| level.tokens) > MAX_CHAIN_TOKENS {
            format!("more than {MAX_CHAIN_TOKENS} words and symbols without a comma between them")
        } else if total(|level| level.prefixes) > MAX_PREFIXES {
            format!("more than {MAX_PREFIXES} prefix operators before one operand")
        } else {
            continue;
        };
        return Some(Fault { at: token.at, code: Code::TooDeep, what: excess });
    }
    None
}

/// Returns whether a token may be an operator before its only operand, such as NOT or `-`. Adjacent signs are one
/// operator, unless they end in `+` or `-`.
fn is_prefix(token: &Token, previous: Option<&Token>) -> bool {
    let is_sign = |token: &Token| token.kind == TokenKind::Symbol && !"()[]{},;.".contains(token.text);
    let touches_sign = previous.is_some_and(|sign| is_sign(sign) && sign.at + sign.text.len() == token.at);
    let follows_operand =
        previous.is_some_and(|operand| operand.kind != TokenKind::Symbol || ")]}".contains(operand.text));
    let starts_operator = !touches_sign || "+-".contains(token.text);
    token.text.eq_ignore_ascii_case("not") || (is_sign(token) && !follows_operand && starts_operator)
}

/// Returns a fault if the body of a function in the statements is nested too deeply. The server parses bodies too.
fn body_fault(tokens: &[Token]) -> Option<Fault> {
    let mut unchecked_bodies: Vec<(usize, String)> = function_bodies(tokens);
    while let Some((at, body)) = unchecked_bodies.pop() {
        let fault = match super::lexer::tokens(&body) {
            Ok(tokens) => {
                unchecked_bodies.extend(function_bodies(&tokens).into_iter().map(|(_, body)| (at, body)));
                depth_fault(&tokens)
            }
            Err(_) => nested_too_deep(&body),
        };
        if let Some(fault) = fault {
            return Some(Fault { at, ..fault });
        }
    }
    None
}

/// Returns the strings after AS, which are bodies of functions, with their byte offsets.
fn function_bodies(tokens: &[Token]) -> Vec<(usize, String)> {
    let bodies =
        tokens.windows(2).filter(|pair| pair[0].text.eq_ignore_ascii_case("as") && pair[1].kind == TokenKind::Literal);
    let content = |literal: &str| {
        let content = content_of_literal(literal);
        // Only a string in single quotes doubles the quotes in it.
        if literal.starts_with('$') { content.to_owned() } else { content.replace("''", "'") }
    };
    bodies.map(|pair| (pair[1].at, content(pair[1].text))).collect()
}

#[cfg(test)]
mod tests;
