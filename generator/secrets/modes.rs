//! Sets the modes of secrets. Containers read the files as other users through their mounts, so the files are readable by
//! everyone, and the folder keeps other users of the machine out.

use super::folder::{AUTHORITY, ENVIRONMENT_FILE, ENVIRONMENT_FILE_MODE, FOLDER_MODE, SecretFolder, VALUE_MODE};
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// The bits of a mode for other users of the machine.
const OTHERS: u32 = 0o077;
/// The bits of a mode that let other users write.
const OTHERS_WRITE: u32 = 0o022;

/// The bit of a mode that lets containers read, which run as other users.
const OTHERS_READ: u32 = 0o004;

/// Corrects the modes of existing files. Returns findings about files that other users could read or write before, and
/// about those that containers could not read.
///
/// # Errors
/// A file is not a regular file, or belongs to a different user.
pub fn repair(folder: &SecretFolder) -> Result<Vec<Diagnostic>, Diagnostic> {
    let (mut open, mut unreadable) = (Vec::new(), Vec::new());
    if let Some(secrets) = folder.secrets()? {
        let mode = secrets.own_stat().map(|stat| stat.mode & 0o7777);
        if mode != Some(FOLDER_MODE) {
            secrets.set_own_mode(FOLDER_MODE)?;
            open.extend(mode.filter(|mode| mode & OTHERS != 0).map(|mode| format!("secrets/ ({mode:04o})")));
        }
        let authority = [AUTHORITY.to_owned()];
        let names = folder.list.secrets.keys().map(ToString::to_string).chain(authority);
        for name in names {
            if let Some(stat) = secrets.stat(&name)?.filter(|stat| stat.mode & 0o7777 != VALUE_MODE || !stat.is_file())
            {
                secrets.set_mode(&name, VALUE_MODE)?;
                if stat.mode & OTHERS_READ == 0 {
                    unreadable.push(format!("secrets/{name} ({:04o})", stat.mode & 0o7777));
                }
                // A file that other users could only read was still protected by its folder.
                if stat.mode & OTHERS_WRITE != 0 {
                    open.push(format!("secrets/{name} ({:04o})", stat.mode & 0o7777));
                }
            }
        }
    }
    if let Some(stat) = folder.environment.stat(ENVIRONMENT_FILE)?.filter(|stat| stat.mode & OTHERS != 0) {
        folder.environment.set_mode(ENVIRONMENT_FILE, ENVIRONMENT_FILE_MODE)?;
        open.push(format!(".env ({:04o})", stat.mode & 0o7777));
    }
    let folder_path = folder.shown_path.display();
    let unreadable = (!unreadable.is_empty()).then(|| {
        Diagnostic::warning(Code::SecretUnreadable, FieldPath::root())
            .message(format!("containers could not read {} in {folder_path}", unreadable.join(", ")))
            .expected("0444 for the files of secrets/; the modes are correct now")
            .hint("start the containers that use them again")
    });
    let open = (!open.is_empty()).then(|| {
        Diagnostic::warning(Code::SecretOpen, FieldPath::root())
            .message(format!("other users of this machine could access {} in {folder_path}", open.join(", ")))
            .expected("0700 for secrets/, 0444 for its files, 0600 for .env; the modes are correct now")
            .hint("if other people use this machine, delete the values and run `nself secrets init` to create new ones")
    });
    let findings = open.into_iter().chain(unreadable).map(|mut finding| {
        finding.environments = vec![folder.list.environment.to_string()];
        finding
    });
    Ok(findings.collect())
}
