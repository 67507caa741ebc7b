//! The upstreams of nginx: one for each port of a service, shared by all routes to it. nginx resolves the names of
//! services again while it runs, and keeps connections open.

use std::collections::BTreeSet;

use minijinja::{Value, context};
use serde::Serialize;

use crate::backend::render::{Language, nginx, nginx_host, nginx_host_machine, nginx_upstream, nginx_word, render};
use crate::diagnostic::Diagnostic;
use crate::plan::{IngressPlan, Resolver, Upstream};
use crate::values::ServiceName;

const TEMPLATE: &str = include_str!("upstreams.conf.j2");

/// An upstream in the template.
#[derive(Serialize)]
struct UpstreamView {
    name: Value,
    host: Value,
    port: u16,
    host_machine: bool,
}

/// Returns the file with all upstreams.
pub fn render_all(ingress: &IngressPlan) -> Result<String, Diagnostic> {
    let locations = ingress.sites.values().flat_map(|site| &site.locations);
    let upstreams: BTreeSet<&Upstream> = locations.map(|location| &location.upstream).collect();
    let view = |upstream: &Upstream| {
        let (host, port, host_machine) = match upstream {
            Upstream::Service { service, port } => (service_host(ingress, service)?, *port, false),
            Upstream::HostMachine { port } => (nginx_word("host.docker.internal"), *port, true),
        };
        Ok(UpstreamView { name: name(upstream), host, port, host_machine })
    };
    let upstreams: Result<Vec<UpstreamView>, Diagnostic> = upstreams.into_iter().map(view).collect();
    render(Language::Nginx, TEMPLATE, context! { upstreams => upstreams? })
}

/// Returns the host name by which nginx reaches a service. nginx ignores the search list of `resolv.conf`, so a cluster
/// needs the fully qualified name.
fn service_host(ingress: &IngressPlan, service: &ServiceName) -> Result<Value, Diagnostic> {
    match &ingress.resolver {
        Resolver::Engine => Ok(nginx(service)),
        Resolver::Cluster(name_server) => nginx_host(&format!("{service}.{}", name_server.service_domain)),
    }
}

/// Returns the name of an upstream. Names of services contain no underscore, so two upstreams never share a name.
pub fn name(upstream: &Upstream) -> Value {
    match upstream {
        Upstream::Service { service, port } => nginx_upstream(service, *port),
        Upstream::HostMachine { port } => nginx_host_machine(*port),
    }
}
