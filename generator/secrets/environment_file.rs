//! Writes `.env`, which Compose reads: one line for each variable, with its value in single quotes.
//!
//! Readers of this format differ. For Compose 2, all characters in single quotes are literal, except a backslash before
//! the closing quote. docker-compose 1.29 turns two backslashes into one and replaces `${NAME}`. nself refuses a value
//! that the two would read differently.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::folder::{ENVIRONMENT_FILE, PRIVATE_MODE, SecretFolder};
use crate::diagnostic::{Code, Diagnostic};
use crate::files::FileKind;
use crate::path;
use crate::values::SecretName;

/// The generated file of Compose, which begins with the name of the project.
const COMPOSE_FILE: &str = "compose.yaml";

/// The first line of the file.
const HEADER: &str = "# Secrets for Compose, written by `nself secrets init`. Do not commit this file.";
/// The line after the variables of nself. Lines below it belong to the operator.
const END: &str = "# Lines below this one are yours; `nself secrets init` keeps them.";
/// The variable that names the project.
const PROJECT_NAME: &str = "COMPOSE_PROJECT_NAME";

/// Writes the `.env` of an environment. Lines that nself did not write stay, below those of nself.
///
/// # Errors
/// NS106 for each value that the file cannot represent; the old file then stays unchanged.
pub fn write(folder: &SecretFolder, values: &BTreeMap<SecretName, String>) -> Result<(), Vec<Diagnostic>> {
    let mut text = format!("{HEADER}\n");
    let name_line = project_name_line(folder).map_err(|finding| vec![finding])?;
    let mut written: BTreeSet<&str> = BTreeSet::new();
    if !name_line.is_empty() {
        written.insert(PROJECT_NAME);
    }
    text.push_str(&name_line);
    let mut findings = Vec::new();
    for (name, entry) in &folder.list.secrets {
        let Some(variable) = &entry.variable else { continue };
        written.insert(variable);
        let Some(value) = values.get(name) else { continue };
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
    let old = folder.environment.read(ENVIRONMENT_FILE, FileKind::Secret).map_err(|error| vec![error.into()])?;
    let mut bytes = format!("{text}{END}\n").into_bytes();
    bytes.extend(lines_of_operator(&old.unwrap_or_default(), &written));
    let write_result = folder.environment.replace(ENVIRONMENT_FILE, &bytes, PRIVATE_MODE);
    write_result.map_err(|error| vec![error.into()])
}

/// Returns the lines of a file that nself did not write. Above the end of nself's lines, a variable in single quotes is one
/// of nself, perhaps of a secret that no longer exists; in a file without this end, only a variable that is written again.
/// A second value of such a variable would replace the secret, so it never stays.
fn lines_of_operator(old: &[u8], written: &BTreeSet<&str>) -> Vec<u8> {
    let mut kept = Vec::new();
    let is_end = |line: &[u8]| line.trim_ascii_end() == END.as_bytes();
    let mut is_above_end = old.split(|byte| *byte == b'\n').any(is_end);
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        let content = line.trim_ascii_end();
        if is_end(content) {
            is_above_end = false;
            continue;
        }
        let assignment = content.iter().position(|byte| *byte == b'=').map(|at| (&content[..at], &content[at + 1..]));
        let is_written = assignment.is_some_and(|(name, value)| {
            written.iter().any(|variable| variable.as_bytes() == name) || (is_above_end && value.starts_with(b"'"))
        });
        if !is_written && content != HEADER.as_bytes() {
            kept.extend_from_slice(line);
        }
    }
    if kept.last().is_some_and(|byte| *byte != b'\n') {
        kept.push(b'\n');
    }
    kept
}

/// Returns the line with the name of the project. If a value is missing, Compose refuses its file, but still finds the
/// project by this name: `ps`, `logs` and `down` work, and `up` does not. The line is empty if the file of Compose has
/// no name, because the project then has the name of the folder.
fn project_name_line(folder: &SecretFolder) -> Result<String, Diagnostic> {
    let name = format!("{}-{}", folder.list.project, folder.list.environment);
    let file = folder.environment.read(COMPOSE_FILE, FileKind::Output)?.unwrap_or_default();
    let is_named = file.starts_with(format!("name: {name}\n").as_bytes());
    Ok(if is_named { format!("{PROJECT_NAME}='{name}'\n") } else { String::new() })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_operator_stay_and_those_of_nself_do_not() {
        let written = BTreeSet::from([PROJECT_NAME, "API_KEY"]);
        let kept = |old: &str| String::from_utf8(lines_of_operator(old.as_bytes(), &written)).unwrap();
        let own = format!("{HEADER}\n{PROJECT_NAME}='shop-local'\nAPI_KEY='x'\n");
        assert_eq!(kept(&own), "");
        assert_eq!(kept(&format!("{own}IMAGE_TAG=1.4.2")), "IMAGE_TAG=1.4.2\n");
        // Without the end of nself's lines, a variable in quotes may be the operator's.
        assert_eq!(kept(&format!("{own}OTHER='y'\n")), "OTHER='y'\n");
        let lines = "# tags\r\nIMAGE_TAG='1.4.2'\n\n";
        assert_eq!(kept(&format!("{own}REMOVED='y'\nTZ=UTC\n{END}\n{lines}API_KEY=z\n")), format!("TZ=UTC\n{lines}"));
    }
}
