//! Modes of what exists already.

use std::path::Path;

use super::write::bits;
use super::{FileError, Folder, Reason};

impl Folder {
    /// Gives the folder itself exactly this mode.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn set_own_mode(&self, mode: u32) -> Result<(), FileError> {
        let set = rustix::fs::fchmod(&self.handle, bits(mode));
        set.map_err(|error| self.error(Path::new(""), Reason::System(error.into())))
    }

    /// Gives the regular file at `path` exactly this mode.
    ///
    /// # Errors
    /// It is no regular file, missing, or behind a link.
    pub fn set_mode(&self, path: impl AsRef<Path>, mode: u32) -> Result<(), FileError> {
        let path = path.as_ref();
        let missing = || self.error(path, Reason::System(std::io::ErrorKind::NotFound.into()));
        let (file, stat) = self.open(path)?.ok_or_else(missing)?;
        if !stat.is_file() {
            return Err(self.error(path, Reason::NoFile(stat.kind)));
        }
        rustix::fs::fchmod(&file, bits(mode)).map_err(|error| self.error(path, Reason::System(error.into())))
    }
}
