//! The warm run: when nothing that decided the last result has changed, nothing is evaluated.
//!
//! A stamp only counts on the file system where it was made: it names its own inode and time of birth, so one
//! that comes with a checkout, and says what its author liked, is not believed.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::fingerprint::{FileStat, Fingerprint, Watch};
use super::folder_scan::Folders;
use super::{MANIFEST, stamp_format};
use crate::artifact::{ArtifactPath, Digest, KeptFile, RecordedFile};
use crate::files::{FileKind, Folder, Root};

/// The folder of stamps in the cache.
pub(super) const FOLDER: &str = "stamps";

/// Where the stamp of one kind of run is.
#[derive(Debug, Clone)]
pub struct StampFile {
    pub cache: Root,
    pub name: String,
}

/// The memory of one kind of run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// What the run said, to be said again.
    pub said: String,
    pub(super) identity: String,
    /// When it was written.
    pub(super) taken: i64,
    /// Inputs, the manifest, and folders around the outputs.
    pub(super) seen: Vec<Fingerprint>,
    /// The output folder.
    pub(super) out: PathBuf,
    /// All that the manifest records, in its order.
    pub(super) outputs: Vec<Output>,
}

/// One file of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub path: ArtifactPath,
    pub digest: Digest,
    /// `None` for a file of an environment that the run did not look at, and for one that was touched since.
    pub seen: Option<SeenOutput>,
}

/// An output as the run left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeenOutput {
    pub meta: FileStat,
    pub derivation: Digest,
}

impl Stamp {
    /// The stamp at `path`, if it was made there and by the very program that runs.
    pub fn read(file: &StampFile) -> Option<Stamp> {
        let path = Path::new(FOLDER).join(&file.name);
        let (text, meta) = file.cache.open().ok()??.read_with_metadata(path, FileKind::CacheRecord).ok()??;
        let mut stamp = stamp_format::parse(std::str::from_utf8(&text).ok()?)?;
        stamp.taken = modified(&meta);
        let program = |seen: &&Fingerprint| matches!(seen.watch, Watch::Program(_));
        let same = stamp.seen.iter().filter(program).all(|seen| seen.unchanged_since(stamp.taken));
        (same && Some(&stamp.identity) == identity(&meta).as_ref()).then_some(stamp)
    }

    /// Whether everything that it saw is still so.
    pub fn is_fresh(&self, out: &Root) -> bool {
        let Ok(Some(folder)) = out.open() else { return false };
        let still = |output: &Output| {
            let Some(seen) = output.seen else { return true };
            let path = output.path.as_str();
            let same = FileStat::of_file(&folder, path).is_some_and(|now| seen.meta.unchanged_since(now, self.taken));
            let read = || folder.read(path, FileKind::Output).ok().flatten();
            same || read().is_some_and(|bytes| Digest::of(&bytes) == output.digest)
        };
        self.out == out.path()
            && self.seen.iter().all(|seen| seen.unchanged_since(self.taken))
            && self.outputs.iter().all(still)
    }

    /// Folders around the outputs.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Fingerprint> {
        self.seen.iter().filter(|seen| self.is_output_folder(seen))
    }

    fn is_output_folder(&self, seen: &Fingerprint) -> bool {
        matches!(seen.watch, Watch::Clean(_) | Watch::Folder(_)) && seen.watch.path().starts_with(&self.out)
    }

    /// All recorded outputs, and which of them nobody touched since: by their times alone, and only plain files in
    /// plain folders. With them the folders, and which of those are as they were with nothing in them that is not ours.
    /// Nothing when the manifest itself is another one. Afterwards, the stamp knows of nothing there that was touched.
    pub(super) fn left(&mut self, folder: &Folder, manifest: &Digest) -> Option<(Lefts, Folders)> {
        let out = folder.path();
        let recorded = self.seen.iter().find(|seen| seen.watch == Watch::File(out.join(MANIFEST)))?;
        if self.out != out || recorded.digest != manifest.as_str() {
            return None;
        }
        let taken = self.taken;
        let mut plain = Plain { out: folder, known: BTreeMap::new() };
        let mut folders = Folders::new();
        let mut known = Vec::with_capacity(self.seen.len());
        for seen in std::mem::take(&mut self.seen) {
            let path = seen.watch.path();
            if !self.is_output_folder(&seen) {
                known.push(seen);
                continue;
            }
            let now = path.strip_prefix(out).ok().and_then(Path::to_str).and_then(|below| plain.folder(below));
            let same = now.is_some_and(|now| seen.meta.unchanged_since(now, taken));
            folders.insert(path.as_os_str().to_owned(), same && matches!(seen.watch, Watch::Clean(_)));
            known.extend(same.then_some(seen));
        }
        self.seen = known;
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for Output { path, digest, seen } in &mut self.outputs {
            let above = path.as_str().rsplit_once('/').map_or("", |(above, _)| above);
            *seen = seen.filter(|then| {
                FileStat::of_file(folder, path.as_str()).is_some_and(|now| then.meta.unchanged_since(now, taken))
                    && plain.folder(above).is_some()
            });
            let untouched = seen.map(|seen| KeptFile { derivation: seen.derivation, size: seen.meta.size });
            outputs.push((path.clone(), RecordedFile { digest: *digest, alternatives: Vec::new(), untouched }));
        }
        Some((outputs.into_iter().collect(), folders))
    }
}

/// Recorded outputs by their paths.
type Lefts = BTreeMap<ArtifactPath, RecordedFile>;

/// Folders below the output folder, looked at once.
struct Plain<'a> {
    out: &'a Folder,
    known: BTreeMap<String, Option<FileStat>>,
}

impl Plain<'_> {
    /// What is seen of a folder, if neither it nor one above it is a link.
    fn folder(&mut self, folder: &str) -> Option<FileStat> {
        if let Some(known) = self.known.get(folder) {
            return *known;
        }
        let above = folder.rsplit_once('/').map(|(above, _)| above).or((!folder.is_empty()).then_some(""));
        let plain = above.is_none_or(|above| self.folder(above).is_some());
        let stat = if folder.is_empty() { self.out.own_stat() } else { self.out.stat_below_plain_folders(folder) };
        let meta = stat.filter(|stat| plain && stat.is_folder()).map(|stat| FileStat::of(&stat));
        self.known.insert(folder.to_owned(), meta);
        meta
    }
}

/// The time of the last change of the content, in nanoseconds since 1970.
pub(super) fn modified(meta: &Metadata) -> i64 {
    meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec())
}

/// Which file it is, in a way that its content cannot foretell. File systems without a time of birth have no
/// stamps.
pub(super) fn identity(meta: &Metadata) -> Option<String> {
    let born = meta.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {}", meta.ino(), born.as_nanos()))
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use std::fs;

    use super::*;
    use crate::store::Manifest;
    use crate::store::stamp_writer::{Outputs, StampWriter};
    use std::collections::BTreeSet;

    /// Longer than a tick of any file system that matters here.
    fn tick() {
        sleep(Duration::from_millis(20));
    }

    /// The stamp in a folder's cache.
    struct Place {
        file: StampFile,
        out: Root,
        path: PathBuf,
    }

    fn place(folder: &Path) -> Place {
        Place {
            file: StampFile { cache: Root::cache(folder), name: "one".into() },
            out: Root::named(&folder.join(".nself/stamps/out")),
            path: folder.join(".nself/stamps/one"),
        }
    }

    fn fresh(place: &Place) -> Option<Stamp> {
        Stamp::read(&place.file).filter(|stamp| stamp.is_fresh(&place.out))
    }

    /// Saves what a run read, in whose output folder is a manifest without files.
    fn save(place: &Place, recorder: StampWriter, inputs: Vec<Watch>) {
        let manifest = Manifest::default();
        place.out.write(MANIFEST, &manifest.to_bytes()).unwrap();
        let digest = Digest::of(&manifest.to_bytes());
        let outputs = Outputs {
            out: &place.out,
            manifest: &manifest,
            digest,
            derivation: &|_| None,
            folders: Folders::new(),
            changed: BTreeSet::new(),
        };
        recorder.save(inputs, outputs, None, "said\nso");
    }

    fn record(place: &Place, inputs: Vec<Watch>) {
        save(place, StampWriter::begin(&place.file).unwrap(), inputs);
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
        let recorder = StampWriter::begin(&stamp.file).unwrap();
        fs::write(&file, "two").unwrap();
        save(&stamp, recorder, vec![Watch::File(file.clone())]);
        assert!(!stamp.path.exists());
        // Moved into place with an old time: the time of change tells.
        let recorder = StampWriter::begin(&stamp.file).unwrap();
        tick();
        fs::rename(&file, folder.path().join("b")).unwrap();
        save(&stamp, recorder, vec![Watch::File(folder.path().join("b"))]);
        assert!(!stamp.path.exists());
        // Known-bad control: left alone, the same calls leave one.
        tick();
        record(&stamp, vec![Watch::File(folder.path().join("b"))]);
        assert!(stamp.path.exists());
        let names = fs::read_dir(stamp.path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name != "out").count(), 1, "temporary files stay behind");
    }

    #[test]
    fn an_output_that_is_not_as_it_should_be_leaves_no_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = place(folder.path());
        let out = Root::named(folder.path());
        out.write("prod/nginx/a", b"edited").unwrap();
        let save = |expected: &[u8], manifest_is_right: bool| {
            let files = [(ArtifactPath::new("prod/nginx/a").unwrap(), Digest::of(expected))].into();
            let manifest = Manifest { files, ..Manifest::default() };
            fs::write(folder.path().join(MANIFEST), manifest.to_bytes()).unwrap();
            let text = if manifest_is_right { manifest.to_bytes() } else { Vec::new() };
            let (digest, folders, changed) = (Digest::of(&text), Folders::new(), BTreeSet::new());
            let derivation = |_: &ArtifactPath| Some(Digest::default());
            let outputs = Outputs { out: &out, manifest: &manifest, digest, derivation: &derivation, folders, changed };
            StampWriter::begin(&stamp.file).unwrap().save([], outputs, None, "");
            stamp.path.exists().then(|| Stamp::read(&stamp.file).unwrap().is_fresh(&out))
        };
        assert_eq!(save(b"made", true), None);
        assert_eq!(save(b"edited", false), None);
        assert_eq!(save(b"edited", true), Some(true));
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
        let text = fs::read_to_string(&stamp.path).unwrap();
        // Written in place: the same file, and so its content alone decides.
        for bad in [
            String::new(),
            text[..text.len() - 5].to_owned(),
            text.replace("stamp 5", "stamp 6"),
            text.replace("\nf ", "\nx "),
        ] {
            fs::write(&stamp.path, bad).unwrap();
            assert!(fresh(&stamp).is_none());
        }
        fs::write(&stamp.path, &text).unwrap();
        assert!(fresh(&stamp).is_some());
        let copy = folder.path().join("copy");
        fs::write(&copy, &text).unwrap();
        fs::rename(&copy, &stamp.path).unwrap();
        assert!(fresh(&stamp).is_none(), "a stamp that was made elsewhere");
    }
}
