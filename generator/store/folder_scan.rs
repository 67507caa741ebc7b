//! What else is in the output folder.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::files::{EntryKind, Folder, is_temporary};

/// Folders and what is known of them; bytes are compared a good deal faster than the components of paths.
pub type Folders = BTreeMap<OsString, bool>;

/// What lies between the files that are ours.
#[derive(Debug, Default)]
pub(super) struct FolderScan {
    /// Files in the environments' folders that are neither ours nor the operator's.
    pub foreign_files: Vec<String>,
    /// Folders of the environments, and whether all in them is ours.
    pub folders: Folders,
    /// Temporary files of runs that were killed, relative to the output folder.
    pub stale_temp_files: Vec<PathBuf>,
}

impl FolderScan {
    /// Looks through the folders of these environments; not again through those of `known` that hold nothing of others
    /// and are as they were.
    pub fn look(out: &Folder, environments: &BTreeSet<&str>, known: &Folders, ours: impl Fn(&str) -> bool) -> Self {
        let mut around = FolderScan::default();
        let beside = out.list().unwrap_or_default().into_iter();
        let stale_temp_files = beside.filter(|entry| entry.kind == EntryKind::File && is_temporary(&entry.name));
        around.stale_temp_files.extend(stale_temp_files.map(|entry| PathBuf::from(entry.name)));
        for environment in environments {
            let top = out.path().join(environment);
            let inside = |folder: &OsString| Path::new(folder).starts_with(&top);
            let begins = |folder: &OsString| folder.as_encoded_bytes().starts_with(top.as_os_str().as_encoded_bytes());
            let below = known.range(top.clone().into_os_string()..).take_while(|(folder, _)| begins(folder));
            let below = below.filter(|(folder, _)| inside(folder));
            let (same, moved): (Vec<_>, Vec<_>) =
                below.map(|(folder, same)| (folder.clone(), *same)).partition(|(_, same)| *same);
            around.folders.extend(same);
            let first = (!known.contains_key(top.as_os_str())).then(|| top.clone());
            for root in first.into_iter().chain(moved.into_iter().map(|(folder, _)| folder.into())) {
                let Ok(at) = root.strip_prefix(out.path()) else { continue };
                match out.folder(at) {
                    Ok(Some(folder)) => around.walk(&folder, at, &Look { top: environment, known, ours: &ours }),
                    Ok(None) => {}
                    // A link or a file where a folder was.
                    Err(_) => around.foreign_files.push(at.to_string_lossy().into_owned()),
                }
            }
        }
        around.foreign_files.sort();
        around
    }

    fn walk(&mut self, folder: &Folder, at: &Path, look: &Look) {
        let mut is_clean = true;
        for entry in folder.list().unwrap_or_default() {
            if at == Path::new(look.top) && is_private(&entry.name) {
                continue;
            }
            let path = at.join(&entry.name);
            if entry.kind == EntryKind::Folder {
                if !look.known.contains_key(folder.path().join(&entry.name).as_os_str())
                    && let Ok(Some(inner)) = folder.folder(&entry.name)
                {
                    self.walk(&inner, &path, look);
                }
                continue;
            }
            let is_litter = entry.kind == EntryKind::File && is_temporary(&entry.name);
            let shown = path.to_string_lossy().into_owned();
            if is_litter {
                self.stale_temp_files.push(path);
            } else if !(look.ours)(&shown) {
                self.foreign_files.push(shown);
            } else {
                continue;
            }
            is_clean = false;
        }
        self.folders.insert(folder.path().as_os_str().to_owned(), is_clean);
    }
}

/// What a walk through one environment's folder goes by.
struct Look<'a> {
    /// The environment.
    top: &'a str,
    known: &'a Folders,
    ours: &'a dyn Fn(&str) -> bool,
}

/// Values of secrets and what services keep are the operator's.
fn is_private(name: &OsStr) -> bool {
    [".env", "secrets", "data"].iter().any(|private| name == *private)
}
