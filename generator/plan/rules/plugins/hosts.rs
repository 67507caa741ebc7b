//! Checks that a plugin's routes use hosts of the plugin alone. A route on the host of another service would take requests
//! from that service.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::roster::{PlannedService, Roster, plugin_of};
use crate::stack::{Route, Stack};
use crate::values::ServiceName;

/// Refuses routes of plugins to hosts of other services.
pub fn check(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    let stack = inputs.stack;
    let routes = roster.iter().flat_map(|(name, member)| {
        let owner = plugin_of(roster, name);
        routes(member).into_iter().filter_map(move |(route, path)| Some((host(stack, &route)?, (owner, path))))
    });
    let frontends = stack.frontends.iter().filter_map(|(name, frontend)| {
        Some((host(stack, &frontend.route)?, (None, path!("frontends", name, "route"))))
    });
    // The routes of each host, with their plugins; `None` for a route of the stack.
    let mut by_host: BTreeMap<String, Vec<(Option<&ServiceName>, FieldPath)>> = BTreeMap::new();
    routes.chain(frontends).for_each(|(host, route)| by_host.entry(host).or_default().push(route));
    // A route of a plugin conflicts with the first route of the same host that does not belong to this plugin.
    let conflicts = by_host.iter().flat_map(|(host, routes)| {
        let plugin_routes = routes.iter().filter_map(move |(owner, path)| Some((host, (*owner)?, path)));
        plugin_routes.filter_map(move |(host, plugin, path)| {
            let (_, other) = routes.iter().find(|(owner, _)| *owner != Some(plugin))?;
            Some(host_taken(host, plugin, path, other))
        })
    });
    conflicts.collect()
}

/// Returns the routes of a service, each with the field that declares it: `route` is the short form of `routes.main`.
fn routes(member: &PlannedService) -> Vec<(Route, FieldPath)> {
    let is_short_form = |key: &str| member.service.route.is_some() && key == "main";
    let routes = member.service.all_routes().into_iter().map(|(key, route)| {
        let path = match is_short_form(key.as_str()) {
            true => member.path.key("route"),
            false => member.path.key("routes").key(key.as_str()),
        };
        (route, path)
    });
    routes.collect()
}

/// Returns the full name of a route's host; `None` if the route sets neither a subdomain nor a host.
fn host(stack: &Stack, route: &Route) -> Option<String> {
    match (&route.subdomain, &route.host) {
        (Some(subdomain), _) if subdomain.as_str() == "@" => Some(stack.domain.to_string()),
        (Some(subdomain), _) => Some(format!("{subdomain}.{}", stack.domain)),
        (None, host) => host.as_ref().map(ToString::to_string),
    }
}

/// Returns the finding for a route of a plugin on the host of another service.
fn host_taken(host: &str, plugin: &ServiceName, path: &FieldPath, other: &FieldPath) -> Diagnostic {
    Diagnostic::error(Code::PluginRights, path.clone())
        .message(format!("the plugin `{plugin}` would answer requests to `{host}`, a host of another service"))
        .hint(format!("choose a different host, such as `route.subdomain = \"{plugin}\"`"))
        .counterpart(other.clone(), "the other service")
}
