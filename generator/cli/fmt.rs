//! `nself fmt`: formats the Nickel files of a project with the formatter of the `nickel` program. The formatter also prints
//! text that does not parse, without what it did not understand, so nself parses each file first.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::Args;

use super::{DIFFERENCES, ERROR, SUCCESS, StackArguments, output};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{self, FileError, FileKind, Folder, Root};
use crate::source;
use crate::store::{Budget, OldSide, text_diff};
use crate::words;

/// The program whose `format` reads a text from stdin and writes it to stdout.
const PROGRAM: &str = "nickel";
const INSTALLATION: &str = "install the command line of Nickel, for example with `cargo install --locked nickel-lang-cli --version 1.18.0`, so that `nickel` is on the PATH";

#[derive(Debug, Args)]
pub struct Arguments {
    /// The files to format; by default, the stack file and the files of the project that it imports.
    files: Vec<PathBuf>,
    /// Print what would change, and write nothing.
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments) -> u8 {
    let files = match files_to_format(arguments) {
        Ok(files) => files,
        Err(findings) => {
            output::findings(&findings);
            return ERROR;
        }
    };
    let (mut findings, mut budget) = (Vec::new(), Budget::default());
    let (mut changed, mut failed) = (0, 0);
    for file in &files {
        match file.format() {
            Ok(None) => {}
            Ok(Some(text)) if arguments.check => {
                changed += 1;
                output::lines(&text_diff(
                    (&file.name, &text.old),
                    (&file.name, &text.new),
                    OldSide::Shown,
                    &mut budget,
                ));
            }
            Ok(Some(text)) => match text.write() {
                Ok(()) => {
                    changed += 1;
                    output::line(&format!("formatted {}", file.name));
                }
                Err(finding) => {
                    failed += 1;
                    findings.push(finding);
                }
            },
            Err(Failure::NoProgram(finding)) => {
                output::findings(&[finding]);
                return ERROR;
            }
            Err(Failure::File(reasons)) => {
                failed += 1;
                findings.extend(reasons);
            }
        }
    }
    output::findings(&findings);
    let unchanged = files.len() - changed - failed;
    let result = if arguments.check { "not formatted" } else { "formatted" };
    output::remark(&format!("{changed} {result}, {} unchanged", words::count(unchanged, "file")));
    match findings.is_empty() {
        false => ERROR,
        true if arguments.check && changed > 0 => DIFFERENCES,
        true => SUCCESS,
    }
}

/// A Nickel file that is formatted.
struct SourceFile {
    folder: Root,
    /// The path in the folder.
    path: PathBuf,
    /// The path that messages show.
    name: String,
}

/// A file whose formatted text differs.
struct FormattedText<'a> {
    folder: Folder,
    path: &'a Path,
    mode: u32,
    old: String,
    new: String,
}

enum Failure {
    /// The formatter cannot be started, so no file can be formatted.
    NoProgram(Diagnostic),
    File(Vec<Diagnostic>),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Failure::File(vec![error.into()])
    }
}

/// Returns the files of the command line, or those of the project.
///
/// # Errors
/// A named file does not exist, or the stack cannot be read.
fn files_to_format(arguments: &Arguments) -> Result<Vec<SourceFile>, Vec<Diagnostic>> {
    if arguments.files.is_empty() {
        return files_of_project();
    }
    let named = arguments.files.iter().map(|path| {
        let name = path.display().to_string();
        // The operator may name a link: the file to which it leads is formatted, and the link stays.
        let real = files::real_path(path).map_err(|error| vec![unreadable(&name, &error)])?;
        let (Some(folder), Some(file)) = (real.parent(), real.file_name()) else {
            return Err(vec![unreadable(&name, &ErrorKind::IsADirectory.into())]);
        };
        Ok(SourceFile { folder: Root::named(folder), path: file.into(), name })
    });
    named.collect()
}

/// Returns the stack file, and the files of the project that it imports directly or through other files.
fn files_of_project() -> Result<Vec<SourceFile>, Vec<Diagnostic>> {
    let stack = StackArguments::unnamed();
    let program = source::parse(&stack.request(&[], None).evaluation())?;
    let shown = stack.path().parent().map(Path::to_owned).unwrap_or_default();
    let file = |path: PathBuf| SourceFile {
        folder: Root::project(&program.folder),
        name: shown.join(&path).display().to_string(),
        path,
    };
    Ok(program.files.into_iter().map(file).collect())
}

/// Returns the places where a file does not parse.
fn syntax_errors(file: &SourceFile) -> Vec<Diagnostic> {
    let project = StackArguments::unnamed();
    let mut request = project.request(&[], None).evaluation();
    request.stack = file.folder.path().join(&file.path);
    // A file in a folder of the project may import files above its folder.
    request.allow_imports = vec![project.project()];
    let mut findings = source::parse(&request).map_or_else(|findings| findings, |program| program.syntax_errors);
    for span in findings.iter_mut().filter_map(|finding| finding.span.as_mut()) {
        span.file.clone_from(&file.name);
    }
    findings
}

impl SourceFile {
    /// Formats the text of the file; `None` if it is formatted already.
    fn format(&self) -> Result<Option<FormattedText<'_>>, Failure> {
        let missing = || Failure::File(vec![unreadable(&self.name, &ErrorKind::NotFound.into())]);
        let folder = self.folder.open()?.ok_or_else(missing)?;
        let mode = folder.stat(&self.path)?.ok_or_else(missing)?.mode;
        let bytes = folder.read(&self.path, FileKind::Stack)?.ok_or_else(missing)?;
        let old = String::from_utf8(bytes).map_err(|_| self.failure("it is not UTF-8 text"))?;
        let errors = syntax_errors(self);
        if !errors.is_empty() {
            return Err(Failure::File(errors));
        }
        let output = formatted(&old).map_err(|error| Failure::NoProgram(no_program(&error)))?;
        let new = String::from_utf8_lossy(&output.stdout).into_owned();
        // A formatter that prints nothing would empty the file.
        if !output.status.success() || new.trim().is_empty() != old.trim().is_empty() {
            return Err(self.failure(&reason(&output)));
        }
        Ok((new != old).then_some(FormattedText { folder, path: &self.path, mode, old, new }))
    }

    fn failure(&self, reason: &str) -> Failure {
        Failure::File(vec![finding(&format!("{} cannot be formatted: {reason}", self.name))])
    }
}

impl FormattedText<'_> {
    fn write(&self) -> Result<(), Diagnostic> {
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
fn no_program(error: &std::io::Error) -> Diagnostic {
    let message = match error.kind() {
        ErrorKind::NotFound => "the program `nickel`, which formats Nickel files, is not on the PATH".to_owned(),
        _ => format!("the program `nickel`, which formats Nickel files, cannot be run: {error}"),
    };
    finding(&message).hint(INSTALLATION)
}

/// Runs the formatter on a text.
fn formatted(text: &str) -> std::io::Result<Output> {
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
fn reason(output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr);
    let words: Vec<&str> = message.split_whitespace().collect();
    if words.is_empty() { "`nickel format` printed nothing".to_owned() } else { words.join(" ") }
}
