//! Migrations on a Kubernetes node: the golden stack `database`, reached at ports of the node instead of through its gateway.
//! Pods of a new generation wait for its migrations, while the old pods serve.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::machine::{Node, change, generate, wait_until};
use crate::support::{golden, name, nself_in, report_measurement};

const NAMESPACE: &str = "desk-local";

pub fn project() -> tempfile::TempDir {
    let case = golden(false).into_iter().find(|path| name(path) == "database").unwrap();
    let project = crate::support::project(&case);
    let gateway = "environments.prod.kubernetes = nself.clusters.gateway \"envoy\"";
    change(&project.path().join("stack.ncl"), gateway, "environments.local.kubernetes = nself.clusters.kind");
    project
}

/// Checks that migrations run before the services that use their tables start.
pub fn migrations_run_before_services(node: &Node, project: &Path, folder: &Path) {
    node.create_namespace(project);
    node.release(project);
    let time = node.wait_for_pods(NAMESPACE, 180);
    report_measurement(&format!("the stack with migrations is ready on a node after {:.0} s", time.as_secs_f64()));
    assert_eq!(psql(node, "SELECT count(*) FROM nself.ledger WHERE state = 'done'"), "1");
    assert_eq!(psql(node, "SELECT count(*) FROM countries"), "2", "the seeds of this environment");
    new_pods_wait_for_a_new_migration(node, project, folder);
    node.remove(folder);
}

fn psql(node: &Node, sql: &str) -> String {
    let output = node.exec(NAMESPACE, "postgres-0", &["psql", "-U", "postgres", "-d", "tickets", "-tAc", sql]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    output.stdout.trim().to_owned()
}

fn new_pods_wait_for_a_new_migration(node: &Node, project: &Path, folder: &Path) {
    let columns = "columns = { code = { type = \"char(2)\" }, name";
    let more = "columns = { code = { type = \"char(2)\" }, continent = { type = \"text\", nullable = true }, name";
    change(&project.join("db/tickets.ncl"), columns, more);
    let output = nself_in(project, ["db", "new"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    generate(project);
    // The control: without the job of this generation, the new pod waits and the old one serves.
    node.apply(&folder.join("apps/tickets"));
    wait_until("there is a new pod", 30, || node.pods(NAMESPACE, "tickets").len() == 2);
    std::thread::sleep(Duration::from_secs(5));
    let ready = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    let pods = node.pods(NAMESPACE, "tickets");
    assert_eq!((pods.len(), pods.iter().filter(|pod| ready(pod)).count()), (2, 1), "{pods:?}");
    node.apply(folder);
    for service in ["tickets", "reports"] {
        let workload = format!("deployment/{service}");
        node.cluster.run_or_panic(&["rollout", "status", "-n", NAMESPACE, &workload, "--timeout=120s"]);
    }
    assert_eq!(psql(node, "SELECT count(*) FROM nself.ledger WHERE state = 'done'"), "2");
    assert_eq!(psql(node, "SELECT count(continent) FROM countries"), "0");
}
