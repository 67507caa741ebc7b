//! Finds the field of the stack from which a generated file, or one line of it, comes.

use std::path::Path;

use super::{Findings, Output, Request, generate};
use crate::artifact::{ArtifactPath, Digest};
use crate::backend::{Backend, GeneratedLine};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment, Span};
use crate::files::{FileKind, absolute_path};
use crate::source::{Origins, is_distinctive};

/// The state of a file in the output folder, compared with the generated file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOnDisk {
    Same,
    Differs,
    Missing,
}

impl FileOnDisk {
    pub fn name(self) -> &'static str {
        match self {
            FileOnDisk::Same => "same",
            FileOnDisk::Differs => "differs",
            FileOnDisk::Missing => "missing",
        }
    }
}

/// The origin of a generated file or of one line of it.
#[derive(Debug)]
pub struct Provenance {
    /// Path below the output folder.
    pub path: String,
    /// The line: its number from 1 and its text.
    pub line: Option<(usize, String)>,
    /// The field from which the file or the line comes.
    pub field: FieldPath,
    /// The place of the field or of its nearest ancestor in the user's files; `None` for a value of the library.
    pub span: Option<Span>,
    pub backend: Backend,
    pub derivation: Digest,
    pub on_disk: FileOnDisk,
}

/// Generates the files of a request, and returns the origin of one of them. With `line`, a number from 1, returns the
/// origin of this line of the file.
///
/// # Errors
/// A stack that cannot be generated, and a file or line that it does not generate.
pub fn explain(request: &Request, file: &str, line: Option<usize>) -> Result<Provenance, Findings> {
    provenance(&generate(request)?, request, file, line)
}

/// Returns the origin of a generated file. With `line`, a number from 1, returns the origin of this line of the file.
///
/// # Errors
/// A file or line that the output does not contain.
pub fn provenance(output: &Output, request: &Request, file: &str, line: Option<usize>) -> Result<Provenance, Findings> {
    let path = path_below(file, &request.output_path());
    let missing = || vec![not_generated(&path)];
    let artifact = output.artifacts.get(&path).ok_or_else(missing)?;
    let backend = ArtifactPath::new(&path).ok().and_then(|path| Backend::of_output(&path)).ok_or_else(missing)?;
    let text = String::from_utf8_lossy(artifact.bytes().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    if line.is_some_and(|line| line == 0 || line > lines.len()) {
        return Err(vec![no_such_line(&path, lines.len())]);
    }
    let (field, span) = source_field(output, (backend, &path), line.map(|line| (line - 1, lines.as_slice())));
    let bytes = request.output_folder().read(&path, FileKind::Output).map_err(|error| vec![error.into()])?;
    let on_disk = match bytes {
        None => FileOnDisk::Missing,
        Some(bytes) if Digest::of(&bytes) == artifact.digest() => FileOnDisk::Same,
        Some(_) => FileOnDisk::Differs,
    };
    let (derivation, line) = (artifact.derivation, line.map(|line| (line, lines[line - 1].to_owned())));
    Ok(Provenance { path, line, field, span, backend, derivation, on_disk })
}

/// Returns the finding for a line that a generated file with `count` lines does not have.
fn no_such_line(path: &str, count: usize) -> Diagnostic {
    let finding = Diagnostic::error(Code::Foreign, FieldPath::root());
    match count {
        0 => finding.message(format!("`{path}` is empty, so it has no lines")).hint("name the file without a line"),
        1 => finding.message(format!("`{path}` has no such line")).expected("1, the number of its only line"),
        _ => finding
            .message(format!("`{path}` has no such line"))
            .expected(format!("the number of a line, from 1 to {count}")),
    }
}

/// Returns the finding for a path that the stack does not generate.
fn not_generated(path: &str) -> Diagnostic {
    Diagnostic::error(Code::Foreign, FieldPath::root())
        .message(format!("the stack does not generate `{path}`"))
        .hint("correct the path; `nself graph --of derivations` lists the generated files")
}

/// Returns the path of a file relative to the output folder: `prod/compose.yaml` for `deploy/prod/compose.yaml`. `file`
/// is relative to the output folder or to the current folder.
fn path_below(file: &str, out: &Path) -> String {
    match absolute_path(Path::new(file)).strip_prefix(absolute_path(out)) {
        Ok(below) => below.to_string_lossy().into_owned(),
        Err(_) => file.to_owned(),
    }
}

/// Returns the field from which a file comes, with the place of the field in the source. With `line`, which is an index
/// and all lines of the file, it returns the field from which this line comes.
fn source_field(
    output: &Output,
    (backend, path): (Backend, &str),
    line: Option<(usize, &[&str])>,
) -> (FieldPath, Option<Span>) {
    let (environment, path_in_environment) = path.split_once('/').unwrap_or((path, ""));
    let planned = output.plans.iter().find(|planned| planned.plan.environment.as_str() == environment);
    let Some(planned) = planned else { return (FieldPath::root(), None) };
    let line = match line {
        Some((index, lines)) => GeneratedLine::new(path_in_environment, lines, index),
        None => GeneratedLine::whole_file(path_in_environment),
    };
    let text = line.text().unwrap_or_default();
    let field = best_candidate(&planned.origins, &backend.provenance(&planned.plan, &line), text);
    let span = planned.origins.span(&field);
    (field, span)
}

/// Returns the field from which a line most likely comes. That is the first candidate that the stack sets, or else the
/// first candidate. If this candidate is a record or a list, a field whose value is in the line is likelier: a field of
/// the same service, or a setting of the whole stack.
fn best_candidate(origins: &Origins, candidates: &[FieldPath], line: &str) -> FieldPath {
    let set_candidate = candidates.iter().find(|path| !path.0.is_empty() && origins.holds(path));
    let candidate = set_candidate.or(candidates.first()).cloned().unwrap_or_default();
    if origins.has_scalar(&candidate) {
        return candidate;
    }
    let is_below_candidate = |path: &FieldPath| !candidate.0.is_empty() && path.0.starts_with(&candidate.0);
    // A plain word may be in the line by coincidence, so outside of the candidate only distinctive values count.
    let values = origins
        .values_in_line(line)
        .into_iter()
        .filter(|(path, value)| is_below_candidate(path) || is_distinctive(path, value));
    let (mut service_values, stack_values): (Vec<_>, Vec<_>) =
        values.partition(|(path, _)| path.0.first() == Some(&Segment::Key("services".into())));
    service_values.retain(|(path, value)| {
        let is_of_same_service = path.0.len() > 2 && candidate.0.starts_with(&path.0[..2]);
        // Many lines contain the name of the service, so a value that equals it is no evidence.
        let is_service_name = path.0.get(1) == Some(&Segment::Key(value.clone()));
        is_of_same_service && !is_service_name
    });
    // The likeliest field has a distinct value rather than a plain word, is below the candidate, and is not nested:
    // `port` is likelier than `env.PORT`.
    service_values.sort_by_key(|(path, value)| (!is_distinctive(path, value), !is_below_candidate(path), path.0.len()));
    // A number in the line may be a port of the library's services, so it does not show that a setting with the same
    // number made the line.
    let stack_values = stack_values.into_iter().filter(|(_, value)| !value.chars().all(|c| c.is_ascii_digit()));
    let likeliest = service_values.into_iter().chain(stack_values).next();
    likeliest.map_or(candidate, |(path, _)| path)
}
