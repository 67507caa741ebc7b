//! Names of actions and their types that the API of a table already has. Hasura cannot build an API that has one name
//! twice.

use std::collections::BTreeMap;

use super::calls::Calls;
use crate::database::graphql::api_names;
use crate::database::model::{ObjectName, Schema};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::ActionKind;
use crate::values::GraphqlName;

/// The text before and after the name of a table in the names of queries, mutations and types.
type Affixes = [(&'static str, &'static str)];

const QUERIES: &Affixes = &[("", ""), ("", "_aggregate"), ("", "_by_pk")];
const MUTATIONS: &Affixes = &[
    ("insert_", ""),
    ("insert_", "_one"),
    ("update_", ""),
    ("update_", "_by_pk"),
    ("update_", "_many"),
    ("delete_", ""),
    ("delete_", "_by_pk"),
];
const TYPES: &Affixes = &[
    ("", ""),
    ("", "_aggregate"),
    ("", "_bool_exp"),
    ("", "_insert_input"),
    ("", "_mutation_response"),
    ("", "_order_by"),
    ("", "_set_input"),
];

/// Returns NS828 for each action and type of a Hasura service whose name belongs to a table of the schemas that this
/// service serves. `field_of` returns the field that declares an action or a type.
pub fn check<'a>(
    calls: &Calls,
    schemas: impl Iterator<Item = &'a Schema>,
    field_of: &impl Fn(&'static str, &GraphqlName) -> FieldPath,
) -> Vec<Diagnostic> {
    let tables: BTreeMap<String, &ObjectName> = schemas.flat_map(api_names).collect();
    let table_with = |name: &str, affixes: &Affixes| {
        let mut stems = affixes.iter().filter_map(|(start, end)| name.strip_prefix(start)?.strip_suffix(end));
        stems.find_map(|stem| tables.get(stem).copied())
    };
    let actions = calls.actions.iter().filter_map(|(action, _)| {
        let name = &action.metadata.name;
        let affixes = if action.kind == ActionKind::Query { QUERIES } else { MUTATIONS };
        Some(("actions", "action", name, table_with(name.as_str(), affixes)?))
    });
    let types = calls.types.keys().filter_map(|name| Some(("types", "type", name, table_with(name.as_str(), TYPES)?)));
    let findings = actions.chain(types).map(|(field, kind, name, table)| {
        Diagnostic::error(Code::GraphqlNameTaken, field_of(field, name))
            .message(format!("the API of the table `{table}` already has the name `{name}`"))
            .hint(format!("rename the {kind}"))
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;
    use crate::stack::ActionType;
    use crate::values::{Checked, Text};

    #[test]
    fn types_with_names_of_tables_are_refused() {
        let schema: Schema = serde_json::from_str(r#"{"served_by": "hasura", "tables": {"orders": {}}}"#).unwrap();
        let scalar = || ActionType::Scalar(Text::wrap("a number".to_owned()));
        let names = ["orders", "orders_bool_exp", "order", "orders_total"];
        let types = names.map(|name| (GraphqlName::wrap(name.to_owned()), scalar()));
        let calls = Calls { types: types.into(), ..Calls::default() };
        let field_of = |kind: &'static str, name: &GraphqlName| path!(kind, name);
        let findings = check(&calls, std::iter::once(&schema), &field_of);
        let fields: Vec<String> = findings.iter().map(|finding| finding.path.to_string()).collect();
        assert_eq!(fields, ["types.orders", "types.orders_bool_exp"]);
        assert!(check(&calls, std::iter::empty(), &field_of).is_empty());
    }
}
