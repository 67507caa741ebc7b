//! Rules of PostgreSQL's grammar for expressions that squawk-syntax does not enforce.

use squawk_syntax::ast::{AstNode, Expr};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::lexer;

/// Comparisons. PostgreSQL does not accept two of them in a row without brackets.
const COMPARISONS: [&str; 7] = ["<", ">", "=", "<=", ">=", "<>", "!="];
/// Other operators that PostgreSQL does not accept twice in a row without brackets, as [`operator_of`] spells them.
const MATCH_OPERATORS: [&str; 12] = [
    "like",
    "notlike",
    "ilike",
    "notilike",
    "similarto",
    "notsimilarto",
    "in",
    "notin",
    "between",
    "notbetween",
    "overlaps",
    "is",
];
/// Arithmetic operators that need two operands, unlike `+` and `-`, which may also be signs.
const BINARY_OPERATORS: [&str; 4] = ["*", "/", "%", "^"];
/// Operators after whose pattern ESCAPE may follow, as [`operator_of`] spells them.
const LIKE_OPERATORS: [&str; 6] = ["like", "notlike", "ilike", "notilike", "similarto", "notsimilarto"];
/// Words that may follow IS and IS NOT in every version.
const WORDS_AFTER_IS: [&str; 11] =
    ["null", "true", "false", "unknown", "distinct", "document", "normalized", "nfc", "nfd", "nfkc", "nfkd"];
/// Clauses of which a query has at most one each.
const UNIQUE_CLAUSES: [SyntaxKind; 4] =
    [SyntaxKind::LIMIT_CLAUSE, SyntaxKind::OFFSET_CLAUSE, SyntaxKind::FETCH_CLAUSE, SyntaxKind::ORDER_BY_CLAUSE];

/// Returns the byte offset and the reason of the first expression that the server does not accept.
pub fn first_error(tree: &SyntaxNode) -> Option<(usize, &'static str)> {
    tree.descendants().find_map(|node| {
        let reason = match node.kind() {
            SyntaxKind::BIN_EXPR => binary_error(&node),
            SyntaxKind::PREFIX_EXPR => prefix_error(&node),
            SyntaxKind::INDEX_EXPR | SyntaxKind::SLICE_EXPR | SyntaxKind::FIELD_EXPR => index_error(&node),
            SyntaxKind::CALL_EXPR => call_error(&node),
            SyntaxKind::SELECT | SyntaxKind::COMPOUND_SELECT => query_error(&node),
            _ => None,
        };
        reason.map(|reason| (usize::from(node.text_range().start()), reason))
    })
}

/// Returns the operator of an expression in lower case, without blanks: `notlike` for `NOT LIKE`.
fn operator_of(node: &SyntaxNode) -> String {
    let parts = node.children_with_tokens().filter(|part| !part.kind().is_trivia() && !Expr::can_cast(part.kind()));
    parts.map(|part| part.to_string().to_ascii_lowercase().replace(char::is_whitespace, "")).collect()
}

/// Returns an error for two comparisons in a row, such as `a < b < c`, and for an ESCAPE without LIKE.
fn binary_error(node: &SyntaxNode) -> Option<&'static str> {
    let operator = operator_of(node);
    let binary_operands = || node.children().filter(|child| child.kind() == SyntaxKind::BIN_EXPR);
    for group in [&COMPARISONS[..], &MATCH_OPERATORS[..]] {
        if group.contains(&operator.as_str())
            && binary_operands().any(|child| group.contains(&operator_of(&child).as_str()))
        {
            return Some("put one of the comparisons in a row in brackets");
        }
    }
    // In the tree, the LIKE of an ESCAPE is either its operand or its parent.
    let neighbours = node.children().chain(node.parent()).filter(|near| near.kind() == SyntaxKind::BIN_EXPR);
    let has_like = neighbours.map(|near| operator_of(&near)).any(|near| LIKE_OPERATORS.contains(&near.as_str()));
    (operator == "escape" && !has_like).then_some("ESCAPE is only possible after LIKE, ILIKE or SIMILAR TO")
}

/// Returns the byte offset and the reason of the first IS that none of [`WORDS_AFTER_IS`] follows. Checks the tokens,
/// because the tree shows some of these words as operands.
pub fn error_after_is(text: &str) -> Option<(usize, &'static str)> {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let is_word = |i: usize, word: &str| tokens.get(i).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
    let position = (0..tokens.len()).find(|i| {
        // A column may have the name `is` after `.` or AS.
        let is_name = i.checked_sub(1).is_some_and(|before| is_word(before, ".") || is_word(before, "as"));
        let next = if is_word(i + 1, "not") { i + 2 } else { i + 1 };
        is_word(*i, "is") && !is_name && !WORDS_AFTER_IS.iter().any(|word| is_word(next, word))
    });
    position.map(|i| (tokens[i].at, "IS must be followed by NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM"))
}

/// Returns an error for a query with two clauses of the same kind, such as `LIMIT 1 LIMIT 2`.
fn query_error(node: &SyntaxNode) -> Option<&'static str> {
    let has_duplicate =
        UNIQUE_CLAUSES.iter().any(|kind| node.children().filter(|child| child.kind() == *kind).count() > 1);
    has_duplicate.then_some("a query has two clauses of the same kind")
}

/// Returns an error for a binary operator without its left operand, such as `= 1`.
fn prefix_error(node: &SyntaxNode) -> Option<&'static str> {
    let operator = operator_of(node);
    let is_binary = COMPARISONS.iter().chain(&BINARY_OPERATORS).any(|binary| *binary == operator);
    is_binary.then_some("this operator needs a value before and after it")
}

/// Returns an error if `[` or `.` follows a value other than a name or an expression in brackets, as in `f(x)[1]`.
fn index_error(node: &SyntaxNode) -> Option<&'static str> {
    use SyntaxKind::*;
    let base = node.children().next()?.kind();
    if node.kind() == INDEX_EXPR && node.children().count() < 2 {
        return Some("`[]` needs an index");
    }
    (Expr::can_cast(base) && ![NAME_REF, FIELD_EXPR, INDEX_EXPR, SLICE_EXPR, PAREN_EXPR].contains(&base))
        .then_some("put this value in brackets before `[` or `.`")
}

/// Returns an error for a call of anything other than a name, such as `(a)(1)`.
fn call_error(node: &SyntaxNode) -> Option<&'static str> {
    let base = node.children().next()?.kind();
    (Expr::can_cast(base) && ![SyntaxKind::NAME_REF, SyntaxKind::FIELD_EXPR].contains(&base))
        .then_some("only a name can be called as a function")
}
