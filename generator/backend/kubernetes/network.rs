//! Addresses of services, and who may talk to whom: nothing, but for DNS, one pair of policies for each edge of the
//! plan, the way in and the internet for services that may reach it.

use serde_json::{Value, json};

use super::model::{Object, Policy, Service as Address, ServicePort, Spec};
use super::{Cluster, selector};
use crate::plan::network::not_the_internet;
use crate::plan::{Connection, Service};
use crate::stack::ClusterEdge;
use crate::values::ServiceName;

/// The name under which a StatefulSet's pods find each other.
pub fn peers(name: &ServiceName) -> String {
    format!("{name}-peers")
}

/// The service's address; the same name and ports as in Compose, so that URLs stay.
pub fn addresses(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    if service.ports.is_empty() || service.one_shot || service.schedule.is_some() {
        return Vec::new();
    }
    let is_edge = *name == cluster.plan.ingress.service && cluster.settings.edge == ClusterEdge::NodePort;
    let nodes = &cluster.settings.node_ports;
    let ports = |nodes_too: bool| {
        service.ports.iter().map(move |(port_name, port)| {
            let node_port = match port_name.as_str() {
                "http" => Some(nodes.http),
                "https" => Some(nodes.https),
                _ => None,
            };
            let node_port = node_port.filter(|_| nodes_too);
            ServicePort { name: port_name.to_string(), port: *port, target_port: *port, protocol: "TCP", node_port }
        })
    };
    // What nginx answers to itself is nobody else's business.
    let public = ports(is_edge).filter(|port| *name != cluster.plan.ingress.service || port.name != "health");
    let address = Address {
        kind: if is_edge { "NodePort" } else { "ClusterIP" },
        cluster_ip: None,
        publish_not_ready_addresses: false,
        external_traffic_policy: is_edge.then_some("Local"),
        selector: selector(name),
        ports: public.collect(),
    };
    let mut objects = vec![cluster.object("v1", "Service", name, name.as_str(), service.zone, Spec::Service(address))];
    if cluster.claims(name).any(|(volume, _)| !cluster.is_shared(volume)) {
        let headless = Address {
            kind: "ClusterIP",
            cluster_ip: Some("None"),
            publish_not_ready_addresses: true,
            external_traffic_policy: None,
            selector: selector(name),
            ports: ports(false).collect(),
        };
        objects.push(cluster.object("v1", "Service", name, &peers(name), service.zone, Spec::Service(headless)));
    }
    objects
}

fn ports(port: u16) -> Value {
    json!([{ "port": port, "protocol": "TCP" }])
}

fn pods(name: &ServiceName) -> Value {
    json!([{ "podSelector": { "matchLabels": selector(name) } }])
}

/// A policy for a service's pods that lets one kind of traffic through.
fn policy(
    cluster: &Cluster,
    name: &ServiceName,
    service: &Service,
    to: &str,
    way: &'static str,
    rule: Value,
) -> Object {
    let ingress = way == "Ingress";
    let (ingress, egress) = if ingress { (vec![rule], Vec::new()) } else { (Vec::new(), vec![rule]) };
    let pod_selector = json!({ "matchLabels": selector(name) });
    let spec = Spec::Policy(Policy { pod_selector, policy_types: vec![way], ingress, egress });
    cluster.object("networking.k8s.io/v1", "NetworkPolicy", name, &format!("{name}-{to}"), service.zone, spec)
}

/// Policies of one service.
pub fn policies(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    let mut objects = Vec::new();
    for Connection { from, to, port } in &cluster.plan.connections {
        if to == name {
            let rule = json!({ "from": pods(from), "ports": ports(*port) });
            objects.push(policy(cluster, name, service, &format!("from-{from}-{port}"), "Ingress", rule));
        }
        if from == name {
            let rule = json!({ "to": pods(to), "ports": ports(*port) });
            objects.push(policy(cluster, name, service, &format!("to-{to}-{port}"), "Egress", rule));
        }
    }
    if *name == cluster.plan.ingress.service {
        let mut rule = json!({ "ports": cluster.front_ports().iter().map(|port| json!({ "port": port, "protocol": "TCP" })).collect::<Vec<_>>() });
        if let Some(namespace) = &cluster.settings.edge_namespace {
            rule["from"] =
                json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } }]);
        }
        objects.push(policy(cluster, name, service, "from-outside", "Ingress", rule));
    } else if service.egress {
        let (inside, inside_v6) = not_the_internet();
        let rule = json!({ "to": [
            { "ipBlock": { "cidr": "0.0.0.0/0", "except": inside } },
            { "ipBlock": { "cidr": "::/0", "except": inside_v6 } },
        ] });
        objects.push(policy(cluster, name, service, "to-internet", "Egress", rule));
    }
    objects
}

/// Policies for all pods of the namespace: nothing passes, but for questions to the cluster's DNS.
pub fn common() -> Vec<(&'static str, Spec)> {
    let everywhere = json!({});
    let dns = json!({
        "to": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } } }],
        "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }],
    });
    let policy = |policy_types: Vec<&'static str>, egress: Vec<Value>| {
        Spec::Policy(Policy { pod_selector: everywhere.clone(), policy_types, ingress: Vec::new(), egress })
    };
    vec![("default-deny", policy(vec!["Ingress", "Egress"], Vec::new())), ("dns", policy(vec!["Egress"], vec![dns]))]
}
