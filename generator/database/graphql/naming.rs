//! Names in the GraphQL API for tables, columns and functions whose own names GraphQL does not accept.

use std::collections::BTreeMap;

use super::metadata::{FunctionConfiguration, TableConfiguration};
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// Returns a name as GraphQL accepts it: `_` replaces every character other than ASCII letters, digits and `_`, and comes
/// before a digit at the beginning; several `_` at the beginning, which GraphQL reserves, become one.
pub(super) fn graphql_name(name: &str) -> String {
    let text: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match text.trim_start_matches('_') {
        rest if text.starts_with('_') || rest.starts_with(|c: char| c.is_ascii_digit()) => format!("_{rest}"),
        _ => text,
    }
}

/// Returns the name that Hasura derives for an object: with its schema unless that is public.
fn default_name(name: &ObjectName) -> String {
    if name.schema() == PUBLIC { name.name().to_owned() } else { format!("{}_{}", name.schema(), name.name()) }
}

/// Returns the custom name of an object; `None` if GraphQL accepts the name that Hasura derives.
fn custom_name(name: &ObjectName) -> Option<String> {
    let default = default_name(name);
    Some(graphql_name(&default)).filter(|custom| *custom != default)
}

/// Returns the configuration of a table, or of a view without known columns.
pub(super) fn table(name: &ObjectName, table: Option<&Table>) -> TableConfiguration {
    let columns = table.into_iter().flat_map(|table| table.columns.keys());
    let columns = columns.filter_map(|column| {
        let custom = graphql_name(column.as_str());
        (custom != column.as_str()).then(|| (column.clone(), custom))
    });
    TableConfiguration { custom_name: custom_name(name), custom_column_names: columns.collect() }
}

pub(super) fn function(name: &ObjectName) -> FunctionConfiguration {
    FunctionConfiguration { custom_name: custom_name(name) }
}

/// Returns a finding for each name that equals a different name only in the GraphQL API.
pub(super) fn check(schema: &Schema, root: &FieldPath) -> Vec<Diagnostic> {
    if schema.served_by.is_none() {
        return Vec::new();
    }
    let paths = |kind: &str| root.key(kind);
    let all = schema.whole_tables().map(|(name, _)| (paths("tables").key(name.as_str()), name));
    let all = all.chain(schema.views.keys().map(|name| (paths("views").key(name.as_str()), name)));
    let mut findings = shared(all.map(|(path, name)| (path, name.to_string(), default_name(name))));
    for (name, table) in schema.whole_tables() {
        let path = paths("tables").key(name.as_str()).key("columns");
        let columns = table.columns.keys();
        findings
            .extend(shared(columns.map(|column| (path.key(column.as_str()), column.to_string(), column.to_string()))));
    }
    findings
}

/// Returns a finding for each name after the first one that becomes the same name in GraphQL.
fn shared(names: impl Iterator<Item = (FieldPath, String, String)>) -> Vec<Diagnostic> {
    let mut owners: BTreeMap<String, (FieldPath, bool)> = BTreeMap::new();
    let mut findings = Vec::new();
    for (path, name, default) in names {
        let graphql = graphql_name(&default);
        let is_custom = graphql != default;
        if let Some((first, first_is_custom)) = owners.get(&graphql)
            && (is_custom || *first_is_custom)
        {
            findings.push(
                Diagnostic::error(Code::GraphqlNameTaken, path)
                    .message(format!("`{name}` is called `{graphql}` in GraphQL, and so is a different object"))
                    .hint("rename one of the two")
                    .related(first.clone(), "the other object"),
            );
            continue;
        }
        owners.insert(graphql, (path, is_custom));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_names_of_graphql() {
        for (name, expected) in [
            ("createdAt", "createdAt"),
            ("a b", "a_b"),
            ("1st", "_1st"),
            ("ünïcode", "_n_code"),
            ("__EFMigrationsHistory", "_EFMigrationsHistory"),
            ("_prisma_migrations", "_prisma_migrations"),
            ("Robert'); DROP--", "Robert____DROP__"),
        ] {
            assert_eq!(graphql_name(name), expected);
        }
    }

    #[test]
    fn two_objects_with_one_name_in_graphql_are_a_finding() {
        let schema = |text: &str| -> Schema { serde_json::from_str(text).unwrap() };
        let tables = r#"{"served_by": "hasura", "tables": {"a b": {}, "a_b": {"columns": {"x y": {"type": "text"}, "x-y": {"type": "text"}}}}}"#;
        let findings = check(&schema(tables), &FieldPath::root());
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::GraphqlNameTaken; 2]);
        assert!(check(&schema(&tables.replace("a b", "a c").replace("x y", "x z")), &FieldPath::root()).is_empty());
    }
}
