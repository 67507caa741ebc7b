//! The escape hatch: Compose keys that the model does not write, checked by name and kind of value.

use std::collections::BTreeMap;

use super::model::Raw;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan;
use crate::stack::ServiceName;

/// What a raw key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Flag,
    List,
    Record,
    ListOrRecord,
}

impl Kind {
    fn takes(self, value: &serde_json::Value) -> bool {
        match self {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Flag => value.is_boolean(),
            Kind::List => value.is_array(),
            Kind::Record => value.is_object(),
            Kind::ListOrRecord => value.is_array() || value.is_object(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Flag => "true or false",
            Kind::List => "an array",
            Kind::Record => "a record",
            Kind::ListOrRecord => "an array or a record",
        }
    }
}

/// Service keys of the Compose specification (schema of June 2026) that the model does not write and that
/// do not hand over the host; with whether docker-compose 1.29 knows them.
pub const KEYS: &[(&str, Kind, bool)] = &[
    ("annotations", Kind::ListOrRecord, false),
    ("attach", Kind::Flag, false),
    ("blkio_config", Kind::Record, true),
    ("cpu_count", Kind::Number, true),
    ("cpu_percent", Kind::Number, true),
    ("cpu_period", Kind::Number, true),
    ("cpu_quota", Kind::Number, true),
    ("cpu_shares", Kind::Number, true),
    ("cpuset", Kind::Text, true),
    ("develop", Kind::Record, false),
    ("dns", Kind::List, true),
    ("dns_opt", Kind::List, true),
    ("dns_search", Kind::List, true),
    ("domainname", Kind::Text, true),
    ("expose", Kind::List, true),
    ("gpus", Kind::List, false),
    ("group_add", Kind::List, true),
    ("hostname", Kind::Text, true),
    ("isolation", Kind::Text, true),
    ("links", Kind::List, true),
    ("mac_address", Kind::Text, true),
    ("mem_swappiness", Kind::Number, true),
    ("memswap_limit", Kind::Text, true),
    ("oom_kill_disable", Kind::Flag, true),
    ("oom_score_adj", Kind::Number, true),
    ("platform", Kind::Text, true),
    ("profiles", Kind::List, true),
    ("pull_policy", Kind::Text, false),
    ("runtime", Kind::Text, true),
    ("stdin_open", Kind::Flag, true),
    ("storage_opt", Kind::Record, true),
    ("sysctls", Kind::ListOrRecord, true),
    ("tty", Kind::Flag, true),
    ("ulimits", Kind::Record, true),
];

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
        let Some((_, kind, everywhere)) = KEYS.iter().find(|(known, ..)| known == key) else {
            let names: Vec<&str> = KEYS.iter().map(|(known, ..)| *known).collect();
            findings.push(
                Diagnostic::error(Code::RawKey, path)
                    .message(format!("`{key}` is no raw key: unknown to Compose, or written by the model"))
                    .expected(format!("one of {}", names.join(", ")))
                    .hint(format!("look for the setting in `services.{name}` itself: `nself schema`")),
            );
            continue;
        };
        if !kind.takes(value) {
            findings.push(
                Diagnostic::error(Code::RawKey, path)
                    .message(format!("`{key}` takes {}", kind.name()))
                    .expected(kind.name().to_owned()),
            );
            continue;
        }
        if old && !everywhere {
            findings.push(
                Diagnostic::error(Code::Compat, path)
                    .message(format!("docker-compose 1.29 and podman do not know `{key}`")),
            );
            continue;
        }
        merged.insert(key.clone(), Raw::from(value));
    }
    merged
}
