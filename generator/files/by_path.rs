//! Files by their whole path, through whatever links: those that the operator named on the command line, the program
//! itself, and what an earlier run read. Regular files and limits hold for them too.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode};

use super::descent::FOLDER;
use super::folder::{READ, read_within};
use super::{FileError, FileKind, Folder, Root, Scope, Stat};

/// Reads a file that the operator named.
///
/// # Errors
/// It is missing, no regular file, or larger than its kind may be.
pub fn read_named(path: &Path, kind: FileKind) -> Result<Vec<u8>, FileError> {
    let system = |error| FileError::system(path, Scope::Operator, error);
    let file = File::from(rustix::fs::open(path, READ, Mode::empty()).map_err(|error| system(error.into()))?);
    let stat = Stat::from(rustix::fs::fstat(&file).map_err(|error| system(io::Error::from(error)))?);
    read_within(file, &stat, kind).map_err(|reason| FileError::new(path, Scope::Operator, reason))
}

/// Makes a file that the operator named, with exactly this mode.
///
/// # Errors
/// Something is there already.
pub fn create_named(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let missing = || FileError::system(folder, Scope::Operator, io::ErrorKind::NotFound);
    let folder = Root::named(folder).open()?.ok_or_else(missing)?;
    folder.create(path.file_name().unwrap_or_default(), bytes, mode)
}

/// Looks at what is at a path; a link at its end is not followed.
///
/// # Errors
/// Nothing is there, or the operating system refuses.
pub fn look_at(path: &Path) -> io::Result<Stat> {
    Ok(rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?.into())
}

/// Looks at what a path leads to, through links.
///
/// # Errors
/// It leads nowhere, or the operating system refuses.
pub fn look_behind(path: &Path) -> io::Result<Stat> {
    Ok(rustix::fs::statat(CWD, path, AtFlags::empty())?.into())
}

/// Returns the names in a folder, in their order.
pub fn list_named(path: &Path) -> Option<Vec<OsString>> {
    let handle = rustix::fs::open(path, FOLDER, Mode::empty()).ok()?;
    let entries = Folder::new(handle, path.to_owned(), Scope::Operator).list().ok()?;
    Some(entries.into_iter().map(|entry| entry.name).collect())
}

/// Returns the path without links.
///
/// # Errors
/// It leads nowhere.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// Makes a folder that the operator named, and those above it.
pub(super) fn make_named(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}
