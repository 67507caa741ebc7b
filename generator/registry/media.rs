//! The media types of manifests and of indexes, in the spelling of OCI and of Docker.

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub use crate::image::IMAGE_MANIFEST;
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
