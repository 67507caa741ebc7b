//! Routes with several servers at a running edge: shares by weight, servers that end and return, and backups.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::attacks::edge::running::{Request, RunningEdge, STRANGER, generated_project};
use crate::attacks::edge::tools_are_installed;
use crate::support::{root, run, tool};
use crate::up::in_own_namespaces;

const ROUTE: &str = r#"
  tls.mode = 'files,
  services = {
    orders = {
      image = "a/orders:1",
      port = 8001,
      route = {
        subdomain = "orders",
        upstreams = [{ weight = 3 }, { service = "next" }, { host = "10.0.0.7", host_port = 8080, backup = true }],
      },
    },
    next = { image = "a/next:1", port = 8002 },
  },
"#;
const ORDERS: u64 = 9001;
const NEXT: u64 = 9002;
/// The port of the service that [`RunningEdge`] starts.
const BACKUP: u64 = 9000;
/// The servers as generated, and at local addresses.
const SERVERS: [(&str, &str); 3] = [
    ("server orders:8001 resolve weight=3;", "server 127.0.0.1:9001 weight=3;"),
    ("server next:8002 resolve;", "server 127.0.0.1:9002;"),
    ("server 10.0.0.7:8080 backup;", "server 127.0.0.1:9000 backup;"),
];

#[test]
fn servers_share_requests_by_weight_and_a_backup_takes_over() {
    if tools_are_installed() {
        in_own_namespaces("edge::upstreams::servers_share_requests_by_weight_and_a_backup_takes_over", share_requests);
    }
}

/// A service at a local port, which ends with its value.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        // The program stops its worker on this signal; if it were killed, the worker would keep answering.
        run(Command::new("kill").args(["-TERM", &self.0.id().to_string()]));
        let _ = self.0.wait();
    }
}

impl Service {
    fn start(port: u64) -> Self {
        let program = tool("hypercorn/bin/hypercorn").expect("the tools are installed");
        let mut command = Command::new(program);
        command.args(["--bind", &format!("127.0.0.1:{port}"), "service:app"]).current_dir(root().join("tests/edge"));
        let child = command.env("PYTHONDONTWRITEBYTECODE", "1").stderr(Stdio::null()).spawn().unwrap();
        let accepts_connections = (0..150).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()
        });
        assert!(accepts_connections, "{port}");
        Service(child)
    }
}

/// Returns how many of 40 requests each port answered.
fn shares(edge: &RunningEdge) -> BTreeMap<u64, usize> {
    let requests = vec![Request::get(STRANGER, "orders.shop.example.com", "/", ""); 40];
    let mut shares = BTreeMap::new();
    for response in edge.send(&requests) {
        assert_eq!(response.status, 200, "{response:?}");
        *shares.entry(response.received["server"].as_u64().unwrap()).or_default() += 1;
    }
    shares
}

fn share_requests() {
    let project = generated_project(ROUTE);
    let environment = project.path().join("deploy/prod");
    let file = std::fs::read_to_string(environment.join("nginx/upstreams.conf")).unwrap();
    for (server, _) in SERVERS {
        assert!(file.contains(server), "{server}: {file}");
    }
    let locally = |text: &str| SERVERS.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let (orders, next) = (Service::start(ORDERS), Service::start(NEXT));
    {
        let edge = RunningEdge::start_with(&environment, locally);
        let first = shares(&edge);
        assert!((28..=32).contains(&first[&ORDERS]) && (8..=12).contains(&first[&NEXT]), "{first:?}");
        assert_eq!(first.get(&BACKUP), None, "a backup waits");
        drop(orders);
        assert_eq!(shares(&edge), BTreeMap::from([(NEXT, 40)]));
        drop(next);
        assert_eq!(shares(&edge), BTreeMap::from([(BACKUP, 40)]));
        // A server that returns gets requests after the ten seconds of a failure.
        let _next = Service::start(NEXT);
        std::thread::sleep(Duration::from_secs(11));
        assert_eq!(shares(&edge), BTreeMap::from([(NEXT, 40)]));
    }
    // Known-bad control: without `backup`, the third server gets requests while the others answer.
    let _services = (Service::start(ORDERS), Service::start(NEXT));
    let edge = RunningEdge::start_with(&environment, |text| locally(text).replace(" backup;", ";"));
    assert!(shares(&edge).contains_key(&BACKUP));
}
