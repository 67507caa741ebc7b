//! Backups of the database server.

use serde::Serialize;

use crate::values::{SecretName, SqlIdent};

/// The credentials with which the backup services connect to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backups {
    /// A role that may only copy the server.
    pub role: SqlIdent,
    pub password: SecretName,
}
