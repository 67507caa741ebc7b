//! Indexes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// An index method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    #[default]
    Btree,
    Hash,
    Gin,
    Gist,
    Spgist,
    Brin,
    /// From the extension vector.
    Hnsw,
    /// From the extension vector.
    Ivfflat,
}

impl Method {
    pub fn sql(self) -> &'static str {
        match self {
            Method::Btree => "btree",
            Method::Hash => "hash",
            Method::Gin => "gin",
            Method::Gist => "gist",
            Method::Spgist => "spgist",
            Method::Brin => "brin",
            Method::Hnsw => "hnsw",
            Method::Ivfflat => "ivfflat",
        }
    }
}

/// An index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Index {
    pub columns: Vec<IndexColumn>,
    #[serde(skip_serializing_if = "is_default")]
    pub using: Method,
    #[serde(skip_serializing_if = "is_default")]
    pub unique: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub nulls_not_distinct: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub include: Vec<SqlName>,
    /// Contains only rows that meet the condition.
    #[serde(rename = "where", skip_serializing_if = "is_default")]
    pub predicate: Option<Expression>,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
}

/// A column or an expression; exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IndexColumn {
    #[serde(skip_serializing_if = "is_default")]
    pub column: Option<SqlName>,
    #[serde(skip_serializing_if = "is_default")]
    pub expression: Option<Expression>,
    /// Operator class, such as `text_pattern_ops`.
    #[serde(skip_serializing_if = "is_default")]
    pub opclass: Option<SqlIdent>,
    #[serde(skip_serializing_if = "is_default")]
    pub descending: bool,
    /// Position of NULLs, if it is not the default of the order.
    #[serde(skip_serializing_if = "is_default")]
    pub nulls: Option<Nulls>,
}

/// Position of NULLs in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Nulls {
    First,
    Last,
}
