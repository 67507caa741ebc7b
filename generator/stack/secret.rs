//! Secrets without a plaintext form: a recipe, never a value.

use crate::values::{SecretName, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::ranged;

/// How a secret comes to be; exactly one of `random`, `template` and `external`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Secret {
    /// Made by `nself secrets init`: this many characters of `[A-Za-z0-9]`, about 6 bits each.
    #[serde(deserialize_with = "ranged::positive")]
    pub random: Option<u16>,
    /// Composed of text and other secrets.
    pub template: Option<Vec<TemplatePart>>,
    /// Given by the operator; the text says what it is.
    pub external: Option<Text>,
    /// Fewest characters that the consumer accepts. Unless given, 16 for credentials, and no minimum for host and user names.
    #[serde(deserialize_with = "ranged::positive")]
    pub min_length: Option<u16>,
}

/// A part of a composed secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TemplatePart {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretName>,
    /// How the other secret is written into this one.
    #[serde(skip_serializing_if = "Encoding::is_none")]
    pub encode: Encoding,
}

impl Encoding {
    fn is_none(&self) -> bool {
        *self == Encoding::None
    }
}

/// How a value is written into a composed secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    #[default]
    None,
    /// Percent-encoding of everything but unreserved characters (RFC 3986).
    Url,
    /// The inside of a JSON string.
    Json,
}
