//! Backups of the database server.

use serde::Serialize;

use crate::values::{SecretName, SqlIdent};

/// How the services of backups connect to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backups {
    /// The role of the connections. It may only copy the server.
    pub role: SqlIdent,
    pub password: SecretName,
}
