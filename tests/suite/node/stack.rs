//! The smallest stack on the node, as an operator applies it.

use std::path::Path;
use std::time::Instant;

use super::machine::{ADDRESS, Node, inside, until};
use crate::support::{measured, run, stack};

const NAMESPACE: &str = "shop-local";
const HTTPS: u16 = 30443;

pub fn starts() {
    let project = stack(
        r#"{ project = "shop", domain = "shop.example.com",
             environments.local.kubernetes = nself.clusters.kind & { enabled = true } }"#,
    );
    let node = Node::start();
    let folder = node.apply_namespace(project.path(), "local");
    node.import_images(&folder);
    node.apply(&folder);
    let time = node.wait_for_pods(NAMESPACE, 150);
    measured(&format!("the two-line stack is ready on a node after {:.0} s", time.as_secs_f64()));
    runs_every_probe(&node);
    answers_clients(project.path());
    keeps_rows_when_the_pod_is_deleted(&node);
    answers_clients(project.path());
}

/// The kubelet counts the results of probes.
fn runs_every_probe(node: &Node) {
    let counts = node.cluster.must(&["get", "--raw", "/api/v1/nodes/node/proxy/metrics/probes"]);
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
fn answers_clients(project: &Path) {
    for (host, path, service) in [("api", "/v1/version", "hasura"), ("auth", "/signin", "auth")] {
        let host = format!("{host}.local.nself.org");
        let answer = || {
            let mut curl = inside("outside");
            curl.args([
                "curl",
                "-sS",
                "--max-time",
                "10",
                "--resolve",
                &format!("{host}:{HTTPS}:{ADDRESS}"),
                "--cacert",
            ]);
            curl.arg(project.join("deploy/local/secrets/authority")).arg(format!("https://{host}:{HTTPS}{path}"));
            run(&mut curl).stdout
        };
        // The node sends requests to a pod a moment after it is ready.
        let expected = format!("\"service\": \"{service}\"");
        until(&format!("{host} answers"), 20, || answer().contains(&expected));
    }
}

fn keeps_rows_when_the_pod_is_deleted(node: &Node) {
    let psql = |sql: &str| {
        let ran = node.exec(NAMESPACE, "postgres-0", &["psql", "-U", "postgres", "-tAc", sql]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout.trim().to_owned()
    };
    psql("CREATE TABLE kept AS SELECT 42 AS answer");
    let pod = || node.get(NAMESPACE, "pod").into_iter().find(|pod| pod["metadata"]["name"] == "postgres-0");
    let before = pod().unwrap()["metadata"]["uid"].clone();
    let from = Instant::now();
    node.cluster.must(&["delete", "pod", "-n", NAMESPACE, "postgres-0"]);
    until("a new pod is ready", 60, || {
        pod().is_some_and(|pod| {
            pod["metadata"]["uid"] != before && pod["status"]["containerStatuses"][0]["ready"] == true
        })
    });
    let seconds = from.elapsed().as_secs_f64();
    assert_eq!(psql("SELECT answer FROM kept"), "42");
    measured(&format!("PostgreSQL is ready again {seconds:.0} s after its pod was deleted"));
}
