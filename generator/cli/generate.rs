//! `nself gen` and `nself check`: the pipeline from a stack file to the output folder.

mod draft;
mod inputs;
mod record;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json as document};

use draft::Drawer;
pub use draft::Planned;

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, output};
use crate::artifact::{Artifacts, Digest};
use crate::diagnostic::{self, Code, Diagnostic};
use crate::files::Root;
use crate::lock::Lock;
use crate::path;
use crate::source;
use crate::store::{self, Cache, Changes, MANIFEST, PreviousOutputs, Stamp, StampFile, StampWriter, Watch};
use crate::terminal::Lines;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,
    /// Only this environment; may be repeated.
    #[arg(long = "env", value_name = "NAME")]
    environments: Vec<String>,
    /// The output folder; `deploy` beside the stack unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing; show what would change and exit with 1 if anything would.
    #[arg(long)]
    check: bool,
    /// Refuse images that are not pinned by digest.
    #[arg(long)]
    frozen: bool,
    /// Overwrite files that were edited by hand or are not nself's.
    #[arg(long)]
    force: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(arguments: &Arguments, check: bool) -> u8 {
    let run = Run::new(arguments, check || arguments.check);
    let stamp = if arguments.force { None } else { Stamp::read(&run.stamp) };
    match stamp {
        Some(stamp) if stamp.is_fresh(&run.out) => run.repeat(stamp.output()),
        // What is compared is compared byte by byte.
        stamp => run.all(stamp.filter(|_| !run.check)),
    }
}

/// What a stack comes to, for other commands: as `gen` would make it, with these pins instead of those of the lock
/// file if any are given.
///
/// # Errors
/// As `gen`, before it looks at the output folder.
pub fn made(
    stack: &StackArguments,
    environments: &[String],
    out: Option<&Path>,
    lock: Option<Lock>,
) -> Result<Made, Vec<Diagnostic>> {
    let arguments = Arguments {
        stack: stack.clone(),
        environments: environments.to_vec(),
        out: out.map(Path::to_owned),
        check: true,
        frozen: false,
        force: false,
        format: Format::Text,
    };
    let mut run = Run::new(&arguments, true);
    run.lock = lock;
    let mut inputs = Vec::new();
    let mut made = run.generate(&mut inputs, None)?;
    let file = |watch| if let Watch::File(path) = watch { Some(path) } else { None };
    made.inputs = inputs.into_iter().filter_map(file).collect();
    Ok(made)
}

/// One invocation.
struct Run<'a> {
    arguments: &'a Arguments,
    check: bool,
    project: PathBuf,
    out: Root,
    /// Instead of the lock file's.
    lock: Option<Lock>,
    cache: Cache,
    stamp: StampFile,
}

impl<'a> Run<'a> {
    fn new(arguments: &'a Arguments, check: bool) -> Self {
        let stack = &arguments.stack.stack;
        let project = arguments.stack.project();
        let out = Root::output(&project, arguments.out.as_deref());
        let cache = Cache::new(&project);
        // Another program has stamps of its own, wherever it lies.
        let program = std::env::current_exe().ok();
        let request = format!(
            "{program:?} {stack:?} {:?} {:?} {} {:?}",
            out.path(),
            arguments.environments,
            arguments.frozen,
            arguments.stack.allow_import
        );
        let stamp = cache.stamp(&Digest::of(request.as_bytes()));
        Run { arguments, check, project, out, lock: None, cache, stamp }
    }

    /// Nothing has changed: say what the last run said.
    fn repeat(&self, said: &str) -> u8 {
        let said: Value = serde_json::from_str(said).unwrap_or_default();
        match self.arguments.format {
            Format::Json => output::json(&said["result"]),
            Format::Text => {
                output::remarks(&Lines::text(said["remarks"].as_str().unwrap_or_default()));
                output::remark(&format!("{} files, all up to date", said["files"].as_u64().unwrap_or_default()));
            }
        }
        SUCCESS
    }

    fn all(&self, stamp: Option<Stamp>) -> u8 {
        // Before anything is read, so that what is saved meanwhile shows.
        let recorder = StampWriter::begin(&self.stamp);
        let mut inputs = Vec::new();
        let made = self.generate(&mut inputs, stamp);
        let finished = made.and_then(|made| {
            let finished = self.finish(&made, recorder, &inputs);
            // The process ends; to give back every string by itself takes as long as a fifth of the planning.
            std::mem::forget(made);
            finished
        });
        match finished {
            Ok(code) => code,
            Err(findings) => self.fail(&diagnostic::merge(findings)),
        }
    }

    fn fail(&self, findings: &[Diagnostic]) -> u8 {
        output::failure(self.arguments.format, findings);
        ERROR
    }

    /// Stack, plans, artifacts; with the warnings on the way. With a stamp, what nobody touched since may be kept.
    fn generate(&self, inputs: &mut Vec<Watch>, stamp: Option<Stamp>) -> Result<Made, Vec<Diagnostic>> {
        inputs.extend(std::env::current_exe().ok().map(Watch::Program));
        let loaded = source::load(&self.arguments.stack.request())?;
        // The library is part of the program, and laid out during the first run.
        let read = loaded.inputs.iter().filter(|input| !input.path.starts_with(self.cache.library()));
        inputs.extend(read.map(|input| {
            if input.exists { Watch::File(input.path.clone()) } else { Watch::Absent(input.path.clone()) }
        }));
        let mut findings = loaded.findings;
        let mut files = self.project_files(inputs, &mut findings);
        files.dockerfiles = self.dockerfiles(&loaded.environments, inputs, &mut findings);
        self.mounts(&loaded.environments, inputs, &mut findings);
        self.databases(&loaded.environments, &mut files, inputs)?;
        let selected = self.selection(&loaded.environments, &mut findings);
        let refused = findings.iter().any(Diagnostic::is_error);
        // From here on nobody else writes, so what is as it was left stays so.
        let lock = stamp.as_ref().and_then(|_| self.cache.lock());
        let known = stamp.filter(|_| lock.is_some()).map(|stamp| PreviousOutputs::from_stamp(&self.out, stamp));
        let known = known.unwrap_or_default();
        let chosen = |environment: &source::Environment| {
            selected.as_ref().is_none_or(|selected| selected.contains(environment.name.as_str()))
        };
        let environments: Vec<_> = loaded.environments.into_iter().filter(chosen).collect();
        let drawer =
            Drawer { files: &files, left: &known.outputs, out: &self.out, frozen: self.arguments.frozen, refused };
        let mut artifacts = Artifacts::default();
        let mut plans = Vec::new();
        let mut moved = Vec::new();
        for draft in drawer.all(environments) {
            artifacts
                .merge(Some(draft.planned.plan.environment.as_str()), draft.made)
                .map_err(|finding| vec![finding])?;
            findings.extend(draft.findings);
            moved.extend(draft.moved);
            plans.push(draft.planned);
        }
        let findings = diagnostic::merge(findings);
        if findings.iter().any(Diagnostic::is_error) {
            return Err(findings);
        }
        let moved = diagnostic::merge(moved);
        Ok(Made { artifacts, plans, inputs: Vec::new(), selected, findings, moved, known, lock })
    }

    fn selection(
        &self,
        environments: &[source::Environment],
        findings: &mut Vec<Diagnostic>,
    ) -> Option<BTreeSet<String>> {
        if self.arguments.environments.is_empty() {
            return None;
        }
        let names: Vec<&str> = environments.iter().map(|environment| environment.name.as_str()).collect();
        for name in self.arguments.environments.iter().filter(|name| !names.contains(&name.as_str())) {
            findings.push(
                Diagnostic::error(Code::UnknownEnvironment, path!("environments"))
                    .message(format!("there is no environment `{name}`"))
                    .expected(format!("one of {}", names.join(", "))),
            );
        }
        Some(self.arguments.environments.iter().cloned().collect())
    }

    /// Compares, writes, reports. Between the comparison and the last file, no other run writes.
    fn finish(&self, made: &Made, recorder: Option<StampWriter>, inputs: &[Watch]) -> Result<u8, Vec<Diagnostic>> {
        let lock = if self.check || made.lock.is_some() { None } else { self.cache.lock() };
        let changes = store::compare(&self.out, &made.artifacts, made.selected.as_ref(), &made.known)?;
        if !self.check && !changes.are_applied() {
            store::apply(&changes, self.arguments.force)?;
        }
        let differs = changes.differ();
        if !self.check && (differs || self.cache.generations().is_empty()) {
            self.archive(made, &changes, inputs);
        }
        if let Some(recorder) = recorder.filter(|_| !self.check || !differs) {
            self.remember(recorder, &changes, made, inputs);
        }
        drop(lock);
        let findings: Vec<&Diagnostic> = made.findings.iter().chain(&made.moved).collect();
        let status = match (self.check, differs) {
            (_, false) => "same",
            (true, true) => "differs",
            (false, true) => "written",
        };
        let counts = changes.counts();
        let rendered = made.artifacts.iter().filter(|(_, artifact)| artifact.bytes().is_some()).count();
        let result = document!({
            "version": 1,
            "status": status,
            "counts": counts,
            "rendered": rendered,
            "files": store::states(&changes.changes),
            "diagnostics": findings,
        });
        match self.arguments.format {
            Format::Json => output::json(&result),
            Format::Text => self.say(&changes, &findings, differs, rendered),
        }
        Ok(if self.check && differs { DIFFERENCES } else { SUCCESS })
    }

    fn say(&self, changes: &Changes, findings: &[&Diagnostic], differs: bool, rendered: usize) {
        output::findings(findings.iter().copied());
        if self.check {
            output::lines(&store::diff(&changes.changes));
        }
        output::remarks(&store::converted(&changes.changes));
        output::remarks(&store::foreign(&changes.changes));
        let counts = changes.counts();
        let mut listed: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
        if differs && !changes.changes.iter().any(|change| change.state.differs()) {
            listed.push(format!("{MANIFEST} {}", if changes.manifest_exists { "differs" } else { "missing" }));
        }
        let end = match (self.check, differs) {
            (_, false) => "all up to date",
            (true, true) => "run `nself gen` to update",
            (false, true) => "written",
        };
        let out = self.out.path();
        let out = out.strip_prefix(std::env::current_dir().unwrap_or_default()).unwrap_or(out);
        // Without anything to go by, all of them are rendered, and there is nothing to say.
        let rendered = if changes.kept == 0 { String::new() } else { format!("; {rendered} rendered") };
        output::remark(&format!("{}: {}; {end}{rendered}", out.display(), listed.join(", ")));
    }
}

/// What a run came to before it looks at the output folder.
pub struct Made {
    pub artifacts: Artifacts,
    /// Of the selected environments.
    pub plans: Vec<Planned>,
    /// Files that were read; for other commands than `gen`.
    pub inputs: Vec<PathBuf>,
    selected: Option<BTreeSet<String>>,
    /// Warnings.
    pub findings: Vec<Diagnostic>,
    /// Findings about the change from the last generation, which the next run has no reason to repeat.
    moved: Vec<Diagnostic>,
    /// What was known of the output folder.
    known: PreviousOutputs,
    /// While it is service_name, nobody else writes.
    lock: Option<File>,
}
