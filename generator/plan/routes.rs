//! Sites of the edge: routes grouped by host, longest path first, each address with one owner.

use std::collections::BTreeMap;

use super::addresses::{Address, Addresses, is_private, port};
use super::members::{EDGE, Members, known, tls_mode};
use super::network::PRIVATE;
use super::resolve::ProjectFiles;
use super::{EdgePlan, Location, Resolver, Site, Upstream};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{
    Checked, Cidr, Duration, Memory, Profile, RateLimit, RouteAccess, RouteKind, SecretName, Stack, TlsMode, UrlPath,
};

/// The machine's own addresses.
const LOOPBACK: &str = "127.0.0.0/8";
/// Requests per second and burst unless the stack says otherwise: an application's API and sign-in.
const RATE_LIMITS: [(&str, u32, u32); 2] = [("api", 50, 100), ("auth", 5, 20)];

/// Everything the edge serves.
pub fn plan(
    stack: &Stack,
    profile: Profile,
    members: &Members,
    addresses: &Addresses,
    files: &ProjectFiles,
    findings: &mut Vec<Diagnostic>,
) -> EdgePlan {
    let mut rate_limits = stack.edge.rate_limits.clone();
    for (name, per_second, burst) in RATE_LIMITS {
        rate_limits.entry(SecretName::wrap(name.into())).or_insert(RateLimit { per_second, burst });
    }
    let max_body = stack.edge.max_body.unwrap_or(Memory(10 << 20));
    let tls = tls_mode(stack, profile);
    let mut sites: BTreeMap<String, Site> = BTreeMap::new();
    let mut owners: BTreeMap<(String, UrlPath), FieldPath> = BTreeMap::new();
    for address in addresses.routes() {
        let Some(location) = location(stack, profile, members, address, &rate_limits, max_body, findings) else {
            continue;
        };
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
    super::conf_d::check(&sites, &files.conf_d, findings);
    let internal = PRIVATE.into_iter().chain([LOOPBACK]).map(|cidr| Cidr::wrap(cidr.to_owned())).collect();
    EdgePlan {
        service: known(EDGE),
        sites,
        rate_limits,
        internal_addresses: if stack.edge.internal_addresses.is_empty() {
            internal
        } else {
            stack.edge.internal_addresses.clone()
        },
        trusted_proxies: stack.edge.trusted_proxies.clone(),
        max_body,
        connections: stack.edge.connections.unwrap_or(100),
        tls,
        resolver: Resolver::Engine,
        email: stack.tls.email.clone(),
        conf_d: files.conf_d.clone(),
    }
}

fn location(
    stack: &Stack,
    profile: Profile,
    members: &Members,
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
    let mut internal_paths = route.internal_paths.clone();
    if profile == Profile::Prod {
        internal_paths.extend(route.internal_paths_in_prod.iter().cloned());
    }
    internal_paths.sort();
    internal_paths.dedup();
    let upload = route.kind == RouteKind::Upload;
    let long = matches!(route.kind, RouteKind::Websocket | RouteKind::Grpc);
    Some(Location {
        path: route.path.clone().unwrap_or_else(|| UrlPath::wrap("/".into())),
        upstream,
        kind: route.kind,
        internal: route.access == RouteAccess::Internal,
        internal_paths,
        rate_limit,
        max_body: route.max_body.or(if upload { None } else { Some(max_body) }),
        timeout: route.timeout.unwrap_or(Duration(if long { 3_600_000 } else { 60_000 })),
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
