//! Changes the modes of existing files and folders.

use std::path::Path;

use super::write::mode_bits;
use super::{FileError, Folder, Reason};

impl Folder {
    /// Sets the mode of the folder itself.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn set_own_mode(&self, mode: u32) -> Result<(), FileError> {
        rustix::fs::fchmod(&self.handle, mode_bits(mode))
            .map_err(|error| self.error(Path::new(""), Reason::System(error.into())))
    }

    /// Sets the mode of the regular file at `path`.
    ///
    /// # Errors
    /// It is missing or not a regular file, or a part of the path is a symbolic link.
    pub fn set_mode(&self, path: impl AsRef<Path>, mode: u32) -> Result<(), FileError> {
        let path = path.as_ref();
        let missing = || self.error(path, Reason::System(std::io::ErrorKind::NotFound.into()));
        let (file, stat) = self.open(path)?.ok_or_else(missing)?;
        if !stat.is_file() {
            return Err(self.error(path, Reason::NotAFile(stat.kind)));
        }
        rustix::fs::fchmod(&file, mode_bits(mode)).map_err(|error| self.error(path, Reason::System(error.into())))
    }
}
