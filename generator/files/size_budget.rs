//! A limit for all files of one kind that a run reads.

use std::path::Path;

use super::{FileError, FileKind, Folder, Reason};

/// The bytes of the files of one kind that were read so far.
#[derive(Debug)]
pub struct SizeBudget {
    kind: FileKind,
    bytes: u64,
}

impl SizeBudget {
    pub fn new(kind: FileKind) -> Self {
        SizeBudget { kind, bytes: 0 }
    }

    /// Adds the size of a file, which is at `path` in `folder`.
    ///
    /// # Errors
    /// The files of this kind are larger than [`FileKind::limit_of_all`].
    pub fn add(&mut self, folder: &Folder, path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > self.kind.limit_of_all() {
            return Err(folder.error(path.as_ref(), Reason::TooLargeTogether(self.kind)));
        }
        Ok(())
    }
}
