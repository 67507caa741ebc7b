//! Actions with their types. Hasura's command line reads signatures from a file in GraphQL's schema language, and
//! everything else from a YAML file that names the same actions and types.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::database::graphql::handlers::ActionMetadata;
use crate::plan::{HasuraMetadata, PlannedAction};
use crate::stack::{ActionKind, ActionType};
use crate::values::{GraphqlName, GraphqlType, Text};

/// The contents of `actions.yaml`.
#[derive(Serialize)]
pub struct Actions<'a> {
    actions: Vec<&'a ActionMetadata>,
    custom_types: CustomTypes<'a>,
}

#[derive(Default, Serialize)]
struct CustomTypes<'a> {
    enums: Vec<NamedType<'a>>,
    input_objects: Vec<NamedType<'a>>,
    objects: Vec<NamedType<'a>>,
    scalars: Vec<NamedType<'a>>,
}

/// A custom type. Its fields or values are in `actions.graphql`.
#[derive(Serialize)]
struct NamedType<'a> {
    name: &'a GraphqlName,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a Text>,
}

impl<'a> Actions<'a> {
    /// Returns the actions and custom types of a Hasura service.
    pub fn of(metadata: &'a HasuraMetadata) -> Self {
        let mut custom_types = CustomTypes::default();
        for (name, action_type) in &metadata.types {
            let (list, description) = match action_type {
                ActionType::Enum(_) => (&mut custom_types.enums, None),
                ActionType::Input(_) => (&mut custom_types.input_objects, None),
                ActionType::Object(_) => (&mut custom_types.objects, None),
                ActionType::Scalar(description) => (&mut custom_types.scalars, Some(description)),
            };
            list.push(NamedType { name, description });
        }
        Actions { actions: metadata.actions.iter().map(|action| &action.metadata).collect(), custom_types }
    }
}

/// Returns the contents of `actions.graphql`. Its names need no escapes, since they are checked when the stack is read.
pub fn action_schema(metadata: &HasuraMetadata) -> String {
    let (queries, mutations): (Vec<&PlannedAction>, Vec<&PlannedAction>) =
        metadata.actions.iter().partition(|action| action.kind == ActionKind::Query);
    let mut blocks: Vec<String> = [("Query", queries), ("Mutation", mutations)]
        .into_iter()
        .filter(|(_, actions)| !actions.is_empty())
        .map(|(name, actions)| {
            let signatures: String = actions.into_iter().map(signature).collect();
            format!("type {name} {{\n{signatures}}}\n")
        })
        .collect();
    let declaration = |(name, action_type): (&GraphqlName, &ActionType)| match action_type {
        ActionType::Object(object) => format!("type {name} {{\n{}}}\n", field_lines(object)),
        ActionType::Input(object) => format!("input {name} {{\n{}}}\n", field_lines(object)),
        ActionType::Enum(values) => {
            format!("enum {name} {{\n{}}}\n", values.iter().map(|value| format!("  {value}\n")).collect::<String>())
        }
        ActionType::Scalar(_) => format!("scalar {name}\n"),
    };
    blocks.extend(metadata.types.iter().map(declaration));
    blocks.join("\n")
}

/// Returns the line of an action in the type `Query` or `Mutation`: `  checkout(cart: uuid!): Order`.
fn signature(action: &PlannedAction) -> String {
    let arguments =
        action.arguments.iter().map(|(name, argument_type)| format!("{name}: {argument_type}")).collect::<Vec<_>>();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    format!("  {}{arguments}: {}\n", action.metadata.name, action.returns)
}

fn field_lines(fields: &BTreeMap<GraphqlName, GraphqlType>) -> String {
    fields.iter().map(|(name, field_type)| format!("  {name}: {field_type}\n")).collect()
}
