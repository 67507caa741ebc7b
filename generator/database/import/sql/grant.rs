//! GRANT and REVOKE.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::access::{PrivilegeList, roles, take_privileges};
use super::reader::{Grant, GrantObject, Reader};
use super::tree::{
    Parsed, Parts, Unsupported, ident, leading_keywords, object_name, start_offset, summary, unsupported,
};
use crate::database::model::*;

impl Reader {
    /// Reads GRANT or REVOKE.
    pub(super) fn grant(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let is_grant = node.kind() == GRANT;
        let mut parts = Parts::of(node);
        let Some(on) = parts.take_node(ON_PRIVILEGE_OBJECTS_CLAUSE) else {
            self.note_once(node, "membership in roles is left out: roles are part of the stack".into());
            return Ok(());
        };
        self.object_in_messages = format!("{} {}", if is_grant { "GRANT" } else { "REVOKE" }, summary(&on));
        if Parts::of(&on).take_node(PRIVILEGE_DATABASE).is_some() {
            self.note_once(node, "rights on databases are left out: they follow from the services of the stack".into());
            return Ok(());
        }
        let with_grant_option = take_grant_option(&mut parts)?;
        let PrivilegeList { on_objects: privileges, on_columns } = take_privileges(&mut parts)?;
        let roles = roles(&parts.require(ROLE_REF_LIST)?)?;
        parts.refuse_rest_except(if is_grant { "GRANT TO ;" } else { "REVOKE FROM ;" })?;
        for object in self.grant_objects(&on)? {
            if let GrantObject::Relation(name) = &object {
                for (column, privileges) in &on_columns {
                    let object = GrantObject::Column(name.clone(), column.clone());
                    let (privileges, roles) = (Some(privileges.clone()), roles.clone());
                    self.grants.push(Grant {
                        at: start_offset(node),
                        is_grant,
                        with_grant_option,
                        object,
                        privileges,
                        roles,
                    });
                }
            }
            // `GRANT SELECT (id) ON orders` has privileges on columns only.
            let only_on_columns = privileges.as_ref().is_some_and(BTreeSet::is_empty);
            if only_on_columns {
                continue;
            }
            if let (GrantObject::Relation(name), None, true) = (&object, &privileges, is_grant) {
                let what = format!(
                    "ALL on {name} is read as the privileges of PostgreSQL 16, without MAINTAIN of later versions"
                );
                self.notes.push(Unsupported { at: start_offset(node), what });
            }
            self.grants.push(Grant {
                at: start_offset(node),
                is_grant,
                with_grant_option,
                object,
                privileges: privileges.clone(),
                roles: roles.clone(),
            });
        }
        Ok(())
    }

    /// Returns the objects in schemas that a node ALL TABLES, ALL SEQUENCES, ALL FUNCTIONS, ALL PROCEDURES or ALL ROUTINES
    /// means. `kind` is the kind of the node.
    fn objects_in_schemas(&self, kind: SyntaxKind, schemas: &[SqlName]) -> Vec<GrantObject> {
        let Schema { tables, views, sequences, functions, .. } = &self.schema;
        let is_in_schemas = |name: &&ObjectName| schemas.iter().any(|schema| schema.as_str() == name.schema());
        match kind {
            SyntaxKind::PRIVILEGE_ALL_TABLES_IN_SCHEMA => {
                let relations = tables.keys().chain(views.keys()).filter(is_in_schemas);
                relations.cloned().map(GrantObject::Relation).collect()
            }
            SyntaxKind::PRIVILEGE_ALL_SEQUENCES_IN_SCHEMA => {
                let of_identity_columns = self.identity_sequences_in(schemas).into_iter();
                let declared = sequences.keys().filter(is_in_schemas).cloned();
                of_identity_columns.chain(declared).map(GrantObject::Sequence).collect()
            }
            _ => {
                let is_kind = |function: &Function| match kind {
                    SyntaxKind::PRIVILEGE_ALL_FUNCTIONS_IN_SCHEMA => !function.procedure,
                    SyntaxKind::PRIVILEGE_ALL_PROCEDURES_IN_SCHEMA => function.procedure,
                    _ => true,
                };
                let keys = functions.iter().filter(|(_, function)| is_kind(function)).map(|(key, _)| key);
                keys.filter(is_in_schemas).cloned().map(GrantObject::Function).collect()
            }
        }
    }

    /// Returns the objects that the clause `on` names. ALL TABLES IN SCHEMA and the like mean the objects so far.
    fn grant_objects(&self, on: &SyntaxNode) -> Parsed<Vec<GrantObject>> {
        use SyntaxKind::*;
        let target = Parts::of(on).take_any()?;
        let mut parts = Parts::of(&target);
        let mut objects = Vec::new();
        match target.kind() {
            PRIVILEGE_DEFAULT | PRIVILEGE_TABLE => {
                for name in parts.take_all(RELATION_NAME_REF) {
                    objects.push(GrantObject::Relation(object_name(&name)?));
                }
            }
            PRIVILEGE_SEQUENCE => {
                for name in parts.take_all(SEQUENCE_REF) {
                    objects.push(GrantObject::Sequence(object_name(&name)?));
                }
            }
            PRIVILEGE_FUNCTION | PRIVILEGE_PROCEDURE | PRIVILEGE_ROUTINE => {
                for name in Parts::of(&parts.take_any()?).take_rest() {
                    objects.push(GrantObject::Function(self.function_key(&name)?));
                }
            }
            PRIVILEGE_TYPE | PRIVILEGE_DOMAIN => {
                for name in parts.take_rest() {
                    objects.push(GrantObject::Type(object_name(&name)?));
                }
            }
            PRIVILEGE_SCHEMA => {
                for name in parts.take_all(SCHEMA_REF) {
                    objects.push(GrantObject::Schema(ident(&name)?));
                }
            }
            PRIVILEGE_ALL_FUNCTIONS_IN_SCHEMA
            | PRIVILEGE_ALL_PROCEDURES_IN_SCHEMA
            | PRIVILEGE_ALL_ROUTINES_IN_SCHEMA
            | PRIVILEGE_ALL_TABLES_IN_SCHEMA
            | PRIVILEGE_ALL_SEQUENCES_IN_SCHEMA => {
                let schemas = parts.take_all(SCHEMA_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                objects.extend(self.objects_in_schemas(target.kind(), &schemas));
            }
            _ => {
                return unsupported(
                    &target,
                    format!("nself cannot represent privileges on `{}`", leading_keywords(&target)),
                );
            }
        }
        parts.refuse_rest_except(
            "TABLE SEQUENCE TYPE DOMAIN FUNCTION PROCEDURE ROUTINE SCHEMA ALL TABLES SEQUENCES FUNCTIONS PROCEDURES ROUTINES IN ,",
        )?;
        Ok(objects)
    }
}

/// Takes WITH GRANT OPTION of GRANT, or GRANT OPTION FOR of REVOKE; returns whether the statement has one.
fn take_grant_option(parts: &mut Parts) -> Parsed<bool> {
    use SyntaxKind::*;
    if let Some(clause) = parts.take_node(GRANT_WITH_CLAUSE) {
        let mut clause = Parts::of(&clause);
        clause.require(GRANT_OPTION)?;
        clause.refuse_rest_except("WITH")?;
        return Ok(true);
    }
    Ok(parts.take_node(GRANT_OPTION_FOR).is_some())
}
