//! Raw keys of a pod.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::backend::raw_keys::{Kind, refusal};
use crate::diagnostic::Diagnostic;
use crate::plan::Service;
use crate::values::ServiceName;

/// PlanDigests of a PodSpec (Kubernetes 1.36) that the model does not write and that Pod Security `restricted` allows.
pub const KEYS: &[(&str, Kind)] = &[
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

/// The user's raw keys; reports those that cannot be used.
pub fn merge(name: &ServiceName, service: &Service, findings: &mut Vec<Diagnostic>) -> BTreeMap<String, Value> {
    let mut merged = BTreeMap::new();
    for (key, value) in &service.kubernetes {
        let path = service.origin.key("kubernetes").key(key);
        match refusal("the pod's specification", KEYS, key, value, path, name.as_str()) {
            Some(finding) => findings.push(finding),
            None => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    merged
}
