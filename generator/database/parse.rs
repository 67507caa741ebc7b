//! Checks SQL of the user by its parse tree. nself writes a statement around the text. The tree must show that the text
//! is one complete part of that statement and does not extend past it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::thread;

use squawk_syntax::ast::{AstNode, Expr, PreparableStmt};
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::completeness::{self, TextForm};
use super::grammar;
use super::lexer::{self, TokenKind, starts_word};
use crate::codes::Code;

/// Maximum length in bytes of a text that is parsed on the current stack. A parser takes up to 5 KiB of stack per
/// level, and a text has at most one level per byte.
const MAX_LENGTH_ON_CURRENT_STACK: usize = 256;
/// Stack in bytes for longer texts within the limits of [`completeness`], with a reserve.
const PARSER_STACK: usize = 64 << 20;

/// The place in a statement at which nself inserts a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// In brackets, or between the commas of a list.
    Expression,
    /// After AS in CREATE VIEW.
    Query,
    /// After RETURNS in CREATE FUNCTION.
    Returns,
    /// After the options of CREATE FUNCTION: BEGIN ATOMIC … END.
    AtomicBody,
}

impl Slot {
    /// Returns the statement around the slot: the text before it, the text after it, and a sample that fits into it.
    fn statement(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Slot::Expression => ("SELECT (", ");", "x"),
            Slot::Query => ("CREATE VIEW v AS\n", ";", "SELECT x"),
            Slot::Returns => ("CREATE FUNCTION f()\n  RETURNS ", "\n  LANGUAGE sql VOLATILE\n  AS $$$$;", "text"),
            Slot::AtomicBody => ("CREATE PROCEDURE f()\n  LANGUAGE sql\n  ", ";", "BEGIN ATOMIC END"),
        }
    }

    /// Returns whether a node of this kind fills the slot.
    fn accepts_kind(self, kind: SyntaxKind) -> bool {
        match self {
            Slot::Expression => Expr::can_cast(kind),
            Slot::Query => {
                PreparableStmt::can_cast(kind)
                    && ![
                        SyntaxKind::INSERT,
                        SyntaxKind::UPDATE,
                        SyntaxKind::DELETE,
                        SyntaxKind::MERGE,
                        SyntaxKind::SELECT_INTO,
                    ]
                    .contains(&kind)
            }
            Slot::Returns => true,
            Slot::AtomicBody => kind == SyntaxKind::ATOMIC_BODY,
        }
    }

    /// Returns the form that a text for the slot must have.
    fn form(self) -> TextForm {
        if self == Slot::AtomicBody { TextForm::Statements } else { TextForm::ExpressionOrQuery }
    }
}

/// Returns the reason why a text is not complete or does not fill its slot, with the code of the finding. Each accepted
/// text is parsed once per run.
pub fn refusal(slot: Slot, text: &str) -> Option<(Code, String)> {
    static ACCEPTED_TEXTS: Mutex<BTreeSet<(Slot, String)>> = Mutex::new(BTreeSet::new());
    if let Some(fault) = completeness::fault(text, slot.form()) {
        return Some((fault.code, fault.message(text)));
    }
    let key = (slot, text.to_owned());
    if ACCEPTED_TEXTS.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
        return None;
    }
    let refusal = with_enough_stack(text, || slot_refusal(slot, text));
    if refusal.is_none() {
        ACCEPTED_TEXTS.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }
    refusal
}

/// Returns the byte offset and reason of each syntax error in statements or in the body of a function.
pub fn errors(text: &str) -> Vec<(usize, String)> {
    let parse = || {
        let errors = SourceFile::parse(text).errors();
        let reason = |at: usize, message: &str| (at, reason_in_words(message, text.get(at..).unwrap_or_default()));
        errors.iter().map(|error| reason(error.range().start().into(), error.message())).collect()
    };
    with_enough_stack(text, parse)
}

/// Returns a message of the parser with the first word of `text_from_place` in place of the name of a token. For the text
/// `5 + x`, the end of `expected a name, found INT_NUMBER` becomes `5`.
pub(super) fn reason_in_words(message: &str, text_from_place: &str) -> String {
    let Some((expected, _)) = message.split_once(", found ").or_else(|| message.split_once(", got ")) else {
        return message.to_owned();
    };
    // A part of the text suffices for its first word, and the time of many errors stays linear.
    let start: String = text_from_place.chars().take(64).collect();
    let expected = if expected == "expected command" { "expected a command such as SELECT" } else { expected };
    match lexer::tokens(&start).unwrap_or_default().first().and_then(|token| token.text.lines().next()) {
        Some(word) => format!("{expected}, found `{word}`"),
        None if start.trim().is_empty() => format!("{expected}, found the end of the text"),
        None => expected.to_owned(),
    }
}

/// Runs a parser with a stack that suffices for the text: on a separate thread, unless the text is short.
pub fn with_enough_stack<T: Send>(text: &str, parse: impl FnOnce() -> T + Send) -> T {
    if text.len() <= MAX_LENGTH_ON_CURRENT_STACK {
        return parse();
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(PARSER_STACK).spawn_scoped(scope, parse);
        let join_result = thread.map(|thread| thread.join());
        match join_result {
            Ok(Ok(parse_result)) => parse_result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => panic!("there is no memory for a parser's stack: {error}"),
        }
    })
}

/// Returns the reason why a text does not fill its slot, with the code of the finding.
fn slot_refusal(slot: Slot, text: &str) -> Option<(Code, String)> {
    let (before, after, sample) = slot.statement();
    let parsed = SourceFile::parse(&format!("{before}{text}{after}"));
    if let Some(error) = parsed.errors().first() {
        let at = usize::from(error.range().start()).saturating_sub(before.len()).min(text.len());
        let reason = reason_in_words(error.message(), text.get(at..).unwrap_or_default());
        return Some((Code::SqlSyntax, format!("at {}: {reason}", lexer::place_in_words(text, at))));
    }
    let blanks = text.len() - text.trim_start().len();
    // The range of the text in the statement, without the blanks around it.
    let (from, to) = (before.len() + blanks, before.len() + text.trim_end().len());
    let tree = parsed.syntax_node();
    let error =
        grammar::first_error(&tree).map(|(at, reason)| (at.saturating_sub(before.len()).min(text.len()), reason));
    if let Some((at, reason)) = error.or_else(|| grammar::error_after_is(text)) {
        return Some((Code::SqlSyntax, format!("at {}: {reason}", lexer::place_in_words(text, at))));
    }
    let sample_tree = SourceFile::parse(&format!("{before}{sample}{after}")).syntax_node();
    let has_same_frame = frame(&tree, from, to) == frame(&sample_tree, before.len(), before.len() + sample.len());
    // A result type such as `SETOF orders` may be several nodes.
    let is_one_node = slot == Slot::Returns
        || tree.descendants().any(|node| range(&node) == (from, to) && slot.accepts_kind(node.kind()));
    // A node that begins inside the text and ends outside means that the text adds an option to the statement.
    let crosses_border = tree.descendants().map(|node| range(&node)).any(|(start, end)| {
        let (is_inside, encloses) = (from <= start && end <= to, start <= from && to <= end);
        start < to && from < end && !is_inside && !encloses
    });
    let fills_slot = has_same_frame && !crosses_border && is_one_node && same_words(&tree, text, before.len());
    (!fills_slot)
        .then(|| (Code::NotOneExpression, "the text is not exactly one expression, query, type or body".to_owned()))
}

/// Returns the byte offsets of the start and the end of a node.
fn range(node: &SyntaxNode) -> (usize, usize) {
    (node.text_range().start().into(), node.text_range().end().into())
}

/// Returns the kinds of all elements of the statement that are not inside a range, without blanks and comments. They are
/// equal for two texts that both stay within the slot.
fn frame(tree: &SyntaxNode, from: usize, to: usize) -> Vec<SyntaxKind> {
    let elements_outside = tree.descendants_with_tokens().filter(|element| {
        let range = element.text_range();
        let is_inside = from <= usize::from(range.start()) && usize::from(range.end()) <= to;
        !is_inside && ![SyntaxKind::WHITESPACE, SyntaxKind::COMMENT].contains(&element.kind())
    });
    elements_outside.map(|element| element.kind()).collect()
}

/// Returns whether the parser and [`lexer`] find words and strings at the same places. `offset` is the position of `text`
/// in the statement that the tree shows.
pub(super) fn same_words(tree: &SyntaxNode, text: &str, offset: usize) -> bool {
    let tokens = tree.descendants_with_tokens().filter_map(|element| element.into_token());
    let parser_words = tokens.filter_map(|token| {
        let at = usize::from(token.text_range().start()).checked_sub(offset).filter(|at| *at < text.len())?;
        let bytes = token.text().as_bytes();
        let is_word_or_quoted = starts_word(bytes[0]) || [b'\'', b'"'].contains(&bytes[0]);
        // A parameter such as `$1` is not a string.
        let is_dollar_quoted = bytes[0] == b'$' && !bytes[1..].iter().all(u8::is_ascii_digit);
        (is_word_or_quoted || is_dollar_quoted).then_some((at, bytes.len()))
    });
    let lexer_tokens = lexer::tokens(text).unwrap_or_default();
    let lexer_words = lexer_tokens
        .iter()
        .filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted | TokenKind::Literal));
    lexer_words.map(|token| (token.at, token.text.len())).eq(parser_words)
}
