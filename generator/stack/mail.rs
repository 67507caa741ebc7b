//! Mail that services send: through a relay, or to the mail catcher `services.mail` if it runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretReference, ValueOrSecret};
use crate::values::{Host, ranged};

/// Mail that services send. It goes to the mail catcher if the catcher runs, otherwise through the relay. In the profile
/// `local`, it never goes through the relay.
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
    pub host: ValueOrSecret<Host>,
    /// 587 for `'starttls` and 465 for `'tls` by default.
    #[serde(default, deserialize_with = "ranged::positive")]
    pub port: Option<u16>,
    /// The start of encryption; `'starttls` by default.
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

/// The start of encryption on a connection to a relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RelaySecurity {
    /// The connection begins in plain text and changes to TLS before the password is sent, as on port 587.
    #[default]
    Starttls,
    /// TLS from the first byte, as on port 465.
    Tls,
}
