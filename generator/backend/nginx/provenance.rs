//! The fields of the stack from which the files of the edge, and their lines, are generated.

use crate::backend::provenance::GeneratedLine;
use crate::diagnostic::FieldPath;
use crate::path;
use crate::plan::{Plan, Site, Upstream};
use crate::values::ServiceName;

use super::upstreams;

/// Returns the sites from which a file is generated: one site for its own file, all sites for the upstreams.
fn sites_of_file<'a>(plan: &'a Plan, path: &str) -> Vec<&'a Site> {
    if path == upstreams::FILE {
        return plan.ingress.sites.values().collect();
    }
    let name = path.strip_prefix("nginx/sites/").and_then(|name| name.strip_suffix(".conf"));
    name.and_then(|name| plan.ingress.sites.get(name)).into_iter().collect()
}

/// Returns the services to which a site forwards requests, each with the two fields that can declare its routes.
fn route_fields<'a>(plan: &'a Plan, site: &'a Site) -> impl Iterator<Item = (&'a ServiceName, [FieldPath; 2])> {
    site.locations.iter().filter_map(|location| {
        let Upstream::Service { service, .. } = &location.upstream else { return None };
        let origin = &plan.services.get(service)?.origin;
        Some((service, [origin.key("route"), origin.key("routes")]))
    })
}

/// Returns the fields that declare the sites of a file: routes, and frontends on the host machine.
pub fn site_fields(plan: &Plan, path: &str) -> Option<Vec<FieldPath>> {
    let sites = sites_of_file(plan, path);
    let mut upstreams = sites.iter().flat_map(|site| &site.locations).map(|location| &location.upstream);
    let has_frontends = upstreams.any(|upstream| matches!(upstream, Upstream::HostMachine { .. }));
    let routes = sites.iter().flat_map(|site| route_fields(plan, site)).flat_map(|(_, fields)| fields);
    let fields = routes.chain(has_frontends.then(|| path!("frontends"))).collect();
    (!sites.is_empty()).then_some(fields)
}

/// Returns the sites whose host names are words of a line, as in the list of hosts in `nginx.conf`.
fn sites_named_in<'a>(plan: &'a Plan, line: &str) -> Vec<&'a Site> {
    let words: Vec<&str> = line.split([' ', ';']).collect();
    plan.ingress.sites.values().filter(|site| site.hosts.iter().any(|host| words.contains(&host.as_str()))).collect()
}

/// Returns the routes of the services that the line names, as `SERVICE` or `SERVICE_PORT`, then all fields that declare
/// the file. In `nginx.conf`, it returns the routes of the sites whose hosts the line names.
pub fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    let sites = sites_of_file(plan, line.path);
    if sites.is_empty() {
        let named_sites = sites_named_in(plan, line.text().unwrap_or_default());
        return named_sites
            .into_iter()
            .flat_map(|site| route_fields(plan, site))
            .flat_map(|(_, fields)| fields)
            .collect();
    }
    let is_named = |service: &str| line.words().any(|word| word.split('_').next() == Some(service));
    let routes = sites.iter().flat_map(|site| route_fields(plan, site));
    let named_routes = routes.filter(|(service, _)| is_named(service.as_str()));
    named_routes.flat_map(|(_, fields)| fields).chain(site_fields(plan, line.path).into_iter().flatten()).collect()
}
