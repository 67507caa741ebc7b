//! Who waits for whom and who talks to whom: start order, edges and the networks that follow from them.

use std::collections::{BTreeMap, BTreeSet};

use super::addresses::port;
use super::roster::{DATABASE, PROXY_SERVICE, REPLICA, Roster, service_name};
use super::{Edge, IngressPlan, Network, Service, Upstream};
use crate::diagnostic::{Code, Diagnostic};
use crate::stack::env::ServiceAddress;
use crate::stack::{EnvReference, EnvValue};
use crate::values::ServiceName;

/// Every connection that a service opens: dependencies, references in variables, routes.
pub fn edges(members: &Roster, edge: &IngressPlan) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for (from, member) in members {
        for to in member.service.depends_on.keys().chain(&member.service.connects_to) {
            // What does not exist is reported where dependencies are checked.
            let Some(target) = members.get(to) else { continue };
            let main = port(&target.service, &None, &member.path).ok();
            let ports = main.map_or_else(|| target.service.all_ports().into_values().collect(), |port| vec![port]);
            edges.extend(ports.into_iter().map(|port| Edge { from: from.clone(), to: to.clone(), port }));
        }
        for value in member.service.env.values().chain(member.service.extra_env.values()) {
            inside(value, &mut |address| {
                if let Some(target) = members.get(&address.service)
                    && let Ok(port) = port(&target.service, &address.port, &member.path)
                {
                    edges.insert(Edge { from: from.clone(), to: address.service.clone(), port });
                }
            });
        }
    }
    for location in edge.sites.values().flat_map(|site| &site.locations) {
        if let Upstream::Service { service, port } = &location.upstream {
            edges.insert(Edge { from: edge.service.clone(), to: service.clone(), port: *port });
        }
    }
    edges.retain(|edge| edge.from != edge.to);
    edges
}

fn inside(value: &EnvValue, found: &mut impl FnMut(&ServiceAddress)) {
    match value {
        EnvValue::EnvReference(EnvReference::Url(address)) => found(address),
        EnvValue::EnvReference(EnvReference::Join(parts)) => parts.iter().for_each(|part| inside(part, found)),
        EnvValue::EnvReference(EnvReference::ByProfile(values)) => {
            for value in [&values.local, &values.staging, &values.prod] {
                inside(value, found);
            }
        }
        _ => {}
    }
}

/// Start order: each wave waits only for earlier ones.
pub fn waves(
    members: &Roster,
    services: &BTreeMap<ServiceName, Service>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Vec<ServiceName>> {
    let mut waiting: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> = services
        .iter()
        .map(|(name, service)| (name, service.depends_on.keys().filter(|to| services.contains_key(*to)).collect()))
        .collect();
    let mut dependents: BTreeMap<&ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, on) in &waiting {
        on.iter().for_each(|to| dependents.entry(to).or_default().push(name));
    }
    let mut waves = Vec::new();
    let mut ready: Vec<&ServiceName> = waiting.iter().filter(|(_, on)| on.is_empty()).map(|(name, _)| *name).collect();
    while !ready.is_empty() {
        // Names come in order.
        ready.sort();
        let mut next = Vec::new();
        for name in &ready {
            waiting.remove(name);
            for dependent in dependents.get(name).into_iter().flatten() {
                if let Some(on) = waiting.get_mut(dependent) {
                    on.remove(name);
                    next.extend(on.is_empty().then_some(*dependent));
                }
            }
        }
        waves.push(ready.into_iter().cloned().collect());
        ready = next;
    }
    if !waiting.is_empty() {
        findings.push(cycle(members, &waiting));
    }
    waves
}

/// Most services of a cycle that a message names.
const NAMED: usize = 20;

/// Follows the first dependency of each until a service repeats: that is a cycle.
fn cycle(members: &Roster, waiting: &BTreeMap<&ServiceName, BTreeSet<&ServiceName>>) -> Diagnostic {
    let mut trail: Vec<&ServiceName> = Vec::new();
    let mut places: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut at = waiting.keys().next().copied();
    while let Some(name) = at {
        if let Some(start) = places.get(name) {
            trail.drain(..*start);
            break;
        }
        places.insert(name, trail.len());
        trail.push(name);
        at = waiting.get(name).and_then(|on| on.iter().find(|to| waiting.contains_key(**to)).copied());
    }
    let place = |i: usize| {
        let next = trail[(i + 1) % trail.len()];
        members[trail[i]].path.key("depends_on").key(next.as_str())
    };
    let mut names: Vec<&str> = trail.iter().chain(trail.first()).map(|name| name.as_str()).collect();
    let more = trail.len().saturating_sub(NAMED);
    let others = format!("… {more} more …");
    if more > 0 {
        names.splice(NAMED..NAMED + more, [others.as_str()]);
    }
    let finding = Diagnostic::error(Code::DependencyCycle, place(0))
        .message(format!("services wait for each other: {}", names.join(" -> ")))
        .hint("if one of them only talks to the other later, move it from `depends_on` to `connects_to`");
    let shown = if more > 0 { NAMED - 1 } else { trail.len() };
    (1..shown)
        .fold(finding, |finding, i| finding.related(place(i), format!("`{}` waits for `{}`", names[i], names[i + 1])))
}

/// Puts each service into its own zone's network and those of the services it talks to. The edge does not
/// join other zones: what it forwards to joins the edge's. A job that works as the database's superuser joins no
/// zone: its peers join the network of such jobs, and the replica and its server have one for the two of them.
pub fn networks(
    edges: &BTreeSet<Edge>,
    maintenance: &BTreeSet<ServiceName>,
    services: &mut BTreeMap<ServiceName, Service>,
) {
    for (name, service) in services.iter_mut() {
        let network = if maintenance.contains(name) { Network::Maintenance } else { service.zone.into() };
        service.networks.insert(network);
    }
    for edge in edges {
        let Some(zone) = services.get(&edge.to).map(|target| Network::from(target.zone)) else { continue };
        let mut join = |service: &ServiceName, network| {
            if let Some(service) = services.get_mut(service) {
                service.networks.insert(network);
            }
        };
        if edge.from == service_name(PROXY_SERVICE) {
            join(&edge.to, Network::Edge);
        } else if maintenance.contains(&edge.from) {
            join(&edge.to, Network::Maintenance);
        } else {
            join(&edge.from, zone);
        }
        if edge.from == service_name(REPLICA) && edge.to == service_name(DATABASE) {
            join(&edge.from, Network::Replication);
            join(&edge.to, Network::Replication);
        }
    }
}
