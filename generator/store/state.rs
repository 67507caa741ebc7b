//! What is on disk against what is generated: per file, who changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::manifest::{Manifest, Record};
use super::{MANIFEST, io};
use crate::artifact::{Artifacts, Digest};
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
    /// Whether the manifest on disk is that already.
    pub manifest_is_current: bool,
}

/// Compares the artifacts of the selected environments; with no selection, of all that ever were.
///
/// # Errors
/// NS803 for links and files where folders must be, NS804, NS805.
pub fn compare(
    out: &Path,
    artifacts: &Artifacts,
    selected: Option<&BTreeSet<String>>,
) -> Result<Changes, Vec<Diagnostic>> {
    let old = Manifest::read(out).map_err(|finding| vec![finding])?;
    let ours = |path: &str| {
        selected.is_none_or(|selected| path.split('/').next().is_some_and(|environment| selected.contains(environment)))
    };
    let mut manifest = Manifest {
        files: old
            .files
            .iter()
            .filter(|(path, _)| !ours(path))
            .map(|(path, record)| (path.clone(), record.clone()))
            .collect(),
    };
    let mut wanted: BTreeMap<&str, Option<&[u8]>> =
        old.files.keys().filter(|path| ours(path)).map(|path| (path.as_str(), None)).collect();
    for (path, artifact) in artifacts.iter() {
        wanted.insert(path.as_str(), Some(&artifact.bytes));
        let record = Record {
            derivation: artifact.derivation.clone(),
            digest: Digest::of(&artifact.bytes),
            size: artifact.bytes.len() as u64,
        };
        manifest.files.insert(path.to_string(), record);
    }
    let mut changes = Vec::new();
    let mut findings = Vec::new();
    for (path, new) in &wanted {
        match read(out, path) {
            Err(finding) => findings.push(finding),
            Ok(disk) => {
                let state = state(disk.as_deref(), *new, old.files.get(*path));
                if let Some(state) = state {
                    changes.push(Change { path: (*path).to_owned(), state, old: disk, new: new.map(<[u8]>::to_vec) });
                }
            }
        }
    }
    for path in strangers(out, &wanted, selected) {
        changes.push(Change { path, state: State::Foreign, old: None, new: None });
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let manifest_is_current = fs::read(out.join(MANIFEST)).is_ok_and(|bytes| bytes == manifest.to_bytes());
    if findings.is_empty() {
        Ok(Changes { out: out.to_owned(), changes, manifest, manifest_is_current })
    } else {
        Err(findings)
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

/// The bytes of a file below `out`; nothing when it does not exist. Never follows a link.
fn read(out: &Path, path: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
    let mut at = out.to_owned();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        at.push(part);
        let meta = match fs::symlink_metadata(&at) {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(&at, &error)),
        };
        let right = if parts.peek().is_some() { meta.is_dir() } else { meta.is_file() };
        if !right {
            return Err(blocked(path, &at, out));
        }
    }
    fs::read(&at).map(Some).map_err(|error| io(&at, &error))
}

/// The finding for something that stands where a plain file or folder must be.
pub(super) fn blocked(path: &str, at: &Path, out: &Path) -> Diagnostic {
    let place = at.strip_prefix(out).unwrap_or(at).display();
    Diagnostic::error(Code::OutputUnsafe, FieldPath::root())
        .message(format!("{path}: `{place}` is a link or of another kind"))
        .expected("plain folders and files below the output folder")
        .hint("remove it, or choose another folder with --out")
}

/// Files in the environments' folders that are neither ours nor the operator's.
fn strangers(out: &Path, wanted: &BTreeMap<&str, Option<&[u8]>>, selected: Option<&BTreeSet<String>>) -> Vec<String> {
    let environments: BTreeSet<&str> = wanted.keys().filter_map(|path| path.split('/').next()).collect();
    let mut strangers = Vec::new();
    for environment in environments {
        if selected.is_some_and(|selected| !selected.contains(environment)) {
            continue;
        }
        let entries = WalkDir::new(out.join(environment))
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| entry.depth() != 1 || !private(entry.file_name()));
        for entry in entries.filter_map(Result::ok).filter(|entry| !entry.file_type().is_dir()) {
            let path = entry.path().strip_prefix(out).unwrap_or(entry.path()).to_string_lossy().replace('\\', "/");
            if !wanted.contains_key(path.as_str()) {
                strangers.push(path);
            }
        }
    }
    strangers
}

/// Values of secrets are the operator's.
fn private(name: &std::ffi::OsStr) -> bool {
    name == ".env" || name == "secrets"
}
