//! Creates, replaces and deletes files and folders below an open folder. A file is replaced as a whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, Mode, OFlags, RawMode};
use rustix::io::Errno;

use super::descent::{self, FOLDER_FLAGS};
use super::{EntryKind, FileError, Folder, Reason};

/// The prefix of temporary files' names.
pub const TEMPORARY: &str = ".nself-";

/// Returns sixteen random hexadecimal digits for a unique name.
///
/// # Errors
/// The system has no source of random numbers.
pub fn random_suffix() -> io::Result<String> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

/// Returns whether a name is the name of a temporary file: `.nself-` and sixteen hexadecimal digits.
pub fn is_temporary(name: &std::ffi::OsStr) -> bool {
    let suffix = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY));
    suffix.is_some_and(|suffix| suffix.len() == 16 && suffix.bytes().all(|c| c.is_ascii_hexdigit()))
}

impl Folder {
    /// Opens the folder at `path` and creates missing folders with exactly this mode, independent of the umask.
    ///
    /// # Errors
    /// A part of the path is a symbolic link or something other than a folder.
    pub fn make_folder(&self, path: impl AsRef<Path>, mode: u32) -> Result<Folder, FileError> {
        let mut innermost_folder: Option<Folder> = None;
        for part in path.as_ref().components() {
            let parent = innermost_folder.as_ref().unwrap_or(self);
            let Component::Normal(name) = part else { return Err(self.error(path.as_ref(), Reason::Outside)) };
            let name = Path::new(name);
            let is_new = match rustix::fs::mkdirat(&parent.handle, name, mode_bits(mode)) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(parent.refusal(name, EntryKind::Folder, error.into())),
            };
            let open_result = descent::open(parent.handle.as_fd(), name, FOLDER_FLAGS, Mode::empty());
            let handle = open_result.map_err(|error| parent.refusal(name, EntryKind::Folder, error))?;
            if is_new {
                rustix::fs::fchmod(&handle, mode_bits(mode))
                    .map_err(|error| parent.error(name, Reason::System(error.into())))?;
            }
            innermost_folder = Some(Folder::new(handle, parent.path().join(name), parent.scope()));
        }
        innermost_folder.ok_or_else(|| self.error(path.as_ref(), Reason::Outside))
    }

    /// Creates a folder with exactly this mode. Unlike [`Folder::make_folder`], it refuses an existing folder.
    ///
    /// # Errors
    /// The path exists already.
    pub fn create_folder(&self, path: impl AsRef<Path>, mode: u32) -> Result<Folder, FileError> {
        let path = path.as_ref();
        let system_error = |error: Errno| self.error(path, Reason::System(error.into()));
        let (parent, name) = self.parent_of(path)?;
        rustix::fs::mkdirat(parent.handle(self), name, mode_bits(mode)).map_err(system_error)?;
        let missing = || self.error(path, Reason::System(io::ErrorKind::NotFound.into()));
        let folder = self.folder(path)?.ok_or_else(missing)?;
        // The umask may have removed bits of the mode.
        rustix::fs::fchmod(&folder.handle, mode_bits(mode)).map_err(system_error)?;
        Ok(folder)
    }

    /// Creates a file with exactly this mode in an existing folder.
    ///
    /// # Errors
    /// The path exists already, or a part of it is a symbolic link.
    pub fn create(&self, path: impl AsRef<Path>, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        let path = path.as_ref();
        let mut file = self.create_open(path, mode)?;
        file.write_all(bytes).map_err(|error| self.error(path, Reason::System(error)))
    }

    /// Creates an empty file with exactly this mode, and returns it, open for writing.
    ///
    /// # Errors
    /// The errors of [`Folder::create`].
    pub fn create_open(&self, path: impl AsRef<Path>, mode: u32) -> Result<File, FileError> {
        let path = path.as_ref();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let open_result = descent::open(self.handle.as_fd(), path, flags, mode_bits(mode));
        let file = File::from(open_result.map_err(|error| self.refusal(path, EntryKind::File, error))?);
        rustix::fs::fchmod(&file, mode_bits(mode)).map_err(|error| self.error(path, Reason::System(error.into())))?;
        Ok(file)
    }

    /// Writes or replaces a file with exactly this mode in one step, in an existing folder.
    ///
    /// # Errors
    /// The path is not a regular file, or a part of it is a symbolic link.
    pub fn replace(&self, path: impl AsRef<Path>, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        let path = path.as_ref();
        if let Some(stat) = self.stat(path)?.filter(|stat| !stat.is_file()) {
            return Err(self.error(path, Reason::NotAFile(stat.kind)));
        }
        let suffix = random_suffix().map_err(|error| self.error(path, Reason::System(error)))?;
        let temporary = path.with_file_name(format!("{TEMPORARY}{suffix}"));
        let result = self.create(&temporary, bytes, mode).and_then(|()| self.rename(&temporary, self, path));
        result.inspect_err(|_| {
            let _ = self.remove_file(&temporary);
        })
    }

    /// Moves an entry to a path below a folder; a file at that path is replaced.
    ///
    /// # Errors
    /// The operating system refuses, or a folder of a path is a symbolic link.
    pub fn rename(&self, from: impl AsRef<Path>, folder: &Folder, to: impl AsRef<Path>) -> Result<(), FileError> {
        let (parent, name) = self.parent_of(from.as_ref())?;
        let (new_parent, new_name) = folder.parent_of(to.as_ref())?;
        rustix::fs::renameat(parent.handle(self), name, new_parent.handle(folder), new_name)
            .map_err(|error| folder.error(to.as_ref(), Reason::System(error.into())))
    }

    /// Deletes a file, or a symbolic link without its target.
    ///
    /// # Errors
    /// It does not exist, it is a folder, or a folder of the path is a symbolic link.
    pub fn remove_file(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        self.unlink(path.as_ref(), AtFlags::empty())
    }

    /// Deletes an empty folder.
    ///
    /// # Errors
    /// It is not empty or not a folder, or a folder of the path is a symbolic link.
    pub fn remove_folder(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        self.unlink(path.as_ref(), AtFlags::REMOVEDIR)
    }

    /// Deletes the entry at `path`. `flags` determine whether it must be an empty folder or must not be a folder.
    fn unlink(&self, path: &Path, flags: AtFlags) -> Result<(), FileError> {
        let (parent, name) = self.parent_of(path)?;
        rustix::fs::unlinkat(parent.handle(self), name, flags)
            .map_err(|error| self.error(path, Reason::System(error.into())))
    }

    /// Deletes the entry at `path`: a folder with all of its content, a symbolic link without its target.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn remove_all(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        let Some(stat) = self.stat(path)? else { return Ok(()) };
        if !stat.is_folder() {
            return self.remove_file(path);
        }
        if let Some(folder) = self.folder(path)? {
            for entry in folder.list()? {
                folder.remove_all(&entry.name)?;
            }
        }
        self.remove_folder(path)
    }
}

/// Returns permission bits as the type of the system's functions, whose width differs between operating systems.
pub(super) fn mode_bits(mode: u32) -> Mode {
    #[allow(clippy::unnecessary_cast)]
    Mode::from_raw_mode(mode as RawMode)
}
