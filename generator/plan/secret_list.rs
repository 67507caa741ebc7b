//! The content of `secrets.json`: the recipes and consumers of an environment's secrets, without values. The planner creates
//! it, a backend writes it, and the module `secrets` reads it without a stack.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stack::secret::RandomBytes;
use crate::stack::{Profile, TemplatePart};
use crate::values::{EnvironmentName, ProjectName, SecretName, ServiceName, Text};

/// The secrets with the proxy's certificate and its key.
pub const CERTIFICATE: &str = "tls_certificate";
pub const CERTIFICATE_KEY: &str = "tls_key";

/// `secrets.json`: every secret of an environment by name, with the recipe and the consumers, never a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretList {
    pub version: u32,
    pub project: ProjectName,
    pub environment: EnvironmentName,
    pub profile: Profile,
    pub secrets: BTreeMap<SecretName, SecretEntry>,
}

/// One secret of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretEntry {
    #[serde(flatten)]
    pub recipe: Recipe,
    /// The variable of `.env` with the value, for images that cannot read it from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Smallest number of characters that the consumer accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u16>,
    pub used_by: BTreeSet<ServiceName>,
}

/// The rule for the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Recipe {
    /// `length` random characters of `[A-Za-z0-9]`.
    Random { length: u16 },
    /// Random bytes in a text encoding.
    RandomBytes(RandomBytes),
    /// The concatenation of text and other secrets.
    Template { parts: Vec<TemplatePart> },
    /// A value that the operator supplies. `what` describes it.
    External { what: Text },
    /// PEM chain for these hosts, issued by the project's local authority.
    LocalCertificate {
        hosts: Vec<String>,
        /// Domains to which the authority is limited, so that the same authority can sign other hosts below them later.
        /// If empty, the authority is limited to the hosts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        domains: Vec<String>,
    },
    /// PEM key of a local certificate.
    LocalKey { certificate: SecretName },
    /// PEM certificate of the authority that issued a local certificate.
    LocalAuthority { certificate: SecretName },
}

impl Recipe {
    /// Returns whether `nself secrets init` creates the value from random numbers.
    pub fn is_random(&self) -> bool {
        matches!(self, Recipe::Random { .. } | Recipe::RandomBytes(_))
    }
}

/// Recipes of secrets that nself adds to the stack's secrets.
pub type Recipes = BTreeMap<SecretName, Recipe>;

/// The secret with the password of the superuser, or of the administrator of an external server.
pub const ADMIN_PASSWORD: &str = "postgres_password";
/// The secret with the password for the mail catcher, which accepts any password.
pub const CATCHER_PASSWORD: &str = "mail_password";
/// The key under which a Kubernetes Secret holds the value of a secret.
pub const SECRET_KEY: &str = "value";

/// The folder in which a container reads the files of its secrets, on every platform.
pub const SECRETS_FOLDER: &str = "/run/secrets";

/// Returns the path of a secret's file in a container.
pub fn secret_path(name: impl fmt::Display) -> String {
    format!("{SECRETS_FOLDER}/{name}")
}

/// Returns the name of the Kubernetes Secret for a secret: `jwt-key` for `jwt_key`.
pub fn secret_name(name: &SecretName) -> String {
    name.as_str().replace('_', "-")
}

/// Returns the variable of `.env` with the value of a secret: `JWT_KEY` for `jwt_key`.
pub fn variable(name: &SecretName) -> String {
    name.as_str().to_ascii_uppercase()
}
