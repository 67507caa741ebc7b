//! The result of a function, read from the text of `returns`.

use squawk_syntax::ast::{AstNode, Type};
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::query_scope::{child, last_name};
use crate::database::model::*;
use crate::database::parse;
use crate::values::Checked;

/// What a function returns, apart from its arguments.
#[derive(Debug, Default)]
pub(super) struct FunctionResult {
    /// Whether it returns any number of rows.
    pub(super) is_set: bool,
    /// The type of the result, or of each row; `None` for TABLE, and for a type that the text does not name.
    pub(super) kind: Option<TypeName>,
    /// The columns of TABLE, each with its type if the text names it.
    pub(super) table_columns: Vec<(String, Option<TypeName>)>,
}

impl FunctionResult {
    pub(super) fn of(function: &Function) -> FunctionResult {
        let Some(returns) = function.returns.as_ref().map(Returns::as_str) else { return FunctionResult::default() };
        match returns.split_once(|c: char| c.is_whitespace() || c == '(') {
            Some((word, _)) if word.eq_ignore_ascii_case("table") => {
                FunctionResult { is_set: true, kind: None, table_columns: columns_of_table(returns) }
            }
            Some((word, rest)) if word.eq_ignore_ascii_case("setof") => {
                FunctionResult { is_set: true, kind: named_type(rest), table_columns: Vec::new() }
            }
            _ => FunctionResult { is_set: false, kind: named_type(returns), table_columns: Vec::new() },
        }
    }

    /// Returns the types that the text names: that of the result, or those of the columns of TABLE.
    pub(super) fn types(&self) -> impl Iterator<Item = &TypeName> {
        self.kind.iter().chain(self.table_columns.iter().filter_map(|(_, kind)| kind.as_ref()))
    }

    /// Returns whether the function returns no value: void, also for each row.
    pub(super) fn is_void(&self) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind.as_str() == "void")
    }
}

/// Returns the type with a name; `None` for the type of a column, `orders.id%TYPE`.
fn named_type(text: &str) -> Option<TypeName> {
    (!text.contains('%')).then(|| TypeName::new(text.trim()).ok()).flatten()
}

/// Returns the columns of `TABLE (…)`.
fn columns_of_table(returns: &str) -> Vec<(String, Option<TypeName>)> {
    let column = |node: SyntaxNode| {
        let kind = node.children().flat_map(|part| part.descendants().collect::<Vec<_>>());
        let kind = kind.into_iter().find(|part| Type::can_cast(part.kind()));
        let name = last_name(&child(&node, SyntaxKind::COLUMN_NAME)?)?;
        Some((name, kind.and_then(|kind| named_type(&kind.text().to_string()))))
    };
    parse::with_enough_stack(returns, || {
        let parsed = SourceFile::parse(&format!("CREATE FUNCTION f() RETURNS {returns} LANGUAGE sql AS '';"));
        let columns = parsed.syntax_node().descendants().filter(|node| node.kind() == SyntaxKind::RETURN_TABLE_COLUMN);
        columns.filter_map(column).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_are_read_from_their_text() {
        let read = |returns: &str| {
            let function = json!({ "returns": returns, "language": "sql", "body": "SELECT 1" });
            let result = FunctionResult::of(&serde_json::from_value(function).unwrap());
            let kind = |kind: Option<TypeName>| kind.map_or("?".to_owned(), |kind| kind.to_string());
            let columns: Vec<String> =
                result.table_columns.into_iter().map(|(name, column)| format!("{name} {}", kind(column))).collect();
            format!("{} {} {}", result.is_set, kind(result.kind), columns.join(", "))
        };
        for (returns, expected) in [
            ("int", "false integer "),
            ("SETOF audit.orders", "true audit.orders "),
            ("void", "false void "),
            ("TABLE (a int, \"B c\" numeric(12, 2)[])", "true ? a integer, B c numeric(12,2)[]"),
            ("table(x text)", "true ? x text"),
        ] {
            assert_eq!(read(returns), expected, "{returns}");
        }
    }
}
