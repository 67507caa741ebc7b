//! Sets the modes of secrets. Containers run as other users and read the files through mounts, so the modes of the
//! files allow everyone to read. The mode of the folder keeps other users of the machine from reaching the files.

use super::folder::{AUTHORITY, ENVIRONMENT_FILE, FOLDER_MODE, PRIVATE_MODE, SecretFolder, VALUE_MODE};
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// The bits of a mode without the type of the file.
const MODE_BITS: u32 = 0o7777;
/// The bits of a mode that allow anything to other users of the machine.
const OTHERS: u32 = 0o077;
/// The bits of a mode that allow other users to write.
const OTHERS_WRITE: u32 = 0o022;
/// The bit of a mode that allows containers, which run as other users, to read.
const OTHERS_READ: u32 = 0o004;

/// Corrects the modes of existing files. Returns findings about files that other users could read or write, and about
/// files that containers could not read.
///
/// # Errors
/// A file is not a regular file, or belongs to a different user.
pub fn repair(folder: &SecretFolder) -> Result<Vec<Diagnostic>, Diagnostic> {
    let (mut accessible_paths, mut unreadable_paths) = (Vec::new(), Vec::new());
    if let Some(secrets) = folder.secrets()? {
        let mode = secrets.own_stat().map(|stat| stat.mode & MODE_BITS);
        if mode != Some(FOLDER_MODE) {
            secrets.set_own_mode(FOLDER_MODE)?;
            accessible_paths
                .extend(mode.filter(|mode| mode & OTHERS != 0).map(|mode| format!("secrets/ ({mode:04o})")));
        }
        let names = folder.list.secrets.keys().map(ToString::to_string).chain([AUTHORITY.to_owned()]);
        for name in names {
            if let Some(stat) =
                secrets.stat(&name)?.filter(|stat| stat.mode & MODE_BITS != VALUE_MODE || !stat.is_file())
            {
                secrets.set_mode(&name, VALUE_MODE)?;
                if stat.mode & OTHERS_READ == 0 {
                    unreadable_paths.push(format!("secrets/{name} ({:04o})", stat.mode & MODE_BITS));
                }
                // A file that other users could only read was still protected by its folder.
                if stat.mode & OTHERS_WRITE != 0 {
                    accessible_paths.push(format!("secrets/{name} ({:04o})", stat.mode & MODE_BITS));
                }
            }
        }
    }
    if let Some(stat) = folder.environment.stat(ENVIRONMENT_FILE)?.filter(|stat| stat.mode & OTHERS != 0) {
        folder.environment.set_mode(ENVIRONMENT_FILE, PRIVATE_MODE)?;
        accessible_paths.push(format!(".env ({:04o})", stat.mode & MODE_BITS));
    }
    let folder_path = folder.path_in_messages.display();
    let unreadable_warning = (!unreadable_paths.is_empty()).then(|| {
        Diagnostic::warning(Code::SecretUnreadable, FieldPath::root())
            .message(format!("containers could not read {} in {folder_path}", unreadable_paths.join(", ")))
            .expected("0444 for the files of secrets/; the modes are correct now")
            .hint("restart the containers that use these files")
    });
    let accessible_warning = (!accessible_paths.is_empty()).then(|| {
        Diagnostic::warning(Code::SecretOpen, FieldPath::root())
            .message(format!(
                "other users of this machine could access {} in {folder_path}",
                accessible_paths.join(", ")
            ))
            .expected("0700 for secrets/, 0444 for its files, 0600 for .env; the modes are correct now")
            .hint("if other people use this machine, delete the values and run `nself secrets init` to create new ones")
    });
    let findings = accessible_warning.into_iter().chain(unreadable_warning).map(|mut finding| {
        finding.environments = vec![folder.list.environment.to_string()];
        finding
    });
    Ok(findings.collect())
}
