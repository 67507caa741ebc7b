//! Protocol upgrades through nginx.

use serde_json::Value;

use super::running::{Request, RunningEdge, STRANGER};
use super::{environment, host, project_with_all_routes, tools_are_installed};
use crate::up::in_own_namespaces;

/// Attack: a request upgrades to h2c, and requests inside the connection bypass the rules of the edge.
/// Expectation: only upgrades to websockets are forwarded. Control: if all upgrades are forwarded, the attack succeeds.
#[test]
fn an_upgrade_to_http2_cannot_smuggle_requests() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::upgrades::an_upgrade_to_http2_cannot_smuggle_requests", upgrades);
    }
}

fn upgrades() {
    let project = project_with_all_routes();
    let staging = environment(&project, "staging");
    let (api, internal_path) = ("api.shop.example.com", "/v1/metadata");
    // Control: a configuration that forwards `Upgrade` unchanged.
    let forward_all_upgrades = |text: &str| {
        text.replace("Upgrade $upgrade;", "Upgrade $http_upgrade;")
            .replace(
                "map $upgrade $connection_upgrade {\n        default \"\";\n        websocket upgrade;",
                "map $http_upgrade $connection_upgrade {\n        default upgrade;\n        \"\" \"\";",
            )
            .replace("proxy_set_header HTTP2-Settings \"\";", "")
    };
    {
        let edge = RunningEdge::start_with(&staging, forward_all_upgrades);
        assert_eq!(edge.status(STRANGER, api, internal_path), 403, "the path is closed to a request");
        let got = edge.smuggle(STRANGER, api, "/healthz", internal_path);
        assert_eq!(got["upgraded"], true, "{got}");
        let received: Value = serde_json::from_str(got["body"].as_str().unwrap()).unwrap();
        assert_eq!(
            (received["path"].as_str(), received["version"].as_str()),
            (Some(internal_path), Some("2")),
            "{got}"
        );
    }
    let edge = RunningEdge::start(&staging);
    for subdomain in ["api", "app1", "graph", "storage", "plain", "web"] {
        let got = edge.smuggle(STRANGER, &host(subdomain), "/healthz", internal_path);
        assert_eq!(got["upgraded"], false, "{subdomain}: {got}");
        assert_eq!(got["status"], 200, "{subdomain}: answered without an upgrade");
    }
    let upgrade = |value: &str| {
        let more =
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
        let raw = format!("GET /v1/graphql HTTP/1.1\r\nHost: {api}\r\nUpgrade: {value}\r\n{more}\r\n");
        edge.send(&[Request { raw, ..Request::get(STRANGER, api, "/", "") }]).remove(0)
    };
    assert_eq!(upgrade("websocket").status, 101, "websockets pass");
    assert_eq!(upgrade("WebSocket").status, 101, "in upper and lower case");
    for value in
        ["h2c", "H2C", "websocket, h2c", "h2c, websocket", "websocket\r\nUpgrade: h2c", "TLS/1.0", "websocket/13"]
    {
        let raw = format!(
            "GET / HTTP/1.1\r\nHost: {api}\r\nUpgrade: {value}\r\nHTTP2-Settings: AAMAAABk\r\nConnection: close\r\n\r\n"
        );
        let response = edge.send(&[Request { raw, ..Request::get(STRANGER, api, "/", "") }]).remove(0);
        let headers = &response.received["headers"];
        assert!(
            response.status == 400 || response.status == 200 && headers["upgrade"].is_null(),
            "{value}: {response:?}"
        );
        assert!(headers["http2-settings"].is_null() && headers["connection"] != "upgrade", "{value}: {response:?}");
    }
}
