//! Names in the GraphQL API for tables, columns and functions whose names in the database are not names of GraphQL.

use std::collections::BTreeMap;

use super::metadata::{FunctionConfiguration, TableConfiguration};
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// Returns a name that GraphQL accepts. `_` replaces every character other than ASCII letters, digits and `_`, and is
/// put before a digit at the beginning. Several `_` at the beginning, which GraphQL reserves, become one. Examples:
/// `a b` → `a_b`, `1st` → `_1st`, `__migrations` → `_migrations`.
pub(super) fn graphql_name(name: &str) -> String {
    let text: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match text.trim_start_matches('_') {
        stem if text.starts_with('_') || stem.starts_with(|c: char| c.is_ascii_digit()) => format!("_{stem}"),
        _ => text,
    }
}

/// Returns the name that Hasura gives to an object by default: `orders`, or `audit_orders` in a schema other than
/// `public`.
fn default_name(name: &ObjectName) -> String {
    if name.schema() == PUBLIC_SCHEMA { name.name().to_owned() } else { format!("{}_{}", name.schema(), name.name()) }
}

/// Returns the custom name of an object; `None` if GraphQL accepts Hasura's default name.
fn custom_name(name: &ObjectName) -> Option<String> {
    let default = default_name(name);
    Some(graphql_name(&default)).filter(|custom| *custom != default)
}

/// Returns the configuration of a table, or of a view without known columns.
pub(super) fn table_configuration(name: &ObjectName, table: Option<&Table>) -> TableConfiguration {
    let columns = table.into_iter().flat_map(|table| table.columns.keys());
    let columns = columns.filter_map(|column| {
        let custom = graphql_name(column.as_str());
        (custom != column.as_str()).then(|| (column.clone(), custom))
    });
    TableConfiguration { custom_name: custom_name(name), custom_column_names: columns.collect() }
}

/// Returns the configuration of a function.
pub(super) fn function_configuration(name: &ObjectName) -> FunctionConfiguration {
    FunctionConfiguration { custom_name: custom_name(name) }
}

/// Returns the names of the tables and views of a schema in the GraphQL API, each with its name in the database.
pub fn api_names(schema: &Schema) -> impl Iterator<Item = (String, &ObjectName)> {
    let tables = schema.tables_without_partitions().map(|(name, _)| name);
    tables.chain(schema.views.keys()).map(|name| (graphql_name(&default_name(name)), name))
}

/// Checks that all tables and views have different names in the GraphQL API, and so have the columns of each table.
/// Returns nothing for a database that no service serves.
pub(super) fn check(schema: &Schema, root: &FieldPath) -> Vec<Diagnostic> {
    if schema.served_by.is_none() {
        return Vec::new();
    }
    let group_path = |kind: &str| root.key(kind);
    let relations = schema.tables_without_partitions().map(|(name, _)| (group_path("tables").key(name.as_str()), name));
    let relations = relations.chain(schema.views.keys().map(|name| (group_path("views").key(name.as_str()), name)));
    let mut findings = shared_names(relations.map(|(path, name)| (path, name.to_string(), default_name(name))));
    for (name, table) in schema.tables_without_partitions() {
        let path = group_path("tables").key(name.as_str()).key("columns");
        let columns = table.columns.keys();
        findings.extend(shared_names(
            columns.map(|column| (path.key(column.as_str()), column.to_string(), column.to_string())),
        ));
    }
    findings
}

/// Returns a finding for each name that becomes the same name in GraphQL as an earlier name. Each item of `names` has the
/// path of an object, its name in messages, and its default name in GraphQL.
fn shared_names(names: impl Iterator<Item = (FieldPath, String, String)>) -> Vec<Diagnostic> {
    let mut used_names: BTreeMap<String, FieldPath> = BTreeMap::new();
    let mut findings = Vec::new();
    for (path, name, default) in names {
        let name_in_graphql = graphql_name(&default);
        match used_names.get(&name_in_graphql) {
            Some(first_path) => findings.push(
                Diagnostic::error(Code::GraphqlNameTaken, path)
                    .message(format!(
                        "`{name}` and another object would have the same name `{name_in_graphql}` in GraphQL"
                    ))
                    .hint("rename one of the two objects")
                    .counterpart(first_path.clone(), "the other object"),
            ),
            None => {
                used_names.insert(name_in_graphql, path);
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_names_that_graphql_accepts() {
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
        let schemas =
            r#"{"served_by": "hasura", "schemas": {"audit": {}}, "tables": {"audit_orders": {}, "audit.orders": {}}}"#;
        assert_eq!(check(&schema(schemas), &FieldPath::root()).len(), 1);
        assert!(check(&schema(&tables.replace("a b", "a c").replace("x y", "x z")), &FieldPath::root()).is_empty());
    }
}
