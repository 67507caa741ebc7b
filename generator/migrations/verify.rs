//! Checks that migrations are unchanged since nself wrote them, that the history starts with all migrations of a base
//! revision, and that it produces the definitions.

use super::definition::{Definition, Selection};
use super::revision::Revision;
use crate::database::history::{History, check_base_unchanged};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::JsonDecoder;

/// The result of a check without errors.
#[derive(Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of migrations of all selected databases.
    pub migrations: usize,
    pub warnings: Vec<Diagnostic>,
}

/// Checks the migrations of the selected databases. With `base`, a git revision, also checks that the migrations of
/// that revision are unchanged.
///
/// # Errors
/// NS730 to NS732 for each database whose migrations are changed, missing or damaged; NS804 with the message of git.
pub fn verify(selection: &Selection, base: Option<&str>) -> Result<Verified, Vec<Diagnostic>> {
    let base = base.map(|name| Revision { project: selection.project(), name });
    let mut verified = Verified { migrations: 0, warnings: Vec::new() };
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
        verified.migrations += history.migrations.len();
        match history.schema(name, &JsonDecoder) {
            Ok(last_schema) => verified.warnings.extend(definition.unknown_allowances(&last_schema)),
            Err(finding) => errors.push(finding),
        }
        errors.extend(missing_migration_finding(&definition, &history));
        if let Some(base) = &base {
            errors.extend(check_base_unchanged(name, &base.sum(name)?, &history.sum()));
        }
    }
    if errors.is_empty() { Ok(verified) } else { Err(errors.into_iter().chain(verified.warnings).collect()) }
}

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
