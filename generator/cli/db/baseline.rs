//! `nself db baseline`: writes the ledger of an existing server without running migrations.

use clap::Args;
use serde_json::json;

use super::super::{Format, SUCCESS, output};
use super::{Outcome, SelectionArguments};
use crate::migrations;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// URL of the server itself, not of a pooler, with the role that owns the database.
    #[arg(long, value_name = "URL")]
    url: String,
    /// URL of a server of the same version, on which the migrations run in a temporary database.
    #[arg(long, value_name = "URL")]
    scratch: String,
    /// Number of the last migration that the server already has; all by default.
    #[arg(long, value_name = "NUMBER")]
    to: Option<usize>,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let selection = arguments.selection.selection();
    let baseline = migrations::baseline(&selection, &arguments.url, &arguments.scratch, arguments.to)?;
    let migrations::Baseline { database, migrations, waiting } = baseline;
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "fine", "database": database, "migrations": migrations, "waiting": waiting,
        })),
        Format::Text => {
            let count = words::count(migrations, "migration");
            output::line(&format!("{database}: {count} in the ledger, {waiting} waiting"));
        }
    }
    Ok(SUCCESS)
}
