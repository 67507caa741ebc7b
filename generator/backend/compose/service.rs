//! One planned service in Compose's words.

use std::collections::BTreeMap;

use super::model::{Amount, Bind, Build, Dependency, Deploy, Logging, Mount, Port, Resources, Scalar, Service};
use super::{egress, health, raw_keys};
use crate::artifact::{Artifacts, Digest, json};
use crate::diagnostic::Diagnostic;
use crate::plan::{self, Plan, Value, dockerfile};
use crate::stack::{Condition, Tmpfs};
use crate::values::{Memory, ServiceName};

/// The label by which a changed configuration recreates the container: Compose does not look into
/// mounted files.
const CONFIG_LABEL: &str = "org.nself.config";

pub fn service(
    plan: &Plan,
    name: &ServiceName,
    planned: &plan::Service,
    files: &Artifacts,
    findings: &mut Vec<Diagnostic>,
) -> Service {
    let old = plan.compat.is_some();
    let amount = |memory: Memory, cpus: crate::values::Cpus, pids| Amount {
        cpus: cpus.to_string(),
        memory: bytes(memory),
        pids,
    };
    let deploy = Deploy {
        replicas: (planned.replicas > 1).then_some(planned.replicas),
        resources: Resources {
            limits: amount(planned.memory_limit, planned.cpu_limit, Some(planned.pids_limit)),
            reservations: amount(planned.memory_reservation, planned.cpu_reservation, None),
        },
    };
    let networks = networks(plan, name, planned);
    Service {
        image: planned.image.as_ref().map(ToString::to_string),
        build: planned.build.as_ref().map(|build| self::build(plan, planned, build)),
        depends_on: planned
            .depends_on
            .iter()
            .map(|(to, condition)| (to.to_string(), dependency(*condition, old)))
            .collect(),
        volumes: mounts(plan, planned, old),
        secrets: planned.secret_files.iter().map(ToString::to_string).collect(),
        environment: planned.env.iter().map(|(name, value)| (name.to_string(), variable(value))).collect(),
        ports: planned.publish.iter().map(|publish| port(publish, old)).collect(),
        network_mode: networks.is_empty().then_some("none"),
        networks,
        extra_hosts: if planned.reaches_host { vec!["host.docker.internal:host-gateway".into()] } else { Vec::new() },
        command: planned.command.as_ref().map(|words| words.iter().map(|word| Scalar::text(word.as_str())).collect()),
        entrypoint: planned
            .entrypoint
            .as_ref()
            .map(|words| words.iter().map(|word| Scalar::text(word.as_str())).collect()),
        working_dir: planned.working_dir.as_ref().map(ToString::to_string),
        restart: if planned.one_shot || planned.schedule.is_some() { "no" } else { "unless-stopped" },
        healthcheck: health::healthcheck(&planned.health),
        logging: Logging::default(),
        labels: config_label(planned, files),
        user: planned.user.as_ref().map(ToString::to_string),
        cap_add: planned.capabilities.iter().map(ToString::to_string).collect(),
        cap_drop: ["ALL"],
        cpus: old.then(|| planned.cpu_limit.to_string()),
        init: planned.init.then_some(true),
        mem_limit: old.then(|| bytes(planned.memory_limit)),
        mem_reservation: old.then(|| bytes(planned.memory_reservation)),
        pids_limit: old.then_some(planned.pids_limit),
        profiles: profiles(planned),
        deploy: (!old).then_some(deploy),
        read_only: planned.read_only,
        scale: (old && planned.replicas > 1).then_some(planned.replicas),
        security_opt: ["no-new-privileges:true"],
        shm_size: planned.shm_size.map(bytes),
        stop_grace_period: planned.stop_grace.to_string(),
        stop_signal: planned.stop_signal.as_ref().map(ToString::to_string),
        tmpfs: planned.tmpfs.iter().map(tmpfs).collect(),
        raw: raw_keys::merge(name, planned, old, findings),
    }
}

fn variable(value: &Value) -> Scalar {
    match value {
        Value::Text(text) => Scalar::text(text),
        Value::Secret(name) => {
            Scalar::Required { variable: plan::secret_list::variable(name), message: "run nself secrets init" }
        }
    }
}

fn build(plan: &Plan, planned: &plan::Service, build: &crate::stack::Build) -> Build {
    // Older implementations know no other contexts.
    let contexts = if plan.compat.is_none() { dockerfile::contexts(&planned.bases) } else { BTreeMap::new() };
    Build {
        additional_contexts: contexts.into_iter().map(|(name, image)| (name, Scalar::text(image))).collect(),
        context: format!("{}/{}", plan.project_folder, build.context),
        dockerfile: build.dockerfile.as_ref().map(ToString::to_string),
        args: build.args.iter().map(|(name, value)| (name.to_string(), Scalar::text(value.as_str()))).collect(),
        target: build.target.as_ref().map(ToString::to_string),
    }
}

/// `up` leaves a service with a schedule alone; whatever keeps the time runs it.
fn profiles(planned: &plan::Service) -> Vec<&'static str> {
    let by_time = planned.schedule.is_some() && !planned.compose.contains_key("profiles");
    if by_time { vec!["schedule"] } else { Vec::new() }
}

fn dependency(condition: Condition, old: bool) -> Dependency {
    let (condition, restart) = match condition {
        Condition::Started => ("service_started", None),
        Condition::Healthy => ("service_healthy", Some(true)),
        Condition::Completed => ("service_completed_successfully", None),
    };
    Dependency { condition, restart: restart.filter(|_| !old) }
}

fn mounts(plan: &Plan, planned: &plan::Service, old: bool) -> Vec<Mount> {
    let bind = |source: String, target: String, read_only| {
        // A missing source must fail instead of becoming an empty folder.
        let bind = (!old).then_some(Bind { create_host_path: false });
        Mount { kind: "bind", source, target, read_only, bind }
    };
    let volumes = planned.volumes.iter().map(|mount| Mount {
        kind: "volume",
        source: mount.volume.to_string(),
        target: mount.path.to_string(),
        read_only: mount.read_only,
        bind: None,
    });
    let config = planned.config.iter().map(|mount| bind(format!("./{}", mount.source), mount.target.to_string(), true));
    let folders = planned.mounts.iter();
    let folders = folders.map(|mount| {
        bind(format!("{}/{}", plan.project_folder, mount.source), mount.target.to_string(), !mount.writable)
    });
    volumes.chain(config).chain(folders).collect()
}

fn port(publish: &plan::Publish, old: bool) -> Port {
    let address = publish.address;
    if old {
        return Port::Short(format!("{address}:{}:{}", publish.host_port, publish.container_port));
    }
    Port::Long {
        target: publish.container_port,
        published: publish.host_port.to_string(),
        protocol: "tcp",
        host_ip: address.to_string(),
    }
}

/// Networks inside of the stack; a service that talks to the internet or is published joins one that leads there. A
/// job without connections has none.
fn networks(plan: &Plan, name: &ServiceName, planned: &plan::Service) -> Vec<String> {
    if planned.one_shot && !plan.connections.iter().any(|connection| connection.from == *name) {
        return Vec::new();
    }
    let inside = planned.networks.iter().map(|network| network.name().to_owned());
    inside.chain(planned.egress.then(|| egress(name))).collect()
}

fn config_label(planned: &plan::Service, files: &Artifacts) -> BTreeMap<String, Scalar> {
    if planned.config.is_empty() {
        return BTreeMap::new();
    }
    let mounted = planned.config.iter().flat_map(|mount| files.below(&mount.source));
    let digests: BTreeMap<&str, Digest> = mounted.map(|(path, file)| (path.as_str(), file.digest())).collect();
    let digest = Digest::of(&json::to_canonical(&digests));
    BTreeMap::from([(CONFIG_LABEL.to_owned(), Scalar::text(digest.short()))])
}

/// Compose counts in powers of 1024 with one letter.
fn bytes(memory: Memory) -> String {
    memory.to_string().trim_end_matches("iB").to_owned()
}

fn tmpfs(tmpfs: &Tmpfs) -> String {
    let size = tmpfs.size.map_or_else(|| "64m".to_owned(), |size| bytes(size).to_ascii_lowercase());
    let owner = tmpfs.owner.as_ref().and_then(|owner| owner.as_str().split_once(':'));
    match owner {
        Some((user, group)) => format!("{}:size={size},mode=0770,uid={user},gid={group}", tmpfs.path),
        None => format!("{}:size={size},mode=1777", tmpfs.path),
    }
}
