//! Digests of content: blake3 for generated files, sha256 for the content of registries. Both are written as 64
//! hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The blake3 digest of a file's bytes or of a derivation. It is an array and not a `String`, because a run has several
/// digests for every file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 64]);

impl Digest {
    /// Returns the digest of a file's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Digest::from_hash(blake3::hash(bytes))
    }

    /// Returns the digest of a value as JSON with its fields in the order of their declaration. Other programs cannot
    /// compute it.
    pub fn of_value(value: &impl Serialize) -> Self {
        Digest::of(&serde_json::to_vec(value).unwrap_or_default())
    }

    /// Returns the digest of bytes in a domain. The same bytes have different digests in different domains, so the
    /// digest of a file never equals the digest of a derivation.
    pub fn keyed(domain: &str, bytes: &[u8]) -> Self {
        Digest::from_hash(blake3::Hasher::new_derive_key(domain).update(bytes).finalize())
    }

    fn from_hash(hash: blake3::Hash) -> Self {
        let mut digits = [b'0'; 64];
        digits.copy_from_slice(hash.to_hex().as_bytes());
        Digest(digits)
    }

    /// Returns the 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        // Hexadecimal digits are valid UTF-8.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the first 12 digits, for labels.
    pub fn short(&self) -> &str {
        &self.as_str()[..12]
    }
}

/// The digest of no bytes.
impl Default for Digest {
    fn default() -> Self {
        Digest::of(b"")
    }
}

/// Returns whether a text consists of 64 hexadecimal digits in lower case.
fn has_64_hex_digits(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    // `fold` checks all digits, without an early exit, so the compiler checks several of them in one step.
    text.len() == 64 && text.bytes().fold(true, |are_digits, byte| are_digits & is_digit(byte))
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes().try_into() {
            Ok(digits) if has_64_hex_digits(text) => Ok(Digest(digits)),
            _ => Err(format!("{text:?} is not a digest of 64 hexadecimal digits")),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DigestVisitor;

        impl Visitor<'_> for DigestVisitor {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a digest of 64 hexadecimal digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(DigestVisitor)
    }
}

/// A sha256 digest as the image specification writes it: `sha256:` and 64 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Sha256(String);

impl Sha256 {
    /// Returns the sha256 digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use std::fmt::Write;
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut text = String::from("sha256:");
        for byte in digest.as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        Sha256(text)
    }

    /// Returns the digest with its prefix `sha256:`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the 64 digits without the prefix.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.strip_prefix("sha256:").is_some_and(has_64_hex_digits) {
            Ok(Sha256(text))
        } else {
            Err(format!("{text:?} is not `sha256:` and 64 hexadecimal digits"))
        }
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
