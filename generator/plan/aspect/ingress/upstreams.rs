//! Plans routes with several servers: services of the stack and hosts outside of it, with weights and backups.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::addresses::Address;
use crate::plan::missing_services::missing_service;
use crate::plan::model::{BalancedServer, IngressPlan, OutsideServer, ServerList, Site, Target, Upstream};
use crate::plan::ports::tcp_port;
use crate::plan::roster::Roster;
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{RouteUpstream, Stack};
use crate::values::{Checked, Cidr, ServiceName};

/// The largest weight that a server may have. With larger weights, nginx would reach the declared shares only after very
/// many requests.
const MAX_WEIGHT: u16 = 100;

/// Plans the servers of a route; `None` for a route with its service alone.
pub fn servers(stack: &Stack, roster: &Roster, address: &Address) -> Planned<Option<ServerList>> {
    let declared = &address.route.upstreams;
    let path = address.path.key("upstreams");
    if declared.is_empty() {
        return Planned::default();
    }
    let mut findings = Vec::new();
    let mut servers: Vec<BalancedServer> = Vec::new();
    for (i, upstream) in declared.iter().enumerate() {
        let path = path.index(i);
        match server(stack, roster, address, upstream, &path) {
            Ok(server) => {
                if servers.iter().any(|other| other.target == server.target) {
                    findings.push(
                        refusal(&path, "the route has this server twice")
                            .hint("remove one of them; `weight` gives a server a larger share"),
                    );
                }
                servers.push(server);
            }
            Err(finding) => findings.push(finding),
        }
    }
    if servers.len() == declared.len() && servers.iter().all(|server| server.is_backup) {
        findings.push(
            refusal(&path, "all servers are backups, so none gets the requests")
                .expected("at least one server without `backup`"),
        );
    }
    if address.route.redirect.is_some() {
        findings.push(
            refusal(&path, "`upstreams` has no effect, since nginx redirects every request of this route")
                .expected("either `redirect` or `upstreams`"),
        );
    }
    // The function `number` sets the final number, when all locations are known.
    Planned::without_wirings(Some(ServerList { number: 1, servers }), findings)
}

/// Returns the error for a field of a route's servers.
fn refusal(path: &FieldPath, message: &str) -> Diagnostic {
    Diagnostic::error(Code::RouteUpstream, path.clone()).message(message)
}

/// Returns the server of one entry of `upstreams`.
fn server(
    stack: &Stack,
    roster: &Roster,
    address: &Address,
    upstream: &RouteUpstream,
    path: &FieldPath,
) -> Result<BalancedServer, Diagnostic> {
    let target = match (&upstream.host, &upstream.service) {
        (Some(_), Some(_)) => {
            return Err(refusal(path, "a server must be either a service or a host, but this one has both")
                .expected("one of `service` and `host`"));
        }
        (Some(host), None) => {
            if upstream.port.is_some() {
                return Err(refusal(&path.key("port"), "`port` needs `service`; with `host`, set `host_port`")
                    .expected("`host_port` with a number"));
            }
            let is_address = host.as_str().parse::<Ipv4Addr>().is_ok();
            if stack.kubernetes.enabled && !is_address {
                return Err(refusal(
                    &path.key("host"),
                    "the network policies of the cluster need an address, but this host is a name",
                )
                .expected("an IPv4 address")
                .hint(
                    "use the address of the host, or distribute requests with a load balancer in front of the cluster",
                ));
            }
            Target::Host { host: host.clone(), port: upstream.host_port.unwrap_or(80) }
        }
        (None, service) => {
            let name = service.as_ref().unwrap_or(&address.owner);
            service_target(stack, roster, (address, name), upstream, path)?
        }
    };
    let weight = upstream.weight.unwrap_or(1);
    if weight > MAX_WEIGHT {
        return Err(refusal(&path.key("weight"), "the weight is too large").expected(format!("1 to {MAX_WEIGHT}")));
    }
    Ok(BalancedServer { target, weight, is_backup: upstream.backup })
}

/// Returns a port of a service as the target. The edge applies only the access rules of the route's service, so other
/// services must not have any.
fn service_target(
    stack: &Stack,
    roster: &Roster,
    (address, name): (&Address, &ServiceName),
    upstream: &RouteUpstream,
    path: &FieldPath,
) -> Result<Target, Diagnostic> {
    let Some(member) = roster.get(name) else {
        return Err(missing_service(name, stack, roster, &path.key("service")));
    };
    if upstream.host_port.is_some() {
        return Err(refusal(&path.key("host_port"), "`host_port` is for hosts; a service needs `port`")
            .expected("`port` with the name of a port"));
    }
    let guard = &member.service.guard;
    let has_guard =
        !guard.internal_paths.is_empty() || !guard.internal_ports.is_empty() || !guard.refused_headers.is_empty();
    if *name != address.owner && has_guard {
        return Err(refusal(
            &path.key("service"),
            &format!("`{name}` has access rules that this route would not apply"),
        )
        .expected("a service without `guard`")
        .hint(format!("give `{name}` a separate route"))
        .related(member.path.key("guard"), "the access rules"));
    }
    // For the route's service, the port of the route is the default.
    let name_of_port = upstream.port.clone().or_else(|| address.route.port.clone().filter(|_| *name == address.owner));
    let port = tcp_port(&member.service, &name_of_port, &path.key("port"))?;
    Ok(Target::Service { service: name.clone(), port })
}

/// Numbers the server lists of locations with the same upstream: equal lists have the same number, and others a different
/// one, because the number is a part of the list's name in the configuration of nginx.
pub fn number(sites: &mut BTreeMap<String, Site>) {
    let mut lists: BTreeMap<Upstream, Vec<Vec<BalancedServer>>> = BTreeMap::new();
    for location in sites.values_mut().flat_map(|site| &mut site.locations) {
        let Some(balanced) = &mut location.balanced else { continue };
        let numbered_lists = lists.entry(location.upstream.clone()).or_default();
        let index = numbered_lists.iter().position(|servers| *servers == balanced.servers).unwrap_or_else(|| {
            numbered_lists.push(balanced.servers.clone());
            numbered_lists.len() - 1
        });
        balanced.number = index + 1;
    }
}

/// Returns the connections of the edge to hosts outside of the stack.
pub fn wirings(roster: &Roster, ingress: &IngressPlan) -> Vec<Wiring> {
    if !roster.contains_key(&ingress.service) {
        return Vec::new();
    }
    let hosts = ingress.sites.values().flat_map(|site| &site.locations).flat_map(|location| location.outside_hosts());
    let servers: BTreeSet<OutsideServer> = hosts
        .map(|(host, port)| {
            let is_address = host.as_str().parse::<Ipv4Addr>().is_ok();
            let address = is_address.then(|| Cidr::wrap(host.to_string()));
            OutsideServer { host: host.clone(), port, addresses: address.into_iter().collect() }
        })
        .collect();
    servers.into_iter().map(|server| Wiring::new(&ingress.service, Addition::Outside(server), &path!("edge"))).collect()
}
