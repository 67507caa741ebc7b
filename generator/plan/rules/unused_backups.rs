//! The rule of backups that no environment takes.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::{Backups, Profile, Stack};
use crate::values::EnvironmentName;

/// Warns if the stack has settings of backups, but no environment enables backups. One environment with backups is
/// enough, since the settings of the common part may be meant only for it. Environments that disable backups have none
/// on purpose.
pub fn check_environments<'a>(environments: impl Iterator<Item = (&'a EnvironmentName, &'a Stack)>) -> Vec<Diagnostic> {
    let environments: Vec<_> = environments.collect();
    if environments.iter().any(|(_, stack)| stack.backups.enabled == Some(true)) {
        return Vec::new();
    }
    let environments_with_settings: Vec<_> = environments
        .iter()
        .filter_map(|(name, stack)| Some((name, stack.profile, first_set_field(&stack.backups)?)))
        .collect();
    // Settings that every environment has are probably in the common part of the stack.
    let is_common = environments_with_settings.len() == environments.len();
    let prod_environment = environments_with_settings.iter().find(|(_, profile, _)| *profile == Some(Profile::Prod));
    let finding = prod_environment.or(environments_with_settings.first()).map(|(name, _, field)| {
        let (layer, names) = match is_common {
            true => (String::new(), Vec::new()),
            false => (format!("environments.{name}."), vec![name.to_string()]),
        };
        let mut finding = Diagnostic::warning(Code::BackupsOff, path!("backups", field))
            .message("nothing is backed up, since no environment enables backups")
            .hint(format!("set `{layer}backups.enabled = true`, or remove this field"));
        finding.environments = names;
        finding
    });
    finding.into_iter().collect()
}

/// Returns the first field with a value other than its default; `None` if there is none, or if `enabled` is set.
fn first_set_field(backups: &Backups) -> Option<&'static str> {
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
