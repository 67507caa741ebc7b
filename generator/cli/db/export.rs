//! `nself db export`: writes the migrations as files for a different migration tool.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::super::{SUCCESS, output};
use super::{Outcome, SelectionArguments};
use crate::migrations::{self, Runner};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The migration tool.
    #[arg(long, value_parser = runner_parser())]
    format: Runner,
    /// The folder to write to; other files in it stay.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
}

/// Returns the parser of `--format`. It lists the names of all tools in the help.
fn runner_parser() -> impl TypedValueParser<Value = Runner> {
    PossibleValuesParser::new(Runner::ALL.map(Runner::name)).try_map(|name| name.parse::<Runner>())
}

pub fn run(arguments: &Arguments) -> Outcome {
    let paths = migrations::export(&arguments.selection.selection(), arguments.format, &arguments.out)?;
    paths.iter().for_each(|path| output::line(path));
    Ok(SUCCESS)
}
