//! Partitions of a table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// The division of a table into partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionBy {
    pub strategy: Strategy,
    pub columns: Vec<SqlName>,
}

/// The rule that determines the partition of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    Range,
    List,
    Hash,
}

/// The rows of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// From the first up to, not including, the second; one expression per column.
    Range {
        from: Vec<Expression>,
        to: Vec<Expression>,
    },
    In(Vec<Expression>),
    Hash {
        modulus: u32,
        remainder: u32,
    },
    /// Rows that belong to no other partition.
    Default,
}
