//! Sequences.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

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
    /// Returns the column in SQL, as after OWNED BY: `"public"."orders"."id"`.
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
    /// Returns whether the sequence counts down.
    pub fn is_descending(&self) -> bool {
        self.increment.unwrap_or(1) < 0
    }

    /// Returns the smallest and the largest number that the sequence can give.
    pub fn bounds(&self) -> (i64, i64) {
        let (smallest, largest) = self.kind.bounds();
        let (default_min, default_max) = if self.is_descending() { (smallest, -1) } else { (1, largest) };
        (self.min.unwrap_or(default_min), self.max.unwrap_or(default_max))
    }

    /// Returns the first number of the sequence if `start` is not given.
    pub fn default_start(&self) -> i64 {
        if self.is_descending() { self.max.unwrap_or(-1) } else { self.min.unwrap_or(1) }
    }
}

impl SequenceKind {
    /// Returns the type of the sequence of an identity column with this type.
    pub fn of_type(kind: &TypeName) -> SequenceKind {
        match kind.as_str() {
            "smallint" => SequenceKind::Smallint,
            "integer" => SequenceKind::Integer,
            _ => SequenceKind::Bigint,
        }
    }

    /// Returns the smallest and the largest value of the type.
    pub fn bounds(self) -> (i64, i64) {
        match self {
            SequenceKind::Smallint => (i16::MIN.into(), i16::MAX.into()),
            SequenceKind::Integer => (i32::MIN.into(), i32::MAX.into()),
            SequenceKind::Bigint => (i64::MIN, i64::MAX),
        }
    }

    pub fn sql(self) -> &'static str {
        match self {
            SequenceKind::Smallint => "smallint",
            SequenceKind::Integer => "integer",
            SequenceKind::Bigint => "bigint",
        }
    }
}
