//! The plan as a cluster runs it. Certificates, the owners of volumes and the way to the host are the
//! cluster's business; everything else is what every target runs.

use std::sync::Arc;

use super::aspect::ingress::{CERTIFICATE, CERTIFICATE_KEY};
use super::model::{Peers, Plan, Resolver, Upstream, VolumeMount};
use super::network::{PRIVATE, PRIVATE_V6};
use super::service_names::{ACME, VOLUME_OWNER, service_name};
use crate::stack::{ClusterEdge, TlsMode};
use crate::values::{Checked, Cidr, ServiceName};

/// The same plan without the services that a cluster replaces: fsGroup hands over volumes, cert-manager obtains
/// certificates. Unless nginx is reached on ports of the nodes, TLS ends in front of it.
pub fn cluster(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    let replaced = [ACME, VOLUME_OWNER].map(service_name);
    let stays = |name: &ServiceName| !replaced.contains(name);
    plan.services.retain(|name, _| stays(name));
    plan.volumes.retain(|_, volume| stays(&volume.owner));
    plan.connections.retain(|connection| stays(&connection.from) && stays(&connection.to));
    plan.start_order.iter_mut().for_each(|wave| wave.retain(stays));
    plan.start_order.retain(|wave| !wave.is_empty());
    let volumes = &plan.volumes;
    for service in plan.services.values_mut() {
        let mounted = |mount: &VolumeMount| volumes.contains_key(&mount.volume);
        // What is not changed is shared, and need not be digested again.
        if service.reaches_host || !service.depends_on.keys().all(stays) || !service.volumes.iter().all(mounted) {
            let service = Arc::make_mut(service);
            service.depends_on.retain(|name, _| stays(name));
            service.volumes.retain(mounted);
            service.reaches_host = false;
        }
    }
    if let Some(access) = &mut plan.access {
        // Addresses of pods have no names; policies decide which pods reach the server.
        for peers in [&mut access.superuser_from, &mut access.replication_from] {
            if matches!(peers, Peers::Network(_)) {
                *peers = Peers::All;
            }
        }
    }
    let Some(cluster) = &plan.kubernetes else { return plan };
    plan.ingress.resolver = Resolver::Cluster(cluster.namespace.clone());
    plan.ingress.this_machine_is_internal = false;
    if cluster.settings.edge != ClusterEdge::NodePort {
        plan.ingress.tls = TlsMode::Proxy;
        for name in [CERTIFICATE, CERTIFICATE_KEY] {
            plan.secrets.retain(|secret, _| secret.as_str() != name);
            if let Some(edge) = plan.services.get_mut(&plan.ingress.service) {
                Arc::make_mut(edge).secret_files.retain(|secret| secret.as_str() != name);
            }
        }
        if plan.ingress.trusted_proxies.is_empty() {
            // Clusters give private addresses to pods, and the gateway is one of them.
            let pods = PRIVATE.into_iter().chain([PRIVATE_V6]);
            plan.ingress.trusted_proxies = pods.map(|range| Cidr::wrap(range.to_owned())).collect();
        }
    }
    for site in plan.ingress.sites.values_mut() {
        site.locations.retain(|location| matches!(location.upstream, Upstream::Service { .. }));
    }
    plan.ingress.sites.retain(|_, site| !site.locations.is_empty());
    plan
}
