//! Who owns what, and who may do what with it. Grants are weighed once the whole file was read, since what an
//! owner grants to itself says nothing.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::service_rights::Target;
use super::tree::{Parts, Take, Unsupported, clause, ident, loss, object, start, tokens, type_name};
use super::{Reader, about};
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// A grant, or its opposite, of one object.
#[derive(Clone)]
pub struct Grant {
    at: usize,
    gives: bool,
    object: Object,
    /// As SQL spells them; none for all.
    privileges: Option<BTreeSet<String>>,
    roles: Vec<SqlIdent>,
}

#[derive(Clone)]
enum Object {
    /// A table, a view or a sequence.
    Relation(ObjectName),
    Sequence(ObjectName),
    Function(ObjectName),
    Schema(SqlIdent),
}

/// The names of roles; everyone is `public`.
pub fn roles(node: &SyntaxNode) -> Take<Vec<SqlIdent>> {
    let mut parts = Parts::of(node);
    let all = parts.nodes(SyntaxKind::ROLE_REF).iter().map(ident).collect();
    parts.end(",")?;
    all
}

/// Privileges as SQL spells them; none for all.
pub fn privileges(parts: &mut Parts) -> Take<Option<BTreeSet<String>>> {
    use SyntaxKind::*;
    if parts.node(ALL_PRIVILEGES).is_some() {
        return Ok(None);
    }
    let mut list = Parts::of(&parts.must(REVOKE_COMMAND_LIST)?);
    let mut all = BTreeSet::new();
    for one in list.nodes(REVOKE_COMMAND) {
        let words: Vec<String> = tokens(&one).map(|token| token.text().to_ascii_lowercase()).collect();
        match words.as_slice() {
            [word] => all.insert(word.clone()),
            _ => return loss(&one, "privileges of single columns have no place in the model"),
        };
    }
    list.end(",")?;
    Ok(Some(all))
}

/// The name of a function and the types of its arguments, when they are said.
pub fn signature(node: &SyntaxNode) -> Take<(ObjectName, Option<Vec<TypeName>>)> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    let name = object(&parts.any()?)?;
    let Some(list) = parts.node(PARAM_LIST) else { return Ok((name, None)) };
    let mut kinds = Vec::new();
    for param in Parts::of(&list).nodes(PARAM) {
        let mut param = Parts::of(&param);
        param.node(PARAM_IN);
        param.node(PARAM_NAME);
        kinds.push(type_name(&param.any()?)?);
        param.end("")?;
    }
    parts.end("")?;
    Ok((name, Some(kinds)))
}

impl Reader {
    /// `OWNER TO` among the parts of a statement.
    pub(super) fn owner(&mut self, parts: &mut Parts) -> Take<()> {
        let Some(found) = parts.node(SyntaxKind::OWNER_TO) else { return Ok(()) };
        let mut owner = Parts::of(&found);
        let role = ident(&owner.must(SyntaxKind::ROLE_REF)?)?;
        self.owners.entry(role.to_string()).or_insert_with(|| start(&found));
        owner.end("OWNER TO")
    }

    /// `ALTER … OWNER TO` of what has no other changes here.
    pub(super) fn alter_owner(&mut self, node: &SyntaxNode) -> Take<()> {
        let mut parts = Parts::of(node);
        self.subject = about(node);
        self.owner(&mut parts)?;
        parts.any()?;
        parts.end("ALTER TYPE DOMAIN VIEW MATERIALIZED FUNCTION PROCEDURE SCHEMA ;")
    }

    pub(super) fn grant(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let gives = node.kind() == GRANT;
        let mut parts = Parts::of(node);
        let Some(on) = parts.node(ON_PRIVILEGE_OBJECTS_CLAUSE) else {
            return loss(node, "membership in roles has no place in the model");
        };
        self.subject = format!("{} {}", if gives { "GRANT" } else { "REVOKE" }, about(&on));
        let privileges = privileges(&mut parts)?;
        let roles = roles(&parts.must(ROLE_REF_LIST)?)?;
        parts.end(if gives { "GRANT TO ;" } else { "REVOKE FROM ;" })?;
        for object in self.objects(&on)? {
            if let (Object::Relation(name), None, true) = (&object, &privileges, gives) {
                let what = format!(
                    "ALL on {name} is what a table has up to PostgreSQL 16; MAINTAIN of later ones is left out"
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

    fn objects(&self, on: &SyntaxNode) -> Take<Vec<Object>> {
        use SyntaxKind::*;
        let target = Parts::of(on).any()?;
        let mut parts = Parts::of(&target);
        let mut all = Vec::new();
        match target.kind() {
            PRIVILEGE_DEFAULT | PRIVILEGE_TABLE => {
                for found in parts.nodes(RELATION_NAME_REF) {
                    all.push(Object::Relation(object(&found)?));
                }
            }
            PRIVILEGE_SEQUENCE => {
                for found in parts.nodes(SEQUENCE_REF) {
                    all.push(Object::Sequence(object(&found)?));
                }
            }
            PRIVILEGE_FUNCTION | PRIVILEGE_PROCEDURE | PRIVILEGE_ROUTINE => {
                for found in Parts::of(&parts.any()?).rest() {
                    all.push(Object::Function(signature(&found)?.0));
                }
            }
            PRIVILEGE_SCHEMA => {
                for found in parts.nodes(SCHEMA_REF) {
                    all.push(Object::Schema(ident(&found)?));
                }
            }
            PRIVILEGE_ALL_TABLES_IN_SCHEMA => {
                let schemas = parts.nodes(SCHEMA_REF).iter().map(ident).collect::<Take<Vec<_>>>()?;
                let inside = |name: &&ObjectName| schemas.iter().any(|schema| schema.as_str() == name.schema());
                let known = self.schema.tables.keys().chain(self.schema.views.keys()).chain(self.parts.keys());
                all.extend(known.filter(inside).cloned().map(Object::Relation));
            }
            PRIVILEGE_ALL_SEQUENCES_IN_SCHEMA => {
                let schemas = parts.nodes(SCHEMA_REF).iter().map(ident).collect::<Take<Vec<_>>>()?;
                let inside = |name: &&ObjectName| schemas.iter().any(|schema| schema.as_str() == name.schema());
                let numbered = |table: &Table| table.columns.values().any(|column| column.identity.is_some());
                if self.schema.tables.iter().any(|(name, table)| inside(&name) && numbered(table)) {
                    return loss(&target, "privileges on the sequences of identities have no place in the model");
                }
                all.extend(self.schema.sequences.keys().filter(inside).cloned().map(Object::Sequence));
            }
            _ => return loss(&target, format!("privileges on `{}` have no place in the model", clause(&target))),
        }
        parts.end("TABLE SEQUENCE FUNCTION PROCEDURE ROUTINE SCHEMA ALL TABLES SEQUENCES IN ,")?;
        Ok(all)
    }

    /// Weighs owners and grants.
    pub(super) fn weigh(&mut self) {
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
                    let what =
                        format!("objects belong to several roles: {}; a database has one owner", names.join(", "));
                    self.losses.push(Unsupported { at: *at, what });
                }
            }
        }
        let owner = owners.first().map(|(owner, _)| owner.as_str());
        for mut grant in std::mem::take(&mut self.grants) {
            grant.roles.retain(|role| Some(role.as_str()) != owner);
            for role in grant.roles.clone() {
                let Some(grant) = self.unsettled(&grant, &role) else { continue };
                if let Err(what) = self.give(&grant, &role) {
                    self.losses.push(Unsupported { at: grant.at, what });
                }
            }
        }
        self.weigh_defaults(owner);
        if let Some(at) = self.hidden {
            let what = "the schema public: that not everyone may use it has no place in the model".into();
            self.losses.push(Unsupported { at, what });
        }
        for (name, function) in &mut self.schema.functions {
            let open = !self.closed.contains(name);
            if open && !function.is_for_everyone() {
                // The model takes the right of everyone away, which has to be said when it was not.
                let everyone = SqlIdent::wrap(PUBLIC.into());
                function.grants.entry(everyone).or_default().insert(FunctionPrivilege::Execute);
            } else if !open && function.is_for_everyone() {
                let at = self.places.get(&format!("functions.{name}")).copied().unwrap_or_default();
                let what = format!("the function {name}: that only its owner may call it has no place in the model");
                self.losses.push(Unsupported { at, what });
            }
        }
    }

    /// A grant without what follows from a service's access; nothing where that is all.
    fn unsettled(&self, grant: &Grant, role: &SqlIdent) -> Option<Grant> {
        let mut left = grant.clone();
        let target = match &grant.object {
            Object::Relation(name) if self.schema.sequences.contains_key(name) => Target::Sequences,
            Object::Relation(_) => Target::Tables,
            Object::Sequence(_) => Target::Sequences,
            Object::Schema(_) => Target::Schemas,
            Object::Function(_) => return Some(left),
        };
        if let (true, Some(privileges)) = (grant.gives, &mut left.privileges) {
            privileges.retain(|privilege| !self.service_rights.holds(target, role, privilege));
            if privileges.is_empty() {
                return None;
            }
        }
        Some(left)
    }

    fn give(&mut self, grant: &Grant, role: &SqlIdent) -> Result<(), String> {
        let part = self.parts.keys().cloned().collect::<BTreeSet<_>>();
        let missing = |name: &ObjectName| match part.contains(name) {
            true => format!("what roles may do with the partition {name} alone has no place in the model"),
            false => format!("there is no `{name}` to grant"),
        };
        let Grant { gives, privileges, .. } = grant;
        match &grant.object {
            Object::Relation(name) => {
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
            Object::Sequence(name) => {
                let sequence = self.schema.sequences.get_mut(name).ok_or_else(|| missing(name))?;
                change(&mut sequence.grants, role, privileges.as_ref(), *gives)
            }
            Object::Function(name) => {
                let function = self.schema.functions.get_mut(name).ok_or_else(|| missing(name))?;
                if role.as_str() == PUBLIC {
                    if *gives {
                        self.closed.remove(name);
                    } else {
                        self.closed.insert(name.clone());
                    }
                    return Ok(());
                }
                change(&mut function.grants, role, privileges.as_ref(), *gives)
            }
            Object::Schema(name) => {
                // Everyone may use `public` from the start.
                let everyone = name.as_str() == PUBLIC && role.as_str() == PUBLIC;
                let usage = privileges.as_ref().is_none_or(|all| all.contains("usage"));
                if everyone && usage {
                    self.hidden = (!*gives).then_some(grant.at);
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

/// Adds to what a role may do, or takes away from it.
pub fn change<P: Privilege + 'static>(
    grants: &mut Grants<P>,
    role: &SqlIdent,
    privileges: Option<&BTreeSet<String>>,
    gives: bool,
) -> Result<(), String> {
    let named: BTreeSet<P> = match privileges {
        None => P::ALL.iter().copied().collect(),
        Some(words) => {
            let one = |word: &String| P::ALL.iter().copied().find(|known| known.sql().eq_ignore_ascii_case(word));
            let found = words
                .iter()
                .map(|word| one(word).ok_or_else(|| format!("the privilege `{word}` has no place in the model")));
            found.collect::<Result<_, _>>()?
        }
    };
    let held = grants.entry(role.clone()).or_default();
    if gives {
        held.extend(named);
    } else {
        held.retain(|privilege| !named.contains(privilege));
    }
    if held.is_empty() {
        grants.remove(role);
    }
    Ok(())
}
