//! Formats Nickel files with the formatter of the `nickel` program. The formatter also prints text that does not parse,
//! without what it did not understand, so nself parses each file first.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{self, FileError, FileKind, Folder, Root};
use crate::source::{self, EvaluationRequest, Evaluator};

/// The program whose `format` reads a text from stdin and writes it to stdout.
const PROGRAM: &str = "nickel";
/// The hint if the program is missing.
const INSTALL_HINT: &str = "install the command line of Nickel, for example with `cargo install --locked nickel-lang-cli --version 1.18.0`, so that `nickel` is on the PATH";

/// A Nickel file that is formatted.
pub struct SourceFile {
    folder: Root,
    /// The path in the folder.
    path: PathBuf,
    /// The path that messages show.
    pub name: String,
}

/// A file whose formatted text differs.
pub struct FormattedText<'a> {
    folder: Folder,
    path: &'a Path,
    mode: u32,
    pub old: String,
    pub new: String,
}

/// The reason why one file or all files are not formatted.
pub enum FormatFailure {
    /// The formatter cannot be started, so no file can be formatted.
    FormatterMissing(Box<Diagnostic>),
    /// One file cannot be formatted.
    File(Vec<Diagnostic>),
}

impl From<FileError> for FormatFailure {
    fn from(error: FileError) -> Self {
        FormatFailure::File(vec![error.into()])
    }
}

/// Returns the stack file, and the files of the project that it imports directly or through other files.
/// `display_folder` is the folder of the stack in messages.
///
/// # Errors
/// The stack cannot be read.
pub fn files_of_project(
    request: &EvaluationRequest,
    display_folder: &Path,
) -> Result<Vec<SourceFile>, Vec<Diagnostic>> {
    let program = source::parse(request)?;
    let source_file = |path: PathBuf| SourceFile {
        folder: Root::project(&program.folder),
        name: display_folder.join(&path).display().to_string(),
        path,
    };
    Ok(program.files.into_iter().map(source_file).collect())
}

/// Returns a file that the command line names.
///
/// # Errors
/// The file does not exist.
pub fn named_file(path: &Path) -> Result<SourceFile, Vec<Diagnostic>> {
    let name = path.display().to_string();
    // The operator may name a link: the file to which it leads is formatted, and the link stays.
    let target = files::real_path(path).map_err(|error| vec![unreadable(&name, &error)])?;
    let (Some(folder), Some(file)) = (target.parent(), target.file_name()) else {
        return Err(vec![unreadable(&name, &ErrorKind::IsADirectory.into())]);
    };
    Ok(SourceFile { folder: Root::named(folder), path: file.into(), name })
}

/// Returns the places where a file does not parse. A file in a folder of the project may import files above its folder.
fn syntax_errors(file: &SourceFile, evaluator: &Evaluator, project: &Path) -> Vec<Diagnostic> {
    let request = EvaluationRequest {
        stack: file.folder.path().join(&file.path),
        allow_imports: vec![project.to_owned()],
        cache: project.join(".nself"),
        evaluator: evaluator.clone(),
    };
    let mut findings = source::parse(&request).map_or_else(|findings| findings, |program| program.syntax_errors);
    // The spans have the file's name in its folder, and messages show the path that the user gave.
    let spans = findings.iter_mut().filter_map(|finding| finding.span.as_mut());
    for span in spans.filter(|span| file.path.file_name().is_some_and(|name| name == span.file.as_str())) {
        span.file.clone_from(&file.name);
    }
    findings
}

impl SourceFile {
    /// Formats the text of the file, which belongs to the project in the folder `project`; `None` if it is formatted
    /// already.
    ///
    /// # Errors
    /// The file does not parse (NS002) or cannot be read, or the formatter refuses it or is missing (NS616).
    pub fn format(&self, evaluator: &Evaluator, project: &Path) -> Result<Option<FormattedText<'_>>, FormatFailure> {
        let missing = || FormatFailure::File(vec![unreadable(&self.name, &ErrorKind::NotFound.into())]);
        let folder = self.folder.open()?.ok_or_else(missing)?;
        let mode = folder.stat(&self.path)?.ok_or_else(missing)?.mode;
        let bytes = folder.read(&self.path, FileKind::Stack)?.ok_or_else(missing)?;
        let old = String::from_utf8(bytes).map_err(|_| self.failure("it is not UTF-8 text"))?;
        let errors = syntax_errors(self, evaluator, project);
        if !errors.is_empty() {
            return Err(FormatFailure::File(errors));
        }
        let output = run_formatter(&old)
            .map_err(|error| FormatFailure::FormatterMissing(Box::new(formatter_missing(&error))))?;
        let new = String::from_utf8_lossy(&output.stdout).into_owned();
        // A formatter that prints nothing would empty the file.
        if !output.status.success() || new.trim().is_empty() != old.trim().is_empty() {
            return Err(self.failure(&error_text(&output)));
        }
        Ok((new != old).then_some(FormattedText { folder, path: &self.path, mode, old, new }))
    }

    fn failure(&self, reason: &str) -> FormatFailure {
        FormatFailure::File(vec![finding(&format!("{} cannot be formatted: {reason}", self.name))])
    }
}

impl FormattedText<'_> {
    /// Replaces the file by the formatted text.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self) -> Result<(), Diagnostic> {
        Ok(self.folder.replace(self.path, self.new.as_bytes(), self.mode)?)
    }
}

fn finding(message: &str) -> Diagnostic {
    Diagnostic::error(Code::Formatter, FieldPath::root()).message(message)
}

fn unreadable(name: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{name}: {error}"))
}

/// Returns the finding if the formatter cannot be started.
fn formatter_missing(error: &std::io::Error) -> Diagnostic {
    let message = match error.kind() {
        ErrorKind::NotFound => "the program `nickel`, which formats Nickel files, is not on the PATH".to_owned(),
        _ => format!("the program `nickel`, which formats Nickel files, cannot be run: {error}"),
    };
    finding(&message).hint(INSTALL_HINT)
}

/// Runs the formatter on a text.
fn run_formatter(text: &str) -> std::io::Result<Output> {
    let mut command = Command::new(PROGRAM);
    command.arg("format").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let pipe = child.stdin.take();
    std::thread::scope(|scope| {
        // Writing fails if the program ended early. Its message then names the reason.
        scope.spawn(move || pipe.map(|mut pipe| pipe.write_all(text.as_bytes())));
        child.wait_with_output()
    })
}

/// Returns the message of the formatter as one line.
fn error_text(output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr);
    let words: Vec<&str> = message.split_whitespace().collect();
    if words.is_empty() { "`nickel format` printed nothing".to_owned() } else { words.join(" ") }
}
