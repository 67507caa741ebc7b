//! Sets the modes of secrets. Containers run as other users and read the files through mounts, so the modes of the
//! files allow everyone to read. The mode of the folder keeps other users of the machine from reaching the files.

use super::certificate::issue_record;
use super::folder::{
    AUTHORITY, AUTHORITY_KEY, AUTHORITY_RECORD, ENVIRONMENT_FILE, FOLDER_MODE, PRIVATE_MODE, SecretFolder, VALUE_MODE,
};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::secret_list::Recipe;
use crate::values::{Checked, SecretName};

/// The bits of a mode without the type of the file.
const MODE_BITS: u32 = 0o7777;
/// The bits of a mode that allow anything to other users of the machine.
const OTHERS: u32 = 0o077;
/// The bits of a mode that allow other users to write.
const OTHERS_WRITE: u32 = 0o022;
/// The bit of a mode that allows containers, which run as other users, to read.
const OTHERS_READ: u32 = 0o004;

/// The reader of a file in the folder of the values, on which its mode depends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Containers read a value, as other users.
    Container,
    /// Anyone may read a certificate, and nself its records.
    Anyone,
    /// Only the owner reads the key of the authority.
    Owner,
}

/// A file in the folder of the values that nself writes.
struct SecretFile {
    name: String,
    reader: Reader,
}

impl SecretFile {
    fn mode(&self) -> u32 {
        if self.reader == Reader::Owner { PRIVATE_MODE } else { VALUE_MODE }
    }

    /// Returns the bits that let other users do what they must not do with the file.
    fn refused_bits(&self) -> u32 {
        if self.reader == Reader::Owner { OTHERS } else { OTHERS_WRITE }
    }

    fn has_right_mode(&self, mode: u32) -> bool {
        match self.reader {
            Reader::Owner => mode & OTHERS == 0,
            Reader::Container | Reader::Anyone => mode == VALUE_MODE,
        }
    }
}

/// Returns the files in the folder of the values: the secrets of the stack, and the files of certificates that are not
/// secrets of the stack.
fn secret_files(folder: &SecretFolder) -> Vec<SecretFile> {
    let secrets = &folder.list.secrets;
    let values = secrets.keys().map(|name| (name.to_string(), Reader::Container));
    let certificates = secrets
        .iter()
        .filter(|(_, entry)| matches!(entry.recipe, Recipe::LocalCertificate { .. }))
        .map(|(name, _)| name);
    let records = certificates.map(|name| (issue_record(name).to_string(), Reader::Anyone));
    let authority = [(AUTHORITY, Reader::Anyone), (AUTHORITY_KEY, Reader::Owner), (AUTHORITY_RECORD, Reader::Anyone)];
    let authority = authority.map(|(name, reader)| (name.to_owned(), reader));
    let is_value = |name: &str| secrets.contains_key(&SecretName::wrap(name.to_owned()));
    let additional = records.chain(authority).filter(|(name, _)| !is_value(name));
    values.chain(additional).map(|(name, reader)| SecretFile { name, reader }).collect()
}

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
        for file in secret_files(folder) {
            let Some(stat) = secrets.stat(&file.name)? else { continue };
            let mode = stat.mode & MODE_BITS;
            if stat.is_file() && file.has_right_mode(mode) {
                continue;
            }
            secrets.set_mode(&file.name, file.mode())?;
            let name_and_mode = format!("secrets/{} ({mode:04o})", file.name);
            if file.reader == Reader::Container && mode & OTHERS_READ == 0 {
                unreadable_paths.push(name_and_mode.clone());
            }
            // A value that other users could only read was still protected by its folder.
            if mode & file.refused_bits() != 0 {
                accessible_paths.push(name_and_mode);
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
            .expected(
                "0700 for secrets/, 0444 for its files, 0600 for authority_key and .env; the modes are correct now",
            )
            .hint("if other people use this machine, delete the values and run `nself secrets init` to create new ones")
    });
    let findings = accessible_warning.into_iter().chain(unreadable_warning).map(|mut finding| {
        finding.environments = vec![folder.list.environment.to_string()];
        finding
    });
    Ok(findings.collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::super::folder::tests::secret_folder;
    use super::*;

    #[test]
    fn each_file_gets_the_mode_of_its_readers() {
        let temporary = tempfile::tempdir().unwrap();
        let secrets = json!({
            "tls_certificate": {"kind": "local_certificate", "hosts": [], "used_by": ["nginx"]},
            "jwt_key": {"kind": "random", "length": 43, "used_by": ["auth"]},
        });
        let folder = secret_folder(temporary.path(), "local", &secrets);
        let path = temporary.path().join("local/secrets");
        let set_mode =
            |path: &std::path::Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set_mode(&path, FOLDER_MODE);
        // Each file with its mode before and after the run.
        let modes = [
            ("authority", 0o600, 0o444),
            (AUTHORITY_KEY, 0o444, 0o600),
            (AUTHORITY_RECORD, 0o646, 0o444),
            ("jwt_key", 0o400, 0o444),
            ("tls_certificate_issued", 0o600, 0o444),
        ];
        for (name, mode, _) in modes {
            fs::write(path.join(name), "x").unwrap();
            set_mode(&path.join(name), mode);
        }
        let findings = repair(&folder).unwrap();
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        let expected = [
            "other users of this machine could access secrets/authority_key (0444), secrets/authority_issued (0646) in \
             deploy/local",
            "containers could not read secrets/jwt_key (0400) in deploy/local",
        ];
        assert_eq!(messages, expected);
        for (name, _, mode) in modes {
            assert_eq!(fs::metadata(path.join(name)).unwrap().permissions().mode() & MODE_BITS, mode, "{name}");
        }
        set_mode(&path.join(AUTHORITY_KEY), 0o400);
        assert_eq!(repair(&folder).unwrap(), Vec::new(), "the second run finds nothing");
    }
}
