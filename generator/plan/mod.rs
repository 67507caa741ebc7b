//! Everything two backends must agree on, decided once: names, hosts, ports, start order, volumes, routes,
//! secrets, edges. A backend only translates vocabulary.

pub mod access;
mod addresses;
mod callers;
mod database_endpoints;
mod databases;
mod definitions;
pub mod dockerfile;
pub mod encryption;
mod for_cluster;
mod graphql;
mod health_command;
pub mod migrations;
pub mod network;
mod order;
mod resolve;
pub mod roster;
mod routes;
mod rules;
pub mod secret_list;
mod secrets;
mod values;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::database::graphql::Source;
use crate::diagnostic::FieldPath;
use crate::path;
use crate::stack::{
    self, Access, Autoscale, Build, Compat, Condition, Layout, Mount, Profile, RateLimit, RouteKind, TlsMode, Tmpfs,
    Zone,
};
use crate::values::{
    Capability, Cidr, ContainerPath, Cpus, Duration, Email, EnvironmentName, ExtensionName, HeaderName, Host, ImageRef,
    Memory, PortName, ProjectName, Schedule, SecretName, ServiceName, Signal, SqlIdent, Text, UrlPath, UserId,
    VariableName, VolumeName,
};

pub use access::ServerAccess;
pub use database_endpoints::{Pooler, Replication};
pub use databases::migrations_role;
pub use definitions::definitions;
pub use for_cluster::cluster;
pub use migrations::Migrations;
pub use network::Network;
pub use resolve::{ProjectFiles, resolve};
pub use rules::nginx_snippets;
pub use secret_list::Recipe;

/// One environment, decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    pub project: ProjectName,
    pub environment: EnvironmentName,
    pub profile: Profile,
    pub domain: Host,
    /// Shared with the plan for clusters, as far as they are the same there.
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    /// Services in waves: each waits only for services of earlier waves.
    pub start_order: Vec<Vec<ServiceName>>,
    /// Who opens connections to whom; network policies and network membership follow from it.
    pub edges: BTreeSet<Edge>,
    pub volumes: BTreeMap<VolumeName, Volume>,
    pub secrets: BTreeMap<SecretName, Secret>,
    pub edge: IngressPlan,
    pub databases: BTreeMap<SqlIdent, Database>,
    /// Every role that may log in at the database server, but the superuser.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<SqlIdent, LoginRole>,
    /// What stands in front of the database server, and beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooler: Option<Pooler>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// Who may connect to the database server, from where and how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<ServerAccess>,
    /// What the jobs apply before a database is used.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub migrations: BTreeMap<SqlIdent, Migrations>,
    /// What each Hasura serves of the databases that are defined here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub graphql: BTreeMap<ServiceName, Vec<Source>>,
    pub compat: Option<Compat>,
    /// What the Kubernetes target needs, where it is enabled.
    pub kubernetes: Option<Cluster>,
    /// The way from the environment's folder to the project's, such as `../..`.
    pub project_folder: String,
}

/// The cluster's namespace of an environment.
pub fn namespace(project: &ProjectName, environment: &EnvironmentName) -> String {
    format!("{project}-{environment}")
}

impl Plan {
    /// Every image that a container runs or is made from, with the field that names it.
    pub fn images(&self) -> impl Iterator<Item = (FieldPath, &ImageRef)> {
        let waits = self.kubernetes.as_ref().map(|cluster| (path!("kubernetes"), &cluster.wait_image));
        let services = self.services.values().flat_map(|service| {
            let image = service.image.as_ref().map(|image| (service.origin.key("image"), image));
            let base = service.layout.as_ref().and_then(|layout| layout.base.as_ref());
            let below = service.bases.values().flatten().map(|base| (service.origin.key("build"), base));
            image.into_iter().chain(base.map(|base| (service.origin.key("layout").key("base"), base))).chain(below)
        });
        services.chain(waits)
    }
}

/// Decisions about the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Namespace of the environment: the project's name and its own.
    pub namespace: String,
    /// Where certificates come from, whoever ends TLS.
    pub tls: TlsMode,
    /// What runs in init containers that wait.
    pub wait_image: ImageRef,
    pub settings: stack::Kubernetes,
}

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
    pub ports: BTreeMap<PortName, u16>,
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
}

/// A generated file or folder inside a container; `source` is relative to the environment's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigMount {
    pub source: String,
    pub target: ContainerPath,
}

/// A health check with everything decided; times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    pub check: Check,
    pub interval: Duration,
    pub timeout: Duration,
    pub retries: u16,
    pub start_period: Duration,
}

/// How a service is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    Http { port: u16, path: UrlPath, tool: crate::stack::health::HttpTool },
    Tcp { port: u16 },
    Grpc { port: u16 },
    Exec(Vec<Text>),
    None,
}

/// `from` opens connections to `port` of `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    pub from: ServiceName,
    pub to: ServiceName,
    pub port: u16,
}

/// A data volume with its only writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Volume {
    pub owner: ServiceName,
    pub path: ContainerPath,
    /// The user that must own the folder, where the image does not see to it.
    pub set_owner: Option<UserId>,
    pub size: Option<Memory>,
}

/// A secret: who needs it and how, and the recipe for its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Secret {
    pub recipe: Recipe,
    /// Services that take it as a file.
    pub files_of: BTreeSet<ServiceName>,
    /// Services that take it as a variable, since the image has no file form.
    pub variables_of: BTreeSet<ServiceName>,
    pub min_length: u16,
}

/// What the edge serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IngressPlan {
    /// The service that is the edge.
    pub service: ServiceName,
    pub sites: BTreeMap<SiteName, Site>,
    pub rate_limits: BTreeMap<SecretName, RateLimit>,
    pub internal_addresses: Vec<Cidr>,
    /// Whether callers are internal that come through the bridge's gateway: only this machine reaches the ports.
    pub this_machine_is_internal: bool,
    pub trusted_proxies: Vec<Cidr>,
    /// Whether proxies may follow one another, since the stack lists all of them; otherwise one is believed.
    pub proxies_are_listed: bool,
    pub max_body: Memory,
    pub connections: u16,
    pub tls: TlsMode,
    pub resolver: Resolver,
    pub email: Option<Email>,
    /// Hand-written files: name and content, checked to hold no server name of a site.
    pub conf_d: BTreeMap<String, String>,
}

/// Who tells the edge the addresses of services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolver {
    /// The container engine.
    Engine,
    /// The cluster, for services of this namespace.
    Cluster(String),
}

/// A site's file name: the first host with `*` written as `_wildcard`.
pub type SiteName = String;

/// All routes of one set of host names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Site {
    /// Host names, the canonical one first; a leading `*.` matches every subdomain no other site has.
    pub hosts: Vec<String>,
    /// Locations, longest path first.
    pub locations: Vec<Location>,
}

/// A path of a site and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    pub path: UrlPath,
    pub upstream: Upstream,
    pub kind: RouteKind,
    /// Only internal addresses.
    pub internal: bool,
    /// Paths that only internal addresses may use: whole segments, in any case.
    pub internal_paths: Vec<UrlPath>,
    /// Headers that only internal addresses may send.
    pub refused_headers: Vec<HeaderName>,
    pub rate_limit: SecretName,
    /// Largest body; no limit when absent.
    pub max_body: Option<Memory>,
    pub timeout: Duration,
}

/// Where a location forwards to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Upstream {
    Service {
        service: ServiceName,
        port: u16,
    },
    /// A dev server on the machine that runs the containers.
    HostMachine {
        port: u16,
    },
}

/// A database with its roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Database {
    /// The role that owns the database: the migrations' role where the stack defines it, else the service's that asked
    /// for it; the superuser when none did.
    pub owner: Option<SqlIdent>,
    pub extensions: BTreeSet<ExtensionName>,
    /// Roles that do not own it.
    pub grants: Vec<Grant>,
}

impl Database {
    /// Whether a role may connect.
    pub fn lets_in(&self, role: &SqlIdent) -> bool {
        self.owner.as_ref() == Some(role) || self.grants.iter().any(|grant| grant.role == *role)
    }
}

/// A role that may log in at the database server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoginRole {
    /// The service or job that logs in as it.
    pub service: ServiceName,
    pub password: SecretName,
    /// The databases to which it may connect.
    pub databases: BTreeSet<SqlIdent>,
    /// Copies the server, and connects to no database.
    pub replication: bool,
}

/// What a role may do in a database it does not own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Grant {
    pub role: SqlIdent,
    /// `'owner` where the migrations' role owns everything: rows of all its schemas are read and written.
    pub access: Access,
    pub schema: SqlIdent,
}
