//! Types for the objects that run pods, and those that scale them and protect them from disruptions.

use serde::Serialize;
use serde_json::Value;

use super::metadata::{Metadata, Selector};
use super::pod::Pod;
use super::volume::ClaimTemplate;

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
