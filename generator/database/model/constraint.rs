//! Constraints of a table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// The time at which a constraint is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deferrable {
    #[default]
    No,
    /// Checked after each statement; a transaction can defer the check to its end with SET CONSTRAINTS.
    Immediate,
    /// Checked at the end of the transaction.
    Deferred,
}

/// Columns whose values differ in every two rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unique {
    pub columns: Vec<SqlName>,
    /// Additional columns that the index contains.
    #[serde(skip_serializing_if = "is_default")]
    pub include: Vec<SqlName>,
    /// Treats NULLs as equal to each other.
    #[serde(skip_serializing_if = "is_default")]
    pub nulls_not_distinct: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub deferrable: Deferrable,
}

/// Columns whose values must exist in another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    pub columns: Vec<SqlName>,
    pub references: Target,
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_delete: Action,
    /// Columns that `on_delete` sets to NULL or to their default; all columns of the key by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_delete_columns: Vec<SqlName>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_update: Action,
    #[serde(default, skip_serializing_if = "is_default")]
    pub deferrable: Deferrable,
}

/// Table and columns to which a foreign key refers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub table: ObjectName,
    pub columns: Vec<SqlName>,
}

/// The change of a row when the row to which it refers is deleted or gets a different key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    #[default]
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Action {
    pub fn sql(self) -> &'static str {
        match self {
            Action::NoAction => "NO ACTION",
            Action::Restrict => "RESTRICT",
            Action::Cascade => "CASCADE",
            Action::SetNull => "SET NULL",
            Action::SetDefault => "SET DEFAULT",
        }
    }
}

/// Refuses two rows for which all operators are true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclude {
    pub using: Method,
    pub elements: Vec<ExcludeElement>,
    #[serde(default, rename = "where", skip_serializing_if = "is_default")]
    pub predicate: Option<Expression>,
}

/// An expression and the operator that compares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludeElement {
    pub expression: Expression,
    pub with: Operator,
}
