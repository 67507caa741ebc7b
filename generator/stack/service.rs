//! A service: a container image with its settings. Services of the catalogue are values of this type, written in Nickel in
//! `stdlib/`.

use crate::values::{
    AlertName, AnnotationName, Capability, Checked, ContainerPath, Duration, DurationOrZero, Host, ImageRef, Memory,
    PortName, ProjectPath, Reason, Schedule, SecretName, ServiceName, Signal, SqlIdent, SysctlName, Text, UserId,
    VariableName, VolumeName,
};
use std::collections::{BTreeMap, BTreeSet};

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
    /// The only name under which the service works, since other services and its secrets use this name; set by services
    /// of the library.
    pub fixed_name: Option<ServiceName>,
    /// Image with tag or digest; with `build`, the name of the built image.
    pub image: Option<ImageRef>,
    /// Folder with a Dockerfile, from which the image is built.
    pub build: Option<Build>,
    /// Folder from which nself builds the image without a container engine.
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
    /// Ports of the host, by the name of the container's port. In profiles other than `local`, a service other than nginx
    /// must give a reason.
    pub publish: BTreeMap<PortName, Publish>,
    /// Variables; names are checked against the catalogue for known images.
    pub env: BTreeMap<VariableName, EnvValue>,
    /// Variables that the catalogue does not know. Their names are not checked.
    pub extra_env: BTreeMap<VariableName, EnvValue>,
    /// Files of the project with lines `NAME=value`, read when files are generated. A variable in `env` or in
    /// a later file replaces one of an earlier file.
    pub env_files: Vec<ProjectPath>,
    /// Secrets that are declared together with the service.
    pub secrets: BTreeMap<SecretName, Secret>,
    /// Secrets mounted as files below /run/secrets.
    pub secret_files: Vec<SecretName>,
    /// Data volumes by name. Only this service and the volume's `writers` write to them.
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// Files and folders of the project, mounted into the container.
    pub mounts: Vec<Mount>,
    /// Files and folders of the host, each with a reason. Clusters do not allow them.
    pub host_mounts: Vec<HostMount>,
    /// Read-only configuration files by their path in the container.
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
    /// Services that start before this one: a list of names, to wait until all are healthy, or a record of conditions by name.
    #[serde(deserialize_with = "service_dependencies")]
    #[schemars(with = "BTreeMap<ServiceName, Condition>")]
    pub depends_on: BTreeMap<ServiceName, Condition>,
    /// Additional names with which other services reach this one.
    pub aliases: Vec<ServiceName>,
    /// Names with fixed addresses, which the container resolves without a name server.
    pub extra_hosts: BTreeMap<Host, std::net::IpAddr>,
    /// Whether the container always has the same address, which follows from the name of the service, and its name resolves
    /// even while it does not run, as a group needs
    /// whose members watch each other by name. On clusters, every service has such an address.
    pub fixed_address: bool,
    /// Networks of the engine that exist outside of the stack. Clusters do not have them.
    pub external_networks: Vec<ServiceName>,
    /// Labels of the container; annotations of the pods on clusters.
    pub labels: BTreeMap<AnnotationName, Text>,
    /// Log driver for the output of the service; by default, the engine keeps three files of 10 MiB.
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
    pub egress: Option<bool>,
    /// Databases that the service uses. The names are those to which its variables refer.
    pub databases: BTreeMap<SqlIdent, DatabaseUse>,
    /// Requests of Hasura that the service answers.
    pub hasura: Option<Handlers>,
    /// Time between the stop signal and the forced end of the service; 30s by default. With `0s`, the engine ends it at once.
    pub stop_grace: Option<DurationOrZero>,
    pub stop_signal: Option<Signal>,
    /// Size of /dev/shm.
    pub shm_size: Option<Memory>,
    /// Kernel settings of the container's network and processes.
    pub sysctls: BTreeMap<SysctlName, Text>,
    /// Whether the service is a development tool, which is refused in production.
    pub development_only: bool,
    /// Raw Compose keys that the model does not cover, merged last.
    pub compose: BTreeMap<String, serde_json::Value>,
    /// Raw keys of a pod that the model does not cover, merged last.
    pub kubernetes: BTreeMap<String, serde_json::Value>,
    /// Whether the service runs all the time, once, or when an operator starts it.
    pub run: Run,
    /// Times in UTC at which the service is started. Without a schedule, it runs all the time.
    pub schedule: Option<Schedule>,
    /// Time after which a job is ended, for a service with a schedule, `run = 'once` or `run = 'on_request`; none by default.
    pub deadline: Option<Duration>,
    /// Metrics of the service, which Prometheus reads where monitoring is on.
    pub metrics: Option<Metrics>,
    /// Alerts about the service by name, where monitoring is on.
    pub alerts: BTreeMap<AlertName, Alert>,
    /// Dashboards about the service by name, where monitoring is on.
    pub dashboards: BTreeMap<ServiceName, Dashboard>,
    /// Whether the service gets the standard variables of OpenTelemetry, with which it sends traces to Tempo; false by
    /// default.
    pub otel: bool,
    /// This service is part of the environment only if all of these services are.
    pub only_with: Vec<ServiceName>,
    /// Differences on clusters.
    pub on_clusters: OnClusters,
    /// Additional processes of the same image, each with a different command.
    pub processes: BTreeMap<ServiceName, Process>,
    /// Settings that Compose or Kubernetes may ignore, each with a reason: `waive."compose.autoscale" = "…"`.
    pub waive: BTreeMap<String, Reason>,
}

/// Whether a service runs all the time or ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// Runs all the time, and is restarted when it ends.
    #[default]
    Always,
    /// Runs once for each start of the stack, such as a job that creates buckets. A cluster repeats it up to three times if it fails.
    Once,
    /// Runs only when an operator starts it, and ends, such as a job that restores a backup.
    #[serde(rename = "on_request")]
    OnRequest,
}

/// The state of a dependency that allows a service to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    Started,
    Healthy,
    Completed,
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
        profile.includes(self.enabled, self.only.as_deref())
    }

    /// Returns whether the service has a health check. One with a reason for its absence has none.
    pub fn has_health_check(&self) -> bool {
        self.health.as_ref().is_some_and(|health| health.none.is_none())
    }

    /// Returns the words of the entrypoint, then those of the command.
    pub fn command_words(&self) -> impl Iterator<Item = &str> {
        self.entrypoint.iter().chain(&self.command).flatten().map(|word| word.as_str())
    }

    /// Returns all ports by name. `port` is the port `http`, unless `ports` has a port of this name.
    pub fn all_ports(&self) -> BTreeMap<PortName, u16> {
        let mut ports = self.ports.clone();
        if let Some(port) = self.port {
            ports.entry(PortName::wrap("http".into())).or_insert(port);
        }
        ports
    }

    /// Returns the protocols of the ports with this number: UDP for a port that is published for UDP, otherwise TCP.
    pub fn protocols_of_port(&self, number: u16) -> BTreeSet<Protocol> {
        let ports = self.all_ports().into_iter().filter(|(_, port)| *port == number);
        ports.map(|(name, _)| self.publish.get(&name).map_or(Protocol::Tcp, |publish| publish.protocol)).collect()
    }

    /// Returns whether the service names this entry of the catalogue.
    pub fn has_catalogue_entry(&self, entry: &str) -> bool {
        self.catalogue.as_ref().is_some_and(|name| name.as_str() == entry)
    }

    /// Returns the fields that declare variables, each with its name.
    pub fn variables(&self) -> [(&'static str, &BTreeMap<VariableName, EnvValue>); 2] {
        [("env", &self.env), ("extra_env", &self.extra_env)]
    }

    /// Calls `visit` with every reference in variables and files for a profile.
    pub fn for_each_reference(&self, profile: Profile, visit: &mut impl FnMut(&EnvReference)) {
        let profiles = &[profile];
        self.env.values().chain(self.extra_env.values()).for_each(|value| value.for_each_reference(profiles, visit));
        self.files.values().for_each(|file| file.for_each_reference(profiles, visit));
    }

    /// Returns all routes by name. `route` is the route `main`, unless `routes` has a route of this name.
    pub fn all_routes(&self) -> BTreeMap<PortName, Route> {
        let mut routes = self.routes.clone();
        if let Some(route) = &self.route {
            routes.entry(PortName::wrap("main".into())).or_insert_with(|| route.clone());
        }
        routes
    }

    /// Returns whether only internal addresses may use a route of the service: as the route declares, or by default if the
    /// guard lists its port as internal.
    pub fn is_internal_route(&self, route: &Route) -> bool {
        if let Some(access) = route.access {
            return access == RouteAccess::Internal;
        }
        let ports = self.all_ports();
        let port = ports.get(route.port.as_ref().map_or("http", PortName::as_str));
        port.is_some() && self.guard.internal_ports.iter().any(|name| ports.get(name) == port)
    }
}

/// Decodes dependencies: a list of names, to wait until all are healthy, or a record of conditions by name.
pub(super) fn service_dependencies<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<ServiceName, Condition>, D::Error> {
    struct NamesOrConditions;
    impl<'de> serde::de::Visitor<'de> for NamesOrConditions {
        type Value = BTreeMap<ServiceName, Condition>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str(
                "a list of service names such as `[\"postgres\"]`, or a record such as `{ postgres = 'healthy }`",
            )
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut conditions = BTreeMap::new();
            while let Some(name) = seq.next_element()? {
                conditions.insert(name, Condition::Healthy);
            }
            Ok(conditions)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut conditions = BTreeMap::new();
            while let Some((name, condition)) = map.next_entry()? {
                conditions.insert(name, condition);
            }
            Ok(conditions)
        }
    }
    deserializer.deserialize_any(NamesOrConditions)
}
