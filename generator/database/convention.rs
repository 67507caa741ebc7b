//! Conventions for tables whose rows belong to different owners. Rows of applications have `source_account_id`; rows of
//! tenants have `tenant_id` and are protected by policies that the convention adds to every table.

use std::collections::BTreeMap;

use super::model::*;
use super::tenant_keys;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::{Checked, ServiceName};

/// Condition of the policy that separates tenants. A session without the setting `app.tenant_id` can neither read nor
/// write rows.
const TENANT_CHECK: &str = "tenant_id = (nullif(current_setting('app.tenant_id', true), ''))::uuid";

/// Returns the condition of the policy that separates tenants. It exempts the role of the Hasura service `served_by`:
/// Hasura cannot change a setting per request, and instead filters by a session variable in every permission.
fn tenant_check(served_by: Option<&ServiceName>) -> Expression {
    expression(&served_by.map_or_else(
        || TENANT_CHECK.to_owned(),
        |service| format!("{TENANT_CHECK} OR CURRENT_USER = '{}'", service.as_str().replace('-', "_")),
    ))
}

fn name(text: &str) -> SqlName {
    SqlName::wrap(text.into())
}

fn expression(text: &str) -> Expression {
    Expression::wrap(text.into())
}

/// Adds the columns, indexes and policies that the convention requires. Returns findings about definitions that
/// contradict the convention.
pub fn apply(schema: &mut Schema, root: &FieldPath) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let convention = schema.convention;
    let tenant_check = tenant_check(schema.served_by.as_ref());
    findings.extend(scope_partitions(schema, root));
    for (table_name, table) in &mut schema.tables {
        let path = root.key("tables").key(table_name.as_str());
        let mut refuse = |path: FieldPath, message: String, hint: &str| {
            findings.push(Diagnostic::error(Code::Tenancy, path).message(message).hint(hint));
        };
        match (convention, table.scope) {
            (Convention::None, None) | (_, Some(Scope::Shared)) => {
                for column in [TENANT_COLUMN, APP_COLUMN] {
                    if convention != Convention::None && table.columns.contains_key(column) {
                        refuse(
                            path.key("columns").key(column),
                            format!(
                                "{table_name} has `scope = 'shared`, but also the column `{column}`, which names the owner of a row"
                            ),
                            "set `scope` of the table to the `convention` of the database, or rename the column",
                        );
                    }
                }
            }
            (Convention::None, Some(_)) => refuse(
                path.key("scope"),
                format!("`{table_name}` has a `scope`, but the database has no `convention`"),
                "set `convention = 'app` or `convention = 'tenant` for the database, or remove `scope`",
            ),
            (_, None) => refuse(
                path,
                format!(
                    "`{table_name}` needs a `scope`: with the `convention` of the database, each table says whose rows it has"
                ),
                if convention == Convention::App {
                    "add `scope = 'app`, or `scope = 'shared` for rows that belong to everyone"
                } else {
                    "add `scope = 'tenant`, or `scope = 'shared` for rows that belong to everyone"
                },
            ),
            // A partition has the columns of its table.
            (Convention::App, Some(Scope::App)) if table.partition_of.is_some() => {}
            (Convention::App, Some(Scope::App)) => apply_app(table_name, table, &path, &mut refuse),
            (Convention::Tenant, Some(Scope::Tenant)) => {
                apply_tenant(table_name, table, &tenant_check, &path, &mut refuse)
            }
            (Convention::App, Some(Scope::Tenant)) | (Convention::Tenant, Some(Scope::App)) => refuse(
                path.key("scope"),
                format!("the `scope` of {table_name} differs from the `convention` of the database"),
                "set both to the same value; applications and tenants need separate databases",
            ),
        }
    }
    if convention == Convention::Tenant {
        findings.extend(tenant_keys::apply(schema, root));
        findings.extend(check_views(schema, root));
    }
    findings
}

/// Gives each partition the scope of its partitioned table, and refuses a different scope.
fn scope_partitions(schema: &mut Schema, root: &FieldPath) -> Vec<Diagnostic> {
    let scope_of = |name: &ObjectName| {
        let parent = |name: &&ObjectName| Some(&schema.tables.get(*name)?.partition_of.as_ref()?.table);
        // The limit ends the search if partitions refer to each other in a circle.
        let ancestors = std::iter::successors(Some(name), parent).take(schema.tables.len());
        ancestors.last().and_then(|root_table| schema.tables.get(root_table)?.scope)
    };
    let partitions = schema.tables.iter().filter(|(_, table)| table.partition_of.is_some());
    let scopes: Vec<_> = partitions.map(|(name, table)| (name.clone(), table.scope, scope_of(name))).collect();
    let mut findings = Vec::new();
    for (name, declared_scope, scope) in scopes {
        if declared_scope.is_some() && declared_scope != scope {
            let path = root.key("tables").key(name.as_str()).key("scope");
            let message = format!("the partition {name} has a different scope than its table");
            findings.push(
                Diagnostic::error(Code::Tenancy, path)
                    .message(message)
                    .hint("remove `scope`: a partition has the scope of its table"),
            );
        }
        if let Some(table) = schema.tables.get_mut(&name) {
            table.scope = scope;
        }
    }
    findings
}

/// A function that adds a finding with a path, a message and a hint.
type Refuse<'a> = dyn FnMut(FieldPath, String, &str) + 'a;

/// Adds the convention's column `key`, or refuses a declared column of this name that differs from it.
fn add_column(table: &mut Table, key: &str, required: Column, path: &FieldPath, refuse: &mut Refuse) {
    match table.columns.get(key) {
        None => {
            table.columns.insert(name(key), required);
        }
        Some(declared) => {
            let without_hints =
                Column { comment: None, renamed_from: None, backfill: None, using: None, ..declared.clone() };
            if without_hints != required {
                let default = required.default.map_or(String::new(), |default| format!(" with the default {default}"));
                refuse(
                    path.key("columns").key(key),
                    format!("`{key}` must be {}, NOT NULL{default}", required.kind),
                    "remove the column; the convention adds it",
                );
            }
        }
    }
}

/// Refuses the column `key`, which belongs to the other convention.
fn refuse_other_column(table: &Table, key: &str, path: &FieldPath, refuse: &mut Refuse) {
    if table.columns.contains_key(key) {
        refuse(
            path.key("columns").key(key),
            format!("`{key}` is a column of the other `convention`, which this database does not use"),
            "use separate databases for applications and for tenants, or rename the column",
        );
    }
}

/// Adds an index that starts with the column `key`, unless the table has such an index.
fn add_index(table_name: &ObjectName, table: &mut Table, key: &str) {
    let starts_with_column = |columns: &[SqlName]| columns.first().is_some_and(|column| column.as_str() == key);
    let has_index = starts_with_column(&table.primary_key)
        || table.uniques.values().any(|unique| starts_with_column(&unique.columns))
        || table.indexes.values().any(|index| {
            let first_column = index.columns.first().and_then(|column| column.column.as_ref());
            index.predicate.is_none()
                && index.using == Method::Btree
                && first_column.is_some_and(|name| name.as_str() == key)
        });
    if !has_index {
        // 40 bytes of the table's name leave room for `_source_account_id_idx` and a digit.
        let prefix = prefix(table_name.name(), 40);
        let column = IndexColumn { column: Some(name(key)), ..IndexColumn::default() };
        let index = Index { columns: vec![column], ..Index::default() };
        let index_name =
            tenant_keys::first_free_name(&format!("{prefix}_{key}_idx"), |name| table.indexes.contains_key(name));
        table.indexes.insert(index_name, index);
    }
}

fn not_null_column(kind: &str, default: Option<&str>) -> Column {
    Column { default: default.map(expression), ..Column::of_type(TypeName::wrap(kind.into())) }
}

/// Adds the column of the application and its index to a table.
fn apply_app(table_name: &ObjectName, table: &mut Table, path: &FieldPath, refuse: &mut Refuse) {
    refuse_other_column(table, TENANT_COLUMN, path, refuse);
    add_column(table, APP_COLUMN, not_null_column("text", Some("'primary'")), path, refuse);
    add_index(table_name, table, APP_COLUMN);
}

/// Adds the column of the tenant, its index and the policies to a table. A partition, which has the columns and indexes
/// of its table, gets only row security and the policy that separates tenants.
fn apply_tenant(table_name: &ObjectName, table: &mut Table, check: &Expression, path: &FieldPath, refuse: &mut Refuse) {
    let is_partition = table.partition_of.is_some();
    if !is_partition {
        refuse_other_column(table, APP_COLUMN, path, refuse);
        add_column(table, TENANT_COLUMN, not_null_column("uuid", None), path, refuse);
        add_index(table_name, table, TENANT_COLUMN);
    }
    for reserved in [TENANT_POLICY, ACCESS_POLICY] {
        if table.policies.contains_key(reserved) {
            refuse(
                path.key("policies").key(reserved),
                format!("the policy `{reserved}` cannot be declared, because the convention adds it"),
                "choose a different name; restrictive policies of your own can limit access further",
            );
        }
    }
    for (role, privileges) in &table.grants {
        // Policies do not apply to TRUNCATE and TRIGGER.
        let unprotected = [TablePrivilege::Truncate, TablePrivilege::Trigger];
        for privilege in unprotected.iter().filter(|privilege| privileges.contains(privilege)) {
            let sql = privilege.sql();
            let misuse = if *privilege == TablePrivilege::Truncate { "delete" } else { "change" };
            refuse(
                path.key("grants").key(role.as_str()),
                format!(
                    "row security does not apply to {sql}, so the role `{role}` could {misuse} the rows of all tenants"
                ),
                "remove this privilege from the grant; the owner of the table has it without a grant",
            );
        }
    }
    table.row_security = RowSecurity::Forced;
    // PostgreSQL shows no rows of a table that has only restrictive policies, so such a table gets a permissive policy.
    // Queries read a partition through its partitioned table, which has a permissive policy.
    if !is_partition && !table.policies.values().any(|policy| !policy.restrictive) {
        let allow_all =
            Policy { using: Some(expression("true")), check: Some(expression("true")), ..Policy::default() };
        table.policies.insert(name(ACCESS_POLICY), allow_all);
    }
    table.policies.insert(
        name(TENANT_POLICY),
        Policy { restrictive: true, using: Some(check.clone()), check: Some(check.clone()), ..Policy::default() },
    );
}

/// Reports views that bypass the policies: a materialised view holds rows of all tenants, and a view with its owner's
/// rights reads all of them.
fn check_views(schema: &Schema, root: &FieldPath) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let tenant_tables = schema.tables.iter().filter(|(_, table)| table.scope == Some(Scope::Tenant));
    let tenant_tables: BTreeMap<&str, &ObjectName> = tenant_tables.map(|(name, _)| (name.name(), name)).collect();
    for (view_name, view) in &schema.views {
        let table =
            super::identifiers::mentioned_names(view.query.as_str()).find_map(|word| tenant_tables.get(word.as_ref()));
        let Some(table) = table else { continue };
        let path = root.key("views").key(view_name.as_str());
        if view.materialized {
            findings.push(
                Diagnostic::error(Code::Tenancy, path.key("materialized"))
                    .message(format!(
                        "the materialised view `{view_name}` would store the rows of `{table}` of all tenants, without row-level security"
                    ))
                    .hint("remove `materialized`, or declare a table with `scope = 'tenant` instead"),
            );
        } else if !view.security_invoker {
            findings.push(
                Diagnostic::error(Code::Tenancy, path.key("security_invoker"))
                    .message(format!(
                        "{view_name} bypasses row security: it reads {table} with the rights of the view's owner"
                    ))
                    .hint("remove `security_invoker = false`"),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_indexes_and_keys_leave_declared_ones_with_their_names() {
        let declared = r#"{"convention": "tenant", "tables": {
            "orders": {"scope": "tenant", "columns": {"id": {"type": "integer"}, "state": {"type": "text"}}, "primary_key": ["id"],
                "indexes": {"orders_tenant_id_idx": {"columns": [{"column": "state"}]}},
                "uniques": {"orders_tenant_id_id_key": {"columns": ["state"]}}},
            "lines": {"scope": "tenant", "columns": {"order_id": {"type": "integer"}},
                "foreign_keys": {"f": {"columns": ["order_id"], "references": {"table": "orders", "columns": ["id"]}}}}}}"#;
        let mut schema: Schema = serde_json::from_str(declared).unwrap();
        assert_eq!(apply(&mut schema, &FieldPath::root()), []);
        let orders = &schema.tables["orders"];
        let names = |names: Vec<&SqlName>| names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(orders.indexes.keys().collect()), ["orders_tenant_id_idx", "orders_tenant_id_idx1"]);
        assert_eq!(names(orders.uniques.keys().collect()), ["orders_tenant_id_id_key", "orders_tenant_id_id_key1"]);
    }
}
