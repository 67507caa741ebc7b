//! Tests settings of the cluster (`kubernetes`) that concern all services or one by its name.

use serde_json::{Value, json};

use super::{cluster_with_settings, contains, deployment, errors, files, text, with_fields};
use crate::codes::Code;

#[test]
fn a_quota_covers_the_limits_of_the_services() {
    let quota = |memory: &str| cluster_with_settings(&json!({ "quota": { "memory": memory } }));
    assert_eq!(errors(&quota("1GiB")), [(Code::LimitBelowReservation, "kubernetes.quota.memory".to_owned())]);
    let generated = files(&quota("8GiB"));
    assert!(text(&generated, "kubernetes/policies/resourcequota-namespace.yaml").contains("limits.memory: \"8Gi\""));
    assert!(text(&generated, "kubernetes/policies/limitrange-namespace.yaml").contains("defaultRequest"));
}

#[test]
fn annotations_belong_to_services_that_exist() {
    let annotations = |service: &str| {
        cluster_with_settings(&json!({ "service_annotations": { service: { "example.com/name": "a: b" } } }))
    };
    assert_eq!(
        errors(&annotations("order")),
        [(Code::UnknownDependency, "kubernetes.service_annotations.order".to_owned())]
    );
    let generated = files(&annotations("orders"));
    assert!(text(&generated, "kubernetes/apps/orders/service-orders.yaml").contains("example.com/name: \"a: b\""));
}

#[test]
fn all_pods_have_the_credentials_and_the_priority_of_the_cluster() {
    let mut stack = cluster_with_settings(&json!({ "image_pull_secrets": ["registry"], "priority_class": "shop" }));
    let pod = deployment(&stack);
    assert!(contains(&pod, &["imagePullSecrets:", "- name: registry", "priorityClassName: shop"]), "{pod:#?}");
    stack["services"]["orders"]["kubernetes"] = json!({ "priorityClassName": "own" });
    assert!(contains(&deployment(&stack), &["priorityClassName: own"]));
}

#[test]
fn gitops_follows_a_branch_a_tag_or_a_commit() {
    let gitops = |tool: &str, fields: &Value| {
        let gitops = json!({ "tool": tool, "repository": "https://git.example.com/shop.git" });
        cluster_with_settings(&json!({ "gitops": with_fields(gitops, fields) }))
    };
    let flux = |fields: &Value| text(&files(&gitops("flux", fields)), "kubernetes/gitops/gitrepository-shop-prod.yaml");
    assert!(flux(&json!({})).contains("branch: main"));
    assert!(flux(&json!({ "tag": "v1" })).contains("tag: v1"));
    let commit = "4f1c9ce6d6f0b3c5a1e2f60718293a4b5c6d7e8f";
    assert!(flux(&json!({ "commit": commit })).replace('"', "").contains(&format!("commit: {commit}")));
    assert_eq!(
        errors(&gitops("flux", &json!({ "tag": "v1", "commit": commit }))),
        [(Code::BadValue, "kubernetes.gitops".to_owned())]
    );
    let argo = files(&gitops("argocd", &json!({})));
    // The number in the order in which Argo CD applies the objects.
    let wave = |path: &str| {
        let text = text(&argo, path);
        let wave = text.lines().find_map(|line| line.trim().strip_prefix("argocd.argoproj.io/sync-wave: "));
        wave.unwrap().trim_matches('"').parse::<u32>().unwrap()
    };
    let [data, orders, edge] = ["postgres/statefulset-postgres", "orders/deployment-orders", "nginx/deployment-nginx"]
        .map(|path| wave(&format!("kubernetes/apps/{path}.yaml")));
    assert!(data <= orders && orders < edge, "{data} {orders} {edge}");
}
