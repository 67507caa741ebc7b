//! The Kubernetes backend: a namespace for each environment, a folder for each application, a file for each object. It
//! only translates the plan that [`crate::plan::cluster`] has adapted to clusters; every decision is in that plan.

mod cluster;
mod config;
mod container;
mod edge;
mod fidelity;
mod gitops;
mod handover;
mod lifecycle;
mod model;
mod mounts;
mod namespace;
mod operator;
mod pod;
mod policies;
mod quota;
mod raw_keys;
mod roles;
mod secrets;
mod services;
mod slice;
mod volumes;
mod wait;
mod workload;
mod writer;

pub use fidelity::TABLE as FIDELITY;
pub use handover::warnings as handover_warnings;
pub use raw_keys::RAW_KEYS;
pub use volumes::{FILE as VOLUMES, upgrade_warnings};
pub use wait::WAITING_WAIVER;

use std::collections::BTreeMap;

use super::findings::Findings;
use super::provenance::{GeneratedLine, field_of_service, fields_of_service_keys};
use super::{Backend, Description, Emit, Input, PlanDigests};
use crate::artifact::{Artifacts, StepInput};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::{self, Plan};
use crate::values::ServiceName;
use cluster::Cluster;
use config::ConfigMap;
use model::{Body, Metadata, Object};
use slice::ServiceSlices;
use writer::Writer;

pub const DESCRIPTION: Description = Description {
    paths: &["kubernetes/"],
    reads: "for files of a service, the part of the cluster's plan that concerns it; for other files, the whole plan",
    emit: Emit::FromInput(emit),
    file_fields,
    line_fields,
};

/// Returns the service, or the owner of the volume, that the file's path names; otherwise the settings of the cluster.
fn file_fields(plan: &Plan, path: &str) -> Vec<FieldPath> {
    let owner = |part: &str| {
        let volume = part.strip_prefix("persistentvolumeclaim-")?;
        plan.volumes.iter().find(|(name, _)| name.as_str() == volume).map(|(_, volume)| volume.owner.as_str())
    };
    // The path is such as `kubernetes/apps/orders/deployment-orders.yaml`.
    let mut fields = path.split(['/', '.']).map(|part| field_of_service(plan, owner(part).unwrap_or(part)));
    let fields = fields.find(|fields| !fields.is_empty());
    fields.unwrap_or_else(|| vec![path!("kubernetes")])
}

/// Returns the fields of the service that the line or the file's path names.
fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    let is_service = |word: &&str| plan.services.keys().any(|name| name.as_str() == *word);
    let service = line.words().find(is_service).or_else(|| line.path.split(['/', '.']).find(is_service));
    let keys = line.keys();
    // The innermost key that nself writes from fields of a service, such as `env` in `spec.template.spec.containers.env`.
    let key = keys.iter().rev().find(|key| raw_keys::KEY_FIELDS.iter().any(|(name, _)| name == *key)).copied();
    let keys: Vec<&str> = key.into_iter().chain(line.item_name()).collect();
    service.map_or_else(Vec::new, |service| fields_of_service_keys(plan, service, &keys, raw_keys::KEY_FIELDS))
}

/// Writes the manifests, each application in a separate step, and `fidelity.json`, the report on each field of the
/// plan. Folders of services are reused if their part of the plan is unchanged.
///
/// # Errors
/// Settings that Kubernetes cannot express and that no waiver accepts (NS701), unusable raw keys (NS702), missing
/// settings of the cluster.
fn emit(input: &Input) -> Result<Artifacts, Vec<Diagnostic>> {
    if input.plan.kubernetes.is_none() {
        return Ok(Artifacts::default());
    }
    let plan = &plan::cluster(input.plan);
    let digests = &input.digests.of_derived_plan(input.plan, plan);
    debug_assert_eq!(digests.digest(), PlanDigests::of(plan).digest(), "a shared service differs between the plans");
    let mut findings = Findings::default();
    let (report, refusals) = super::fidelity::report("kubernetes", fidelity::TABLE, plan, digests);
    findings.extend(refusals);
    let services = plan.services.iter().map(|(name, service)| (name, &**service));
    let shared_volumes = plan::separate_claims(services, &plan.volumes);
    let Some(cluster) = Cluster::new(plan, BTreeMap::new(), shared_volumes) else { return Ok(Artifacts::default()) };
    let mut writer = Writer::default();
    writer.write_unlisted_folder("namespace", namespace::objects(&cluster))?;
    let policies = policies::namespace_objects(&cluster).into_iter().chain(quota::objects(&cluster));
    writer.write_folder("policies", policies.chain(workload::group_budgets(&cluster)).collect())?;
    writer.write_folder("secrets", findings.value(secrets::objects(&cluster)))?;
    writer.write_folder("edge", findings.value(edge::objects(&cluster).map_err(Some)))?;
    findings.value(applications(&cluster, input, digests, &mut writer));
    writer.write_folder("monitoring", operator::objects(&cluster))?;
    for object in gitops::objects(&cluster) {
        writer.write_object("gitops", &object)?;
    }
    writer.add("volumes.json", volumes::record(&cluster))?;
    findings.into_result(())?;
    writer.finish(report, &StepInput::from_digest(Backend::Kubernetes.generator(), digests.digest()))
}

/// Writes a folder for each service from a plan that contains only the service's part. This part is also the input of
/// the folder's derivation, so no object can depend on a field that the derivation does not cover.
fn applications(
    cluster: &Cluster,
    input: &Input,
    digests: &PlanDigests,
    writer: &mut Writer,
) -> Result<(), Vec<Diagnostic>> {
    let mounted_digest = super::content_digest(digests);
    let slices = ServiceSlices::new(cluster.plan, digests, &cluster.shared_volumes, &mounted_digest);
    let mut findings = Findings::default();
    let mut mounted_files = None;
    for (name, service) in &cluster.plan.services {
        let folder = format!("apps/{name}");
        let slice = slices.slice(name, service);
        let step_input = slice.step_input();
        if let Some(reused) = input.reusable.files(&[&format!("kubernetes/{folder}/")], &step_input) {
            writer.add_folder(&folder, reused);
            continue;
        }
        if !service.config.is_empty() && mounted_files.is_none() {
            mounted_files = Some(super::content_files(cluster.plan).map_err(|finding| vec![finding])?);
        }
        let configs = mounted_files
            .as_ref()
            .map_or_else(|| Ok(BTreeMap::new()), |files| config::config_maps_of_service(name, service, files));
        let configs = configs.map_err(|finding| vec![finding])?;
        let reduced_plan = slices.reduced_plan(&slice, name);
        if let Some(reduced_cluster) = Cluster::new(&reduced_plan, configs, slice.shared_volumes())
            && let Some((name, service)) = reduced_plan.services.get_key_value(name)
        {
            writer.write_step(&folder, findings.value(application(&reduced_cluster, name, service)), &step_input)?;
        }
    }
    findings.into_result(())
}

/// Returns all objects of one service.
fn application(cluster: &Cluster, name: &ServiceName, service: &plan::Service) -> Result<Vec<Object>, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    findings.extend(refused_by_pod_security(service));
    let metadata = cluster.metadata(name, service.zone);
    let uses_cluster_api = !service.on_clusters.reads.is_empty();
    let body = Body::Account { automount_service_account_token: uses_cluster_api };
    let mut objects = vec![Object { api_version: "v1", kind: "ServiceAccount", metadata, body }];
    let configs: BTreeMap<&String, &ConfigMap> = service
        .config
        .iter()
        .flat_map(|mount| &cluster.configs[&mount.source])
        .map(|config| (&config.name, config))
        .collect();
    for config in configs.into_values() {
        let metadata = Metadata { name: config.name.clone(), ..cluster.metadata(name, service.zone) };
        objects.push(config::config_map_object(config, metadata));
    }
    // `None` if the pod has findings.
    let pod = findings.value(pod::pod(cluster, name, service).map(Some));
    objects.extend(pod.into_iter().flat_map(|pod| workload::objects(cluster, name, service, pod)));
    objects.extend(roles::objects(cluster, name, service));
    objects.extend(services::objects(cluster, name, service));
    objects.extend(policies::objects(cluster, name, service));
    findings.into_result(objects)
}

/// Returns a finding for each setting that Pod Security `restricted` refuses.
fn refused_by_pod_security(service: &plan::Service) -> Vec<Diagnostic> {
    let is_root = service.user.as_ref().is_some_and(|user| user.as_str().starts_with("0:"));
    let root = is_root.then(|| {
        Diagnostic::error(Code::Unsupported, service.origin.key("user"))
            .message("the cluster refuses containers that run as root")
            .expected("a user other than 0, such as `user = \"10001:10001\"`")
    });
    let declared = service.capabilities.iter().enumerate();
    let refused_capabilities = declared.filter(|(_, capability)| capability.as_str() != "NET_BIND_SERVICE");
    let capabilities = refused_capabilities.map(|(i, capability)| {
        Diagnostic::error(Code::Unsupported, service.origin.key("capabilities").index(i))
            .message(format!("the cluster refuses containers with the capability {capability}"))
            .expected("no capability except NET_BIND_SERVICE")
    });
    root.into_iter().chain(capabilities).collect()
}
