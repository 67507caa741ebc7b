//! Stamps record the inputs, the outputs and the printed text of a run. If nothing changed since, the next run is warm:
//! it evaluates nothing and prints the text again.
//!
//! A stamp is trusted only on the file system where it was written: it contains the inode and birth time of the stamp's
//! file, so a stamp that comes with a checkout is ignored.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::fingerprint::{FileStat, Fingerprint, Watch};
use super::folder_scan::FolderFlags;
use super::output_file::{MANIFEST, has_mode};
use super::stamp_format::{self, StampContent, StampOutput};
use crate::artifact::{ArtifactPath, Digest, RecordedFile, UnchangedFile};
use crate::files::{FileKind, Folder, Root};

/// The name of the folder of stamps in the cache.
pub(super) const FOLDER: &str = "stamps";

/// The place of the stamp of one command line.
#[derive(Debug, Clone)]
pub struct StampFile {
    pub cache: Root,
    /// The name of the file in the folder of stamps.
    pub name: String,
}

/// A stamp that the running program wrote in this place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    pub(super) content: StampContent,
    /// The modification time of the stamp's file.
    pub(super) written_at: i64,
}

impl Stamp {
    /// Reads a stamp; `None` if it was not written in this place by the program that runs now.
    pub fn read(file: &StampFile) -> Option<Stamp> {
        let path = Path::new(FOLDER).join(&file.name);
        let (text, metadata) = file.cache.open().ok()??.read_with_metadata(path, FileKind::CacheRecord).ok()??;
        let content = stamp_format::parse(std::str::from_utf8(&text).ok()?)?;
        let written_at = modified(&metadata);
        let mut programs =
            content.fingerprints.iter().filter(|fingerprint| matches!(fingerprint.watch, Watch::Program(_)));
        let is_same_program = programs.all(|fingerprint| fingerprint.unchanged_since(written_at));
        let is_same_file = Some(&content.identity) == identity(&metadata).as_ref();
        (is_same_program && is_same_file).then_some(Stamp { content, written_at })
    }

    /// Returns the saved text that the run printed; a warm run prints it again.
    pub fn saved_report(&self) -> &str {
        &self.content.printed
    }

    /// Returns whether no input and no output changed since the stamp was written.
    pub fn is_fresh(&self, out: &Root) -> bool {
        let Ok(Some(folder)) = out.open() else { return false };
        let is_unchanged = |output: &StampOutput| {
            let Some(written) = output.written else { return true };
            let path = output.path.as_str();
            let has_same_stat = FileStat::of_file(&folder, path)
                .is_some_and(|stat| written.stat.unchanged_since(stat, self.written_at));
            let read_file = || folder.read(path, FileKind::Output).ok().flatten();
            let has_same_content = || read_file().is_some_and(|bytes| Digest::of(&bytes) == output.digest);
            has_same_stat || has_same_content() && has_mode(Some(&folder), path)
        };
        self.content.out == out.path()
            && self.content.fingerprints.iter().all(|fingerprint| fingerprint.unchanged_since(self.written_at))
            && self.content.outputs.iter().all(is_unchanged)
    }

    /// Returns the fingerprints of the folders in the output folder.
    pub(super) fn output_folders(&self) -> impl Iterator<Item = &Fingerprint> {
        self.content.fingerprints.iter().filter(|fingerprint| is_output_folder(fingerprint, &self.content.out))
    }

    /// Returns every recorded output with whether it is unchanged, and every folder of outputs with whether it is
    /// unchanged and has no other files. Compares only metadata. A file that is a symbolic link, or below one, counts
    /// as changed. Returns `None` if the manifest differs. Removes the records of changed files and folders from the
    /// stamp.
    pub(super) fn retain_unchanged(
        &mut self,
        folder: &Folder,
        manifest: &Digest,
    ) -> Option<(RecordedFiles, FolderFlags)> {
        let out = folder.path();
        let content = &mut self.content;
        let manifest_path = Watch::File(out.join(MANIFEST));
        let manifest_fingerprint =
            content.fingerprints.iter().find(|fingerprint| fingerprint.watch == manifest_path)?;
        if content.out != out || manifest_fingerprint.digest != manifest.as_str() {
            return None;
        }
        let written_at = self.written_at;
        let mut plain_folders = PlainFolders { out: folder, stats: BTreeMap::new() };
        let mut folders = FolderFlags::new();
        content.fingerprints.retain(|fingerprint| {
            if !is_output_folder(fingerprint, out) {
                return true;
            }
            let path = fingerprint.watch.path();
            let relative_path = path.strip_prefix(out).ok().and_then(Path::to_str);
            let stat = relative_path.and_then(|relative_path| plain_folders.stat(relative_path));
            let is_unchanged = stat.is_some_and(|stat| fingerprint.stat.unchanged_since(stat, written_at));
            let has_only_outputs = is_unchanged && matches!(fingerprint.watch, Watch::OutputsOnly(_));
            folders.insert(path.as_os_str().to_owned(), has_only_outputs);
            is_unchanged
        });
        let recorded_files = content.outputs.iter_mut().map(|StampOutput { path, digest, written }| {
            let parent = path.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
            *written = written.filter(|written| {
                let stat = FileStat::of_file(folder, path.as_str());
                stat.is_some_and(|stat| written.stat.unchanged_since(stat, written_at))
                    && plain_folders.stat(parent).is_some()
            });
            let unchanged =
                written.map(|written| UnchangedFile { derivation: written.derivation, size: written.stat.size });
            (path.clone(), RecordedFile { digest: *digest, alternatives: Vec::new(), unchanged })
        });
        Some((recorded_files.collect(), folders))
    }
}

/// The files of the manifest by their paths.
type RecordedFiles = BTreeMap<ArtifactPath, RecordedFile>;

/// Returns whether a fingerprint is that of a folder in the output folder.
fn is_output_folder(fingerprint: &Fingerprint, out: &Path) -> bool {
    matches!(fingerprint.watch, Watch::OutputsOnly(_) | Watch::Folder(_)) && fingerprint.watch.path().starts_with(out)
}

/// Metadata of folders below the output folder that are not symbolic links. Each folder is looked up once.
struct PlainFolders<'a> {
    out: &'a Folder,
    stats: BTreeMap<String, Option<FileStat>>,
}

impl PlainFolders<'_> {
    /// Returns the metadata of a folder; `None` if it or a folder above it is a symbolic link. `folder` is its path below
    /// the output folder.
    fn stat(&mut self, folder: &str) -> Option<FileStat> {
        if let Some(stat) = self.stats.get(folder) {
            return *stat;
        }
        // The parent of `prod` is the output folder, `""`, which has no parent here.
        let parent = folder.rsplit_once('/').map(|(parent, _)| parent).or((!folder.is_empty()).then_some(""));
        let is_parent_plain = parent.is_none_or(|parent| self.stat(parent).is_some());
        let stat = if folder.is_empty() { self.out.own_stat() } else { self.out.stat_below_plain_folders(folder) };
        let stat = stat.filter(|stat| is_parent_plain && stat.is_folder()).map(|stat| FileStat::of(&stat));
        self.stats.insert(folder.to_owned(), stat);
        stat
    }
}

/// Returns the time of the last change of the content, in nanoseconds since 1970.
pub(super) fn modified(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

/// Returns the inode and the birth time of a file. A program that writes a file cannot choose them. `None` on file
/// systems without birth times, on which no stamps are written.
pub(super) fn identity(metadata: &Metadata) -> Option<String> {
    let birth_time = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {}", metadata.ino(), birth_time.as_nanos()))
}

#[cfg(test)]
mod tests;
