//! Addresses of services: name and port inside the stack, host names of routes outside.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::inputs::{Inputs, profile};
use super::roster::{Roster, includes, tls_mode};
use super::service_names::{PROXY_SERVICE, service_name};
use super::wiring::Planned;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::env::Scheme;
use crate::stack::env::ServiceAddress;
use crate::stack::{self, Frontend, Profile, Protocol, Publish, Route, Stack, TlsMode};
use crate::values::{Checked, Host, PortName, ServiceName, UrlPath, host_as_label, is_private_host};
use crate::words;

/// Domains whose subdomains resolve to this machine: one resolves to the loopback address in public DNS, the other is
/// resolved by browsers (RFC 6761).
const LOCAL_DOMAINS: [&str; 2] = ["local.nself.org", "localhost"];

/// A route with the field that declares it and its host names, the canonical one first.
#[derive(Debug, Clone)]
pub struct Address {
    /// The service or frontend of the route.
    pub owner: ServiceName,
    pub path: FieldPath,
    pub route: Route,
    pub hosts: Vec<String>,
}

/// Addresses of all routes of an environment.
#[derive(Debug)]
pub struct Addresses {
    domain: Host,
    /// The port of HTTPS in URLs, if it is not 443.
    https_port: Option<u16>,
    /// Additional domains, which resolve to this machine; only in the profile `local`.
    aliases: Vec<&'static str>,
    routes: Vec<Address>,
    /// Host names and path of each frontend's route. Frontends that are not part of the environment are included, since a
    /// server outside of it may serve them.
    frontends: Vec<(Vec<String>, String)>,
}

impl Addresses {
    /// Returns the addresses of all services and frontends that have a route.
    pub fn plan(inputs: Inputs, roster: &Roster) -> Planned<Self> {
        let Inputs { stack, profile, .. } = inputs;
        // In the profile `local`, a public domain is replaced, because it resolves to a server and not to this machine.
        let uses_local_domain = profile == Profile::Local && !is_private_host(stack.domain.as_str());
        let domain = if uses_local_domain { Host::wrap(LOCAL_DOMAINS[0].into()) } else { stack.domain.clone() };
        let aliases = if uses_local_domain { LOCAL_DOMAINS[1..].to_vec() } else { Vec::new() };
        let https_port = https_port(inputs, roster);
        let mut addresses = Addresses { domain, https_port, aliases, routes: Vec::new(), frontends: Vec::new() };
        let mut findings = Vec::new();
        for (name, member) in roster {
            for (key, route) in member.service.all_routes() {
                let is_short_form = member.service.route.is_some() && key.as_str() == "main";
                let path = match is_short_form {
                    true => member.path.key("route"),
                    false => member.path.key("routes").key(key.as_str()),
                };
                findings.extend(addresses.add(name, path, &route));
            }
        }
        for (name, frontend) in &stack.frontends {
            if includes(stack, profile, frontend) {
                findings.extend(addresses.add(name, path!("frontends", name, "route"), &frontend.route));
            }
        }
        // A frontend that `include_frontends` excludes may have a server outside of the environment.
        let may_have_server = |frontend: &&Frontend| frontend.enabled != Some(false) && frontend.include != Some(false);
        addresses.frontends = stack
            .frontends
            .values()
            .filter(may_have_server)
            .filter_map(|frontend| {
                let path = frontend.route.path.as_ref().map_or("/", UrlPath::as_str).trim_end_matches('/');
                Some((addresses.hosts(&frontend.route)?, path.to_owned()))
            })
            .collect();
        Planned::without_wirings(addresses, findings)
    }

    /// Adds a route with its host names. Returns a finding if the route does not have exactly one of `subdomain` and
    /// `host`, or if a name is too long.
    fn add(&mut self, owner: &ServiceName, path: FieldPath, route: &Route) -> Option<Diagnostic> {
        let Some(hosts) = self.hosts(route) else { return Some(ambiguous_host(owner, path, route)) };
        // Each part of the name is a checked type, but together they may be too long.
        let finding = hosts.iter().find(|host| host.len() > 253).map(|long_host| {
            Diagnostic::error(Code::BadValue, path.clone())
                .message(format!("`{long_host}` has {} characters, but a DNS name has at most 253", long_host.len()))
                .expected("a name of at most 253 characters, together with the domain")
                .hint("shorten the subdomain, or use a shorter domain")
        });
        self.routes.push(Address { owner: owner.clone(), path, route: route.clone(), hosts });
        finding
    }

    /// Returns the host names of a route, one for each domain: the subdomain `api` is `api.example.com`, and `@` is the
    /// domain itself. `None` unless the route has exactly one of `subdomain` and `host`.
    fn hosts(&self, route: &Route) -> Option<Vec<String>> {
        let domains = self.domains();
        let hosts = match (&route.subdomain, &route.host) {
            (Some(subdomain), None) => match subdomain.as_str() {
                "@" => domains.map(str::to_owned).collect(),
                label => domains.map(|domain| format!("{label}.{domain}")).collect(),
            },
            // If local domains replace the public one, a full host name does not resolve to this machine, so it becomes
            // one label below them: `api.example.org` is `api-example-org.localhost`.
            (None, Some(host)) if !self.aliases.is_empty() => {
                let label = host_as_label(host.as_str());
                domains.map(|domain| format!("{label}.{domain}")).collect()
            }
            (None, Some(host)) => vec![host.to_string()],
            _ => return None,
        };
        Some(hosts)
    }

    /// Returns the base domain of the environment, and the additional domains of the profile `local`.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.domain.as_str()).chain(self.aliases.iter().copied())
    }

    /// Returns host names and path of each frontend's route.
    pub(super) fn frontends(&self) -> &[(Vec<String>, String)] {
        &self.frontends
    }

    /// Returns the web origin of a host: `https://` and the host, with the port if it is not 443.
    pub fn origin(&self, host: &str) -> String {
        let port = self.https_port.map_or_else(String::new, |port| format!(":{port}"));
        format!("https://{host}{port}")
    }

    /// Returns the base domain of the environment.
    pub fn domain(&self) -> &Host {
        &self.domain
    }

    /// Returns the routes of services and of included frontends, with their host names.
    pub fn routes(&self) -> &[Address] {
        &self.routes
    }

    /// Returns the first public host name of a service, without a leading `*.`; `None` if the service has no route.
    pub fn public_host(&self, service: &ServiceName) -> Option<&str> {
        let mut routes = self.routes.iter().filter(|address| &address.owner == service);
        routes.next().map(|address| address.hosts[0].as_str().trim_start_matches("*."))
    }

    /// Returns whether a route of a service serves this public host name; `*.example.com` serves all names below it.
    pub fn serves_host(&self, service: &ServiceName, host: &str) -> bool {
        let serves = |served: &String| match served.strip_prefix('*') {
            Some(domain) => host.strip_suffix(domain).is_some_and(|label| !label.is_empty()),
            None => served == host,
        };
        self.routes.iter().filter(|address| &address.owner == service).any(|address| address.hosts.iter().any(serves))
    }

    /// Returns the URL with which other services reach a service, such as `http://auth:4000/path`. `path` is the field that
    /// refers to the service.
    ///
    /// # Errors
    /// The service or its port does not exist in this environment.
    pub fn url_inside_stack(
        &self,
        address: &ServiceAddress,
        (stack, roster): (&Stack, &Roster),
        path: &FieldPath,
    ) -> Result<String, Diagnostic> {
        let name = &address.service;
        let target = roster.get(name).ok_or_else(|| missing_service(name, stack, roster, &path.key("service")))?;
        let subject = format!("`{name}`");
        let port_path = path.key("port");
        let port = port_of(&target.service, &address.port, &port_path, &subject)?;
        let scheme = address.scheme.unwrap_or(Scheme::Http);
        // All of these schemes use TCP. An address without a scheme fits any protocol.
        if scheme != Scheme::None {
            require_tcp(&target.service, port, &port_path, "a URL").map_err(|finding| {
                finding.hint(format!(
                    "choose a TCP port with `port`; for host and number of the UDP port, write `nself.url_of {{ service = \"{name}\", scheme = 'none }}` with its `port`"
                ))
            })?;
        }
        let scheme = scheme.prefix();
        let path = address.path.as_ref().map_or(String::new(), ToString::to_string);
        Ok(format!("{scheme}{}:{port}{path}", address.service))
    }
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

/// Returns the finding for a route that has both or neither of `subdomain` and `host`.
fn ambiguous_host(owner: &ServiceName, path: FieldPath, route: &Route) -> Diagnostic {
    let is_frontend = path.starts_with(&path!("frontends"));
    let finding = Diagnostic::error(Code::BadValue, path)
        .expected("`subdomain = \"api\"`, below the domain of the environment, or `host = \"api.example.com\"`");
    match &route.subdomain {
        Some(_) => finding
            .message("a route needs exactly one of `subdomain` and `host`, but this one has both")
            .hint("remove one of them, or declare the second one as a separate route in `routes`"),
        None if is_frontend && *route == Route::default() => finding
            .message(format!("`{owner}` has no route, so browsers cannot open it"))
            .hint(format!("give it one: `route.subdomain = \"{owner}\"`")),
        None => finding
            .message("a route needs exactly one of `subdomain` and `host`, but this one has neither")
            .hint(format!("add one: `subdomain = \"{owner}\"`")),
    }
}

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
fn require_tcp(service: &stack::Service, number: u16, path: &FieldPath, user: &str) -> Result<(), Diagnostic> {
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
fn port_of(
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

/// Returns the finding for a name that is not a service of the environment: at the field that excludes the service, if
/// the stack declares it, else at `path`.
pub fn missing_service(name: &ServiceName, stack: &Stack, roster: &Roster, path: &FieldPath) -> Diagnostic {
    if let Some(service) = stack.services.get(name) {
        return excluded_service(name, service, path);
    }
    if let Some(frontend) = stack.frontends.get(name).filter(|frontend| frontend.container.is_some()) {
        return missing_container(name, frontend, profile(stack), path);
    }
    let names: Vec<&str> = roster.keys().map(ServiceName::as_str).collect();
    let near = words::nearest(name.as_str(), names.iter().copied());
    Diagnostic::error(Code::UnknownDependency, path.clone())
        .cause(missing_service_cause(name.as_str()))
        .lacks(path!("services", name))
        .message(format!("the stack has no service `{name}`"))
        .expected(words::one_of(&names))
        .hint(near.map_or_else(|| hint_to_add(name, stack), |near| format!("did you mean `{near}`?")))
}

/// Returns the finding for a frontend whose container the environment does not run, although the field `path` refers to it.
fn missing_container(name: &ServiceName, frontend: &Frontend, profile: Profile, path: &FieldPath) -> Diagnostic {
    let finding = Diagnostic::error(Code::UnknownDependency, path.clone())
        .cause(missing_service_cause(name.as_str()))
        .expected("a service that runs in this environment");
    if profile == Profile::Local {
        return finding
            .message(format!("the profile local runs no container of `{name}`, since its dev server runs on the host"))
            .hint(
                "write the reference below `environments`, in the layers of the environments that run the container",
            );
    }
    let change = match frontend.enabled {
        Some(false) => format!("remove `frontends.{name}.enabled = false`"),
        _ => format!("run it here: `frontends.{name}.include = true`"),
    };
    finding
        .lacks(path!("frontends", name, "include"))
        .message(format!("this environment does not run the container of the frontend `{name}`"))
        .hint(change)
}

/// Returns the cause of findings about a service that the stack does not have.
pub fn missing_service_cause(name: &str) -> String {
    format!("no service {name}")
}

/// The services of `nself.services` in `stdlib/main.ncl`, which a stack adds under their own names, sorted.
const OPTIONAL_SERVICES: [&str; 11] = [
    "admin",
    "adminer",
    "functions",
    "mail",
    "meilisearch",
    "minio",
    "mlflow",
    "pgbouncer",
    "postgres-replica",
    "redis",
    "s3",
];

/// Returns the hint for adding a service of the catalogue; `None` for any other name.
pub fn hint_to_add_optional(name: &ServiceName) -> Option<String> {
    OPTIONAL_SERVICES
        .contains(&name.as_str())
        .then(|| format!("add it from the library: `services.{name} = nself.services.{name}`"))
}

/// Returns the hint for adding a service; for a name such as `api-worker`, a process `worker` of the service `api`.
fn hint_to_add(name: &ServiceName, stack: &Stack) -> String {
    let mut processes = stack.services.keys().filter_map(|service| {
        let process = name.as_str().strip_prefix(service.as_str())?.strip_prefix('-')?;
        Some(format!("add it, for example `services.{service}.processes.{process} = …`"))
    });
    // Of several services whose names begin this name, the last one has the longest name.
    let hint = processes.next_back().or_else(|| hint_to_add_optional(name));
    hint.unwrap_or_else(|| format!("add it, for example `services.{name} = …`"))
}

/// Returns the finding for a service that the environment excludes although the field `path` refers to it. All such
/// findings about one service are merged.
pub fn excluded_service(name: &ServiceName, service: &stack::Service, path: &FieldPath) -> Diagnostic {
    let (field, correction) = match service.enabled {
        Some(false) => ("enabled", "enable it in this environment"),
        _ => ("only", "add the profile of this environment to `only`"),
    };
    Diagnostic::error(Code::DisabledDependency, path!("services", name, field))
        .message(format!("`{name}` is not part of this environment, but other services need it"))
        .hint(format!("{correction}, or remove the fields that refer to it"))
        .related(path.clone(), format!("`{path}` refers to it"))
}

/// Returns the host address of a published port: the declared one. The default is every address for the edge in staging
/// and production, and the loopback address for everything else.
pub fn published_address(is_proxy: bool, profile: Profile, publish: &Publish) -> IpAddr {
    let default = if is_proxy && profile != Profile::Local { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    publish.address.unwrap_or(default.into())
}

#[cfg(test)]
mod tests {
    use super::OPTIONAL_SERVICES;

    #[test]
    fn the_optional_services_are_those_of_the_library() {
        let library = include_str!("../../stdlib/main.ncl");
        let entries =
            library.lines().skip_while(|line| *line != "  services").take_while(|line| *line != "  templates");
        let names: Vec<&str> = entries.filter_map(|line| Some(line.split_once(" = import ")?.0.trim())).collect();
        assert_eq!(names, OPTIONAL_SERVICES);
    }
}
