//! Tests what the planner adds for monitoring and traces.

use super::{additions, declared_secrets, name, stack, with_fields, with_roster};
use crate::plan::aspect::monitoring;
use crate::plan::wiring::{Addition, Planned};
use crate::plan::{Program, Value as PlannedValue};
use crate::values::{Checked, VariableName};
use serde_json::{Value, json};

/// Returns a stack with the service `orders`, to which it adds these fields, and with Prometheus and Tempo if
/// `has_prometheus` is true.
fn stack_with_monitoring(fields: &Value, has_prometheus: bool) -> Value {
    let orders = json!({ "image": "a/orders:1", "port": 8001, "otel": true });
    let mut services = json!({ "orders": with_fields(orders, fields) });
    if has_prometheus {
        services["prometheus"] = json!({
            "catalogue": "prometheus", "image": "a/prometheus:1", "ports": { "http": 9090 }, "zone": "monitoring",
            "volumes": { "prometheus-data": { "path": "/prometheus", "size": "10GiB" } },
        });
        services["tempo"] = json!({
            "catalogue": "tempo", "image": "a/tempo:1", "ports": { "http": 3200, "otlp-http": 4318 },
        });
    }
    stack(&services)
}

/// Plans the monitoring of a stack.
fn monitoring_of(stack: &Value) -> Planned<crate::plan::Monitoring> {
    with_roster(stack, |inputs, roster| {
        let declared_secrets = declared_secrets(inputs, roster);
        monitoring::plan(inputs, roster, &declared_secrets)
    })
}

#[test]
fn prometheus_scrapes_the_services_with_metrics() {
    let alert = json!({ "A": { "expr": "up == 0", "summary": "down" } });
    let fields = json!({ "metrics": { "interval": "15s" }, "alerts": alert });
    let planned = monitoring_of(&stack_with_monitoring(&fields, true));
    let job = &planned.value.jobs[&name("orders")];
    assert_eq!((job.port, job.path.as_str(), job.interval.0), (8001, "/metrics", 15_000));
    assert_eq!(planned.value.alerts.keys().collect::<Vec<_>>(), [&name("orders")]);
    let connection = Addition::Connection { to: name("orders"), port: 8001 };
    assert!(additions(&planned, "prometheus").contains(&connection));
    assert!(additions(&planned, "orders").contains(&Addition::MetricsPort(8001)));
    let arguments = additions(&planned, "prometheus").into_iter().filter_map(|addition| match addition {
        Addition::Arguments { arguments, .. } => Some(arguments[0].to_string()),
        _ => None,
    });
    assert_eq!(arguments.collect::<Vec<_>>(), ["--storage.tsdb.retention.size=7680MB"]);
    // A service without `metrics`, and a stack without Prometheus.
    assert!(monitoring_of(&stack_with_monitoring(&json!({}), true)).value.jobs.is_empty());
    let without_prometheus = monitoring_of(&stack_with_monitoring(&fields, false));
    assert!(without_prometheus.value.programs.is_empty() && without_prometheus.wirings.is_empty());
    // A job ends, so it has no target.
    let with_job = monitoring_of(&stack_with_monitoring(&json!({ "metrics": {}, "run": "once" }), true));
    assert!(with_job.value.jobs.is_empty() && planned.value.programs.contains_key(&Program::Prometheus));
}

#[test]
fn a_service_sends_traces_only_with_otel() {
    let endpoint = |fields: &Value| {
        let planned = monitoring_of(&stack_with_monitoring(fields, true));
        let variable = VariableName::wrap("OTEL_EXPORTER_OTLP_ENDPOINT".into());
        additions(&planned, "orders").into_iter().find_map(|addition| match addition {
            Addition::DefaultVariable(name, PlannedValue::Text(value)) if name == variable => Some(value),
            _ => None,
        })
    };
    assert_eq!(endpoint(&json!({})).as_deref(), Some("http://tempo:4318"));
    assert_eq!(endpoint(&json!({ "otel": false })), None);
}
