//! Finds columns in the expressions of a table that the table does not have. A server drops a constraint or an index
//! together with a column that it mentions, and refuses to create a constraint or an index with a missing column.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::quote::is_reserved_word;
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::Check;
use crate::database::identifiers::mentioned_names;
use crate::database::lexer::{self, TokenKind};
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Words without brackets that stand for a value of the session.
pub(super) const SESSION_VALUES: [&str; 12] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
];

/// The columns that every table has.
pub(super) const SYSTEM_COLUMNS: [&str; 6] = ["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

/// Words of operators, which no column can have as its name without quotes.
const OPERATORS: [&str; 7] = ["ilike", "is", "isnull", "like", "notnull", "overlaps", "similar"];

/// Returns whether an expression may mention other columns than these. It looks only at words, since the parser, which
/// [`mentioned_columns`] needs, takes far longer.
pub(super) fn may_mention_other_columns<T>(expression: &str, columns: &BTreeMap<SqlName, T>) -> bool {
    let Ok(tokens) = lexer::tokens(expression) else { return true };
    let text_at = |index: Option<usize>| index.and_then(|index| tokens.get(index)).map_or("", |token| token.text);
    tokens.iter().enumerate().any(|(i, token)| match token.kind {
        TokenKind::Quoted => true,
        TokenKind::Word => {
            let word = token.text.to_ascii_lowercase();
            let is_known =
                columns.contains_key(word.as_str()) || is_reserved_word(&word) || OPERATORS.contains(&word.as_str());
            // A word before a bracket is a function, and a word after `::` is a type.
            !is_known && text_at(Some(i + 1)) != "(" && !text_at(i.checked_sub(1)).ends_with(':')
        }
        TokenKind::Literal | TokenKind::Number | TokenKind::Symbol | TokenKind::Comment => false,
    })
}

/// Returns the columns that an expression mentions without the name of a table before them: `a` and `b` for
/// `a > lower(b)`. Columns in a subquery are left out, since they may belong to the tables of the subquery.
pub(super) fn mentioned_columns(expression: &str) -> BTreeSet<String> {
    let parsed = SourceFile::parse(&format!("SELECT {expression};"));
    let mut columns = BTreeSet::new();
    if parsed.errors().is_empty() {
        let query = parsed.syntax_node().children().find(|node| node.kind() == SyntaxKind::SELECT);
        query.iter().flat_map(SyntaxNode::children).for_each(|clause| collect_columns(&clause, &mut columns));
    }
    columns
}

/// Adds the columns that a part of the syntax tree mentions.
fn collect_columns(node: &SyntaxNode, columns: &mut BTreeSet<String>) {
    for (i, child) in node.children().enumerate() {
        match child.kind() {
            // `f(…)` names a function; `a.b` is a column of a table, or a part of a value.
            SyntaxKind::NAME_REF if i == 0 && node.kind() == SyntaxKind::CALL_EXPR => {}
            SyntaxKind::NAME_REF if node.kind() == SyntaxKind::FIELD_EXPR => {}
            SyntaxKind::NAME_REF => columns.extend(column_name(&child)),
            SyntaxKind::SELECT => {}
            _ => collect_columns(&child, columns),
        }
    }
}

/// Returns the name of the column that a reference means; `None` for a value of the session and for a system column.
fn column_name(reference: &SyntaxNode) -> Option<String> {
    let text = reference.text().to_string();
    let name = mentioned_names(&text).next()?.into_owned();
    let is_of_server = SESSION_VALUES.contains(&name.as_str()) || SYSTEM_COLUMNS.contains(&name.as_str());
    (text.starts_with('"') || !is_of_server).then_some(name)
}

impl Check<'_> {
    /// Reports each expression of a table that mentions a column which the table does not have.
    pub(super) fn check_columns_in_expressions(&mut self, name: &ObjectName, table: &Table, path: &FieldPath) {
        for (key, check) in &table.checks {
            self.require_mentioned_columns(name, table, check.as_str(), &path.key("checks").key(key.as_str()));
        }
        for (key, index) in &table.indexes {
            let path = path.key("indexes").key(key.as_str());
            let expressions = index.columns.iter().filter_map(|column| column.expression.as_ref());
            for expression in expressions.chain(&index.predicate) {
                self.require_mentioned_columns(name, table, expression.as_str(), &path);
            }
        }
        for (key, exclude) in &table.excludes {
            let path = path.key("excludes").key(key.as_str());
            let expressions = exclude.elements.iter().map(|element| &element.expression);
            for expression in expressions.chain(&exclude.predicate) {
                self.require_mentioned_columns(name, table, expression.as_str(), &path);
            }
        }
        for (key, policy) in &table.policies {
            let path = path.key("policies").key(key.as_str());
            for (field, condition) in [("using", &policy.using), ("check", &policy.check)] {
                if let Some(condition) = condition {
                    self.require_mentioned_columns(name, table, condition.as_str(), &path.key(field));
                }
            }
        }
        for (key, column) in &table.columns {
            if let Some(expression) = &column.generated {
                let path = path.key("columns").key(key.as_str()).key("generated");
                self.require_mentioned_columns(name, table, expression.as_str(), &path);
            }
        }
    }

    /// Reports the columns that an expression mentions and the table does not have.
    fn require_mentioned_columns(&mut self, name: &ObjectName, table: &Table, expression: &str, path: &FieldPath) {
        if !may_mention_other_columns(expression, &table.columns) {
            return;
        }
        for column in mentioned_columns(expression) {
            // In an expression, the name of the table means the whole row.
            if !table.columns.contains_key(column.as_str()) && name.name() != column {
                let names = table.columns.keys().map(SqlName::as_str);
                let hint = crate::words::suggestion_or(&column, names, "correct the expression, or add the column");
                let message = format!("the expression mentions `{column}`, but the table has no such column");
                self.report(path.clone(), message, hint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_with_a_missing_column_is_always_parsed() {
        let columns: BTreeMap<SqlName, ()> = ["a", "b"].map(|name| (SqlName::truncated(name), ())).into();
        for (expression, is_parsed) in [
            ("a >= 0 AND lower(b)::text = 'c' OR a IS NOT NULL", false),
            ("a >= 0 AND c IS NULL", true),
            ("\"A\" > 0", true),
            ("a = ANY (ARRAY[b, d])", true),
            ("(c).x > 1", true),
            ("lower(c) = 'x'", true),
            ("CASE WHEN a THEN b ELSE c END", true),
        ] {
            assert_eq!(may_mention_other_columns(expression, &columns), is_parsed, "{expression}");
        }
    }

    #[test]
    fn columns_differ_from_other_words() {
        for (expression, columns) in [
            ("a >= 0 AND lower(b) = 'x' AND t.c::text <> D", "a b d"),
            ("extract(year FROM e) > 5 AND \"F g\" COLLATE \"C\" LIKE 'x'", "F g e"),
            ("CASE WHEN f IS NULL THEN current_date ELSE g END", "f g"),
            ("(h).i = ANY (ARRAY[j, k]) AND l[1] BETWEEN m AND n", "h j k l m n"),
            ("EXISTS (SELECT 1 FROM o WHERE p = q)", ""),
            ("CAST(r AS numeric(10,2)) > make_interval(days => s)", "r s"),
            ("u AT TIME ZONE 'utc' IS DISTINCT FROM v", "u v"),
        ] {
            assert_eq!(
                mentioned_columns(expression).into_iter().collect::<Vec<_>>().join(" "),
                columns,
                "{expression}"
            );
        }
    }
}
