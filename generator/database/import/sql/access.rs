//! Owners and grants. Grants are resolved after the whole file has been read: a grant to the owner is ignored, and a
//! later statement may name the owner.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{Grant, GrantObject, Reader};
use super::service_rights::ServiceRightTarget;
use super::tree::{
    Parsed, Parts, Unsupported, ident, idents, leading_keywords, object_name, role, start_offset, summary, tokens,
    type_name, unsupported,
};
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// Reads the names of roles. `public` means all roles.
pub fn roles(node: &SyntaxNode) -> Parsed<Vec<SqlIdent>> {
    let mut parts = Parts::of(node);
    let all = parts.take_all(SyntaxKind::ROLE_REF).iter().map(role).collect();
    parts.refuse_rest_except(",")?;
    all
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
            let all = ColumnPrivilege::ALL.iter().map(|privilege| privilege.sql().to_ascii_lowercase());
            let all: BTreeSet<String> = all.collect();
            privileges.on_columns =
                idents(&columns, COLUMN_NAME_REF)?.into_iter().map(|column| (column, all.clone())).collect();
            privileges.on_objects = Some(BTreeSet::new());
        }
        return Ok(privileges);
    }
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

/// Takes the mode of an argument.
pub fn take_mode(parts: &mut Parts) -> ArgumentMode {
    use SyntaxKind::*;
    parts.take_node(PARAM_IN);
    let modes =
        [(PARAM_OUT, ArgumentMode::Out), (PARAM_IN_OUT, ArgumentMode::InOut), (PARAM_VARIADIC, ArgumentMode::Variadic)];
    let mode = modes.into_iter().find(|(kind, _)| parts.take_node(*kind).is_some());
    mode.map_or(ArgumentMode::In, |(_, mode)| mode)
}

/// Reads the name of a function and its argument types, if they are given.
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
        // The server identifies functions without the values that they return.
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
        // Every database has the schema public; its owner matters only for what is in it.
        let is_public = node.kind() == SyntaxKind::ALTER_SCHEMA
            && node.children().next().is_some_and(|name| tokens(&name).any(|token| token.text() == PUBLIC_SCHEMA));
        if is_public {
            parts.take_node(SyntaxKind::OWNER_TO);
        }
        self.take_owner(&mut parts)?;
        // The name of the object is not needed: all objects must have the same owner.
        parts.take_any()?;
        parts.refuse_rest_except("ALTER TYPE DOMAIN VIEW MATERIALIZED FUNCTION PROCEDURE ROUTINE SCHEMA ;")
    }

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

    /// Returns the keys of the functions or procedures, by the kind of the node, in schemas.
    fn functions_in_schemas(&self, kind: SyntaxKind, schemas: &[SqlName]) -> impl Iterator<Item = ObjectName> {
        let includes = move |(key, function): &(&ObjectName, &Function)| {
            let is_kind = match kind {
                SyntaxKind::PRIVILEGE_ALL_FUNCTIONS_IN_SCHEMA => !function.procedure,
                SyntaxKind::PRIVILEGE_ALL_PROCEDURES_IN_SCHEMA => function.procedure,
                _ => true,
            };
            is_kind && schemas.iter().any(|schema| schema.as_str() == key.schema())
        };
        self.schema.functions.iter().filter(includes).map(|(key, _)| key.clone())
    }

    /// Reads the objects after ON.
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
            PRIVILEGE_SCHEMA => {
                for name in parts.take_all(SCHEMA_REF) {
                    objects.push(GrantObject::Schema(ident(&name)?));
                }
            }
            PRIVILEGE_ALL_FUNCTIONS_IN_SCHEMA
            | PRIVILEGE_ALL_PROCEDURES_IN_SCHEMA
            | PRIVILEGE_ALL_ROUTINES_IN_SCHEMA => {
                let schemas = parts.take_all(SCHEMA_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                objects.extend(self.functions_in_schemas(target.kind(), &schemas).map(GrantObject::Function));
            }
            PRIVILEGE_ALL_TABLES_IN_SCHEMA => {
                let schemas = parts.take_all(SCHEMA_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                let is_in_schemas = |name: &&ObjectName| schemas.iter().any(|schema| schema.as_str() == name.schema());
                let relations = self.schema.tables.keys().chain(self.schema.views.keys());
                objects.extend(relations.filter(is_in_schemas).cloned().map(GrantObject::Relation));
            }
            PRIVILEGE_ALL_SEQUENCES_IN_SCHEMA => {
                let schemas = parts.take_all(SCHEMA_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                let is_in_schemas = |name: &&ObjectName| schemas.iter().any(|schema| schema.as_str() == name.schema());
                let has_identity = |table: &Table| table.columns.values().any(|column| column.identity.is_some());
                if self.schema.tables.iter().any(|(name, table)| is_in_schemas(&name) && has_identity(table)) {
                    return unsupported(
                        &target,
                        "nself cannot represent privileges on the sequences of identity columns",
                    );
                }
                objects.extend(self.schema.sequences.keys().filter(is_in_schemas).cloned().map(GrantObject::Sequence));
            }
            _ => {
                return unsupported(
                    &target,
                    format!("nself cannot represent privileges on `{}`", leading_keywords(&target)),
                );
            }
        }
        parts.refuse_rest_except(
            "TABLE SEQUENCE FUNCTION PROCEDURE ROUTINE SCHEMA ALL TABLES SEQUENCES FUNCTIONS PROCEDURES ROUTINES IN ,",
        )?;
        Ok(objects)
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
            conflicting => {
                let names: Vec<&str> = conflicting.iter().map(|(name, _)| name.as_str()).collect();
                for (_, at) in &conflicting[1..] {
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
                if let Err(what) = self.apply_grant(&grant, &role) {
                    self.problems.push(Unsupported { at: grant.at, what });
                }
            }
        }
        self.resolve_default_privileges(owner);
        self.resolve_public_schema();
        for (name, function) in &mut self.schema.functions {
            let public_may_execute = !self.revoked_functions.contains(name);
            if public_may_execute && !function.is_callable_by_everyone() {
                // A definition with grants on a function revokes the default right of PUBLIC, so the right must be
                // granted explicitly.
                let public = SqlIdent::wrap(PUBLIC_ROLE.into());
                function.grants.entry(public).or_default().insert(FunctionPrivilege::Execute);
            } else if !public_may_execute && function.is_callable_by_everyone() {
                function.private = true;
            }
        }
    }

    /// Everyone may use the schema `public`, so only the opposite is part of a definition.
    fn resolve_public_schema(&mut self) {
        if self.public_revoked_at.is_some() {
            self.schema.schemas.entry(SqlName::wrap(PUBLIC_SCHEMA.into())).or_default().private = true;
        }
        let Some(namespace) = self.schema.schemas.get_mut(PUBLIC_SCHEMA) else { return };
        if let Some(privileges) = namespace.grants.get_mut(PUBLIC_ROLE) {
            privileges.remove(&SchemaPrivilege::Usage);
            namespace.grants.retain(|_, privileges| !privileges.is_empty());
        }
        if *namespace == Namespace::default() {
            self.schema.schemas.remove(PUBLIC_SCHEMA);
        }
    }

    /// Returns a grant without the privileges that follow from a service's access; `None` if none remain.
    fn without_service_rights(&self, grant: &Grant, role: &SqlIdent) -> Option<Grant> {
        let mut remaining = grant.clone();
        let target = match &grant.object {
            GrantObject::Relation(name) if self.schema.sequences.contains_key(name) => ServiceRightTarget::Sequences,
            GrantObject::Relation(_) => ServiceRightTarget::Tables,
            GrantObject::Sequence(_) => ServiceRightTarget::Sequences,
            GrantObject::Schema(_) => ServiceRightTarget::Schemas,
            GrantObject::Function(_) | GrantObject::Column(..) => return Some(remaining),
        };
        let is_plain_grant = grant.is_grant && !grant.with_grant_option;
        if let (true, Some(privileges)) = (is_plain_grant, &mut remaining.privileges) {
            privileges.retain(|privilege| !self.service_rights.contains(target, role, privilege));
            if privileges.is_empty() {
                return None;
            }
        }
        Some(remaining)
    }

    /// Applies a GRANT or REVOKE for a role to the schema.
    fn apply_grant(&mut self, grant: &Grant, role: &SqlIdent) -> Result<(), String> {
        let not_found = |name: &ObjectName| format!("GRANT or REVOKE names the object `{name}`, which does not exist");
        match &grant.object {
            GrantObject::Relation(name) => {
                if let Some(table) = self.schema.tables.get_mut(name) {
                    grant.apply(&mut table.grants, &mut table.grant_options, role)
                } else if let Some(view) = self.schema.views.get_mut(name) {
                    grant.apply(&mut view.grants, &mut view.grant_options, role)
                } else if let Some(sequence) = self.schema.sequences.get_mut(name) {
                    grant.apply(&mut sequence.grants, &mut sequence.grant_options, role)
                } else {
                    Err(not_found(name))
                }
            }
            GrantObject::Column(name, column) => {
                if self.schema.views.contains_key(name) {
                    return Err(format!("nself cannot represent privileges on columns of the view {name}"));
                }
                let inherited = self.schema.columns_of(name).remove(column);
                let inherited = inherited.ok_or_else(|| format!("{name} has no column `{column}`"))?;
                let table = self.schema.tables.get_mut(name).ok_or_else(|| not_found(name))?;
                let column = table.columns.entry(column.clone()).or_insert(inherited);
                grant.apply(&mut column.grants, &mut column.grant_options, role)
            }
            GrantObject::Sequence(name) => {
                let sequence = self.schema.sequences.get_mut(name).ok_or_else(|| not_found(name))?;
                grant.apply(&mut sequence.grants, &mut sequence.grant_options, role)
            }
            GrantObject::Function(name) => {
                let function = self.schema.functions.get_mut(name).ok_or_else(|| not_found(name))?;
                if role.as_str() == PUBLIC_ROLE {
                    if grant.is_grant {
                        self.revoked_functions.remove(name);
                    } else {
                        self.revoked_functions.insert(name.clone());
                    }
                    return Ok(());
                }
                grant.apply(&mut function.grants, &mut function.grant_options, role)
            }
            GrantObject::Schema(name) => {
                // By default, PUBLIC may use the schema `public`.
                let is_default_right = name.as_str() == PUBLIC_SCHEMA && role.as_str() == PUBLIC_ROLE;
                let includes_usage = grant.privileges.as_ref().is_none_or(|names| names.contains("usage"));
                if is_default_right && includes_usage {
                    self.public_revoked_at = (!grant.is_grant).then_some(grant.at);
                }
                if is_default_right && !grant.is_grant && !self.schema.schemas.contains_key(name) {
                    return Ok(());
                }
                let namespace = self.schema.schemas.entry(name.clone()).or_default();
                grant.apply(&mut namespace.grants, &mut namespace.grant_options, role)
            }
        }
    }
}

impl Grant {
    /// Changes the privileges of a role (`grants`), and those that it may grant to others (`options`). REVOKE GRANT
    /// OPTION FOR changes only `options`.
    fn apply<P: Privilege>(
        &self,
        grants: &mut Grants<P>,
        options: &mut Grants<P>,
        role: &SqlIdent,
    ) -> Result<(), String> {
        let privileges = self.privileges.as_ref();
        if self.is_grant || !self.with_grant_option {
            change_privileges(grants, role, privileges, self.is_grant)?;
        }
        if !self.is_grant || self.with_grant_option {
            change_privileges(options, role, privileges, self.is_grant)?;
        }
        Ok(())
    }
}

/// Takes WITH GRANT OPTION or GRANT OPTION FOR; returns whether one of them is there.
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

/// Grants privileges to a role, or revokes them; `None` means all privileges.
pub fn change_privileges<P: Privilege + 'static>(
    grants: &mut Grants<P>,
    role: &SqlIdent,
    privileges: Option<&BTreeSet<String>>,
    is_grant: bool,
) -> Result<(), String> {
    let changed: BTreeSet<P> = match privileges {
        None => P::ALL.iter().copied().collect(),
        Some(words) => {
            let privilege = |word: &String| {
                let found = P::ALL.iter().copied().find(|privilege| privilege.sql().eq_ignore_ascii_case(word));
                found.ok_or_else(|| format!("nself cannot represent the privilege `{word}`"))
            };
            words.iter().map(privilege).collect::<Result<_, _>>()?
        }
    };
    let privileges_of_role = grants.entry(role.clone()).or_default();
    if is_grant {
        privileges_of_role.extend(changed);
    } else {
        privileges_of_role.retain(|privilege| !changed.contains(privilege));
    }
    if privileges_of_role.is_empty() {
        grants.remove(role);
    }
    Ok(())
}
