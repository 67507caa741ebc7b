//! Finds the type of an expression, if it follows from the columns, literals and a few functions of the server.

use squawk_syntax::ast::{AstNode, Type};
use squawk_syntax::{SourceFile, SyntaxElement, SyntaxKind, SyntaxNode};

use super::query_scope::called_function;
use crate::database::identifiers::mentioned_names;
use crate::database::lexer::{self, TokenKind};
use crate::database::model::*;
use crate::database::parse;
use crate::values::Checked;

/// Functions whose result has one type, whatever their arguments are, each with the type. `numeric` means any type of
/// numbers.
const FUNCTIONS: &[(&str, &str)] = &[
    ("abs", "numeric"),
    ("bit_length", "integer"),
    ("cardinality", "integer"),
    ("ceil", "numeric"),
    ("char_length", "integer"),
    ("concat", "text"),
    ("floor", "numeric"),
    ("jsonb_array_length", "integer"),
    ("length", "integer"),
    ("lower", "text"),
    ("md5", "text"),
    ("now", "timestamptz"),
    ("octet_length", "integer"),
    ("replace", "text"),
    ("round", "numeric"),
    ("upper", "text"),
];
/// Symbols and words of operators whose result is a boolean.
const BOOLEAN_OPERATORS: [&str; 21] = [
    "<", ">", "=", "!", "~", "@", "&", "?", "|", "and", "between", "ilike", "in", "is", "isnull", "like", "not",
    "notnull", "or", "overlaps", "similar",
];
/// Operators that give a number for numbers.
const ARITHMETIC: [&str; 5] = ["+", "-", "*", "/", "%"];
/// The types that hold numbers.
const NUMBER_TYPES: [&str; 6] = ["smallint", "integer", "bigint", "numeric", "real", "double precision"];

/// Returns whether a type holds numbers.
pub fn is_number(kind: &TypeName) -> bool {
    NUMBER_TYPES.contains(&kind.base()) && !kind.is_array()
}

/// Returns whether an expression has an operator outside of brackets that may give a boolean. Only an expression
/// without such an operator is parsed, which takes far longer.
fn has_boolean_operator(expression: &str) -> bool {
    let mut depth = 0_usize;
    lexer::tokens(expression).unwrap_or_default().iter().any(|token| {
        match token.text {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let word = token.text.to_ascii_lowercase();
        let is_sign_or_word = matches!(token.kind, TokenKind::Symbol | TokenKind::Word);
        depth == 0 && is_sign_or_word && BOOLEAN_OPERATORS.contains(&word.as_str())
    })
}

/// Returns the type of a condition that is certainly not a boolean; `None` if the condition may be one. `column_type`
/// returns the type of a column.
pub fn type_of_condition(
    schema: &Schema,
    condition: &str,
    column_type: impl Fn(&str) -> Option<TypeName> + Sync,
) -> Option<TypeName> {
    if has_boolean_operator(condition) {
        return None;
    }
    let kind = type_of_expression(schema, condition, &column_type)?;
    (!may_be_boolean(&kind, schema)).then_some(kind)
}

/// Returns the type of an expression; `None` if it does not follow from the text.
pub fn type_of_expression(
    schema: &Schema,
    expression: &str,
    column_type: &(impl Fn(&str) -> Option<TypeName> + Sync),
) -> Option<TypeName> {
    parse::with_enough_stack(expression, || {
        let parsed = SourceFile::parse(&format!("SELECT {expression};"));
        let target = parsed.syntax_node().descendants().find(|node| node.kind() == SyntaxKind::TARGET)?;
        type_of(&target.children().next()?, schema, column_type)
    })
}

/// Returns whether values of a type may be used as a condition. Types that the definition does not declare may be anything.
fn may_be_boolean(kind: &TypeName, schema: &Schema) -> bool {
    if kind.is_array() {
        return false;
    }
    match kind.object() {
        None => kind.as_str() == "boolean" || kind.is_polymorphic(),
        Some(object) => match schema.types.get(&object) {
            Some(UserType::Domain(domain)) => domain.base.object().is_some() || domain.base.as_str() == "boolean",
            Some(_) => false,
            None => true,
        },
    }
}

/// Returns whether an expression has exactly one operator, and the operator gives a number for numbers.
fn is_arithmetic(node: &SyntaxNode) -> bool {
    let tokens = node.children_with_tokens().filter_map(SyntaxElement::into_token);
    let mut operators = tokens.filter(|token| !token.kind().is_trivia());
    operators.next().is_some_and(|operator| ARITHMETIC.contains(&operator.text())) && operators.next().is_none()
}

/// Returns the type of a part of the syntax tree; `None` if it does not follow from the text.
fn type_of(node: &SyntaxNode, schema: &Schema, column_type: &impl Fn(&str) -> Option<TypeName>) -> Option<TypeName> {
    let text = || node.text().to_string();
    let first_child = || node.children().next();
    match node.kind() {
        SyntaxKind::PAREN_EXPR => type_of(&first_child()?, schema, column_type),
        SyntaxKind::NAME_REF => column_type(&mentioned_names(&text()).next()?),
        SyntaxKind::LITERAL => text().parse::<f64>().is_ok().then(|| TypeName::wrap("numeric".into())),
        SyntaxKind::CAST_EXPR => {
            let type_node = node.children().find(|part| Type::can_cast(part.kind()))?;
            TypeName::new(&type_node.text().to_string()).ok()
        }
        SyntaxKind::PREFIX_EXPR => {
            let operand = type_of(&first_child()?, schema, column_type)?;
            (is_number(&operand) && is_arithmetic(node)).then_some(operand)
        }
        SyntaxKind::BIN_EXPR => {
            let parts: Vec<SyntaxNode> = node.children().collect();
            let [left, .., right] = parts.as_slice() else { return None };
            let (left, right) = (type_of(left, schema, column_type)?, type_of(right, schema, column_type)?);
            let is_numeric = is_arithmetic(node) && is_number(&left) && is_number(&right);
            is_numeric.then(|| TypeName::wrap("numeric".into()))
        }
        SyntaxKind::CALL_EXPR => {
            let name = called_function(node)?;
            let mut declared_functions = schema.functions_in_any_schema(&name);
            match (declared_functions.next(), declared_functions.next()) {
                (Some(function), None) => TypeName::new(function.returns.as_ref()?.as_str()).ok(),
                (Some(_), Some(_)) => None,
                (None, _) => {
                    let (_, result) = FUNCTIONS.iter().find(|(function, _)| *function == name)?;
                    Some(TypeName::wrap((*result).to_owned()))
                }
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in_words(condition: &str) -> String {
        let column = |name: &str| {
            let kind = match name {
                "total" => "numeric(12,2)",
                "note" => "text",
                "paid" => "boolean",
                "tags" => "text[]",
                _ => return None,
            };
            TypeName::new(kind).ok()
        };
        type_of_condition(&Schema::default(), condition, column).map_or_else(String::new, |kind| kind.to_string())
    }

    #[test]
    fn only_certain_types_are_judged() {
        for (condition, kind) in [
            ("total", "numeric(12,2)"),
            ("(note)", "text"),
            ("tags", "text[]"),
            ("total * 2 + 1", "numeric"),
            ("-total", "numeric(12,2)"),
            ("length(note)", "integer"),
            ("paid::integer", "integer"),
            ("1", "numeric"),
            ("paid", ""),
            ("NOT paid", ""),
            ("'true'", ""),
            ("total > 0", ""),
            ("(total > 0)", ""),
            ("(NOT paid)", ""),
            ("unknown_function(total)", ""),
            ("other", ""),
            ("note::boolean", ""),
            ("coalesce(paid, false)", ""),
            ("CASE WHEN paid THEN true ELSE false END", ""),
            ("total::money_type", ""),
        ] {
            assert_eq!(type_in_words(condition), kind, "{condition}");
        }
    }
}
