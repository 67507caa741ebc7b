//! `nself db verify`: checks that written migrations are unchanged and produce the definitions of the stack.

use clap::Args;
use serde_json::json;

use super::super::{Format, SUCCESS, output};
use super::{Outcome, SelectionArguments};
use crate::migrations;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// A git revision, such as origin/main, whose migrations may have been applied and must be unchanged.
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let verified = migrations::verify(&arguments.selection.selection(), arguments.base.as_deref())?;
    output::findings(&arguments.selection.stack.complete_hints(verified.warnings.clone()));
    match arguments.format {
        Format::Json => output::json(&json!({ "version": 1, "status": "fine", "migrations": verified.migrations })),
        Format::Text => output::remark(&format!("{}, unchanged", words::count(verified.migrations, "migration"))),
    }
    Ok(SUCCESS)
}
