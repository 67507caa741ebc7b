//! Secrets of an environment: where each comes from and which services get it, as file or as variable.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::{self, Roles};
use super::encryption;
use super::roster::{PlannedService, Roster};
use super::{IngressPlan, Recipe, Secret};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::secret::Encoding;
use crate::stack::{self, Stack, TemplatePart, TlsMode};
use crate::values::{Checked, SecretName, ServiceName, SqlIdent, Text};
use crate::words;

/// Characters of a generated password: 62^43 is more than 2^256.
const LENGTH: u16 = 43;
/// Fewest characters of `[A-Za-z0-9]` that hold 128 bits.
const FEWEST: u16 = 22;
pub const CERTIFICATE: &str = "tls_certificate";
pub const CERTIFICATE_KEY: &str = "tls_key";

/// Secrets that services of the library make, with the service.
const MAKERS: [(&str, &str); 7] = [
    ("meili_master_key", "meilisearch"),
    ("minio_root_password", "minio"),
    ("minio_root_user", "minio"),
    ("redis_conf", "redis"),
    ("redis_password", "redis"),
    ("redis_url", "redis"),
    ("replication_password", "postgres-replica"),
];

/// The secrets while the plan is made.
pub struct Secrets {
    all: BTreeMap<SecretName, Secret>,
    /// Those of services that are no part of the environment, with the service.
    absent: BTreeMap<SecretName, ServiceName>,
}

impl Secrets {
    /// Collects what the stack, its services and the database roles declare.
    pub fn new(
        stack: &Stack,
        members: &Roster,
        roles: &Roles,
        owners: &BTreeSet<&SqlIdent>,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let gone = stack.services.iter().filter(|(name, _)| !members.contains_key(*name));
        let absent =
            gone.flat_map(|(name, service)| service.secrets.keys().map(|secret| (secret.clone(), name.clone())));
        let mut secrets = Secrets { all: BTreeMap::new(), absent: absent.collect() };
        let mut declared: BTreeMap<SecretName, FieldPath> = BTreeMap::new();
        let own = stack.secrets.iter().map(|(name, secret)| (name, secret, path!("secrets", name)));
        let services = members.values().flat_map(|member| {
            let path = member.path.key("secrets");
            member.service.secrets.iter().map(move |(name, secret)| (name, secret, path.key(name.as_str())))
        });
        for (name, secret, path) in own.chain(services) {
            if let Some(first) = declared.insert(name.clone(), path.clone()) {
                findings.push(
                    Diagnostic::error(Code::NameTaken, path)
                        .message(format!("the secret `{name}` is declared twice"))
                        .hint("rename one, or refer to the other with `nself.secret`")
                        .related(first, "the other declaration"),
                );
                continue;
            }
            let recipe = recipe(secret, &path, findings);
            secrets.add(name.clone(), recipe, secret.min_length.unwrap_or_default());
        }
        let parameters = encryption::parameters(stack);
        for owner in owners {
            secrets.add(databases::password(owner), Recipe::Random { length: LENGTH }, 0);
        }
        for role in roles.values() {
            secrets.add(role.password.clone(), Recipe::Random { length: LENGTH }, 0);
            for (name, url) in &role.urls {
                let text = |text: String| TemplatePart { text: Some(Text::wrap(text)), ..TemplatePart::default() };
                let password = TemplatePart {
                    secret: Some(role.password.clone()),
                    encode: Encoding::Url,
                    ..TemplatePart::default()
                };
                let parts = vec![
                    text(format!("postgres://{}:", role.name)),
                    password,
                    text(format!("@{}:{}/{}{parameters}", url.way.server(), url.port, url.database)),
                ];
                secrets.add(name.clone(), Recipe::Template { parts }, 0);
            }
        }
        secrets.check_templates(&declared, findings);
        secrets
    }

    /// Adds one, unless there is one of that name.
    pub fn add(&mut self, name: SecretName, recipe: Recipe, min_length: u16) {
        let secret = Secret { recipe, files_of: BTreeSet::new(), variables_of: BTreeSet::new(), min_length };
        self.all.entry(name).or_insert(secret);
    }

    /// Templates name secrets that exist and are not templates of templates of themselves.
    fn check_templates(&self, declared: &BTreeMap<SecretName, FieldPath>, findings: &mut Vec<Diagnostic>) {
        for (name, path) in declared {
            let Some(Recipe::Template { parts }) = self.all.get(name).map(|secret| &secret.recipe) else { continue };
            for (i, part) in parts.iter().enumerate() {
                let path = path.key("template").index(i);
                if part.text.is_some() == part.secret.is_some() {
                    findings.push(
                        Diagnostic::error(Code::BadValue, path.clone())
                            .message("a part of a template is either `text` or `secret`")
                            .expected("`{ text = \"…\" }` or `{ secret = \"name\" }`"),
                    );
                }
                let Some(used) = &part.secret else { continue };
                match self.all.get(used).map(|secret| &secret.recipe) {
                    Some(Recipe::Template { .. }) => findings.push(
                        Diagnostic::error(Code::UnknownSecret, path)
                            .message(format!("`{used}` is composed itself"))
                            .expected("a random or external secret"),
                    ),
                    Some(_) => {}
                    None => findings.push(self.unknown(used, path)),
                }
            }
        }
    }

    fn unknown(&self, name: &SecretName, path: FieldPath) -> Diagnostic {
        let names: Vec<&str> = self.all.keys().map(SecretName::as_str).collect();
        Diagnostic::error(Code::UnknownSecret, path)
            .message(format!("no secret `{name}` is declared"))
            .expected(if names.is_empty() {
                "a declared secret".into()
            } else {
                format!("one of {}", names.join(", "))
            })
            .hint(self.way_to(name))
    }

    /// How the secret comes to be there.
    fn way_to(&self, name: &SecretName) -> String {
        if let Some(service) = self.absent.get(name) {
            return format!("`{service}` makes it, and is no part of this environment");
        }
        if let Some((_, service)) = MAKERS.iter().find(|(secret, _)| *secret == name.as_str()) {
            return format!("`{service}` makes it: `services.{service} = nself.services.{service}`");
        }
        match words::nearest(name.as_str(), self.all.keys().map(SecretName::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: `secrets.{name} = nself.random 43`, or `nself.external \"what it is\"`"),
        }
    }

    /// Notes that a service takes the secret as a variable; false when it does not exist.
    pub fn use_variable(
        &mut self,
        name: &SecretName,
        service: &ServiceName,
        path: &FieldPath,
        findings: &mut Vec<Diagnostic>,
    ) -> bool {
        match self.all.get_mut(name) {
            Some(secret) => secret.variables_of.insert(service.clone()),
            None => {
                findings.push(self.unknown(name, path.clone()));
                return false;
            }
        };
        true
    }

    /// Notes the files that a service mounts.
    pub fn use_files(&mut self, service: &ServiceName, member: &PlannedService, findings: &mut Vec<Diagnostic>) {
        for (i, name) in member.service.secret_files.iter().enumerate() {
            if self.all.contains_key(name) {
                self.mount(name, service);
            } else {
                findings.push(self.unknown(name, member.path.key("secret_files").index(i)));
            }
        }
    }

    /// Adds one that is made of others.
    pub fn compose(&mut self, name: SecretName, parts: Vec<TemplatePart>) {
        self.add(name, Recipe::Template { parts }, 0);
    }

    /// The services that take it, as file or as variable.
    pub fn users(&self, name: &SecretName) -> BTreeSet<ServiceName> {
        self.all
            .get(name)
            .map(|secret| secret.files_of.union(&secret.variables_of).cloned().collect())
            .unwrap_or_default()
    }

    /// Whether a service takes it.
    pub fn is_used(&self, name: &SecretName) -> bool {
        self.all.get(name).is_some_and(|secret| !secret.files_of.is_empty() || !secret.variables_of.is_empty())
    }

    /// Mounts an existing secret into a service.
    pub fn mount(&mut self, name: &SecretName, service: &ServiceName) {
        if let Some(secret) = self.all.get_mut(name) {
            secret.files_of.insert(service.clone());
        }
    }

    /// Adds the edge's certificate and key and mounts them.
    pub fn certificate(&mut self, edge: &ServiceName) {
        let certificate = SecretName::wrap(CERTIFICATE.to_owned());
        let key = Recipe::LocalKey { certificate: certificate.clone() };
        for (name, recipe) in [
            (certificate, Recipe::LocalCertificate { hosts: Vec::new() }),
            (SecretName::wrap(CERTIFICATE_KEY.to_owned()), key),
        ] {
            self.add(name.clone(), recipe, 0);
            self.mount(&name, edge);
        }
    }

    /// The finished table; certificates know their hosts by now. Secrets that nobody uses are left out,
    /// unless another one is composed of them.
    pub fn finish(mut self, edge: &IngressPlan) -> BTreeMap<SecretName, Secret> {
        let external = edge.tls == TlsMode::Files;
        for (name, what) in
            [(CERTIFICATE, "certificate chain of all sites, PEM"), (CERTIFICATE_KEY, "key of the certificate, PEM")]
        {
            let Some(secret) = self.all.get_mut(&SecretName::wrap(name.to_owned())) else { continue };
            if let Recipe::LocalCertificate { hosts } = &mut secret.recipe {
                *hosts = edge.sites.values().flat_map(|site| site.hosts.clone()).collect();
            }
            if external {
                secret.recipe = Recipe::External { what: Text::wrap(what.to_owned()) };
            }
        }
        let consumed = |secret: &Secret| !secret.files_of.is_empty() || !secret.variables_of.is_empty();
        let parts = self.all.values().filter(|secret| consumed(secret)).flat_map(|secret| match &secret.recipe {
            Recipe::Template { parts } => parts.iter().filter_map(|part| part.secret.clone()).collect(),
            _ => Vec::new(),
        });
        let parts: BTreeSet<SecretName> = parts.collect();
        self.all.retain(|name, secret| consumed(secret) || parts.contains(name));
        self.all
    }

    /// Files of each service, for the services' own records.
    pub fn files_of(&self, service: &ServiceName) -> BTreeSet<SecretName> {
        let mounted = self.all.iter().filter(|(_, secret)| secret.files_of.contains(service));
        mounted.map(|(name, _)| name.clone()).collect()
    }
}

fn recipe(secret: &stack::Secret, path: &FieldPath, findings: &mut Vec<Diagnostic>) -> Recipe {
    if let Some(length) = secret.random
        && length < FEWEST
    {
        findings.push(
            Diagnostic::error(Code::WeakSecret, path.key("random"))
                .message(format!("{length} characters can be guessed"))
                .expected(format!("at least {FEWEST} characters, which hold 128 bits"))
                .hint("use `nself.random 43`"),
        );
    }
    match (secret.random, &secret.template, &secret.external) {
        (Some(length), None, None) => {
            if secret.min_length.is_some_and(|fewest| fewest > length) {
                findings.push(Diagnostic::error(Code::WeakSecret, path.key("random")).message(format!(
                    "{length} characters are fewer than the {} that its consumer needs",
                    secret.min_length.unwrap_or_default()
                )));
            }
            Recipe::Random { length }
        }
        (None, Some(parts), None) => Recipe::Template { parts: parts.clone() },
        (None, None, Some(what)) => Recipe::External { what: what.clone() },
        _ => {
            findings.push(
                Diagnostic::error(Code::BadValue, path.clone())
                    .message("a secret has exactly one of `random`, `template` and `external`")
                    .expected("`nself.random 43`, `nself.template […]` or `nself.external \"what it is\"`"),
            );
            Recipe::Random { length: LENGTH }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_the_library_make_what_is_said_of_them() {
        for (secret, service) in MAKERS {
            let file = format!("{}/stdlib/services/{service}.ncl", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let (_, declared) = text.split_once("secret").unwrap_or_default();
            assert!(declared.contains(secret), "{file}: {secret}");
        }
    }
}
