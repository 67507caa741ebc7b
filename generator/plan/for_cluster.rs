//! Adapts the plan to a cluster, which provides certificates and owners of volumes itself and does not reach the host
//! machine. Everything else is the same on all targets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model::{
    Cluster, Monitoring, NameServer, Operator, Peers, Plan, Platform, Programs, Resolver, ServerAccess, Service,
    Upstream, Volume, VolumeMount,
};
use super::network::{PRIVATE, PRIVATE_V6};
use super::secret_list::{CERTIFICATE, CERTIFICATE_KEY};
use super::service_names::{ACME, BACKUP_TOOLS, VOLUME_OWNER, service_name};
use crate::stack::{ClusterEdge, ClusterRight, IpFamilies, Replacement, TlsMode};
use crate::values::{Checked, Cidr, Host, ServiceName, VolumeName};

/// Returns the plan for a cluster, without the services that the cluster replaces: fsGroup sets the owners of volumes, and
/// cert-manager obtains certificates. Unless clients reach nginx on node ports, TLS ends in front of it.
pub fn cluster(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    let settings = plan.kubernetes.as_ref().map(|cluster| &cluster.settings);
    let is_replaced =
        |service: &Service| settings.is_some_and(|settings| service.on_clusters.replacement(settings).is_some());
    let replaced_services = plan.services.iter().filter(|(_, service)| is_replaced(service));
    let mut replaced_names: BTreeSet<ServiceName> = replaced_services.map(|(name, _)| name.clone()).collect();
    replaced_names.extend([ACME, VOLUME_OWNER, BACKUP_TOOLS].map(service_name));
    let tools = plan.services.get(&service_name(BACKUP_TOOLS)).and_then(|tools| copied_programs(tools));
    let stays = |name: &ServiceName| !replaced_names.contains(name);
    if let Some(cluster) = &plan.kubernetes {
        plan.monitoring = plan.monitoring.as_ref().map(|monitoring| monitoring_on_cluster(monitoring, &plan, cluster));
    }
    plan.services.retain(|name, _| stays(name));
    plan.volumes.retain(|_, volume| stays(&volume.owner));
    plan.connections.retain(|connection| stays(&connection.from) && stays(&connection.to));
    plan.start_order.iter_mut().for_each(|wave| wave.retain(stays));
    start_edge_last(&mut plan);
    plan.start_order.retain(|wave| !wave.is_empty());
    let volumes = &plan.volumes;
    // `make_mut` copies changed services only; the plans share the others, so their digests are computed once.
    for service in plan.services.values_mut() {
        let is_mounted = |mount: &VolumeMount| volumes.contains_key(&mount.volume);
        let uses_tools =
            |(_, volume): &&(Programs, VolumeName)| service.volumes.iter().any(|mount| mount.volume == *volume);
        if let Some((programs, _)) = tools.as_ref().filter(uses_tools) {
            Arc::make_mut(service).programs = Some(programs.clone());
        }
        if let Some(user) = &service.on_clusters.user {
            let user = user.clone();
            let service = Arc::make_mut(service);
            service.user = Some(user);
            // On hosts, these rights belong to the user.
            service.capabilities.clear();
        }
        if service.reaches_host || !service.depends_on.keys().all(stays) || !service.volumes.iter().all(is_mounted) {
            let service = Arc::make_mut(service);
            service.depends_on.retain(|name, _| stays(name));
            service.volumes.retain(is_mounted);
            service.reaches_host = false;
        }
    }
    plan.access.iter_mut().for_each(accept_all_peers);
    adapt_ingress(&mut plan);
    plan
}

/// Sets the resolver, the ports and the end of TLS of the ingress, and removes the routes to the host machine.
fn adapt_ingress(plan: &mut Plan) {
    let Some(cluster) = &plan.kubernetes else { return };
    plan.ingress.resolver = Resolver::Cluster(name_server(cluster));
    plan.ingress.https_port = None;
    let is_behind_controller = cluster.settings.edge != ClusterEdge::NodePort;
    let node_port = cluster.settings.node_ports.https;
    plan.ingress.http3_port = plan.ingress.http3_port.filter(|_| !is_behind_controller).map(|_| node_port);
    plan.ingress.this_machine_is_internal = false;
    plan.ingress.redirects_http = cluster.settings.edge == ClusterEdge::Ingress && cluster.tls != TlsMode::Proxy;
    if is_behind_controller {
        terminate_tls_in_front(plan);
    }
    for site in plan.ingress.sites.values_mut() {
        site.locations.retain(|location| matches!(location.upstream, Upstream::Service { .. }));
    }
    plan.ingress.sites.retain(|_, site| !site.locations.is_empty());
}

/// Returns the volumes with a separate claim: those that services other than the owner mount, and volumes of jobs. The
/// claim templates of a StatefulSet serve only the owner of a volume, and jobs have no templates. A job that reads or
/// changes the data of another service mounts the claim from the owner's template.
pub fn separate_claims<'a>(
    services: impl Iterator<Item = (&'a ServiceName, &'a Service)>,
    volumes: &BTreeMap<VolumeName, Volume>,
) -> BTreeSet<&'a VolumeName> {
    let mounts = services.flat_map(|(name, service)| service.volumes.iter().map(move |mount| (name, service, mount)));
    let mounts = mounts.filter(|(name, service, mount)| {
        let is_owner = volumes.get(&mount.volume).is_some_and(|volume| volume.owner == **name);
        mount.stopped_owner.is_none() && mount.running_owner.is_none() && (!is_owner || service.runs_to_completion())
    });
    mounts.map(|(_, _, mount)| &mount.volume).collect()
}

/// Returns the name of the disruption budget of a group of services.
pub fn group_budget_name(group: &ServiceName) -> String {
    format!("group-{group}")
}

/// Replaces the access rules for networks. The name of a network is a domain of host names, and addresses of pods have no
/// host names. On clusters, network policies limit which pods reach the server.
fn accept_all_peers(access: &mut ServerAccess) {
    for peers in [&mut access.superuser_from, &mut access.replication_from] {
        if matches!(peers, Peers::Network(_)) {
            *peers = Peers::All;
        }
    }
}

/// Returns the programs that a job copies into its first volume, and this volume. A cluster copies them into each pod, since
/// few clusters have volumes that pods on several nodes can mount.
fn copied_programs(job: &Service) -> Option<(Programs, VolumeName)> {
    let mount = job.volumes.first()?;
    let command = job.entrypoint.clone().unwrap_or_default();
    let (service, folder) = (service_name(BACKUP_TOOLS), mount.path.clone());
    let programs = Programs { service, image: job.image.clone()?, command, folder };
    Some((programs, mount.volume.clone()))
}

/// Returns the monitoring without scrape jobs of replaced services. Their alerts and dashboards stay if the kubelets
/// export the same metrics. For programs of the Prometheus operator, only the dashboards stay, because the operator has
/// alerts about its programs.
fn monitoring_on_cluster(monitoring: &Monitoring, plan: &Plan, cluster: &Cluster) -> Monitoring {
    // On a cluster, cert-manager obtains the certificates, and exports its own metrics.
    let replacement = |name: &ServiceName| match name.as_str() {
        ACME => Some(Replacement::Nothing),
        _ => plan.services.get(name)?.on_clusters.replacement(&cluster.settings),
    };
    // A service with the right to read nodes scrapes their kubelets.
    let reads_nodes = |(name, service): (&ServiceName, &Arc<Service>)| {
        service.on_clusters.reads.contains(&ClusterRight::Nodes) && replacement(name).is_none()
    };
    let scrapes_kubelets = plan.services.iter().any(reads_nodes);
    let stays = |name: &ServiceName| match replacement(name) {
        None => true,
        Some(Replacement::Kubelet) => scrapes_kubelets,
        Some(Replacement::Nothing | Replacement::Operator) => false,
    };
    let mut monitoring = monitoring.clone();
    monitoring.jobs.retain(|name, _| replacement(name).is_none());
    monitoring.alerts.retain(|name, _| stays(name));
    monitoring.dashboards.retain(|name, _| stays(name) || replacement(name) == Some(Replacement::Operator));
    monitoring.programs.retain(|_, program_service| replacement(&program_service.service).is_none());
    monitoring.platform = Platform::Cluster {
        namespace: cluster.namespace.clone(),
        service_domain: name_server(cluster).service_domain,
        only_ipv6: cluster.settings.ip_families == Some(IpFamilies::Ipv6),
        scrapes_kubelets,
        operator: cluster.settings.prometheus_operator.as_ref().map(|operator| Operator {
            service_domain: format!("{}.svc.{}", operator.namespace(), cluster_domain(cluster)),
        }),
    };
    monitoring
}

/// Moves the edge to the end of the start order, unless a service waits for it.
fn start_edge_last(plan: &mut Plan) {
    let edge = plan.ingress.service.clone();
    let has_edge = plan.services.contains_key(&edge);
    if has_edge && !plan.services.values().any(|service| service.depends_on.contains_key(&edge)) {
        plan.start_order.iter_mut().for_each(|wave| wave.retain(|name| *name != edge));
        plan.start_order.push(vec![edge]);
    }
}

/// Returns the DNS domain of the cluster.
fn cluster_domain(cluster: &Cluster) -> &str {
    cluster.settings.dns.domain.as_ref().map_or("cluster.local", |domain| domain.as_str())
}

/// Returns the cluster's name server, and the domain of services in the namespace.
fn name_server(cluster: &Cluster) -> NameServer {
    let dns = &cluster.settings.dns;
    let setting_or =
        |setting: &Option<Host>, default: &str| setting.as_ref().map_or(default.to_owned(), ToString::to_string);
    let domain = cluster_domain(cluster);
    NameServer {
        host: format!(
            "{}.{}.svc.{domain}",
            setting_or(&dns.service, "kube-dns"),
            setting_or(&dns.namespace, "kube-system")
        ),
        service_domain: format!("{}.svc.{domain}", cluster.namespace),
        ip_families: cluster.settings.ip_families.unwrap_or(IpFamilies::Ipv4),
    }
}

/// Moves the end of TLS from the edge to the gateway or controller in front of it: the edge has no certificate and
/// trusts the addresses of the gateway.
fn terminate_tls_in_front(plan: &mut Plan) {
    plan.ingress.tls = TlsMode::Proxy;
    let has_grpc = plan.ingress.has_grpc();
    if let Some(edge) = plan.services.get_mut(&plan.ingress.service) {
        let edge = Arc::make_mut(edge);
        edge.secret_files.retain(|secret| ![CERTIFICATE, CERTIFICATE_KEY].contains(&secret.as_str()));
        let http_port = edge.ports.iter().find(|(name, _)| name.as_str() == "http").map(|(_, port)| *port);
        edge.h2c_ports.extend(http_port.filter(|_| has_grpc));
    }
    plan.secrets.retain(|secret, _| ![CERTIFICATE, CERTIFICATE_KEY].contains(&secret.as_str()));
    if plan.ingress.trusted_proxies.is_empty() {
        // Clusters give private addresses to pods, and the gateway is one of them.
        let pods = PRIVATE.into_iter().chain([PRIVATE_V6]);
        plan.ingress.trusted_proxies = pods.map(|range| Cidr::wrap(range.to_owned())).collect();
    }
}
