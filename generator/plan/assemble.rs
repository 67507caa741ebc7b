//! Builds the services of the plan: each service of the environment as declared (the roster), with what the aspects, such
//! as databases and monitoring, add to it (their wirings). No other module creates or changes a service.

use std::collections::{BTreeMap, BTreeSet};

use super::dockerfile;
use super::inputs::Inputs;
use super::model::{Check, Health, Publish, Secret, Service};
use super::ports::{port, published_address};
use super::roster::{PlannedService, Roster, plugin_of};
use super::service_names::PROXY_SERVICE;
use super::wiring::{Addition, Wirings};
use crate::diagnostic::FieldPath;
use crate::stack::{self, Profile, Protocol, RouteKind, Run, Zone};
use crate::values::{Checked, Cpus, Duration, ImageRef, Memory, PortName, SecretName, ServiceName};

/// Returns the services of the plan: as declared, with all wirings, and with images pinned by the lock.
///
/// A secret file is mounted only if the plan has the secret.
pub fn assemble(
    inputs: Inputs,
    roster: &Roster,
    wirings: &Wirings,
    secrets: &BTreeMap<SecretName, Secret>,
) -> BTreeMap<ServiceName, Service> {
    let services = roster.iter().map(|(name, member)| {
        let mut service = Service::new(name, member, inputs.profile);
        for (addition, _) in wirings.of_service(name) {
            match addition {
                Addition::SecretFile(secret) if !secrets.contains_key(secret) => {}
                addition => service.add(addition),
            }
        }
        service.plugin = plugin_of(roster, name).cloned();
        service.pin_images(inputs);
        (name.clone(), service)
    });
    services.collect()
}

/// Default memory limit, in bytes, if neither the user nor the catalogue sets one.
const DEFAULT_MEMORY: Memory = Memory(512 << 20);
/// Default CPU limit in thousandths of a processor.
const DEFAULT_CPUS: Cpus = Cpus(1000);
/// Default limit of processes and threads.
const DEFAULT_PIDS: u32 = 128;

/// Returns the memory limit of a service: as declared, or the default.
pub fn memory_limit(service: &stack::Service) -> Memory {
    service.limits.memory.unwrap_or(DEFAULT_MEMORY)
}

impl Service {
    /// Returns a service as the stack declares it, with all defaults filled in. It is long because it has a line for each
    /// field.
    fn new(name: &ServiceName, member: &PlannedService, profile: Profile) -> Self {
        let declared = &member.service;
        let memory_limit = memory_limit(declared);
        let cpu_limit = declared.limits.cpus.unwrap_or(DEFAULT_CPUS);
        let ports = declared.all_ports();
        let is_proxy = name.as_str() == PROXY_SERVICE;
        Service {
            origin: member.path.clone(),
            plugin: None,
            image: declared.image.clone(),
            build: declared.build.clone(),
            // An additional process of a service runs the image that the service builds.
            image_of: member.process_of().filter(|_| declared.build.is_some() && declared.image.is_none()).cloned(),
            bases: BTreeMap::new(),
            layout: declared.layout.clone(),
            entrypoint: declared.entrypoint.clone(),
            command: declared.command.clone(),
            working_dir: declared.working_dir.clone(),
            aliases: declared.aliases.iter().cloned().collect(),
            publish: published_ports(declared, is_proxy, profile, &ports),
            udp_ports: udp_ports(declared),
            health: health(declared),
            h2c_ports: h2c_ports(declared),
            ports,
            env: BTreeMap::new(),
            secret_files: BTreeSet::new(),
            volumes: Vec::new(),
            mounts: declared.mounts.clone(),
            host_mounts: declared.host_mounts.clone(),
            config: Vec::new(),
            tmpfs: declared.tmpfs.clone(),
            user: declared.user.clone(),
            read_only: declared.read_only.unwrap_or(true),
            capabilities: declared.capabilities.clone(),
            init: declared.init,
            depends_on: declared.depends_on.clone(),
            memory_limit,
            cpu_limit,
            pids_limit: declared.limits.pids.unwrap_or(DEFAULT_PIDS),
            // By default, half of the memory limit up to 256 MiB, and a quarter of the CPU limit up to 0.25 processors.
            memory_reservation: declared.reservations.memory.unwrap_or(Memory((memory_limit.0 / 2).min(256 << 20))),
            cpu_reservation: declared.reservations.cpus.unwrap_or(Cpus((cpu_limit.0 / 4).clamp(1, 250))),
            replicas: declared.replicas.unwrap_or(1),
            autoscale: declared.autoscale.clone(),
            metrics_port: None,
            on_clusters: declared.on_clusters.clone(),
            zone: declared.zone.unwrap_or(Zone::App),
            networks: BTreeSet::new(),
            egress: declared.egress.unwrap_or_default(),
            outside: BTreeSet::new(),
            reaches_host: false,
            extra_hosts: declared.extra_hosts.clone(),
            external_networks: declared.external_networks.iter().cloned().collect(),
            labels: declared.labels.clone(),
            logging: declared.logging.clone(),
            stop_grace: declared.stop_grace.map_or(Duration(30_000), Duration::from),
            stop_signal: declared.stop_signal.clone(),
            shm_size: declared.shm_size,
            sysctls: declared.sysctls.clone(),
            one_shot: declared.run == Run::Once,
            on_request: declared.run == Run::OnRequest,
            // Set only by the plan of a cluster.
            programs: None,
            schedule: declared.schedule.clone(),
            deadline: declared.deadline,
            compose: declared.compose.clone(),
            kubernetes: declared.kubernetes.clone(),
            waive: declared.waive.clone(),
        }
    }

    /// Applies one addition of an aspect.
    fn add(&mut self, addition: &Addition) {
        match addition {
            Addition::Variable(name, value) => {
                self.env.insert(name.clone(), value.clone());
            }
            Addition::DefaultVariable(name, value) => {
                self.env.entry(name.clone()).or_insert_with(|| value.clone());
            }
            Addition::SecretFile(secret) => {
                self.secret_files.insert(secret.clone());
            }
            Addition::Volume(mount) => self.volumes.push(mount.clone()),
            Addition::Config(mount) => self.config.push(mount.clone()),
            Addition::Dependency(to, condition) => {
                self.depends_on.entry(to.clone()).or_insert(*condition);
            }
            // `connections::plan` collects these for the whole stack.
            Addition::Connection { .. } => {}
            // `SecretUsers` collects these for the whole stack.
            Addition::DatabaseParts(_) => {}
            Addition::Outside(server) => {
                self.outside.insert(server.clone());
            }
            Addition::Egress => self.egress = true,
            Addition::MetricsPort(port) => self.metrics_port = Some(*port),
            Addition::Networks(networks) => self.networks.extend(networks),
            Addition::Arguments { program, arguments } => {
                // Without a command or program, the arguments follow the entrypoint of the image.
                let command = self.command.get_or_insert_with(|| program.iter().cloned().collect());
                command.extend_from_slice(arguments);
            }
            Addition::EntrypointPrefix { prefix, program } => {
                let entrypoint = self.entrypoint.take().unwrap_or_else(|| vec![program.clone()]);
                self.entrypoint = Some(prefix.iter().cloned().chain(entrypoint).collect());
            }
            Addition::ImageSuffix(suffix) => {
                if let Some(image) = self.image.as_mut().filter(|image| !image.as_str().ends_with(suffix)) {
                    *image = ImageRef::wrap(format!("{image}{suffix}"));
                }
            }
            Addition::Unpublish(port) => self.publish.retain(|publish| publish.container_port != *port),
            Addition::UdpPort { name, tcp_port } => {
                self.ports.insert(name.clone(), *tcp_port);
                self.udp_ports.insert(name.clone());
                let published = self.publish.iter().filter(|publish| publish.container_port == *tcp_port);
                let for_udp = published.map(|publish| Publish { protocol: Protocol::Udp, ..publish.clone() });
                let for_udp: Vec<Publish> = for_udp.collect();
                self.publish.extend(for_udp);
            }
            Addition::ReachesHost => self.reaches_host = true,
            Addition::Job => self.one_shot = true,
        }
    }

    /// Replaces the tags of the image, and of the base images of its layout or Dockerfile, with the digests in the lock.
    fn pin_images(&mut self, inputs: Inputs) {
        let lock = &inputs.files.lock;
        // An image that is built from the project has no digest yet.
        if self.build.is_none() {
            self.image = self.image.as_ref().map(|image| lock.pin(image));
        }
        if let Some(base) = self.layout.as_mut().and_then(|layout| layout.base.as_mut()) {
            *base = lock.pin(base);
        }
        let path = self.build.as_ref().map(dockerfile::path);
        let text = path.and_then(|path| inputs.files.dockerfiles.get(&path)?.as_ref());
        self.bases = text.map(|text| dockerfile::bases(text, lock)).unwrap_or_default();
    }
}

/// Returns the published ports of a service. Leaves out entries for unknown ports, which a rule reports.
fn published_ports(
    declared: &stack::Service,
    is_proxy: bool,
    profile: Profile,
    ports: &BTreeMap<PortName, u16>,
) -> Vec<Publish> {
    let published = declared.publish.iter().filter_map(|(port, publish)| {
        Some(Publish {
            address: published_address(is_proxy, profile, publish),
            host_port: publish.port,
            container_port: *ports.get(port)?,
            protocol: publish.protocol,
            node_port: publish.node_port,
        })
    });
    published.collect()
}

/// Returns the ports that are published for UDP.
fn udp_ports(declared: &stack::Service) -> BTreeSet<PortName> {
    let published_for_udp = declared.publish.iter().filter(|(_, publish)| publish.protocol == Protocol::Udp);
    published_for_udp.map(|(port, _)| port.clone()).collect()
}

/// Returns the ports of gRPC routes and of a gRPC health check.
fn h2c_ports(declared: &stack::Service) -> BTreeSet<u16> {
    let routes = declared.all_routes().into_values().filter(|route| route.kind == RouteKind::Grpc);
    let check = declared.health.as_ref().and_then(|health| health.grpc.as_ref()).map(|check| check.port.clone());
    let names = routes.map(|route| route.port).chain(check);
    names.filter_map(|name| port(declared, &name, &FieldPath::root()).ok()).collect()
}

/// Returns the health check of a service, with all defaults filled in.
fn health(declared: &stack::Service) -> Health {
    let health = declared.health.clone().unwrap_or_default();
    // A rule reports an unknown name, so a port 0 is never generated.
    let number = |name: &Option<PortName>| port(declared, name, &FieldPath::root()).unwrap_or_default();
    let check = match (&health.http, &health.tcp, &health.grpc, &health.exec) {
        (Some(http), ..) => Check::Http { port: number(&http.port), path: http.path.clone(), tool: http.tool },
        (_, Some(tcp), ..) => Check::Tcp { port: number(&tcp.port) },
        (_, _, Some(grpc), _) => Check::Grpc { port: number(&grpc.port) },
        (.., Some(exec)) => Check::Exec(exec.clone()),
        _ => Check::None,
    };
    Health {
        check,
        interval: health.interval.unwrap_or(Duration(10_000)),
        timeout: health.timeout.unwrap_or(Duration(5_000)),
        retries: health.retries.unwrap_or(5),
        start_period: health.start_period.map_or(Duration(30_000), Duration::from),
        start_interval: health.start_interval.unwrap_or(Duration(1_000)),
    }
}
