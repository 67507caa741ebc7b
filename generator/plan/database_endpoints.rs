//! The ways to a database: the server itself, the pooler in front of it, the replica beside it; and what the three
//! need of each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::access;
use super::databases::Roles;
use super::roster::{DATABASE, POOLER, PlannedService, REPLICA, Roster, service_name};
use super::secrets::Secrets;
use super::{ConfigMount, Migrations, Service};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::{EnvReference, EnvValue, Profile, TemplatePart};
use crate::values::{Checked, SecretName, ServiceName, SqlIdent, Text, VariableName};

/// How a service reaches a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Direct,
    Pooled,
    Replica,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Direct, Way::Pooled, Way::Replica];

    /// The way that a reference asks for, and the service's entry.
    pub fn of(reference: &EnvReference) -> Option<(Way, &SqlIdent)> {
        match reference {
            EnvReference::DatabaseUrl(entry) => Some((Way::Direct, entry)),
            EnvReference::PooledUrl(entry) => Some((Way::Pooled, entry)),
            EnvReference::ReplicaUrl(entry) => Some((Way::Replica, entry)),
            _ => None,
        }
    }

    /// Whose address stands in the URL.
    pub fn server(self) -> ServiceName {
        service_name(match self {
            Way::Direct => DATABASE,
            Way::Pooled => POOLER,
            Way::Replica => REPLICA,
        })
    }

    /// The reference's name in the language.
    pub fn word(self) -> &'static str {
        match self {
            Way::Direct => "database_url",
            Way::Pooled => "pooled_url",
            Way::Replica => "replica_url",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Way::Direct => "",
            Way::Pooled => "_pooled",
            Way::Replica => "_replica",
        }
    }

    /// The secret that holds the URL.
    pub fn url_secret(self, service: &ServiceName, entry: &SqlIdent) -> SecretName {
        SecretName::wrap(format!("{}_{entry}_url{}", service.as_str().replace('-', "_"), self.suffix()))
    }
}

/// The ways that the variables of a service ask for; the server itself when none does.
pub fn ways(member: &PlannedService, profile: Profile) -> BTreeSet<Way> {
    let mut ways = BTreeSet::new();
    for value in member.service.env.values().chain(member.service.extra_env.values()) {
        asked(value, profile, &mut ways);
    }
    if ways.is_empty() {
        ways.insert(Way::Direct);
    }
    ways
}

fn asked(value: &EnvValue, profile: Profile, ways: &mut BTreeSet<Way>) {
    match value {
        EnvValue::EnvReference(EnvReference::ByProfile(values)) => asked(values.of(profile), profile, ways),
        EnvValue::EnvReference(reference) => ways.extend(Way::of(reference).map(|(way, _)| way)),
        EnvValue::Text(_) => {}
    }
}

/// Variables through which an image keeps sessions or writes, whatever the service's access.
const DIRECT_ONLY: [(&str, &str, &str); 3] = [
    ("hasura", "HASURA_GRAPHQL_METADATA_DATABASE_URL", "Hasura listens for changes of its metadata in a session"),
    ("hasura-auth", "HASURA_GRAPHQL_DATABASE_URL", "hasura-auth migrates its tables through it when it starts"),
    ("hasura-auth", "POSTGRES_MIGRATIONS_CONNECTION", "migrations need a session of their own"),
];

/// # Errors
/// NS310: the way does not exist in this environment, or the variable must not take it.
pub fn check(
    way: Way,
    member: &PlannedService,
    variable: &VariableName,
    members: &Roster,
    path: &FieldPath,
) -> Result<(), Diagnostic> {
    let wrong = |message: String| Diagnostic::error(Code::DatabaseEndpoint, path.key(way.word())).message(message);
    let server = way.server();
    if !members.contains_key(&server) {
        return Err(wrong(format!("there is no service `{server}` in this environment"))
            .expected(format!("`services.{server} = nself.services.{server}`"))
            .hint("`nself.database_url` is the server itself"));
    }
    let image = member.service.catalogue.as_ref().map(ServiceName::as_str);
    let found = DIRECT_ONLY.iter().find(|(of, name, _)| image == Some(of) && *name == variable.as_str());
    match found {
        Some((_, _, why)) if way != Way::Direct => {
            Err(wrong(format!("`{variable}` goes to the server itself: {why}")).expected("`nself.database_url`"))
        }
        _ => Ok(()),
    }
}

/// The pooler, as far as its file says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pooler {
    /// Whether it encrypts both sides of its connections.
    pub tls: bool,
    pub port: u16,
    pub databases: BTreeSet<SqlIdent>,
    /// Connections to the server for each role in each database.
    pub pool_size: u16,
    /// Holds the names and passwords of the roles that it lets through.
    pub users: SecretName,
}

/// The replica, as far as files of the server and its own say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replication {
    /// The role by which it connects; it may copy the server and nothing else.
    pub role: SqlIdent,
    pub password: SecretName,
}

/// Connections that the pooler may have in all: half of those that the server takes unless told otherwise.
const POOLED: u16 = 100;
const LARGEST_POOL: u16 = 20;
/// What the server keeps for a replica that is away, and no more: then it has to be copied anew, but the disk of the
/// server does not fill.
const KEPT: &str = "max_slot_wal_keep_size=4GB";
pub const REPLICATION: &str = "replication";

fn text(text: impl Into<String>) -> Text {
    Text::wrap(text.into())
}

/// Gives the pooler its file and the passwords of the roles whose pooled URLs are used: nobody else passes.
pub fn pool(
    roles: &Roles,
    services: &mut BTreeMap<ServiceName, Service>,
    secrets: &mut Secrets,
    findings: &mut Vec<Diagnostic>,
    tls: bool,
) -> Option<Pooler> {
    let service = services.get_mut(&service_name(POOLER))?;
    let mut databases = BTreeSet::new();
    let mut pairs = 0;
    let mut parts = Vec::new();
    for role in roles.values() {
        let used = role.urls.iter().filter(|(name, url)| url.way == Way::Pooled && secrets.is_used(name));
        let used: BTreeSet<&SqlIdent> = used.map(|(_, url)| &url.database).collect();
        if used.is_empty() {
            continue;
        }
        pairs += used.len();
        databases.extend(used.into_iter().cloned());
        let said = |said: String| TemplatePart { text: Some(text(said)), ..TemplatePart::default() };
        let password = TemplatePart { secret: Some(role.password.clone()), ..TemplatePart::default() };
        parts.extend([said(format!("\"{}\" \"", role.name)), password, said("\"\n".into())]);
    }
    if parts.is_empty() {
        findings.push(
            Diagnostic::warning(Code::DatabaseEndpoint, service.origin.clone())
                .message("nobody asks for the pooler")
                .hint("`env.DATABASE_URL = nself.pooled_url \"main\"` in a service that uses a database"),
        );
    }
    let users = SecretName::wrap("pgbouncer_users".into());
    secrets.compose(users.clone(), parts);
    secrets.mount(&users, &service_name(POOLER));
    service.config.push(ConfigMount { source: "pgbouncer".into(), target: access::folder("pgbouncer") });
    let pairs = u16::try_from(pairs).unwrap_or(u16::MAX).max(1);
    let port = service.ports.values().next().copied().unwrap_or(5432);
    Some(Pooler { tls, port, databases, pool_size: (POOLED / pairs).clamp(1, LARGEST_POOL), users })
}

/// Lets the replica in at the server, and gives both the same settings.
pub fn replicate(services: &mut BTreeMap<ServiceName, Service>, secrets: &mut Secrets) -> Option<Replication> {
    let password = SecretName::wrap("replication_password".into());
    if !services.contains_key(&service_name(REPLICA)) {
        return None;
    }
    for name in [DATABASE, REPLICA] {
        let server = services.get_mut(&service_name(name))?;
        let command = server.command.as_deref().unwrap_or_default();
        if !command.iter().any(|word| word.as_str().starts_with("max_slot_wal_keep_size=")) {
            access::set(server, KEPT);
        }
        secrets.mount(&password, &service_name(name));
    }
    Some(Replication { role: SqlIdent::wrap(REPLICATION.into()), password })
}

/// Who waits for migrations asks by a URL that it has anyway.
pub fn ask(migrations: &mut BTreeMap<SqlIdent, Migrations>, secrets: &Secrets) {
    for url in migrations.values_mut().flat_map(|migrations| migrations.asked_by.values_mut()) {
        let suffixes = Way::ALL.map(|way| SecretName::wrap(format!("{url}{}", way.suffix())));
        if let Some(used) = suffixes.into_iter().find(|name| secrets.is_used(name)) {
            *url = used;
        }
    }
}
