//! A database as the user describes it and as its snapshot keeps it: one set of types for both. Hints for the
//! next migration (`renamed_from`, `backfill`, `using`, `allow`) are read and never kept.

mod graphql;
mod names;
mod routine;
mod table;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use graphql::*;
pub use names::*;
pub use routine::*;
pub use table::*;
pub use types::*;

use super::hazard::Hazard;
use crate::stack::{EnvironmentName, ExtensionName, ServiceName, SqlIdent, Text};

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Database")]
pub struct Schema {
    /// Whose rows are told apart, and how; then each table has a `scope`.
    #[serde(skip_serializing)]
    pub convention: Convention,
    /// The Hasura that serves the tables as GraphQL.
    #[serde(skip_serializing)]
    pub served_by: Option<ServiceName>,
    /// Schemas beyond `public`, with comment and grants.
    #[serde(skip_serializing_if = "is_default")]
    pub schemas: BTreeMap<SqlIdent, Namespace>,
    /// Extensions, installed in `public`.
    #[serde(skip_serializing_if = "is_default")]
    pub extensions: BTreeSet<ExtensionName>,
    /// Enumerations, domains and composite types.
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
    /// Hazards that were reviewed: object, hazard, reason. An object is `orders`, `orders.note` (a column or
    /// anything else of a table) or `audit.orders.note`.
    #[serde(skip_serializing)]
    pub allow: BTreeMap<String, BTreeMap<Hazard, Text>>,
    /// SQL that fills tables, per environment; runs after the migrations, must be repeatable.
    #[serde(skip_serializing)]
    pub seeds: BTreeMap<EnvironmentName, Vec<Statements>>,
}

/// A schema other than `public`, or what is said about `public`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Namespace {
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    /// Roles that may use it, or create in it.
    #[serde(skip_serializing_if = "is_default")]
    pub grants: Grants<SchemaPrivilege>,
    /// What roles may do with tables that are yet to come.
    #[serde(skip_serializing_if = "is_default")]
    pub default_privileges: Grants<TablePrivilege>,
}

/// Role to privileges; `public` means everyone.
pub type Grants<P> = BTreeMap<SqlIdent, BTreeSet<P>>;

/// A privilege by its SQL name.
pub trait Privilege: Copy + Ord {
    fn sql(self) -> &'static str;
}

macro_rules! privileges {
    ($(#[$doc:meta])* $name:ident: $($variant:ident $sql:literal),*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($variant),* }

        impl Privilege for $name {
            fn sql(self) -> &'static str {
                match self { $($name::$variant => $sql),* }
            }
        }
    };
}

privileges! {
    /// What a role may do with a table or view.
    TablePrivilege: Select "SELECT", Insert "INSERT", Update "UPDATE", Delete "DELETE", Truncate "TRUNCATE",
    References "REFERENCES", Trigger "TRIGGER"
}
privileges! {
    /// What a role may do with a sequence.
    SequencePrivilege: Usage "USAGE", Select "SELECT", Update "UPDATE"
}
privileges! {
    /// What a role may do with a schema.
    SchemaPrivilege: Usage "USAGE", Create "CREATE"
}
privileges! {
    /// What a role may do with a function.
    FunctionPrivilege: Execute "EXECUTE"
}

/// How rows of different owners are told apart. The two never mix in one database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    #[default]
    None,
    /// Several applications share tables: `source_account_id text NOT NULL DEFAULT 'primary'`.
    App,
    /// Customers share tables and must never see each other: `tenant_id uuid` under forced row security.
    Tenant,
}

/// To whom a table's rows belong, in a database with a convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To one application each.
    App,
    /// To one tenant each.
    Tenant,
    /// To everyone, such as a list of countries.
    Shared,
}
