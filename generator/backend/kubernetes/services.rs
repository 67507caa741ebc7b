//! The Kubernetes Services by which pods reach each other, and by which clients outside of the cluster reach pods.

use super::cluster::{Cluster, selector};
use super::model::{Metadata, Object, Service as KubernetesService, ServicePort, Spec};
use crate::plan::Service;
use crate::plan::service_names::{metrics_service_name, peers_service_name, published_service_name};
use crate::stack::{ClusterEdge, IpFamilies, Protocol, Published};
use crate::values::{PortName, ServiceName};

/// The name of the port for gRPC in nginx's Service. Like the port `http`, it forwards to nginx's port for HTTP, but a
/// gateway speaks HTTP/2 without TLS (h2c) on it. Websockets need HTTP/1.1, so they use `http`.
const H2C_PORT_NAME: &str = "h2c";
/// The number of the port `h2c`.
pub const H2C_PORT: u16 = 8082;

/// Returns the Kubernetes Services of a service: one with the same name and ports as in Compose, so that URLs are the same,
/// one for each alias, and, where the service has them, those for metrics, for published ports and for the pods of a
/// StatefulSet. Empty for a service that others do not reach by its name.
pub fn objects(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    if !service.is_reachable() {
        return Vec::new();
    }
    let metadata = cluster.metadata(name, service.zone);
    let ports = client_ports(cluster, name, service);
    let mut objects = vec![named_service(cluster, name, metadata.clone(), ports.clone())];
    let metrics = service.metrics_port.map(|port| new_port("metrics".into(), port, Protocol::Tcp));
    objects.extend(metrics.map(|port| {
        let metadata = Metadata { name: metrics_service_name(name), ..metadata.clone() };
        object(metadata, headless(internal(cluster, name, vec![port])))
    }));
    objects.extend(service.aliases.iter().map(|alias| {
        let ports = ports.iter().map(|port| ServicePort { node_port: None, ..port.clone() });
        let metadata = Metadata { name: alias.to_string(), ..metadata.clone() };
        object(metadata, internal(cluster, name, ports.collect()))
    }));
    objects.extend(published_service(cluster, name, service, metadata.clone()));
    if cluster.volumes_of(name).any(|(volume, _)| !cluster.is_shared(volume)) {
        let ports = service.ports.iter().map(|(name, port)| service_port(service, name, *port)).collect();
        let metadata = Metadata { name: peers_service_name(name), ..metadata };
        objects.push(object(metadata, headless(internal(cluster, name, ports))));
    }
    objects
}

fn object(metadata: Metadata, spec: KubernetesService) -> Object {
    Object::spec("v1", "Service", metadata, Spec::Service(spec))
}

/// Returns a Service that only pods of the cluster reach. Its address forwards to the ready pods of `name`.
fn internal(cluster: &Cluster, name: &ServiceName, ports: Vec<ServicePort>) -> KubernetesService {
    let (ip_family_policy, ip_families) = ip_families(cluster);
    KubernetesService {
        kind: "ClusterIP",
        cluster_ip: None,
        ip_family_policy,
        ip_families,
        publish_not_ready_addresses: false,
        external_traffic_policy: None,
        selector: selector(name),
        ports,
    }
}

/// Returns the Service without an address: its name has the addresses of all pods, ready or not.
fn headless(service: KubernetesService) -> KubernetesService {
    KubernetesService { cluster_ip: Some("None"), publish_not_ready_addresses: true, ..service }
}

/// Returns the Service at a port of the nodes or at a load balancer. Its clients keep their addresses, which the nodes
/// would replace with the policy `Cluster`.
fn external(kind: &'static str, service: KubernetesService) -> KubernetesService {
    KubernetesService { kind, external_traffic_policy: Some("Local"), ..service }
}

/// Adds the annotations that the stack declares for the service.
fn annotated(cluster: &Cluster, name: &ServiceName, mut metadata: Metadata) -> Metadata {
    let annotations = cluster.settings.service_annotations.get(name).into_iter().flatten();
    metadata.annotations.extend(annotations.map(|(name, value)| (name.to_string(), value.to_string())));
    metadata
}

/// Returns the Service with the name of the service. The one of nginx is also at ports of the nodes, if the edge is.
fn named_service(cluster: &Cluster, name: &ServiceName, metadata: Metadata, ports: Vec<ServicePort>) -> Object {
    let service = internal(cluster, name, ports);
    let is_on_nodes = *name == cluster.plan.ingress.service && cluster.settings.edge == ClusterEdge::NodePort;
    let service = if is_on_nodes { external("NodePort", service) } else { service };
    object(annotated(cluster, name, metadata), service)
}

/// Returns the Service of the ports that clients outside of the cluster use without the edge.
fn published_service(cluster: &Cluster, name: &ServiceName, service: &Service, metadata: Metadata) -> Option<Object> {
    if *name == cluster.plan.ingress.service || service.public_ports().next().is_none() {
        return None;
    }
    let is_on_nodes = cluster.settings.published == Published::NodePort;
    let ports = service.public_ports().map(|publish| ServicePort {
        name: format!("{}-{}", publish.protocol.name(), publish.host_port),
        port: publish.host_port,
        target_port: publish.container_port,
        protocol: protocol(publish.protocol),
        app_protocol: None,
        node_port: is_on_nodes.then(|| publish.node_port.unwrap_or(publish.host_port)),
    });
    let kind = if is_on_nodes { "NodePort" } else { "LoadBalancer" };
    let metadata = Metadata { name: published_service_name(name), ..annotated(cluster, name, metadata) };
    Some(object(metadata, external(kind, internal(cluster, name, ports.collect()))))
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

/// Returns a port that has the same number in the Service and in the pods.
fn new_port(name: String, number: u16, transport: Protocol) -> ServicePort {
    ServicePort {
        name,
        port: number,
        target_port: number,
        protocol: protocol(transport),
        app_protocol: None,
        node_port: None,
    }
}

fn service_port(service: &Service, name: &PortName, number: u16) -> ServicePort {
    let transport = service.protocol(name);
    let is_h2c = transport == Protocol::Tcp && service.h2c_ports.contains(&number);
    ServicePort { app_protocol: is_h2c.then_some("kubernetes.io/h2c"), ..new_port(name.to_string(), number, transport) }
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
