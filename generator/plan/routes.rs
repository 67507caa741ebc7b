//! Sites of the edge: routes grouped by host, longest path first, each address with one owner.

use std::collections::{BTreeMap, BTreeSet};

use super::addresses::{Address, Addresses, is_private, port};
use super::callers::{self, InternalRoute};
use super::resolve::ProjectFiles;
use super::roster::{PROXY_SERVICE, PlannedService, Roster, service_name, tls_mode};
use super::{IngressPlan, Location, Resolver, Site, Upstream};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{Profile, RateLimit, Route, RouteAccess, RouteKind, Stack, TlsMode};
use crate::values::{Checked, Duration, Memory, SecretName, UrlPath};

/// Requests per second and burst unless the stack says otherwise: an application's API and sign-in.
const RATE_LIMITS: [(&str, u32, u32); 2] = [("api", 50, 100), ("auth", 5, 20)];

/// Everything the edge serves.
pub fn plan(
    stack: &Stack,
    profile: Profile,
    members: &Roster,
    addresses: &Addresses,
    files: &ProjectFiles,
    findings: &mut Vec<Diagnostic>,
) -> IngressPlan {
    let mut rate_limits = stack.edge.rate_limits.clone();
    for (name, per_second, burst) in RATE_LIMITS {
        rate_limits.entry(SecretName::wrap(name.into())).or_insert(RateLimit { per_second, burst });
    }
    let max_body = stack.edge.max_body.unwrap_or(Memory(10 << 20));
    let tls = tls_mode(stack, profile);
    let mut sites: BTreeMap<String, Site> = BTreeMap::new();
    let mut owners: BTreeMap<(String, UrlPath), FieldPath> = BTreeMap::new();
    let mut internal = Vec::new();
    for address in addresses.routes() {
        let Some(location) = location(stack, members, address, &rate_limits, max_body, findings) else {
            continue;
        };
        if location.internal {
            let access = if address.route.access.is_some() { address.path.key("access") } else { address.path.clone() };
            internal.push(InternalRoute { path: access, host: address.hosts[0].clone() });
        }
        if tls == TlsMode::Acme {
            certifiable(stack, address, findings);
        }
        for host in &address.hosts {
            if let Some(first) = owners.insert((host.clone(), location.path.clone()), address.path.clone()) {
                findings.push(
                    Diagnostic::error(Code::RouteTaken, address.path.clone())
                        .message(format!("`{host}{}` is routed twice", location.path))
                        .hint("give one of them another subdomain or path")
                        .related(first, "the other route"),
                );
                break;
            }
        }
        let name = address.hosts[0].replace('*', "_wildcard");
        let site = sites.entry(name).or_insert_with(|| Site { hosts: Vec::new(), locations: Vec::new() });
        for host in &address.hosts {
            if !site.hosts.contains(host) {
                site.hosts.push(host.clone());
            }
        }
        site.locations.push(location);
    }
    for site in sites.values_mut() {
        site.locations.sort_by(|a, b| b.path.as_str().len().cmp(&a.path.as_str().len()).then(a.path.cmp(&b.path)));
    }
    sites.values_mut().for_each(close_siblings);
    guarded_ports(members, findings);
    super::rules::nginx_snippets::check(&sites, &files.conf_d, findings);
    let edge = IngressPlan {
        service: service_name(PROXY_SERVICE),
        sites,
        rate_limits,
        internal_addresses: sorted(&stack.edge.internal_addresses),
        this_machine_is_internal: callers::from_this_machine(stack, profile, members),
        trusted_proxies: sorted(&stack.edge.trusted_proxies),
        proxies_are_listed: !stack.edge.trusted_proxies.is_empty(),
        max_body,
        connections: stack.edge.connections.unwrap_or(100),
        tls,
        resolver: Resolver::Engine,
        email: stack.tls.email.clone(),
        conf_d: files.conf_d.clone(),
    };
    callers::check(stack, profile, members, &edge, &internal, findings);
    edge
}

/// Each entry once, in order.
fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    list.iter().cloned().collect::<BTreeSet<T>>().into_iter().collect()
}

/// An internal route closes its path on the other routes of the site that lead to the same port: an upstream may read
/// `/ADMIN` as `/admin`.
fn close_siblings(site: &mut Site) {
    let internal: Vec<(Upstream, UrlPath)> = site
        .locations
        .iter()
        .filter(|location| location.internal)
        .map(|location| (location.upstream.clone(), location.path.clone()))
        .collect();
    for location in site.locations.iter_mut().filter(|location| !location.internal) {
        let siblings = internal.iter().filter(|(upstream, _)| *upstream == location.upstream);
        location.internal_paths.extend(siblings.map(|(_, path)| path.clone()));
        location.internal_paths = sorted(&location.internal_paths);
    }
}

/// Ports that a guard names exist.
fn guarded_ports(members: &Roster, findings: &mut Vec<Diagnostic>) {
    for member in members.values() {
        for (i, name) in member.service.guard.internal_ports.iter().enumerate() {
            let path = member.path.key("guard").key("internal_ports").index(i);
            if let Err(finding) = port(&member.service, &Some(name.clone()), &path) {
                findings.push(finding.hint(format!("name one of them, or add it: `ports.{name} = 9090`")));
            }
        }
    }
}

/// Whether only internal addresses may use a route: by its own word, otherwise by the port to which it leads.
fn is_internal(route: &Route, member: Option<&PlannedService>, upstream: &Upstream) -> bool {
    let Upstream::Service { port, .. } = upstream else { return route.access == Some(RouteAccess::Internal) };
    let guarded = || {
        let (ports, guard) = member.map(|member| (member.service.all_ports(), &member.service.guard))?;
        Some(guard.internal_ports.iter().any(|name| ports.get(name) == Some(port)))
    };
    match route.access {
        Some(access) => access == RouteAccess::Internal,
        None => guarded().unwrap_or(false),
    }
}

fn location(
    stack: &Stack,
    members: &Roster,
    address: &Address,
    rate_limits: &BTreeMap<SecretName, RateLimit>,
    max_body: Memory,
    findings: &mut Vec<Diagnostic>,
) -> Option<Location> {
    let route = &address.route;
    let upstream = match (members.get(&address.owner), stack.frontends.get(&address.owner)) {
        (None, Some(frontend)) => Upstream::HostMachine { port: frontend.port },
        (Some(member), _) => match port(&member.service, &route.port, &address.path.key("port")) {
            Ok(port) => Upstream::Service { service: address.owner.clone(), port },
            Err(finding) => {
                findings.push(finding);
                return None;
            }
        },
        (None, None) => return None,
    };
    let rate_limit = route.rate_limit.clone().unwrap_or_else(|| SecretName::wrap("api".into()));
    if !rate_limits.contains_key(&rate_limit) {
        let names: Vec<&str> = rate_limits.keys().map(SecretName::as_str).collect();
        findings.push(
            Diagnostic::error(Code::UnknownDependency, address.path.key("rate_limit"))
                .message(format!("there is no rate limit `{rate_limit}`"))
                .expected(format!("one of {}", names.join(", ")))
                .hint(format!("declare it: `edge.rate_limits.{rate_limit} = {{ per_second = 10, burst = 20 }}`")),
        );
    }
    let member = members.get(&address.owner);
    let guard = member.map(|member| member.service.guard.clone()).unwrap_or_default();
    let internal = is_internal(route, member, &upstream);
    // Where the whole route is internal, every path of it is.
    let mut internal_paths = route.internal_paths.clone();
    internal_paths.extend(guard.internal_paths);
    internal_paths.retain(|_| !internal);
    let unlimited = matches!(route.kind, RouteKind::Upload | RouteKind::Grpc);
    let long = matches!(route.kind, RouteKind::Websocket | RouteKind::Grpc);
    Some(Location {
        path: route.path.clone().unwrap_or_else(|| UrlPath::wrap("/".into())),
        upstream,
        kind: route.kind,
        internal,
        internal_paths: sorted(&internal_paths),
        refused_headers: if internal { Vec::new() } else { sorted(&guard.refused_headers) },
        rate_limit,
        max_body: route.max_body.or(if unlimited { None } else { Some(max_body) }),
        timeout: route.timeout.unwrap_or(Duration(if long { 3_600_000 } else { 900_000 })),
    })
}

/// A public certificate authority issues for public names without wildcard by the HTTP challenge.
fn certifiable(stack: &Stack, address: &Address, findings: &mut Vec<Diagnostic>) {
    if address.route.subdomain.as_ref().is_some_and(|subdomain| subdomain.as_str() == "*") {
        findings.push(
            Diagnostic::error(Code::DomainNotPublic, address.path.key("subdomain"))
                .message("Let's Encrypt does not issue for a wildcard by the HTTP challenge")
                .expected("a named subdomain in this environment")
                .hint("override it per environment, exclude the frontend there, or bring a certificate: `tls.mode = 'files`"),
        );
    }
    if is_private(&address.hosts[0]) {
        let path = if address.route.host.is_some() { address.path.key("host") } else { path!("domain") };
        findings.push(
            Diagnostic::error(Code::DomainNotPublic, path)
                .message(format!(
                    "no certificate can be issued for `{}`",
                    if address.route.host.is_some() { &address.hosts[0] } else { stack.domain.as_str() }
                ))
                .expected("a public domain such as example.com")
                .hint("set `environments.<name>.domain`, or bring a certificate: `tls.mode = 'files`"),
        );
    }
}
