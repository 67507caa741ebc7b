//! The rule of the places of backups: each environment has a separate one.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::Stack;
use crate::values::EnvironmentName;

/// Refuses environments with backups in the same folder of the same bucket: a restore could not tell the snapshots of
/// their volumes apart.
pub fn check_environments<'a>(environments: impl Iterator<Item = (&'a EnvironmentName, &'a Stack)>) -> Vec<Diagnostic> {
    let mut environments_by_place: BTreeMap<(Option<String>, String), Vec<&EnvironmentName>> = BTreeMap::new();
    for (name, stack) in environments.filter(|(_, stack)| stack.backups.enabled == Some(true)) {
        if let Some(s3) = &stack.backups.target.s3 {
            let folder = format!("{}/{}", s3.bucket, s3.path_of(&stack.project, name));
            let endpoint = s3.endpoint.as_ref().map(ToString::to_string);
            environments_by_place.entry((endpoint, folder)).or_default().push(name);
        }
    }
    let shared_places = environments_by_place.into_iter().filter(|(_, environments)| environments.len() > 1);
    shared_places.map(|((_, folder), environments)| shared_place(&folder, &environments)).collect()
}

/// Returns the finding for a folder of a bucket with the backups of several environments.
fn shared_place(folder: &str, environments: &[&EnvironmentName]) -> Diagnostic {
    let mut finding = Diagnostic::error(Code::BackupPlace, path!("backups", "target", "s3"))
        .message(format!("{} environments store backups in `{folder}`", environments.len()))
        .expected("a separate folder for each environment")
        .hint(format!(
            "remove `backups.target.s3.path`, since the default has the name of the environment, or move `backups` to `environments.prod`, for example; `environments.{}.backups.enabled = false` excludes an environment",
            environments[0]
        ));
    finding.environments = environments.iter().map(ToString::to_string).collect();
    finding
}
