//! Changing what is in a folder: everything by its handle, whole files or nothing.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, Mode, OFlags, RawMode};
use rustix::io::Errno;

use super::descent::{self, FOLDER};
use super::{EntryKind, FileError, Folder, Reason};

/// How the names of temporary files begin.
pub const TEMPORARY: &str = ".nself-";

/// Returns sixteen random digits, for a name that nothing else has.
///
/// # Errors
/// The system gives no random numbers.
pub fn random_suffix() -> io::Result<String> {
    let mut noise = [0_u8; 8];
    getrandom::fill(&mut noise).map_err(io::Error::other)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(noise)))
}

/// Tells whether a name is one of a temporary file.
pub fn is_temporary(name: &std::ffi::OsStr) -> bool {
    let noise = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY));
    noise.is_some_and(|noise| noise.len() == 16 && noise.bytes().all(|c| c.is_ascii_hexdigit()))
}

impl Folder {
    /// Opens the folder at `path`, and makes those that are missing with exactly this mode, whatever the umask.
    ///
    /// # Errors
    /// A link or something else than a folder is on the way or at the end.
    pub fn make_folder(&self, path: impl AsRef<Path>, mode: u32) -> Result<Folder, FileError> {
        let mut folder: Option<Folder> = None;
        for part in path.as_ref().components() {
            let above = folder.as_ref().unwrap_or(self);
            let Component::Normal(name) = part else { return Err(self.error(path.as_ref(), Reason::Outside)) };
            let name = Path::new(name);
            let made = match rustix::fs::mkdirat(&above.handle, name, bits(mode)) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(above.refusal(name, EntryKind::Folder, error.into())),
            };
            let opened = descent::open(above.handle.as_fd(), name, FOLDER, Mode::empty());
            let handle = opened.map_err(|error| above.refusal(name, EntryKind::Folder, error))?;
            if made {
                rustix::fs::fchmod(&handle, bits(mode))
                    .map_err(|error| above.error(name, Reason::System(error.into())))?;
            }
            folder = Some(Folder::new(handle, above.path().join(name), above.scope()));
        }
        folder.ok_or_else(|| self.error(path.as_ref(), Reason::Outside))
    }

    /// Makes a folder that does not exist yet, with exactly this mode.
    ///
    /// # Errors
    /// Something is there already.
    pub fn create_folder(&self, name: impl AsRef<Path>, mode: u32) -> Result<Folder, FileError> {
        let name = name.as_ref();
        let (above, last) = self.parent_of(name)?;
        let made = rustix::fs::mkdirat(above.handle(self), last, bits(mode));
        made.map_err(|error| self.error(name, Reason::System(error.into())))?;
        let missing = || self.error(name, Reason::System(io::ErrorKind::NotFound.into()));
        let folder = self.folder(name)?.ok_or_else(missing)?;
        let set = rustix::fs::fchmod(&folder.handle, bits(mode));
        set.map_err(|error| self.error(name, Reason::System(error.into())))?;
        Ok(folder)
    }

    /// Makes a file with exactly this mode; its folder exists.
    ///
    /// # Errors
    /// Something is there already, or a link is on the way.
    pub fn create(&self, path: impl AsRef<Path>, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        let path = path.as_ref();
        let mut file = self.create_open(path, mode)?;
        file.write_all(bytes).map_err(|error| self.error(path, Reason::System(error)))
    }

    /// Makes an empty file with exactly this mode and returns it open for writing.
    ///
    /// # Errors
    /// As [`Folder::create`].
    pub fn create_open(&self, path: impl AsRef<Path>, mode: u32) -> Result<File, FileError> {
        let path = path.as_ref();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let opened = descent::open(self.handle.as_fd(), path, flags, bits(mode));
        let file = File::from(opened.map_err(|error| self.refusal(path, EntryKind::File, error))?);
        let set = rustix::fs::fchmod(&file, bits(mode));
        set.map_err(|error| self.error(path, Reason::System(error.into())))?;
        Ok(file)
    }

    /// Puts a file with exactly this mode in place, in one step; its folder exists.
    ///
    /// # Errors
    /// Something else than a regular file is there, or a link is on the way.
    pub fn replace(&self, path: impl AsRef<Path>, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        let path = path.as_ref();
        if let Some(stat) = self.stat(path)?.filter(|stat| !stat.is_file()) {
            return Err(self.error(path, Reason::NoFile(stat.kind)));
        }
        let noise = random_suffix().map_err(|error| self.error(path, Reason::System(error)))?;
        let temporary = path.with_file_name(format!("{TEMPORARY}{noise}"));
        let written = self.create(&temporary, bytes, mode).and_then(|()| self.rename(&temporary, self, path));
        written.inspect_err(|_| {
            let _ = self.remove_file(&temporary);
        })
    }

    /// Moves an entry to a path below another folder; a file that is there is replaced.
    ///
    /// # Errors
    /// The operating system refuses, or a link is on the way.
    pub fn rename(&self, from: impl AsRef<Path>, folder: &Folder, to: impl AsRef<Path>) -> Result<(), FileError> {
        let (above, name) = self.parent_of(from.as_ref())?;
        let (other_above, other_name) = folder.parent_of(to.as_ref())?;
        let moved = rustix::fs::renameat(above.handle(self), name, other_above.handle(folder), other_name);
        moved.map_err(|error| folder.error(to.as_ref(), Reason::System(error.into())))
    }

    /// Deletes a file, or a link itself.
    ///
    /// # Errors
    /// Nothing is there, it is a folder, or a link is on the way.
    pub fn remove_file(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        self.unlink(path.as_ref(), AtFlags::empty())
    }

    /// Deletes a folder that is empty.
    ///
    /// # Errors
    /// It is not empty, no folder, or behind a link.
    pub fn remove_folder(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        self.unlink(path.as_ref(), AtFlags::REMOVEDIR)
    }

    fn unlink(&self, path: &Path, flags: AtFlags) -> Result<(), FileError> {
        let (above, name) = self.parent_of(path)?;
        let removed = rustix::fs::unlinkat(above.handle(self), name, flags);
        removed.map_err(|error| self.error(path, Reason::System(error.into())))
    }

    /// Deletes what is at `path`: a folder with everything in it, a link without following it.
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

pub(super) fn bits(mode: u32) -> Mode {
    #[allow(clippy::unnecessary_cast)]
    Mode::from_raw_mode(mode as RawMode)
}
