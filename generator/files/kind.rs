//! The uses of files and their maximum sizes.

/// The use of a file that nself reads. Each use has a maximum size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A stack file, or a file that it imports.
    Stack,
    /// A hand-written file of the edge, `nginx/conf.d/*.conf`.
    Snippet,
    /// A file of a database's migrations or the snapshot of its schema.
    Migration,
    /// `nself.sum`.
    Sum,
    /// `nself.lock`.
    Lock,
    /// `nself.manifest`.
    Manifest,
    /// A stamp or the record of a generation.
    CacheRecord,
    /// A generated file, in the output folder or in the cache.
    Output,
    Dockerfile,
    /// A file that becomes part of an image.
    ImageContent,
    /// A file of the project that is used as configuration of a service.
    ServiceFile,
    /// The value of a secret, `.env`, or a key.
    Secret,
    /// Docker's `config.json`, which has the credentials of registries.
    Credentials,
    /// A schema that `db import` reads.
    Schema,
    /// A file whose content is only compared with its earlier content.
    Input,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

impl FileKind {
    /// Returns the maximum size of a file in bytes. It is about ten times the size of the largest known files: a
    /// manifest of 10,000 files has 3 MiB, the `compose.yaml` of 5,000 services 6 MiB.
    pub fn limit(self) -> u64 {
        match self {
            FileKind::Secret => 256 * KIB,
            FileKind::Snippet | FileKind::Dockerfile | FileKind::ServiceFile => MIB,
            FileKind::Sum | FileKind::Credentials => 4 * MIB,
            FileKind::Stack | FileKind::Migration | FileKind::Lock => 16 * MIB,
            FileKind::Manifest | FileKind::CacheRecord | FileKind::Output | FileKind::Schema | FileKind::Input => {
                64 * MIB
            }
            FileKind::ImageContent => 256 * MIB,
        }
    }

    /// Returns the maximum size in bytes of all files of the kind together. Only kinds whose files a run keeps all
    /// in memory have such a limit.
    pub fn limit_of_all(self) -> u64 {
        match self {
            FileKind::Snippet => 16 * MIB,
            FileKind::Migration | FileKind::Output => 256 * MIB,
            FileKind::ImageContent => 1024 * MIB,
            _ => u64::MAX,
        }
    }
}

/// Returns a limit as text for a message.
pub(super) fn limit_text(limit: u64) -> String {
    if limit >= MIB { format!("{} MiB", limit / MIB) } else { format!("{} KiB", limit / KIB) }
}
