//! Types for the part of the Kubernetes API that nself writes. Text that the kubelet expands (commands, variables) is
//! [`Expanded`] or, in probes, [`ProbeWord`]; the API server does not interpret other text.

mod container;
mod metadata;
mod network;
mod pod;
mod text;
mod volume;
mod workload;

pub use container::{
    Capabilities, Container, ContainerPort, ContainerSecurity, Lifecycle, Probe, ProbeAction, Resources, SecretKey,
    Variable, VariableSource,
};
pub use metadata::{Labels, Metadata, Selector};
pub use network::{Policy, Service, ServicePort};
pub use pod::{HostAlias, Pod, PodSecurity, Seccomp, Spread};
pub use text::{Expanded, ProbeWord};
pub use volume::{
    Claim, ClaimName, ClaimTemplate, EmptyDir, Mount, ProjectedKey, ProjectedKeys, Projection, ProjectionSource, Volume,
};
pub use workload::{Autoscaler, CronJob, Deployment, Disruption, Job, JobTemplate, StatefulSet, Template};

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

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
