//! The Compose backend: one project for each environment, whose services start in the order of their dependencies and
//! wait for health checks. It only translates: every decision is in the plan.

mod fidelity;
mod health;
mod lost_volumes;
mod model;
mod networks;
mod postgres_upgrade;
mod raw_keys;
mod service;

pub use fidelity::TABLE as FIDELITY;
pub use lost_volumes::removed_environment;
pub use raw_keys::RAW_KEYS;

use std::collections::BTreeMap;

use super::findings::Findings;
use super::provenance::{GeneratedLine, field_of_service, fields_of_secret, fields_of_service_keys};
use super::{Backend, Description, Emit, Input};
use crate::artifact::{Artifacts, StepInput, yaml};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::plan::Plan;
use crate::stack::Compat;
use model::{Empty, File, SecretFile, Service};

pub const DESCRIPTION: Description = Description {
    paths: &[FILE, "fidelity.json"],
    reads: "the whole plan, and the digests of mounted files",
    emit: Emit::FromInput(emit),
    file_fields: |_, _| Vec::new(),
    line_fields,
};

/// The path of the Compose file, relative to an environment's folder.
pub const FILE: &str = "compose.yaml";

/// What changed since the last generation.
pub struct Upgrade {
    /// Warnings about changes that leave data unused or a server without its data.
    pub warnings: Vec<Diagnostic>,
    /// Whether the project had a different name.
    pub is_other_project: bool,
}

/// Compares two generations. `old` and `new` are the `compose.yaml` of the last one and of this one.
pub fn upgrade(plan: &Plan, old: &[u8], new: &[u8]) -> Upgrade {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let old_project = lost_volumes::old_project(plan, &old);
    // The servers of a project with a new name start with empty volumes.
    let mut warnings = if old_project.is_some() { Vec::new() } else { postgres_upgrade::warnings(plan, &old) };
    warnings.extend(lost_volumes::warnings(plan, old_project, &old, &new));
    Upgrade { warnings, is_other_project: old_project.is_some() }
}

/// Writes `compose.yaml` and `fidelity.json`, the report on each field of the plan.
///
/// # Errors
/// Settings that Compose cannot express and that no waiver accepts (NS701), unusable raw keys (NS702 and NS705).
fn emit(input: &Input) -> Result<Artifacts, Vec<Diagnostic>> {
    let plan = input.plan;
    let (report, refusals) = super::fidelity::report("compose", fidelity::TABLE, plan, input.digests);
    let mut findings = Findings::default();
    findings.extend(refusals);
    let mut services = BTreeMap::new();
    for (name, planned) in &plan.services {
        let service = findings.value(service::compose_service(plan, name, planned, input.mounted_files));
        services.insert(name.to_string(), service);
    }
    let services = findings.into_result(services)?;
    let as_list = |finding| vec![finding];
    let mut artifacts = Artifacts::default();
    artifacts.add(FILE, yaml::to_yaml(&compose_file(plan, services)).map_err(as_list)?).map_err(as_list)?;
    artifacts.add("fidelity.json", report).map_err(as_list)?;
    let derivations: Vec<_> = input.mounted_files.iter().map(|(path, file)| (path, &file.derivation)).collect();
    Ok(artifacts.derived_from(&StepInput::of(Backend::Compose.generator(), &(input.digests.digest(), derivations))))
}

/// Returns the content of `compose.yaml` with these services.
fn compose_file(plan: &Plan, services: BTreeMap<String, Service>) -> File {
    File {
        // Compose 1.29 does not read a name from the file.
        name: (plan.compat != Some(Compat::V1)).then(|| plan.compose_project()),
        services,
        networks: networks::project_networks(plan),
        volumes: plan.volumes.keys().map(|name| (name.to_string(), Empty {})).collect(),
        secrets: plan
            .secrets
            .iter()
            .filter(|(_, secret)| !secret.file_readers.is_empty())
            .map(|(name, _)| (name.to_string(), SecretFile { file: format!("./secrets/{name}") }))
            .collect(),
    }
}

/// Returns the fields of the stack from which a line of the file comes.
fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    match line.keys().as_slice() {
        // Below `resources`, Compose and the stack use the same keys: `deploy.resources.limits.memory` comes from the
        // field `limits.memory`.
        ["services", service, "deploy", "resources", limits_or_reservations, resource @ ..] => {
            let origins = field_of_service(plan, service).into_iter();
            let fields = origins.flat_map(|origin| {
                let amounts = origin.key(*limits_or_reservations);
                resource.first().map(|resource| amounts.key(*resource)).into_iter().chain([amounts, origin])
            });
            fields.collect()
        }
        ["services", service, keys @ ..] => fields_of_service_keys(plan, service, keys, raw_keys::KEY_FIELDS),
        ["volumes", name, ..] => {
            let volume = plan.volumes.iter().find(|(volume, _)| volume.as_str() == *name);
            let owner = volume.and_then(|(_, volume)| plan.services.get(&volume.owner));
            owner.map(|owner| owner.origin.key("volumes").key(*name)).into_iter().collect()
        }
        ["secrets", name, ..] => fields_of_secret(plan, name),
        _ => Vec::new(),
    }
}
