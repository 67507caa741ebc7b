//! Writes `.env`, which Compose reads: one line for each variable, with its value in single quotes.
//!
//! Readers of this format differ. For Compose 2, all characters in single quotes are literal, except a backslash before
//! the closing quote. docker-compose 1.29 turns two backslashes into one and replaces `${NAME}`. nself refuses a value
//! that the two would read differently.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::folder::{ENVIRONMENT_FILE, ENVIRONMENT_FILE_MODE, SecretFolder};
use crate::diagnostic::{Code, Diagnostic};
use crate::files::FileKind;
use crate::path;
use crate::values::SecretName;

/// The generated file of Compose, which begins with the name of the project.
const COMPOSE_FILE: &str = "compose.yaml";

/// Writes the `.env` of an environment, and replaces an existing one.
///
/// # Errors
/// NS106 for each value that the file cannot represent; the old file then stays unchanged.
pub fn write(folder: &SecretFolder, values: &BTreeMap<SecretName, String>) -> Result<(), Vec<Diagnostic>> {
    let mut text = String::from("# Secrets for Compose, written by `nself secrets init`. Do not commit this file.\n");
    let _ = write!(text, "{}", project_name_line(folder).map_err(|finding| vec![finding])?);
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
                    .hint("choose a different value, and set it also in the systems that know the secret"),
            ),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let write_result = folder.environment.replace(ENVIRONMENT_FILE, text.as_bytes(), ENVIRONMENT_FILE_MODE);
    write_result.map_err(|error| vec![error.into()])
}

/// Returns the line with the name of the project. If a value is missing, Compose refuses its file, but still finds the
/// project by this name: `ps`, `logs` and `down` work, and `up` does not. The line is empty if the file of Compose has
/// no name, because the project then has the name of the folder.
fn project_name_line(folder: &SecretFolder) -> Result<String, Diagnostic> {
    let name = format!("{}-{}", folder.list.project, folder.list.environment);
    let file = folder.environment.read(COMPOSE_FILE, FileKind::Output)?.unwrap_or_default();
    let is_named = file.starts_with(format!("name: {name}\n").as_bytes());
    Ok(if is_named { format!("COMPOSE_PROJECT_NAME='{name}'\n") } else { String::new() })
}

/// Returns the reason if a value cannot be in single quotes, as a predicate for a sentence about the value.
fn refusal(value: &str) -> Option<&'static str> {
    if value.contains('\'') {
        Some("contains a single quote")
    } else if value.contains(['\n', '\r']) {
        Some("has several lines")
    } else if value.contains(|c: char| c.is_control() && c != '\t') {
        Some("contains a control character")
    } else if value.contains("${") {
        Some("contains `${`")
    } else if value.ends_with('\\') {
        Some("ends with a backslash")
    } else if value.contains("\\\\") {
        Some("contains two backslashes in a row")
    } else {
        None
    }
}
