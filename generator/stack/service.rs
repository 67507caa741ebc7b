//! A service: one container image with what it needs, whatever its category. Catalogue services are
//! values of this type written in stdlib/, not Rust.

use crate::values::{
    Capability, Checked, ContainerPath, Cpus, Duration, ImageRef, Memory, Platform, PortName, ProjectPath, Schedule,
    SecretName, ServiceName, Signal, SqlIdent, Text, UserId, VariableName, VolumeName,
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
    /// Part of the environment unless false.
    pub enabled: Option<bool>,
    /// The profiles in which the service runs; all of them when absent.
    pub only: Option<Vec<Profile>>,
    /// Name of the image in the catalogue of known variables; set by catalogue services.
    pub catalogue: Option<ServiceName>,
    /// Image with tag or digest.
    pub image: Option<ImageRef>,
    /// Dockerfile folder of the project.
    pub build: Option<Build>,
    /// How nself makes `image` itself.
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
    /// Ports of the host; only for nginx, and the admin UI in local.
    pub publish: BTreeMap<PortName, Publish>,
    /// Variables; names are checked against the catalogue for known images.
    pub env: BTreeMap<VariableName, EnvValue>,
    /// Variables that the catalogue does not know, passed on unchecked.
    pub extra_env: BTreeMap<VariableName, EnvValue>,
    /// Secrets that come with the service.
    pub secrets: BTreeMap<SecretName, Secret>,
    /// Secrets mounted as files below /run/secrets.
    pub secret_files: Vec<SecretName>,
    /// Data volumes by name; each belongs to this service alone.
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// Files and folders of the project, mounted into the container.
    pub mounts: Vec<Mount>,
    /// Writable memory file systems; the root file system is read-only.
    pub tmpfs: Vec<Tmpfs>,
    pub user: Option<UserId>,
    /// Read-only root file system unless false.
    pub read_only: Option<bool>,
    /// Capabilities beyond none.
    pub capabilities: Vec<Capability>,
    /// Run a minimal init as PID 1, for programs that start children.
    pub init: bool,
    pub health: Option<Health>,
    /// Services that must be up first: a list of names (waits until healthy) or a record of conditions.
    #[serde(deserialize_with = "service_dependencies")]
    #[schemars(with = "BTreeMap<ServiceName, Condition>")]
    pub depends_on: BTreeMap<ServiceName, Condition>,
    /// Further names by which other services reach this one.
    pub aliases: Vec<ServiceName>,
    /// Services that this one talks to without waiting for them.
    pub connects_to: Vec<ServiceName>,
    pub limits: Limits,
    pub reservations: Reservations,
    #[serde(deserialize_with = "ranged::positive")]
    pub replicas: Option<u16>,
    pub autoscale: Option<Autoscale>,
    /// Shorthand for `routes.main`.
    pub route: Option<Route>,
    pub routes: BTreeMap<PortName, Route>,
    /// What the edge keeps from callers that are not internal, on all routes.
    pub guard: Guard,
    /// Trust zone of the service.
    pub zone: Option<Zone>,
    /// May open connections to the internet.
    pub egress: bool,
    /// Databases that the service uses, by names that the service chooses.
    pub databases: BTreeMap<SqlIdent, DatabaseUse>,
    /// Time to finish after the stop signal.
    pub stop_grace: Option<Duration>,
    pub stop_signal: Option<Signal>,
    /// Size of /dev/shm.
    pub shm_size: Option<Memory>,
    /// Never part of production, whatever the profile list says.
    pub development_only: bool,
    /// Raw Compose keys that the model does not cover, merged last.
    pub compose: BTreeMap<String, serde_json::Value>,
    /// Raw keys of a pod that the model does not cover, merged last.
    pub kubernetes: BTreeMap<String, serde_json::Value>,
    /// Whether it runs all the time, or once before the services that wait for its end.
    pub run: Run,
    /// Runs at these times, in UTC, and ends, instead of running all the time.
    pub schedule: Option<Schedule>,
    /// Settings a target may drop, each with a reason: `waive."compose.autoscale" = "…"`.
    pub waive: BTreeMap<String, Text>,
}

/// Where an image is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Folder of the project.
    pub context: ProjectPath,
    #[serde(default)]
    pub dockerfile: Option<ProjectPath>,
    #[serde(default)]
    pub target: Option<ServiceName>,
    #[serde(default)]
    pub args: BTreeMap<VariableName, Text>,
}

/// An image that nself makes without running anything: a folder of the project, on a base or on nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Folder of the project whose files become a layer.
    pub folder: ProjectPath,
    /// Where they lie in the image; `/app` unless given.
    #[serde(default)]
    pub path: Option<ContainerPath>,
    /// The image below.
    #[serde(default)]
    pub base: Option<ImageRef>,
    /// `linux/amd64` and the like; those of the base unless given.
    #[serde(default)]
    pub platforms: Vec<Platform>,
}

/// A port of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    #[serde(deserialize_with = "ranged::positive")]
    pub port: u16,
    /// Address to bind; unless given the loopback address, and 0.0.0.0 for nginx outside the local profile.
    #[serde(default)]
    pub address: Option<std::net::IpAddr>,
}

/// A named data volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    pub path: ContainerPath,
    /// The image does not create the path for its user, so its owner is set before the first start.
    #[serde(default)]
    pub set_owner: bool,
    /// Requested size, where the target provisions one.
    #[serde(default)]
    pub size: Option<Memory>,
    /// Other services that read it, such as the edge reading certificates.
    #[serde(default)]
    pub readers: BTreeMap<ServiceName, ContainerPath>,
}

/// A file or folder of the project inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    pub source: ProjectPath,
    pub target: ContainerPath,
    /// Writable only when said.
    #[serde(default)]
    pub writable: bool,
}

/// A writable memory file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tmpfs {
    pub path: ContainerPath,
    #[serde(default)]
    pub size: Option<Memory>,
    /// Owner; every user may write when absent.
    #[serde(default)]
    pub owner: Option<UserId>,
}

impl Tmpfs {
    /// Returns the most that the files may take; 64 MiB unless the stack sets it.
    pub fn limit(&self) -> Memory {
        self.size.unwrap_or(Memory(64 << 20))
    }
}

/// How long a service runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// All the time; it starts again when it ends.
    #[default]
    Always,
    /// Once for each start of the stack, until it succeeds: a job such as the creation of buckets.
    Once,
}

/// When a dependency counts as up.
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
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Fewest processes the configured service needs; the pids limit is checked against it.
    pub min_pids: Option<u32>,
}

/// What a container is promised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reservations {
    pub memory: Option<Memory>,
    pub cpus: Option<Cpus>,
}

/// Replicas by load, on targets that can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    #[serde(deserialize_with = "ranged::positive")]
    pub min: u16,
    #[serde(deserialize_with = "ranged::positive")]
    pub max: u16,
    /// Percent of the reserved processors; 80 unless given.
    #[serde(default, deserialize_with = "ranged::percent")]
    pub cpu: Option<u8>,
    /// Percent of the reserved memory; not watched unless given, since most programs never give memory back.
    #[serde(default, deserialize_with = "ranged::percent")]
    pub memory: Option<u8>,
}

/// Who may talk to whom: `edge` faces the internet, `app` holds logic, `data` holds state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    Edge,
    App,
    Data,
}

impl Zone {
    pub fn name(self) -> &'static str {
        match self {
            Zone::Edge => "edge",
            Zone::App => "app",
            Zone::Data => "data",
        }
    }
}

impl Service {
    /// Whether the service is part of an environment of this profile.
    pub fn runs_in(&self, profile: Profile) -> bool {
        self.enabled.unwrap_or(true) && self.only.as_ref().is_none_or(|only| only.contains(&profile))
    }

    /// All ports, `port` included as `http`.
    pub fn all_ports(&self) -> BTreeMap<PortName, u16> {
        let mut ports = self.ports.clone();
        if let Some(port) = self.port {
            ports.entry(PortName::wrap("http".into())).or_insert(port);
        }
        ports
    }

    /// All routes, `route` included as `main`.
    pub fn all_routes(&self) -> BTreeMap<PortName, Route> {
        let mut routes = self.routes.clone();
        if let Some(route) = &self.route {
            routes.entry(PortName::wrap("main".into())).or_insert_with(|| route.clone());
        }
        routes
    }
}

fn service_dependencies<'de, D: serde::Deserializer<'de>>(d: D) -> Result<BTreeMap<ServiceName, Condition>, D::Error> {
    struct Either;
    impl<'de> serde::de::Visitor<'de> for Either {
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
    d.deserialize_any(Either)
}
