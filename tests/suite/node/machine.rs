//! A control plane and one node in the network namespace of the test, and a namespace `outside` with clients.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::{ProcessOutput, nself_in, root, run};

/// Address of the node; tests/node.sh uses the same.
pub const ADDRESS: &str = "10.214.0.2";

/// Port of the API server, which the generated policies allow.
const API_PORT: u16 = 6443;

/// Port of the node for HTTPS.
pub const HTTPS: u16 = 30443;

/// An overlay of Kustomize, in which services reserve less of the node's processors.
const SMALL: &str = r#"apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../deploy/local/kubernetes]
patches:
  - target: { kind: Deployment|StatefulSet }
    patch: '[{ "op": "replace", "path": "/spec/template/spec/containers/0/resources/requests/cpu", "value": "10m" }]'
"#;

/// A running node; dropping the value stops its pods and programs.
pub struct Node {
    pub cluster: Cluster,
    engine_folder: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        let output = script("node.sh", &["stop", &self.cluster.path("")]);
        if output.code != 0 {
            eprintln!("{}", output.stderr);
        }
    }
}

fn script(name: &str, arguments: &[&str]) -> ProcessOutput {
    run(Command::new(root().join("tests").join(name)).args(arguments))
}

fn assert_success(output: ProcessOutput) -> ProcessOutput {
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    output
}

impl Node {
    pub fn start() -> Node {
        assert_success(script("node.sh", &["network"]));
        let cluster =
            Cluster::start_without_nodes(ADDRESS, API_PORT).expect("nothing started, although the tools are installed");
        let node = Node { cluster, engine_folder: tempfile::tempdir().unwrap() };
        assert_success(script("node.sh", &["start", &node.cluster.path("")]));
        node
    }

    /// Builds the images that the manifests of these folders name, and imports them; busybox is part of the node.
    pub fn import_images(&self, manifests: &[&Path]) {
        let names: BTreeSet<String> = manifests.iter().flat_map(|folder| images(folder)).collect();
        let lines: String = names.iter().map(|name| format!("    image: \"{name}\"\n")).collect();
        let list = self.engine_folder.path().join("images.yaml");
        fs::write(&list, lines).unwrap();
        let engine = self.engine_folder.path().join("engine");
        let socket = format!("unix://{}/docker.sock", engine.display());
        // The engine forbids the forwarding of packets in its namespace.
        assert_success(run(Command::new("ip").args(["netns", "add", "engine"])));
        assert_success(run(command_in_namespace("engine")
            .arg(root().join("tests/engine.sh"))
            .arg("start")
            .arg(&engine)));
        assert_success(run(Command::new(root().join("tests/images/build.sh")).arg(&list).env("DOCKER_HOST", &socket)));
        let archive = self.engine_folder.path().join("images.tar");
        let mut save = Command::new("docker");
        save.arg("save").arg("-o").arg(&archive).args(names).env("DOCKER_HOST", &socket);
        assert_success(run(&mut save));
        assert_success(run(command_in_namespace("engine")
            .arg(root().join("tests/engine.sh"))
            .arg("stop")
            .arg(&engine)));
        assert_success(script("node.sh", &["import", &self.cluster.path(""), &archive.to_string_lossy()]));
        fs::remove_file(archive).unwrap();
    }

    /// Applies the namespace and the values of its secrets, without workloads.
    pub fn create_namespace(&self, project: &Path) {
        assert_success(nself_in(project, ["secrets", "init", "--env", "local"]));
        self.apply(&manifests(project).join("namespace"));
        self.cluster.apply_text(&assert_success(nself_in(project, ["secrets", "kubernetes", "--env", "local"])).stdout);
    }

    /// Generates the manifests, and applies them with the overlay for a small node.
    pub fn release(&self, project: &Path) {
        generate(project);
        let small = project.join("small");
        fs::create_dir_all(&small).unwrap();
        fs::write(small.join("kustomization.yaml"), SMALL).unwrap();
        self.apply(&small);
    }

    /// Deletes the workloads and then the namespace with its data.
    pub fn remove(&self, folder: &Path) {
        for folder in [folder, &folder.join("namespace")] {
            assert_success(self.cluster.kubectl(&[
                "delete",
                "-k",
                &folder.to_string_lossy(),
                "--wait=false",
                "--ignore-not-found",
            ]));
        }
    }

    /// Returns the answer to a client that trusts only the project's authority.
    pub fn answer(&self, project: &Path, host: &str, path: &str) -> String {
        let mut curl = command_in_namespace("outside");
        curl.args(["curl", "-sS", "--max-time", "10", "--resolve", &format!("{host}:{HTTPS}:{ADDRESS}"), "--cacert"]);
        curl.arg(project.join("deploy/local/secrets/authority")).arg(format!("https://{host}:{HTTPS}{path}"));
        run(&mut curl).stdout
    }

    pub fn apply(&self, folder: &Path) {
        self.cluster.run_or_panic(&["apply", "--server-side", "-k", &folder.to_string_lossy()]);
    }

    /// Returns the pods of a service.
    pub fn pods(&self, namespace: &str, service: &str) -> Vec<Value> {
        let mut pods = self.get(namespace, "pod");
        pods.retain(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == service);
        pods
    }

    pub fn get(&self, namespace: &str, kinds: &str) -> Vec<Value> {
        let text = self.cluster.run_or_panic(&["get", "-n", namespace, kinds, "-o", "json"]);
        serde_json::from_str::<Value>(&text).unwrap()["items"].as_array().unwrap().clone()
    }

    /// Runs a command in the first container of a workload or pod.
    pub fn exec(&self, namespace: &str, pod: &str, command: &[&str]) -> ProcessOutput {
        let mut arguments = vec!["exec", "-n", namespace, pod, "--"];
        arguments.extend(command);
        self.cluster.kubectl(&arguments)
    }

    /// Waits until every pod is ready, or complete if it belongs to a job, and returns the time that this took.
    pub fn wait_for_pods(&self, namespace: &str, seconds: u64) -> Duration {
        let from = Instant::now();
        loop {
            self.create_volumes(namespace);
            let waiting = self.unready_workloads(namespace);
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

    /// Returns the names of workloads that are not ready and of jobs that are not complete.
    fn unready_workloads(&self, namespace: &str) -> Vec<String> {
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
pub fn wait_until(what: &str, seconds: u64, holds: impl Fn() -> bool) {
    let from = Instant::now();
    while !holds() {
        assert!(from.elapsed() < Duration::from_secs(seconds), "not reached in {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Returns a command that runs a program in a network namespace.
pub fn command_in_namespace(namespace: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}"));
    command
}

/// Replaces a text that a file of a project contains.
pub fn change(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{}: {old}", file.display());
    fs::write(file, text.replace(old, new)).unwrap();
}

/// Generates the environment `local`, and returns the folder of its manifests.
pub fn generate(project: &Path) -> PathBuf {
    assert_success(nself_in(project, ["gen", "--env", "local"]));
    manifests(project)
}

fn manifests(project: &Path) -> PathBuf {
    project.join("deploy/local/kubernetes")
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
