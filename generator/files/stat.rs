//! Metadata of files and folders, without opening them.

use std::fmt;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType};

/// The kind of an entry of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    File,
    Folder,
    Link,
    Pipe,
    Device,
    Socket,
    Unknown,
}

impl From<FileType> for EntryKind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Folder,
            FileType::Symlink => EntryKind::Link,
            FileType::Fifo => EntryKind::Pipe,
            FileType::CharacterDevice | FileType::BlockDevice => EntryKind::Device,
            FileType::Socket => EntryKind::Socket,
            FileType::Unknown => EntryKind::Unknown,
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EntryKind::File => "a file",
            EntryKind::Folder => "a folder",
            EntryKind::Link => "a symbolic link",
            EntryKind::Pipe => "a pipe",
            EntryKind::Device => "a device",
            EntryKind::Socket => "a socket",
            EntryKind::Unknown => "a special file",
        })
    }
}

/// Kind, size, times in nanoseconds since 1970, inode and mode of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub kind: EntryKind,
    pub size: u64,
    /// The time of the last change of the content (mtime).
    pub modified: i64,
    /// The time of the last change of the content or the metadata (ctime).
    pub changed: i64,
    pub inode: u64,
    /// The permission bits.
    pub mode: u32,
}

impl Stat {
    pub fn is_file(&self) -> bool {
        self.kind == EntryKind::File
    }

    pub fn is_folder(&self) -> bool {
        self.kind == EntryKind::Folder
    }
}

// The types of the system's fields differ between operating systems.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::useless_conversion)]
impl From<rustix::fs::Stat> for Stat {
    fn from(stat: rustix::fs::Stat) -> Self {
        let nanoseconds =
            |seconds: i64, remainder: i64| seconds.saturating_mul(1_000_000_000).saturating_add(remainder);
        Stat {
            kind: FileType::from_raw_mode(stat.st_mode).into(),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
            mode: (stat.st_mode as u32) & 0o7777,
        }
    }
}

/// Returns the metadata of a path; a symbolic link at its end is not followed.
///
/// # Errors
/// The path does not exist, or the operating system refuses.
pub fn stat_path(path: &Path) -> io::Result<Stat> {
    Ok(rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?.into())
}

/// Returns the metadata of a path; symbolic links are followed.
///
/// # Errors
/// The path does not exist, or the operating system refuses.
pub fn stat_target(path: &Path) -> io::Result<Stat> {
    Ok(rustix::fs::statat(CWD, path, AtFlags::empty())?.into())
}
