//! Two replicas at a running edge, of which one silently drops packets: it neither answers nor refuses connections, as after
//! the loss of a machine or a broken network.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{PLAIN, environment};
use crate::attacks::edge::running::RunningEdge;
use crate::attacks::edge::tools_are_installed;
use crate::support::{root, run};
use crate::up::in_own_namespaces;

/// The kernel's setting for how often it retransmits unacknowledged data.
const RETRIES_SETTING: &str = "net.ipv4.tcp_retries2";
/// The time that a failed replica gets no requests (`fail_timeout` of nginx).
const FAIL_TIMEOUT: f64 = 10.0;

#[test]
fn a_replica_that_drops_packets_costs_one_stall_in_ten_seconds() {
    if tools_are_installed() {
        in_own_namespaces(
            "edge::replicas::a_replica_that_drops_packets_costs_one_stall_in_ten_seconds",
            measure_stalls,
        );
    }
}

fn start_replica(port: &str) -> Child {
    let mut command = Command::new("python3");
    command.arg(root().join("tests/edge/replicas.py")).args(["serve", port]).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let accepts_connections = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()
    });
    assert!(accepts_connections, "{port}");
    child
}

/// Returns the kernel's setting that Compose gives the container of the edge.
fn declared_setting(environment: &Path) -> String {
    let text = std::fs::read_to_string(environment.join("compose.yaml")).unwrap();
    let compose: Value = serde_yaml_ng::from_str(&text).unwrap();
    compose["services"]["nginx"]["sysctls"][RETRIES_SETTING].as_str().expect("the edge sets it").to_owned()
}

fn set_retries(value: &str) {
    let output = run(Command::new("sysctl").args(["-w", &format!("{RETRIES_SETTING}={value}")]));
    assert_eq!(output.code, 0, "{}", output.stderr);
}

/// Sends requests for some seconds. Returns how many failed, and start and length of each stall.
fn send_requests(seconds: &str, clients: &str) -> (u64, Vec<(f64, f64)>) {
    let mut client = Command::new("python3");
    client.arg(root().join("tests/edge/replicas.py")).args(["ask", seconds, clients]).env("HOST", PLAIN);
    let output = run(&mut client);
    let result: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}{}", output.stdout, output.stderr));
    eprintln!("{clients} clients: {result}");
    (result["failed"].as_u64().unwrap(), serde_json::from_value(result["stalls"].clone()).unwrap())
}

fn measure_stalls() {
    let (_project, environment) = environment();
    let mut replicas = [start_replica("9001"), start_replica("9002")];
    let use_both_replicas =
        |text: &str| text.replace("server plain:8001 resolve;", "server 127.0.0.1:9001;\n    server 127.0.0.1:9002;");
    {
        let _edge = RunningEdge::start_with(&environment, use_both_replicas);
        set_retries(&declared_setting(&environment));
        let (failed, stalls) = send_requests("45", "1");
        assert_eq!(failed, 0, "the other replica answers: {stalls:?}");
        // Two stalls at least, so that there is a pause between them.
        assert!(stalls.len() >= 2 && stalls.iter().all(|(_, length)| *length < 15.0), "{stalls:?}");
        let mut pauses = stalls.windows(2).map(|pair| pair[1].0 - (pair[0].0 + pair[0].1));
        assert!(pauses.all(|pause| pause > FAIL_TIMEOUT - 1.0), "{stalls:?}");
        // With many clients, several requests are on their way to the replica and stall, but none for long.
        let (failed, stalls) = send_requests("25", "10");
        assert_eq!(failed, 0, "{stalls:?}");
        assert!(!stalls.is_empty() && stalls.iter().all(|(_, length)| *length < 20.0), "{stalls:?}");
    }
    // Known-bad control: with the kernel's default, a request on an open connection waits for minutes.
    let _edge = RunningEdge::start_with(&environment, use_both_replicas);
    set_retries("15");
    let (failed, stalls) = send_requests("5", "4");
    assert!(failed > 0 || stalls.iter().any(|(_, length)| *length > 20.0), "{stalls:?}");
    for replica in &mut replicas {
        replica.kill().unwrap();
        replica.wait().unwrap();
    }
}
