//! An alert on its way: real Prometheus, Alertmanager and services with the generated configuration. A service is killed and
//! the webhook is called; the service returns and the webhook is called again.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::replace;
use crate::support::{nself_in, stack, tool};

/// An address of this machine that no other test uses; all services have it.
const ADDRESS: &str = "127.77.0.1";

/// A program that ends with its value.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    fn start(command: &mut Command) -> Self {
        Program(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

/// Answers for the names of running containers, as the name server of an engine does.
fn name_server(running: Arc<Mutex<BTreeSet<&'static str>>>) {
    let socket = UdpSocket::bind((ADDRESS, 53)).unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            let question = &query[12..length];
            let label = usize::from(question[0]);
            let name = String::from_utf8_lossy(&question[1..=label]).into_owned();
            let end = 1 + label + 1 + 4;
            let is_address =
                question.len() >= end && question[label + 1] == 0 && question[label + 2..label + 4] == [0, 1];
            let known = running.lock().unwrap().contains(name.as_str());
            let mut answer = query[..2].to_vec();
            answer.extend([0x81, if known { 0x80 } else { 0x83 }, 0, 1, 0, u8::from(known && is_address), 0, 0, 0, 0]);
            answer.extend(&question[..end.min(question.len())]);
            if known && is_address {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 77, 0, 1]);
            }
            let _ = socket.send_to(&answer, client);
        }
    });
}

/// Receives calls of Alertmanager, and passes on their bodies.
fn webhook() -> Receiver<String> {
    let listener = TcpListener::bind((ADDRESS, 9999)).unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let _ = connection.set_read_timeout(Some(Duration::from_millis(300)));
            let (mut text, mut part) = (Vec::new(), [0; 65536]);
            while let Ok(length @ 1..) = connection.read(&mut part) {
                text.extend(&part[..length]);
            }
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
        }
    });
    receiver
}

/// Waits for a call about an alert of a service in a state.
fn wait_for(calls: &Receiver<String>, alert: &str, service: &str, state: &str) {
    let mut seen = Vec::new();
    for _ in 0..120 {
        let Ok(call) = calls.recv_timeout(Duration::from_secs(1)) else { continue };
        let body = call.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        for entry in body["alerts"].as_array().into_iter().flatten() {
            if entry["labels"]["alertname"] == alert
                && entry["labels"]["service"] == service
                && entry["status"] == state
            {
                return;
            }
        }
        seen.push(body["commonLabels"].to_string() + " " + &body["status"].to_string());
    }
    panic!("no call about {alert} of {service}, {state}; calls: {seen:?}");
}

/// The stack: Prometheus and Alertmanager of the bundle, and one service.
const STACK: &str = r#"{
  project = "shop", domain = "shop.example.com",
  secrets.alerts_url = nself.external "a URL",
  services.orders = { image = "a/orders:1", port = 8001, metrics = { path = "/internal/metrics" } },
  environments.prod = {
    tls.email = "a@example.com",
    monitoring = { enabled = true, receivers.team.webhook.url = nself.secret "alerts_url" },
    services = {
      alloy = null, cadvisor = null, grafana = null, loki = null, node-exporter = null, postgres-exporter = null, tempo = null,
    },
  },
}"#;

/// Shortens the generated times from minutes to seconds, and leads paths of containers to `folder`.
fn adapt(generated: &Path, folder: &Path) {
    let prometheus = generated.join("prometheus/prometheus.yml");
    replace(&prometheus, "\"30s\"", "\"1s\"");
    replace(&prometheus, "\"15s\"", "\"1s\"");
    replace(&prometheus, "scrape_timeout: \"10s\"", "scrape_timeout: \"1s\"");
    replace(&generated.join("prometheus/rules/_targets.yml"), "for: \"2m\"", "for: \"2s\"");
    let alertmanager = generated.join("alertmanager/alertmanager.yml");
    replace(&alertmanager, "group_wait: \"30s\"", "group_wait: \"1s\"");
    replace(&alertmanager, "group_interval: \"5m\"", "group_interval: \"1s\"");
    replace(&alertmanager, "/run/secrets/", &format!("{}/", folder.display()));
}

fn orders(program: &Path) -> Program {
    let address = format!("--web.listen-address={ADDRESS}:8001");
    let arguments = [
        address.as_str(),
        "--web.telemetry-path=/internal/metrics",
        "--collector.disable-defaults",
        "--collector.loadavg",
    ];
    Program::start(Command::new(program).args(arguments))
}

#[test]
fn a_killed_service_calls_the_webhook_and_its_return_does_too() {
    let bin = |name: &str| tool(&format!("trixie/usr/bin/{name}"));
    let (Some(prometheus), Some(alertmanager), Some(node)) =
        (bin("prometheus"), bin("prometheus-alertmanager"), bin("prometheus-node-exporter"))
    else {
        return;
    };
    let case = stack(STACK);
    let output = nself_in(case.path(), ["gen", "--env", "prod"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let generated = case.path().join("deploy/prod/monitoring");
    adapt(&generated, case.path());
    std::fs::write(case.path().join("alerts_url"), format!("http://{ADDRESS}:9999/")).unwrap();
    std::fs::write(case.path().join("resolv.conf"), format!("nameserver {ADDRESS}\n")).unwrap();
    let running = Arc::new(Mutex::new(BTreeSet::from(["alertmanager", "prometheus", "orders"])));
    name_server(Arc::clone(&running));
    let calls = webhook();
    // Debian's Alertmanager reads templates below its own /usr/share.
    let share = tool("trixie/usr/share").unwrap();
    let _alertmanager = Program::start(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", "mount --bind \"$0\" /usr/share && exec \"$@\""])
            .arg(share)
            .arg(alertmanager)
            .arg(format!("--config.file={}/alertmanager/alertmanager.yml", generated.display()))
            .arg(format!("--storage.path={}/alertmanager", case.path().display()))
            .args(["--cluster.listen-address=".to_owned(), format!("--web.listen-address={ADDRESS}:9093")]),
    );
    // The name server of this namespace, as in a container.
    let script = "mount --bind \"$0/resolv.conf\" /etc/resolv.conf && exec \"$@\"";
    let _prometheus = Program::start(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .arg(case.path())
            .arg(prometheus)
            .arg(format!("--config.file={}/prometheus/prometheus.yml", generated.display()))
            .arg(format!("--storage.tsdb.path={}/prometheus", case.path().display()))
            .args([format!("--web.listen-address={ADDRESS}:9090"), "--rules.alert.resend-delay=1s".to_owned()]),
    );
    let service = orders(&node);
    // The service is seen before it is killed: otherwise the alert would fire from the start.
    let up = || {
        let query = format!("http://{ADDRESS}:9090/api/v1/query?query=up%7Bjob%3D%22orders%22%7D");
        crate::support::run(Command::new("curl").args(["-sS", "--max-time", "2", &query])).stdout
    };
    let sees = (0..120).any(|_| {
        std::thread::sleep(Duration::from_millis(500));
        up().contains(",\"1\"]")
    });
    assert!(sees, "{}", up());
    running.lock().unwrap().remove("orders");
    drop(service);
    wait_for(&calls, "TargetDown", "orders", "firing");
    let _service = orders(&node);
    running.lock().unwrap().insert("orders");
    wait_for(&calls, "TargetDown", "orders", "resolved");
}
