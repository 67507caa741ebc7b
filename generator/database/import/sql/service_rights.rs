//! Rights that the setup job, which creates the databases and roles on the server, grants to the role of a service, as
//! default privileges of the owner: on the rows of all tables, on sequences and schemas. These rights follow from the
//! service's access in the stack, so they are not part of a definition.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::database::model::{Grants, Privilege, Schema};
use crate::values::SqlIdent;

/// A kind of object on which the setup job grants rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceRightTarget {
    Tables,
    Sequences,
    Schemas,
}

impl ServiceRightTarget {
    /// Returns the kind of object for a node after ON, such as TABLES; `None` for other kinds.
    fn from_kind(kind: SyntaxKind) -> Option<ServiceRightTarget> {
        match kind {
            SyntaxKind::PRIVILEGE_TARGET_TABLES => Some(ServiceRightTarget::Tables),
            SyntaxKind::PRIVILEGE_TARGET_SEQUENCES => Some(ServiceRightTarget::Sequences),
            SyntaxKind::PRIVILEGE_TARGET_SCHEMAS => Some(ServiceRightTarget::Schemas),
            _ => None,
        }
    }

    /// Returns the word for such objects in messages.
    pub fn plural(self) -> &'static str {
        match self {
            ServiceRightTarget::Tables => "tables",
            ServiceRightTarget::Sequences => "sequences",
            ServiceRightTarget::Schemas => "schemas",
        }
    }

    /// Returns the names of the privileges that the setup job grants, in alphabetical order.
    fn privileges(self) -> &'static [&'static str] {
        match self {
            ServiceRightTarget::Tables => &["delete", "insert", "select", "update"],
            ServiceRightTarget::Sequences => &["select", "usage"],
            ServiceRightTarget::Schemas => &["usage"],
        }
    }
}

/// The roles of services to which the setup job grants its rights, by kind of object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceRights(BTreeMap<ServiceRightTarget, BTreeSet<SqlIdent>>);

impl ServiceRights {
    /// Returns the kind of object in a clause `GRANT … ON …` if the privileges are exactly those that the setup job
    /// grants.
    pub fn exact_target(clause: &SyntaxNode, privileges: Option<&BTreeSet<String>>) -> Option<ServiceRightTarget> {
        let target = clause.children().find_map(|child| ServiceRightTarget::from_kind(child.kind()))?;
        let privileges = privileges?.iter().map(String::as_str);
        privileges.eq(target.privileges().iter().copied()).then_some(target)
    }

    /// Adds the rights of a role on a kind of object.
    pub fn insert(&mut self, target: ServiceRightTarget, role: SqlIdent) {
        self.0.entry(target).or_default().insert(role);
    }

    /// Returns whether the setup job grants a privilege to a role.
    pub fn contains(&self, target: ServiceRightTarget, role: &SqlIdent, privilege: &str) -> bool {
        let has_rights = self.0.get(&target).is_some_and(|roles| roles.contains(role));
        has_rights && target.privileges().iter().any(|name| name.eq_ignore_ascii_case(privilege))
    }

    /// Removes the rights from the grants of a schema.
    pub fn remove_from(&self, schema: &mut Schema) {
        for namespace in schema.schemas.values_mut() {
            self.remove_from_grants(ServiceRightTarget::Schemas, &mut namespace.grants, &namespace.grant_options);
        }
        for table in schema.tables.values_mut() {
            self.remove_from_grants(ServiceRightTarget::Tables, &mut table.grants, &table.grant_options);
            for column in table.columns.values_mut() {
                let options = &column.identity_grant_options;
                self.remove_from_grants(ServiceRightTarget::Sequences, &mut column.identity_grants, options);
            }
        }
        for view in schema.views.values_mut() {
            self.remove_from_grants(ServiceRightTarget::Tables, &mut view.grants, &view.grant_options);
        }
        for sequence in schema.sequences.values_mut() {
            self.remove_from_grants(ServiceRightTarget::Sequences, &mut sequence.grants, &sequence.grant_options);
        }
    }

    /// Removes the rights from grants, except for privileges that the role may grant to others.
    fn remove_from_grants<P: Privilege>(
        &self,
        target: ServiceRightTarget,
        grants: &mut Grants<P>,
        options: &Grants<P>,
    ) {
        for (role, privileges) in grants.iter_mut() {
            let may_grant = |privilege: &P| options.get(role).is_some_and(|options| options.contains(privilege));
            privileges.retain(|privilege| may_grant(privilege) || !self.contains(target, role, privilege.sql()));
        }
        grants.retain(|_, privileges| !privileges.is_empty());
    }
}
