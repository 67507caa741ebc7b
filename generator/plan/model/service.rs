//! A service of the plan: its container with all settings resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use crate::diagnostic::{FieldPath, Segment};
use crate::plan::network::Network;
use crate::stack::health::HttpTool;
use crate::stack::{Autoscale, Build, Condition, HostMount, Layout, Logging, Mount, OnClusters, Protocol, Tmpfs, Zone};
use crate::values::{
    AnnotationName, Capability, Cidr, ContainerPath, Cpus, Duration, Host, ImageRef, Memory, PortName, Reason,
    Schedule, SecretName, ServiceName, Signal, SysctlName, Text, UrlPath, UserId, VariableName, VolumeName,
};

/// A service and the settings of its container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Service {
    /// The field that declares the service, for findings; not part of any output.
    #[serde(skip)]
    pub origin: FieldPath,
    /// The plugin to which the service belongs. Services outside of the plugin start and run without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<ServiceName>,
    /// The image that runs. Either `image` or `build` is set.
    pub image: Option<ImageRef>,
    pub build: Option<Build>,
    /// The service that builds the image, for an additional process of that service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_of: Option<ServiceName>,
    /// Base images of the Dockerfile by the names used there; `None` for a name without a tag.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bases: BTreeMap<String, Option<ImageRef>>,
    /// The folder from which nself builds `image` without a container engine, if the stack declares one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    pub entrypoint: Option<Vec<Text>>,
    pub command: Option<Vec<Text>>,
    pub working_dir: Option<ContainerPath>,
    /// Additional names with which other services reach this service.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<ServiceName>,
    pub ports: BTreeMap<PortName, u16>,
    /// Ports that speak HTTP/2 without TLS, as gRPC does.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub h2c_ports: BTreeSet<u16>,
    /// Ports that use UDP.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub udp_ports: BTreeSet<PortName>,
    pub publish: Vec<Publish>,
    pub env: BTreeMap<VariableName, Value>,
    /// Secrets mounted as files in /run/secrets.
    pub secret_files: BTreeSet<SecretName>,
    /// Volumes of the service, and volumes of other services that it reads or writes.
    pub volumes: Vec<VolumeMount>,
    /// Files and folders of the project; `source` is relative to the project.
    pub mounts: Vec<Mount>,
    /// Files and folders of the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_mounts: Vec<HostMount>,
    /// Generated files, mounted read-only.
    pub config: Vec<ConfigMount>,
    pub tmpfs: Vec<Tmpfs>,
    pub user: Option<UserId>,
    pub read_only: bool,
    pub capabilities: Vec<Capability>,
    pub init: bool,
    pub health: Health,
    pub depends_on: BTreeMap<ServiceName, Condition>,
    pub memory_limit: Memory,
    pub cpu_limit: Cpus,
    pub pids_limit: u32,
    pub memory_reservation: Memory,
    pub cpu_reservation: Cpus,
    pub replicas: u16,
    pub autoscale: Option<Autoscale>,
    /// The port at which Prometheus reads metrics, if monitoring is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_port: Option<u16>,
    /// The settings that are different on clusters.
    #[serde(skip_serializing_if = "has_no_differences")]
    pub on_clusters: OnClusters,
    pub zone: Zone,
    /// Networks that the service joins: the network of its zone, and networks of the services to which it connects.
    pub networks: BTreeSet<Network>,
    /// Whether the service has access to the internet, or publishes a port.
    pub egress: bool,
    /// Servers outside of the stack to which the service connects, at private addresses as well.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub outside: BTreeSet<OutsideServer>,
    /// Whether the name of the host machine must resolve, for dev servers that run there.
    pub reaches_host: bool,
    /// Host names with fixed addresses.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_hosts: BTreeMap<Host, IpAddr>,
    /// Networks of the container engine that do not belong to the stack.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub external_networks: BTreeSet<ServiceName>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<AnnotationName, Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    pub stop_grace: Duration,
    pub stop_signal: Option<Signal>,
    pub shm_size: Option<Memory>,
    pub sysctls: BTreeMap<SysctlName, Text>,
    /// Whether the service runs once and ends, such as the job that sets the owner of a volume.
    pub one_shot: bool,
    /// Whether the service runs only when an operator starts it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_request: bool,
    /// Programs of another image, which are copied before the service starts; only on clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub programs: Option<Programs>,
    /// Times at which a scheduled job runs.
    pub schedule: Option<Schedule>,
    /// The time after which a job is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// Raw Compose keys.
    pub compose: BTreeMap<String, serde_json::Value>,
    /// Raw keys of the pod.
    pub kubernetes: BTreeMap<String, serde_json::Value>,
    /// Settings that a target may ignore, with the user's reason.
    pub waive: BTreeMap<String, Reason>,
}

/// Returns whether a service has the same settings on clusters as on container engines.
fn has_no_differences(on_clusters: &OnClusters) -> bool {
    *on_clusters == OnClusters::default()
}

impl Service {
    /// Returns the field `waive` of the service; for an additional process, the field `waive` of its service.
    pub fn waive_path(&self) -> FieldPath {
        self.inherits_from().unwrap_or_else(|| self.origin.clone()).key("waive")
    }

    /// Returns the field of the service whose settings this process inherits: `services.api.processes.worker` →
    /// `services.api`. `None` if the service is not an additional process.
    pub fn inherits_from(&self) -> Option<FieldPath> {
        let [service @ .., Segment::Key(processes), Segment::Key(_)] = self.origin.0.as_slice() else { return None };
        (processes == "processes").then(|| FieldPath(service.to_vec()))
    }

    /// Returns the published ports that other machines reach without the edge.
    pub fn public_ports(&self) -> impl Iterator<Item = &Publish> {
        self.publish.iter().filter(|publish| !publish.address.is_loopback())
    }

    /// Returns whether the service connects to anything outside of the stack.
    pub fn reaches_outside(&self) -> bool {
        self.egress || !self.outside.is_empty()
    }

    /// Returns whether the service runs and ends: once, by a schedule or on request.
    pub fn runs_to_completion(&self) -> bool {
        self.one_shot || self.on_request || self.schedule.is_some()
    }

    /// Returns whether other services and the edge reach the service by its name.
    pub fn is_reachable(&self) -> bool {
        !self.ports.is_empty() && !self.runs_to_completion()
    }

    /// Returns the protocol of a port.
    pub fn protocol(&self, port: &PortName) -> Protocol {
        if self.udp_ports.contains(port) { Protocol::Udp } else { Protocol::Tcp }
    }
}

/// The value of a variable, with all references resolved except references to secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    Text(String),
    Secret(SecretName),
}

/// A server outside of the stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OutsideServer {
    pub host: Host,
    pub port: u16,
    /// The addresses of the host; empty if only its name is known.
    pub addresses: BTreeSet<Cidr>,
}

/// A port of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publish {
    pub address: IpAddr,
    pub host_port: u16,
    pub container_port: u16,
    #[serde(skip_serializing_if = "is_tcp")]
    pub protocol: Protocol,
    /// Port on every node of a cluster with `published = 'nodeport`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
}

fn is_tcp(protocol: &Protocol) -> bool {
    *protocol == Protocol::Tcp
}

/// A volume inside a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeMount {
    pub volume: VolumeName,
    /// The folder of the volume in this container.
    pub path: ContainerPath,
    pub read_only: bool,
    /// The group of the volume's owner, if another service owns the volume. On clusters the folder belongs to this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_group: Option<u32>,
    /// The volume's owner, for a job that changes the data while the owner is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_owner: Option<ServiceName>,
    /// The volume's owner, for a job that reads the data while the owner runs. On clusters it runs on the same node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_owner: Option<ServiceName>,
}

impl VolumeMount {
    /// Returns a writable mount that does not need a stopped owner.
    pub fn writable(volume: VolumeName, path: ContainerPath, owner_group: Option<u32>) -> Self {
        VolumeMount { volume, path, read_only: false, owner_group, stopped_owner: None, running_owner: None }
    }
}

/// A container that copies its programs into a folder of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Programs {
    /// The service that copies the programs on a host.
    pub service: ServiceName,
    pub image: ImageRef,
    pub command: Vec<Text>,
    pub folder: ContainerPath,
}

/// A generated file or folder inside a container; `source` is relative to the environment's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigMount {
    pub source: String,
    pub target: ContainerPath,
    /// Whether the running container loads changed files. Otherwise a change replaces the container.
    pub reloads: bool,
}

/// A health check with all times resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    pub check: Check,
    pub interval: Duration,
    pub timeout: Duration,
    pub retries: u16,
    pub start_period: Duration,
    /// Time between checks until the first success.
    pub start_interval: Duration,
}

/// The probe of a health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    Http { port: u16, path: UrlPath, tool: HttpTool },
    Tcp { port: u16 },
    Grpc { port: u16 },
    Exec(Vec<Text>),
    None,
}
