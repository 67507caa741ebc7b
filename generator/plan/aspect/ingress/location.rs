//! Plans the location of a route: its upstream, its access rules and its settings.

use std::collections::{BTreeMap, BTreeSet};

use super::route_settings;
use super::stack_paths;
use super::upstreams;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::addresses::Address;
use crate::plan::model::{Location, RateLimitName, Upstream};
use crate::plan::ports::tcp_port;
use crate::plan::roster::Roster;
use crate::plan::wiring::Planned;
use crate::stack::{RateLimit, RouteKind, Stack};
use crate::values::{Checked, Duration, Memory, SecretName, UrlPath};

/// The time for which a connection without data stays open.
const IDLE_TIMEOUT: Duration = Duration(15 * 60 * 1000);
/// The time for which a websocket or a stream of gRPC without data stays open.
const LONG_LIVED_IDLE_TIMEOUT: Duration = Duration(60 * 60 * 1000);

/// Settings of the edge to which routes refer: the rate limits by name, and the largest body of routes that set none.
pub struct LocationSettings<'a> {
    pub rate_limits: &'a BTreeMap<RateLimitName, RateLimit>,
    pub max_body: Memory,
}

/// Plans the location of a route; `None` if its service or port does not exist.
pub fn plan(stack: &Stack, roster: &Roster, address: &Address, shared: &LocationSettings) -> Planned<Option<Location>> {
    let route = &address.route;
    let upstream = match upstream(stack, roster, address) {
        Ok(Some(upstream)) => upstream,
        Ok(None) => return Planned::default(),
        Err(finding) => return Planned::without_wirings(None, vec![finding]),
    };
    let balanced_servers = upstreams::servers(stack, roster, address);
    let mut findings = balanced_servers.findings;
    let rate_limit = route.rate_limit.clone().unwrap_or_else(|| SecretName::wrap("api".into()));
    findings.extend(check_rate_limit(&rate_limit, shared.rate_limits, &address.path.key("rate_limit")));
    let member = roster.get(&address.owner);
    let guard = member.map(|member| member.service.guard.clone()).unwrap_or_default();
    let internal = address.is_internal;
    // All paths of an internal route are internal, for requests with all headers, so neither needs a list.
    let (internal_paths, internal_headers) = if internal {
        (BTreeSet::new(), BTreeSet::new())
    } else {
        let paths = route.internal_paths.iter().cloned().chain(guard.internal_paths);
        (paths.collect(), guard.refused_headers.into_iter().collect())
    };
    let has_unlimited_body = matches!(route.kind, RouteKind::Upload | RouteKind::Grpc);
    let is_long_lived = matches!(route.kind, RouteKind::Websocket | RouteKind::Grpc);
    let mut location = Location {
        path: route.path.clone().unwrap_or_else(|| UrlPath::wrap("/".into())),
        upstream,
        balanced: balanced_servers.value,
        kind: route.kind,
        internal,
        declares_internal_paths: !internal_paths.is_empty(),
        internal_paths,
        internal_headers,
        rate_limit,
        max_body: route.max_body.or((!has_unlimited_body).then_some(shared.max_body)),
        strip_prefix: route.strip_prefix,
        redirect: route.redirect.clone(),
        basic_auth: route.basic_auth.clone(),
        request_headers: route.request_headers.clone(),
        response_headers: route.response_headers.clone(),
        cors: route.cors.clone(),
        timeout: route.timeout.unwrap_or(if is_long_lived { LONG_LIVED_IDLE_TIMEOUT } else { IDLE_TIMEOUT }),
    };
    stack_paths::make_internal(&mut location, roster);
    findings.extend(route_settings::check(address));
    Planned::without_wirings(Some(location), findings)
}

/// Returns the upstream of a route; `None` if its owner does not run in the environment.
fn upstream(stack: &Stack, roster: &Roster, address: &Address) -> Result<Option<Upstream>, Diagnostic> {
    let Some(member) = roster.get(&address.owner) else {
        let frontend = stack.frontends.get(&address.owner);
        return Ok(frontend.map(|frontend| Upstream::HostMachine { port: frontend.port }));
    };
    let port = tcp_port(&member.service, &address.route.port, &address.path.key("port"))?;
    Ok(Some(Upstream::Service { service: address.owner.clone(), port }))
}

/// Refuses a rate limit that the stack does not declare.
fn check_rate_limit(
    name: &RateLimitName,
    rate_limits: &BTreeMap<RateLimitName, RateLimit>,
    path: &FieldPath,
) -> Option<Diagnostic> {
    let names: Vec<&str> = rate_limits.keys().map(SecretName::as_str).collect();
    (!rate_limits.contains_key(name)).then(|| {
        Diagnostic::error(Code::UnknownDependency, path.clone())
            .lacks(path!("edge", "rate_limits", name))
            .message(format!("the stack has no rate limit `{name}`"))
            .expected(crate::words::one_of(&names))
            .hint(format!("declare it: `edge.rate_limits.{name} = {{ per_second = 10, burst = 20 }}`"))
    })
}
