//! The rule of backups that no environment takes.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::{Backups, Stack};
use crate::values::EnvironmentName;

/// Warns if the stack has settings of backups, but no environment enables backups. One environment with backups is
/// enough, since the settings of the common part may be meant only for it. Environments that disable backups have none
/// on purpose.
pub fn check_environments<'a>(environments: impl Iterator<Item = (&'a EnvironmentName, &'a Stack)>) -> Vec<Diagnostic> {
    let environments: Vec<_> = environments.collect();
    if environments.iter().any(|(_, stack)| stack.backups.enabled == Some(true)) {
        return Vec::new();
    }
    let configured = environments.iter().find_map(|(name, stack)| Some((name, set_field(&stack.backups)?)));
    let finding = configured.map(|(name, field)| {
        let mut finding = Diagnostic::warning(Code::BackupsOff, path!("backups", field))
            .message("nothing is backed up, since no environment enables backups")
            .hint(format!("set `environments.{name}.backups.enabled = true`, or remove this field"));
        finding.environments = vec![name.to_string()];
        finding
    });
    finding.into_iter().collect()
}

/// Returns the first field with a value, unless `enabled` has one.
fn set_field(backups: &Backups) -> Option<&'static str> {
    let default = Backups::default();
    let fields = [
        ("target", backups.target != default.target),
        ("schedule", backups.schedule.is_some()),
        ("volumes", !backups.volumes.is_empty()),
        ("buckets", !backups.buckets.is_empty()),
        ("files_schedule", backups.files_schedule.is_some()),
        ("retention", backups.retention != default.retention),
        ("key", backups.key.is_some()),
    ];
    fields.into_iter().find(|(_, is_set)| *is_set && backups.enabled.is_none()).map(|(field, _)| field)
}
