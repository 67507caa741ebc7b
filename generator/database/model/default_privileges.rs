//! Privileges that the server grants on objects which are created later.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// Privileges on all objects of a kind, including those that are created later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefaultPrivileges {
    /// On tables and views.
    #[serde(skip_serializing_if = "is_default")]
    pub tables: Grants<TablePrivilege>,
    /// On sequences, also those of identity columns.
    #[serde(skip_serializing_if = "is_default")]
    pub sequences: Grants<SequencePrivilege>,
    /// On functions and procedures.
    #[serde(skip_serializing_if = "is_default")]
    pub functions: Grants<FunctionPrivilege>,
    /// On types and domains.
    #[serde(skip_serializing_if = "is_default")]
    pub types: Grants<TypePrivilege>,
    /// On schemas; only for the whole database.
    #[serde(skip_serializing_if = "is_default")]
    pub schemas: Grants<SchemaPrivilege>,
    /// Takes the right to call functions from everyone, except for functions with `grants.public`; only for the whole
    /// database.
    #[serde(skip_serializing_if = "is_default")]
    pub private_functions: bool,
    /// Takes the right to use types from everyone, except for types with `grants.public`; only for the whole database.
    #[serde(skip_serializing_if = "is_default")]
    pub private_types: bool,
}

impl DefaultPrivileges {
    /// Returns the roles that have default privileges.
    pub fn roles(&self) -> impl Iterator<Item = &SqlIdent> {
        let on_relations = self.tables.keys().chain(self.sequences.keys());
        on_relations.chain(self.functions.keys()).chain(self.types.keys()).chain(self.schemas.keys())
    }
}

/// Adds privileges to the grants of an object.
fn add_all<P: Privilege>(grants: &mut Grants<P>, added: &Grants<P>) {
    for (role, privileges) in added {
        grants.entry(role.clone()).or_default().extend(privileges.iter().copied());
    }
}

impl Schema {
    /// Adds default privileges to the grants of all objects, since the server applies them only to objects that are
    /// created later.
    pub fn apply_default_privileges(&mut self) {
        let in_database = self.default_privileges.clone();
        for namespace in self.schemas.iter_mut().filter(|(name, _)| name.as_str() != PUBLIC_SCHEMA).map(|(_, it)| it) {
            add_all(&mut namespace.grants, &in_database.schemas);
        }
        self.make_private(&in_database);
        let in_schemas = self.schemas.iter().map(|(name, namespace)| (name.to_string(), &namespace.default_privileges));
        let in_schemas: Vec<(String, DefaultPrivileges)> = in_schemas.map(|(name, it)| (name, it.clone())).collect();
        self.grant_defaults(None, &in_database);
        for (schema, privileges) in &in_schemas {
            self.grant_defaults(Some(schema), privileges);
        }
    }

    /// Takes the rights that everyone has on functions and types by default.
    fn make_private(&mut self, privileges: &DefaultPrivileges) {
        if privileges.private_functions {
            self.functions.values_mut().for_each(|function| function.private |= function.is_callable_by_everyone());
        }
        if privileges.private_types {
            self.types.values_mut().for_each(|kind| kind.set_private(true));
        }
    }

    /// Adds default privileges in a schema, or in all schemas.
    fn grant_defaults(&mut self, schema: Option<&str>, privileges: &DefaultPrivileges) {
        let is_included = |name: &ObjectName| schema.is_none_or(|schema| name.schema() == schema);
        for (_, table) in self.tables.iter_mut().filter(|(name, _)| is_included(name)) {
            add_all(&mut table.grants, &privileges.tables);
            for column in table.columns.values_mut().filter(|column| column.identity.is_some()) {
                add_all(&mut column.identity_grants, &privileges.sequences);
            }
        }
        for (_, view) in self.views.iter_mut().filter(|(name, _)| is_included(name)) {
            add_all(&mut view.grants, &privileges.tables);
        }
        for (_, sequence) in self.sequences.iter_mut().filter(|(name, _)| is_included(name)) {
            add_all(&mut sequence.grants, &privileges.sequences);
        }
        for (_, kind) in self.types.iter_mut().filter(|(name, _)| is_included(name)) {
            add_all(kind.rights_mut().0, &privileges.types);
        }
        if privileges.functions.is_empty() {
            return;
        }
        for (_, function) in self.functions.iter_mut().filter(|(name, _)| is_included(name)) {
            // Grants alone would take the right from everyone else.
            function.grants = function.effective_grants();
            add_all(&mut function.grants, &privileges.functions);
        }
    }

    /// Returns the privileges that the server grants on a new table of a schema.
    pub fn default_table_grants(&self, schema: &str) -> Grants<TablePrivilege> {
        let mut grants = self.default_privileges.tables.clone();
        if let Some((_, namespace)) = self.schemas.iter().find(|(name, _)| name.as_str() == schema) {
            add_all(&mut grants, &namespace.default_privileges.tables);
        }
        grants
    }
}
