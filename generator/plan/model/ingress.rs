//! What the proxy serves: sites, their locations and the settings that all of them share.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stack::{IpFamilies, RateLimit, RouteKind, TlsMode};
use crate::values::{Cidr, Cpus, Duration, Email, HeaderName, Memory, SecretName, ServiceName, UrlPath};

/// What the edge serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IngressPlan {
    /// The service that is the edge.
    pub service: ServiceName,
    pub sites: BTreeMap<SiteName, Site>,
    pub rate_limits: BTreeMap<SecretName, RateLimit>,
    pub internal_addresses: Vec<Cidr>,
    /// Whether callers are internal that come through the bridge's gateway: only this machine reaches the ports.
    pub this_machine_is_internal: bool,
    pub trusted_proxies: Vec<Cidr>,
    /// Whether proxies may follow one another, since the stack lists all of them; otherwise one is believed.
    pub proxies_are_listed: bool,
    pub max_body: Memory,
    /// Connections of one client address.
    pub connections: u16,
    pub capacity: EdgeCapacity,
    pub tls: TlsMode,
    /// Whether a proxy in front also forwards requests without TLS, which the edge answers with a redirect.
    pub redirects_http: bool,
    pub resolver: Resolver,
    pub email: Option<Email>,
    /// Hand-written files: name and content, checked to hold no server name of a site.
    pub conf_d: BTreeMap<String, String>,
}

/// What fits into the limits of the edge's container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EdgeCapacity {
    /// Worker processes: one for each processor of the limit, or part of one.
    pub workers: u32,
    /// Requests and open websockets at one time; each has a connection to the client and one to a service.
    pub requests: u32,
}

impl EdgeCapacity {
    /// What the master and the shared zones take, in bytes.
    const FIXED: u64 = 64 << 20;
    /// What an open websocket takes, in bytes: its buffers of both sides and the state of TLS. Measured with nginx
    /// 1.30 and OpenSSL 3.5.
    const REQUEST: u64 = 80 << 10;

    /// Returns the capacity of a container with these limits; without a limit, that of two processors or 1 GiB.
    pub fn of(memory: Option<Memory>, cpus: Option<Cpus>) -> EdgeCapacity {
        let workers = cpus.map_or(2, |cpus| cpus.0.div_ceil(1000)).max(1);
        let memory = memory.map_or(1 << 30, |memory| memory.0);
        let requests = (memory.saturating_sub(Self::FIXED) / Self::REQUEST).clamp(256, 65_536);
        EdgeCapacity { workers, requests: u32::try_from(requests).unwrap_or(65_536) }
    }

    /// Returns the requests that one worker may hold.
    pub fn requests_per_worker(self) -> u32 {
        self.requests.div_ceil(self.workers)
    }

    /// Returns the connections that one worker may hold: two for each request, and half as many again for
    /// clients that have no request open, such as one that was just refused.
    pub fn connections_per_worker(self) -> u32 {
        2 * self.requests_per_worker() + self.requests_per_worker() / 2 + 64
    }
}

/// Who tells the edge the addresses of services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolver {
    /// The container engine.
    Engine,
    /// The cluster, for services of this namespace.
    Cluster(NameServer),
}

/// The name server of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameServer {
    pub host: String,
    /// The domain of the namespace's services.
    pub services: String,
    pub ip_families: IpFamilies,
}

/// A site's file name: the first host with `*` written as `_wildcard`.
pub type SiteName = String;

/// All routes of one set of host names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Site {
    /// Host names, the canonical one first; a leading `*.` matches every subdomain no other site has.
    pub hosts: Vec<String>,
    /// Locations, longest path first.
    pub locations: Vec<Location>,
}

/// A path of a site and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    pub path: UrlPath,
    pub upstream: Upstream,
    pub kind: RouteKind,
    /// Only internal addresses.
    pub internal: bool,
    /// Paths that only internal addresses may use: whole segments, in any case.
    pub internal_paths: Vec<UrlPath>,
    /// Headers that only internal addresses may send.
    pub refused_headers: Vec<HeaderName>,
    pub rate_limit: SecretName,
    /// Largest body; no limit when absent.
    pub max_body: Option<Memory>,
    pub timeout: Duration,
}

/// Where a location forwards to.
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

impl IngressPlan {
    /// Whether a site forwards to the machine that runs the containers.
    pub fn reaches_host(&self) -> bool {
        let mut locations = self.sites.values().flat_map(|site| &site.locations);
        locations.any(|location| matches!(location.upstream, Upstream::HostMachine { .. }))
    }

    /// Whether a route forwards gRPC.
    pub fn has_grpc(&self) -> bool {
        self.sites.values().any(Site::has_grpc)
    }

    /// The names for which a certificate can be had by the HTTP challenge, in order.
    pub fn certificate_hosts(&self) -> impl Iterator<Item = &str> {
        self.sites.values().flat_map(|site| &site.hosts).map(String::as_str).filter(|host| !host.starts_with('*'))
    }
}

impl Site {
    /// Whether a location forwards gRPC.
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
        // Not below a few hundred, and not without end.
        assert_eq!(EdgeCapacity::of(Some(Memory(32 << 20)), None).requests, 256);
        assert_eq!(EdgeCapacity::of(Some(Memory(1 << 40)), None).requests, 65_536);
    }
}
