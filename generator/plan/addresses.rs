//! Addresses of services: the host names of routes outside of the stack, and URLs inside of it.

use super::inputs::Inputs;
use super::missing_services::missing_service;
use super::ports::{https_port, port_of, require_tcp};
use super::roster::{Roster, includes};
use super::wiring::Planned;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::env::{Scheme, ServiceAddress};
use crate::stack::{Frontend, Profile, Route, RouteAccess, Stack};
use crate::values::{Checked, Host, ServiceName, UrlPath, host_as_label, is_private_host};

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
    /// Whether only internal addresses may use the route.
    pub is_internal: bool,
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
                findings.extend(addresses.add(name, path, &route, member.service.is_internal_route(&route)));
            }
        }
        for (name, frontend) in &stack.frontends {
            if includes(stack, profile, frontend) {
                let route = &frontend.route;
                let is_internal = route.access == Some(RouteAccess::Internal);
                findings.extend(addresses.add(name, path!("frontends", name, "route"), route, is_internal));
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
    fn add(&mut self, owner: &ServiceName, path: FieldPath, route: &Route, is_internal: bool) -> Option<Diagnostic> {
        let Some(hosts) = self.hosts(route) else { return Some(ambiguous_host(owner, path, route)) };
        // Each part of the name is a checked type, but together they may be too long.
        let finding = hosts.iter().find(|host| host.len() > 253).map(|long_host| {
            Diagnostic::error(Code::BadValue, path.clone())
                .message(format!("`{long_host}` has {} characters, but a DNS name has at most 253", long_host.len()))
                .expected("a name of at most 253 characters, together with the domain")
                .hint("shorten the subdomain, or use a shorter domain")
        });
        self.routes.push(Address { owner: owner.clone(), path, route: route.clone(), hosts, is_internal });
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

    /// Returns the URL of a service or frontend in the browser, at its first route that is not internal, else at its first
    /// route; `None` without a route. `path` is a path as the service receives it: the edge adds the route's path in front
    /// of it if it removes that path from requests. Without `path`, the URL is that of the route.
    pub fn public_url(&self, owner: &ServiceName, path: Option<&UrlPath>) -> Option<String> {
        let routes = || self.routes.iter().filter(|address| &address.owner == owner);
        let address = routes().find(|address| !address.is_internal).or_else(|| routes().next())?;
        let origin = self.origin(address.hosts[0].trim_start_matches("*."));
        let route_path = address.route.path.as_ref().map_or("", |path| path.as_str().trim_end_matches('/'));
        Some(match path {
            Some(path) if address.route.strip_prefix => format!("{origin}{route_path}{path}"),
            Some(path) => format!("{origin}{path}"),
            None => format!("{origin}{route_path}"),
        })
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
