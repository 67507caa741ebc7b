//! The warm run: when nothing that decided the last result has changed, nothing is evaluated. Times and
//! inode numbers say "same" cheaply; when they differ, or are too fresh to be trusted, content decides.
//!
//! A stamp only counts on the file system where it was made: it names its own inode and time of birth, so one
//! that comes with a checkout, and says what its author liked, is not believed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::state::read;
use super::{MANIFEST, Manifest};
use crate::artifact::{Digest, Kept, Left};
use crate::source::library::{cache_folder, noise, own_folder};

/// What the result depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// The program itself: the very file, whatever it holds.
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

impl Meta {
    fn of(meta: &fs::Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Meta {
            size: meta.size(),
            modified: nanos(meta.mtime(), meta.mtime_nsec()),
            changed: nanos(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
        }
    }

    /// Older than `moment`. What was changed in the same tick as that could look unchanged.
    fn is_before(&self, moment: i128) -> bool {
        self.modified < moment && self.changed < moment
    }
}

/// A stamp in the making. It exists before the first input is read, so that an input which is saved while it
/// is evaluated shows as younger.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    began: i128,
    identity: String,
}

impl Recorder {
    /// Nothing when stamps cannot be kept at `<cache>/<folder>/<name>`; then the next run is only slower.
    pub fn begin(path: &Path) -> Option<Self> {
        let folder = path.parent()?;
        cache_folder(folder.parent()?).ok()?;
        own_folder(folder).ok()?;
        let temporary = folder.join(format!(".{}", noise().ok()?));
        let file = File::create_new(&temporary).ok()?;
        let meta = file.metadata().ok();
        let seen = meta.and_then(|meta| Some((Meta::of(&meta).modified, identity(&meta)?)));
        let Some((began, identity)) = seen else {
            let _ = fs::remove_file(&temporary);
            return None;
        };
        Some(Recorder { path: path.to_owned(), temporary, file, began, identity })
    }

    /// Remembers what the run said, to be said again while all of this stays: `inputs` as they were read,
    /// `outputs` as they should be, `around` as it is now. Anything that moved meanwhile leaves no stamp. What `before`
    /// knows of an output with this digest still holds: if the file moves, its times are not those.
    pub fn save(
        mut self,
        inputs: impl IntoIterator<Item = Watch>,
        outputs: impl IntoIterator<Item = (PathBuf, Digest)>,
        around: impl IntoIterator<Item = Watch>,
        before: Option<&Stamp>,
        said: &str,
    ) {
        let began = self.began;
        let inputs = inputs.into_iter().map(|watch| see(watch).filter(|seen| seen.meta.is_before(began)));
        let folders = before.map(Stamp::folders).unwrap_or_default();
        let around = around.into_iter().map(|watch| match &watch {
            Watch::Folder(path) => folders.get(path.as_os_str()).map(|seen| (*seen).clone()).or_else(|| see(watch)),
            _ => see(watch),
        });
        let before = before.map(Stamp::files).unwrap_or_default();
        let outputs = outputs.into_iter().map(|(path, digest)| {
            let again = before.get(path.as_os_str()).filter(|seen| seen.digest == digest.as_str());
            let seen = again.map(|seen| (*seen).clone()).or_else(|| see(Watch::File(path)));
            seen.filter(|seen| seen.digest == digest.as_str())
        });
        let seen: Option<Vec<Seen>> = inputs.chain(outputs).chain(around).collect();
        let text = seen.and_then(|seen| write(&self.identity, said, &seen));
        if let Some(text) = text
            && self.file.write_all(text.as_bytes()).is_ok()
        {
            let _ = fs::rename(&self.temporary, &self.path);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// The memory of one kind of run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// What the run said, to be said again.
    pub said: String,
    identity: String,
    /// When it was written.
    taken: i128,
    seen: Vec<Seen>,
}

const HEADER: &str = "nself stamp 2";

fn write(identity: &str, said: &str, seen: &[Seen]) -> Option<String> {
    let mut text = format!("{HEADER}\n{identity}\n{}\n{said}\n", said.len());
    for seen in seen {
        let (kind, watched) = match &seen.watch {
            Watch::Program(path) => ('p', path),
            Watch::File(path) => ('f', path),
            Watch::Absent(path) => ('a', path),
            Watch::Folder(path) => ('d', path),
        };
        let watched = watched.to_str().filter(|path| !path.contains('\n'))?;
        let Meta { size, modified, changed, inode } = seen.meta;
        text.push_str(&format!("{kind} {size} {modified} {changed} {inode} {} {watched}\n", seen.digest));
    }
    Some(text + "end\n")
}

impl Stamp {
    /// The stamp at `path`, if it was made there and by the very program that runs.
    pub fn read(path: &Path) -> Option<Stamp> {
        let meta = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        let mut stamp = Stamp::parse(&fs::read_to_string(path).ok()?)?;
        stamp.taken = Meta::of(&meta).modified;
        let program = |seen: &&Seen| matches!(seen.watch, Watch::Program(_));
        let same = stamp.seen.iter().filter(program).all(|seen| still(seen, stamp.taken));
        (same && Some(&stamp.identity) == identity(&meta).as_ref()).then_some(stamp)
    }

    /// Whether everything that it saw is still so.
    pub fn is_fresh(&self) -> bool {
        self.seen.iter().all(|seen| still(seen, self.taken))
    }

    /// Files by their paths.
    fn files(&self) -> BTreeMap<&OsStr, &Seen> {
        let files = self.seen.iter().filter_map(|seen| match &seen.watch {
            Watch::File(path) => Some((path.as_os_str(), seen)),
            _ => None,
        });
        files.collect()
    }

    /// Folders by their paths, if their names are as they were.
    fn folders(&self) -> BTreeMap<&OsStr, &Seen> {
        let folders = self.seen.iter().filter_map(|seen| match &seen.watch {
            Watch::Folder(path) => Some((path.as_os_str(), seen)),
            _ => None,
        });
        let same = |seen: &Seen| meta(&seen.watch).is_some_and(|now| now == seen.meta && now.is_before(self.taken));
        folders.filter(|(_, seen)| same(seen)).collect()
    }

    /// The recorded outputs that nobody touched since: by their times alone, and only plain files in plain folders.
    /// Nothing when the manifest itself is another one. Afterwards, the stamp knows of no output that was touched.
    pub(super) fn left(&mut self, out: &Path) -> Option<(Manifest, Kept)> {
        let seen = self.files();
        let text = read(out, MANIFEST).ok().flatten()?;
        let recorded = seen.get(out.join(MANIFEST).as_os_str())?;
        if recorded.digest != Digest::of(&text).as_str() {
            return None;
        }
        let manifest = Manifest::parse(&text).ok()?;
        let mut folders = BTreeMap::new();
        let mut touched = BTreeSet::new();
        let mut kept = Vec::with_capacity(manifest.files.len());
        for (path, record) in &manifest.files {
            let at = out.join(path.as_str());
            let same = seen.get(at.as_os_str()).is_some_and(|seen| {
                seen.digest == record.digest.as_str()
                    && fs::symlink_metadata(&at).is_ok_and(|meta| {
                        let now = Meta::of(&meta);
                        meta.is_file() && now == seen.meta && now.is_before(self.taken)
                    })
            });
            let left = Left { derivation: record.derivation, digest: record.digest, size: record.size };
            let same =
                same && path.as_str().rsplit_once('/').is_none_or(|(folder, _)| is_plain(out, folder, &mut folders));
            kept.push((path.clone(), same.then_some(left)));
            if !same {
                touched.insert(at);
            }
        }
        self.seen.retain(|seen| !matches!(&seen.watch, Watch::File(path) if touched.contains(path)));
        Some((manifest, Kept(kept.into_iter().collect())))
    }

    fn parse(text: &str) -> Option<Stamp> {
        let text = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
        let (identity, text) = text.split_once('\n')?;
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
        Some(Stamp { said, identity: identity.to_owned(), taken: 0, seen })
    }
}

/// Whether neither the folder below `out` nor one above it is a link.
fn is_plain<'a>(out: &Path, folder: &'a str, known: &mut BTreeMap<&'a str, bool>) -> bool {
    if let Some(plain) = known.get(folder) {
        return *plain;
    }
    let above = folder.rsplit_once('/').is_none_or(|(above, _)| is_plain(out, above, known));
    let plain = above && fs::symlink_metadata(out.join(folder)).is_ok_and(|meta| meta.is_dir());
    known.insert(folder, plain);
    plain
}

/// Which file it is, in a way that its content cannot foretell. File systems without a time of birth have no
/// stamps.
fn identity(meta: &fs::Metadata) -> Option<String> {
    let born = meta.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {}", meta.ino(), born.as_nanos()))
}

/// Content first: whatever changes it afterwards changes the times too.
fn see(watch: Watch) -> Option<Seen> {
    let digest = content(&watch)?;
    let meta = meta(&watch)?;
    Some(Seen { watch, meta, digest })
}

fn still(seen: &Seen, taken: i128) -> bool {
    match meta(&seen.watch) {
        Some(now) if now == seen.meta && now.is_before(taken) => true,
        _ if matches!(seen.watch, Watch::Program(_)) => false,
        Some(_) => content(&seen.watch).is_some_and(|digest| digest == seen.digest),
        None => false,
    }
}

fn meta(watch: &Watch) -> Option<Meta> {
    match watch {
        Watch::Program(path) | Watch::File(path) | Watch::Folder(path) => Some(Meta::of(&fs::metadata(path).ok()?)),
        Watch::Absent(path) => fs::symlink_metadata(path).is_err().then(Meta::default),
    }
}

/// The digest of what is there; a link is another thing than what it leads to.
fn content(watch: &Watch) -> Option<String> {
    let (path, digest) = match watch {
        Watch::Absent(_) | Watch::Program(_) => return Some("-".to_owned()),
        Watch::File(path) => {
            // A pipe would wait for a writer.
            fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
            (path, Digest::of(&fs::read(path).ok()?))
        }
        Watch::Folder(path) => {
            let mut names: Vec<_> =
                fs::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
            names.sort();
            let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
            (path, Digest::of(names.join("\0").as_bytes()))
        }
    };
    let link = fs::symlink_metadata(path).ok()?.is_symlink();
    Some(if link { format!("link:{digest}") } else { digest.to_string() })
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    /// Longer than a tick of any file system that matters here.
    fn tick() {
        sleep(Duration::from_millis(20));
    }

    fn place(folder: &Path) -> PathBuf {
        fs::create_dir_all(folder.join("cache")).unwrap();
        folder.join("cache/stamps/one")
    }

    fn fresh(path: &Path) -> Option<Stamp> {
        Stamp::read(path).filter(Stamp::is_fresh)
    }

    fn record(path: &Path, inputs: Vec<Watch>) {
        Recorder::begin(path).unwrap().save(inputs, [], [], None, "said\nso");
    }

    #[test]
    fn a_stamp_is_fresh_until_something_it_saw_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other, stamp) = (folder.path().join("a"), folder.path().join("b"), place(folder.path()));
        let names = folder.path().join("names");
        fs::create_dir(&names).unwrap();
        fs::write(&file, "one").unwrap();
        tick();
        record(&stamp, vec![Watch::File(file.clone()), Watch::Absent(other.clone()), Watch::Folder(names.clone())]);
        assert_eq!(fresh(&stamp).unwrap().said, "said\nso");

        // Same size and within the same tick: only the content tells.
        fs::write(&file, "two").unwrap();
        assert!(fresh(&stamp).is_none());
        fs::write(&file, "one").unwrap();
        assert!(fresh(&stamp).is_some(), "the same content is the same");
        fs::write(&other, "").unwrap();
        assert!(fresh(&stamp).is_none());
        fs::remove_file(&other).unwrap();
        fs::write(names.join("new"), "").unwrap();
        assert!(fresh(&stamp).is_none());
    }

    #[test]
    fn an_input_saved_while_it_was_read_leaves_no_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let (file, stamp) = (folder.path().join("a"), place(folder.path()));
        fs::write(&file, "one").unwrap();
        tick();
        let recorder = Recorder::begin(&stamp).unwrap();
        fs::write(&file, "two").unwrap();
        recorder.save([Watch::File(file.clone())], [], [], None, "");
        assert!(!stamp.exists());
        // Moved into place with an old time: the time of change tells.
        let recorder = Recorder::begin(&stamp).unwrap();
        tick();
        fs::rename(&file, folder.path().join("b")).unwrap();
        recorder.save([Watch::File(folder.path().join("b"))], [], [], None, "");
        assert!(!stamp.exists());
        // Known-bad control: left alone, the same calls leave one.
        tick();
        record(&stamp, vec![Watch::File(folder.path().join("b"))]);
        assert!(stamp.exists());
        assert_eq!(fs::read_dir(stamp.parent().unwrap()).unwrap().count(), 1, "temporary files stay behind");
    }

    #[test]
    fn an_output_that_is_not_as_it_should_be_leaves_no_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let (file, stamp) = (folder.path().join("a"), place(folder.path()));
        fs::write(&file, "edited").unwrap();
        let save = |expected: &[u8]| {
            Recorder::begin(&stamp).unwrap().save([], [(file.clone(), Digest::of(expected))], [], None, "");
            stamp.exists()
        };
        assert!(!save(b"made"));
        assert!(save(b"edited"));
    }

    #[test]
    fn another_program_makes_a_stamp_worthless() {
        let folder = tempfile::tempdir().unwrap();
        let (program, stamp) = (folder.path().join("nself"), place(folder.path()));
        fs::write(&program, "program").unwrap();
        tick();
        record(&stamp, vec![Watch::Program(program.clone())]);
        assert!(fresh(&stamp).is_some());
        fs::remove_file(&program).unwrap();
        fs::write(&program, "program").unwrap();
        assert!(fresh(&stamp).is_none(), "the same content is not the same file");
    }

    #[test]
    fn a_copied_cut_or_newer_stamp_is_not_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let (file, stamp) = (folder.path().join("a"), place(folder.path()));
        fs::write(&file, "one").unwrap();
        tick();
        record(&stamp, vec![Watch::File(file)]);
        assert!(fresh(&stamp).is_some());
        let text = fs::read_to_string(&stamp).unwrap();
        // Written in place: the same file, and so its content alone decides.
        for bad in [
            String::new(),
            text[..text.len() - 5].to_owned(),
            text.replace("stamp 2", "stamp 3"),
            text.replace("\nf ", "\nx "),
        ] {
            fs::write(&stamp, bad).unwrap();
            assert!(fresh(&stamp).is_none());
        }
        fs::write(&stamp, &text).unwrap();
        assert!(fresh(&stamp).is_some());
        let copy = folder.path().join("copy");
        fs::write(&copy, &text).unwrap();
        fs::rename(&copy, &stamp).unwrap();
        assert!(fresh(&stamp).is_none(), "a stamp that was made elsewhere");
    }
}
