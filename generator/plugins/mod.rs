//! Folders of plugins in a project: reads, adds and removes them, and compares them with their pins in `nself.lock`,
//! which record source and digest of each added plugin. The module `source` merges the content of a plugin into the
//! stack; in this module, a plugin is a folder of files.

mod folder;
mod status;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::{Checked, ServiceName};

pub use folder::{PluginFiles, add, digest, read, remove};
pub use status::{PluginState, Status, status};

/// The file of a plugin that the stack imports.
pub const FILE: &str = "plugin.ncl";

/// Returns a finding about a plugin, without a path in the stack.
pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, FieldPath::root()).message(message)
}

/// Checks the name of a new plugin.
///
/// # Errors
/// NS105 for a name that a service cannot have.
pub fn check_name(name: &str) -> Result<(), Diagnostic> {
    match ServiceName::refusal(name) {
        Some(reason) => Err(error(Code::BadName, format!("a plugin cannot have the name `{name}`: {reason}"))),
        None => Ok(()),
    }
}
