//! Finds what depends on the order of a table's columns, which can differ between servers: `*`, `TABLE`, and INSERT without a
//! list of columns.

use squawk_syntax::quote::is_reserved_word;

use crate::database::lexer;

/// The message about an INSERT without a list of columns.
pub(super) const INSERT_BY_POSITION: &str =
    "INSERT needs a list of columns here: the order of a table's columns can differ between servers";

/// Returns whether a query selects all columns with `*` or `TABLE`. The `*` of a multiplication or of `count(*)` does
/// not count.
pub(super) fn selects_all_columns(query: &str) -> bool {
    let tokens = lexer::tokens(query).unwrap_or_default();
    // After any other token, `*` is a multiplication or belongs to `count(*)`.
    let selects_all_after = |at: usize| {
        let text = tokens[at].text.to_ascii_lowercase();
        [",", ".", "select", "distinct", "all", "returning"].contains(&text.as_str()) || ends_distinct_on(&tokens, at)
    };
    let selects_all = |at: usize| tokens[at].text == "*" && selects_all_after(at - 1) && !is_whole_row(&tokens, at);
    (1..tokens.len()).any(selects_all) || (0..tokens.len()).any(|at| is_table_query(&tokens, at))
}

/// Returns whether the token with the index `at` is the last bracket of `DISTINCT ON (…)`.
fn ends_distinct_on(tokens: &[lexer::Token], at: usize) -> bool {
    let mut depth = 0_usize;
    let closes_last = |index: &usize| {
        match tokens[*index].text {
            ")" => depth += 1,
            "(" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    };
    let Some(open) = (0..=at).rev().find(closes_last).filter(|_| tokens[at].text == ")") else { return false };
    let is_word = |back: usize, word: &str| open >= back && tokens[open - back].text.eq_ignore_ascii_case(word);
    is_word(1, "on") && is_word(2, "distinct")
}

/// Returns whether the token with the index `at` is the first word of a query such as `TABLE orders`, which means
/// `SELECT * FROM orders`.
fn is_table_query(tokens: &[lexer::Token], at: usize) -> bool {
    let is_word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
    let is_after = |word: &str| at.checked_sub(1).is_some_and(|previous| is_word(previous, word));
    let precedes_name = tokens.get(at + 1).is_some_and(|token| match token.kind {
        lexer::TokenKind::Quoted => true,
        lexer::TokenKind::Word => is_word(at + 1, "only") || !is_reserved_word(token.text),
        _ => false,
    });
    // After AS or a dot, the word is the name of a column.
    tokens[at].kind == lexer::TokenKind::Word
        && is_word(at, "table")
        && precedes_name
        && !is_after("as")
        && !is_after(".")
}

/// Returns whether a text has an INSERT without a list of columns, whose values go to the columns in the order of the table.
pub(super) fn inserts_by_position(text: &str) -> bool {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let is_word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
    // INSERT of a MERGE does not name the table.
    let is_merge = |at: usize| is_word(at - 1, "insert") && (is_word(at, "values") || is_word(at, "overriding"));
    let mut statements = (1..tokens.len()).filter(|at| is_word(at - 1, "insert") && is_word(*at, "into"));
    (1..tokens.len()).any(is_merge)
        || statements.any(|into| {
            // The first token after the name of the table, its other parts and its alias.
            let mut at = into + 2;
            while is_word(at, ".") {
                at += 2;
            }
            if is_word(at, "as") {
                at += 2;
            }
            let has_query_in_brackets =
                ["select", "with", "values", "table", "("].iter().any(|word| is_word(at + 1, word));
            let has_columns = is_word(at, "(") && !has_query_in_brackets;
            !has_columns && !is_word(at, "default")
        })
}

/// Returns whether the `*` with the index `at` is a row as the only argument of a function: `row_to_json(orders.*)`.
fn is_whole_row(tokens: &[lexer::Token], at: usize) -> bool {
    let is_name = |token: &lexer::Token| matches!(token.kind, lexer::TokenKind::Word | lexer::TokenKind::Quoted);
    // Words before `(` that are not functions.
    let keywords =
        ["row", "values", "in", "select", "exists", "as", "on", "and", "or", "not", "all", "any", "distinct"];
    let mut path_start = at;
    while path_start >= 2 && tokens[path_start - 1].text == "." && is_name(&tokens[path_start - 2]) {
        path_start -= 2;
    }
    let is_call = path_start >= 2
        && tokens[path_start - 1].text == "("
        && is_name(&tokens[path_start - 2])
        && !keywords.contains(&tokens[path_start - 2].text.to_ascii_lowercase().as_str());
    path_start < at && is_call && tokens.get(at + 1).is_some_and(|token| token.text == ")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_that_depend_on_the_order_of_columns_are_found() {
        for text in [
            "SELECT * FROM t",
            "TABLE t",
            "SELECT 1 UNION TABLE ONLY t",
            "WITH a AS (TABLE \"T\") SELECT 1",
            "SELECT DISTINCT ON (a, (b)) * FROM t",
            "DELETE FROM t RETURNING *",
        ] {
            assert!(selects_all_columns(text), "{text}");
        }
        for text in [
            "SELECT a AS table FROM t",
            "SELECT t.table FROM t",
            "SELECT count(*) FROM t",
            "SELECT 'TABLE t'",
            "SELECT DISTINCT ON (a) b FROM t",
            "SELECT (a) * b FROM t",
            "SELECT f(a) * 2 FROM t",
        ] {
            assert!(!selects_all_columns(text), "{text}");
        }
        for text in [
            "INSERT INTO t VALUES (1)",
            "insert into x.t AS u SELECT 1",
            "INSERT INTO t (SELECT 1)",
            "MERGE INTO t USING s ON a = b WHEN NOT MATCHED THEN INSERT VALUES (1)",
            "MERGE INTO t USING s ON a = b WHEN NOT MATCHED THEN INSERT OVERRIDING USER VALUE VALUES (1)",
        ] {
            assert!(inserts_by_position(text), "{text}");
        }
        for text in [
            "INSERT INTO t (a) VALUES (1)",
            "INSERT INTO x.\"t\" AS u (a) SELECT 1",
            "INSERT INTO t DEFAULT VALUES",
            "MERGE INTO t USING s ON a = b WHEN NOT MATCHED THEN INSERT (a) VALUES (1)",
        ] {
            assert!(!inserts_by_position(text), "{text}");
        }
    }
}
