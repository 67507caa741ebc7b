//! Writes the stamp of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;

use super::Manifest;
use super::fingerprint::{FileStat, Fingerprint, Watch};
use super::folder_scan::Folders;
use super::output_file::MANIFEST;
use super::stamp::{self, Stamp, StampFile, identity, modified};
use super::stamp_format::{self, StampContent, StampOutput, WrittenOutput};
use crate::artifact::{ArtifactPath, Digest};
use crate::files::{FileKind, Folder, Root, random_suffix};

/// A stamp that is not yet in its place. Its file is created before the first input is read, so that an input which is
/// saved during the evaluation is newer than the stamp.
#[derive(Debug)]
pub struct StampWriter {
    /// The folder of the stamps.
    folder: Folder,
    name: String,
    temporary: String,
    file: File,
    began: i64,
    identity: String,
}

/// The output folder after a run.
pub struct Outputs<'a> {
    pub out: &'a Root,
    pub manifest: &'a Manifest,
    /// Digest of the manifest's bytes.
    pub digest: Digest,
    /// Returns the derivation of a file of this run; `None` for files of other environments, which are recorded only.
    pub derivation: &'a dyn Fn(&ArtifactPath) -> Option<Digest>,
    /// Folders of outputs, and whether nself wrote everything in them.
    pub folders: Folders,
    /// Folders in which the run wrote or deleted a file.
    pub changed: BTreeSet<OsString>,
}

impl StampWriter {
    /// Creates the file of the stamp; `None` if the cache cannot be written, which only makes the next run slower.
    pub fn begin(place: &StampFile) -> Option<Self> {
        let folder = place.cache.create_cache().ok()?.make_folder(stamp::FOLDER, 0o755).ok()?;
        let temporary = format!(".{}", random_suffix().ok()?);
        let file = folder.create_open(&temporary, 0o644).ok()?;
        let metadata = file.metadata().ok();
        let Some((began, identity)) = metadata.and_then(|it| Some((modified(&it), identity(&it)?))) else {
            let _ = folder.remove_file(&temporary);
            return None;
        };
        Some(StampWriter { folder, name: place.name.clone(), temporary, file, began, identity })
    }

    /// Saves the text that the run printed, so that a warm run can print it again as long as no input and no output
    /// changes. The stamp is discarded if an input changed during the run or an output differs from the manifest.
    /// Metadata of unchanged outputs and folders is taken from the stamp `before`.
    pub fn save(
        mut self,
        inputs: impl IntoIterator<Item = Watch>,
        outputs: Outputs,
        before: Option<&Stamp>,
        printed: &str,
    ) {
        if let Some(content) = self.content(inputs, outputs, before, printed)
            && let Some(text) = stamp_format::write(&content)
            && self.file.write_all(text.as_bytes()).is_ok()
        {
            let _ = self.folder.rename(&self.temporary, &self.folder, &self.name);
        }
    }

    fn content(
        &self,
        inputs: impl IntoIterator<Item = Watch>,
        outputs: Outputs,
        before: Option<&Stamp>,
        printed: &str,
    ) -> Option<StampContent> {
        let inputs = inputs
            .into_iter()
            .map(|watch| Fingerprint::now(watch).filter(|fingerprint| fingerprint.stat.is_before(self.began)));
        let out = outputs.out.open().ok()??;
        let manifest = Fingerprint::now(Watch::File(out.path().join(MANIFEST)));
        let manifest = manifest.filter(|fingerprint| fingerprint.digest == outputs.digest.as_str());
        let files = recorded_outputs(&outputs, before, &out).collect::<Option<_>>()?;
        let folders = folder_fingerprints(outputs.folders, &outputs.changed, before);
        Some(StampContent {
            printed: printed.to_owned(),
            identity: self.identity.clone(),
            fingerprints: inputs.chain([manifest]).chain(folders).collect::<Option<_>>()?,
            out: out.path().to_owned(),
            outputs: files,
        })
    }
}

/// Returns a fingerprint of each folder of outputs, from the stamp `before` where the folder did not change.
fn folder_fingerprints(
    folders: Folders,
    changed: &BTreeSet<OsString>,
    before: Option<&Stamp>,
) -> impl Iterator<Item = Option<Fingerprint>> {
    let old = before.into_iter().flat_map(Stamp::folders).map(|old| (old.watch.path().as_os_str(), old));
    let old: BTreeMap<&OsStr, &Fingerprint> = old.filter(|(path, _)| !changed.contains(*path)).collect();
    folders.into_iter().map(move |(path, is_clean)| {
        let same = old.get(path.as_os_str()).map(|old| (old.stat, old.digest.clone()));
        let watch = if is_clean { Watch::Clean(path.into()) } else { Watch::Folder(path.into()) };
        match same {
            Some((stat, digest)) => Some(Fingerprint { watch, stat, digest }),
            None => Fingerprint::now(watch),
        }
    })
}

/// Returns each file of the manifest; `None` for a file of this run that differs from its record.
fn recorded_outputs<'a>(
    outputs: &'a Outputs,
    before: Option<&'a Stamp>,
    out: &'a Folder,
) -> impl Iterator<Item = Option<StampOutput>> {
    let mut old = before.into_iter().flat_map(|stamp| &stamp.content.outputs).peekable();
    outputs.manifest.files.iter().map(move |(path, digest)| {
        let recorded = |written| StampOutput { path: path.clone(), digest: *digest, written };
        let Some(derivation) = (outputs.derivation)(path) else { return Some(recorded(None)) };
        while old.next_if(|old| old.path < *path).is_some() {}
        let same = old.peek().filter(|old| old.path == *path && old.digest == *digest);
        let look = || {
            // The content is read before the metadata: a later edit then also changes the times.
            let bytes = out.read(path.as_str(), FileKind::Output).ok()??;
            (Digest::of(&bytes) == *digest).then(|| FileStat::of_file(out, path.as_str()))?
        };
        // A file that changed since `before` has different times, so its old metadata cannot match later.
        let stat = same.and_then(|old| old.written).map(|written| written.stat).or_else(look)?;
        Some(recorded(Some(WrittenOutput { stat, derivation })))
    })
}

impl Drop for StampWriter {
    fn drop(&mut self) {
        let _ = self.folder.remove_file(&self.temporary);
    }
}
