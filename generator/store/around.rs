//! What else is in the output folder.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// How temporary files begin.
pub(super) const TEMPORARY: &str = ".nself-";

/// Folders and what is known of them; bytes are compared a good deal faster than the components of paths.
pub type Folders = BTreeMap<OsString, bool>;

/// What lies between the files that are ours.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// Files in the environments' folders that are neither ours nor the operator's.
    pub strangers: Vec<String>,
    /// Folders of the environments, and whether all in them is ours.
    pub folders: Folders,
    /// Temporary files of runs that were killed.
    pub litter: Vec<PathBuf>,
}

impl Around {
    /// Looks through the folders of these environments; not again through those of `known` that hold nothing of others
    /// and are as they were.
    pub fn look(out: &Path, environments: &BTreeSet<&str>, known: &Folders, ours: impl Fn(&str) -> bool) -> Self {
        let mut around = Around::default();
        let beside = WalkDir::new(out).max_depth(1).into_iter().filter_map(Result::ok);
        around.litter.extend(beside.filter(is_litter).map(DirEntry::into_path));
        for environment in environments {
            let top = out.join(environment);
            let inside = |folder: &OsString| Path::new(folder).starts_with(&top);
            let begins = |folder: &OsString| folder.as_encoded_bytes().starts_with(top.as_os_str().as_encoded_bytes());
            let below = known.range(top.clone().into_os_string()..).take_while(|(folder, _)| begins(folder));
            let below = below.filter(|(folder, _)| inside(folder));
            let (same, moved): (Vec<_>, Vec<_>) =
                below.map(|(folder, same)| (folder.clone(), *same)).partition(|(_, same)| *same);
            around.folders.extend(same);
            let first = (!known.contains_key(top.as_os_str())).then(|| top.clone());
            for root in first.into_iter().chain(moved.into_iter().map(|(folder, _)| folder.into())) {
                let entries = WalkDir::new(root).follow_root_links(false).sort_by_file_name().into_iter();
                let entries = entries.filter_entry(|entry| {
                    let private = entry.path().parent() == Some(&top) && is_private(entry.file_name());
                    !private && (entry.depth() == 0 || !known.contains_key(entry.path().as_os_str()))
                });
                entries.filter_map(Result::ok).for_each(|entry| around.take(out, entry, &ours));
            }
        }
        around.strangers.sort();
        around
    }

    fn take(&mut self, out: &Path, entry: DirEntry, ours: &impl Fn(&str) -> bool) {
        if entry.file_type().is_dir() {
            self.folders.insert(entry.into_path().into_os_string(), true);
            return;
        }
        let path = entry.path().strip_prefix(out).unwrap_or(entry.path()).to_string_lossy().into_owned();
        let litter = is_litter(&entry);
        if !litter && ours(&path) {
            return;
        }
        if let Some(clean) = entry.path().parent().and_then(|folder| self.folders.get_mut(folder.as_os_str())) {
            *clean = false;
        }
        if litter { self.litter.push(entry.into_path()) } else { self.strangers.push(path) }
    }
}

/// A temporary file as [`apply`](super::apply) names them.
fn is_litter(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let noise = name.strip_prefix(TEMPORARY);
    entry.file_type().is_file()
        && noise.is_some_and(|noise| noise.len() == 16 && noise.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// Values of secrets and what services keep are the operator's.
fn is_private(name: &OsStr) -> bool {
    [".env", "secrets", "data"].iter().any(|private| name == *private)
}
