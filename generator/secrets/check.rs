//! Checks the secrets of environments. Reports values that are missing, too short, well known, tracked by git,
//! accessible to other users, or the same in several environments. Findings name secrets and never repeat values.

use std::collections::BTreeMap;

use super::folder::SecretFolder;
use super::{certificate, modes};
use crate::artifact::Digest;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::secret_list::{Recipe, SecretEntry};
use crate::stack::Profile;
use crate::values::SecretName;
use crate::values::credential_names::is_credential;
use crate::words;

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
    /// The reason if nself cannot find out whether git tracks a value.
    pub version_control_problem: Option<String>,
}

/// Maps the digest of a value to the folder and name of the first secret that has the value.
type KnownValues<'a> = BTreeMap<Digest, (&'a SecretFolder, &'a SecretName)>;

/// Checks the secrets of each environment, and compares environments with each other. In the local profile, weak values
/// are warnings. Also corrects the modes of files.
///
/// # Errors
/// A file cannot be read or its mode cannot be set.
pub fn check(folders: &[SecretFolder]) -> Result<CheckedSecrets, Diagnostic> {
    let mut check_result = CheckedSecrets::default();
    let mut known_values = KnownValues::new();
    for folder in folders {
        match folder.refuse_tracked() {
            Ok(version_control_problem) => check_result.version_control_problem = version_control_problem,
            Err(tracked_findings) => check_result.findings.extend(tracked_findings),
        }
        check_result.findings.extend(modes::repair(folder)?);
        check_result.findings.extend(certificate::check(folder)?);
        let mut findings = Vec::new();
        let mut missing = Vec::new();
        for (name, entry) in folder.list.secrets.iter().filter(|(_, entry)| !is_derived(&entry.recipe)) {
            match folder.read(name)? {
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
    Ok(check_result)
}

/// Returns whether nself derives the value from other secrets or issues it.
fn is_derived(recipe: &Recipe) -> bool {
    match recipe {
        Recipe::Template { .. }
        | Recipe::LocalCertificate { .. }
        | Recipe::LocalKey { .. }
        | Recipe::LocalAuthority { .. } => true,
        Recipe::Random { .. } | Recipe::External { .. } => false,
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
    // The provider chooses host and user names, often the same for all environments, so they may be weak and shared.
    let holds_host_or_user_name = matches!(entry.recipe, Recipe::External { .. }) && !is_credential(name.as_str());
    if holds_host_or_user_name {
        return short_name_finding(name, value, entry.min_length).into_iter().collect();
    }
    if let Some(reason) = weakness(value, folder, entry) {
        let finding = match folder.list.profile {
            Profile::Local => Diagnostic::warning(Code::WeakSecret, path!("secrets", name)),
            _ => Diagnostic::error(Code::WeakSecret, path!("secrets", name)),
        };
        let hint = match required_from_operator(folder, &entry.recipe) {
            Some(_) => format!("get a different value from its provider and write it to {}", folder.value_path(name)),
            None => format!("delete {} and run `nself secrets init --env {environment}`", folder.value_path(name)),
        };
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

/// Returns a finding for each value that the operator must provide, and one for all values that `secrets init` creates.
pub(super) fn missing_values(folder: &SecretFolder, missing: &[&SecretName]) -> Vec<Diagnostic> {
    let init = format!("nself secrets init --env {}", folder.list.environment);
    let what = |name: &SecretName| required_from_operator(folder, &folder.list.secrets.get(name)?.recipe);
    let (from_operator, created): (Vec<&SecretName>, Vec<&SecretName>) =
        missing.iter().partition(|name| what(name).is_some());
    let no_value = |name: &SecretName| {
        Diagnostic::error(Code::UnknownSecret, path!("secrets", name))
            .message(format!("the secret `{name}` has no value"))
    };
    let mut findings: Vec<Diagnostic> = match created.as_slice() {
        [] => Vec::new(),
        [name] => vec![no_value(name).hint(format!("run `{init}`"))],
        names => vec![
            Diagnostic::error(Code::UnknownSecret, path!("secrets"))
                .message(format!("{} of the environment have no value", words::count(names.len() as u64, "secret")))
                .hint(format!("run `{init}`, which creates them")),
        ],
    };
    let provided = from_operator.into_iter().filter_map(|name| {
        let hint = format!("write the {} to {}", what(name)?, folder.value_path(name));
        Some(no_value(name).hint(hint))
    });
    findings.extend(provided);
    findings
}

/// Returns the description of a value that the operator must provide; `None` for a value that `secrets init` creates.
fn required_from_operator<'a>(folder: &SecretFolder, recipe: &'a Recipe) -> Option<&'a str> {
    match recipe {
        Recipe::External { what } if folder.list.profile != Profile::Local => Some(what.as_str()),
        _ => None,
    }
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
