//! The path of the stack file, and findings for a path that is not a readable stack file.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{self, FileKind};

/// The default name of a stack file.
pub const STACK_FILE: &str = "stack.ncl";

/// Returns the path of a stack file, whose folder is the project. Links in the path of the folder are resolved. A link in
/// the place of the file is not, since the folder of its target would become the project. The file is checked like an
/// import.
///
/// # Errors
/// NS001 if there is no regular file at the path, and NS813 if the file is larger than the limit.
pub fn path_with_resolved_folder(stack: &Path) -> Result<PathBuf, Diagnostic> {
    let system_error = |error: Error| {
        let hint = match error.kind() {
            ErrorKind::IsADirectory => format!("name the file: `{}`", stack.join(STACK_FILE).display()),
            _ => "correct the path, or write a stack with `nself init`".to_owned(),
        };
        finding(Code::StackUnreadable, stack, &error.to_string()).hint(hint)
    };
    let folder_error = || system_error(ErrorKind::IsADirectory.into());
    let stat = files::stat_target(stack).map_err(system_error)?;
    if stat.is_folder() {
        return Err(folder_error());
    }
    stat.check_file(FileKind::Stack).map_err(|reason| {
        let code = if reason.is_size() { Code::FileTooLarge } else { Code::StackUnreadable };
        finding(code, stack, &reason.in_words()).hint(reason.hint())
    })?;
    let name = stack.file_name().ok_or_else(folder_error)?;
    let folder = stack.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(files::real_path(folder).map_err(system_error)?.join(name))
}

/// Returns a finding about the stack file. `problem` follows its path in the message.
fn finding(code: Code, stack: &Path, problem: &str) -> Diagnostic {
    Diagnostic::error(code, FieldPath::root()).message(format!("{}: {problem}", stack.display()))
}
