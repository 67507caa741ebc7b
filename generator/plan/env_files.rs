//! Reads the variables in the `env_files` of services.

use std::collections::BTreeMap;

use super::inputs::{Inputs, SourceFile};
use super::roster::PlannedService;
use super::wiring::Planned;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::EnvValue;
use crate::values::{Checked, ServiceName, Text, VariableName};

/// The variables in the files of each service that has some, in the order of the files and their lines, with the field of
/// the file.
pub type FileVariables = BTreeMap<ServiceName, Vec<(VariableName, FieldPath)>>;

/// Returns the variables of a service's files, in the order of the files and their lines, each with the field of its file.
pub fn variables(inputs: Inputs, member: &PlannedService) -> Planned<Vec<(VariableName, EnvValue, FieldPath)>> {
    let mut planned = Planned::<Vec<_>>::default();
    for (i, file) in member.service.env_files.iter().enumerate() {
        let path = member.path.key("env_files").index(i);
        let refusal = |message: String| Diagnostic::error(Code::EnvFile, path.clone()).message(message);
        let text = match inputs.files.service_files.get(file.as_str()) {
            Some(SourceFile::Text(text)) => text,
            Some(SourceFile::Unusable(why)) => {
                planned.findings.push(refusal(format!("`{file}` cannot be used: {why}")));
                continue;
            }
            Some(SourceFile::Missing) | None => {
                let finding = refusal(format!("`{file}` does not exist in the folder of the stack"));
                planned.findings.push(finding.hint("create the file, or remove it from `env_files`"));
                continue;
            }
        };
        for (number, line) in text.lines().enumerate() {
            match env_line(line) {
                Ok(variable) => {
                    planned.value.extend(variable.map(|(name, value)| (name, EnvValue::Text(value), path.clone())));
                }
                Err(why) => planned.findings.push(
                    refusal(format!("line {} of `{file}`: {why}", number + 1)).expected("`NAME=value`, or a comment"),
                ),
            }
        }
    }
    planned
}

/// Reads a line of a file of variables: `export NAME="value"` and `NAME=value` → `("NAME", "value")`. Returns `None`
/// for an empty line or a comment; the error says why the line is malformed.
fn env_line(line: &str) -> Result<Option<(VariableName, Text)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let assignment = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = assignment.split_once('=').ok_or("the line has no `=`")?;
    let value = value.trim();
    let unquoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let name =
        VariableName::new(name.trim()).map_err(|reason| format!("the name of the variable is malformed: {reason}"))?;
    Ok(Some((
        name,
        Text::new(unquoted.unwrap_or(value)).map_err(|reason| format!("the value is malformed: {reason}"))?,
    )))
}
