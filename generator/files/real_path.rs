//! Paths without symbolic links.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Returns the path with all symbolic links resolved.
///
/// # Errors
/// The path does not exist.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}
