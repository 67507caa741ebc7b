//! A release: the generated files as one artifact of a registry, with its bill of materials and signed attestations.

pub mod archive;
pub mod attestation;
pub mod record;
pub mod sbom;
