//! Forged request headers for an address, a role or a path.

use super::running::{GATEWAY, OFFICE, Request, Response, RunningEdge, STRANGER, generated_project};
use super::{environment, host, project_with_all_routes, tools_are_installed};
use crate::up::in_own_namespaces;

/// Headers from which services may read the client's address or name, the protocol, the host, the path, a proxy or the
/// request's id.
const FORGEABLE_HEADERS: [&str; 24] = [
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

/// Attack: a client forges an address, scheme, host or path in each header that services may trust.
/// Expectation: on every kind of route, including gRPC, the edge replaces or removes these headers.
#[test]
fn headers_that_clients_forge_are_removed() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::headers::headers_that_clients_forge_are_removed", check_forged_headers);
    }
}

fn check_forged_headers() {
    let project = project_with_all_routes();
    let forged: Vec<String> = FORGEABLE_HEADERS.iter().map(|name| format!("{name}: forged")).collect();
    let variants = FORGEABLE_HEADERS.iter().flat_map(|name| {
        [name.to_lowercase(), name.replace('-', "_"), name.replacen('-', "_", 1), name.to_uppercase()]
    });
    let lines: String = variants.map(|name| format!("{name}: forged\r\n")).collect();
    let check = |response: &Response, host: &str, from: &str| {
        assert_eq!(response.status, 200, "{host}: {response:?}");
        let headers = response.received["headers"].as_object().unwrap();
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
        let responses = edge.send(&[Request::get(STRANGER, &host, "/some", &format!("{lines}X-App: kept\r\n"))]);
        check(&responses[0], &host, STRANGER);
    }
    let mut headers = forged.clone();
    headers.push("X-App: kept".into());
    let response = edge.send_over_http2(STRANGER, &host("rpc"), "/shop.Orders/List", &headers);
    check(&response, &host("rpc"), STRANGER);
    assert_eq!(response.received["version"], "2", "gRPC reaches the service over HTTP/2");
    drop(edge);
    // A dev server on this machine is treated like a service.
    let edge = RunningEdge::start(&environment(&project, "local"));
    let host = "web.local.nself.org";
    let responses = edge.send(&[Request::get(GATEWAY, host, "/", &format!("{lines}X-App: kept\r\n"))]);
    check(&responses[0], host, GATEWAY);
}

/// Attack: a request from the internet has Hasura's admin secret, under each name and spelling that Hasura reads.
/// Expectation: it is refused on every endpoint, even if the header is repeated. Internal callers may use it, and all
/// callers if the stack allows it.
#[test]
fn the_admin_secret_is_refused_from_outside() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::headers::the_admin_secret_is_refused_from_outside", check_admin_secrets);
    }
}

fn check_admin_secrets() {
    let project = project_with_all_routes();
    let header_lines = |headers: &str| headers.replace('|', "\r\n") + "\r\n";
    let spellings = [
        "X-Hasura-Admin-Secret: guess",
        "x-hasura-admin-secret: guess",
        "X-HASURA-ADMIN-SECRET: guess",
        "X-Hasura-Access-Key: guess",
        "X-Hasura-Admin-Secret: |X-Hasura-Admin-Secret: guess",
        "X-Hasura-Role: user|X-Hasura-Admin-Secret: guess",
        "X-Hasura-Admin-Secret:guess",
        "X-Hasura-Admin-Secret: \tguess",
        "x_hasura_admin_secret: guess",
    ];
    for profile in ["staging", "prod"] {
        let edge = RunningEdge::start(&environment(&project, profile));
        for subdomain in ["api", "app1", "graph", "auth"] {
            let host = host(subdomain);
            let request = |from, headers: &str| Request::get(from, &host, "/v1/graphql", &header_lines(headers));
            let requests_with_secret =
                |from| -> Vec<Request> { spellings.iter().map(|spelling| request(from, spelling)).collect() };
            for (from, status) in [(STRANGER, 403), (OFFICE, 200)] {
                let statuses: Vec<u64> =
                    edge.send(&requests_with_secret(from)).iter().map(|response| response.status).collect();
                assert_eq!(statuses, [status; 9], "{profile} {host}: {spellings:?}");
            }
            // A request without a secret is accepted.
            let response = edge.send(&[request(STRANGER, "X-Hasura-Role: user")]).remove(0);
            assert_eq!(response.status, 200, "{response:?}");
            assert_eq!(response.received["headers"]["x-hasura-role"], "user");
        }
    }
    let without_refused_headers = generated_project("tls.mode = 'files, services.hasura.guard.refused_headers = [],");
    let edge = RunningEdge::start(&environment(&without_refused_headers, "prod"));
    let response = edge.send(&[Request::get(STRANGER, &host("api"), "/", &header_lines(spellings[0]))]).remove(0);
    assert_eq!(response.received["headers"]["x-hasura-admin-secret"], "guess", "{response:?}");
    assert_eq!(edge.send(&[Request::get(STRANGER, &host("auth"), "/", &header_lines(spellings[0]))])[0].status, 403);
}

/// Attack: a client spells headers with `_` that frame the body, or that the route sets, for services that read both
/// spellings as one header. Such a service would find a second request in the body, or believe the client.
/// Expectation: only the headers of the protocol and of the route arrive; other names with `_` arrive, too.
#[test]
fn spellings_of_set_headers_are_removed() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::headers::spellings_of_set_headers_are_removed", check_spellings);
    }
}

fn check_spellings() {
    let project = generated_project(
        r#"tls.mode = 'files, services.team = {
             image = "a/team:1", port = 8001,
             route = { subdomain = "team", request_headers = { X-Team = "shop", X-Team-Role = "reader" } },
           },"#,
    );
    let prod = environment(&project, "prod");
    let lines = "Transfer_Encoding: chunked\r\nContent_Length: 1\r\nX_Team: evil\r\nX-Team_Role: evil\r\n\
                 x_team-role: evil\r\nX_TEAM_ROLE: evil\r\nX-Team: evil\r\nmy_own: kept\r\nContent-Length: 5\r\n";
    let received = |edge: &RunningEdge| {
        let raw = format!("POST / HTTP/1.1\r\nHost: {}\r\n{lines}Connection: close\r\n\r\n0\r\n\r\n", host("team"));
        let response = edge.send(&[Request { raw, ..Request::get(STRANGER, &host("team"), "/", "") }]).remove(0);
        assert_eq!((response.status, &response.received["body"]), (200, &"0\r\n\r\n".into()));
        response.received["headers"].clone()
    };
    {
        let headers = received(&RunningEdge::start(&prod));
        let spellings = |name: &str| {
            let names = headers.as_object().unwrap().keys().filter(|key| key.replace('_', "-") == name);
            names.cloned().collect::<Vec<String>>()
        };
        assert_eq!(
            (spellings("x-team"), spellings("x-team-role")),
            (vec!["x-team".into()], vec!["x-team-role".into()])
        );
        assert_eq!(
            (spellings("content-length"), spellings("transfer-encoding")),
            (vec!["content-length".into()], vec![])
        );
        assert_eq!((&headers["x-team"], &headers["x-team-role"]), (&"shop".into(), &"reader".into()));
        assert_eq!((&headers["content-length"], &headers["my_own"]), (&"5".into(), &"kept".into()));
    }
    // Control: without the lines that remove them, the spellings arrive.
    let keep =
        |text: &str| text.replace("proxy_set_header Transfer_Encoding", "#").replace("proxy_set_header X_Team ", "#");
    let headers = received(&RunningEdge::start_with(&prod, keep));
    assert_eq!((&headers["transfer_encoding"], &headers["x_team"]), (&"chunked".into(), &"evil".into()));
}
