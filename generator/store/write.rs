//! Applies a comparison: temporary file and rename for each file, the manifest last. A run that is killed
//! leaves files that the next run recognises by their bytes, and temporary files that it takes away.

use std::collections::BTreeSet;

use super::compare::{Change, Changes, State};
use super::report::{CONVERTED, is_converted};
use super::{ATTRIBUTES, MANIFEST};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileError, FileKind, Folder, Root};

/// What git does with the manifest: a merge has the lines of both sides, and line ends stay. The file is the user's once
/// it is there.
const MERGE: &str = "/nself.manifest -text merge=union\n";

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
    let one = |error: FileError| vec![error.into()];
    let out = changes.out.make(0o755).map_err(one)?;
    for path in &changes.stale_temp_files {
        out.remove_file(path).map_err(one)?;
    }
    if !changes.text_while_writing.is_empty() {
        // Until the last file is written, the manifest names old and new bytes: whatever a killed run leaves is ours.
        out.write(MANIFEST, &changes.text_while_writing).map_err(one)?;
    }
    let mut emptied = BTreeSet::new();
    for change in changes.changes.iter().filter(|change| change.state.differs()) {
        unchanged(&out, change).map_err(|finding| vec![finding])?;
        if let Some(bytes) = &change.new {
            out.write(&change.path, bytes).map_err(one)?;
        } else {
            out.remove_file(&change.path).map_err(one)?;
            emptied.extend(change.path.match_indices('/').map(|(i, _)| change.path[..i].to_owned()));
        }
    }
    // Deepest first; a folder that still holds something stays.
    for folder in emptied.iter().rev() {
        let _ = out.remove_folder(folder);
    }
    if !changes.manifest_is_current || !changes.text_while_writing.is_empty() {
        out.write(MANIFEST, &changes.text).map_err(one)?;
    }
    if out.stat(ATTRIBUTES).map_err(one)?.is_none() {
        out.write(ATTRIBUTES, MERGE.as_bytes()).map_err(one)?;
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
fn unchanged(out: &Folder, change: &Change) -> Result<(), Diagnostic> {
    if out.read(&change.path, FileKind::Output)? == change.old {
        return Ok(());
    }
    Err(Diagnostic::error(Code::HandEdited, FieldPath::root())
        .message(format!("{} was edited while nself was running", change.path))
        .hint("look at it with `nself check`, then run nself again"))
}

/// Writes one file of the output folder in one step, and the folders on the way to it.
///
/// # Errors
/// NS803 for links where folders or the file must be, NS804.
pub fn write(out: &Root, path: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
    Ok(out.write(path, bytes)?)
}
