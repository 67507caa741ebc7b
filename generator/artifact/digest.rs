//! Content digests: blake3, written as 64 hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The blake3 digest of a file's bytes or, domain-separated, of a derivation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
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

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if text.len() == 64 && text.bytes().all(digit) {
            Ok(Digest(text))
        } else {
            Err(format!("{text:?} is not a digest of 64 digits"))
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
