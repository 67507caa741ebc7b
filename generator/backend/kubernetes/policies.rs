//! Network policies. Only this traffic is allowed: DNS, the connections of the plan (a pair of policies for each), requests
//! to nginx and to published ports, and traffic to the internet for services that may reach it.

use serde_json::{Value, json};

use super::cluster::{Cluster, selector};
use super::model::{Labels, Metadata, Object, Policy, Spec};
use super::services::protocol;
use crate::plan::network::{metadata_ranges, non_internet_ranges};
use crate::plan::{Connection, Service};
use crate::stack::{ClusterRight, Protocol};
use crate::values::{Cidr, ServiceName};

/// The direction of traffic, from the point of view of the pods that a policy selects.
enum Direction {
    Ingress,
    Egress,
}

/// Traffic of a service's pods that a policy allows.
struct Traffic {
    direction: Direction,
    /// The last part of the policy's name.
    suffix: String,
    rule: Value,
}

impl Traffic {
    fn ingress(suffix: impl Into<String>, rule: Value) -> Self {
        Traffic { direction: Direction::Ingress, suffix: suffix.into(), rule }
    }

    fn egress(suffix: impl Into<String>, rule: Value) -> Self {
        Traffic { direction: Direction::Egress, suffix: suffix.into(), rule }
    }
}

/// Returns the policies of one service: for each of its connections, for servers outside of the stack, the API server, and
/// clients outside of the cluster.
pub fn objects(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    let metadata = cluster.metadata(name, service.zone);
    let connections = cluster.plan.connections.iter().flat_map(|connection| connection_traffic(connection, name));
    let traffic = connections
        .chain(traffic_to_outside_servers(service))
        .chain(traffic_to_api_server(service))
        .chain(traffic_from_outside(cluster, name, service))
        .chain(traffic_to_internet(cluster, name, service));
    traffic.map(|traffic| policy_of_service(&metadata, name, traffic)).collect()
}

fn policy_of_service(metadata: &Metadata, name: &ServiceName, traffic: Traffic) -> Object {
    let metadata = Metadata { name: format!("{name}-{}", traffic.suffix), ..metadata.clone() };
    policy(metadata, selector(name), &traffic.direction, traffic.rule)
}

/// Returns the policy that allows the traffic of a rule for the pods with these labels.
fn policy(metadata: Metadata, pods: Labels, direction: &Direction, rule: Value) -> Object {
    let (name, ingress, egress) = match direction {
        Direction::Ingress => ("Ingress", vec![rule], Vec::new()),
        Direction::Egress => ("Egress", Vec::new(), vec![rule]),
    };
    object(metadata, Policy { pod_selector: json!({ "matchLabels": pods }), policy_types: vec![name], ingress, egress })
}

fn object(metadata: Metadata, policy: Policy) -> Object {
    Object::spec("networking.k8s.io/v1", "NetworkPolicy", metadata, Spec::Policy(policy))
}

/// Returns the list of ports of a rule.
fn rule_ports(ports: impl IntoIterator<Item = (u16, Protocol)>) -> Value {
    ports.into_iter().map(|(port, transport)| json!({ "port": port, "protocol": protocol(transport) })).collect()
}

/// Returns the list of ports of a rule for TCP ports.
fn tcp_ports(ports: impl IntoIterator<Item = u16>) -> Value {
    rule_ports(ports.into_iter().map(|port| (port, Protocol::Tcp)))
}

/// Returns the list of peers of a rule for the pods of a service.
fn pods_of_service(name: &ServiceName) -> Value {
    json!([{ "podSelector": { "matchLabels": selector(name) } }])
}

/// Returns the peer of a rule for all pods of a namespace.
fn pods_of_namespace(namespace: &str) -> Value {
    json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } })
}

/// Returns the peer of a rule for an address or a range of addresses.
fn address_block(address: &Cidr) -> Value {
    json!({ "ipBlock": { "cidr": address.with_bits() } })
}

/// Returns the list of peers of a rule for all addresses outside of these ranges, IPv4 and IPv6.
fn addresses_except((v4, v6): (Vec<&str>, Vec<&str>)) -> Value {
    json!([
        { "ipBlock": { "cidr": "0.0.0.0/0", "except": v4 } },
        { "ipBlock": { "cidr": "::/0", "except": v6 } },
    ])
}

/// Returns the traffic of a connection at the service: incoming, outgoing, or both for a service that calls itself.
fn connection_traffic(connection: &Connection, name: &ServiceName) -> impl Iterator<Item = Traffic> {
    let Connection { from, to, port, protocols } = connection;
    let ports = || rule_ports(protocols.iter().map(|transport| (*port, *transport)));
    let incoming = (to == name).then(|| {
        Traffic::ingress(format!("from-{from}-{port}"), json!({ "from": pods_of_service(from), "ports": ports() }))
    });
    let outgoing = (from == name)
        .then(|| Traffic::egress(format!("to-{to}-{port}"), json!({ "to": pods_of_service(to), "ports": ports() })));
    incoming.into_iter().chain(outgoing)
}

/// Returns the traffic to each server outside of the stack.
fn traffic_to_outside_servers(service: &Service) -> impl Iterator<Item = Traffic> {
    // A rule with an empty list of addresses would allow all addresses.
    let servers = service.outside.iter().filter(|server| !server.addresses.is_empty());
    (1..).zip(servers).map(|(number, server)| {
        let addresses: Vec<Value> = server.addresses.iter().map(address_block).collect();
        let rule = json!({ "to": addresses, "ports": tcp_ports([server.port]) });
        Traffic::egress(format!("to-outside-{number}"), rule)
    })
}

/// Returns the traffic of a service that reads the cluster's API: to the usual ports of API servers and, for metrics of
/// nodes, to the port of kubelets. Both listen on addresses of nodes, which no selector matches, so the rule allows all
/// addresses except the addresses of metadata services.
fn traffic_to_api_server(service: &Service) -> Option<Traffic> {
    let reads = &service.on_clusters.reads;
    if reads.is_empty() {
        return None;
    }
    let kubelets = reads.contains(&ClusterRight::Nodes).then_some(10_250);
    let ports = tcp_ports([443, 6443].into_iter().chain(kubelets));
    Some(Traffic::egress("to-api", json!({ "to": addresses_except(metadata_ranges()), "ports": ports })))
}

/// Returns the traffic from clients outside of the cluster: to nginx at its ports for clients, to other services at their
/// published ports.
fn traffic_from_outside(cluster: &Cluster, name: &ServiceName, service: &Service) -> Option<Traffic> {
    let is_edge = *name == cluster.plan.ingress.service;
    let ports: Vec<(u16, Protocol)> = if is_edge {
        cluster.client_ports()
    } else {
        service.public_ports().map(|publish| (publish.container_port, publish.protocol)).collect()
    };
    // A rule with an empty list of ports would allow all ports.
    if ports.is_empty() {
        return None;
    }
    let mut rule = json!({ "ports": rule_ports(ports) });
    if is_edge && let Some(namespace) = &cluster.settings.edge_namespace {
        rule["from"] = json!([pods_of_namespace(namespace.as_str())]);
    }
    Some(Traffic::ingress("from-outside", rule))
}

/// Returns the traffic to the internet. nginx has `egress` in every stack, since ports of the host need a network with
/// access to the internet in Compose. On a cluster it opens connections only to services and to the servers of `upstreams`,
/// so it gets no such access.
fn traffic_to_internet(cluster: &Cluster, name: &ServiceName, service: &Service) -> Option<Traffic> {
    let has_access = service.egress && *name != cluster.plan.ingress.service;
    has_access.then(|| Traffic::egress("to-internet", json!({ "to": addresses_except(non_internet_ranges()) })))
}

/// Returns the policy that lets pods of a different namespace connect to a port of a service.
pub fn from_namespace(cluster: &Cluster, name: &ServiceName, namespace: &str, port: u16) -> Object {
    let rule = json!({ "from": [pods_of_namespace(namespace)], "ports": tcp_ports([port]) });
    policy_of_service(&cluster.common_metadata(name.as_str()), name, Traffic::ingress("from-operator", rule))
}

/// Returns the policy that lets a service connect to ports of pods in a different namespace.
pub fn to_namespace(cluster: &Cluster, name: &ServiceName, namespace: &str, ports: &[u16]) -> Object {
    let rule = json!({ "to": [pods_of_namespace(namespace)], "ports": tcp_ports(ports.iter().copied()) });
    policy_of_service(&cluster.common_metadata(name.as_str()), name, Traffic::egress("to-operator", rule))
}

/// Returns the policy for the pods with which cert-manager answers challenges: they accept connections at their port.
pub fn to_challenge_pods(cluster: &Cluster) -> Object {
    let pods = Labels::from([("acme.cert-manager.io/http01-solver", "true".to_owned())]);
    let rule = json!({ "ports": tcp_ports([8089]) });
    policy(cluster.common_metadata("acme-challenge"), pods, &Direction::Ingress, rule)
}

/// Returns the policies for all pods of the namespace: all traffic is refused except queries to the cluster's DNS.
pub fn namespace_objects(cluster: &Cluster) -> Vec<Object> {
    let policy = |name: &str, policy_types: Vec<&'static str>, egress: Vec<Value>| {
        let policy = Policy { pod_selector: json!({}), policy_types, ingress: Vec::new(), egress };
        object(cluster.common_metadata(name), policy)
    };
    let deny = policy("default-deny", vec!["Ingress", "Egress"], Vec::new());
    vec![deny, policy("dns", vec!["Egress"], vec![name_server_rule(cluster)])]
}

/// Returns the rule for DNS queries to the cluster's and the nodes' name servers. Most clusters compare the ports of a
/// rule with the port on which the name server's pods listen, others with the port of their Service, so the rule has
/// both.
fn name_server_rule(cluster: &Cluster) -> Value {
    let dns = &cluster.settings.dns;
    let namespace = dns.namespace.as_ref().map_or("kube-system", |namespace| namespace.as_str());
    let mut to = vec![pods_of_namespace(namespace)];
    to.extend(dns.addresses.iter().map(address_block));
    let ports = [Some(53), dns.port.filter(|port| *port != 53)].into_iter().flatten();
    let ports = ports.flat_map(|port| [Protocol::Udp, Protocol::Tcp].map(|transport| (port, transport)));
    json!({ "to": to, "ports": rule_ports(ports) })
}
