//! Checks the secrets of environments. Reports values that are missing, too short, well known, tracked by git,
//! accessible to other users, or the same in several environments. Findings name secrets and never repeat values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::folder::SecretFolder;
use super::missing::{missing_values, required_from_operator};
use super::value_search::{SearchedSecret, ValueSearch};
use super::{certificate, committed, modes, placeholder};
use crate::artifact::Digest;
use crate::diagnostic::{Code, Diagnostic};
use crate::files::Root;
use crate::path;
use crate::plan::secret_list::{Recipe, SecretEntry};
use crate::stack::Profile;
use crate::values::SecretName;
use crate::values::credential_names::is_credential;

/// Default passwords of images and tutorials.
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
/// Minimum length of a secret in characters, unless the stack declares `min_length`.
const MIN_LENGTH: usize = 16;
/// Minimum number of different characters in a secret.
const MIN_DISTINCT_CHARACTERS: usize = 5;

/// The result of a check.
#[derive(Debug, Default)]
pub struct CheckedSecrets {
    pub findings: Vec<Diagnostic>,
    /// The reasons if nself cannot find out whether git tracks a value, each of them once.
    pub version_control_problems: BTreeSet<String>,
}

/// Maps the digest of a value to the folder and name of the first secret that has the value.
type KnownValues<'a> = BTreeMap<Digest, (&'a SecretFolder, &'a SecretName)>;

/// Checks the secrets of each environment, compares environments with each other, and searches the files of the project
/// that git tracks for the values. In the local profile, weak values are warnings. Also corrects the modes of files.
///
/// # Errors
/// A file cannot be read or its mode cannot be set.
pub fn check(
    project: &Root,
    project_in_messages: &Path,
    folders: &[SecretFolder],
) -> Result<CheckedSecrets, Diagnostic> {
    let mut check_result = CheckedSecrets::default();
    let mut known_values = KnownValues::new();
    let mut searched_values = ValueSearch::default();
    for folder in folders {
        match folder.refuse_tracked() {
            Ok(problem) => check_result.version_control_problems.extend(problem),
            Err(tracked_findings) => check_result.findings.extend(tracked_findings),
        }
        check_result.findings.extend(modes::repair(folder)?);
        check_result.findings.extend(certificate::check(folder)?);
        let mut findings = Vec::new();
        let mut missing = Vec::new();
        for (name, entry) in &folder.list.secrets {
            let value = match folder.read(name) {
                Ok(value) => value,
                Err(finding) if finding.code == Code::BadValue => {
                    findings.push(finding);
                    continue;
                }
                Err(finding) => return Err(finding),
            };
            if let Some(value) = value.as_deref().filter(|value| is_searched(value, folder, (name, entry))) {
                searched_values.add(searched_secret(folder, (name, entry)), value);
            }
            match value {
                _ if is_derived(&entry.recipe) => {}
                Some(value) => findings.extend(check_value((folder, name, entry), &value, &mut known_values)),
                None => missing.push(name),
            }
        }
        findings.extend(missing_values(folder, &missing));
        check_result.findings.extend(findings.into_iter().map(|mut finding| {
            finding.environments = vec![folder.list.environment.to_string()];
            finding
        }));
    }
    let committed_secrets = committed::check(project, project_in_messages, folders, &searched_values)?;
    check_result.findings.extend(committed_secrets.findings);
    check_result.version_control_problems.extend(committed_secrets.problem);
    Ok(check_result)
}

/// Returns whether the files that git tracks are searched for a value. Values that can be guessed, and the names that a
/// provider chooses, occur in files for other reasons. Composed values contain others, and certificates are public.
fn is_searched(value: &str, folder: &SecretFolder, (name, entry): (&SecretName, &SecretEntry)) -> bool {
    match &entry.recipe {
        Recipe::LocalKey { .. } => true,
        recipe if is_derived(recipe) || is_host_or_user_name(name, recipe) => false,
        _ => weakness(value, folder, entry).is_none(),
    }
}

/// Returns the description of a secret for findings about its value in a file.
fn searched_secret(folder: &SecretFolder, (name, entry): (&SecretName, &SecretEntry)) -> SearchedSecret {
    let environment = folder.list.environment.to_string();
    SearchedSecret { name: name.to_string(), environment, remedy: replacement_hint(folder, name, &entry.recipe) }
}

/// Returns the advice for replacing a value.
fn replacement_hint(folder: &SecretFolder, name: &SecretName, recipe: &Recipe) -> String {
    let path = folder.value_path(name);
    match required_from_operator(folder, recipe) {
        Some(_) => format!("get a different value from its provider and write it to {path}"),
        None => format!("delete {path} and run `nself secrets init --env {}`", folder.list.environment),
    }
}

/// Returns whether a secret is a host or user name that its provider chooses, often the same for all environments, so its
/// value may be weak and shared.
fn is_host_or_user_name(name: &SecretName, recipe: &Recipe) -> bool {
    matches!(recipe, Recipe::External { .. }) && !is_credential(name.as_str())
}

/// Returns whether nself derives the value from other secrets or issues it.
fn is_derived(recipe: &Recipe) -> bool {
    match recipe {
        Recipe::Template { .. }
        | Recipe::LocalCertificate { .. }
        | Recipe::LocalKey { .. }
        | Recipe::LocalAuthority { .. } => true,
        Recipe::Random { .. } | Recipe::RandomBytes(_) | Recipe::External { .. } => false,
    }
}

/// Returns findings about one value, and adds it to `known_values`.
fn check_value<'a>(
    (folder, name, entry): (&'a SecretFolder, &'a SecretName, &SecretEntry),
    value: &str,
    known_values: &mut KnownValues<'a>,
) -> Vec<Diagnostic> {
    let environment = &folder.list.environment;
    let mut findings = Vec::new();
    findings.extend(placeholder::finding((folder, name, entry), value));
    if is_host_or_user_name(name, &entry.recipe) {
        findings.extend(short_name_finding(name, value, entry.min_length));
        return findings;
    }
    if let Some(reason) = weakness(value, folder, entry) {
        let finding = match folder.list.profile {
            Profile::Local => Diagnostic::warning(Code::WeakSecret, path!("secrets", name)),
            _ => Diagnostic::error(Code::WeakSecret, path!("secrets", name)),
        };
        let hint = replacement_hint(folder, name, &entry.recipe);
        findings.push(finding.message(format!("the value of `{name}` {reason}")).hint(hint));
    }
    // A keyed digest, so that values can be compared without keeping them.
    let digest = Digest::keyed("nself secrets are compared, not kept", value.as_bytes());
    let (first_folder, first_name) = *known_values.entry(digest).or_insert((folder, name));
    if first_folder.list.environment != *environment {
        findings.push(
            Diagnostic::error(Code::SharedSecret, path!("secrets", name))
                .message(format!("`{name}` has the same value as `{first_name}` in {}", first_folder.list.environment))
                .hint("use a different value in each environment"),
        );
    }
    findings
}

/// Returns a finding if a host or user name is shorter than `min_length`.
fn short_name_finding(name: &SecretName, value: &str, min_length: Option<u16>) -> Option<Diagnostic> {
    let min_length = min_length.filter(|minimum| value.chars().count() < usize::from(*minimum))?;
    let finding = Diagnostic::error(Code::WeakSecret, path!("secrets", name))
        .message(format!("the value of `{name}` has fewer than {min_length} characters"))
        .hint("use the value that the provider issued, or correct `min_length` in the stack");
    Some(finding)
}

/// Returns the reason if a value can be guessed, as a predicate for a sentence about the value: `is a well-known word`.
fn weakness(value: &str, folder: &SecretFolder, entry: &SecretEntry) -> Option<String> {
    let lower_case = value.to_ascii_lowercase();
    let names = [folder.list.project.as_str(), folder.list.environment.as_str()];
    let mut services = folder.list.secrets.values().flat_map(|entry| entry.used_by.iter());
    if WELL_KNOWN.contains(&lower_case.as_str())
        || names.contains(&lower_case.as_str())
        || services.any(|service| service.as_str() == lower_case)
    {
        return Some("is a well-known word".into());
    }
    let min_length = entry.min_length.map_or(MIN_LENGTH, usize::from);
    if value.chars().count() < min_length {
        return Some(format!("has fewer than {min_length} characters"));
    }
    let mut characters: Vec<char> = value.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    (characters.len() < MIN_DISTINCT_CHARACTERS.min(min_length))
        .then(|| "consists of only a few different characters".into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::super::folder::tests::secret_folder;
    use super::*;

    #[test]
    fn each_environment_can_have_a_remark_about_version_control() {
        let temporary = tempfile::tempdir().unwrap();
        // Only one of the folders is in a repository.
        fs::create_dir_all(temporary.path().join("tracked/.git")).unwrap();
        let folder = |name: &str| secret_folder(&temporary.path().join(name), "prod", &json!({}));
        let problems = |names: [&str; 2]| {
            let project = Root::named(&temporary.path().join(names[0]));
            let check_result = check(&project, Path::new("."), &names.map(folder)).unwrap();
            check_result.version_control_problems.len()
        };
        assert_eq!(problems(["other", "tracked"]), 1, "the second environment does not remove the remark");
        assert_eq!(problems(["tracked", "other"]), 1);
        assert_eq!(problems(["other", "other"]), 1, "the same remark occurs once");
        assert_eq!(problems(["tracked", "tracked"]), 0);
    }

    #[test]
    fn malformed_values_are_findings_beside_the_others() {
        let temporary = tempfile::tempdir().unwrap();
        let random = json!({"kind": "random", "length": 43, "used_by": []});
        let folder = secret_folder(temporary.path(), "prod", &json!({"a": random, "b": random, "c": random}));
        fs::write(temporary.path().join("prod/secrets/a"), "tulip\r\n").unwrap();
        fs::write(temporary.path().join("prod/secrets/b"), "short\n").unwrap();
        let check_result = check(&Root::named(temporary.path()), Path::new("."), &[folder]).unwrap();
        let codes: Vec<Code> = check_result.findings.iter().map(|finding| finding.code).collect();
        for code in [Code::BadValue, Code::WeakSecret, Code::UnknownSecret] {
            assert_eq!(codes.iter().filter(|found| **found == code).count(), 1, "{codes:?}");
        }
    }
}
