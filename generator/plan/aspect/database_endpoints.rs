//! Database endpoints (server, pooler, replica) and how they are wired together.

use std::collections::{BTreeMap, BTreeSet};

use super::database_host::DatabaseHost;
use super::databases::{Roles, Url};
use super::endpoint::DatabaseEndpoint;
use super::{database_connections, encryption, endpoint, server_files, setup};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::model::{ConfigMount, Migrations, Pooler, Replication};
use crate::plan::roster::Roster;
use crate::plan::secret_list::{Recipe, Recipes};
use crate::plan::service_names::{DATABASE, POOLER, REPLICA, service_name};
use crate::plan::wiring::{Addition, Planned, SecretUsers, Wiring};
use crate::stack::{Stack, TemplatePart};
use crate::values::{Checked, Host, SecretName, SqlIdent, Text};

/// The pooler's part of the plan, and the secret with its users.
#[derive(Default)]
pub struct PoolerPlan {
    pub pooler: Option<Pooler>,
    pub recipes: Recipes,
}

/// Plans the pooler. It gets the passwords of the roles whose pooled URLs are used, and admits no other role.
pub fn pooler(stack: &Stack, roster: &Roster, roles: &Roles, users: &SecretUsers) -> Planned<PoolerPlan> {
    let name = service_name(POOLER);
    let Some(member) = roster.get(&name) else {
        let findings = database_connections::check(stack, roster, users, 0, 0);
        return Planned { findings, ..Planned::default() };
    };
    let mut findings = Vec::new();
    let mut databases = BTreeSet::new();
    let mut role_database_pairs = 0_u64;
    let mut auth_file_parts = Vec::new();
    for role in roles.values() {
        let uses_pooler = |(secret, url): &(&SecretName, &Url)| {
            url.endpoint == DatabaseEndpoint::Pooler && users.is_secret_used(secret)
        };
        let reached_databases: BTreeSet<&SqlIdent> =
            role.urls.iter().filter(uses_pooler).map(|(_, url)| &url.database).collect();
        if reached_databases.is_empty() {
            continue;
        }
        role_database_pairs += u64::try_from(reached_databases.len()).unwrap_or(u64::MAX);
        databases.extend(reached_databases.into_iter().cloned());
        let text = |text: String| TemplatePart { text: Some(Text::wrap(text)), ..TemplatePart::default() };
        let password = TemplatePart { secret: Some(role.password.clone()), ..TemplatePart::default() };
        // A line of PgBouncer's `auth_file`: `"role" "password"`.
        auth_file_parts.extend([text(format!("\"{}\" \"", role.name)), password, text("\"\n".into())]);
    }
    if auth_file_parts.is_empty() {
        findings.push(
            Diagnostic::warning(Code::DatabaseEndpoint, member.path.clone())
                .message("no service uses the pooler")
                .hint("remove the pooler, or set `env.DATABASE_URL = nself.pooled_url \"main\"` in a service that uses a database"),
        );
    }
    let pool_size = database_connections::pool_size(stack, roster, role_database_pairs);
    findings.extend(database_connections::check(stack, roster, users, role_database_pairs, pool_size));
    let auth_file = SecretName::wrap("pgbouncer_users".into());
    let config = ConfigMount { source: "pgbouncer".into(), target: server_files::folder("pgbouncer"), reloads: false };
    let additions = [Addition::SecretFile(auth_file.clone()), Addition::Config(config)];
    let wirings = additions.map(|addition| Wiring::new(&name, addition, &member.path)).into();
    let port = member.service.all_ports().into_values().next().unwrap_or(5432);
    let recipes = Recipes::from([(auth_file.clone(), Recipe::Template { parts: auth_file_parts })]);
    let (server_host, server_port) = DatabaseHost::address(stack, roster);
    let server = (Host::wrap(server_host), server_port);
    let pooler = Pooler { tls: encryption::is_on(stack), port, server, databases, pool_size, users: auth_file };
    Planned { value: PoolerPlan { pooler: Some(pooler), recipes }, wirings, findings }
}

/// Plans the role with which the replica connects to the server.
pub fn replication(roster: &Roster) -> Planned<Option<Replication>> {
    let (server, replica) = (service_name(DATABASE), service_name(REPLICA));
    if !roster.contains_key(&server) || !roster.contains_key(&replica) {
        return Planned::default();
    }
    let password = SecretName::wrap("replication_password".into());
    let mut wirings = Vec::new();
    for name in [&service_name(setup::JOB), &replica] {
        wirings.push(Wiring::new(name, Addition::SecretFile(password.clone()), &path!("services", REPLICA)));
    }
    let value = Some(Replication { role: SqlIdent::wrap(endpoint::REPLICATION.into()), password });
    Planned { value, wirings, findings: Vec::new() }
}

/// Chooses, for each service that waits for migrations, the secret with the URL by which it checks them: of an endpoint
/// that is used anyway. For example, `orders_main_url` becomes `orders_main_url_pooled`.
pub fn select_waiter_urls(
    mut migrations: BTreeMap<SqlIdent, Migrations>,
    users: &SecretUsers,
) -> BTreeMap<SqlIdent, Migrations> {
    for secret in migrations.values_mut().flat_map(|migrations| migrations.waiters.values_mut()) {
        let candidates =
            DatabaseEndpoint::ALL.map(|endpoint| SecretName::wrap(format!("{secret}{}", endpoint.suffix())));
        if let Some(used_secret) = candidates.into_iter().find(|name| users.is_secret_used(name)) {
            *secret = used_secret;
        }
    }
    migrations
}
