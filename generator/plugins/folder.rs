//! The files of a plugin. Links, pipes and devices are refused, since a container could get any file of the machine
//! through a link.

use std::collections::BTreeMap;
use std::path::Path;

use super::{FILE, error};
use crate::artifact::{ArtifactPath, Sha256, json};
use crate::diagnostic::{Code, Diagnostic};
use crate::files::{EntryKind, FileError, FileKind, Folder, Root, SizeBudget};
use crate::lock::{Lock, PluginPin};
use crate::values::plugin_names;

/// Files by their paths in the folder of the plugin.
pub type PluginFiles = BTreeMap<String, Vec<u8>>;

/// Folders that tools create; their content is not part of a plugin.
const OMITTED_FOLDERS: [&str; 3] = ["node_modules", "dist", "__pycache__"];
/// The folder of the repository, or the file that names it in a submodule.
const REPOSITORY: &str = ".git";

/// Reads the files of a plugin; `None` if there is no folder.
///
/// # Errors
/// NS757 for an entry that is neither a regular file nor a folder, for a name that is not allowed on all systems, and
/// for a folder without `plugin.ncl`; NS804 if a file cannot be read, NS813 if it is too large.
pub fn read(root: &Root) -> Result<Option<PluginFiles>, Vec<Diagnostic>> {
    let Some(folder) = root.open().map_err(file_error)? else { return Ok(None) };
    let mut is_omitted = |path: &Path, kind: EntryKind| {
        let has_name = |omitted: &str| path.file_name().is_some_and(|name| name == omitted);
        has_name(REPOSITORY) || (kind != EntryKind::File && OMITTED_FOLDERS.iter().any(|omitted| has_name(omitted)))
    };
    let mut files = PluginFiles::new();
    let mut size_budget = SizeBudget::new(FileKind::ImageContent);
    for (path, kind) in folder.list_all(&mut is_omitted).map_err(file_error)? {
        let name = path.to_string_lossy().into_owned();
        let refusal = |reason: &str| {
            let message = format!("{}: {reason}", root.path().join(&path).display());
            vec![error(Code::PluginFolder, message)]
        };
        match kind {
            EntryKind::Folder => continue,
            EntryKind::File => {}
            _ => return Err(refusal("links, pipes and devices are not allowed in the folder of a plugin")),
        }
        ArtifactPath::new(name.as_str()).map_err(|reason| refusal(&reason.to_string()))?;
        if let Some(bytes) = folder.read(&path, FileKind::ImageContent).map_err(file_error)? {
            size_budget.add(&folder, &path, &bytes).map_err(file_error)?;
            files.insert(name, bytes);
        }
    }
    if files.contains_key(FILE) {
        Ok(Some(files))
    } else {
        Err(vec![missing_definition(&root.path().display().to_string())])
    }
}

/// Returns the finding for a folder or artifact without `plugin.ncl`, which the stack imports.
pub fn missing_definition(name: &str) -> Diagnostic {
    error(Code::PluginFolder, format!("{name} has no {FILE}"))
        .hint("check the folder, or write a new plugin with `nself plugin new NAME`")
}

fn file_error(error: FileError) -> Vec<Diagnostic> {
    vec![error.into()]
}

/// Returns the digest of the paths and contents of all files, with which pins are compared.
pub fn digest(files: &PluginFiles) -> Sha256 {
    let digests: BTreeMap<&str, Sha256> =
        files.iter().map(|(path, bytes)| (path.as_str(), Sha256::of(bytes))).collect();
    Sha256::of(&json::to_canonical(&digests))
}

/// Writes a plugin into a project, and returns its new pin, which is also in nself.lock. An earlier version is replaced if
/// it was not edited. `source` is the address from which the files come, or `folder`.
///
/// # Errors
/// NS757 without `plugin.ncl`, NS758 for a folder that differs from the pin, NS804 if a file cannot be written, NS806
/// if nself.lock cannot be used.
pub fn add(project: &Path, name: &str, files: &PluginFiles, source: String) -> Result<PluginPin, Vec<Diagnostic>> {
    if !files.contains_key(FILE) {
        return Err(vec![missing_definition(&source)]);
    }
    let mut lock = Lock::read(project).map_err(|finding| vec![finding])?;
    let root = Root::project(project).below(plugin_names::folder(name));
    let new_pin = PluginPin { source, digest: digest(files) };
    if let Some(existing_files) = read(&root)? {
        let existing_digest = digest(&existing_files);
        let is_unchanged = lock.plugins.get(name).is_some_and(|pin| pin.digest == existing_digest);
        if !is_unchanged && existing_digest != new_pin.digest {
            return Err(vec![edited_plugin(name)]);
        }
        let folder = root.open_or_create(0o755).map_err(file_error)?;
        delete_files(&folder, existing_files.keys().filter(|path| !files.contains_key(*path)))?;
    }
    let folder = root.open_or_create(0o755).map_err(file_error)?;
    for (path, bytes) in files {
        folder.write(path, bytes).map_err(file_error)?;
    }
    lock.plugins.insert(name.to_owned(), new_pin.clone());
    lock.write(project).map_err(|finding| vec![finding])?;
    Ok(new_pin)
}

/// Deletes the files of a plugin and its pin, and returns the number of files.
///
/// # Errors
/// NS757 if there is no folder, NS758 if it differs from the pin, NS804 if a file cannot be deleted, NS806 if
/// nself.lock cannot be used.
pub fn remove(project: &Path, name: &str) -> Result<usize, Vec<Diagnostic>> {
    let mut lock = Lock::read(project).map_err(|finding| vec![finding])?;
    let root = Root::project(project).below(plugin_names::folder(name));
    let Some(files) = read(&root)? else {
        return Err(vec![error(Code::PluginFolder, format!("{} does not exist", root.path().display()))]);
    };
    if lock.plugins.get(name).is_none_or(|pin| pin.digest != digest(&files)) {
        return Err(vec![edited_plugin(name)]);
    }
    if let Some(folder) = root.open().map_err(file_error)? {
        delete_files(&folder, files.keys())?;
    }
    let plugins_folder = Root::project(project).below(plugin_names::FOLDER).open().map_err(file_error)?;
    // A folder with other files, such as node_modules, stays, since only an empty folder can be removed.
    let _ = plugins_folder.map(|plugins_folder| plugins_folder.remove_folder(name));
    lock.plugins.remove(name);
    lock.write(project).map_err(|finding| vec![finding])?;
    Ok(files.len())
}

/// Deletes files, and the folders that are empty afterwards.
fn delete_files<'a>(folder: &Folder, paths: impl Iterator<Item = &'a String>) -> Result<(), Vec<Diagnostic>> {
    for path in paths {
        folder.remove_file(path).map_err(file_error)?;
        let parents = Path::new(path).ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
        // A folder with additional files stays.
        parents.for_each(|parent| drop(folder.remove_folder(parent)));
    }
    Ok(())
}

/// Returns the finding for a plugin whose files nself must not replace or delete.
fn edited_plugin(name: &str) -> Diagnostic {
    let folder = plugin_names::folder(name);
    error(Code::PluginChanged, format!("{folder} differs from its digest in nself.lock, or has no entry there"))
        .expected("the files that `nself plugin add` wrote")
        .hint(format!("move your changes out of {folder}, or delete the folder yourself"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files(entries: &[(&str, &str)]) -> PluginFiles {
        entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_plugin_is_added_replaced_and_removed() {
        let project = tempfile::tempdir().unwrap();
        let project = project.path();
        let first = files(&[(FILE, "{}"), ("src/main.go", "1"), ("db/nself.sum", "")]);
        let pin = add(project, "links", &first, "a".to_owned()).unwrap();
        assert_eq!(pin.digest, digest(&first));
        assert_eq!(Lock::read(project).unwrap().plugins["links"], pin);
        let second = files(&[(FILE, "{ }"), ("main.go", "2")]);
        add(project, "links", &second, "b".to_owned()).unwrap();
        let folder = Root::project(project).below("plugins/links");
        assert_eq!(read(&folder).unwrap(), Some(second));
        assert!(!project.join("plugins/links/src").exists());
        assert_eq!(remove(project, "links").unwrap(), 2);
        assert!(!project.join("plugins/links").exists());
        assert!(Lock::read(project).unwrap().plugins.is_empty());
    }

    #[test]
    fn edited_files_are_neither_replaced_nor_deleted() {
        let project = tempfile::tempdir().unwrap();
        let project = project.path();
        add(project, "links", &files(&[(FILE, "{}")]), "a".to_owned()).unwrap();
        fs::write(project.join("plugins/links/plugin.ncl"), "{ edited = 1 }").unwrap();
        let code = |findings: Vec<Diagnostic>| findings[0].code;
        assert_eq!(code(remove(project, "links").unwrap_err()), Code::PluginChanged);
        let other = files(&[(FILE, "{ }")]);
        assert_eq!(code(add(project, "links", &other, "b".to_owned()).unwrap_err()), Code::PluginChanged);
        assert_eq!(fs::read_to_string(project.join("plugins/links/plugin.ncl")).unwrap(), "{ edited = 1 }");
    }

    #[test]
    fn links_and_folders_without_a_definition_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::named(folder.path());
        assert_eq!(read(&root).unwrap_err()[0].code, Code::PluginFolder);
        fs::write(folder.path().join(FILE), "{}").unwrap();
        assert_eq!(read(&root).unwrap().unwrap().len(), 1);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("passwd")).unwrap();
        assert_eq!(read(&root).unwrap_err()[0].code, Code::PluginFolder);
    }

    #[test]
    fn a_file_with_the_name_of_an_omitted_folder_is_part_of_the_plugin() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["src/node_modules/a", "dist/a"] {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), "").unwrap();
        }
        for name in [FILE, ".git", "src/dist", "__pycache__"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let files = read(&Root::named(folder.path())).unwrap().unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["__pycache__", FILE, "src/dist"]);
    }
}
