//! The folder of an environment, with its list of secrets and their values.

use std::path::{Path, PathBuf};

use super::tracked::Tracking;
use crate::commands::shell_word;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{self, EntryKind, FileKind, Root};
use crate::path;
use crate::plan::secret_list::{self, SecretEntry, SecretList};
use crate::values::SecretName;
use crate::words;

/// The folder of the values, in the folder of the environment.
const SECRETS: &str = "secrets";
/// The file from which Compose reads values of variables.
pub(super) const ENVIRONMENT_FILE: &str = ".env";
/// The generated list of secrets, in the folder of the environment.
const SECRET_LIST: &str = "secrets.json";

/// Mode of the folder of the values.
pub(super) const FOLDER_MODE: u32 = 0o700;
/// Mode of each value in the folder.
pub(super) const VALUE_MODE: u32 = 0o444;
/// Mode of files that no container reads: private values, and `.env`, which only the container engine reads.
pub(super) const PRIVATE_MODE: u32 = 0o600;
/// File name of the certificate of the project's certificate authority, which a person imports into a browser or passes
/// to `curl --cacert`.
pub(super) const AUTHORITY: &str = "authority";
/// File name of the key of the same authority. No container reads it.
pub(super) const AUTHORITY_KEY: &str = "authority_key";
/// File name of the record of the same authority: the end of its validity and its limits.
pub(super) const AUTHORITY_RECORD: &str = "authority_issued";

/// Returns the names of the environments in an output folder.
///
/// # Errors
/// NS804 if the folder cannot be read.
pub fn environments(output: &Root) -> Result<Vec<String>, Diagnostic> {
    let Some(output) = output.open()? else { return Ok(Vec::new()) };
    let folders = output.list()?.into_iter().filter(|entry| entry.kind == EntryKind::Folder);
    let environments = folders.filter(|entry| has_secret_list(&output, Path::new(&entry.name)));
    Ok(environments.filter_map(|entry| entry.name.into_string().ok()).collect())
}

/// Returns whether `folder` has an environment at this path, with its list of secrets.
pub(super) fn has_secret_list(folder: &files::Folder, environment: &Path) -> bool {
    folder.has_file(environment.join(SECRET_LIST))
}

/// The secrets of one environment on disk.
pub struct SecretFolder {
    /// The folder of the environment, `<output>/<environment>`.
    pub(super) environment: files::Folder,
    /// The path of the same folder, as messages show it.
    pub(super) path_in_messages: PathBuf,
    pub list: SecretList,
}

impl SecretFolder {
    /// Reads the list of secrets of an environment. `output_in_messages` is the path of the output folder in messages.
    ///
    /// # Errors
    /// NS804 if the list is missing, NS805 if nself did not write it, NS803 if there is a link on its path.
    pub fn open(output: &Root, output_in_messages: &Path, name: &str) -> Result<Self, Diagnostic> {
        let path_in_messages = output_in_messages.join(name);
        let list_path = path_in_messages.join(SECRET_LIST);
        let missing_list = || {
            let known_environments = environments(output).unwrap_or_default();
            let question = words::suggestion(name, known_environments.iter().map(String::as_str));
            let hint = match (known_environments.as_slice(), question.as_str()) {
                ([], _) => "run `nself gen` first, or set the output folder with --out".to_owned(),
                (_, "") => "run `nself gen` if the stack has this environment".to_owned(),
                (_, question) => format!("{question} Otherwise run `nself gen`"),
            };
            let finding = Diagnostic::error(Code::Io, FieldPath::root())
                .message(format!("{} does not exist", list_path.display()))
                .hint(hint);
            if known_environments.is_empty() { finding } else { finding.expected(words::one_of(&known_environments)) }
        };
        let environment = output.open()?.map(|output| output.folder(name)).transpose()?.flatten();
        let environment = environment.ok_or_else(missing_list)?;
        let bytes = environment.read(SECRET_LIST, FileKind::Output)?.ok_or_else(missing_list)?;
        let list = parse_list(&bytes, name).map_err(|reason| {
            Diagnostic::error(Code::Manifest, FieldPath::root())
                .message(format!("{} is damaged: {reason}", list_path.display()))
                .hint("restore it with `nself gen`")
        })?;
        Ok(SecretFolder { environment, path_in_messages, list })
    }

    /// Returns whether the environment runs on a cluster: its folder has manifests.
    pub(super) fn is_on_cluster(&self) -> bool {
        self.environment.has_file("kubernetes/kustomization.yaml")
    }

    /// Refuses values that git tracks, since everyone who can read the repository knows them. If nself cannot find out
    /// which files git tracks, returns a sentence that says why; `None` if it can.
    ///
    /// # Errors
    /// NS509 for each tracked value.
    pub fn refuse_tracked(&self) -> Result<Option<String>, Vec<Diagnostic>> {
        let reason = match Tracking::of_folder(self.environment.path()) {
            Tracking::Known(paths) => {
                let values = paths.iter().filter(|path| contains_values(path));
                let findings: Vec<Diagnostic> = values.map(|path| self.tracked_value_finding(path)).collect();
                return if findings.is_empty() { Ok(None) } else { Err(findings) };
            }
            Tracking::NoRepository => "the folder is not in a git repository".to_owned(),
            Tracking::Unknown(reason) => reason,
        };
        Ok(Some(format!("nself cannot find out whether git tracks values: {reason}")))
    }

    /// Returns the finding for a value that git tracks. `path` is relative to the folder of the environment.
    fn tracked_value_finding(&self, path: &Path) -> Diagnostic {
        let path = self.path_in_messages.join(path);
        let mut finding = Diagnostic::error(Code::SecretTracked, FieldPath::root())
            .message(format!("git tracks {}, so everyone who can read the repository knows the value", path.display()))
            .expected("a value that is only on this machine")
            .hint(format!(
                "run `git rm --cached -- {}`, delete the file, and create a new value with `nself secrets init --env {}`; \
                 the old value stays in the history of git, so replace it also where it is used",
                shell_word(&path),
                self.list.environment
            ));
        finding.environments = vec![self.list.environment.to_string()];
        finding
    }

    /// Returns the folder of the values; `None` if it does not exist.
    pub(super) fn secrets(&self) -> Result<Option<files::Folder>, Diagnostic> {
        Ok(self.environment.folder(SECRETS)?)
    }

    /// Returns a value without the line break that editors add at the end; `None` if there is no file.
    ///
    /// # Errors
    /// NS106 for a value that is not text or ends with a carriage return; NS803 or NS804 if the file cannot be read.
    pub(super) fn read(&self, name: &SecretName) -> Result<Option<String>, Diagnostic> {
        let Some(secrets) = self.secrets()? else { return Ok(None) };
        let Some(bytes) = secrets.read(name.as_str(), FileKind::Secret)? else { return Ok(None) };
        let mut text = String::from_utf8(bytes).map_err(|_| {
            self.malformed_value(name, "is not UTF-8 text")
                .hint("encode binary values as base64 before you write them to the file")
        })?;
        if text.ends_with('\n') {
            text.pop();
        }
        // Files of several lines, such as certificates, may have Windows line ends, which their readers know.
        if text.ends_with('\r') && !text.contains('\n') {
            let path = shell_word(Path::new(&self.value_path(name)));
            return Err(self
                .malformed_value(
                    name,
                    "ends with a carriage return, which containers would read as a part of the value",
                )
                .expected("a value without line breaks, or with `\\n` at its end")
                .hint(format!("remove it with `sed -i 's/\\r$//' {path}`")));
        }
        Ok(Some(text))
    }

    /// Returns the start of a finding about a value; `reason` is a predicate for its file.
    fn malformed_value(&self, name: &SecretName, reason: &str) -> Diagnostic {
        let mut finding = Diagnostic::error(Code::BadValue, path!("secrets", name))
            .message(format!("{} {reason}", self.value_path(name)));
        finding.environments = vec![self.list.environment.to_string()];
        finding
    }

    /// Refuses values that are not text, or that end with a carriage return.
    ///
    /// # Errors
    /// NS106 for each of them, or the only finding about a file that cannot be read.
    pub(super) fn refuse_malformed(&self) -> Result<(), Vec<Diagnostic>> {
        let mut findings = Vec::new();
        for name in self.list.secrets.keys() {
            match self.read(name) {
                Ok(_) => {}
                Err(finding) if finding.code == Code::BadValue => findings.push(finding),
                Err(finding) => return Err(vec![finding]),
            }
        }
        if findings.is_empty() { Ok(()) } else { Err(findings) }
    }

    /// Returns the path of a value, as messages show it.
    pub(super) fn value_path(&self, name: &SecretName) -> String {
        self.path_in_messages.join(SECRETS).join(name.as_str()).display().to_string()
    }

    /// Writes a value that containers may read.
    pub(super) fn write(&self, name: &SecretName, value: &str) -> Result<(), Diagnostic> {
        self.write_with_mode(name, value, VALUE_MODE)
    }

    /// Writes a value that no container may read.
    pub(super) fn write_private(&self, name: &SecretName, value: &str) -> Result<(), Diagnostic> {
        self.write_with_mode(name, value, PRIVATE_MODE)
    }

    fn write_with_mode(&self, name: &SecretName, value: &str, mode: u32) -> Result<(), Diagnostic> {
        let secrets = self.environment.make_folder(SECRETS, FOLDER_MODE)?;
        secrets.set_own_mode(FOLDER_MODE)?;
        Ok(secrets.replace(name.as_str(), value.as_bytes(), mode)?)
    }
}

/// Parses the list of secrets of an environment.
fn parse_list(bytes: &[u8], environment: &str) -> Result<SecretList, String> {
    let list: SecretList = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if list.environment.as_str() != environment {
        return Err(format!("it belongs to the environment {}", list.environment));
    }
    // nself writes the names of variables to `.env`, so it refuses a name that it would not generate itself.
    let has_wrong_variable = |(name, entry): &(&SecretName, &SecretEntry)| {
        entry.variable.as_ref().is_some_and(|variable| *variable != secret_list::variable(name))
    };
    match list.secrets.iter().find(has_wrong_variable) {
        Some((name, _)) => Err(format!("the variable of `{name}` is not {}", secret_list::variable(name))),
        None => Ok(list),
    }
}

/// Returns whether a file in the folder of an environment contains values of secrets. Files such as `.gitkeep` do not.
pub(super) fn contains_values(path: &Path) -> bool {
    let is_git_file = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".git"));
    let is_value = path.starts_with(SECRETS) && !is_git_file;
    is_value || path.as_os_str() == ENVIRONMENT_FILE
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;
    use crate::files::Scope;
    use crate::values::Checked;

    /// Returns the folder of an environment with these secrets, below an output folder.
    pub fn secret_folder(output: &Path, environment: &str, secrets: &Value) -> SecretFolder {
        let list = json!({
            "version": 1, "project": "shop", "environment": environment, "profile": "prod", "secrets": secrets,
        });
        fs::create_dir_all(output.join(environment).join(SECRETS)).unwrap();
        fs::write(output.join(environment).join(SECRET_LIST), list.to_string()).unwrap();
        SecretFolder::open(&Root::at(output, Scope::Output), Path::new("deploy"), environment).unwrap()
    }

    #[test]
    fn a_value_of_one_line_that_ends_with_a_carriage_return_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let names = ["unix", "windows", "cut", "lines", "binary"];
        let secrets: Value = names
            .iter()
            .map(|name| ((*name).to_owned(), json!({"kind": "random", "length": 43, "used_by": []})))
            .collect();
        let folder = secret_folder(temporary.path(), "prod", &secrets);
        let write =
            |name: &str, bytes: &[u8]| fs::write(temporary.path().join("prod/secrets").join(name), bytes).unwrap();
        let read = |name: &str| folder.read(&SecretName::wrap(name.to_owned())).map_err(|finding| finding.code);
        write("unix", b"tulip\n");
        write("lines", b"a\r\nb\r\n");
        assert_eq!(read("unix"), Ok(Some("tulip".to_owned())));
        assert_eq!(read("lines"), Ok(Some("a\r\nb\r".to_owned())), "a certificate may have Windows line ends");
        assert_eq!(folder.refuse_malformed(), Ok(()), "the others have no file yet");
        write("windows", b"tulip\r\n");
        write("cut", b"tulip\r");
        write("binary", b"\xff");
        for name in ["windows", "cut", "binary"] {
            assert_eq!(read(name), Err(Code::BadValue), "{name}");
        }
        let findings = folder.refuse_malformed().unwrap_err();
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert!(!format!("{findings:?}").contains("tulip"));
        assert_eq!(findings[2].hint, "remove it with `sed -i 's/\\r$//' deploy/prod/secrets/windows`");
        assert_eq!(findings[2].environments, ["prod"]);
    }
}
