//! Connections between services, and the networks that follow from them.

use std::collections::{BTreeMap, BTreeSet};

use super::addresses::port;
use super::roster::{DATABASE, PROXY_SERVICE, REPLICA, Roster, service_name};
use super::{Connection, IngressPlan, Network, Service, Upstream};
use crate::stack::env::ServiceAddress;
use crate::stack::{EnvReference, EnvValue};
use crate::values::ServiceName;

/// Every connection that a service opens: dependencies, references in variables, routes.
pub fn connections(members: &Roster, ingress: &IngressPlan) -> BTreeSet<Connection> {
    let mut connections = BTreeSet::new();
    for (from, member) in members {
        for to in member.service.depends_on.keys().chain(&member.service.connects_to) {
            // What does not exist is reported where dependencies are checked.
            let Some(target) = members.get(to) else { continue };
            let main = port(&target.service, &None, &member.path).ok();
            let ports = main.map_or_else(|| target.service.all_ports().into_values().collect(), |port| vec![port]);
            connections.extend(ports.into_iter().map(|port| Connection { from: from.clone(), to: to.clone(), port }));
        }
        for value in member.service.env.values().chain(member.service.extra_env.values()) {
            inside(value, &mut |address| {
                if let Some(target) = members.get(&address.service)
                    && let Ok(port) = port(&target.service, &address.port, &member.path)
                {
                    connections.insert(Connection { from: from.clone(), to: address.service.clone(), port });
                }
            });
        }
    }
    for location in ingress.sites.values().flat_map(|site| &site.locations) {
        if let Upstream::Service { service, port } = &location.upstream {
            connections.insert(Connection { from: ingress.service.clone(), to: service.clone(), port: *port });
        }
    }
    connections.retain(|connection| connection.from != connection.to);
    connections
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

/// Puts each service into its own zone's network and those of the services it talks to. The edge does not
/// join other zones: what it forwards to joins the edge's. A job that works as the database's superuser joins no
/// zone: its peers join the network of such jobs, and the replica and its server have one for the two of them.
pub fn networks(
    connections: &BTreeSet<Connection>,
    maintenance: &BTreeSet<ServiceName>,
    services: &mut BTreeMap<ServiceName, Service>,
) {
    for (name, service) in services.iter_mut() {
        let network = if maintenance.contains(name) { Network::Maintenance } else { service.zone.into() };
        service.networks.insert(network);
    }
    for connection in connections {
        let Some(zone) = services.get(&connection.to).map(|target| Network::from(target.zone)) else { continue };
        let mut join = |service: &ServiceName, network| {
            if let Some(service) = services.get_mut(service) {
                service.networks.insert(network);
            }
        };
        if connection.from == service_name(PROXY_SERVICE) {
            join(&connection.to, Network::Edge);
        } else if maintenance.contains(&connection.from) {
            join(&connection.to, Network::Maintenance);
        } else {
            join(&connection.from, zone);
        }
        if connection.from == service_name(REPLICA) && connection.to == service_name(DATABASE) {
            join(&connection.from, Network::Replication);
            join(&connection.to, Network::Replication);
        }
    }
}
