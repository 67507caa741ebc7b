//! What the edge forwards: routes of services, frontends and further GraphQL endpoints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ranged;
use super::*;

/// A host and path that the edge forwards to a port of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Below the domain of the environment. Exactly one of `subdomain` and `host`.
    pub subdomain: Option<Subdomain>,
    /// A full host name of its own.
    pub host: Option<Host>,
    /// `/` unless given.
    pub path: Option<UrlPath>,
    /// `http` unless given.
    pub port: Option<PortName>,
    pub kind: RouteKind,
    pub access: RouteAccess,
    /// Name of a rate limit of `edge.rate_limits`; `api` unless given.
    pub rate_limit: Option<SecretName>,
    /// Largest request body; `edge.max_body` unless given, unlimited for uploads.
    pub max_body: Option<Memory>,
    /// Longest silence of the service; 60s unless given, 1h for websockets.
    pub timeout: Option<Duration>,
    /// Paths refused from outside the internal addresses.
    pub internal_paths: Vec<UrlPath>,
    /// Paths refused from outside in the prod profile only, such as consoles.
    pub internal_paths_in_prod: Vec<UrlPath>,
}

/// What flows over a route; sets buffering, timeouts and body size.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteAccess {
    #[default]
    Public,
    /// Only `edge.internal_addresses`.
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
