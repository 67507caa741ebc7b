//! Connections between services, and the networks that follow from them.

use std::collections::{BTreeMap, BTreeSet};

use super::mail::MailServer;
use crate::plan::backup_services::replication_clients;
use crate::plan::model::{Connection, IngressPlan};
use crate::plan::network::Network;
use crate::plan::ports::port;
use crate::plan::roster::Roster;
use crate::plan::service_names::{DATABASE, PROXY_SERVICE, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring, Wirings};
use crate::stack::{EnvReference, Profile, Protocol, Zone};
use crate::values::ServiceName;

/// Returns every connection that services open: to their dependencies, the services in their variables and the mail
/// catcher, from the proxy to the upstreams of routes, and the connections that aspects add.
pub fn plan(
    profile: Profile,
    roster: &Roster,
    wirings: &Wirings,
    ingress: &IngressPlan,
    mail: &MailServer,
) -> BTreeSet<Connection> {
    let mut connections = BTreeSet::new();
    for (from, member) in roster {
        connections.extend(wirings.connections(from).map(|(to, port)| connection(roster, from, to, port)));
        let wired_dependencies = wirings.dependencies(from).map(|(to, _)| to);
        for to in member.service.depends_on.keys().chain(&member.service.connects_to).chain(wired_dependencies) {
            // `rules::sources` reports a service that does not exist.
            let Some(target) = roster.get(to) else { continue };
            // A service without a main port is reached at all its ports.
            let main_port = port(&target.service, &None, &member.path).ok();
            let ports = main_port.map_or_else(|| target.service.all_ports().into_values().collect(), |port| vec![port]);
            connections.extend(ports.into_iter().map(|port| connection(roster, from, to, port)));
        }
        member.service.for_each_reference(profile, &mut |reference| match (reference, &mail.catcher) {
            (EnvReference::Url(address), _) => {
                if let Some(target) = roster.get(&address.service)
                    && let Ok(port) = port(&target.service, &address.port, &member.path)
                {
                    connections.insert(connection(roster, from, &address.service, port));
                }
            }
            (EnvReference::Mail(_), Some(catcher)) => {
                connections.insert(connection(roster, from, catcher, mail.port()));
            }
            _ => {}
        });
    }
    let has_proxy = roster.contains_key(&ingress.service);
    for location in ingress.sites.values().filter(|_| has_proxy).flat_map(|site| &site.locations) {
        let ports = location.service_ports();
        connections.extend(ports.map(|(service, port)| connection(roster, &ingress.service, service, port)));
    }
    connections.retain(|connection| connection.from != connection.to);
    connections
}

/// Returns the connection of the service `from` to a port of the service `to`.
fn connection(roster: &Roster, from: &ServiceName, to: &ServiceName, port: u16) -> Connection {
    let protocols = roster.get(to).map(|target| target.service.protocols_of_port(port));
    // A port that an aspect adds is not among the declared ports; all of them use TCP.
    let protocols = protocols.filter(|protocols| !protocols.is_empty());
    let protocols = protocols.unwrap_or_else(|| BTreeSet::from([Protocol::Tcp]));
    Connection { from: from.clone(), to: to.clone(), port, protocols }
}

/// Plans the networks of each service: the network of its zone, and the networks of the services to which it connects.
///
/// The proxy joins no other zone: its upstreams join the network of the proxy. A job that works as the database's
/// superuser joins no zone either: its peers join the maintenance network. The server and the services that copy it share
/// the replication network. Services with fixed addresses have a separate network in the place of their zone.
pub fn networks(
    roster: &Roster,
    connections: &BTreeSet<Connection>,
    maintenance: &BTreeSet<ServiceName>,
) -> Planned<()> {
    let network_of_service = |name: &ServiceName| match &roster[name].service {
        service if service.fixed_address => Network::Fixed,
        service => Network::from(service.zone.unwrap_or(Zone::App)),
    };
    let copying_services = replication_clients(roster);
    let mut networks: BTreeMap<&ServiceName, BTreeSet<Network>> = BTreeMap::new();
    for name in roster.keys() {
        let network = if maintenance.contains(name) { Network::Maintenance } else { network_of_service(name) };
        networks.entry(name).or_default().insert(network);
    }
    // Both services of a connection must be in one network, so one of them joins a network of the other.
    for Connection { from, to, .. } in connections {
        let (joining_service, network) = if from.as_str() == PROXY_SERVICE {
            (to, Network::Edge)
        } else if maintenance.contains(from) {
            (to, Network::Maintenance)
        } else {
            (from, network_of_service(to))
        };
        networks.entry(joining_service).or_default().insert(network);
        if copying_services.contains(from) && *to == service_name(DATABASE) {
            networks.entry(from).or_default().insert(Network::Replication);
            networks.entry(to).or_default().insert(Network::Replication);
        }
    }
    let wirings = networks
        .into_iter()
        .map(|(name, networks)| Wiring::new(name, Addition::Networks(networks), &roster[name].path));
    Planned { value: (), wirings: wirings.collect(), findings: Vec::new() }
}
