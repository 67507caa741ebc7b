//! What is on disk against what is generated: per file, who changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::manifest::{Manifest, Record};
use super::{MANIFEST, Stamp, failed};
use crate::artifact::{Artifact, ArtifactPath, Artifacts, Digest, Kept};
use crate::diagnostic::{Code, Diagnostic, FieldPath};

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
    pub out: PathBuf,
    pub changes: Vec<Change>,
    /// The manifest after the changes are applied.
    pub manifest: Manifest,
    /// Files that were neither rendered nor read, since they are as they were left.
    pub kept: BTreeSet<String>,
    /// Whether the manifest on disk is that already.
    pub manifest_is_current: bool,
    /// Folders in which files that are not ours were looked for.
    pub folders: Vec<PathBuf>,
    /// Temporary files of runs that were killed.
    pub(super) litter: Vec<PathBuf>,
}

impl Changes {
    /// Whether `check` fails.
    pub fn differ(&self) -> bool {
        self.changes.iter().any(|change| change.state.differs()) || !self.manifest_is_current
    }

    /// Whether [`apply`](super::apply) has nothing to do.
    pub fn are_applied(&self) -> bool {
        !self.differ() && self.litter.is_empty()
    }
}

/// Compares the artifacts of the selected environments; with no selection, of all that ever were. Whoever
/// applies the result holds the lock from here on, or another run's manifest is lost. Files that are as an earlier run
/// left them are not read.
///
/// # Errors
/// NS803 for links and files where folders must be, NS804, NS805.
pub fn compare(
    out: &Path,
    artifacts: &Artifacts,
    selected: Option<&BTreeSet<String>>,
    left: &Untouched,
) -> Result<Changes, Vec<Diagnostic>> {
    let one = |finding| vec![finding];
    match fs::symlink_metadata(out) {
        Ok(meta) if !meta.is_dir() => return Err(one(blocked("the output folder", out, out))),
        _ => {}
    }
    let read_now;
    let old = match &left.manifest {
        Some(manifest) => manifest,
        None => {
            read_now = Manifest::read(out).map_err(one)?;
            &read_now
        }
    };
    let ours = |path: &ArtifactPath| selected.is_none_or(|selected| selected.contains(path.top()));
    let record = |artifact: &Artifact| Record {
        derivation: artifact.derivation,
        digest: artifact.digest(),
        size: artifact.size(),
    };
    // Maps are collected from what is sorted already: that costs a fraction of adding one by one.
    let others = old.files.iter().filter(|(path, _)| !ours(path)).map(|(path, record)| (path.clone(), record.clone()));
    let made = artifacts.iter().map(|(path, artifact)| (path.clone(), record(artifact)));
    let manifest = Manifest { files: others.chain(made).collect() };
    let mine = old.files.keys().filter(|path| ours(path)).map(|path| (path.as_str(), None));
    let made = artifacts.iter().map(|(path, artifact)| (path.as_str(), Some(artifact)));
    let wanted: BTreeMap<&str, Option<&Artifact>> = mine.chain(made).collect();
    let same = |path: &ArtifactPath| {
        left.kept.get(path).is_some_and(|left| manifest.files.get(path).is_some_and(|new| new.digest == left.digest))
    };
    let kept: BTreeSet<String> =
        artifacts.iter().filter(|(path, _)| same(path)).map(|(path, _)| path.to_string()).collect();
    let same = |path: &String| Change { path: path.clone(), state: State::Same, old: None, new: None };
    let mut changes: Vec<Change> = kept.iter().map(same).collect();
    let mut findings = Vec::new();
    for (path, artifact) in wanted.iter().filter(|(path, _)| !kept.contains(**path)) {
        let new = match artifact.map(|artifact| artifact.bytes()) {
            Some(None) => {
                findings.push(unknown(path));
                continue;
            }
            new => new.flatten(),
        };
        match read(out, path) {
            Err(finding) => findings.push(finding),
            Ok(disk) => {
                let state = state(disk.as_deref(), new, old.files.get(*path));
                if let Some(state) = state {
                    changes.push(Change { path: (*path).to_owned(), state, old: disk, new: new.map(<[u8]>::to_vec) });
                }
            }
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let around = Around::look(out, &wanted);
    for path in around.strangers {
        changes.push(Change { path, state: State::Foreign, old: None, new: None });
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let manifest_is_current = read(out, MANIFEST).map_err(one)?.is_some_and(|bytes| bytes == manifest.to_bytes());
    Ok(Changes {
        out: out.to_owned(),
        changes,
        manifest,
        kept,
        manifest_is_current,
        folders: around.folders,
        litter: around.litter,
    })
}

/// A file was kept that nobody looked at: a defect, and never a guess at its bytes.
fn unknown(path: &str) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root()).message(format!("{path} is kept, and not as it was left"))
}

/// What an earlier run left, and nobody touched since. It holds while the writers' lock is held.
#[derive(Debug, Default)]
pub struct Untouched {
    /// The record that this run found, when it is that of the stamp.
    manifest: Option<Manifest>,
    pub kept: Kept,
    /// What saw the files.
    pub stamp: Option<Stamp>,
}

impl Untouched {
    /// Nothing, for those who look at every byte.
    pub fn nothing() -> Self {
        Untouched::default()
    }

    pub fn look(out: &Path, mut stamp: Stamp) -> Self {
        match stamp.left(out) {
            Some((manifest, kept)) => Untouched { manifest: Some(manifest), kept, stamp: Some(stamp) },
            None => Untouched::nothing(),
        }
    }
}

fn state(disk: Option<&[u8]>, new: Option<&[u8]>, record: Option<&Record>) -> Option<State> {
    let as_left = |disk: &[u8]| record.is_some_and(|record| record.digest == Digest::of(disk));
    Some(match (disk, new) {
        (None, None) => return None,
        (None, Some(_)) if record.is_some() => State::Missing,
        (None, Some(_)) => State::New,
        (Some(disk), Some(new)) if disk == new => State::Same,
        (Some(disk), Some(_)) if as_left(disk) => State::Changed,
        (Some(_), Some(_)) if record.is_some() => State::HandEdited,
        (Some(_), Some(_)) => State::InTheWay,
        (Some(disk), None) if as_left(disk) => State::Stale,
        (Some(_), None) => State::HandEdited,
    })
}

/// The bytes of a file below `out`; nothing when it does not exist. Looks at every step right before use and
/// never follows a link; what swaps one in between two system calls is not defended against.
///
/// # Errors
/// NS803 for links and folders, NS804.
pub fn read(out: &Path, path: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
    let mut at = out.to_owned();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        at.push(part);
        let meta = match fs::symlink_metadata(&at) {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&at, &error)),
        };
        let right = if parts.peek().is_some() { meta.is_dir() } else { meta.is_file() };
        if !right {
            return Err(blocked(path, &at, out));
        }
    }
    fs::read(&at).map(Some).map_err(|error| failed(&at, &error))
}

/// The finding for something that stands where a plain file or folder must be.
pub(super) fn blocked(what: &str, at: &Path, out: &Path) -> Diagnostic {
    let place = at.strip_prefix(out).ok().filter(|place| !place.as_os_str().is_empty()).unwrap_or(at);
    Diagnostic::error(Code::OutputUnsafe, FieldPath::root())
        .message(format!("{what}: `{}` is a link or of another kind", place.display()))
        .expected("a plain output folder with plain folders and files")
        .hint("remove it, or choose another folder with --out")
}

/// What else is in the output folder.
#[derive(Default)]
struct Around {
    /// Files in the environments' folders that are neither ours nor the operator's.
    strangers: Vec<String>,
    folders: Vec<PathBuf>,
    litter: Vec<PathBuf>,
}

impl Around {
    /// Looks through the folders of the environments that `wanted` has files in.
    fn look(out: &Path, wanted: &BTreeMap<&str, Option<&Artifact>>) -> Self {
        let mut around = Around::default();
        let beside = WalkDir::new(out).max_depth(1).into_iter().filter_map(Result::ok);
        around.litter.extend(beside.filter(is_litter).map(walkdir::DirEntry::into_path));
        let environments: BTreeSet<&str> = wanted.keys().filter_map(|path| path.split('/').next()).collect();
        for environment in environments {
            let entries = WalkDir::new(out.join(environment))
                .follow_root_links(false)
                .sort_by_file_name()
                .into_iter()
                .filter_entry(|entry| entry.depth() != 1 || !private(entry.file_name()));
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path().strip_prefix(out).unwrap_or(entry.path()).to_string_lossy().into_owned();
                if entry.file_type().is_dir() {
                    around.folders.push(entry.into_path());
                } else if is_litter(&entry) {
                    around.litter.push(entry.into_path());
                } else if !wanted.contains_key(path.as_str()) {
                    around.strangers.push(path);
                }
            }
        }
        around
    }
}

/// A temporary file as [`apply`](super::apply) names them.
fn is_litter(entry: &walkdir::DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let noise = name.strip_prefix(TEMPORARY);
    entry.file_type().is_file()
        && noise.is_some_and(|noise| noise.len() == 16 && noise.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// How temporary files begin.
pub(super) const TEMPORARY: &str = ".nself-";

/// Values of secrets and what services keep are the operator's.
fn private(name: &std::ffi::OsStr) -> bool {
    [".env", "secrets", "data"].iter().any(|private| name == *private)
}
