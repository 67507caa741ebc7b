//! Types of the stack: the settings of one environment, after its layers are merged. They are plain data, independent of
//! Compose, Kubernetes and nginx. `Origins` has the positions of the fields in source files.

mod backups;
mod container;
pub mod database;
pub mod edge;
pub mod env;
pub mod file;
pub mod handlers;
pub mod health;
mod image;
pub mod kubernetes;
pub mod mail;
pub mod monitoring;
mod mounts;
pub mod plugin;
pub mod process;
pub mod route;
pub mod secret;
pub mod service;

use crate::values::{Host, ProjectName, SecretName, ServiceName, SqlIdent, Subnet};
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use backups::{BackupTarget, Backups, FolderTarget, Retention, S3Target};
pub use container::{Autoscale, Limits, LogDriver, Logging, Protocol, Publish, Reservations};
pub use database::{Access, DatabaseServer, DatabaseUse, ExternalServer, ServerRole};
pub use edge::{Edge, RateLimit, Tls, TlsMode};
pub use env::{EnvReference, EnvValue};
pub use file::ServiceFile;
pub use handlers::{ActionKind, ActionType, Call, EventOperation, Handlers};
pub use health::Health;
pub use image::{Build, Layout};
pub use kubernetes::{
    ClusterEdge, Gitops, GitopsTool, IpFamilies, Kubernetes, NodePorts, PrometheusOperator, Published, Quota,
    SecretSource, SharedVolumes,
};
pub use mail::{Mail, Relay, RelaySecurity};
pub use monitoring::{
    Alert, BundleSize, ClusterRight, Dashboard, Metrics, Monitoring, OnClusters, Panel, PanelKind, Receiver,
    Replacement, Severity,
};
pub use mounts::{HostMount, Mount, Tmpfs, Volume};
pub use plugin::{Hooks, Plugin};
pub use process::Process;
pub use route::{
    Cors, Frontend, GraphqlEndpoint, Guard, Redirect, Route, RouteAccess, RouteKind, RouteUpstream, Served, ServedTable,
};
pub use secret::{Secret, SecretReference, TemplatePart, ValueOrSecret};
pub use service::{Condition, Run, Service, Zone};

/// The purpose of an environment. It determines which services run and how strict the checks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    Local,
    Staging,
    Prod,
}

impl Profile {
    pub const ALL: [Profile; 3] = [Profile::Local, Profile::Staging, Profile::Prod];

    /// Returns whether a part of the stack, such as a service, is included in environments of this profile. `enabled` and
    /// `only` are fields of the part. By default, a part is enabled and belongs to all profiles.
    pub fn includes(self, enabled: Option<bool>, only: Option<&[Profile]>) -> bool {
        enabled.unwrap_or(true) && only.is_none_or(|profiles| profiles.contains(&self))
    }

    pub fn name(self) -> &'static str {
        match self {
            Profile::Local => "local",
            Profile::Staging => "staging",
            Profile::Prod => "prod",
        }
    }
}

/// A backend in one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// The name of the project. It is part of the names of containers, volumes and networks, and names the main database.
    pub project: ProjectName,
    /// Base domain; routes are subdomains of it.
    pub domain: Host,
    /// Purpose of this environment; implied for `local`, `staging` and `prod`.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// Core (postgres, hasura, auth, nginx), optional and custom services by name.
    #[serde(default)]
    pub services: BTreeMap<ServiceName, Service>,
    /// Browser applications. In the profile `local`, the edge forwards to their dev servers, so they have no
    /// containers.
    #[serde(default)]
    pub frontends: BTreeMap<ServiceName, Frontend>,
    /// Whether frontends are part of this environment. Default: true in the profiles `local` and `staging`, false in `prod`.
    #[serde(default)]
    pub include_frontends: Option<bool>,
    /// Additional GraphQL endpoints for the same database, each with its own domain.
    #[serde(default)]
    pub graphql_endpoints: BTreeMap<ServiceName, GraphqlEndpoint>,
    /// Secrets beyond those that services declare.
    #[serde(default)]
    pub secrets: BTreeMap<SecretName, Secret>,
    /// Definitions of databases, with tables, types and functions, by name. A definition that several environments have must
    /// be the same in all of them: `nself db` refuses a difference.
    #[serde(default)]
    pub databases: BTreeMap<SqlIdent, crate::database::model::Schema>,
    /// The database server.
    #[serde(default)]
    pub database_server: DatabaseServer,
    /// Mail that services send.
    #[serde(default)]
    pub mail: Mail,
    /// The monitoring services, and the receivers of their alerts.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// Backups of the database server, and of volumes and buckets.
    #[serde(default)]
    pub backups: Backups,
    /// Plugins by name. Each is in a folder of the project: `plugins.notify = import "plugins/notify/plugin.ncl"`.
    #[serde(default)]
    pub plugins: BTreeMap<ServiceName, Plugin>,
    /// Routing edge: rate limits, address lists, body size.
    #[serde(default)]
    pub edge: Edge,
    /// Certificates.
    #[serde(default)]
    pub tls: Tls,
    /// Options for Compose.
    #[serde(default)]
    pub compose: ComposeOptions,
    /// Options for Kubernetes.
    #[serde(default)]
    pub kubernetes: Kubernetes,
}

/// Options for Compose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComposeOptions {
    /// Generate files for an older or a different Compose implementation.
    #[serde(default)]
    pub compat: Option<Compat>,
    /// Name of the machine that runs the environment. Environments of one machine must publish different ports.
    #[serde(default)]
    pub machine: Option<Host>,
    /// The network of services with a `fixed_address`, if the default one, which depends on the names of project and
    /// environment, is in use on the machine.
    #[serde(default)]
    pub fixed_subnet: Option<Subnet>,
}

/// Compose implementations that do not support all of the current specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// docker-compose 1.29 (Python).
    #[serde(rename = "docker-compose-1.29")]
    V1,
    /// podman-compose.
    Podman,
}
