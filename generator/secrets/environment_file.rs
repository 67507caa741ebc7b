//! Writes `.env`, which Compose reads: one line for each variable, with its value in single quotes.
//!
//! Readers of this format differ. For Compose 2, all characters in single quotes are literal, except a backslash before the
//! closing quote. docker-compose 1.29 turns two backslashes into one and replaces `${NAME}`. nself refuses a value that the
//! two would read differently.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::folder::{ENVIRONMENT_FILE, ENVIRONMENT_FILE_MODE, SecretFolder};
use crate::diagnostic::{Code, Diagnostic};
use crate::files::FileKind;
use crate::path;
use crate::values::SecretName;

/// The file of the project, which begins with the project's name.
const COMPOSE_FILE: &str = "compose.yaml";

/// Replaces the file.
///
/// # Errors
/// NS106 for each value that the file cannot hold; the old file stays then.
pub fn write(folder: &SecretFolder, values: &BTreeMap<SecretName, String>) -> Result<(), Vec<Diagnostic>> {
    let mut text = String::from("# Secrets for Compose, written by `nself secrets init`. Do not commit this file.\n");
    let _ = write!(text, "{}", project_name(folder).map_err(|finding| vec![finding])?);
    let mut findings = Vec::new();
    for (name, entry) in &folder.list.secrets {
        let (Some(variable), Some(value)) = (&entry.variable, values.get(name)) else { continue };
        match refusal(value) {
            None => {
                let _ = writeln!(text, "{variable}='{value}'");
            }
            Some(reason) => findings.push(
                Diagnostic::error(Code::BadValue, path!("secrets", name))
                    .message(format!("the value of `{name}` {reason}, which an environment file cannot represent"))
                    .expected("text on one line without `'`, `${`, two backslashes in a row or one at the end")
                    .hint("choose a different value, and set it also where the secret is used"),
            ),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let written = folder.environment.replace(ENVIRONMENT_FILE, text.as_bytes(), ENVIRONMENT_FILE_MODE);
    written.map_err(|error| vec![error.into()])
}

/// Returns the line with the name of the project. If a value is missing, Compose refuses its file, but knows the project by
/// this name: `ps`, `logs` and `down` work, and `up` does not. Empty for a file without a name, whose project has the name
/// of the folder.
fn project_name(folder: &SecretFolder) -> Result<String, Diagnostic> {
    let name = format!("{}-{}", folder.list.project, folder.list.environment);
    let file = folder.environment.read(COMPOSE_FILE, FileKind::Output)?.unwrap_or_default();
    let is_named = file.starts_with(format!("name: {name}\n").as_bytes());
    Ok(if is_named { format!("COMPOSE_PROJECT_NAME='{name}'\n") } else { String::new() })
}

/// Returns why a value cannot be in single quotes, as the end of a sentence about it; `None` if it can.
fn refusal(value: &str) -> Option<&'static str> {
    if value.contains('\'') {
        Some("holds a single quote")
    } else if value.contains(['\n', '\r']) {
        Some("has several lines")
    } else if value.contains(|c: char| c.is_control() && c != '\t') {
        Some("holds a control character")
    } else if value.contains("${") {
        Some("holds `${`")
    } else if value.ends_with('\\') {
        Some("ends with a backslash")
    } else if value.contains("\\\\") {
        Some("holds two backslashes in a row")
    } else {
        None
    }
}
