//! Images as values: layers, configurations, manifests, bills of materials. Nothing here runs anything, and no clock,
//! compressor or hash order reaches a byte: every JSON goes through the canonical writer.

pub mod build;
pub mod docker_manifest;
pub mod layer;
pub mod runtime_config;
pub mod sbom;

use std::collections::BTreeMap;

use crate::artifact::{Sha256, json};

/// The time that everything is from.
pub const EPOCH: &str = "1970-01-01T00:00:00Z";

/// The media type of manifests.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Blobs by digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blobs(pub BTreeMap<Sha256, Vec<u8>>);

impl Blobs {
    pub fn add(&mut self, bytes: Vec<u8>) -> Sha256 {
        let digest = Sha256::of(&bytes);
        self.0.insert(digest.clone(), bytes);
        digest
    }

    /// Canonical JSON of a value whose own order of keys is not to be trusted; its digest and length.
    pub fn add_json(&mut self, value: &impl serde::Serialize) -> (Sha256, u64) {
        let bytes = json::to_canonical(value);
        let size = bytes.len() as u64;
        (self.add(bytes), size)
    }
}
