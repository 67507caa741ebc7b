//! What is on disk against what is generated: per file, who changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use itertools::{EitherOrBoth, Itertools};

use super::folder_scan::{FolderScan, Folders};
use super::manifest::{Manifest, canonical};
use super::report::counts;
use super::{MANIFEST, Stamp};
use crate::artifact::{ArtifactPath, Artifacts, Digest, RecordedFile};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileError, FileKind, Folder, Root, Total};
use crate::merge_conflict;

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Same,
    /// Not on disk yet.
    New,
    /// On disk as we left it; the stack gives other bytes now.
    Changed,
    /// Ours, and no longer on disk.
    Missing,
    /// Ours, and no longer generated.
    Stale,
    /// Ours, and edited since.
    HandEdited,
    /// Ours, and merged from two branches by version control.
    Merged,
    /// Not ours, where we want to write.
    InTheWay,
    /// Not ours, elsewhere in an environment's folder; named, never touched.
    Foreign,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Same => "same",
            State::New => "new",
            State::Changed => "changed",
            State::Missing => "missing",
            State::Stale => "stale",
            State::HandEdited => "hand-edited",
            State::Merged => "merged",
            State::InTheWay => "in the way",
            State::Foreign => "foreign",
        }
    }

    /// Whether `check` fails because of it.
    pub fn differs(self) -> bool {
        !matches!(self, State::Same | State::Foreign)
    }
}

/// One file with both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub path: String,
    pub state: State,
    pub old: Option<Vec<u8>>,
    pub new: Option<Vec<u8>>,
}

/// The comparison of a run.
#[derive(Debug)]
pub struct Changes {
    pub out: Root,
    /// Files that were looked at.
    pub changes: Vec<Change>,
    /// How many others are as they should be: they were neither rendered nor read, since nobody touched them.
    pub kept: usize,
    /// The manifest after the changes are applied, its bytes, and their digest.
    pub manifest: Manifest,
    pub text: Vec<u8>,
    /// The manifest's bytes while the changes are applied.
    pub(super) text_while_writing: Vec<u8>,
    pub digest: Digest,
    /// Whether there is a manifest on disk.
    pub manifest_exists: bool,
    /// Whether the manifest on disk is that already.
    pub manifest_is_current: bool,
    /// Folders in which files that are not ours were looked for, and whether there are none.
    pub folders: Folders,
    /// Temporary files of runs that were killed, relative to the output folder.
    pub(super) stale_temp_files: Vec<PathBuf>,
}

impl Changes {
    /// Whether `check` fails.
    pub fn differ(&self) -> bool {
        self.changes.iter().any(|change| change.state.differs()) || !self.manifest_is_current
    }

    /// Whether [`apply`](super::apply) has nothing to do.
    pub fn are_applied(&self) -> bool {
        !self.differ() && self.stale_temp_files.is_empty()
    }

    /// How many files stand how.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = counts(&self.changes);
        if self.kept > 0 {
            *counts.entry(State::Same.name()).or_default() += self.kept;
        }
        counts
    }
}

/// Compares the artifacts of the selected environments; with no selection, of all that ever were. Whoever
/// applies the result holds the lock from here on, or another run's manifest is lost. Files that are as an earlier run
/// left them are not read.
///
/// # Errors
/// NS803 for links and files where folders must be, NS804, NS805.
pub fn compare(
    out: &Root,
    artifacts: &Artifacts,
    selected: Option<&BTreeSet<String>>,
    left: &PreviousOutputs,
) -> Result<Changes, Vec<Diagnostic>> {
    let one = |finding| vec![finding];
    let folder = out.open().map_err(|error| one(error.into()))?;
    let read_now;
    let left = if left.stamp.is_some() {
        left
    } else {
        read_now = PreviousOutputs::recorded(out).map_err(one)?;
        &read_now
    };
    let ours = |path: &ArtifactPath| is_selected(selected, path);
    let mut files = Vec::with_capacity(left.outputs.len());
    let (mut changes, mut findings, mut kept) = (Vec::new(), Vec::new(), 0);
    let mut environments = BTreeSet::new();
    let mut total = Total::new(FileKind::Output);
    for both in left.outputs.iter().merge_join_by(artifacts.iter(), |(a, _), (b, _)| a.cmp(b)) {
        let (path, old, artifact) = match both {
            EitherOrBoth::Both((path, old), (_, artifact)) => (path, Some(old), Some(artifact)),
            EitherOrBoth::Left((path, old)) => (path, Some(old), None),
            EitherOrBoth::Right((path, artifact)) => (path, None, Some(artifact)),
        };
        let digest = match artifact {
            None if ours(path) => None,
            None => {
                files.extend(old.map(|old| (path.clone(), old.digest)));
                continue;
            }
            Some(artifact) => Some(artifact.digest()),
        };
        environments.insert(path.top());
        let same = old.is_some_and(|old| old.untouched.is_some() && Some(old.digest) == digest);
        files.extend(digest.map(|digest| (path.clone(), digest)));
        if same {
            kept += 1;
            continue;
        }
        let new = match artifact.map(|artifact| artifact.bytes()) {
            Some(None) => {
                findings.push(unknown(path.as_str()));
                continue;
            }
            new => new.flatten(),
        };
        match folder.as_ref().map_or(Ok(None), |folder| read_counted(folder, path.as_str(), &mut total)) {
            Err(error) => findings.push(error.into()),
            Ok(disk) => {
                let state = state(disk.as_deref(), new, old, left.is_unfinished);
                let path = path.to_string();
                changes.extend(state.map(|state| Change { path, state, old: disk, new: new.map(<[u8]>::to_vec) }));
            }
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let known = |path: &str| left.outputs.contains_key(path) || artifacts.get(path).is_some();
    let around = folder.as_ref().map(|folder| FolderScan::look(folder, &environments, &left.folders, known));
    let around = around.unwrap_or_default();
    let stranger = |path| Change { path, state: State::Foreign, old: None, new: None };
    changes.extend(around.foreign_files.into_iter().map(stranger));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let manifest = Manifest { files: files.into_iter().collect(), ..Manifest::default() };
    let text = manifest.to_bytes();
    let digest = Digest::of(&text);
    let text_while_writing = match changes.iter().any(|change| change.state.differs()) {
        true => manifest.to_bytes_while_writing(left.outputs.iter().flat_map(|(path, old)| {
            std::iter::once(&old.digest).chain(&old.alternatives).map(move |digest| (path, digest))
        })),
        false => Vec::new(),
    };
    Ok(Changes {
        out: out.clone(),
        changes,
        kept,
        manifest_exists: left.manifest.is_some(),
        manifest_is_current: left.manifest == Some(digest),
        manifest,
        text,
        text_while_writing,
        digest,
        folders: around.folders,
        stale_temp_files: around.stale_temp_files,
    })
}

/// Reads a file that is held in memory until the end of the run.
fn read_counted(folder: &Folder, path: &str, total: &mut Total) -> Result<Option<Vec<u8>>, FileError> {
    let bytes = folder.read(path, FileKind::Output)?;
    bytes.as_ref().map_or(Ok(()), |bytes| total.add(folder, path, bytes))?;
    Ok(bytes)
}

/// Whether a file is of one of the selected environments.
pub fn is_selected(selected: Option<&BTreeSet<String>>, path: &ArtifactPath) -> bool {
    selected.is_none_or(|selected| selected.contains(path.top()))
}

/// A file was kept that nobody looked at: a defect, and never a guess at its bytes.
fn unknown(path: &str) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root()).message(format!("{path} is kept, and not as it was left"))
}

/// What an earlier run left. It holds while the writers' lock is held.
#[derive(Debug, Default)]
pub struct PreviousOutputs {
    /// All that the manifest records; nobody touched what the stamp saw and is so still.
    pub outputs: BTreeMap<ArtifactPath, RecordedFile>,
    /// The digest of the manifest.
    manifest: Option<Digest>,
    /// Whether the run that wrote the manifest did not finish.
    is_unfinished: bool,
    /// Folders that the stamp saw, and whether they are as they were, with nothing in them that is not ours.
    folders: Folders,
    /// What saw the files.
    pub stamp: Option<Stamp>,
}

impl PreviousOutputs {
    /// What the manifest says, for those who look at every byte.
    fn recorded(out: &Root) -> Result<Self, Diagnostic> {
        let Some(text) = read(out, MANIFEST)? else { return Ok(PreviousOutputs::default()) };
        let Manifest { files, mut alternatives, is_unfinished } = Manifest::parse(&text)?;
        let recorded = |(path, digest): (ArtifactPath, Digest)| {
            let alternatives = alternatives.remove(&path).unwrap_or_default();
            (path, RecordedFile { digest, alternatives, untouched: None })
        };
        let outputs = files.into_iter().map(recorded).collect();
        let manifest = Some(Digest::of(&canonical(&text)));
        Ok(PreviousOutputs { outputs, manifest, is_unfinished, ..PreviousOutputs::default() })
    }

    /// What the stamp saw and is so still; nothing when the manifest is another one.
    pub fn look(out: &Root, mut stamp: Stamp) -> Self {
        let Ok(Some(folder)) = out.open() else { return PreviousOutputs::default() };
        let manifest = folder.read(MANIFEST, FileKind::Manifest).ok().flatten().map(|text| Digest::of(&text));
        match manifest.and_then(|manifest| stamp.left(&folder, &manifest)) {
            Some((outputs, folders)) => {
                PreviousOutputs { outputs, manifest, is_unfinished: false, folders, stamp: Some(stamp) }
            }
            None => PreviousOutputs::default(),
        }
    }
}

fn state(disk: Option<&[u8]>, new: Option<&[u8]>, record: Option<&RecordedFile>, is_unfinished: bool) -> Option<State> {
    let as_left = |disk: &[u8]| {
        let digest = Digest::of(disk);
        record.is_some_and(|record| record.digest == digest || record.alternatives.contains(&digest))
    };
    let is_merged = |disk: &[u8]| {
        record.is_some_and(|record| {
            !is_unfinished && !record.alternatives.is_empty() || merge_conflict::first_line(disk).is_some()
        })
    };
    Some(match (disk, new) {
        (None, None) => return None,
        (None, Some(_)) if record.is_some() => State::Missing,
        (None, Some(_)) => State::New,
        (Some(disk), Some(new)) if disk == new => State::Same,
        (Some(disk), Some(_)) if as_left(disk) => State::Changed,
        (Some(disk), Some(_)) if is_merged(disk) => State::Merged,
        (Some(_), Some(_)) if record.is_some() => State::HandEdited,
        (Some(_), Some(_)) => State::InTheWay,
        (Some(disk), None) if as_left(disk) || is_merged(disk) => State::Stale,
        (Some(_), None) => State::HandEdited,
    })
}

/// Reads a file of the output folder; none when it does not exist.
///
/// # Errors
/// NS803 for links and folders, NS804, NS813.
pub fn read(out: &Root, path: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
    Ok(out.read(path, kind_of(path))?)
}

fn kind_of(path: &str) -> FileKind {
    if path == MANIFEST { FileKind::Manifest } else { FileKind::Output }
}
