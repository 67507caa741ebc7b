//! The Compose target: one project per environment that starts in dependency order by health. Vocabulary
//! only: every decision stands in the plan.

mod fidelity;
mod health;
mod model;
mod postgres_upgrade;
mod raw_keys;
mod service;

pub use postgres_upgrade::upgrade_warnings;
pub use raw_keys::KEYS as RAW_KEYS;

use std::collections::{BTreeMap, BTreeSet};

use super::provenance::{GeneratedLine, KeyFields, of_secret, of_service, of_service_keys};
use super::{Backend, Description, Emit, Input};
use crate::artifact::{Artifacts, Slice, yaml};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::plan::{self, Plan};
use crate::stack::Compat;
use crate::values::ServiceName;
use model::{Empty, File, Network, SecretFile, Service};

pub const DESCRIPTION: Description = Description {
    paths: &[FILE, "fidelity.json"],
    reads: "the whole plan, and the digests of mounted files",
    emit: Emit::Platform(emit),
    file_fields: |_, _| Vec::new(),
    line_fields,
};

/// Name of the project's file, below an environment's folder.
pub const FILE: &str = "compose.yaml";

/// First part of the names of networks that lead to the internet, one for each service; the others are internal.
const EGRESS: &str = "egress";

/// Writes `compose.yaml` and `fidelity.json`, the report on each field of the plan.
///
/// # Errors
/// Settings that Compose cannot express and that no waiver accepts (NS701), unusable raw keys (NS702).
fn emit(input: &Input) -> Result<Artifacts, Vec<Diagnostic>> {
    let plan = input.plan;
    let (report, mut findings) = super::fidelity::report("compose", fidelity::TABLE, plan, input.digests);
    let mut services = BTreeMap::new();
    for (name, planned) in &plan.services {
        services.insert(name.to_string(), service::service(plan, name, planned, input.mounted, &mut findings));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let one = |finding| vec![finding];
    let mut artifacts = Artifacts::default();
    artifacts.add(FILE, yaml::to_yaml(&project(plan, services)).map_err(one)?).map_err(one)?;
    artifacts.add("fidelity.json", report).map_err(one)?;
    let mounted: Vec<_> = input.mounted.iter().map(|(path, file)| (path, &file.derivation)).collect();
    Ok(artifacts.derived_from(&Slice::of(Backend::Compose.generator(), &(input.digests.digest(), mounted))))
}

fn project(plan: &Plan, services: BTreeMap<String, Service>) -> File {
    File {
        name: (plan.compat != Some(Compat::V1)).then(|| format!("{}-{}", plan.project, plan.environment)),
        services,
        networks: networks(plan),
        volumes: plan.volumes.keys().map(|name| (name.to_string(), Empty {})).collect(),
        secrets: plan
            .secrets
            .iter()
            .filter(|(_, secret)| !secret.files_of.is_empty())
            .map(|(name, _)| (name.to_string(), SecretFile { file: format!("./secrets/{name}") }))
            .collect(),
    }
}

/// Names of Compose for fields of a service, where they differ.
const KEY_FIELDS: &[KeyFields] = &[
    ("environment", &["env", "extra_env"]),
    ("healthcheck", &["health"]),
    ("deploy", &["limits", "reservations", "replicas"]),
    ("ports", &["publish"]),
    ("secrets", &["secret_files"]),
    ("volumes", &["volumes", "mounts"]),
    ("cap_add", &["capabilities"]),
    ("networks", &["zone", "connects_to", "depends_on", "egress"]),
    ("stop_grace_period", &["stop_grace"]),
    ("labels", &[]),
    ("extra_hosts", &[]),
];

fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    match line.keys().as_slice() {
        ["services", service, "deploy", "resources", kind, leaf @ ..] => {
            let service = of_service(plan, service).into_iter();
            let fields = service.flat_map(|origin| {
                let base = origin.key(*kind);
                leaf.first().map(|leaf| base.key(*leaf)).into_iter().chain([base, origin])
            });
            fields.collect()
        }
        ["services", service, keys @ ..] => of_service_keys(plan, service, keys, KEY_FIELDS),
        ["volumes", name, ..] => {
            let volume = plan.volumes.iter().find(|(volume, _)| volume.as_str() == *name);
            let owner = volume.and_then(|(_, volume)| plan.services.get(&volume.owner));
            owner.map(|owner| owner.origin.key("volumes").key(*name)).into_iter().collect()
        }
        ["secrets", name, ..] => of_secret(plan, name),
        _ => Vec::new(),
    }
}

fn networks(plan: &Plan) -> BTreeMap<String, Network> {
    let used: BTreeSet<plan::Network> =
        plan.services.values().flat_map(|service| service.networks.iter().copied()).collect();
    let mut networks: BTreeMap<String, Network> =
        used.into_iter().map(|one| (one.name().to_owned(), inside(plan, one))).collect();
    for (name, _) in plan.services.iter().filter(|(_, service)| service.egress) {
        // Docker keeps its bridges apart, podman those that say so.
        let apart = (plan.compat == Some(Compat::Podman)).then_some(("isolate", "true"));
        let driver_opts = apart.into_iter().collect();
        networks.insert(egress(name), Network { name: None, driver: "bridge", driver_opts, internal: false });
    }
    networks
}

/// A network without a way out; the server's rules name some of them as the engine does.
fn inside(plan: &Plan, network: plan::Network) -> Network {
    let named = matches!(network, plan::Network::Maintenance | plan::Network::Replication);
    let name = named.then(|| network.host(&plan.project, &plan.environment).to_string());
    Network { name, driver: "bridge", driver_opts: BTreeMap::new(), internal: true }
}

/// The network by which a service reaches the internet, which no other service joins: one for all would let them reach
/// each other, and with a bridge that drops such traffic names would still resolve to their addresses there.
fn egress(service: &ServiceName) -> String {
    format!("{EGRESS}-{service}")
}
