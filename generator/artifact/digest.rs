//! Content digests: blake3, written as 64 hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The blake3 digest of a file's bytes or, domain-separated, of a derivation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(String);

impl Digest {
    /// Digest of plain content.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(blake3::hash(bytes).to_hex().to_string())
    }

    /// Digest in a domain of its own, so that no content can pose as a derivation.
    pub fn keyed(domain: &str, bytes: &[u8]) -> Self {
        Digest(blake3::Hasher::new_derive_key(domain).update(bytes).finalize().to_hex().to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for labels.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
