//! Folders of plugins in a project: reads, adds and removes them, and compares them with the lock. The parts of a
//! plugin are merged into the stack by `source`; here a plugin is a folder of files.

mod folder;
mod status;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::{Checked, ServiceName};

pub use folder::{PluginFiles, add, digest, read, remove};
pub use status::{PluginState, Status, status};

/// The file of a plugin that the stack imports.
pub const FILE: &str = "plugin.ncl";

/// Returns a finding about a plugin that no field of the stack has caused.
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
