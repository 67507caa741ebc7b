//! The folder of a database's migrations: read whole, written file by file, the sum last.

use std::fs;
use std::path::{Path, PathBuf};

use crate::database::history::{Files, SUM};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::SqlIdent;

fn failed(path: &Path, error: &std::io::Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{}: {error}", path.display()))]
}

pub fn folder(project: &Path, name: &SqlIdent) -> PathBuf {
    project.join("db").join(name.as_str())
}

/// Everything below `migrations/` and `schema/`, and the sum; the rest of the folder is the user's.
pub fn read(project: &Path, name: &SqlIdent) -> Result<Files, Vec<Diagnostic>> {
    let root = folder(project, name);
    let mut files = Files::new();
    for part in ["migrations", "schema"] {
        let start = root.join(part);
        if fs::symlink_metadata(&start).is_err() {
            continue;
        }
        for entry in walkdir::WalkDir::new(&start).sort_by_file_name() {
            let entry = entry.map_err(|error| failed(&start, &error.into()))?;
            let path = entry.path();
            let shown = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
            if entry.file_type().is_symlink() {
                return Err(vec![
                    Diagnostic::error(Code::MigrationDamaged, FieldPath::root())
                        .message(format!("db/{name}/{shown} is a link")),
                ]);
            }
            if entry.file_type().is_file() {
                files.insert(shown, fs::read(path).map_err(|error| failed(path, &error))?);
            }
        }
    }
    let sum = root.join(SUM);
    match fs::read(&sum) {
        Ok(bytes) => {
            files.insert(SUM.into(), bytes);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&sum, &error)),
    }
    Ok(files)
}

/// Makes the folder hold these files; returns the paths that changed.
pub fn write(project: &Path, name: &SqlIdent, files: &Files) -> Result<Vec<String>, Vec<Diagnostic>> {
    let root = folder(project, name);
    for folder in [project.join("db"), root.clone()] {
        if fs::symlink_metadata(&folder).is_ok_and(|meta| !meta.is_dir()) {
            return Err(vec![
                Diagnostic::error(Code::OutputUnsafe, FieldPath::root())
                    .message(format!("{} is no folder", folder.display())),
            ]);
        }
    }
    let before = read(project, name)?;
    let mut changed = Vec::new();
    // The sum seals the others, so it comes last.
    let (sum, others): (Vec<_>, Vec<_>) = files.iter().partition(|(path, _)| *path == SUM);
    for (path, bytes) in others.into_iter().chain(sum) {
        let target = root.join(path);
        if before.get(path) == Some(bytes) || fs::read(&target).is_ok_and(|known| known == *bytes) {
            continue;
        }
        let parent = target.parent().unwrap_or(&root);
        fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
        let fresh = target.with_extension("nself-new");
        fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, &target)).map_err(|error| failed(&target, &error))?;
        changed.push(path.clone());
    }
    for path in before.keys().filter(|path| !files.contains_key(*path)) {
        let target = root.join(path);
        fs::remove_file(&target).map_err(|error| failed(&target, &error))?;
        // The folder of a migration that is gone.
        let _ = target.parent().map(fs::remove_dir);
        changed.push(path.clone());
    }
    Ok(changed)
}
