//! Rollouts of newly generated manifests under load, of a service with two pods and of the edge: no request fails.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::machine::{ADDRESS, HTTPS, Node, change, command_in_namespace, wait_until};
use super::shop::NAMESPACE;
use crate::support::{report_measurement, root, run};

pub fn fail_no_request(node: &Node, project: &Path) {
    // Each client has an address, because the edge limits the requests and connections of one.
    for number in (0..16).chain([99]) {
        let address = format!("10.214.0.1{number:02}/24");
        let output = run(Command::new("ip").args(["-n", "outside", "address", "add", &address, "dev", "client0"]));
        assert_eq!(output.code, 0, "{}", output.stderr);
    }
    a_service_fails_none(node, project);
    the_edge_fails_none(node, project);
    without_a_pause_the_edge_fails_some(node);
}

/// Clients of `catalogue` with new connections and with kept ones, and one with a websocket; see tests/edge/load.py.
struct Load {
    client: Child,
    end: tempfile::TempDir,
}

impl Load {
    fn start() -> Load {
        let end = tempfile::tempdir().unwrap();
        let mut client: Command = command_in_namespace("outside");
        client.arg("python3").arg(root().join("tests/edge/load.py")).args(["steady", "8", "180"]);
        client.env("HOST", "catalogue.shop.localhost").env("EDGE", format!("{ADDRESS}:{HTTPS}"));
        client.env("SOURCES", "10.214.0.1{:02}").env("END", end.path().join("end"));
        client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let load = Load { client: client.spawn().unwrap(), end };
        std::thread::sleep(Duration::from_secs(2));
        load
    }

    /// Lets the clients finish, and returns the number of each result.
    fn finish(self) -> Value {
        std::fs::write(self.end.path().join("end"), "").unwrap();
        let output = self.client.wait_with_output().unwrap();
        let results: Value = serde_json::from_slice(&output.stdout).unwrap();
        // A rollout takes seconds.
        for result in ["200 before", "200 before, kept"] {
            assert!(results[result].as_u64() > Some(50), "{results}");
        }
        results
    }
}

fn names(node: &Node, service: &str) -> BTreeSet<String> {
    node.pods(NAMESPACE, service).iter().map(|pod| pod["metadata"]["name"].to_string()).collect()
}

fn wait_for_rollout(node: &Node, service: &str) {
    let workload = format!("deployment/{service}");
    node.cluster.run_or_panic(&["rollout", "status", "-n", NAMESPACE, &workload, "--timeout=120s"]);
}

fn wait_for_end(node: &Node, pods: &BTreeSet<String>, service: &str) {
    wait_until("the old pods have ended", 60, || names(node, service).is_disjoint(pods));
}

/// The sum of the answers, without other results than these.
fn answers(results: &Value, allowed: &[&str]) -> u64 {
    let results = results.as_object().unwrap();
    assert!(results.keys().all(|result| allowed.contains(&result.as_str())), "{results:?}");
    results.iter().filter(|(result, _)| result.starts_with("200")).filter_map(|(_, count)| count.as_u64()).sum()
}

/// A variable changes. The pods close their websocket and their idle connections, and the edge uses the new pods.
fn a_service_fails_none(node: &Node, project: &Path) {
    let before = names(node, "catalogue");
    assert_eq!(before.len(), 2, "{before:?}");
    let load = Load::start();
    change(&project.join("stack.ncl"), "$(CURRENCY) $5", "$(CURRENCY) $6");
    node.release(project);
    wait_for_rollout(node, "catalogue");
    wait_for_end(node, &before, "catalogue");
    let results = load.finish();
    let number = answers(&results, &["101 closed 1001", "200 before", "200 before, kept"]);
    report_measurement(&format!(
        "a rollout of a service with two pods failed none of {number} requests through the edge"
    ));
}

/// The configuration of nginx changes. A client of the old pod keeps its websocket until it closes it, and then the pod ends.
fn the_edge_fails_none(node: &Node, project: &Path) {
    let before = names(node, "nginx");
    let load = Load::start();
    let route = "route.subdomain = \"catalogue\",";
    change(
        &project.join("stack.ncl"),
        route,
        "route = { subdomain = \"catalogue\", response_headers.X-Changed = \"yes\" },",
    );
    node.release(project);
    wait_for_rollout(node, "nginx");
    // The old pod gets the stop signal after five seconds.
    std::thread::sleep(Duration::from_secs(9));
    assert!(!names(node, "nginx").is_disjoint(&before), "the websocket is still open");
    let results = load.finish();
    assert!(results["200 after"].as_u64() > Some(50) && results["200 after, kept"].as_u64() > Some(50), "{results}");
    assert_eq!(results["101 ping"], json!(1), "{results}");
    let statuses = ["101 ping", "200 after", "200 after, kept", "200 before", "200 before, kept"];
    let number = answers(&results, &statuses);
    wait_until("the pod ends after its last client", 15, || names(node, "nginx").is_disjoint(&before));
    report_measurement(&format!("a rollout of the edge failed none of {number} requests"));
}

/// The control: without the pause before the stop signal, clients still get the addresses of pods that have stopped.
fn without_a_pause_the_edge_fails_some(node: &Node) {
    let patch = r#"[{ "op": "remove", "path": "/spec/template/spec/containers/0/lifecycle" }]"#;
    node.cluster.run_or_panic(&["patch", "deployment", "-n", NAMESPACE, "nginx", "--type=json", "-p", patch]);
    wait_for_rollout(node, "nginx");
    let before = names(node, "nginx");
    let load = Load::start();
    node.cluster.run_or_panic(&["rollout", "restart", "-n", NAMESPACE, "deployment/nginx"]);
    wait_for_rollout(node, "nginx");
    std::thread::sleep(Duration::from_secs(2));
    std::fs::write(load.end.path().join("end"), "").unwrap();
    wait_for_end(node, &before, "nginx");
    let output = load.client.wait_with_output().unwrap();
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(results["ConnectionRefusedError"].as_u64() > Some(0), "{results}");
}
