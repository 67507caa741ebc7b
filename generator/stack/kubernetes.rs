//! Options of the Kubernetes target: what the cluster brings along and nself cannot know.

use crate::values::{
    AnnotationName, Cidr, Commit, Cpus, Duration, Host, Memory, ProjectPath, Registry, Sealed, SecretName, ServiceName,
    Tag, Text,
};
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::ranged;

/// Options of the Kubernetes target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// Whether manifests are generated for this environment.
    pub enabled: bool,
    /// How requests reach the edge; `gateway` unless given.
    pub edge: ClusterEdge,
    /// Class of the Gateway; needed by the edge `gateway`.
    pub gateway_class: Option<Host>,
    /// Class of the Ingress; the cluster's default unless given.
    pub ingress_class: Option<Host>,
    /// Namespace of the gateway's or ingress controller's pods: only they reach the edge. Anybody unless given.
    pub edge_namespace: Option<ServiceName>,
    /// Whether load balancers and Services in front of the gateway keep the client's address
    /// (`externalTrafficPolicy: Local`); a cluster with internal routes needs it.
    pub preserves_client_address: bool,
    /// Time in which a stopping pod still serves, until no node sends requests to it; 5s unless given. Needs kubelets from
    /// 1.30; for older ones 0s.
    pub drain: Option<Duration>,
    /// Ports of every node, for the edge `nodeport`.
    pub node_ports: NodePorts,
    /// Annotations of the Gateway or Ingress.
    pub edge_annotations: BTreeMap<AnnotationName, Text>,
    /// Annotations of Services, by the name of the service.
    pub service_annotations: BTreeMap<ServiceName, BTreeMap<AnnotationName, Text>>,
    /// The cluster's name server.
    pub dns: ClusterDns,
    /// Address families of Services and of the edge; the cluster's default, with IPv4 at the edge, unless given.
    pub ip_families: Option<IpFamilies>,
    /// Class of the volumes; the cluster's default unless given.
    pub storage_class: Option<Host>,
    /// How several pods share a volume; `many` unless given.
    pub shared_volumes: SharedVolumes,
    /// Secrets with the credentials of registries, which exist in the namespace.
    pub image_pull_secrets: Vec<Host>,
    /// PriorityClass of all pods, unless a service sets its own; the cluster's default unless given.
    pub priority_class: Option<Host>,
    /// Upper bounds of the namespace; none unless given.
    pub quota: Option<Quota>,
    /// cert-manager's ClusterIssuer. Unless given, an Issuer in the namespace: self-signed in the local profile,
    /// Let's Encrypt elsewhere.
    pub issuer: Option<Host>,
    /// Where images of services with a build folder are pushed: `registry/…/service:tag`.
    pub registry: Option<Registry>,
    /// Tag of these images.
    pub tag: Option<Tag>,
    /// How values of secrets get into the cluster; `manual` unless given.
    pub secrets: SecretSource,
    /// External Secrets' ClusterSecretStore, for the secrets `external`.
    pub secret_store: Option<Host>,
    /// Values that kubeseal encrypted for this environment's namespace, for the secrets `sealed`.
    pub sealed: BTreeMap<SecretName, Sealed>,
    /// Objects for a tool that applies the manifests from a repository.
    pub gitops: Option<Gitops>,
}

/// How requests reach the edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusterEdge {
    /// Gateway API; TLS ends at the gateway.
    #[default]
    Gateway,
    /// networking.k8s.io/v1; TLS ends at the controller.
    Ingress,
    /// Ports of the nodes, for kind and minikube; TLS ends at nginx.
    NodePort,
}

/// Ports of every node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodePorts {
    /// 30080 unless given.
    #[serde(deserialize_with = "ranged::positive")]
    pub http: u16,
    /// 30443 unless given.
    #[serde(deserialize_with = "ranged::positive")]
    pub https: u16,
}

impl Default for NodePorts {
    fn default() -> Self {
        NodePorts { http: 30080, https: 30443 }
    }
}

/// How values of secrets get into the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// By the operator: `nself secrets kubernetes | kubectl apply -f -`.
    #[default]
    Manual,
    /// External Secrets copies them from a store, where they have the same names.
    External,
    /// The stack holds them encrypted for the cluster's Sealed Secrets controller.
    Sealed,
}

/// The cluster's name server, as pods reach it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterDns {
    /// Its Service; `kube-dns` unless given.
    pub service: Option<Host>,
    /// Namespace of the Service and of its pods; `kube-system` unless given.
    pub namespace: Option<Host>,
    /// Domain of the cluster; `cluster.local` unless given.
    pub domain: Option<Host>,
    /// Port on which its pods listen, where that is not 53.
    #[serde(deserialize_with = "ranged::positive")]
    pub port: Option<u16>,
    /// Addresses of nodes' name servers, such as 169.254.20.10 of NodeLocal DNSCache.
    pub addresses: Vec<Cidr>,
}

/// Address families of Services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpFamilies {
    Ipv4,
    Ipv6,
    /// Both, where the cluster has both.
    Dual,
}

/// How several pods share a volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SharedVolumes {
    /// From all nodes (`ReadWriteMany`), by a class of network file systems.
    #[default]
    Many,
    /// From one node (`ReadWriteOnce`), by a class of local folders: the volume keeps its pods on that node.
    Node,
}

/// Upper bounds of a namespace, which all of its pods share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Sum of the pods' memory limits.
    pub memory: Option<Memory>,
    /// Sum of the pods' processor limits.
    pub cpus: Option<Cpus>,
    /// Sum of the claims' sizes.
    pub storage: Option<Memory>,
    #[serde(deserialize_with = "ranged::positive")]
    pub pods: Option<u16>,
}

/// A tool that applies the manifests from a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gitops {
    pub tool: GitopsTool,
    /// URL of the repository as the tool reads it.
    pub repository: Text,
    /// Branch; `main` unless given.
    #[serde(default)]
    pub revision: Option<Text>,
    /// Tag, in place of a branch.
    #[serde(default)]
    pub tag: Option<Text>,
    /// Commit, in place of a branch.
    #[serde(default)]
    pub commit: Option<Commit>,
    /// Folder of the environments in the repository; `deploy` unless given.
    #[serde(default)]
    pub path: Option<ProjectPath>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GitopsTool {
    Argocd,
    Flux,
}
