//! The raw keys of a pod.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::backend::provenance::KeyFields;
use crate::backend::raw_keys::{Kind, PlatformKeys};
use crate::diagnostic::Diagnostic;
use crate::plan::Service;
use crate::stack::Kubernetes;
use crate::values::ServiceName;

/// The raw keys of a pod: fields of a PodSpec (Kubernetes 1.36) that Pod Security `restricted` allows. A value in the
/// stack replaces the `affinity`, `priorityClassName` or `imagePullSecrets` that nself would set.
pub const RAW_KEYS: PlatformKeys =
    PlatformKeys { name: "Kubernetes", keys: KEYS, key_fields: KEY_FIELDS, same_fields: &[] };

/// Kubernetes keys that nself writes from fields of a service with different names. Each key has the list of its
/// fields. The list of `labels` is empty, since nself chooses the labels.
pub const KEY_FIELDS: &[KeyFields] = &[
    ("env", &["env", "extra_env"]),
    ("resources", &["limits", "reservations"]),
    ("securityContext", &["user", "read_only", "capabilities"]),
    ("ports", &["publish"]),
    ("hostAliases", &["extra_hosts"]),
    ("annotations", &["labels"]),
    ("volumes", &["volumes", "mounts"]),
    ("labels", &[]),
];

/// The keys that a stack may set, with the kinds of their values.
const KEYS: &[(&str, Kind)] = &[
    ("affinity", Kind::Record),
    ("dnsConfig", Kind::Record),
    ("dnsPolicy", Kind::Text),
    ("hostname", Kind::Text),
    ("imagePullSecrets", Kind::List),
    ("nodeSelector", Kind::Record),
    ("overhead", Kind::Record),
    ("preemptionPolicy", Kind::Text),
    ("priorityClassName", Kind::Text),
    ("readinessGates", Kind::List),
    ("runtimeClassName", Kind::Text),
    ("schedulerName", Kind::Text),
    ("schedulingGates", Kind::List),
    ("tolerations", Kind::List),
];

/// Returns the raw keys of a service, and the keys that the cluster's settings set for all pods.
///
/// # Errors
/// NS702 for each key that is not allowed or has a value of the wrong type.
pub fn checked_keys(
    settings: &Kubernetes,
    name: &ServiceName,
    service: &Service,
) -> Result<BTreeMap<String, Value>, Vec<Diagnostic>> {
    let refusals = service.kubernetes.iter().filter_map(|(key, value)| {
        let path = service.origin.key("kubernetes").key(key);
        RAW_KEYS.refusal(key, value, path, name.as_str())
    });
    let refusals: Vec<Diagnostic> = refusals.collect();
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let mut keys: BTreeMap<String, Value> = service.kubernetes.clone().into_iter().collect();
    if let Some(class) = &settings.priority_class {
        keys.entry("priorityClassName".to_owned()).or_insert_with(|| json!(class));
    }
    if !settings.image_pull_secrets.is_empty() {
        let secrets: Vec<Value> = settings.image_pull_secrets.iter().map(|name| json!({ "name": name })).collect();
        keys.entry("imagePullSecrets".to_owned()).or_insert_with(|| json!(secrets));
    }
    Ok(keys)
}
