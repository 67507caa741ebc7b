//! `nself db lint`: what the migrations do to data, rights and running programs.

use clap::Args;
use serde_json::{Value, json};
use squawk_syntax::SourceFile;

use super::super::{FINE, FOUND, Format, output};
use super::{Outcome, Selection};
use crate::database::lexer;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};

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
        for migration in arguments.selection.history(name)?.migrations {
            for (file, text) in [("up.sql", Some(&migration.up)), ("down.sql", migration.down.as_ref())] {
                let Some(text) = text else { continue };
                let shown = format!("db/{name}/migrations/{}/{file}", migration.name);
                findings.extend(parse(&shown, text));
            }
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
                output::result(&format!(
                    "{} {} {}: {} ({})\n",
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
    Ok(if found { FOUND } else { FINE })
}

/// What PostgreSQL would not parse, and what psql would take for a command of its own.
fn parse(file: &str, text: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut report = |at: usize, message: String| {
        let before = text.get(..at).unwrap_or(text);
        let line = u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let span = Span { file: file.to_owned(), line, column: u32::try_from(column).unwrap_or(u32::MAX) };
        found.push(Diagnostic::error(Code::SqlSyntax, FieldPath::root()).message(message).at(Some(span)));
    };
    if let Some(reason) = lexer::open(text, true).filter(|reason| reason != "it is empty") {
        report(0, reason);
    }
    for error in SourceFile::parse(text).errors() {
        report(usize::from(error.range().start()), error.message().to_owned());
    }
    found
}
