//! A service: a container image with its settings. Services of the catalogue are values of this type, written in Nickel in
//! `stdlib/`.

use crate::values::{
    AlertName, AnnotationName, Capability, Checked, ContainerPath, Cpus, Duration, Host, ImageRef, Memory, Platform,
    PortName, ProjectPath, Schedule, SecretName, ServiceName, Signal, SqlIdent, Text, UserId, VariableName, VolumeName,
};
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::values::ranged;

/// A service of the stack.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Whether the service is part of the environment; true by default.
    pub enabled: Option<bool>,
    /// Profiles in which the service runs; all by default.
    pub only: Option<Vec<Profile>>,
    /// Name of the image in the catalogue of known variables; set by catalogue services.
    pub catalogue: Option<ServiceName>,
    /// Image with tag or digest; with `build`, the name of the image that is built.
    pub image: Option<ImageRef>,
    /// Folder with a Dockerfile, from which the image is built.
    pub build: Option<Build>,
    /// How nself builds `image` itself.
    pub layout: Option<Layout>,
    pub entrypoint: Option<Vec<Text>>,
    pub command: Option<Vec<Text>>,
    pub working_dir: Option<ContainerPath>,
    /// Shorthand for `ports.http`.
    #[serde(deserialize_with = "ranged::positive")]
    pub port: Option<u16>,
    /// Ports on which the container listens, by name.
    #[serde(deserialize_with = "ranged::positive")]
    pub ports: BTreeMap<PortName, u16>,
    /// Ports of the host, by the name of the container's port. Outside of local, a service other than nginx gives a reason.
    pub publish: BTreeMap<PortName, Publish>,
    /// Variables; names are checked against the catalogue for known images.
    pub env: BTreeMap<VariableName, EnvValue>,
    /// Variables that the catalogue does not know, passed on unchecked.
    pub extra_env: BTreeMap<VariableName, EnvValue>,
    /// Files of the project with lines `NAME=value`, read when files are generated. `env` and later files replace their variables.
    pub env_files: Vec<ProjectPath>,
    /// Secrets that are declared together with the service.
    pub secrets: BTreeMap<SecretName, Secret>,
    /// Secrets mounted as files below /run/secrets.
    pub secret_files: Vec<SecretName>,
    /// Data volumes by name. Only this service writes to them, and their `writers`.
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// Files and folders of the project, mounted into the container.
    pub mounts: Vec<Mount>,
    /// Files and folders of the host, each with a reason; not on clusters.
    pub host_mounts: Vec<HostMount>,
    /// Configuration files by their path in the container, read-only, on clusters too.
    pub files: BTreeMap<ContainerPath, ServiceFile>,
    /// Writable file systems in memory, since the root file system is read-only.
    pub tmpfs: Vec<Tmpfs>,
    pub user: Option<UserId>,
    /// Whether the root file system is read-only; true by default.
    pub read_only: Option<bool>,
    /// Linux capabilities. All others are dropped.
    pub capabilities: Vec<Capability>,
    /// Whether a minimal init runs as PID 1, for programs that start child processes.
    pub init: bool,
    pub health: Option<Health>,
    /// Services that start before this one: a list of names, which waits until they are healthy, or a record of conditions.
    #[serde(deserialize_with = "service_dependencies")]
    #[schemars(with = "BTreeMap<ServiceName, Condition>")]
    pub depends_on: BTreeMap<ServiceName, Condition>,
    /// Additional names by which other services reach this one.
    pub aliases: Vec<ServiceName>,
    /// Names with fixed addresses, which the container resolves without a name server.
    pub extra_hosts: BTreeMap<Host, std::net::IpAddr>,
    /// Networks of the engine that exist outside of the stack; not on clusters.
    pub external_networks: Vec<ServiceName>,
    /// Labels of the container; annotations of the pods on clusters.
    pub labels: BTreeMap<AnnotationName, Text>,
    /// Where the engine keeps the service's output; three files of 10 MiB by default.
    pub logging: Option<Logging>,
    /// Services to which this one connects without waiting for them.
    pub connects_to: Vec<ServiceName>,
    pub limits: Limits,
    pub reservations: Reservations,
    #[serde(deserialize_with = "ranged::positive")]
    pub replicas: Option<u16>,
    pub autoscale: Option<Autoscale>,
    /// Shorthand for `routes.main`.
    pub route: Option<Route>,
    pub routes: BTreeMap<PortName, Route>,
    /// Paths, ports and headers that only internal addresses may use, on all routes.
    pub guard: Guard,
    /// Network zone of the service.
    pub zone: Option<Zone>,
    /// Whether the service may open connections to the internet.
    pub egress: bool,
    /// Databases that the service uses, by names that its variables refer to.
    pub databases: BTreeMap<SqlIdent, DatabaseUse>,
    /// Requests of Hasura that the service answers.
    pub hasura: Option<Handlers>,
    /// Time to finish after the stop signal.
    pub stop_grace: Option<Duration>,
    pub stop_signal: Option<Signal>,
    /// Size of /dev/shm.
    pub shm_size: Option<Memory>,
    /// Whether the service is a development tool, which is refused in production.
    pub development_only: bool,
    /// Raw Compose keys that the model does not cover, merged last.
    pub compose: BTreeMap<String, serde_json::Value>,
    /// Raw keys of a pod that the model does not cover, merged last.
    pub kubernetes: BTreeMap<String, serde_json::Value>,
    /// Whether the service runs all the time, or once.
    pub run: Run,
    /// Times, in UTC, at which the service runs and ends, instead of running all the time.
    pub schedule: Option<Schedule>,
    /// Metrics of the service, which Prometheus reads where monitoring is on.
    pub metrics: Option<Metrics>,
    /// Alerts about the service by name, where monitoring is on.
    pub alerts: BTreeMap<AlertName, Alert>,
    /// Dashboards about the service by name, where monitoring is on.
    pub dashboards: BTreeMap<ServiceName, Dashboard>,
    /// Whether the service gets the standard variables of OpenTelemetry, with which it sends traces to the bundle. Unless
    /// given, it does not.
    pub otel: bool,
    /// Services without which this one is left out of the environment.
    pub only_with: Vec<ServiceName>,
    /// Differences on clusters.
    pub on_clusters: OnClusters,
    /// Further processes of the same image, each with a different command.
    pub processes: BTreeMap<ServiceName, Process>,
    /// Settings that a target may ignore, each with a reason: `waive."compose.autoscale" = "…"`.
    pub waive: BTreeMap<String, Text>,
}

/// The build of an image from a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Folder of the project that is the build context.
    pub context: ProjectPath,
    #[serde(default)]
    pub dockerfile: Option<ProjectPath>,
    #[serde(default)]
    pub target: Option<ServiceName>,
    #[serde(default)]
    pub args: BTreeMap<VariableName, Text>,
}

/// An image that nself builds from a folder of the project without running commands, on a base image or an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Folder of the project whose files become a layer.
    pub folder: ProjectPath,
    /// Folder of these files in the image; `/app` by default.
    #[serde(default)]
    pub path: Option<ContainerPath>,
    /// The base image; empty by default.
    #[serde(default)]
    pub base: Option<ImageRef>,
    /// Platforms such as `linux/amd64`; all platforms of the base image by default.
    #[serde(default)]
    pub platforms: Vec<Platform>,
}

/// A port of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    #[serde(deserialize_with = "ranged::positive")]
    pub port: u16,
    /// Address of the host; by default, 0.0.0.0 for nginx outside of the local profile, and otherwise the loopback
    /// address.
    #[serde(default)]
    pub address: Option<std::net::IpAddr>,
    #[serde(default)]
    pub protocol: Protocol,
    /// Why clients reach the port without the edge, such as SSH of a git server.
    #[serde(default)]
    pub reason: Option<Text>,
    /// Port of every node on a cluster with `published = 'nodeport`; `port` by default.
    #[serde(default, deserialize_with = "ranged::positive")]
    pub node_port: Option<u16>,
}

/// The transport protocol of a published port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// A named data volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    pub path: ContainerPath,
    /// Whether the folder is given to the service's user before the first start, for images that do not do so.
    #[serde(default)]
    pub set_owner: bool,
    /// Requested size, on targets that provision volumes.
    #[serde(default)]
    pub size: Option<Memory>,
    /// Other services that read the volume, each with the path in its container.
    #[serde(default)]
    pub readers: BTreeMap<ServiceName, ContainerPath>,
    /// Other services that write to the volume as well, each with the path in its container. Their programs must allow that.
    #[serde(default)]
    pub writers: BTreeMap<ServiceName, ContainerPath>,
}

/// A file or folder of the project inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    pub source: ProjectPath,
    pub target: ContainerPath,
    /// Whether the container may write to it; false by default.
    #[serde(default)]
    pub writable: bool,
}

/// A file or folder of the host inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostMount {
    /// Path on the host.
    pub source: ContainerPath,
    pub target: ContainerPath,
    /// Whether the container may write to it; false by default.
    #[serde(default)]
    pub writable: bool,
    /// Why the container needs the host's files. The socket of the engine gives it control of the host.
    pub reason: Text,
}

/// Where the container engine keeps the output of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    pub driver: LogDriver,
    /// Options of the driver.
    #[serde(default)]
    pub options: BTreeMap<AnnotationName, Text>,
}

/// A log driver of the container engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    JsonFile,
    Local,
    Journald,
    Syslog,
    Fluentd,
    Gelf,
    Awslogs,
    Gcplogs,
    Splunk,
    None,
}

impl LogDriver {
    pub fn name(self) -> &'static str {
        match self {
            LogDriver::JsonFile => "json-file",
            LogDriver::Local => "local",
            LogDriver::Journald => "journald",
            LogDriver::Syslog => "syslog",
            LogDriver::Fluentd => "fluentd",
            LogDriver::Gelf => "gelf",
            LogDriver::Awslogs => "awslogs",
            LogDriver::Gcplogs => "gcplogs",
            LogDriver::Splunk => "splunk",
            LogDriver::None => "none",
        }
    }
}

/// A writable memory file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tmpfs {
    pub path: ContainerPath,
    #[serde(default)]
    pub size: Option<Memory>,
    /// Owner of the folder; every user may write by default.
    #[serde(default)]
    pub owner: Option<UserId>,
}

impl Tmpfs {
    /// Returns the largest total size of the files; 64 MiB unless the stack sets it.
    pub fn limit(&self) -> Memory {
        self.size.unwrap_or(Memory(64 << 20))
    }
}

/// Whether a service runs all the time or ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// Runs all the time, and is restarted when it ends.
    #[default]
    Always,
    /// Runs once for each start of the stack, and is repeated until it succeeds, such as a job that creates buckets.
    Once,
}

/// The state of a dependency that allows a service to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    Started,
    Healthy,
    Completed,
}

/// Upper bounds of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub memory: Option<Memory>,
    pub cpus: Option<Cpus>,
    /// Largest number of processes and threads.
    pub pids: Option<u32>,
    /// Number of processes that the service may start with its settings. `pids` must not be lower.
    pub min_pids: Option<u32>,
}

/// Resources that are reserved for a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reservations {
    pub memory: Option<Memory>,
    pub cpus: Option<Cpus>,
}

/// Number of replicas by load, on targets that support it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    #[serde(deserialize_with = "ranged::positive")]
    pub min: u16,
    #[serde(deserialize_with = "ranged::positive")]
    pub max: u16,
    /// Target load in percent of the reserved processors; 80 by default.
    #[serde(default, deserialize_with = "ranged::percent")]
    pub cpu: Option<u8>,
    /// Target use in percent of the reserved memory. Not watched by default, since most programs never release memory.
    #[serde(default, deserialize_with = "ranged::percent")]
    pub memory: Option<u8>,
}

/// A network zone: `edge` for services with public traffic, `app` for logic, `data` for state, `monitoring` for services
/// that watch the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    Edge,
    App,
    Data,
    Monitoring,
}

impl Zone {
    pub fn name(self) -> &'static str {
        match self {
            Zone::Edge => "edge",
            Zone::App => "app",
            Zone::Data => "data",
            Zone::Monitoring => "monitoring",
        }
    }
}

impl Service {
    /// Returns whether the service is part of an environment of this profile.
    pub fn runs_in(&self, profile: Profile) -> bool {
        self.enabled.unwrap_or(true) && self.only.as_ref().is_none_or(|only| only.contains(&profile))
    }

    /// Returns all ports, with `port` as `http`.
    pub fn all_ports(&self) -> BTreeMap<PortName, u16> {
        let mut ports = self.ports.clone();
        if let Some(port) = self.port {
            ports.entry(PortName::wrap("http".into())).or_insert(port);
        }
        ports
    }

    /// Calls `visit` with every reference in variables and files.
    pub fn for_each_reference(&self, visit: &mut impl FnMut(&EnvReference)) {
        self.env.values().chain(self.extra_env.values()).for_each(|value| value.for_each_reference(visit));
        self.files.values().for_each(|file| file.for_each_reference(visit));
    }

    /// Returns all routes, with `route` as `main`.
    pub fn all_routes(&self) -> BTreeMap<PortName, Route> {
        let mut routes = self.routes.clone();
        if let Some(route) = &self.route {
            routes.entry(PortName::wrap("main".into())).or_insert_with(|| route.clone());
        }
        routes
    }
}

pub(super) fn service_dependencies<'de, D: serde::Deserializer<'de>>(
    d: D,
) -> Result<BTreeMap<ServiceName, Condition>, D::Error> {
    struct NamesOrConditions;
    impl<'de> serde::de::Visitor<'de> for NamesOrConditions {
        type Value = BTreeMap<ServiceName, Condition>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a list of service names or a record of conditions")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some(name) = seq.next_element()? {
                all.insert(name, Condition::Healthy);
            }
            Ok(all)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((name, condition)) = map.next_entry()? {
                all.insert(name, condition);
            }
            Ok(all)
        }
    }
    d.deserialize_any(NamesOrConditions)
}
