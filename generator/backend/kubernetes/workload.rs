//! The workloads that run pods: StatefulSets for services with data, Deployments, Jobs and CronJobs; with disruption
//! budgets and autoscalers.

use std::collections::BTreeSet;

use serde_json::json;

use super::cluster::{Cluster, group_selector, selector};
use super::model::{
    Autoscaler, ClaimTemplate, CronJob, Deployment, Disruption, Job, JobTemplate, Metadata, Object, Pod, Selector,
    Spec, StatefulSet, Template,
};
use super::namespace::claim;
use crate::artifact::{Digest, json as json_writer};
use crate::plan::service_names::peers_service_name;
use crate::plan::{Service, group_budget_name};
use crate::stack::Autoscale;
use crate::values::{Duration, ServiceName};

/// The number of old revisions that `kubectl rollout undo` can restore.
const REVISION_HISTORY: u16 = 5;
/// The CPU utilization in percent above which an autoscaler adds pods.
const CPU_TARGET: u8 = 80;
/// The time of low load in seconds after which an autoscaler removes pods.
const SCALE_DOWN_DELAY: u16 = 300;

/// The schedule of a job that only an operator starts: a CronJob must have one, and this date does not exist.
const NEVER: &str = "0 0 30 2 *";

/// Returns the workload of a service, its disruption budget and its autoscaler.
pub fn objects(cluster: &Cluster, name: &ServiceName, service: &Service, pod: Pod) -> Vec<Object> {
    let annotations = service.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let mut labels = cluster.labels(name, service.zone);
    // The disruption budget of a group selects only pods of workloads that have a scale, which jobs do not have.
    let group = service.on_clusters.group.as_ref().filter(|_| !service.runs_to_completion());
    labels.extend(group.into_iter().flat_map(group_selector));
    let template = Template { metadata: Metadata { labels, annotations, ..Metadata::default() }, spec: pod };
    if service.runs_to_completion() {
        return vec![job(cluster, name, service, template)];
    }
    let metadata = |object: &str| Metadata { name: object.to_owned(), ..cluster.metadata(name, service.zone) };
    let volumes = || cluster.volumes_of(name);
    let unshared_volumes = volumes().filter(|(volume, _)| !cluster.is_shared(volume));
    let templates: Vec<ClaimTemplate> = unshared_volumes
        .map(|(name, volume)| ClaimTemplate {
            api_version: "v1",
            kind: "PersistentVolumeClaim",
            metadata: Metadata { name: name.to_string(), ..Metadata::default() },
            spec: claim(cluster, volume.size, "ReadWriteOnce"),
        })
        .collect();
    // Used only for a Deployment, all of whose volumes have a separate claim.
    let has_shared_claim = volumes().next().is_some();
    let pod_selector = Selector { match_labels: selector(name) };
    let (kind, spec) = if templates.is_empty() {
        ("Deployment", deployment(service, pod_selector.clone(), template, has_shared_claim))
    } else {
        ("StatefulSet", stateful_set(name, service, pod_selector.clone(), template, templates))
    };
    let mut objects = vec![Object::spec("apps/v1", kind, metadata(name.as_str()), spec)];
    // The budget of a group replaces the budgets of its members, since a pod may have only one.
    if service.on_clusters.group.is_none() {
        objects.push(disruption_budget(metadata(name.as_str()), pod_selector));
    }
    objects.extend(service.autoscale.as_ref().map(|autoscale| {
        let spec = Spec::Autoscaler(autoscaler(autoscale, kind, name));
        Object::spec("autoscaling/v2", "HorizontalPodAutoscaler", metadata(name.as_str()), spec)
    }));
    objects
}

/// Returns the disruption budget of each group of services: at most one pod is evicted at a time.
pub fn group_budgets(cluster: &Cluster) -> Vec<Object> {
    let services = cluster.plan.services.values().filter(|service| !service.runs_to_completion());
    let groups: BTreeSet<&ServiceName> = services.filter_map(|service| service.on_clusters.group.as_ref()).collect();
    let budgets = groups.into_iter().map(|group| {
        let selector = Selector { match_labels: group_selector(group) };
        disruption_budget(cluster.common_metadata(&group_budget_name(group)), selector)
    });
    budgets.collect()
}

fn disruption_budget(metadata: Metadata, selector: Selector) -> Object {
    let budget = Disruption { max_unavailable: 1, unhealthy_pod_eviction_policy: "AlwaysAllow", selector };
    Object::spec("policy/v1", "PodDisruptionBudget", metadata, Spec::Disruption(budget))
}

fn deployment(service: &Service, selector: Selector, template: Template, has_shared_claim: bool) -> Spec {
    let rolling = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } });
    Spec::Deployment(Deployment {
        replicas: service.autoscale.is_none().then_some(service.replicas),
        revision_history_limit: REVISION_HISTORY,
        selector,
        // Two pods must not write to a shared volume at the same time.
        strategy: if has_shared_claim { json!({ "type": "Recreate" }) } else { rolling },
        template,
    })
}

fn stateful_set(
    name: &ServiceName,
    service: &Service,
    selector: Selector,
    template: Template,
    volume_claim_templates: Vec<ClaimTemplate>,
) -> Spec {
    Spec::StatefulSet(StatefulSet {
        service_name: peers_service_name(name),
        replicas: service.replicas,
        revision_history_limit: REVISION_HISTORY,
        selector,
        update_strategy: json!({ "type": "RollingUpdate" }),
        persistent_volume_claim_retention_policy: json!({ "whenDeleted": "Retain", "whenScaled": "Retain" }),
        template,
        volume_claim_templates,
    })
}

fn autoscaler(autoscale: &Autoscale, kind: &str, name: &ServiceName) -> Autoscaler {
    let metric = |resource: &str, percent: u8| {
        json!({ "type": "Resource", "resource": {
            "name": resource, "target": { "type": "Utilization", "averageUtilization": percent },
        } })
    };
    Autoscaler {
        scale_target_ref: json!({ "apiVersion": "apps/v1", "kind": kind, "name": name }),
        min_replicas: autoscale.min,
        max_replicas: autoscale.max,
        metrics: std::iter::once(metric("cpu", autoscale.cpu.unwrap_or(CPU_TARGET)))
            .chain(autoscale.memory.map(|percent| metric("memory", percent)))
            .collect(),
        behavior: json!({ "scaleDown": { "stabilizationWindowSeconds": SCALE_DOWN_DELAY } }),
    }
}

/// Returns a Job; for a service with a schedule, a CronJob; for a service that an operator starts, a suspended CronJob,
/// from which `kubectl create job --from` creates Jobs. The name of a Job contains the digest of its template, since a
/// finished Job never runs again.
fn job(cluster: &Cluster, name: &ServiceName, service: &Service, template: Template) -> Object {
    let digest = Digest::of(&json_writer::to_canonical(&template));
    let metadata = cluster.metadata(name, service.zone);
    // A job has a deadline only if the stack sets one: a migration, a backup or a restore takes as long as its data needs.
    let deadline = service.deadline.map(Duration::seconds);
    let job = Job { active_deadline_seconds: deadline, backoff_limit: 3, template };
    let schedule = service.schedule.as_ref().map(ToString::to_string);
    let Some(schedule) = schedule.or(service.on_request.then(|| NEVER.to_owned())) else {
        let metadata = Metadata { name: format!("{name}-{}", &digest.as_str()[..10]), ..metadata };
        return Object::spec("batch/v1", "Job", metadata, Spec::Job(job));
    };
    let labels = cluster.labels(name, service.zone);
    let spec = CronJob {
        schedule,
        time_zone: "Etc/UTC",
        suspend: service.on_request.then_some(true),
        concurrency_policy: "Forbid",
        starting_deadline_seconds: 300,
        successful_jobs_history_limit: 3,
        failed_jobs_history_limit: 3,
        job_template: JobTemplate { metadata: Metadata { labels, ..Metadata::default() }, spec: job },
    };
    Object::spec("batch/v1", "CronJob", Metadata { name: name.to_string(), ..metadata }, Spec::CronJob(spec))
}
