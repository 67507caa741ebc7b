//! Applies a comparison: temporary file and rename for each file, the manifest last. A run that is killed
//! leaves files that the next run recognises by their bytes, and temporary files that it takes away.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::around::TEMPORARY;
use super::report::{CONVERTED, is_converted};
use super::state::{Change, Changes, State, blocked, read};
use super::{MANIFEST, failed};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::source::library::noise;

/// Writes what differs and deletes what is stale. With `force`, hand-edited and foreign files too.
///
/// # Errors
/// NS801 and NS802 for files that are not ours to overwrite, before anything is written; NS801 for a file that
/// changed since the comparison, whatever `force` says, for nobody has seen that edit; NS803, NS804.
pub fn apply(changes: &Changes, force: bool) -> Result<(), Vec<Diagnostic>> {
    if !force {
        let refused: Vec<Diagnostic> = changes.changes.iter().filter_map(refusal).collect();
        if !refused.is_empty() {
            return Err(refused);
        }
    }
    let one = |finding| vec![finding];
    for path in &changes.litter {
        fs::remove_file(path).map_err(|error| one(failed(path, &error)))?;
    }
    let mut emptied = BTreeSet::new();
    for change in changes.changes.iter().filter(|change| change.state.differs()) {
        unchanged(&changes.out, change).map_err(one)?;
        if let Some(bytes) = &change.new {
            write(&changes.out, &change.path, bytes).map_err(one)?;
        } else {
            let path = changes.out.join(&change.path);
            fs::remove_file(&path).map_err(|error| one(failed(&path, &error)))?;
            emptied.extend(change.path.match_indices('/').map(|(i, _)| change.path[..i].to_owned()));
        }
    }
    // Deepest first; a folder that still holds something stays.
    for folder in emptied.iter().rev() {
        let _ = fs::remove_dir(changes.out.join(folder));
    }
    if !changes.manifest_is_current {
        write(&changes.out, MANIFEST, &changes.text).map_err(one)?;
    }
    Ok(())
}

fn refusal(change: &Change) -> Option<Diagnostic> {
    match change.state {
        State::HandEdited if is_converted(change) => Some(
            Diagnostic::error(Code::HandEdited, FieldPath::root())
                .message(format!("{} has line ends of Windows", change.path))
                .hint(format!("{CONVERTED}; `nself gen --force` writes the file again")),
        ),
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

/// The file is still what was compared.
fn unchanged(out: &Path, change: &Change) -> Result<(), Diagnostic> {
    if read(out, &change.path)? == change.old {
        return Ok(());
    }
    Err(Diagnostic::error(Code::HandEdited, FieldPath::root())
        .message(format!("{} was edited while nself was running", change.path))
        .hint("look at it with `nself check`, then run nself again"))
}

/// Writes one file below `out`: creates folders one by one, looks at each right before use, and replaces the file in
/// one step. What swaps a folder for a link between two system calls is not defended against.
///
/// # Errors
/// NS803 for links where folders or the file must be, NS804.
pub fn write(out: &Path, path: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
    if let Some(above) = out.parent() {
        fs::create_dir_all(above).map_err(|error| failed(above, &error))?;
    }
    let mut folder = out.to_owned();
    make(&folder, path, out)?;
    let (parents, name) = path.rsplit_once('/').map_or((None, path), |(parents, name)| (Some(parents), name));
    for part in parents.into_iter().flat_map(|parents| parents.split('/')) {
        folder.push(part);
        make(&folder, path, out)?;
    }
    let target = folder.join(name);
    if fs::symlink_metadata(&target).is_ok_and(|meta| !meta.is_file()) {
        return Err(blocked(path, &target, out));
    }
    replace(&folder, &target, bytes).map_err(|error| failed(&target, &error))
}

/// One folder, open to all: the umask must not reach the output.
fn make(folder: &Path, path: &str, out: &Path) -> Result<(), Diagnostic> {
    match fs::symlink_metadata(folder) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(blocked(path, folder, out)),
        Err(_) => fs::DirBuilder::new()
            .mode(0o755)
            .create(folder)
            .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o755)))
            .map_err(|error| failed(folder, &error)),
    }
}

fn replace(folder: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{TEMPORARY}{}", noise()?));
    let written = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        drop(file);
        fs::rename(&temporary, target)
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}
