//! Logs: Loki as one process with files on its volume, and Alloy, which reads the containers' output.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::files::Files;
use crate::diagnostic::Diagnostic;
use crate::plan::{Monitoring, Plan, Platform, Program, ProgramService};

/// The first day for which Loki uses this schema of its index. It must stay the same in later releases of nself, because
/// Loki reads logs with the schema of their day.
const FIRST_DAY: &str = "2026-01-01";

/// The configuration of Loki 3 as one process.
#[derive(Serialize)]
struct Loki {
    auth_enabled: bool,
    server: Value,
    common: Common,
    schema_config: Schema,
    limits_config: Limits,
    compactor: Compactor,
    analytics: Value,
}

#[derive(Serialize)]
struct Common {
    instance_addr: &'static str,
    path_prefix: &'static str,
    replication_factor: u8,
    ring: Value,
    storage: Value,
}

#[derive(Serialize)]
struct Schema {
    configs: [Period; 1],
}

#[derive(Serialize)]
struct Period {
    from: &'static str,
    store: &'static str,
    object_store: &'static str,
    schema: &'static str,
    index: Value,
}

#[derive(Serialize)]
struct Limits {
    retention_period: String,
    ingestion_rate_mb: u8,
    max_line_size: &'static str,
    max_line_size_truncate: bool,
    reject_old_samples_max_age: &'static str,
}

/// Loki deletes old logs only if `retention_enabled` and `delete_request_store` are set.
#[derive(Serialize)]
struct Compactor {
    working_directory: &'static str,
    retention_enabled: bool,
    delete_request_store: &'static str,
}

/// Returns the number of days that logs are retained: one for each GiB of the volume, at least 2 and at most 31;
/// 7 if the volume has no size.
fn retention_days(service: &ProgramService) -> u64 {
    service.volume.map_or(7, |size| size.0 >> 30).clamp(2, 31)
}

/// Writes `loki.yaml`.
pub fn emit_loki(service: &ProgramService, files: &mut Files) -> Result<(), Diagnostic> {
    let config = Loki {
        auth_enabled: false,
        server: json!({ "http_listen_port": service.port, "log_level": "warn" }),
        common: Common {
            instance_addr: "127.0.0.1",
            path_prefix: "/loki",
            replication_factor: 1,
            ring: json!({ "kvstore": { "store": "inmemory" } }),
            storage: json!({ "filesystem": { "chunks_directory": "/loki/chunks", "rules_directory": "/loki/rules" } }),
        },
        schema_config: Schema {
            configs: [Period {
                from: FIRST_DAY,
                store: "tsdb",
                object_store: "filesystem",
                schema: "v13",
                index: json!({ "prefix": "index_", "period": "24h" }),
            }],
        },
        limits_config: Limits {
            retention_period: format!("{}h", retention_days(service) * 24),
            ingestion_rate_mb: 8,
            max_line_size: "256KB",
            max_line_size_truncate: true,
            reject_old_samples_max_age: "24h",
        },
        compactor: Compactor {
            working_directory: "/loki/compactor",
            retention_enabled: true,
            delete_request_store: "filesystem",
        },
        analytics: json!({ "reporting_enabled": false }),
    };
    files.add_yaml(Program::Loki, "loki.yaml", &config)
}

/// Returns the stages that read the engine's log files. They parse each line as JSON and take the names of the project and
/// of the service from the Compose labels in its `attrs`.
fn engine_stages(project: &str) -> String {
    format!(
        r#"
local.file_match "containers" {{
  path_targets = [{{ __path__ = "/var/lib/docker/containers/*/*-json.log" }}]
}}

loki.source.file "containers" {{
  targets    = local.file_match.containers.targets
  forward_to = [loki.process.containers.receiver]
}}

loki.process "containers" {{
  forward_to = [loki.write.loki.receiver]

  stage.json {{
    expressions = {{ line = "log", stream = "stream", time = "time", attrs = "attrs" }}
  }}
  stage.json {{
    source      = "attrs"
    expressions = {{ project = "\"com.docker.compose.project\"", service = "\"com.docker.compose.service\"" }}
  }}
  stage.timestamp {{
    source = "time"
    format = "RFC3339Nano"
  }}
  stage.labels {{
    values = {{ project = "", service = "", stream = "" }}
  }}
  // The files contain the output of all containers of the engine. Lines of other environments have a different
  // project, or no labels if that environment has no Alloy.
  stage.match {{
    selector = "{{project!=\"{project}\"}}"
    action   = "drop"
  }}
  stage.match {{
    selector = "{{service=\"\"}}"
    action   = "drop"
  }}
  // `filename` contains the identifier of the container, so each container would be a separate series.
  stage.label_drop {{
    values = ["filename", "project"]
  }}
  stage.output {{
    source = "line"
  }}
}}
"#
    )
}

/// Writes `config.alloy`.
pub fn emit_alloy(plan: &Plan, monitoring: &Monitoring, files: &mut Files) -> Result<(), Diagnostic> {
    let mut text = String::from("logging {\n  level = \"warn\"\n}\n");
    match &monitoring.platform {
        Platform::Engine => text.push_str(&engine_stages(&plan.compose_project())),
        Platform::Cluster { namespace, .. } => text.push_str(&cluster_stages(namespace)),
    }
    // Alloy depends on Loki, so Loki is missing only if the stack removes that dependency.
    if let Some(url) = monitoring.url(Program::Loki) {
        let push_url = format!("{url}/loki/api/v1/push");
        let _ = write!(text, "\nloki.write \"loki\" {{\n  endpoint {{\n    url = \"{push_url}\"\n  }}\n}}\n");
    }
    files.add_text(Program::Alloy, "config.alloy", text)
}

/// Returns the stages that read logs of the namespace's pods from the API of the cluster.
fn cluster_stages(namespace: &str) -> String {
    format!(
        r#"
discovery.kubernetes "pods" {{
  role = "pod"
  namespaces {{
    names = ["{namespace}"]
  }}
}}

discovery.relabel "pods" {{
  targets = discovery.kubernetes.pods.targets

  rule {{
    source_labels = ["__meta_kubernetes_pod_label_app_kubernetes_io_name"]
    target_label  = "service"
  }}
  rule {{
    source_labels = ["__meta_kubernetes_pod_container_name"]
    target_label  = "container"
  }}
}}

loki.source.kubernetes "pods" {{
  targets    = discovery.relabel.pods.output
  forward_to = [loki.process.pods.receiver]
}}

loki.process "pods" {{
  forward_to = [loki.write.loki.receiver]

  // `instance` contains the name of the pod, so each pod would be a separate series.
  stage.label_drop {{
    values = ["instance", "job"]
  }}
}}
"#
    )
}
