//! The raw keys of a pod.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::backend::raw_keys::{Kind, Target};
use crate::diagnostic::Diagnostic;
use crate::plan::Service;
use crate::values::ServiceName;

/// Fields of a PodSpec (Kubernetes 1.36) that nself does not set and that Pod Security `restricted` allows.
pub const TARGET: Target = Target { name: "Kubernetes", keys: KEYS };

const KEYS: &[(&str, Kind)] = &[
    ("affinity", Kind::Record),
    ("dnsConfig", Kind::Record),
    ("dnsPolicy", Kind::Text),
    ("hostAliases", Kind::List),
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

/// Returns the raw keys of a service.
///
/// # Errors
/// NS702 for each key that is not allowed or has a value of the wrong type.
pub fn merge(name: &ServiceName, service: &Service) -> Result<BTreeMap<String, Value>, Vec<Diagnostic>> {
    let refusals = service.kubernetes.iter().filter_map(|(key, value)| {
        let path = service.origin.key("kubernetes").key(key);
        TARGET.refusal(key, value, path, name.as_str())
    });
    let refusals: Vec<Diagnostic> = refusals.collect();
    if refusals.is_empty() { Ok(service.kubernetes.clone().into_iter().collect()) } else { Err(refusals) }
}
