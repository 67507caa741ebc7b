//! Summaries of a plan: each secret with the recipe for its value, and the health check of each service. Tools that run
//! the stack read them instead of evaluating the stack.

mod removed_secrets;

pub use removed_secrets::warnings as upgrade_warnings;

use std::collections::BTreeMap;

use serde::Serialize;

use super::provenance::{GeneratedLine, fields_of_secret, fields_of_service_keys};
use super::{Backend, Description, Emit, Input};
use crate::artifact::{Artifacts, StepInput, json};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::plan::secret_list::{SecretEntry, SecretList, variable};
use crate::plan::{Check, Plan};
use crate::values::ServiceName;

/// The path of the list of secrets, relative to an environment's folder.
pub const SECRETS: &str = "secrets.json";

pub const DESCRIPTION: Description = Description {
    paths: &[".gitattributes", ".gitignore", "health.json", SECRETS],
    reads: "the whole plan",
    emit: Emit::FromInput(emit),
    file_fields: |_, _| Vec::new(),
    line_fields,
};

/// Returns the fields from which a line of `secrets.json` or `health.json` may come.
fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    match line.keys().as_slice() {
        ["secrets", secret, ..] => fields_of_secret(plan, secret),
        ["services", service, ..] => fields_of_service_keys(plan, service, &["health"], &[]),
        _ => Vec::new(),
    }
}

/// The content of `health.json`.
#[derive(Debug, Serialize)]
struct HealthList<'a> {
    version: u32,
    services: BTreeMap<&'a ServiceName, HealthEntry<'a>>,
}

/// The health check of a service, and the services for which its start waits.
#[derive(Debug, Serialize)]
struct HealthEntry<'a> {
    check: &'a Check,
    waits_for: Vec<&'a ServiceName>,
}

/// Writes the summaries of one environment, a `.gitignore` that excludes secrets from version control, and a
/// `.gitattributes` that prevents git from converting line endings.
fn emit(input: &Input) -> Result<Artifacts, Vec<Diagnostic>> {
    let files = files(input.plan).map_err(|finding| vec![finding])?;
    Ok(files.derived_from(&StepInput::from_digest(Backend::Summary.generator(), input.digests.digest())))
}

/// Returns the files that [`emit`] writes.
fn files(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let entries = plan.secrets.iter().map(|(name, secret)| {
        let variable = (!secret.variable_readers.is_empty()).then(|| variable(name));
        let used_by = secret.file_readers.union(&secret.variable_readers).cloned().collect();
        let min_length = (secret.min_length > 0).then_some(secret.min_length);
        (name.clone(), SecretEntry { recipe: secret.recipe.clone(), variable, min_length, used_by })
    });
    let secrets = SecretList {
        version: 1,
        project: plan.project.clone(),
        environment: plan.environment.clone(),
        profile: plan.profile,
        secrets: entries.collect(),
    };
    let services = plan.services.iter().map(|(name, service)| {
        (name, HealthEntry { check: &service.health.check, waits_for: service.depends_on.keys().collect() })
    });
    let health = HealthList { version: 1, services: services.collect() };
    let mut files = Artifacts::default();
    files.add(SECRETS, json::to_pretty(&secrets))?;
    files.add("health.json", json::to_pretty(&health))?;
    files.add(".gitignore", "/.env\n/secrets/\n")?;
    // The manifest records the digests of the files, so git must not convert line endings.
    files.add(".gitattributes", "* -text\n")?;
    Ok(files)
}
