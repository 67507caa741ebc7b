//! The privileges that a definition grants to roles, as one list over all objects.

use std::collections::BTreeSet;

use serde::Serialize;

use super::default_names::identity_sequence_name;
use super::model::{Grants, ObjectName, PUBLIC_ROLE, Privilege, Schema};
use crate::values::SqlIdent;

/// A privilege that a definition grants to a role: role, kind of object, privilege, whether it is a default privilege,
/// and the object. An object is written as in SQL, a schema by its name; `*` means all schemas.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DeclaredPrivilege(SqlIdent, &'static str, &'static str, bool, String);

/// A kind of object, as its keyword in SQL.
type Kind = &'static str;

const TABLE: Kind = "TABLE";
const SEQUENCE: Kind = "SEQUENCE";
const SCHEMA: Kind = "SCHEMA";
/// The schema of default privileges in all schemas.
const ALL_SCHEMAS: &str = "*";

#[derive(Default)]
struct Privileges(BTreeSet<DeclaredPrivilege>);

impl Privileges {
    /// Adds the grants on an object, or the default privileges in the schema `object`.
    fn add<P: Privilege>(&mut self, kind: Kind, is_default: bool, object: &str, grants: &Grants<P>) {
        for (role, privileges) in grants.iter().filter(|(role, _)| role.as_str() != PUBLIC_ROLE) {
            let declared =
                |privilege: &P| DeclaredPrivilege(role.clone(), kind, privilege.sql(), is_default, object.to_owned());
            self.0.extend(privileges.iter().map(declared));
        }
    }
}

/// Returns the privileges on schemas, tables, views and sequences that a definition grants to roles other than PUBLIC,
/// with the default privileges.
pub fn declared_privileges(definition: &Schema) -> BTreeSet<DeclaredPrivilege> {
    let mut declared = Privileges::default();
    let schemas = definition.schemas.iter().map(|(name, schema)| (name.as_str(), &schema.default_privileges));
    for (schema, privileges) in schemas.chain([(ALL_SCHEMAS, &definition.default_privileges)]) {
        declared.add(TABLE, true, schema, &privileges.tables);
        declared.add(SEQUENCE, true, schema, &privileges.sequences);
        declared.add(SCHEMA, true, schema, &privileges.schemas);
    }
    for (name, schema) in &definition.schemas {
        declared.add(SCHEMA, false, name.as_str(), &schema.grants);
    }
    for (name, table) in &definition.tables {
        // The setup job runs before the migration that renames the table.
        let old_name = table.renamed_from.as_ref().map(|old| ObjectName::new_in(name.schema(), old.as_str()));
        // The table may also move from a different schema.
        let is_elsewhere = |other: &ObjectName| other.schema() != name.schema();
        let moved_from = table
            .renamed_from
            .as_ref()
            .map(|old| name.old_name(old, is_elsewhere, |other| definition.tables.contains_key(other)));
        for name in [name.clone()].into_iter().chain(old_name).chain(moved_from) {
            declared.add(TABLE, false, &name.sql(), &table.grants);
            for (column, content) in &table.columns {
                let sequence = identity_sequence_name(&name, column);
                declared.add(SEQUENCE, false, &sequence.sql(), &content.identity_grants);
            }
        }
    }
    for (name, view) in &definition.views {
        declared.add(TABLE, false, &name.sql(), &view.grants);
    }
    for (name, sequence) in &definition.sequences {
        declared.add(SEQUENCE, false, &name.sql(), &sequence.grants);
    }
    declared.0
}
