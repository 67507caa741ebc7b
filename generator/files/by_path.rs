//! Access to files by their whole path, which follows symbolic links: for files that the operator named on the command
//! line, the program itself, and inputs of an earlier run. These must also be regular files within the limits.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::Mode;

use super::descent::FOLDER_FLAGS;
use super::folder::{READ_FLAGS, read_up_to_limit};
use super::{FileError, FileKind, Folder, Root, Scope, Stat};

/// Reads a file outside of the project by its whole path, which the person who runs nself (the operator) set.
///
/// # Errors
/// It is missing, not a regular file, or larger than the limit of its kind.
pub fn read_operator_file(path: &Path, kind: FileKind) -> Result<Vec<u8>, FileError> {
    let system_error = |error| FileError::system(path, Scope::Operator, error);
    let file =
        File::from(rustix::fs::open(path, READ_FLAGS, Mode::empty()).map_err(|error| system_error(error.into()))?);
    let stat = Stat::from(rustix::fs::fstat(&file).map_err(|error| system_error(io::Error::from(error)))?);
    read_up_to_limit(file, &stat, kind).map_err(|reason| FileError::new(path, Scope::Operator, reason))
}

/// Creates a file by its whole path, with exactly this mode.
///
/// # Errors
/// The path exists already.
pub fn create_operator_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let missing_folder = || FileError::system(folder, Scope::Operator, io::ErrorKind::NotFound);
    let folder = Root::named(folder).open()?.ok_or_else(missing_folder)?;
    folder.create(path.file_name().unwrap_or_default(), bytes, mode)
}

/// Returns the sorted names in a folder; `None` if it cannot be read.
pub fn list_operator_folder(path: &Path) -> Option<Vec<OsString>> {
    let handle = rustix::fs::open(path, FOLDER_FLAGS, Mode::empty()).ok()?;
    let entries = Folder::new(handle, path.to_owned(), Scope::Operator).list().ok()?;
    Some(entries.into_iter().map(|entry| entry.name).collect())
}
