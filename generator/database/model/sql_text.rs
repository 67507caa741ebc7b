//! Pieces of SQL as checked types: expressions, queries, bodies and statements, each complete, so that none can end the
//! statement into which it is put.

use std::{convert, fmt};

use serde::{Serialize, Serializer};

use crate::codes::Code;
use crate::database::completeness::{self, TextForm};
use crate::database::lexer;
use crate::database::parse::{self, Slot};
use crate::values::checked::{Checked, checked};
use crate::values::text::invisible_character_refusal;

checked! {
    /// One SQL expression.
    Expression, expected: "one SQL expression without `;` and comments", example: "total >= 0",
    refusal: |t| invisible_character_refusal(t, 16_384).or_else(|| slot_refusal_reason(Slot::Expression, t)), SqlSyntax, convert::identity, |t| slot_refusal_code(Slot::Expression, t)
}
checked! {
    /// One SELECT, without the `;` at its end.
    Query, expected: "one SELECT without `;` and comments", example: "SELECT id FROM orders",
    refusal: |t| invisible_character_refusal(t, 65_536).or_else(|| slot_refusal_reason(Slot::Query, t)), SqlSyntax, convert::identity, |t| slot_refusal_code(Slot::Query, t)
}
checked! {
    /// The result type of a function, as SQL.
    Returns, expected: "a type, `trigger`, `SETOF` with a type or `TABLE (…)`", example: "SETOF orders",
    refusal: |t| invisible_character_refusal(t, 4096).or_else(|| slot_refusal_reason(Slot::Returns, t)), SqlSyntax, convert::identity, |t| slot_refusal_code(Slot::Returns, t)
}
checked! {
    /// The body of a function. In SQL, `RETURN …` and `BEGIN ATOMIC … END` are not quoted: the server parses such a
    /// body when it creates the function.
    Body, expected: "the body of a function", example: "SELECT 1",
    refusal: |t| invisible_character_refusal(t, 262_144).or_else(|| t.trim().is_empty().then(|| "the body is empty".into()))
        .or_else(|| standard_body(t)?.refusal().map(|(_, reason)| reason)),
    BadValue, convert::identity, |t| standard_body(t).and_then(|body| body.refusal()).map_or(Code::BadValue, |(code, _)| code)
}
checked! {
    /// SQL statements, each ending with `;`.
    Statements, expected: "SQL statements", example: "INSERT INTO states VALUES (1, 'new');",
    refusal: |t| invisible_character_refusal(t, 1_048_576).or_else(|| statements_refusal(t).map(|(_, reason)| reason)), SqlSyntax, convert::identity,
    |t| statements_refusal(t).map_or(Code::BadValue, |(code, _)| code)
}

/// The body of a function in the form of the SQL standard.
enum StandardBody<'a> {
    /// The expression after RETURN.
    Return(&'a str),
    /// BEGIN ATOMIC … END.
    Atomic(&'a str),
}

/// Returns a body in the form of the SQL standard, such as `RETURN a + 1`; `None` for any other body.
fn standard_body(text: &str) -> Option<StandardBody<'_>> {
    let word_length = |text: &str| text.bytes().take_while(|byte| lexer::starts_word(*byte)).count();
    let (first_word, after_first) = text.trim_start().split_at(word_length(text.trim_start()));
    if first_word.eq_ignore_ascii_case("return") {
        return Some(StandardBody::Return(after_first));
    }
    let second_word = &after_first.trim_start()[..word_length(after_first.trim_start())];
    let is_atomic = first_word.eq_ignore_ascii_case("begin") && second_word.eq_ignore_ascii_case("atomic");
    is_atomic.then_some(StandardBody::Atomic(text))
}

impl StandardBody<'_> {
    /// Returns the reason why the SQL of the body is refused, with the code of the finding.
    fn refusal(&self) -> Option<(Code, String)> {
        match self {
            StandardBody::Return(expression) => parse::refusal(Slot::Expression, expression),
            StandardBody::Atomic(text) => parse::refusal(Slot::AtomicBody, text)
                .or_else(|| completeness::psql_end_fault(text).map(|fault| (fault.code, fault.message(text)))),
        }
    }
}

impl Body {
    /// Returns whether the body has the form of the SQL standard.
    pub fn is_standard(&self) -> bool {
        standard_body(self.as_str()).is_some()
    }
}

fn slot_refusal_reason(slot: Slot, text: &str) -> Option<String> {
    parse::refusal(slot, text).map(|(_, reason)| reason)
}

fn slot_refusal_code(slot: Slot, text: &str) -> Code {
    parse::refusal(slot, text).map_or(Code::BadValue, |(code, _)| code)
}

/// Returns the reason why a text does not consist of complete statements, with the code of the finding; `None` if it
/// does.
fn statements_refusal(text: &str) -> Option<(Code, String)> {
    if let Some(fault) = completeness::fault(text, TextForm::Statements) {
        return Some((fault.code, fault.message(text)));
    }
    let error = parse::errors(text).into_iter().next();
    let error =
        error.map(|(at, message)| (Code::SqlSyntax, format!("at {}: {message}", lexer::place_in_words(text, at))));
    let tokens = lexer::tokens(text).unwrap_or_default();
    let last_token = tokens.iter().rfind(|token| token.kind != lexer::TokenKind::Comment);
    let is_unterminated = last_token.is_none_or(|token| token.text != ";");
    error.or_else(|| {
        is_unterminated.then(|| (Code::NotOneExpression, "the last statement does not end with `;`".into()))
    })
}

impl Expression {
    /// Returns one word of an accepted expression as an expression, without a check.
    pub(crate) fn from_word(word: &str) -> Self {
        Expression(word.to_owned())
    }
}
