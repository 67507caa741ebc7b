//! Folders of plugins in a project: reads, adds and removes them, and compares them with the lock. The parts of a plugin are
//! merged into the stack by `source`; here a plugin is a folder of files.

mod folder;
mod status;

use crate::diagnostic::{Code, Diagnostic, FieldPath};

pub use folder::{PluginFiles, add, digest, read, remove};
pub use status::{PluginState, Status, status};

/// The file of a plugin that the stack imports.
pub const FILE: &str = "plugin.ncl";

fn error(code: Code, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, FieldPath::root()).message(message)
}
