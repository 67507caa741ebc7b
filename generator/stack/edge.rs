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
    /// Addresses of callers that may use internal routes and paths. None by default.
    pub internal_addresses: Vec<Cidr>,
    /// Addresses of proxies in front of the edge, whose X-Forwarded-For is trusted. They are never internal.
    pub trusted_proxies: Vec<Cidr>,
    /// Largest request body of routes that do not set `max_body`; 10MiB by default.
    pub max_body: Option<Memory>,
    /// Largest number of connections of a client address; 100 by default.
    #[serde(deserialize_with = "ranged::positive")]
    pub connections: Option<u16>,
    /// Whether nginx also serves HTTP/3, at the UDP port with the number of the port for HTTPS.
    pub http3: bool,
}

/// A limit of requests per second and client address, with a burst that is served without delay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    #[serde(deserialize_with = "ranged::positive")]
    pub per_second: u32,
    #[serde(deserialize_with = "ranged::positive")]
    pub burst: u32,
}

/// Certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// `local` in the profile `local`, otherwise `acme`, by default.
    pub mode: Option<TlsMode>,
    /// Contact of the certificate authority's account.
    pub email: Option<Email>,
}

/// The source of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Created by `nself secrets init`, with a certificate authority of this project. On clusters, cert-manager issues
    /// self-signed certificates.
    Local,
    /// Issued by Let's Encrypt with the HTTP challenge.
    Acme,
    /// Provided by the operator as the secrets `tls_certificate` and `tls_key`.
    Files,
    /// None at the edge: a proxy in front of it terminates TLS and sends the client's address in X-Forwarded-For.
    Proxy,
}
