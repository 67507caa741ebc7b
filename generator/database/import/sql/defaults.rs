//! Default privileges. The server grants them on objects that are created later. A definition grants them on all objects,
//! so the import leaves out a default privilege if an object lacks it.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::access::{change_privileges, roles, take_privileges};
use super::reader::{Grant, GrantObject, Reader};
use super::service_rights::ServiceRights;
use super::tree::{AtNode, Parsed, Parts, Unsupported, ident, start_offset, unsupported};
use super::unmet_defaults;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// Takes the words after ON in ALTER DEFAULT PRIVILEGES, such as TABLES; returns the kind of their node.
fn take_target(parts: &mut Parts) -> Option<SyntaxKind> {
    use SyntaxKind::*;
    let kinds = [
        PRIVILEGE_TARGET_TABLES,
        PRIVILEGE_TARGET_SEQUENCES,
        PRIVILEGE_TARGET_FUNCTIONS,
        PRIVILEGE_TARGET_ROUTINES,
        PRIVILEGE_TARGET_TYPES,
        PRIVILEGE_TARGET_SCHEMAS,
    ];
    kinds.into_iter().find(|kind| parts.take_node(*kind).is_some())
}

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
        // `None` is the whole database.
        let mut schemas = vec![None];
        if let Some(clause) = parts.take_node(IN_SCHEMAS) {
            let mut clause = Parts::of(&clause);
            schemas = clause.take_all(SCHEMA_REF).iter().map(|name| ident(name).map(Some)).collect::<Parsed<_>>()?;
            clause.refuse_rest_except("IN SCHEMA ,")?;
        } else if names_owner && self.take_service_rights(node, &mut parts)? {
            return Ok(());
        }
        let (is_grant, clause) = match parts.take_node(GRANT_DEFAULT_PRIVILEGES) {
            Some(clause) => (true, clause),
            None => (false, parts.require(REVOKE_DEFAULT_PRIVILEGES)?),
        };
        parts.refuse_rest_except("ALTER DEFAULT PRIVILEGES ;")?;
        let mut grant = Parts::of(&clause);
        let privileges = take_privileges(&mut grant)?.on_objects;
        let Some(target) = take_target(&mut grant) else {
            return unsupported(&clause, "nself cannot represent default privileges on such objects");
        };
        let roles = roles(&grant.require(ROLE_REF_LIST)?)?;
        grant.refuse_rest_except(if is_grant { "GRANT ON TO" } else { "REVOKE ON FROM" })?;
        // Without a list, the statement says ALL.
        if privileges.is_none() && is_grant && target == PRIVILEGE_TARGET_TABLES {
            let what = "default privileges: ALL is read as the privileges of PostgreSQL 16, without MAINTAIN of later versions";
            self.note_once(node, what.into());
        }
        for schema in &schemas {
            for role in &roles {
                let defaults = match schema {
                    Some(schema) => &mut self.schema.schemas.entry(schema.clone()).or_default().default_privileges,
                    None => &mut self.schema.default_privileges,
                };
                change_defaults(defaults, schema.is_none(), target, role, (privileges.as_ref(), is_grant)).at(node)?;
            }
        }
        self.default_privileges_at = Some(start_offset(node));
        Ok(())
    }

    /// Records default privileges that the setup job grants to a service, with a note. Returns false for any other
    /// default privileges.
    fn take_service_rights(&mut self, node: &SyntaxNode, parts: &mut Parts) -> Parsed<bool> {
        let clause = parts.syntax_node().children().find(|part| part.kind() == SyntaxKind::GRANT_DEFAULT_PRIVILEGES);
        let Some(clause) = clause else { return Ok(false) };
        let mut grant = Parts::of(&clause);
        let privileges = take_privileges(&mut grant)?.on_objects;
        let Some(target) = ServiceRights::exact_target(&clause, privileges.as_ref()) else { return Ok(false) };
        let roles = roles(&grant.require(SyntaxKind::ROLE_REF_LIST)?)?;
        for role in roles {
            let what = format!(
                "the rights of `{role}` on all {} are left out: they follow from the access of its service",
                target.plural()
            );
            if self.service_rights.insert(target, role) {
                self.notes.push(Unsupported { at: start_offset(node), what });
            }
        }
        Ok(true)
    }

    /// Records the grants that the server makes when it creates an object in a schema.
    pub(super) fn grant_defaults(&mut self, object: &GrantObject, schema: &str, node: &SyntaxNode) {
        let namespace = self.schema.schemas.iter().find(|(name, _)| name.as_str() == schema);
        let schema_defaults = namespace.map(|(_, namespace)| namespace.default_privileges.clone()).unwrap_or_default();
        let database_defaults = self.schema.default_privileges.clone();
        let is_sequence = |name: &ObjectName| self.schema.sequences.contains_key(name);
        let privileges_on_object = |defaults: &DefaultPrivileges| match object {
            GrantObject::Relation(name) if is_sequence(name) => words(&defaults.sequences),
            GrantObject::Sequence(_) => words(&defaults.sequences),
            GrantObject::Relation(_) => words(&defaults.tables),
            GrantObject::Function(_) => words(&defaults.functions),
            GrantObject::Type(_) => words(&defaults.types),
            GrantObject::Schema(_) => words(&defaults.schemas),
            GrantObject::Column(..) => Vec::new(),
        };
        let is_private = match object {
            GrantObject::Function(_) => database_defaults.private_functions,
            GrantObject::Type(_) => database_defaults.private_types,
            _ => false,
        };
        let public = || (SqlIdent::wrap(PUBLIC_ROLE.into()), None);
        let revoke_from_public = is_private.then(public).into_iter().map(|change| (false, change));
        let default_grants = privileges_on_object(&database_defaults)
            .into_iter()
            .chain(privileges_on_object(&schema_defaults))
            .map(|change| (true, change));
        let changes: Vec<_> = revoke_from_public.chain(default_grants).collect();
        for (is_grant, (role, privileges)) in changes {
            let (at, object, roles) = (start_offset(node), object.clone(), vec![role]);
            self.grants.push(Grant { at, is_grant, with_grant_option: false, object, privileges, roles });
        }
    }

    /// Adapts default privileges and grants to the meaning of a definition, in which default privileges apply to all
    /// objects. Default privileges of the owner are removed.
    pub(super) fn resolve_default_privileges(&mut self, owner: Option<&str>) {
        let Some(at) = self.default_privileges_at else { return };
        let namespaces = self.schema.schemas.values_mut().map(|namespace| &mut namespace.default_privileges);
        for defaults in namespaces.chain([&mut self.schema.default_privileges]) {
            remove_role(&mut defaults.tables, owner);
            remove_role(&mut defaults.sequences, owner);
            remove_role(&mut defaults.functions, owner);
            remove_role(&mut defaults.types, owner);
            remove_role(&mut defaults.schemas, owner);
        }
        let defaults = self.schema.default_privileges.clone();
        let public = || SqlIdent::wrap(PUBLIC_ROLE.into());
        // Functions and types that everyone may use need a grant if the default is private.
        if defaults.private_functions {
            let open_functions =
                self.schema.functions.values_mut().filter(|function| function.is_callable_by_everyone());
            open_functions
                .for_each(|function| drop(function.grants.insert(public(), [FunctionPrivilege::Execute].into())));
        }
        if defaults.private_types {
            let open_types = self.schema.types.values_mut().filter(|kind| !kind.is_private());
            open_types.for_each(|kind| drop(kind.rights_mut().0.insert(public(), [TypePrivilege::Usage].into())));
        }
        // In a definition, an object that lacks a default privilege would get it.
        for what in unmet_defaults::leave_out(&mut self.schema) {
            self.notes.push(Unsupported { at, what });
        }
    }
}

/// A role, and the words of its privileges; `None` for all.
type WordsOfRole = (SqlIdent, Option<BTreeSet<String>>);

/// Returns the privileges of roles as the words of a GRANT.
fn words<P: Privilege>(grants: &Grants<P>) -> Vec<WordsOfRole> {
    let names =
        |privileges: &BTreeSet<P>| privileges.iter().map(|privilege| privilege.sql().to_ascii_lowercase()).collect();
    grants.iter().map(|(role, privileges)| (role.clone(), Some(names(privileges)))).collect()
}

fn remove_role<P>(grants: &mut Grants<P>, role: Option<&str>) {
    grants.retain(|name, _| Some(name.as_str()) != role);
}

/// Changes default privileges as GRANT and REVOKE do. `is_global` is true for those of the whole database, in which two
/// flags hold whether PUBLIC lost its rights on functions and types.
fn change_defaults(
    defaults: &mut DefaultPrivileges,
    is_global: bool,
    target: SyntaxKind,
    role: &SqlIdent,
    (privileges, is_grant): (Option<&BTreeSet<String>>, bool),
) -> Result<(), String> {
    use SyntaxKind::*;
    let is_public = role.as_str() == PUBLIC_ROLE;
    match target {
        PRIVILEGE_TARGET_TABLES => change_privileges(&mut defaults.tables, role, privileges, is_grant),
        PRIVILEGE_TARGET_SEQUENCES => change_privileges(&mut defaults.sequences, role, privileges, is_grant),
        PRIVILEGE_TARGET_SCHEMAS => change_privileges(&mut defaults.schemas, role, privileges, is_grant),
        PRIVILEGE_TARGET_TYPES if is_global && is_public => {
            defaults.private_types = !is_grant;
            Ok(())
        }
        PRIVILEGE_TARGET_TYPES => change_privileges(&mut defaults.types, role, privileges, is_grant),
        _ if is_global && is_public => {
            defaults.private_functions = !is_grant;
            Ok(())
        }
        _ => change_privileges(&mut defaults.functions, role, privileges, is_grant),
    }
}
