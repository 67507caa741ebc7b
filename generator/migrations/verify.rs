//! Checks that migrations are unchanged since they were recorded, that the history starts with all migrations of a base
//! revision, and that the resulting schemas are those of the definitions.

use super::definition::{Definition, Selection};
use super::revision::Revision;
use crate::database::history::{History, check_base_unchanged};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::JsonDecoder;

/// The result of a check without errors.
#[derive(Debug, PartialEq, Eq)]
pub struct Verification {
    /// Number of migrations of all selected databases.
    pub migrations: usize,
    pub warnings: Vec<Diagnostic>,
}

/// Checks the migrations of the selected databases. With `base`, a git revision, also checks that the history starts with
/// all migrations of that revision.
///
/// # Errors
/// NS730 to NS732 for each database whose migrations are changed, missing or damaged; NS804 with the message of git.
pub fn verify(selection: &Selection, base: Option<&str>) -> Result<Verification, Vec<Diagnostic>> {
    let base = base.map(|name| Revision { project: selection.project(), name });
    let mut verification = Verification { migrations: 0, warnings: Vec::new() };
    let mut errors = Vec::new();
    for definition in selection.definitions()? {
        let name = &definition.name;
        let history = match selection.history(name) {
            Ok(history) => history,
            Err(findings) => {
                errors.extend(findings);
                continue;
            }
        };
        verification.migrations += history.migrations.len();
        match history.schema(name, &JsonDecoder) {
            Ok(last_schema) => verification.warnings.extend(definition.unknown_allowances(&last_schema)),
            Err(finding) => errors.push(finding),
        }
        errors.extend(missing_migration_finding(&definition, &history));
        if let Some(base) = &base {
            errors.extend(check_base_unchanged(name, &base.sum(name)?, &history.sum()));
        }
    }
    if errors.is_empty() { Ok(verification) } else { Err(errors.into_iter().chain(verification.warnings).collect()) }
}

/// Returns a finding if the definition has changes without a migration.
fn missing_migration_finding(definition: &Definition, history: &History) -> Vec<Diagnostic> {
    if history.snapshot == snapshot::objects(&definition.schema) {
        return Vec::new();
    }
    definition.locate(vec![
        Diagnostic::error(Code::MigrationMissing, definition.root())
            .message(format!("the definition of `{}` has changes without a migration", definition.name))
            .hint("write the migration with `nself db new`; `nself db diff` shows the changes"),
    ])
}
