//! `nself verify` checks each generated file against the manifest, and each object against the digest that is its name.
//! With `--rebuild` it also generates all files again and compares them. `nself gc` removes unused objects.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, output};
use crate::diagnostic::Diagnostic;
use crate::pipeline::{self, Verification, VerifyOptions};
use crate::store::Cache;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,
    /// The output folder; by default `deploy` in the folder of the stack.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also generate all files again from the stack, and compare them.
    #[arg(long)]
    rebuild: bool,
    /// Restore files that differ from the manifest, and set damaged copies in the cache aside.
    #[arg(long)]
    repair: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(arguments: &Arguments) -> u8 {
    verify(arguments).unwrap_or_else(|findings| {
        output::failure(arguments.format, &findings);
        ERROR
    })
}

/// Compares the files, prints the result, and returns the exit code.
fn verify(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let request = arguments.stack.request(&[], arguments.out.as_deref());
    let options = VerifyOptions { rebuild: arguments.rebuild, repair: arguments.repair };
    let Verification { files, objects, damaged, repaired, findings, differs } =
        pipeline::verify(&request, options).map_err(|findings| request.commands().complete_hints(findings))?;
    let findings = request.commands().complete_hints(findings);
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": if differs { "differs" } else { "same" }, "files": files,
            "objects": objects, "damaged": damaged, "repaired": repaired, "rebuilt": arguments.rebuild,
            "diagnostics": findings,
        })),
        Format::Text => {
            for path in &repaired {
                output::line(&format!("restored {path}"));
            }
            if arguments.repair {
                for name in &damaged {
                    output::line(&format!("moved to quarantine: {name}"));
                }
            }
            output::findings(&findings);
            let rebuilt = if arguments.rebuild { "; generated all files again" } else { "" };
            let (files, objects) = (words::count(files, "file"), words::count(objects, "object"));
            output::remark(&format!("checked {files} and {objects}{rebuilt}"));
        }
    }
    Ok(if differs { DIFFERENCES } else { SUCCESS })
}

#[derive(Debug, Args)]
pub struct GcArguments {
    /// The folder of the project.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Number of generations to keep; a generation is the result of one run.
    #[arg(long, default_value = "10", value_name = "COUNT")]
    keep: usize,
    /// Keep objects that are younger than this many seconds, since a parallel run may use them.
    #[arg(long, default_value = "3600", value_name = "SECONDS")]
    grace: u64,
}

/// Deletes old generations and the objects that no remaining generation uses.
pub fn gc(arguments: &GcArguments) -> u8 {
    let cache = Cache::new(&arguments.folder);
    match cache.open() {
        Ok(Some(_)) => {}
        Ok(None) => {
            output::remark("nothing to do: there is no .nself in this folder");
            return SUCCESS;
        }
        Err(error) => {
            output::findings(&[error.into()]);
            return ERROR;
        }
    }
    // The lock excludes other runs that write to the cache. A run without the lock may not find an object that was
    // deleted here; its content is then generated again.
    let lock = cache.lock();
    let generations = cache.generations();
    let deleted_generations = generations.delete_all_but_latest(arguments.keep.max(1));
    let used_objects: BTreeSet<String> = generations
        .all()
        .into_iter()
        .flat_map(|(_, generation)| generation.objects().map(|digest| digest.to_string()).collect::<Vec<_>>())
        .collect();
    let deleted_objects = cache.objects().sweep(&|name| used_objects.contains(name), arguments.grace);
    drop(lock);
    match deleted_objects {
        Ok((count, bytes)) => {
            let generations = words::count(deleted_generations, "generation");
            let (objects, bytes) = (words::count(count, "object"), words::count(bytes, "byte"));
            output::remark(&format!("deleted {generations} and {objects} with {bytes}"));
            SUCCESS
        }
        Err(error) => {
            output::findings(&[error.into()]);
            ERROR
        }
    }
}
