//! Traces: Tempo as one process with files on its volume. The configuration is for Tempo 3, which has neither an
//! ingester nor a compactor to configure.

use serde::Serialize;
use serde_json::{Value, json};

use super::files::Files;
use crate::diagnostic::Diagnostic;
use crate::plan::{Program, ProgramService};

#[derive(Serialize)]
struct Tempo {
    server: Value,
    distributor: Value,
    storage: Value,
    overrides: Value,
    backend_worker: Value,
    usage_report: Value,
}

/// Writes `tempo.yaml`.
pub fn emit(service: &ProgramService, files: &mut Files) -> Result<(), Diagnostic> {
    // Without these addresses, the receivers listen on the loopback address only.
    let receivers = json!({ "otlp": { "protocols": {
        "grpc": { "endpoint": "0.0.0.0:4317" },
        "http": { "endpoint": "0.0.0.0:4318" },
    } } });
    let config = Tempo {
        server: json!({ "http_listen_port": service.port, "log_level": "warn" }),
        distributor: json!({ "receivers": receivers }),
        storage: json!({ "trace": {
            "backend": "local",
            "wal": { "path": "/var/tempo/wal" },
            "local": { "path": "/var/tempo/blocks" },
        } }),
        overrides: json!({ "defaults": { "ingestion": { "rate_limit_bytes": 5_000_000, "burst_size_bytes": 10_000_000 } } }),
        backend_worker: json!({ "compaction": { "block_retention": retention(service) } }),
        usage_report: json!({ "reporting_enabled": false }),
    };
    files.add_yaml(Program::Tempo, "tempo.yaml", &config)
}

/// Returns the time that traces are retained: a day for each GiB of the volume, at least 1 and at most 14 days; 2 days if
/// the volume has no size.
fn retention(service: &ProgramService) -> String {
    format!("{}h", service.volume.map_or(2, |size| size.0 >> 30).clamp(1, 14) * 24)
}
