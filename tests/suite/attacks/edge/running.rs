//! A real nginx with the files of one generated environment, in front of a real service, in separate namespaces. The
//! copy of the files differs only in addresses: every upstream is one service at 127.0.0.1, because no engine provides
//! DNS. The loopback interface has the addresses of all callers.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::nginx::key_pair;
use crate::support::{nself_in, project, root, run, stack, tool};

/// The container's address, and the gateway of its bridge.
pub const SERVER: &str = "172.30.0.5";
pub const GATEWAY: &str = "172.30.0.1";
/// A different container, a machine of a private network, an office that the stack lists, and the internet.
pub const NEIGHBOUR: &str = "172.30.0.9";
pub const LAN: &str = "192.168.1.7";
pub const OFFICE: &str = "198.51.100.7";
pub const STRANGER: &str = "203.0.113.9";

pub const SERVICE: &str = "127.0.0.1:9000";

/// Returns the project of a stack with these fields, with generated files of all environments.
pub fn generated_project(body: &str) -> tempfile::TempDir {
    let project = stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", {body} }}"
    ));
    // The folder from which the service `mlflow` of the catalogue is built, for stacks that have it.
    std::fs::create_dir(project.path().join("mlflow")).unwrap();
    std::fs::write(project.path().join("mlflow/Dockerfile"), "FROM ghcr.io/mlflow/mlflow:v3.4.0\n").unwrap();
    let output = nself_in(project.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    project
}

/// A running nginx and service; both stop when the value is dropped.
pub struct RunningEdge {
    children: Vec<Child>,
    pub files: tempfile::TempDir,
    _pair: tempfile::TempDir,
}

/// A raw request.
#[derive(Clone)]
pub struct Request {
    pub from: &'static str,
    pub host: String,
    pub port: u16,
    pub raw: String,
}

impl Request {
    pub fn get(from: &'static str, host: &str, path: &str, headers: &str) -> Self {
        let raw = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
        Request { from, host: host.to_owned(), port: 8443, raw }
    }
}

/// Removes limits of requests and connections from an nginx file, since tests exceed them.
fn without_limits(text: &str) -> String {
    let is_limit = |line: &str| ["limit_req zone=", "limit_conn clients "].iter().any(|limit| line.starts_with(limit));
    text.split_inclusive('\n').filter(|line| !is_limit(line.trim_start())).collect()
}

/// A response of the edge, and the request that the service received, if it received one.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    pub status: u64,
    pub received: Value,
    /// The lines of the header.
    pub headers: Vec<String>,
    pub body: String,
}

impl RunningEdge {
    pub fn start(environment: &Path) -> Self {
        Self::start_with(environment, str::to_owned)
    }

    /// Starts nginx with changed files, for controls.
    pub fn start_with(environment: &Path, change: impl Fn(&str) -> String) -> Self {
        let service = tool("hypercorn/bin/hypercorn").expect("the tools are installed");
        let mut service = Command::new(service);
        service.args(["--bind", SERVICE, "service:app"]).current_dir(root().join("tests/edge"));
        Self::start_in_front_of(service, None, environment, change)
    }

    /// Starts nginx in front of a service that listens at [`SERVICE`]; in the memory cgroup in the folder `cgroup`, if
    /// given.
    pub fn start_in_front_of(
        mut service: Command,
        cgroup: Option<&Path>,
        environment: &Path,
        change: impl Fn(&str) -> String,
    ) -> Self {
        for address in [SERVER, GATEWAY, NEIGHBOUR, LAN, OFFICE, STRANGER] {
            run(Command::new("ip").args(["address", "add", &format!("{address}/32"), "dev", "lo"]));
        }
        let change = |text: &str| without_limits(&change(text));
        let (files, pair) = (copy_with_local_upstreams(environment, &change), key_pair());
        let service = service.env("PYTHONDONTWRITEBYTECODE", "1").stderr(Stdio::null()).spawn().unwrap();
        let nginx = nginx(&tool("forky").expect("the tools are installed"), files.path(), pair.path(), cgroup);
        let edge = RunningEdge { children: vec![service, nginx], files, _pair: pair };
        let port = if std::fs::read_to_string(environment.join("nginx/nginx.conf")).unwrap().contains("listen 8443") {
            8443
        } else {
            8080
        };
        for address in [SERVICE.to_owned(), format!("{SERVER}:{port}")] {
            let accepts_connections = (0..150).any(|_| {
                std::thread::sleep(Duration::from_millis(100));
                std::net::TcpStream::connect(&address).is_ok()
            });
            assert!(accepts_connections, "{address}");
        }
        edge
    }

    /// Sends requests, and returns their responses.
    pub fn send(&self, requests: &[Request]) -> Vec<Response> {
        let cases: Vec<Value> = requests
            .iter()
            .map(|request| {
                // Port 9000 is the service itself, without nginx.
                let to = if request.port == 9000 { "127.0.0.1" } else { SERVER };
                json!({ "from": request.from, "to": to, "port": request.port, "host": request.host, "raw": request.raw })
            })
            .collect();
        let mut client = Command::new("python3");
        let file = self.files.path().join("cases.json");
        std::fs::write(&file, json!(cases).to_string()).unwrap();
        let output = client.arg(root().join("tests/edge/client.py")).arg("ask").arg(&file).output().unwrap();
        let responses: Vec<Value> = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(responses.len(), requests.len());
        let response = |record: Value| Response {
            status: record["status"].as_u64().unwrap(),
            received: serde_json::from_str(record["body"].as_str().unwrap()).unwrap_or_default(),
            headers: serde_json::from_value(record["headers"].clone()).unwrap_or_default(),
            body: record["body"].as_str().unwrap().to_owned(),
        };
        responses.into_iter().map(response).collect()
    }

    /// Requests each path of a host from each address; returns the statuses by address and then by path.
    pub fn statuses(&self, callers: &[&'static str], paths: &[(String, &str)]) -> Vec<Vec<u64>> {
        let requests_from =
            |from: &'static str| paths.iter().map(move |(host, path)| Request::get(from, host, path, ""));
        let requests: Vec<Request> = callers.iter().flat_map(|from| requests_from(from)).collect();
        let statuses: Vec<u64> = self.send(&requests).into_iter().map(|response| response.status).collect();
        statuses.chunks(paths.len()).map(<[u64]>::to_vec).collect()
    }

    pub fn status(&self, from: &'static str, host: &str, path: &str) -> u64 {
        self.send(&[Request::get(from, host, path, "")])[0].status
    }

    /// Requests `open` with an upgrade to h2c and then `path` in that connection.
    pub fn smuggle(&self, from: &str, host: &str, open: &str, path: &str) -> Value {
        let mut client = Command::new("python3");
        let script = root().join("tests/edge/client.py");
        let output = run(client.arg(script).args(["smuggle", from, SERVER, host, open, path]));
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}{}", output.stdout, output.stderr))
    }

    /// Requests a stream of events. Returns whether the first event arrived before the service ended the stream, and whether
    /// the last one arrived after it.
    pub fn stream(&self, host: &str) -> Value {
        let mut client = Command::new("python3");
        let output = run(client.arg(root().join("tests/edge/client.py")).args(["stream", STRANGER, SERVER, host]));
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}{}", output.stdout, output.stderr))
    }

    /// Sends a request over HTTP/2, as gRPC clients do.
    pub fn send_over_http2(&self, from: &str, host: &str, path: &str, headers: &[String]) -> Response {
        let mut curl = Command::new("curl");
        curl.args(["-sSk", "--http2", "--max-time", "15", "--interface", from, "-w", "\n%{http_code}"]);
        curl.args([
            "--resolve",
            &format!("{host}:8443:{SERVER}"),
            "-X",
            "POST",
            "-H",
            "Content-Type: application/grpc",
        ]);
        for header in headers {
            curl.args(["-H", header]);
        }
        let output = run(curl.arg(format!("https://{host}:8443{path}")));
        let (body, status) = output.stdout.rsplit_once('\n').unwrap_or_else(|| panic!("{}", output.stderr));
        Response {
            status: status.parse().unwrap(),
            received: serde_json::from_str(body).unwrap_or_default(),
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }
}

impl Drop for RunningEdge {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // The master stops its workers on this signal; if it were killed, they would keep running.
            run(Command::new("kill").args(["-TERM", &child.id().to_string()]));
            let ended = (0..100).any(|_| {
                std::thread::sleep(Duration::from_millis(50));
                child.try_wait().unwrap().is_some()
            });
            if !ended {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
    }
}

/// Copies the files with the service as every upstream, except for servers that already have a local address.
fn copy_with_local_upstreams(environment: &Path, change: &impl Fn(&str) -> String) -> tempfile::TempDir {
    let copy = project(environment);
    for entry in walkdir::WalkDir::new(copy.path().join("nginx")).into_iter().map(Result::unwrap) {
        if !entry.file_type().is_file() {
            continue;
        }
        let text = change(&std::fs::read_to_string(entry.path()).unwrap());
        let line = |line: &str| {
            let start = line.trim_start();
            let is_upstream = start.starts_with("server ")
                && !start.starts_with("server 127.")
                && entry.path().ends_with("upstreams.conf");
            if is_upstream { format!("server {SERVICE};") } else { line.to_owned() }
        };
        let lines: Vec<String> = text.lines().map(line).collect();
        std::fs::write(entry.path(), lines.join("\n") + "\n").unwrap();
    }
    copy
}

/// Starts nginx in the root file system `system`, whose nginx has the version of the generated image, with empty writable
/// folders.
fn nginx(system: &PathBuf, files: &Path, pair: &Path, cgroup: Option<&Path>) -> Child {
    let script = r#"
set -e
mount --bind "$1" "$1"
mount -t tmpfs none "$1/run" && mkdir -p "$1/run/secrets"
mount -t tmpfs none "$1/tmp"
mkdir -p "$1/etc/nself" && mount --bind "$2/nginx" "$1/etc/nself"
mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev"
printf '127.0.0.1 localhost kube-dns.kube-system.svc.cluster.local\n' > "$1/run/hosts"
touch "$1/etc/hosts" && mount --bind "$1/run/hosts" "$1/etc/hosts"
cp "$3"/* "$1/run/secrets/"
[ -z "$4" ] || echo $$ >"$4/cgroup.procs"
exec chroot "$1" /bin/sh /etc/nself/start.sh
"#;
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(system).arg(files).arg(pair);
    command.arg(cgroup.unwrap_or(Path::new("")));
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}
