//! Checks the callers of the edge: which addresses are internal, and whether the edge sees the address of a client at all.
//! The address of a proxy, a bridge or a load balancer is never internal.

use std::net::IpAddr;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::model::{IngressPlan, Location};
use crate::plan::network::{PRIVATE, PRIVATE_V6};
use crate::plan::ports::published_address;
use crate::plan::roster::{Roster, tls_mode};
use crate::plan::service_names::{PROXY_SERVICE, service_name};
use crate::stack::{ClusterEdge, Kubernetes, Profile, Stack, TlsMode};
use crate::values::{AddressRange, Checked, Cidr};

/// A route that only internal addresses may use, with its first host name.
#[derive(Debug)]
pub struct InternalRoute {
    pub path: FieldPath,
    pub host: String,
}

/// The reason why the edge does not see the addresses of clients, and the advice for it.
struct HiddenClients {
    path: FieldPath,
    reason: String,
    expected: String,
    hint: String,
}

/// Returns the addresses at which the edge is published, each with its field.
fn published_addresses(profile: Profile, roster: &Roster) -> Vec<(FieldPath, IpAddr)> {
    let Some(proxy) = roster.get(&service_name(PROXY_SERVICE)) else { return Vec::new() };
    let field = |port: &str| proxy.path.key("publish").key(port).key("address");
    let is_proxy = true;
    let ports = proxy.service.publish.iter();
    ports.map(|(port, publish)| (field(port.as_str()), published_address(is_proxy, profile, publish))).collect()
}

/// Returns whether every request through the published ports comes from this machine, and none through a proxy.
pub fn from_this_machine(stack: &Stack, profile: Profile, roster: &Roster) -> bool {
    let addresses_are_loopback = published_addresses(profile, roster).iter().all(|(_, address)| address.is_loopback());
    profile == Profile::Local && tls_mode(stack, profile) != TlsMode::Proxy && addresses_are_loopback
}

/// Refuses internal routes if the edge does not see the client's address (NS605), and internal ranges that overlap ranges
/// of proxies (NS606). Warns of internal routes that no address may use (NS604).
pub fn check(inputs: Inputs, roster: &Roster, edge: &IngressPlan, internal: &[InternalRoute]) -> Vec<Diagnostic> {
    let Inputs { stack, profile, .. } = inputs;
    let mut findings = check_address_ranges(stack);
    let on_cluster = stack.kubernetes.enabled.then(|| hidden_from_cluster(&stack.kubernetes)).flatten();
    let hidden_clients: Vec<HiddenClients> =
        hidden_from_engine(stack, profile, roster).into_iter().chain(on_cluster).collect();
    let sees_clients = hidden_clients.is_empty();
    findings.extend(hidden_clients.into_iter().map(|hidden| hidden_finding(edge, hidden, internal)));
    // Requests from this machine reach the edge of the Compose project, but not that of a cluster.
    let only_cluster_lacks_callers = edge.this_machine_is_internal && stack.kubernetes.enabled;
    let internal_callers_exist = edge.this_machine_is_internal && !only_cluster_lacks_callers;
    if let Some(first) = internal.first()
        && edge.internal_addresses.is_empty()
        && !internal_callers_exist
        && sees_clients
    {
        let hosts: Vec<String> = internal.iter().map(|route| format!("`{}`", route.host)).collect();
        let (verb, cluster_note) = (
            if hosts.len() == 1 { "accepts" } else { "accept" },
            if only_cluster_lacks_callers { ", and requests to a cluster do not come from this machine" } else { "" },
        );
        let finding =
            Diagnostic::warning(Code::NoInternalAddress, first.path.clone())
                .message(format!("{} {verb} only internal addresses, but `edge.internal_addresses` is empty{cluster_note}", hosts.join(", ")))
                .expected("the addresses of the callers, such as the address range of an office or a VPN")
                .hint(if only_cluster_lacks_callers {
                    "set `edge.internal_addresses = [\"198.51.100.0/24\"]`; `kubectl port-forward` reaches a service without nginx"
                } else {
                    "set `edge.internal_addresses = [\"198.51.100.0/24\"]`, or limit the service: `only = ['local]`"
                })
                .lacks(path!("edge", "internal_addresses"));
        findings.push(internal[1..].iter().fold(finding, |finding, route| {
            finding.counterpart(route.path.clone(), "this route accepts only internal addresses, too")
        }));
    }
    findings
}

/// Refuses ranges that contain every address, and internal ranges that overlap ranges of proxies.
fn check_address_ranges(stack: &Stack) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let range = |cidr: &Cidr| AddressRange::read(cidr.as_str());
    let field = |name: &str, i: usize| path!("edge", name).index(i);
    let (internal, proxies) = (&stack.edge.internal_addresses, &stack.edge.trusted_proxies);
    for (name, list) in [("internal_addresses", internal), ("trusted_proxies", proxies)] {
        let contains_everything = |(_, cidr): &(usize, &Cidr)| range(cidr).is_some_and(|range| range.is_everything());
        findings.extend(list.iter().enumerate().filter(contains_everything).map(|(i, cidr)| {
            Diagnostic::error(Code::AddressRange, field(name, i))
                .message(format!("`{cidr}` contains every address of the internet"))
                .expected("the ranges of your own networks, such as `10.0.0.0/8`")
                .hint(if name == "trusted_proxies" {
                    "list only the addresses of the proxies, since a client in these ranges can claim any address"
                } else {
                    "list only the addresses of the callers; to let everyone call, set `access = 'public` in the route, or `guard.internal_paths = []` in the service"
                })
        }));
    }
    let overlap = |first: &Cidr, other: &Cidr| {
        range(first).zip(range(other)).is_some_and(|(first, other)| first.overlaps(&other))
    };
    // Without a list of proxies, the gateway's pods are trusted, whose addresses are in the private ranges.
    let gateway_pods_are_proxies =
        stack.kubernetes.enabled && stack.kubernetes.edge != ClusterEdge::NodePort && proxies.is_empty();
    let pod_ranges: Vec<Cidr> =
        PRIVATE.into_iter().chain([PRIVATE_V6]).map(|range| Cidr::wrap(range.to_owned())).collect();
    for (i, cidr) in internal.iter().enumerate() {
        let finding = Diagnostic::error(Code::AddressRange, field("internal_addresses", i));
        if let Some((proxy_index, proxy)) = proxies.iter().enumerate().find(|(_, proxy)| overlap(cidr, proxy)) {
            findings.push(
                finding
                    .message(format!("the internal range `{cidr}` overlaps the range `{proxy}` of a proxy"))
                    .expected("ranges that do not overlap, since the address of a proxy would make external requests look internal")
                    .hint("narrow one of the two, for example to the proxy's own address")
                    .related(field("trusted_proxies", proxy_index), "the range of the proxy"),
            );
        } else if gateway_pods_are_proxies && pod_ranges.iter().any(|pods| overlap(cidr, pods)) {
            findings.push(
                finding
                    .message(format!("pods of the gateway may have addresses of the internal range `{cidr}`"))
                    .expected("`edge.trusted_proxies` with the addresses of the gateway's pods, which do not overlap internal addresses")
                    .hint("set the address range of pods of this cluster, for example `edge.trusted_proxies = [\"10.42.0.0/16\"]`"),
            );
        }
    }
    findings
}

/// Returns the finding for hidden client addresses: an error if a rule depends on them, otherwise a warning.
fn hidden_finding(edge: &IngressPlan, hidden: HiddenClients, internal: &[InternalRoute]) -> Diagnostic {
    let mut locations = edge.sites.values().flat_map(|site| &site.locations);
    let has_guard = |location: &Location| !location.internal_paths.is_empty() || !location.internal_headers.is_empty();
    let has_internal_addresses = !edge.internal_addresses.is_empty();
    let rule_needs_address =
        locations.any(|location| location.internal || (has_internal_addresses && has_guard(location)));
    let new_finding = if rule_needs_address { Diagnostic::error } else { Diagnostic::warning };
    let consequence = if rule_needs_address {
        "routes cannot be limited to internal callers"
    } else {
        "all clients share one rate limit"
    };
    let finding = new_finding(Code::HiddenClients, hidden.path)
        .message(format!("{consequence}, because {}", hidden.reason))
        .expected(hidden.expected)
        .hint(hidden.hint);
    internal.iter().fold(finding, |finding, route| {
        finding.related(route.path.clone(), format!("`{}` accepts only internal addresses", route.host))
    })
}

/// Returns why the edge of a Compose project does not see the addresses of clients; `None` if it sees them.
fn hidden_from_engine(stack: &Stack, profile: Profile, roster: &Roster) -> Option<HiddenClients> {
    let lists_proxies = !stack.edge.trusted_proxies.is_empty();
    if tls_mode(stack, profile) == TlsMode::Proxy {
        return (!lists_proxies).then(|| HiddenClients {
            path: path!("tls", "mode"),
            reason: "every request comes from the proxy in front of nginx".into(),
            expected: "the addresses of the proxy, so that nginx trusts its X-Forwarded-For header".into(),
            hint:
                "set `edge.trusted_proxies = [\"172.16.0.0/12\"]` for a proxy on this machine, whose requests come through the \
                   container bridge; for any other proxy, list its address"
                    .into(),
        });
    }
    let addresses = published_addresses(profile, roster);
    if let Some((path, address)) = addresses.iter().find(|(_, address)| address.is_ipv6() && !address.is_loopback()) {
        return Some(HiddenClients {
            path: path.clone(),
            reason: format!(
                "for ports published at `{address}`, nginx sees the address of the container bridge instead of that of the client"
            ),
            expected: "an IPv4 address, since the container engine keeps the addresses of clients only for IPv4".into(),
            hint: format!("set `{path} = \"0.0.0.0\"`"),
        });
    }
    let (path, address) = addresses.iter().find(|(_, address)| address.is_loopback())?;
    (profile != Profile::Local && !lists_proxies).then(|| HiddenClients {
        path: path.clone(),
        reason: format!(
            "for ports published at `{address}`, nginx sees the address of the container bridge instead of that of the client"
        ),
        expected: "a proxy on this machine that passes on the address of the client, or an address that clients reach directly".into(),
        hint: "set `tls.mode = 'proxy` and `edge.trusted_proxies = [\"172.16.0.0/12\"]`, or remove the address".into(),
    })
}

/// Returns why the edge of a cluster does not see the addresses of clients; `None` if it sees them. It sees them on node
/// ports, because their Service has `externalTrafficPolicy: Local`.
fn hidden_from_cluster(settings: &Kubernetes) -> Option<HiddenClients> {
    let (keeps_address, namespace) = (settings.preserves_client_address, &settings.edge_namespace);
    if settings.edge == ClusterEdge::NodePort || (keeps_address && namespace.is_some()) {
        return None;
    }
    let reason = match (keeps_address, namespace) {
        (false, Some(_)) => "the load balancer of the cluster may replace the address of the client",
        (true, _) => "any pod of the cluster can reach nginx and send a false address of the client",
        (false, None) => "the load balancer may replace the address of the client, and any pod can send a false one",
    };
    let namespace = namespace.as_ref().map_or("envoy-gateway-system", |name| name.as_str());
    Some(HiddenClients {
        path: path!("kubernetes"),
        reason: reason.into(),
        expected: "a gateway that keeps the addresses of clients, and the namespace of its pods".into(),
        hint: format!(
            "set `externalTrafficPolicy: Local` on the Service of the gateway (on k3s: `service.spec` in the HelmChartConfig of \
             traefik), and declare it with the namespace of its pods: `kubernetes = {{ preserves_client_address = true, \
             edge_namespace = \"{namespace}\" }}`"
        ),
    })
}
