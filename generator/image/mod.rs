//! Images of services: layers, configurations, manifests and bills of materials. This module runs no program. Its
//! output is the same on every machine: it does not depend on the time, on a compressor or on the order of a hash map.

pub mod build;
pub mod docker_manifest;
pub mod layer;
pub mod layout;
pub mod packages;
pub mod runtime_config;
pub mod sbom;
pub mod service;

use std::collections::BTreeMap;

use crate::artifact::{Sha256, json};

/// The time that all files and metadata of an image have.
pub const EPOCH: &str = "1970-01-01T00:00:00Z";

/// The media type of manifests.
pub const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Blobs by digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blobs(pub BTreeMap<Sha256, Vec<u8>>);

impl Blobs {
    /// Adds a blob and returns its digest.
    pub fn add(&mut self, bytes: Vec<u8>) -> Sha256 {
        let digest = Sha256::of(&bytes);
        self.0.insert(digest.clone(), bytes);
        digest
    }

    /// Adds a value as canonical JSON, and returns its digest and its size in bytes. The types of the image
    /// specification contain hash maps; the canonical form sorts their keys.
    pub fn add_json(&mut self, value: &impl serde::Serialize) -> (Sha256, u64) {
        let bytes = json::to_canonical(value);
        let size = bytes.len() as u64;
        (self.add(bytes), size)
    }
}
