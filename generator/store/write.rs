//! Applies a comparison: temporary file and rename for each file, the manifest last. A run that is killed
//! leaves files that the next run recognises by their bytes.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::state::{Change, Changes, State, blocked};
use super::{MANIFEST, io};
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// Writes what differs and deletes what is stale. With `force`, hand-edited and foreign files too.
///
/// # Errors
/// NS801 and NS802 for files that are not ours to overwrite, before anything is written; NS803, NS804.
pub fn apply(changes: &Changes, force: bool) -> Result<(), Vec<Diagnostic>> {
    if !force {
        let refused: Vec<Diagnostic> = changes.changes.iter().filter_map(refusal).collect();
        if !refused.is_empty() {
            return Err(refused);
        }
    }
    let one = |finding| vec![finding];
    let mut emptied = BTreeSet::new();
    for change in &changes.changes {
        match (&change.new, change.state) {
            (_, State::Same | State::Foreign) => {}
            (Some(bytes), _) => write(&changes.out, &change.path, bytes).map_err(one)?,
            (None, _) => {
                let path = changes.out.join(&change.path);
                fs::remove_file(&path).map_err(|error| one(io(&path, &error)))?;
                emptied.extend(change.path.match_indices('/').map(|(i, _)| change.path[..i].to_owned()));
            }
        }
    }
    // Deepest first; a folder that still holds something stays.
    for folder in emptied.iter().rev() {
        let _ = fs::remove_dir(changes.out.join(folder));
    }
    if !changes.manifest_is_current {
        write(&changes.out, MANIFEST, &changes.manifest.to_bytes()).map_err(one)?;
    }
    Ok(())
}

fn refusal(change: &Change) -> Option<Diagnostic> {
    match change.state {
        State::HandEdited => Some(
            Diagnostic::error(Code::HandEdited, FieldPath::root())
                .message(format!("{} was edited by hand", change.path))
                .hint("move the edit into the stack, then `nself gen --force` to drop it here; `nself check` shows it"),
        ),
        State::InTheWay => Some(
            Diagnostic::error(Code::Foreign, FieldPath::root())
                .message(format!("{} exists and nself did not write it", change.path))
                .hint("move it away, or replace it with `nself gen --force`"),
        ),
        _ => None,
    }
}

/// Creates folders one by one, looks at each right before use, and replaces the file in one step. What
/// swaps a folder for a link between two system calls is not defended against.
fn write(out: &Path, path: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
    let mut folder = out.to_owned();
    fs::create_dir_all(&folder).map_err(|error| io(&folder, &error))?;
    let (parents, name) = path.rsplit_once('/').map_or((None, path), |(parents, name)| (Some(parents), name));
    for part in parents.into_iter().flat_map(|parents| parents.split('/')) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(blocked(path, &folder, out)),
            Err(_) => {
                let made = fs::DirBuilder::new().mode(0o755).create(&folder);
                // The umask must not reach the output.
                made.and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)))
                    .map_err(|error| io(&folder, &error))?;
            }
        }
    }
    let target = folder.join(name);
    if fs::symlink_metadata(&target).is_ok_and(|meta| !meta.is_file()) {
        return Err(blocked(path, &target, out));
    }
    let mut noise = [0_u8; 8];
    getrandom::fill(&mut noise).map_err(|error| io(&target, &std::io::Error::other(error)))?;
    let temporary = folder.join(format!(".nself-{:016x}", u64::from_ne_bytes(noise)));
    let written = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        drop(file);
        fs::rename(&temporary, &target)
    };
    written().map_err(|error: std::io::Error| {
        let _ = fs::remove_file(&temporary);
        io(&target, &error)
    })
}
