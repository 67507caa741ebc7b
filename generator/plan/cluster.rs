//! The plan as a cluster runs it. Certificates, the owners of volumes and the way to the host are the
//! cluster's business; everything else is what every target runs.

use super::members::{ACME, VOLUME_OWNER, includes, known};
use super::secrets::{CERTIFICATE, CERTIFICATE_KEY};
use super::{Plan, Resolver, Upstream};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::path;
use crate::stack::{Checked, Cidr, ClusterEdge, Frontend, Profile, Stack, TlsMode};

/// Addresses that clusters give to pods: the gateway is one of them.
const PODS: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// Warnings of frontends that a cluster does not serve: their dev servers run on somebody's machine.
pub fn left_out(stack: &Stack, profile: Profile) -> Vec<Diagnostic> {
    let on_this_machine = |frontend: &&Frontend| profile == Profile::Local && includes(stack, profile, frontend);
    let frontends = stack.frontends.iter().filter(|(_, frontend)| on_this_machine(frontend));
    let findings = frontends.map(|(name, _)| {
        let mut finding = Diagnostic::error(Code::Unsupported, path!("frontends", name))
            .message("the cluster does not reach the dev server, so it has no site there")
            .hint("open the dev server itself, or leave the frontend out of this environment: `include = false`");
        finding.severity = Severity::Warning;
        finding
    });
    findings.collect()
}

/// The same plan without the services that a cluster replaces: fsGroup hands over volumes, cert-manager obtains
/// certificates. Unless nginx is reached on ports of the nodes, TLS ends in front of it.
pub fn cluster(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for name in [ACME, VOLUME_OWNER] {
        let name = known(name);
        plan.services.remove(&name);
        plan.volumes.retain(|_, volume| volume.owner != name);
        plan.edges.retain(|edge| edge.from != name && edge.to != name);
        plan.start_order.iter_mut().for_each(|wave| wave.retain(|service| *service != name));
        for service in plan.services.values_mut() {
            service.depends_on.remove(&name);
        }
    }
    plan.start_order.retain(|wave| !wave.is_empty());
    for service in plan.services.values_mut() {
        service.volumes.retain(|mount| plan.volumes.contains_key(&mount.volume));
        service.reaches_host = false;
    }
    let Some(cluster) = &plan.kubernetes else { return plan };
    plan.edge.resolver = Resolver::Cluster(cluster.namespace.clone());
    if cluster.settings.edge != ClusterEdge::NodePort {
        plan.edge.tls = TlsMode::Proxy;
        for name in [CERTIFICATE, CERTIFICATE_KEY] {
            plan.secrets.retain(|secret, _| secret.as_str() != name);
            if let Some(edge) = plan.services.get_mut(&plan.edge.service) {
                edge.secret_files.retain(|secret| secret.as_str() != name);
            }
        }
        if plan.edge.trusted_proxies.is_empty() {
            plan.edge.trusted_proxies = PODS.map(|range| Cidr::wrap(range.to_owned())).to_vec();
        }
    }
    for site in plan.edge.sites.values_mut() {
        site.locations.retain(|location| matches!(location.upstream, Upstream::Service { .. }));
    }
    plan.edge.sites.retain(|_, site| !site.locations.is_empty());
    plan
}
