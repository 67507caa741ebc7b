//! Conventions for the rows of different owners, and the names that they use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Column that holds the application to which a row belongs.
pub const APP_COLUMN: &str = "source_account_id";
/// Column that holds the tenant to which a row belongs.
pub const TENANT_COLUMN: &str = "tenant_id";
/// Server setting that holds the tenant of a session.
pub const TENANT_SETTING: &str = "app.tenant_id";
/// Restrictive policy that limits access to rows of the session's tenant; no other policy can widen it.
pub const TENANT_POLICY: &str = "tenant_isolation";
/// Permissive policy that grants access to all rows of the session's tenant, since a restrictive policy alone grants
/// none.
pub const ACCESS_POLICY: &str = "tenant_access";

/// The rule that separates rows of different owners. One database has at most one convention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    #[default]
    None,
    /// Several applications share tables: `source_account_id text NOT NULL DEFAULT 'primary'`.
    App,
    /// Tenants share tables and must never see rows of other tenants: `tenant_id uuid` under forced row security.
    Tenant,
}

/// Whose rows a table holds, in a database with a convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Each row belongs to one application.
    App,
    /// Each row belongs to one tenant.
    Tenant,
    /// Rows belong to everyone, such as a list of countries.
    Shared,
}
