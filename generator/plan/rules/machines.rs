//! Rules of environments that run on the same machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::fixed_network;
use crate::plan::inputs::profile;
use crate::plan::ports::{published_address, published_protocols};
use crate::plan::roster::{Roster, roster, tls_mode};
use crate::plan::service_names::PROXY_SERVICE;
use crate::stack::{Protocol, Stack, TlsMode};
use crate::values::{EnvironmentName, Host, Subnet};

/// A published port of an environment.
#[derive(Clone)]
struct PublishedPort {
    environment: EnvironmentName,
    address: IpAddr,
    path: FieldPath,
    /// The source of nginx's certificates, if nginx publishes the port; `None` for ports of other services.
    proxy_tls: Option<TlsMode>,
}

/// The ports that nginx publishes in two environments of a machine.
struct ProxyConflict {
    machine: Host,
    ports: BTreeSet<u16>,
    uses_acme: bool,
}

/// Refuses environments of one machine that publish the same port or have the same network of fixed addresses: the second
/// one would not start.
pub fn check_environments<'a>(environments: impl Iterator<Item = (&'a EnvironmentName, &'a Stack)>) -> Vec<Diagnostic> {
    let mut by_port: BTreeMap<(&Host, u16, &str), Vec<PublishedPort>> = BTreeMap::new();
    let mut by_subnet: BTreeMap<(&Host, Subnet), &EnvironmentName> = BTreeMap::new();
    let mut proxy_conflicts: BTreeMap<(EnvironmentName, EnvironmentName), ProxyConflict> = BTreeMap::new();
    let mut findings = Vec::new();
    for (name, stack) in environments {
        let Some(machine) = &stack.compose.machine else { continue };
        let roster = roster(stack, profile(stack)).value;
        if roster.values().any(|member| member.service.fixed_address) {
            let subnet = fixed_network::subnet(stack, name);
            let first = *by_subnet.entry((machine, subnet.clone())).or_insert(name);
            findings.extend((first != name).then(|| subnet_conflict(machine, &subnet, first, name)));
        }
        for (port, protocol, published) in published_ports(name, stack, &roster) {
            let earlier_ports = by_port.entry((machine, port, protocol.name())).or_default();
            let first = earlier_ports
                .iter()
                .find(|other| other.environment != *name && overlap(other.address, published.address));
            match first {
                Some(first) if first.proxy_tls.is_some() && published.proxy_tls.is_some() => {
                    let pair = (first.environment.clone(), published.environment.clone());
                    let new_conflict =
                        ProxyConflict { machine: machine.clone(), ports: BTreeSet::new(), uses_acme: false };
                    let conflict = proxy_conflicts.entry(pair).or_insert(new_conflict);
                    conflict.ports.insert(port);
                    conflict.uses_acme |= [first, &published].iter().any(|port| port.proxy_tls == Some(TlsMode::Acme));
                }
                Some(first) => findings.push(port_conflict(machine, port, first, &published)),
                None => {}
            }
            earlier_ports.push(published);
        }
    }
    findings.extend(proxy_conflicts.iter().map(|((first, second), conflict)| proxy_conflict(first, second, conflict)));
    findings
}

/// Returns the ports that an environment publishes, each with its number and protocol.
fn published_ports(name: &EnvironmentName, stack: &Stack, roster: &Roster) -> Vec<(u16, Protocol, PublishedPort)> {
    let profile = profile(stack);
    let published = roster.iter().flat_map(|(service, member)| {
        let is_proxy = service.as_str() == PROXY_SERVICE;
        member.service.publish.iter().flat_map(move |(port, publish)| {
            let path = member.path.key("publish").key(port.as_str());
            let address = published_address(is_proxy, profile, publish);
            let proxy_tls = is_proxy.then(|| tls_mode(stack, profile));
            let published = PublishedPort { environment: name.clone(), address, path, proxy_tls };
            published_protocols(stack, service, port, publish)
                .map(move |protocol| (publish.port, protocol, published.clone()))
        })
    });
    published.collect()
}

/// Returns whether some connections reach both addresses. `::` also accepts connections to IPv4 addresses.
fn overlap(first: IpAddr, second: IpAddr) -> bool {
    first == second || first.is_unspecified() || second.is_unspecified()
}

/// Returns the finding for a port that two environments of a machine publish.
fn port_conflict(machine: &Host, port: u16, first: &PublishedPort, second: &PublishedPort) -> Diagnostic {
    let field = second.path.to_string();
    let mut finding = Diagnostic::error(Code::MachinePort, second.path.clone())
        .message(format!(
            "`{}` and `{}` run on `{machine}` and both publish port {port}",
            first.environment, second.environment
        ))
        .expected("different ports, or different addresses of the machine")
        .hint(format!("for example `environments.{}.{field}.port = {}`", second.environment, other_port(port)));
    finding.environments = vec![first.environment.to_string(), second.environment.to_string()];
    finding
}

/// Returns the finding for the ports that nginx publishes in two environments. Let's Encrypt needs port 80 of each
/// environment, so with its certificates only the addresses can be different.
fn proxy_conflict(first: &EnvironmentName, second: &EnvironmentName, conflict: &ProxyConflict) -> Diagnostic {
    let ports: Vec<String> = conflict.ports.iter().map(u16::to_string).collect();
    let with_address = |environment: &EnvironmentName, number: u8| {
        let address = format!("address = \"192.0.2.{number}\"");
        format!("`environments.{environment}.services.{PROXY_SERVICE}.publish = {{ http.{address}, https.{address} }}`")
    };
    let hint = if conflict.uses_acme {
        format!(
            "give each its own address of the machine, for example {} and {}",
            with_address(first, 1),
            with_address(second, 2)
        )
    } else {
        format!(
            "for example `environments.{second}.services.{PROXY_SERVICE}.publish = {{ http.port = 8080, https.port = 8443 }}`"
        )
    };
    let mut finding = Diagnostic::error(Code::MachinePort, path!("compose", "machine"))
        .message(format!(
            "`{first}` and `{second}` run on `{}`, and {PROXY_SERVICE} of both publishes the ports {}",
            conflict.machine,
            ports.join(" and ")
        ))
        .expected("different ports, or different addresses of the machine")
        .hint(hint);
    finding.environments = vec![second.to_string(), first.to_string()];
    finding
}

/// Returns the finding for a network of fixed addresses that two environments of a machine have.
fn subnet_conflict(machine: &Host, subnet: &Subnet, first: &EnvironmentName, second: &EnvironmentName) -> Diagnostic {
    let mut finding = Diagnostic::error(Code::FixedAddress, path!("compose", "fixed_subnet"))
        .message(format!(
            "`{first}` and `{second}` run on `{machine}` and both have the network `{subnet}` of fixed addresses"
        ))
        .expected("different networks, which neither the machine nor a host that it connects to uses")
        .hint(format!("for example `environments.{second}.compose.fixed_subnet = \"{}\"`", subnet.adjacent()));
    finding.environments = vec![first.to_string(), second.to_string()];
    finding
}

/// Returns a port to suggest instead: the usual alternative to 80 and 443, otherwise one that differs by 1000.
fn other_port(port: u16) -> u16 {
    match port {
        80 => 8080,
        443 => 8443,
        port => port.checked_add(1000).unwrap_or(port - 1000),
    }
}
