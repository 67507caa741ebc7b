//! A scan of the output folder for files that nself did not generate.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::files::{EntryKind, Folder, is_temporary};

/// Folders by their paths, with one property each. The keys are strings, since comparing paths is much slower.
pub type Folders = BTreeMap<OsString, bool>;

/// The result of a scan.
#[derive(Debug, Default)]
pub(super) struct FolderScan {
    /// Files in the folders of environments that neither nself nor the operator is known to have written.
    pub foreign_files: Vec<String>,
    /// Folders of the environments, and whether nself wrote everything in them.
    pub folders: Folders,
    /// Temporary files of runs that were killed, relative to the output folder.
    pub stale_temp_files: Vec<PathBuf>,
}

impl FolderScan {
    /// Scans the folders of these environments. Folders that are `known` to be unchanged and to hold outputs only are
    /// skipped.
    pub fn of_folder(
        out: &Folder,
        environments: &BTreeSet<&str>,
        known: &Folders,
        is_output: impl Fn(&str) -> bool,
    ) -> Self {
        let mut scan = FolderScan::default();
        let top_files = out.list().unwrap_or_default().into_iter();
        let stale_temp_files = top_files.filter(|entry| entry.kind == EntryKind::File && is_temporary(&entry.name));
        scan.stale_temp_files.extend(stale_temp_files.map(|entry| PathBuf::from(entry.name)));
        for environment in environments {
            let top = out.path().join(environment);
            let inside = |folder: &OsString| Path::new(folder).starts_with(&top);
            let begins = |folder: &OsString| folder.as_encoded_bytes().starts_with(top.as_os_str().as_encoded_bytes());
            let below = known.range(top.clone().into_os_string()..).take_while(|(folder, _)| begins(folder));
            let below = below.filter(|(folder, _)| inside(folder));
            let (unchanged, changed): (Vec<_>, Vec<_>) = below
                .map(|(folder, is_unchanged)| (folder.clone(), *is_unchanged))
                .partition(|(_, is_unchanged)| *is_unchanged);
            scan.folders.extend(unchanged);
            let first = (!known.contains_key(top.as_os_str())).then(|| top.clone());
            for root in first.into_iter().chain(changed.into_iter().map(|(folder, _)| folder.into())) {
                let Ok(at) = root.strip_prefix(out.path()) else { continue };
                match out.folder(at) {
                    Ok(Some(folder)) => {
                        scan.scan_folder(&folder, at, &Scope { environment, known, is_output: &is_output })
                    }
                    Ok(None) => {}
                    // A symbolic link or a file in place of a folder.
                    Err(_) => scan.foreign_files.push(at.to_string_lossy().into_owned()),
                }
            }
        }
        scan.foreign_files.sort();
        scan
    }

    /// Scans a folder and those below it; `at` is its path below the output folder.
    fn scan_folder(&mut self, folder: &Folder, at: &Path, scope: &Scope) {
        let mut is_clean = true;
        for entry in folder.list().unwrap_or_default() {
            if at == Path::new(scope.environment) && is_private(&entry.name) {
                continue;
            }
            let path = at.join(&entry.name);
            if entry.kind == EntryKind::Folder {
                if !scope.known.contains_key(folder.path().join(&entry.name).as_os_str())
                    && let Ok(Some(inner)) = folder.folder(&entry.name)
                {
                    self.scan_folder(&inner, &path, scope);
                }
                continue;
            }
            let is_stale = entry.kind == EntryKind::File && is_temporary(&entry.name);
            let shown = path.to_string_lossy().into_owned();
            if is_stale {
                self.stale_temp_files.push(path);
            } else if !(scope.is_output)(&shown) {
                self.foreign_files.push(shown);
            } else {
                continue;
            }
            is_clean = false;
        }
        self.folders.insert(folder.path().as_os_str().to_owned(), is_clean);
    }
}

/// The scope of a scan of one environment.
struct Scope<'a> {
    environment: &'a str,
    /// Folders that the stamp recorded; they are scanned from their own path or skipped.
    known: &'a Folders,
    is_output: &'a dyn Fn(&str) -> bool,
}

/// Returns whether an entry of an environment's folder belongs to the operator: values of secrets, data of services.
fn is_private(name: &OsStr) -> bool {
    [".env", "secrets", "data"].iter().any(|private| name == *private)
}
