//! Default privileges on the tables of a schema. The server gives them to tables that come later; a definition says
//! them of all tables, so those that were there before must have them too.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::Reader;
use super::access::{change, privileges, roles};
use super::service_rights::ServiceRights;
use super::tree::{Parts, Placed, Take, Unsupported, ident, loss, start};
use crate::database::model::*;
use crate::values::SqlIdent;

/// What is given to a role by default, and the tables and views that were there before.
pub struct Given {
    at: usize,
    schema: SqlIdent,
    role: SqlIdent,
    before: Vec<ObjectName>,
}

impl Reader {
    pub(super) fn default_privileges(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        self.subject = "default privileges".into();
        let mut parts = Parts::of(node);
        let mut of_a_role = false;
        if let Some(found) = parts.node(FOR_ROLES) {
            of_a_role = true;
            let mut of = Parts::of(&found);
            for role in roles(&of.must(ROLE_REF_LIST)?)? {
                self.owners.entry(role.to_string()).or_insert_with(|| start(&found));
            }
            of.end("FOR ROLE USER")?;
        }
        let Some(found) = parts.node(IN_SCHEMAS) else {
            if of_a_role && self.settle(node, &mut parts)? {
                return Ok(());
            }
            return loss(node, "those of no single schema have no place in the model");
        };
        let mut inside = Parts::of(&found);
        let schemas = inside.nodes(SCHEMA_REF).iter().map(ident).collect::<Take<Vec<_>>>()?;
        inside.end("IN SCHEMA ,")?;
        let Some(found) = parts.node(GRANT_DEFAULT_PRIVILEGES) else {
            return loss(node, "what is taken away by default has no place in the model");
        };
        let mut grant = Parts::of(&found);
        let privileges = privileges(&mut grant)?;
        if grant.node(PRIVILEGE_TARGET_TABLES).is_none() {
            return loss(&found, "only those on tables have a place in the model");
        }
        let roles = roles(&grant.must(ROLE_REF_LIST)?)?;
        grant.end("GRANT ON TO")?;
        parts.end("ALTER DEFAULT PRIVILEGES ;")?;
        if privileges.is_none() {
            let what =
                "default privileges: ALL is what a table has up to PostgreSQL 16; MAINTAIN of later ones is left out";
            self.notes.push(Unsupported { at: start(node), what: what.into() });
        }
        for schema in schemas {
            let known = self.schema.tables.keys().chain(self.schema.views.keys());
            let before: Vec<_> = known.filter(|name| name.schema() == schema.as_str()).cloned().collect();
            for role in &roles {
                let given = &mut self.schema.schemas.entry(schema.clone()).or_default().default_privileges;
                change(given, role, privileges.as_ref(), true).at(node)?;
                let (schema, role, before) = (schema.clone(), role.clone(), before.clone());
                self.given.push(Given { at: start(node), schema, role, before });
            }
        }
        Ok(())
    }

    /// Takes what the server's first start gives to a service; false for anything else.
    fn settle(&mut self, node: &SyntaxNode, parts: &mut Parts) -> Take<bool> {
        let Some(found) = parts.node(SyntaxKind::GRANT_DEFAULT_PRIVILEGES) else { return Ok(false) };
        let mut grant = Parts::of(&found);
        let privileges = privileges(&mut grant)?;
        let Some(target) = ServiceRights::target(&found, privileges.as_ref()) else { return Ok(false) };
        let roles = roles(&grant.must(SyntaxKind::ROLE_REF_LIST)?)?;
        for role in roles {
            let what = format!(
                "the rights of `{role}` on all {} are left out: they follow from the access of its service",
                target.word()
            );
            self.notes.push(Unsupported { at: start(node), what });
            self.service_rights.insert(target, role);
        }
        Ok(true)
    }

    /// After all grants. What an owner gives to itself says nothing.
    pub(super) fn weigh_defaults(&mut self, owner: Option<&str>) {
        for Given { at, schema, role, before } in std::mem::take(&mut self.given) {
            let Some(namespace) = self.schema.schemas.get_mut(&schema) else { continue };
            if Some(role.as_str()) == owner {
                namespace.default_privileges.remove(&role);
                continue;
            }
            let Some(wanted) = namespace.default_privileges.get(&role) else { continue };
            for name in before {
                let table = self.schema.tables.get(&name).map(|table| &table.grants);
                let grants = table.or_else(|| self.schema.views.get(&name).map(|view| &view.grants));
                // A partition is no table by then.
                if grants.is_some_and(|grants| !grants.get(&role).is_some_and(|held| wanted.is_subset(held))) {
                    let what = format!("default privileges: `{role}` does not have those of {schema} on {name}");
                    self.losses.push(Unsupported { at, what });
                }
            }
        }
    }
}
