//! What keeps a pod running: StatefulSets for services with data, Deployments, Jobs, CronJobs; with the budget for
//! disruptions and the autoscaler.

use serde_json::json;

use super::model::{
    Autoscaler, Claim, ClaimTemplate, CronJob, Deployment, Disruption, Job, JobTemplate, Metadata, Object, Pod,
    Selector, Spec, StatefulSet, Template,
};
use super::{Cluster, bytes, labels, selector};
use crate::artifact::{Digest, json as artifact_json};
use crate::plan::Service;
use crate::values::{Memory, ServiceName};

/// Size of a volume unless the stack says otherwise.
pub const VOLUME: Memory = Memory(10 << 30);
/// Generations that `kubectl rollout undo` finds.
const HISTORY: u16 = 5;
/// A run that takes longer is stuck.
const DEADLINE: u32 = 3600;
/// Load thresholds in percent (mission row A4), and the time for which the load must stay low.
const CPU: u8 = 80;
const MEMORY: u8 = 85;
const CALM: u16 = 300;

/// The workload of a service and what belongs to it.
pub fn objects(cluster: &Cluster, name: &ServiceName, service: &Service, pod: Pod) -> Vec<Object> {
    let matching = Selector { match_labels: selector(name) };
    let own = |metadata: &str| Metadata { name: metadata.to_owned(), ..cluster.metadata(name, service.zone) };
    let template = Template {
        metadata: Metadata { labels: labels(cluster, name, service.zone), ..Metadata::default() },
        spec: pod,
    };
    if service.one_shot || service.schedule.is_some() {
        return vec![run(cluster, name, service, template)];
    }
    let mut objects = Vec::new();
    let claims: Vec<_> = cluster.claims(name).collect();
    for (volume, planned) in claims.iter().filter(|(volume, _)| cluster.is_shared(volume)) {
        let spec = Spec::Claim(claim(cluster, planned.size, "ReadWriteMany"));
        objects.push(Object::spec("v1", "PersistentVolumeClaim", own(volume.as_str()), spec));
    }
    let shares = !objects.is_empty();
    let templates: Vec<ClaimTemplate> = claims
        .iter()
        .filter(|(volume, _)| !cluster.is_shared(volume))
        .map(|(volume, planned)| ClaimTemplate {
            api_version: "v1",
            kind: "PersistentVolumeClaim",
            metadata: Metadata { name: volume.to_string(), ..Metadata::default() },
            spec: claim(cluster, planned.size, "ReadWriteOnce"),
        })
        .collect();
    let kind = if templates.is_empty() { "Deployment" } else { "StatefulSet" };
    let spec = if templates.is_empty() {
        // Two writers at once would be one too many.
        let rolling = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } });
        Spec::Deployment(Deployment {
            replicas: service.autoscale.is_none().then_some(service.replicas),
            revision_history_limit: HISTORY,
            selector: matching.clone(),
            strategy: if shares { json!({ "type": "Recreate" }) } else { rolling },
            template,
        })
    } else {
        Spec::StatefulSet(StatefulSet {
            service_name: super::network::peers(name),
            replicas: service.replicas,
            revision_history_limit: HISTORY,
            selector: matching.clone(),
            update_strategy: json!({ "type": "RollingUpdate" }),
            persistent_volume_claim_retention_policy: json!({ "whenDeleted": "Retain", "whenScaled": "Retain" }),
            template,
            volume_claim_templates: templates,
        })
    };
    objects.push(Object::spec("apps/v1", kind, own(name.as_str()), spec));
    let budget = Disruption { max_unavailable: 1, unhealthy_pod_eviction_policy: "AlwaysAllow", selector: matching };
    objects.push(Object::spec("policy/v1", "PodDisruptionBudget", own(name.as_str()), Spec::Disruption(budget)));
    if let Some(scale) = &service.autoscale {
        let metric = |resource: &str, percent: u8| {
            json!({ "type": "Resource", "resource": {
                "name": resource, "target": { "type": "Utilization", "averageUtilization": percent },
            } })
        };
        let autoscaler = Autoscaler {
            scale_target_ref: json!({ "apiVersion": "apps/v1", "kind": kind, "name": name }),
            min_replicas: scale.min,
            max_replicas: scale.max,
            metrics: vec![metric("cpu", scale.cpu.unwrap_or(CPU)), metric("memory", scale.memory.unwrap_or(MEMORY))],
            behavior: json!({ "scaleDown": { "stabilizationWindowSeconds": CALM } }),
        };
        let spec = Spec::Autoscaler(autoscaler);
        objects.push(Object::spec("autoscaling/v2", "HorizontalPodAutoscaler", own(name.as_str()), spec));
    }
    objects
}

fn claim(cluster: &Cluster, size: Option<Memory>, mode: &'static str) -> Claim {
    Claim {
        access_modes: [mode],
        storage_class_name: cluster.settings.storage_class.as_ref().map(ToString::to_string),
        resources: json!({ "requests": { "storage": bytes(size.unwrap_or(VOLUME)) } }),
    }
}

/// A Job is named after its content, for a finished one never runs again; a CronJob keeps its name.
fn run(cluster: &Cluster, name: &ServiceName, service: &Service, template: Template) -> Object {
    let digest = Digest::of(&artifact_json::to_canonical(&template));
    let metadata = cluster.metadata(name, service.zone);
    let job = Job { backoff_limit: 3, active_deadline_seconds: DEADLINE, ttl_seconds_after_finished: None, template };
    let Some(schedule) = &service.schedule else {
        let metadata = Metadata { name: format!("{name}-{}", &digest.as_str()[..10]), ..metadata };
        return Object::spec("batch/v1", "Job", metadata, Spec::Job(job));
    };
    let labels = labels(cluster, name, service.zone);
    let spec = CronJob {
        schedule: schedule.to_string(),
        time_zone: "Etc/UTC",
        concurrency_policy: "Forbid",
        starting_deadline_seconds: 300,
        successful_jobs_history_limit: 3,
        failed_jobs_history_limit: 3,
        job_template: JobTemplate { metadata: Metadata { labels, ..Metadata::default() }, spec: job },
    };
    Object::spec("batch/v1", "CronJob", Metadata { name: name.to_string(), ..metadata }, Spec::CronJob(spec))
}
