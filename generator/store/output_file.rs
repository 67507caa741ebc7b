//! Reads and writes single files of the output folder. `compare` and `write` do so for all files of a run.

use crate::artifact::mode;
use crate::diagnostic::Diagnostic;
use crate::files::{FileKind, Folder, Root};

/// The name of the manifest, the list of the files that nself owns. It is next to the folders of the environments.
pub const MANIFEST: &str = "nself.manifest";

/// Reads a file of the output folder; `None` if it does not exist.
///
/// # Errors
/// NS803 for symbolic links and folders, NS804 if the system refuses, NS813 if the file is too large.
pub fn read(out: &Root, path: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
    let kind = if path == MANIFEST { FileKind::Manifest } else { FileKind::Output };
    Ok(out.read(path, kind)?)
}

/// Writes a file of the output folder in one step, and creates the folders above it.
///
/// # Errors
/// NS803 for a symbolic link in place of a folder or of the file, NS804 if the system refuses.
pub fn write(out: &Root, path: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
    Ok(out.write(path, bytes)?)
}

/// Returns whether a file on disk has the mode that its path demands, such as that of a script. Always true for a path
/// that demands none.
pub fn has_mode(folder: Option<&Folder>, path: &str) -> bool {
    let mode_on_disk = || folder.and_then(|folder| folder.stat(path).ok().flatten()).map(|stat| stat.mode);
    mode::of_path(path) == mode::DEFAULT || mode_on_disk().is_some_and(|mode| mode::is_kept(path, mode))
}
