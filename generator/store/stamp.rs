//! The warm run: when nothing that decided the last result has changed, nothing is evaluated. Times and
//! inode numbers say "same" cheaply; when they differ, or are too fresh to be trusted, content decides.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::artifact::Digest;

/// What the result depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// The program itself: the very file, since a stamp that came with the project could name its content.
    Program(PathBuf),
    /// A file's content.
    File(PathBuf),
    /// A path at which nothing is.
    Absent(PathBuf),
    /// The names in a folder.
    Folder(PathBuf),
}

/// What was seen of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    watch: Watch,
    meta: Meta,
    digest: String,
}

/// Size, modification and change time in nanoseconds, inode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Meta {
    size: u64,
    modified: i128,
    changed: i128,
    inode: u64,
}

/// The memory of one kind of run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// What the run said, to be said again.
    pub said: String,
    seen: Vec<Seen>,
}

const HEADER: &str = "nself stamp 1";

impl Stamp {
    /// Looks at every path now. A path that cannot be read is not watched: the stamp will not be fresh.
    pub fn take(watches: impl IntoIterator<Item = Watch>, said: String) -> Self {
        let seen = watches.into_iter().map(|watch| {
            let meta = meta(&watch).unwrap_or_default();
            let digest = content(&watch).unwrap_or_default();
            Seen { watch, meta, digest }
        });
        Stamp { said, seen: seen.collect() }
    }

    /// Writes the stamp; failing to is no error, the next run is only slower.
    pub fn save(&self, path: &Path) {
        let mut text = format!("{HEADER}\n{}\n{}\n", self.said.len(), self.said);
        for seen in &self.seen {
            let (kind, watched) = match &seen.watch {
                Watch::Program(path) => ('p', path),
                Watch::File(path) => ('f', path),
                Watch::Absent(path) => ('a', path),
                Watch::Folder(path) => ('d', path),
            };
            let Some(watched) = watched.to_str().filter(|path| !path.contains('\n')) else { return };
            let Meta { size, modified, changed, inode } = seen.meta;
            let digest = if seen.digest.is_empty() { "-" } else { &seen.digest };
            text.push_str(&format!("{kind} {size} {modified} {changed} {inode} {digest} {watched}\n"));
        }
        text.push_str("end\n");
        let temporary = path.with_extension(format!("{}", std::process::id()));
        let write = || {
            let folder = path.parent().unwrap_or(path);
            fs::create_dir_all(folder)?;
            if !fs::symlink_metadata(folder)?.is_dir() {
                return Err(std::io::ErrorKind::NotADirectory.into());
            }
            fs::write(&temporary, &text)?;
            fs::rename(&temporary, path)
        };
        if write().is_err() {
            let _ = fs::remove_file(&temporary);
        }
    }

    /// The stamp at `path` when everything that it saw is still so.
    pub fn fresh(path: &Path) -> Option<Stamp> {
        let taken = meta(&Watch::File(path.to_owned()))?.modified;
        let stamp = Stamp::parse(&fs::read_to_string(path).ok()?)?;
        stamp.seen.iter().all(|seen| still(seen, taken)).then_some(stamp)
    }

    fn parse(text: &str) -> Option<Stamp> {
        let text = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
        let (length, rest) = text.split_once('\n')?;
        let length: usize = length.parse().ok()?;
        let said = rest.get(..length)?.to_owned();
        let rest = rest.get(length..)?.strip_prefix('\n')?.strip_suffix("end\n")?;
        let mut seen = Vec::new();
        for line in rest.lines() {
            let mut fields = line.splitn(7, ' ');
            let kind = fields.next()?;
            let meta = Meta {
                size: fields.next()?.parse().ok()?,
                modified: fields.next()?.parse().ok()?,
                changed: fields.next()?.parse().ok()?,
                inode: fields.next()?.parse().ok()?,
            };
            let digest = fields.next()?.to_owned();
            let path = PathBuf::from(fields.next()?);
            let watch = match kind {
                "p" => Watch::Program(path),
                "f" => Watch::File(path),
                "a" => Watch::Absent(path),
                "d" => Watch::Folder(path),
                _ => return None,
            };
            seen.push(Seen { watch, meta, digest });
        }
        Some(Stamp { said, seen })
    }
}

fn still(seen: &Seen, taken: i128) -> bool {
    if let Watch::Absent(path) = &seen.watch {
        return fs::symlink_metadata(path).is_err();
    }
    // A file changed in the same tick as the stamp was taken could look unchanged.
    let settled = |meta: &Meta| meta.modified < taken && meta.changed < taken;
    match meta(&seen.watch) {
        Some(now) if now == seen.meta && settled(&now) => true,
        _ if matches!(seen.watch, Watch::Program(_)) => false,
        Some(_) => content(&seen.watch).is_some_and(|digest| digest == seen.digest),
        None => false,
    }
}

fn meta(watch: &Watch) -> Option<Meta> {
    let (Watch::Program(path) | Watch::File(path) | Watch::Folder(path)) = watch else { return None };
    let meta = fs::metadata(path).ok()?;
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    Some(Meta {
        size: meta.size(),
        modified: nanos(meta.mtime(), meta.mtime_nsec()),
        changed: nanos(meta.ctime(), meta.ctime_nsec()),
        inode: meta.ino(),
    })
}

fn content(watch: &Watch) -> Option<String> {
    match watch {
        Watch::File(path) => Some(Digest::of(&fs::read(path).ok()?).to_string()),
        Watch::Absent(_) | Watch::Program(_) => Some(String::new()),
        Watch::Folder(path) => {
            let mut names: Vec<_> =
                fs::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
            names.sort();
            let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
            Some(Digest::of(names.join("\0").as_bytes()).to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_fresh_until_something_it_saw_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other, stamp) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("s/stamp"));
        let names = folder.path().join("names");
        fs::create_dir(&names).unwrap();
        fs::write(&file, "one").unwrap();
        let take = || {
            Stamp::take(
                [Watch::File(file.clone()), Watch::Absent(other.clone()), Watch::Folder(names.clone())],
                "said\nso".into(),
            )
            .save(&stamp)
        };
        take();
        assert_eq!(Stamp::fresh(&stamp).unwrap().said, "said\nso");

        // Same size and within the same tick: only the content tells.
        fs::write(&file, "two").unwrap();
        assert!(Stamp::fresh(&stamp).is_none());
        fs::write(&file, "one").unwrap();
        assert!(Stamp::fresh(&stamp).is_some(), "the same content is the same");
        fs::write(&other, "").unwrap();
        assert!(Stamp::fresh(&stamp).is_none());
        fs::remove_file(&other).unwrap();
        fs::write(names.join("new"), "").unwrap();
        assert!(Stamp::fresh(&stamp).is_none());
    }

    /// A stamp that somebody commits cannot know the inode and times of the program that reads it.
    #[test]
    fn another_program_makes_a_stamp_worthless() {
        let folder = tempfile::tempdir().unwrap();
        let (program, stamp) = (folder.path().join("nself"), folder.path().join("stamp"));
        fs::write(&program, "program").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        Stamp::take([Watch::Program(program.clone())], String::new()).save(&stamp);
        assert!(Stamp::fresh(&stamp).is_some());
        fs::remove_file(&program).unwrap();
        fs::write(&program, "program").unwrap();
        assert!(Stamp::fresh(&stamp).is_none(), "the same content is not the same file");
    }

    #[test]
    fn a_cut_or_newer_stamp_is_not_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let (file, stamp) = (folder.path().join("a"), folder.path().join("stamp"));
        fs::write(&file, "one").unwrap();
        Stamp::take([Watch::File(file)], String::new()).save(&stamp);
        let text = fs::read_to_string(&stamp).unwrap();
        for bad in [
            String::new(),
            text[..text.len() - 5].to_owned(),
            text.replace("stamp 1", "stamp 2"),
            text.replace("\nf ", "\nx "),
        ] {
            fs::write(&stamp, bad).unwrap();
            assert!(Stamp::fresh(&stamp).is_none());
        }
    }
}
