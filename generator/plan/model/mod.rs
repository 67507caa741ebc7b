//! The plan's types.

mod database;
mod ingress;
mod migrations;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::database::graphql::HasuraSource;
use crate::diagnostic::FieldPath;
use crate::path;
use crate::plan::secret_list::Recipe;
use crate::stack::{self, Compat, Profile, TlsMode};
use crate::values::{
    ContainerPath, EnvironmentName, Host, ImageRef, Memory, ProjectName, SecretName, ServiceName, SqlIdent, UserId,
    VolumeName,
};

pub use database::{Database, Grant, LoginRole, Peers, Pooler, Replication, ServerAccess};
pub use ingress::{EdgeCapacity, IngressPlan, Location, NameServer, Resolver, Site, Upstream};
pub use migrations::{Migrations, Step};
pub use service::{Check, ConfigMount, Health, Publish, Service, Value, VolumeMount};

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
    /// Connections between services; network policies and memberships of networks follow from them.
    pub connections: BTreeSet<Connection>,
    pub volumes: BTreeMap<VolumeName, Volume>,
    pub secrets: BTreeMap<SecretName, Secret>,
    /// What the proxy serves.
    pub ingress: IngressPlan,
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
    pub graphql: BTreeMap<ServiceName, Vec<HasuraSource>>,
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
    /// Source of certificates, independent of where TLS ends.
    pub tls: TlsMode,
    /// What runs in init containers that wait.
    pub wait_image: ImageRef,
    pub settings: stack::Kubernetes,
}

/// `from` opens connections to `port` of `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Connection {
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
