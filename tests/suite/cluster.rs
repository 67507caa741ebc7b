//! A Kubernetes API server, controllers and scheduler. KWOK simulates nodes; `node.rs` adds a real one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{ProcessOutput, free_port, run, tool};

/// A running cluster, which stops when the value is dropped.
pub struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    children: Vec<Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Cluster {
    /// Starts a cluster with simulated nodes; prints a remark and returns `None` if the programs are missing.
    pub fn start() -> Option<Self> {
        let definitions = tool("definitions/crds")?;
        let mut cluster = Cluster::start_without_nodes("127.0.0.1", free_port())?;
        let config = cluster.path("config");
        cluster.spawn(
            "kwok",
            &[&format!("--kubeconfig={config}"), "--manage-all-nodes=true", "--node-lease-duration-seconds=0"],
        );
        cluster.run_or_panic(&["apply", "--server-side", "-f", &definitions.to_string_lossy()]);
        cluster.run_or_panic(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=120s"]);
        for node in ["one", "two", "three"] {
            cluster.apply_text(&format!(
                "apiVersion: v1\nkind: Node\nmetadata: {{name: {node}, labels: {{kubernetes.io/hostname: {node}, \
                 kubernetes.io/os: linux, kubernetes.io/arch: amd64}}}}\nstatus: {{allocatable: {{cpu: 64, memory: 256Gi, \
                 pods: 500, ephemeral-storage: 500Gi}}, capacity: {{cpu: 64, memory: 256Gi, pods: 500, ephemeral-storage: 500Gi}}}}\n"
            ));
        }
        Some(cluster)
    }

    /// Starts the API server at this address and port, the controllers and the scheduler.
    pub fn start_without_nodes(address: &str, secure: u16) -> Option<Self> {
        let programs = tool("kubernetes/kube-apiserver")?.parent().unwrap().to_owned();
        let mut cluster = Cluster { folder: tempfile::tempdir().unwrap(), programs, children: Vec::new() };
        let key = cluster.path("accounts.key");
        let key_generation = run(Command::new("openssl").args(["genrsa", "-out", &key, "2048"]));
        assert_eq!(key_generation.code, 0, "{}", key_generation.stderr);
        cluster.create_kubelet_client();
        let config = cluster.path("config");
        fs::write(cluster.path("tokens.csv"), "operator,operator,1,\"system:masters\"\n").unwrap();
        fs::write(
            &config,
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: it\nclusters: [{{name: it, cluster: {{server: \"https://{address}:{secure}\", \
                 insecure-skip-tls-verify: true}}}}]\nusers: [{{name: it, user: {{token: operator}}}}]\n\
                 contexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n"
            ),
        )
        .unwrap();
        cluster.spawn_api_server(address, secure);
        cluster.wait_until("the API server answers", |cluster| cluster.kubectl(&["get", "--raw", "/readyz"]).code == 0);
        cluster.spawn(
            "kube-controller-manager",
            &[
                &format!("--kubeconfig={config}"),
                &format!("--service-account-private-key-file={key}"),
                &format!("--root-ca-file={}", cluster.path("certificates/apiserver.crt")),
                // A slow machine must not make nodes count as lost.
                "--node-monitor-grace-period=1h",
                "--leader-elect=false",
                "--secure-port=0",
            ],
        );
        cluster
            .spawn("kube-scheduler", &[&format!("--kubeconfig={config}"), "--leader-elect=false", "--secure-port=0"]);
        Some(cluster)
    }

    /// Creates the certificate with which kubelets recognise the API server; it is its own authority.
    fn create_kubelet_client(&self) {
        let output = run(Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/O=system:masters/CN=api-server",
            ])
            .args(["-addext", "extendedKeyUsage=clientAuth", "-keyout", &self.path("kubelet-client.key")])
            .args(["-out", &self.path("kubelet-client.crt")]));
        assert_eq!(output.code, 0, "{}", output.stderr);
    }

    fn spawn_api_server(&mut self, address: &str, secure: u16) {
        let (client, peer) = (free_port(), free_port());
        self.spawn(
            "etcd",
            &[
                &format!("--data-dir={}", self.path("etcd")),
                &format!("--listen-client-urls=http://127.0.0.1:{client}"),
                &format!("--advertise-client-urls=http://127.0.0.1:{client}"),
                &format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
                "--unsafe-no-fsync",
            ],
        );
        let key = self.path("accounts.key");
        // The server refuses to publish a loopback address to pods.
        let publishes = if address.starts_with("127.") { "none" } else { "lease" };
        self.spawn(
            "kube-apiserver",
            &[
                &format!("--etcd-servers=http://127.0.0.1:{client}"),
                &format!("--secure-port={secure}"),
                &format!("--bind-address={address}"),
                &format!("--advertise-address={address}"),
                &format!("--endpoint-reconciler-type={publishes}"),
                "--kubelet-preferred-address-types=InternalIP",
                &format!("--kubelet-client-certificate={}", self.path("kubelet-client.crt")),
                &format!("--kubelet-client-key={}", self.path("kubelet-client.key")),
                "--service-cluster-ip-range=10.96.0.0/16",
                "--service-account-issuer=https://kubernetes.default.svc",
                &format!("--service-account-key-file={key}"),
                &format!("--service-account-signing-key-file={key}"),
                &format!("--token-auth-file={}", self.path("tokens.csv")),
                "--authorization-mode=RBAC",
                &format!("--cert-dir={}", self.path("certificates")),
            ],
        );
    }

    /// Returns the path of a file in the folder of the cluster.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) {
        let log = fs::File::create(self.folder.path().join(format!("{program}.log"))).unwrap();
        let child = Command::new(self.programs.join(program))
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        self.children.push(child);
    }

    pub fn kubectl(&self, arguments: &[&str]) -> ProcessOutput {
        run(Command::new(self.programs.join("kubectl"))
            .args(arguments)
            .env("KUBECONFIG", self.folder.path().join("config"))
            .env("HOME", self.folder.path())
            .env("KUBECTL_APPLYSET", "true"))
    }

    /// Runs kubectl, which must succeed without a warning, and returns its output.
    pub fn run_or_panic(&self, arguments: &[&str]) -> String {
        let output = self.kubectl(arguments);
        assert_eq!(output.code, 0, "kubectl {arguments:?}: {}{}", output.stdout, output.stderr);
        assert!(!output.stderr.contains("Warning"), "kubectl {arguments:?}: {}", output.stderr);
        output.stdout
    }

    /// Runs kubectl, which must fail, and returns the error.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.kubectl(arguments);
        assert_ne!(output.code, 0, "kubectl {arguments:?} succeeded: {}", output.stdout);
        output.stderr
    }

    pub fn file(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("object.yaml");
        fs::write(&path, text).unwrap();
        path
    }

    pub fn apply_text(&self, text: &str) {
        self.run_or_panic(&["apply", "--server-side", "-f", &self.file(text).to_string_lossy()]);
    }

    /// Polls until the condition is true, for at most two minutes.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let from = Instant::now();
        while !holds(self) {
            if from.elapsed() > Duration::from_secs(120) {
                panic!("not reached: {what}\n{}", self.logs());
            }
            sleep(Duration::from_millis(500));
        }
    }

    pub fn logs(&self) -> String {
        let mut text = self.kubectl(&["get", "pods,pvc,pv", "-A"]).stdout;
        for entry in fs::read_dir(self.folder.path()).unwrap().flatten() {
            if entry.path().extension().is_some_and(|end| end == "log") {
                let log = fs::read_to_string(entry.path()).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(8).collect();
                text += &format!(
                    "{}:\n{}\n",
                    entry.path().display(),
                    last.into_iter().rev().collect::<Vec<_>>().join("\n")
                );
            }
        }
        text
    }
}

/// Returns the folders of manifests of all golden environments.
pub fn manifests(environments: &[PathBuf]) -> Vec<PathBuf> {
    let all: Vec<PathBuf> =
        environments.iter().map(|path| path.join("kubernetes")).filter(|path| path.is_dir()).collect();
    assert!(all.len() >= 3, "{all:?}");
    all
}

/// Returns the namespace of a folder of manifests.
pub fn namespace(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("namespace/kustomization.yaml")).unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("- namespace-")).unwrap();
    line.trim_end_matches(".yaml").to_owned()
}
