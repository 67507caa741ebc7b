//! Owners and grants. Grants are resolved after the whole file has been read: grants to the owner have no effect, and
//! owners are known only then.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{Grant, GrantObject, Reader};
use super::service_rights::Target;
use super::tree::{
    Parsed, Parts, Unsupported, clause, ident, idents, object, role, start, summary, tokens, type_name, unsupported,
};
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// Reads the names of roles; `public` is everyone.
pub fn roles(node: &SyntaxNode) -> Parsed<Vec<SqlIdent>> {
    let mut parts = Parts::of(node);
    let all = parts.take_all(SyntaxKind::ROLE_REF).iter().map(role).collect();
    parts.expect_end(",")?;
    all
}

/// Privileges by their names in SQL.
#[derive(Default)]
pub struct PrivilegeList {
    /// Privileges on whole objects; `None` for ALL.
    pub whole: Option<BTreeSet<String>>,
    /// Privileges on columns of a table, by column.
    pub of_columns: BTreeMap<SqlName, BTreeSet<String>>,
}

/// Reads the names of privileges.
pub fn privileges(parts: &mut Parts) -> Parsed<PrivilegeList> {
    use SyntaxKind::*;
    let mut all = PrivilegeList::default();
    if let Some(words) = parts.take_node(ALL_PRIVILEGES) {
        if Parts::of(&words).take_node(COLUMN_REF_LIST).is_some() {
            return unsupported(&words, "nself cannot represent ALL on columns; name the privileges");
        }
        return Ok(all);
    }
    let mut list = Parts::of(&parts.require(REVOKE_COMMAND_LIST)?);
    let mut whole = BTreeSet::new();
    for one in list.take_all(REVOKE_COMMAND) {
        let columns = Parts::of(&one).take_node(COLUMN_REF_LIST);
        let words = tokens(&one).take_while(|token| token.text() != "(");
        let word: Vec<String> = words.map(|token| token.text().to_ascii_lowercase()).collect();
        let word = word.join(" ");
        let Some(columns) = columns else {
            whole.insert(word);
            continue;
        };
        for column in idents(&columns, COLUMN_NAME_REF)? {
            all.of_columns.entry(column).or_default().insert(word.clone());
        }
    }
    list.expect_end(",")?;
    all.whole = Some(whole);
    Ok(all)
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
        param.expect_end("")?;
    }
    parts.expect_end("")?;
    Ok((name, Some(kinds)))
}

impl Reader {
    /// Reads `OWNER TO` among the parts of a statement.
    pub(super) fn owner(&mut self, parts: &mut Parts) -> Parsed<()> {
        let Some(clause) = parts.take_node(SyntaxKind::OWNER_TO) else { return Ok(()) };
        let mut owner = Parts::of(&clause);
        let role = role(&owner.require(SyntaxKind::ROLE_REF)?)?;
        self.owners.entry(role.to_string()).or_insert_with(|| start(&clause));
        owner.expect_end("OWNER TO")
    }

    /// Reads `ALTER … OWNER TO` of an object for which no other change is supported.
    pub(super) fn alter_owner(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        self.subject = summary(node);
        self.owner(&mut parts)?;
        parts.take_any()?;
        parts.expect_end("ALTER TYPE DOMAIN VIEW MATERIALIZED FUNCTION PROCEDURE SCHEMA ;")
    }

    pub(super) fn grant(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let gives = node.kind() == GRANT;
        let mut parts = Parts::of(node);
        let Some(on) = parts.take_node(ON_PRIVILEGE_OBJECTS_CLAUSE) else {
            return unsupported(node, "nself cannot represent membership in roles");
        };
        self.subject = format!("{} {}", if gives { "GRANT" } else { "REVOKE" }, summary(&on));
        let with_option = option(&mut parts)?;
        let PrivilegeList { whole: privileges, of_columns } = privileges(&mut parts)?;
        let roles = roles(&parts.require(ROLE_REF_LIST)?)?;
        parts.expect_end(if gives { "GRANT TO ;" } else { "REVOKE FROM ;" })?;
        for object in self.objects(&on)? {
            if let GrantObject::Relation(name) = &object {
                for (column, privileges) in &of_columns {
                    let object = GrantObject::Column(name.clone(), column.clone());
                    let (privileges, roles) = (Some(privileges.clone()), roles.clone());
                    self.grants.push(Grant { at: start(node), gives, with_option, object, privileges, roles });
                }
            }
            if privileges.as_ref().is_some_and(BTreeSet::is_empty) {
                continue;
            }
            if let (GrantObject::Relation(name), None, true) = (&object, &privileges, gives) {
                let what = format!(
                    "ALL on {name} is read as the privileges of PostgreSQL 16, without MAINTAIN of later versions"
                );
                self.notes.push(Unsupported { at: start(node), what });
            }
            self.grants.push(Grant {
                at: start(node),
                gives,
                with_option,
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
                let relations = self.schema.tables.keys().chain(self.schema.views.keys());
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
        parts.expect_end("TABLE SEQUENCE FUNCTION PROCEDURE ROUTINE SCHEMA ALL TABLES SEQUENCES IN ,")?;
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
                let everyone = SqlIdent::wrap(PUBLIC.into());
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
            GrantObject::Function(_) | GrantObject::Column(..) => return Some(rest),
        };
        if let (true, false, Some(privileges)) = (grant.gives, grant.with_option, &mut rest.privileges) {
            privileges.retain(|privilege| !self.service_rights.holds(target, role, privilege));
            if privileges.is_empty() {
                return None;
            }
        }
        Some(rest)
    }

    /// Applies a grant to the schema.
    fn give(&mut self, grant: &Grant, role: &SqlIdent) -> Result<(), String> {
        let missing = |name: &ObjectName| format!("there is no object `{name}` for this privilege");
        match &grant.object {
            GrantObject::Relation(name) => {
                if let Some(table) = self.schema.tables.get_mut(name) {
                    grant.apply(&mut table.grants, &mut table.grant_options, role)
                } else if let Some(view) = self.schema.views.get_mut(name) {
                    grant.apply(&mut view.grants, &mut view.grant_options, role)
                } else if let Some(sequence) = self.schema.sequences.get_mut(name) {
                    grant.apply(&mut sequence.grants, &mut sequence.grant_options, role)
                } else {
                    Err(missing(name))
                }
            }
            GrantObject::Column(name, column) => {
                if self.schema.views.contains_key(name) {
                    return Err(format!("nself cannot represent privileges on columns of the view {name}"));
                }
                let inherited = self.schema.columns_of(name).remove(column);
                let inherited = inherited.ok_or_else(|| format!("{name} has no column `{column}`"))?;
                let table = self.schema.tables.get_mut(name).ok_or_else(|| missing(name))?;
                let column = table.columns.entry(column.clone()).or_insert(inherited);
                grant.apply(&mut column.grants, &mut column.grant_options, role)
            }
            GrantObject::Sequence(name) => {
                let sequence = self.schema.sequences.get_mut(name).ok_or_else(|| missing(name))?;
                grant.apply(&mut sequence.grants, &mut sequence.grant_options, role)
            }
            GrantObject::Function(name) => {
                let function = self.schema.functions.get_mut(name).ok_or_else(|| missing(name))?;
                if role.as_str() == PUBLIC {
                    if grant.gives {
                        self.revoked_functions.remove(name);
                    } else {
                        self.revoked_functions.insert(name.clone());
                    }
                    return Ok(());
                }
                grant.apply(&mut function.grants, &mut function.grant_options, role)
            }
            GrantObject::Schema(name) => {
                // Everyone may use `public` by default.
                let everyone = name.as_str() == PUBLIC && role.as_str() == PUBLIC;
                let usage = grant.privileges.as_ref().is_none_or(|all| all.contains("usage"));
                if everyone && usage {
                    self.public_revoked_at = (!grant.gives).then_some(grant.at);
                }
                if everyone && !grant.gives && !self.schema.schemas.contains_key(name) {
                    return Ok(());
                }
                let namespace = self.schema.schemas.entry(name.clone()).or_default();
                grant.apply(&mut namespace.grants, &mut namespace.grant_options, role)
            }
        }
    }
}

impl Grant {
    /// Changes the privileges of a role, and those that it may grant to others.
    fn apply<P: Privilege>(
        &self,
        grants: &mut Grants<P>,
        options: &mut Grants<P>,
        role: &SqlIdent,
    ) -> Result<(), String> {
        let privileges = self.privileges.as_ref();
        if self.gives || !self.with_option {
            change(grants, role, privileges, self.gives)?;
        }
        if !self.gives || self.with_option {
            change(options, role, privileges, self.gives)?;
        }
        Ok(())
    }
}

/// Takes WITH GRANT OPTION or GRANT OPTION FOR; returns whether there is one.
fn option(parts: &mut Parts) -> Parsed<bool> {
    use SyntaxKind::*;
    if let Some(clause) = parts.take_node(GRANT_WITH_CLAUSE) {
        let mut clause = Parts::of(&clause);
        clause.require(GRANT_OPTION)?;
        clause.expect_end("WITH")?;
        return Ok(true);
    }
    Ok(parts.take_node(GRANT_OPTION_FOR).is_some())
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
