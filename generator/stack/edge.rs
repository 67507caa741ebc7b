//! Settings of the routing edge and its certificates.

use crate::values::{Cidr, Email, Memory, SecretName};
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::ranged;

/// The routing edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Edge {
    /// Rate limits by name, per client address.
    pub rate_limits: BTreeMap<SecretName, RateLimit>,
    /// Addresses of callers that may use internal routes and paths; none unless given.
    pub internal_addresses: Vec<Cidr>,
    /// Addresses of proxies in front of the edge, whose X-Forwarded-For is believed; never internal themselves.
    pub trusted_proxies: Vec<Cidr>,
    /// Largest request body unless a route says otherwise; 10MiB unless given.
    pub max_body: Option<Memory>,
    /// Connections per client address; 100 unless given.
    #[serde(deserialize_with = "ranged::positive")]
    pub connections: Option<u16>,
}

/// Requests per second and client address, with a burst that passes without delay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub per_second: u32,
    pub burst: u32,
}

/// Certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// `local` in the local profile, `acme` elsewhere, unless given.
    pub mode: Option<TlsMode>,
    /// Contact of the certificate authority's account.
    pub email: Option<Email>,
}

/// Where certificates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Made by `nself secrets init` with an authority of this project.
    Local,
    /// Let's Encrypt by the HTTP challenge.
    Acme,
    /// Given by the operator as the secrets `tls_certificate` and `tls_key`.
    Files,
    /// A proxy in front of the edge ends TLS and names the client in X-Forwarded-For.
    Proxy,
}
