//! Tests the manifests for clusters, and the rules for environments with clusters.

mod edge;
mod names;
mod network;
mod operator;
mod settings;
mod volumes;
mod workloads;

use serde_json::{Value, json};

use super::{errors, files, generate, plan, stack, text, with_fields};
use crate::artifact::Artifacts;

/// Returns a stack with the service `orders`, which has these fields, on a cluster.
fn on_cluster(fields: &Value) -> Value {
    let orders = json!({
        "image": "a/orders:1", "port": 8001, "health": { "http": { "path": "/healthz" } },
        "route": { "subdomain": "orders" }, "user": "1000:1000",
    });
    let mut stack = stack(&json!({ "orders": with_fields(orders, fields) }));
    for name in ["nginx", "postgres"] {
        stack["services"][name]["user"] = json!("101:101");
    }
    stack["kubernetes"] = json!({ "enabled": true, "gateway_class": "any" });
    stack
}

/// Returns the stack with the service `orders`, on a cluster with these settings.
fn cluster_with_settings(settings: &Value) -> Value {
    let mut stack = on_cluster(&json!({}));
    stack["kubernetes"] = with_fields(stack["kubernetes"].take(), settings);
    stack
}

/// Returns the service `prometheus` of the catalogue, with these fields.
fn prometheus(fields: &Value) -> Value {
    let service = json!({
        "catalogue": "prometheus", "image": "a/prometheus:1", "ports": { "http": 9090 }, "user": "1:1",
        "health": { "none": "not the subject" },
    });
    with_fields(service, fields)
}

/// Returns the ConfigMap with the configuration of nginx.
fn nginx_configuration(files: &Artifacts) -> String {
    let mut paths = files.iter().map(|(path, _)| path.as_str());
    text(files, paths.find(|path| path.starts_with("kubernetes/apps/nginx/configmap")).unwrap())
}

/// Returns the lines of a text without their indentation.
fn trimmed_lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// Returns the lines of the deployment of `orders`, each without its indentation.
fn deployment(stack: &Value) -> Vec<String> {
    trimmed_lines(&text(&files(stack), "kubernetes/apps/orders/deployment-orders.yaml"))
}

/// Returns whether these lines follow each other in `lines`.
fn contains(lines: &[String], wanted: &[&str]) -> bool {
    lines.windows(wanted.len()).any(|window| window == wanted)
}
