//! `nself why`: from a generated file, down to one line of it, back to the field of the stack that decided it; and
//! from the last run back to what had changed.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, output};
use crate::artifact::{ArtifactPath, Digest};
use crate::backend::{Backend, GeneratedLine};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileKind, Root};
use crate::pipeline;
use crate::source::Origins;
use crate::store::{Cache, Generation};
use crate::terminal::Lines;

#[derive(Debug, Args)]
pub struct Arguments {
    /// A generated file, perhaps with a line: `deploy/local/compose.yaml:17`.
    #[arg(required_unless_present = "rebuilt")]
    path: Option<String>,
    #[command(flatten)]
    stack: StackArguments,
    /// What the last run that changed something wrote, and which input was the reason.
    #[arg(long)]
    rebuilt: bool,
    /// The output folder; `deploy` beside the stack unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(arguments: &Arguments) -> u8 {
    if arguments.rebuilt {
        return rebuilt(arguments);
    }
    explain(arguments).unwrap_or_else(|findings| {
        output::failure(arguments.format, &findings);
        ERROR
    })
}

fn explain(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let said = arguments.path.as_deref().unwrap_or_default();
    let (file, line) = match said.rsplit_once(':').map(|(file, line)| (file, line.parse::<usize>())) {
        Some((file, Ok(line))) => (file, Some(line)),
        _ => (said, None),
    };
    let made = pipeline::generate(&arguments.stack.request(&[], arguments.out.as_deref()))?;
    let out = arguments.out.clone().unwrap_or_else(|| arguments.stack.project().join("deploy"));
    let inside = inside(file, &out);
    let unknown = |message: String| {
        vec![
            Diagnostic::error(Code::Foreign, FieldPath::root())
                .message(message)
                .hint("`nself graph --of derivations` shows what is generated"),
        ]
    };
    let missing = || unknown(format!("the stack does not generate `{inside}`"));
    let artifact = made.artifacts.get(&inside).ok_or_else(missing)?;
    let backend = ArtifactPath::new(&inside).ok().and_then(|path| Backend::of_output(&path)).ok_or_else(missing)?;
    let text = String::from_utf8_lossy(artifact.bytes().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    if line.is_some_and(|line| line == 0 || line > lines.len()) {
        let finding = Diagnostic::error(Code::Foreign, FieldPath::root());
        return Err(vec![
            finding
                .message(format!("`{inside}` has no such line"))
                .expected(format!("a number from 1 to {}", lines.len())),
        ]);
    }
    let (environment, below) = inside.split_once('/').unwrap_or((&inside, ""));
    let planned = made.plans.iter().find(|planned| planned.plan.environment.as_str() == environment);
    let place = planned.map(|planned| {
        let line = match line {
            Some(line) => GeneratedLine::new(below, &lines, line - 1),
            None => GeneratedLine::whole_file(below),
        };
        best(&planned.origins, &backend.provenance(&planned.plan, &line))
    });
    let (field, span) = place.unwrap_or((FieldPath::root(), None));
    let reads = backend.description().reads;
    let root = Root::output(&arguments.stack.project(), arguments.out.as_deref());
    let on_disk = root.read(&inside, FileKind::Output).map_err(|error| vec![error.into()])?;
    let edited = on_disk.as_ref().is_some_and(|bytes| Digest::of(bytes) != artifact.digest());
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "path": inside, "line": line, "text": line.map(|line| lines[line - 1]), "field": field,
            "span": span, "generator": backend.name(), "derivation": artifact.derivation, "reads": reads,
            "on_disk": if edited { "differs" } else if on_disk.is_some() { "same" } else { "missing" },
        })),
        Format::Text => {
            output::line(&match line {
                Some(line) => format!("{inside}:{line}: {}", lines[line - 1].trim()),
                None => inside.clone(),
            });
            let place = span.as_ref().map_or_else(|| "the library".to_owned(), ToString::to_string);
            let field = if field.0.is_empty() { "the stack as a whole".to_owned() } else { field.to_string() };
            output::line(&format!("  decided by  {field} ({place})"));
            output::line(&format!("  written by  {}, which reads {reads}", backend.name()));
            output::line(&format!("  derivation  {}", artifact.derivation));
            if edited {
                output::remark("the file on disk differs; `nself check` shows the difference");
            }
        }
    }
    Ok(SUCCESS)
}

/// The path below the output folder, however it was given.
fn inside(file: &str, out: &Path) -> String {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.into());
    let out = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
    match absolute.strip_prefix(&out) {
        Ok(inside) => inside.to_string_lossy().into_owned(),
        Err(_) => file.to_owned(),
    }
}

/// The first field that the stack holds, else the first one; with the place of it or of its nearest ancestor.
fn best(origins: &Origins, candidates: &[FieldPath]) -> (FieldPath, Option<crate::diagnostic::Span>) {
    let own = candidates.iter().find(|path| !path.0.is_empty() && origins.holds(path));
    let field = own.or(candidates.first()).cloned().unwrap_or_default();
    let span = origins.span(&field);
    (field, span)
}

/// Compares the two latest generations.
fn rebuilt(arguments: &Arguments) -> u8 {
    let generations = Cache::new(&arguments.stack.project()).generations().all();
    let Some((number, new)) = generations.last() else {
        output::remark("no run is recorded here; `nself gen` records what it changes below .nself");
        return DIFFERENCES;
    };
    let empty = Generation::default();
    let old = generations.len().checked_sub(2).map_or(&empty, |before| &generations[before].1);
    // Two cut-offs: what is derived from the same is not looked at, what has the same bytes is not written.
    let files = moved(&old.files, &new.files);
    let derived = moved(&old.derivations, &new.derivations).keys().filter(|path| !files.contains_key(*path)).count();
    let inputs = moved(&old.inputs, &new.inputs);
    let generators = moved(&old.generators, &new.generators);
    let parts = moved(&old.parts, &new.parts);
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "generation": number, "first": generations.len() == 1, "files": files, "same_bytes": derived,
            "inputs": inputs,
            "generators": generators, "parts": parts,
        })),
        Format::Text => {
            let mut lines = Lines::line(&format!("generation {number}"));
            if generations.len() == 1 {
                lines.push("  the first one recorded: everything is new");
            } else {
                for (title, moved) in
                    [("input", &inputs), ("generator", &generators), ("part of the plan", &parts), ("file", &files)]
                {
                    for (name, how) in moved {
                        lines.push(&format!("  {title} {how}: {name}"));
                    }
                }
                if derived > 0 {
                    lines.push(&format!("  {derived} files were derived again, with the same bytes"));
                }
            }
            output::lines(&lines);
        }
    }
    SUCCESS
}

fn moved<'a, N: Ord + Borrow<str>, T: PartialEq>(
    old: &'a BTreeMap<N, T>,
    new: &'a BTreeMap<N, T>,
) -> BTreeMap<&'a str, &'static str> {
    let appeared = new.iter().filter_map(|(name, value)| match old.get(name.borrow()) {
        None => Some((name.borrow(), "new")),
        Some(before) if before != value => Some((name.borrow(), "changed")),
        Some(_) => None,
    });
    let gone = old.keys().filter(|name| !new.contains_key((*name).borrow())).map(|name| (name.borrow(), "gone"));
    appeared.chain(gone).collect()
}
