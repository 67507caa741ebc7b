//! Translates a planned service to Compose.

use std::collections::BTreeMap;

use super::model::{
    Amount, Bind, Build, Dependency, Deploy, Logging, Membership, Memberships, Mount, Port, Resources, Scalar, Service,
};
use super::networks::{egress_network, external_network, published_network, publishes_ports};
use super::{health, raw_keys};
use crate::artifact::{Artifacts, Digest, json};
use crate::diagnostic::Diagnostic;
use crate::plan::{self, Plan, Value, dockerfile};
use crate::stack::{Condition, Protocol, Tmpfs};
use crate::values::{Cpus, Memory, ServiceName, Text};

/// A label with the digest of the mounted files that a container reads when it starts. Compose does not detect changed
/// content of mounted files, but a changed label makes it recreate the container.
const CONFIG_LABEL: &str = "org.nself.config";

/// Returns the Compose service for a planned service.
///
/// # Errors
/// NS702 and NS705 if the Compose keys that the stack sets directly (`compose = { … }`) are refused.
pub fn compose_service(
    plan: &Plan,
    name: &ServiceName,
    planned: &plan::Service,
    mounted_files: &Artifacts,
) -> Result<Service, Vec<Diagnostic>> {
    let for_older_compose = plan.compat.is_some();
    let networks = networks(plan, name, planned);
    let service = Service {
        image: image(plan, name, planned),
        // `up` always builds, so that edited sources are used; unchanged steps come from the builder's cache.
        pull_policy: (planned.build.is_some() && !for_older_compose && !planned.compose.contains_key("pull_policy"))
            .then_some("build"),
        build: planned.build.as_ref().map(|build| self::build(plan, planned, build)),
        depends_on: dependencies(plan, planned, for_older_compose),
        volumes: mounts(plan, planned, for_older_compose),
        secrets: planned.secret_files.iter().map(ToString::to_string).collect(),
        environment: planned.env.iter().map(|(name, value)| (name.to_string(), variable_value(value))).collect(),
        ports: planned.publish.iter().map(|publish| port(publish, for_older_compose)).collect(),
        network_mode: networks.is_empty().then_some("none"),
        networks,
        extra_hosts: extra_hosts(plan, planned),
        command: planned.command.as_deref().map(scalars),
        entrypoint: planned.entrypoint.as_deref().map(scalars),
        working_dir: planned.working_dir.as_ref().map(ToString::to_string),
        restart: if planned.runs_to_completion() { "no" } else { "unless-stopped" },
        healthcheck: health::healthcheck(&planned.health),
        logging: logging(plan, planned),
        labels: labels(planned, mounted_files),
        user: planned.user.as_ref().map(ToString::to_string),
        cap_add: planned.capabilities.iter().map(ToString::to_string).collect(),
        cap_drop: ["ALL"],
        init: planned.init.then_some(true),
        profiles: profiles(planned),
        read_only: planned.read_only,
        security_opt: ["no-new-privileges:true"],
        shm_size: planned.shm_size.map(compose_size),
        stop_grace_period: planned.stop_grace.to_string(),
        stop_signal: planned.stop_signal.as_ref().map(ToString::to_string),
        sysctls: planned.sysctls.iter().map(|(name, value)| (name.to_string(), Scalar::text(value.as_str()))).collect(),
        tmpfs: planned.tmpfs.iter().map(tmpfs).collect(),
        raw: raw_keys::checked_keys(name, planned, for_older_compose)?,
        ..resources(planned, for_older_compose)
    };
    Ok(service)
}

/// The container labels that the engine adds to each log line. Alloy reads the project and the service of a line from them.
const LABELS_OF_LINES: &str = "com.docker.compose.project,com.docker.compose.service";

/// Returns the logging settings of the container. If Alloy collects the logs, each line has labels with the names of the
/// project and the service.
fn logging(plan: &Plan, planned: &plan::Service) -> Logging {
    if let Some(declared) = &planned.logging {
        let options = declared.options.iter().map(|(name, value)| (name.to_string(), Scalar::text(value.as_str())));
        return Logging { driver: declared.driver.name(), options: options.collect() };
    }
    let mut logging = Logging::default();
    let collects = |monitoring: &plan::Monitoring| monitoring.programs.contains_key(&plan::Program::Alloy);
    if plan.monitoring.as_ref().is_some_and(collects) {
        logging.options.insert("labels".to_owned(), Scalar::text(LABELS_OF_LINES));
    }
    logging
}

/// Returns a Compose service in which only limits, reservations and the number of replicas are set. Older
/// implementations of Compose read separate keys instead of `deploy`.
fn resources(planned: &plan::Service, for_older_compose: bool) -> Service {
    if for_older_compose {
        return Service {
            cpus: Some(planned.cpu_limit.to_string()),
            mem_limit: Some(compose_size(planned.memory_limit)),
            mem_reservation: Some(compose_size(planned.memory_reservation)),
            pids_limit: Some(planned.pids_limit),
            scale: (planned.replicas > 1).then_some(planned.replicas),
            ..Service::default()
        };
    }
    let amount =
        |memory: Memory, cpus: Cpus, pids| Amount { cpus: cpus.to_string(), memory: compose_size(memory), pids };
    let deploy = Deploy {
        replicas: (planned.replicas > 1).then_some(planned.replicas),
        resources: Resources {
            limits: amount(planned.memory_limit, planned.cpu_limit, Some(planned.pids_limit)),
            reservations: amount(planned.memory_reservation, planned.cpu_reservation, None),
        },
    };
    Service { deploy: Some(deploy), ..Service::default() }
}

/// Returns the name of the image: the declared one, or the name that nself gives a built image.
fn image(plan: &Plan, name: &ServiceName, planned: &plan::Service) -> Option<Scalar> {
    let built_image = || Scalar::BuiltImage(dockerfile::image_name(plan, name));
    planned
        .image
        .as_ref()
        .map(|image| Scalar::text(image.as_str()))
        .or_else(|| planned.build.as_ref().map(|_| built_image()))
}

fn scalars(words: &[Text]) -> Vec<Scalar> {
    words.iter().map(|word| Scalar::text(word.as_str())).collect()
}

fn variable_value(value: &Value) -> Scalar {
    match value {
        Value::Text(text) => Scalar::text(text),
        Value::Secret(name) => {
            Scalar::Required { variable: plan::secret_list::variable(name), message: "run nself secrets init" }
        }
    }
}

fn build(plan: &Plan, planned: &plan::Service, build: &crate::stack::Build) -> Build {
    // Older implementations of Compose do not support additional contexts.
    let contexts = if plan.compat.is_none() { dockerfile::contexts(&planned.bases) } else { BTreeMap::new() };
    Build {
        additional_contexts: contexts.into_iter().map(|(name, image)| (name, Scalar::text(image))).collect(),
        context: format!("{}/{}", plan.project_folder, build.context),
        dockerfile: build.dockerfile.as_ref().map(ToString::to_string),
        args: build.args.iter().map(|(name, value)| (name.to_string(), Scalar::text(value.as_str()))).collect(),
        target: build.target.as_ref().map(ToString::to_string),
    }
}

/// Returns the profile of a service that its timer or an operator starts, so that `up` does not start it. Profiles that the
/// stack sets as a raw key replace it.
fn profiles(planned: &plan::Service) -> Vec<&'static str> {
    if planned.compose.contains_key("profiles") {
        return Vec::new();
    }
    let schedule_profile = planned.schedule.is_some().then_some("schedule");
    schedule_profile.into_iter().chain(planned.on_request.then_some("request")).collect()
}

/// Returns the dependencies of a service. A dependency on a service of a plugin is not required: if a required one
/// fails, `up` stops, and services that come later would not start.
fn dependencies(plan: &Plan, planned: &plan::Service, for_older_compose: bool) -> BTreeMap<String, Dependency> {
    let is_of_plugin = |name: &ServiceName| plan.services.get(name).is_some_and(|service| service.plugin.is_some());
    let dependencies = planned.depends_on.iter().map(|(to, condition)| {
        let required = (is_of_plugin(to) && !for_older_compose).then_some(false);
        (to.to_string(), Dependency { required, ..dependency(*condition, for_older_compose) })
    });
    dependencies.collect()
}

fn dependency(condition: Condition, for_older_compose: bool) -> Dependency {
    let (condition, restart) = match condition {
        Condition::Started => ("service_started", None),
        Condition::Healthy => ("service_healthy", Some(true)),
        Condition::Completed => ("service_completed_successfully", None),
    };
    Dependency { condition, required: None, restart: restart.filter(|_| !for_older_compose) }
}

fn mounts(plan: &Plan, planned: &plan::Service, for_older_compose: bool) -> Vec<Mount> {
    let bind_mount = |source: String, target: String, read_only| {
        // Without this setting, Compose creates an empty folder for a missing source.
        let options = (!for_older_compose).then_some(Bind { create_host_path: false });
        Mount { kind: "bind", source, target, read_only, bind: options }
    };
    let volumes = planned.volumes.iter().map(|mount| Mount {
        kind: "volume",
        source: mount.volume.to_string(),
        target: mount.path.to_string(),
        read_only: mount.read_only,
        bind: None,
    });
    let config_mounts =
        planned.config.iter().map(|mount| bind_mount(format!("./{}", mount.source), mount.target.to_string(), true));
    let folder_mounts = planned.mounts.iter().map(|mount| {
        bind_mount(format!("{}/{}", plan.project_folder, mount.source), mount.target.to_string(), !mount.writable)
    });
    let host_mounts = planned.host_mounts.iter();
    let host_mounts =
        host_mounts.map(|mount| bind_mount(mount.source.to_string(), mount.target.to_string(), !mount.writable));
    volumes.chain(config_mounts).chain(folder_mounts).chain(host_mounts).collect()
}

fn port(publish: &plan::Publish, for_older_compose: bool) -> Port {
    let address = publish.address;
    if for_older_compose {
        let protocol = match publish.protocol {
            Protocol::Tcp => "",
            Protocol::Udp => "/udp",
        };
        // Podman reads an IPv6 address only in brackets.
        let address = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        return Port::Short(format!("{address}:{}:{}{protocol}", publish.host_port, publish.container_port));
    }
    Port::Long {
        target: publish.container_port,
        published: publish.host_port.to_string(),
        protocol: publish.protocol.name(),
        host_ip: address.to_string(),
    }
}

/// Returns the networks of a service: the networks of its connections, a separate network if it may reach the internet or
/// publishes ports, and networks outside of the stack that it joins. A job that connects to nothing has no network.
fn networks(plan: &Plan, name: &ServiceName, planned: &plan::Service) -> Memberships {
    let connects_to_services = || plan.connections.iter().any(|connection| connection.from == *name);
    let connects_outside = planned.reaches_outside() || !planned.external_networks.is_empty();
    if planned.one_shot && !connects_outside && !connects_to_services() {
        return Memberships::default();
    }
    let internal_names = planned.networks.iter().map(|network| network.name().to_owned());
    let separate_name = planned
        .reaches_outside()
        .then(|| egress_network(name))
        .or_else(|| publishes_ports(planned).then(|| published_network(name)));
    let external_names = planned.external_networks.iter().map(external_network);
    let names = internal_names.chain(separate_name).chain(external_names);
    let address = plan.fixed_network.as_ref().and_then(|fixed| fixed.addresses.get(name));
    if planned.aliases.is_empty() && address.is_none() {
        return Memberships::Names(names.collect());
    }
    let aliases: Vec<String> = planned.aliases.iter().map(ToString::to_string).collect();
    let memberships = names.map(|name| {
        let address = address.filter(|_| name == plan::Network::Fixed.name());
        (name, Membership { aliases: aliases.clone(), ipv4_address: address.map(ToString::to_string) })
    });
    Memberships::Settings(memberships.collect())
}

/// Returns the names with fixed addresses, each as `NAME:ADDRESS`: the host machine, names of the stack, and services of
/// the fixed network if this service joins it.
fn extra_hosts(plan: &Plan, planned: &plan::Service) -> Vec<String> {
    let host_machine = planned.reaches_host.then(|| "host.docker.internal:host-gateway".to_owned());
    let declared_names = planned.extra_hosts.iter().map(|(name, address)| format!("{name}:{address}"));
    let fixed_network = plan.fixed_network.iter().filter(|_| planned.networks.contains(&plan::Network::Fixed));
    let fixed_names =
        fixed_network.flat_map(|network| &network.addresses).map(|(name, address)| format!("{name}:{address}"));
    host_machine.into_iter().chain(declared_names).chain(fixed_names).collect()
}

/// Returns the label with the digest of the mounted files, and the labels that the stack declares.
fn labels(planned: &plan::Service, mounted_files: &Artifacts) -> BTreeMap<String, Scalar> {
    let mut labels = config_label(planned, mounted_files);
    labels.extend(planned.labels.iter().map(|(name, value)| (name.to_string(), Scalar::text(value.as_str()))));
    labels
}

/// Returns the label with the digest of the files that the container reads when it starts; empty if there are none.
fn config_label(planned: &plan::Service, mounted_files: &Artifacts) -> BTreeMap<String, Scalar> {
    let mut mounts = planned.config.iter().filter(|mount| !mount.reloads).peekable();
    if mounts.peek().is_none() {
        return BTreeMap::new();
    }
    let files = mounts.flat_map(|mount| mounted_files.files_at(&mount.source));
    let digests: BTreeMap<&str, Digest> = files.map(|(path, file)| (path.as_str(), file.digest())).collect();
    let digest = Digest::of(&json::to_canonical(&digests));
    BTreeMap::from([(CONFIG_LABEL.to_owned(), Scalar::text(digest.short()))])
}

/// Returns a size in the unit of Compose, powers of 1024 with one letter: `512M` for `512MiB`.
fn compose_size(memory: Memory) -> String {
    memory.to_string().trim_end_matches("iB").to_owned()
}

/// Returns the entry of a file system in memory, such as `/tmp:size=64m,mode=1777`.
fn tmpfs(tmpfs: &Tmpfs) -> String {
    let size = compose_size(tmpfs.limit()).to_ascii_lowercase();
    let owner = tmpfs.owner.as_ref().and_then(|owner| owner.as_str().split_once(':'));
    match owner {
        Some((user, group)) => format!("{}:size={size},mode=0770,uid={user},gid={group}", tmpfs.path),
        None => format!("{}:size={size},mode=1777", tmpfs.path),
    }
}
