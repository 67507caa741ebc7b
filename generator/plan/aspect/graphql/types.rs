//! Checks the types of actions: every type exists, and is used only where GraphQL allows it.

use std::collections::{BTreeMap, BTreeSet};

use super::lookup::unknown_name;
use crate::database::model::BUILT_IN_TYPES;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::model::PlannedAction;
use crate::stack::ActionType;
use crate::values::{Checked, GraphqlName, GraphqlType};

/// The scalars of GraphQL. Hasura also has a scalar for each type of PostgreSQL.
const SCALARS: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];

/// The types whose fields are the queries, mutations and subscriptions of the API.
const ROOT_TYPES: [&str; 6] = ["Mutation", "Query", "Subscription", "mutation_root", "query_root", "subscription_root"];

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
    findings.extend(check_cycles(types, field_of));
    for (name, definition) in types {
        let path = field_of("types", name);
        findings.extend(check_name(name, &path));
        let (fields, position, key) = match definition {
            ActionType::Object(fields) => (fields, Position::Output, "object"),
            ActionType::Input(fields) => (fields, Position::Input, "input"),
            ActionType::Enum(values) => {
                findings.extend(values.is_empty().then(|| empty_type(path.key("enum"), "value")));
                findings.extend(check_values(values, &path.key("enum")));
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

/// Returns the finding for a type with a name that Hasura or GraphQL uses.
fn check_name(name: &GraphqlName, path: &FieldPath) -> Option<Diagnostic> {
    let is_taken = ROOT_TYPES.contains(&name.as_str()) || SCALARS.contains(&name.as_str());
    is_taken.then(|| {
        Diagnostic::error(Code::ApiMismatch, path.clone())
            .message(format!("the API already has a type `{name}`"))
            .hint("choose a different name")
    })
}

/// Returns findings about the values of an enumeration: a repeated one, and those that GraphQL reads as other values.
fn check_values(values: &[GraphqlName], path: &FieldPath) -> Vec<Diagnostic> {
    let mut earlier_values = BTreeSet::new();
    let fault = |value: &GraphqlName, is_new: bool| match value.as_str() {
        "true" | "false" | "null" => Some(format!("`{value}` cannot be a value of an enumeration in GraphQL")),
        _ => (!is_new).then(|| format!("the enumeration has the value `{value}` twice")),
    };
    let faults = values.iter().enumerate().filter_map(|(i, value)| {
        let is_new = earlier_values.insert(value);
        Some((i, fault(value, is_new)?))
    });
    let finding = |(i, fault): (usize, String)| {
        Diagnostic::error(Code::ApiMismatch, path.index(i)).message(fault).hint("rename it, or remove it")
    };
    faults.map(finding).collect()
}

/// Returns a finding for each `input` type that contains itself through required fields: such a value would never end.
fn check_cycles(types: &Types, field_of: &impl Fn(&'static str, &GraphqlName) -> FieldPath) -> Vec<Diagnostic> {
    // For each `input` type, the types of its required fields. A list may be empty, so it ends a value.
    let required_types: BTreeMap<&str, Vec<(&GraphqlName, &str)>> = types
        .iter()
        .filter_map(|(name, definition)| match definition {
            ActionType::Input(fields) => Some((name.as_str(), fields)),
            _ => None,
        })
        .map(|(name, fields)| {
            let is_required =
                |field_type: &GraphqlType| field_type.as_str().ends_with('!') && !field_type.as_str().starts_with('[');
            let required = fields.iter().filter(|(_, field_type)| is_required(field_type));
            (name, required.map(|(field, field_type)| (field, field_type.base())).collect())
        })
        .collect();
    let mut findings = Vec::new();
    // Whether all types that a type requires were visited; `false` while the search is below it.
    let mut visited: BTreeMap<&str, bool> = BTreeMap::new();
    for start in required_types.keys() {
        if visited.contains_key(start) {
            continue;
        }
        visited.insert(start, false);
        let mut pending = vec![(*start, 0)];
        while let Some(&mut (current, ref mut index)) = pending.last_mut() {
            let Some(&(field, base)) = required_types[current].get(*index) else {
                visited.insert(current, true);
                pending.pop();
                continue;
            };
            *index += 1;
            match visited.get(base) {
                Some(false) => findings.push(endless_value(current, (field, base), field_of)),
                None if required_types.contains_key(base) => {
                    visited.insert(base, false);
                    pending.push((base, 0));
                }
                _ => {}
            }
        }
    }
    findings
}

/// Returns the finding for a required field of an `input` type, whose type `base` requires the `input` type in turn.
fn endless_value(
    input: &str,
    (field, base): (&GraphqlName, &str),
    field_of: &impl Fn(&'static str, &GraphqlName) -> FieldPath,
) -> Diagnostic {
    let path = field_of("types", &GraphqlName::wrap(input.to_owned())).key("input").key(field.as_str());
    Diagnostic::error(Code::ApiMismatch, path)
        .message(format!("a value of `{base}` would contain a value of `{base}`, without an end"))
        .hint(format!("make the field optional: `{field} = \"{base}\"`"))
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
