//! Groups routes by host into sites, with the longest path first, and checks that each address belongs to one route.

use std::collections::BTreeMap;

use super::access_rules;
use super::callers::InternalRoute;
use super::certificates;
use super::location::{self, LocationSettings};
use super::upstreams;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::addresses::{Address, Addresses};
use crate::plan::inputs::Inputs;
use crate::plan::model::{Site, SiteName};
use crate::plan::roster::{Roster, tls_mode};
use crate::plan::service_names::PROXY_SERVICE;
use crate::plan::wiring::Planned;
use crate::stack::TlsMode;
use crate::values::UrlPath;

/// The sites of the proxy, and the routes that only internal addresses may use.
#[derive(Debug, Default)]
pub struct Sites {
    pub sites: BTreeMap<SiteName, Site>,
    pub internal_routes: Vec<InternalRoute>,
}

/// Plans the sites of all routes.
pub fn plan(inputs: Inputs, roster: &Roster, addresses: &Addresses, shared: &LocationSettings) -> Planned<Sites> {
    let mut planned = Planned::<Sites>::default();
    let Sites { sites, internal_routes } = &mut planned.value;
    let findings = &mut planned.findings;
    let mut first_routes = FirstRoutes::default();
    for address in addresses.routes() {
        if address.owner.as_str() == PROXY_SERVICE {
            findings.push(refused_proxy_route(address));
            continue;
        }
        let planned_location = location::plan(inputs.stack, roster, address, shared);
        findings.extend(planned_location.findings);
        let Some(location) = planned_location.value else { continue };
        if location.internal {
            internal_routes.push(internal_route(address));
        }
        if tls_mode(inputs.stack, inputs.profile) == TlsMode::Acme {
            findings.extend(certificates::check_hosts(inputs.stack, address));
        }
        findings.extend(first_routes.add(address, &location.path));
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
        access_rules::close_internal_paths(site);
    }
    upstreams::number(sites);
    planned
}

/// Returns the finding for a route that belongs to the proxy.
fn refused_proxy_route(address: &Address) -> Diagnostic {
    Diagnostic::error(Code::BadValue, address.path.clone())
        .message(format!("{PROXY_SERVICE} serves all routes, so a route to itself would never end"))
        .expected(format!("a route of a service other than {PROXY_SERVICE}"))
        .hint("remove it; a server of your own is a file in `nginx/conf.d`")
}

/// Returns the internal route of an address, with the field that makes it internal, or the whole route if a guard does.
fn internal_route(address: &Address) -> InternalRoute {
    let path = if address.route.access.is_some() { address.path.key("access") } else { address.path.clone() };
    InternalRoute { path, host: address.hosts[0].clone() }
}

/// The first route with each host name and path. Paths are without a slash at the end: a path covers whole segments, so
/// `/api` and `/api/` are one.
#[derive(Debug, Default)]
struct FirstRoutes<'a>(BTreeMap<(String, String), &'a Address>);

impl<'a> FirstRoutes<'a> {
    /// Adds a route with this path. Returns the finding if it has an address of an earlier route.
    fn add(&mut self, address: &'a Address, path: &UrlPath) -> Option<Diagnostic> {
        let whole_segments = path.as_str().trim_end_matches('/');
        let mut hosts = address.hosts.iter();
        let first = hosts.find_map(|host| self.0.insert((host.clone(), whole_segments.to_owned()), address))?;
        let (owner, first_owner) = (&address.owner, &first.owner);
        let owners = match owner == first_owner {
            true => format!("both of `{owner}`"),
            false => format!("of `{first_owner}` and of `{owner}`"),
        };
        let finding = Diagnostic::error(Code::RouteTaken, address.path.clone())
            .message(format!(
                "two routes, {owners}, have the same address: {} with the path `{path}`",
                declared_host(address)
            ))
            .hint(hint_to_separate(address, first))
            .counterpart(first.path.clone(), "the other route");
        Some(finding)
    }
}

/// Returns the hint for two routes with one address.
fn hint_to_separate(address: &Address, first: &Address) -> String {
    let host_field = |address: &Address| {
        address.path.key(if address.route.host.is_some() { "host" } else { "subdomain" }).to_string()
    };
    let hosts = (host_field(first), host_field(address));
    let path_field = address.path.key("path");
    let change_path = match &address.route.path {
        Some(_) => format!("change `{path_field}`"),
        None => format!("add a path, such as `{path_field} = \"/{}\"`", address.owner),
    };
    format!("change `{}` or `{}`, or {change_path}", hosts.0, hosts.1)
}

/// Returns the host of a route as the stack declares it, which is the same in all environments, for a message.
fn declared_host(address: &Address) -> String {
    match (&address.route.subdomain, &address.route.host) {
        (Some(subdomain), _) => format!("the subdomain `{subdomain}`"),
        (None, Some(host)) => format!("the host `{host}`"),
        (None, None) => format!("the host `{}`", address.hosts[0]),
    }
}
