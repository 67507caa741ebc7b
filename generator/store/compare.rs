//! Compares the output folder with the generated files, and determines for each path whether nself wrote the file on
//! disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::PathBuf;

use itertools::{EitherOrBoth, Itertools};

use super::change::{Change, State, counts};
use super::folder_scan::{FolderFlags, FolderScan};
use super::manifest::Manifest;
use super::output_file::has_mode;
use super::previous_outputs::PreviousOutputs;
use crate::artifact::{Artifact, ArtifactPath, Artifacts, Digest, RecordedFile};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{EntryKind, FileError, FileKind, Folder, Reason, Root, SizeBudget};
use crate::merge_conflict;

/// The comparison of a run.
#[derive(Debug)]
pub struct Changes {
    pub out: Root,
    /// The files that were compared.
    pub changes: Vec<Change>,
    /// The number of other files that are unchanged; they were neither rendered nor read.
    pub reused: usize,
    /// The manifest after the changes are applied.
    pub manifest: Manifest,
    /// The bytes of `manifest`.
    pub manifest_bytes: Vec<u8>,
    /// The bytes of the manifest while the changes are applied; empty if no file changes.
    pub(super) manifest_while_writing: Vec<u8>,
    /// The digest of `manifest_bytes`.
    pub digest: Digest,
    /// Whether there is a manifest on disk.
    pub manifest_exists: bool,
    /// Whether the manifest on disk equals `manifest_bytes`.
    pub manifest_is_current: bool,
    /// Folders of the environments, and whether nself wrote everything in them.
    pub folders: FolderFlags,
    /// Temporary files of runs that were killed, relative to the output folder.
    pub(super) stale_temp_files: Vec<PathBuf>,
}

impl Changes {
    /// Returns whether `check` fails.
    pub fn differ(&self) -> bool {
        self.changes.iter().any(|change| change.state.differs()) || !self.manifest_is_current
    }

    /// Returns whether [`apply`](super::apply) would change nothing: no file differs, and no temporary file is left.
    pub fn nothing_to_apply(&self) -> bool {
        !self.differ() && self.stale_temp_files.is_empty()
    }

    /// Returns the number of files in each state, by the state's name.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = counts(&self.changes);
        if self.reused > 0 {
            *counts.entry(State::Same.name()).or_default() += self.reused;
        }
        counts
    }
}

/// Compares the artifacts of the selected environments with the files on disk; without a selection, of all environments
/// that the manifest names. A caller that applies the result must hold the writers' lock from before this call, since
/// another run would otherwise write a different manifest. Files that a stamp proves unchanged are not read.
///
/// # Errors
/// NS803 for a symbolic link or a file in place of a folder, NS804 for a file that cannot be read, NS805 for a damaged
/// manifest.
pub fn compare(
    out: &Root,
    artifacts: &Artifacts,
    selected: Option<&BTreeSet<String>>,
    previous: &PreviousOutputs,
) -> Result<Changes, Vec<Diagnostic>> {
    let as_list = |finding| vec![finding];
    let folder = out.open().map_err(|error| as_list(error.into()))?;
    let from_manifest;
    let previous = if previous.stamp.is_some() {
        previous
    } else {
        from_manifest = PreviousOutputs::from_manifest(out).map_err(as_list)?;
        &from_manifest
    };
    let mut comparison = Comparison::new(folder.as_ref(), previous, artifacts);
    for pair in previous.outputs.iter().merge_join_by(artifacts.iter(), |(a, _), (b, _)| a.cmp(b)) {
        let (path, record, artifact) = match pair {
            EitherOrBoth::Both((path, record), (_, artifact)) => (path, Some(record), Some(artifact)),
            EitherOrBoth::Left((path, record)) => (path, Some(record), None),
            EitherOrBoth::Right((path, artifact)) => (path, None, Some(artifact)),
        };
        if artifact.is_some() || is_selected(selected, path) {
            comparison.compare_path(path, record, artifact);
        } else if let Some(record) = record {
            // A file of an environment that is not selected keeps its record.
            comparison.manifest.files.insert(path.clone(), record.digest);
        }
    }
    let is_output = |path: &str| previous.outputs.contains_key(path) || artifacts.get(path).is_some();
    let scan = folder
        .as_ref()
        .map(|folder| FolderScan::of_folder(folder, &comparison.environments, &previous.folders, is_output))
        .unwrap_or_default();
    let foreign_folders = comparison.replaced_folders.extract_if(.., |(path, _)| {
        scan.foreign_files.iter().any(|file| file.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/')))
    });
    comparison.findings.extend(foreign_folders.map(|(_, error)| error.into()));
    if !comparison.findings.is_empty() {
        return Err(comparison.findings);
    }
    Ok(comparison.into_changes(out, scan))
}

/// The comparison of the paths so far.
struct Comparison<'a> {
    folder: Option<&'a Folder>,
    previous: &'a PreviousOutputs,
    artifacts: &'a Artifacts,
    changes: Vec<Change>,
    reused: usize,
    findings: Vec<Diagnostic>,
    /// Paths of generated files at which the disk has a folder of outputs, each with the error of reading it. The folder
    /// is removed when its outputs are deleted, unless it has other files.
    replaced_folders: Vec<(String, FileError)>,
    environments: BTreeSet<&'a str>,
    manifest: Manifest,
    /// The number of bytes that were read so far, which is limited.
    read_budget: SizeBudget,
}

impl<'a> Comparison<'a> {
    fn new(folder: Option<&'a Folder>, previous: &'a PreviousOutputs, artifacts: &'a Artifacts) -> Self {
        Comparison {
            folder,
            previous,
            artifacts,
            changes: Vec::new(),
            reused: 0,
            findings: Vec::new(),
            replaced_folders: Vec::new(),
            environments: BTreeSet::new(),
            manifest: Manifest::default(),
            read_budget: SizeBudget::new(FileKind::Output),
        }
    }

    /// Compares one path: its record in the manifest, its artifact and its file on disk. Adds the change, if there is one.
    fn compare_path(&mut self, path: &'a ArtifactPath, record: Option<&RecordedFile>, artifact: Option<&Artifact>) {
        self.environments.insert(path.top());
        let digest = artifact.map(Artifact::digest);
        self.manifest.files.extend(digest.map(|digest| (path.clone(), digest)));
        if record.is_some_and(|record| record.unchanged.is_some() && Some(record.digest) == digest) {
            // Unchanged on disk, and the generated bytes are the same.
            self.reused += 1;
            return;
        }
        let new_bytes = match artifact.map(|artifact| artifact.bytes()) {
            // An artifact has no bytes if it was reused because its file on disk was unchanged.
            Some(None) => return self.findings.push(changed_after_reuse(path.as_str())),
            bytes => bytes.flatten(),
        };
        let old_bytes = match self
            .folder
            .map_or(Ok(None), |folder| read_within_budget(folder, path.as_str(), &mut self.read_budget))
        {
            Ok(bytes) => bytes,
            Err(error) if self.is_in_place_of_outputs(path.as_str(), &error.reason) => {
                self.replaced_folders.extend(new_bytes.map(|_| (path.to_string(), error)));
                None
            }
            Err(error) => return self.findings.push(error.into()),
        };
        let state = state_of_path(old_bytes.as_deref(), new_bytes, record, self.previous.is_unfinished);
        // A file that git or a copy wrote without its mode is written again.
        let state = state.map(|state| match state {
            State::Same if !has_mode(self.folder, path.as_str()) => State::Changed,
            state => state,
        });
        let path = path.to_string();
        self.changes.extend(state.map(|state| Change {
            path,
            state,
            old: old_bytes,
            new: new_bytes.map(<[u8]>::to_vec),
        }));
    }

    /// Returns whether a path cannot be read because an output was a file and becomes a folder, or the reverse.
    fn is_in_place_of_outputs(&self, path: &str, reason: &Reason) -> bool {
        match reason {
            Reason::NotAFolder(EntryKind::File) => {
                path.match_indices('/').any(|(i, _)| self.previous.outputs.contains_key(&path[..i]))
            }
            Reason::NotAFile(EntryKind::Folder) => {
                let folder = format!("{path}/");
                let is_inside =
                    |path: Option<&ArtifactPath>| path.is_some_and(|path| path.as_str().starts_with(&folder));
                // Paths are sorted, so the first path from `folder/` on is inside if any is.
                let mut outputs_from_folder =
                    self.previous.outputs.range::<str, _>((Bound::Included(folder.as_str()), Bound::Unbounded));
                is_inside(outputs_from_folder.next().map(|(path, _)| path))
                    || is_inside(self.artifacts.first_from(&folder))
            }
            _ => false,
        }
    }

    /// Returns the finished comparison, with the foreign files of the scan.
    fn into_changes(mut self, out: &Root, scan: FolderScan) -> Changes {
        let foreign_change = |path| Change { path, state: State::Foreign, old: None, new: None };
        self.changes.extend(scan.foreign_files.into_iter().map(foreign_change));
        self.changes.sort_by(|a, b| a.path.cmp(&b.path));
        let manifest_bytes = self.manifest.to_bytes();
        let digest = Digest::of(&manifest_bytes);
        let mut manifest_while_writing = Vec::new();
        if self.changes.iter().any(|change| change.state.differs()) {
            let old_digests = self.previous.outputs.iter().flat_map(|(path, old)| {
                std::iter::once(&old.digest).chain(&old.alternatives).map(move |digest| (path, digest))
            });
            manifest_while_writing = self.manifest.to_bytes_while_writing(old_digests);
        }
        Changes {
            out: out.clone(),
            changes: self.changes,
            reused: self.reused,
            manifest_exists: self.previous.manifest.is_some(),
            manifest_is_current: self.previous.manifest == Some(digest),
            manifest: self.manifest,
            manifest_bytes,
            manifest_while_writing,
            digest,
            folders: scan.folders,
            stale_temp_files: scan.stale_temp_files,
        }
    }
}

/// Reads a file that stays in memory until the end of the run, and counts its bytes against the budget.
fn read_within_budget(folder: &Folder, path: &str, budget: &mut SizeBudget) -> Result<Option<Vec<u8>>, FileError> {
    let bytes = folder.read(path, FileKind::Output)?;
    bytes.as_ref().map_or(Ok(()), |bytes| budget.add(folder, path, bytes))?;
    Ok(bytes)
}

/// Returns whether a file belongs to one of the selected environments.
pub fn is_selected(selected: Option<&BTreeSet<String>>, path: &ArtifactPath) -> bool {
    selected.is_none_or(|selected| selected.contains(path.top()))
}

/// Returns the error for a file that changed on disk after the run decided to reuse it.
fn changed_after_reuse(path: &str) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root()).message(format!("{path} was reused but has changed on disk"))
}

/// Returns the state of a path; `None` if it neither exists on disk nor is generated. `is_unfinished` is true if
/// the run that wrote the manifest did not finish.
fn state_of_path(
    disk: Option<&[u8]>,
    new: Option<&[u8]>,
    record: Option<&RecordedFile>,
    is_unfinished: bool,
) -> Option<State> {
    let is_recorded = |disk: &[u8]| {
        let digest = Digest::of(disk);
        record.is_some_and(|record| record.digest == digest || record.alternatives.contains(&digest))
    };
    let is_merged = |disk: &[u8]| {
        record.is_some_and(|record| {
            let was_changed_on_two_branches = !is_unfinished && !record.alternatives.is_empty();
            was_changed_on_two_branches || merge_conflict::first_line(disk).is_some()
        })
    };
    Some(match (disk, new) {
        (None, None) => return None,
        (None, Some(_)) if record.is_some() => State::Missing,
        (None, Some(_)) => State::New,
        (Some(disk), Some(new)) if disk == new => State::Same,
        (Some(disk), Some(_)) if is_recorded(disk) => State::Changed,
        (Some(disk), Some(_)) if is_merged(disk) => State::Merged,
        (Some(_), Some(_)) if record.is_some() => State::HandEdited,
        (Some(_), Some(_)) => State::InTheWay,
        (Some(disk), None) if is_recorded(disk) || is_merged(disk) => State::Stale,
        (Some(_), None) => State::HandEdited,
    })
}
