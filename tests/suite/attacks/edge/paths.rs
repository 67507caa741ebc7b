//! Spellings of paths that nginx and a service could read differently.

use super::running::{Request, RunningEdge, STRANGER};
use super::{environment, host, project_with_all_routes, tools_are_installed};
use crate::up::in_own_namespaces;

/// Returns the path as the most tolerant server would read it: decoded repeatedly, in lower case, with slashes for
/// backslashes, and without parameters, empty segments and dot segments.
fn most_tolerant_reading(path: &str) -> String {
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
        // Overlong encodings of a slash.
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

/// Returns spellings that some server reads as this path, and spellings that turn this path into a different one.
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

/// Attack: an internal path is spelled so that nginx and the service read different paths.
/// Expectation: no forwarded path is the internal path even for the most tolerant reader; other spellings are refused.
#[test]
fn no_spelling_bypasses_an_internal_path() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::paths::no_spelling_bypasses_an_internal_path", closed_paths);
    }
}

fn closed_paths() {
    let project = project_with_all_routes();
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
    // Control: without the rules, the same spellings are forwarded.
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
            for (path, response) in cases.iter().zip(edge.send(&requests)) {
                assert!([200, 400, 403].contains(&response.status), "{subdomain}{path}: {response:?}");
                let received = response.received["path"].as_str().unwrap_or_default();
                if response.status == 200 && closed(subdomain, &most_tolerant_reading(received)) {
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

/// Attack: none; the rules must not affect paths that they do not protect.
/// Expectation: public paths are forwarded unchanged; if no rule depends on the path, all paths are.
#[test]
fn public_paths_are_forwarded_unchanged() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::paths::public_paths_are_forwarded_unchanged", public_paths);
    }
}

fn public_paths() {
    let project = project_with_all_routes();
    let edge = RunningEdge::start(&environment(&project, "prod"));
    let arrive = |subdomain: &str, paths: &[&str]| {
        let requests: Vec<Request> =
            paths.iter().map(|path| Request::get(STRANGER, &host(subdomain), path, "")).collect();
        for (path, response) in paths.iter().zip(edge.send(&requests)) {
            assert_eq!(response.received["path"].as_str(), path.split('?').next(), "{subdomain}{path}: {response:?}");
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
