//! Rights that the setup job grants to the role of a service, as default privileges of the owner: on the rows of all
//! tables, on sequences and schemas. They follow from the service's access in the stack, so they are not part of a
//! definition.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::database::model::{Grants, Privilege, Schema};
use crate::values::SqlIdent;

/// A kind of object on which the setup job grants rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Tables,
    Sequences,
    Schemas,
}

impl Target {
    fn from_kind(kind: SyntaxKind) -> Option<Target> {
        match kind {
            SyntaxKind::PRIVILEGE_TARGET_TABLES => Some(Target::Tables),
            SyntaxKind::PRIVILEGE_TARGET_SEQUENCES => Some(Target::Sequences),
            SyntaxKind::PRIVILEGE_TARGET_SCHEMAS => Some(Target::Schemas),
            _ => None,
        }
    }

    /// Returns the word for such objects in messages.
    pub fn plural(self) -> &'static str {
        match self {
            Target::Tables => "tables",
            Target::Sequences => "sequences",
            Target::Schemas => "schemas",
        }
    }

    /// Returns the names of the privileges that the setup job grants, in alphabetical order.
    fn privileges(self) -> &'static [&'static str] {
        match self {
            Target::Tables => &["delete", "insert", "select", "update"],
            Target::Sequences => &["select", "usage"],
            Target::Schemas => &["usage"],
        }
    }
}

/// The roles of services that have these rights, for each kind of object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceRights(BTreeMap<Target, BTreeSet<SqlIdent>>);

impl ServiceRights {
    /// Returns the kind of object in a clause `GRANT … ON …` if the privileges are exactly those that the setup job
    /// grants.
    pub fn exact_target(clause: &SyntaxNode, privileges: Option<&BTreeSet<String>>) -> Option<Target> {
        let target = clause.children().find_map(|child| Target::from_kind(child.kind()))?;
        let privileges = privileges?.iter().map(String::as_str);
        privileges.eq(target.privileges().iter().copied()).then_some(target)
    }

    pub fn insert(&mut self, target: Target, role: SqlIdent) {
        self.0.entry(target).or_default().insert(role);
    }

    /// Returns whether a privilege of a role is one of these rights.
    pub fn contains(&self, target: Target, role: &SqlIdent, privilege: &str) -> bool {
        let has_rights = self.0.get(&target).is_some_and(|roles| roles.contains(role));
        has_rights && target.privileges().iter().any(|name| name.eq_ignore_ascii_case(privilege))
    }

    /// Removes these rights from a schema.
    pub fn remove_from(&self, schema: &mut Schema) {
        for namespace in schema.schemas.values_mut() {
            self.remove_from_grants(Target::Schemas, &mut namespace.grants, &namespace.grant_options);
        }
        for table in schema.tables.values_mut() {
            self.remove_from_grants(Target::Tables, &mut table.grants, &table.grant_options);
        }
        for view in schema.views.values_mut() {
            self.remove_from_grants(Target::Tables, &mut view.grants, &view.grant_options);
        }
        for sequence in schema.sequences.values_mut() {
            self.remove_from_grants(Target::Sequences, &mut sequence.grants, &sequence.grant_options);
        }
    }

    /// Removes these rights from grants, except for those that the role may grant to others.
    fn remove_from_grants<P: Privilege>(&self, target: Target, grants: &mut Grants<P>, options: &Grants<P>) {
        for (role, privileges) in grants.iter_mut() {
            let may_grant = |privilege: &P| options.get(role).is_some_and(|options| options.contains(privilege));
            privileges.retain(|privilege| may_grant(privilege) || !self.contains(target, role, privilege.sql()));
        }
        grants.retain(|_, privileges| !privileges.is_empty());
    }
}
