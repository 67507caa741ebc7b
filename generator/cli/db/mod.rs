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
    let action = &arguments.action;
    action.run().unwrap_or_else(|findings| {
        let findings = diagnostic::merge(findings);
        let findings = match action.selection() {
            Some(selection) => selection.stack.complete_hints(findings),
            None => findings,
        };
        output::failure(action.format(), &findings);
        ERROR
    })
}

impl Action {
    fn run(&self) -> Outcome {
        match self {
            Action::Diff(arguments) => diff::run(arguments),
            Action::New(arguments) => new::run(arguments),
            Action::Sum(arguments) => new::sum(arguments),
            Action::Lint(arguments) => lint::run(arguments),
            Action::Verify(arguments) => verify::run(arguments),
            Action::Status(arguments) => status::run(arguments),
            Action::Import(arguments) => import::run(arguments),
            Action::Baseline(arguments) => baseline::run(arguments),
            Action::Down(arguments) => down::run(arguments),
            Action::Export(arguments) => export::run(arguments),
            Action::Rebase(arguments) => new::rebase(arguments),
        }
    }

    /// Returns the format of the findings that end the command.
    fn format(&self) -> Format {
        match self {
            Action::Diff(arguments) => arguments.findings_format(),
            Action::Lint(arguments) => arguments.format,
            Action::Verify(arguments) => arguments.format,
            Action::Status(arguments) => arguments.format,
            Action::Baseline(arguments) => arguments.format,
            Action::New(_)
            | Action::Sum(_)
            | Action::Import(_)
            | Action::Down(_)
            | Action::Export(_)
            | Action::Rebase(_) => Format::Text,
        }
    }

    /// Returns the stack and databases that the command reads; `None` for a command that reads no stack.
    fn selection(&self) -> Option<&SelectionArguments> {
        Some(match self {
            Action::Diff(arguments) => &arguments.selection,
            Action::New(arguments) => &arguments.selection,
            Action::Sum(arguments) => &arguments.selection,
            Action::Lint(arguments) => &arguments.selection,
            Action::Verify(arguments) => &arguments.selection,
            Action::Status(arguments) => &arguments.selection,
            Action::Baseline(arguments) => &arguments.selection,
            Action::Down(arguments) => &arguments.selection,
            Action::Export(arguments) => &arguments.selection,
            Action::Rebase(arguments) => &arguments.selection,
            Action::Import(_) => return None,
        })
    }
}

/// The remark of a command that finds no database to work on.
const NO_DATABASES: &str = "the stack defines no database: `databases.<name>` is the definition of one";

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
