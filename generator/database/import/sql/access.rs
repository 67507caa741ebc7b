//! Reads roles, privileges, signatures of functions, and owners.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{Parsed, Parts, idents, object_name, role, start_offset, summary, tokens, type_name};
use crate::database::model::*;
use crate::values::SqlIdent;

/// Reads the names of roles. `public` means all roles.
pub fn roles(node: &SyntaxNode) -> Parsed<Vec<SqlIdent>> {
    let mut parts = Parts::of(node);
    let role_names = parts.take_all(SyntaxKind::ROLE_REF).iter().map(role).collect();
    parts.refuse_rest_except(",")?;
    role_names
}

/// The privileges of a GRANT or REVOKE, by their names in SQL, in lower case.
#[derive(Default)]
pub struct PrivilegeList {
    /// Privileges on the objects; `None` for ALL.
    pub on_objects: Option<BTreeSet<String>>,
    /// Privileges on single columns of the tables.
    pub on_columns: BTreeMap<SqlName, BTreeSet<String>>,
}

/// Reads the names of privileges.
pub fn take_privileges(parts: &mut Parts) -> Parsed<PrivilegeList> {
    use SyntaxKind::*;
    let mut privileges = PrivilegeList::default();
    if let Some(words) = parts.take_node(ALL_PRIVILEGES) {
        if let Some(columns) = Parts::of(&words).take_node(COLUMN_REF_LIST) {
            let names = ColumnPrivilege::ALL.iter().map(|privilege| privilege.sql().to_ascii_lowercase());
            let names: BTreeSet<String> = names.collect();
            privileges.on_columns =
                idents(&columns, COLUMN_NAME_REF)?.into_iter().map(|column| (column, names.clone())).collect();
            privileges.on_objects = Some(BTreeSet::new());
        }
        return Ok(privileges);
    }
    // The parser uses these kinds of nodes for GRANT, too.
    let mut list = Parts::of(&parts.require(REVOKE_COMMAND_LIST)?);
    let mut on_objects = BTreeSet::new();
    for item in list.take_all(REVOKE_COMMAND) {
        let columns = Parts::of(&item).take_node(COLUMN_REF_LIST);
        let words = tokens(&item).take_while(|token| token.text() != "(");
        let words: Vec<String> = words.map(|token| token.text().to_ascii_lowercase()).collect();
        let privilege = words.join(" ");
        let Some(columns) = columns else {
            on_objects.insert(privilege);
            continue;
        };
        for column in idents(&columns, COLUMN_NAME_REF)? {
            privileges.on_columns.entry(column).or_default().insert(privilege.clone());
        }
    }
    list.refuse_rest_except(",")?;
    privileges.on_objects = Some(on_objects);
    Ok(privileges)
}

/// Takes the mode of an argument; without a word for it, the mode is `In`.
pub fn take_mode(parts: &mut Parts) -> ArgumentMode {
    use SyntaxKind::*;
    parts.take_node(PARAM_IN);
    let modes =
        [(PARAM_OUT, ArgumentMode::Out), (PARAM_IN_OUT, ArgumentMode::InOut), (PARAM_VARIADIC, ArgumentMode::Variadic)];
    let mode = modes.into_iter().find(|(kind, _)| parts.take_node(*kind).is_some());
    mode.map_or(ArgumentMode::In, |(_, mode)| mode)
}

/// Reads the name of a function and the types of its input arguments; `None` for the types if there is no list of them.
pub fn signature(node: &SyntaxNode) -> Parsed<(ObjectName, Option<Vec<TypeName>>)> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    let name = object_name(&parts.take_any()?)?;
    let Some(list) = parts.take_node(PARAM_LIST) else { return Ok((name, None)) };
    let mut argument_types = Vec::new();
    for param in Parts::of(&list).take_all(PARAM) {
        let mut param = Parts::of(&param);
        let mode = take_mode(&mut param);
        param.take_node(PARAM_NAME);
        let kind = type_name(&param.take_any()?)?;
        param.refuse_rest_except("")?;
        // Arguments that only return a value do not identify a function.
        if mode != ArgumentMode::Out {
            argument_types.push(kind);
        }
    }
    parts.refuse_rest_except("")?;
    Ok((name, Some(argument_types)))
}

impl Reader {
    /// Takes `OWNER TO` from the parts of a statement, if the statement has it, and records the role.
    pub(super) fn take_owner(&mut self, parts: &mut Parts) -> Parsed<()> {
        let Some(clause) = parts.take_node(SyntaxKind::OWNER_TO) else { return Ok(()) };
        let mut owner = Parts::of(&clause);
        let role = role(&owner.require(SyntaxKind::ROLE_REF)?)?;
        self.owners.entry(role.to_string()).or_insert_with(|| start_offset(&clause));
        owner.refuse_rest_except("OWNER TO")
    }

    /// Reads `ALTER … OWNER TO` of an object for which no other change is supported.
    pub(super) fn alter_owner(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        self.object_in_messages = summary(node);
        // Every database has the schema `public`, so its owner does not matter.
        let is_public = node.kind() == SyntaxKind::ALTER_SCHEMA
            && node.children().next().is_some_and(|name| tokens(&name).any(|token| token.text() == PUBLIC_SCHEMA));
        if is_public {
            parts.take_node(SyntaxKind::OWNER_TO);
        }
        self.take_owner(&mut parts)?;
        parts.take_node(SyntaxKind::IF_EXISTS);
        // The name of the object is not needed: all objects must have the same owner.
        parts.take_any()?;
        parts.refuse_rest_except("ALTER TYPE DOMAIN VIEW MATERIALIZED FUNCTION PROCEDURE ROUTINE SCHEMA ;")
    }
}

/// Grants privileges to a role, or revokes them if `is_grant` is false; `None` means all privileges.
pub fn change_privileges<P: Privilege + 'static>(
    grants: &mut Grants<P>,
    role: &SqlIdent,
    privileges: Option<&BTreeSet<String>>,
    is_grant: bool,
) -> Result<(), String> {
    let changed_privileges: BTreeSet<P> = match privileges {
        None => P::ALL.iter().copied().collect(),
        Some(words) => {
            let privilege = |word: &String| {
                let mut all_privileges = P::ALL.iter().copied();
                let privilege = all_privileges.find(|privilege| privilege.sql().eq_ignore_ascii_case(word));
                privilege.ok_or_else(|| format!("nself cannot represent the privilege `{word}`"))
            };
            words.iter().map(privilege).collect::<Result<_, _>>()?
        }
    };
    let privileges_of_role = grants.entry(role.clone()).or_default();
    if is_grant {
        privileges_of_role.extend(changed_privileges);
    } else {
        privileges_of_role.retain(|privilege| !changed_privileges.contains(privilege));
    }
    if privileges_of_role.is_empty() {
        grants.remove(role);
    }
    Ok(())
}
