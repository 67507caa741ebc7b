//! Addresses of services, and network policies. All traffic is refused except DNS, a pair of policies for each connection
//! of the plan, requests to nginx, and the internet for services that may reach it.

use serde_json::{Value, json};

use super::cluster::{Cluster, selector};
use super::model::{Labels, Metadata, Object, Policy, Service as Address, ServicePort, Spec};
use crate::plan::network::not_the_internet;
use crate::plan::{Connection, Service};
use crate::stack::ClusterEdge;
use crate::values::ServiceName;

/// Returns the name of the headless Service by which a StatefulSet's pods find each other.
pub fn peers(name: &ServiceName) -> String {
    format!("{name}-peers")
}

/// Returns the service's address, with the same name and ports as in Compose, so that URLs are equal; for a StatefulSet
/// also the headless Service of its pods.
pub fn addresses(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    if service.ports.is_empty() || service.one_shot || service.schedule.is_some() {
        return Vec::new();
    }
    let is_edge = *name == cluster.plan.ingress.service && cluster.settings.edge == ClusterEdge::NodePort;
    let nodes = &cluster.settings.node_ports;
    let ports = |with_node_ports: bool| {
        service.ports.iter().map(move |(port_name, port)| {
            let node_port = match port_name.as_str() {
                "http" => Some(nodes.http),
                "https" => Some(nodes.https),
                _ => None,
            };
            let node_port = node_port.filter(|_| with_node_ports);
            ServicePort { name: port_name.to_string(), port: *port, target_port: *port, protocol: "TCP", node_port }
        })
    };
    // The health port of nginx is for its own probes only.
    let public = ports(is_edge).filter(|port| *name != cluster.plan.ingress.service || port.name != "health");
    let address = Address {
        kind: if is_edge { "NodePort" } else { "ClusterIP" },
        cluster_ip: None,
        publish_not_ready_addresses: false,
        external_traffic_policy: is_edge.then_some("Local"),
        selector: selector(name),
        ports: public.collect(),
    };
    let metadata = cluster.metadata(name, service.zone);
    let aliases = service.aliases.iter().map(|alias| {
        let address = Address {
            kind: "ClusterIP",
            external_traffic_policy: None,
            ports: ports(false).collect(),
            ..address.clone()
        };
        let metadata = Metadata { name: alias.to_string(), ..metadata.clone() };
        Object::spec("v1", "Service", metadata, Spec::Service(address))
    });
    let mut objects: Vec<Object> = aliases.collect();
    objects.insert(0, Object::spec("v1", "Service", metadata.clone(), Spec::Service(address.clone())));
    if cluster.volumes_of(name).any(|(volume, _)| !cluster.is_shared(volume)) {
        let headless = Address {
            kind: "ClusterIP",
            cluster_ip: Some("None"),
            publish_not_ready_addresses: true,
            external_traffic_policy: None,
            selector: selector(name),
            ports: ports(false).collect(),
        };
        let metadata = Metadata { name: peers(name), ..metadata };
        objects.push(Object::spec("v1", "Service", metadata, Spec::Service(headless)));
    }
    objects
}

fn ports(port: u16) -> Value {
    json!([{ "port": port, "protocol": "TCP" }])
}

fn pods(name: &ServiceName) -> Value {
    json!([{ "podSelector": { "matchLabels": selector(name) } }])
}

/// The direction of traffic.
enum Direction {
    Ingress,
    Egress,
}

/// Returns the policy that allows one kind of traffic of a service's pods; `suffix` completes its name.
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

/// Returns the policies of one service.
pub fn policies(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    let metadata = cluster.metadata(name, service.zone);
    let policy = |suffix: &str, direction, rule| policy(&metadata, selector(name), suffix, &direction, rule);
    let mut objects = Vec::new();
    for Connection { from, to, port } in &cluster.plan.connections {
        if to == name {
            let rule = json!({ "from": pods(from), "ports": ports(*port) });
            objects.push(policy(&format!("from-{from}-{port}"), Direction::Ingress, rule));
        }
        if from == name {
            let rule = json!({ "to": pods(to), "ports": ports(*port) });
            objects.push(policy(&format!("to-{to}-{port}"), Direction::Egress, rule));
        }
    }
    if *name == cluster.plan.ingress.service {
        let ports = cluster.client_ports().into_iter().map(|port| json!({ "port": port, "protocol": "TCP" }));
        let mut rule = json!({ "ports": ports.collect::<Vec<_>>() });
        if let Some(namespace) = &cluster.settings.edge_namespace {
            rule["from"] =
                json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } }]);
        }
        objects.push(policy("from-outside", Direction::Ingress, rule));
    } else if service.egress {
        let (inside, inside_v6) = not_the_internet();
        let rule = json!({ "to": [
            { "ipBlock": { "cidr": "0.0.0.0/0", "except": inside } },
            { "ipBlock": { "cidr": "::/0", "except": inside_v6 } },
        ] });
        objects.push(policy("to-internet", Direction::Egress, rule));
    }
    objects
}

/// Returns the policies for all pods of the namespace: all traffic is refused except queries to the cluster's DNS.
pub fn common() -> Vec<(&'static str, Spec)> {
    let all_pods = json!({});
    let dns = json!({
        "to": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } } }],
        "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }],
    });
    let policy = |policy_types: Vec<&'static str>, egress: Vec<Value>| {
        Spec::Policy(Policy { pod_selector: all_pods.clone(), policy_types, ingress: Vec::new(), egress })
    };
    vec![("default-deny", policy(vec!["Ingress", "Egress"], Vec::new())), ("dns", policy(vec!["Egress"], vec![dns]))]
}
