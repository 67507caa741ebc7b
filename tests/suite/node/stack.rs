//! The smallest stack on the node, as an operator applies, deletes and applies it again.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::machine::{Node, wait_until};
use crate::support::{report_measurement, run, stack};

const NAMESPACE: &str = "first-local";

pub fn project() -> tempfile::TempDir {
    stack(
        r#"{ project = "first", domain = "shop.example.com",
             environments.local.kubernetes = nself.clusters.kind & { enabled = true } }"#,
    )
}

pub fn starts(node: &Node, project: &Path, folder: &Path) {
    node.create_namespace(project);
    node.apply(folder);
    let time = node.wait_for_pods(NAMESPACE, 150);
    report_measurement(&format!("the two-line stack is ready on a node after {:.0} s", time.as_secs_f64()));
    runs_every_probe(node);
    answers_clients(node, project);
    psql(node, "CREATE TABLE kept AS SELECT 42 AS answer");
    restarts_the_server(node);
    answers_clients(node, project);
    keeps_data_when_the_manifests_are_deleted(node, folder);
    answers_clients(node, project);
    node.remove(folder);
    // The control: claims disappear with their namespace.
    wait_until("the claims are deleted with the namespace", 60, || claims(node).is_empty());
}

/// The kubelet counts the results of probes.
fn runs_every_probe(node: &Node) {
    let counts = node.cluster.run_or_panic(&["get", "--raw", "/api/v1/nodes/node/proxy/metrics/probes"]);
    let mut probes = 0;
    for pod in node.get(NAMESPACE, "pod") {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let container = &pod["spec"]["containers"][0];
        for (kind, field) in [("Startup", "startupProbe"), ("Readiness", "readinessProbe")] {
            if container[field].is_object() {
                let succeeded = counts.lines().any(|line| {
                    let labels = [
                        format!("pod=\"{name}\""),
                        format!("probe_type=\"{kind}\""),
                        "result=\"successful\"".to_owned(),
                    ];
                    line.starts_with("prober_probe_total") && labels.iter().all(|label| line.contains(label))
                });
                assert!(succeeded, "{kind} of {name}: {counts}");
                probes += 1;
            }
        }
    }
    assert!(probes >= 8, "{probes}");
}

/// Requests reach services through a port of the node, nginx and TLS; the certificate is the project's.
fn answers_clients(node: &Node, project: &Path) {
    for (host, path, service) in [("api", "/v1/version", "hasura"), ("auth", "/signin", "auth")] {
        let host = format!("{host}.local.nself.org");
        // The node sends requests to a pod a moment after it is ready.
        let expected = format!("\"service\": \"{service}\"");
        wait_until(&format!("{host} answers"), 20, || node.answer(project, &host, path).contains(&expected));
    }
}

fn psql(node: &Node, sql: &str) -> String {
    let output = node.exec(NAMESPACE, "postgres-0", &["psql", "-U", "postgres", "-tAc", sql]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    output.stdout.trim().to_owned()
}

/// Deletes the pod of PostgreSQL. Its replacement accepts connections soon after the old server has stopped, and has the rows.
fn restarts_the_server(node: &Node) {
    let pod = || node.pods(NAMESPACE, "postgres").pop().map(|pod| pod["metadata"]["uid"].clone());
    let before = pod();
    let address =
        node.cluster.run_or_panic(&["get", "service", "-n", NAMESPACE, "postgres", "-o", "jsonpath={.spec.clusterIP}"]);
    let accepts = || {
        std::thread::sleep(Duration::from_millis(50));
        let program = "/usr/lib/postgresql/15/bin/pg_isready";
        run(Command::new(program).args(["-q", "-t", "1", "-h", &address])).code == 0
    };
    let deletion = Instant::now();
    node.cluster.run_or_panic(&["delete", "pod", "-n", NAMESPACE, "postgres-0", "--wait=false"]);
    let mut last = deletion;
    while accepts() {
        last = Instant::now();
        assert!(deletion.elapsed() < Duration::from_secs(60), "the old server does not stop");
    }
    let drained = last - deletion;
    while !accepts() {
        assert!(
            last.elapsed() < Duration::from_secs(30),
            "PostgreSQL does not accept connections 30 s after it stopped"
        );
    }
    let away = last.elapsed();
    assert_ne!(pod(), before);
    assert_eq!(psql(node, "SELECT answer FROM kept"), "42");
    let (drained, away) = (drained.as_secs_f64(), away.as_secs_f64());
    report_measurement(&format!(
        "PostgreSQL stops {drained:.1} s after its pod is deleted, and accepts connections {away:.1} s later"
    ));
}

fn claims(node: &Node) -> Vec<String> {
    let claims = node.get(NAMESPACE, "pvc").into_iter();
    claims.map(|claim| format!("{} {}", claim["metadata"]["uid"], claim["status"]["phase"])).collect()
}

/// `kubectl delete -k` deletes the workloads and leaves the claims; the next `kubectl apply -k` uses their data.
fn keeps_data_when_the_manifests_are_deleted(node: &Node, folder: &Path) {
    let before = claims(node);
    assert!(before.len() == 1 && before[0].contains("Bound"), "{before:?}");
    let output = node.cluster.kubectl(&["delete", "-k", &folder.to_string_lossy(), "--timeout=120s"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    wait_until("all workloads are deleted", 60, || {
        node.get(NAMESPACE, "deployment,statefulset,job,service,pod").is_empty()
    });
    assert_eq!(claims(node), before);
    node.apply(folder);
    let time = node.wait_for_pods(NAMESPACE, 150);
    assert_eq!(psql(node, "SELECT answer FROM kept"), "42");
    assert_eq!(claims(node), before);
    report_measurement(&format!(
        "the deleted stack is ready with its rows {:.0} s after it is applied again",
        time.as_secs_f64()
    ));
}
