//! The servers through which a service reaches a database, and the secrets that hold their URLs.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::addresses::excluded_service;
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::{DATABASE, POOLER, REPLICA, service_name};
use crate::stack::{EnvReference, EnvValue, Profile, Stack};
use crate::values::{Checked, SecretName, ServiceName, SqlIdent, VariableName};

/// The role by which the replica connects to the server.
pub const REPLICATION: &str = "replication";

/// A server that a service connects to in order to reach a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    Server,
    Pooler,
    Replica,
}

impl Endpoint {
    pub const ALL: [Endpoint; 3] = [Endpoint::Server, Endpoint::Pooler, Endpoint::Replica];

    /// Returns the endpoint of a reference, and the entry of the service's `databases` that it names.
    pub fn of(reference: &EnvReference) -> Option<(Endpoint, &SqlIdent)> {
        match reference {
            EnvReference::DatabaseUrl(entry) => Some((Endpoint::Server, entry)),
            EnvReference::PooledUrl(entry) => Some((Endpoint::Pooler, entry)),
            EnvReference::ReplicaUrl(entry) => Some((Endpoint::Replica, entry)),
            _ => None,
        }
    }

    /// Returns the service whose address is in the URL.
    pub fn server(self) -> ServiceName {
        service_name(match self {
            Endpoint::Server => DATABASE,
            Endpoint::Pooler => POOLER,
            Endpoint::Replica => REPLICA,
        })
    }

    /// Returns the reference's name in the language.
    pub fn reference(self) -> &'static str {
        match self {
            Endpoint::Server => "database_url",
            Endpoint::Pooler => "pooled_url",
            Endpoint::Replica => "replica_url",
        }
    }

    /// Returns the suffix that the endpoint adds to the name of a URL's secret.
    pub fn suffix(self) -> &'static str {
        match self {
            Endpoint::Server => "",
            Endpoint::Pooler => "_pooled",
            Endpoint::Replica => "_replica",
        }
    }

    /// Returns the name of the secret that holds the URL.
    pub fn url_secret(self, service: &ServiceName, entry: &SqlIdent) -> SecretName {
        SecretName::wrap(format!("{}_{entry}_url{}", service.as_str().replace('-', "_"), self.suffix()))
    }
}

/// Returns the endpoints that the variables of a service refer to; the server itself when none does.
pub fn endpoints(member: &PlannedService, profile: Profile) -> BTreeSet<Endpoint> {
    let mut endpoints = BTreeSet::new();
    for value in member.service.env.values().chain(member.service.extra_env.values()) {
        collect_endpoints(value, profile, &mut endpoints);
    }
    if endpoints.is_empty() {
        endpoints.insert(Endpoint::Server);
    }
    endpoints
}

fn collect_endpoints(value: &EnvValue, profile: Profile, endpoints: &mut BTreeSet<Endpoint>) {
    match value {
        EnvValue::EnvReference(EnvReference::ByProfile(values)) => {
            collect_endpoints(values.of(profile), profile, endpoints);
        }
        EnvValue::EnvReference(reference) => endpoints.extend(Endpoint::of(reference).map(|(endpoint, _)| endpoint)),
        EnvValue::Text(_) => {}
    }
}

/// Variables through which an image keeps sessions or writes, regardless of the service's access.
const DIRECT_ONLY: [(&str, &str, &str); 3] = [
    ("hasura", "HASURA_GRAPHQL_METADATA_DATABASE_URL", "Hasura listens for changes of its metadata in a session"),
    ("hasura-auth", "HASURA_GRAPHQL_DATABASE_URL", "hasura-auth migrates its tables through it when it starts"),
    ("hasura-auth", "POSTGRES_MIGRATIONS_CONNECTION", "migrations need a separate session"),
];

/// Checks that a variable can use an endpoint.
///
/// # Errors
/// NS310: the endpoint does not exist in this environment, or the variable needs the server itself.
pub fn check(
    endpoint: Endpoint,
    member: &PlannedService,
    variable: Option<&VariableName>,
    (stack, roster): (&Stack, &Roster),
    path: &FieldPath,
) -> Result<(), Diagnostic> {
    let refused =
        |message: String| Diagnostic::error(Code::DatabaseEndpoint, path.key(endpoint.reference())).message(message);
    let server = endpoint.server();
    let is_external = endpoint == Endpoint::Server && stack.database_server.external.is_some();
    if is_external {
        return Ok(());
    }
    if let Some(service) = stack.services.get(&server).filter(|_| !roster.contains_key(&server)) {
        return Err(excluded_service(&server, service, path));
    }
    if !roster.contains_key(&server) {
        return Err(refused(format!("this environment has no service `{server}`"))
            .expected(format!("`services.{server} = nself.services.{server}`"))
            .hint("`nself.database_url` is the server itself"));
    }
    let image = member.service.catalogue.as_ref().map(ServiceName::as_str);
    let name = variable.map(VariableName::as_str);
    let direct_only = DIRECT_ONLY.iter().find(|(of, direct, _)| image == Some(of) && name == Some(direct));
    match direct_only {
        Some((_, variable, why)) if endpoint != Endpoint::Server => {
            Err(refused(format!("`{variable}` goes to the server itself: {why}")).expected("`nself.database_url`"))
        }
        _ => Ok(()),
    }
}
