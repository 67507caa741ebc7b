//! Connections between pods: the network refuses those that the stack does not declare.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::machine::{Node, inside};
use crate::support::{measured, stack};

const NAMESPACE: &str = "shop-local";

/// An address that is not in the cluster.
const OUTSIDE: &str = "10.214.0.1";

pub fn are_enforced() {
    // Three pods of one program: `friend` declares its connection to `server`, `stranger` declares none.
    let project = stack(
        r#"let program = fun number => {
             image = "docker.io/library/busybox:1.37.0", user = "10001:10001", port = number, health.tcp = {},
             command = ["httpd", "-f", "-p", "%{std.to_string number}", "-h", "/bin"],
           } in
           { project = "shop", domain = "shop.example.com",
             services = { server = program 8001, friend = program 8002 & { connects_to = ["server"] }, stranger = program 8003 },
             environments.local.kubernetes = nself.clusters.kind & { enabled = true } }"#,
    );
    let node = Node::start();
    let folder = node.apply_namespace(project.path(), "local");
    for part in ["policies", "apps/server", "apps/friend", "apps/stranger"] {
        node.apply(&folder.join(part));
    }
    node.wait_for_pods(NAMESPACE, 60);
    let _server = OutsideServer::start();
    declared_connections_work(&node);
    other_connections_are_refused(&node);
    // Without policies the same connections work, so what refused them were the policies.
    node.cluster.must(&["delete", "networkpolicy", "-n", NAMESPACE, "--all"]);
    let from = Instant::now();
    for (client, server) in UNDECLARED {
        until(&format!("{client} reaches {server} without policies"), || connects(&node, client, server));
    }
    measured(&format!("connections work {:.0} s after the policies are gone", from.elapsed().as_secs_f64()));
}

/// Connections that the stack does not declare, by their client and server; the last server is outside of the cluster.
const UNDECLARED: [(&str, &str); 4] = [
    ("stranger", "server:8001"),
    ("server", "friend:8001"),
    ("friend", "stranger:8001"),
    ("friend", "10.214.0.1:8000"),
];

fn declared_connections_work(node: &Node) {
    until("friend reaches server", || connects(node, "friend", "server:8001"));
}

fn other_connections_are_refused(node: &Node) {
    // Policies apply a moment after their pods start.
    for (client, server) in UNDECLARED {
        until(&format!("{client} cannot reach {server}"), || !connects(node, client, server));
    }
    for (client, server) in UNDECLARED {
        assert!(!connects(node, client, server), "{client} reached {server}");
        // The name is resolved, so it is the connection that fails.
        let name = server.split(':').next().unwrap();
        let ran =
            node.exec(NAMESPACE, &deployment(client), &["nslookup", &format!("{name}.{NAMESPACE}.svc.cluster.local")]);
        assert!(name == OUTSIDE || ran.code == 0, "{client}: {}{}", ran.stdout, ran.stderr);
    }
    assert!(connects(node, "friend", "server:8001"), "the declared connection still works");
}

fn deployment(name: &str) -> String {
    format!("deployment/{name}")
}

fn connects(node: &Node, client: &str, server: &str) -> bool {
    node.exec(
        NAMESPACE,
        &deployment(client),
        &["wget", "-q", "-T", "2", "-O", "/dev/null", &format!("http://{server}/sh")],
    )
    .code
        == 0
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let from = Instant::now();
    while !holds() {
        assert!(from.elapsed() < Duration::from_secs(30), "not reached: {what}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// A server in the place of the internet.
struct OutsideServer(Child);

impl OutsideServer {
    fn start() -> OutsideServer {
        let mut server: Command = inside("outside");
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
