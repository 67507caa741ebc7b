//! `nself db down`: prints a script for psql that reverts migrations.

use clap::Args;

use super::super::{SUCCESS, output};
use super::{Outcome, SelectionArguments};
use crate::migrations;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Number of the last migration to keep; 0 reverts all.
    #[arg(long, value_name = "NUMBER")]
    to: usize,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
}

pub fn run(arguments: &Arguments) -> Outcome {
    output::document(&migrations::down_script(&arguments.selection.selection(), arguments.to)?);
    Ok(SUCCESS)
}
