//! The Nickel program of a project.

use std::path::PathBuf;

/// A stack file, and the other folders whose files its evaluation may read.
#[derive(Debug, Clone)]
pub struct NickelProgram {
    /// The stack file. Its folder is the project.
    pub stack: PathBuf,
    /// The folder that contains `nself/`.
    pub library: PathBuf,
    /// Folders outside of the project whose files may be imported.
    pub allow_imports: Vec<PathBuf>,
    /// Maximum nesting of records and arrays.
    pub depth: usize,
}
