//! Values of secrets: the only place that sees them. Makes what is missing below `<env>/secrets/` and the
//! `.env` beside it, and judges what is there. Works from `secrets.json`, so a server needs no stack file. The folder may
//! come with an untrusted checkout: no link is followed, modes are set each time, and a value that git tracks is refused.

mod certificate;
mod check;
mod create;
mod environment_file;
mod kubernetes;
mod modes;
mod tracked;

use std::path::{Path, PathBuf};

pub use check::check;
pub use create::{Outcome, init};
pub use kubernetes::manifests;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{self, FileKind, Root};
use crate::plan::secret_list::{self, SecretList};
use crate::values::SecretName;
use tracked::Tracking;

/// The folder of the values, below that of the environment.
const SECRETS: &str = "secrets";
/// The file from which Compose reads values for its variables.
const ENVIRONMENT_FILE: &str = ".env";

/// The secrets of one environment on disk.
pub struct Folder {
    /// `<out>/<env>`.
    environment: files::Folder,
    /// The same for messages, as it was named.
    place: PathBuf,
    pub list: SecretList,
}

impl Folder {
    /// Reads `<out>/<env>/secrets.json`.
    ///
    /// # Errors
    /// NS804 when it is missing, NS805 when it is not one of ours, NS803 when a link is on the way.
    pub fn open(out: &Root, place: &Path, name: &str) -> Result<Self, Diagnostic> {
        let place = place.join(name);
        let path = place.join("secrets.json");
        let missing = || {
            Diagnostic::error(Code::Io, FieldPath::root())
                .message(format!("{} is not there", path.display()))
                .hint("run `nself gen` first, or name the output folder with --out")
        };
        let environment = out.open()?.map(|out| out.folder(name)).transpose()?.flatten().ok_or_else(missing)?;
        let text = environment.read("secrets.json", FileKind::Output)?.ok_or_else(missing)?;
        let damaged = |reason: String| {
            Diagnostic::error(Code::Manifest, FieldPath::root())
                .message(format!("{} is damaged: {reason}", path.display()))
                .hint("restore it with `nself gen`")
        };
        let list: SecretList = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if list.environment.as_str() != name {
            return Err(damaged(format!("it is of the environment {}", list.environment)));
        }
        // Names of variables become lines of `.env`.
        let strange = |(name, entry): &(&SecretName, &secret_list::SecretEntry)| {
            entry.variable.as_ref().is_some_and(|variable| *variable != secret_list::variable(name))
        };
        if let Some((name, _)) = list.secrets.iter().find(strange) {
            return Err(damaged(format!("the variable of `{name}` is not {}", secret_list::variable(name))));
        }
        Ok(Folder { environment, place, list })
    }

    /// Refuses values that git tracks: whoever reads the repository knows them. Returns what to say when that cannot be
    /// known.
    ///
    /// # Errors
    /// NS509 for each of them.
    pub fn refuse_tracked(&self) -> Result<Option<String>, Vec<Diagnostic>> {
        let tracked = match Tracking::of(self.environment.path()) {
            Tracking::Known(paths) => paths,
            Tracking::NoRepository => {
                return Ok(Some(
                    "no git repository is here, so a value that was committed is not recognised".to_owned(),
                ));
            }
            Tracking::Unknown(reason) => {
                return Ok(Some(format!("a value that was committed is not recognised: {reason}")));
            }
        };
        // `.gitkeep` and the like hold no value.
        let is_value = |path: &Path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".git"));
        let is_secret =
            |path: &&PathBuf| path.starts_with(SECRETS) && is_value(path) || path.as_os_str() == ENVIRONMENT_FILE;
        let findings: Vec<Diagnostic> = tracked.iter().filter(is_secret).map(|path| self.tracked(path)).collect();
        if findings.is_empty() { Ok(None) } else { Err(findings) }
    }

    fn tracked(&self, path: &Path) -> Diagnostic {
        let path = self.place.join(path).display().to_string();
        let mut finding = Diagnostic::error(Code::SecretTracked, FieldPath::root())
            .message(format!("git tracks {path}, so everyone who reads the repository knows the value"))
            .expected("a value that only this machine has")
            .hint(format!(
                "`git rm --cached -- '{path}'`, delete the file, then `nself secrets init --env {}` for a new value; the old \
                 one stays in the history, so what it opens needs the new one",
                self.list.environment
            ));
        finding.environments = vec![self.list.environment.to_string()];
        finding
    }

    /// The folder of the values; none when it does not exist yet.
    fn secrets(&self) -> Result<Option<files::Folder>, Diagnostic> {
        Ok(self.environment.folder(SECRETS)?)
    }

    /// The value without the newline that editors add; nothing when there is no file.
    fn read(&self, name: &SecretName) -> Result<Option<String>, Diagnostic> {
        let Some(secrets) = self.secrets()? else { return Ok(None) };
        let Some(bytes) = secrets.read(name.as_str(), FileKind::Secret)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| {
            Diagnostic::error(Code::BadValue, FieldPath::root())
                .message(format!("{} is no UTF-8 text", self.place.join(SECRETS).join(name.as_str()).display()))
                .hint("write text there; what has bytes of its own belongs into base64 first")
        })?;
        Ok(Some(text.strip_suffix('\n').map_or(text.clone(), str::to_owned)))
    }

    fn write(&self, name: &SecretName, value: &str) -> Result<(), Diagnostic> {
        let secrets = self.environment.make_folder(SECRETS, modes::FOLDER)?;
        secrets.set_own_mode(modes::FOLDER)?;
        Ok(secrets.replace(name.as_str(), value.as_bytes(), modes::VALUE)?)
    }
}
