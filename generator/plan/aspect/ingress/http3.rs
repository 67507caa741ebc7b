//! Plans HTTP/3, which nginx serves at the UDP port with the number of its port for HTTPS.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::model::IngressPlan;
use crate::plan::ports::{https_container_port, published_https};
use crate::plan::roster::{Roster, tls_mode};
use crate::plan::service_names::{PROXY_SERVICE, service_name};
use crate::plan::wiring::{Addition, Wiring};
use crate::stack::{ClusterEdge, TlsMode};
use crate::values::{Checked, PortName};

/// The name of the UDP port in the container of nginx.
const PORT: &str = "http3";

/// Returns the port of the host at which clients reach HTTP/3; `None` without HTTP/3.
pub fn port(inputs: Inputs, roster: &Roster) -> Option<u16> {
    if !inputs.stack.edge.http3 {
        return None;
    }
    let proxy = roster.get(&service_name(PROXY_SERVICE))?;
    published_https(&proxy.service).map(|publish| publish.port)
}

/// Returns the wiring that opens the port of the container.
pub fn wiring(roster: &Roster, ingress: &IngressPlan) -> Option<Wiring> {
    ingress.http3_port?;
    let https = https_container_port(&roster[&ingress.service].service);
    let port = Addition::UdpPort { name: PortName::wrap(PORT.into()), tcp_port: https };
    Some(Wiring::new(&ingress.service, port, &path!("edge", "http3")))
}

/// Refuses HTTP/3 where clients do not reach the TLS of nginx.
pub fn check(inputs: Inputs, roster: &Roster) -> Option<Diagnostic> {
    let proxy = roster.get(&service_name(PROXY_SERVICE)).filter(|_| inputs.stack.edge.http3)?;
    let cluster = &inputs.stack.kubernetes;
    let (message, hint) = if tls_mode(inputs.stack, inputs.profile) == TlsMode::Proxy {
        (
            "nginx cannot serve HTTP/3, because a proxy in front of it terminates TLS",
            "let the proxy serve HTTP/3, and set `edge.http3 = false` in this environment",
        )
    } else if cluster.enabled && cluster.edge != ClusterEdge::NodePort {
        (
            "nginx cannot serve HTTP/3, because the gateway or Ingress of the cluster terminates TLS",
            "set `edge.http3 = false` in this environment, or let clients reach nginx: `kubernetes.edge = 'nodeport`",
        )
    } else if published_https(&proxy.service).is_none() {
        ("nginx publishes no port for HTTPS", "publish it: `services.nginx.publish.https.port = 443`")
    } else {
        return None;
    };
    Some(
        Diagnostic::error(Code::Http3, path!("edge", "http3"))
            .message(message)
            .expected("clients that reach the TLS of nginx, or no HTTP/3")
            .hint(hint),
    )
}
