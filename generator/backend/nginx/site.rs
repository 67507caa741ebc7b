//! The file of a site, `sites/<name>.conf`: a server with all locations of the site.

use std::collections::BTreeSet;

use minijinja::{Value, context};
use serde::Serialize;

use super::nginx_conf::listen_families;
use super::{routes, upstreams};
use crate::backend::render::{
    Language, Template, nginx, nginx_groups, nginx_header_variable, nginx_host, nginx_location, nginx_path_pattern,
};
use crate::diagnostic::Diagnostic;
use crate::plan::{IngressPlan, Location, Resolver, Site};
use crate::stack::{RouteKind, TlsMode};
use crate::values::Memory;

static TEMPLATE: Template = Template::new(Language::Nginx, include_str!("site.conf.j2"));

/// A location in the template.
#[derive(Serialize)]
struct LocationView {
    /// The argument of `location`. A path with a password matches in upper and lower case, since many services accept both.
    path: Value,
    internal: bool,
    /// The internal paths of a public location, in groups that fit into one parameter of nginx.
    internal_paths: Vec<Vec<Value>>,
    internal_headers: Vec<Value>,
    rate_limit: Value,
    burst: u32,
    /// Whether the location has no limit for the body of a request; `max_body` is then unused.
    unlimited: bool,
    /// The maximum size of the body of a request in bytes.
    max_body: u64,
    /// Seconds.
    timeout: u64,
    grpc: bool,
    upstream: Value,
    #[serde(flatten)]
    settings: routes::SettingsView,
}

/// Returns the file of a site.
pub fn render_file(ingress: &IngressPlan, site: &Site) -> Result<String, Diagnostic> {
    let hosts: Result<Vec<Value>, Diagnostic> = site.hosts.iter().map(|host| nginx_host(host)).collect();
    let locations: Result<Vec<LocationView>, Diagnostic> =
        site.locations.iter().enumerate().map(|(i, location)| location_view(ingress, site, i, location)).collect();
    let (internal, public): (Vec<&Location>, Vec<&Location>) =
        site.locations.iter().partition(|location| location.internal);
    // The declared internal paths of a public location are internal, too.
    let has_both_kinds = public.iter().any(|location| !internal.is_empty() || location.declares_internal_paths);
    let passwords: BTreeSet<_> = site.locations.iter().map(|location| &location.basic_auth).collect();
    // True if access to the site depends on the path: it has both internal and public paths, or different passwords.
    let access_depends_on_path = has_both_kinds || passwords.len() > 1;
    let view = context! {
        hosts => hosts?,
        acme => ingress.tls == TlsMode::Acme,
        proxy => ingress.tls == TlsMode::Proxy,
        http3 => ingress.http3_port.is_some(),
        cluster => ingress.resolver != Resolver::Engine,
        listen_families => listen_families(ingress),
        redirects_http => ingress.redirects_http,
        locations => locations?,
        access_depends_on_path,
    };
    TEMPLATE.render(view)
}

/// Returns the view of the location with this index in its site.
fn location_view(
    ingress: &IngressPlan,
    site: &Site,
    index: usize,
    location: &Location,
) -> Result<LocationView, Diagnostic> {
    Ok(LocationView {
        path: nginx_location(&location.path, location.basic_auth.is_some()),
        internal: location.internal,
        internal_paths: nginx_groups(location.internal_paths.iter().map(nginx_path_pattern)),
        internal_headers: location.internal_headers.iter().map(nginx_header_variable).collect(),
        rate_limit: nginx(&location.rate_limit),
        burst: ingress.rate_limits.get(&location.rate_limit).map_or(1, |limit| limit.burst),
        unlimited: location.max_body.is_none(),
        max_body: location.max_body.unwrap_or(Memory(0)).0,
        timeout: location.timeout.seconds(),
        grpc: location.kind == RouteKind::Grpc,
        upstream: upstreams::upstream_name(&location.upstream, location.balanced.as_ref()),
        settings: routes::settings(ingress, site, index, location),
    })
}
