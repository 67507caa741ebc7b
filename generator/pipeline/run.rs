//! A run of `nself gen` or `nself check`: generates the files, compares them with the output folder and writes them.

use super::{Findings, Report, Request, cache, generate_from};
use crate::diagnostic;
use crate::store::{self, Cache, Stamp, StampWriter};

/// The writes that a run may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Compares only. Every file is rendered and compared byte by byte.
    Check,
    /// Writes the files that differ, but refuses to replace files that were edited by hand or that nself did not write.
    Write,
    /// Writes the files that differ, and replaces files that were edited by hand or that nself did not write.
    Force,
}

/// The result of a run.
#[derive(Debug)]
pub enum Outcome {
    /// No input and no output changed since the last run, so nothing was evaluated. Contains the report of the run that
    /// wrote the stamp, as JSON.
    Unchanged(String),
    Done(Box<Report>),
}

/// Generates, compares and writes. `format_report` formats the report for the stamp; a later run without changes returns
/// this text as [`Outcome::Unchanged`].
///
/// # Errors
/// The errors of [`generate`](super::generate), of the comparison and of writing.
pub fn run(request: &Request, mode: Mode, format_report: fn(&Report) -> String) -> Result<Outcome, Findings> {
    let outcome = run_or_reuse(request, mode, format_report);
    outcome.map_err(|findings| request.commands().complete_hints(findings))
}

/// Does the same as [`run`], but does not complete the commands in hints.
fn run_or_reuse(request: &Request, mode: Mode, format_report: fn(&Report) -> String) -> Result<Outcome, Findings> {
    let (project, out) = (request.project(), request.output_folder());
    let cache = Cache::new(&project);
    let stamp_file = cache.stamp(&request.digest(&out));
    let last_stamp = if mode == Mode::Force { None } else { Stamp::read(&stamp_file) };
    if let Some(stamp) = last_stamp.as_ref().filter(|stamp| stamp.is_fresh(&out)) {
        return Ok(Outcome::Unchanged(stamp.saved_report().to_owned()));
    }
    // A stale stamp still tells which files can be reused. A check renders every file, so it reuses none.
    let stamp_for_reuse = last_stamp.filter(|_| mode != Mode::Check);
    // The stamp file is created before any input is read. So an input that changes during the run is newer than the
    // stamp, and the next run does not use the stamp.
    let stamp_writer = StampWriter::begin(&stamp_file);
    let output = generate_from(request, stamp_for_reuse).map_err(diagnostic::merge)?;
    // If files were reused, the output already holds the lock of the writers.
    let writers_lock = if mode == Mode::Check || output.writers_lock.is_some() { None } else { cache.lock() };
    let changes = store::compare(&out, &output.artifacts, output.selected.as_ref(), &output.previous)?;
    let report = Report { output, changes, out, commands: request.commands() };
    write_and_archive(&cache, &project, mode, &report)?;
    if let Some(writer) = stamp_writer
        && (mode != Mode::Check || !report.changes.differ())
    {
        cache::save_stamp(writer, &report, &format_report(&report));
    }
    drop(writers_lock);
    Ok(Outcome::Done(Box::new(report)))
}

/// Writes the changes, and records them in the cache.
fn write_and_archive(cache: &Cache, project: &std::path::Path, mode: Mode, report: &Report) -> Result<(), Findings> {
    if mode == Mode::Check {
        return Ok(());
    }
    // `changes` describes the output folder before it is written, so `differ` stays true after `apply`.
    if !report.changes.nothing_to_apply() {
        store::apply(&report.changes, mode == Mode::Force)?;
    }
    if report.changes.differ() || cache.generations().is_empty() {
        cache::archive(cache, project, report);
    }
    Ok(())
}
