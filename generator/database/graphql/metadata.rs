//! Types of Hasura's metadata, version 3.

use std::collections::BTreeMap;

use serde::Serialize;

use super::handlers::EventTrigger;
use crate::database::model::*;
use crate::values::{ApiRole, SqlIdent, VariableName};

/// One database of a Hasura service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HasuraSource {
    /// Name of the source in Hasura.
    pub name: String,
    /// The name of the database in the stack; `None` for a default source without tables.
    pub database: Option<SqlIdent>,
    /// Environment variable with the connection URL.
    pub variable: VariableName,
    /// The largest number of connections of one container; Hasura's default, 50, if the stack does not set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u16>,
    pub tables: Vec<TrackedTable>,
    pub functions: Vec<TrackedFunction>,
}

/// A tracked table or view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TrackedTable {
    pub table: QualifiedName,
    #[serde(skip_serializing_if = "is_default")]
    pub configuration: TableConfiguration,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub object_relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub array_relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub insert_permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub select_permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub update_permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete_permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_triggers: Vec<EventTrigger>,
}

/// A tracked function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrackedFunction {
    pub function: QualifiedName,
    #[serde(skip_serializing_if = "is_default")]
    pub configuration: FunctionConfiguration,
}

/// Names in GraphQL, where they differ from the names in the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_name: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_column_names: BTreeMap<SqlName, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FunctionConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_name: Option<String>,
}

/// Name and schema of a table, view or function.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct QualifiedName {
    pub name: String,
    pub schema: String,
}

/// A field of a table in the GraphQL API that holds a row of a different table, or an array of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relationship {
    pub name: String,
    pub using: RelationshipSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelationshipSource {
    pub foreign_key_constraint_on: KeyColumns,
}

/// The columns of the foreign key from which a relationship follows. Hasura has a separate form for a single column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum KeyColumns {
    /// A column of the table that has the relationship.
    Column(SqlName),
    Columns(Vec<SqlName>),
    /// A column of `table`, whose foreign key refers to the table that has the relationship.
    OtherColumn {
        column: SqlName,
        table: QualifiedName,
    },
    OtherColumns {
        columns: Vec<SqlName>,
        table: QualifiedName,
    },
}

/// The permission of a role for one operation on a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub role: ApiRole,
    pub permission: PermissionRule,
}

/// Maps a column to the session variable that it must equal.
pub type Filter = BTreeMap<SqlName, EqualsVariable>;

/// The condition that a column equals a session variable: `{"_eq": "X-Hasura-User-Id"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EqualsVariable {
    #[serde(rename = "_eq")]
    pub value: SessionVariable,
}

/// The content of a permission. A field that does not apply to the operation, such as `check` to a select, is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PermissionRule {
    /// Condition that new and changed rows must meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Filter>,
    /// Columns that an insert sets to the value of a session variable.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<SqlName, SessionVariable>,
    /// Columns that the role may read or write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<SqlName>>,
    /// Condition on the rows that the role can access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}
