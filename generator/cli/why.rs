//! `nself why`: shows the field of the stack from which a generated file or one line of it comes, and the inputs whose
//! changes made the last run write files.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, output};
use crate::diagnostic::Diagnostic;
use crate::pipeline::{self, FileOnDisk, Provenance};
use crate::store::{Cache, Generation, GenerationChanges};
use crate::terminal::Lines;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// A generated file, with an optional line: `deploy/local/compose.yaml:17`.
    #[arg(required_unless_present = "rebuilt")]
    path: Option<String>,
    #[command(flatten)]
    stack: StackArguments,
    /// Show the files that the last run changed, and the inputs that caused it.
    #[arg(long)]
    rebuilt: bool,
    /// The output folder; by default `deploy` in the folder of the stack.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(arguments: &Arguments) -> u8 {
    if arguments.rebuilt {
        return explain_last_run(arguments);
    }
    explain(arguments).unwrap_or_else(|findings| {
        output::failure(arguments.format, &arguments.stack.complete_hints(findings));
        ERROR
    })
}

/// Prints the field from which a file or line comes, and returns the exit code.
fn explain(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let path = arguments.path.as_deref().unwrap_or_default();
    // `FILE:LINE` or `FILE`; a colon without a number after it belongs to the name of the file.
    let (file, line) = match path.rsplit_once(':').map(|(file, line)| (file, line.parse::<usize>())) {
        Some((file, Ok(line))) => (file, Some(line)),
        _ => (path, None),
    };
    let request = arguments.stack.request(&[], arguments.out.as_deref());
    let Provenance { path, line, field, span, backend, derivation, on_disk } = pipeline::explain(&request, file, line)?;
    let reads = backend.description().reads;
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "path": path, "line": line.as_ref().map(|(number, _)| number),
            "text": line.as_ref().map(|(_, text)| text), "field": field, "span": span, "generator": backend.name(),
            "derivation": derivation, "reads": reads, "on_disk": on_disk.name(),
        })),
        Format::Text => {
            output::line(&match &line {
                Some((number, text)) => format!("{path}:{number}: {}", text.trim()),
                None => path,
            });
            let place = span.as_ref().map_or_else(|| "the library".to_owned(), ToString::to_string);
            let field = if field.0.is_empty() { "the stack as a whole".to_owned() } else { field.to_string() };
            output::line(&format!("  set in      {field} ({place})"));
            output::line(&format!("  written by  {}, which reads {reads}", backend.name()));
            output::line(&format!("  derivation  {derivation}"));
            if on_disk == FileOnDisk::Differs {
                let remark = "the file on disk differs; `nself check` shows the difference";
                output::remark(&request.commands().complete(remark, None));
            }
        }
    }
    Ok(SUCCESS)
}

/// Prints the files that the last recorded run changed, and the inputs that caused it.
fn explain_last_run(arguments: &Arguments) -> u8 {
    let generations = Cache::new(&arguments.stack.project()).generations().all();
    let Some((number, last_generation)) = generations.last() else {
        output::remark("no run is recorded in this folder; `nself gen` records its changes below .nself");
        // The exit code tells scripts that there is nothing to explain.
        return DIFFERENCES;
    };
    // The first generation is compared with an empty one.
    let empty = Generation::default();
    let previous_generation = generations.len().checked_sub(2).map_or(&empty, |index| &generations[index].1);
    let GenerationChanges { files, unchanged_files, inputs, generators, parts } =
        last_generation.changes_from(previous_generation);
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "generation": number, "first": generations.len() == 1, "files": files, "same_bytes": unchanged_files,
            "inputs": inputs,
            "generators": generators, "parts": parts,
        })),
        Format::Text => {
            let mut lines = Lines::line(&format!("generation {number}"));
            if generations.len() == 1 {
                lines.push("  the first one recorded: everything is new");
            } else {
                for (title, changes) in
                    [("input", &inputs), ("generator", &generators), ("part of the plan", &parts), ("file", &files)]
                {
                    for (name, change) in changes {
                        lines.push(&format!("  {title} {change}: {name}"));
                    }
                }
                if unchanged_files > 0 {
                    let files = words::count(unchanged_files, "file");
                    lines.push(&format!("  {files} generated again with the same content"));
                }
            }
            output::lines(&lines);
        }
    }
    SUCCESS
}
