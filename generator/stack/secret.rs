//! Declarations of secrets. A declaration describes how a value is created, and never contains the value.

use std::fmt;
use std::marker::PhantomData;

use crate::values::{Checked, SecretName, Text};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use crate::values::checked::check_text;
use crate::values::ranged;

/// The origin of a secret's value. Set exactly one of `random`, `random_bytes`, `template` and `external`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Secret {
    /// Number of random characters of `[A-Za-z0-9]`, with about 6 bits each, which `nself secrets init` creates.
    #[serde(deserialize_with = "ranged::positive")]
    pub random: Option<u16>,
    /// Random bytes in a text encoding, for programs that decode the value.
    pub random_bytes: Option<RandomBytes>,
    /// Parts of a value that is composed of text and other secrets.
    pub template: Option<Vec<TemplatePart>>,
    /// Description of a value that the operator provides.
    pub external: Option<Text>,
    /// Minimum number of characters. Default: 16 for credentials, and no minimum for host and user names.
    #[serde(deserialize_with = "ranged::positive")]
    pub min_length: Option<u16>,
}

/// Random bytes in a text encoding, which `nself secrets init` creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomBytes {
    /// Number of bytes before they are encoded, as in `openssl rand -hex 32`.
    #[serde(deserialize_with = "ranged::positive")]
    pub count: u16,
    pub encoding: ByteEncoding,
}

impl RandomBytes {
    /// Returns the number of characters of the value.
    pub fn characters(self) -> u32 {
        match self.encoding {
            ByteEncoding::Hex => u32::from(self.count) * 2,
            ByteEncoding::Base64 | ByteEncoding::Base64url => u32::from(self.count).div_ceil(3) * 4,
        }
    }
}

/// The text encoding of random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ByteEncoding {
    /// Two hexadecimal digits in lower case for each byte.
    Hex,
    /// Base64 with `+`, `/` and padding (RFC 4648, section 4).
    Base64,
    /// Base64 with `-`, `_` and padding (RFC 4648, section 5), such as a key of Fernet.
    Base64url,
}

/// A part of a composed secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TemplatePart {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretName>,
    /// Encoding of the other secret in this one.
    #[serde(skip_serializing_if = "Encoding::is_none")]
    pub encode: Encoding,
}

impl Encoding {
    fn is_none(&self) -> bool {
        *self == Encoding::None
    }
}

/// The encoding of a value in a composed secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    #[default]
    None,
    /// Percent-encoding of everything but unreserved characters (RFC 3986).
    Url,
    /// Escapes of a JSON string, without its quotes.
    Json,
}

/// A reference to a secret: `nself.secret "name"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretReference {
    pub secret: SecretName,
}

/// A value, or a reference to a secret that contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "{T}OrSecret")]
pub enum ValueOrSecret<T> {
    Value(T),
    Secret(SecretReference),
}

impl<'de, T: Checked> Deserialize<'de> for ValueOrSecret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueOrReference<T>(PhantomData<T>);
        impl<'de, T: Checked> serde::de::Visitor<'de> for ValueOrReference<T> {
            type Value = ValueOrSecret<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "{} or a reference to a secret", T::WHAT)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                check_text(text.to_owned()).map(ValueOrSecret::Value).map_err(E::custom)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                SecretReference::deserialize(MapAccessDeserializer::new(map)).map(ValueOrSecret::Secret)
            }
        }
        deserializer.deserialize_any(ValueOrReference(PhantomData))
    }
}
