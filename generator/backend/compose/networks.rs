//! The networks of the project.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Ipam, Network, Subnet};
use crate::plan::{self, Plan};
use crate::stack::Compat;
use crate::values::ServiceName;

/// Returns the networks of the project: an internal one for each network of the plan that a service joins, one for
/// each service that may reach the internet, one for each other service that publishes ports, and the existing networks
/// that services join.
pub fn project_networks(plan: &Plan) -> BTreeMap<String, Network> {
    let used_networks: BTreeSet<plan::Network> =
        plan.services.values().flat_map(|service| service.networks.iter().copied()).collect();
    let mut networks: BTreeMap<String, Network> =
        used_networks.into_iter().map(|network| (network.name().to_owned(), internal_network(plan, network))).collect();
    for (name, _) in plan.services.iter().filter(|(_, service)| service.reaches_outside()) {
        // Docker isolates bridges from each other; podman does so only with this option.
        let isolate = (plan.compat == Some(Compat::Podman)).then_some(("isolate", "true"));
        let driver_opts = isolate.into_iter().collect();
        networks.insert(egress_network(name), bridge(driver_opts));
    }
    for (name, _) in plan.services.iter().filter(|(_, service)| !service.reaches_outside() && publishes_ports(service))
    {
        // Without masquerading, answers to clients leave the host, but connections that the container opens do not.
        // Podman does not have the option.
        let option = match plan.compat {
            Some(Compat::Podman) => ("isolate", "true"),
            _ => ("com.docker.network.bridge.enable_ip_masquerade", "false"),
        };
        networks.insert(published_network(name), bridge(BTreeMap::from([option])));
    }
    let external_names = plan.services.values().flat_map(|service| &service.external_networks);
    networks.extend(external_names.map(|name| {
        (external_network(name), Network { name: Some(name.to_string()), external: true, ..Network::default() })
    }));
    networks
}

/// Returns a network through which containers can reach the host and, unless an option forbids it, the internet.
fn bridge(driver_opts: BTreeMap<&'static str, &'static str>) -> Network {
    Network { driver: Some("bridge"), driver_opts, ..Network::default() }
}

/// Returns whether the service publishes ports. It then needs a network that is not internal, since the engine
/// publishes no ports of internal networks.
pub fn publishes_ports(service: &plan::Service) -> bool {
    !service.publish.is_empty()
}

/// Returns the name of the network in which a service without access to the internet publishes ports.
pub fn published_network(service: &ServiceName) -> String {
    format!("published-{service}")
}

/// Returns the name in `compose.yaml` of a network that exists outside of the stack. The container engine knows the network
/// by the name without the prefix.
pub fn external_network(network: &ServiceName) -> String {
    format!("external-{network}")
}

/// Returns a network without access to the internet. `pg_hba.conf` refers to some networks by their names in the
/// container engine, so these names are fixed.
fn internal_network(plan: &Plan, network: plan::Network) -> Network {
    let has_fixed_name = matches!(network, plan::Network::Maintenance | plan::Network::Replication);
    let name = has_fixed_name.then(|| network.host(&plan.project, &plan.environment).to_string());
    let fixed_network = plan.fixed_network.as_ref().filter(|_| network == plan::Network::Fixed);
    let ipam = fixed_network
        .map(|fixed| Ipam { config: [Subnet { subnet: fixed.subnet.to_string(), ip_range: fixed.clients() }] });
    Network { name, driver: Some("bridge"), internal: true, ipam, ..Network::default() }
}

/// Returns the name of the network that connects a service to the internet. No other service joins it, because
/// services in a shared network could reach each other. A shared network that drops their traffic is no alternative:
/// their names would still resolve, to addresses that do not answer.
pub fn egress_network(service: &ServiceName) -> String {
    format!("egress-{service}")
}
