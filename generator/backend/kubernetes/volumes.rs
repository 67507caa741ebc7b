//! What the API server never changes once it is there: the claims of StatefulSets and, but for growing, other
//! claims. They stand in a file of their own, so that the next generation sees what it would change.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Cluster, bytes};
use crate::artifact::json as artifact_json;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::Plan;
use crate::values::ServiceName;

/// Where they stand, below an environment's folder.
pub const FILE: &str = "kubernetes/volumes.json";

/// Claims by service: in a StatefulSet or on their own, with size and class.
pub fn record(cluster: &Cluster) -> Vec<u8> {
    let mut services: BTreeMap<&ServiceName, BTreeMap<&str, Value>> = BTreeMap::new();
    for (name, volume) in &cluster.plan.volumes {
        let claim = json!({
            "shared": cluster.is_shared(name),
            "size": bytes(volume.size.unwrap_or(super::workload::VOLUME)),
            "class": cluster.settings.storage_class,
        });
        services.entry(&volume.owner).or_default().insert(name.as_str(), claim);
    }
    artifact_json::to_pretty(&json!({ "version": 1, "claims": services }))
}

/// What the API server would refuse of the new generation, with what to do first; warnings, since the file is right
/// for a new cluster.
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
        let first = volumes.filter(|volume| before[volume] != after[volume]).collect::<Vec<_>>().join(", ");
        let namespace = &cluster.namespace;
        findings.push(
            Diagnostic::warning(Code::Immutable, service.origin.key("volumes"))
            .message(format!("a cluster does not change the volumes of `{name}` that it has: {first}"))
            .hint(format!(
                "first `kubectl delete statefulset {name} --namespace {namespace} --cascade=orphan`, which keeps pods \
                 and data; grow a claim with `kubectl patch pvc`; then apply"
            )),
        );
    }
    findings
}
