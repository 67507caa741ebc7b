//! What is seen of a path: times and inode numbers say "same" cheaply; when they differ, or are too fresh to be
//! trusted, content decides.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::artifact::Digest;
use crate::files::{EntryKind, FileKind, Folder, Stat, list_named, look_at, look_behind, read_named};

/// What a result depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// The program itself: the very file, whatever it holds.
    Program(PathBuf),
    /// A file's content.
    File(PathBuf),
    /// A path at which nothing is.
    Absent(PathBuf),
    /// A file or folder that is no link; what it holds does not matter.
    Plain(PathBuf),
    /// The names in a folder.
    Folder(PathBuf),
    /// The names in a folder of outputs, in which nothing is that is not ours.
    Clean(PathBuf),
}

impl Watch {
    pub fn path(&self) -> &Path {
        match self {
            Watch::Program(path)
            | Watch::File(path)
            | Watch::Absent(path)
            | Watch::Plain(path)
            | Watch::Folder(path)
            | Watch::Clean(path) => path,
        }
    }
}

/// What was seen of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub watch: Watch,
    pub meta: FileStat,
    pub digest: String,
}

impl Fingerprint {
    /// Content first: whatever changes it afterwards changes the times too.
    pub fn now(watch: Watch) -> Option<Self> {
        let digest = content(&watch)?;
        let meta = meta(&watch)?;
        Some(Fingerprint { watch, meta, digest })
    }

    /// Whether it is still so, for a record that was `taken` at that time.
    pub fn unchanged_since(&self, taken: i64) -> bool {
        match meta(&self.watch) {
            Some(now) if self.meta.unchanged_since(now, taken) => true,
            Some(_) if !matches!(self.watch, Watch::Program(_)) => {
                content(&self.watch).is_some_and(|digest| digest == self.digest)
            }
            _ => false,
        }
    }
}

/// Size, modification and change time in nanoseconds since 1970, inode.
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

    /// That of a plain file below the output folder, whose folders are looked at too.
    pub fn of_file(out: &Folder, path: &str) -> Option<Self> {
        out.stat_below_plain_folders(path).filter(Stat::is_file).map(|stat| FileStat::of(&stat))
    }

    /// Older than `moment`. What was changed in the same tick as that could look unchanged.
    pub fn is_before(&self, moment: i64) -> bool {
        self.modified < moment && self.changed < moment
    }

    /// Whether what is there `now` is surely what was there when the record was `taken`.
    pub fn unchanged_since(&self, now: FileStat, taken: i64) -> bool {
        now == *self && now.is_before(taken)
    }

    /// As it is written, from its four fields.
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

fn meta(watch: &Watch) -> Option<FileStat> {
    match watch {
        Watch::Absent(path) => look_at(path).is_err().then(FileStat::default),
        Watch::Plain(path) => look_at(path).is_ok_and(|stat| stat.kind != EntryKind::Link).then(FileStat::default),
        _ => Some(FileStat::of(&look_behind(watch.path()).ok()?)),
    }
}

/// The digest of what is there; a link is another thing than what it leads to.
fn content(watch: &Watch) -> Option<String> {
    let path = watch.path();
    let digest = match watch {
        Watch::Absent(_) | Watch::Plain(_) | Watch::Program(_) => return Some("-".to_owned()),
        Watch::File(_) => Digest::of(&read_named(path, FileKind::Input).ok()?),
        Watch::Folder(_) | Watch::Clean(_) => {
            let names = list_named(path)?;
            let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
            Digest::of(names.join("\0").as_bytes())
        }
    };
    let link = look_at(path).ok()?.kind == EntryKind::Link;
    Some(if link { format!("link:{digest}") } else { digest.to_string() })
}
