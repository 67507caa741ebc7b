//! Fingerprints of paths. Equal times and inode numbers prove cheaply that a path is unchanged. If they differ, or are
//! too recent to be trusted, the content is compared.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::artifact::Digest;
use crate::files::{
    EntryKind, FileKind, Folder, Stat, list_operator_folder, read_operator_file, stat_path, stat_target,
};

/// A path that a result depends on, and the property that matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// The program itself: the file must be the same inode; its content is not compared.
    Program(PathBuf),
    /// The content of a file.
    File(PathBuf),
    /// A path that does not exist.
    Absent(PathBuf),
    /// A file or folder that is not a symbolic link; its content is not compared.
    NoLink(PathBuf),
    /// The names in a folder.
    Folder(PathBuf),
    /// The names in a folder of outputs in which nself wrote everything.
    OutputsOnly(PathBuf),
}

impl Watch {
    /// Returns the watched path.
    pub fn path(&self) -> &Path {
        match self {
            Watch::Program(path)
            | Watch::File(path)
            | Watch::Absent(path)
            | Watch::NoLink(path)
            | Watch::Folder(path)
            | Watch::OutputsOnly(path) => path,
        }
    }
}

/// A path with its metadata and the digest of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub watch: Watch,
    pub stat: FileStat,
    /// The digest of the content, as [`content_digest`] returns it.
    pub digest: String,
}

impl Fingerprint {
    /// Returns the current fingerprint; `None` if the path does not have the property that the watch expects, or changes
    /// while its content is read.
    pub fn of_watch(watch: Watch) -> Option<Self> {
        let stat_before = stat(&watch)?;
        let digest = content_digest(&watch)?;
        let stat_after = stat(&watch)?;
        (stat_before == stat_after).then_some(Fingerprint { watch, stat: stat_after, digest })
    }

    /// Returns whether the path is unchanged since the fingerprint was recorded at the time `written_at`.
    pub fn unchanged_since(&self, written_at: i64) -> bool {
        match stat(&self.watch) {
            Some(current_stat) if self.stat.unchanged_since(current_stat, written_at) => true,
            Some(_) if !matches!(self.watch, Watch::Program(_)) => {
                content_digest(&self.watch).is_some_and(|digest| digest == self.digest)
            }
            _ => false,
        }
    }
}

/// The metadata that is compared: size, inode, and the times of modification and change in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FileStat {
    pub size: u64,
    pub modified: i64,
    pub changed: i64,
    pub inode: u64,
}

impl FileStat {
    pub fn of(stat: &Stat) -> Self {
        FileStat { size: stat.size, modified: stat.modified, changed: stat.changed, inode: stat.inode }
    }

    /// Returns the metadata of a regular file below the output folder. The folders above the file are checked
    /// separately.
    pub fn of_file(out: &Folder, path: &str) -> Option<Self> {
        out.stat_below_plain_folders(path).filter(Stat::is_file).map(|stat| FileStat::of(&stat))
    }

    /// Returns whether the file is older than `moment`. A change in the same tick as `moment` could go unnoticed.
    pub fn is_before(&self, moment: i64) -> bool {
        self.modified < moment && self.changed < moment
    }

    /// Returns whether the current metadata proves that the file is unchanged since it was recorded at the time
    /// `written_at`.
    pub fn unchanged_since(&self, current_stat: FileStat, written_at: i64) -> bool {
        current_stat == *self && current_stat.is_before(written_at)
    }

    /// Reads the four fields that [`fmt::Display`] writes, such as `12 1700000000000000000 1700000000000000000 4711`.
    pub fn parse<'a>(fields: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(FileStat {
            size: fields.next()?.parse().ok()?,
            modified: fields.next()?.parse().ok()?,
            changed: fields.next()?.parse().ok()?,
            inode: fields.next()?.parse().ok()?,
        })
    }
}

impl fmt::Display for FileStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileStat { size, modified, changed, inode } = self;
        write!(f, "{size} {modified} {changed} {inode}")
    }
}

/// Returns the current metadata of a path; empty metadata if the watch expects only that the path is absent or no link.
/// `None` if the path does not have the expected property.
fn stat(watch: &Watch) -> Option<FileStat> {
    match watch {
        Watch::Absent(path) => stat_path(path).is_err().then(FileStat::default),
        Watch::NoLink(path) => stat_path(path).is_ok_and(|stat| stat.kind != EntryKind::Link).then(FileStat::default),
        _ => Some(FileStat::of(&stat_target(watch.path()).ok()?)),
    }
}

/// Returns the digest of the content that the watch compares; `-` if it compares none. The digest of a symbolic link
/// differs from the digest of its target.
fn content_digest(watch: &Watch) -> Option<String> {
    let path = watch.path();
    let digest = match watch {
        Watch::Absent(_) | Watch::NoLink(_) | Watch::Program(_) => return Some("-".to_owned()),
        Watch::File(_) => Digest::of(&read_operator_file(path, FileKind::Input).ok()?),
        Watch::Folder(_) | Watch::OutputsOnly(_) => {
            let names = list_operator_folder(path)?;
            let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
            Digest::of(names.join("\0").as_bytes())
        }
    };
    let is_link = stat_path(path).ok()?.kind == EntryKind::Link;
    Some(if is_link { format!("link:{digest}") } else { digest.to_string() })
}
