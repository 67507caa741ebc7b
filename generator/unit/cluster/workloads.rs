//! Tests Deployments, Jobs and autoscalers, and the fields of their pods.

use serde_json::{Value, json};

use super::{contains, deployment, files, on_cluster, plan, text};
use crate::codes::Code;

#[test]
fn a_reachable_pod_serves_until_no_node_sends_requests() {
    let with_drain = deployment(&on_cluster(&json!({ "stop_grace": "20s" })));
    assert!(contains(&with_drain, &["preStop:", "sleep:", "seconds: 5"]), "{with_drain:#?}");
    assert!(contains(&with_drain, &["terminationGracePeriodSeconds: 25"]), "{with_drain:#?}");
    let mut without_drain = on_cluster(&json!({ "stop_grace": "20s" }));
    without_drain["kubernetes"]["drain"] = json!("0s");
    let without_drain = deployment(&without_drain);
    assert!(!contains(&without_drain, &["preStop:"]), "{without_drain:#?}");
    assert!(contains(&without_drain, &["terminationGracePeriodSeconds: 20"]), "{without_drain:#?}");
    let worker = json!({ "port": null, "route": null, "health": { "none": "it has no port" }, "stop_grace": "20s" });
    let worker = deployment(&on_cluster(&worker));
    assert!(!contains(&worker, &["preStop:"]) && contains(&worker, &["terminationGracePeriodSeconds: 20"]));
}

#[test]
fn a_pod_is_checked_each_second_until_it_has_started() {
    let health = json!({ "http": { "path": "/healthz" }, "interval": "10s", "retries": 3, "start_period": "40s" });
    let plain = deployment(&on_cluster(&json!({ "health": health })));
    let probe_fields = |lines: &[String], probe: &str| {
        let start = lines.iter().position(|line| line == probe).unwrap();
        lines[start..start + 8].join(" ")
    };
    let startup = probe_fields(&plain, "startupProbe:");
    assert!(startup.contains("periodSeconds: 1 ") && startup.contains("failureThreshold: 70"), "{startup}");
    assert!(probe_fields(&plain, "readinessProbe:").contains("periodSeconds: 10 "));
    let mut slow = health.clone();
    slow["start_interval"] = json!("3s");
    let slow = probe_fields(&deployment(&on_cluster(&json!({ "health": slow }))), "startupProbe:");
    assert!(slow.contains("periodSeconds: 3 ") && slow.contains("failureThreshold: 24"), "{slow}");
}

#[test]
fn the_kubelet_runs_the_command_of_a_health_check_unchanged() {
    let words = |script: &str| {
        let health = json!({ "exec": ["sh", "-c", script] });
        let pod = deployment(&on_cluster(&json!({ "health": health, "command": ["sh", "-c", script] })));
        let scripts = pod.windows(2).filter(|lines| lines[0] == "- \"-c\"").map(|lines| lines[1].clone());
        // The command, and the probes for startup and readiness.
        let mut scripts: Vec<String> = scripts.map(|line| line.replace(['"', '\\'], "")).collect();
        assert_eq!(scripts.len(), 3, "{scripts:?}");
        scripts.dedup();
        scripts
    };
    assert_eq!(words("kill -0 $$"), ["- kill -0 $$$$"]);
    assert_eq!(words("test $(PORT)"), ["- test $$(PORT)"]);
    // Text that the kubelet leaves unchanged.
    assert_eq!(words("cat $(cat a) $HOME"), ["- cat $$(cat a) $$HOME", "- cat $(cat a) $HOME"]);
}

#[test]
fn a_container_without_a_user_is_a_finding() {
    let mut stack = on_cluster(&json!({}));
    let unknown_users = |stack: &Value| {
        let (_, findings) = plan(stack);
        let findings = findings.iter().filter(|finding| finding.code == Code::UnknownUser);
        findings.map(|finding| finding.path.to_string()).collect::<Vec<_>>()
    };
    assert!(unknown_users(&stack).is_empty());
    stack["services"]["orders"]["user"] = Value::Null;
    assert_eq!(unknown_users(&stack), ["services.orders"]);
    stack["kubernetes"] = json!({});
    assert!(unknown_users(&stack).is_empty());
}

#[test]
fn a_group_is_spread_and_has_one_disruption_budget() {
    let group = json!({ "on_clusters": { "group": "trio" } });
    let generated = files(&on_cluster(&group));
    let deployment = text(&generated, "kubernetes/apps/orders/deployment-orders.yaml");
    assert_eq!(deployment.matches("nself/group: trio").count(), 2, "label and spread: {deployment}");
    let orders_budget = "kubernetes/apps/orders/poddisruptionbudget-orders.yaml";
    let group_budget = "kubernetes/policies/poddisruptionbudget-group-trio.yaml";
    assert!(generated.get(orders_budget).is_none());
    assert!(text(&generated, group_budget).contains("nself/group: trio"));
    let without_group = files(&on_cluster(&json!({})));
    assert!(without_group.get(orders_budget).is_some() && without_group.get(group_budget).is_none());
    assert!(!text(&without_group, "kubernetes/apps/orders/deployment-orders.yaml").contains("nself/group"));
}

#[test]
fn a_job_in_a_group_has_no_label_of_the_disruption_budget() {
    // The texts of all objects of the process `task`.
    let process = |fields: &Value| {
        let fields = json!({ "on_clusters": { "group": "peers" }, "processes": { "task": fields } });
        let generated = files(&on_cluster(&fields));
        let is_of_task = |path: &str| path.contains("task") && !path.contains("/policies/");
        let texts = generated.iter().filter(|(path, _)| is_of_task(path.as_str()));
        texts.map(|(_, file)| String::from_utf8_lossy(file.bytes().unwrap()).into_owned()).collect::<String>()
    };
    let task = process(&json!({ "run": "once" }));
    assert!(task.contains("kind: Job\n") && !task.contains("nself/group"), "{task}");
    let control = process(&json!({ "health": { "none": "no port" } }));
    assert!(control.contains("kind: Deployment\n") && control.contains("nself/group: peers"), "{control}");
}

#[test]
fn a_deadline_ends_every_kind_of_job() {
    // The texts of the jobs of `orders`.
    let job = |fields: &Value| {
        let mut fields = fields.clone();
        fields["waive"] = json!({ "compose.deadline": "it runs in the cluster only" });
        for (key, value) in [("port", Value::Null), ("route", Value::Null), ("health", json!({ "none": "it ends" }))] {
            fields[key] = value;
        }
        let generated = files(&on_cluster(&fields));
        let jobs = generated.iter().filter(|(path, _)| path.as_str().contains("job-orders"));
        jobs.map(|(_, file)| String::from_utf8_lossy(file.bytes().unwrap()).into_owned()).collect::<String>()
    };
    for kind in [json!({ "run": "once" }), json!({ "run": "on_request" }), json!({ "schedule": "0 3 * * *" })] {
        assert!(!job(&kind).contains("activeDeadlineSeconds"), "{kind}");
        let mut limited = kind.clone();
        limited["deadline"] = json!("90m");
        assert!(job(&limited).contains("activeDeadlineSeconds: 5400\n"), "{}", job(&limited));
    }
}

#[test]
fn an_autoscaler_watches_memory_only_where_the_stack_sets_it() {
    let scaler = |autoscale: &Value| {
        let fields = json!({ "autoscale": autoscale, "waive": { "compose.autoscale": "one server" } });
        text(&files(&on_cluster(&fields)), "kubernetes/apps/orders/horizontalpodautoscaler-orders.yaml")
    };
    assert!(!scaler(&json!({ "min": 2, "max": 4 })).contains("name: memory"));
    assert!(scaler(&json!({ "min": 2, "max": 4, "memory": 85 })).contains("name: memory"));
}
