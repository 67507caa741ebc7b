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

/// Adds default privileges to the grants of an object.
fn add_grants<P: Privilege>(grants: &mut Grants<P>, default_grants: &Grants<P>) {
    for (role, privileges) in default_grants {
        grants.entry(role.clone()).or_default().extend(privileges.iter().copied());
    }
}

impl Schema {
    /// Adds default privileges to the grants of all objects, since the server applies them only to objects that are
    /// created later.
    pub fn apply_default_privileges(&mut self) {
        let database_defaults = self.default_privileges.clone();
        for (_, namespace) in self.schemas.iter_mut().filter(|(name, _)| name.as_str() != PUBLIC_SCHEMA) {
            add_grants(&mut namespace.grants, &database_defaults.schemas);
        }
        self.apply_private_defaults(&database_defaults);
        let schemas = self.schemas.iter();
        let schema_defaults: Vec<(String, DefaultPrivileges)> =
            schemas.map(|(name, namespace)| (name.to_string(), namespace.default_privileges.clone())).collect();
        self.grant_defaults(None, &database_defaults);
        for (schema, privileges) in &schema_defaults {
            self.grant_defaults(Some(schema), privileges);
        }
    }

    /// Makes functions and types private if the database takes the right to use them from everyone.
    fn apply_private_defaults(&mut self, privileges: &DefaultPrivileges) {
        if privileges.private_functions {
            self.functions.values_mut().for_each(|function| function.private |= function.is_callable_by_everyone());
        }
        if privileges.private_types {
            self.types.values_mut().for_each(|user_type| user_type.set_private(true));
        }
    }

    /// Adds default privileges to the grants of the objects in a schema; `None` means all schemas.
    fn grant_defaults(&mut self, schema: Option<&str>, privileges: &DefaultPrivileges) {
        let is_included = |name: &ObjectName| schema.is_none_or(|schema| name.schema() == schema);
        for (_, table) in self.tables.iter_mut().filter(|(name, _)| is_included(name)) {
            add_grants(&mut table.grants, &privileges.tables);
            for column in table.columns.values_mut().filter(|column| column.identity.is_some()) {
                add_grants(&mut column.identity_grants, &privileges.sequences);
            }
        }
        for (_, view) in self.views.iter_mut().filter(|(name, _)| is_included(name)) {
            add_grants(&mut view.grants, &privileges.tables);
        }
        for (_, sequence) in self.sequences.iter_mut().filter(|(name, _)| is_included(name)) {
            add_grants(&mut sequence.grants, &privileges.sequences);
        }
        for (_, user_type) in self.types.iter_mut().filter(|(name, _)| is_included(name)) {
            let (grants, _) = user_type.rights_mut();
            add_grants(grants, &privileges.types);
        }
        if privileges.functions.is_empty() {
            return;
        }
        for (_, function) in self.functions.iter_mut().filter(|(name, _)| is_included(name)) {
            // The first grant ends the right of everyone to call a function, so this right becomes a grant, too.
            function.grants = function.effective_grants();
            add_grants(&mut function.grants, &privileges.functions);
        }
    }

    /// Returns the privileges that the server grants on a new table of a schema.
    pub fn default_table_grants(&self, schema: &str) -> Grants<TablePrivilege> {
        let mut grants = self.default_privileges.tables.clone();
        if let Some((_, namespace)) = self.schemas.iter().find(|(name, _)| name.as_str() == schema) {
            add_grants(&mut grants, &namespace.default_privileges.tables);
        }
        grants
    }
}
