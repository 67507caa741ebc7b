//! Routes of the edge: of services, frontends and additional GraphQL endpoints.

use crate::database::model::ObjectName;
use crate::values::{
    ApiRole, Duration, GraphqlName, HeaderName, HeaderValue, Host, Memory, Origin, PortName, SecretName, ServiceName,
    SqlIdent, Subdomain, UrlPath, VariableName, WebAddress,
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
    /// Labels below the domain of the environment. Exactly one of `subdomain` and `host` is set.
    pub subdomain: Option<Subdomain>,
    /// A full host name, instead of a subdomain.
    pub host: Option<Host>,
    /// `/` by default.
    pub path: Option<UrlPath>,
    /// `http` by default.
    pub port: Option<PortName>,
    pub kind: RouteKind,
    /// `public` by default; `internal` for ports in `guard.internal_ports` of the service.
    pub access: Option<RouteAccess>,
    /// Servers that share the requests of this route; the service alone by default.
    pub upstreams: Vec<RouteUpstream>,
    /// Name of a rate limit in `edge.rate_limits`; `api` by default.
    // Names of rate limits have the same format as names of secrets.
    pub rate_limit: Option<SecretName>,
    /// Largest request body; `edge.max_body` by default, unlimited for uploads.
    pub max_body: Option<Memory>,
    /// Time after which a connection without data from the service is closed; 15m by default, 1h for websockets and gRPC.
    pub timeout: Option<Duration>,
    /// Paths that only internal addresses may use on this route, in addition to the paths of the service's `guard`.
    pub internal_paths: Vec<UrlPath>,
    /// Whether the edge removes the `path` of the route from each request: the service receives `/api/x` as `/x`.
    pub strip_prefix: bool,
    /// A redirect that the edge sends instead of forwarding the request.
    pub redirect: Option<Redirect>,
    /// Secret with the users and passwords for HTTP basic authentication, in the form of an htpasswd file. The service does
    /// not receive the password.
    pub basic_auth: Option<SecretName>,
    /// Headers of requests to the service. They replace headers of the client.
    pub request_headers: BTreeMap<HeaderName, HeaderValue>,
    /// Headers of all responses. They replace headers of the service.
    pub response_headers: BTreeMap<HeaderName, HeaderValue>,
    /// Web pages of other origins that may read responses. By default, the edge does not change the headers of the
    /// service.
    pub cors: Option<Cors>,
}

/// A server of a route: a service of the stack, by default that of the route, or a host outside of the stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteUpstream {
    pub service: Option<ServiceName>,
    /// Name of the service's port; `http` by default.
    pub port: Option<PortName>,
    /// Name or IPv4 address of a host outside of the stack, which speaks the protocol of the route without TLS.
    pub host: Option<Host>,
    /// Port of the host; 80 by default.
    #[serde(deserialize_with = "ranged::positive")]
    pub host_port: Option<u16>,
    /// Share of the requests, in relation to the other servers; 1 by default.
    #[serde(deserialize_with = "ranged::positive")]
    pub weight: Option<u16>,
    /// Whether the server gets requests only while no other one answers.
    pub backup: bool,
}

/// A redirect to a different address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    pub to: WebAddress,
    /// Whether the path and the query of the request are added to the address; false by default.
    #[serde(default)]
    pub keep_path: bool,
    /// Whether browsers remember the redirect (308 instead of 307).
    #[serde(default)]
    pub permanent: bool,
}

/// Access of web pages of other origins. The edge answers their preflight requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    pub origins: Vec<Origin>,
    /// Methods beyond GET, HEAD and POST.
    #[serde(default)]
    // Methods have the same format as names of headers.
    pub methods: Vec<HeaderName>,
    /// Request headers that pages may set.
    #[serde(default)]
    pub headers: Vec<HeaderName>,
    /// Response headers that pages may read.
    #[serde(default)]
    pub exposed_headers: Vec<HeaderName>,
    /// Whether pages may send cookies; false by default.
    #[serde(default)]
    pub credentials: bool,
}

/// Paths, ports and headers that only internal addresses may use, on every route of a service and of its copies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Paths that only internal addresses may use. The edge compares whole segments and ignores upper and lower
    /// case. All paths below are included.
    pub internal_paths: Vec<UrlPath>,
    /// Ports whose routes are internal, except routes with `access = 'public`.
    pub internal_ports: Vec<PortName>,
    /// Headers that only internal addresses may send. Requests from other addresses with such a header are refused.
    pub refused_headers: Vec<HeaderName>,
}

/// The traffic of a route. It determines the protocol, the default timeout and the largest body. Every kind streams in both
/// directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteKind {
    /// HTTP requests, including upgrades to websockets.
    #[default]
    Http,
    /// Long-lived connections: subscriptions, server-sent events.
    Websocket,
    /// Large request and response bodies.
    Upload,
    /// gRPC over h2c.
    Grpc,
}

/// The callers that may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteAccess {
    Public,
    /// Only `edge.internal_addresses`, and in the profile `local` also this machine, if nginx is published on a
    /// loopback address.
    Internal,
}

/// A browser application. In the profile `local`, the edge forwards to its dev server on the host.
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
    /// Whether an enabled frontend is part of this environment; by default `include_frontends`.
    #[serde(default)]
    pub include: Option<bool>,
    /// The container that serves the application in profiles other than `local`.
    #[serde(default)]
    pub container: Option<Box<Service>>,
}

/// An additional Hasura for the same database, with its own metadata and domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlEndpoint {
    #[serde(default)]
    pub enabled: Option<bool>,
    pub route: Route,
    /// The service that is copied; `hasura` by default.
    #[serde(default)]
    pub copy_of: Option<ServiceName>,
    /// Variables that differ from the original.
    #[serde(default)]
    pub env: BTreeMap<VariableName, EnvValue>,
    /// The part of the original's API that the endpoint serves; all of it by default.
    #[serde(default)]
    pub serves: Option<Served>,
}

/// The part of an API that a GraphQL endpoint serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Served {
    /// Tables and views. Others are excluded, with the relationships to them.
    pub tables: BTreeMap<ObjectName, ServedTable>,
    /// Roles with permissions; all roles by default.
    pub roles: Vec<ApiRole>,
    /// Actions by name; none by default.
    pub actions: Vec<GraphqlName>,
    /// Services whose `hasura.remote_schema` is part of the API; none by default.
    pub remote_schemas: Vec<ServiceName>,
}

/// The part of a table that a GraphQL endpoint serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServedTable {
    /// Columns that roles read and write; by default, the columns of the table's `api`.
    pub columns: Vec<SqlIdent>,
}
