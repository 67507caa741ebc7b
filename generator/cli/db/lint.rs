//! `nself db lint`: parses all migrations and lists their hazards.

use clap::Args;
use serde_json::json;

use super::super::{DIFFERENCES, Format, SUCCESS, output};
use super::{Outcome, SelectionArguments};
use crate::migrations::{self, Hazard, Lint};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let Lint { hazards, findings } = migrations::lint(&arguments.selection.selection())?;
    let findings = arguments.selection.stack.complete_hints(findings);
    match arguments.format {
        Format::Json => {
            let status = if findings.is_empty() { "fine" } else { "findings" };
            output::json(&json!({ "version": 1, "status": status, "hazards": hazards, "diagnostics": findings }));
        }
        Format::Text => {
            for Hazard { database, migration, hazard, why, what, .. } in &hazards {
                output::line(&format!("{database} {migration} {}: {why} ({what})", hazard.id()));
            }
            output::findings(&findings);
        }
    }
    Ok(if findings.is_empty() { SUCCESS } else { DIFFERENCES })
}
