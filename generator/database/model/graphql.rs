//! What roles of the GraphQL API may do with a table. They are names in tokens, not roles of the server.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// One role and one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    pub may: BTreeSet<ApiRight>,
    /// Columns that it sees and writes; all unless given.
    pub columns: Vec<SqlIdent>,
    /// Only rows whose column equals the variable of the session, and new rows get it.
    pub rows: BTreeMap<SqlIdent, SessionVariable>,
}

/// What a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApiRight {
    Select,
    Insert,
    Update,
    Delete,
}
