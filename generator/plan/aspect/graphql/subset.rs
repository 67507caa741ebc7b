//! The part of an API that an additional endpoint serves, as a smaller definition of the same database.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::Calls;
use super::lookup::unknown_name;
use crate::database::model::{ObjectName, Schema, SqlName, Table};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::stack::Served;
use crate::values::{ApiRole, GraphqlName, ServiceName, SqlIdent};

/// Returns the definition without the tables, columns and roles that the endpoint does not serve.
pub fn subset(schema: &Schema, served: &Served) -> Schema {
    let mut served_part = schema.clone();
    served_part.tables.retain(|name, _| served.tables.contains_key(name));
    served_part.views.retain(|name, _| served.tables.contains_key(name));
    for (name, table) in &mut served_part.tables {
        table.foreign_keys.retain(|_, key| served.tables.contains_key(&key.references.table));
        limit_roles(table, served);
        limit_columns(table, &served.tables[name].columns);
    }
    served_part
}

/// Removes the permissions of roles that the endpoint does not serve. An empty list of roles serves all roles.
fn limit_roles(table: &mut Table, served: &Served) {
    table.api.retain(|role, _| served.roles.is_empty() || served.roles.contains(role));
}

/// Limits the permissions of all roles to some columns; an empty list allows all columns. A role without a column loses
/// its permissions.
fn limit_columns(table: &mut Table, columns: &[SqlIdent]) {
    if columns.is_empty() {
        return;
    }
    for api in table.api.values_mut() {
        let current_columns =
            if api.columns.is_empty() { table.columns.keys().cloned().collect() } else { api.columns.clone() };
        api.columns = current_columns
            .into_iter()
            .filter(|column| columns.iter().any(|served| served.as_str() == column.as_str()))
            .collect();
    }
    table.api.retain(|_, api| !api.columns.is_empty());
}

/// Returns findings about names in `serves` that the copied service `original` does not have.
pub fn check(
    served: &Served,
    original: &ServiceName,
    definitions: &[&Schema],
    calls: Option<&Calls>,
    path: &FieldPath,
) -> Vec<Diagnostic> {
    let path = path.key("serves");
    // Tables and views by name; `None` for a view, whose columns are not known.
    let tables: BTreeMap<&ObjectName, Option<&Table>> = definitions
        .iter()
        .flat_map(|schema| {
            let tables = schema.tables.iter().map(|(name, table)| (name, Some(table)));
            tables.chain(schema.views.keys().map(|name| (name, None)))
        })
        .collect();
    let mut findings = check_tables(served, original, &tables, &path);
    let table_roles = tables.values().flatten().flat_map(|table| table.api.keys()).map(ApiRole::as_str);
    let actions = calls.into_iter().flat_map(|calls| &calls.actions);
    let permissions = actions.clone().flat_map(|(action, _)| action.metadata.permissions.iter());
    let roles = table_roles.chain(permissions.map(|permission| permission.role.as_str())).collect();
    let actions = actions.map(|(action, _)| action.metadata.name.as_str()).collect();
    let remote_schemas = calls.into_iter().flat_map(|calls| &calls.remote_schemas);
    let remote_schemas = remote_schemas.map(|(remote, _)| remote.name.as_str()).collect();
    let names = (served.roles.iter().map(ApiRole::as_str), &roles);
    findings.extend(check_names(("roles", "role"), names, original, &path));
    let names = (served.actions.iter().map(GraphqlName::as_str), &actions);
    findings.extend(check_names(("actions", "action"), names, original, &path));
    let names = (served.remote_schemas.iter().map(ServiceName::as_str), &remote_schemas);
    findings.extend(check_names(("remote_schemas", "remote schema"), names, original, &path));
    findings
}

/// Returns findings about tables and columns in `serves.tables` that do not exist. `tables` has those that exist.
fn check_tables(
    served: &Served,
    original: &ServiceName,
    tables: &BTreeMap<&ObjectName, Option<&Table>>,
    path: &FieldPath,
) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, served_table) in &served.tables {
        let path = path.key("tables").key(name.as_str());
        let Some(table) = tables.get(name) else {
            let message = format!(
                "`serves` names the table `{name}`, but `{original}`, the service in `copy_of`, serves no such table"
            );
            findings.push(unknown_name(path, &message, name.as_str(), tables.keys().map(|name| name.as_str())));
            continue;
        };
        let Some(table) = table else { continue };
        for (i, column) in served_table.columns.iter().enumerate() {
            if !table.columns.contains_key(column.as_str()) {
                let message = format!("`{name}` has no column `{column}`");
                let column_names = table.columns.keys().map(SqlName::as_str);
                findings.push(unknown_name(path.key("columns").index(i), &message, column.as_str(), column_names));
            }
        }
    }
    findings
}

/// Returns findings about names in one list of `serves` that do not exist. `kind` is the word for such a name in messages.
fn check_names<'a>(
    (field, kind): (&str, &str),
    (names, existing_names): (impl Iterator<Item = &'a str>, &BTreeSet<&str>),
    original: &ServiceName,
    path: &FieldPath,
) -> Vec<Diagnostic> {
    let unknown_names = names.enumerate().filter(|(_, name)| !existing_names.contains(name));
    let finding = |(i, name): (usize, &str)| {
        let message = format!(
            "`serves` names the {kind} `{name}`, but `{original}`, the service in `copy_of`, has none of this name"
        );
        unknown_name(path.key(field).index(i), &message, name, existing_names.iter().copied())
    };
    unknown_names.map(finding).collect()
}
