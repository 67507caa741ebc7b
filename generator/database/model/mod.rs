//! The types of a database definition: the user's files and the snapshot both use them. Hints for the next migration
//! (`renamed_from`, `backfill`, `using`, `allow`) are read and never stored.

mod built_in_types;
mod constraint;
mod convention;
mod default_privileges;
mod extension;
mod grants;
mod graphql;
mod index;
mod names;
mod object;
mod object_class;
mod object_cursor;
pub mod object_statement;
mod partition;
mod partition_key;
mod policy;
mod routine;
mod sequence;
mod sql_text;
mod storage;
mod table;
mod table_renames;
mod trigger;
mod type_modifiers;
mod type_name;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hazard::Hazard;
use crate::values::{Checked, EnvironmentName, ServiceName, SqlIdent, Text};

pub use built_in_types::*;
pub use constraint::*;
pub use convention::*;
pub use default_privileges::*;
pub use extension::*;
pub use grants::*;
pub use graphql::*;
pub use index::*;
pub use names::*;
pub use object::*;
pub use object_class::*;
pub use partition::*;
pub use partition_key::*;
pub use policy::*;
pub use routine::*;
pub use sequence::*;
pub use sql_text::*;
pub use storage::*;
pub use table::*;
pub use table_renames::*;
pub use trigger::*;
pub use type_name::*;
pub use types::*;

/// Returns whether a field has the default value of its type. Serialization leaves out such fields.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One database.
// This type describes the whole database. A schema of PostgreSQL is a [`Namespace`] here, as in PostgreSQL's catalogs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Database")]
pub struct Schema {
    /// The rule that separates rows of different owners. In a database with a convention, each table has a `scope`.
    #[serde(skip_serializing)]
    pub convention: Convention,
    /// The Hasura service that serves the tables as GraphQL.
    #[serde(skip_serializing)]
    pub served_by: Option<ServiceName>,
    /// Schemas besides `public`, and settings of `public`: comments and grants.
    #[serde(skip_serializing_if = "is_default")]
    pub schemas: BTreeMap<SqlName, Namespace>,
    /// Privileges on all objects of the database, including those that are created later.
    #[serde(skip_serializing_if = "is_default")]
    pub default_privileges: DefaultPrivileges,
    /// Extensions: names, or records with the schema and the version. They are in `public` by default.
    #[serde(skip_serializing_if = "is_default", with = "extension_list")]
    #[schemars(with = "Vec<ListedExtension>")]
    pub extensions: Extensions,
    /// Enumerations, domains, composite types and ranges.
    #[serde(skip_serializing_if = "is_default")]
    pub types: BTreeMap<ObjectName, UserType>,
    #[serde(skip_serializing_if = "is_default")]
    pub sequences: BTreeMap<ObjectName, Sequence>,
    #[serde(skip_serializing_if = "is_default")]
    pub tables: BTreeMap<ObjectName, Table>,
    /// Views, materialised or not.
    #[serde(skip_serializing_if = "is_default")]
    pub views: BTreeMap<ObjectName, View>,
    /// Functions and procedures.
    #[serde(skip_serializing_if = "is_default")]
    pub functions: BTreeMap<ObjectName, Function>,
    /// Other objects, as the statements that create them: collations, text search, aggregates, operators, casts,
    /// statistics, rules and publications. A key is the text after DROP in the statement that drops the object.
    #[serde(skip_serializing_if = "is_default")]
    pub objects: BTreeMap<ObjectKey, SqlObject>,
    /// Hazards that were reviewed and accepted: the reason, by object and hazard. An object is `orders`, `orders.note`
    /// (a column or another part of a table) or `audit.orders.note`.
    #[serde(skip_serializing)]
    pub allow: BTreeMap<String, BTreeMap<Hazard, Text>>,
    /// SQL that fills tables, per environment. Runs after the migrations and must be repeatable.
    #[serde(skip_serializing)]
    pub seeds: BTreeMap<EnvironmentName, Vec<Statements>>,
}

impl Schema {
    /// Returns the functions with this schema and name, each with its key. Functions that share a name have different
    /// keys.
    pub fn functions_named(&self, name: &ObjectName) -> impl Iterator<Item = (&ObjectName, &Function)> {
        self.functions.iter().filter(move |(key, function)| function.has_name(key, name))
    }

    /// Returns the functions of all schemas that have this name.
    pub fn functions_in_any_schema<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Function> {
        let functions = self.functions.iter().filter(move |(key, function)| function.unqualified_name(key) == name);
        functions.map(|(_, function)| function)
    }

    /// Copies to `other` what a server does not store: `allow`, and for objects that both schemas have, their hints,
    /// `scope` and `depends_on`. `other` is a different form of this schema, such as the one that a server printed.
    pub fn copy_hints_to(&self, other: &mut Schema) {
        other.allow.clone_from(&self.allow);
        for (name, table) in &mut other.tables {
            let Some(definition) = self.tables.get(name) else { continue };
            table.scope = definition.scope;
            table.renamed_from.clone_from(&definition.renamed_from);
            for (name, column) in &mut table.columns {
                let Some(definition) = definition.columns.get(name) else { continue };
                column.renamed_from.clone_from(&definition.renamed_from);
                column.backfill.clone_from(&definition.backfill);
                column.using.clone_from(&definition.using);
            }
        }
        for (name, user_type) in &mut other.types {
            match (user_type, self.types.get(name)) {
                (UserType::Enum(target), Some(UserType::Enum(definition))) => {
                    target.renamed_values.clone_from(&definition.renamed_values);
                    target.renamed_from.clone_from(&definition.renamed_from);
                }
                (UserType::Domain(target), Some(UserType::Domain(definition))) => {
                    target.renamed_from.clone_from(&definition.renamed_from);
                }
                (UserType::Composite(target), Some(UserType::Composite(definition))) => {
                    target.renamed_from.clone_from(&definition.renamed_from);
                }
                _ => {}
            }
        }
        for (name, sequence) in &mut other.sequences {
            sequence.renamed_from = self.sequences.get(name).and_then(|definition| definition.renamed_from.clone());
        }
        for (name, view) in &mut other.views {
            view.depends_on = self.views.get(name).map(|definition| definition.depends_on.clone()).unwrap_or_default();
        }
        for (name, function) in &mut other.functions {
            function.depends_on =
                self.functions.get(name).map(|definition| definition.depends_on.clone()).unwrap_or_default();
        }
        for (key, object) in &mut other.objects {
            object.depends_on =
                self.objects.get(key).map(|definition| definition.depends_on.clone()).unwrap_or_default();
        }
    }
}

/// A schema other than `public`, or settings of `public`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Namespace {
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    /// Roles that may use the schema or create objects in it.
    #[serde(skip_serializing_if = "is_default")]
    pub grants: Grants<SchemaPrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(skip_serializing_if = "is_default")]
    pub grant_options: Grants<SchemaPrivilege>,
    /// Limits the use of `public`, which everyone may use by default, to the roles in `grants`. Not for other schemas.
    #[serde(skip_serializing_if = "is_default")]
    pub private: bool,
    /// Privileges on all objects of the schema, including those that are created later.
    #[serde(skip_serializing_if = "is_default")]
    pub default_privileges: DefaultPrivileges,
}

impl Namespace {
    /// Returns the grants of the schema `name`; those of `public` include the privilege that everyone has by default.
    pub fn effective_grants(&self, name: &str) -> Grants<SchemaPrivilege> {
        let mut grants = self.grants.clone();
        if name == PUBLIC_SCHEMA && !self.private {
            grants.entry(SqlIdent::wrap(PUBLIC_ROLE.into())).or_default().insert(SchemaPrivilege::Usage);
        }
        grants
    }
}
