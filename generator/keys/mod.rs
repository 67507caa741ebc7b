//! Values of secrets: the only place that sees them. Makes what is missing below `<env>/secrets/` and the
//! `.env` beside it, and judges what is there. Works from `secrets.json`, so a server needs no stack file.

#![allow(clippy::disallowed_methods, reason = "its files are opened by path until they move to `crate::files`")]

mod certificate;
mod check;
mod cluster;
mod fill;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub use check::check;
pub use cluster::manifests;
pub use fill::{Outcome, init};

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::summary::SecretList;
use crate::stack::SecretName;

/// The secrets of one environment on disk.
pub struct Folder {
    /// `<out>/<env>`.
    environment: PathBuf,
    pub list: SecretList,
}

impl Folder {
    /// Reads `<out>/<env>/secrets.json`.
    ///
    /// # Errors
    /// NS804 when it is missing, NS805 when it is not one of ours.
    pub fn open(out: &Path, environment: &str) -> Result<Self, Diagnostic> {
        let environment = out.join(environment);
        let path = environment.join("secrets.json");
        let text = fs::read(&path)
            .map_err(|error| io(&path, &error).hint("run `nself gen` first, or name the output folder with --out"))?;
        let list = serde_json::from_slice(&text).map_err(|error| {
            Diagnostic::error(Code::Manifest, FieldPath::root())
                .message(format!("{} is damaged: {error}", path.display()))
                .hint("restore it with `nself gen`")
        })?;
        Ok(Folder { environment, list })
    }

    fn secret_path(&self, name: &SecretName) -> PathBuf {
        self.environment.join("secrets").join(name.as_str())
    }

    /// The value without the newline that editors add; nothing when there is no file.
    fn read(&self, name: &SecretName) -> Result<Option<String>, Diagnostic> {
        let path = self.secret_path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.strip_suffix('\n').map_or(text.clone(), str::to_owned))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(&path, &error)),
        }
    }

    /// Containers read the files as other users, so the folder keeps strangers out (0700), not the file.
    fn write(&self, name: &SecretName, value: &str) -> Result<(), Diagnostic> {
        let folder = self.environment.join("secrets");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|error| io(&folder, &error))?;
        replace(&self.secret_path(name), value, 0o444)
    }
}

/// Writes a whole file or nothing, with exactly this mode.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), Diagnostic> {
    let temporary = path.with_extension("new");
    let write = || {
        let _ = fs::remove_file(&temporary);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error: std::io::Error| io(path, &error))
}

fn io(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{}: {error}", path.display()))
}
