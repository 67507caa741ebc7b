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
    /// Number of the last migration that the server has; the last one of the folder by default.
    #[arg(long, value_name = "NUMBER")]
    from: Option<usize>,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
}

pub fn run(arguments: &Arguments) -> Outcome {
    output::document(&migrations::down_script(&arguments.selection.selection(), arguments.to, arguments.from)?);
    Ok(SUCCESS)
}
