//! Judges secrets that exist: missing, too short, well service_name, tracked by git, open to other users, or shared between
//! environments. Findings name secrets, never values.

use std::collections::BTreeMap;

use super::{Folder, modes};
use crate::artifact::Digest;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::secret_list::Recipe;
use crate::stack::Profile;
use crate::values::SecretName;

/// Defaults of images and tutorials.
const WELL_KNOWN: [&str; 22] = [
    "admin",
    "administrator",
    "changeme",
    "change-me",
    "change_me",
    "default",
    "guest",
    "hasura",
    "letmein",
    "minio",
    "minioadmin",
    "minio123",
    "myadminsecretkey",
    "mysecretpassword",
    "nself",
    "password",
    "postgres",
    "qwerty",
    "root",
    "secret",
    "secretpgpassword",
    "test",
];
/// Fewest characters of a secret that a person chose.
const FEWEST: usize = 16;

/// Checks the environments against themselves and each other. In local, weak values are only warned of. Modes are
/// repaired. Also returns why a committed value would not be recognised.
///
/// # Errors
/// A file that cannot be read.
pub fn check(folders: &[Folder]) -> Result<(Vec<Diagnostic>, Option<String>), Diagnostic> {
    let mut findings = Vec::new();
    let mut remark = None;
    let mut seen: BTreeMap<Digest, (&Folder, &SecretName)> = BTreeMap::new();
    for folder in folders {
        match folder.refuse_tracked() {
            Ok(unknown) => remark = unknown,
            Err(tracked) => findings.extend(tracked),
        }
        findings.extend(modes::repair(folder)?);
        for (name, entry) in &folder.list.secrets {
            let derived = matches!(
                entry.recipe,
                Recipe::Template { .. }
                    | Recipe::LocalCertificate { .. }
                    | Recipe::LocalKey { .. }
                    | Recipe::LocalAuthority { .. }
            );
            if derived {
                continue;
            }
            let in_environment = |finding: Diagnostic| {
                let mut finding = finding;
                finding.environments = vec![folder.list.environment.to_string()];
                finding
            };
            let Some(value) = folder.read(name)? else {
                findings.push(in_environment(
                    Diagnostic::error(Code::UnknownSecret, path!("secrets", name))
                        .message(format!("`{name}` has no value"))
                        .hint(format!("run `nself secrets init --env {}`", folder.list.environment)),
                ));
                continue;
            };
            if let Some(reason) = weakness(&value, folder, entry.min_length.unwrap_or_default()) {
                let finding = match folder.list.profile {
                    Profile::Local => Diagnostic::warning(Code::WeakSecret, path!("secrets", name)),
                    _ => Diagnostic::error(Code::WeakSecret, path!("secrets", name)),
                };
                findings.push(in_environment(
                    finding.message(format!("`{name}` {reason}")).hint("delete its file and run `nself secrets init`"),
                ));
            }
            let digest = Digest::keyed("nself secrets are compared, not kept", value.as_bytes());
            if let Some((other, twin)) = seen.get(&digest)
                && other.list.environment != folder.list.environment
            {
                findings.push(in_environment(
                    Diagnostic::error(Code::SharedSecret, path!("secrets", name))
                        .message(format!("`{name}` has the value of `{twin}` in {}", other.list.environment))
                        .hint("give each environment its own"),
                ));
            }
            seen.entry(digest).or_insert((folder, name));
        }
    }
    Ok((findings, remark))
}

fn weakness(value: &str, folder: &Folder, min_length: u16) -> Option<String> {
    let plain = value.to_ascii_lowercase();
    let words = [folder.list.project.as_str(), folder.list.environment.as_str()];
    let users = folder.list.secrets.values().flat_map(|entry| entry.used_by.iter());
    if WELL_KNOWN.contains(&plain.as_str())
        || words.contains(&plain.as_str())
        || users.into_iter().any(|user| user.as_str() == plain)
    {
        return Some("is a well-known word".into());
    }
    let fewest = FEWEST.max(usize::from(min_length));
    if value.chars().count() < fewest {
        return Some(format!("has fewer than {fewest} characters"));
    }
    let mut kinds: Vec<char> = value.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    (kinds.len() < 5).then(|| "repeats a few characters".into())
}
