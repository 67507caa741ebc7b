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
    /// Condition of a partial index, which contains only rows that meet it.
    #[serde(rename = "where", skip_serializing_if = "is_default")]
    pub predicate: Option<Expression>,
    /// Storage parameters, such as `fillfactor`.
    #[serde(skip_serializing_if = "is_default")]
    pub storage: StorageParameters,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
}

impl Index {
    /// Returns the names of the columns; `None` if a part of the index is an expression.
    pub fn column_names(&self) -> Option<Vec<SqlName>> {
        self.columns.iter().map(|column| column.column.clone()).collect()
    }

    /// Returns the index without the properties that PostgreSQL can change without building the index again. Storage
    /// parameters of an index of a partitioned table cannot be changed.
    pub fn structure(&self, is_partitioned: bool) -> Index {
        let columns = self.columns.iter().map(|column| IndexColumn { statistics: None, ..column.clone() });
        let storage = if is_partitioned { self.storage.clone() } else { StorageParameters::new() };
        Index { columns: columns.collect(), storage, comment: None, ..self.clone() }
    }
}

/// A column or an expression; exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IndexColumn {
    #[serde(skip_serializing_if = "is_default")]
    pub column: Option<SqlName>,
    #[serde(skip_serializing_if = "is_default")]
    pub expression: Option<Expression>,
    /// Operator class, such as `text_pattern_ops`, with the schema unless that is `public` or `pg_catalog`.
    #[serde(skip_serializing_if = "is_default")]
    pub opclass: Option<ObjectName>,
    /// Parameters of the operator class, such as `siglen`.
    #[serde(skip_serializing_if = "is_default")]
    pub opclass_options: StorageParameters,
    /// Collation, if it is not that of the column.
    #[serde(skip_serializing_if = "is_default")]
    pub collation: Option<Collation>,
    /// How precise the statistics of an expression are, 0 to 10000; the server's default unless given.
    #[serde(skip_serializing_if = "is_default")]
    pub statistics: Option<u16>,
    #[serde(skip_serializing_if = "is_default")]
    pub descending: bool,
    /// Position of NULLs, if it is not the default: last in ascending order, first in descending order.
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
