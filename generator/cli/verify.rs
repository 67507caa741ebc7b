//! `nself verify`: every generated file against the manifest, every object against its name, and with `--rebuild`
//! everything against the stack. It names all that is wrong and goes on. `nself gc` removes unused objects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, output};
use crate::artifact::{ArtifactPath, Artifacts, Digest};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::Root;
use crate::pipeline;
use crate::store::{self, Cache, Manifest};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,
    /// The output folder; `deploy` beside the stack unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Derive everything again from the stack, and compare that too.
    #[arg(long)]
    rebuild: bool,
    /// Restore what differs from the manifest, and put damaged objects aside.
    #[arg(long)]
    repair: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(arguments: &Arguments) -> u8 {
    verify(arguments).unwrap_or_else(|findings| {
        output::failure(arguments.format, &findings);
        ERROR
    })
}

fn verify(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let project = arguments.stack.project();
    let out = Root::output(&project, arguments.out.as_deref());
    let cache = Cache::new(&project);
    let lock = if arguments.repair { cache.lock() } else { None };
    let manifest = Manifest::read(&out).and_then(Manifest::settled).map_err(|finding| vec![finding])?;
    if manifest.files.is_empty() {
        return Err(vec![
            Diagnostic::error(Code::Manifest, FieldPath::root())
                .message(format!("{}: no file is recorded there", shown(arguments).display()))
                .hint("`nself gen` generates and records; --out names another folder"),
        ]);
    }
    let made = if arguments.rebuild { Some(derive(arguments, out.path(), &manifest)?) } else { None };
    let objects = cache.objects();
    let mut findings = Vec::new();
    let mut repaired = Vec::new();
    for (path, digest) in &manifest.files {
        let wrong = match store::read(&out, path.as_str()) {
            Ok(Some(bytes)) if Digest::of(&bytes) == *digest => continue,
            Ok(Some(_)) => Diagnostic::error(Code::HandEdited, FieldPath::root())
                .message(format!("{path} is not what the manifest says")),
            Ok(None) => Diagnostic::error(Code::HandEdited, FieldPath::root()).message(format!("{path} is missing")),
            // A link or an unreadable file; nothing is written there.
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        let bytes = arguments.repair.then(|| whole(digest, path.as_str(), made.as_ref(), &objects)).flatten();
        match bytes.map(|bytes| store::write(&out, path.as_str(), &bytes)) {
            Some(Ok(())) => repaired.push(path.clone()),
            Some(Err(finding)) => findings.push(finding),
            None => findings.push(wrong.hint(if arguments.repair {
                "no copy of it is left: `nself check` shows what differs, `nself gen --force` writes it again"
            } else {
                "`nself check` shows what differs; `nself verify --repair` restores it"
            })),
        }
    }
    findings.extend(made.iter().flat_map(|made| rebuilt(made, &manifest)));
    let (good, bad) = objects.check_all();
    if arguments.repair {
        objects.quarantine(&bad);
    } else {
        findings.extend(bad.iter().map(|name| {
            Diagnostic::warning(Code::Object, FieldPath::root())
                .message(format!(".nself: the object {name} is damaged"))
                .hint("it is never used; `nself verify --repair` puts it aside")
        }));
    }
    drop(lock);
    let wrong = findings.iter().any(Diagnostic::is_error) || (!arguments.repair && !bad.is_empty());
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": if wrong { "differs" } else { "same" }, "files": manifest.files.len(),
            "objects": good, "damaged": bad, "repaired": repaired, "rebuilt": arguments.rebuild, "diagnostics": findings,
        })),
        Format::Text => {
            for path in &repaired {
                output::line(&format!("restored {path}"));
            }
            for name in bad.iter().filter(|_| arguments.repair) {
                output::line(&format!("put aside {name}"));
            }
            output::findings(&findings);
            let rebuilt = if arguments.rebuild { ", derived again" } else { "" };
            output::remark(&format!("{} files{rebuilt}, {good} objects", manifest.files.len()));
        }
    }
    Ok(if wrong { DIFFERENCES } else { SUCCESS })
}

/// The output folder as it was named.
fn shown(arguments: &Arguments) -> PathBuf {
    arguments.out.clone().unwrap_or_else(|| arguments.stack.project().join("deploy"))
}

/// What the stack gives for the environments of the manifest. Files name the way back to the project, so a set that
/// was pulled to another place is also derived for the place where it was generated.
fn derive(arguments: &Arguments, out: &Path, manifest: &Manifest) -> Result<Artifacts, Vec<Diagnostic>> {
    let environments: BTreeSet<&str> = manifest.files.keys().map(ArtifactPath::top).collect();
    let environments: Vec<String> = environments.into_iter().map(str::to_owned).collect();
    let made = |out: Option<&Path>| pipeline::generate(&arguments.stack.request(&environments, out));
    let here = made(Some(out))?.artifacts;
    if arguments.out.is_some() && !rebuilt(&here, manifest).is_empty() {
        let there = made(None)?.artifacts;
        if rebuilt(&there, manifest).is_empty() {
            return Ok(there);
        }
    }
    Ok(here)
}

/// Bytes of this digest, from what was derived again or from the objects.
fn whole(digest: &Digest, path: &str, made: Option<&Artifacts>, objects: &store::Objects) -> Option<Vec<u8>> {
    let made = made.and_then(|made| made.get(path)).and_then(|artifact| artifact.bytes().map(<[u8]>::to_vec));
    made.filter(|bytes| Digest::of(bytes) == *digest).or_else(|| objects.get(digest))
}

/// What the stack gives against what the manifest says.
fn rebuilt(made: &Artifacts, manifest: &Manifest) -> Vec<Diagnostic> {
    let differs = |message: String| {
        Diagnostic::error(Code::NotReproduced, FieldPath::root())
            .message(message)
            .hint("the stack, the lock or nself itself changed since the files were generated: `nself check` shows the difference")
    };
    let new = made.iter().filter_map(|(path, artifact)| match manifest.files.get(path) {
        None => Some(differs(format!("{path} is derived and not recorded"))),
        Some(digest) if *digest != artifact.digest() => Some(differs(format!("{path} is derived with other bytes"))),
        Some(_) => None,
    });
    let gone = manifest.files.keys().filter(|path| made.get(path.as_str()).is_none());
    new.chain(gone.map(|path| differs(format!("{path} is recorded and no longer derived")))).collect()
}

#[derive(Debug, Args)]
pub struct GcArguments {
    /// The folder of the project.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// How many generations are kept.
    #[arg(long, default_value = "10", value_name = "COUNT")]
    keep: usize,
    /// Seconds for which everything new is kept, for runs that are on their way.
    #[arg(long, default_value = "3600", value_name = "SECONDS")]
    grace: u64,
}

pub fn gc(arguments: &GcArguments) -> u8 {
    let cache = Cache::new(&arguments.folder);
    match cache.open() {
        Ok(Some(_)) => {}
        Ok(None) => {
            output::remark("nothing to do: there is no .nself here");
            return SUCCESS;
        }
        Err(error) => {
            output::findings(&[error.into()]);
            return ERROR;
        }
    }
    // The lock keeps writers out; a reader that misses an object writes it again.
    let lock = cache.lock();
    let generations = cache.generations();
    let forgotten = generations.keep(arguments.keep.max(1));
    let wanted: BTreeSet<String> = generations
        .all()
        .into_iter()
        .flat_map(|(_, generation)| generation.objects().map(|digest| digest.to_string()).collect::<Vec<_>>())
        .collect();
    let swept = cache.objects().sweep(&|name| wanted.contains(name), arguments.grace);
    drop(lock);
    match swept {
        Ok((count, bytes)) => {
            output::remark(&format!("{forgotten} generations forgotten, {count} objects of {bytes} bytes deleted"));
            SUCCESS
        }
        Err(error) => {
            output::findings(&[error.into()]);
            ERROR
        }
    }
}
