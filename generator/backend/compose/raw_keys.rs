//! The raw keys of Compose.

use std::collections::BTreeMap;

use super::model::Raw;
use crate::backend::provenance::KeyFields;
use crate::backend::raw_keys::{Kind, PlatformKeys};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan;
use crate::values::ServiceName;

/// The raw keys of Compose: those that a stack may set, and those that nself writes from fields of a service.
pub const RAW_KEYS: PlatformKeys =
    PlatformKeys { name: "Compose", keys: KEYS, key_fields: KEY_FIELDS, same_fields: SAME_FIELDS };

/// Keys that nself writes from fields of a service with the same names.
const SAME_FIELDS: &[&str] = &[
    "build",
    "command",
    "depends_on",
    "entrypoint",
    "extra_hosts",
    "image",
    "init",
    "labels",
    "logging",
    "read_only",
    "shm_size",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "user",
    "working_dir",
];

/// Keys that nself writes from fields of a service with different names. Each key has the list of its fields.
pub const KEY_FIELDS: &[KeyFields] = &[
    ("environment", &["env", "extra_env", "env_files"]),
    ("env_file", &["env_files"]),
    ("healthcheck", &["health"]),
    ("mem_limit", &["limits"]),
    ("mem_reservation", &["reservations"]),
    ("cpus", &["limits"]),
    ("pids_limit", &["limits"]),
    ("scale", &["replicas"]),
    ("deploy", &["limits", "reservations", "replicas"]),
    ("ports", &["publish"]),
    ("secrets", &["secret_files"]),
    ("volumes", &["volumes", "mounts", "files", "host_mounts"]),
    ("cap_add", &["capabilities"]),
    ("networks", &["external_networks", "zone", "connects_to", "depends_on", "egress", "aliases"]),
    ("stop_grace_period", &["stop_grace"]),
];

/// The keys that a stack may set, with the kinds of their values: all keys of a service in the Compose specification
/// (schema of June 2026), except keys that nself writes and keys that give the container control of the host.
const KEYS: &[(&str, Kind)] = &[
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
    ("tty", Kind::Flag),
    ("ulimits", Kind::Limits),
];

/// Keys that docker-compose 1.29 and podman-compose do not support.
const UNKNOWN_TO_OLDER_COMPOSE: &[&str] = &["annotations", "attach", "develop", "gpus", "pull_policy"];

/// Returns the raw keys of a service with their values.
///
/// # Errors
/// NS702 for each key that is not allowed or has a value of the wrong type, NS705 for a key that the selected
/// implementation of Compose does not support.
pub fn checked_keys(
    name: &ServiceName,
    planned: &plan::Service,
    for_older_compose: bool,
) -> Result<BTreeMap<String, Raw>, Vec<Diagnostic>> {
    let refusals = planned.compose.iter().filter_map(|(key, value)| {
        let path = planned.origin.key("compose").key(key);
        let older_compose_refusal = || {
            (for_older_compose && UNKNOWN_TO_OLDER_COMPOSE.contains(&key.as_str())).then(|| {
                Diagnostic::error(Code::Compat, path.clone())
                    .message(format!("docker-compose 1.29 and podman do not support `{key}`"))
                    .hint("remove it, or remove `compose.compat` of the stack")
            })
        };
        RAW_KEYS.refusal(key, value, path.clone(), name.as_str()).or_else(older_compose_refusal)
    });
    let refusals: Vec<Diagnostic> = refusals.collect();
    let values = || planned.compose.iter().map(|(key, value)| (key.clone(), Raw::from(value))).collect();
    if refusals.is_empty() { Ok(values()) } else { Err(refusals) }
}
