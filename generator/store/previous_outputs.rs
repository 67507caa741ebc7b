//! The outputs of the last run.

use std::collections::BTreeMap;

use super::folder_scan::FolderFlags;
use super::manifest::{Manifest, canonical};
use super::output_file::{MANIFEST, read};
use super::stamp::Stamp;
use crate::artifact::{ArtifactPath, Digest, RecordedFile};
use crate::diagnostic::Diagnostic;
use crate::files::{FileKind, Root};

/// The files that the last run wrote, and which of them are unchanged. The information is valid as long as the writers'
/// lock is held.
#[derive(Debug, Default)]
pub struct PreviousOutputs {
    /// All files of the manifest. `RecordedFile::unchanged` is set only if a stamp proves it.
    pub outputs: BTreeMap<ArtifactPath, RecordedFile>,
    /// The digest of the manifest; `None` if there is no manifest.
    pub(super) manifest: Option<Digest>,
    /// Set if the run that wrote the manifest did not finish.
    pub(super) is_unfinished: bool,
    /// Folders of outputs, and whether they are unchanged and contain only outputs.
    pub(super) folders: FolderFlags,
    /// The stamp that proves which files are unchanged; `None` if the files were read from the manifest.
    pub stamp: Option<Stamp>,
}

impl PreviousOutputs {
    /// Returns the files of the manifest. Each must be read to find out whether it changed.
    pub(super) fn from_manifest(out: &Root) -> Result<Self, Diagnostic> {
        let Some(text) = read(out, MANIFEST)? else { return Ok(PreviousOutputs::default()) };
        let Manifest { files, mut alternatives, is_unfinished } = Manifest::parse(&text)?;
        let recorded_file = |(path, digest): (ArtifactPath, Digest)| {
            let alternatives = alternatives.remove(&path).unwrap_or_default();
            (path, RecordedFile { digest, alternatives, unchanged: None })
        };
        let outputs = files.into_iter().map(recorded_file).collect();
        let manifest = Some(Digest::of(&canonical(&text)));
        Ok(PreviousOutputs { outputs, manifest, is_unfinished, ..PreviousOutputs::default() })
    }

    /// Returns the files that the stamp recorded, and which of them are unchanged; empty if the manifest differs.
    pub fn from_stamp(out: &Root, mut stamp: Stamp) -> Self {
        let Ok(Some(folder)) = out.open() else { return PreviousOutputs::default() };
        let manifest = folder.read(MANIFEST, FileKind::Manifest).ok().flatten().map(|text| Digest::of(&text));
        match manifest.and_then(|digest| stamp.retain_unchanged(&folder, &digest)) {
            Some((outputs, folders)) => {
                PreviousOutputs { outputs, manifest, is_unfinished: false, folders, stamp: Some(stamp) }
            }
            None => PreviousOutputs::default(),
        }
    }
}
