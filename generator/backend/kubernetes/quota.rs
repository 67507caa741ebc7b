//! Upper bounds of the namespace: a ResourceQuota, and a LimitRange. The quota refuses pods without limits, so the
//! LimitRange sets default limits for pods that nself does not write, such as the pods of cert-manager's challenges.

use std::collections::BTreeMap;

use serde_json::json;

use super::cluster::{Cluster, quantity};
use super::model::{Object, Spec};

/// The name of both objects.
const NAME: &str = "namespace";

/// Returns the objects; empty if the stack sets no bounds.
pub fn objects(cluster: &Cluster) -> Vec<Object> {
    let Some(quota) = cluster.settings.quota else { return Vec::new() };
    let bounds = [
        ("limits.cpu", quota.cpus.map(|cpus| format!("{}m", cpus.0))),
        ("limits.memory", quota.memory.map(quantity)),
        ("pods", quota.pods.map(|pods| pods.to_string())),
        ("requests.storage", quota.storage.map(quantity)),
    ];
    let bounds: BTreeMap<&str, String> = bounds.into_iter().filter_map(|(name, bound)| Some((name, bound?))).collect();
    let limits = json!({ "limits": [{
        "type": "Container",
        "default": { "cpu": "100m", "memory": "128Mi" },
        "defaultRequest": { "cpu": "10m", "memory": "32Mi" },
    }] });
    let object = |kind, spec| Object::spec("v1", kind, cluster.common_metadata(NAME), Spec::Other(spec));
    vec![object("LimitRange", limits), object("ResourceQuota", json!({ "hard": bounds }))]
}
