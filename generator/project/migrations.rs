//! Reads and writes the folder of a database, `db/<name>/` or `plugins/<name>/db/`: its migrations, its schema
//! snapshots and the sum file with their digests. Links, pipes and devices in the folder are refused.

use std::path::{Path, PathBuf};

use crate::database::history::{HistoryFiles, SUM_FILE};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{EntryKind, FileError, FileKind, Folder, Root, SizeBudget};
use crate::values::SqlIdent;
use crate::values::plugin_names::database_folder;

/// The subfolders that nself reads and writes. Everything else in the folder, except the sum file, belongs to the user.
const SUBFOLDERS: [&str; 2] = ["migrations", "schema"];

/// The folder with the folders of all databases that do not belong to a plugin.
pub const PARENT: &str = "db";

/// A folder in `PARENT` that belongs to no known database.
pub struct UnknownFolder {
    pub name: String,
    /// Whether it has migrations of nself. Folders of other tools have no sum file.
    pub has_migrations: bool,
}

/// Returns the folders that belong to no known database, sorted by name.
///
/// # Errors
/// NS804 if a folder cannot be read.
pub fn unknown_folders(project: &Path, is_known: impl Fn(&str) -> bool) -> Result<Vec<UnknownFolder>, Vec<Diagnostic>> {
    let mut unknown_folders = Vec::new();
    let parent = Root::project(project).below(PathBuf::from(PARENT));
    // A link or a file of this name belongs to the user.
    let Ok(Some(parent)) = parent.open() else { return Ok(unknown_folders) };
    for entry in parent.list().map_err(file_error)? {
        let Some(name) = entry.name.to_str().filter(|name| entry.kind == EntryKind::Folder && !is_known(name)) else {
            continue;
        };
        if let Some(folder) = parent.folder(name).map_err(file_error)? {
            let has_migrations = folder.stat(SUM_FILE).map_err(file_error)?.is_some();
            unknown_folders.push(UnknownFolder { name: name.to_owned(), has_migrations });
        }
    }
    unknown_folders.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(unknown_folders)
}

/// Returns the path of the folder of a database, such as `db/shop` in the project.
pub fn folder(project: &Path, database: &SqlIdent) -> PathBuf {
    project.join(database_folder(database))
}

/// Reads all files of `SUBFOLDERS` and the sum file, by their paths in the folder of the database; the result is empty if
/// the folder does not exist.
///
/// # Errors
/// NS732 for a link, pipe or device, NS813 for files that are too large, NS804 if a file cannot be read.
pub fn read(project: &Path, database: &SqlIdent) -> Result<HistoryFiles, Vec<Diagnostic>> {
    let mut files = HistoryFiles::new();
    let Some(folder) = root(project, database).open().map_err(file_error)? else { return Ok(files) };
    let mut size_budget = SizeBudget::new(FileKind::Migration);
    for name in SUBFOLDERS {
        match folder.stat(name).map_err(file_error)? {
            None => continue,
            Some(stat) if !stat.is_folder() => return Err(wrong_kind(database, Path::new(name), stat.kind)),
            Some(_) => {}
        }
        if let Some(subfolder) = folder.folder(name).map_err(file_error)? {
            read_subfolder(database, &subfolder, name, &mut size_budget, &mut files)?;
        }
    }
    if let Some(bytes) = folder.read(SUM_FILE, FileKind::Sum).map_err(file_error)? {
        files.insert(SUM_FILE.into(), bytes);
    }
    Ok(files)
}

/// Adds the files of a subfolder to `files`, by their paths in the folder of the database.
fn read_subfolder(
    database: &SqlIdent,
    subfolder: &Folder,
    subfolder_name: &str,
    size_budget: &mut SizeBudget,
    files: &mut HistoryFiles,
) -> Result<(), Vec<Diagnostic>> {
    for (path, kind) in subfolder.list_all(&mut |_, _| false).map_err(file_error)? {
        let path_in_folder = Path::new(subfolder_name).join(&path);
        match kind {
            EntryKind::Folder => {}
            EntryKind::File => {
                if let Some(bytes) = subfolder.read(&path, FileKind::Migration).map_err(file_error)? {
                    size_budget.add(subfolder, &path, &bytes).map_err(file_error)?;
                    files.insert(path_in_folder.to_string_lossy().into_owned(), bytes);
                }
            }
            kind => return Err(wrong_kind(database, &path_in_folder, kind)),
        }
    }
    Ok(())
}

/// Changes the folder so that it contains exactly these files, and returns the paths that were written or deleted.
///
/// # Errors
/// The errors of [`read`], and NS804 if a file cannot be written.
pub fn write(project: &Path, database: &SqlIdent, files: &HistoryFiles) -> Result<Vec<String>, Vec<Diagnostic>> {
    let old_files = read(project, database)?;
    let mut changed_paths = Vec::new();
    // The sum file has the digests of the other files. It is written last, so that an interrupted run never leaves a
    // sum file without its files.
    let (sum_file, other_files): (Vec<_>, Vec<_>) = files.iter().partition(|(path, _)| *path == SUM_FILE);
    let changed_files: Vec<_> =
        other_files.into_iter().chain(sum_file).filter(|(path, bytes)| old_files.get(*path) != Some(bytes)).collect();
    let removed_paths: Vec<_> = old_files.keys().filter(|path| !files.contains_key(*path)).collect();
    if changed_files.is_empty() && removed_paths.is_empty() {
        return Ok(changed_paths);
    }
    let folder = root(project, database).open_or_create(0o755).map_err(file_error)?;
    for (path, bytes) in changed_files {
        folder.write(path, bytes).map_err(file_error)?;
        changed_paths.push(path.clone());
    }
    for path in removed_paths {
        folder.remove_file(path).map_err(file_error)?;
        // Deletes the folder of a removed migration. If the folder contains other files, this fails and the folder
        // stays.
        let _ = Path::new(path).parent().map(|parent| folder.remove_folder(parent));
        changed_paths.push(path.clone());
    }
    Ok(changed_paths)
}

/// Returns the folder of a database, in which links are refused.
fn root(project: &Path, database: &SqlIdent) -> Root {
    Root::project(project).below(PathBuf::from(database_folder(database)))
}

fn file_error(error: FileError) -> Vec<Diagnostic> {
    vec![error.into()]
}

/// Returns the finding for a link, pipe or device in the folder of a database.
fn wrong_kind(database: &SqlIdent, path: &Path, kind: EntryKind) -> Vec<Diagnostic> {
    let message =
        format!("{}/{} is {kind}; only files and folders are allowed there", database_folder(database), path.display());
    vec![Diagnostic::error(Code::MigrationDamaged, FieldPath::root()).message(message)]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::values::Checked;

    fn files(entries: &[(&str, &str)]) -> HistoryFiles {
        entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn writing_creates_replaces_and_deletes_and_leaves_the_users_files() {
        let project = tempfile::tempdir().unwrap();
        let (project, shop) = (project.path(), SqlIdent::new("shop").unwrap());
        assert!(read(project, &shop).unwrap().is_empty());
        let first = files(&[("migrations/0001_init/up.sql", "a"), ("schema/0001.json", "{}"), (SUM_FILE, "1")]);
        assert_eq!(
            write(project, &shop, &first).unwrap(),
            ["migrations/0001_init/up.sql", "schema/0001.json", SUM_FILE],
            "the sum is the last one"
        );
        fs::write(project.join("db/shop/notes.md"), "mine").unwrap();
        assert_eq!(read(project, &shop).unwrap(), first);
        assert!(write(project, &shop, &first).unwrap().is_empty(), "equal files are not written again");
        let second = files(&[("schema/0001.json", "[]"), (SUM_FILE, "1")]);
        assert_eq!(write(project, &shop, &second).unwrap(), ["schema/0001.json", "migrations/0001_init/up.sql"]);
        assert!(!project.join("db/shop/migrations/0001_init").exists());
        assert_eq!(fs::read(project.join("db/shop/notes.md")).unwrap(), b"mine");
    }

    #[test]
    fn links_are_refused() {
        let project = tempfile::tempdir().unwrap();
        let (project, shop) = (project.path(), SqlIdent::new("shop").unwrap());
        fs::create_dir_all(project.join("db/shop/migrations")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", project.join("db/shop/migrations/up.sql")).unwrap();
        let findings = read(project, &shop).unwrap_err();
        assert_eq!(findings[0].code, Code::MigrationDamaged);
        assert!(findings[0].message.contains("db/shop/migrations/up.sql"), "{}", findings[0].message);
    }
}
