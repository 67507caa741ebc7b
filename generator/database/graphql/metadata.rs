//! The words of Hasura's metadata, version 3.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::database::model::*;
use crate::values::{SqlIdent, VariableName};

/// One database of a Hasura.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HasuraSource {
    /// Its name in Hasura.
    pub name: String,
    /// The variable that holds its URL.
    pub variable: VariableName,
    pub tables: Vec<TrackedTable>,
    pub functions: Vec<TrackedFunction>,
}

/// A table or view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TrackedTable {
    pub table: QualifiedName,
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
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrackedFunction {
    pub function: QualifiedName,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct QualifiedName {
    pub name: String,
    pub schema: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relationship {
    pub name: String,
    pub using: Using,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Using {
    pub foreign_key_constraint_on: KeyColumns,
}

/// Columns of the table itself, or of another one that refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum KeyColumns {
    Column(SqlIdent),
    Columns(Vec<SqlIdent>),
    OtherColumn { column: SqlIdent, table: QualifiedName },
    OtherColumns { columns: Vec<SqlIdent>, table: QualifiedName },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub role: SqlIdent,
    pub permission: Rule,
}

/// Column to a comparison with a variable of the session.
pub type Filter = BTreeMap<SqlIdent, Equal>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Equal {
    #[serde(rename = "_eq")]
    pub value: SessionVariable,
}

/// What of it a kind of permission has, it has; the others are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// What new or changed rows meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Filter>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<SqlIdent, SessionVariable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<SqlIdent>>,
    /// Which rows there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}
