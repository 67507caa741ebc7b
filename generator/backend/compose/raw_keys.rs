//! Compose's raw keys.

use std::collections::BTreeMap;

use super::model::Raw;
use crate::backend::raw_keys::{Kind, refusal};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan;
use crate::values::ServiceName;

/// Service keys of the Compose specification (schema of June 2026) that the model does not write and that
/// do not hand over the host.
pub const KEYS: &[(&str, Kind)] = &[
    ("annotations", Kind::ListOrRecord),
    ("attach", Kind::Flag),
    ("blkio_config", Kind::Record),
    ("cpu_count", Kind::Number),
    ("cpu_percent", Kind::Number),
    ("cpu_period", Kind::Number),
    ("cpu_quota", Kind::Number),
    ("cpu_shares", Kind::Number),
    ("cpuset", Kind::Text),
    ("develop", Kind::Record),
    ("dns", Kind::List),
    ("dns_opt", Kind::List),
    ("dns_search", Kind::List),
    ("domainname", Kind::Text),
    ("expose", Kind::List),
    ("gpus", Kind::List),
    ("group_add", Kind::List),
    ("hostname", Kind::Text),
    ("isolation", Kind::Text),
    ("links", Kind::List),
    ("mac_address", Kind::Text),
    ("mem_swappiness", Kind::Number),
    ("memswap_limit", Kind::Text),
    ("oom_kill_disable", Kind::Flag),
    ("oom_score_adj", Kind::Number),
    ("platform", Kind::Text),
    ("profiles", Kind::List),
    ("pull_policy", Kind::Text),
    ("runtime", Kind::Text),
    ("stdin_open", Kind::Flag),
    ("storage_opt", Kind::Record),
    ("sysctls", Kind::ListOrRecord),
    ("tty", Kind::Flag),
    ("ulimits", Kind::Record),
];

/// Those that docker-compose 1.29 does not know.
const NEW: &[&str] = &["annotations", "attach", "develop", "gpus", "pull_policy"];

/// The user's raw keys, ready to be written; reports those that cannot be.
pub fn merge(
    name: &ServiceName,
    planned: &plan::Service,
    old: bool,
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Raw> {
    let mut merged = BTreeMap::new();
    for (key, value) in &planned.compose {
        let path = planned.origin.key("compose").key(key);
        if let Some(finding) = refusal("Compose", KEYS, key, value, path.clone(), name.as_str()) {
            findings.push(finding);
        } else if old && NEW.contains(&key.as_str()) {
            findings.push(
                Diagnostic::error(Code::Compat, path)
                    .message(format!("docker-compose 1.29 and podman do not know `{key}`")),
            );
        } else {
            merged.insert(key.clone(), Raw::from(value));
        }
    }
    merged
}
