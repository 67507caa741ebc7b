//! The upstreams of nginx: one for each port of a service, shared by all routes to it. nginx resolves the names of
//! services again while it runs, and keeps connections open.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use minijinja::{Value, context};
use serde::Serialize;

use crate::backend::render::{Language, Template, nginx, nginx_host, nginx_host_machine, nginx_upstream, nginx_word};
use crate::diagnostic::Diagnostic;
use crate::plan::{BalancedServer, IngressPlan, Resolver, ServerList, Target, Upstream};
use crate::values::ServiceName;

/// The file with all upstreams.
pub const FILE: &str = "nginx/upstreams.conf";

static TEMPLATE: Template = Template::new(Language::Nginx, include_str!("upstreams.conf.j2"));

/// An upstream in the template.
#[derive(Serialize)]
struct UpstreamView {
    name: Value,
    host_machine: bool,
    servers: Vec<ServerView>,
}

/// A server of an upstream in the template.
#[derive(Serialize)]
struct ServerView {
    host: Value,
    port: u16,
    /// Whether nginx resolves the name again while it runs.
    resolve: bool,
    weight: u16,
    backup: bool,
}

/// Returns the file with all upstreams.
pub fn render_all(ingress: &IngressPlan) -> Result<String, Diagnostic> {
    let locations = ingress.sites.values().flat_map(|site| &site.locations);
    let upstreams: BTreeSet<(&Upstream, Option<&ServerList>)> =
        locations.map(|location| (&location.upstream, location.balanced.as_ref())).collect();
    let view = |(upstream, balanced): (&Upstream, Option<&ServerList>)| {
        // The list of servers of an upstream without load balancing.
        let only_server = |host, port, resolve| vec![ServerView { host, port, resolve, weight: 1, backup: false }];
        let servers = match (upstream, balanced) {
            (_, Some(balanced)) => {
                balanced.servers.iter().map(|server| server_view(ingress, server)).collect::<Result<_, _>>()?
            }
            (Upstream::Service { service, port }, None) => only_server(service_host(ingress, service)?, *port, true),
            (Upstream::HostMachine { port }, None) => only_server(nginx_word("host.docker.internal"), *port, false),
        };
        let host_machine = balanced.is_none() && matches!(upstream, Upstream::HostMachine { .. });
        Ok(UpstreamView { name: upstream_name(upstream, balanced), host_machine, servers })
    };
    let upstreams: Result<Vec<UpstreamView>, Diagnostic> = upstreams.into_iter().map(view).collect();
    TEMPLATE.render(context! { upstreams => upstreams? })
}

/// Returns the host name with which nginx reaches a service. nginx ignores the search list of `resolv.conf`, so a cluster
/// needs the fully qualified name.
fn service_host(ingress: &IngressPlan, service: &ServiceName) -> Result<Value, Diagnostic> {
    match &ingress.resolver {
        Resolver::Engine => Ok(nginx(service)),
        Resolver::Cluster(name_server) => nginx_host(&format!("{service}.{}", name_server.service_domain)),
    }
}

fn server_view(ingress: &IngressPlan, server: &BalancedServer) -> Result<ServerView, Diagnostic> {
    let (host, port, resolve) = match &server.target {
        Target::Service { service, port } => (service_host(ingress, service)?, *port, true),
        Target::Host { host, port } => (nginx(host), *port, host.as_str().parse::<Ipv4Addr>().is_err()),
    };
    Ok(ServerView { host, port, resolve, weight: server.weight, backup: server.is_backup })
}

/// Returns the name of an upstream. Its parts are joined with underscores, which names of services do not contain, so
/// two upstreams never share a name.
pub fn upstream_name(upstream: &Upstream, balanced: Option<&ServerList>) -> Value {
    let number = balanced.map(|balanced| balanced.number);
    match upstream {
        Upstream::Service { service, port } => nginx_upstream(service, *port, number),
        Upstream::HostMachine { port } => nginx_host_machine(*port, number),
    }
}
