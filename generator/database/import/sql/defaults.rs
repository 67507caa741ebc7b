//! Default privileges on the tables of a schema. The server gives them to tables created later; a definition gives
//! them to all tables, so the import requires that earlier tables have them, too.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::access::{change, privileges, roles};
use super::reader::{DefaultPrivilege, Reader};
use super::service_rights::ServiceRights;
use super::tree::{AtNode, Parsed, Parts, Unsupported, ident, start, unsupported};

impl Reader {
    pub(super) fn default_privileges(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        self.subject = "default privileges".into();
        let mut parts = Parts::of(node);
        let mut of_a_role = false;
        if let Some(clause) = parts.take_node(FOR_ROLES) {
            of_a_role = true;
            let mut owners = Parts::of(&clause);
            for role in roles(&owners.require(ROLE_REF_LIST)?)? {
                self.owners.entry(role.to_string()).or_insert_with(|| start(&clause));
            }
            owners.expect_end("FOR ROLE USER")?;
        }
        let Some(in_schemas) = parts.take_node(IN_SCHEMAS) else {
            if of_a_role && self.take_service_rights(node, &mut parts)? {
                return Ok(());
            }
            return unsupported(node, "nself cannot represent default privileges outside of a single schema");
        };
        let mut inside = Parts::of(&in_schemas);
        let schemas = inside.take_all(SCHEMA_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
        inside.expect_end("IN SCHEMA ,")?;
        let Some(clause) = parts.take_node(GRANT_DEFAULT_PRIVILEGES) else {
            return unsupported(node, "nself cannot represent revoked default privileges");
        };
        let mut grant = Parts::of(&clause);
        let privileges = privileges(&mut grant)?.whole;
        if grant.take_node(PRIVILEGE_TARGET_TABLES).is_none() {
            return unsupported(&clause, "nself can represent default privileges on tables only");
        }
        let roles = roles(&grant.require(ROLE_REF_LIST)?)?;
        grant.expect_end("GRANT ON TO")?;
        parts.expect_end("ALTER DEFAULT PRIVILEGES ;")?;
        if privileges.is_none() {
            let what = "default privileges: ALL is read as the privileges of PostgreSQL 16, without MAINTAIN of later versions";
            self.notes.push(Unsupported { at: start(node), what: what.into() });
        }
        for schema in schemas {
            let relations = self.schema.tables.keys().chain(self.schema.views.keys());
            let before: Vec<_> = relations.filter(|name| name.schema() == schema.as_str()).cloned().collect();
            for role in &roles {
                let grants = &mut self.schema.schemas.entry(schema.clone()).or_default().default_privileges;
                change(grants, role, privileges.as_ref(), true).at(node)?;
                let (schema, role, before) = (schema.clone(), role.clone(), before.clone());
                self.default_privileges.push(DefaultPrivilege { at: start(node), schema, role, before });
            }
        }
        Ok(())
    }

    /// Records default privileges that the setup job gives to a service; returns false for any
    /// others.
    fn take_service_rights(&mut self, node: &SyntaxNode, parts: &mut Parts) -> Parsed<bool> {
        let Some(clause) = parts.take_node(SyntaxKind::GRANT_DEFAULT_PRIVILEGES) else { return Ok(false) };
        let mut grant = Parts::of(&clause);
        let privileges = privileges(&mut grant)?.whole;
        let Some(target) = ServiceRights::target(&clause, privileges.as_ref()) else { return Ok(false) };
        let roles = roles(&grant.require(SyntaxKind::ROLE_REF_LIST)?)?;
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

    /// Compares default privileges with the grants on earlier tables. Grants to the owner are ignored.
    pub(super) fn resolve_default_privileges(&mut self, owner: Option<&str>) {
        for DefaultPrivilege { at, schema, role, before } in std::mem::take(&mut self.default_privileges) {
            let Some(namespace) = self.schema.schemas.get_mut(&schema) else { continue };
            if Some(role.as_str()) == owner {
                namespace.default_privileges.remove(&role);
                continue;
            }
            let Some(wanted) = namespace.default_privileges.get(&role) else { continue };
            for name in before {
                let table = self.schema.tables.get(&name).map(|table| &table.grants);
                let grants = table.or_else(|| self.schema.views.get(&name).map(|view| &view.grants));
                // A partition is not a table of the schema at this point.
                if grants.is_some_and(|grants| !grants.get(&role).is_some_and(|held| wanted.is_subset(held))) {
                    let what = format!("`{role}` lacks the default privileges of the schema {schema} on {name}");
                    self.problems.push(Unsupported { at, what });
                }
            }
        }
    }
}
