//! Enumerations, domains, composite types and sequences.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// A type that the database declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserType {
    Enum(Enumeration),
    Domain(Domain),
    Composite(Composite),
}

/// Labels in their sort order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Enumeration {
    pub values: Vec<Label>,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    /// Maps a new label to the old one.
    #[serde(skip_serializing)]
    pub renamed_values: BTreeMap<Label, Label>,
    #[serde(skip_serializing)]
    pub renamed_from: Option<SqlName>,
}

/// A type with conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    #[serde(rename = "type")]
    pub base: TypeName,
    #[serde(default, skip_serializing_if = "is_default")]
    pub collation: Option<Collation>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub not_null: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub default: Option<Expression>,
    /// Maps a name to a condition on `VALUE`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checks: BTreeMap<SqlName, Expression>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    #[serde(default, skip_serializing)]
    pub renamed_from: Option<SqlName>,
}

/// A composite type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Composite {
    pub attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    #[serde(skip_serializing)]
    pub renamed_from: Option<SqlName>,
}

/// An attribute of a composite type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    pub name: SqlName,
    #[serde(rename = "type")]
    pub kind: TypeName,
    #[serde(default, skip_serializing_if = "is_default")]
    pub collation: Option<Collation>,
}

impl UserType {
    pub fn comment(&self) -> Option<&Text> {
        match self {
            UserType::Enum(kind) => kind.comment.as_ref(),
            UserType::Domain(kind) => kind.comment.as_ref(),
            UserType::Composite(kind) => kind.comment.as_ref(),
        }
    }

    pub fn renamed_from(&self) -> Option<&SqlName> {
        match self {
            UserType::Enum(kind) => kind.renamed_from.as_ref(),
            UserType::Domain(kind) => kind.renamed_from.as_ref(),
            UserType::Composite(kind) => kind.renamed_from.as_ref(),
        }
    }
}

/// A sequence. Identity columns have implicit sequences, which are not listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sequence {
    #[serde(skip_serializing_if = "is_default")]
    pub kind: SequenceKind,
    #[serde(skip_serializing_if = "is_default")]
    pub start: Option<i64>,
    /// 1 by default.
    #[serde(skip_serializing_if = "is_default")]
    pub increment: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub min: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub max: Option<i64>,
    /// 1 by default.
    #[serde(skip_serializing_if = "is_default")]
    pub cache: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub cycle: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub grants: Grants<SequencePrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(skip_serializing_if = "is_default")]
    pub grant_options: Grants<SequencePrivilege>,
    /// The column to which the sequence belongs: dropping the column drops the sequence, as for `serial`.
    #[serde(skip_serializing_if = "is_default")]
    pub owned_by: Option<ColumnOf>,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    #[serde(skip_serializing)]
    pub renamed_from: Option<SqlName>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnOf {
    pub table: ObjectName,
    pub column: SqlName,
}

impl ColumnOf {
    /// Returns the column in SQL, as after OWNED BY.
    pub fn sql(&self) -> String {
        format!("{}.{}", self.table.sql(), quoted(&self.column))
    }
}

/// Integer type of a sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SequenceKind {
    Smallint,
    Integer,
    #[default]
    Bigint,
}

impl Sequence {
    /// Returns the first value of a sequence whose `start` is not given.
    pub fn default_start(&self) -> i64 {
        if self.increment.unwrap_or(1) < 0 { self.max.unwrap_or(-1) } else { self.min.unwrap_or(1) }
    }
}

impl SequenceKind {
    pub fn sql(self) -> &'static str {
        match self {
            SequenceKind::Smallint => "smallint",
            SequenceKind::Integer => "integer",
            SequenceKind::Bigint => "bigint",
        }
    }
}
