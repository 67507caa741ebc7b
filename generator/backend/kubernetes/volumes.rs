//! The record of volume claims. The API server refuses to change the claims of a StatefulSet, and other claims can only
//! grow; the record lets the next generation detect such a change.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cluster::{Cluster, quantity};
use super::namespace::DEFAULT_VOLUME_SIZE;
use crate::artifact::json as json_writer;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::Plan;
use crate::plan::scratch_volumes::is_scratch;
use crate::values::ServiceName;

/// The path of the record, relative to an environment's folder.
pub const FILE: &str = "kubernetes/volumes.json";
/// The version of the record. Releases that wrote version 1 listed the namespace and the shared claims in the
/// environment's kustomization, and later releases do not; [`unlisted_objects`] warns about this.
const VERSION: u32 = 2;

/// Returns the record: the claims of each service, with size, storage class and whether other services share them.
pub fn record(cluster: &Cluster) -> Vec<u8> {
    let mut services: BTreeMap<&ServiceName, BTreeMap<&str, Value>> = BTreeMap::new();
    for (name, volume) in &cluster.plan.volumes {
        let claim = json!({
            "shared": cluster.is_shared(name),
            "size": quantity(volume.size.unwrap_or(DEFAULT_VOLUME_SIZE)),
            "class": cluster.settings.storage_class,
        });
        services.entry(&volume.owner).or_default().insert(name.as_str(), claim);
    }
    json_writer::to_pretty(&json!({ "version": VERSION, "claims": services }))
}

/// Returns warnings about changes of claims that the API server would refuse or that leave data unused, each with the
/// steps to take before the new files are applied. `old` is the record of the last generation, `new` of this one. The
/// changes are not errors, since a new cluster accepts the claims.
pub fn upgrade_warnings(plan: &Plan, old: &[u8], new: &[u8]) -> Vec<Diagnostic> {
    let parse = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap_or_default();
    let (old, new) = (parse(old), parse(new));
    let Some(cluster) = &plan.kubernetes else { return Vec::new() };
    let mut findings = lost_claims(&cluster.namespace, &old, &new);
    findings.extend((old["version"] == 1).then(|| unlisted_objects(plan, &cluster.namespace, &old)));
    for (name, service) in &plan.services {
        let (old_claims, new_claims) = (&old["claims"][name.as_str()], &new["claims"][name.as_str()]);
        // A service without a record is new, so the cluster has no claims of it.
        if old_claims.is_null() || old_claims == new_claims {
            continue;
        }
        let volumes = old_claims.as_object().into_iter().flatten().map(|(volume, _)| volume.as_str());
        let changed_volumes =
            volumes.filter(|volume| old_claims[volume] != new_claims[volume]).collect::<Vec<_>>().join(", ");
        let namespace = &cluster.namespace;
        findings.push(
            Diagnostic::warning(Code::Immutable, service.origin.key("volumes"))
            .message(format!("Kubernetes cannot change the claims of existing volumes of `{name}`: {changed_volumes}"))
            .hint(format!(
                "1. run `kubectl delete statefulset {name} --namespace {namespace} --cascade=orphan`, which keeps pods and \
                 data. 2. to enlarge a volume, raise `spec.resources.requests.storage` of its claim with `kubectl edit pvc --namespace {namespace}`. 3. apply the files"
            )),
        );
    }
    findings
}

/// Returns the name of the claim of a StatefulSet's first pod.
pub fn claim_of_first_pod(volume: &str, service: &str) -> String {
    format!("{volume}-{service}-0")
}

/// Returns the name of the claim that a record has for a volume of a service.
fn claim_name(record: &Value, service: &str, volume: &str) -> String {
    let is_shared = record["claims"][service][volume]["shared"] == true;
    if is_shared { volume.to_owned() } else { claim_of_first_pod(volume, service) }
}

/// Returns a warning for each claim of the old record that no pod mounts any more. Its data stays in the cluster. If a
/// volume or its service was renamed, the pods get an empty claim.
fn lost_claims(namespace: &str, old: &Value, new: &Value) -> Vec<Diagnostic> {
    // The volumes of a record, each as the service and the volume's name.
    let volumes = |record: &Value| -> Vec<(String, String)> {
        let services = record["claims"].as_object().cloned().unwrap_or_default();
        let volumes = services.into_iter().flat_map(|(service, volumes)| {
            let names: Vec<String> =
                volumes.as_object().map(|volumes| volumes.keys().cloned().collect()).unwrap_or_default();
            names.into_iter().map(move |volume| (service.clone(), volume))
        });
        volumes.collect()
    };
    let new_volumes = volumes(new);
    let new_claims: Vec<String> =
        new_volumes.iter().map(|(service, volume)| claim_name(new, service, volume)).collect();
    // If only `shared` of a volume changed, `upgrade_warnings` itself warns about it.
    let lost_volumes = volumes(old).into_iter().filter(|(service, volume)| {
        !is_scratch(volume)
            && !new_volumes.contains(&(service.clone(), volume.clone()))
            && !new_claims.contains(&claim_name(old, service, volume))
    });
    let findings = lost_volumes.map(|(service, volume)| {
        let claim = claim_name(old, &service, &volume);
        let new_owner = new_volumes.iter().find(|(_, name)| *name == volume).map(|(owner, _)| owner);
        let change = match new_owner {
            Some(owner) => format!("now belongs to `{owner}`, which has an empty claim"),
            None => "is no longer declared".to_owned(),
        };
        let way_to_keep = match new_owner {
            Some(owner) => format!("copy it with a pod that mounts `{claim}` and `{}`", claim_name(new, owner, &volume)),
            None => "declare the volume again with this name".to_owned(),
        };
        Diagnostic::warning(Code::LostVolume, path!("services", service))
            .message(format!(
                "the volume `{volume}` of `{service}` {change}; its data stays in the cluster in `{claim}`, unused"
            ))
            .hint(format!(
                "to delete the data, run `kubectl delete pvc {claim} --namespace {namespace}`; to use the data again, {way_to_keep}"
            ))
    });
    findings.collect()
}

/// Returns the warning about the namespace and the shared claims, which only releases with version 1 of the record list
/// in the kustomization.
fn unlisted_objects(plan: &Plan, namespace: &str, old: &Value) -> Diagnostic {
    let services = old["claims"].as_object().into_iter().flat_map(|services| services.values());
    let volumes = services.filter_map(Value::as_object).flatten();
    let shared = volumes.filter(|(_, claim)| claim["shared"] == true).map(|(volume, _)| format!(" pvc/{volume}"));
    let objects = format!("namespace/{namespace}{}", shared.collect::<String>());
    Diagnostic::warning(Code::LostVolume, path!("kubernetes"))
        .message("the kustomization no longer lists the namespace and the shared claims, so a prune would delete them with their data")
        .hint(format!(
            "if `kubectl apply --prune` created them, run `kubectl label {objects} applyset.kubernetes.io/part-of- --namespace {namespace}`, \
             and then `kubectl apply --server-side -k deploy/{}/kubernetes/namespace`",
            plan.environment
        ))
}
