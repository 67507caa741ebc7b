//! Checks the roles of actions and of remote schemas.

use std::collections::BTreeSet;

use super::handlers::CallReader;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::Handlers;
use crate::values::ApiRole;
use crate::words;

/// Roles that auth and Hasura use by default.
const DEFAULT_ROLES: [&str; 4] = ["anonymous", "me", "public", "user"];

impl CallReader<'_> {
    /// Returns an error for each use of `admin`, which has all rights already, and a warning for each role that no table
    /// names and that is similar to one that a table names.
    pub fn check_roles(&self, handlers: &Handlers) -> Vec<Diagnostic> {
        let tables = self.served_databases.values().flat_map(|schema| schema.tables.values());
        let declared_roles = tables.flat_map(|table| table.api.keys()).map(ApiRole::as_str);
        let known_roles: BTreeSet<&str> = declared_roles.chain(DEFAULT_ROLES).collect();
        let in_actions = handlers.actions.iter().flat_map(|(name, action)| {
            let path = self.path.key("actions").key(name.as_str()).key("roles");
            action.roles.iter().enumerate().map(move |(i, role)| (role, path.index(i)))
        });
        let permissions = self.path.key("remote_schema").key("permissions");
        let in_permissions = handlers.remote_schema.iter().flat_map(|remote| remote.permissions.keys());
        let in_permissions = in_permissions.map(|role| (role, permissions.key(role.as_str())));
        in_actions.chain(in_permissions).filter_map(|(role, path)| check_role(role, path, &known_roles)).collect()
    }
}

fn check_role(role: &ApiRole, path: FieldPath, known_roles: &BTreeSet<&str>) -> Option<Diagnostic> {
    if role.as_str() == "admin" {
        return Some(
            Diagnostic::error(Code::ApiMismatch, path)
                .message("permissions for `admin` have no effect: this role already has every permission")
                .hint("remove `admin`"),
        );
    }
    let suggestion = words::suggestion(role.as_str(), known_roles.iter().copied());
    (!known_roles.contains(role.as_str()) && !suggestion.is_empty()).then(|| {
        Diagnostic::warning(Code::ApiMismatch, path)
            .message(format!(
                "no table of the API has permissions for the role `{role}`, whose name is similar to a known role"
            ))
            .hint(suggestion)
    })
}
