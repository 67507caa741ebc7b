//! Options of the Kubernetes target: properties of the cluster that nself cannot derive from the stack.

use crate::values::{
    AnnotationName, Cidr, Commit, Cpus, DurationOrZero, Host, Memory, ProjectPath, Registry, Sealed, SecretName,
    ServiceName, Tag, Text,
};
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::ranged;

/// Options for Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// Whether manifests are generated for this environment.
    pub enabled: bool,
    /// The way in which requests enter the cluster and reach the edge; `gateway` by default.
    pub edge: ClusterEdge,
    /// Class of the Gateway; required by the edge `gateway`.
    pub gateway_class: Option<Host>,
    /// Class of the Ingress; the cluster's default if omitted.
    pub ingress_class: Option<Host>,
    /// Namespace of the pods of the gateway or ingress controller. If it is set, only these pods may connect to the edge.
    /// Default: all pods may.
    pub edge_namespace: Option<ServiceName>,
    /// Whether load balancers and Services in front of the gateway keep the client's address
    /// (`externalTrafficPolicy: Local`). Internal routes require it.
    pub preserves_client_address: bool,
    /// Time for which a stopping pod still answers requests, because nodes do not stop sending them at once; 5s by
    /// default. Requires kubelets from 1.30; set `0s`, which is no such time, for older ones.
    pub drain: Option<DurationOrZero>,
    /// Ports of every node, for the edge `nodeport`.
    pub node_ports: NodePorts,
    /// The kind of Service for published ports of services other than nginx; `loadbalancer` by default.
    pub published: Published,
    /// Annotations of the Gateway or Ingress.
    pub edge_annotations: BTreeMap<AnnotationName, Text>,
    /// Annotations of Services, by the name of the service.
    pub service_annotations: BTreeMap<ServiceName, BTreeMap<AnnotationName, Text>>,
    /// The cluster's name server.
    pub dns: ClusterDns,
    /// Address families of Services and of the edge; the cluster's default, with IPv4 at the edge, if omitted.
    pub ip_families: Option<IpFamilies>,
    /// Storage class of the volumes; the cluster's default if omitted.
    pub storage_class: Option<Host>,
    /// The nodes whose pods can share a volume; `many` by default.
    pub shared_volumes: SharedVolumes,
    /// Names of Secrets in the namespace with the credentials of image registries.
    pub image_pull_secrets: Vec<Host>,
    /// PriorityClass of all pods, unless a service sets its own; the cluster's default if omitted.
    pub priority_class: Option<Host>,
    /// Resource quota of the namespace; none by default.
    pub quota: Option<Quota>,
    /// ClusterIssuer of cert-manager. Default: an Issuer in the namespace, self-signed in the profile `local`, and
    /// Let's Encrypt in other profiles.
    pub issuer: Option<Host>,
    /// Registry and folder to which images of services with a build folder are pushed: `registry/…/service:tag`.
    pub registry: Option<Registry>,
    /// Tag of these images.
    pub tag: Option<Tag>,
    /// The source of secrets in the cluster; `manual` by default.
    pub secrets: SecretSource,
    /// ClusterSecretStore of External Secrets; required by `secrets = 'external`.
    pub secret_store: Option<Host>,
    /// Values encrypted with kubeseal for this environment's namespace; required by `secrets = 'sealed`.
    pub sealed: BTreeMap<SecretName, Sealed>,
    /// Objects for a tool that applies the manifests from a repository.
    pub gitops: Option<Gitops>,
    /// The Prometheus operator of the cluster. Its Prometheus and Alertmanager replace the monitoring services `prometheus`
    /// and `alertmanager`.
    pub prometheus_operator: Option<PrometheusOperator>,
}

/// The Prometheus operator of a cluster, and its Prometheus and Alertmanager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusOperator {
    /// Namespace of the pods of Prometheus and Alertmanager; `monitoring` by default.
    pub namespace: Option<ServiceName>,
    /// Value of the label `release` with which Prometheus selects its objects, such as `kube-prometheus-stack`; without the
    /// label by default.
    pub release: Option<ServiceName>,
}

impl PrometheusOperator {
    /// Returns the namespace of the pods of Prometheus and Alertmanager.
    pub fn namespace(&self) -> &str {
        self.namespace.as_ref().map_or("monitoring", |namespace| namespace.as_str())
    }
}

impl Kubernetes {
    /// Returns whether objects name the wave in which they are applied. Only Argo CD reads this name.
    pub fn has_waves(&self) -> bool {
        self.gitops.as_ref().is_some_and(|gitops| gitops.tool == GitopsTool::Argocd)
    }
}

/// The way in which requests enter the cluster and reach the edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusterEdge {
    /// Through a Gateway of the Gateway API, which terminates TLS.
    #[default]
    Gateway,
    /// Through an Ingress (networking.k8s.io/v1), whose controller terminates TLS.
    Ingress,
    /// Through ports of the nodes, for kind and minikube. nginx terminates TLS.
    NodePort,
}

/// Ports of every node, on which the edge accepts connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodePorts {
    /// 30080 by default.
    #[serde(deserialize_with = "ranged::positive")]
    pub http: u16,
    /// 30443 by default.
    #[serde(deserialize_with = "ranged::positive")]
    pub https: u16,
}

impl Default for NodePorts {
    fn default() -> Self {
        NodePorts { http: 30080, https: 30443 }
    }
}

/// The kind of Service for ports that clients outside of the cluster use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// A load balancer of the cloud, with the same port.
    #[default]
    LoadBalancer,
    /// A port of every node, 30000 to 32767.
    NodePort,
}

/// The source of secrets in the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// The operator creates them: `nself secrets kubernetes | kubectl apply -f -`.
    #[default]
    Manual,
    /// External Secrets copies them from a secret store, where their keys are `NAMESPACE/SECRET`.
    External,
    /// The stack contains them, encrypted for the cluster's Sealed Secrets controller.
    Sealed,
}

/// The name server that pods of the cluster use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterDns {
    /// Service of the name server; `kube-dns` by default.
    pub service: Option<Host>,
    /// Namespace of this Service and its pods; `kube-system` by default.
    pub namespace: Option<Host>,
    /// Domain of the cluster; `cluster.local` by default.
    pub domain: Option<Host>,
    /// Port on which these pods listen, if it is not 53.
    #[serde(deserialize_with = "ranged::positive")]
    pub port: Option<u16>,
    /// Addresses of name servers on nodes, such as 169.254.20.10 of NodeLocal DNSCache.
    pub addresses: Vec<Cidr>,
}

/// Address families of Services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpFamilies {
    Ipv4,
    Ipv6,
    /// Both, if the cluster supports both.
    Dual,
}

/// The nodes whose pods can share a volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SharedVolumes {
    /// Pods on all nodes share it (`ReadWriteMany`), with a storage class of network file systems.
    #[default]
    Many,
    /// Pods on one node share it (`ReadWriteOnce`), with a storage class of local folders. The pods stay on that node.
    Node,
}

/// Upper bounds for all pods of the namespace together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Largest sum of memory limits.
    pub memory: Option<Memory>,
    /// Largest sum of processor limits.
    pub cpus: Option<Cpus>,
    /// Largest sum of the sizes of volume claims.
    pub storage: Option<Memory>,
    /// Largest number of pods.
    #[serde(deserialize_with = "ranged::positive")]
    pub pods: Option<u16>,
}

/// A tool that applies the manifests from a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gitops {
    pub tool: GitopsTool,
    /// URL from which the tool reads the repository.
    pub repository: Text,
    /// Branch; `main` by default.
    #[serde(default)]
    pub revision: Option<Text>,
    /// Tag, in place of a branch.
    #[serde(default)]
    pub tag: Option<Text>,
    /// Commit, in place of a branch.
    #[serde(default)]
    pub commit: Option<Commit>,
    /// Folder of the environments in the repository; `deploy` by default.
    #[serde(default)]
    pub path: Option<ProjectPath>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GitopsTool {
    Argocd,
    Flux,
}
