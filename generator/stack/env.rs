//! Values of environment variables: text, or a reference that is resolved once the environment is known.

use crate::values::{PortName, SecretName, ServiceName, SqlIdent, Text, UrlPath};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use super::*;
use crate::values::checked::check_text;

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum EnvValue {
    Text(Text),
    EnvReference(EnvReference),
}

/// A value that depends on the environment or on other services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnvReference {
    /// The value of a secret.
    Secret(SecretName),
    /// Address of a service inside the stack: `http://auth:4000/path`.
    Url(ServiceAddress),
    /// Address of a service or frontend as a browser sees it: `https://auth.example.com/path`. `path` is the path that the
    /// service receives; without it, the address has the path of the route.
    PublicUrl(ServiceAddress),
    /// Connection URL of one of the service's `databases`; a secret, since it contains the password.
    DatabaseUrl(SqlIdent),
    /// Connection URL of one of the service's `databases` through the pooler.
    PooledUrl(SqlIdent),
    /// Connection URL of one of the service's `databases` on the replica.
    ReplicaUrl(SqlIdent),
    /// One part of the connection to one of the service's `databases`, for images that do not read a URL.
    DatabasePart(DatabasePart),
    /// A property of the stack.
    Stack(StackValue),
    /// A setting of the mail server that services use.
    Mail(MailSetting),
    /// One value per profile.
    ByProfile(Box<ByProfile>),
    /// Several values joined to one text.
    Join(Vec<EnvValue>),
}

/// One part of the connection to a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabasePart {
    /// The entry of the service's `databases`.
    pub entry: SqlIdent,
    pub part: ConnectionPart,
}

/// The parts of the connection to a database, which goes to the server itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionPart {
    Host,
    Port,
    /// The role of the service.
    User,
    /// The password of the role, a secret.
    Password,
    /// The name of the database.
    Name,
    /// The value of libpq's `sslmode`: `verify-full` if connections are encrypted, otherwise `disable`.
    SslMode,
    /// The path of the file with the authority of the server's certificate. It exists if connections are encrypted.
    Authority,
}

/// A service with an optional port and path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAddress {
    pub service: ServiceName,
    /// `http` by default.
    #[serde(default)]
    pub port: Option<PortName>,
    #[serde(default)]
    pub path: Option<UrlPath>,
    /// `http` by default.
    #[serde(default)]
    pub scheme: Option<Scheme>,
}

/// The scheme of an address inside the stack; `none` gives `host:port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Redis,
    Smtp,
    Grpc,
    None,
}

impl Scheme {
    /// Returns the part of a URL before `host:port`.
    pub fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "http://",
            Scheme::Redis => "redis://",
            Scheme::Smtp => "smtp://",
            Scheme::Grpc => "grpc://",
            Scheme::None => "",
        }
    }
}

/// A property of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StackValue {
    Project,
    Domain,
    Environment,
    Profile,
    /// Public URL of the frontend of the domain itself, or else of the first frontend by name.
    ClientUrl,
    /// Addresses of all frontends, separated by commas.
    ClientUrls,
    /// Origins of the stack's own web pages, separated by commas: the domain, its subdomains, and hosts of other domains.
    Origins,
}

/// A setting of the mail server that services use: the mail catcher or the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailSetting {
    Host,
    Port,
    /// `true` for TLS from the first byte, `false` for STARTTLS and for the catcher, which has no encryption.
    Tls,
    User,
    Password,
}

/// One value per profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByProfile {
    pub local: EnvValue,
    pub staging: EnvValue,
    pub prod: EnvValue,
}

impl ByProfile {
    /// Returns the value of a profile.
    pub fn of(&self, profile: Profile) -> &EnvValue {
        match profile {
            Profile::Local => &self.local,
            Profile::Staging => &self.staging,
            Profile::Prod => &self.prod,
        }
    }
}

impl EnvValue {
    /// Calls `visit` with every reference in the value, at any depth. Of the values of a `by_profile`, it visits those of
    /// these profiles.
    pub fn for_each_reference(&self, profiles: &[Profile], visit: &mut impl FnMut(&EnvReference)) {
        let EnvValue::EnvReference(reference) = self else { return };
        visit(reference);
        match reference {
            EnvReference::Join(parts) => parts.iter().for_each(|part| part.for_each_reference(profiles, visit)),
            EnvReference::ByProfile(values) => {
                profiles.iter().for_each(|profile| values.of(*profile).for_each_reference(profiles, visit));
            }
            _ => {}
        }
    }

    /// Returns whether the value contains a setting of the mail server in a profile.
    pub fn refers_to_mail(&self, profile: Profile) -> bool {
        let mut contains_mail = false;
        self.for_each_reference(&[profile], &mut |reference| {
            contains_mail |= matches!(reference, EnvReference::Mail(_));
        });
        contains_mail
    }
}

impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrReference;
        impl<'de> serde::de::Visitor<'de> for TextOrReference {
            type Value = EnvValue;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("text or a reference")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EnvValue, E> {
                check_text(text.to_owned()).map(EnvValue::Text).map_err(E::custom)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<EnvValue, A::Error> {
                EnvReference::deserialize(MapAccessDeserializer::new(map)).map(EnvValue::EnvReference)
            }
        }
        deserializer.deserialize_any(TextOrReference)
    }
}
