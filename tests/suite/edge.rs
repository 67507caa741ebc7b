//! Checks the edge from the side of clients and services: a real nginx with the generated files forwards requests and
//! responses unchanged, streams in both directions and keeps connections to services open.

mod http3;
mod load;
mod replicas;
mod routes;
mod silence;
mod streams;
mod upstreams;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::attacks::edge::running::{LAN, Request, Response, RunningEdge, SERVER, STRANGER, generated_project};
use crate::attacks::edge::tools_are_installed;
use crate::support::run;
use crate::up::in_own_namespaces;

/// Routes of each kind to a service that answers with the request that it received.
const KINDS: &str = r#"
  tls.mode = 'files,
  services = {
    plain = { image = "a/plain:1", port = 8001, route.subdomain = "plain" },
    files = { image = "a/files:1", port = 8002, route = { subdomain = "files", kind = 'upload } },
    chat = { image = "a/chat:1", port = 8003, route = { subdomain = "chat", kind = 'websocket } },
  },
"#;
const HOSTS: [&str; 3] = ["plain.shop.example.com", "files.shop.example.com", "chat.shop.example.com"];
const PLAIN: &str = HOSTS[0];

fn environment() -> (tempfile::TempDir, PathBuf) {
    let project = generated_project(KINDS);
    let environment = project.path().join("deploy/prod");
    (project, environment)
}

/// Sends the same request directly to the service.
fn without_edge(request: &Request) -> Request {
    Request { from: "127.0.0.1", port: 9000, ..request.clone() }
}

#[test]
fn the_edge_forwards_requests_and_responses_unchanged() {
    if tools_are_installed() {
        in_own_namespaces("edge::the_edge_forwards_requests_and_responses_unchanged", compare_with_direct);
    }
}

fn compare_with_direct() {
    let (_project, environment) = environment();
    let edge = RunningEdge::start(&environment);
    let request = |method: &str, path: &str, headers: &str, body: &str| {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.chars().count()) };
        let raw =
            format!("{method} {path} HTTP/1.1\r\nHost: {PLAIN}\r\n{headers}{length}Connection: close\r\n\r\n{body}");
        Request { raw, ..Request::get(STRANGER, PLAIN, "/", "") }
    };
    let requests = [
        request("GET", "/", "", ""),
        request("GET", "/a%20b//c/../%7e?x=%2F&y&z=%zz", "", ""),
        request("POST", "/p", "Content-Type: text/plain\r\n", "body \u{e9}"),
        request("PUT", "/p", "", "x"),
        request("PATCH", "/p", "If-Match: \"a\"\r\nRange: bytes=0-1\r\n", "x"),
        request("DELETE", "/p?q=1", "Authorization: Bearer t\r\nCookie: a=1; b=2\r\nX-Own: 1\r\nx_own_name: 2\r\n", ""),
        request("OPTIONS", "/p", "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n", ""),
        request("REPORT", "/p", "", ""),
        request("GET", "/html", "", ""),
        request("GET", "/cookies", "", ""),
        request("GET", "/teapot", "", ""),
    ];
    let through = edge.send(&requests);
    let direct = edge.send(&requests.iter().map(without_edge).collect::<Vec<_>>());
    for ((request, through), direct) in requests.iter().zip(&through).zip(&direct) {
        assert!(direct.status != 0, "{}: {direct:?}", request.raw);
        assert_eq!(comparable(through), comparable(direct), "{}", request.raw);
    }
    // Known-bad control: an edge that sets a charset changes the response.
    drop(edge);
    let edge = RunningEdge::start_with(&environment, |text| {
        text.replace("server_tokens off;", "server_tokens off; charset utf-8;")
    });
    assert_ne!(comparable(&edge.send(&requests[8..9])[0]), comparable(&direct[8]));
}

/// Returns the parts of a response, and of the request that the service received, that must be equal with and without
/// the edge: everything except headers about the connection and headers that the edge adds for browsers.
fn comparable(response: &Response) -> (u64, Vec<String>, serde_json::Value, String) {
    const OF_THE_WAY: [&str; 6] =
        ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-request-id", "connection"];
    const OF_THE_EDGE: [&str; 9] = [
        "connection",
        "date",
        "referrer-policy",
        "server",
        "strict-transport-security",
        "transfer-encoding",
        "vary",
        "x-content-type-options",
        "x-frame-options",
    ];
    let mut received = response.received.clone();
    if let Some(all) = received.as_object_mut() {
        all.remove("port");
        if let Some(headers) = all.get_mut("headers").and_then(serde_json::Value::as_object_mut) {
            headers.retain(|name, _| !OF_THE_WAY.contains(&name.as_str()));
        }
    }
    let lines = response.headers.iter().map(|line| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        format!("{}: {}", name.to_ascii_lowercase(), value.trim())
    });
    let is_of_service = |line: &String| !OF_THE_EDGE.iter().any(|name| line.starts_with(&format!("{name}: ")));
    // The length of the body differs if it contains the request's headers.
    let echoes = received.is_object();
    let mut headers: Vec<String> =
        lines.filter(is_of_service).filter(|line| !echoes || !line.starts_with("content-length")).collect();
    headers.sort();
    (response.status, headers, received, if echoes { String::new() } else { response.body.clone() })
}

#[test]
fn every_kind_of_route_streams_data() {
    if tools_are_installed() {
        in_own_namespaces("edge::every_kind_of_route_streams_data", check_streams);
    }
}

fn check_streams() {
    let (_project, environment) = environment();
    {
        let edge = RunningEdge::start(&environment);
        for host in HOSTS {
            let result = edge.stream(host);
            let states = (result["streamed"].as_bool(), result["ended"].as_bool());
            assert_eq!(states, (Some(true), Some(true)), "{host}: {result}");
        }
    }
    // Known-bad control.
    let edge =
        RunningEdge::start_with(&environment, |text| text.replace("proxy_buffering off;", "proxy_buffering on;"));
    assert_eq!(edge.stream(PLAIN)["streamed"], false, "a buffering edge keeps the first event");
}

#[test]
fn connections_to_services_stay_open() {
    if tools_are_installed() {
        in_own_namespaces("edge::connections_to_services_stay_open", count_connections);
    }
}

fn count_connections() {
    let (_project, environment) = environment();
    let used_connections = |edge: &RunningEdge| {
        let responses = edge.send(&vec![Request::get(STRANGER, PLAIN, "/", ""); 20]);
        assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
        responses.iter().map(|response| response.received["port"].as_u64().unwrap()).collect::<BTreeSet<_>>().len()
    };
    {
        let edge = RunningEdge::start(&environment);
        let connections = used_connections(&edge);
        assert!(connections <= 2, "20 requests used {connections} connections");
    }
    // Known-bad control.
    let close_connections = |text: &str| text.replace("Connection $connection_upgrade;", "Connection close;");
    assert_eq!(used_connections(&RunningEdge::start_with(&environment, close_connections)), 20);
}

#[test]
fn text_is_compressed_for_clients_that_accept_it() {
    if tools_are_installed() {
        in_own_namespaces("edge::text_is_compressed_for_clients_that_accept_it", check_compression);
    }
}

fn check_compression() {
    let (_project, environment) = environment();
    let edge = RunningEdge::start(&environment);
    let encoding = |path: &str, accepted: &str| {
        let response = edge.send(&[Request::get(STRANGER, PLAIN, path, accepted)]).remove(0);
        assert_eq!(response.status, 200);
        response.headers.into_iter().find(|line| line.to_ascii_lowercase().starts_with("content-encoding"))
    };
    assert_eq!(encoding("/html", "Accept-Encoding: gzip\r\n").as_deref(), Some("Content-Encoding: gzip"));
    assert_eq!(encoding("/html", ""), None);
    // Less than 1 KiB, and without a content type.
    assert_eq!(encoding("/cookies", "Accept-Encoding: gzip\r\n"), None);
}

#[test]
fn headers_of_the_service_are_kept() {
    if tools_are_installed() {
        in_own_namespaces("edge::headers_of_the_service_are_kept", check_strict_transport);
    }
}

fn check_strict_transport() {
    let (_project, environment) = environment();
    let edge = RunningEdge::start(&environment);
    let values = |path: &str| -> Vec<String> {
        let headers = edge.send(&[Request::get(STRANGER, PLAIN, path, "")]).remove(0).headers;
        let value =
            |line: &String| line.to_ascii_lowercase().strip_prefix("strict-transport-security: ").map(str::to_owned);
        headers.iter().filter_map(value).collect()
    };
    assert_eq!(values("/strict"), ["max-age=60"]);
    assert_eq!(values("/"), ["max-age=63072000"]);
}

#[test]
fn grpc_works_behind_a_proxy_that_terminates_tls() {
    if tools_are_installed() {
        in_own_namespaces("edge::grpc_works_behind_a_proxy_that_terminates_tls", call_without_tls);
    }
}

fn call_without_tls() {
    let project = generated_project(
        r#"tls.mode = 'proxy, edge.trusted_proxies = ["192.168.1.7/32"],
           services.calls = { image = "a/calls:1", port = 8001, route = { subdomain = "calls", kind = 'grpc } },"#,
    );
    let environment = project.path().join("deploy/prod");
    let call = || {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--http2-prior-knowledge", "--max-time", "15", "--interface", LAN, "-X", "POST"]);
        curl.args(["-H", "Host: calls.shop.example.com", "-H", "Content-Type: application/grpc", "-H", "TE: trailers"]);
        run(curl.arg(format!("http://{SERVER}:8080/shop.Orders/List")))
    };
    {
        let _edge = RunningEdge::start(&environment);
        let received: serde_json::Value = serde_json::from_str(&call().stdout).unwrap();
        assert_eq!((&received["version"], &received["path"]), (&json!("2"), &json!("/shop.Orders/List")));
    }
    // Known-bad control.
    let _edge = RunningEdge::start_with(&environment, |text| text.replace("http2 on;", ""));
    assert_ne!(call().code, 0);
}

#[test]
fn services_receive_the_port_that_clients_use() {
    if tools_are_installed() {
        in_own_namespaces("edge::services_receive_the_port_that_clients_use", check_ports_of_hosts);
    }
}

fn check_ports_of_hosts() {
    let hosts = |body: &str| {
        let project = generated_project(body);
        let edge = RunningEdge::start(&project.path().join("deploy/prod"));
        // A client that forges a port; browsers send the port if it is not 443.
        let raw = format!("GET / HTTP/1.1\r\nHost: {PLAIN}:9999\r\nConnection: close\r\n\r\n");
        let headers =
            &edge.send(&[Request { raw, ..Request::get(STRANGER, PLAIN, "/", "") }]).remove(0).received["headers"];
        [&headers["host"], &headers["x-forwarded-host"]].map(|host| host.as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(hosts(KINDS), [PLAIN, PLAIN]);
    let with_port = format!("{PLAIN}:8443");
    let published = "services.nginx.publish = { http.port = 8080, https.port = 8443 },";
    assert_eq!(hosts(&format!("{KINDS} {published}")), [with_port.as_str(), &with_port]);
}
