//! Default privileges on the tables of a schema. The server grants them on tables that are created later. A definition of
//! nself grants them on all tables, so the import requires that the tables before the statement have these privileges
//! too.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::access::{change_privileges, roles, take_privileges};
use super::reader::{DefaultPrivilege, Reader};
use super::service_rights::ServiceRights;
use super::tree::{AtNode, Parsed, Parts, Unsupported, ident, start_offset, unsupported};

impl Reader {
    /// Reads ALTER DEFAULT PRIVILEGES.
    pub(super) fn default_privileges(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        self.object_in_messages = "default privileges".into();
        let mut parts = Parts::of(node);
        let mut names_owner = false;
        if let Some(clause) = parts.take_node(FOR_ROLES) {
            names_owner = true;
            let mut owners = Parts::of(&clause);
            for role in roles(&owners.require(ROLE_REF_LIST)?)? {
                self.owners.entry(role.to_string()).or_insert_with(|| start_offset(&clause));
            }
            owners.refuse_rest_except("FOR ROLE USER")?;
        }
        let Some(in_schemas) = parts.take_node(IN_SCHEMAS) else {
            if names_owner && self.take_service_rights(node, &mut parts)? {
                return Ok(());
            }
            return unsupported(node, "nself can represent default privileges in named schemas only; add IN SCHEMA");
        };
        let mut schema_parts = Parts::of(&in_schemas);
        let schemas = schema_parts.take_all(SCHEMA_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
        schema_parts.refuse_rest_except("IN SCHEMA ,")?;
        let Some(clause) = parts.take_node(GRANT_DEFAULT_PRIVILEGES) else {
            return unsupported(node, "nself can represent GRANT of default privileges only, not REVOKE");
        };
        let mut grant = Parts::of(&clause);
        let privileges = take_privileges(&mut grant)?.on_objects;
        if grant.take_node(PRIVILEGE_TARGET_TABLES).is_none() {
            return unsupported(&clause, "nself can represent default privileges on tables only");
        }
        let roles = roles(&grant.require(ROLE_REF_LIST)?)?;
        grant.refuse_rest_except("GRANT ON TO")?;
        parts.refuse_rest_except("ALTER DEFAULT PRIVILEGES ;")?;
        // Without a list, the statement says ALL.
        if privileges.is_none() {
            let what = "default privileges: ALL is read as the privileges of PostgreSQL 16, without MAINTAIN of later versions";
            self.notes.push(Unsupported { at: start_offset(node), what: what.into() });
        }
        for schema in schemas {
            let relations = self.schema.tables.keys().chain(self.schema.views.keys());
            let earlier_relations: Vec<_> =
                relations.filter(|name| name.schema() == schema.as_str()).cloned().collect();
            for role in &roles {
                let grants = &mut self.schema.schemas.entry(schema.clone()).or_default().default_privileges;
                change_privileges(grants, role, privileges.as_ref(), true).at(node)?;
                let (schema, role, earlier_relations) = (schema.clone(), role.clone(), earlier_relations.clone());
                self.default_privileges.push(DefaultPrivilege {
                    at: start_offset(node),
                    schema,
                    role,
                    earlier_relations,
                });
            }
        }
        Ok(())
    }

    /// Records default privileges that the setup job grants to a service, with a note. Returns false for any other
    /// default privileges.
    fn take_service_rights(&mut self, node: &SyntaxNode, parts: &mut Parts) -> Parsed<bool> {
        let Some(clause) = parts.take_node(SyntaxKind::GRANT_DEFAULT_PRIVILEGES) else { return Ok(false) };
        let mut grant = Parts::of(&clause);
        let privileges = take_privileges(&mut grant)?.on_objects;
        let Some(target) = ServiceRights::exact_target(&clause, privileges.as_ref()) else { return Ok(false) };
        let roles = roles(&grant.require(SyntaxKind::ROLE_REF_LIST)?)?;
        for role in roles {
            let what = format!(
                "the rights of `{role}` on all {} are left out: they follow from the access of its service",
                target.plural()
            );
            self.notes.push(Unsupported { at: start_offset(node), what });
            self.service_rights.insert(target, role);
        }
        Ok(true)
    }

    /// Compares default privileges with the grants on earlier tables. Grants to the owner are ignored.
    pub(super) fn resolve_default_privileges(&mut self, owner: Option<&str>) {
        for DefaultPrivilege { at, schema, role, earlier_relations } in std::mem::take(&mut self.default_privileges) {
            let Some(namespace) = self.schema.schemas.get_mut(&schema) else { continue };
            if Some(role.as_str()) == owner {
                namespace.default_privileges.remove(&role);
                continue;
            }
            let Some(default_privileges) = namespace.default_privileges.get(&role) else { continue };
            for name in earlier_relations {
                let table = self.schema.tables.get(&name).map(|table| &table.grants);
                let grants = table.or_else(|| self.schema.views.get(&name).map(|view| &view.grants));
                let Some(grants) = grants else { continue };
                let has_all = grants.get(&role).is_some_and(|granted| default_privileges.is_subset(granted));
                if !has_all {
                    let what = format!("`{role}` lacks the default privileges of the schema {schema} on {name}");
                    self.problems.push(Unsupported { at, what });
                }
            }
        }
    }
}
