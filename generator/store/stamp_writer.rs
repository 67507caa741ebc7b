//! Writes the stamp of a run: the record of its inputs, outputs and printed text, with which the next run recognizes that
//! nothing changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;

use super::Manifest;
use super::fingerprint::{FileStat, Fingerprint, Watch};
use super::folder_scan::FolderFlags;
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
    /// The name that the file gets when it is complete.
    name: String,
    /// The name of the file until then.
    temporary_name: String,
    file: File,
    /// Creation time of the file, in nanoseconds since 1970.
    began_at: i64,
    /// Inode and birth time of the file.
    identity: String,
}

/// The output folder after a run.
pub struct Outputs<'a> {
    pub out: &'a Root,
    pub manifest: &'a Manifest,
    /// Digest of the manifest's bytes.
    pub digest: Digest,
    /// Returns the digest of all inputs of a generated file; `None` for a file of an environment that this run does not
    /// generate. Of such a file, the stamp records only the path and the digest.
    pub derivation: &'a dyn Fn(&ArtifactPath) -> Option<Digest>,
    /// Folders of outputs, and whether nself wrote everything in them.
    pub folders: FolderFlags,
    /// Folders in which the run wrote or deleted a file.
    pub changed: BTreeSet<OsString>,
}

impl StampWriter {
    /// Creates the file of the stamp; `None` if the cache cannot be written, which only makes the next run slower.
    pub fn begin(stamp_file: &StampFile) -> Option<Self> {
        let folder = stamp_file.cache.create_cache().ok()?.make_folder(stamp::FOLDER, 0o755).ok()?;
        let temporary_name = format!(".{}", random_suffix().ok()?);
        let file = folder.create_open(&temporary_name, 0o644).ok()?;
        let metadata = file.metadata().ok();
        let times_and_identity = metadata.and_then(|metadata| Some((modified(&metadata), identity(&metadata)?)));
        let Some((began_at, identity)) = times_and_identity else {
            let _ = folder.remove_file(&temporary_name);
            return None;
        };
        Some(StampWriter { folder, name: stamp_file.name.clone(), temporary_name, file, began_at, identity })
    }

    /// Saves the text that the run printed, so that a warm run can print it again as long as no input and no output
    /// changes. Discards the stamp if an input changed during the run or an output differs from the manifest. Copies
    /// the metadata of unchanged outputs and folders from the stamp of the previous run.
    pub fn save(
        mut self,
        inputs: impl IntoIterator<Item = Watch>,
        outputs: Outputs,
        previous: Option<&Stamp>,
        printed: &str,
    ) {
        if let Some(content) = self.stamp_content(inputs, outputs, previous, printed)
            && let Some(text) = stamp_format::write(&content)
            && self.file.write_all(text.as_bytes()).is_ok()
        {
            let _ = self.folder.rename(&self.temporary_name, &self.folder, &self.name);
        }
    }

    /// Returns the content of the stamp; `None` if the stamp must be discarded.
    fn stamp_content(
        &self,
        inputs: impl IntoIterator<Item = Watch>,
        outputs: Outputs,
        previous: Option<&Stamp>,
        printed: &str,
    ) -> Option<StampContent> {
        let inputs = inputs
            .into_iter()
            .map(|watch| Fingerprint::of_watch(watch).filter(|fingerprint| fingerprint.stat.is_before(self.began_at)));
        let out = outputs.out.open().ok()??;
        let manifest = Fingerprint::of_watch(Watch::File(out.path().join(MANIFEST)));
        let manifest = manifest.filter(|fingerprint| fingerprint.digest == outputs.digest.as_str());
        let files = recorded_outputs(&outputs, previous, &out).collect::<Option<_>>()?;
        let folders = folder_fingerprints(outputs.folders, &outputs.changed, previous);
        Some(StampContent {
            printed: printed.to_owned(),
            identity: self.identity.clone(),
            fingerprints: inputs.chain([manifest]).chain(folders).collect::<Option<_>>()?,
            out: out.path().to_owned(),
            outputs: files,
        })
    }
}

/// Returns a fingerprint of each folder of outputs: the one in the previous stamp if the folder did not change.
fn folder_fingerprints(
    folders: FolderFlags,
    changed_folders: &BTreeSet<OsString>,
    previous: Option<&Stamp>,
) -> impl Iterator<Item = Option<Fingerprint>> {
    let recorded_folders =
        previous.into_iter().flat_map(Stamp::output_folders).map(|folder| (folder.watch.path().as_os_str(), folder));
    let unchanged_folders: BTreeMap<&OsStr, &Fingerprint> =
        recorded_folders.filter(|(path, _)| !changed_folders.contains(*path)).collect();
    folders.into_iter().map(move |(path, has_only_outputs)| {
        let recorded_content =
            unchanged_folders.get(path.as_os_str()).map(|folder| (folder.stat, folder.digest.clone()));
        let watch = if has_only_outputs { Watch::OutputsOnly(path.into()) } else { Watch::Folder(path.into()) };
        match recorded_content {
            Some((stat, digest)) => Some(Fingerprint { watch, stat, digest }),
            None => Fingerprint::of_watch(watch),
        }
    })
}

/// Returns each file of the manifest; `None` for a file of this run that differs from its record.
fn recorded_outputs<'a>(
    outputs: &'a Outputs,
    previous: Option<&'a Stamp>,
    out: &'a Folder,
) -> impl Iterator<Item = Option<StampOutput>> {
    let mut previous_outputs = previous.into_iter().flat_map(|stamp| &stamp.content.outputs).peekable();
    outputs.manifest.files.iter().map(move |(path, digest)| {
        let output = |written| StampOutput { path: path.clone(), digest: *digest, written };
        let Some(derivation) = (outputs.derivation)(path) else { return Some(output(None)) };
        // Both lists are sorted by path.
        while previous_outputs.next_if(|output| output.path < *path).is_some() {}
        let previous_output = previous_outputs.peek().filter(|output| output.path == *path && output.digest == *digest);
        let read_stat = || {
            // The metadata is read before the content: a file that changes in between then differs from its digest, and
            // a file that changes later differs from this metadata.
            let stat = FileStat::of_file(out, path.as_str())?;
            let bytes = out.read(path.as_str(), FileKind::Output).ok()??;
            (Digest::of(&bytes) == *digest).then_some(stat)
        };
        // The old metadata is safe to copy: if the file changed since then, its times differ from this metadata, and
        // the next run notices the change.
        let stat = previous_output.and_then(|output| output.written).map(|written| written.stat).or_else(read_stat)?;
        Some(output(Some(WrittenOutput { stat, derivation })))
    })
}

impl Drop for StampWriter {
    fn drop(&mut self) {
        let _ = self.folder.remove_file(&self.temporary_name);
    }
}
