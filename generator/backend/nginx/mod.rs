//! nginx as the edge: one file per site, everything that concerns all sites in one place. Files of the user
//! are included last.

use std::collections::BTreeSet;

use minijinja::{Value, context};
use serde::Serialize;

use super::render::{
    Language, nginx, nginx_header_variable, nginx_host, nginx_host_machine, nginx_path_pattern, nginx_upstream,
    nginx_word, render,
};
use crate::artifact::Artifacts;
use crate::diagnostic::Diagnostic;
use crate::plan::{IngressPlan, Location, Plan, Resolver, Site, Upstream};
use crate::stack::{Profile, RouteKind, TlsMode};
use crate::values::{Memory, ServiceName};

const MAIN: &str = include_str!("nginx.conf.j2");
const SITE: &str = include_str!("site.conf.j2");
const UPSTREAMS: &str = include_str!("upstreams.conf.j2");
const ACME: &str = include_str!("acme.sh");

/// The modules that forward requests; both send the same headers.
const MODULES: [&str; 2] = ["proxy", "grpc"];
/// Request headers that say who asks, by which way or for which path. A service may believe them, and only the edge
/// knows better, so the client's never arrive. `Proxy` becomes the variable HTTP_PROXY of CGI programs (httpoxy);
/// `HTTP2-Settings` belongs to the upgrade that the edge does not forward.
const CLAIMS: [&str; 33] = [
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

/// The edge's files below `nginx/`.
///
/// # Errors
/// NS901 for a plan with unchecked names.
pub fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let edge = &plan.edge;
    let mut files = Artifacts::default();
    files.add("nginx", "nginx/nginx.conf", main(plan)?)?;
    files.add("nginx", "nginx/upstreams.conf", upstreams(edge)?)?;
    for (name, site) in &edge.sites {
        files.add("nginx", format!("nginx/sites/{name}.conf"), self::site(edge, site)?)?;
    }
    for (name, text) in &edge.conf_d {
        files.add("nginx", format!("nginx/conf.d/{name}"), text.as_bytes())?;
    }
    if edge.conf_d.is_empty() {
        // The include needs no file, but the folder says where own servers go.
        files.add("nginx", "nginx/conf.d/README", "Files of nginx/conf.d beside stack.ncl are copied here.\n")?;
    }
    Ok(files)
}

/// `acme/`, where certificates come from an authority.
///
/// # Errors
/// None; the signature is that of all generators.
pub fn acme(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    if plan.edge.tls == TlsMode::Acme {
        files.add("nginx", "acme/acme.sh", ACME)?;
    }
    Ok(files)
}

#[derive(Serialize)]
struct Zone {
    name: Value,
    per_second: u32,
}

fn main(plan: &Plan) -> Result<String, Diagnostic> {
    let edge = &plan.edge;
    let hosts: Result<Vec<Value>, Diagnostic> =
        edge.sites.values().flat_map(|site| &site.hosts).map(|host| nginx_host(host)).collect();
    let certificates: Result<Vec<Value>, Diagnostic> = edge.certificate_hosts().map(nginx_host).collect();
    let (hosts, certificates) = (hosts?, certificates?);
    let rate_limits: Vec<Zone> =
        edge.rate_limits.iter().map(|(name, limit)| Zone { name: nginx(name), per_second: limit.per_second }).collect();
    let proxies: Vec<Value> = edge.trusted_proxies.iter().map(nginx).collect();
    let internal_addresses: Vec<Value> = edge.internal_addresses.iter().map(nginx).collect();
    let view = context! {
        max_body => edge.max_body.0,
        names_hash => (hosts.len().next_power_of_two() * 4).max(2048),
        acme => edge.tls == TlsMode::Acme,
        proxy => edge.tls == TlsMode::Proxy,
        cluster => edge.resolver != Resolver::Engine,
        certificate_cache => certificates.len().max(1),
        certificates,
        hsts => plan.profile != Profile::Local,
        connections => edge.connections,
        hosts,
        rate_limits,
        proxies,
        proxies_are_listed => edge.proxies_are_listed,
        internal_addresses,
        this_machine_is_internal => edge.this_machine_is_internal,
        modules => MODULES.map(nginx_word),
        claims => CLAIMS.map(nginx_word).to_vec(),
    };
    render(Language::Nginx, MAIN, view)
}

/// An upstream: one port of a service, or of the machine that runs the containers.
#[derive(Serialize)]
struct UpstreamView {
    name: Value,
    host: Value,
    port: u16,
    host_machine: bool,
}

/// Writes every upstream once, however many routes use it.
fn upstreams(edge: &IngressPlan) -> Result<String, Diagnostic> {
    let used: BTreeSet<&Upstream> =
        edge.sites.values().flat_map(|site| &site.locations).map(|location| &location.upstream).collect();
    let view = |upstream: &&Upstream| {
        let (host, port, host_machine) = match upstream {
            Upstream::Service { service, port } => (service_host(edge, service)?, *port, false),
            Upstream::HostMachine { port } => (nginx_word("host.docker.internal"), *port, true),
        };
        Ok(UpstreamView { name: upstream_name(upstream), host, port, host_machine })
    };
    let upstreams: Result<Vec<UpstreamView>, Diagnostic> = used.iter().map(view).collect();
    render(Language::Nginx, UPSTREAMS, context! { upstreams => upstreams? })
}

/// Returns the name by which nginx finds a service. It knows no search list, so that of a cluster is whole.
fn service_host(edge: &IngressPlan, service: &ServiceName) -> Result<Value, Diagnostic> {
    match &edge.resolver {
        Resolver::Engine => Ok(nginx(service)),
        Resolver::Cluster(namespace) => nginx_host(&format!("{service}.{namespace}.svc.cluster.local")),
    }
}

/// Returns an upstream's name. No name of a service has an underscore, so two upstreams never share one.
fn upstream_name(upstream: &Upstream) -> Value {
    match upstream {
        Upstream::Service { service, port } => nginx_upstream(service, *port),
        Upstream::HostMachine { port } => nginx_host_machine(*port),
    }
}

/// What the template of a location reads; tokens, numbers and flags.
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
        locations => locations?,
        path_decides,
    };
    render(Language::Nginx, SITE, view)
}

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
        upstream: upstream_name(&location.upstream),
    })
}
