//! Secrets of an environment: their recipes, and the services that read them from a file or a variable.

mod declared;
mod recipes;
mod users;

pub use declared::{DeclaredSecrets, NeededValue};
pub use users::with_users;

use std::collections::BTreeMap;

use super::databases::{self, Server};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::roster::Roster;
use crate::plan::secret_list::{ADMIN_PASSWORD, CATCHER_PASSWORD, Recipe};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::Stack;
use crate::values::{Checked, SecretName, Text};
use recipes::{RANDOM_LENGTH, check_templates, recipe, url_recipe};

/// The secrets of the mail relay, as `stdlib/relay.ncl` names them, each with its description.
const RELAY_SECRETS: [(&str, &str); 3] = [
    ("smtp_host", "host name of the mail provider's SMTP server"),
    ("smtp_user", "user name at the mail provider"),
    ("smtp_password", "password at the mail provider"),
];

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
    findings.extend(check_templates(&declared, &declared_at));
    Planned::without_wirings(declared, findings)
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

#[cfg(test)]
mod tests {
    use super::RELAY_SECRETS;

    #[test]
    fn the_relay_of_the_library_uses_these_secrets() {
        let relay = include_str!("../../../../stdlib/relay.ncl");
        for (name, _) in RELAY_SECRETS {
            assert!(relay.contains(&format!("refs.secret \"{name}\"")), "{name}");
        }
        assert_eq!(relay.matches("refs.secret").count(), RELAY_SECRETS.len());
    }
}
