//! Plans the ingress: the sites of all routes, the settings of the edge, and the wirings of the proxy and the certificate
//! client.

mod access_rules;
mod callers;
mod certificates;
mod http3;
mod location;
mod proxy;
mod route_settings;
mod sites;
mod stack_paths;
mod upstreams;

use super::secrets::DeclaredSecrets;
use crate::plan::addresses::Addresses;
use crate::plan::inputs::Inputs;
use crate::plan::model::{EdgeCapacity, IngressPlan, Resolver};
use crate::plan::ports::https_port;
use crate::plan::roster::{Roster, tls_mode};
use crate::plan::secret_list::Recipes;
use crate::plan::service_names::{PROXY_SERVICE, service_name};
use crate::plan::wiring::Planned;
use crate::stack::RateLimit;
use crate::values::{Checked, Memory, SecretName};
use location::LocationSettings;
use sites::Sites;

/// Default rate limits of an application's API and its sign-in: name, requests per second and burst.
const RATE_LIMITS: [(&str, u32, u32); 2] = [("api", 50, 100), ("auth", 5, 20)];
/// The largest body of a request, unless the stack or the route sets it.
const MAX_BODY: Memory = Memory(10 << 20);
/// The number of connections that one client may open, unless the stack sets it.
const CONNECTIONS_PER_CLIENT: u16 = 100;

/// The proxy's part of the plan, and the secrets with its certificate.
pub struct Ingress {
    pub ingress: IngressPlan,
    pub certificates: Recipes,
}

/// Plans the sites of the proxy, and wires the proxy and the certificate client.
pub fn plan(inputs: Inputs, roster: &Roster, addresses: &Addresses, secrets: &DeclaredSecrets) -> Planned<Ingress> {
    let Inputs { stack, profile, files, .. } = inputs;
    let mut rate_limits = stack.edge.rate_limits.clone();
    for (name, per_second, burst) in RATE_LIMITS {
        rate_limits.entry(SecretName::wrap(name.into())).or_insert(RateLimit { per_second, burst });
    }
    let max_body = stack.edge.max_body.unwrap_or(MAX_BODY);
    let shared = LocationSettings { rate_limits: &rate_limits, max_body };
    let Planned { value: Sites { sites, internal_routes }, mut findings, .. } =
        sites::plan(inputs, roster, addresses, &shared);
    findings.extend(access_rules::check_guarded_ports(roster));
    let service = service_name(PROXY_SERVICE);
    let limits = roster.get(&service).map(|proxy| proxy.service.limits.clone()).unwrap_or_default();
    let ingress = IngressPlan {
        service,
        sites,
        rate_limits,
        internal_addresses: stack.edge.internal_addresses.iter().cloned().collect(),
        this_machine_is_internal: callers::from_this_machine(stack, profile, roster),
        trusted_proxies: stack.edge.trusted_proxies.iter().cloned().collect(),
        proxies_are_listed: !stack.edge.trusted_proxies.is_empty(),
        max_body,
        connections_per_client: stack.edge.connections.unwrap_or(CONNECTIONS_PER_CLIENT),
        capacity: EdgeCapacity::of(limits.memory, limits.cpus),
        tls: tls_mode(stack, profile),
        https_port: https_port(inputs, roster),
        http3_port: http3::port(inputs, roster),
        redirects_http: false,
        resolver: Resolver::Engine,
        email: stack.tls.email.clone(),
        nginx_snippets: files.nginx_snippets.clone(),
    };
    findings.extend(callers::check(inputs, roster, &ingress, &internal_routes));
    findings.extend(certificates::check_challenge_port(roster, &ingress));
    findings.extend(proxy::check_http_port(inputs, roster));
    findings.extend(http3::check(inputs, roster));
    let (mut wirings, certificates) = proxy::wire(roster, addresses, &ingress);
    wirings.extend(upstreams::wirings(roster, &ingress));
    let user_files = proxy::wire_route_users(roster, addresses, secrets);
    findings.extend(user_files.findings);
    wirings.extend(user_files.wirings);
    Planned { value: Ingress { ingress, certificates }, wirings, findings }
}
