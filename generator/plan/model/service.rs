//! A service of the plan: a container with everything decided.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use crate::diagnostic::FieldPath;
use crate::plan::network::Network;
use crate::stack::health::HttpTool;
use crate::stack::{Autoscale, Build, Condition, Layout, Mount, Tmpfs, Zone};
use crate::values::{
    Capability, ContainerPath, Cpus, Duration, ImageRef, Memory, PortName, Schedule, SecretName, ServiceName, Signal,
    Text, UrlPath, UserId, VariableName, VolumeName,
};

/// A container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Service {
    /// Where the user wrote it; no part of any output.
    #[serde(skip)]
    pub origin: FieldPath,
    /// What runs; exactly one of the two is set.
    pub image: Option<ImageRef>,
    pub build: Option<Build>,
    /// What its Dockerfile begins from, by the names used there; nothing for one without a tag.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bases: BTreeMap<String, Option<ImageRef>>,
    /// How `image` is made, where nself makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    pub entrypoint: Option<Vec<Text>>,
    pub command: Option<Vec<Text>>,
    pub working_dir: Option<ContainerPath>,
    /// Further names by which other services reach it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<ServiceName>,
    pub ports: BTreeMap<PortName, u16>,
    /// Ports that speak HTTP/2 without TLS, as gRPC does.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub h2c_ports: BTreeSet<u16>,
    pub publish: Vec<Publish>,
    pub env: BTreeMap<VariableName, Value>,
    /// Mounted below /run/secrets.
    pub secret_files: BTreeSet<SecretName>,
    /// Own volumes and those of others that it reads.
    pub volumes: Vec<VolumeMount>,
    /// Paths are relative to the project.
    pub mounts: Vec<Mount>,
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
    pub zone: Zone,
    /// Networks of the service: its own zone's and those of its peers.
    pub networks: BTreeSet<Network>,
    /// Reaches the internet, or is published.
    pub egress: bool,
    /// Names of the host machine that must resolve, for frontends that run there.
    pub reaches_host: bool,
    pub stop_grace: Duration,
    pub stop_signal: Option<Signal>,
    pub shm_size: Option<Memory>,
    /// Runs once and ends, such as setting the owner of a volume.
    pub one_shot: bool,
    /// Times at which it runs and ends.
    pub schedule: Option<Schedule>,
    /// Raw Compose keys.
    pub compose: BTreeMap<String, serde_json::Value>,
    /// Raw keys of a pod.
    pub kubernetes: BTreeMap<String, serde_json::Value>,
    /// Settings that a target may drop, with the reason.
    pub waive: BTreeMap<String, Text>,
}

impl Service {
    /// Whether it runs and ends, once or by a schedule.
    pub fn runs_once(&self) -> bool {
        self.one_shot || self.schedule.is_some()
    }

    /// Whether other services and the edge reach it by its name.
    pub fn has_address(&self) -> bool {
        !self.ports.is_empty() && !self.runs_once()
    }
}

/// A variable's value, resolved as far as it can be without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    Text(String),
    Secret(SecretName),
}

/// A port of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publish {
    pub address: IpAddr,
    pub host_port: u16,
    pub container_port: u16,
}

/// A volume inside a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeMount {
    pub volume: VolumeName,
    pub path: ContainerPath,
    pub read_only: bool,
    /// The group of the volume's owner, for a reader; clusters give the folder to this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_group: Option<u32>,
}

/// A generated file or folder inside a container; `source` is relative to the environment's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigMount {
    pub source: String,
    pub target: ContainerPath,
    /// Whether the running container loads changed files; otherwise a change replaces the container.
    pub reloads: bool,
}

/// A health check with everything decided; times in milliseconds.
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

/// How a service is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    Http { port: u16, path: UrlPath, tool: HttpTool },
    Tcp { port: u16 },
    Grpc { port: u16 },
    Exec(Vec<Text>),
    None,
}
