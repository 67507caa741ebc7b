//! The pipeline from a stack file to the generated files. [`generate`] is its first part, which all commands use;
//! [`run`] also compares the result with the output folder, writes it and updates the cache. Nothing here prints.

mod cache;
mod environment;
mod provenance;
mod removed_environments;
mod run;
mod verify;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

pub use environment::PlannedEnvironment;
pub use provenance::{FileOnDisk, Provenance, explain, provenance};
pub use run::{Mode, Outcome, run};
pub use verify::{Verification, VerifyOptions, verify};

use crate::artifact::{ArtifactPath, Artifacts, Digest};
use crate::commands::Commands;
use crate::diagnostic::{self, Code, Diagnostic, FieldPath};
use crate::files::{OUTPUT, Root, absolute_path};
use crate::lock::Lock;
use crate::path;
use crate::plan::{backup_places, domains, machines, unused_settings};
use crate::project::ProjectReader;
use crate::source::{self, Environment, EvaluationRequest, Evaluator, STACK_FILE};
use crate::store::{self, Cache, Changes, PreviousOutputs, Stamp, Watch};
use environment::Renderer;

/// Errors and warnings, each with the place in the stack that caused it, if there is one.
pub type Findings = Vec<Diagnostic>;

/// A stack, and which of its environments to generate and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The stack file.
    pub stack: PathBuf,
    /// Folders outside of the project that the stack may import from.
    pub allow_imports: Vec<PathBuf>,
    /// The process that evaluates the stack: a limited child process, or this process.
    pub evaluator: Evaluator,
    /// Names of the environments to generate; all if empty.
    pub environments: Vec<String>,
    /// The output folder; `deploy` next to the stack file by default.
    pub out: Option<PathBuf>,
    /// Whether to refuse images that are not pinned by a digest, and plugins whose files differ from their pins.
    pub frozen: bool,
    /// Digests of images that replace the digests in nself.lock.
    pub pins: Option<Lock>,
    /// Whether definitions of databases may have changes without a migration, for commands that only read the plan.
    pub allows_unwritten_migrations: bool,
}

impl Request {
    /// Returns a request for all environments of a stack, with the default output folder and the project's nself.lock.
    pub fn new(stack: impl Into<PathBuf>, evaluator: Evaluator) -> Self {
        Request {
            stack: stack.into(),
            allow_imports: Vec::new(),
            evaluator,
            environments: Vec::new(),
            out: None,
            frozen: false,
            pins: None,
            allows_unwritten_migrations: false,
        }
    }

    /// Returns the absolute path of the stack's folder.
    pub fn project(&self) -> PathBuf {
        absolute_path(self.stack_folder())
    }

    /// Returns the path of the output folder as the request names it; by default in the project.
    pub fn output_path(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| self.project().join(OUTPUT))
    }

    /// Returns the place of the run for commands in messages.
    pub fn commands(&self) -> Commands {
        let folder = self.out.clone().unwrap_or_else(|| self.stack_folder().join(OUTPUT));
        // `./deploy` is printed as `deploy`.
        let folder = folder.strip_prefix(".").map(Path::to_owned).unwrap_or(folder);
        let stack = Some(self.stack.clone()).filter(|stack| stack != Path::new(STACK_FILE));
        Commands { stack, folder, out: self.out.clone(), environments: self.environments.clone() }
    }

    /// Returns the output folder.
    pub fn output_folder(&self) -> Root {
        Root::output(&self.project(), self.out.as_deref())
    }

    /// Returns the part of the request that concerns the evaluation of the stack. The cache is next to the stack file.
    pub fn evaluation(&self) -> EvaluationRequest {
        EvaluationRequest {
            stack: self.stack.clone(),
            allow_imports: self.allow_imports.clone(),
            cache: self.stack_folder().join(".nself"),
            evaluator: self.evaluator.clone(),
        }
    }

    /// Returns the path of the stack's folder as the request names it; `.` for the current folder.
    fn stack_folder(&self) -> &Path {
        self.stack.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Returns a digest of the request. It is the file name of the stamp, the record of the last run of this request.
    /// It includes the path of the program, so that different programs use different stamps.
    fn digest(&self, out: &Root) -> Digest {
        let program = std::env::current_exe().ok();
        let text = format!(
            "{program:?} {:?} {:?} {:?} {} {:?}",
            self.stack,
            out.path(),
            self.environments,
            self.frozen,
            self.allow_imports
        );
        Digest::of(text.as_bytes())
    }
}

/// The result of [`generate`].
#[derive(Debug)]
pub struct Output {
    pub artifacts: Artifacts,
    /// Plans of the requested environments, in order of their names.
    pub plans: Vec<PlannedEnvironment>,
    /// The warnings about the stack.
    pub findings: Findings,
    /// Warnings about the change from the previous outputs. A later run does not repeat them.
    upgrade_warnings: Findings,
    /// The paths on which the result depends. If none of them changed, the next run need not generate the files.
    watches: Vec<Watch>,
    /// Names of the requested environments; `None` for all.
    selected: Option<BTreeSet<String>>,
    /// The outputs of the previous run that may be reused.
    previous: PreviousOutputs,
    /// The lock of the runs that write. While this run holds it, no other run writes.
    writers_lock: Option<File>,
}

impl Output {
    /// Returns whether the file belongs to a requested environment.
    pub fn is_selected(&self, path: &ArtifactPath) -> bool {
        store::is_selected(self.selected.as_ref(), path)
    }

    /// Returns the files that were read.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.watches.iter().filter_map(|watch| if let Watch::File(path) = watch { Some(path.as_path()) } else { None })
    }
}

/// The generated files, and how they compare with the output folder.
#[derive(Debug)]
pub struct Report {
    pub output: Output,
    pub changes: Changes,
    pub out: Root,
    /// The place of the run for commands in messages.
    pub commands: Commands,
}

impl Report {
    /// Returns the warnings, including the warnings about the change from the previous outputs.
    pub fn findings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.output.findings.iter().chain(&self.output.upgrade_warnings)
    }
}

/// Evaluates a stack, plans its environments and renders their files. It reads only files of the project and the
/// library, and writes only the files of the library in the cache `.nself`.
///
/// # Errors
/// All findings, if at least one of them is an error.
pub fn generate(request: &Request) -> Result<Output, Findings> {
    generate_from(request, None).map_err(|findings| request.commands().complete_hints(findings))
}

/// Does the same as [`generate`], but reuses files of the previous run, which `stamp` records, if neither the files nor
/// their inputs changed.
fn generate_from(request: &Request, stamp: Option<Stamp>) -> Result<Output, Findings> {
    let (project, out) = (request.project(), request.output_folder());
    let cache = Cache::new(&project);
    let loaded_stack = source::load(&request.evaluation())?;
    let mut reader = ProjectReader {
        project: &project,
        out: out.path(),
        lock: request.pins.as_ref(),
        selected: &request.environments,
        frozen: request.frozen,
        watches: watches_of_inputs(&loaded_stack.inputs, &cache),
        findings: loaded_stack.findings,
    };
    let files = reader.read(&loaded_stack.environments)?;
    let (watches, mut findings) = (reader.watches, reader.findings);
    findings.extend(unknown_environments(&request.environments, &loaded_stack.environments));
    let selected: Option<BTreeSet<String>> =
        (!request.environments.is_empty()).then(|| request.environments.iter().cloned().collect());
    let has_errors = findings.iter().any(Diagnostic::is_error);
    // The lock is taken now, so that no other run changes files between the check for reuse and the comparison.
    let writers_lock = stamp.as_ref().and_then(|_| cache.lock());
    // Without the lock, no file is reused.
    let stamp = if writers_lock.is_some() { stamp } else { None };
    let previous = stamp.map(|stamp| PreviousOutputs::from_stamp(&out, stamp)).unwrap_or_default();
    let is_selected = |environment: &Environment| {
        selected.as_ref().is_none_or(|selected| selected.contains(environment.name.as_str()))
    };
    // Also compared with the environments of which this run writes no files.
    let mut compared = findings_across_environments(&loaded_stack.environments);
    let is_about_selected = |finding: &Diagnostic| {
        let names = &finding.environments;
        selected.as_ref().is_none_or(|selected| names.is_empty() || names.iter().any(|name| selected.contains(name)))
    };
    compared.retain(is_about_selected);
    findings.extend(compared);
    // Only a run of all environments deletes the files of others.
    let mut upgrade_warnings =
        if selected.is_none() { removed_environments::warnings(&out, &loaded_stack.environments) } else { Vec::new() };
    let environments: Vec<Environment> = loaded_stack.environments.into_iter().filter(is_selected).collect();
    let renderer =
        Renderer { files: &files, previous: &previous.outputs, out: &out, frozen: request.frozen, has_errors };
    let mut artifacts = Artifacts::default();
    let mut plans = Vec::new();
    for rendered in renderer.render_all(environments) {
        artifacts
            .merge(Some(rendered.planned.plan.environment.as_str()), rendered.artifacts)
            .map_err(|finding| vec![finding])?;
        findings.extend(rendered.findings);
        upgrade_warnings.extend(rendered.upgrade_warnings);
        plans.push(rendered.planned);
    }
    let findings = findings_to_report(request, findings, &plans);
    if findings.iter().any(Diagnostic::is_error) {
        return Err(findings);
    }
    let commands = request.commands();
    let findings = commands.complete_hints(findings);
    let upgrade_warnings = diagnostic::merge_with_hints(commands.complete_hints(upgrade_warnings));
    Ok(Output { artifacts, plans, findings, upgrade_warnings, watches, selected, previous, writers_lock })
}

/// Returns what the files of a run depend on before it has read the files that the stack names: the program and the
/// files of the stack.
fn watches_of_inputs(inputs: &[source::Input], cache: &Cache) -> Vec<Watch> {
    let program = std::env::current_exe().ok().map(Watch::Program);
    // The library is part of the program, and the first run writes its files to the cache, so only the program is
    // watched.
    let inputs = inputs.iter().filter(|input| !input.path.starts_with(cache.library()));
    let watches = inputs.map(|source::Input { path, exists, .. }| match exists {
        true => Watch::File(path.clone()),
        false => Watch::Absent(path.clone()),
    });
    program.into_iter().chain(watches).collect()
}

/// Returns the findings of all environments, each once, without those that others explain or the request permits.
fn findings_to_report(request: &Request, findings: Findings, plans: &[PlannedEnvironment]) -> Findings {
    let mut findings = without_unwritten_migrations(diagnostic::merge(findings));
    use_layer_hints(&mut findings, plans);
    // Only the whole stack shows whether a waiver is unused.
    let is_unused = |finding: &Diagnostic| request.environments.is_empty() && is_unused_waiver(finding, plans);
    findings.retain(|finding| match finding.code {
        Code::UnusedWaiver => is_unused(finding),
        Code::MigrationMissing => !request.allows_unwritten_migrations,
        _ => true,
    });
    findings
}

/// Returns whether a waiver has no effect in any of the environments with it, and is not a waiver of the library.
fn is_unused_waiver(finding: &Diagnostic, plans: &[PlannedEnvironment]) -> bool {
    let (waive, name) = (finding.path.parent(), finding.path.last_key());
    let has_waiver = |planned: &&PlannedEnvironment| {
        let mut services = planned.plan.services.values();
        services.any(|service| service.waive.contains_key(name) && service.waive_path() == waive)
    };
    let is_of_library = finding.span.as_ref().is_some_and(|span| span.file.starts_with("nself/"));
    !is_of_library && plans.iter().filter(has_waiver).count() == finding.environments.len()
}

/// Replaces the hints of findings that name a service which some of the environments do not have.
fn use_layer_hints(findings: &mut [Diagnostic], plans: &[PlannedEnvironment]) {
    for finding in findings {
        let Some(layer_hint) = &finding.layer_hint else { continue };
        let has = |planned: &PlannedEnvironment, name: &str| {
            planned.plan.services.keys().any(|service| service.as_str() == name)
        };
        let lacks_service =
            |planned: &PlannedEnvironment| has(planned, &layer_hint.owner) && !has(planned, &layer_hint.service);
        if plans.iter().any(lacks_service) {
            finding.hint = layer_hint.hint(&finding.environments);
        }
    }
}

/// Removes findings about missing migrations of definitions that have other errors: the definition will change.
fn without_unwritten_migrations(findings: Findings) -> Findings {
    let is_other_error = |finding: &&Diagnostic| finding.is_error() && finding.code != Code::MigrationMissing;
    let errors: Vec<FieldPath> = findings.iter().filter(is_other_error).map(|finding| finding.path.clone()).collect();
    let has_other_error = |definition: &FieldPath| errors.iter().any(|path| path.starts_with(definition));
    findings
        .into_iter()
        .filter(|finding| finding.code != Code::MigrationMissing || !has_other_error(&finding.path))
        .collect()
}

/// Returns the findings that only a comparison of environments shows, at the field of one of them: a shared domain or
/// port, and settings that no environment uses.
fn findings_across_environments(environments: &[Environment]) -> Findings {
    let names_and_stacks = || environments.iter().map(|environment| (&environment.name, &environment.stack));
    let mut findings = domains::check_environments(names_and_stacks());
    findings.extend(machines::check_environments(names_and_stacks()));
    findings.extend(backup_places::check_environments(names_and_stacks()));
    findings.extend(unused_settings::check_environments(names_and_stacks()));
    for finding in &mut findings {
        let has_finding =
            |environment: &&Environment| finding.environments.iter().any(|name| *name == environment.name.as_str());
        if let Some(environment) = environments.iter().find(has_finding) {
            environment.origins.locate(finding);
        }
    }
    findings
}

/// Returns an error for each requested environment that the stack does not declare.
fn unknown_environments(requested: &[String], environments: &[Environment]) -> Findings {
    let names: Vec<&str> = environments.iter().map(|environment| environment.name.as_str()).collect();
    let unknown = requested.iter().filter(|name| !names.contains(&name.as_str()));
    let finding_about = |name: &String| {
        Diagnostic::error(Code::UnknownEnvironment, path!("environments"))
            .message(format!("the stack declares no environment `{name}`"))
            .expected(crate::words::one_of(&names))
            .hint(crate::words::suggestion_or(
                name,
                names.iter().copied(),
                "name one of these, or declare it in `environments`",
            ))
    };
    unknown.map(finding_about).collect()
}
