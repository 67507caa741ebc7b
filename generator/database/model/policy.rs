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
    On,
    Forced,
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
