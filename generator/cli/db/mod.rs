//! `nself db`: arguments and printing of the commands of [`migrations`](crate::migrations).

mod baseline;
mod diff;
mod down;
mod export;
mod import;
mod lint;
mod new;
mod status;
mod verify;

use clap::{Args, Subcommand};

use super::{ERROR, Format, StackArguments, output};
use crate::diagnostic::{self, Diagnostic};
use crate::migrations;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the SQL that `db new` would write, or that turns X into Y.
    Diff(diff::Arguments),
    /// Write the migrations that the definitions need.
    New(new::Arguments),
    /// Record hand-written migrations in nself.sum.
    Sum(new::SumArguments),
    /// Parse all migrations and list their hazards.
    Lint(lint::Arguments),
    /// Check that written migrations are unchanged and produce the definitions.
    Verify(verify::Arguments),
    /// Show the written and missing migrations of each database.
    Status(status::Arguments),
    /// Convert a DBML file, SQL or a running server to a definition in Nickel.
    Import(import::Arguments),
    /// Take over an existing server: write its ledger without running migrations.
    Baseline(baseline::Arguments),
    /// Print a script for psql that reverts migrations.
    Down(down::Arguments),
    /// Write the migrations as files for a different migration tool.
    Export(export::Arguments),
    /// Renumber the migrations of this branch so that they follow the migrations of another branch.
    Rebase(new::RebaseArguments),
}

/// Runs a command of `nself db` and returns its exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let (outcome, format) = match &arguments.action {
        Action::Diff(arguments) => (diff::run(arguments), arguments.findings_format()),
        Action::New(arguments) => (new::run(arguments), Format::Text),
        Action::Sum(arguments) => (new::sum(arguments), Format::Text),
        Action::Lint(arguments) => (lint::run(arguments), arguments.format),
        Action::Verify(arguments) => (verify::run(arguments), arguments.format),
        Action::Status(arguments) => (status::run(arguments), arguments.format),
        Action::Import(arguments) => (import::run(arguments), Format::Text),
        Action::Baseline(arguments) => (baseline::run(arguments), arguments.format),
        Action::Down(arguments) => (down::run(arguments), Format::Text),
        Action::Export(arguments) => (export::run(arguments), Format::Text),
        Action::Rebase(arguments) => (new::rebase(arguments), Format::Text),
    };
    outcome.unwrap_or_else(|findings| {
        let findings = diagnostic::merge(findings);
        output::failure(format, &findings);
        ERROR
    })
}

/// The exit code of a command, or the findings that ended it.
type Outcome = Result<u8, Vec<Diagnostic>>;

/// Arguments that select a stack and its databases.
#[derive(Debug, Clone, Args)]
struct SelectionArguments {
    #[command(flatten)]
    stack: StackArguments,
    /// Only this database; may be repeated.
    #[arg(long = "database", value_name = "NAME")]
    databases: Vec<String>,
}

impl SelectionArguments {
    fn selection(&self) -> migrations::Selection {
        migrations::Selection { request: self.stack.evaluation_request(), databases: self.databases.clone() }
    }
}
