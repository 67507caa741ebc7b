//! Plans TLS between the database server and its clients. One certificate contains the host names of the server, its replica
//! and the pooler. Its authority signs no other certificate. Clients refuse every other certificate, and servers refuse
//! connections without TLS.

use std::collections::BTreeSet;

use super::database_clients::Clients;
use super::database_host::DatabaseHost;
use super::endpoint::DatabaseEndpoint;
use super::server_files::{SERVERS, script, setting_argument};
use crate::path;
use crate::plan::backup_services::replication_clients;
use crate::plan::model::{ServerAccess, Value};
use crate::plan::roster::Roster;
use crate::plan::secret_list::{Recipe, Recipes, secret_path};
use crate::plan::service_names::{DATABASE, POOLER, REPLICA, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::Stack;
use crate::values::{Checked, SecretName, ServiceName, Text, VariableName};

/// The secret with the certificate of the servers and the pooler.
pub const CERTIFICATE: &str = "database_certificate";
/// The secret with the key of this certificate.
pub const KEY: &str = "database_key";
/// The secret with the certificate of the authority that signed the server's certificate.
pub const AUTHORITY: &str = "database_authority";
/// The authority of the pooler's certificate, if the server is external.
pub const POOLER_AUTHORITY: &str = "pooler_authority";

/// Returns whether connections to the database are encrypted. The default for a server of the stack is true on clusters,
/// where connections may leave the host. Those to an external server are encrypted, unless it has a reason against it.
pub fn is_on(stack: &Stack) -> bool {
    match &stack.database_server.external {
        Some(server) => server.unencrypted.is_none(),
        None => stack.database_server.tls.unwrap_or(stack.kubernetes.enabled),
    }
}

/// Returns the TLS parameters of a connection URL, such as `?sslmode=verify-full&sslrootcert=/run/secrets/…`; an empty
/// text without TLS.
pub fn url_parameters(stack: &Stack, endpoint: DatabaseEndpoint) -> String {
    if !is_on(stack) {
        return String::new();
    }
    format!("?sslmode={}&sslrootcert={}", ssl_mode(stack), secret_path(authority(stack, endpoint)))
}

/// Returns the value of libpq's `sslmode` for connections to the server.
pub fn ssl_mode(stack: &Stack) -> &'static str {
    if is_on(stack) { "verify-full" } else { "disable" }
}

/// Returns the path of the file with the authority of the server's certificate in a container.
pub fn authority_path(stack: &Stack) -> String {
    secret_path(authority(stack, DatabaseEndpoint::Server))
}

/// Returns the secret with the authority of an endpoint's certificate. The pooler in front of an external server has a
/// separate authority, because nself does not have the key of the server's authority.
fn authority(stack: &Stack, endpoint: DatabaseEndpoint) -> &'static str {
    let is_pooler_of_external = stack.database_server.external.is_some() && endpoint == DatabaseEndpoint::Pooler;
    if is_pooler_of_external { POOLER_AUTHORITY } else { AUTHORITY }
}

/// Plans the certificate. Servers get the certificate and its key; clients get the certificate of the authority. Without a
/// server, or without TLS, no secret is needed. `jobs` connect to the server as the superuser, without a URL.
pub fn plan(
    stack: &Stack,
    roster: &Roster,
    access: Option<&ServerAccess>,
    (jobs, clients): (&BTreeSet<ServiceName>, &Clients),
) -> Planned<Recipes> {
    if !is_on(stack) || DatabaseHost::of(stack, roster).is_none() {
        return Planned::default();
    }
    let cause = path!("database_server");
    let mut planned = Planned { value: recipes(stack, roster, access), ..Planned::default() };
    let mut wire = |service: &ServiceName, addition| planned.wirings.push(Wiring::new(service, addition, &cause));
    for server in certificate_holders(roster) {
        for secret in [CERTIFICATE, KEY] {
            wire(&server, Addition::SecretFile(SecretName::wrap(secret.into())));
        }
    }
    if stack.database_server.external.is_none() {
        // If the environment has no replica, the wirings of the replica have no effect.
        for (name, subfolder) in SERVERS {
            server_settings(subfolder).into_iter().for_each(|addition| wire(&service_name(name), addition));
        }
    }
    for (client, endpoints) in clients {
        let authorities: BTreeSet<&str> = endpoints.iter().map(|endpoint| authority(stack, *endpoint)).collect();
        for secret in authorities {
            wire(client, Addition::SecretFile(SecretName::wrap(secret.into())));
        }
    }
    // These services connect without a URL, so variables set the TLS parameters.
    for client in jobs.iter().chain(&replication_clients(roster)) {
        for (variable, value) in [("PGSSLMODE", "verify-full".to_owned()), ("PGSSLROOTCERT", secret_path(AUTHORITY))] {
            wire(client, Addition::Variable(VariableName::wrap(variable.into()), Value::Text(value)));
        }
    }
    planned
}

/// Returns the services that have a certificate: the servers and the pooler.
fn certificate_holders(roster: &Roster) -> Vec<ServiceName> {
    [DATABASE, POOLER, REPLICA].map(service_name).into_iter().filter(|name| roster.contains_key(name)).collect()
}

/// Returns the recipes of the certificate and its authority, and of the authority of an external server.
fn recipes(stack: &Stack, roster: &Roster, access: Option<&ServerAccess>) -> Recipes {
    let mut hosts: Vec<String> = certificate_holders(roster).iter().map(ToString::to_string).collect();
    // Replica and backup services reach the primary by its name in their own network, such as `postgres.<network>`.
    hosts.extend(access.map(ServerAccess::primary_host).filter(|primary| primary != DATABASE));
    let secret = |name: &str| SecretName::wrap(name.to_owned());
    let certificate = secret(CERTIFICATE);
    let mut recipes = Recipes::from([
        (certificate.clone(), Recipe::LocalCertificate { hosts, domains: Vec::new() }),
        (secret(KEY), Recipe::LocalKey { certificate: certificate.clone() }),
    ]);
    let local_authority = Recipe::LocalAuthority { certificate };
    match &stack.database_server.external {
        None => recipes.insert(secret(AUTHORITY), local_authority),
        Some(server) => {
            let what = format!("PEM certificates of the authority that signs the certificate of {}", server.host);
            recipes.insert(secret(AUTHORITY), Recipe::External { what: Text::wrap(what) });
            recipes.insert(secret(POOLER_AUTHORITY), local_authority)
        }
    };
    recipes
}

/// Returns the TLS settings of a server. A script first copies the key, because engines mount a secret so that other users
/// may read it, and the server refuses such a key.
fn server_settings(subfolder: &str) -> Vec<Addition> {
    let settings =
        ["ssl=on".to_owned(), format!("ssl_cert_file=/run/secrets/{CERTIFICATE}"), format!("ssl_key_file=/tmp/{KEY}")];
    settings.iter().map(|text| setting_argument(text)).chain([script(subfolder, "private-key.sh")]).collect()
}
