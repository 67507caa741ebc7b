//! Roots: the folders below which no symbolic link is followed.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use super::by_path::real_path;
use super::descent::FOLDER_FLAGS;
use super::stat::{stat_path, stat_target};
use super::{EntryKind, FileError, FileKind, Folder, Reason, Scope, descent};
use crate::artifact::mode;

/// The path of a folder that may not exist. Symbolic links are followed on the operator's path to `base` and refused
/// below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The part of the path in which symbolic links are followed.
    base: PathBuf,
    /// The path below `base`; empty for `base` itself.
    path_below: PathBuf,
    /// `base` and `path_below` together.
    path: PathBuf,
    scope: Scope,
}

/// The name of the output folder next to the stack.
pub const OUTPUT: &str = "deploy";
/// The name of the cache next to the stack.
const CACHE: &str = ".nself";

impl Root {
    fn new(base: PathBuf, below: impl Into<PathBuf>, scope: Scope) -> Self {
        let path_below = below.into();
        let path = if path_below.as_os_str().is_empty() { base.clone() } else { base.join(&path_below) };
        Root { base, path_below, path, scope }
    }

    /// Returns the folder of the stack.
    pub fn project(path: &Path) -> Self {
        Root::new(absolute_path(path), "", Scope::Project)
    }

    /// Returns the output folder: `out`, which the command line names, or else `deploy` in the project.
    pub fn output(project: &Path, out: Option<&Path>) -> Self {
        Root::inside(project, out.unwrap_or(&project.join(OUTPUT)), Scope::Output)
    }

    /// Returns the cache of a project.
    pub fn cache(project: &Path) -> Self {
        Root::new(absolute_path(project), CACHE, Scope::Cache)
    }

    /// Returns a folder that nself writes. Inside the project, no part of its path may be a symbolic link; elsewhere,
    /// the folder itself may not be one.
    pub fn inside(project: &Path, path: &Path, scope: Scope) -> Self {
        let (project, path) = (absolute_path(project), absolute_path(path));
        match path.strip_prefix(&project) {
            Ok(below) if descent::is_below(below) => {
                let path_below = below.to_owned();
                Root::new(project, path_below, scope)
            }
            _ => Root::at(&path, scope),
        }
    }

    /// Returns a folder by its path. Links on the path are followed; the folder itself may not be a symbolic link.
    pub fn at(path: &Path, scope: Scope) -> Self {
        let path = absolute_path(path);
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Root::new(parent.to_owned(), name, scope),
            _ => Root::new(path, "", scope),
        }
    }

    /// Returns a folder below this one.
    #[must_use]
    pub fn below(&self, path: impl AsRef<Path>) -> Self {
        Root::new(self.base.clone(), self.path_below.join(path), self.scope)
    }

    /// Returns the parent and the last name of the path, for a folder that is replaced as a whole.
    ///
    /// # Errors
    /// The folder is `base` itself, whose parent is not below a root.
    pub fn split(&self) -> Result<(Root, OsString), FileError> {
        let outside = || FileError::new(&self.path, self.scope, Reason::Outside);
        let name = self.path_below.file_name().ok_or_else(outside)?.to_owned();
        let parent = self.path_below.parent().unwrap_or(Path::new(""));
        Ok((Root::new(self.base.clone(), parent, self.scope), name))
    }

    /// Returns a folder that the operator named; all symbolic links are followed.
    pub fn named(path: &Path) -> Self {
        Root::new(absolute_path(path), "", Scope::Operator)
    }

    /// Returns the whole path, for messages and for the record that lets the next run skip unchanged files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the folder; `None` if it does not exist.
    ///
    /// # Errors
    /// A symbolic link or something other than a folder is in its place.
    pub fn open(&self) -> Result<Option<Folder>, FileError> {
        let Some(base) = self.open_base()? else { return Ok(None) };
        if self.path_below.as_os_str().is_empty() { Ok(Some(base)) } else { base.folder(&self.path_below) }
    }

    /// Opens `base`; `None` if it does not exist.
    fn open_base(&self) -> Result<Option<Folder>, FileError> {
        match rustix::fs::open(&self.base, FOLDER_FLAGS, Mode::empty()) {
            Ok(handle) => Ok(Some(Folder::new(handle, self.base.clone(), self.scope))),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR) => {
                let kind = stat_target(&self.base).map_or(EntryKind::Unknown, |stat| stat.kind);
                Err(FileError::new(&self.base, self.scope, Reason::NotAFolder(kind)))
            }
            Err(error) => Err(FileError::system(&self.base, self.scope, error)),
        }
    }

    /// Opens the folder and creates it, with its parents, where it is missing. New folders below `base` get the mode.
    ///
    /// # Errors
    /// The errors of [`Root::open`], or the folder cannot be created.
    pub fn open_or_create(&self, mode: u32) -> Result<Folder, FileError> {
        let base_error = |error| FileError::system(&self.base, self.scope, error);
        let base = match self.open_base()? {
            Some(base) => base,
            None => {
                std::fs::create_dir_all(&self.base).map_err(base_error)?;
                self.open_base()?.ok_or_else(|| base_error(std::io::ErrorKind::NotFound.into()))?
            }
        };
        if self.path_below.as_os_str().is_empty() { Ok(base) } else { base.make_folder(&self.path_below, mode) }
    }

    /// Opens the cache and creates it where it is missing, with a `.gitignore` that keeps it out of version control.
    ///
    /// # Errors
    /// It cannot be created, or something other than a folder is in its place. A symbolic link is refused: a link that
    /// came with the project would let nself write elsewhere.
    pub fn create_cache(&self) -> Result<Folder, FileError> {
        let folder = self.open_or_create(0o755)?;
        match folder.create(".gitignore", b"*\n", 0o644) {
            Err(error) if !error.already_exists() => Err(error),
            _ => Ok(folder),
        }
    }

    /// Reads a file of the folder; `None` if the folder or the file does not exist.
    ///
    /// # Errors
    /// The errors of [`Folder::read`].
    pub fn read(&self, path: impl AsRef<Path>, kind: FileKind) -> Result<Option<Vec<u8>>, FileError> {
        match self.open()? {
            Some(folder) => folder.read(path, kind),
            None => Ok(None),
        }
    }

    /// Writes a file in one step, with the mode that its path names, and creates the folders above it, readable by all
    /// users.
    ///
    /// # Errors
    /// The errors of [`Folder::replace`].
    pub fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
        self.open_or_create(0o755)?.write(path, bytes)
    }
}

impl Folder {
    /// Writes a file in one step, with the mode that its path names, and creates the folders above it, readable by all
    /// users.
    ///
    /// # Errors
    /// The errors of [`Folder::replace`].
    pub fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
        let path = path.as_ref();
        let mode = path.to_str().map_or(mode::DEFAULT, mode::of_path);
        let name = path.file_name().unwrap_or_default();
        let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
            return self.replace(path, bytes, mode);
        };
        let folder = match self.folder(parent)? {
            Some(folder) => folder,
            None => self.make_folder(parent, 0o755)?,
        };
        folder.replace(name, bytes, mode)
    }
}

/// Returns the absolute path without `..`: `/x/other` for `/x/shop/../other`. Links are resolved only before a `..`,
/// since the parent of the folder behind a link is not the parent of the link. The path is unchanged if the current
/// folder is unknown.
pub fn absolute_path(path: &Path) -> PathBuf {
    let Ok(path_with_parents) = std::path::absolute(path) else { return path.to_owned() };
    let mut absolute = PathBuf::new();
    for part in path_with_parents.components() {
        if part != Component::ParentDir {
            absolute.push(part);
            continue;
        }
        if stat_path(&absolute).is_ok_and(|stat| stat.kind == EntryKind::Link) {
            absolute = real_path(&absolute).unwrap_or(absolute);
        }
        absolute.pop();
    }
    absolute
}
