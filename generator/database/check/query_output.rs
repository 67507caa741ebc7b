//! The columns that a query or a statement with RETURNING outputs, as far as its text tells.

use squawk_syntax::ast::{AstNode, Target};
use squawk_syntax::column_name::{ColumnName, ColumnNameValue};
use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use super::query_scope::child;

/// An output column: its name if the text tells it, and its expression. VALUES has no expression for all rows.
pub(super) struct Output {
    pub(super) name: Option<String>,
    pub(super) expression: Option<SyntaxNode>,
}

/// Returns the output columns of a query or statement; `None` if their number does not follow from the text, as for `*`.
pub(super) fn outputs(query: &SyntaxNode) -> Option<Vec<Output>> {
    use SyntaxKind::*;
    match query.kind() {
        SELECT | SELECT_INTO => {
            let clause = child(query, SELECT_CLAUSE)?;
            // A query may output no columns.
            child(&clause, TARGET_LIST).map_or_else(|| Some(Vec::new()), |list| outputs_of_list(&list))
        }
        VALUES => {
            let row = child(&child(query, ROW_LIST)?, ROW)?;
            if row.children().any(|value| is_star(&value)) {
                return None;
            }
            let names = (1..=row.children().count()).map(|number| format!("column{number}"));
            Some(names.map(|name| Output { name: Some(name), expression: None }).collect())
        }
        COMPOUND_SELECT | PAREN_SELECT | PAREN_EXPR => outputs(&parts_of(query).next()?),
        INSERT | UPDATE | DELETE | MERGE => outputs_of_list(&child(&child(query, RETURNING_CLAUSE)?, TARGET_LIST)?),
        _ => None,
    }
}

/// Returns the queries that UNION and its like connect, or the query in brackets.
pub(super) fn parts_of(query: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    query.children().filter(|part| is_query(part.kind()))
}

/// Returns whether a node is a query, which outputs rows.
pub(super) fn is_query(kind: SyntaxKind) -> bool {
    use SyntaxKind::*;
    matches!(kind, SELECT | COMPOUND_SELECT | PAREN_SELECT | PAREN_EXPR | VALUES | TABLE)
}

fn outputs_of_list(list: &SyntaxNode) -> Option<Vec<Output>> {
    list.children().map(|target| output_of(&target)).collect()
}

/// Returns whether an expression is `x.*`, which is several columns or values.
pub(super) fn is_star(expression: &SyntaxNode) -> bool {
    expression.kind() == SyntaxKind::FIELD_EXPR
        && expression.children_with_tokens().filter_map(SyntaxElement::into_token).any(|token| token.text() == "*")
}

/// Returns an output column; `None` for `*`, which is several columns.
fn output_of(target: &SyntaxNode) -> Option<Output> {
    let expression = target.children().next()?;
    let target = Target::cast(target.clone())?;
    (!is_star(&expression)).then(|| Output { name: name_of(target), expression: Some(expression) })
}

/// Returns the name that the server gives an output column.
fn name_of(target: Target) -> Option<String> {
    let (name, _) = ColumnName::from_target(target)?;
    // The library and the server have different names for functions of XML.
    let is_certain = |value: &ColumnNameValue| match value {
        ColumnNameValue::Static(name) => !name.starts_with("xml"),
        ColumnNameValue::Syntax(_) => true,
    };
    match &name {
        ColumnName::Column(value) | ColumnName::UnknownColumn(Some(value)) if !is_certain(value) => None,
        _ => name.to_string(),
    }
}
