//! The errors of opening, reading and writing files.

use std::io;
use std::path::{Path, PathBuf};

use super::kind::limit_text;
use super::{EntryKind, FileKind, Scope};
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// An error of a file or folder.
#[derive(Debug)]
pub struct FileError {
    /// The part of the path to which the reason applies, for messages.
    pub path: PathBuf,
    pub scope: Scope,
    pub reason: Reason,
}

/// The reason of an error.
#[derive(Debug)]
pub enum Reason {
    /// A folder is expected, and the path has this kind.
    NotAFolder(EntryKind),
    /// A regular file is expected, and the path has this kind.
    NotAFile(EntryKind),
    /// The file is larger than the limit of its kind.
    TooLarge(FileKind),
    /// All files of this kind together are larger than the limit for them.
    TooLargeTogether(FileKind),
    /// The path leaves the folder, or it is empty.
    Outside,
    /// The operating system refuses.
    System(io::Error),
}

impl FileError {
    pub(super) fn new(path: &Path, scope: Scope, reason: Reason) -> Self {
        FileError { path: path.to_owned(), scope, reason }
    }

    pub(super) fn system(path: &Path, scope: Scope, error: impl Into<io::Error>) -> Self {
        FileError::new(path, scope, Reason::System(error.into()))
    }

    /// Returns whether the error comes from the operating system, not from a rule of nself.
    pub fn is_system(&self) -> bool {
        matches!(self.reason, Reason::System(_))
    }

    /// Returns whether the file to be created exists already.
    pub fn already_exists(&self) -> bool {
        matches!(&self.reason, Reason::System(error) if error.kind() == io::ErrorKind::AlreadyExists)
    }

    /// Returns the reason without the path.
    pub fn reason_text(&self) -> String {
        self.reason.in_words()
    }
}

impl Reason {
    /// Returns the reason for a message.
    pub fn in_words(&self) -> String {
        match self {
            Reason::NotAFolder(kind) => format!("it is {kind}, but a folder is expected"),
            Reason::NotAFile(kind) => format!("it is {kind}, but a regular file is expected"),
            Reason::TooLarge(kind) => {
                format!("it is larger than {}, the limit of nself for such a file", limit_text(kind.limit()))
            }
            Reason::TooLargeTogether(kind) => {
                let limit = limit_text(kind.limit_of_all());
                format!("together with the other files of its kind, it is larger than {limit}, the limit of nself")
            }
            Reason::Outside => "the path leads out of its folder".to_owned(),
            Reason::System(error) => error.to_string(),
        }
    }

    /// Returns whether the reason is the size: a limit of nself is exceeded.
    pub fn is_size(&self) -> bool {
        matches!(self, Reason::TooLarge(_) | Reason::TooLargeTogether(_))
    }

    /// Returns the hint for a file of the project that nself does not read.
    pub fn hint(&self) -> &'static str {
        match self {
            Reason::TooLarge(_) | Reason::TooLargeTogether(_) => "remove the file, or divide it into smaller ones",
            Reason::NotAFile(EntryKind::Link) => "replace the link with the file to which it points",
            Reason::NotAFolder(EntryKind::Link) => "replace the link with the folder to which it points",
            Reason::NotAFolder(_) => "put a folder in its place",
            Reason::Outside => "use a path below the folder, without `..`",
            Reason::NotAFile(_) | Reason::System(_) => "put a regular file in its place",
        }
    }
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A path inside of the current folder is shown relative to that folder.
        let working_folder = std::env::current_dir().unwrap_or_default();
        let relative_path = self.path.strip_prefix(working_folder).ok().filter(|path| !path.as_os_str().is_empty());
        write!(f, "{}: {}", relative_path.unwrap_or(&self.path).display(), self.reason_text())
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        match error.reason {
            Reason::System(error) => error,
            _ => io::Error::other(error.to_string()),
        }
    }
}

impl From<FileError> for Diagnostic {
    fn from(error: FileError) -> Self {
        let code = match (&error.reason, error.scope) {
            (Reason::System(_), _) => Code::Io,
            (reason, _) if reason.is_size() => Code::FileTooLarge,
            (_, Scope::Output | Scope::Cache) => Code::OutputUnsafe,
            (_, Scope::Project | Scope::Operator) => Code::NotPlain,
        };
        let finding = Diagnostic::error(code, FieldPath::root()).message(error.to_string());
        match (&error.reason, error.scope) {
            (Reason::System(_), _) => finding,
            (reason, _) if reason.is_size() => finding.hint(reason.hint()),
            (_, Scope::Output) => finding
                .expected("an output folder of plain folders and regular files")
                .hint("remove it, or choose a different folder with --out"),
            (_, Scope::Cache) => finding
                .expected("a cache of plain folders and regular files")
                .hint("remove it, and do not commit the cache `.nself`: nself creates it again"),
            (_, Scope::Project | Scope::Operator) => finding
                .expected("plain folders and regular files; nself follows no symbolic link in a project")
                .hint(error.reason.hint()),
        }
    }
}
