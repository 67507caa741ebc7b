//! Streams that are silent for ten minutes stay open on every kind of route. The test divides all times by 60: the times
//! in the generated files, and the defaults of nginx for all others. If `NSELF_SILENCE` is set, it waits ten minutes instead.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::attacks::edge::running::{RunningEdge, SERVICE, generated_project};
use crate::attacks::edge::tools_are_installed;
use crate::support::{root, run, tool};
use crate::up::in_own_namespaces;

const STACK: &str = r#"
  tls.mode = 'files,
  services = {
    plain = { image = "a/plain:1", port = 8001, route.subdomain = "plain" },
    files = { image = "a/files:1", port = 8002, route = { subdomain = "files", kind = 'upload } },
    chat = { image = "a/chat:1", port = 8003, route = { subdomain = "chat", kind = 'websocket } },
    rpc = { image = "a/rpc:1", port = 8004, route = { subdomain = "rpc", kind = 'grpc } },
  },
"#;
const HOSTS: [&str; 4] =
    ["plain.shop.example.com", "files.shop.example.com", "chat.shop.example.com", "rpc.shop.example.com"];
/// The server of gRPC, which speaks HTTP/2 without TLS.
const RPC: &str = "127.0.0.1:9003";
const TEN_MINUTES: u64 = 600;
/// The number by which the test divides all times.
const FACTOR: u64 = 60;
/// Times of nginx in seconds that apply where no file sets them (nginx.org, 1.30).
const DEFAULTS: [(&str, u64); 13] = [
    ("client_body_timeout", 60),
    ("client_header_timeout", 60),
    ("grpc_connect_timeout", 60),
    ("grpc_read_timeout", 60),
    ("grpc_send_timeout", 60),
    ("keepalive_time", 3600),
    ("keepalive_timeout", 75),
    ("lingering_time", 30),
    ("lingering_timeout", 5),
    ("proxy_connect_timeout", 60),
    ("proxy_read_timeout", 60),
    ("proxy_send_timeout", 60),
    ("send_timeout", 60),
];

#[test]
fn silent_streams_stay_open_on_every_kind_of_route() {
    if tools_are_installed() {
        in_own_namespaces("edge::silence::silent_streams_stay_open_on_every_kind_of_route", check_silent_streams);
    }
}

/// Returns the line with its time divided by the factor, in milliseconds; other lines are unchanged.
fn shorten_time(line: &str) -> String {
    let Some((name, value)) = line.trim().strip_suffix(';').and_then(|text| text.split_once(' ')) else {
        return line.to_owned();
    };
    let is_time = name.ends_with("_timeout") || name == "keepalive_time" || name == "lingering_time";
    let (number, unit) = value.split_at(value.find(|char: char| !char.is_ascii_digit()).unwrap_or(value.len()));
    let seconds_per_unit = match unit {
        "h" => 3600,
        "m" => 60,
        "s" | "" => 1,
        _ => return line.to_owned(),
    };
    match number.parse::<u64>() {
        // At least 500 ms: TLS handshakes and the start of programs take the same time as ever.
        Ok(number) if is_time && name != "worker_shutdown_timeout" && name != "ssl_session_timeout" => {
            format!("{name} {}ms;", (number * seconds_per_unit * 1000 / FACTOR).max(500))
        }
        _ => line.to_owned(),
    }
}

/// Returns a file with all times divided by the factor.
fn shorten_times(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(shorten_time).collect();
    if let Some(http) = lines.iter().position(|line| line == "http {") {
        let end = lines.iter().position(|line| line.trim() == "server {").unwrap();
        let is_set = |name: &str| lines[http..end].iter().any(|line| line.trim().starts_with(&format!("{name} ")));
        let missing = DEFAULTS.into_iter().filter(|(name, _)| !is_set(name));
        let missing: Vec<String> =
            missing.map(|(name, seconds)| shorten_time(&format!("{name} {seconds}s;"))).collect();
        lines.splice(http + 1..http + 1, missing);
    }
    lines.join("\n") + "\n"
}

/// Keeps a stream of each kind silent for some seconds, and returns the final state of each.
fn states_after_silence(seconds: u64) -> BTreeMap<String, String> {
    let mut client = Command::new("python3");
    let output = run(client.arg(root().join("tests/edge/silence.py")).args(["ask", &seconds.to_string()]).args(HOSTS));
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}{}", output.stdout, output.stderr))
}

fn check_silent_streams() {
    let project = generated_project(STACK);
    let environment = project.path().join("deploy/prod");
    let takes_ten_minutes = std::env::var("NSELF_SILENCE").is_ok();
    let silence = if takes_ten_minutes { TEN_MINUTES } else { TEN_MINUTES / FACTOR };
    let mut rpc = Command::new(tool("hypercorn/bin/hypercorn").expect("the tools are installed"));
    rpc.args(["--bind", RPC, "--read-timeout", "1200", "--keep-alive", "1200", "service:app"]);
    rpc.current_dir(root().join("tests/edge")).env("PYTHONDONTWRITEBYTECODE", "1").stderr(Stdio::null());
    let mut rpc = rpc.spawn().unwrap();
    let service = || {
        let mut service = Command::new("python3");
        service.arg(root().join("tests/edge/silence.py")).args(["serve", SERVICE.split(':').nth(1).unwrap()]);
        service
    };
    let start = |change: &dyn Fn(&str) -> String| {
        let use_local_rpc = |text: &str| change(&text.replace("server rpc:8004 resolve;", &format!("server {RPC};")));
        RunningEdge::start_in_front_of(service(), None, &environment, use_local_rpc)
    };
    {
        let _edge = start(&|text| if takes_ten_minutes { text.to_owned() } else { shorten_times(text) });
        let streams = states_after_silence(silence);
        // A response and a request on each of `plain`, `files` and `chat`, a websocket on `chat`, and a call on `rpc`.
        assert!(streams.len() == 8 && streams.values().all(|state| state == "complete"), "{streams:#?}");
    }
    if !takes_ten_minutes {
        // Known-bad control: without the times of the routes, nginx's defaults cut every stream.
        let without_route_timeouts = |text: &str| {
            let is_of_route = |line: &str| line.starts_with("        ") && line.contains("_timeout ");
            let lines = text.lines().filter(|line| !is_of_route(line));
            shorten_times(&lines.collect::<Vec<_>>().join("\n"))
        };
        let _edge = start(&without_route_timeouts);
        let streams = states_after_silence(silence);
        assert!(streams.len() == 8 && streams.values().all(|state| state != "complete"), "{streams:#?}");
    }
    run(Command::new("kill").args(["-TERM", &rpc.id().to_string()]));
    rpc.wait().unwrap();
}
