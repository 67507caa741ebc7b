//! The rule for names that nself gives to objects of a cluster: no service and no alias has one of them.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::alert_rules::{KUBELET_JOBS, TARGET_RULES};
use crate::plan::for_cluster::{group_budget_name, separate_claims};
use crate::plan::model::{Plan, Service};
use crate::plan::roster::Roster;
use crate::plan::service_names::{metrics_service_name, peers_service_name, published_service_name};
use crate::stack::{ClusterRight, Kubernetes};
use crate::values::ServiceName;

/// The services that run on the cluster, by name.
pub type ClusterServices<'a> = BTreeMap<&'a ServiceName, &'a Service>;

/// Refuses services and aliases with the name of an object of the same kind that nself adds.
pub fn check(settings: &Kubernetes, roster: &Roster, plan: &Plan, services: &ClusterServices) -> Vec<Diagnostic> {
    let taken_names = kubernetes_service_names(roster, services);
    let derived_names = derived_service_names(plan, services).into_iter();
    let findings = derived_names.filter_map(|(name, purpose, owner)| {
        let path = taken_names.get(name.as_str())?;
        Some(reserved_name(path.clone(), &name, &purpose).counterpart(owner, "this service needs the name"))
    });
    let mut findings: Vec<Diagnostic> = findings.collect();
    findings.extend(group_budgets(services));
    findings.extend(monitoring_objects(settings, plan, services));
    findings
}

/// Returns the finding for a service or an alias with a reserved name.
fn reserved_name(path: FieldPath, name: &str, purpose: &str) -> Diagnostic {
    Diagnostic::error(Code::NameTaken, path)
        .message(format!("on the cluster, the name `{name}` is reserved for {purpose}"))
        .hint("choose a different name")
}

/// Returns the names that services and their aliases have as Kubernetes Services, with the fields that declare them.
fn kubernetes_service_names<'a>(roster: &'a Roster, services: &ClusterServices<'a>) -> BTreeMap<&'a str, FieldPath> {
    let mut names = BTreeMap::new();
    for (name, service) in services.iter().filter(|(_, service)| service.is_reachable()) {
        names.insert(name.as_str(), service.origin.clone());
        let aliases = roster.get(*name).into_iter().flat_map(|member| member.service.aliases.iter().enumerate());
        names.extend(aliases.map(|(i, alias)| (alias.as_str(), service.origin.key("aliases").index(i))));
    }
    names
}

/// Returns the names of the additional Kubernetes Services, each with its purpose and the service to which it belongs.
fn derived_service_names(plan: &Plan, services: &ClusterServices) -> Vec<(String, String, FieldPath)> {
    let claims = separate_claims(services.iter().map(|(name, service)| (*name, *service)), &plan.volumes);
    let mut names = Vec::new();
    for (name, service) in services.iter().filter(|(_, service)| service.is_reachable()) {
        let mut owned_volumes = plan.volumes.iter().filter(|(_, volume)| volume.owner == **name);
        let is_published = service.public_ports().next().is_some() && **name != plan.ingress.service;
        let derived_names = [
            (service.metrics_port.is_some(), metrics_service_name(name), "by which Prometheus finds the pods"),
            (is_published, published_service_name(name), "of the published ports"),
            (owned_volumes.any(|(volume, _)| !claims.contains(volume)), peers_service_name(name), "of the StatefulSet"),
        ];
        let needed_names = derived_names.into_iter().filter(|(is_needed, ..)| *is_needed);
        names.extend(needed_names.map(|(_, derived_name, purpose)| {
            (derived_name, format!("the Kubernetes Service {purpose} of `{name}`"), service.origin.clone())
        }));
    }
    names
}

/// Refuses a service whose disruption budget has the name of the budget of a group.
fn group_budgets(services: &ClusterServices) -> Vec<Diagnostic> {
    let groups = services.values().filter(|service| !service.runs_to_completion());
    let groups = groups.filter_map(|service| Some((service.on_clusters.group.as_ref()?, service.origin.clone())));
    // Each group once, with one of its members.
    let groups: BTreeMap<&ServiceName, FieldPath> = groups.collect();
    let findings = groups.into_iter().filter_map(|(group, member)| {
        let name = group_budget_name(group);
        let (_, service) = services.iter().find(|(service, _)| service.as_str() == name)?;
        let has_budget = !service.runs_to_completion() && service.on_clusters.group.is_none();
        has_budget.then(|| {
            let purpose = format!("the disruption budget of the group `{group}`");
            let finding = reserved_name(service.origin.clone(), &name, &purpose);
            finding.counterpart(member.key("on_clusters").key("group"), "the group")
        })
    });
    findings.collect()
}

/// Refuses a service whose alerts or metrics have the name of those that nself adds.
fn monitoring_objects(settings: &Kubernetes, plan: &Plan, services: &ClusterServices) -> Vec<Diagnostic> {
    let Some(monitoring) = &plan.monitoring else { return Vec::new() };
    let has_operator = settings.prometheus_operator.is_some();
    let mut services_with_rules = services.iter().filter(|(name, _)| monitoring.alerts.contains_key(**name));
    let rules = services_with_rules.find(|(name, _)| has_operator && name.as_str() == TARGET_RULES);
    let rules = rules.map(|(_, service)| {
        reserved_name(service.origin.clone(), TARGET_RULES, "the PrometheusRule about the targets of all jobs")
    });
    let scrapes_kubelets = services.values().any(|service| service.on_clusters.reads.contains(&ClusterRight::Nodes));
    let mut services_with_metrics = services.iter().filter(|(name, _)| monitoring.jobs.contains_key(**name));
    let job = services_with_metrics.find(|(name, _)| scrapes_kubelets && KUBELET_JOBS.contains(&name.as_str()));
    let job = job.map(|(name, service)| {
        reserved_name(service.origin.clone(), name.as_str(), "the job by which Prometheus reads the kubelets")
    });
    rules.into_iter().chain(job).collect()
}
