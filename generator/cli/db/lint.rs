//! `nself db lint`: what the migrations do to data, rights and running programs.

use clap::Args;
use serde_json::{Value, json};

use super::super::{DIFFERENCES, Format, SUCCESS, output};
use super::{Outcome, Selection};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut findings = Vec::new();
    let mut hazards: Vec<Value> = Vec::new();
    for definition in arguments.selection.definitions()? {
        let name = &definition.name;
        let history = arguments.selection.history(name)?;
        findings.extend(history.check_sql(name));
        for migration in history.migrations {
            for step in &migration.plan.steps {
                for hazard in &step.hazards {
                    hazards.push(json!({
                        "database": name, "migration": migration.name, "object": step.object,
                        "hazard": hazard, "why": step.why, "what": hazard.what(), "reviewed": hazard.needs_review(),
                    }));
                }
            }
        }
    }
    let found = !findings.is_empty();
    match arguments.format {
        Format::Json => {
            let status = if found { "findings" } else { "fine" };
            output::json(&json!({ "version": 1, "status": status, "hazards": hazards, "diagnostics": findings }));
        }
        Format::Text => {
            for hazard in &hazards {
                let text = |key: &str| hazard[key].as_str().unwrap_or_default().to_owned();
                output::line(&format!(
                    "{} {} {}: {} ({})",
                    text("database"),
                    text("migration"),
                    text("hazard"),
                    text("why"),
                    text("what")
                ));
            }
            output::findings(&findings);
        }
    }
    Ok(if found { DIFFERENCES } else { SUCCESS })
}
