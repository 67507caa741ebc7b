//! What a file is for, and how large it may be.

use std::path::Path;

use super::{FileError, Folder, Reason};

/// The use of a file that nself reads. It decides how many bytes are read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A stack file or what it imports.
    Stack,
    /// A hand-written file of the edge, `nginx/conf.d/*.conf`.
    Snippet,
    /// A file of a database's migrations or the snapshot of its schema.
    Migration,
    /// `nself.sum`.
    Sum,
    /// `nself.lock`.
    Lock,
    /// `nself.manifest.json`.
    Manifest,
    /// A stamp or the record of a generation.
    CacheRecord,
    /// A generated file, in the output folder or among the objects.
    Output,
    Dockerfile,
    /// A file that becomes part of an image.
    ImageContent,
    /// The value of a secret, `.env`, or a key.
    Secret,
    /// Credentials of registries, as docker keeps them.
    Credentials,
    /// A schema that `db import` reads.
    Schema,
    /// A file that is only compared with an earlier state of it.
    Input,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

impl FileKind {
    /// Returns how many bytes such a file may have. The largest that are known are a tenth of it: a manifest of 10,000
    /// files has 3 MiB, the `compose.yaml` of 5,000 services 6 MiB.
    pub fn limit(self) -> u64 {
        match self {
            FileKind::Secret => 256 * KIB,
            FileKind::Snippet | FileKind::Dockerfile => MIB,
            FileKind::Sum | FileKind::Credentials => 4 * MIB,
            FileKind::Stack | FileKind::Migration | FileKind::Lock => 16 * MIB,
            FileKind::Manifest | FileKind::CacheRecord | FileKind::Output | FileKind::Schema | FileKind::Input => {
                64 * MIB
            }
            FileKind::ImageContent => 256 * MIB,
        }
    }

    /// Returns how many bytes the files of this kind may have together, where one run holds all of them in memory.
    pub fn limit_of_all(self) -> u64 {
        match self {
            FileKind::Snippet => 16 * MIB,
            FileKind::Migration | FileKind::Output => 256 * MIB,
            FileKind::ImageContent => 1024 * MIB,
            _ => u64::MAX,
        }
    }
}

/// Returns a limit for a message.
pub(super) fn in_words(limit: u64) -> String {
    if limit >= MIB { format!("{} MiB", limit / MIB) } else { format!("{} KiB", limit / KIB) }
}

/// How many bytes of one kind of file were read so far.
#[derive(Debug)]
pub struct Total {
    kind: FileKind,
    bytes: u64,
}

impl Total {
    pub fn new(kind: FileKind) -> Self {
        Total { kind, bytes: 0 }
    }

    /// Counts a file of a folder.
    ///
    /// # Errors
    /// With it, the files of this kind are too large.
    pub fn add(&mut self, folder: &Folder, path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > self.kind.limit_of_all() {
            return Err(folder.error(path.as_ref(), Reason::TooLargeTogether(self.kind)));
        }
        Ok(())
    }
}
