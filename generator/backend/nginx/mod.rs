//! The configuration of nginx, the edge: one file for each site, and `nginx.conf` for all sites. It includes the user's
//! files last.

mod upstreams;

use minijinja::{Value, context};
use serde::Serialize;

use super::provenance::GeneratedLine;
use super::render::{
    Language, nginx, nginx_header_spellings, nginx_header_variable, nginx_host, nginx_path_pattern, nginx_word, render,
};
use crate::artifact::Artifacts;
use crate::backend::{Description, Emit, PlanField};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::path;
use crate::plan::{IngressPlan, Location, Plan, Resolver, Site, Upstream};
use crate::stack::{IpFamilies, Profile, RouteKind, TlsMode};
use crate::values::{Memory, ServiceName};

pub const DESCRIPTION: Description = Description {
    paths: &["nginx/"],
    reads: "ingress, profile",
    emit: Emit::Content { parts: &[PlanField::Ingress, PlanField::Profile], emit },
    file_fields: |plan, path| site_fields(plan, path).unwrap_or_else(|| vec![path!("edge")]),
    line_fields,
};

/// The file with all upstreams.
const UPSTREAMS: &str = "nginx/upstreams.conf";
/// The program that the container runs.
const START: &str = include_str!("start.sh");
const MAIN: &str = include_str!("nginx.conf.j2");
const SITE: &str = include_str!("site.conf.j2");

/// The modules of nginx that forward requests; both set the same headers.
const MODULES: [&str; 2] = ["proxy", "grpc"];
/// Request headers that name the client, a proxy or the requested path. A service may trust them, so the edge removes
/// the client's values. `Proxy` becomes the variable HTTP_PROXY of CGI programs (httpoxy); `HTTP2-Settings` belongs to
/// an upgrade that the edge does not forward.
const UNTRUSTED_HEADERS: [&str; 33] = [
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "Client-IP",
    "Fastly-Client-IP",
    "Forwarded",
    "Forwarded-For",
    "Front-End-Https",
    "HTTP2-Settings",
    "Proxy",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Envoy-External-Address",
    "X-Envoy-Original-Path",
    "X-Forwarded",
    "X-Forwarded-By",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Path",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Protocol",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-Uri",
    "X-Forwarded-User",
    "X-Host",
    "X-Original-Host",
    "X-Original-URI",
    "X-Original-URL",
    "X-ProxyUser-IP",
    "X-Rewrite-URL",
    "X-Url-Scheme",
];

/// Request headers that the edge sets.
const TRUSTED_HEADERS: [&str; 5] =
    ["X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id"];

/// Writes the edge's files below `nginx/`.
///
/// # Errors
/// NS901 for a host name that is not valid.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let edge = &plan.ingress;
    let mut files = Artifacts::default();
    files.add("nginx/nginx.conf", main(plan)?)?;
    files.add(UPSTREAMS, upstreams::render_all(edge)?)?;
    files.add("nginx/start.sh", START)?;
    for (name, site) in &edge.sites {
        files.add(format!("nginx/sites/{name}.conf"), self::site(edge, site)?)?;
    }
    for (name, text) in &edge.conf_d {
        files.add(format!("nginx/conf.d/{name}"), text.as_bytes())?;
    }
    if edge.conf_d.is_empty() {
        // nginx needs no file here; the folder shows where the user's files are mounted.
        files.add("nginx/conf.d/README", "Files of nginx/conf.d beside stack.ncl are copied here.\n")?;
    }
    Ok(files)
}

/// Returns the sites that decide a file: one site for its own file, all sites for the upstreams.
fn sites_of<'a>(plan: &'a Plan, path: &str) -> Vec<&'a Site> {
    if path == UPSTREAMS {
        return plan.ingress.sites.values().collect();
    }
    let name = path.strip_prefix("nginx/sites/").and_then(|name| name.strip_suffix(".conf"));
    name.and_then(|name| plan.ingress.sites.get(name)).into_iter().collect()
}

/// Returns the routes of the services to which a site forwards requests.
fn routes<'a>(plan: &'a Plan, site: &'a Site) -> impl Iterator<Item = (&'a ServiceName, [FieldPath; 2])> {
    site.locations.iter().filter_map(|location| {
        let Upstream::Service { service, .. } = &location.upstream else { return None };
        let origin = &plan.services.get(service)?.origin;
        Some((service, [origin.key("route"), origin.key("routes")]))
    })
}

/// Returns the fields that decide the sites of a file: routes, and frontends on the host machine.
fn site_fields(plan: &Plan, path: &str) -> Option<Vec<FieldPath>> {
    let sites = sites_of(plan, path);
    let mut upstreams = sites.iter().flat_map(|site| &site.locations).map(|location| &location.upstream);
    let frontends = upstreams.any(|upstream| matches!(upstream, Upstream::HostMachine { .. }));
    let routes = sites.iter().flat_map(|site| routes(plan, site)).flat_map(|(_, fields)| fields);
    let fields = routes.chain(frontends.then(|| path!("frontends"))).collect();
    (!sites.is_empty()).then_some(fields)
}

/// Returns the routes of the services that the line names, also as `SERVICE_PORT`, then all fields that decide the
/// file.
fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    let sites = sites_of(plan, line.path);
    let names = |word: &str, name: &str| word.split('_').next() == Some(name);
    let routes = sites.iter().flat_map(|site| routes(plan, site));
    let named = routes.filter(|(name, _)| line.words().any(|word| names(word, name.as_str())));
    named.flat_map(|(_, fields)| fields).chain(site_fields(plan, line.path).into_iter().flatten()).collect()
}

/// A rate limit in the template.
#[derive(Serialize)]
struct RateLimitView {
    name: Value,
    per_second: u32,
}

/// Returns `nginx.conf`.
fn main(plan: &Plan) -> Result<String, Diagnostic> {
    let edge = &plan.ingress;
    let hosts: Result<Vec<Value>, Diagnostic> =
        edge.sites.values().flat_map(|site| &site.hosts).map(|host| nginx_host(host)).collect();
    let certificates: Result<Vec<Value>, Diagnostic> = edge.certificate_hosts().map(nginx_host).collect();
    let (hosts, certificates) = (hosts?, certificates?);
    let rate_limits: Vec<RateLimitView> = edge
        .rate_limits
        .iter()
        .map(|(name, limit)| RateLimitView { name: nginx(name), per_second: limit.per_second })
        .collect();
    let proxies: Vec<Value> = edge.trusted_proxies.iter().map(nginx).collect();
    let internal_addresses: Vec<Value> = edge.internal_addresses.iter().map(nginx).collect();
    let view = context! {
        max_body => edge.max_body.0,
        names_hash => (hosts.len().next_power_of_two() * 4).max(2048),
        acme => edge.tls == TlsMode::Acme,
        proxy => edge.tls == TlsMode::Proxy,
        cluster => edge.resolver != Resolver::Engine,
        name_server => name_server(edge)?,
        families => families(edge),
        grpc => edge.has_grpc(),
        redirects_http => edge.redirects_http,
        https_port => edge.https_port,
        certificate_cache => certificates.len().max(1),
        certificates,
        hsts => plan.profile != Profile::Local,
        connections => edge.connections,
        workers => edge.capacity.workers,
        worker_requests => edge.capacity.requests_per_worker(),
        worker_connections => edge.capacity.connections_per_worker(),
        hosts,
        rate_limits,
        proxies,
        proxies_are_listed => edge.proxies_are_listed,
        internal_addresses,
        this_machine_is_internal => edge.this_machine_is_internal,
        modules => MODULES.map(nginx_word),
        untrusted_headers => UNTRUSTED_HEADERS.map(nginx_word).to_vec(),
        misspelled_headers => misspelled_headers(),
    };
    render(Language::Nginx, MAIN, view)
}

/// Returns the spellings with `_` of the headers that the edge sets or removes: CGI programs and many frameworks read
/// `X_Real_IP` as `X-Real-IP`. gRPC services read metadata by its exact name.
fn misspelled_headers() -> Vec<Value> {
    let names = TRUSTED_HEADERS.into_iter().chain(UNTRUSTED_HEADERS);
    names.flat_map(|name| nginx_header_spellings(name).skip(1)).collect()
}

/// Returns the name server of a cluster; `None` if nginx uses the name server of the container engine.
fn name_server(edge: &IngressPlan) -> Result<Option<Value>, Diagnostic> {
    match &edge.resolver {
        Resolver::Engine => Ok(None),
        Resolver::Cluster(name_server) => nginx_host(&name_server.host).map(Some),
    }
}

/// The address families of the edge in the template.
#[derive(Serialize)]
struct Families {
    ipv4: bool,
    ipv6: bool,
}

fn families(edge: &IngressPlan) -> Families {
    let families = match &edge.resolver {
        Resolver::Engine => IpFamilies::Ipv4,
        Resolver::Cluster(name_server) => name_server.ip_families,
    };
    Families { ipv4: families != IpFamilies::Ipv6, ipv6: families != IpFamilies::Ipv4 }
}

/// A location in the template.
#[derive(Serialize)]
struct LocationView {
    path: Value,
    internal: bool,
    internal_paths: Vec<Value>,
    refused_headers: Vec<Value>,
    rate_limit: Value,
    burst: u32,
    unlimited: bool,
    max_body: u64,
    timeout: u64,
    grpc: bool,
    upstream: Value,
}

/// Returns the file of a site.
fn site(edge: &IngressPlan, site: &Site) -> Result<String, Diagnostic> {
    let hosts: Result<Vec<Value>, Diagnostic> = site.hosts.iter().map(|host| nginx_host(host)).collect();
    let locations: Result<Vec<LocationView>, Diagnostic> =
        site.locations.iter().map(|location| view(edge, location)).collect();
    let (internal, public): (Vec<&Location>, Vec<&Location>) =
        site.locations.iter().partition(|location| location.internal);
    let path_decides = public.iter().any(|location| !internal.is_empty() || !location.internal_paths.is_empty());
    let view = context! {
        hosts => hosts?,
        acme => edge.tls == TlsMode::Acme,
        proxy => edge.tls == TlsMode::Proxy,
        cluster => edge.resolver != Resolver::Engine,
        families => families(edge),
        redirects_http => edge.redirects_http,
        locations => locations?,
        path_decides,
    };
    render(Language::Nginx, SITE, view)
}

/// Returns the view of a location.
fn view(edge: &IngressPlan, location: &Location) -> Result<LocationView, Diagnostic> {
    Ok(LocationView {
        path: nginx(&location.path),
        internal: location.internal,
        internal_paths: location.internal_paths.iter().map(nginx_path_pattern).collect(),
        refused_headers: location.refused_headers.iter().map(nginx_header_variable).collect(),
        rate_limit: nginx(&location.rate_limit),
        burst: edge.rate_limits.get(&location.rate_limit).map_or(1, |limit| limit.burst),
        unlimited: location.max_body.is_none(),
        max_body: location.max_body.unwrap_or(Memory(0)).0,
        timeout: (location.timeout.0 / 1000).max(1),
        grpc: location.kind == RouteKind::Grpc,
        upstream: upstreams::name(&location.upstream),
    })
}
