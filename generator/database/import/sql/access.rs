//! Owners and grants. Grants are resolved after the whole file has been read: grants to the owner have no effect, and
//! owners are known only then.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{Grant, GrantObject, Reader};
use super::service_rights::Target;
use super::tree::{
    Parsed, Parts, Unsupported, clause, ident, object, role, start, summary, tokens, type_name, unsupported,
};
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// Reads the names of roles; `public` is everyone.
pub fn roles(node: &SyntaxNode) -> Parsed<Vec<SqlIdent>> {
    let mut parts = Parts::of(node);
    let all = parts.take_all(SyntaxKind::ROLE_REF).iter().map(role).collect();
    parts.expect_only(",")?;
    all
}

/// Reads the names of privileges; `None` for ALL.
pub fn privileges(parts: &mut Parts) -> Parsed<Option<BTreeSet<String>>> {
    use SyntaxKind::*;
    if parts.take_node(ALL_PRIVILEGES).is_some() {
        return Ok(None);
    }
    let mut list = Parts::of(&parts.require(REVOKE_COMMAND_LIST)?);
    let mut all = BTreeSet::new();
    for one in list.take_all(REVOKE_COMMAND) {
        let words: Vec<String> = tokens(&one).map(|token| token.text().to_ascii_lowercase()).collect();
        match words.as_slice() {
            [word] => all.insert(word.clone()),
            _ => return unsupported(&one, "nself cannot represent privileges on single columns"),
        };
    }
    list.expect_only(",")?;
    Ok(Some(all))
}

/// Reads the name of a function and its argument types, if they are given.
pub fn signature(node: &SyntaxNode) -> Parsed<(ObjectName, Option<Vec<TypeName>>)> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    let name = object(&parts.take_any()?)?;
    let Some(list) = parts.take_node(PARAM_LIST) else { return Ok((name, None)) };
    let mut kinds = Vec::new();
    for param in Parts::of(&list).take_all(PARAM) {
        let mut param = Parts::of(&param);
        param.take_node(PARAM_IN);
        param.take_node(PARAM_NAME);
        kinds.push(type_name(&param.take_any()?)?);
        param.expect_only("")?;
    }
    parts.expect_only("")?;
    Ok((name, Some(kinds)))
}

impl Reader {
    /// Reads `OWNER TO` among the parts of a statement.
    pub(super) fn owner(&mut self, parts: &mut Parts) -> Parsed<()> {
        let Some(clause) = parts.take_node(SyntaxKind::OWNER_TO) else { return Ok(()) };
        let mut owner = Parts::of(&clause);
        let role = role(&owner.require(SyntaxKind::ROLE_REF)?)?;
        self.owners.entry(role.to_string()).or_insert_with(|| start(&clause));
        owner.expect_only("OWNER TO")
    }

    /// Reads `ALTER … OWNER TO` of an object for which no other change is supported.
    pub(super) fn alter_owner(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        self.object_in_messages = summary(node);
        self.owner(&mut parts)?;
        parts.take_any()?;
        parts.expect_only("ALTER TYPE DOMAIN VIEW MATERIALIZED FUNCTION PROCEDURE SCHEMA ;")
    }

    pub(super) fn grant(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let gives = node.kind() == GRANT;
        let mut parts = Parts::of(node);
        let Some(on) = parts.take_node(ON_PRIVILEGE_OBJECTS_CLAUSE) else {
            return unsupported(node, "nself cannot represent membership in roles");
        };
        self.object_in_messages = format!("{} {}", if gives { "GRANT" } else { "REVOKE" }, summary(&on));
        let privileges = privileges(&mut parts)?;
        let roles = roles(&parts.require(ROLE_REF_LIST)?)?;
        parts.expect_only(if gives { "GRANT TO ;" } else { "REVOKE FROM ;" })?;
        for object in self.objects(&on)? {
            if let (GrantObject::Relation(name), None, true) = (&object, &privileges, gives) {
                let what = format!(
                    "ALL on {name} is read as the privileges of PostgreSQL 16, without MAINTAIN of later versions"
                );
                self.notes.push(Unsupported { at: start(node), what });
            }
            self.grants.push(Grant {
                at: start(node),
                gives,
                object,
                privileges: privileges.clone(),
                roles: roles.clone(),
            });
        }
        Ok(())
    }

    fn objects(&self, on: &SyntaxNode) -> Parsed<Vec<GrantObject>> {
        use SyntaxKind::*;
        let target = Parts::of(on).take_any()?;
        let mut parts = Parts::of(&target);
        let mut all = Vec::new();
        match target.kind() {
            PRIVILEGE_DEFAULT | PRIVILEGE_TABLE => {
                for name in parts.take_all(RELATION_NAME_REF) {
                    all.push(GrantObject::Relation(object(&name)?));
                }
            }
            PRIVILEGE_SEQUENCE => {
                for name in parts.take_all(SEQUENCE_REF) {
                    all.push(GrantObject::Sequence(object(&name)?));
                }
            }
            PRIVILEGE_FUNCTION | PRIVILEGE_PROCEDURE | PRIVILEGE_ROUTINE => {
                for name in Parts::of(&parts.take_any()?).take_rest() {
                    all.push(GrantObject::Function(signature(&name)?.0));
                }
            }
            PRIVILEGE_SCHEMA => {
                for name in parts.take_all(SCHEMA_REF) {
                    all.push(GrantObject::Schema(ident(&name)?));
                }
            }
            PRIVILEGE_ALL_TABLES_IN_SCHEMA => {
                let schemas = parts.take_all(SCHEMA_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                let inside = |name: &&ObjectName| schemas.iter().any(|schema| schema.as_str() == name.schema());
                let relations = self.schema.tables.keys().chain(self.schema.views.keys()).chain(self.partitions.keys());
                all.extend(relations.filter(inside).cloned().map(GrantObject::Relation));
            }
            PRIVILEGE_ALL_SEQUENCES_IN_SCHEMA => {
                let schemas = parts.take_all(SCHEMA_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                let inside = |name: &&ObjectName| schemas.iter().any(|schema| schema.as_str() == name.schema());
                let numbered = |table: &Table| table.columns.values().any(|column| column.identity.is_some());
                if self.schema.tables.iter().any(|(name, table)| inside(&name) && numbered(table)) {
                    return unsupported(
                        &target,
                        "nself cannot represent privileges on the sequences of identity columns",
                    );
                }
                all.extend(self.schema.sequences.keys().filter(inside).cloned().map(GrantObject::Sequence));
            }
            _ => return unsupported(&target, format!("nself cannot represent privileges on `{}`", clause(&target))),
        }
        parts.expect_only("TABLE SEQUENCE FUNCTION PROCEDURE ROUTINE SCHEMA ALL TABLES SEQUENCES IN ,")?;
        Ok(all)
    }

    /// Resolves owners and grants.
    pub(super) fn resolve_grants(&mut self) {
        let owners: Vec<(String, usize)> = std::mem::take(&mut self.owners).into_iter().collect();
        match owners.as_slice() {
            [] => {}
            [(owner, at)] => self.notes.push(Unsupported {
                at: *at,
                what: format!("the owner `{owner}` is left out: everything belongs to the owner of the database"),
            }),
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
                for (_, at) in &several[1..] {
                    let what = format!(
                        "objects belong to several roles: {}; a database can have only one owner",
                        names.join(", ")
                    );
                    self.problems.push(Unsupported { at: *at, what });
                }
            }
        }
        let owner = owners.first().map(|(owner, _)| owner.as_str());
        for mut grant in std::mem::take(&mut self.grants) {
            grant.roles.retain(|role| Some(role.as_str()) != owner);
            for role in grant.roles.clone() {
                let Some(grant) = self.without_service_rights(&grant, &role) else { continue };
                if let Err(what) = self.give(&grant, &role) {
                    self.problems.push(Unsupported { at: grant.at, what });
                }
            }
        }
        self.resolve_default_privileges(owner);
        if let Some(at) = self.public_revoked_at {
            let what = "the schema public: nself cannot represent that not everyone may use it".into();
            self.problems.push(Unsupported { at, what });
        }
        for (name, function) in &mut self.schema.functions {
            let open = !self.revoked_functions.contains(name);
            if open && !function.is_for_everyone() {
                // A definition with grants on a function revokes the default right of PUBLIC, so the right must be
                // granted explicitly.
                let everyone = SqlIdent::wrap(PUBLIC_ROLE.into());
                function.grants.entry(everyone).or_default().insert(FunctionPrivilege::Execute);
            } else if !open && function.is_for_everyone() {
                let at = self.places.get(&format!("functions.{name}")).copied().unwrap_or_default();
                let what = format!("the function {name}: nself cannot represent that only its owner may call it");
                self.problems.push(Unsupported { at, what });
            }
        }
    }

    /// Returns a grant without the privileges that follow from a service's access; `None` if none remain.
    fn without_service_rights(&self, grant: &Grant, role: &SqlIdent) -> Option<Grant> {
        let mut rest = grant.clone();
        let target = match &grant.object {
            GrantObject::Relation(name) if self.schema.sequences.contains_key(name) => Target::Sequences,
            GrantObject::Relation(_) => Target::Tables,
            GrantObject::Sequence(_) => Target::Sequences,
            GrantObject::Schema(_) => Target::Schemas,
            GrantObject::Function(_) => return Some(rest),
        };
        if let (true, Some(privileges)) = (grant.gives, &mut rest.privileges) {
            privileges.retain(|privilege| !self.service_rights.holds(target, role, privilege));
            if privileges.is_empty() {
                return None;
            }
        }
        Some(rest)
    }

    /// Applies a grant to the schema.
    fn give(&mut self, grant: &Grant, role: &SqlIdent) -> Result<(), String> {
        let part = self.partitions.keys().cloned().collect::<BTreeSet<_>>();
        let missing = |name: &ObjectName| match part.contains(name) {
            true => format!("nself cannot represent privileges on the partition {name} alone"),
            false => format!("there is no object `{name}` for this privilege"),
        };
        let Grant { gives, privileges, .. } = grant;
        match &grant.object {
            GrantObject::Relation(name) => {
                if let Some(table) = self.schema.tables.get_mut(name) {
                    change(&mut table.grants, role, privileges.as_ref(), *gives)
                } else if let Some(view) = self.schema.views.get_mut(name) {
                    change(&mut view.grants, role, privileges.as_ref(), *gives)
                } else if let Some(sequence) = self.schema.sequences.get_mut(name) {
                    change(&mut sequence.grants, role, privileges.as_ref(), *gives)
                } else {
                    Err(missing(name))
                }
            }
            GrantObject::Sequence(name) => {
                let sequence = self.schema.sequences.get_mut(name).ok_or_else(|| missing(name))?;
                change(&mut sequence.grants, role, privileges.as_ref(), *gives)
            }
            GrantObject::Function(name) => {
                let function = self.schema.functions.get_mut(name).ok_or_else(|| missing(name))?;
                if role.as_str() == PUBLIC_ROLE {
                    if *gives {
                        self.revoked_functions.remove(name);
                    } else {
                        self.revoked_functions.insert(name.clone());
                    }
                    return Ok(());
                }
                change(&mut function.grants, role, privileges.as_ref(), *gives)
            }
            GrantObject::Schema(name) => {
                // Everyone may use `public` by default.
                let everyone = name.as_str() == PUBLIC_SCHEMA && role.as_str() == PUBLIC_ROLE;
                let usage = privileges.as_ref().is_none_or(|all| all.contains("usage"));
                if everyone && usage {
                    self.public_revoked_at = (!*gives).then_some(grant.at);
                }
                if everyone && !*gives && !self.schema.schemas.contains_key(name) {
                    return Ok(());
                }
                change(
                    &mut self.schema.schemas.entry(name.clone()).or_default().grants,
                    role,
                    privileges.as_ref(),
                    *gives,
                )
            }
        }
    }
}

/// Grants privileges to a role, or revokes them.
pub fn change<P: Privilege + 'static>(
    grants: &mut Grants<P>,
    role: &SqlIdent,
    privileges: Option<&BTreeSet<String>>,
    gives: bool,
) -> Result<(), String> {
    let named: BTreeSet<P> = match privileges {
        None => P::ALL.iter().copied().collect(),
        Some(words) => {
            let privilege = |word: &String| {
                let named = P::ALL.iter().copied().find(|privilege| privilege.sql().eq_ignore_ascii_case(word));
                named.ok_or_else(|| format!("nself cannot represent the privilege `{word}`"))
            };
            words.iter().map(privilege).collect::<Result<_, _>>()?
        }
    };
    let privileges_of_role = grants.entry(role.clone()).or_default();
    if gives {
        privileges_of_role.extend(named);
    } else {
        privileges_of_role.retain(|privilege| !named.contains(privilege));
    }
    if privileges_of_role.is_empty() {
        grants.remove(role);
    }
    Ok(())
}
