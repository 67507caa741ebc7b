//! The media types of manifests and of indexes, in the spelling of OCI and of Docker.

pub use crate::image::IMAGE_MANIFEST;

/// An index in the spelling of OCI.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An index in the spelling of Docker, which calls it a manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// A manifest in the spelling of Docker.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
