//! Connections between pods: the network refuses the ones that the stack does not declare. Then a rollout and a
//! scheduled job on the same node.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::machine::{Node, command_in_namespace, generate, wait_until};
use crate::support::{ProcessOutput, report_measurement, stack};

const NAMESPACE: &str = "shop-local";

/// Three servers of one program, and a job of each minute. `friend` declares its connection to `server`, `stranger` none.
const STACK: &str = r#"
let program = fun number => {
  image = "docker.io/library/busybox:1.37.0", user = "10001:10001", port = number, health.tcp = {}, limits.memory = "64MiB",
  # The program ignores the signal to stop.
  stop_grace = "1s",
  command = ["httpd", "-f", "-p", "%{std.to_string number}", "-h", "/bin"],
} in
{ project = "shop", domain = "shop.example.com",
  services = {
    server = program 8001 & { replicas = 2 },
    friend = program 8002 & { connects_to = ["server"] },
    stranger = program 8003,
    minutely = {
      image = "docker.io/library/busybox:1.37.0", user = "10001:10001", command = ["echo", "a minute is over"],
      schedule = "* * * * *", health.none = "it runs and ends",
    },
  },
  environments.local.kubernetes = nself.clusters.kind & { enabled = true } }"#;

/// Connections that the stack does not declare, by their client and server. The last server is outside of the cluster.
const UNDECLARED: [(&str, &str); 4] = [
    ("stranger", "server:8001"),
    ("server", "friend:8002"),
    ("friend", "stranger:8003"),
    ("friend", "10.214.0.1:8000"),
];

pub fn are_enforced() {
    let project = stack(STACK);
    let node = Node::start();
    let folder = generate(project.path());
    node.create_namespace(project.path());
    for part in ["policies", "apps/server", "apps/friend", "apps/stranger", "apps/minutely"] {
        node.apply(&folder.join(part));
    }
    node.wait_for_pods(NAMESPACE, 60);
    let _server = OutsideServer::start();
    undeclared_connections_are_refused(&node);
    undeclared_connections_work_without_policies(&node);
    a_rollout_fails_no_request(&node);
    the_scheduled_job_runs(&node);
}

fn undeclared_connections_are_refused(node: &Node) {
    // The network learns of new pods a moment after they start.
    wait_until("friend reaches server", 30, || connects(node, "friend", "server:8001"));
    for (client, server) in UNDECLARED {
        wait_until(&format!("{client} cannot reach {server}"), 30, || !connects(node, client, server));
    }
    for (client, server) in UNDECLARED {
        assert!(!connects(node, client, server), "{client} reached {server}");
        // The name is found, so it is the connection that fails.
        let (name, _) = server.split_once(':').unwrap();
        let output = exec(node, client, &["nslookup", &format!("{name}.{NAMESPACE}.svc.cluster.local")]);
        assert!(name.starts_with("10.") || output.code == 0, "{client}: {}{}", output.stdout, output.stderr);
    }
    assert!(connects(node, "friend", "server:8001"), "the declared connection still works");
}

/// The control: without policies the same connections work.
fn undeclared_connections_work_without_policies(node: &Node) {
    node.cluster.run_or_panic(&["delete", "networkpolicy", "-n", NAMESPACE, "--all"]);
    for (client, server) in UNDECLARED {
        wait_until(&format!("{client} reaches {server} without policies"), 30, || connects(node, client, server));
    }
}

/// A client sends requests one after the other while both pods of the service are replaced.
fn a_rollout_fails_no_request(node: &Node) {
    let requests = "while true; do \
        if wget -q -T 5 -O /dev/null http://server:8001/sh; then echo ok; else echo failed; fi; sleep 0.05; done";
    let before = servers(node);
    assert_eq!(before.len(), 2, "{before:?}");
    let client = std::thread::scope(|scope| {
        let client = scope.spawn(|| exec(node, "stranger", &["sh", "-c", requests]));
        node.cluster.run_or_panic(&["rollout", "restart", "-n", NAMESPACE, "deployment/server"]);
        node.cluster.run_or_panic(&["rollout", "status", "-n", NAMESPACE, "deployment/server", "--timeout=120s"]);
        wait_until("the old pods have ended", 60, || !servers(node).iter().any(|name| before.contains(name)));
        assert_eq!(exec(node, "stranger", &["killall", "sh"]).code, 0, "the client was sending requests until now");
        client.join().unwrap()
    });
    let count = |word: &str| client.stdout.lines().filter(|line| *line == word).count();
    let (ok, failed) = (count("ok"), count("failed"));
    assert!(ok > 50 && failed == 0, "{ok} answered, {failed} failed: {}", client.stderr);
    report_measurement(&format!("a rollout of two pods failed none of {ok} requests"));
}

/// Returns the names of the pods of `server`.
fn servers(node: &Node) -> Vec<String> {
    let pods = node.pods(NAMESPACE, "server").into_iter();
    pods.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The cluster starts the job by its schedule, at each minute.
fn the_scheduled_job_runs(node: &Node) {
    let has_succeeded = |job: &Value| job["status"]["succeeded"].as_i64() == Some(1);
    wait_until("the scheduled job has run", 75, || node.get(NAMESPACE, "job").iter().any(has_succeeded));
    let log = node.cluster.run_or_panic(&["logs", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=minutely"]);
    assert!(log.contains("a minute is over"), "{log}");
}

fn exec(node: &Node, client: &str, command: &[&str]) -> ProcessOutput {
    node.exec(NAMESPACE, &format!("deployment/{client}"), command)
}

fn connects(node: &Node, client: &str, server: &str) -> bool {
    exec(node, client, &["wget", "-q", "-T", "2", "-O", "/dev/null", &format!("http://{server}/sh")]).code == 0
}

/// A server in the place of the internet.
struct OutsideServer(Child);

impl OutsideServer {
    fn start() -> OutsideServer {
        let mut server: Command = command_in_namespace("outside");
        server.args(["python3", "-m", "http.server", "8000", "--directory", "/bin"]);
        OutsideServer(server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for OutsideServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
