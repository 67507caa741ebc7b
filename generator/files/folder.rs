//! An open folder: reads files and metadata below it, without following symbolic links.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::descent::{self, FOLDER_FLAGS};
use super::{EntryKind, FileError, FileKind, Reason, Scope, Stat};

/// The flags for opening a file to read it. With them, nself does not wait for the writer of a pipe and does not become
/// attached to a terminal.
pub(super) const READ_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// An open folder. Its methods take paths that are relative to the folder and consist of names only.
#[derive(Debug)]
pub struct Folder {
    pub(super) handle: OwnedFd,
    path: PathBuf,
    scope: Scope,
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub name: OsString,
    pub kind: EntryKind,
}

impl Folder {
    pub(super) fn new(handle: OwnedFd, path: PathBuf, scope: Scope) -> Self {
        Folder { handle, path, scope }
    }

    /// Returns the path of the folder, for messages and for the record that lets the next run skip unchanged files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Opens the folder at `path`; `None` if it does not exist.
    ///
    /// # Errors
    /// A part of the path is a symbolic link or something other than a folder.
    pub fn folder(&self, path: impl AsRef<Path>) -> Result<Option<Folder>, FileError> {
        let path = path.as_ref();
        match descent::open(self.handle.as_fd(), path, FOLDER_FLAGS, Mode::empty()) {
            Ok(handle) => Ok(Some(Folder::new(handle, self.path.join(path), self.scope))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.refusal(path, EntryKind::Folder, error)),
        }
    }

    /// Reads the file at `path`; `None` if it does not exist.
    ///
    /// # Errors
    /// It is not a regular file, it is larger than the limit of its kind, or a part of the path is a symbolic link.
    pub fn read(&self, path: impl AsRef<Path>, kind: FileKind) -> Result<Option<Vec<u8>>, FileError> {
        self.open(path.as_ref())?.map(|(file, stat)| self.read_open_file(path.as_ref(), file, stat, kind)).transpose()
    }

    /// Reads the file at `path` with its metadata; `None` if it does not exist.
    ///
    /// # Errors
    /// The errors of [`Folder::read`].
    pub fn read_with_metadata(
        &self,
        path: impl AsRef<Path>,
        kind: FileKind,
    ) -> Result<Option<(Vec<u8>, std::fs::Metadata)>, FileError> {
        let path = path.as_ref();
        let Some((file, stat)) = self.open(path)? else { return Ok(None) };
        let metadata = file.metadata().map_err(|error| self.error(path, Reason::System(error)))?;
        Ok(Some((self.read_open_file(path, file, stat, kind)?, metadata)))
    }

    /// Opens the entry at `path` for reading, and returns it with its metadata; `None` if it does not exist. The entry
    /// need not be a regular file.
    pub(super) fn open(&self, path: &Path) -> Result<Option<(File, Stat)>, FileError> {
        match descent::open(self.handle.as_fd(), path, READ_FLAGS, Mode::empty()) {
            Ok(handle) => {
                let stat =
                    rustix::fs::fstat(&handle).map_err(|error| self.error(path, Reason::System(error.into())))?;
                Ok(Some((handle.into(), stat.into())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.refusal(path, EntryKind::File, error)),
        }
    }

    /// Reads the open `file`, which is at `path` below the folder.
    fn read_open_file(&self, path: &Path, file: File, stat: Stat, kind: FileKind) -> Result<Vec<u8>, FileError> {
        read_up_to_limit(file, &stat, kind).map_err(|reason| self.error(path, reason))
    }

    /// Returns the metadata of the entry at `path`; `None` if it does not exist.
    ///
    /// # Errors
    /// A folder of the path is a symbolic link or not a folder.
    pub fn stat(&self, path: impl AsRef<Path>) -> Result<Option<Stat>, FileError> {
        let path = path.as_ref();
        let (parent, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
        if parent.as_os_str().is_empty() {
            return Ok(self.stat_below_plain_folders(name));
        }
        Ok(self.folder(parent)?.and_then(|folder| folder.stat_below_plain_folders(name)))
    }

    /// Returns the metadata of the entry at `path` with one system call. Callers must know that all folders of the path
    /// are plain folders, because a symbolic link among them is followed. A link at the end is not followed.
    pub fn stat_below_plain_folders(&self, path: impl AsRef<Path>) -> Option<Stat> {
        let stat = rustix::fs::statat(&self.handle, path.as_ref(), AtFlags::SYMLINK_NOFOLLOW);
        stat.ok().map(Stat::from)
    }

    /// Returns the metadata of the folder itself.
    pub fn own_stat(&self) -> Option<Stat> {
        rustix::fs::fstat(&self.handle).ok().map(Stat::from)
    }

    /// Returns whether `path` is a regular file and no part of the path is a symbolic link.
    pub fn has_file(&self, path: impl AsRef<Path>) -> bool {
        matches!(self.stat(path), Ok(Some(stat)) if stat.is_file())
    }

    /// Lists the entries in the order of their names.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn list(&self) -> Result<Vec<Entry>, FileError> {
        let refusal = |error: Errno| FileError::system(&self.path, self.scope, error);
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle).map_err(refusal)? {
            let entry = entry.map_err(refusal)?;
            let name_bytes = entry.file_name().to_bytes();
            if matches!(name_bytes, b"." | b"..") {
                continue;
            }
            let name = OsStr::from_bytes(name_bytes).to_owned();
            // Some file systems do not return the kind with the name.
            let kind = match entry.file_type().into() {
                EntryKind::Unknown => self.stat_below_plain_folders(&name).map_or(EntryKind::Unknown, |stat| stat.kind),
                kind => kind,
            };
            entries.push(Entry { name, kind });
        }
        entries.sort();
        Ok(entries)
    }

    /// Lists all entries below the folder by their paths, each folder before its entries. Entries for which
    /// `is_omitted` returns true are omitted, with everything below them.
    ///
    /// # Errors
    /// The errors of [`Folder::list`].
    pub fn list_all(
        &self,
        is_omitted: &mut dyn FnMut(&Path, EntryKind) -> bool,
    ) -> Result<Vec<(PathBuf, EntryKind)>, FileError> {
        let mut entries = Vec::new();
        self.list_into(Path::new(""), is_omitted, &mut entries)?;
        Ok(entries)
    }

    /// Adds the entries of the folder and of its subfolders to `entries`. `parent` is the path of the folder in these
    /// entries.
    fn list_into(
        &self,
        parent: &Path,
        is_omitted: &mut dyn FnMut(&Path, EntryKind) -> bool,
        entries: &mut Vec<(PathBuf, EntryKind)>,
    ) -> Result<(), FileError> {
        for Entry { name, kind } in self.list()? {
            let path = parent.join(&name);
            if is_omitted(&path, kind) {
                continue;
            }
            entries.push((path.clone(), kind));
            if kind == EntryKind::Folder
                && let Some(folder) = self.folder(&name)?
            {
                folder.list_into(&path, is_omitted, entries)?;
            }
        }
        Ok(())
    }

    /// Returns the target of the symbolic link at `path`.
    ///
    /// # Errors
    /// It is not a symbolic link, or a folder of the path is one.
    pub fn link_target(&self, path: impl AsRef<Path>) -> Result<PathBuf, FileError> {
        let path = path.as_ref();
        let (folder, name) = self.parent_of(path)?;
        let target = rustix::fs::readlinkat(folder.handle(self), name, Vec::new());
        let target = target.map_err(|error| self.error(path, Reason::System(error.into())))?;
        Ok(OsStr::from_bytes(target.as_bytes()).into())
    }

    /// Waits for the lock of the folder, and keeps other processes out until the returned file is dropped.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn lock(&self) -> io::Result<File> {
        // Copies of a handle share its lock. The folder is therefore opened again, to get an independent lock.
        let file = File::from(rustix::fs::openat(&self.handle, ".", FOLDER_FLAGS, Mode::empty())?);
        file.lock()?;
        Ok(file)
    }

    /// Returns the error for a path below the folder. For a path that could not be opened, [`Folder::refusal`] finds the
    /// reason.
    pub(super) fn error(&self, path: &Path, reason: Reason) -> FileError {
        FileError::new(&self.path.join(path), self.scope, reason)
    }

    /// Returns the error for a path that could not be opened, with the part of the path that caused it.
    pub(super) fn refusal(&self, path: &Path, expected: EntryKind, error: io::Error) -> FileError {
        let wrong_kind_errors = [Errno::LOOP, Errno::NOTDIR, Errno::MLINK, Errno::XDEV, Errno::NXIO, Errno::ISDIR];
        if !Errno::from_io_error(&error).is_some_and(|error| wrong_kind_errors.contains(&error)) {
            return self.error(path, Reason::System(error));
        }
        if !descent::is_below(path) {
            return self.error(path, Reason::Outside);
        }
        // `a`, `a/b` and `a/b/c` for `a/b/c`: the first one of the wrong kind is the cause.
        let mut prefixes: Vec<&Path> = path.ancestors().filter(|prefix| !prefix.as_os_str().is_empty()).collect();
        prefixes.reverse();
        for prefix in prefixes {
            let Some(Stat { kind, .. }) = self.stat_below_plain_folders(prefix) else { break };
            if prefix == path && expected != EntryKind::Folder {
                return self.error(prefix, Reason::NotAFile(kind));
            }
            // A folder is expected here: every part before the last one must be a folder.
            if prefix == path || kind != EntryKind::Folder {
                return self.error(prefix, Reason::NotAFolder(kind));
            }
        }
        self.error(path, Reason::System(error))
    }

    /// Opens the folder that contains an entry and returns it with the entry's name.
    ///
    /// # Errors
    /// The folder does not exist or cannot be opened, or the path leads outside of this folder.
    pub(super) fn parent_of<'a>(&self, path: &'a Path) -> Result<(Parent, &'a OsStr), FileError> {
        let name = path.file_name().filter(|_| descent::is_below(path));
        let name = name.ok_or_else(|| self.error(path, Reason::Outside))?;
        match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            None => Ok((Parent::ThisFolder, name)),
            Some(parent) => {
                let missing = || self.error(parent, Reason::System(io::ErrorKind::NotFound.into()));
                Ok((Parent::Subfolder(self.folder(parent)?.ok_or_else(missing)?), name))
            }
        }
    }
}

/// The folder that contains an entry.
pub(super) enum Parent {
    /// The folder whose `parent_of` was called.
    ThisFolder,
    Subfolder(Folder),
}

impl Parent {
    /// Returns the handle of the parent. `this_folder` is the folder whose `parent_of` returned the parent.
    pub fn handle<'a>(&'a self, this_folder: &'a Folder) -> &'a OwnedFd {
        match self {
            Parent::ThisFolder => &this_folder.handle,
            Parent::Subfolder(folder) => &folder.handle,
        }
    }
}

impl Stat {
    /// Checks that this is a regular file within the limit of its kind.
    ///
    /// # Errors
    /// The entry is not a regular file, or it is too large.
    pub fn check_file(&self, kind: FileKind) -> Result<(), Reason> {
        if !self.is_file() {
            return Err(Reason::NotAFile(self.kind));
        }
        if self.size > kind.limit() { Err(Reason::TooLarge(kind)) } else { Ok(()) }
    }
}

/// Reads an open file, if it is a regular file within the limit of its kind.
pub(super) fn read_up_to_limit(file: File, stat: &Stat, kind: FileKind) -> Result<Vec<u8>, Reason> {
    stat.check_file(kind)?;
    // One byte more than the file has: the buffer then need not grow to find the end of the file.
    let mut bytes = Vec::with_capacity(usize::try_from(stat.size + 1).unwrap_or_default());
    // The size is checked again: the file may have grown after `stat`, and files of /proc have the size 0.
    file.take(kind.limit() + 1).read_to_end(&mut bytes).map_err(Reason::System)?;
    if bytes.len() as u64 > kind.limit() { Err(Reason::TooLarge(kind)) } else { Ok(bytes) }
}
