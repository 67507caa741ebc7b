//! Roles that the file grants rights to. A definition does not create roles, so each is mentioned in a note.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{Unsupported, role, start_offset};
use crate::database::model::PUBLIC_ROLE;
use crate::database::named_roles;
use crate::diagnostic::FieldPath;

impl Reader {
    /// Records the first statement that names each role of a grant or policy.
    pub(super) fn record_places_of_roles(&mut self, node: &SyntaxNode) {
        use SyntaxKind::*;
        if !matches!(node.kind(), GRANT | REVOKE | CREATE_POLICY | ALTER_POLICY | ALTER_DEFAULT_PRIVILEGES) {
            return;
        }
        for reference in node.descendants().filter(|part| part.kind() == ROLE_REF) {
            if let Ok(role) = role(&reference) {
                self.role_places.entry(role).or_insert_with(|| start_offset(node));
            }
        }
    }

    /// Adds a note about each role that the definition names. Runs after grants are resolved, since the rights of the owner
    /// and of services are left out.
    pub(super) fn note_roles(&mut self) {
        let mut roles: Vec<_> =
            named_roles(&self.schema, &FieldPath::root()).into_iter().map(|(_, role)| role).collect();
        roles.sort();
        roles.dedup();
        for role in roles.into_iter().filter(|role| role.as_str() != PUBLIC_ROLE) {
            let what = format!(
                "the definition names the role `{role}`, which the stack must have: a service that uses the database has a role \
                 with its name, and `database_server.roles.{role} = {{}}` declares a role without a login"
            );
            self.notes.push(Unsupported { at: self.role_places.get(role).copied().unwrap_or_default(), what });
        }
    }
}
