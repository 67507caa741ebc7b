//! The result of creating secrets.

use crate::diagnostic::Diagnostic;
use crate::values::SecretName;

/// The result of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    pub created: Vec<SecretName>,
    /// Secrets that had a value, which was not changed.
    pub existing: Vec<SecretName>,
    /// Secrets whose value the operator must provide, with their descriptions.
    pub required: Vec<(SecretName, String)>,
    pub findings: Vec<Diagnostic>,
    /// Why a value in version control would not be recognised; `None` if it would.
    pub remark: Option<String>,
}
