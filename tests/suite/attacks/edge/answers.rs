//! Headers of answers with which a service steers nginx.

use super::running::{Request, RunningEdge, STRANGER, generated_project};
use super::{ALL_ROUTES, environment, host, tools_are_installed};
use crate::up::in_own_namespaces;

/// Attack: a service answers with `X-Accel-Redirect` and a spelling of an internal path, as when a client may choose
/// headers of its answers.
/// Expectation: the edge forwards the answer, and no request reaches the internal path. Control: nginx obeys the header.
#[test]
fn an_answer_cannot_open_an_internal_path() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::answers::an_answer_cannot_open_an_internal_path", redirect_in_nginx);
    }
}

fn redirect_in_nginx() {
    let project = generated_project(ALL_ROUTES);
    let prod = environment(&project, "prod");
    let redirects = [("parts", "/accel?//admin"), ("api", "/accel?//v1/metadata"), ("plain", "/accel?/other")];
    let arrived_paths = |edge: &RunningEdge| -> Vec<String> {
        let requests = redirects.map(|(subdomain, path)| Request::get(STRANGER, &host(subdomain), path, ""));
        let mut responses = edge.send(&requests);
        let is_accel = |line: &String| line.to_ascii_lowercase().starts_with("x-accel-");
        assert!(!responses.iter().flat_map(|response| &response.headers).any(is_accel), "{responses:?}");
        responses.push(edge.send_over_http2(STRANGER, &host("rpc"), "/accel?//admin.Keys/List", &[]));
        responses.iter().map(|response| response.received["path"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(arrived_paths(&RunningEdge::start(&prod)), ["/accel"; 4]);
    let obey = |text: &str| text.replace("proxy_ignore_headers", "#").replace("grpc_ignore_headers", "#");
    let opened_paths = arrived_paths(&RunningEdge::start_with(&prod, obey));
    assert_eq!(opened_paths, ["//admin", "//v1/metadata", "/other", "//admin.Keys/List"]);
}
