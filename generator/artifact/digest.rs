//! Content digests: blake3 for our own files, sha256 for what registries and their clients address, both written
//! as 64 hexadecimal digits.

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

fn is_hex(text: &str) -> bool {
    let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    text.len() == 64 && text.bytes().all(digit)
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_hex(&text) { Ok(Digest(text)) } else { Err(format!("{text:?} is not a digest of 64 digits")) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sha256 digest as the image specification writes it: `sha256:` and 64 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Sha256(String);

impl Sha256 {
    pub fn of(bytes: &[u8]) -> Self {
        use std::fmt::Write;
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut text = String::from("sha256:");
        for byte in digest.as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        Sha256(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 digits alone.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.strip_prefix("sha256:").is_some_and(is_hex) {
            Ok(Sha256(text))
        } else {
            Err(format!("{text:?} is not sha256: and 64 digits"))
        }
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
