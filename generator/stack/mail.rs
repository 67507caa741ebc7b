//! Mail that services send: through a relay, or to the mail catcher `services.mail` if it runs.

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use crate::values::checked::admit;
use crate::values::{Host, SecretName, ranged};

/// Mail that services send. It goes to the mail catcher if it runs, otherwise through the relay; in local never through
/// the relay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// The SMTP server of a mail provider.
    pub relay: Option<Relay>,
}

/// The SMTP server of a mail provider, with its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Host name, or a secret that contains it; the secret `smtp_host` by default.
    pub host: RelayHost,
    /// 587 for `'starttls` and 465 for `'tls` by default.
    #[serde(default, deserialize_with = "ranged::positive")]
    pub port: Option<u16>,
    /// When encryption begins; `'starttls` by default.
    #[serde(default)]
    pub security: RelaySecurity,
    /// Secret with the user name; `smtp_user` by default.
    pub user: SecretReference,
    /// Secret with the password; `smtp_password` by default.
    pub password: SecretReference,
}

impl Relay {
    /// Returns the declared port, or the registered port of the protocol (RFC 6409, RFC 8314).
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            RelaySecurity::Starttls => 587,
            RelaySecurity::Tls => 465,
        })
    }
}

/// When a connection to a relay is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RelaySecurity {
    /// The connection begins in plain text and changes to TLS before the password is sent, as on port 587.
    #[default]
    Starttls,
    /// TLS from the first byte, as on port 465.
    Tls,
}

/// A host name, or a reference to a secret that contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum RelayHost {
    Name(Host),
    Secret(SecretReference),
}

/// A reference to a secret: `nself.secret "name"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretReference {
    pub secret: SecretName,
}

impl<'de> Deserialize<'de> for RelayHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrSecret;
        impl<'de> serde::de::Visitor<'de> for NameOrSecret {
            type Value = RelayHost;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a host name or a reference to a secret")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RelayHost, E> {
                admit(text.to_owned()).map(RelayHost::Name).map_err(E::custom)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<RelayHost, A::Error> {
                SecretReference::deserialize(MapAccessDeserializer::new(map)).map(RelayHost::Secret)
            }
        }
        deserializer.deserialize_any(NameOrSecret)
    }
}
