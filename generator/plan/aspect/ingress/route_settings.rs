//! Checks the settings of a route: settings that exclude each other, and headers that a route cannot set.

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::addresses::Address;
use crate::stack::RouteKind;
use crate::values::HeaderName;

/// Request headers that the edge sets: headers of the connection, and headers that identify the client or the request.
const EDGE_REQUEST_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "forwarded",
    "host",
    "proxy",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-real-ip",
    "x-request-id",
];
/// Response headers that a route cannot set, because they describe the connection or the content.
const EDGE_RESPONSE_HEADERS: [&str; 7] =
    ["connection", "content-encoding", "content-length", "date", "server", "transfer-encoding", "upgrade"];
/// Largest number of hyphens in the name of a request header that a route sets. The edge removes all spellings with `_` of
/// that header, and their number doubles with each hyphen.
const MAX_HYPHENS: usize = 8;
/// Prefix of the response headers that the setting `cors` sets.
const CORS_PREFIX: &str = "access-control-";

/// Refuses a redirect from a route to itself, which browsers would follow in a loop.
fn redirect_to_itself(address: &Address) -> Option<Diagnostic> {
    // `"https://example.com/shop/"` → `("example.com", "shop/")`: the path has no leading slash.
    let target = address.route.redirect.as_ref()?.to.as_str().split_once("://").map(|(_, target)| target)?;
    let (host, path) = target.split_once('/').unwrap_or((target, ""));
    let own_path = address.route.path.as_ref().map_or("", |path| path.as_str());
    let is_same_path = path.trim_end_matches('/') == own_path.trim_matches('/');
    (is_same_path && address.hosts.iter().any(|own_host| own_host == host)).then(|| {
        Diagnostic::error(Code::RouteSettings, address.path.key("redirect").key("to"))
            .message(format!("the route redirects to its own address on `{host}`, again and again"))
            .expected("the address of a different route, or of a different site")
    })
}

/// Returns findings about the settings of a route.
pub fn check(address: &Address) -> Vec<Diagnostic> {
    let mut findings = check_strip_prefix(address);
    findings.extend(settings_without_effect(address));
    findings.extend(redirect_to_itself(address));
    if address.route.cors.as_ref().is_some_and(|cors| cors.origins.is_empty()) {
        let message = "`cors` has no origin, so no page may read the responses";
        findings.push(refusal(address, "cors", message, "at least one origin"));
    }
    findings.extend(check_headers(address));
    findings.extend(check_hyphens(address));
    findings
}

fn refusal(address: &Address, field: &str, message: &str, expected: &str) -> Diagnostic {
    Diagnostic::error(Code::RouteSettings, address.path.key(field)).message(message).expected(expected)
}

/// Refuses `strip_prefix` of a route without a prefix, and of a route for gRPC.
fn check_strip_prefix(address: &Address) -> Vec<Diagnostic> {
    let route = &address.route;
    let mut findings = Vec::new();
    let is_whole_host = route.path.as_ref().is_none_or(|path| path.as_str() == "/");
    if route.strip_prefix && is_whole_host {
        let message = "`strip_prefix` removes the `path` of the route, but the route has none";
        findings.push(refusal(address, "strip_prefix", message, "`path`, such as `path = \"/api\"`"));
    }
    if route.strip_prefix && route.kind == RouteKind::Grpc {
        let message = "`strip_prefix` cannot be used with gRPC, where the path is the name of a method";
        let expected = "a route without `strip_prefix`, or of a different kind";
        findings.push(refusal(address, "strip_prefix", message, expected));
    }
    findings
}

/// Returns a finding for each setting of a request that nginx does not forward, because the route has a redirect.
fn settings_without_effect(address: &Address) -> Vec<Diagnostic> {
    let route = &address.route;
    if route.redirect.is_none() {
        return Vec::new();
    }
    let settings = [
        ("strip_prefix", route.strip_prefix),
        ("request_headers", !route.request_headers.is_empty()),
        ("cors", route.cors.is_some()),
    ];
    let declared_settings = settings.into_iter().filter(|(_, is_set)| *is_set);
    let finding = |(field, _)| {
        let message = format!("`{field}` has no effect, since nginx redirects every request of this route");
        refusal(address, field, &message, &format!("either `redirect` or `{field}`"))
    };
    declared_settings.map(finding).collect()
}

/// Returns a finding for each header that a route cannot set.
fn check_headers(address: &Address) -> Vec<Diagnostic> {
    let route = &address.route;
    let lower_case = |name: &HeaderName| name.as_str().to_ascii_lowercase();
    let is_request_header_of_edge = |name: &&HeaderName| {
        let name = lower_case(name);
        let is_of_basic_auth = route.basic_auth.is_some() && name == "authorization";
        EDGE_REQUEST_HEADERS.contains(&name.as_str()) || name.starts_with("x-forwarded-") || is_of_basic_auth
    };
    let is_response_header_of_edge = |name: &&HeaderName| {
        let name = lower_case(name);
        let is_of_cors = route.cors.is_some() && name.starts_with(CORS_PREFIX);
        EDGE_RESPONSE_HEADERS.contains(&name.as_str()) || is_of_cors
    };
    let request_headers = route.request_headers.keys().filter(is_request_header_of_edge);
    let request_findings = request_headers.map(|name| header_of_edge(address, "request_headers", name));
    let response_headers = route.response_headers.keys().filter(is_response_header_of_edge);
    request_findings.chain(response_headers.map(|name| header_of_edge(address, "response_headers", name))).collect()
}

/// Returns a finding for each request header whose name has too many hyphens.
fn check_hyphens(address: &Address) -> Vec<Diagnostic> {
    let hyphens = |name: &HeaderName| name.as_str().matches('-').count();
    let names = address.route.request_headers.keys().filter(|name| hyphens(name) > MAX_HYPHENS);
    let finding = |name: &HeaderName| {
        Diagnostic::error(Code::HeaderSpellings, address.path.key("request_headers").key(name.as_str()))
            .message(format!("the name `{name}` has {} hyphens", hyphens(name)))
            .expected(format!("a name with at most {MAX_HYPHENS} hyphens"))
            .hint("choose a shorter name, and use it in the service as well")
    };
    names.map(finding).collect()
}

/// Returns the finding for a header that a route cannot set.
fn header_of_edge(address: &Address, field: &str, name: &HeaderName) -> Diagnostic {
    let lower_name = name.as_str().to_ascii_lowercase();
    let hint = match lower_name.as_str() {
        "authorization" => "remove it; `basic_auth` of the route reads this header",
        _ if lower_name.starts_with(CORS_PREFIX) => "remove it; `cors` of the route sets this header",
        _ => "remove it",
    };
    Diagnostic::error(Code::RouteHeader, address.path.key(field).key(name.as_str()))
        .message(format!("`{field}` cannot set `{name}`, because nginx sets it"))
        .hint(hint)
}
