//! Ports of services: their numbers, and the addresses and protocols with which they are published.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::inputs::Inputs;
use super::roster::{Roster, tls_mode};
use super::service_names::{PROXY_SERVICE, service_name};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::{self, Profile, Protocol, Publish, Stack, TlsMode};
use crate::values::{Checked, PortName, ServiceName};
use crate::words;

/// Returns the number of the port with this name; without a name, the port `http` or the only port.
///
/// # Errors
/// NS306 at `path`.
pub fn port(service: &stack::Service, name: &Option<PortName>, path: &FieldPath) -> Result<u16, Diagnostic> {
    port_of(service, name, path, "the service")
}

/// Returns the port like [`port`], for a field whose clients connect with TCP.
///
/// # Errors
/// NS306 at `path`, also for a port that uses only UDP.
pub fn tcp_port(service: &stack::Service, name: &Option<PortName>, path: &FieldPath) -> Result<u16, Diagnostic> {
    let number = port(service, name, path)?;
    require_tcp(service, number, path, "this field")?;
    Ok(number)
}

/// Checks that a port of a service does not use only UDP. `user` needs the port at `path`.
///
/// # Errors
/// NS306 at `path`.
pub fn require_tcp(service: &stack::Service, number: u16, path: &FieldPath, user: &str) -> Result<(), Diagnostic> {
    if service.protocols_of_port(number).contains(&Protocol::Tcp) {
        return Ok(());
    }
    Err(Diagnostic::error(Code::UnknownPort, path.clone())
        .message(format!("port {number} is published for UDP, but {user} needs a TCP port"))
        .expected("a TCP port of the service")
        .hint(format!(
            "choose a TCP port; if the program accepts TCP at {number}, too, declare it and name it in this field: `ports.tcp = {number}`"
        )))
}

/// Returns the port like [`port`]. `subject` names the service in the finding.
pub fn port_of(
    service: &stack::Service,
    name: &Option<PortName>,
    path: &FieldPath,
    subject: &str,
) -> Result<u16, Diagnostic> {
    let ports: BTreeMap<PortName, u16> = service.all_ports();
    let only_port = ports.values().next().filter(|_| ports.len() == 1);
    let number = match name {
        Some(name) => ports.get(name),
        None => ports.get(&PortName::wrap("http".into())).or(only_port),
    };
    number.copied().ok_or_else(|| {
        let names: Vec<&str> = ports.keys().map(PortName::as_str).collect();
        let wanted_name = name.as_ref().map_or("http", PortName::as_str);
        let hint = match name {
            _ if names.is_empty() => {
                format!("declare the port on which the image listens, such as `ports.{wanted_name} = 8080`")
            }
            Some(name) => format!("use one of these names, or add the port to the service: `ports.{name} = 9090`"),
            None => "choose one of these names with `port`".to_owned(),
        };
        let finding = Diagnostic::error(Code::UnknownPort, path.clone());
        let finding = if names.is_empty() { finding.cause(format!("{subject} has no port")) } else { finding };
        finding
            .message(match name {
                Some(name) => format!("{subject} has no port `{name}`"),
                None if names.is_empty() => format!("{subject} declares no port"),
                None => format!("{subject} has several ports, but none has the name `http`"),
            })
            .expected(if names.is_empty() { "a port in `ports` of the service".into() } else { words::one_of(&names) })
            .hint(hint)
    })
}

/// Returns the port at which browsers connect to the edge, if it is not 443. Behind a proxy, URLs do not contain the
/// port of the edge.
pub fn https_port(inputs: Inputs, roster: &Roster) -> Option<u16> {
    let edge = roster.get(&service_name(PROXY_SERVICE))?;
    let https = published_https(&edge.service)?;
    let is_behind_proxy = tls_mode(inputs.stack, inputs.profile) == TlsMode::Proxy;
    Some(https.port).filter(|port| *port != 443 && !is_behind_proxy)
}

/// Returns the publication of nginx's port for HTTPS; `None` if the port is not published.
pub fn published_https(nginx: &stack::Service) -> Option<&Publish> {
    nginx.publish.get(&PortName::wrap("https".into()))
}

/// The port of nginx's container for HTTPS, unless the stack sets it.
const DEFAULT_HTTPS_CONTAINER_PORT: u16 = 8443;

/// Returns the port of nginx's container for HTTPS.
pub fn https_container_port(nginx: &stack::Service) -> u16 {
    nginx.all_ports().get(&PortName::wrap("https".into())).copied().unwrap_or(DEFAULT_HTTPS_CONTAINER_PORT)
}

/// Returns the protocols with which a port of the host is published. With HTTP/3, the number of the port for HTTPS is
/// published with both.
pub fn published_protocols(
    stack: &Stack,
    service: &ServiceName,
    port: &PortName,
    publish: &Publish,
) -> impl Iterator<Item = Protocol> {
    let is_https = service.as_str() == PROXY_SERVICE && port.as_str() == "https";
    let http3 = (stack.edge.http3 && is_https && publish.protocol == Protocol::Tcp).then_some(Protocol::Udp);
    std::iter::once(publish.protocol).chain(http3)
}

/// Returns the host address of a published port: the declared one. The default is every address for the edge in staging
/// and production, and the loopback address for everything else.
pub fn published_address(is_proxy: bool, profile: Profile, publish: &Publish) -> IpAddr {
    let default = if is_proxy && profile != Profile::Local { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    publish.address.unwrap_or(default.into())
}
