//! Permissions of GraphQL API roles on a table. These roles are names in tokens, not roles of the server.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// Permissions of one role on one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    pub may: BTreeSet<ApiRight>,
    /// Columns that the role can read and write; all by default.
    pub columns: Vec<SqlName>,
    /// Limits the role to rows whose column equals the session variable; new rows get the value of the variable.
    pub rows: BTreeMap<SqlName, SessionVariable>,
}

/// An operation that a role may perform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApiRight {
    Select,
    Insert,
    Update,
    Delete,
}
