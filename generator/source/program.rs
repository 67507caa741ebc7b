//! The program that is evaluated.

use std::path::PathBuf;

/// A Nickel program, and what its evaluation may read.
#[derive(Debug, Clone)]
pub struct Program {
    pub stack: PathBuf,
    /// The folder that contains `nself/`.
    pub library: PathBuf,
    pub allow_imports: Vec<PathBuf>,
    /// Maximum nesting of records and arrays.
    pub depth: usize,
}
