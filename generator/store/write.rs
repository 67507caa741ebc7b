//! Applies a comparison: writes each file as a temporary file that is renamed, and writes the manifest last. If a run
//! is killed, the next run recognises the files by their bytes and deletes the temporary files.

use std::collections::BTreeSet;

use super::change::{Change, State};
use super::compare::Changes;
use super::output_file::MANIFEST;
use super::report::{LINE_ENDS_CONVERTED, is_converted};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileError, FileKind, Folder};

/// Files for git in the output folder. Git merges the manifest by the union of both sides and keeps its line endings. It
/// ignores secrets, also those of an environment that was removed with its own `.gitignore`. Each file is written only if
/// it does not exist, so that the user can change it.
const GIT_FILES: [(&str, &str); 2] =
    [(".gitattributes", "/nself.manifest -text merge=union\n"), (".gitignore", "/*/.env\n/*/secrets/\n")];

/// Writes new and changed files and deletes stale ones; with `force`, it also replaces hand-edited and foreign files.
///
/// # Errors
/// - NS801, NS802: without `force`, files that nself may not overwrite; nothing is written.
/// - NS801: a file changed after the comparison, even with `force`, because that edit was not shown.
/// - NS803: the output folder cannot be written safely.
/// - NS804: a file operation failed.
pub fn apply(changes: &Changes, force: bool) -> Result<(), Vec<Diagnostic>> {
    if !force {
        let findings: Vec<Diagnostic> = changes.changes.iter().filter_map(refusal_without_force).collect();
        if !findings.is_empty() {
            return Err(findings);
        }
    }
    let as_list = |error: FileError| vec![error.into()];
    let out = changes.out.open_or_create(0o755).map_err(as_list)?;
    for path in &changes.stale_temp_files {
        out.remove_file(path).map_err(as_list)?;
    }
    if !changes.manifest_while_writing.is_empty() {
        // Until the last file is written, the manifest has the old and the new digest of every file, so that the next
        // run recognises the files of a run that was killed.
        out.write(MANIFEST, &changes.manifest_while_writing).map_err(as_list)?;
    }
    // Files are deleted first, since a file may take the place of a folder, or the reverse.
    let differing_files = changes.changes.iter().filter(|change| change.state.differs());
    let (files_to_write, files_to_delete): (Vec<_>, Vec<_>) = differing_files.partition(|change| change.new.is_some());
    let mut folders_of_deleted_files = BTreeSet::new();
    for change in files_to_delete {
        check_unchanged(&out, change).map_err(|finding| vec![finding])?;
        out.remove_file(&change.path).map_err(as_list)?;
        folders_of_deleted_files.extend(change.path.match_indices('/').map(|(i, _)| change.path[..i].to_owned()));
    }
    // Deepest folder first. A folder that is not empty cannot be removed and stays.
    for folder in folders_of_deleted_files.iter().rev() {
        let _ = out.remove_folder(folder);
    }
    for change in files_to_write {
        check_unchanged(&out, change).map_err(|finding| vec![finding])?;
        out.write(&change.path, change.new.as_deref().unwrap_or_default()).map_err(as_list)?;
    }
    if !changes.manifest_is_current || !changes.manifest_while_writing.is_empty() {
        out.write(MANIFEST, &changes.manifest_bytes).map_err(as_list)?;
    }
    for (name, text) in GIT_FILES {
        if out.stat(name).map_err(as_list)?.is_none() {
            out.write(name, text.as_bytes()).map_err(as_list)?;
        }
    }
    Ok(())
}

/// Returns the finding for a file that may be replaced only with `force`; `None` for any other file.
fn refusal_without_force(change: &Change) -> Option<Diagnostic> {
    match change.state {
        State::HandEdited if is_converted(change) => Some(
            Diagnostic::error(Code::HandEdited, FieldPath::root())
                .message(format!("{} has Windows line endings", change.path))
                .hint(format!("{LINE_ENDS_CONVERTED}; `nself gen --force` writes the file again")),
        ),
        State::HandEdited => Some(
            Diagnostic::error(Code::HandEdited, FieldPath::root())
                .message(format!("{} was edited by hand", change.path))
                .hint("look at the edit with `nself check`, move it into the stack, then run `nself gen --force`"),
        ),
        State::InTheWay => Some(
            Diagnostic::error(Code::Foreign, FieldPath::root())
                .message(format!("{} already exists, and nself did not write it", change.path))
                .hint("move the file to a different folder, or replace it with `nself gen --force`"),
        ),
        _ => None,
    }
}

/// Checks that a file is unchanged since the comparison.
fn check_unchanged(out: &Folder, change: &Change) -> Result<(), Diagnostic> {
    if out.read(&change.path, FileKind::Output)? == change.old {
        return Ok(());
    }
    Err(Diagnostic::error(Code::HandEdited, FieldPath::root())
        .message(format!("{} was edited while nself was running", change.path))
        .hint("look at the edit with `nself check`, then run `nself gen` again"))
}
