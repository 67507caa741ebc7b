//! Types for the part of the Kubernetes API that nself writes. Text that the kubelet expands (commands, variables) is
//! [`Expanded`] or, in probes, [`ProbeWord`]; the API server does not interpret other text.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

pub type Labels = BTreeMap<&'static str, String>;

/// A text in a field in which the kubelet would replace `$(NAME)`. Every `$` of the text is doubled, and the kubelet turns
/// `$$` into one `$`, so the container gets the text unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded(pub String);

impl Serialize for Expanded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.replace('$', "$$"))
    }
}

/// A word of a probe's command, which the kubelet expands like [`Expanded`]. Commands of health checks often contain `$` in
/// forms that the kubelet leaves unchanged, such as `$HOME` and `$(cat FILE)`, so only words that it would change have
/// every `$` doubled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeWord(pub String);

impl ProbeWord {
    /// Returns whether the text contains `$$` or `$(NAME)`.
    fn is_expanded(&self) -> bool {
        let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let mut references = self.0.split("$(").skip(1).filter_map(|rest| rest.split_once(')'));
        self.0.contains("$$") || references.any(|(name, _)| is_name(name))
    }
}

impl Serialize for ProbeWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_expanded() {
            return Expanded(self.0.clone()).serialize(serializer);
        }
        serializer.serialize_str(&self.0)
    }
}

/// An object; each is written to a separate file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: Metadata,
    #[serde(flatten)]
    pub body: Body,
}

impl Object {
    /// Returns an object whose other fields are below `spec`.
    pub fn spec(api_version: &'static str, kind: &'static str, metadata: Metadata, spec: Spec) -> Self {
        Object { api_version, kind, metadata, body: Body::Spec { spec: Box::new(spec) } }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Body {
    /// No further fields, as in a Namespace.
    Bare {},
    /// A ServiceAccount.
    Account { automount_service_account_token: bool },
    /// A ConfigMap.
    Config { immutable: bool, data: BTreeMap<String, String> },
    /// A Role or ClusterRole.
    Rules { rules: Value },
    /// A RoleBinding or ClusterRoleBinding.
    Binding { role_ref: Value, subjects: Value },
    /// An object whose other fields are below `spec`.
    Spec { spec: Box<Spec> },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Spec {
    Deployment(Deployment),
    StatefulSet(StatefulSet),
    Job(Job),
    CronJob(CronJob),
    /// The spec of a PersistentVolumeClaim.
    Claim(Claim),
    Service(Service),
    /// The spec of a NetworkPolicy.
    Policy(Policy),
    /// The spec of a HorizontalPodAutoscaler.
    Autoscaler(Autoscaler),
    /// The spec of a PodDisruptionBudget.
    Disruption(Disruption),
    /// An object of a kind that only one function writes, such as a Gateway, an ExternalSecret or a ResourceQuota.
    Other(Value),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    pub match_labels: Labels,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// `None` if an autoscaler sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u16>,
    pub revision_history_limit: u16,
    pub selector: Selector,
    pub strategy: Value,
    pub template: Template,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatefulSet {
    pub service_name: String,
    pub replicas: u16,
    pub revision_history_limit: u16,
    pub selector: Selector,
    pub update_strategy: Value,
    pub persistent_volume_claim_retention_policy: Value,
    pub template: Template,
    pub volume_claim_templates: Vec<ClaimTemplate>,
}

/// A claim in a StatefulSet; the API server adds the other fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimTemplate {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: Metadata,
    pub spec: Claim,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    pub access_modes: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    pub resources: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<u64>,
    pub backoff_limit: u16,
    pub template: Template,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CronJob {
    pub schedule: String,
    pub time_zone: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    pub concurrency_policy: &'static str,
    pub starting_deadline_seconds: u32,
    pub successful_jobs_history_limit: u16,
    pub failed_jobs_history_limit: u16,
    pub job_template: JobTemplate,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobTemplate {
    pub metadata: Metadata,
    pub spec: Job,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Template {
    pub metadata: Metadata,
    pub spec: Pod,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    pub service_account_name: String,
    pub automount_service_account_token: bool,
    pub enable_service_links: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub share_process_namespace: bool,
    pub security_context: PodSecurity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<&'static str>,
    pub termination_grace_period_seconds: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_aliases: Vec<HostAlias>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
    pub containers: Vec<Container>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// The raw keys of the user.
    #[serde(flatten)]
    pub raw: BTreeMap<String, Value>,
}

/// Names of an address, which pods resolve without a name server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostAlias {
    pub ip: String,
    pub hostnames: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurity {
    pub run_as_non_root: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_user: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_group: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fs_group: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fs_group_change_policy: Option<&'static str>,
    pub seccomp_profile: Seccomp,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seccomp {
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// The rule to run pods with these labels on different nodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    pub max_skew: u16,
    pub topology_key: &'static str,
    pub when_unsatisfiable: &'static str,
    pub label_selector: Selector,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    pub name: String,
    pub image: String,
    pub image_pull_policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<Expanded>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<Expanded>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Variable>,
    pub resources: Resources,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<Mount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Probe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    pub security_context: ContainerSecurity,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    pub name: String,
    pub container_port: u16,
    pub protocol: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Variable {
    Text { name: String, value: Expanded },
    Secret { name: String, value_from: VariableSource },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableSource {
    pub secret_key_ref: SecretKey,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecretKey {
    pub name: String,
    pub key: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resources {
    pub requests: BTreeMap<&'static str, String>,
    pub limits: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    pub name: String,
    pub mount_path: String,
    /// The file of the volume that is mounted instead of the whole volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// A probe. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    #[serde(flatten)]
    pub action: ProbeAction,
    pub period_seconds: u64,
    pub timeout_seconds: u64,
    pub failure_threshold: u64,
}

/// The action before the stop signal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    pub pre_stop: Handler,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Handler {
    pub sleep: Sleep,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sleep {
    pub seconds: u64,
}

impl Lifecycle {
    /// Returns a pause in seconds. The kubelet waits, so the image needs no program for the pause.
    pub fn sleep(seconds: u64) -> Self {
        Lifecycle { pre_stop: Handler { sleep: Sleep { seconds } } }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProbeAction {
    HttpGet { path: String, port: u16 },
    TcpSocket { port: u16 },
    Grpc { port: u16 },
    Exec { command: Vec<ProbeWord> },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSecurity {
    pub allow_privilege_escalation: bool,
    pub read_only_root_filesystem: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_user: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_group: Option<u32>,
    pub capabilities: Capabilities,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capabilities {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    pub drop: [&'static str; 1],
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Volume {
    Claim { name: String, persistent_volume_claim: ClaimName },
    EmptyDir { name: String, empty_dir: EmptyDir },
    Projected { name: String, projected: Projection },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimName {
    pub claim_name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDir {
    /// `Memory`, or empty for the disk of the node.
    pub medium: &'static str,
    pub size_limit: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Projection {
    pub default_mode: u32,
    pub sources: Vec<ProjectionSource>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum ProjectionSource {
    Secret { secret: ProjectedKeys },
    Config { config_map: ProjectedKeys },
}

/// A Secret or ConfigMap by its name, and its keys that a volume contains as files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectedKeys {
    pub name: String,
    pub items: Vec<ProjectedKey>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectedKey {
    pub key: String,
    /// The path of the key's file, relative to the volume.
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(rename = "clusterIP", skip_serializing_if = "Option::is_none")]
    pub cluster_ip: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_families: Vec<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub publish_not_ready_addresses: bool,
    /// `Local` keeps the address of the client; otherwise the nodes replace it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<&'static str>,
    pub selector: Labels,
    pub ports: Vec<ServicePort>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    pub name: String,
    pub port: u16,
    pub target_port: u16,
    pub protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    pub pod_selector: Value,
    pub policy_types: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaler {
    pub scale_target_ref: Value,
    pub min_replicas: u16,
    pub max_replicas: u16,
    pub metrics: Vec<Value>,
    pub behavior: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disruption {
    pub max_unavailable: u16,
    pub unhealthy_pod_eviction_policy: &'static str,
    pub selector: Selector,
}
