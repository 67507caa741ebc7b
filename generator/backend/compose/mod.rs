//! The Compose target: one project per environment that starts in dependency order by health. Vocabulary
//! only: every decision stands in the plan.

mod health;
mod model;
mod postgres_upgrade;
mod raw_keys;
mod service;

pub use postgres_upgrade::changed;
pub use raw_keys::KEYS as RAW_KEYS;

use std::collections::{BTreeMap, BTreeSet};

use super::fidelity::{self, Handling, Row};
use crate::artifact::{Artifacts, yaml};
use crate::backend::PlanDigests;
use crate::diagnostic::Diagnostic;
use crate::plan::{self, Plan};
use crate::stack::Compat;
use crate::values::ServiceName;
use model::{Empty, File, Network, SecretFile};

/// The project, below an environment's folder.
pub const FILE: &str = "compose.yaml";

/// First part of the names of networks that lead to the internet, one for each service; the others are internal.
const EGRESS: &str = "egress";

/// Writes `compose.yaml` and the account of what became of each field; `fields` are those of the plan.
///
/// # Errors
/// Settings that Compose cannot express and nobody waived (NS701), unusable raw keys (NS702).
pub fn emit(plan: &Plan, fields: &PlanDigests, files: &Artifacts) -> Result<Artifacts, Vec<Diagnostic>> {
    let (account, mut findings) = fidelity::account("compose", TABLE, plan, fields);
    let mut services = BTreeMap::new();
    for (name, planned) in &plan.services {
        services.insert(name.to_string(), service::service(plan, name, planned, files, &mut findings));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let file = File {
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
    };
    let mut artifacts = Artifacts::default();
    let text = yaml::to_yaml(&file).map_err(|finding| vec![finding])?;
    let add = |artifacts: &mut Artifacts, path: &str, text: Vec<u8>| {
        artifacts.add("compose", path, text).map_err(|finding| vec![finding])
    };
    add(&mut artifacts, FILE, text.into_bytes())?;
    add(&mut artifacts, "fidelity.json", account)?;
    Ok(artifacts)
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

/// What becomes of every field of the plan in this target.
const TABLE: &[Row] = &[
    ("project", Handling::Emitted("name")),
    ("environment", Handling::Emitted("name")),
    ("profile", Handling::Decided("which services run and how strict the checks are")),
    ("domain", Handling::Elsewhere("nginx/")),
    ("project_folder", Handling::Emitted("services.*.volumes, services.*.build.context")),
    ("start_order", Handling::Mapped("services.*.depends_on")),
    ("edges", Handling::Mapped("services.*.networks")),
    ("kubernetes", Handling::Elsewhere("kubernetes/")),
    ("compat", Handling::Decided("which spelling is used")),
    ("migrations", Handling::Elsewhere("migrations/")),
    ("databases", Handling::Elsewhere("postgres/init/")),
    ("roles", Handling::Elsewhere("postgres/init/")),
    ("pooler", Handling::Elsewhere("pgbouncer/")),
    ("replication", Handling::Elsewhere("postgres/")),
    ("access", Handling::Elsewhere("postgres/server/pg_hba.conf, and the names of networks")),
    ("graphql", Handling::Elsewhere("hasura/")),
    ("edge", Handling::Elsewhere("nginx/")),
    ("secrets.*.recipe", Handling::Elsewhere("secrets.json")),
    ("secrets.*.min_length", Handling::Elsewhere("secrets.json")),
    ("secrets.*.files_of", Handling::Emitted("secrets, services.*.secrets")),
    ("secrets.*.variables_of", Handling::Emitted("services.*.environment")),
    ("volumes.*.owner", Handling::Emitted("services.*.volumes")),
    ("volumes.*.path", Handling::Emitted("services.*.volumes")),
    ("volumes.*.set_owner", Handling::Mapped("services.volume-owner")),
    ("volumes.*.size", Handling::Refused("volumes have no size in Compose")),
    ("services.*.image", Handling::Emitted("services.*.image")),
    ("services.*.build", Handling::Emitted("services.*.build")),
    ("services.*.bases", Handling::Emitted("services.*.build.additional_contexts, where locked and not for compat")),
    ("services.*.layout", Handling::Decided("how `nself image` makes the image")),
    ("services.*.entrypoint", Handling::Emitted("services.*.entrypoint")),
    ("services.*.command", Handling::Emitted("services.*.command")),
    ("services.*.working_dir", Handling::Emitted("services.*.working_dir")),
    ("services.*.ports", Handling::Mapped("services.*.networks: every port is open to the service's networks")),
    ("services.*.publish", Handling::Emitted("services.*.ports")),
    ("services.*.env", Handling::Emitted("services.*.environment")),
    ("services.*.secret_files", Handling::Emitted("services.*.secrets")),
    ("services.*.volumes", Handling::Emitted("services.*.volumes")),
    ("services.*.mounts", Handling::Emitted("services.*.volumes")),
    ("services.*.config", Handling::Emitted("services.*.volumes, services.*.labels")),
    ("services.*.tmpfs", Handling::Emitted("services.*.tmpfs")),
    ("services.*.user", Handling::Emitted("services.*.user")),
    ("services.*.read_only", Handling::Emitted("services.*.read_only")),
    ("services.*.capabilities", Handling::Emitted("services.*.cap_add")),
    ("services.*.init", Handling::Emitted("services.*.init")),
    ("services.*.health", Handling::Emitted("services.*.healthcheck")),
    ("services.*.depends_on", Handling::Emitted("services.*.depends_on")),
    ("services.*.memory_limit", Handling::Emitted("services.*.deploy.resources.limits.memory")),
    ("services.*.cpu_limit", Handling::Emitted("services.*.deploy.resources.limits.cpus")),
    ("services.*.pids_limit", Handling::Emitted("services.*.deploy.resources.limits.pids")),
    ("services.*.memory_reservation", Handling::Emitted("services.*.deploy.resources.reservations.memory")),
    ("services.*.cpu_reservation", Handling::Emitted("services.*.deploy.resources.reservations.cpus")),
    ("services.*.replicas", Handling::Emitted("services.*.deploy.replicas")),
    ("services.*.autoscale", Handling::Refused("Compose does not scale by load")),
    ("services.*.zone", Handling::Emitted("services.*.networks")),
    ("services.*.networks", Handling::Emitted("services.*.networks")),
    (
        "services.*.egress",
        Handling::Mapped(
            "services.*.networks: one for each service; Compose cannot keep them from private addresses, a cloud's \
             169.254.169.254 or the host",
        ),
    ),
    ("services.*.reaches_host", Handling::Emitted("services.*.extra_hosts")),
    ("services.*.stop_grace", Handling::Emitted("services.*.stop_grace_period")),
    ("services.*.stop_signal", Handling::Emitted("services.*.stop_signal")),
    ("services.*.shm_size", Handling::Emitted("services.*.shm_size")),
    ("services.*.one_shot", Handling::Emitted("services.*.restart")),
    (
        "services.*.schedule",
        Handling::Refused("Compose starts nothing at a time; let the host's cron run `docker compose run --rm NAME`"),
    ),
    ("services.*.kubernetes", Handling::Elsewhere("kubernetes/")),
    ("services.*.compose", Handling::Emitted("services.*")),
    ("services.*.waive", Handling::Decided("which losses are accepted")),
];
