//! Attacks through the edge: forged addresses, upgrades, header names, paths that two readers read differently. A real
//! nginx with the generated files stands between a caller and a service that answers with what arrived.

pub mod running;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{golden, name, nself_in, stack, tool};
use crate::up::apart;
use running::{Answer, GATEWAY, LAN, NEIGHBOUR, OFFICE, Request, RunningEdge, STRANGER, generated};

/// Every kind of route, a second endpoint, and rules of the user's own; the office is internal.
const EVERYTHING: &str = r#"
  edge.internal_addresses = ["198.51.100.0/24"],
  tls.mode = 'files,
  include_frontends = true,
  frontends = { web.port = 3000, web.route.subdomain = "web" },
  graphql_endpoints.app1.route.subdomain = "app1",
  services = {
    hasura.routes.second = { subdomain = "graph" },
    minio = nself.services.minio & { routes.console = { subdomain = "console", port = "console" } },
    mlflow = nself.services.mlflow & { routes.second.subdomain = "tracking" },
    mail = nself.services.mail,
    meilisearch = nself.services.meilisearch,
    plain = { image = "a/plain:1", port = 8001, route.subdomain = "plain" },
    rpc = { image = "a/rpc:1", port = 8002, route = { subdomain = "rpc", kind = 'grpc, internal_paths = ["/admin.Keys"] } },
    parts = {
      image = "a/parts:1",
      port = 8003,
      routes = { main.subdomain = "parts", admin = { subdomain = "parts", path = "/admin", access = 'internal } },
    },
  },
"#;

fn everything() -> tempfile::TempDir {
    generated(EVERYTHING)
}

fn environment(project: &tempfile::TempDir, name: &str) -> PathBuf {
    project.path().join("deploy").join(name)
}

/// Whether the tools for a running edge are there; a test without them prints what is missing.
pub fn tools() -> bool {
    tool("forky").is_some() && tool("hypercorn/bin/hypercorn").is_some()
}

fn host(subdomain: &str) -> String {
    format!("{subdomain}.shop.example.com")
}

// ---- Upgrades

/// Attack: a request asks for an upgrade to h2c, and what follows inside of it passes no rule of the edge.
/// Expectation: no upgrade but to a websocket arrives at a service; with the upgrade handed on, the attack succeeds.
#[test]
fn an_upgrade_to_http2_smuggles_nothing() {
    if tools() {
        apart("attacks::edge::an_upgrade_to_http2_smuggles_nothing", upgrades);
    }
}

fn upgrades() {
    let project = everything();
    let staging = environment(&project, "staging");
    let (api, inside) = ("api.shop.example.com", "/v1/metadata");
    // Control: as headers were handed on before.
    let open = |text: &str| {
        text.replace("Upgrade $upgrade;", "Upgrade $http_upgrade;")
            .replace(
                "map $upgrade $connection_upgrade {\n        default \"\";\n        websocket upgrade;",
                "map $http_upgrade $connection_upgrade {\n        default upgrade;\n        \"\" \"\";",
            )
            .replace("proxy_set_header HTTP2-Settings \"\";", "")
    };
    {
        let edge = RunningEdge::start_with(&staging, open);
        assert_eq!(edge.status(STRANGER, api, inside), 403, "the path is closed to a request");
        let got = edge.smuggle(STRANGER, api, "/healthz", inside);
        assert_eq!(got["upgraded"], true, "{got}");
        let received: Value = serde_json::from_str(got["body"].as_str().unwrap()).unwrap();
        assert_eq!((received["path"].as_str(), received["version"].as_str()), (Some(inside), Some("2")), "{got}");
    }
    let edge = RunningEdge::start(&staging);
    for subdomain in ["api", "app1", "graph", "storage", "plain", "web"] {
        let got = edge.smuggle(STRANGER, &host(subdomain), "/healthz", inside);
        assert_eq!(got["upgraded"], false, "{subdomain}: {got}");
        assert_eq!(got["status"], 200, "{subdomain}: answered without an upgrade");
    }
    let upgrade = |value: &str| {
        let more =
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
        let raw = format!("GET /v1/graphql HTTP/1.1\r\nHost: {api}\r\nUpgrade: {value}\r\n{more}\r\n");
        edge.ask(&[Request { raw, ..Request::get(STRANGER, api, "/", "") }]).remove(0)
    };
    assert_eq!(upgrade("websocket").status, 101, "websockets pass");
    assert_eq!(upgrade("WebSocket").status, 101, "in any case");
    for value in
        ["h2c", "H2C", "websocket, h2c", "h2c, websocket", "websocket\r\nUpgrade: h2c", "TLS/1.0", "websocket/13"]
    {
        let raw = format!(
            "GET / HTTP/1.1\r\nHost: {api}\r\nUpgrade: {value}\r\nHTTP2-Settings: AAMAAABk\r\nConnection: close\r\n\r\n"
        );
        let answer = edge.ask(&[Request { raw, ..Request::get(STRANGER, api, "/", "") }]).remove(0);
        let headers = &answer.received["headers"];
        assert!(answer.status == 400 || answer.status == 200 && headers["upgrade"].is_null(), "{value}: {answer:?}");
        assert!(headers["http2-settings"].is_null() && headers["connection"] != "upgrade", "{value}: {answer:?}");
    }
}

// ---- Headers

/// Headers that say who asks, by which way and for which path.
const CLAIMS: [&str; 24] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Forwarded-Scheme",
    "X-Forwarded-Ssl",
    "X-Forwarded-Uri",
    "X-Forwarded-User",
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Original-URL",
    "X-Original-URI",
    "X-Rewrite-URL",
    "X-Original-Host",
    "X-Host",
    "Client-IP",
    "Proxy",
    "X-Request-Id",
];

/// Attack: a client claims another address, scheme, host or path in each header that services believe.
/// Expectation: on every kind of route, gRPC included, they arrive as the edge knows them or not at all.
#[test]
fn claims_of_clients_never_arrive() {
    if tools() {
        apart("attacks::edge::claims_of_clients_never_arrive", claims);
    }
}

fn claims() {
    let project = everything();
    let forged: Vec<String> = CLAIMS.iter().map(|name| format!("{name}: forged")).collect();
    let variants = CLAIMS.iter().flat_map(|name| [name.to_lowercase(), name.replace('-', "_"), name.to_uppercase()]);
    let lines: String = variants.map(|name| format!("{name}: forged\r\n")).collect();
    let check = |answer: &Answer, host: &str, from: &str| {
        assert_eq!(answer.status, 200, "{host}: {answer:?}");
        let headers = answer.received["headers"].as_object().unwrap();
        let arrived: Vec<_> = headers.iter().filter(|(_, value)| value.as_str().unwrap().contains("forged")).collect();
        assert!(arrived.is_empty(), "{host}: {arrived:?}");
        for (name, value) in
            [("x-forwarded-for", from), ("x-real-ip", from), ("x-forwarded-proto", "https"), ("x-forwarded-host", host)]
        {
            assert_eq!(headers[name], value, "{host}: {name}");
        }
        assert_eq!(headers["x-app"], "kept", "{host}: other headers arrive as they were sent");
    };
    let edge = RunningEdge::start(&environment(&project, "prod"));
    for subdomain in ["api", "storage", "plain", "auth", "parts"] {
        let host = host(subdomain);
        let answers = edge.ask(&[Request::get(STRANGER, &host, "/some", &format!("{lines}X-App: kept\r\n"))]);
        check(&answers[0], &host, STRANGER);
    }
    let mut headers = forged.clone();
    headers.push("X-App: kept".into());
    let answer = edge.by_http2(STRANGER, &host("rpc"), "/shop.Orders/List", &headers);
    check(&answer, &host("rpc"), STRANGER);
    assert_eq!(answer.received["version"], "2", "gRPC goes on by HTTP/2");
    drop(edge);
    // A dev server of this machine is a service like others.
    let edge = RunningEdge::start(&environment(&project, "local"));
    let host = "web.local.nself.org";
    let answers = edge.ask(&[Request::get(GATEWAY, host, "/", &format!("{lines}X-App: kept\r\n"))]);
    check(&answers[0], host, GATEWAY);
}

/// Attack: the admin secret of Hasura comes from the internet, under each name and spelling that Hasura reads.
/// Expectation: refused on every endpoint alike, also where it is doubled or comes second; internal callers may use it, and
/// every caller where the stack says so.
#[test]
fn the_admin_secret_is_refused_from_outside() {
    if tools() {
        apart("attacks::edge::the_admin_secret_is_refused_from_outside", admin_secrets);
    }
}

fn admin_secrets() {
    let project = everything();
    let secret = |headers: &str| headers.replace('|', "\r\n") + "\r\n";
    let spellings = [
        "X-Hasura-Admin-Secret: guess",
        "x-hasura-admin-secret: guess",
        "X-HASURA-ADMIN-SECRET: guess",
        "X-Hasura-Access-Key: guess",
        "X-Hasura-Admin-Secret: |X-Hasura-Admin-Secret: guess",
        "X-Hasura-Role: user|X-Hasura-Admin-Secret: guess",
        "X-Hasura-Admin-Secret:guess",
        "X-Hasura-Admin-Secret: \tguess",
    ];
    for profile in ["staging", "prod"] {
        let edge = RunningEdge::start(&environment(&project, profile));
        for subdomain in ["api", "app1", "graph", "auth"] {
            let host = host(subdomain);
            let ask =
                |from, headers: &str| edge.ask(&[Request::get(from, &host, "/v1/graphql", &secret(headers))]).remove(0);
            let all = |from| -> Vec<Request> {
                spellings.iter().map(|one| Request::get(from, &host, "/v1/graphql", &secret(one))).collect()
            };
            for (from, status) in [(STRANGER, 403), (OFFICE, 200)] {
                let statuses: Vec<u64> = edge.ask(&all(from)).iter().map(|answer| answer.status).collect();
                assert_eq!(statuses, [status; 8], "{profile} {host}: {spellings:?}");
            }
            // Names with `_` are not forwarded at all, and a request without a secret is no attack.
            let answer = ask(STRANGER, "x_hasura_admin_secret: guess|X-Hasura-Role: user");
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(!answer.received.to_string().contains("guess"), "{answer:?}");
            assert_eq!(answer.received["headers"]["x-hasura-role"], "user");
        }
    }
    let opened = generated("tls.mode = 'files, services.hasura.guard.refused_headers = [],");
    let edge = RunningEdge::start(&environment(&opened, "prod"));
    let answer = edge.ask(&[Request::get(STRANGER, &host("api"), "/", &secret(spellings[0]))]).remove(0);
    assert_eq!(answer.received["headers"]["x-hasura-admin-secret"], "guess", "{answer:?}");
    assert_eq!(edge.ask(&[Request::get(STRANGER, &host("auth"), "/", &secret(spellings[0]))])[0].status, 403);
}

// ---- Paths

/// The path as the most generous reader takes it: decoded as often as it goes, backslashes as slashes, without
/// parameters, empty segments and segments of dots, in lower case.
fn generous(path: &str) -> String {
    let mut text = path.split(['?', '#']).next().unwrap_or_default().to_owned();
    for _ in 0..4 {
        let mut decoded = Vec::new();
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            let hex =
                bytes.get(i + 1..i + 3).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
            match (bytes[i], hex) {
                (b'%', Some(byte)) => {
                    decoded.push(byte);
                    i += 3;
                }
                (byte, _) => {
                    decoded.push(byte);
                    i += 1;
                }
            }
        }
        // Overlong forms of a slash.
        text = decoded.iter().map(|byte| char::from(*byte)).collect();
        text = text
            .replace("\u{c0}\u{af}", "/")
            .replace("\u{e0}\u{80}\u{af}", "/")
            .replace("\u{c1}\u{9c}", "/")
            .replace('\\', "/");
    }
    let mut steps: Vec<String> = Vec::new();
    for segment in text.split('/').map(|segment| segment.split([';', '?', '#']).next().unwrap_or_default()) {
        match segment.trim_matches(|c: char| c.is_control() || c == ' ') {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step.to_lowercase()),
        }
    }
    format!("/{}", steps.join("/"))
}

/// Spellings of a path that some reader takes for it, and ways from it to somewhere else.
fn spellings(path: &str) -> Vec<String> {
    let last = path.rsplit('/').next().unwrap();
    let parent = path.strip_suffix(last).unwrap();
    let first = last.chars().next().unwrap();
    let swap = |slash: &str| format!("/{}", path[1..].replace('/', slash));
    let mut all = vec![
        path.to_owned(),
        format!("{path}/"),
        format!("{path}/x"),
        format!("{path}?x=1"),
        format!("{path};x"),
        format!("{path};x=1/y"),
        format!("{path}%3bx"),
        format!("{path}%20"),
        format!("{path}%09"),
        format!("{path}%00"),
        format!("{path}%3fx"),
        format!("{path}%23x"),
        format!("{path}#x"),
        path.to_uppercase(),
        format!("/{path}"),
        format!("//{path}"),
        format!("/.{path}"),
        format!("/x/..{path}"),
        format!("/x/..;{path}"),
        format!("/x/..;a=b{path}"),
        format!("/;x{path}"),
        format!("/.;x{path}"),
        format!("/%3b{path}"),
        format!("/x/%2e%2e{path}"),
        format!("/%2e{path}"),
        format!("/x/.%2e;x{path}"),
        format!("/x/%252e%252e{path}"),
        format!("/x%2f..{path}"),
        format!("/x/..%2f{}", &path[1..]),
        format!("/x/..%5c{}", &path[1..]),
        format!("/x\\..{path}"),
        format!("/{}", path.replacen('/', "\\", 1)),
        format!("/x#/..{path}"),
        format!("{parent}%{:02x}{}", u32::from(first), &last[1..]),
        format!("{parent}%25{:02x}{}", u32::from(first), &last[1..]),
        format!("{parent};x/{last}"),
        format!("{parent}./{last}"),
        format!("{parent}x/../{last}"),
        format!("{parent}%2e/{last}"),
        format!("{path}/../graphql"),
        format!("{path}/..%2fgraphql"),
        format!("{path}/%2e%2e/graphql"),
        format!("{path}%2f..%2fgraphql"),
        format!("{path}/..;/graphql"),
        format!("http://HOST{path}"),
    ];
    for slash in
        ["%2f", "%2F", "%5c", "%252f", "\\", "//", "/./", ";/", "%c0%af", "%e0%80%af", "%c1%9c", "/;/", "%u002f"]
    {
        all.push(swap(slash));
    }
    all
}

/// Attack: a path that an access rule closes is spelled so that nginx judges one path and the service reads another one.
/// Expectation: what arrives from outside is not the closed path, however generously it is read; the rest is refused.
#[test]
fn no_spelling_of_a_closed_path_arrives() {
    if tools() {
        apart("attacks::edge::no_spelling_of_a_closed_path_arrives", closed_paths);
    }
}

fn closed_paths() {
    let project = everything();
    let table = [
        ("api", ["/v1/metadata", "/v2/query", "/console"]),
        ("app1", ["/v1/metadata", "/v2/query", "/console"]),
        ("graph", ["/v1/metadata", "/v1/pg_dump", "/v1alpha1/config"]),
        ("storage", ["/minio/admin/v3/info", "/minio/v2/metrics/cluster", "/minio"]),
        ("search", ["/keys", "/keys/0", "/dumps"]),
        ("parts", ["/admin", "/admin/users", "/admin/a/b"]),
    ];
    let closed = |host: &str, path: &str| {
        let below = |closed: &str| path == closed || path.starts_with(&format!("{closed}/"));
        let rules: &[&str] = match host {
            "storage" => &["/minio"],
            "search" => &["/keys", "/dumps"],
            "parts" => &["/admin"],
            _ => &["/console", "/v1/metadata", "/v2/query", "/v1/pg_dump", "/v1alpha1/config"],
        };
        rules.iter().any(|rule| below(rule))
    };
    // Control: the rules are what refuses; without them the same spellings arrive.
    let open = |text: &str| text.replace("default outside;", "default inside;").replace("return 400;", "break;");
    for (profile, control) in [("staging", false), ("prod", false), ("prod", true)] {
        let files = environment(&project, profile);
        let edge = if control { RunningEdge::start_with(&files, open) } else { RunningEdge::start(&files) };
        let mut arrived = Vec::new();
        for (subdomain, paths) in table {
            let cases: Vec<String> = paths.iter().flat_map(|path| spellings(path)).collect();
            let requests: Vec<Request> = cases
                .iter()
                .map(|path| Request::get(STRANGER, &host(subdomain), &path.replace("HOST", &host(subdomain)), ""))
                .collect();
            for (path, answer) in cases.iter().zip(edge.ask(&requests)) {
                assert!([200, 400, 403].contains(&answer.status), "{subdomain}{path}: {answer:?}");
                let received = answer.received["path"].as_str().unwrap_or_default();
                if answer.status == 200 && closed(subdomain, &generous(received)) {
                    arrived.push(format!("{profile} {subdomain} {path}: {received}"));
                }
            }
        }
        if control {
            assert!(arrived.len() > 500, "the check can fail: {}", arrived.len());
        } else {
            assert_eq!(arrived, Vec::<String>::new());
        }
    }
}

/// Attack: none; the rules for paths must not cost what they do not protect.
/// Expectation: public paths arrive as they were sent, and where no rule depends on the path, every path does.
#[test]
fn public_paths_arrive_as_they_were_sent() {
    if tools() {
        apart("attacks::edge::public_paths_arrive_as_they_were_sent", public_paths);
    }
}

fn public_paths() {
    let project = everything();
    let edge = RunningEdge::start(&environment(&project, "prod"));
    let arrive = |subdomain: &str, paths: &[&str]| {
        let requests: Vec<Request> =
            paths.iter().map(|path| Request::get(STRANGER, &host(subdomain), path, "")).collect();
        for (path, answer) in paths.iter().zip(edge.ask(&requests)) {
            assert_eq!(answer.received["path"].as_str(), path.split('?').next(), "{subdomain}{path}: {answer:?}");
        }
    };
    arrive(
        "api",
        &["/v1/graphql", "/v1/metadata2", "/v1", "/consoles", "/a%20b?next=/../console%2f", "/v1/graphql;x=1"],
    );
    arrive("storage", &["/bucket/a%20b%2B%C3%A4.txt", "/bucket/100%25.pdf", "/bucket/file%231%3F.txt"]);
    arrive("storage", &["/bucket/..hidden", "/bucket/a;b", "/miniohost/x", "/bucket/minio/admin"]);
    arrive("plain", &["/a//b", "/a/./b/../c", "/a%2fb%5c%2e%2e", "/x;y/..;/z", "/A%252e", "/%c0%af"]);
}

// ---- Who is internal

/// Attack: callers from private networks, other containers and the bridge itself ask for what is internal.
/// Expectation: outside local only the listed addresses are internal, and the bridge's is not even when it is listed.
#[test]
fn only_listed_addresses_are_internal() {
    if tools() {
        apart("attacks::edge::only_listed_addresses_are_internal", listed_addresses);
    }
}

fn listed_addresses() {
    let project = everything();
    let internal = [
        ("tracking", "/"),
        ("mlflow", "/api/2.0/mlflow/experiments/list"),
        ("console", "/"),
        ("parts", "/admin"),
        ("api", "/console"),
        ("app1", "/v1/metadata"),
        ("storage", "/minio/admin/v3/info"),
        ("search", "/keys"),
        ("rpc", "/admin.Keys/List"),
    ];
    let paths = internal.map(|(subdomain, path)| (host(subdomain), path));
    for profile in ["staging", "prod"] {
        let edge = RunningEdge::start(&environment(&project, profile));
        let callers = [STRANGER, LAN, NEIGHBOUR, GATEWAY];
        for (from, statuses) in callers.iter().zip(edge.statuses(&callers, &paths)) {
            assert_eq!(statuses, [403; 9], "{profile} from {from}: {paths:?}");
        }
        assert_eq!(edge.statuses(&[OFFICE], &paths[..8]), [[200; 8]], "{profile}: {paths:?}");
        assert_eq!(edge.by_http2(STRANGER, &host("rpc"), "/admin.Keys/List", &[]).status, 403);
        assert_eq!(edge.by_http2(OFFICE, &host("rpc"), "/admin.Keys/List", &[]).status, 200);
        if profile == "staging" {
            assert_eq!((edge.status(LAN, &host("mail"), "/"), edge.status(OFFICE, &host("mail"), "/")), (403, 200));
        }
    }
    // What the stack opens is open to all callers, and nothing else is.
    let opened = generated("tls.mode = 'files, services.hasura.guard.internal_paths = [\"/v1/metadata\"],");
    let edge = RunningEdge::start(&environment(&opened, "staging"));
    let paths = ["/console", "/v1/metadata"].map(|path| (host("api"), path));
    assert_eq!(edge.statuses(&[STRANGER], &paths), [[200, 403]]);
    drop(edge);

    let wide = generated(
        "tls.mode = 'files, edge.internal_addresses = [\"172.30.0.0/16\"], services.inner = { image = \"a/b:1\", port = 8001, route = { subdomain = \"inner\", access = 'internal } },",
    );
    let edge = RunningEdge::start(&environment(&wide, "prod"));
    assert_eq!(edge.status(NEIGHBOUR, &host("inner"), "/"), 200, "a listed range holds it");
    assert_eq!(edge.status(GATEWAY, &host("inner"), "/"), 403, "the bridge stands for every caller");
}

/// Attack: a machine of the local network, or another container, reaches the nginx of a developer.
/// Expectation: with ports on the loopback address this machine alone is internal; with ports elsewhere only what is listed.
#[test]
fn in_local_this_machine_is_internal_and_the_network_is_not() {
    if tools() {
        apart("attacks::edge::in_local_this_machine_is_internal_and_the_network_is_not", local_callers);
    }
}

fn local_callers() {
    let internal = [("mail", "/"), ("api", "/console"), ("api", "/v1/metadata"), ("storage", "/minio/admin/v3/info")];
    let services = "services = { mail = nself.services.mail, minio = nself.services.minio, PUBLISH },";
    let ask = |body: &str| {
        let project = generated(body);
        let local = environment(&project, "local");
        let compose = std::fs::read_to_string(local.join("compose.yaml")).unwrap();
        let edge = RunningEdge::start(&local);
        let paths = internal.map(|(subdomain, path)| (format!("{subdomain}.local.nself.org"), path));
        let answers = edge.statuses(&[GATEWAY, LAN, NEIGHBOUR, STRANGER, OFFICE], &paths);
        let one = |statuses: &Vec<u64>| {
            assert!(statuses.iter().all(|status| *status == statuses[0]), "{statuses:?}");
            statuses[0]
        };
        (compose, answers.iter().map(one).collect::<Vec<u64>>())
    };
    let (compose, statuses) = ask(&services.replace("PUBLISH", ""));
    assert!(compose.contains("host_ip: \"127.0.0.1\"") && !compose.contains("0.0.0.0"), "{compose}");
    assert_eq!(statuses, [200, 403, 403, 403, 403]);
    let open =
        services.replace("PUBLISH", "nginx.publish = { http.address = \"0.0.0.0\", https.address = \"0.0.0.0\" }");
    let (compose, statuses) = ask(&open);
    assert!(compose.contains("host_ip: \"0.0.0.0\""), "{compose}");
    assert_eq!(statuses, [403, 403, 403, 403, 403], "no address is listed");
    let (_, statuses) = ask(&format!("{open} edge.internal_addresses = [\"192.168.1.0/24\"],"));
    assert_eq!(statuses, [403, 200, 403, 403, 403]);
}

/// Attack: X-Forwarded-For names an internal address: from the internet, through a trusted proxy, in front of what the
/// proxy adds, and on a cluster whose load balancer replaced the client's address.
/// Expectation: only what a listed proxy saw counts, proxies and load balancers never do, and the scheme comes from proxies
/// alone.
#[test]
fn a_forged_forwarded_address_is_not_believed() {
    if tools() {
        apart("attacks::edge::a_forged_forwarded_address_is_not_believed", forged_addresses);
    }
}

fn forged_addresses() {
    let inner = "services.inner = { image = \"a/b:1\", port = 8001, user = \"1:1\", route = { subdomain = \"inner\", access = 'internal } },";
    let office = "edge.internal_addresses = [\"198.51.100.0/24\"],";
    let behind = |edge: &RunningEdge, from, subdomain: &str, forwarded: &str| {
        let headers = if forwarded.is_empty() {
            String::new()
        } else {
            format!("X-Forwarded-For: {forwarded}\r\nX-Forwarded-Proto: https\r\n")
        };
        edge.ask(&[Request { port: 8080, ..Request::get(from, &host(subdomain), "/", &headers) }]).remove(0)
    };
    let project = generated(&format!(
        "{inner} {office} tls.mode = 'proxy, edge.trusted_proxies = [\"172.30.0.9\"], services.plain = {{ image = \"a/b:1\", port = 8002, route.subdomain = \"plain\" }},"
    ));
    let edge = RunningEdge::start(&environment(&project, "prod"));
    for (from, forwarded, status) in [
        (NEIGHBOUR, "198.51.100.7", 200),
        (NEIGHBOUR, "198.51.100.7, 203.0.113.9", 403),
        (NEIGHBOUR, "203.0.113.9, 198.51.100.7, 172.30.0.9", 200),
        (NEIGHBOUR, "", 403),
        (NEIGHBOUR, "172.30.0.9", 403),
        (NEIGHBOUR, "172.30.0.1", 403),
        (STRANGER, "198.51.100.7", 403),
        (LAN, "198.51.100.7", 403),
        (GATEWAY, "198.51.100.7", 403),
    ] {
        assert_eq!(behind(&edge, from, "inner", forwarded).status, status, "{from}: {forwarded}");
    }
    let headers = |from| behind(&edge, from, "plain", "192.0.2.1").received["headers"].clone();
    let (proxy, stranger) = (headers(NEIGHBOUR), headers(STRANGER));
    assert_eq!(
        (proxy["x-forwarded-for"].as_str(), proxy["x-forwarded-proto"].as_str()),
        (Some("192.0.2.1"), Some("https"))
    );
    assert_eq!(
        (stranger["x-forwarded-for"].as_str(), stranger["x-forwarded-proto"].as_str()),
        (Some(STRANGER), Some("http"))
    );
    drop(edge);

    // On a cluster nothing is listed: the gateway is believed for one step, so the load balancer is the client.
    let cluster = "kubernetes = { enabled = true, edge = 'ingress, preserves_client_address = true, edge_namespace = \"traefik\" },";
    let project = generated(&format!("{inner} {office} {cluster}"));
    let pods = crate::nginx::configuration_of_pods(&environment(&project, "prod").join("kubernetes"));
    let edge = RunningEdge::start(pods.path());
    assert_eq!(behind(&edge, NEIGHBOUR, "inner", "198.51.100.7, 10.42.0.1").status, 403);
    assert_eq!(behind(&edge, NEIGHBOUR, "inner", "198.51.100.7").status, 200);
    assert_eq!(behind(&edge, STRANGER, "inner", "198.51.100.7").status, 403);
    drop(edge);
    // Control: as proxies were believed before.
    let edge =
        RunningEdge::start_with(pods.path(), |text| text.replace("real_ip_recursive off;", "real_ip_recursive on;"));
    assert_eq!(behind(&edge, NEIGHBOUR, "inner", "198.51.100.7, 10.42.0.1").status, 200);
}

/// The findings of a stack with an internal route and these fields.
fn refused(body: &str) -> (i32, String) {
    let inner = "services.inner = { image = \"a/b:1\", port = 8001, user = \"1:1\", route = { subdomain = \"inner\", access = 'internal } },";
    let project = stack(&format!("{{ project = \"shop\", domain = \"shop.example.com\", {inner} {body} }}"));
    let ran = nself_in(project.path(), ["gen", "--env", "prod"]);
    (ran.code, ran.stderr)
}

/// Attack: a stack whose internal routes would admit the internet, since a proxy, a bridge or a load balancer replaces
/// the addresses of clients.
/// Expectation: such a stack is refused (NS605, NS606) at the field that is wrong, and accepted once the hint is followed.
#[test]
fn stacks_whose_clients_have_no_address_are_refused() {
    let listed = "edge.internal_addresses = [\"198.51.100.0/24\"],";
    let gateway = "kubernetes = nself.clusters.gateway \"envoy\" & { enabled = true, MORE },";
    let k3s = "kubernetes = nself.clusters.k3s & { enabled = true, MORE },";
    let keeps = "preserves_client_address = true";
    let both = "preserves_client_address = true, edge_namespace = \"envoy-gateway-system\"";
    for (code, wrong, fixed) in [
        ("NS605", "tls.mode = 'proxy,".to_owned(), "tls.mode = 'proxy, edge.trusted_proxies = [\"172.16.0.0/12\"],".to_owned()),
        (
            "NS605",
            "services.nginx.publish.https.address = \"::\",".to_owned(),
            "services.nginx.publish.https.address = \"0.0.0.0\",".to_owned(),
        ),
        (
            "NS605",
            "services.nginx.publish.https.address = \"127.0.0.1\",".to_owned(),
            "services.nginx.publish.https.address = \"127.0.0.1\", tls.mode = 'proxy, edge.trusted_proxies = [\"172.16.0.0/12\"],".to_owned(),
        ),
        ("NS605", k3s.replace("MORE", ""), k3s.replace("MORE", keeps)),
        ("NS605", gateway.replace("MORE", ""), gateway.replace("MORE", both)),
        ("NS605", gateway.replace("MORE", keeps), gateway.replace("MORE", both)),
        ("NS606", "edge.trusted_proxies = [\"198.51.0.0/16\"],".into(), "edge.trusted_proxies = [\"198.51.101.1\"],".into()),
        ("NS606", "edge.trusted_proxies = [\"0.0.0.0/0\"],".into(), String::new()),
    ] {
        let (exit, stderr) = refused(&format!("{listed} {wrong}"));
        assert!(exit == 2 && stderr.contains(&format!("error[{code}]")), "{wrong}: {stderr}");
        let (exit, stderr) = refused(&format!("{listed} {fixed}"));
        assert!(exit == 0 && !stderr.contains("NS605") && !stderr.contains("NS606"), "{fixed}: {stderr}");
    }
    for everything in ["0.0.0.0/0", "::/0"] {
        let (exit, stderr) = refused(&format!("edge.internal_addresses = [\"{everything}\"],"));
        assert!(exit == 2 && stderr.contains("error[NS606]"), "{stderr}");
    }
    // The pods of a gateway have private addresses unless the stack says which.
    let vpn = "edge.internal_addresses = [\"10.8.0.0/24\"],";
    let (exit, stderr) = refused(&format!("{vpn} {}", gateway.replace("MORE", both)));
    assert!(exit == 2 && stderr.contains("error[NS606]"), "{stderr}");
    let (exit, stderr) =
        refused(&format!("{vpn} edge.trusted_proxies = [\"10.42.0.0/16\"], {}", gateway.replace("MORE", both)));
    assert_eq!(exit, 0, "{stderr}");
    // Nothing is admitted where nothing is listed, which is a warning.
    let (exit, stderr) = refused("");
    assert!(exit == 0 && stderr.contains("warning[NS604]: `inner.shop.example.com` is internal"), "{stderr}");
}

/// Attack: ports of the nodes, where kube-proxy replaces the client's address by the node's.
/// Expectation: the Service of the edge says `externalTrafficPolicy: Local`, by which addresses stay; no other has it.
#[test]
fn ports_of_the_nodes_keep_the_clients_address() {
    let case = golden(false).into_iter().find(|case| name(case) == "kubernetes").unwrap();
    let services = |environment: &str| -> Vec<(String, Value)> {
        let folder = case.join("out").join(environment).join("kubernetes");
        let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_name().to_string_lossy().starts_with("service-"));
        let read = |path: &Path| serde_yaml_ng::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap();
        files.map(|entry| (name(entry.path()), read(entry.path())["spec"].clone())).collect()
    };
    for environment in ["local", "staging", "prod"] {
        let all = services(environment);
        assert!(all.len() > 5);
        for (file, spec) in all {
            let local = spec["externalTrafficPolicy"] == "Local";
            assert_eq!(local, spec["type"] == "NodePort", "{environment} {file}: {spec}");
            assert_eq!(local, environment == "local" && file == "service-nginx.yaml", "{environment} {file}");
        }
    }
}
