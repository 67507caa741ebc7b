//! Reads a stack file into typed stacks, one for each environment, with the place of every field and all findings. Only
//! this module uses Nickel; other modules use `Stack` and `Origins`.

mod bundles;
mod credentials;
mod decode;
mod entries;
mod errors;
mod evaluate;
mod evaluator;
mod explain;
mod imports;
mod layers;
pub mod library;
mod node;
mod origins;
mod path_set;
mod plugins;
mod program;
mod reading;
mod source_map;
mod type_mismatch;
mod wire;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use decode::{JsonDecoder, decode_json};
pub use evaluator::{Limits, child as evaluate_child};
pub use node::Input;
pub use origins::{Origins, is_distinct};

use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment, Span};
use crate::files::{self, FileKind, Root, Scope};
use crate::parallel;
use crate::path;
use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName};
use decode::KeyedFinding;
use node::Document;
use path_set::PathSet;
use program::Program;

/// A stack file, and how to evaluate it.
#[derive(Debug, Clone)]
pub struct EvaluationRequest {
    /// The stack file; imports stay inside its folder.
    pub stack: PathBuf,
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
pub struct Loaded {
    pub environments: Vec<Environment>,
    /// All paths on which the result depends.
    pub inputs: Vec<Input>,
    /// The findings, with their places; equal findings of several environments are merged.
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
    /// Fields whose value was refused when it was read. The stack has their default.
    pub refused: Vec<FieldPath>,
}

/// Returns the path of a stack. Links that lead to its folder are followed; the file itself is checked like an import,
/// so that it cannot turn a different folder into the project.
fn path_with_resolved_folder(stack: &Path) -> std::io::Result<PathBuf> {
    let stat = files::stat_target(stack)?;
    if stat.is_folder() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    stat.check_file(FileKind::Stack).map_err(|reason| std::io::Error::other(reason.in_words()))?;
    let name = stack.file_name().ok_or(std::io::ErrorKind::IsADirectory)?;
    let folder = stack.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(files::real_path(folder)?.join(name))
}

/// Reads a stack.
///
/// # Errors
/// All findings, if no environment could be decoded.
pub fn load(request: &EvaluationRequest) -> Result<Loaded, Vec<Diagnostic>> {
    let io = |error: std::io::Error| {
        vec![
            Diagnostic::error(Code::StackUnreadable, FieldPath::root())
                .message(format!("the files of the library cannot be written: {error}")),
        ]
    };
    let unreadable = |error: std::io::Error| {
        let shown = request.stack.display();
        let hint = match error.kind() {
            std::io::ErrorKind::IsADirectory => {
                format!("name the file: `{}`", request.stack.join("stack.ncl").display())
            }
            std::io::ErrorKind::Other => "replace the link by the stack file".to_owned(),
            _ => "`nself init` writes a stack".to_owned(),
        };
        vec![
            Diagnostic::error(Code::StackUnreadable, FieldPath::root()).message(format!("{shown}: {error}")).hint(hint),
        ]
    };
    let stack = path_with_resolved_folder(&request.stack).map_err(unreadable)?;
    let library = library::materialise(&Root::at(&request.cache, Scope::Cache)).map_err(io)?;
    let folder = files::real_path(&library.folder).map_err(io)?;
    let depth = match &request.evaluator {
        Evaluator::InProcess => Limits::default().depth,
        Evaluator::Child { limits, .. } => limits.depth,
    }
    .min(wire::DEPTH - 1);
    let program = Program { stack, library: folder, allow_imports: request.allow_imports.clone(), depth };
    let document = match &request.evaluator {
        Evaluator::InProcess => evaluator::in_process(&program),
        Evaluator::Child { executable, limits } => evaluator::in_child(executable, &program, *limits),
    };
    let name = request.stack.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    read(document, name)
}

/// Returns findings about credentials that are written into the stack.
fn written_credentials(whole: &Origins) -> impl Iterator<Item = Diagnostic> {
    credentials::check(&whole.root).into_iter().map(|KeyedFinding { mut finding, key_mark }| {
        finding.span = whole.user_span(key_mark);
        whole.locate(&mut finding);
        finding
    })
}

/// Merges the layers of an evaluated document and decodes its environments. `stack` is the name of the stack file.
fn read(mut document: Document, stack: String) -> Result<Loaded, Vec<Diagnostic>> {
    let root = std::mem::take(&mut document.root);
    let inputs = std::mem::take(&mut document.inputs);
    let broken: Vec<FieldPath> = document.broken.iter().map(|steps| node::field_path(steps)).collect();
    let is_stack = root.get("nself_stack").is_some();
    let (trees, undecided) = if is_stack { layers::environments(&root) } else { Default::default() };
    let document = Arc::new(document);
    let whole = Origins { document: Arc::clone(&document), root: Arc::new(root) };
    let mut findings = document.diagnostics();
    findings.extend(undecided);
    let evaluated: Vec<FieldPath> = findings.iter().map(|finding| finding.path.clone()).collect();
    for finding in &mut findings {
        whole.locate(finding);
        // A finding without a place belongs to the file as a whole.
        finding.span.get_or_insert_with(|| Span { file: stack.clone(), line: 1, column: 1 });
    }
    if is_stack {
        findings.extend(written_credentials(&whole));
    }
    let decoded = parallel::each(trees.values(), decode::decode::<Stack>);
    let mut environments = Vec::new();
    for ((name, tree), (stack, mismatches)) in trees.into_iter().zip(decoded) {
        let origins = Origins { document: Arc::clone(&document), root: Arc::new(tree) };
        let mut refused: Vec<FieldPath> = evaluated.iter().filter_map(|path| merged(path, &name)).collect();
        let bad_names: BTreeSet<&str> = mismatches.iter().filter_map(|found| bad_name(&found.finding)).collect();
        let bad_names: BTreeSet<String> = bad_names.into_iter().map(str::to_owned).collect();
        let broken: PathSet = broken.iter().filter_map(|path| merged(path, &name)).collect();
        for KeyedFinding { mut finding, key_mark } in mismatches {
            let missing = finding.code == Code::MissingField && broken.contains_child_of(&finding.path);
            if missing || broken.cover(&finding.path) {
                continue;
            }
            // A reference to a refused name needs no finding, because the name will change.
            if origins.text(&finding.path).is_some_and(|text| bad_names.contains(text)) {
                continue;
            }
            if let (Code::UnknownField, [Segment::Key(name)]) = (finding.code, finding.path.0.as_slice())
                && whole.root.get(name).is_some()
            {
                let name = name.clone();
                finding = layers::with_environments(finding, &name);
            }
            finding.span = origins.user_span(key_mark);
            origins.locate(&mut finding);
            finding.environments = vec![name.clone()];
            refused.push(finding.path.clone());
            findings.push(finding);
        }
        let broken = broken.into_vec();
        match (EnvironmentName::new(&name), stack) {
            (Ok(name), Some(stack)) => environments.push(Environment { name, stack, origins, broken, refused }),
            (Err(reason), _) => {
                let mut finding = Diagnostic::error(Code::BadName, path!("environments", name)).message(reason);
                whole.locate(&mut finding);
                findings.push(finding);
            }
            (_, None) => {}
        }
    }
    let findings = crate::diagnostic::merge(findings);
    if environments.is_empty() { Err(findings) } else { Ok(Loaded { environments, inputs, findings }) }
}

/// Returns the name of a service or other part of the stack that the finding refuses.
fn bad_name(finding: &Diagnostic) -> Option<&str> {
    match finding.path.0.as_slice() {
        [_, Segment::Key(name)] if finding.code == Code::BadName => Some(name),
        _ => None,
    }
}

/// Returns the path in the merged stack of an environment for a path in the document; `None` for a field of a different
/// environment's layer.
fn merged(path: &FieldPath, environment: &str) -> Option<FieldPath> {
    let path = match path.0.as_slice() {
        [Segment::Key(first), Segment::Key(name), rest @ ..] if first == "environments" => {
            (name == environment).then(|| FieldPath(rest.to_vec()))
        }
        _ => Some(path.clone()),
    };
    path.map(plugins::merged_path)
}
