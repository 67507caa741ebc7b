//! The folder of a database's migrations: read whole, written file by file, the sum last.

use std::path::{Path, PathBuf};

use crate::database::history::{HistoryFiles, SUM_FILE};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{EntryKind, FileError, FileKind, Root, Total};
use crate::values::SqlIdent;

fn failed(error: FileError) -> Vec<Diagnostic> {
    vec![error.into()]
}

pub fn folder(project: &Path, name: &SqlIdent) -> PathBuf {
    project.join("db").join(name.as_str())
}

fn root(project: &Path, name: &SqlIdent) -> Root {
    Root::project(project).below(Path::new("db").join(name.as_str()))
}

/// Everything below `migrations/` and `schema/`, and the sum; the rest of the folder is the user's.
pub fn read(project: &Path, name: &SqlIdent) -> Result<HistoryFiles, Vec<Diagnostic>> {
    let mut files = HistoryFiles::new();
    let Some(root) = root(project, name).open().map_err(failed)? else { return Ok(files) };
    let odd = |path: &Path, kind: EntryKind| {
        let message = format!("db/{name}/{} is {kind}, and only files and folders belong there", path.display());
        vec![Diagnostic::error(Code::MigrationDamaged, FieldPath::root()).message(message)]
    };
    let mut total = Total::new(FileKind::Migration);
    for part in ["migrations", "schema"] {
        match root.stat(part).map_err(failed)? {
            None => continue,
            Some(stat) if !stat.is_folder() => return Err(odd(Path::new(part), stat.kind)),
            Some(_) => {}
        }
        let Some(folder) = root.folder(part).map_err(failed)? else { continue };
        for (path, kind) in folder.list_all(&mut |_| false).map_err(failed)? {
            let shown = Path::new(part).join(&path);
            match kind {
                EntryKind::Folder => {}
                EntryKind::File => {
                    if let Some(bytes) = folder.read(&path, FileKind::Migration).map_err(failed)? {
                        total.add(&folder, &path, &bytes).map_err(failed)?;
                        files.insert(shown.to_string_lossy().into_owned(), bytes);
                    }
                }
                kind => return Err(odd(&shown, kind)),
            }
        }
    }
    if let Some(bytes) = root.read(SUM_FILE, FileKind::Sum).map_err(failed)? {
        files.insert(SUM_FILE.into(), bytes);
    }
    Ok(files)
}

/// Makes the folder hold these files; returns the paths that changed.
pub fn write(project: &Path, name: &SqlIdent, files: &HistoryFiles) -> Result<Vec<String>, Vec<Diagnostic>> {
    let before = read(project, name)?;
    let mut changed = Vec::new();
    // The sum seals the others, so it comes last.
    let (sum, others): (Vec<_>, Vec<_>) = files.iter().partition(|(path, _)| *path == SUM_FILE);
    let different: Vec<_> =
        others.into_iter().chain(sum).filter(|(path, bytes)| before.get(*path) != Some(bytes)).collect();
    let gone: Vec<_> = before.keys().filter(|path| !files.contains_key(*path)).collect();
    if different.is_empty() && gone.is_empty() {
        return Ok(changed);
    }
    let root = root(project, name).make(0o755).map_err(failed)?;
    for (path, bytes) in different {
        root.write(path, bytes).map_err(failed)?;
        changed.push(path.clone());
    }
    for path in gone {
        root.remove_file(path).map_err(failed)?;
        // The folder of a migration that is gone.
        let _ = Path::new(path).parent().map(|folder| root.remove_folder(folder));
        changed.push(path.clone());
    }
    Ok(changed)
}
