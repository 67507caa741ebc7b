//! Tests the objects for the Prometheus operator.

use serde_json::{Value, json};

use super::{files, on_cluster, prometheus, text};

#[test]
fn the_prometheus_operator_takes_the_place_of_prometheus() {
    let files_with_operator = |operator: &Value| {
        let mut stack = on_cluster(&json!({
            "metrics": {}, "alerts": { "OrdersSlow": { "expr": "up == 0", "summary": "slow" } },
        }));
        stack["services"]["prometheus"] = prometheus(&json!({ "on_clusters": { "replaced_by": "operator" } }));
        stack["kubernetes"]["prometheus_operator"] = operator.clone();
        files(&stack)
    };
    let monitor = "kubernetes/monitoring/podmonitor-orders.yaml";
    let rule = "kubernetes/monitoring/prometheusrule-orders.yaml";
    let prometheus = "kubernetes/apps/prometheus/deployment-prometheus.yaml";
    let policy = "kubernetes/monitoring/networkpolicy-orders-from-operator.yaml";
    let with_operator = files_with_operator(&json!({ "namespace": "watch", "release": "stack" }));
    assert_eq!(
        [monitor, rule, policy, prometheus].map(|path| with_operator.get(path).is_some()),
        [true, true, true, false]
    );
    assert!(
        text(&with_operator, monitor).contains("release: stack")
            && text(&with_operator, policy).contains("name: watch")
    );
    assert!(!text(&files_with_operator(&json!({})), monitor).contains("release:"));
    assert!(text(&files_with_operator(&json!({})), policy).contains("name: monitoring"));
    let without_operator = files_with_operator(&Value::Null);
    assert_eq!(
        [monitor, rule, policy, prometheus].map(|path| without_operator.get(path).is_some()),
        [false, false, false, true]
    );
}

#[test]
fn the_operator_reads_metrics_at_the_tcp_port_of_a_number() {
    let udp = json!({ "port": 9100, "protocol": "udp", "address": "0.0.0.0", "reason": "statistics of devices" });
    let mut stack = on_cluster(&json!({
        "ports": { "devices": 9100, "metrics": 9100 }, "publish": { "devices": udp }, "metrics": { "port": "metrics" },
    }));
    stack["services"]["prometheus"] = prometheus(&json!({ "on_clusters": { "replaced_by": "operator" } }));
    stack["kubernetes"]["prometheus_operator"] = json!({});
    let monitor = text(&files(&stack), "kubernetes/monitoring/podmonitor-orders.yaml");
    assert!(monitor.contains("port: metrics") && !monitor.contains("port: devices"), "{monitor}");
}
