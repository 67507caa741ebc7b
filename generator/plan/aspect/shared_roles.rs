//! Roles that cannot log in: those that `database_server.roles` declares, and those that only migrations name.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::{Roles, Server, is_reserved_role, migrations_role};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::model::Migrations;
use crate::stack::Stack;
use crate::values::{ServiceName, SqlIdent};
use crate::words::nearest;

/// Refuses names that a different role has, and members that have no role.
pub fn check(stack: &Stack, server: &Server) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let migration_roles: BTreeSet<SqlIdent> = stack.databases.keys().map(migrations_role).collect();
    let admin = stack.database_server.external.as_ref().map(|external| &external.admin);
    for (name, role) in &stack.database_server.roles {
        let path = path!("database_server", "roles", name);
        let service = server.roles.iter().find(|(_, login)| login.name == *name).map(|(service, _)| service);
        let owner = match service {
            Some(service) => Some(format!("the service `{service}` logs in with this role")),
            None if migration_roles.contains(name) => Some("the migrations log in with this role".to_owned()),
            None if admin == Some(name) => Some("the administrator of the external server has this role".to_owned()),
            None if is_reserved_role(name) => Some("PostgreSQL reserves this name".to_owned()),
            None => None,
        };
        if let Some(reason) = owner {
            findings.push(
                Diagnostic::error(Code::DatabaseTaken, path.clone())
                    .message(format!("the role `{name}` cannot be declared without a login: {reason}"))
                    .hint("remove it from `database_server.roles`, or give it a different name"),
            );
        }
        // A service that only other environments have has its role there.
        let uses_database =
            |name: &ServiceName| stack.services.get(name).is_some_and(|service| !service.databases.is_empty());
        let unknown_members =
            role.members.iter().filter(|service| !server.roles.contains_key(*service) && !uses_database(service));
        for member in unknown_members {
            let near = nearest(member.as_str(), server.roles.keys().map(ServiceName::as_str));
            let hint = near.map_or_else(
                || format!("use a database in the service, such as `services.{member}.databases.main = {{}}`, or remove the member"),
                |near| format!("did you mean `{near}`?"),
            );
            findings.push(
                Diagnostic::error(Code::UnknownRole, path.key("members"))
                    .message(format!("the service `{member}` has no role, since it uses no database"))
                    .expected("names of services that use a database")
                    .hint(hint),
            );
        }
    }
    findings
}

/// Returns the roles that migrations name and that the stack no longer has. An old migration can grant rights to a role
/// whose service was removed later, and a new server applies this migration, too.
pub fn former_roles(stack: &Stack, roles: &Roles, migrations: &BTreeMap<SqlIdent, Migrations>) -> BTreeSet<SqlIdent> {
    let admin = stack.database_server.external.as_ref().map(|external| &external.admin);
    let is_current = |role: &SqlIdent| {
        roles.values().any(|current| current.name == *role)
            || migrations.keys().any(|database| migrations_role(database) == *role)
            || stack.database_server.roles.contains_key(role)
            || admin == Some(role)
            || is_reserved_role(role)
    };
    let named_roles = migrations.values().flat_map(|migrations| &migrations.roles);
    named_roles.filter(|role| !is_current(role)).cloned().collect()
}
