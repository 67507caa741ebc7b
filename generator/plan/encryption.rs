//! TLS between the database server and its clients: a certificate of an authority that signs nothing else, for the
//! names by which clients call the server, its replica and the pooler. Clients refuse every other certificate, and
//! servers refuse connections without TLS.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{SERVERS, folder, set};
use super::databases::Roles;
use super::roster::{DATABASE, POOLER, REPLICA, service_name};
use super::secrets::Secrets;
use super::{Migrations, Recipe, ServerAccess, Service, Value};
use crate::stack::Stack;
use crate::values::{Checked, SecretName, ServiceName, SqlIdent, Text, VariableName};

pub const CERTIFICATE: &str = "database_certificate";
pub const KEY: &str = "database_key";
pub const AUTHORITY: &str = "database_authority";
/// The authority's file in the containers of clients.
const AUTHORITY_FILE: &str = "/run/secrets/database_authority";

/// Whether connections to the database are encrypted: where the stack says so, and else where they may leave a host.
pub fn is_on(stack: &Stack) -> bool {
    stack.database_server.tls.unwrap_or(stack.kubernetes.enabled)
}

/// What follows the database in a connection URL.
pub fn parameters(stack: &Stack) -> String {
    if is_on(stack) { format!("?sslmode=verify-full&sslrootcert={AUTHORITY_FILE}") } else { String::new() }
}

/// Hands the certificate to the servers and the authority to their clients.
pub fn wire(
    access: &ServerAccess,
    roles: &Roles,
    migrations: &BTreeMap<SqlIdent, Migrations>,
    services: &mut BTreeMap<ServiceName, Service>,
    secrets: &mut Secrets,
) {
    let [certificate, key, authority] = [CERTIFICATE, KEY, AUTHORITY].map(|name| SecretName::wrap(name.into()));
    let servers = [DATABASE, POOLER, REPLICA].map(service_name).into_iter().filter(|name| services.contains_key(name));
    let servers: BTreeSet<ServiceName> = servers.collect();
    let mut hosts: Vec<String> = servers.iter().map(ToString::to_string).collect();
    if access.primary() != DATABASE {
        hosts.push(access.primary());
    }
    secrets.add(certificate.clone(), Recipe::LocalCertificate { hosts }, 0);
    secrets.add(key.clone(), Recipe::LocalKey { certificate: certificate.clone() }, 0);
    secrets.add(authority.clone(), Recipe::LocalAuthority { certificate: certificate.clone() }, 0);
    for server in &servers {
        secrets.mount(&certificate, server);
        secrets.mount(&key, server);
    }
    let text = |text: &str| Text::wrap(text.to_owned());
    for (name, place) in SERVERS {
        let Some(server) = services.get_mut(&service_name(name)) else { continue };
        for setting in [
            "ssl=on".to_owned(),
            format!("ssl_cert_file=/run/secrets/{CERTIFICATE}"),
            format!("ssl_key_file=/tmp/{KEY}"),
        ] {
            set(server, &setting);
        }
        // The server refuses a key that others may read, as they may where engines mount secrets.
        let program = server.entrypoint.take().unwrap_or_else(|| vec![text("docker-entrypoint.sh")]);
        let mut entrypoint = vec![text("/bin/sh"), text(&format!("{}/private-key.sh", folder(place)))];
        entrypoint.extend(program);
        server.entrypoint = Some(entrypoint);
    }
    let mut clients: BTreeSet<ServiceName> = BTreeSet::new();
    for url in roles.values().flat_map(|role| role.urls.keys()) {
        clients.extend(secrets.users(url));
    }
    clients.extend([POOLER, REPLICA].map(service_name));
    clients.extend(migrations.values().map(|migrations| migrations.job.clone()));
    for client in clients.iter().filter(|name| services.contains_key(*name)) {
        secrets.mount(&authority, client);
    }
    // What connects without a URL.
    let by_variables = migrations.values().map(|migrations| migrations.job.clone()).chain([service_name(REPLICA)]);
    for name in by_variables {
        let Some(client) = services.get_mut(&name) else { continue };
        for (variable, value) in [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", AUTHORITY_FILE)] {
            client.env.insert(VariableName::wrap(variable.into()), Value::Text(value.into()));
        }
    }
}
