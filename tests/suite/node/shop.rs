//! The golden stack for Kubernetes on the node: its pods become ready, its jobs complete, its services answer.
//!
//! PostgreSQL, nginx, redis, SeaweedFS and busybox are real programs; the others are stand-ins (tests/images), which check their
//! settings. Of its environments, `local` runs here. The others need programs that are not on the node: `staging` an Ingress
//! controller, `prod` a gateway and External Secrets, and both cert-manager.

use std::path::Path;

use serde_json::Value;

use super::machine::{Node, wait_until};
use super::rollouts;
use crate::support::{golden, name, report_measurement};

pub const NAMESPACE: &str = "shop-local";

pub fn project() -> tempfile::TempDir {
    let case = golden(false).into_iter().find(|path| name(path) == "kubernetes").unwrap();
    crate::support::project(&case)
}

pub fn runs(node: &Node, project: &Path, folder: &Path) {
    node.create_namespace(project);
    node.release(project);
    let time = node.wait_for_pods(NAMESPACE, 180);
    report_measurement(&format!("the golden stack is ready on a node after {:.0} s", time.as_secs_f64()));
    services_answer(node, project);
    pods_have_their_settings(node);
    a_job_of_the_schedule_completes(node);
    rollouts::fail_no_request(node, project);
    node.remove(folder);
}

fn services_answer(node: &Node, project: &Path) {
    for (host, service) in [("api", "hasura"), ("auth", "auth"), ("catalogue", "catalogue")] {
        let expected = format!("\"service\": \"{service}\"");
        let host = format!("{host}.shop.localhost");
        wait_until(&format!("{host} answers"), 30, || node.answer(project, &host, "/a").contains(&expected));
    }
    // The object storage is the real one, and wants a key.
    wait_until("storage.shop.localhost answers", 30, || {
        node.answer(project, "storage.shop.localhost", "/a").contains("<Code>AccessDenied</Code>")
    });
    // The connection that `prices` declares, and one that it does not.
    let curl = |url: &str| node.exec(NAMESPACE, "deployment/prices", &["curl", "-sS", "--max-time", "2", url]);
    wait_until("prices reaches catalogue", 30, || {
        curl("http://catalogue:8001/").stdout.contains("\"service\": \"catalogue\"")
    });
    let refused = curl("http://s3:8333/");
    assert!(refused.stderr.contains("Failed to connect to s3 port 8333"), "{refused:?}");
}

fn pods_have_their_settings(node: &Node) {
    // The autoscaler has no figures, and still starts the smallest number of pods.
    let ready = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    wait_until("two pods of catalogue are ready", 60, || {
        node.pods(NAMESPACE, "catalogue").iter().filter(|pod| ready(pod)).count() == 2
    });
    let assert_script_succeeds = |workload: &str, script: &str| {
        let output = node.exec(NAMESPACE, workload, &["sh", "-c", script]);
        assert_eq!(output.code, 0, "{workload}: {script}: {}{}", output.stdout, output.stderr);
    };
    assert_script_succeeds("deployment/catalogue", "[ \"$PRICE_FORMAT\" = '$(CURRENCY) $5' ]");
    // The readers of a volume read it and cannot write.
    assert_script_succeeds("deployment/exports", "echo sold >/var/lib/exports/report");
    assert_script_succeeds(
        "deployment/catalogue",
        "[ \"$(cat /srv/exports/report)\" = sold ] && ! touch /srv/exports/report",
    );
    // `init`: the first process reaps others, and is not the service.
    assert_script_succeeds(
        "deployment/exports",
        "! grep -q stand_in /proc/1/cmdline && grep -q stand_in /proc/[0-9]*/cmdline",
    );
}

fn a_job_of_the_schedule_completes(node: &Node) {
    node.cluster.run_or_panic(&["create", "job", "-n", NAMESPACE, "--from=cronjob/nightly", "nightly-now"]);
    let job = ["-n", NAMESPACE, "job/nightly-now"];
    let wait = [&["wait", "--for=condition=Complete", "--timeout=120s"], &job[..]].concat();
    let logs = [&["logs", "--all-containers"], &job[..]].concat();
    assert_eq!(node.cluster.kubectl(&wait).code, 0, "{}", node.cluster.kubectl(&logs).stdout);
    let log = node.cluster.run_or_panic(&logs);
    assert!(log.contains("postgres:5432 - accepting connections"), "{log}");
}
