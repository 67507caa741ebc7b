//! The servers that give a service access to a database, and the secrets that contain their URLs.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::missing_services::excluded_service;
use crate::plan::roster::{Category, PlannedService, Roster};
use crate::plan::service_names::{DATABASE, POOLER, REPLICA, service_name};
use crate::stack::{EnvReference, Profile, Stack};
use crate::values::{Checked, SecretName, ServiceName, SqlIdent, VariableName};

/// The role with which the replica connects to the server.
pub const REPLICATION: &str = "replication";

/// A server that a service connects to in order to reach a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatabaseEndpoint {
    Server,
    Pooler,
    Replica,
}

impl DatabaseEndpoint {
    pub const ALL: [DatabaseEndpoint; 3] =
        [DatabaseEndpoint::Server, DatabaseEndpoint::Pooler, DatabaseEndpoint::Replica];

    /// Returns the endpoint that a reference uses, and the entry of `databases` that the reference names; `None` for a
    /// reference to something other than a database.
    pub fn of_reference(reference: &EnvReference) -> Option<(DatabaseEndpoint, &SqlIdent)> {
        match reference {
            EnvReference::DatabaseUrl(entry) => Some((DatabaseEndpoint::Server, entry)),
            EnvReference::PooledUrl(entry) => Some((DatabaseEndpoint::Pooler, entry)),
            EnvReference::ReplicaUrl(entry) => Some((DatabaseEndpoint::Replica, entry)),
            EnvReference::DatabasePart(part) => Some((DatabaseEndpoint::Server, &part.entry)),
            _ => None,
        }
    }

    /// Returns the service whose address is in the URL.
    pub fn server(self) -> ServiceName {
        service_name(match self {
            DatabaseEndpoint::Server => DATABASE,
            DatabaseEndpoint::Pooler => POOLER,
            DatabaseEndpoint::Replica => REPLICA,
        })
    }

    /// Returns the name of the reference in Nickel, as in `nself.pooled_url`.
    pub fn reference(self) -> &'static str {
        match self {
            DatabaseEndpoint::Server => "database_url",
            DatabaseEndpoint::Pooler => "pooled_url",
            DatabaseEndpoint::Replica => "replica_url",
        }
    }

    /// Returns the name of the endpoint in messages.
    fn name(self) -> &'static str {
        match self {
            DatabaseEndpoint::Server => "server",
            DatabaseEndpoint::Pooler => "pooler",
            DatabaseEndpoint::Replica => "replica",
        }
    }

    /// Returns the suffix that the endpoint adds to the name of a URL's secret.
    pub fn suffix(self) -> &'static str {
        match self {
            DatabaseEndpoint::Server => "",
            DatabaseEndpoint::Pooler => "_pooled",
            DatabaseEndpoint::Replica => "_replica",
        }
    }

    /// Returns the name of the secret that holds the URL, such as `order_api_main_url_pooled` for the entry `main` of the
    /// service `order-api`.
    pub fn url_secret(self, service: &ServiceName, entry: &SqlIdent) -> SecretName {
        SecretName::wrap(format!("{}_{entry}_url{}", service.as_str().replace('-', "_"), self.suffix()))
    }
}

/// Returns the service that declares a database entry which `service` uses: the service itself; the original of a copy; the
/// service of a process. `None` if there is no such entry.
pub fn database_owner<'a>(roster: &'a Roster, service: &'a ServiceName, entry: &SqlIdent) -> Option<&'a ServiceName> {
    let declares =
        |name: &ServiceName| roster.get(name).is_some_and(|member| member.service.databases.contains_key(entry));
    if declares(service) {
        return Some(service);
    }
    match &roster.get(service)?.category {
        Category::Copy(original) | Category::Process(original) if declares(original) => Some(original),
        _ => None,
    }
}

/// Returns the endpoints that the variables and files of a service refer to in a profile; the server itself when none does.
pub fn endpoints(member: &PlannedService, profile: Profile) -> BTreeSet<DatabaseEndpoint> {
    let mut endpoints = BTreeSet::new();
    member.service.for_each_reference(profile, &mut |reference| {
        endpoints.extend(DatabaseEndpoint::of_reference(reference).map(|(endpoint, _)| endpoint));
    });
    if endpoints.is_empty() {
        endpoints.insert(DatabaseEndpoint::Server);
    }
    endpoints
}

/// Variables whose URL must be the URL of the server itself, because the image needs sessions or writes, whatever access the
/// service has: the name in the catalogue, the variable and the reason.
const DIRECT_ONLY: [(&str, &str, &str); 3] = [
    (
        "hasura",
        "HASURA_GRAPHQL_METADATA_DATABASE_URL",
        "Hasura listens for changes of its metadata, which needs a session of the server",
    ),
    ("hasura-auth", "HASURA_GRAPHQL_DATABASE_URL", "hasura-auth migrates its tables when it starts"),
    ("hasura-auth", "POSTGRES_MIGRATIONS_CONNECTION", "migrations need a separate session"),
];

/// Checks that a variable can use an endpoint.
///
/// # Errors
/// NS310: the endpoint does not exist in this environment, or the variable needs a direct connection to the server.
pub fn check(
    endpoint: DatabaseEndpoint,
    member: &PlannedService,
    variable: Option<&VariableName>,
    (stack, roster): (&Stack, &Roster),
    path: &FieldPath,
) -> Result<(), Diagnostic> {
    let refusal =
        |message: String| Diagnostic::error(Code::DatabaseEndpoint, path.key(endpoint.reference())).message(message);
    let server = endpoint.server();
    let is_external = endpoint == DatabaseEndpoint::Server && stack.database_server.external.is_some();
    if is_external {
        return Ok(());
    }
    if let Some(service) = stack.services.get(&server).filter(|_| !roster.contains_key(&server)) {
        return Err(excluded_service(&server, service, path));
    }
    if !roster.contains_key(&server) && endpoint == DatabaseEndpoint::Server {
        // One finding for all variables: the stack has removed the server.
        return Err(Diagnostic::error(Code::DatabaseEndpoint, path!("services", server))
            .message(format!("services use databases, but this environment has no service `{server}`"))
            .expected("a database server: the service of the library, or one outside of the stack")
            .hint(format!(
                "remove `services.{server} = null`; to use a server outside of the stack, set `database_server.external`"
            )));
    }
    if !roster.contains_key(&server) {
        return Err(refusal(format!("this environment has no service `{server}`"))
            .expected(format!("`services.{server} = nself.services.{server}`"))
            .hint("declare the service, or use `nself.database_url`, which connects to the server itself"));
    }
    let catalogue_name = member.service.catalogue.as_ref().map(ServiceName::as_str);
    let variable_name = variable.map(VariableName::as_str);
    let direct_only = DIRECT_ONLY
        .iter()
        .find(|(image, variable, _)| catalogue_name == Some(image) && variable_name == Some(variable));
    match direct_only {
        Some((_, variable, why)) if endpoint != DatabaseEndpoint::Server => {
            Err(refusal(format!("`{variable}` needs a direct connection, not the {}: {why}", endpoint.name()))
                .expected("`nself.database_url`"))
        }
        _ => Ok(()),
    }
}
