//! The secrets that an environment declares, and the findings about secrets that it does not declare.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::missing_services::{excluded_service, missing_service_cause};
use crate::plan::model::Secret;
use crate::plan::secret_list::Recipe;
use crate::stack;
use crate::values::{SecretName, ServiceName};
use crate::words;

/// Secrets that the library declares, each with the service that declares it.
const DECLARING_SERVICES: [(&str, &str); 10] = [
    ("meili_master_key", "meilisearch"),
    ("minio_root_password", "minio"),
    ("minio_root_user", "minio"),
    ("redis_conf", "redis"),
    ("redis_password", "redis"),
    ("redis_url", "redis"),
    ("replication_password", "postgres-replica"),
    ("s3_access_key", "s3"),
    ("s3_config", "s3"),
    ("s3_secret_key", "s3"),
];

/// The URL of a single Redis.
const REDIS_URL: &str = "redis_url";

/// The configuration of Sentinels; only a Redis with Sentinel has it.
const SENTINEL_CONF: &str = "redis_sentinel_conf";

/// The secrets that an environment declares in the stack, in its services and for the database roles.
#[derive(Debug, Default)]
pub struct DeclaredSecrets {
    pub(super) secrets: BTreeMap<SecretName, Secret>,
    /// Secrets of services that the environment excludes, each with its service.
    pub(super) excluded_secrets: BTreeMap<SecretName, (ServiceName, stack::Service)>,
}

/// The kind of value that a field needs. The hint for a missing secret depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeededValue {
    /// A value that another party issues, or a random value.
    Any,
    /// A value that another party issues, such as a password of a mail provider.
    Issued,
    /// Users with their passwords, as in an htpasswd file.
    Htpasswd,
}

impl DeclaredSecrets {
    /// Adds a secret, unless a secret with this name exists. `min_length` is 0 if no service requires a length.
    pub fn add(&mut self, name: SecretName, recipe: Recipe, min_length: u16) {
        let secret = Secret { recipe, file_readers: BTreeSet::new(), variable_readers: BTreeSet::new(), min_length };
        self.secrets.entry(name).or_insert(secret);
    }

    /// Checks that a secret is declared. The hint of the error suggests a secret with the kind of value that is needed.
    ///
    /// # Errors
    /// NS304 at `path`.
    pub fn require(&self, name: &SecretName, needed: NeededValue, path: &FieldPath) -> Result<(), Diagnostic> {
        if self.secrets.contains_key(name) { Ok(()) } else { Err(self.unknown_secret(name, needed, path.clone())) }
    }

    /// Returns the finding for a secret that is not declared in this environment.
    pub fn unknown_secret(&self, name: &SecretName, needed: NeededValue, path: FieldPath) -> Diagnostic {
        if let Some((service, declared)) = self.excluded_secrets.get(name) {
            return excluded_service(service, declared, &path);
        }
        let names: Vec<&str> = self.secrets.keys().map(SecretName::as_str).collect();
        let finding = Diagnostic::error(Code::UnknownSecret, path);
        let declaring_service = DECLARING_SERVICES.iter().find(|(secret, _)| *secret == name.as_str());
        let finding = match declaring_service {
            Some((_, service)) => finding.cause(missing_service_cause(service)).lacks(path!("services", service)),
            None => finding.lacks(path!("secrets", name)),
        };
        finding
            .message(format!("no secret `{name}` is declared"))
            .expected(if names.is_empty() { "a declared secret".into() } else { words::one_of(&names) })
            .hint(self.hint_to_add(name, needed))
    }

    /// Returns the hint for adding the secret to the stack.
    fn hint_to_add(&self, name: &SecretName, needed: NeededValue) -> String {
        if name.as_str() == REDIS_URL && self.secrets.keys().any(|secret| secret.as_str() == SENTINEL_CONF) {
            return "a URL names one Redis, but Sentinel selects the master: add `sentinel.client` of `let sentinel = nself.redis_sentinel {} in` to the service, and use REDIS_SENTINELS, REDIS_MASTER_NAME and REDIS_PASSWORD".to_owned();
        }
        if let Some((_, service)) = DECLARING_SERVICES.iter().find(|(secret, _)| *secret == name.as_str()) {
            return format!("add the service that declares it: `services.{service} = nself.services.{service}`");
        }
        if let Some(near) = words::nearest(name.as_str(), self.secrets.keys().map(SecretName::as_str)) {
            return format!("did you mean `{near}`?");
        }
        match needed {
            NeededValue::Any => format!(
                "declare it: `secrets.{name} = nself.external \"what it is\"` for a value that you have, or `nself.random 43` for a new random value"
            ),
            NeededValue::Issued => {
                format!("declare it: `secrets.{name} = nself.external \"what it is\"` for the value that you have")
            }
            NeededValue::Htpasswd => format!(
                "declare it: `secrets.{name} = nself.external \"an htpasswd file\"`, or for one user `nself.template [{{ text = \"reader:{{PLAIN}}\" }}, {{ secret = \"reader_password\" }}]` with `secrets.reader_password = nself.random 43`"
            ),
        }
    }

    /// Returns the recipe of a secret; `None` if it is not declared.
    pub fn recipe(&self, name: &SecretName) -> Option<&Recipe> {
        self.secrets.get(name).map(|secret| &secret.recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::DECLARING_SERVICES;

    #[test]
    fn services_of_the_library_declare_these_secrets() {
        for (secret, service) in DECLARING_SERVICES {
            let file = format!("{}/stdlib/services/{service}.ncl", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let (_, declared) = text.split_once("secret").unwrap_or_default();
            assert!(declared.contains(secret), "{file}: {secret}");
        }
    }
}
