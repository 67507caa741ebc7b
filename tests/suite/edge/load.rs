//! The edge under load, within the memory limit that its stack declares: no process is killed and no response
//! truncated, and requests that do not fit get a status. Changed files are loaded without a refused request.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{PLAIN, environment};
use crate::attacks::edge::running::{RunningEdge, SERVICE};
use crate::attacks::edge::tools_are_installed;
use crate::support::{root, run};
use crate::up::in_own_namespaces;

/// A memory cgroup of one test.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Creates a cgroup with the limit of the edge's container in a generated environment.
    fn of_the_edge(environment: &Path) -> Cgroup {
        let text = std::fs::read_to_string(environment.join("compose.yaml")).unwrap();
        let compose: Value = serde_yaml_ng::from_str(&text).unwrap();
        let limit =
            compose["services"]["nginx"]["deploy"]["resources"]["limits"]["memory"].as_str().unwrap().to_owned();
        Cgroup::with(&limit)
    }

    fn with(limit: &str) -> Cgroup {
        let (root, file) = if Path::new("/sys/fs/cgroup/memory").is_dir() {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            ("/sys/fs/cgroup", "memory.max")
        };
        let folder = tempfile::Builder::new().prefix("nself-edge-").tempdir_in(root).unwrap().keep();
        std::fs::write(folder.join(file), limit).unwrap();
        Cgroup(folder)
    }

    /// Returns how often the kernel killed a process of the cgroup.
    fn kills(&self) -> u64 {
        let file = ["memory.oom_control", "memory.events"]
            .into_iter()
            .map(|name| self.0.join(name))
            .find(|file| file.exists());
        let text = std::fs::read_to_string(file.unwrap()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.expect("the kernel counts them").parse().unwrap()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel removes a cgroup once its last process has ended.
        let removed = (0..50).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            std::fs::remove_dir(&self.0).is_ok()
        });
        assert!(removed || std::thread::panicking(), "{}", self.0.display());
    }
}

fn start(environment: &Path, cgroup: &Cgroup, change: impl Fn(&str) -> String) -> RunningEdge {
    let mut service = Command::new("python3");
    let (_, port) = SERVICE.split_once(':').unwrap();
    service.arg(root().join("tests/edge/load.py")).args(["serve", port]);
    RunningEdge::start_in_front_of(service, Some(&cgroup.0), environment, change)
}

/// Runs a load and returns the number of each result.
fn load(arguments: &[&str]) -> Value {
    let mut client = Command::new("python3");
    let output = run(client.arg(root().join("tests/edge/load.py")).args(arguments).env("HOST", PLAIN));
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}{}", output.stdout, output.stderr))
}

#[test]
fn slow_downloads_and_large_uploads_fit_into_its_memory() {
    if tools_are_installed() {
        in_own_namespaces("edge::load::slow_downloads_and_large_uploads_fit_into_its_memory", transfer_data);
    }
}

fn transfer_data() {
    let (_project, environment) = environment();
    let cgroup = Cgroup::of_the_edge(&environment);
    {
        let _edge = start(&environment, &cgroup, str::to_owned);
        // A download of 400 MB, and two hundred slow downloads at once.
        assert_eq!(load(&["downloads", "1", "400000000", "100000000"]), json!({ "200 whole": 1 }));
        assert_eq!(load(&["downloads", "200", "4000000", "1000000"]), json!({ "200 whole": 200 }));
        assert_eq!(load(&["uploads", "100", "10485760"]), json!({ "200 whole": 100 }));
        assert_eq!(cgroup.kills(), 0);
    }
    // Known-bad control: an edge that buffers bodies in files in memory exceeds the limit.
    let _edge = start(&environment, &cgroup, |text| {
        text.replace("proxy_request_buffering off;", "proxy_request_buffering on; client_body_buffer_size 11m;")
    });
    load(&["uploads", "100", "10485760"]);
    assert!(cgroup.kills() > 0);
}

#[test]
fn websockets_beyond_its_memory_get_status_503() {
    if tools_are_installed() {
        in_own_namespaces("edge::load::websockets_beyond_its_memory_get_status_503", open_websockets);
    }
}

fn open_websockets() {
    let (_project, environment) = environment();
    let cgroup = Cgroup::of_the_edge(&environment);
    let _edge = start(&environment, &cgroup, str::to_owned);
    let results = load(&["websockets", "10000"]);
    let count = |result: &str| results[result].as_u64().unwrap_or(0);
    assert_eq!(count("101 ping") + count("503"), 10_000, "{results}");
    assert!(count("101 ping") >= 2_000, "{results}");
    assert_eq!(cgroup.kills(), 0);
}

#[test]
fn changed_files_are_loaded_without_a_refused_request() {
    if tools_are_installed() {
        in_own_namespaces("edge::load::changed_files_are_loaded_without_a_refused_request", reload_files);
    }
}

/// Adds a header to all responses in the files that the edge uses.
fn add_header(main: &Path) {
    let text = std::fs::read_to_string(main).unwrap();
    let with_header = text.replace("server_tokens off;", "server_tokens off;\n    add_header X-Changed yes always;");
    assert_ne!(text, with_header);
    std::fs::write(main, with_header).unwrap();
}

fn reload_files() {
    let (_project, environment) = environment();
    let cgroup = Cgroup::of_the_edge(&environment);
    let main = |edge: &RunningEdge| edge.files.path().join("nginx/nginx.conf");
    let pause = || std::thread::sleep(std::time::Duration::from_secs(4));
    {
        let edge = start(&environment, &cgroup, str::to_owned);
        let upstreams = edge.files.path().join("nginx/upstreams.conf");
        // Requests and a websocket during two changes: a valid one, and an invalid one.
        let load = std::thread::spawn(|| load(&["steady", "16", "12"]));
        pause();
        add_header(&main(&edge));
        pause();
        let original = std::fs::read_to_string(&upstreams).unwrap();
        std::fs::write(&upstreams, format!("{original}mistake\n")).unwrap();
        let results = load.join().unwrap();
        let of = |result: &str| results[result].as_u64().unwrap_or(0);
        let statuses = ["200 before", "200 after", "200 before, kept", "200 after, kept"];
        assert!(statuses.iter().all(|status| of(status) > 100), "{results}");
        // No other results: no request is refused or truncated, and the open websocket still works.
        let mut expected = json!({ "101 ping": 1 });
        for status in statuses {
            expected[status] = json!(of(status));
        }
        assert_eq!(results, expected);
    }
    // Known-bad control: an edge that closes idle connections at once refuses requests that are on their way.
    let edge = start(&environment, &cgroup, |text| text.replace("keepalive_min_timeout", "# keepalive_min_timeout"));
    let load = std::thread::spawn(|| load(&["steady", "16", "18"]));
    // By chance, no request may be on its way at one reload.
    for _ in 0..3 {
        pause();
        add_header(&main(&edge));
    }
    let results = load.join().unwrap();
    assert!(results["IncompleteReadError, kept"].as_u64() > Some(0), "{results}");
}
