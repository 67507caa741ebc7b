//! Forged request headers for an address, a role or a path.

use super::running::{Answer, GATEWAY, OFFICE, Request, RunningEdge, STRANGER, generated};
use super::{environment, everything, host, tools};
use crate::up::apart;

/// Headers that can forge the client's address, the protocol, the host or the path.
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

/// Attack: a client forges an address, scheme, host or path in each header that services may trust.
/// Expectation: on every kind of route, including gRPC, the edge replaces or removes them.
#[test]
fn headers_that_clients_forge_are_removed() {
    if tools() {
        apart("attacks::edge::headers::headers_that_clients_forge_are_removed", claims);
    }
}

fn claims() {
    let project = everything();
    let forged: Vec<String> = CLAIMS.iter().map(|name| format!("{name}: forged")).collect();
    let variants = CLAIMS.iter().flat_map(|name| {
        [name.to_lowercase(), name.replace('-', "_"), name.replacen('-', "_", 1), name.to_uppercase()]
    });
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
    // A dev server on this machine is treated like a service.
    let edge = RunningEdge::start(&environment(&project, "local"));
    let host = "web.local.nself.org";
    let answers = edge.ask(&[Request::get(GATEWAY, host, "/", &format!("{lines}X-App: kept\r\n"))]);
    check(&answers[0], host, GATEWAY);
}

/// Attack: a request from the internet has Hasura's admin secret, under each name and spelling that Hasura reads.
/// Expectation: it is refused on every endpoint, also if the header is repeated; internal callers may use it, and all
/// callers if the stack allows it.
#[test]
fn the_admin_secret_is_refused_from_outside() {
    if tools() {
        apart("attacks::edge::headers::the_admin_secret_is_refused_from_outside", admin_secrets);
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
        "x_hasura_admin_secret: guess",
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
                assert_eq!(statuses, [status; 9], "{profile} {host}: {spellings:?}");
            }
            // A request without a secret is accepted.
            let answer = ask(STRANGER, "X-Hasura-Role: user");
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.received["headers"]["x-hasura-role"], "user");
        }
    }
    let opened = generated("tls.mode = 'files, services.hasura.guard.refused_headers = [],");
    let edge = RunningEdge::start(&environment(&opened, "prod"));
    let answer = edge.ask(&[Request::get(STRANGER, &host("api"), "/", &secret(spellings[0]))]).remove(0);
    assert_eq!(answer.received["headers"]["x-hasura-admin-secret"], "guess", "{answer:?}");
    assert_eq!(edge.ask(&[Request::get(STRANGER, &host("auth"), "/", &secret(spellings[0]))])[0].status, 403);
}
