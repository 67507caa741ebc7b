//! The Kubernetes Services by which pods reach each other, and network policies. Only this traffic is allowed: DNS, the
//! connections of the plan (a pair of policies for each), requests to nginx and to published ports, and traffic to the
//! internet for services that may reach it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cluster::{Cluster, selector};
use super::model::{Labels, Metadata, Object, Policy, Service as KubernetesService, ServicePort, Spec};
use crate::plan::network::{metadata_ranges, non_internet_ranges};
use crate::plan::service_names::{metrics_service_name, peers_service_name, published_service_name};
use crate::plan::{Connection, Service};
use crate::stack::{ClusterEdge, ClusterRight, IpFamilies, Protocol, Published};
use crate::values::{PortName, ServiceName};

/// Returns the headless Service with which Prometheus finds all pods of a service, ready or not.
fn metrics_service(cluster: &Cluster, name: &ServiceName, service: &Service) -> Option<Object> {
    let port = service.metrics_port?;
    let (ip_family_policy, ip_families) = ip_families(cluster);
    let spec = KubernetesService {
        kind: "ClusterIP",
        cluster_ip: Some("None"),
        ip_family_policy,
        ip_families,
        publish_not_ready_addresses: true,
        external_traffic_policy: None,
        selector: selector(name),
        ports: vec![ServicePort {
            name: "metrics".into(),
            port,
            target_port: port,
            protocol: protocol(Protocol::Tcp),
            app_protocol: None,
            node_port: None,
        }],
    };
    let metadata = Metadata { name: metrics_service_name(name), ..cluster.metadata(name, service.zone) };
    Some(Object::spec("v1", "Service", metadata, Spec::Service(spec)))
}

/// The name of the port for gRPC in nginx's Service. Like the port `http`, it forwards to nginx's port for HTTP, but a
/// gateway speaks HTTP/2 without TLS (h2c) on it. Websockets need HTTP/1.1, so they use `http`.
const H2C_PORT_NAME: &str = "h2c";
/// The number of the port `h2c`.
pub const H2C_PORT: u16 = 8082;

/// Returns the Kubernetes Services of a service: one with the same name and ports as in Compose, so that URLs are the same,
/// one for each alias, and, where the service has them, those for metrics, for published ports and for the pods of a
/// StatefulSet. Empty for a service that others do not reach by its name.
pub fn kubernetes_services(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    if !service.is_reachable() {
        return Vec::new();
    }
    let on_nodes = *name == cluster.plan.ingress.service && cluster.settings.edge == ClusterEdge::NodePort;
    let (ip_family_policy, ip_families) = ip_families(cluster);
    let spec = KubernetesService {
        kind: if on_nodes { "NodePort" } else { "ClusterIP" },
        cluster_ip: None,
        ip_family_policy,
        ip_families,
        publish_not_ready_addresses: false,
        external_traffic_policy: on_nodes.then_some("Local"),
        selector: selector(name),
        ports: client_ports(cluster, name, service),
    };
    let metadata = cluster.metadata(name, service.zone);
    let mut annotated_metadata = metadata.clone();
    let annotations = cluster.settings.service_annotations.get(name).into_iter().flatten();
    annotated_metadata.annotations.extend(annotations.map(|(name, value)| (name.to_string(), value.to_string())));
    let mut objects = vec![Object::spec("v1", "Service", annotated_metadata, Spec::Service(spec.clone()))];
    objects.extend(metrics_service(cluster, name, service));
    objects.extend(service.aliases.iter().map(|alias| {
        let ports = spec.ports.iter().map(|port| ServicePort { node_port: None, ..port.clone() });
        let spec = KubernetesService {
            kind: "ClusterIP",
            external_traffic_policy: None,
            ports: ports.collect(),
            ..spec.clone()
        };
        let metadata = Metadata { name: alias.to_string(), ..metadata.clone() };
        Object::spec("v1", "Service", metadata, Spec::Service(spec))
    }));
    objects.extend(published_service(cluster, name, service));
    if cluster.volumes_of(name).any(|(volume, _)| !cluster.is_shared(volume)) {
        let headless = KubernetesService {
            kind: "ClusterIP",
            cluster_ip: Some("None"),
            publish_not_ready_addresses: true,
            external_traffic_policy: None,
            ports: service.ports.iter().map(|(name, port)| service_port(service, name, *port)).collect(),
            ..spec
        };
        let metadata = Metadata { name: peers_service_name(name), ..metadata };
        objects.push(Object::spec("v1", "Service", metadata, Spec::Service(headless)));
    }
    objects
}

/// Returns the Service of the ports that clients outside of the cluster use without the edge.
fn published_service(cluster: &Cluster, name: &ServiceName, service: &Service) -> Option<Object> {
    if *name == cluster.plan.ingress.service || service.public_ports().next().is_none() {
        return None;
    }
    let on_nodes = cluster.settings.published == Published::NodePort;
    let ports = service.public_ports().map(|publish| ServicePort {
        name: format!("{}-{}", publish.protocol.name(), publish.host_port),
        port: publish.host_port,
        target_port: publish.container_port,
        protocol: protocol(publish.protocol),
        app_protocol: None,
        node_port: on_nodes.then(|| publish.node_port.unwrap_or(publish.host_port)),
    });
    let (ip_family_policy, ip_families) = ip_families(cluster);
    let spec = KubernetesService {
        kind: if on_nodes { "NodePort" } else { "LoadBalancer" },
        cluster_ip: None,
        ip_family_policy,
        ip_families,
        publish_not_ready_addresses: false,
        // With `Cluster`, the nodes would replace the addresses of the clients.
        external_traffic_policy: Some("Local"),
        selector: selector(name),
        ports: ports.collect(),
    };
    let mut metadata = cluster.metadata(name, service.zone);
    let annotations = cluster.settings.service_annotations.get(name).into_iter().flatten();
    metadata.annotations.extend(annotations.map(|(name, value)| (name.to_string(), value.to_string())));
    let metadata = Metadata { name: published_service_name(name), ..metadata };
    Some(Object::spec("v1", "Service", metadata, Spec::Service(spec)))
}

/// Returns the name of a protocol in the Kubernetes API.
pub fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

/// Returns `ipFamilyPolicy` and `ipFamilies` of a Service.
fn ip_families(cluster: &Cluster) -> (Option<&'static str>, Vec<&'static str>) {
    match cluster.settings.ip_families {
        None => (None, Vec::new()),
        Some(IpFamilies::Ipv4) => (Some("SingleStack"), vec!["IPv4"]),
        Some(IpFamilies::Ipv6) => (Some("SingleStack"), vec!["IPv6"]),
        Some(IpFamilies::Dual) => (Some("PreferDualStack"), Vec::new()),
    }
}

fn service_port(service: &Service, name: &PortName, port: u16) -> ServicePort {
    let transport = service.protocol(name);
    let is_h2c = transport == Protocol::Tcp && service.h2c_ports.contains(&port);
    ServicePort {
        name: name.to_string(),
        port,
        target_port: port,
        protocol: protocol(transport),
        app_protocol: is_h2c.then_some("kubernetes.io/h2c"),
        node_port: None,
    }
}

/// Returns the ports of a service for its clients. The health port of nginx is for its own probes only.
fn client_ports(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<ServicePort> {
    let ports = service.ports.iter().map(|(name, port)| service_port(service, name, *port));
    if *name != cluster.plan.ingress.service {
        return ports.collect();
    }
    let mut client_ports = Vec::new();
    for mut port in ports.filter(|port| port.name != "health") {
        if cluster.settings.edge == ClusterEdge::NodePort {
            let node_ports = &cluster.settings.node_ports;
            port.node_port = [("http", node_ports.http), ("https", node_ports.https), ("http3", node_ports.https)]
                .into_iter()
                .find_map(|(name, number)| (port.name == name).then_some(number));
        }
        // nginx's port for HTTP becomes two ports with the same target: `http` without a protocol, and `h2c`.
        let h2c = port.app_protocol.take();
        let h2c_port =
            h2c.map(|_| ServicePort { name: H2C_PORT_NAME.into(), port: H2C_PORT, app_protocol: h2c, ..port.clone() });
        client_ports.push(port);
        client_ports.extend(h2c_port);
    }
    client_ports
}

/// Returns the list of ports of a rule for one TCP port.
fn tcp_ports(port: u16) -> Value {
    rule_ports(port, &BTreeSet::from([Protocol::Tcp]))
}

/// Returns the list of ports of a rule for one number with each of the protocols.
fn rule_ports(port: u16, protocols: &BTreeSet<Protocol>) -> Value {
    protocols.iter().map(|transport| json!({ "port": port, "protocol": protocol(*transport) })).collect()
}

/// Returns the list of peers of a rule for the pods of a service.
fn pods_of_service(name: &ServiceName) -> Value {
    json!([{ "podSelector": { "matchLabels": selector(name) } }])
}

/// The direction of traffic.
enum Direction {
    Ingress,
    Egress,
}

/// Returns the policy that allows one kind of traffic of a service's pods; `suffix` is the last part of its name.
fn policy(metadata: &Metadata, pods: Labels, suffix: &str, direction: &Direction, rule: Value) -> Object {
    let (name, ingress, egress) = match direction {
        Direction::Ingress => ("Ingress", vec![rule], Vec::new()),
        Direction::Egress => ("Egress", Vec::new(), vec![rule]),
    };
    let pod_selector = json!({ "matchLabels": pods });
    let spec = Spec::Policy(Policy { pod_selector, policy_types: vec![name], ingress, egress });
    let metadata = Metadata { name: format!("{}-{suffix}", metadata.name), ..metadata.clone() };
    Object::spec("networking.k8s.io/v1", "NetworkPolicy", metadata, spec)
}

/// Returns the policies of one service: for each of its connections, for servers outside of the stack, the API server, and
/// clients outside of the cluster.
pub fn policies(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    let metadata = cluster.metadata(name, service.zone);
    let policy = |suffix: &str, direction, rule| policy(&metadata, selector(name), suffix, &direction, rule);
    let mut objects = Vec::new();
    for Connection { from, to, port, protocols } in &cluster.plan.connections {
        if to == name {
            let rule = json!({ "from": pods_of_service(from), "ports": rule_ports(*port, protocols) });
            objects.push(policy(&format!("from-{from}-{port}"), Direction::Ingress, rule));
        }
        if from == name {
            let rule = json!({ "to": pods_of_service(to), "ports": rule_ports(*port, protocols) });
            objects.push(policy(&format!("to-{to}-{port}"), Direction::Egress, rule));
        }
    }
    // A rule with an empty list of addresses would allow all addresses.
    let outside_servers = service.outside.iter().filter(|server| !server.addresses.is_empty());
    for (index, server) in (1..).zip(outside_servers) {
        let to: Vec<Value> =
            server.addresses.iter().map(|address| json!({ "ipBlock": { "cidr": address.with_bits() } })).collect();
        let rule = json!({ "to": to, "ports": tcp_ports(server.port) });
        objects.push(policy(&format!("to-outside-{index}"), Direction::Egress, rule));
    }
    if let Some(rule) = api_server_rule(service) {
        objects.push(policy("to-api", Direction::Egress, rule));
    }
    let is_edge = *name == cluster.plan.ingress.service;
    let public_ports = service.public_ports().filter(|_| !is_edge);
    let public_ports =
        public_ports.map(|publish| json!({ "port": publish.container_port, "protocol": protocol(publish.protocol) }));
    let public_ports: Vec<Value> = public_ports.collect();
    if !public_ports.is_empty() {
        objects.push(policy("from-outside", Direction::Ingress, json!({ "ports": public_ports })));
    }
    // nginx has `egress` in every stack, since ports of the host need a network with access to the internet in Compose. On
    // a cluster it opens connections only to services and to the servers of `upstreams`, so it gets no such access.
    if is_edge {
        let ports = cluster.client_ports().into_iter();
        let ports = ports.map(|(port, transport)| json!({ "port": port, "protocol": protocol(transport) }));
        let mut rule = json!({ "ports": ports.collect::<Vec<_>>() });
        if let Some(namespace) = &cluster.settings.edge_namespace {
            rule["from"] = pods_of_namespace(namespace.as_str());
        }
        objects.push(policy("from-outside", Direction::Ingress, rule));
    } else if service.egress {
        let (private_v4, private_v6) = non_internet_ranges();
        let rule = json!({ "to": [
            { "ipBlock": { "cidr": "0.0.0.0/0", "except": private_v4 } },
            { "ipBlock": { "cidr": "::/0", "except": private_v6 } },
        ] });
        objects.push(policy("to-internet", Direction::Egress, rule));
    }
    objects
}

/// Returns the rule for a service that reads the cluster's API: it opens the usual ports of API servers and, for
/// metrics of nodes, the port of kubelets. Both listen on addresses of nodes, which no selector matches, so the rule
/// allows all addresses except the addresses of metadata services.
fn api_server_rule(service: &Service) -> Option<Value> {
    let reads = &service.on_clusters.reads;
    let kubelets = reads.contains(&ClusterRight::Nodes).then_some(10_250);
    let ports = [443, 6443].into_iter().chain(kubelets);
    let ports: Vec<Value> = ports.map(|port| json!({ "port": port, "protocol": "TCP" })).collect();
    let (metadata_v4, metadata_v6) = metadata_ranges();
    let addresses = json!([
        { "ipBlock": { "cidr": "0.0.0.0/0", "except": metadata_v4 } },
        { "ipBlock": { "cidr": "::/0", "except": metadata_v6 } },
    ]);
    (!reads.is_empty()).then(|| json!({ "to": addresses, "ports": ports }))
}

/// Returns the list of peers of a rule for all pods of a namespace.
fn pods_of_namespace(namespace: &str) -> Value {
    json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } }])
}

/// Returns the policy that lets pods of a different namespace connect to a port of a service.
pub fn from_namespace(cluster: &Cluster, name: &ServiceName, namespace: &str, port: u16) -> Object {
    let rule = json!({ "from": pods_of_namespace(namespace), "ports": tcp_ports(port) });
    policy(&cluster.common_metadata(name.as_str()), selector(name), "from-operator", &Direction::Ingress, rule)
}

/// Returns the policy that lets a service connect to ports of pods in a different namespace.
pub fn to_namespace(cluster: &Cluster, name: &ServiceName, namespace: &str, ports: &[u16]) -> Object {
    let ports: Vec<Value> = ports.iter().map(|port| json!({ "port": port, "protocol": "TCP" })).collect();
    let rule = json!({ "to": pods_of_namespace(namespace), "ports": ports });
    policy(&cluster.common_metadata(name.as_str()), selector(name), "to-operator", &Direction::Egress, rule)
}

/// Returns the policies for all pods of the namespace: all traffic is refused except queries to the cluster's DNS.
pub fn namespace_policies(cluster: &Cluster) -> Vec<Object> {
    let policy = |name: &str, policy_types: Vec<&'static str>, egress: Vec<Value>| {
        let policy = Policy { pod_selector: json!({}), policy_types, ingress: Vec::new(), egress };
        Object::spec("networking.k8s.io/v1", "NetworkPolicy", cluster.common_metadata(name), Spec::Policy(policy))
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
    let mut to = vec![json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } })];
    to.extend(dns.addresses.iter().map(|address| json!({ "ipBlock": { "cidr": address.with_bits() } })));
    let ports = [Some(53), dns.port.filter(|port| *port != 53)].into_iter().flatten();
    let ports = ports.flat_map(|port| ["UDP", "TCP"].map(|protocol| json!({ "port": port, "protocol": protocol })));
    json!({ "to": to, "ports": ports.collect::<Vec<_>>() })
}
