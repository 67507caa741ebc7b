//! Modes of secrets. Containers read the files as other users through their mounts, so the folder keeps strangers out
//! and the files do not.

use super::{Folder, certificate};
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// Of the folder, of each value in it, and of `.env`, which the engine alone reads.
pub const FOLDER: u32 = 0o700;
pub const VALUE: u32 = 0o444;
pub const ENVIRONMENT_FILE: u32 = 0o600;
/// What other users of the machine may do.
const OTHERS: u32 = 0o077;

/// Gives what exists the modes that it needs; a finding says what others were able to read until now.
///
/// # Errors
/// A file is a link or of another kind, or belongs to another user.
pub fn repair(folder: &Folder) -> Result<Option<Diagnostic>, Diagnostic> {
    let mut open = Vec::new();
    if let Some(secrets) = folder.secrets()? {
        let mode = secrets.own_stat().map(|stat| stat.mode & 0o7777);
        if mode != Some(FOLDER) {
            secrets.set_own_mode(FOLDER)?;
            open.extend(mode.filter(|mode| mode & OTHERS != 0).map(|mode| format!("secrets/ ({mode:04o})")));
        }
        let made = [certificate::AUTHORITY.to_owned()];
        let names = folder.list.secrets.keys().map(ToString::to_string).chain(made);
        for name in names {
            if let Some(stat) = secrets.stat(&name)?.filter(|stat| stat.mode & 0o7777 != VALUE || !stat.is_file()) {
                secrets.set_mode(&name, VALUE)?;
                // What others may write, they may have replaced.
                if stat.mode & 0o022 != 0 {
                    open.push(format!("secrets/{name} ({:04o})", stat.mode & 0o7777));
                }
            }
        }
    }
    if let Some(stat) = folder.environment.stat(super::ENVIRONMENT_FILE)?.filter(|stat| stat.mode & OTHERS != 0) {
        folder.environment.set_mode(super::ENVIRONMENT_FILE, ENVIRONMENT_FILE)?;
        open.push(format!(".env ({:04o})", stat.mode & 0o7777));
    }
    Ok((!open.is_empty()).then(|| {
        let mut finding = Diagnostic::warning(Code::SecretOpen, FieldPath::root())
            .message(format!("other users of this machine could use {} in {}", open.join(", "), folder.place.display()))
            .expected("secrets/ with 0700, its files with 0444, .env with 0600; they have these modes now")
            .hint("where other people use this machine, delete the values and run `nself secrets init` for new ones");
        finding.environments = vec![folder.list.environment.to_string()];
        finding
    }))
}
