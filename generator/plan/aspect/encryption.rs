//! TLS between the database server and its clients: a certificate of an authority that signs nothing else, for the
//! names by which clients call the server, its replica and the pooler. Clients refuse every other certificate, and
//! servers refuse connections without TLS.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::Roles;
use super::server_files::{SERVERS, folder, setting};
use crate::path;
use crate::plan::backup_services::replication_clients;
use crate::plan::model::{Migrations, ServerAccess, Value};
use crate::plan::roster::Roster;
use crate::plan::secret_list::{Recipe, Recipes};
use crate::plan::service_names::{DATABASE, POOLER, REPLICA, service_name};
use crate::plan::wiring::{Addition, Planned, SecretUsers, Wiring};
use crate::stack::Stack;
use crate::values::{Checked, SecretName, ServiceName, SqlIdent, Text, VariableName};

pub const CERTIFICATE: &str = "database_certificate";
pub const KEY: &str = "database_key";
pub const AUTHORITY: &str = "database_authority";
/// The authority's file in the containers of clients.
const AUTHORITY_FILE: &str = "/run/secrets/database_authority";

/// Returns whether connections to the database are encrypted: as declared, else where they may leave a host.
pub fn is_on(stack: &Stack) -> bool {
    stack.database_server.tls.unwrap_or(stack.kubernetes.enabled)
}

/// Returns the parameters of a connection URL.
pub fn parameters(stack: &Stack) -> String {
    if is_on(stack) { format!("?sslmode=verify-full&sslrootcert={AUTHORITY_FILE}") } else { String::new() }
}

/// Plans the certificate of the servers, and wires it into them and its authority into their clients. Without `access`,
/// or without TLS, no secret is needed.
pub fn plan(
    access: Option<&ServerAccess>,
    roster: &Roster,
    migrations: &BTreeMap<SqlIdent, Migrations>,
    clients: BTreeSet<ServiceName>,
) -> Planned<Recipes> {
    let Some(access) = access.filter(|access| access.tls) else { return Planned::default() };
    let cause = path!("database_server");
    let [certificate, key, authority] = [CERTIFICATE, KEY, AUTHORITY].map(|name| SecretName::wrap(name.into()));
    let servers = [DATABASE, POOLER, REPLICA].map(service_name).into_iter().filter(|name| roster.contains_key(name));
    let servers: BTreeSet<ServiceName> = servers.collect();
    let mut hosts: Vec<String> = servers.iter().map(ToString::to_string).collect();
    if access.primary() != DATABASE {
        hosts.push(access.primary());
    }
    let mut wirings = Vec::new();
    for server in &servers {
        let files = [&certificate, &key].map(|secret| Addition::SecretFile(secret.clone()));
        wirings.extend(files.map(|file| Wiring::new(server, file, &cause)));
    }
    for (name, place) in SERVERS {
        let name = service_name(name);
        wirings.extend(server_settings(place).into_iter().map(|addition| Wiring::new(&name, addition, &cause)));
    }
    let clients = clients.into_iter().chain(replication_clients(roster)).collect::<BTreeSet<_>>();
    for client in clients.iter().filter(|name| roster.contains_key(*name)) {
        wirings.push(Wiring::new(client, Addition::SecretFile(authority.clone()), &cause));
    }
    // These connect without a URL.
    let jobs = migrations.values().map(|migrations| migrations.job.clone());
    let by_variables = jobs.chain(replication_clients(roster));
    for client in by_variables {
        for (variable, value) in [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", AUTHORITY_FILE)] {
            let variable = Addition::Variable(VariableName::wrap(variable.into()), Value::Text(value.into()));
            wirings.push(Wiring::new(&client, variable, &cause));
        }
    }
    let recipes = [
        (certificate.clone(), Recipe::LocalCertificate { hosts, domains: Vec::new() }),
        (key, Recipe::LocalKey { certificate: certificate.clone() }),
        (authority, Recipe::LocalAuthority { certificate }),
    ];
    Planned { part: recipes.into(), wirings, findings: Vec::new() }
}

/// Returns the settings of a server for TLS. A script copies the key first, because the server refuses a key that others
/// may read, and engines mount secrets so.
fn server_settings(place: &str) -> Vec<Addition> {
    let text = |text: &str| Text::wrap(text.to_owned());
    let settings =
        ["ssl=on".to_owned(), format!("ssl_cert_file=/run/secrets/{CERTIFICATE}"), format!("ssl_key_file=/tmp/{KEY}")];
    let prefix = vec![text("/bin/sh"), text(&format!("{}/private-key.sh", folder(place)))];
    let entrypoint = Addition::EntrypointPrefix { prefix, program: text("docker-entrypoint.sh") };
    settings.iter().map(|text| setting(text)).chain([entrypoint]).collect()
}

/// Returns the services that connect to a server: by a URL, as a job of migrations, as the pooler or as the replica.
pub fn clients(
    roles: &Roles,
    migrations: &BTreeMap<SqlIdent, Migrations>,
    users: &SecretUsers,
) -> BTreeSet<ServiceName> {
    let urls = roles.values().flat_map(|role| role.urls.keys());
    let mut clients: BTreeSet<ServiceName> = urls.flat_map(|url| users.of(url)).cloned().collect();
    clients.extend([POOLER, REPLICA].map(service_name));
    clients.extend(migrations.values().map(|migrations| migrations.job.clone()));
    clients
}
