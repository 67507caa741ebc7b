//! Row security and its policies.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// Row-level security.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowSecurity {
    #[default]
    Off,
    /// Off. If row security is switched on, it also binds the table's owner.
    #[serde(rename = "forced_when_on")]
    ForcedWhenOn,
    On,
    Forced,
}

impl RowSecurity {
    /// Returns the state of a table by the two switches that PostgreSQL has for it.
    pub fn new(is_on: bool, is_forced: bool) -> Self {
        match (is_on, is_forced) {
            (false, false) => RowSecurity::Off,
            (false, true) => RowSecurity::ForcedWhenOn,
            (true, false) => RowSecurity::On,
            (true, true) => RowSecurity::Forced,
        }
    }

    pub fn is_on(self) -> bool {
        self >= RowSecurity::On
    }

    pub fn is_forced(self) -> bool {
        matches!(self, RowSecurity::ForcedWhenOn | RowSecurity::Forced)
    }
}

/// Rows that a role can read and write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    #[serde(rename = "for", skip_serializing_if = "is_default")]
    pub command: Command,
    /// A row must meet all restrictive policies and at least one permissive policy.
    #[serde(skip_serializing_if = "is_default")]
    pub restrictive: bool,
    /// Roles to which the policy applies; everyone if empty.
    #[serde(skip_serializing_if = "is_default")]
    pub roles: BTreeSet<SqlIdent>,
    #[serde(skip_serializing_if = "is_default")]
    pub using: Option<Expression>,
    #[serde(skip_serializing_if = "is_default")]
    pub check: Option<Expression>,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
}

impl Policy {
    /// Returns whether another policy differs at most in its comment.
    pub fn has_rules_of(&self, other: &Policy) -> bool {
        Policy { comment: None, ..self.clone() } == Policy { comment: None, ..other.clone() }
    }
}

/// Command to which a policy applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    #[default]
    All,
    Select,
    Insert,
    Update,
    Delete,
}

impl Command {
    pub fn sql(self) -> &'static str {
        match self {
            Command::All => "ALL",
            Command::Select => "SELECT",
            Command::Insert => "INSERT",
            Command::Update => "UPDATE",
            Command::Delete => "DELETE",
        }
    }
}
