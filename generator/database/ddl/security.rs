//! SQL of policies and row-level security.

use super::comment;
use crate::database::model::*;
use crate::values::SqlIdent;

/// Returns `CREATE POLICY`.
pub fn create_policy(table: &ObjectName, name: &SqlName, policy: &Policy) -> String {
    let kind = if policy.restrictive { "RESTRICTIVE" } else { "PERMISSIVE" };
    let roles: Vec<String> = policy.roles.iter().map(role).collect();
    let roles = if roles.is_empty() { "PUBLIC".into() } else { roles.join(", ") };
    let mut sql =
        format!("CREATE POLICY {} ON {} AS {kind} FOR {} TO {roles}", quoted(name), table.sql(), policy.command.sql());
    if let Some(using) = &policy.using {
        sql += &format!(" USING ({using})");
    }
    if let Some(check) = &policy.check {
        sql += &format!(" WITH CHECK ({check})");
    }
    sql.push(';');
    if policy.comment.is_some() {
        sql += &format!("\n{}", policy_comment(table, name, policy));
    }
    sql
}

/// Returns the statement that sets the comment of a policy.
pub fn policy_comment(table: &ObjectName, name: &SqlName, policy: &Policy) -> String {
    comment("POLICY", &format!("{} ON {}", quoted(name), table.sql()), policy.comment.as_ref())
}

/// Returns the statements that change row security of a table. `table` is its name in SQL.
pub fn row_security(table: &str, from: RowSecurity, to: RowSecurity) -> Vec<String> {
    let mut sql = Vec::new();
    if from.is_on() != to.is_on() {
        let action = if to.is_on() { "ENABLE" } else { "DISABLE" };
        sql.push(format!("ALTER TABLE {table} {action} ROW LEVEL SECURITY;"));
    }
    if from.is_forced() != to.is_forced() {
        let action = if to.is_forced() { "FORCE" } else { "NO FORCE" };
        sql.push(format!("ALTER TABLE {table} {action} ROW LEVEL SECURITY;"));
    }
    sql
}

/// Returns a role in SQL. The role `public`, which means all roles, is not quoted.
pub fn role(name: &SqlIdent) -> String {
    if name.as_str() == PUBLIC_ROLE { "PUBLIC".into() } else { quoted(name) }
}
