//! Tests that services do not take the names of objects that nself adds.

use serde_json::{Value, json};

use super::{errors, on_cluster, prometheus, with_fields};
use crate::codes::Code;

/// Returns a service of the image `a/small`, with these fields.
fn small_service(fields: &Value) -> Value {
    let service = json!({
        "image": "a/small:1", "user": "1000:1000", "port": 8002, "health": { "none": "not the subject" },
    });
    with_fields(service, fields)
}

#[test]
fn names_of_additional_kubernetes_services_are_reserved() {
    let errors_with = |orders: &Value, name: &str, service: &Value| {
        let mut stack = on_cluster(orders);
        stack["services"]["prometheus"] = prometheus(&json!({}));
        stack["services"][name] = small_service(service);
        let on_cluster = errors(&stack);
        stack["kubernetes"] = json!({});
        assert_eq!(errors(&stack), [], "{name} without a cluster");
        on_cluster
    };
    let publish = |address: &str| json!({ "publish": { "http": { "port": 8001, "address": address, "reason": "clients of the intranet" } } });
    let volume = json!({ "volumes": { "data": { "path": "/data" } } });
    let shared_volume = json!({ "volumes": { "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } } });
    let metrics = json!({ "metrics": {} });
    for (orders, name, is_reserved) in [
        (&metrics, "orders-metrics", true),
        (&json!({}), "orders-metrics", false),
        (&volume, "orders-peers", true),
        (&shared_volume, "orders-peers", false),
        (&publish("0.0.0.0"), "orders-published", true),
        (&publish("127.0.0.1"), "orders-published", false),
    ] {
        let path = |field: &str| is_reserved.then(|| (Code::NameTaken, field.to_owned()));
        let service = format!("services.{name}");
        assert_eq!(errors_with(orders, name, &json!({})), Vec::from_iter(path(&service)), "{orders} {name}");
        let alias = errors_with(orders, "small", &json!({ "aliases": ["little", name] }));
        assert_eq!(alias, Vec::from_iter(path("services.small.aliases[1]")), "{orders} {name}");
    }
    // A job has no Kubernetes Service.
    let job = json!({ "port": null, "run": "once", "health": null });
    assert_eq!(errors_with(&volume, "orders-peers", &job), []);
}

#[test]
fn names_of_additional_objects_are_reserved() {
    let mut stack = on_cluster(&json!({ "on_clusters": { "group": "trio" } }));
    stack["services"]["group-trio"] = small_service(&json!({}));
    assert_eq!(errors(&stack), [(Code::NameTaken, "services.group-trio".to_owned())]);
    stack["services"]["group-trio"] = small_service(&json!({ "on_clusters": { "group": "trio" } }));
    assert_eq!(errors(&stack), [], "a member of a group has no separate budget");

    let mut stack = on_cluster(&json!({}));
    stack["services"]["prometheus"] =
        prometheus(&json!({ "on_clusters": { "replaced_by": "operator", "reads": ["nodes"] } }));
    let alerts = json!({ "TargetsSlow": { "expr": "up == 0", "summary": "slow" } });
    stack["services"]["targets"] = small_service(&json!({ "alerts": alerts }));
    stack["services"]["kubelet"] = small_service(&json!({ "port": 8003, "metrics": {} }));
    assert_eq!(errors(&stack), [(Code::NameTaken, "services.kubelet".to_owned())]);
    stack["kubernetes"]["prometheus_operator"] = json!({});
    assert_eq!(errors(&stack), [(Code::NameTaken, "services.targets".to_owned())]);
}
