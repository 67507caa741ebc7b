//! Finds secrets in the files of the project that git tracks: values of the secrets of this machine, private keys, and
//! credentials in `.env` files. Findings name the file and the secret, and never repeat a value.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::environment_file;
use super::folder::{SecretFolder, contains_values, has_secret_list};
use super::tracked::Tracking;
use super::value_search::{SearchedSecret, ValueSearch};
use crate::commands::shell_word;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::files::{self, FileKind, Folder, Root};
use crate::values::{assignments, credential_formats};

/// Maximum size in bytes of all files that are searched.
const MAX_BYTES: usize = 256 << 20;
/// Parts of the names of `.env` files that explain the variables and contain no values.
const EXAMPLES: [&str; 6] = ["dist", "example", "sample", "schema", "template", "tpl"];

/// The result of a search.
#[derive(Debug, Default)]
pub struct CommittedSecrets {
    pub findings: Vec<Diagnostic>,
    /// The reason if files were not searched.
    pub problem: Option<String>,
}

/// Searches the files that git tracks in the folder of the project, up to [`MAX_BYTES`] together. Links, and files larger
/// than the limit of [`FileKind::ServiceFile`], are not searched. The files of `folders` that hold values have findings
/// already.
///
/// # Errors
/// The folder of the project cannot be opened.
pub fn check(
    project: &Root,
    project_in_messages: &Path,
    folders: &[SecretFolder],
    values: &ValueSearch,
) -> Result<CommittedSecrets, Diagnostic> {
    let mut result = CommittedSecrets::default();
    let paths = match Tracking::of_folder(project.path()) {
        Tracking::Known(paths) => paths,
        // Without a repository, the check of the folders has the same remark.
        Tracking::NoRepository => return Ok(result),
        Tracking::Unknown(reason) => {
            result.problem = Some(format!("nself cannot search the files that git tracks: {reason}"));
            return Ok(result);
        }
    };
    let Some(root) = project.open()? else { return Ok(result) };
    let value_files = ValueFiles::new(project, folders);
    let mut remaining_bytes = MAX_BYTES;
    for path in &paths {
        if value_files.is_reported(path) {
            continue;
        }
        let shown_path = project_in_messages.join(path);
        let shown_path = shown_path.strip_prefix("./").unwrap_or(&shown_path);
        if value_files.is_of_removed_environment(&root, path) {
            result.findings.push(removed_environment_finding(shown_path));
            continue;
        }
        let Ok(Some(bytes)) = root.read(path, FileKind::ServiceFile) else { continue };
        let Some(remaining) = remaining_bytes.checked_sub(bytes.len()) else {
            let shown_path = shown_path.display();
            result.problem =
                Some(format!("nself did not search {shown_path} and the files after it: they are too large"));
            break;
        };
        remaining_bytes = remaining;
        result.findings.extend(check_file(shown_path, &bytes, values));
    }
    Ok(result)
}

/// The places of files that hold values, relative to the project.
struct ValueFiles {
    /// The folder of each environment that is checked.
    environments: BTreeSet<PathBuf>,
}

impl ValueFiles {
    fn new(project: &Root, folders: &[SecretFolder]) -> Self {
        let relative_path = |folder: &SecretFolder| {
            let project = files::real_path(project.path()).ok()?;
            let environment = files::real_path(folder.environment.path()).ok()?;
            Some(environment.strip_prefix(&project).ok()?.to_owned())
        };
        ValueFiles { environments: folders.iter().filter_map(relative_path).collect() }
    }

    /// Returns whether a path is a file of values in the folder of an environment that is checked.
    fn is_reported(&self, path: &Path) -> bool {
        let mut folders = path.ancestors().filter(|folder| self.environments.contains(*folder));
        folders.any(|folder| path.strip_prefix(folder).is_ok_and(contains_values))
    }

    /// Returns whether a path is a file of values next to the folders of the environments, in the folder of an environment
    /// that the stack no longer has.
    fn is_of_removed_environment(&self, root: &Folder, path: &Path) -> bool {
        let outputs = self.environments.iter().filter_map(|environment| environment.parent());
        // If the output folder is the project, its folders can be anything.
        let mut outputs = outputs.filter(|output| !output.as_os_str().is_empty());
        outputs.any(|output| {
            let Ok(below) = path.strip_prefix(output) else { return false };
            let mut parts = below.components();
            let Some(environment) = parts.next().map(|part| output.join(part)) else { return false };
            contains_values(parts.as_path()) && !has_secret_list(root, &environment)
        })
    }
}

/// Returns the finding about the first secret in a file.
fn check_file(path: &Path, bytes: &[u8], values: &ValueSearch) -> Option<Diagnostic> {
    if let Some((offset, secret)) = values.first_in(bytes) {
        return Some(value_finding(secret).at(Some(span(path, bytes, offset))));
    }
    let path_word = command_word(path);
    if let Some(offset) = private_key(bytes) {
        let finding = Diagnostic::warning(Code::SecretTracked, FieldPath::root())
            .message("git tracks this file, which has a private key")
            .expected("a key that is only on the machines that use it")
            .hint(format!(
                "run `git rm --cached -- {path_word}`, and use a new key, since the old one stays in the history of git; \
                 a key that only tests use can stay"
            ));
        return Some(finding.at(Some(span(path, bytes, offset))));
    }
    if !is_environment_file(path) {
        return None;
    }
    let (offset, variable) = credential_variable(bytes)?;
    let finding = Diagnostic::warning(Code::SecretTracked, FieldPath::root())
        .message(format!("git tracks this file, which gives `{variable}` a value"))
        .expected("an `.env` file that git ignores")
        .hint(format!(
            "run `git rm --cached -- {path_word}`, add the file to .gitignore and replace its values, since they stay in the \
             history of git; examples belong in a file such as `.env.example`"
        ));
    Some(finding.at(Some(span(path, bytes, offset))))
}

fn value_finding(secret: &SearchedSecret) -> Diagnostic {
    let SearchedSecret { name, environment, remedy } = secret;
    let mut finding = Diagnostic::error(Code::SecretTracked, FieldPath::root())
        .message(format!("git tracks this file, which has the value of the secret `{name}`"))
        .expected("a value that is only in the folder `secrets`")
        .hint(format!("remove the value from the file; {remedy}; the old value stays in the history of git"));
    finding.environments = vec![environment.clone()];
    finding
}

fn removed_environment_finding(path: &Path) -> Diagnostic {
    Diagnostic::error(Code::SecretTracked, FieldPath::root())
        .message(format!("git tracks {}, a value of an environment that is no longer generated", path.display()))
        .expected("a value that is only on the machines that use it")
        .hint(format!(
            "run `git rm --cached -- {}` and delete the file; the value stays in the history of git, so replace it where it \
             is still used",
            command_word(path)
        ))
}

/// Returns the path of a file as a word of a command. It begins with `./`, because a path below `deploy` would get the output
/// folder of the run in hints.
fn command_word(path: &Path) -> String {
    shell_word(&Path::new(".").join(path))
}

/// Returns the index of the first private key in PEM.
fn private_key(bytes: &[u8]) -> Option<usize> {
    const MARK: &[u8] = b"PRIVATE KEY-----";
    // Few files have a key, and only those are decoded.
    bytes.windows(MARK.len()).any(|window| window == MARK).then_some(())?;
    let text = String::from_utf8_lossy(bytes);
    let mut credentials = credential_formats::all(&text);
    credentials.find(|(_, description)| *description == credential_formats::PRIVATE_KEY).map(|(offset, _)| offset)
}

/// Returns whether a file has the name of an `.env` file with values, such as `.env`, `.env.production` and `app.env`.
fn is_environment_file(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let is_example = name.split(['.', '-', '_']).any(|part| EXAMPLES.contains(&part));
    (name == ".env" || name.starts_with(".env.") || name.ends_with(".env")) && !is_example
}

/// Returns the first variable of an `.env` file that has a credential as its value, with the index of its line.
fn credential_variable(bytes: &[u8]) -> Option<(usize, String)> {
    let mut offset = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some((name, value)) = environment_file::assignment(line) {
            let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
            if assignments::is_pair_with_credential(&name, &value) || credential_formats::find(&value).is_some() {
                return Some((offset, name.into_owned()));
            }
        }
        offset += line.len();
    }
    None
}

/// Returns the position of a byte in a file.
fn span(path: &Path, bytes: &[u8], offset: usize) -> Span {
    let before = String::from_utf8_lossy(&bytes[..offset.min(bytes.len())]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let as_u32 = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { file: path.display().to_string(), line: as_u32(line), column: as_u32(column) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(path: &str, text: &str) -> Option<(String, bool)> {
        let mut values = ValueSearch::default();
        let secret = SearchedSecret { name: "jwt_key".into(), environment: "prod".into(), remedy: "x".into() };
        values.add(secret, "Tulip7q2ZxR9vT4mW8");
        let finding = check_file(Path::new(path), text.as_bytes(), &values)?;
        assert!(!format!("{finding:?}").contains("Tulip7"), "{finding:?}");
        Some((finding.span.as_ref().unwrap().to_string(), finding.is_error()))
    }

    #[test]
    fn paths_in_commands_do_not_look_like_paths_of_the_output_folder() {
        assert_eq!(command_word(Path::new("deploy/old/.env")), "./deploy/old/.env");
        assert_eq!(command_word(Path::new("/a b/.env")), "'/a b/.env'");
    }

    #[test]
    fn values_and_keys_are_found_with_their_place() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";
        assert_eq!(finding("nginx/app.conf", "a\nö Tulip7q2ZxR9vT4mW8;"), Some(("nginx/app.conf:2:3".into(), true)));
        assert_eq!(finding("certs/server.key", key), Some(("certs/server.key:1:1".into(), false)));
        assert_eq!(finding("certs/server.pem", &key.replace("PRIVATE KEY", "CERTIFICATE")), None);
        assert_eq!(finding("README.md", "nothing"), None);
    }

    #[test]
    fn credentials_are_found_in_environment_files_only() {
        for path in [".env", "web/.env.production", "orders.env"] {
            assert_eq!(finding(path, "A=1\nexport DB_PASSWORD='tulip'\n"), Some((format!("{path}:2:1"), false)));
            assert_eq!(finding(path, "# DB_PASSWORD=tulip\nDB_PASSWORD=\nAPI_KEY=$KEY\nAPI_URL=https://a.b\n"), None);
            let url = "DATABASE_URL=postgres://u:tulip@db/shop";
            assert_eq!(finding(path, url), Some((format!("{path}:1:1"), false)));
        }
        for path in [".env.example", "orders.sample.env", "notes.txt", ".envrc"] {
            assert_eq!(finding(path, "DB_PASSWORD=tulip\n"), None, "{path}");
        }
    }
}
