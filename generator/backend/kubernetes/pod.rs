//! The pod of a planned service. Every pod satisfies Pod Security `restricted`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::cluster::{Cluster, group_selector, quantity, selector};
use super::container::{EPHEMERAL_LIMIT, EPHEMERAL_REQUEST, image, security};
use super::lifecycle::{Probes, grace_period, pre_stop_pause};
use super::model::{
    Container, ContainerPort, Expanded, HostAlias, Mount, Pod, PodSecurity, Resources, Seccomp, SecretKey, Selector,
    Spread, Variable, VariableSource,
};
use super::mounts::mounts_and_volumes;
use super::services::protocol;
use super::wait;
use crate::backend::findings::Findings;
use crate::diagnostic::Diagnostic;
use crate::plan::secret_list::{SECRET_KEY, secret_name};
use crate::plan::{Service, Value};
use crate::values::{Cpus, Memory, ServiceName, Text, UserId};

/// Returns the pod of a service.
///
/// # Errors
/// NS307 for a built image without a registry, NS701 for a dependency that a pod cannot wait for, NS702 for a raw key
/// that is not allowed.
pub fn pod(cluster: &Cluster, name: &ServiceName, service: &Service) -> Result<Pod, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let image = findings.value(image(cluster, name, service).map_err(Some));
    let init_containers = findings.value(wait::containers(cluster, name, service));
    let raw = findings.value(super::raw_keys::checked_keys(cluster.settings, name, service));
    let (mounts, volumes) = mounts_and_volumes(cluster, service);
    let runs_to_completion = service.runs_to_completion();
    let is_replicated = service.replicas > 1 || service.autoscale.is_some();
    let spread = |match_labels| Spread {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname",
        when_unsatisfiable: "ScheduleAnyway",
        label_selector: Selector { match_labels },
    };
    let spread_pods = is_replicated.then(|| selector(name)).or(service.on_clusters.group.as_ref().map(group_selector));
    let affinity = affinity_to_owners(cluster, service).filter(|_| !raw.contains_key("affinity"));
    let pod = Pod {
        service_account_name: name.to_string(),
        automount_service_account_token: !service.on_clusters.reads.is_empty(),
        enable_service_links: false,
        share_process_namespace: service.init,
        security_context: pod_security(service),
        restart_policy: runs_to_completion.then_some("Never"),
        termination_grace_period_seconds: grace_period(cluster, service),
        topology_spread_constraints: spread_pods.filter(|_| !runs_to_completion).map(spread).into_iter().collect(),
        affinity,
        host_aliases: host_aliases(service),
        init_containers,
        containers: vec![container(cluster, (name, service), image, mounts)],
        volumes,
        raw,
    };
    findings.into_result(pod)
}

/// Returns the rule by which a job runs on the node of the services whose claims it mounts: a claim that is not shared can
/// be mounted on one node only. `None` for a service that mounts no such claim.
fn affinity_to_owners(cluster: &Cluster, service: &Service) -> Option<serde_json::Value> {
    let mounts = service.volumes.iter().filter(|mount| !cluster.is_shared(&mount.volume));
    let owners: BTreeSet<&ServiceName> = mounts.filter_map(|mount| mount.running_owner.as_ref()).collect();
    let terms = owners.iter().map(
        |owner| json!({ "labelSelector": { "matchLabels": selector(owner) }, "topologyKey": "kubernetes.io/hostname" }),
    );
    let terms: Vec<serde_json::Value> = terms.collect();
    (!terms.is_empty()).then(|| json!({ "podAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": terms } }))
}

/// Returns the names with fixed addresses, grouped by address.
fn host_aliases(service: &Service) -> Vec<HostAlias> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, address) in &service.extra_hosts {
        names.entry(address.to_string()).or_default().push(name.to_string());
    }
    names.into_iter().map(|(ip, hostnames)| HostAlias { ip, hostnames }).collect()
}

fn pod_security(service: &Service) -> PodSecurity {
    let user_and_group = service.user.as_ref().map(UserId::ids);
    // The kubelet changes the group of a volume to the group of the pod that mounts it last, so readers use the group
    // of the owner.
    let group_of_owner = service.volumes.iter().find_map(|mount| mount.owner_group);
    let fs_group = group_of_owner.or(user_and_group.map(|(_, group)| group));
    PodSecurity {
        run_as_non_root: true,
        run_as_user: user_and_group.map(|(user, _)| user),
        run_as_group: user_and_group.map(|(_, group)| group),
        fs_group,
        fs_group_change_policy: fs_group.map(|_| "OnRootMismatch"),
        seccomp_profile: Seccomp { kind: "RuntimeDefault" },
    }
}

/// Returns the main container of a service.
fn container(
    cluster: &Cluster,
    (name, service): (&ServiceName, &Service),
    image: String,
    volume_mounts: Vec<Mount>,
) -> Container {
    let probes = if service.runs_to_completion() { Probes::default() } else { Probes::new(&service.health, service) };
    let ports = service.ports.iter();
    let ports = ports.map(|(name, port)| ContainerPort {
        name: name.to_string(),
        container_port: *port,
        protocol: protocol(service.protocol(name)),
    });
    Container {
        name: name.to_string(),
        image,
        image_pull_policy: "IfNotPresent",
        command: service.entrypoint.as_deref().map(expanded),
        args: service.command.as_deref().map(expanded),
        working_dir: service.working_dir.as_ref().map(ToString::to_string),
        ports: ports.collect(),
        env: service.env.iter().map(|(name, value)| variable(name.as_str(), value)).collect(),
        resources: resources(service),
        volume_mounts,
        startup_probe: probes.startup,
        readiness_probe: probes.readiness,
        liveness_probe: probes.liveness,
        lifecycle: pre_stop_pause(cluster, service),
        security_context: security(service.read_only, service.capabilities.iter().map(ToString::to_string).collect()),
    }
}

fn expanded(words: &[Text]) -> Vec<Expanded> {
    words.iter().map(|word| Expanded(word.to_string())).collect()
}

fn variable(name: &str, value: &Value) -> Variable {
    let name = name.to_owned();
    match value {
        Value::Text(text) => Variable::Text { name, value: Expanded(text.clone()) },
        Value::Secret(secret) => {
            let key = SecretKey { name: secret_name(secret), key: SECRET_KEY };
            Variable::Secret { name, value_from: VariableSource { secret_key_ref: key } }
        }
    }
}

fn resources(service: &Service) -> Resources {
    let amounts = |memory: Memory, cpus: Cpus, ephemeral: &str| {
        let pairs =
            [("cpu", format!("{}m", cpus.0)), ("ephemeral-storage", ephemeral.into()), ("memory", quantity(memory))];
        BTreeMap::from(pairs)
    };
    Resources {
        requests: amounts(service.memory_reservation, service.cpu_reservation, EPHEMERAL_REQUEST),
        limits: amounts(service.memory_limit, service.cpu_limit, EPHEMERAL_LIMIT),
    }
}
