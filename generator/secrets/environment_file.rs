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
/// The line after the variables that nself writes. Lines below it belong to the operator.
const END_LINE: &str = "# Lines below this one are yours; `nself secrets init` keeps them.";
/// The variable that names the project.
const PROJECT_NAME: &str = "COMPOSE_PROJECT_NAME";

/// Writes the `.env` of an environment. Lines that nself did not write stay, below those of nself.
///
/// # Errors
/// NS106 for each value that the file cannot represent; the old file then stays unchanged.
pub fn write(folder: &SecretFolder, values: &BTreeMap<SecretName, String>) -> Result<(), Vec<Diagnostic>> {
    let mut text = format!("{HEADER}\n");
    let name_line = project_name_line(folder).map_err(|finding| vec![finding])?;
    let mut written_variables: BTreeSet<&str> = BTreeSet::new();
    if !name_line.is_empty() {
        written_variables.insert(PROJECT_NAME);
    }
    text.push_str(&name_line);
    let mut findings = Vec::new();
    for (name, entry) in &folder.list.secrets {
        let Some(variable) = &entry.variable else { continue };
        written_variables.insert(variable);
        let Some(value) = values.get(name) else { continue };
        match unrepresentable_reason(value) {
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
    let old_text = folder.environment.read(ENVIRONMENT_FILE, FileKind::Secret).map_err(|error| vec![error.into()])?;
    let mut bytes = format!("{text}{END_LINE}\n").into_bytes();
    bytes.extend(lines_of_operator(&old_text.unwrap_or_default(), &written_variables));
    let write_result = folder.environment.replace(ENVIRONMENT_FILE, &bytes, PRIVATE_MODE);
    write_result.map_err(|error| vec![error.into()])
}

/// Returns the lines of the old file that belong to the operator. All other lines are dropped:
/// - [`HEADER`] and [`END_LINE`];
/// - each line that sets one of `written_variables`, because a second value would replace the secret;
/// - above [`END_LINE`], if the file has it, each variable in single quotes: its secret may no longer exist.
fn lines_of_operator(old: &[u8], written_variables: &BTreeSet<&str>) -> Vec<u8> {
    let mut operator_lines = Vec::new();
    let is_end = |line: &[u8]| line.trim_ascii_end() == END_LINE.as_bytes();
    let mut is_above_end = old.split(|byte| *byte == b'\n').any(is_end);
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        let content = line.trim_ascii_end();
        if is_end(content) {
            is_above_end = false;
            continue;
        }
        let is_nself_variable = assignment(content).is_some_and(|(name, value)| {
            let is_form_of_nself = content.starts_with(name) && content[name.len()..].starts_with(b"='");
            let is_written = written_variables.iter().any(|variable| variable.as_bytes() == name);
            is_written || (is_above_end && is_form_of_nself && value.starts_with(b"'"))
        });
        if !is_nself_variable && content != HEADER.as_bytes() {
            operator_lines.extend_from_slice(line);
        }
    }
    if operator_lines.last().is_some_and(|byte| *byte != b'\n') {
        operator_lines.push(b'\n');
    }
    operator_lines
}

/// Returns the name and the value of a line that sets a variable, as Compose reads it: `NAME=value`, `NAME: value`, also
/// after `export` and with spaces around the name. `None` for a comment and for any other line.
pub(super) fn assignment(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii();
    let after_export = line.strip_prefix(b"export").filter(|after| after.first().is_some_and(u8::is_ascii_whitespace));
    let line = after_export.unwrap_or(line).trim_ascii_start();
    let end = line.iter().position(|byte| matches!(byte, b'=' | b':'))?;
    let (name, value) = (line[..end].trim_ascii_end(), line[end + 1..].trim_ascii_start());
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    (!name.is_empty() && name.iter().all(is_name)).then_some((name, value))
}

/// Returns the line with the name of the project, such as `COMPOSE_PROJECT_NAME='shop-local'`. With this variable, `ps`,
/// `logs` and `down` find the project even if Compose refuses its file because a value is missing. The line is empty if
/// the file of Compose has no name, because the project then has the name of the folder.
fn project_name_line(folder: &SecretFolder) -> Result<String, Diagnostic> {
    let name = format!("{}-{}", folder.list.project, folder.list.environment);
    let file = folder.environment.read(COMPOSE_FILE, FileKind::Output)?.unwrap_or_default();
    let has_project_name = file.starts_with(format!("name: {name}\n").as_bytes());
    Ok(if has_project_name { format!("{PROJECT_NAME}='{name}'\n") } else { String::new() })
}

/// Returns the reason if a value cannot be in single quotes, as a predicate for a sentence about the value.
fn unrepresentable_reason(value: &str) -> Option<&'static str> {
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
        let written_variables = BTreeSet::from([PROJECT_NAME, "API_KEY"]);
        let remaining_lines =
            |old: &str| String::from_utf8(lines_of_operator(old.as_bytes(), &written_variables)).unwrap();
        let nself_lines = format!("{HEADER}\n{PROJECT_NAME}='shop-local'\nAPI_KEY='x'\n");
        assert_eq!(remaining_lines(&nself_lines), "");
        assert_eq!(remaining_lines(&format!("{nself_lines}IMAGE_TAG=1.4.2")), "IMAGE_TAG=1.4.2\n");
        // Compose reads all of these as the variable, and the last one would replace the secret.
        for line in ["export API_KEY=z", "  export\tAPI_KEY = z", "API_KEY : z", "API_KEY =z\r"] {
            assert_eq!(remaining_lines(&format!("{nself_lines}{END_LINE}\n{line}\n")), "", "{line}");
            assert_eq!(remaining_lines(&format!("{line}\n{nself_lines}")), "", "{line}");
        }
        // The operator wrote a variable that nself would have written in a different form.
        for line in ["export IMAGE_TAG='1.4.2'", "# IMAGE_TAG='1.4.2'", "exported=1", "export_API_KEY=1", "export"] {
            assert_eq!(remaining_lines(&format!("{line}\n{nself_lines}{END_LINE}\n")), format!("{line}\n"), "{line}");
        }
        // Without the end of nself's lines, a variable in quotes may be the operator's.
        assert_eq!(remaining_lines(&format!("{nself_lines}OTHER='y'\n")), "OTHER='y'\n");
        let lines = "# tags\r\nIMAGE_TAG='1.4.2'\n\n";
        assert_eq!(
            remaining_lines(&format!("{nself_lines}REMOVED='y'\nTZ=UTC\n{END_LINE}\n{lines}API_KEY=z\n")),
            format!("TZ=UTC\n{lines}")
        );
    }
}
