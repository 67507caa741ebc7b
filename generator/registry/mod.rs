//! Registries by the distribution protocol: manifests and blobs, read and written. Every content is checked against
//! the digest under which it was asked for; nothing is believed because of who sent it.
//!
//! TLS always, with the system's certificates; plain HTTP only for hosts named on the command line. Credentials come
//! from docker's configuration and are shown to their own host alone.

mod auth;
mod failure;
mod push;
mod resolve;
mod transport;

use std::collections::{BTreeMap, BTreeSet};

pub use failure::Failure;
pub use push::Referrer;
pub use transport::Registry;

use crate::artifact::Sha256;

/// How to reach registries.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// Hosts that are asked first, in order: host to `host[/prefix]`.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Hosts without TLS.
    pub plain: BTreeSet<String>,
}

/// A manifest as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub bytes: Vec<u8>,
    pub media_type: String,
    pub digest: Sha256,
}

/// Media types of the protocol.
pub mod media {
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub use crate::image::MANIFEST;
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
}
