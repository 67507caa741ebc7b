//! Lists the hazards of the written migrations for data, rights and running programs.

use serde::Serialize;

use super::definition::Selection;
use crate::database::hazard;
use crate::diagnostic::Diagnostic;
use crate::values::SqlIdent;

/// A hazard of one step of a migration.
#[derive(Debug, Serialize)]
pub struct Hazard {
    pub database: SqlIdent,
    pub migration: String,
    /// The object that the step changes.
    pub object: String,
    pub hazard: hazard::Hazard,
    /// The reason for the step, such as `orders.total is new`.
    pub why: String,
    /// The effect of the hazard, such as "the stored data is lost".
    pub what: &'static str,
    /// Whether the definition must allow the hazard.
    pub reviewed: bool,
}

/// Hazards of all migrations, and findings about SQL that the runner cannot apply.
#[derive(Debug)]
pub struct Lint {
    pub hazards: Vec<Hazard>,
    pub findings: Vec<Diagnostic>,
}

/// Lists the hazards of the migrations of the selected databases, and checks the SQL of the migrations.
///
/// # Errors
/// The errors of reading the definitions and the migrations.
pub fn lint(selection: &Selection) -> Result<Lint, Vec<Diagnostic>> {
    let mut lint = Lint { hazards: Vec::new(), findings: Vec::new() };
    for definition in selection.definitions()? {
        let history = selection.history(&definition.name)?;
        lint.findings.extend(history.check_sql(&definition.name));
        for migration in &history.migrations {
            for step in &migration.plan.steps {
                lint.hazards.extend(step.hazards.iter().map(|hazard| Hazard {
                    database: definition.name.clone(),
                    migration: migration.name.to_string(),
                    object: step.object.clone(),
                    hazard: *hazard,
                    why: step.why.clone(),
                    what: hazard.what(),
                    reviewed: hazard.needs_review(),
                }));
            }
        }
    }
    Ok(lint)
}
