//! nginx as the edge: one file per site, everything that concerns all sites in one place. Files of the user
//! are included last.

use minijinja::{Value, context};
use serde::Serialize;

use super::render::{Language, nginx, nginx_host, render};
use crate::artifact::Artifacts;
use crate::diagnostic::Diagnostic;
use crate::plan::{EdgePlan, Location, Plan, Resolver, Site, Upstream};
use crate::stack::{Memory, Profile, RouteKind, TlsMode, UrlPath};

const MAIN: &str = include_str!("nginx.conf.j2");
const SITE: &str = include_str!("site.conf.j2");
const ACME: &str = include_str!("acme.sh");

/// The edge's files below `nginx/`.
///
/// # Errors
/// NS901 for a plan with unchecked names.
pub fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let edge = &plan.edge;
    let mut files = Artifacts::default();
    files.add("nginx", "nginx/nginx.conf", main(plan)?)?;
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
    let hosts = hosts?;
    let rate_limits: Vec<Zone> =
        edge.rate_limits.iter().map(|(name, limit)| Zone { name: nginx(name), per_second: limit.per_second }).collect();
    let proxies: Vec<Value> = edge.trusted_proxies.iter().map(nginx).collect();
    let view = context! {
        max_body => edge.max_body.0,
        names_hash => (hosts.len().next_power_of_two() * 4).max(2048),
        acme => edge.tls == TlsMode::Acme,
        proxy => edge.tls == TlsMode::Proxy,
        cluster => edge.resolver != Resolver::Engine,
        certificates => certificates?,
        hsts => plan.profile != Profile::Local,
        connections => edge.connections,
        hosts,
        rate_limits,
        proxies,
    };
    render(Language::Nginx, MAIN, view)
}

/// What the template of a location reads; tokens, numbers and flags.
#[derive(Serialize)]
struct LocationView {
    path: Value,
    internal: bool,
    rate_limit: Value,
    burst: u32,
    unlimited: bool,
    max_body: u64,
    timeout: u64,
    grpc: bool,
    stream: bool,
    upload: bool,
    host_machine: bool,
    service: Value,
    port: u16,
}

fn site(edge: &EdgePlan, site: &Site) -> Result<String, Diagnostic> {
    let hosts: Result<Vec<Value>, Diagnostic> = site.hosts.iter().map(|host| nginx_host(host)).collect();
    let mut locations = Vec::new();
    for location in &site.locations {
        // A refused path is refused with everything below it, and its own way stays open to insiders.
        for path in &location.internal_paths {
            locations.push(view(edge, location, path, true)?);
        }
        locations.push(view(edge, location, &location.path, location.internal)?);
    }
    let mut host_machine: Vec<u16> = site.locations.iter().filter_map(host_port).collect();
    host_machine.sort_unstable();
    host_machine.dedup();
    let internal_addresses: Vec<Value> = edge.internal_addresses.iter().map(nginx).collect();
    let view = context! {
        hosts => hosts?,
        acme => edge.tls == TlsMode::Acme,
        proxy => edge.tls == TlsMode::Proxy,
        locations,
        host_machine,
        internal_addresses,
    };
    render(Language::Nginx, SITE, view)
}

fn host_port(location: &Location) -> Option<u16> {
    match location.upstream {
        Upstream::HostMachine { port } => Some(port),
        Upstream::Service { .. } => None,
    }
}

fn view(edge: &EdgePlan, location: &Location, path: &UrlPath, internal: bool) -> Result<LocationView, Diagnostic> {
    let (service, port) = match (&location.upstream, &edge.resolver) {
        (Upstream::Service { service, port }, Resolver::Engine) => (nginx(service), *port),
        // nginx knows no search list.
        (Upstream::Service { service, port }, Resolver::Cluster(namespace)) => {
            (nginx_host(&format!("{service}.{namespace}.svc.cluster.local"))?, *port)
        }
        (Upstream::HostMachine { port }, _) => (Value::UNDEFINED, *port),
    };
    Ok(LocationView {
        path: nginx(path),
        internal,
        rate_limit: nginx(&location.rate_limit),
        burst: edge.rate_limits.get(&location.rate_limit).map_or(1, |limit| limit.burst),
        unlimited: location.max_body.is_none(),
        max_body: location.max_body.unwrap_or(Memory(0)).0,
        timeout: (location.timeout.0 / 1000).max(1),
        grpc: location.kind == RouteKind::Grpc,
        stream: location.kind == RouteKind::Websocket,
        upload: location.kind == RouteKind::Upload,
        host_machine: host_port(location).is_some(),
        service,
        port,
    })
}
