//! Permissions that follow from `api` and from the convention about tenants, and the checks of `api`.

use super::{EqualsVariable, Filter, Permission, PermissionRule, TrackedTable};
use crate::database::model::*;
use crate::database::{ACCESS_POLICY, APP_COLUMN, TENANT_COLUMN, TENANT_POLICY};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::{ApiRole, Checked};
use crate::words;

/// The session variable with the id of the tenant.
pub const TENANT_VARIABLE: &str = "X-Hasura-Tenant-Id";

/// The session variable with the id of the application.
pub const APP_VARIABLE: &str = "X-Hasura-Source-Account-Id";

/// Returns the column by which the convention limits the rows of a table, and the session variable that the column must
/// equal; `None` for a table whose rows the convention does not limit.
fn scope_column(table: &Table) -> Option<(&'static str, &'static str)> {
    match table.scope {
        Some(Scope::Tenant) => Some((TENANT_COLUMN, TENANT_VARIABLE)),
        Some(Scope::App) => Some((APP_COLUMN, APP_VARIABLE)),
        Some(Scope::Shared) | None => None,
    }
}

/// Adds the permissions of one role on one table.
pub(super) fn add_permissions(table: &Table, role: &ApiRole, api: &Api, tracked: &mut TrackedTable) {
    // Maps each column that limits the rows to the session variable that it must equal. The role cannot write these
    // columns: an insert sets them from the variables.
    let mut column_variables = api.rows.clone();
    if let Some((column, variable)) = scope_column(table) {
        column_variables.insert(SqlName::wrap(column.into()), SessionVariable::wrap(variable.into()));
    }
    let equals =
        |(column, value): (&SqlName, &SessionVariable)| (column.clone(), EqualsVariable { value: value.clone() });
    let row_filter: Filter = column_variables.iter().map(equals).collect();
    let visible_columns: Vec<SqlName> =
        if api.columns.is_empty() { table.columns.keys().cloned().collect() } else { api.columns.clone() };
    let is_writable = |column: &&SqlName| {
        let accepts_values = |column: &Column| column.generated.is_none() && column.identity != Some(Identity::Always);
        table.columns.get(*column).is_some_and(accepts_values) && !column_variables.contains_key(*column)
    };
    let insert_columns: Vec<SqlName> = visible_columns.iter().filter(is_writable).cloned().collect();
    let update_columns = insert_columns.iter().filter(|column| !table.primary_key.contains(column)).cloned().collect();
    let select_columns = visible_columns.iter().filter(|column| table.columns.contains_key(*column)).cloned().collect();
    let mut add_permission = |right: ApiRight, rule: PermissionRule| {
        if api.may.contains(&right) {
            let permission = Permission { role: role.clone(), permission: rule };
            match right {
                ApiRight::Select => tracked.select_permissions.push(permission),
                ApiRight::Insert => tracked.insert_permissions.push(permission),
                ApiRight::Update => tracked.update_permissions.push(permission),
                ApiRight::Delete => tracked.delete_permissions.push(permission),
            }
        }
    };
    let (check, filter) = (Some(row_filter.clone()), Some(row_filter));
    add_permission(
        ApiRight::Select,
        PermissionRule { columns: Some(select_columns), filter: filter.clone(), ..PermissionRule::default() },
    );
    add_permission(
        ApiRight::Insert,
        PermissionRule {
            check: check.clone(),
            set: column_variables.clone(),
            columns: Some(insert_columns),
            ..PermissionRule::default()
        },
    );
    add_permission(
        ApiRight::Update,
        PermissionRule { check, columns: Some(update_columns), filter: filter.clone(), ..PermissionRule::default() },
    );
    add_permission(ApiRight::Delete, PermissionRule { filter, ..PermissionRule::default() });
}

/// Returns the findings about `api`: entries without effect, unknown columns, and roles that would see rows that a
/// policy hides.
pub fn check(schema: &Schema, root: &FieldPath) -> Vec<Diagnostic> {
    let mut findings = super::naming::check(schema, root);
    for (name, table) in &schema.tables {
        let path = root.key("tables").key(name.as_str()).key("api");
        for (role, api) in &table.api {
            let path = path.key(role.as_str());
            if schema.served_by.is_none() {
                findings.push(
                    Diagnostic::error(Code::SchemaInvalid, path.clone())
                        .message("`api` has no effect: no service serves this database")
                        .expected("`served_by = \"hasura\"` in the definition of the database"),
                );
            }
            if role.as_str() == "admin" {
                findings.push(
                    Diagnostic::error(Code::SchemaInvalid, path.clone())
                        .message("permissions for `admin` have no effect: this role already has every permission")
                        .hint("remove `api.admin`"),
                );
            }
            if api.may.is_empty() {
                findings.push(
                    Diagnostic::error(Code::SchemaInvalid, path.clone())
                        .message(format!("`{role}` may do nothing: the list `may` is empty"))
                        .expected("one or more of 'select, 'insert, 'update and 'delete")
                        .hint(format!("set `api.{role}.may = ['select]`, or remove `api.{role}`")),
                );
            }
            findings.extend(unknown_columns((name, table), api, &path));
            findings.extend(rows_against_policies(table, role, api, &path));
        }
    }
    findings
}

/// Returns the findings about columns that the table of an `api` does not have.
fn unknown_columns((name, table): (&ObjectName, &Table), api: &Api, path: &FieldPath) -> Vec<Diagnostic> {
    let columns = api.columns.iter().map(|column| (path.key("columns"), column));
    let unknown = columns
        .chain(api.rows.keys().map(|column| (path.key("rows"), column)))
        .filter(|(_, column)| !table.columns.contains_key(*column));
    let finding_about = |(path, column): (FieldPath, &SqlName)| {
        Diagnostic::error(Code::SchemaInvalid, path)
            .message(format!("{name} has no column `{column}`"))
            .hint(words::suggestion(column.as_str(), table.columns.keys().map(SqlName::as_str)))
    };
    unknown.map(finding_about).collect()
}

/// Returns the findings about `rows` that repeat the convention for tenants, and about missing `rows` where a policy
/// limits the rows of the table.
fn rows_against_policies(table: &Table, role: &ApiRole, api: &Api, path: &FieldPath) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if let Some((column, variable)) = scope_column(table)
        && api.rows.contains_key(column)
    {
        findings.push(
            Diagnostic::error(Code::Tenancy, path.key("rows").key(column))
                .message(format!(
                    "`rows` must not limit `{column}`: the convention already compares it with {variable}"
                ))
                .hint(format!("remove `{column}` from `rows`")),
        );
    }
    // Hasura bypasses the policies and cannot evaluate their SQL, so `rows` must repeat the condition.
    let is_custom = |policy: &&SqlName| ![TENANT_POLICY, ACCESS_POLICY].contains(&policy.as_str());
    if let Some(policy) = table.policies.keys().find(is_custom)
        && api.rows.is_empty()
    {
        findings.push(
            Diagnostic::error(Code::Tenancy, path.clone())
                .message(format!(
                    "the policy `{policy}` limits the rows of the table, but the API would show all rows to `{role}`"
                ))
                .expected("`rows`, which limits the rows of the role by session variables")
                .hint(format!(
                    "set the condition, for example `api.{role}.rows = {{ owner_id = \"X-Hasura-User-Id\" }}`"
                )),
        );
    }
    findings
}
