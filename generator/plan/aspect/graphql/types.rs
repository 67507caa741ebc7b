//! Checks the types of actions: every type exists, and is used only where GraphQL allows it.

use std::collections::BTreeMap;

use super::lookup::unknown_name;
use crate::database::model::BUILT_IN_TYPES;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::model::PlannedAction;
use crate::stack::ActionType;
use crate::values::{GraphqlName, GraphqlType};

/// The scalars of GraphQL. Hasura also has a scalar for each type of PostgreSQL.
const SCALARS: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];

type Types = BTreeMap<GraphqlName, ActionType>;

/// The position in which a type is used.
#[derive(Clone, Copy, PartialEq)]
enum Position {
    /// An argument, or a field of an input object.
    Input,
    /// A field of a result.
    Output,
    /// The result of an action.
    Result,
}

/// Returns findings about types that do not exist or cannot be used in their position. `field_of` returns the field that
/// declares an action or a type.
pub fn check<'a>(
    actions: impl Iterator<Item = &'a PlannedAction>,
    types: &Types,
    field_of: &impl Fn(&'static str, &GraphqlName) -> FieldPath,
) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for action in actions {
        let path = field_of("actions", &action.metadata.name);
        for (name, graphql_type) in &action.arguments {
            findings.extend(check_use(graphql_type, types, Position::Input, path.key("arguments").key(name.as_str())));
        }
        findings.extend(check_use(&action.returns, types, Position::Result, path.key("returns")));
    }
    for (name, definition) in types {
        let path = field_of("types", name);
        let (fields, position, key) = match definition {
            ActionType::Object(fields) => (fields, Position::Output, "object"),
            ActionType::Input(fields) => (fields, Position::Input, "input"),
            ActionType::Enum(values) => {
                findings.extend(values.is_empty().then(|| empty_type(path.key("enum"), "value")));
                continue;
            }
            ActionType::Scalar(_) => continue,
        };
        findings.extend(fields.is_empty().then(|| empty_type(path.key(key), "field")));
        for (field, graphql_type) in fields {
            findings.extend(check_use(graphql_type, types, position, path.key(key).key(field.as_str())));
        }
    }
    findings
}

/// Returns the finding for a type without fields or values.
fn empty_type(path: FieldPath, part: &str) -> Diagnostic {
    Diagnostic::error(Code::ApiMismatch, path)
        .message(format!("the type has no {part}s"))
        .expected(format!("at least one {part}"))
        .hint("add one, or remove the type")
}

/// Returns the finding for a type that cannot be used in its position.
fn check_use(graphql_type: &GraphqlType, types: &Types, position: Position, path: FieldPath) -> Option<Diagnostic> {
    // The base of `[Item!]!` is `Item`.
    let base = graphql_type.base();
    let refusal = |message: String| Diagnostic::error(Code::ApiMismatch, path.clone()).message(message);
    let is_scalar = SCALARS.contains(&base) || BUILT_IN_TYPES.binary_search(&base).is_ok();
    match (types.get(base), position) {
        (None, Position::Result) if is_scalar => Some(
            refusal(format!("an action returns an object or a list of objects, but `{base}` is a scalar"))
                .hint(format!(
                    "declare a type, `hasura.types.Result.object = {{ value = \"{base}\" }}`, and set `returns = \"Result\"`"
                )),
        ),
        (None, _) if is_scalar => None,
        (None, _) => {
            let message = format!("there is no type `{base}`");
            let known = types.keys().map(GraphqlName::as_str).chain(SCALARS);
            Some(unknown_name(path, &message, base, known))
        }
        (Some(ActionType::Object(_)), Position::Input) => Some(
            refusal(format!("an argument cannot contain `{base}`, which is an `object` type"))
                .expected("a scalar, an enumeration or an `input` type"),
        ),
        (Some(ActionType::Input(_)), Position::Output | Position::Result) => Some(
            refusal(format!("a result cannot contain `{base}`, which is an `input` type"))
                .expected(if position == Position::Output {
                    "an `object` type, a scalar or an enumeration"
                } else {
                    "an `object` type"
                }),
        ),
        (Some(ActionType::Enum(_) | ActionType::Scalar(_)), Position::Result) => Some(
            refusal(format!("an action returns an object or a list of objects, but `{base}` is neither"))
                .expected("an `object` type"),
        ),
        (Some(_), _) => None,
    }
}
