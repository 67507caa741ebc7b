//! Reads a stack file into one typed stack per environment, with the place of every field, and all findings. Only this
//! module evaluates Nickel; other modules use `Stack` and `Origins`.

mod bundles;
mod choices;
mod credentials;
mod decode;
mod entries;
mod environments;
mod errors;
mod evaluate;
mod evaluator;
mod explain;
mod field_hints;
mod foreign_words;
mod imports;
mod layers;
pub mod library;
mod mismatches;
mod node;
mod nulls;
mod origins;
mod path_set;
mod plugins;
mod program;
mod reading;
mod source_map;
mod stack_file;
mod type_mismatch;
mod wire;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use decode::{JsonDecoder, decode_json};
pub use evaluator::{Limits, child as evaluate_child};
pub use foreign_words::is_meant;
pub use node::Input;
pub use origins::{Origins, is_distinctive};
pub use stack_file::STACK_FILE;

use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::files::{self, Root, Scope};
use crate::parallel;
use crate::path;
use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName};
use decode::KeyedFinding;
use mismatches::{EnvironmentPaths, FailedPaths};
use node::Document;
use program::NickelProgram;
use stack_file::path_with_resolved_folder;

/// A stack file, and how to evaluate it.
#[derive(Debug, Clone)]
pub struct EvaluationRequest {
    /// The stack file; imports stay inside its folder.
    pub stack: PathBuf,
    /// Other folders from which the stack may import files.
    pub allow_imports: Vec<PathBuf>,
    /// The project's cache, for the library's files.
    pub cache: PathBuf,
    pub evaluator: Evaluator,
}

/// The process that evaluates the program.
#[derive(Debug, Clone)]
pub enum Evaluator {
    /// This process, for stacks that the caller trusts.
    InProcess,
    /// A limited child process of this executable, which must support the command `__evaluate`.
    Child { executable: PathBuf, limits: Limits },
}

/// The environments of a stack.
#[derive(Debug)]
pub struct LoadedStack {
    pub environments: Vec<Environment>,
    /// All paths on which the result depends.
    pub inputs: Vec<Input>,
    /// Warnings and errors, with their places. Equal findings of several environments are merged.
    pub findings: Vec<Diagnostic>,
}

/// One environment of a stack.
#[derive(Debug)]
pub struct Environment {
    pub name: EnvironmentName,
    pub stack: Stack,
    pub origins: Origins,
    /// Fields without a value, since their evaluation failed.
    pub broken: Vec<FieldPath>,
    /// Fields whose value the evaluation or the decoding refused. The stack has their default.
    pub refused: Vec<FieldPath>,
}

impl Environment {
    /// Adds the place in the source and the name of the environment to a finding.
    pub fn locate(&self, finding: &mut Diagnostic) {
        self.origins.locate(finding);
        finding.environments = vec![self.name.to_string()];
    }
}

/// Reads a stack.
///
/// # Errors
/// The stack or the library's files cannot be read, or no environment can be decoded.
pub fn load(request: &EvaluationRequest) -> Result<LoadedStack, Vec<Diagnostic>> {
    let max_depth = match &request.evaluator {
        Evaluator::InProcess => Limits::default().depth,
        Evaluator::Child { limits, .. } => limits.depth,
    };
    let (_, document) = evaluate_to_depth(request, max_depth)?;
    let name = request.stack.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    read(document, name)
}

/// The Nickel files of a program, which was parsed and not evaluated.
#[derive(Debug)]
pub struct ParsedProgram {
    /// The folder of the program, with links resolved.
    pub folder: PathBuf,
    /// The file of the program and the files in its folder that it imports directly or through others, relative to the
    /// folder. Imports of a file that does not parse are unknown.
    pub files: Vec<PathBuf>,
    /// The places where the file of the program does not parse.
    pub syntax_errors: Vec<Diagnostic>,
}

/// Parses a program with its imports.
///
/// # Errors
/// The file cannot be read, it has an import that is refused, or it exceeds a limit.
pub fn parse(request: &EvaluationRequest) -> Result<ParsedProgram, Vec<Diagnostic>> {
    // With the depth 0, even the root is nested too deeply, so no value is evaluated.
    let (program, document) = evaluate_to_depth(request, 0)?;
    let folder = program.stack.parent().unwrap_or(Path::new("")).to_owned();
    let is_nickel = |path: &Path| {
        path.extension().is_some_and(|extension| extension == "ncl") || folder.join(path) == program.stack
    };
    let existing_inputs = document.inputs.iter().filter(|input| input.exists);
    let files =
        existing_inputs.filter_map(|input| input.path.strip_prefix(&folder).ok()).filter(|path| is_nickel(path));
    let files: Vec<PathBuf> = files.map(Path::to_owned).collect();
    let name = program.stack.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Without a file that was read, the findings are about the program as a whole.
    let has_no_file = files.is_empty();
    let findings = read(document, name.clone()).map_or_else(|findings| findings, |loaded| loaded.findings);
    if has_no_file {
        return Err(findings);
    }
    let is_in_program = |finding: &Diagnostic| finding.span.as_ref().is_some_and(|span| span.file == name);
    let syntax_errors = findings.into_iter().filter(|finding| finding.code == Code::Syntax && is_in_program(finding));
    Ok(ParsedProgram { folder, files, syntax_errors: syntax_errors.collect() })
}

/// Evaluates a program to a document. Values that are nested more deeply than `max_depth` are findings.
///
/// # Errors
/// The file cannot be read, or the library cannot be written to the cache.
fn evaluate_to_depth(
    request: &EvaluationRequest,
    max_depth: usize,
) -> Result<(NickelProgram, Document), Vec<Diagnostic>> {
    let library_error = |error: std::io::Error| {
        vec![
            Diagnostic::error(Code::StackUnreadable, FieldPath::root())
                .message(format!("the files of the library cannot be written to `.nself`: {error}")),
        ]
    };
    let stack = path_with_resolved_folder(&request.stack).map_err(|finding| vec![finding])?;
    let library = library::write_to_cache(&Root::at(&request.cache, Scope::Cache)).map_err(library_error)?;
    let library_folder = files::real_path(&library.folder).map_err(library_error)?;
    let depth = max_depth.min(wire::MAX_DEPTH - 1);
    let program = NickelProgram { stack, library: library_folder, allow_imports: request.allow_imports.clone(), depth };
    let document = match &request.evaluator {
        Evaluator::InProcess => evaluator::in_process(&program),
        Evaluator::Child { executable, limits } => evaluator::in_child(executable, &program, *limits),
    };
    Ok((program, document))
}

/// Returns findings about credentials in plain text in the stack.
fn find_credentials(document_origins: &Origins) -> Vec<Diagnostic> {
    let locate = |KeyedFinding { mut finding, key_mark }: KeyedFinding| {
        finding.span = document_origins.user_span(key_mark);
        document_origins.locate(&mut finding);
        finding
    };
    credentials::check(&document_origins.root).into_iter().map(locate).collect()
}

/// Merges the layers of an evaluated document and decodes its environments. `stack_file` is the name of the stack file.
///
/// # Errors
/// All findings, if no environment can be decoded.
fn read(mut document: Document, stack_file: String) -> Result<LoadedStack, Vec<Diagnostic>> {
    let root = std::mem::take(&mut document.root);
    let inputs = std::mem::take(&mut document.inputs);
    let broken_paths: Vec<FieldPath> = document.broken.iter().map(|steps| node::field_path(steps)).collect();
    let is_stack = root.get("nself_stack").is_some();
    let (trees, layer_findings) = if is_stack { layers::environments(&root) } else { Default::default() };
    let document = Arc::new(document);
    let document_origins = Origins { document: Arc::clone(&document), root: Arc::new(root), layer: None };
    let mut findings = document.diagnostics();
    // A warning refuses no value, so other findings about its field remain.
    let failed_findings = findings.iter().chain(&layer_findings).filter(|finding| finding.is_error());
    let failed_paths: Vec<FieldPath> = failed_findings.map(|finding| finding.path.clone()).collect();
    drop_repeated(&mut findings);
    findings.extend(layer_findings);
    for finding in &mut findings {
        field_hints::complete(finding);
        document_origins.locate(finding);
        // A finding without a place belongs to the file as a whole.
        finding.span.get_or_insert_with(|| Span { file: stack_file.clone(), line: 1, column: 1 });
    }
    let mut credential_paths: Vec<FieldPath> = Vec::new();
    if is_stack {
        let credentials = find_credentials(&document_origins);
        credential_paths.extend(credentials.iter().map(|finding| finding.path.clone()));
        findings.extend(credentials);
    }
    let failed_paths = FailedPaths { failed: failed_paths, broken: broken_paths, credentials: credential_paths };
    let decoded_stacks = parallel::each(trees.values(), decode::decode::<Stack>);
    let mut environments = Vec::new();
    for ((name, tree), (stack, mismatches)) in trees.into_iter().zip(decoded_stacks) {
        let layer = Some((Arc::clone(&document_origins.root), name.clone()));
        let origins = Origins { document: Arc::clone(&document), root: Arc::new(tree), layer };
        let mut paths = failed_paths.in_environment(&name);
        findings.extend(paths.complete(mismatches, &name, &origins));
        let EnvironmentPaths { refused, broken, .. } = paths;
        match (EnvironmentName::new(&name), stack) {
            (Ok(name), Some(stack)) => {
                environments.push(Environment { name, stack, origins, broken: broken.into_vec(), refused });
            }
            (Err(reason), _) => {
                let is_key = true;
                let mut finding = Diagnostic::error(Code::BadName, path!("environments", name))
                    .message(decode::standalone_reason(&reason, is_key));
                document_origins.locate(&mut finding);
                findings.push(finding);
            }
            (_, None) => {}
        }
    }
    drop_missing_if_misspelled(&mut findings);
    let findings = crate::diagnostic::merge(findings);
    if environments.is_empty() { Err(findings) } else { Ok(LoadedStack { environments, inputs, findings }) }
}

/// Removes findings of the evaluation that repeat an earlier one: a wrong value is one mistake, even if several fields
/// are computed from it.
fn drop_repeated(findings: &mut Vec<Diagnostic>) {
    let mut earlier_findings = BTreeSet::new();
    findings.retain(|finding| {
        finding.span.is_none() || earlier_findings.insert((finding.code, finding.span.clone(), finding.message.clone()))
    });
}

/// Removes findings about a missing field if an unknown field of the same record probably is that field, misspelled.
fn drop_missing_if_misspelled(findings: &mut Vec<Diagnostic>) {
    let unknown_fields = findings.iter().filter(|finding| finding.code == Code::UnknownField);
    let unknown_fields: Vec<FieldPath> = unknown_fields.map(|finding| finding.path.clone()).collect();
    findings.retain(|finding| {
        let is_misspelling = |field: &&FieldPath| {
            field.parent() == finding.path.parent()
                && foreign_words::is_meant(field.last_key(), finding.path.last_key())
        };
        finding.code != Code::MissingField || !unknown_fields.iter().any(|field| is_misspelling(&field))
    });
}
