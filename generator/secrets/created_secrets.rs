//! The result of `nself secrets init`.

use crate::diagnostic::Diagnostic;
use crate::values::SecretName;

/// The result of `nself secrets init`.
#[derive(Debug, Default)]
pub struct CreatedSecrets {
    /// Secrets whose value this run wrote.
    pub created: Vec<SecretName>,
    /// Secrets that had a value, which was not changed.
    pub existing: Vec<SecretName>,
    /// Secrets whose value the operator must provide, with their descriptions.
    pub required: Vec<(SecretName, String)>,
    /// Secrets of a local environment whose value is a placeholder, each with the description of the real value.
    pub placeholders: Vec<(SecretName, String)>,
    /// Warnings about modes of files that were corrected.
    pub findings: Vec<Diagnostic>,
    /// The reason if nself cannot find out whether git tracks a value.
    pub version_control_problem: Option<String>,
}
