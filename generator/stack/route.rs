//! What the edge forwards: routes of services, frontends and further GraphQL endpoints.

use crate::values::{
    Duration, HeaderName, Host, Memory, PortName, SecretName, ServiceName, Subdomain, UrlPath, VariableName,
};
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::values::ranged;

/// A host and path that the edge forwards to a port of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Below the domain of the environment. Exactly one of `subdomain` and `host`.
    pub subdomain: Option<Subdomain>,
    /// A full host name, instead of a subdomain.
    pub host: Option<Host>,
    /// `/` unless given.
    pub path: Option<UrlPath>,
    /// `http` unless given.
    pub port: Option<PortName>,
    pub kind: RouteKind,
    /// `public` unless given; `internal` for ports that the service keeps internal.
    pub access: Option<RouteAccess>,
    /// Name of a rate limit of `edge.rate_limits`; `api` unless given.
    pub rate_limit: Option<SecretName>,
    /// Largest request body; `edge.max_body` unless given, unlimited for uploads.
    pub max_body: Option<Memory>,
    /// Longest silence of the service; 60s unless given, 1h for websockets.
    pub timeout: Option<Duration>,
    /// Paths that only internal addresses may use on this route, beyond those of the service's `guard`.
    pub internal_paths: Vec<UrlPath>,
}

/// What the edge keeps from callers that are not internal, on every route of a service and of its copies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Paths that only internal addresses may use: whole segments with everything below them, in any case.
    pub internal_paths: Vec<UrlPath>,
    /// Ports whose routes are internal unless a route says `access = 'public`.
    pub internal_ports: Vec<PortName>,
    /// Headers that only internal addresses may send; other requests with one of them are refused.
    pub refused_headers: Vec<HeaderName>,
}

/// What flows over a route. Sets the protocol, the default timeout and the largest body; every kind streams in both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteKind {
    /// Requests and answers; websocket upgrades pass.
    #[default]
    Http,
    /// Long-lived connections: subscriptions, server-sent events.
    Websocket,
    /// Large bodies, streamed both ways.
    Upload,
    /// gRPC over h2c.
    Grpc,
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteAccess {
    Public,
    /// Only `edge.internal_addresses`, and this machine where it publishes nginx on a loopback address in local.
    Internal,
}

/// A browser application. In local the edge forwards to its dev server on the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Frontend {
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Port of the dev server on the host, 3000-3099.
    #[serde(deserialize_with = "ranged::positive")]
    pub port: u16,
    #[serde(default)]
    pub route: Route,
    /// Include in this environment; overrides `include_frontends`.
    #[serde(default)]
    pub include: Option<bool>,
    /// The container that serves the application outside local.
    #[serde(default)]
    pub container: Option<Box<Service>>,
}

/// A further Hasura with its own metadata and domain over the same database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlEndpoint {
    #[serde(default)]
    pub enabled: Option<bool>,
    pub route: Route,
    /// The service it is a copy of; `hasura` unless given.
    #[serde(default)]
    pub copy_of: Option<ServiceName>,
    /// Variables that differ from the original.
    #[serde(default)]
    pub env: BTreeMap<VariableName, EnvValue>,
}
