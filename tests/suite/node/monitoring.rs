//! The monitoring bundle on the node, with policies enforced: Prometheus reads every target, other pods cannot, and an alert
//! reaches a receiver outside of the cluster.
//!
//! Prometheus, Alertmanager, the exporters of PostgreSQL and Redis, and the kubelet's cAdvisor are the real programs.
//! Grafana, Loki, Tempo and Alloy are not available in this environment. On clusters, the bundle has no node-exporter.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::machine::{Node, command_in_namespace, wait_until};
use crate::support::{report_measurement, root, run, stack};

const NAMESPACE: &str = "watched-local";

/// An address in the internet, which the policy of Alertmanager allows.
const RECEIVER: &str = "203.0.113.9";

const STACK: &str = r#"{
  project = "watched", domain = "shop.example.com",
  secrets.alerts_url = nself.external "a URL",
  services = {
    redis = nself.services.redis,
    orders = {
      image = "ghcr.io/acme/measured:1", user = "10001:10001", port = 8001, health.tcp = {},
      metrics.path = "/internal/metrics",
    },
    stranger = {
      image = "docker.io/library/busybox:1.37.0", user = "10001:10001", port = 8002, health.tcp = {}, stop_grace = "1s",
      command = ["httpd", "-f", "-p", "8002", "-h", "/bin"],
    },
  },
  environments.local = {
    kubernetes = nself.clusters.kind & { enabled = true },
    monitoring = { enabled = true, receivers.team.webhook.url = nself.secret "alerts_url" },
    services = { alloy = null, grafana = null, loki = null, tempo = null },
  },
}"#;

/// URLs that `stranger` must not reach: the exporters, and the programs that read them.
const CLOSED_URLS: [&str; 5] = [
    "postgres-exporter:9187/metrics",
    "redis-exporter:9121/metrics",
    "orders:8001/internal/metrics",
    "prometheus:9090/-/ready",
    "alertmanager:9093/-/ready",
];

pub fn project() -> tempfile::TempDir {
    stack(STACK)
}

pub fn monitoring_works(node: &Node, project: &Path, folder: &Path) {
    let receiver = Receiver::start();
    shorten_times(folder);
    let secrets = project.join("deploy/local/secrets");
    fs::create_dir_all(&secrets).unwrap();
    fs::write(secrets.join("alerts_url"), format!("http://{RECEIVER}:9999/")).unwrap();
    node.create_namespace(project);
    node.apply(folder);
    let time = node.wait_for_pods(NAMESPACE, 180);
    report_measurement(&format!("a stack with monitoring is ready on a node after {:.0} s", time.as_secs_f64()));
    let prometheus = Prometheus::of(node);
    every_target_is_up(&prometheus);
    the_kubelet_measures_containers(&prometheus);
    other_pods_reach_no_target(node);
    an_alert_reaches_the_receiver(node, &receiver);
    prometheus.rules_have_no_errors();
    other_pods_reach_targets_without_policies(node);
    without_its_role_prometheus_reads_no_kubelet(node, &prometheus);
    node.remove(folder);
}

/// Shortens the times of Prometheus and Alertmanager in their ConfigMaps from minutes to seconds.
fn shorten_times(folder: &Path) {
    let times = [
        ("scrape_interval", "30s"),
        ("scrape_timeout", "10s"),
        ("evaluation_interval", "30s"),
        ("refresh_interval", "15s"),
        ("for", "2m"),
        ("group_wait", "30s"),
        ("group_interval", "5m"),
    ];
    let mut changed = BTreeSet::new();
    for service in ["prometheus", "alertmanager"] {
        for entry in fs::read_dir(folder.join("apps").join(service)).unwrap() {
            let path = entry.unwrap().path();
            if !path.file_name().unwrap().to_string_lossy().starts_with("configmap-") {
                continue;
            }
            let mut text = fs::read_to_string(&path).unwrap();
            for (field, time) in times {
                let long = format!("{field}: \\\"{time}\\\"");
                if text.contains(&long) {
                    text = text.replace(&long, &format!("{field}: \\\"1s\\\""));
                    changed.insert(field);
                }
            }
            fs::write(path, text).unwrap();
        }
    }
    assert_eq!(changed.len(), times.len(), "{changed:?}");
}

/// A running Prometheus. Network policies let the node reach its pod, as they do for the kubelet's probes.
struct Prometheus {
    address: String,
}

impl Prometheus {
    fn of(node: &Node) -> Prometheus {
        let pod = node.pods(NAMESPACE, "prometheus").remove(0);
        Prometheus { address: pod["status"]["podIP"].as_str().unwrap().to_owned() }
    }

    fn get(&self, path: &str) -> Value {
        let url = format!("http://{}:9090/api/v1/{path}", self.address);
        let output = run(Command::new("curl").args(["-sS", "-g", "--max-time", "5", &url]));
        serde_json::from_str(&output.stdout).unwrap_or_default()
    }

    /// Returns job, health and last error of each target.
    fn targets(&self) -> Vec<(String, String, String)> {
        let targets = self.get("targets?state=active")["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let summary =
            |target: &Value| (text(&target["labels"]["job"]), text(&target["health"]), text(&target["lastError"]));
        targets.iter().map(summary).collect()
    }

    fn has_series(&self, selector: &str) -> bool {
        let results = self.get(&format!("query?query={selector}"));
        results["data"]["result"].as_array().is_some_and(|series| !series.is_empty())
    }

    fn rules_have_no_errors(&self) {
        let groups = self.get("rules")["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules: Vec<&Value> = groups.iter().filter_map(|group| group["rules"].as_array()).flatten().collect();
        assert!(rules.len() > 15, "{}", rules.len());
        for rule in rules {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
    }
}

fn every_target_is_up(prometheus: &Prometheus) {
    let expected =
        ["alertmanager", "kubelet", "kubelet-volumes", "orders", "postgres-exporter", "prometheus", "redis-exporter"];
    let up = || prometheus.targets().iter().filter(|(_, health, _)| health == "up").count() == expected.len();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !up() {
        assert!(std::time::Instant::now() < end, "{:?}", prometheus.targets());
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let mut jobs: Vec<String> = prometheus.targets().into_iter().map(|(job, ..)| job).collect();
    jobs.sort();
    assert_eq!(jobs, expected);
    for series in ["pg_up==1", "redis_up==1", "node_load1"] {
        assert!(prometheus.has_series(series), "{series}");
    }
}

/// The expression of the alert about memory has a value for the pods of the namespace.
fn the_kubelet_measures_containers(prometheus: &Prometheus) {
    for metric in ["container_memory_working_set_bytes", "container_spec_memory_limit_bytes"] {
        let series = format!("{metric}{{namespace=\"{NAMESPACE}\",pod=\"postgres-0\",container=\"postgres\"}}");
        wait_until(&format!("there is {series}"), 60, || prometheus.has_series(&series));
    }
    let others = format!("container_memory_working_set_bytes{{namespace!=\"{NAMESPACE}\"}}");
    assert!(!prometheus.has_series(&others), "pods of other namespaces are measured");
}

fn reaches(node: &Node, url: &str) -> bool {
    let url = format!("http://{url}");
    let command = ["wget", "-q", "-T", "2", "-O", "/dev/null", url.as_str()];
    node.exec(NAMESPACE, "deployment/stranger", &command).code == 0
}

fn other_pods_reach_no_target(node: &Node) {
    for url in CLOSED_URLS {
        assert!(!reaches(node, url), "stranger reached {url}");
    }
}

/// The control: without policies the same connections work.
fn other_pods_reach_targets_without_policies(node: &Node) {
    node.cluster.run_or_panic(&["delete", "networkpolicy", "-n", NAMESPACE, "--all"]);
    for url in CLOSED_URLS {
        wait_until(&format!("stranger reaches {url} without policies"), 30, || reaches(node, url));
    }
}

/// Control: without the generated role, the kubelet refuses Prometheus.
fn without_its_role_prometheus_reads_no_kubelet(node: &Node, prometheus: &Prometheus) {
    node.cluster.run_or_panic(&["delete", "clusterrolebinding", &format!("{NAMESPACE}-prometheus")]);
    let is_refused = |(job, _, error): &(String, String, String)| job == "kubelet" && error.contains("403");
    wait_until("the kubelet refuses Prometheus", 60, || prometheus.targets().iter().any(is_refused));
}

/// The service has no pod, and then one again.
fn an_alert_reaches_the_receiver(node: &Node, receiver: &Receiver) {
    let scale = |replicas: &str| {
        node.cluster.run_or_panic(&["scale", "deployment/orders", "-n", NAMESPACE, &format!("--replicas={replicas}")]);
    };
    let earlier_calls = receiver.calls().len();
    scale("0");
    wait_until("the receiver is called about orders", 60, || receiver.has_call(earlier_calls, "firing"));
    let earlier_calls = receiver.calls().len();
    scale("1");
    wait_until("the receiver is called again", 60, || receiver.has_call(earlier_calls, "resolved"));
}

/// An HTTP server outside of the cluster that writes each request it receives to a file, one per line.
struct Receiver {
    program: Child,
    folder: tempfile::TempDir,
}

impl Receiver {
    fn start() -> Receiver {
        let address = format!("{RECEIVER}/32");
        let output = run(Command::new("ip").args(["-n", "outside", "address", "add", &address, "dev", "lo"]));
        assert_eq!(output.code, 0, "{}", output.stderr);
        let folder = tempfile::tempdir().unwrap();
        let mut program = command_in_namespace("outside");
        program.arg("python3").arg(root().join("tests/monitoring/receiver.py")).args([RECEIVER, "9999"]);
        let program = program.arg(folder.path().join("calls")).stdin(Stdio::null()).spawn().unwrap();
        Receiver { program, folder }
    }

    fn calls(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
    }

    /// Returns whether a call after this number of calls was about `orders` in this state.
    fn has_call(&self, earlier_calls: usize, state: &str) -> bool {
        let alerts = self
            .calls()
            .into_iter()
            .skip(earlier_calls)
            .flat_map(|call| call["alerts"].as_array().cloned().unwrap_or_default());
        alerts.into_iter().any(|alert| {
            alert["labels"]["alertname"] == "TargetDown"
                && alert["labels"]["service"] == "orders"
                && alert["status"] == state
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
