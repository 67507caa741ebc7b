//! A scan of the output folder for files that nself did not generate.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::files::{EntryKind, Folder, is_temporary};

/// Maps the path of a folder to a flag, such as whether nself wrote everything in it. The keys are strings, since
/// comparing paths is much slower.
pub type FolderFlags = BTreeMap<OsString, bool>;

/// The result of a scan.
#[derive(Debug, Default)]
pub(super) struct FolderScan {
    /// Files in the folders of environments that are neither outputs nor private files of the operator.
    pub foreign_files: Vec<String>,
    /// Folders of the environments, and whether nself wrote everything in them.
    pub folders: FolderFlags,
    /// Temporary files of runs that were killed, relative to the output folder.
    pub stale_temp_files: Vec<PathBuf>,
}

impl FolderScan {
    /// Scans the folders of these environments. `recorded` maps the folders in the stamp to whether they are unchanged
    /// and contain only outputs; those for which this is true are skipped.
    pub fn of_folder(
        out: &Folder,
        environments: &BTreeSet<&str>,
        recorded: &FolderFlags,
        is_output: impl Fn(&str) -> bool,
    ) -> Self {
        let mut scan = FolderScan::default();
        let top_files = out.list().unwrap_or_default().into_iter();
        let stale_temp_files = top_files.filter(|entry| entry.kind == EntryKind::File && is_temporary(&entry.name));
        scan.stale_temp_files.extend(stale_temp_files.map(|entry| PathBuf::from(entry.name)));
        for environment in environments {
            let environment_folder = out.path().join(environment);
            // In the order of strings, `prod-2` is between `prod` and `prod/nginx`, so the range also contains folders of
            // other environments, which `is_inside` removes.
            let has_prefix = |folder: &OsString| {
                folder.as_encoded_bytes().starts_with(environment_folder.as_os_str().as_encoded_bytes())
            };
            let is_inside = |folder: &OsString| Path::new(folder).starts_with(&environment_folder);
            let candidates = recorded
                .range(environment_folder.clone().into_os_string()..)
                .take_while(|(folder, _)| has_prefix(folder));
            let (unchanged_folders, changed_folders): (Vec<_>, Vec<_>) = candidates
                .filter(|(folder, _)| is_inside(folder))
                .map(|(folder, is_unchanged)| (folder.clone(), *is_unchanged))
                .partition(|(_, is_unchanged)| *is_unchanged);
            scan.folders.extend(unchanged_folders);
            // The environment's folder itself, unless it is in the stamp.
            let unrecorded_folder =
                (!recorded.contains_key(environment_folder.as_os_str())).then(|| environment_folder.clone());
            let changed_folders = changed_folders.into_iter().map(|(folder, _)| PathBuf::from(folder));
            for folder_path in unrecorded_folder.into_iter().chain(changed_folders) {
                let Ok(relative_path) = folder_path.strip_prefix(out.path()) else { continue };
                match out.folder(relative_path) {
                    Ok(Some(folder)) => scan.scan_folder(
                        &folder,
                        relative_path,
                        &ScanScope { environment, recorded, is_output: &is_output },
                    ),
                    Ok(None) => {}
                    // A symbolic link or a file in place of a folder.
                    Err(_) => scan.foreign_files.push(relative_path.to_string_lossy().into_owned()),
                }
            }
        }
        scan.foreign_files.sort();
        scan
    }

    /// Scans a folder and the folders in it that are not in the stamp. `relative_path` is its path below the output
    /// folder.
    fn scan_folder(&mut self, folder: &Folder, relative_path: &Path, scope: &ScanScope) {
        let mut has_only_outputs = true;
        for entry in folder.list().unwrap_or_default() {
            if relative_path == Path::new(scope.environment) && is_private(&entry.name) {
                continue;
            }
            let path = relative_path.join(&entry.name);
            if entry.kind == EntryKind::Folder {
                if !scope.recorded.contains_key(folder.path().join(&entry.name).as_os_str())
                    && let Ok(Some(subfolder)) = folder.folder(&entry.name)
                {
                    self.scan_folder(&subfolder, &path, scope);
                }
                continue;
            }
            let is_stale_temp_file = entry.kind == EntryKind::File && is_temporary(&entry.name);
            let path_text = path.to_string_lossy().into_owned();
            if is_stale_temp_file {
                self.stale_temp_files.push(path);
            } else if !(scope.is_output)(&path_text) {
                self.foreign_files.push(path_text);
            } else {
                continue;
            }
            has_only_outputs = false;
        }
        self.folders.insert(folder.path().as_os_str().to_owned(), has_only_outputs);
    }
}

/// The scope of a scan of one environment.
struct ScanScope<'a> {
    environment: &'a str,
    /// Folders in the stamp. The scan of a parent folder leaves them out, because [`FolderScan::of_folder`] handles each of
    /// them.
    recorded: &'a FolderFlags,
    /// Returns whether a path below the output folder is an output.
    is_output: &'a dyn Fn(&str) -> bool,
}

/// Returns whether an entry of an environment's folder belongs to the operator: values of secrets or data of services.
fn is_private(name: &OsStr) -> bool {
    [".env", "secrets", "data"].iter().any(|private_name| name == *private_name)
}
