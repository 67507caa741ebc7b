//! The `.env` that Compose reads: one line for each variable, between single quotes.
//!
//! Its readers differ about what is between them. Compose 2 takes it as it is, except that a backslash before the closing
//! quote hides it; docker-compose 1.29 makes one backslash of two, and replaces `${NAME}`. A value for which no form has
//! one meaning is refused.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{ENVIRONMENT_FILE, Folder, modes};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::values::SecretName;

/// Writes the file as a whole.
///
/// # Errors
/// NS106 for each value that the file cannot carry; then the old file stays.
pub fn write(folder: &Folder, values: &BTreeMap<SecretName, String>) -> Result<(), Vec<Diagnostic>> {
    let mut text = String::from("# Secrets for Compose; made by `nself secrets init`, never committed.\n");
    let mut findings = Vec::new();
    for (name, entry) in &folder.list.secrets {
        let (Some(variable), Some(value)) = (&entry.variable, values.get(name)) else { continue };
        match refusal(value) {
            None => {
                let _ = writeln!(text, "{variable}='{value}'");
            }
            Some(reason) => findings.push(
                Diagnostic::error(Code::BadValue, path!("secrets", name))
                    .message(format!("the value of `{name}` {reason}, which an environment file cannot carry"))
                    .expected("text on one line without `'`, `${`, two backslashes in a row or one at the end")
                    .hint("choose another value, and give it to what it opens, too"),
            ),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let written = folder.environment.replace(ENVIRONMENT_FILE, text.as_bytes(), modes::ENVIRONMENT_FILE);
    written.map_err(|error| vec![error.into()])
}

/// What of a value has no place between single quotes.
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
