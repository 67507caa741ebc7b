//! Types of the plan: everything that the backends write, with all values resolved for one environment.

mod backups;
mod database;
mod file;
mod graphql;
mod ingress;
mod migrations;
mod monitoring;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::Serialize;

use crate::diagnostic::FieldPath;
use crate::path;
use crate::plan::secret_list::Recipe;
use crate::plan::service_names::DATABASE;
use crate::stack::{self, Compat, Profile, Protocol, TlsMode};
use crate::values::{
    ContainerPath, EnvironmentName, Host, ImageRef, Memory, ProjectName, SecretName, ServiceName, SqlIdent, Subnet,
    UserId, VolumeName,
};

pub use backups::Backups;
pub use database::{Database, DatabaseSetup, Grant, LoginRole, Peers, Pooler, Replication, ServerAccess};
pub use file::{File, FileContent};
pub use graphql::{HasuraMetadata, PlannedAction};
pub use ingress::{
    BalancedServer, EdgeCapacity, IngressPlan, Location, NameServer, RateLimitName, Resolver, ServerList, Site,
    SiteName, Target, Upstream,
};
pub use migrations::{EventTables, Migrations, Step};
pub use monitoring::{Dashboard, Monitoring, Operator, Platform, Program, ProgramService, ScrapeJob};
pub use service::{Check, ConfigMount, Health, OutsideServer, Programs, Publish, Service, Value, VolumeMount};

/// The plan of one environment. A backend only translates it to the format of its target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    pub project: ProjectName,
    pub environment: EnvironmentName,
    pub profile: Profile,
    pub domain: Host,
    /// Services by name. The plan for clusters shares services that are the same there.
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    /// Services in waves: each waits only for services of earlier waves.
    pub start_order: Vec<Vec<ServiceName>>,
    /// Connections between services, from which the networks of each service and network policies are derived.
    pub connections: BTreeSet<Connection>,
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// Configuration files of services by their path below the environment's folder.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, File>,
    pub secrets: BTreeMap<SecretName, Secret>,
    /// Sites and settings of the edge.
    pub ingress: IngressPlan,
    pub databases: BTreeMap<SqlIdent, Database>,
    /// Login roles of the database server, except the superuser.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<SqlIdent, LoginRole>,
    /// The pooler in front of the database server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooler: Option<Pooler>,
    /// The replica of the database server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// Backups of the database server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backups: Option<Backups>,
    /// Access rules of the database server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<ServerAccess>,
    /// The job that creates roles and databases on the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<DatabaseSetup>,
    /// Migrations by database, which jobs apply before other services use the database.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub migrations: BTreeMap<SqlIdent, Migrations>,
    /// Metadata of each Hasura that serves a database of the stack or calls services.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub graphql: BTreeMap<ServiceName, HasuraMetadata>,
    /// The services to scrape, the alerts, and the receivers of alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
    /// The network of services with fixed addresses, on container engines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_network: Option<FixedNetwork>,
    pub compat: Option<Compat>,
    /// Settings of the Kubernetes target, if it is enabled.
    pub kubernetes: Option<Cluster>,
    /// Relative path from the environment's folder to the project, such as `../..`.
    pub project_folder: String,
}

/// Returns the Kubernetes namespace of an environment.
pub fn namespace(project: &ProjectName, environment: &EnvironmentName) -> String {
    format!("{project}-{environment}")
}

impl Plan {
    /// Returns the name of the Compose project, which is a label of its containers. Compose 1.29 reads no name from its file
    /// and takes the name of the folder.
    pub fn compose_project(&self) -> String {
        match self.compat {
            Some(Compat::V1) => self.environment.to_string(),
            _ => format!("{}-{}", self.project, self.environment),
        }
    }

    /// Returns the start of a command that runs a program in the container of the database server: of Compose, or of the
    /// cluster if the environment has one.
    pub fn exec_in_server(&self) -> String {
        match &self.kubernetes {
            Some(cluster) => format!("kubectl exec --namespace {} statefulset/{DATABASE} --", cluster.namespace),
            None => format!("{} exec -T {DATABASE}", self.compose_command()),
        }
    }

    /// Returns the start of a command of Compose for the environment.
    pub fn compose_command(&self) -> String {
        format!("docker compose -f deploy/{}/compose.yaml", self.environment)
    }

    /// Returns the secrets that services read. Others are only parts of composed secrets.
    pub fn read_secrets(&self) -> impl Iterator<Item = &SecretName> {
        self.secrets.iter().filter(|(_, secret)| secret.has_readers()).map(|(name, _)| name)
    }

    /// Returns every image that a container runs or is built from, with the field that names it.
    pub fn images(&self) -> impl Iterator<Item = (FieldPath, &ImageRef)> {
        let wait_image = self.kubernetes.as_ref().map(|cluster| (path!("kubernetes"), &cluster.wait_image));
        let services = self.services.values().flat_map(|service| {
            let image = service.image.as_ref().filter(|_| service.build.is_none());
            let image = image.map(|image| (service.origin.key("image"), image));
            let layout_base = service.layout.as_ref().and_then(|layout| layout.base.as_ref());
            let build_bases = service.bases.values().flatten().map(|base| (service.origin.key("build"), base));
            image
                .into_iter()
                .chain(layout_base.map(|base| (service.origin.key("layout").key("base"), base)))
                .chain(build_bases)
        });
        services.chain(wait_image)
    }
}

/// Settings of the Kubernetes target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Namespace of the environment: the names of project and environment.
    pub namespace: String,
    /// Source of certificates, independent of where TLS ends.
    pub tls: TlsMode,
    /// The image of init containers that wait for other services.
    pub wait_image: ImageRef,
    pub settings: stack::Kubernetes,
}

/// A network whose services have fixed addresses. Clients of these services have other addresses of the network, and
/// entries for the services in their file `/etc/hosts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FixedNetwork {
    pub subnet: Subnet,
    pub addresses: BTreeMap<ServiceName, Ipv4Addr>,
}

impl FixedNetwork {
    /// Returns the range of the clients: the second half of the network.
    pub fn clients(&self) -> String {
        format!("{}/25", self.subnet.address(128))
    }
}

/// A connection that the service `from` opens to a port of the service `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Connection {
    pub from: ServiceName,
    pub to: ServiceName,
    pub port: u16,
    /// The protocols of the port: both if the service has a port of this number for each.
    #[serde(skip_serializing_if = "uses_only_tcp")]
    pub protocols: BTreeSet<Protocol>,
}

fn uses_only_tcp(protocols: &BTreeSet<Protocol>) -> bool {
    protocols.iter().all(|protocol| *protocol == Protocol::Tcp)
}

/// A data volume with the service that owns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Volume {
    pub owner: ServiceName,
    /// The folder of the volume in the owner's container.
    pub path: ContainerPath,
    /// The user to whom the folder is given before the first start, if the image does not do so.
    pub set_owner: Option<UserId>,
    pub size: Option<Memory>,
}

/// A secret: the services that need it, and the recipe for its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Secret {
    pub recipe: Recipe,
    /// Services that read the secret from a file.
    pub file_readers: BTreeSet<ServiceName>,
    /// Services that read the secret from a variable, because their image cannot read it from a file; on a cluster also
    /// services with a container that reads it before they start.
    pub variable_readers: BTreeSet<ServiceName>,
    /// The smallest number of characters of the value; 0 if no service requires a length.
    pub min_length: u16,
}

impl Secret {
    /// Returns whether a service reads the secret.
    pub fn has_readers(&self) -> bool {
        !self.file_readers.is_empty() || !self.variable_readers.is_empty()
    }
}
