//! A stack file to typed stacks: one per environment, with the place of every field and all findings at
//! once. Owns everything about Nickel; the rest of the program knows only `Stack` and `Origins`.

mod decode;
mod errors;
mod evaluate;
mod guard;
mod layers;
pub mod library;
mod node;
mod origins;
mod places;

use std::path::PathBuf;
use std::rc::Rc;

pub use guard::{Limits, child as evaluate_child};
pub use node::Input;
pub use origins::Origins;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{Checked, EnvironmentName, Stack};
use evaluate::Program;

/// What to read and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The stack file; imports stay inside its folder.
    pub stack: PathBuf,
    pub allow_imports: Vec<PathBuf>,
    /// The project's cache, for the library's files.
    pub cache: PathBuf,
    pub guard: Guard,
}

/// Where the program is evaluated.
#[derive(Debug, Clone)]
pub enum Guard {
    /// Here: for callers that trust the stack.
    InProcess,
    /// In a child process of this executable, which must answer `__evaluate`.
    Child { executable: PathBuf, limits: Limits },
}

/// A stack, read.
#[derive(Debug)]
pub struct Loaded {
    pub environments: Vec<Environment>,
    /// Every path that decided the result.
    pub inputs: Vec<Input>,
    /// Located and merged.
    pub findings: Vec<Diagnostic>,
}

/// One environment of a stack.
#[derive(Debug)]
pub struct Environment {
    pub name: EnvironmentName,
    pub stack: Stack,
    pub origins: Origins,
    /// Fields that have no value since their evaluation failed.
    pub broken: Vec<FieldPath>,
}

/// Reads a stack.
///
/// # Errors
/// The findings, when no environment could be decoded.
pub fn load(request: &Request) -> Result<Loaded, Vec<Diagnostic>> {
    let io = |error: std::io::Error| {
        vec![
            Diagnostic::error(Code::StackUnreadable, FieldPath::root())
                .message(format!("the library cannot be laid out: {error}")),
        ]
    };
    let unreadable = |error: std::io::Error| {
        let shown = request.stack.display();
        vec![
            Diagnostic::error(Code::StackUnreadable, FieldPath::root())
                .message(format!("{shown}: {error}"))
                .hint("`nself init` writes a stack"),
        ]
    };
    let stack = request.stack.canonicalize().map_err(unreadable)?;
    let library = library::materialise(&request.cache).map_err(io)?;
    let folder = library.folder.canonicalize().map_err(io)?;
    let depth = match &request.guard {
        Guard::InProcess => Limits::default().depth,
        Guard::Child { limits, .. } => limits.depth,
    };
    let program = Program { stack, library: folder, allow_imports: request.allow_imports.clone(), depth };
    let mut document = match &request.guard {
        Guard::InProcess => guard::in_process(&program),
        Guard::Child { executable, limits } => guard::in_child(executable, &program, *limits),
    };
    let mut findings = document.diagnostics();
    // A finding without a place belongs to the file as a whole.
    let name = request.stack.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for finding in &mut findings {
        finding.span.get_or_insert_with(|| crate::diagnostic::Span { file: name.clone(), line: 1, column: 1 });
    }
    let root = std::mem::take(&mut document.root);
    let inputs = std::mem::take(&mut document.inputs);
    let broken: Vec<FieldPath> = document.broken.iter().map(|steps| node::field_path(steps)).collect();
    if matches!(root.value, node::Value::Null) || root.get("nself_stack").is_none() {
        return Err(findings);
    }
    let document = Rc::new(document);
    let (trees, undecided) = layers::environments(&root);
    let whole = Origins { document: Rc::clone(&document), root: Rc::new(root) };
    findings.extend(undecided.into_iter().map(|mut finding| {
        whole.locate(&mut finding);
        finding
    }));
    let mut environments = Vec::new();
    for (name, tree) in trees {
        let origins = Origins { document: Rc::clone(&document), root: Rc::new(tree) };
        let (stack, misfits) = decode::decode::<Stack>(&origins.root);
        let broken: Vec<FieldPath> = broken.iter().flat_map(|path| both_layers(path, &name)).collect();
        for mut finding in misfits {
            let reported = |path: &FieldPath| {
                finding.path.starts_with(path) || (finding.code == Code::MissingField && path.parent() == finding.path)
            };
            if broken.iter().any(reported) {
                continue;
            }
            origins.locate(&mut finding);
            finding.environments = vec![name.clone()];
            findings.push(finding);
        }
        match (EnvironmentName::new(&name), stack) {
            (Ok(name), Some(stack)) => environments.push(Environment { name, stack, origins, broken }),
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

/// A field of an environment's overlay is the same field of the merged stack.
fn both_layers(path: &FieldPath, environment: &str) -> Vec<FieldPath> {
    use crate::diagnostic::Segment;
    match path.0.as_slice() {
        [Segment::Key(first), Segment::Key(name), rest @ ..] if first == "environments" => {
            if name == environment {
                vec![FieldPath(rest.to_vec())]
            } else {
                Vec::new()
            }
        }
        _ => vec![path.clone()],
    }
}
