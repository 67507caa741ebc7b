//! The file `nginx.conf`: settings of all sites, headers of requests, and the servers without a site.

use minijinja::{Value, context};
use serde::Serialize;

use super::headers;
use crate::backend::render::{Language, Template, nginx, nginx_host};
use crate::diagnostic::Diagnostic;
use crate::plan::{IngressPlan, Plan, Resolver};
use crate::stack::{IpFamilies, Profile, TlsMode};

static TEMPLATE: Template = Template::new(
    Language::Nginx,
    concat!(include_str!("nginx.conf.j2"), include_str!("request_headers.conf.j2"), include_str!("servers.conf.j2")),
);

/// A rate limit in the template.
#[derive(Serialize)]
struct RateLimitView {
    name: Value,
    per_second: u32,
}

/// Returns the file.
pub fn render_file(plan: &Plan) -> Result<String, Diagnostic> {
    let ingress = &plan.ingress;
    let hosts: Result<Vec<Value>, Diagnostic> =
        ingress.sites.values().flat_map(|site| &site.hosts).map(|host| nginx_host(host)).collect();
    let certificates: Result<Vec<Value>, Diagnostic> = ingress.certificate_hosts().map(nginx_host).collect();
    let (hosts, certificates) = (hosts?, certificates?);
    let rate_limits: Vec<RateLimitView> = ingress
        .rate_limits
        .iter()
        .map(|(name, limit)| RateLimitView { name: nginx(name), per_second: limit.per_second })
        .collect();
    let proxies: Vec<Value> = ingress.trusted_proxies.iter().map(nginx).collect();
    let internal_addresses: Vec<Value> = ingress.internal_addresses.iter().map(nginx).collect();
    let view = context! {
        max_body => ingress.max_body.0,
        // nginx refuses to start if its hash tables of host names are too small.
        names_hash => (hosts.len().next_power_of_two() * 4).max(2048),
        acme => ingress.tls == TlsMode::Acme,
        proxy => ingress.tls == TlsMode::Proxy,
        cluster => ingress.resolver != Resolver::Engine,
        name_server => name_server(ingress)?,
        listen_families => listen_families(ingress),
        grpc => ingress.has_grpc(),
        redirects_http => ingress.redirects_http,
        http3_port => ingress.http3_port,
        http3_hosts => http3_hosts(ingress)?,
        certificate_cache => certificates.len().max(1),
        certificates,
        hsts => plan.profile != Profile::Local,
        connections => ingress.connections_per_client,
        // 128 is the default of nginx.
        concurrent_streams => ingress.connections_per_client.min(128),
        workers => ingress.capacity.workers,
        worker_requests => ingress.capacity.requests_per_worker(),
        worker_connections => ingress.capacity.connections_per_worker(),
        hosts,
        rate_limits,
        proxies,
        proxies_are_listed => ingress.proxies_are_listed,
        internal_addresses,
        this_machine_is_internal => ingress.this_machine_is_internal,
        ..headers::view(ingress)
    };
    TEMPLATE.render(view)
}

/// Returns the first host of each site, which is the name of its server, if the sites are served over HTTP/3.
fn http3_hosts(ingress: &IngressPlan) -> Result<Vec<Value>, Diagnostic> {
    let sites = ingress.sites.values().filter(|_| ingress.http3_port.is_some());
    sites.filter_map(|site| site.hosts.first()).map(|host| nginx_host(host)).collect()
}

/// Returns the name server of a cluster; `None` if nginx uses the name server of the container engine.
fn name_server(ingress: &IngressPlan) -> Result<Option<Value>, Diagnostic> {
    match &ingress.resolver {
        Resolver::Engine => Ok(None),
        Resolver::Cluster(name_server) => nginx_host(&name_server.host).map(Some),
    }
}

/// The address families of the edge in the template.
#[derive(Serialize)]
pub struct Families {
    ipv4: bool,
    ipv6: bool,
}

/// Returns the address families on which the edge listens.
pub fn listen_families(ingress: &IngressPlan) -> Families {
    let families = match &ingress.resolver {
        Resolver::Engine => IpFamilies::Ipv4,
        Resolver::Cluster(name_server) => name_server.ip_families,
    };
    Families { ipv4: families != IpFamilies::Ipv6, ipv6: families != IpFamilies::Ipv4 }
}
