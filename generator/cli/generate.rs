//! `nself gen` and `nself check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, output};
use crate::diagnostic;
use crate::pipeline::{self, Mode, Outcome, Report, Request};
use crate::store::{self, Change, MANIFEST, State};
use crate::terminal::Lines;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    shared: SharedArguments,
    /// Write nothing; show the changes, and exit with 1 if there are any.
    #[arg(long)]
    check: bool,
    /// Overwrite files that were edited by hand or that nself did not write.
    #[arg(long)]
    force: bool,
    /// Generate again at each change of the stack and the files that it uses, until the command is stopped.
    #[arg(long, conflicts_with = "check")]
    watch: bool,
}

/// The pause between two runs of `--watch`. A run that finds no change takes about 1 % of this time.
const PAUSE: Duration = Duration::from_millis(300);
/// The pause after a run with errors. It is longer, since the next run evaluates the stack again even without a change.
const PAUSE_AFTER_ERRORS: Duration = Duration::from_secs(1);

/// Arguments of `gen` and `check`.
#[derive(Debug, Args)]
pub struct SharedArguments {
    #[command(flatten)]
    stack: StackArguments,
    /// Only this environment; may be repeated.
    #[arg(long = "env", value_name = "NAME")]
    environments: Vec<String>,
    /// The output folder; by default `deploy` in the folder of the stack.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Refuse images that are not pinned by digest, and plugins whose files differ from nself.lock.
    #[arg(long)]
    frozen: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl SharedArguments {
    fn request(&self) -> Request {
        Request { frozen: self.frozen, ..self.stack.request(&self.environments, self.out.as_deref()) }
    }
}

/// Generates the files of a stack.
pub fn run(arguments: &Arguments) -> u8 {
    let mode = match (arguments.check, arguments.force) {
        (true, _) => Mode::Check,
        (false, true) => Mode::Force,
        (false, false) => Mode::Write,
    };
    if arguments.watch { watch(mode, &arguments.shared) } else { run_once(mode, &arguments.shared) }
}

/// Generates the files at each change. It prints a report only if files changed or the errors of the last run are gone,
/// and errors only if they differ from those of the last run.
fn watch(mode: Mode, arguments: &SharedArguments) -> ! {
    let request = arguments.request();
    let mut last_errors = None;
    loop {
        let pause = match pipeline::run(&request, mode, saved_report) {
            Ok(outcome) => {
                let had_errors = last_errors.take().is_some();
                match outcome {
                    Outcome::Unchanged(saved) if had_errors => _ = print_saved(arguments.format, &saved),
                    Outcome::Done(report) if had_errors || report.changes.differ() => {
                        _ = print_report(arguments.format, mode == Mode::Check, &report);
                    }
                    _ => {}
                }
                PAUSE
            }
            Err(findings) => {
                let findings = diagnostic::merge(findings);
                if last_errors.as_ref() != Some(&findings) {
                    output::failure(arguments.format, &findings);
                }
                last_errors = Some(findings);
                PAUSE_AFTER_ERRORS
            }
        };
        std::thread::sleep(pause);
    }
}

/// Compares the files with the stack.
pub fn check(arguments: &SharedArguments) -> u8 {
    run_once(Mode::Check, arguments)
}

/// Generates or compares the files once, prints the report or the findings, and returns the exit code.
fn run_once(mode: Mode, arguments: &SharedArguments) -> u8 {
    match pipeline::run(&arguments.request(), mode, saved_report) {
        Ok(Outcome::Unchanged(saved)) => print_saved(arguments.format, &saved),
        Ok(Outcome::Done(report)) => {
            let code = print_report(arguments.format, mode == Mode::Check, &report);
            // The process is about to exit, so skip dropping the plan: freeing it costs a fifth of planning time.
            std::mem::forget(report);
            code
        }
        Err(findings) => {
            output::failure(arguments.format, &diagnostic::merge(findings));
            ERROR
        }
    }
}

/// Prints the report that [`saved_report`] returned in an earlier run, and returns the exit code.
fn print_saved(format: Format, saved: &str) -> u8 {
    let report: Value = serde_json::from_str(saved).unwrap_or_default();
    match format {
        Format::Json => output::json(&report["result"]),
        Format::Text => {
            output::remarks(&Lines::text(report["remarks"].as_str().unwrap_or_default()));
            let files = words::count(report["files"].as_u64().unwrap_or_default(), "file");
            output::remark(&format!("{files}, all up to date"));
        }
    }
    SUCCESS
}

/// Returns the report that a later run prints if nothing changed, as JSON: `result` for `--format json`, and `remarks`
/// and `files` for text. It contains the warnings and the files that nself did not write.
fn saved_report(report: &Report) -> String {
    let (changes, findings) = (&report.changes, &report.output.findings);
    let file_count = changes.manifest.files.keys().filter(|path| report.output.is_selected(path)).count();
    let foreign_files: Vec<Change> =
        changes.changes.iter().filter(|change| change.state == State::Foreign).cloned().collect();
    let mut counts = store::counts(&foreign_files);
    counts.insert(State::Same.name(), file_count);
    let result = json!({
        "version": 1, "status": "same", "counts": counts, "rendered": 0, "files": store::states(&foreign_files),
        "diagnostics": findings,
    });
    let mut remarks = Lines::default();
    let colour = false;
    for finding in findings {
        remarks.append(&output::render(finding, colour));
    }
    remarks.append(&store::foreign_files(&foreign_files));
    json!({ "result": result, "remarks": remarks.as_str(), "files": file_count }).to_string()
}

/// Prints the report of a run, and returns the exit code.
fn print_report(format: Format, is_check: bool, report: &Report) -> u8 {
    let changes = &report.changes;
    let differs = changes.differ();
    let findings: Vec<_> = report.findings().collect();
    let rendered_count = report.output.artifacts.iter().filter(|(_, artifact)| artifact.bytes().is_some()).count();
    let status = match (is_check, differs) {
        (_, false) => "same",
        (true, true) => "differs",
        (false, true) => "written",
    };
    match format {
        Format::Json => output::json(&json!({
            "version": 1, "status": status, "counts": changes.counts(), "rendered": rendered_count,
            "files": store::states(&changes.changes), "diagnostics": findings,
        })),
        Format::Text => {
            output::findings(findings);
            if is_check {
                output::lines(&store::diff(&changes.changes));
            }
            let line_end_warning = store::line_end_warning(&changes.changes);
            output::remarks(&Lines::text(&report.commands.complete(line_end_warning.as_str(), None)));
            output::remarks(&store::foreign_files(&changes.changes));
            output::remark(&summary(report, status, rendered_count));
        }
    }
    if is_check && differs { DIFFERENCES } else { SUCCESS }
}

/// Returns the last line of a run: the output folder, the number of files in each state, and what was done.
fn summary(report: &Report, status: &str, rendered_count: usize) -> String {
    let changes = &report.changes;
    let mut counts: Vec<String> = changes.counts().iter().map(|(state, count)| format!("{count} {state}")).collect();
    // The counts show only differences of files, so a difference of the manifest alone is added to them.
    let only_manifest_differs = changes.differ() && !changes.changes.iter().any(|change| change.state.differs());
    if only_manifest_differs {
        counts.push(format!("{MANIFEST} {}", if changes.manifest_exists { "differs" } else { "missing" }));
    }
    let result = match status {
        "same" => "all up to date".to_owned(),
        "differs" => report.commands.complete("run `nself gen` to update", None),
        _ => "written".to_owned(),
    };
    let out = report.out.path();
    let out = out.strip_prefix(std::env::current_dir().unwrap_or_default()).unwrap_or(out);
    // If no file of the previous run could be reused, every file is rendered, so the count is not worth printing.
    let rendered = if changes.reused == 0 { String::new() } else { format!("; {rendered_count} generated again") };
    format!("{}: {}; {result}{rendered}", out.display(), counts.join(", "))
}
