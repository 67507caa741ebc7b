//! Plans the ingress: groups routes by host into sites, with the longest path first, checks that each address belongs to
//! one route, and wires the proxy and the certificate client.

use std::collections::{BTreeMap, BTreeSet};

use super::callers::{self, InternalRoute};
use super::http3;
use super::route_settings;
use super::secrets::{DeclaredSecrets, NeededValue};
use super::upstreams;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::addresses::{Address, Addresses, https_container_port, https_port, port, tcp_port};
use crate::plan::inputs::Inputs;
use crate::plan::model::{ConfigMount, EdgeCapacity, IngressPlan, Location, Resolver, Site, Upstream};
use crate::plan::roster::{PlannedService, Roster, tls_mode};
use crate::plan::rules::domains::cannot_have_subdomains;
use crate::plan::secret_list::{CERTIFICATE, CERTIFICATE_KEY, Recipe, Recipes};
use crate::plan::service_names::{ACME, PROXY_SERVICE, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{RateLimit, Route, RouteAccess, RouteKind, Stack, TlsMode};
use crate::values::{Checked, ContainerPath, Duration, Memory, SecretName, Text, UrlPath, is_private_host};

/// Default rate limits of an application's API and its sign-in: name, requests per second and burst.
const RATE_LIMITS: [(&str, u32, u32); 2] = [("api", 50, 100), ("auth", 5, 20)];

/// The proxy's part of the plan, and the secrets with its certificate.
pub struct Ingress {
    pub ingress: IngressPlan,
    pub certificates: Recipes,
}

/// Plans the sites of the proxy, and wires the proxy and the certificate client.
pub fn plan(inputs: Inputs, roster: &Roster, addresses: &Addresses, secrets: &DeclaredSecrets) -> Planned<Ingress> {
    let Inputs { stack, profile, files, .. } = inputs;
    let mut findings = Vec::new();
    let mut rate_limits = stack.edge.rate_limits.clone();
    for (name, per_second, burst) in RATE_LIMITS {
        rate_limits.entry(SecretName::wrap(name.into())).or_insert(RateLimit { per_second, burst });
    }
    let shared =
        LocationSettings { rate_limits: &rate_limits, max_body: stack.edge.max_body.unwrap_or(Memory(10 << 20)) };
    let (sites, internal) = sites(inputs, roster, addresses, &shared, &mut findings);
    findings.extend(check_guarded_ports(roster));
    let max_body = shared.max_body;
    let limits = roster.get(&service_name(PROXY_SERVICE)).map(|proxy| proxy.service.limits.clone()).unwrap_or_default();
    let ingress = IngressPlan {
        service: service_name(PROXY_SERVICE),
        sites,
        rate_limits,
        internal_addresses: sorted_unique(&stack.edge.internal_addresses),
        this_machine_is_internal: callers::from_this_machine(stack, profile, roster),
        trusted_proxies: sorted_unique(&stack.edge.trusted_proxies),
        proxies_are_listed: !stack.edge.trusted_proxies.is_empty(),
        max_body,
        connections_per_client: stack.edge.connections.unwrap_or(100),
        capacity: EdgeCapacity::of(limits.memory, limits.cpus),
        tls: tls_mode(stack, profile),
        https_port: https_port(inputs, roster),
        http3_port: http3::port(inputs, roster),
        redirects_http: false,
        resolver: Resolver::Engine,
        email: stack.tls.email.clone(),
        nginx_snippets: files.nginx_snippets.clone(),
    };
    findings.extend(callers::check(inputs, roster, &ingress, &internal));
    findings.extend(check_challenge_port(roster, &ingress));
    findings.extend(http3::check(inputs, roster));
    let (mut wirings, certificates) = wire(roster, addresses, &ingress);
    wirings.extend(upstreams::wirings(roster, &ingress));
    let user_files = wire_route_users(roster, addresses, secrets);
    findings.extend(user_files.findings);
    wirings.extend(user_files.wirings);
    Planned { value: Ingress { ingress, certificates }, wirings, findings }
}

/// Refuses an HTTP port to which Let's Encrypt does not send its challenge.
fn check_challenge_port(roster: &Roster, ingress: &IngressPlan) -> Option<Diagnostic> {
    let proxy = roster.get(&ingress.service).filter(|_| ingress.tls == TlsMode::Acme)?;
    let (name, http) = proxy.service.publish.iter().find(|(name, _)| name.as_str() == "http")?;
    (http.port != 80).then(|| {
        Diagnostic::error(Code::PublicPort, proxy.path.key("publish").key(name.as_str()).key("port"))
            .message(format!(
                "nginx publishes port {}, but Let's Encrypt sends its challenge to port 80",
                http.port
            ))
            .expected("80, or a different source of certificates")
            .hint("publish port 80, or set `tls.mode` to `'files` for your own certificates, or to `'proxy` for a proxy in front of nginx")
    })
}

/// Settings of the edge to which routes refer: the rate limits by name, and the largest body of routes that set none.
struct LocationSettings<'a> {
    rate_limits: &'a BTreeMap<SecretName, RateLimit>,
    max_body: Memory,
}

/// Returns the sites by name (the first host name, with `_wildcard` for `*`), and the routes that only internal addresses
/// may use.
fn sites(
    inputs: Inputs,
    roster: &Roster,
    addresses: &Addresses,
    shared: &LocationSettings,
    findings: &mut Vec<Diagnostic>,
) -> (BTreeMap<String, Site>, Vec<InternalRoute>) {
    let mut sites: BTreeMap<String, Site> = BTreeMap::new();
    // The first address with each host name and path.
    let mut first_addresses: BTreeMap<(String, String), &Address> = BTreeMap::new();
    let mut internal_routes = Vec::new();
    for address in addresses.routes() {
        if address.owner.as_str() == PROXY_SERVICE {
            findings.push(refused_proxy_route(address));
            continue;
        }
        let planned = location(inputs.stack, roster, address, shared);
        findings.extend(planned.findings);
        let Some(location) = planned.value else { continue };
        if location.internal {
            let access_field =
                if address.route.access.is_some() { address.path.key("access") } else { address.path.clone() };
            internal_routes.push(InternalRoute { path: access_field, host: address.hosts[0].clone() });
        }
        if tls_mode(inputs.stack, inputs.profile) == TlsMode::Acme {
            findings.extend(certificate_findings(inputs.stack, address));
        }
        // A path covers whole segments, so `/api` and `/api/` are one.
        let path = location.path.as_str().trim_end_matches('/');
        for host in &address.hosts {
            if let Some(first_address) = first_addresses.insert((host.clone(), path.to_owned()), address) {
                findings.push(route_taken(address, first_address, &location.path));
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
        // The longest path is the first, and paths of the same length are in alphabetical order.
        site.locations.sort_by(|a, b| b.path.as_str().len().cmp(&a.path.as_str().len()).then(a.path.cmp(&b.path)));
        close_internal_paths_on_other_routes(site);
        site.locations.iter_mut().filter(|location| location.strip_prefix).for_each(close_prefixed_paths);
    }
    upstreams::number(&mut sites);
    (sites, internal_routes)
}

/// Returns the finding for a route with the address of an earlier one.
fn route_taken(address: &Address, first_address: &Address, path: &UrlPath) -> Diagnostic {
    Diagnostic::error(Code::RouteTaken, address.path.clone())
        .message(format!(
            "{} with the path `{path}` is the address of two routes, of `{}` and of `{}`",
            declared_host(address),
            first_address.owner,
            address.owner
        ))
        .hint(hint_to_separate(address, first_address))
        .counterpart(first_address.path.clone(), "the other route")
}

/// Returns the hint for two routes with one address.
fn hint_to_separate(address: &Address, first_address: &Address) -> String {
    let host_field = |address: &Address| {
        address.path.key(if address.route.host.is_some() { "host" } else { "subdomain" }).to_string()
    };
    let hosts = (host_field(first_address), host_field(address));
    let path_field = address.path.key("path");
    let change_path = match &address.route.path {
        Some(_) => format!("change `{path_field}`"),
        None => format!("add a path, such as `{path_field} = \"/{}\"`", address.owner),
    };
    format!("change `{}` or `{}`, or {change_path}", hosts.0, hosts.1)
}

/// Returns the finding for a route that belongs to the proxy.
fn refused_proxy_route(address: &Address) -> Diagnostic {
    Diagnostic::error(Code::BadValue, address.path.clone())
        .message(format!("{PROXY_SERVICE} serves all routes, so a route to itself would never end"))
        .expected(format!("a route of a service other than {PROXY_SERVICE}"))
        .hint("remove it; a server of your own is a file in `nginx/conf.d`")
}

/// Descriptions of the files that an operator has to supply for these secrets.
const CERTIFICATE_FILE: &str = "certificate chain of all sites, PEM";
const CERTIFICATE_KEY_FILE: &str = "key of the certificate, PEM";

/// Folder with the generated files, in the containers of the proxy and of the certificate client.
const FOLDER: &str = "/etc/nself";
/// The script with which the proxy starts.
const START: &str = "/etc/nself-start.sh";

/// Returns the wirings of the proxy and the certificate client, and the secrets with the proxy's certificate.
fn wire(roster: &Roster, addresses: &Addresses, ingress: &IngressPlan) -> (Vec<Wiring>, Recipes) {
    let (proxy, acme) = (&ingress.service, service_name(ACME));
    let (edge_field, tls_field) = (path!("edge"), path!("tls"));
    // `reloads` says whether the running program loads changed files (see [`ConfigMount`]).
    let config = |source: &str, target: &str, reloads| {
        Addition::Config(ConfigMount { source: source.into(), target: ContainerPath::wrap(target.into()), reloads })
    };
    let mut wirings = Vec::new();
    let mut recipes = Recipes::new();
    if roster.contains_key(proxy) {
        wirings.push(Wiring::new(proxy, config("nginx", FOLDER, true), &edge_field));
        wirings.push(Wiring::new(proxy, config("nginx/start.sh", START, false), &edge_field));
        if ingress.reaches_host() {
            wirings.push(Wiring::new(proxy, Addition::ReachesHost, &path!("frontends")));
        }
        wirings.extend(http3::wiring(roster, ingress));
        if ingress.tls == TlsMode::Proxy {
            wirings.push(Wiring::new(
                proxy,
                Addition::Unpublish(https_container_port(&roster[proxy].service)),
                &tls_field,
            ));
        } else if ingress.tls != TlsMode::Acme {
            recipes = certificates(ingress, addresses);
            let files =
                recipes.keys().map(|secret| Wiring::new(proxy, Addition::SecretFile(secret.clone()), &tls_field));
            wirings.extend(files);
        }
    }
    if roster.contains_key(&acme) {
        let email = Text::wrap(ingress.email.as_ref().map_or(String::new(), ToString::to_string));
        let hosts = ingress.certificate_hosts().map(|host| Text::wrap(host.to_owned()));
        let arguments = std::iter::once(email).chain(hosts).collect();
        wirings.push(Wiring::new(&acme, config("acme", FOLDER, false), &tls_field));
        wirings.push(Wiring::new(&acme, Addition::Arguments { program: None, arguments }, &tls_field));
    }
    (wirings, recipes)
}

/// Mounts the secrets with the users and passwords of routes (`basic_auth`) into the proxy.
fn wire_route_users(roster: &Roster, addresses: &Addresses, secrets: &DeclaredSecrets) -> Planned<()> {
    let mut planned = Planned::default();
    let proxy = service_name(PROXY_SERVICE);
    if !roster.contains_key(&proxy) {
        return planned;
    }
    for address in addresses.routes() {
        let Some(secret) = &address.route.basic_auth else { continue };
        let cause = address.path.key("basic_auth");
        match secrets.require(secret, NeededValue::Htpasswd, &cause) {
            Ok(()) => planned.wirings.push(Wiring::new(&proxy, Addition::SecretFile(secret.clone()), &cause)),
            Err(finding) => planned.findings.push(finding),
        }
    }
    planned
}

/// Returns the recipes of the proxy's certificate and key: files of the operator, or issued by the local authority.
fn certificates(ingress: &IngressPlan, addresses: &Addresses) -> Recipes {
    let (certificate, key) = (SecretName::wrap(CERTIFICATE.into()), SecretName::wrap(CERTIFICATE_KEY.into()));
    let recipes = if ingress.tls == TlsMode::Files {
        [CERTIFICATE_FILE, CERTIFICATE_KEY_FILE].map(|what| Recipe::External { what: Text::wrap(what.to_owned()) })
    } else {
        let domains = addresses.domains().map(str::to_owned).collect();
        let hosts = ingress.sites.values().flat_map(|site| site.hosts.clone()).collect();
        [Recipe::LocalCertificate { hosts, domains }, Recipe::LocalKey { certificate: certificate.clone() }]
    };
    [certificate, key].into_iter().zip(recipes).collect()
}

/// Returns the items of a list in sorted order and without duplicates.
fn sorted_unique<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    list.iter().cloned().collect::<BTreeSet<T>>().into_iter().collect()
}

/// Adds the path of an internal route to the internal paths of other routes to the same port, since an upstream
/// may treat `/ADMIN` like `/admin`.
fn close_internal_paths_on_other_routes(site: &mut Site) {
    let internal_locations: Vec<Location> =
        site.locations.iter().filter(|location| location.internal).cloned().collect();
    for location in site.locations.iter_mut().filter(|location| !location.internal) {
        let ports: BTreeSet<_> = location.service_ports().collect();
        let has_same_port = |internal: &&Location| {
            internal.upstream == location.upstream || internal.service_ports().any(|port| ports.contains(&port))
        };
        let paths: Vec<UrlPath> =
            internal_locations.iter().filter(has_same_port).map(|internal| internal.path.clone()).collect();
        location.internal_paths.extend(paths);
        location.internal_paths = sorted_unique(&location.internal_paths);
    }
}

/// Adds each internal path with the location's prefix in front, because the service receives `/api/admin` as `/admin`.
fn close_prefixed_paths(location: &mut Location) {
    let prefix = location.path.as_str().trim_end_matches('/');
    let prefixed_paths: Vec<UrlPath> =
        location.internal_paths.iter().map(|path| UrlPath::wrap(format!("{prefix}{path}"))).collect();
    location.internal_paths.extend(prefixed_paths);
    location.internal_paths = sorted_unique(&location.internal_paths);
}

/// Checks that the ports which a guard names exist.
fn check_guarded_ports(roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for member in roster.values() {
        for (i, name) in member.service.guard.internal_ports.iter().enumerate() {
            let path = member.path.key("guard").key("internal_ports").index(i);
            if let Err(finding) = port(&member.service, &Some(name.clone()), &path) {
                findings
                    .push(finding.hint(format!(
                        "use one of these names, or add the port to the service: `ports.{name} = 9090`"
                    )));
            }
        }
    }
    findings
}

/// Returns whether only internal addresses may use a route: as the route declares, or by default if the guard of its
/// service lists the port as internal.
fn is_internal(route: &Route, member: Option<&PlannedService>, upstream: &Upstream) -> bool {
    let Upstream::Service { port, .. } = upstream else { return route.access == Some(RouteAccess::Internal) };
    let guards_port = |member: &PlannedService| {
        let ports = member.service.all_ports();
        member.service.guard.internal_ports.iter().any(|name| ports.get(name) == Some(port))
    };
    match route.access {
        Some(access) => access == RouteAccess::Internal,
        None => member.is_some_and(guards_port),
    }
}

/// Returns the location of a route; `None` if its service or port does not exist.
fn location(stack: &Stack, roster: &Roster, address: &Address, shared: &LocationSettings) -> Planned<Option<Location>> {
    let mut findings = Vec::new();
    let LocationSettings { rate_limits, max_body } = shared;
    let route = &address.route;
    let upstream = match (roster.get(&address.owner), stack.frontends.get(&address.owner)) {
        (None, Some(frontend)) => Upstream::HostMachine { port: frontend.port },
        (Some(member), _) => match tcp_port(&member.service, &route.port, &address.path.key("port")) {
            Ok(port) => Upstream::Service { service: address.owner.clone(), port },
            Err(finding) => {
                return Planned::without_wirings(None, vec![finding]);
            }
        },
        (None, None) => return Planned::without_wirings(None, findings),
    };
    let balanced_servers = upstreams::servers(stack, roster, address);
    findings.extend(balanced_servers.findings);
    let rate_limit = route.rate_limit.clone().unwrap_or_else(|| SecretName::wrap("api".into()));
    if !rate_limits.contains_key(&rate_limit) {
        let names: Vec<&str> = rate_limits.keys().map(SecretName::as_str).collect();
        findings.push(
            Diagnostic::error(Code::UnknownDependency, address.path.key("rate_limit"))
                .lacks(path!("edge", "rate_limits", rate_limit))
                .message(format!("the stack has no rate limit `{rate_limit}`"))
                .expected(crate::words::one_of(&names))
                .hint(format!("declare it: `edge.rate_limits.{rate_limit} = {{ per_second = 10, burst = 20 }}`")),
        );
    }
    let member = roster.get(&address.owner);
    let guard = member.map(|member| member.service.guard.clone()).unwrap_or_default();
    let internal = is_internal(route, member, &upstream);
    let mut internal_paths = route.internal_paths.clone();
    internal_paths.extend(guard.internal_paths);
    // All paths of an internal route are internal, so the list is not needed.
    if internal {
        internal_paths.clear();
    }
    let has_unlimited_body = matches!(route.kind, RouteKind::Upload | RouteKind::Grpc);
    // Without data, a long-lived connection stays open for an hour, and any other connection for 15 minutes.
    let is_long_lived = matches!(route.kind, RouteKind::Websocket | RouteKind::Grpc);
    let location = Location {
        path: route.path.clone().unwrap_or_else(|| UrlPath::wrap("/".into())),
        upstream,
        balanced: balanced_servers.value,
        kind: route.kind,
        internal,
        internal_paths: sorted_unique(&internal_paths),
        internal_headers: if internal { Vec::new() } else { sorted_unique(&guard.refused_headers) },
        rate_limit,
        max_body: route.max_body.or(if has_unlimited_body { None } else { Some(*max_body) }),
        strip_prefix: route.strip_prefix,
        redirect: route.redirect.clone(),
        basic_auth: route.basic_auth.clone(),
        request_headers: route.request_headers.clone(),
        response_headers: route.response_headers.clone(),
        cors: route.cors.clone(),
        timeout: route.timeout.unwrap_or(Duration(if is_long_lived { 3_600_000 } else { 900_000 })),
    };
    findings.extend(route_settings::check(address));
    Planned::without_wirings(Some(location), findings)
}

/// Returns the host of a route as the stack declares it, which is the same in all environments, for a message.
fn declared_host(address: &Address) -> String {
    match (&address.route.subdomain, &address.route.host) {
        (Some(subdomain), _) => format!("the subdomain `{subdomain}`"),
        (None, Some(host)) => format!("the host `{host}`"),
        (None, None) => format!("the host `{}`", address.hosts[0]),
    }
}

/// Returns findings for host names that cannot get a certificate: with the HTTP challenge, a certificate authority
/// issues certificates only for public names without wildcards.
fn certificate_findings(stack: &Stack, address: &Address) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if address.route.subdomain.as_ref().is_some_and(|subdomain| subdomain.as_str() == "*") {
        findings.push(
            Diagnostic::error(Code::DomainNotPublic, address.path.key("subdomain"))
                .message("Let's Encrypt issues no wildcard certificates with the HTTP challenge")
                .expected("a named subdomain in this environment")
                .hint("set a named subdomain in this environment, or provide a certificate with `tls.mode = 'files`"),
        );
    }
    if is_private_host(&address.hosts[0]) && !cannot_have_subdomains(stack.domain.as_str()) {
        let (path, name, change) = match &address.route.host {
            Some(host) => (address.path.key("host"), host.as_str(), "choose a public host name"),
            None => (path!("domain"), stack.domain.as_str(), "set `environments.<name>.domain`"),
        };
        findings.push(
            Diagnostic::error(Code::DomainNotPublic, path)
                .message(format!("no certificate can be issued for `{name}`, which is not a public name"))
                .expected("a public domain such as example.com")
                .hint(format!("{change}, or provide a certificate with `tls.mode = 'files`")),
        );
    }
    findings
}
