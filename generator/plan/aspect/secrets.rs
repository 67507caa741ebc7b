//! Secrets of an environment: their recipes, and the services that read them from a file or a variable.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::{self, Role, Server, Url};
use super::encryption;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::addresses::{excluded_service, missing_service_cause};
use crate::plan::model::Secret;
use crate::plan::roster::Roster;
use crate::plan::secret_list::{ADMIN_PASSWORD, CATCHER_PASSWORD, Recipe, Recipes};
use crate::plan::wiring::{Addition, Planned, SecretUsers, Wiring};
use crate::stack::secret::Encoding;
use crate::stack::{self, Stack, TemplatePart};
use crate::values::{Checked, SecretName, ServiceName, Text};
use crate::words;

/// Characters of a generated password: 62^43 is more than 2^256.
const RANDOM_LENGTH: u16 = 43;
/// The smallest number of characters of `[A-Za-z0-9]` that gives a random value 128 bits.
const MIN_LENGTH: u16 = 22;

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

/// The secrets of the mail relay, as `stdlib/relay.ncl` names them, each with its description.
const RELAY_SECRETS: [(&str, &str); 3] = [
    ("smtp_host", "host name of the mail provider's SMTP server"),
    ("smtp_user", "user name at the mail provider"),
    ("smtp_password", "password at the mail provider"),
];

/// The URL of a single Redis.
const REDIS_URL: &str = "redis_url";
/// The configuration of Sentinels; only a Redis with Sentinel has it.
const SENTINEL_CONF: &str = "redis_sentinel_conf";

/// The secrets that an environment declares in the stack, in its services and for the database roles.
#[derive(Debug, Default)]
pub struct DeclaredSecrets {
    secrets: BTreeMap<SecretName, Secret>,
    /// Secrets of services that the environment excludes, each with its service.
    excluded_secrets: BTreeMap<SecretName, (ServiceName, stack::Service)>,
}

/// Collects the secrets that the stack, its services and the database roles declare.
pub fn plan(stack: &Stack, roster: &Roster, server: &Server) -> Planned<DeclaredSecrets> {
    let excluded_services = stack.services.iter().filter(|(name, _)| !roster.contains_key(*name));
    let excluded_secrets = excluded_services.flat_map(|(name, service)| {
        service.secrets.keys().map(|secret| (secret.clone(), (name.clone(), service.clone())))
    });
    let mut declared = DeclaredSecrets { secrets: BTreeMap::new(), excluded_secrets: excluded_secrets.collect() };
    let mut findings = Vec::new();
    let mut declared_at: BTreeMap<SecretName, FieldPath> = BTreeMap::new();
    let secrets_of_stack = stack.secrets.iter().map(|(name, secret)| (name, secret, path!("secrets", name)));
    let secrets_of_services = roster.values().flat_map(|member| {
        let path = member.path.key("secrets");
        member.service.secrets.iter().map(move |(name, secret)| (name, secret, path.key(name.as_str())))
    });
    for (name, secret, path) in secrets_of_stack.chain(secrets_of_services) {
        if let Some(first) = declared_at.get(name) {
            findings.push(
                Diagnostic::error(Code::NameTaken, path)
                    .message(format!("the secret `{name}` is declared twice"))
                    .hint("rename one of them, or remove one and refer to the other with `nself.secret`")
                    .counterpart(first.clone(), "the other declaration"),
            );
            continue;
        }
        declared_at.insert(name.clone(), path.clone());
        let recipe = recipe(secret, &path, &mut findings);
        declared.add(name.clone(), recipe, secret.min_length.unwrap_or_default());
    }
    for owner in server.databases.values().filter_map(|database| database.owner.as_ref()) {
        declared.add(databases::password(owner), Recipe::Random { length: RANDOM_LENGTH }, 0);
    }
    for role in server.roles.values() {
        declared.add(role.password.clone(), Recipe::Random { length: RANDOM_LENGTH }, 0);
        for (name, url) in &role.urls {
            declared.add(name.clone(), url_recipe(stack, role, url), 0);
        }
    }
    if let Some(external) = &stack.database_server.external {
        let description = format!("password of the role {} of the database server {}", external.admin, external.host);
        declared.add(SecretName::wrap(ADMIN_PASSWORD.into()), Recipe::External { what: Text::wrap(description) }, 0);
    }
    declared.add(SecretName::wrap(CATCHER_PASSWORD.into()), Recipe::Random { length: RANDOM_LENGTH }, 0);
    for (name, description) in RELAY_SECRETS {
        declared.add(SecretName::wrap(name.into()), Recipe::External { what: Text::wrap(description.into()) }, 0);
    }
    findings.extend(declared.check_templates(&declared_at));
    Planned::without_wirings(declared, findings)
}

/// Returns the recipe of a connection URL, which contains the role's password.
fn url_recipe(stack: &Stack, role: &Role, url: &Url) -> Recipe {
    let text = |text: String| TemplatePart { text: Some(Text::wrap(text)), ..TemplatePart::default() };
    let password =
        TemplatePart { secret: Some(role.password.clone()), encode: Encoding::Url, ..TemplatePart::default() };
    let parameters = encryption::url_parameters(stack, url.endpoint);
    let address = format!("@{}:{}/{}{parameters}", url.host, url.port, url.database);
    Recipe::Template { parts: vec![text(format!("postgres://{}:", role.name)), password, text(address)] }
}

/// Mounts the secret files that services declare.
pub fn files(roster: &Roster, declared: &DeclaredSecrets) -> Planned<()> {
    let mut planned = Planned::default();
    for (service, member) in roster {
        for (i, name) in member.service.secret_files.iter().enumerate() {
            let cause = member.path.key("secret_files").index(i);
            match declared.require(name, NeededValue::Any, &cause) {
                Ok(()) => planned.wirings.push(Wiring::new(service, Addition::SecretFile(name.clone()), &cause)),
                Err(finding) => planned.findings.push(finding),
            }
        }
    }
    planned
}

/// Returns the secrets of the plan: each secret that a service uses, and each secret in a template that a service uses.
/// `has_pods` is true if manifests for a cluster are generated.
pub fn with_users(
    declared: DeclaredSecrets,
    recipes: Recipes,
    users: SecretUsers,
    has_pods: bool,
) -> BTreeMap<SecretName, Secret> {
    let mut declared = declared;
    for (name, recipe) in recipes {
        match declared.secrets.get_mut(&name) {
            // The operator supplies the file, so nself cannot create its value, even if the stack declares a recipe.
            Some(secret) if matches!(recipe, Recipe::External { .. }) => secret.recipe = recipe,
            _ => declared.add(name, recipe, 0),
        }
    }
    let mut secrets = declared.secrets;
    // `secrets` has every declared secret; only those that are used remain at the end.
    for (name, services) in users.files {
        if let Some(secret) = secrets.get_mut(&name) {
            secret.file_readers = services;
        }
    }
    for (name, services) in users.variables {
        if let Some(secret) = secrets.get_mut(&name) {
            secret.variable_readers = services;
        }
    }
    // A service that reads parts of a connection does not read the URL, but the container of its pod that waits for the
    // database does.
    for (name, services) in users.parts.into_iter().filter(|_| has_pods) {
        if let Some(secret) = secrets.get_mut(&name) {
            secret.variable_readers.extend(services);
        }
    }
    let is_used = |secret: &Secret| !secret.file_readers.is_empty() || !secret.variable_readers.is_empty();
    let parts = secrets.values().filter(|secret| is_used(secret)).flat_map(|secret| match &secret.recipe {
        Recipe::Template { parts } => parts.iter().filter_map(|part| part.secret.clone()).collect(),
        _ => Vec::new(),
    });
    let template_parts: BTreeSet<SecretName> = parts.collect();
    secrets.retain(|name, secret| is_used(secret) || template_parts.contains(name));
    secrets
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
    fn add(&mut self, name: SecretName, recipe: Recipe, min_length: u16) {
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

    /// Checks that templates refer to existing secrets that are not templates. `declared_at` has the secrets to check,
    /// each with its path.
    fn check_templates(&self, declared_at: &BTreeMap<SecretName, FieldPath>) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for (name, path) in declared_at {
            let Some(Recipe::Template { parts }) = self.secrets.get(name).map(|secret| &secret.recipe) else {
                continue;
            };
            for (i, part) in parts.iter().enumerate() {
                let path = path.key("template").index(i);
                if part.text.is_some() == part.secret.is_some() {
                    findings.push(
                        Diagnostic::error(Code::BadValue, path.clone())
                            .message("a part of a template must be either `text` or `secret`")
                            .expected("`{ text = \"…\" }` or `{ secret = \"name\" }`"),
                    );
                }
                let Some(part_name) = &part.secret else { continue };
                match self.secrets.get(part_name).map(|secret| &secret.recipe) {
                    Some(Recipe::Template { .. }) => findings.push(
                        Diagnostic::error(Code::UnknownSecret, path)
                            .message(format!("a template cannot contain `{part_name}`, which is a template too"))
                            .expected("a random or external secret"),
                    ),
                    Some(_) => {}
                    None => findings.push(self.unknown_secret(part_name, NeededValue::Any, path)),
                }
            }
        }
        findings
    }

    /// Returns the finding for a secret that is not declared in this environment.
    fn unknown_secret(&self, name: &SecretName, needed: NeededValue, path: FieldPath) -> Diagnostic {
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
}

/// Returns the recipe of a declared secret. Adds findings about a secret that is too short or has no clear recipe.
fn recipe(secret: &stack::Secret, path: &FieldPath, findings: &mut Vec<Diagnostic>) -> Recipe {
    if let Some(length) = secret.random
        && length < MIN_LENGTH
    {
        findings.push(
            Diagnostic::error(Code::WeakSecret, path.key("random"))
                .message(format!("a secret of {} can be guessed", words::count(length, "character")))
                .expected(format!("at least {MIN_LENGTH} characters, for 128 bits"))
                .hint("use `nself.random 43`"),
        );
    }
    match (secret.random, &secret.template, &secret.external) {
        (Some(length), None, None) => {
            if secret.min_length.is_some_and(|required| required > length) {
                let required = secret.min_length.unwrap_or_default();
                findings.push(
                    Diagnostic::error(Code::WeakSecret, path.key("random"))
                        .message(format!(
                            "the secret has {}, but a service requires {required}",
                            words::count(length, "character")
                        ))
                        .hint(format!("use `nself.random {required}`")),
                );
            }
            Recipe::Random { length }
        }
        (None, Some(parts), None) => Recipe::Template { parts: parts.clone() },
        (None, None, Some(what)) => Recipe::External { what: what.clone() },
        _ => {
            findings.push(
                Diagnostic::error(Code::BadValue, path.clone())
                    .message("a secret must have exactly one of `random`, `template` and `external`")
                    .expected("`nself.random 43`, `nself.template […]` or `nself.external \"what it is\"`"),
            );
            Recipe::Random { length: RANDOM_LENGTH }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relay_of_the_library_uses_these_secrets() {
        let relay = include_str!("../../../stdlib/relay.ncl");
        for (name, _) in RELAY_SECRETS {
            assert!(relay.contains(&format!("refs.secret \"{name}\"")), "{name}");
        }
        assert_eq!(relay.matches("refs.secret").count(), RELAY_SECRETS.len());
    }

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
