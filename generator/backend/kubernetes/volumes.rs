//! The record of volume claims. The API server refuses to change the claims of a StatefulSet, and other claims can only
//! grow; the record lets the next generation detect such a change.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cluster::{Cluster, quantity};
use super::workload::VOLUME;
use crate::artifact::json as json_writer;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::Plan;
use crate::values::ServiceName;

/// The path of the record, below an environment's folder.
pub const FILE: &str = "kubernetes/volumes.json";

/// Returns the claims by service, with size, class and whether other services share them.
pub fn record(cluster: &Cluster) -> Vec<u8> {
    let mut services: BTreeMap<&ServiceName, BTreeMap<&str, Value>> = BTreeMap::new();
    for (name, volume) in &cluster.plan.volumes {
        let claim = json!({
            "shared": cluster.is_shared(name),
            "size": quantity(volume.size.unwrap_or(VOLUME)),
            "class": cluster.settings.storage_class,
        });
        services.entry(&volume.owner).or_default().insert(name.as_str(), claim);
    }
    json_writer::to_pretty(&json!({ "version": 1, "claims": services }))
}

/// Returns a warning for each service whose claims the API server would refuse to change, with the steps that come first.
/// It is not an error, since a new cluster accepts the claims.
pub fn upgrade_warnings(plan: &Plan, old: &[u8], new: &[u8]) -> Vec<Diagnostic> {
    let read = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap_or_default();
    let (old, new) = (read(old), read(new));
    let Some(cluster) = &plan.kubernetes else { return Vec::new() };
    let mut findings = Vec::new();
    for (name, service) in &plan.services {
        let (before, after) = (&old["claims"][name.as_str()], &new["claims"][name.as_str()]);
        if before.is_null() || before == after {
            continue;
        }
        let volumes = before.as_object().into_iter().flatten().map(|(volume, _)| volume.as_str());
        let changed = volumes.filter(|volume| before[volume] != after[volume]).collect::<Vec<_>>().join(", ");
        let namespace = &cluster.namespace;
        findings.push(
            Diagnostic::warning(Code::Immutable, service.origin.key("volumes"))
            .message(format!("Kubernetes cannot change the volume claims of the existing service `{name}`: {changed}"))
            .hint(format!(
                "first `kubectl delete statefulset {name} --namespace {namespace} --cascade=orphan`, which keeps pods \
                 and data; grow a claim with `kubectl patch pvc`; then apply"
            )),
        );
    }
    findings
}
