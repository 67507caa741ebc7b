//! The edge's part of the plan: sites, their locations and common settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::stack::{Cors, IpFamilies, RateLimit, Redirect, RouteKind, TlsMode};
use crate::values::{
    Cidr, Cpus, Duration, Email, HeaderName, HeaderValue, Host, Memory, SecretName, ServiceName, UrlPath,
};

/// The name of a rate limit, which has the form of a secret's name.
pub type RateLimitName = SecretName;

/// Sites and settings of the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IngressPlan {
    /// The service that runs the proxy.
    pub service: ServiceName,
    pub sites: BTreeMap<SiteName, Site>,
    pub rate_limits: BTreeMap<RateLimitName, RateLimit>,
    pub internal_addresses: BTreeSet<Cidr>,
    /// Whether this machine counts as internal. Its requests come from the gateway of the container network. Set only if no
    /// other machine reaches the ports.
    pub this_machine_is_internal: bool,
    pub trusted_proxies: BTreeSet<Cidr>,
    /// Whether the stack lists its trusted proxies. If so, a request may pass several of them; otherwise only the proxy that
    /// connects to the edge is trusted.
    pub proxies_are_listed: bool,
    pub max_body: Memory,
    /// Maximum number of connections of one client address.
    pub connections_per_client: u16,
    pub capacity: EdgeCapacity,
    pub tls: TlsMode,
    /// The port of HTTPS in redirects, if it is not 443.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https_port: Option<u16>,
    /// The UDP port at which clients reach HTTP/3, if nginx serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http3_port: Option<u16>,
    /// Whether the edge redirects requests without TLS, which a proxy in front of the edge forwards, to HTTPS.
    pub redirects_http: bool,
    pub resolver: Resolver,
    pub email: Option<Email>,
    /// Contents of hand-written files by name. None of them has a server name of a site.
    pub nginx_snippets: BTreeMap<String, String>,
}

/// The load that fits into the limits of the edge's container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EdgeCapacity {
    /// Worker processes: the CPU limit, rounded up to whole processors.
    pub workers: u32,
    /// Concurrent requests and websockets. Each uses a connection to the client and one to a service.
    pub requests: u32,
}

impl EdgeCapacity {
    /// Memory of the master process and the shared zones, in bytes.
    const FIXED_MEMORY: u64 = 64 << 20;
    /// Memory of a request, in bytes. An open websocket needs the most: the buffers of both connections and the TLS state.
    /// Measured with nginx 1.30 and OpenSSL 3.5.
    const MEMORY_PER_REQUEST: u64 = 80 << 10;

    /// Returns the capacity of a container with these limits. A limit that is not set counts as two processors or 1 GiB.
    pub fn of(memory: Option<Memory>, cpus: Option<Cpus>) -> EdgeCapacity {
        let workers = cpus.map_or(2, |cpus| cpus.0.div_ceil(1000)).max(1);
        let memory = memory.map_or(1 << 30, |memory| memory.0);
        let requests = (memory.saturating_sub(Self::FIXED_MEMORY) / Self::MEMORY_PER_REQUEST).clamp(256, 65_536);
        EdgeCapacity { workers, requests: u32::try_from(requests).unwrap_or(65_536) }
    }

    /// Returns the requests that one worker may hold.
    pub fn requests_per_worker(self) -> u32 {
        self.requests.div_ceil(self.workers)
    }

    /// Returns the connections that one worker may hold: two for each request, and some for clients without a request,
    /// such as a client that was just refused.
    pub fn connections_per_worker(self) -> u32 {
        2 * self.requests_per_worker() + self.requests_per_worker() / 2 + 64
    }
}

/// The name server from which the edge gets the addresses of services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolver {
    /// The name server of the container engine.
    Engine,
    /// The name server of the cluster, for services of the environment's namespace.
    Cluster(NameServer),
}

/// The name server of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameServer {
    pub host: String,
    /// The domain of the namespace's services.
    pub service_domain: String,
    pub ip_families: IpFamilies,
}

/// A site's file name: its first host, with `_wildcard` in place of `*`, such as `_wildcard.example.com`.
pub type SiteName = String;

/// All routes of one set of host names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Site {
    /// Host names, the canonical one first. A leading `*.` matches every subdomain that no other site has.
    pub hosts: Vec<String>,
    /// Locations, longest path first.
    pub locations: Vec<Location>,
}

/// A path of a site, with the upstream of its requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    pub path: UrlPath,
    /// The service of the route, or the first of its servers.
    pub upstream: Upstream,
    /// Several servers, in place of `upstream` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balanced: Option<ServerList>,
    pub kind: RouteKind,
    /// Whether only internal addresses may use the location.
    pub internal: bool,
    /// Paths that only internal addresses may use. The edge compares whole segments and ignores upper and lower case.
    pub internal_paths: BTreeSet<UrlPath>,
    /// Whether the stack declares some of the internal paths. The edge then refuses spellings of paths that services read
    /// differently, such as `%2F`; paths of metrics and handlers alone do not restrict a host in this way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub declares_internal_paths: bool,
    /// Headers that only internal addresses may send.
    pub internal_headers: BTreeSet<HeaderName>,
    pub rate_limit: RateLimitName,
    /// Largest request body; `None` is unlimited.
    pub max_body: Option<Memory>,
    pub timeout: Duration,
    /// Whether the upstream receives the path without `path`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strip_prefix: bool,
    /// A redirect that the edge sends instead of forwarding the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    /// The secret with the users and passwords for HTTP basic authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<SecretName>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<HeaderName, HeaderValue>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub response_headers: BTreeMap<HeaderName, HeaderValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
}

/// Servers that share the requests of a location.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ServerList {
    /// The number of this list among the different lists of servers of the same upstream, from 1.
    pub number: usize,
    pub servers: Vec<BalancedServer>,
}

/// One of several servers of a location.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct BalancedServer {
    pub target: Target,
    /// The share of the requests, relative to the weights of the other servers.
    pub weight: u16,
    /// Whether the server gets requests only while no other server answers.
    pub is_backup: bool,
}

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    Service {
        service: ServiceName,
        port: u16,
    },
    /// A host outside of the stack.
    Host {
        host: Host,
        port: u16,
    },
}

/// The target of a location's requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Upstream {
    Service {
        service: ServiceName,
        port: u16,
    },
    /// A dev server on the machine that runs the containers.
    HostMachine {
        port: u16,
    },
}

impl Location {
    /// Returns the ports of services to which the location forwards requests.
    pub fn service_ports(&self) -> impl Iterator<Item = (&ServiceName, u16)> {
        let servers = self.balanced.iter().flat_map(|balanced| &balanced.servers);
        let balanced = servers.filter_map(|server| match &server.target {
            Target::Service { service, port } => Some((service, *port)),
            Target::Host { .. } => None,
        });
        let single_server = match &self.upstream {
            Upstream::Service { service, port } if self.balanced.is_none() => Some((service, *port)),
            _ => None,
        };
        balanced.chain(single_server)
    }

    /// Returns the hosts outside of the stack to which the location forwards requests.
    pub fn outside_hosts(&self) -> impl Iterator<Item = (&Host, u16)> {
        let servers = self.balanced.iter().flat_map(|balanced| &balanced.servers);
        servers.filter_map(|server| match &server.target {
            Target::Host { host, port } => Some((host, *port)),
            Target::Service { .. } => None,
        })
    }
}

impl IngressPlan {
    /// Returns whether a site forwards to the machine that runs the containers.
    pub fn reaches_host(&self) -> bool {
        let mut locations = self.sites.values().flat_map(|site| &site.locations);
        locations.any(|location| matches!(location.upstream, Upstream::HostMachine { .. }))
    }

    /// Returns whether a site forwards gRPC.
    pub fn has_grpc(&self) -> bool {
        self.sites.values().any(Site::has_grpc)
    }

    /// Returns the host names for which the HTTP challenge can obtain a certificate, in order.
    pub fn certificate_hosts(&self) -> impl Iterator<Item = &str> {
        self.sites.values().flat_map(|site| &site.hosts).map(String::as_str).filter(|host| !host.starts_with('*'))
    }
}

impl Site {
    /// Returns whether a location forwards gRPC.
    pub fn has_grpc(&self) -> bool {
        self.locations.iter().any(|location| location.kind == RouteKind::Grpc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_follows_the_limits() {
        let small = EdgeCapacity::of(Some(Memory(256 << 20)), Some(Cpus(500)));
        assert_eq!((small.workers, small.requests), (1, 2457));
        let large = EdgeCapacity::of(Some(Memory(1 << 30)), Some(Cpus(2500)));
        assert_eq!((large.workers, large.requests, large.requests_per_worker()), (3, 12_288, 4096));
        assert_eq!(large.connections_per_worker(), 10_304);
        // The lower and the upper bound.
        assert_eq!(EdgeCapacity::of(Some(Memory(32 << 20)), None).requests, 256);
        assert_eq!(EdgeCapacity::of(Some(Memory(1 << 40)), None).requests, 65_536);
    }
}
