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

/// Which rows a role sees and may write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    #[serde(rename = "for", skip_serializing_if = "is_default")]
    pub command: Command,
    /// Restrictive policies all have to agree; of the others one is enough.
    #[serde(skip_serializing_if = "is_default")]
    pub restrictive: bool,
    /// Everyone when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub roles: BTreeSet<SqlIdent>,
    #[serde(skip_serializing_if = "is_default")]
    pub using: Option<Expression>,
    #[serde(skip_serializing_if = "is_default")]
    pub check: Option<Expression>,
}

/// What a policy is about.
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
