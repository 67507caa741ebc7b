//! The plan for a cluster, and the metadata that all its objects share.

use std::collections::{BTreeMap, BTreeSet};

use super::config::ConfigMap;
use super::model::{Labels, Metadata};
use crate::plan::{Plan, Volume};
use crate::stack::{self, ClusterEdge, Protocol, TlsMode, Zone};
use crate::values::{ImageRef, Memory, ServiceName, VolumeName};

/// A plan for a cluster, and values derived from it that most objects need.
pub struct Cluster<'a> {
    pub plan: &'a Plan,
    pub settings: &'a stack::Kubernetes,
    pub namespace: &'a str,
    pub tls: TlsMode,
    /// The image of the containers that wait for other services.
    pub wait_image: &'a ImageRef,
    /// The ConfigMaps of each mounted folder, by the folder's path.
    pub configs: BTreeMap<String, Vec<ConfigMap>>,
    /// Volumes with a separate claim: volumes that other services than the owner mount, and volumes of jobs.
    pub shared_volumes: BTreeSet<&'a VolumeName>,
}

impl<'a> Cluster<'a> {
    /// Returns `None` for a plan without a cluster.
    pub fn new(
        plan: &'a Plan,
        configs: BTreeMap<String, Vec<ConfigMap>>,
        shared_volumes: BTreeSet<&'a VolumeName>,
    ) -> Option<Self> {
        let cluster = plan.kubernetes.as_ref()?;
        Some(Cluster {
            plan,
            settings: &cluster.settings,
            namespace: cluster.namespace.as_str(),
            tls: cluster.tls,
            wait_image: &cluster.wait_image,
            configs,
            shared_volumes,
        })
    }

    /// Returns whether the volume has a separate claim.
    pub fn is_shared(&self, volume: &VolumeName) -> bool {
        self.shared_volumes.contains(volume)
    }

    /// Returns the volumes that a service owns.
    pub fn volumes_of(&self, name: &ServiceName) -> impl Iterator<Item = (&'a VolumeName, &'a Volume)> {
        self.plan.volumes.iter().filter(move |(_, volume)| volume.owner == *name)
    }

    /// Returns the ports of nginx for clients. HTTPS and HTTP/3 are included only for an edge on ports of the nodes; a
    /// Gateway or an Ingress terminates TLS in front of nginx.
    pub fn client_ports(&self) -> Vec<(u16, Protocol)> {
        let is_on_nodes = self.settings.edge == ClusterEdge::NodePort;
        let port_names: &[&str] = if is_on_nodes { &["http", "http3", "https"] } else { &["http"] };
        let Some(edge) = self.plan.services.get(&self.plan.ingress.service) else { return Vec::new() };
        let ports = edge.ports.iter().filter(|(name, _)| port_names.contains(&name.as_str()));
        ports.map(|(name, port)| (*port, edge.protocol(name))).collect()
    }

    /// Returns nginx's port `http`, without which the planner refuses a stack for a gateway or an Ingress. It is the first of
    /// the client ports, which are in the order of their names.
    pub fn http_port(&self) -> u16 {
        self.client_ports()[0].0
    }

    /// Returns the metadata of an object that belongs to no service.
    pub fn common_metadata(&self, name: &str) -> Metadata {
        Metadata {
            name: name.to_owned(),
            namespace: Some(self.namespace.to_owned()),
            labels: self.common_labels(),
            ..Metadata::default()
        }
    }

    /// Returns the metadata of an object of a service; the object has the service's name.
    pub fn metadata(&self, service: &ServiceName, zone: Zone) -> Metadata {
        let wave = self.wave(service).map(|wave| ("argocd.argoproj.io/sync-wave".to_owned(), wave.to_string()));
        let annotations = wave.into_iter().collect();
        Metadata { labels: self.labels(service, zone), annotations, ..self.common_metadata(service.as_str()) }
    }

    /// Returns the wave in which Argo CD applies a service; objects that belong to no service come first. Argo CD waits
    /// until all services of earlier waves are healthy. Returns `None` if a different tool applies the manifests.
    fn wave(&self, service: &ServiceName) -> Option<usize> {
        if !self.settings.has_waves() {
            return None;
        }
        self.plan.start_order.iter().position(|wave| wave.contains(service)).map(|wave| wave + 1)
    }

    /// Returns the labels of all objects.
    pub fn common_labels(&self) -> Labels {
        Labels::from([
            ("app.kubernetes.io/managed-by", "nself".to_owned()),
            ("app.kubernetes.io/part-of", self.plan.project.to_string()),
        ])
    }

    /// Returns the labels of a service's objects and pods.
    pub fn labels(&self, name: &ServiceName, zone: Zone) -> Labels {
        let mut labels = self.common_labels();
        labels.extend(selector(name));
        labels.insert("app.kubernetes.io/component", zone.name().to_owned());
        labels
    }
}

/// Returns the labels that select a service's pods. A selector of a running service cannot change.
pub fn selector(name: &ServiceName) -> Labels {
    Labels::from([("app.kubernetes.io/instance", name.to_string()), ("app.kubernetes.io/name", name.to_string())])
}

/// The label with the name of a group of services, whose pods run on different nodes if possible.
const GROUP: &str = "nself/group";

/// Returns the label that selects the pods of a group.
pub fn group_selector(group: &ServiceName) -> Labels {
    Labels::from([(GROUP, group.to_string())])
}

/// Returns a size as a quantity of Kubernetes, such as `256Mi`.
pub fn quantity(memory: Memory) -> String {
    memory.to_string().trim_end_matches('B').to_owned()
}
