//! Releases: the generated files of a project as one artifact of a registry, with a bill of materials and signed
//! attestations. `publish` writes a release, `attest` signs it, `pull` reads it and writes its files to a folder.

pub mod address;
pub mod archive;
#[cfg(feature = "registry")]
pub mod attest;
pub mod attestation;
pub mod folder;
#[cfg(feature = "registry")]
pub mod publish;
#[cfg(feature = "registry")]
pub mod pull;
pub mod record;
pub mod sbom;
mod version;

use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "registry")]
use crate::artifact::Sha256;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// The files of a release, by path.
pub type ReleaseFiles = BTreeMap<String, Vec<u8>>;

/// Returns the SHA-256 digest of each file, by path.
#[cfg(feature = "registry")]
fn file_digests(files: &ReleaseFiles) -> BTreeMap<String, Sha256> {
    files.iter().map(|(path, bytes)| (path.clone(), Sha256::of(bytes))).collect()
}

/// Returns the environments of a release: its top folders, such as `prod` for `prod/compose.yaml`.
pub fn environments(files: &ReleaseFiles) -> BTreeSet<String> {
    files.keys().filter_map(|path| Some(path.split_once('/')?.0.to_owned())).collect()
}

/// Returns an error about a whole release, which no field of the stack causes.
fn release_error(code: Code, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, FieldPath::root()).message(message)
}
