//! The access rules of the edge: which locations and paths only internal addresses may use.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::plan::model::{Location, Site};
use crate::plan::ports::port;
use crate::plan::roster::Roster;
use crate::values::{Checked, UrlPath};

/// Checks that the ports which a guard names exist.
pub fn check_guarded_ports(roster: &Roster) -> Vec<Diagnostic> {
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

/// Closes the internal paths of a site at each location that could bypass the rule.
pub fn close_internal_paths(site: &mut Site) {
    close_on_other_routes(site);
    site.locations.iter_mut().filter(|location| location.strip_prefix).for_each(close_below_prefix);
}

/// Adds the path of an internal route to the internal paths of other routes to the same port, since an upstream
/// may treat `/ADMIN` like `/admin`.
fn close_on_other_routes(site: &mut Site) {
    let internal_locations: Vec<Location> =
        site.locations.iter().filter(|location| location.internal).cloned().collect();
    for location in site.locations.iter_mut().filter(|location| !location.internal) {
        let ports: BTreeSet<_> = location.service_ports().collect();
        let has_same_port = |internal: &&Location| {
            internal.upstream == location.upstream || internal.service_ports().any(|port| ports.contains(&port))
        };
        let paths: Vec<UrlPath> =
            internal_locations.iter().filter(has_same_port).map(|internal| internal.path.clone()).collect();
        location.declares_internal_paths |= !paths.is_empty();
        location.internal_paths.extend(paths);
    }
}

/// Adds each internal path with the location's prefix in front, because the service receives `/api/admin` as `/admin`.
fn close_below_prefix(location: &mut Location) {
    let prefix = location.path.as_str().trim_end_matches('/');
    let paths = location.internal_paths.iter().map(|path| UrlPath::wrap(format!("{prefix}{path}")));
    let paths: Vec<UrlPath> = paths.collect();
    location.internal_paths.extend(paths);
}
