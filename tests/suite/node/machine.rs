//! A control plane and one node in the network namespace of the test, and a namespace `outside` with clients.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::{Ran, nself_in, root, run};

/// Address of the node; tests/node.sh uses the same.
pub const ADDRESS: &str = "10.214.0.2";

/// A running node; dropping the value stops its pods and programs.
pub struct Node {
    pub cluster: Cluster,
    engine: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        let ran = script("node.sh", &["stop", &self.cluster.path("")]);
        if ran.code != 0 {
            eprintln!("{}", ran.stderr);
        }
    }
}

fn script(name: &str, arguments: &[&str]) -> Ran {
    run(Command::new(root().join("tests").join(name)).args(arguments))
}

fn checked(ran: Ran) -> Ran {
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    ran
}

impl Node {
    pub fn start() -> Node {
        checked(script("node.sh", &["network"]));
        let cluster = Cluster::start_without_nodes(ADDRESS).expect("the tools were there");
        let node = Node { cluster, engine: tempfile::tempdir().unwrap() };
        checked(script("node.sh", &["start", &node.cluster.path("")]));
        node
    }

    /// Builds the images that these manifests name, and imports them; busybox is part of the node.
    pub fn import_images(&self, manifests: &Path) {
        let lines: String = images(manifests).iter().map(|name| format!("    image: \"{name}\"\n")).collect();
        let names = self.engine.path().join("images.yaml");
        fs::write(&names, lines).unwrap();
        let engine = self.engine.path().join("engine");
        let socket = format!("unix://{}/docker.sock", engine.display());
        // The engine forbids the forwarding of packets in its namespace.
        checked(run(Command::new("ip").args(["netns", "add", "engine"])));
        checked(run(inside("engine").arg(root().join("tests/engine.sh")).arg("start").arg(&engine)));
        checked(run(Command::new(root().join("tests/images/build.sh")).arg(&names).env("DOCKER_HOST", &socket)));
        let archive = self.engine.path().join("images.tar");
        let mut save = Command::new("docker");
        save.arg("save").arg("-o").arg(&archive).args(images(manifests)).env("DOCKER_HOST", &socket);
        checked(run(&mut save));
        checked(run(inside("engine").arg(root().join("tests/engine.sh")).arg("stop").arg(&engine)));
        checked(script("node.sh", &["import", &self.cluster.path(""), &archive.to_string_lossy()]));
        fs::remove_file(archive).unwrap();
    }

    /// Applies the namespace and the values of its secrets, without workloads.
    pub fn apply_namespace(&self, project: &Path, environment: &str) -> PathBuf {
        checked(nself_in(project, ["gen", "--env", environment]));
        checked(nself_in(project, ["secrets", "init", "--env", environment]));
        let folder = project.join("deploy").join(environment).join("kubernetes");
        self.apply(&folder.join("namespace"));
        self.cluster.apply_text(&checked(nself_in(project, ["secrets", "kubernetes", "--env", environment])).stdout);
        folder
    }

    pub fn apply(&self, folder: &Path) {
        self.cluster.must(&["apply", "--server-side", "-k", &folder.to_string_lossy()]);
    }

    pub fn get(&self, namespace: &str, kinds: &str) -> Vec<Value> {
        let text = self.cluster.must(&["get", "-n", namespace, kinds, "-o", "json"]);
        serde_json::from_str::<Value>(&text).unwrap()["items"].as_array().unwrap().clone()
    }

    /// Runs a command in the first container of a workload or pod.
    pub fn exec(&self, namespace: &str, pod: &str, command: &[&str]) -> Ran {
        let mut arguments = vec!["exec", "-n", namespace, pod, "--"];
        arguments.extend(command);
        self.cluster.kubectl(&arguments)
    }

    /// Waits until every pod is ready, or complete if it belongs to a job, and returns the time that this took.
    pub fn wait_for_pods(&self, namespace: &str, seconds: u64) -> Duration {
        let from = Instant::now();
        loop {
            self.create_volumes(namespace);
            let waiting = self.waiting(namespace);
            if waiting.is_empty() {
                return from.elapsed();
            }
            assert!(
                from.elapsed() < Duration::from_secs(seconds),
                "not ready after {seconds} s: {waiting:?}\n{}\n{}",
                self.cluster.kubectl(&["get", "events", "-n", namespace, "--sort-by=.lastTimestamp"]).stdout,
                self.cluster.logs()
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Returns workloads and jobs that are not ready or complete.
    fn waiting(&self, namespace: &str) -> Vec<String> {
        let number = |value: &Value| value.as_i64().unwrap_or_default();
        let items = self.get(namespace, "deployment,statefulset,job");
        assert!(!items.is_empty(), "no workloads in {namespace}");
        let is_waiting = |item: &&Value| match item["kind"].as_str() {
            Some("Job") => number(&item["status"]["succeeded"]) < 1,
            _ => {
                number(&item["status"]["readyReplicas"]) < number(&item["spec"]["replicas"])
                    || item["status"]["observedGeneration"] != item["metadata"]["generation"]
            }
        };
        items.iter().filter(is_waiting).map(|item| item["metadata"]["name"].to_string()).collect()
    }

    /// Creates a folder and its volume for each claim, as a provisioner does.
    fn create_volumes(&self, namespace: &str) {
        for claim in self.get(namespace, "pvc") {
            if claim["status"]["phase"] == "Bound" {
                continue;
            }
            let name = format!("{namespace}-{}", claim["metadata"]["name"].as_str().unwrap());
            let path = self.cluster.path(&format!("volumes/{name}"));
            fs::create_dir_all(&path).unwrap();
            let on_node = json!({ "key": "kubernetes.io/hostname", "operator": "In", "values": ["node"] });
            let volume = json!({
                "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": name },
                "spec": {
                    "accessModes": claim["spec"]["accessModes"], "capacity": claim["spec"]["resources"]["requests"],
                    "storageClassName": claim["spec"]["storageClassName"].as_str().unwrap_or_default(),
                    "local": { "path": path },
                    "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [on_node] }] } },
                    "claimRef": { "namespace": namespace, "name": claim["metadata"]["name"] },
                },
            });
            self.cluster.apply_text(&volume.to_string());
        }
    }
}

/// Polls until the condition is true, for at most this many seconds.
pub fn until(what: &str, seconds: u64, holds: impl Fn() -> bool) {
    let from = Instant::now();
    while !holds() {
        assert!(from.elapsed() < Duration::from_secs(seconds), "not reached in {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Returns a command that runs a program in a network namespace.
pub fn inside(namespace: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}"));
    command
}

/// Returns the images of all pods in a folder of manifests.
fn images(folder: &Path) -> BTreeSet<String> {
    let entries =
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let texts = entries.map(|entry| fs::read_to_string(entry.path()).unwrap());
    let all: BTreeSet<String> = texts
        .flat_map(|text| {
            let names = text.lines().filter_map(|line| line.trim().strip_prefix("image: "));
            names.map(|name| name.trim_matches('"').to_owned()).collect::<Vec<_>>()
        })
        .collect();
    assert!(all.len() > 1, "{all:?}");
    all
}
