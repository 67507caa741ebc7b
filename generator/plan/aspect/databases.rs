//! Plans databases, their owners and login roles. Each service has a role with its name and with the access that the stack
//! declares. Each database that the stack defines has a second role, which owns the database and runs its migrations. No
//! service connects as the superuser.

use std::collections::{BTreeMap, BTreeSet};

use super::database_host::DatabaseHost;
use super::endpoint::{DatabaseEndpoint, REPLICATION, endpoints};
use crate::database::declared_privileges;
use crate::database::model::{HASURA_SCHEMA, PUBLIC_SCHEMA, Schema};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::inputs::profile;
use crate::plan::missing_services::excluded_service;
use crate::plan::model::{Database, Grant};
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::{DATABASE, HASURA, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{Access, Condition, DatabaseUse, Profile, Stack};
use crate::values::{Checked, SecretName, ServiceName, SqlIdent};

/// The login role of a service.
#[derive(Debug, Clone)]
pub struct Role {
    pub name: SqlIdent,
    pub password: SecretName,
    /// Connection URLs by the secrets that hold them.
    pub urls: BTreeMap<SecretName, Url>,
}

/// A connection URL: the endpoint, its address and the database.
#[derive(Debug, Clone)]
pub struct Url {
    pub endpoint: DatabaseEndpoint,
    pub host: String,
    pub port: u16,
    pub database: SqlIdent,
}

/// The login roles by service.
pub type Roles = BTreeMap<ServiceName, Role>;

/// Names that roles and databases of services cannot have: the superuser, the template databases, the role PUBLIC, the
/// replica's role, and the pooler's admin database.
const RESERVED: [&str; 6] = ["postgres", "template0", "template1", "public", REPLICATION, "pgbouncer"];

/// Returns the name of a service's role: `order_api` for the service `order-api`.
pub fn role_name(service: &ServiceName) -> SqlIdent {
    SqlIdent::wrap(service.as_str().replace('-', "_"))
}

/// Returns the name of the main database, which is the project's.
pub fn main_database(stack: &Stack) -> SqlIdent {
    SqlIdent::wrap(stack.project.as_str().replace('-', "_"))
}

/// Returns the name of the database that a service uses.
pub fn database_name(uses: &DatabaseUse, stack: &Stack) -> SqlIdent {
    uses.name.clone().unwrap_or_else(|| main_database(stack))
}

/// Returns the role that owns a database which the stack defines, and all objects that its migrations create.
pub fn migrations_role(database: &SqlIdent) -> SqlIdent {
    SqlIdent::wrap(format!("{database}_migrations"))
}

/// Returns the name of the secret with a role's password.
pub fn password(role: &SqlIdent) -> SecretName {
    SecretName::wrap(format!("{role}_db_password"))
}

/// Databases and login roles as the stack declares them.
#[derive(Debug, Default)]
pub struct Server {
    pub databases: BTreeMap<SqlIdent, Database>,
    pub roles: Roles,
}

impl Server {
    /// Adds the privileges that definitions grant to their databases.
    pub fn add_declared_privileges(&mut self, definitions: &BTreeMap<SqlIdent, Schema>) {
        for (name, definition) in definitions {
            if let Some(database) = self.databases.get_mut(name) {
                database.declared_privileges = declared_privileges(definition);
            }
        }
    }
}

/// Plans databases with their grants, and the roles. A service that uses a database waits for its endpoint.
pub fn plan(stack: &Stack, roster: &Roster) -> Planned<Server> {
    let mut planned = Planned::<Server>::default();
    let mut owners_and_grants = OwnersAndGrants::default();
    planned.value.databases.insert(main_database(stack), Database::default());
    let profile = profile(stack);
    let addresses = addresses(stack, roster);
    planned.findings.extend(missing_server(stack, roster));
    for (name, member) in roster.iter().filter(|(_, member)| !member.service.databases.is_empty()) {
        let role = role_name(name);
        planned.findings.extend(refused_login(stack, &role, &member.path));
        let mut urls = BTreeMap::new();
        for key in member.service.databases.keys() {
            let database = owners_and_grants.declare(stack, (member, key), &role, &mut planned);
            urls.extend(addresses.iter().map(|(endpoint, (host, port))| {
                let url = Url { endpoint: *endpoint, host: host.clone(), port: *port, database: database.clone() };
                (endpoint.url_secret(name, key), url)
            }));
        }
        planned.value.roles.insert(name.clone(), Role { password: password(&role), name: role, urls });
        let cause = member.path.key("databases");
        for endpoint in endpoints(member, profile).iter().filter(|endpoint| roster.contains_key(&endpoint.server())) {
            let dependency = Addition::Dependency(endpoint.server(), Condition::Healthy);
            planned.wirings.push(Wiring::new(name, dependency, &cause));
        }
    }
    planned.wirings.extend(dependencies_of_processes(roster, profile));
    let Server { databases, roles } = &mut planned.value;
    for name in stack.databases.keys() {
        if let Some(database) = databases.get_mut(name) {
            let role = migrations_role(name);
            planned.findings.extend(refused_migrations_role(name, &role, roles, roster));
            database.owner = Some(role);
        }
    }
    for (database, grant) in owners_and_grants.grants {
        databases.entry(database).or_default().grants.push(grant);
    }
    let owner_findings = check_owners(stack, roster, &planned.value.databases);
    planned.findings.extend(owner_findings);
    planned
}

/// Returns findings about services that only use tables of a database or schema in which no role may create tables. On an
/// external server, the database may have an owner that the stack does not declare, so nothing is checked.
fn check_owners(stack: &Stack, roster: &Roster, databases: &BTreeMap<SqlIdent, Database>) -> Vec<Diagnostic> {
    if stack.database_server.external.is_some() {
        return Vec::new();
    }
    let uses = roster.values().flat_map(|member| {
        member.service.databases.iter().map(|(key, uses)| (member.path.key("databases").key(key.as_str()), uses))
    });
    let findings =
        uses.filter(|(_, uses)| matches!(uses.access, Access::Write | Access::Read)).filter_map(|(path, uses)| {
            let name = database_name(uses, stack);
            let database = databases.get(&name).filter(|database| database.owner.is_none())?;
            let schema = uses.schema.as_ref().map_or(PUBLIC_SCHEMA, SqlIdent::as_str);
            let may_create = |grant: &Grant| grant.access == Access::Schema && grant.schema.as_str() == schema;
            if database.grants.iter().any(may_create) {
                return None;
            }
            Some(
                Diagnostic::error(Code::NoOwner, path.key("access"))
                    .message(format!("no service owns the database `{name}`, so no role may create tables in it"))
                    .expected("one service with `access = 'owner`, or a definition of the database in the stack")
                    .hint("remove `access` from the service that creates the tables; 'owner is the default"),
            )
        });
    findings.collect()
}

/// Returns the finding for a login role whose name belongs to the server.
fn refused_login(stack: &Stack, role: &SqlIdent, service: &FieldPath) -> Option<Diagnostic> {
    let finding = |why: &str| {
        Diagnostic::error(Code::DatabaseTaken, service.clone())
            .message(format!("the service would log in with the role `{role}`, {why}"))
    };
    if stack.database_server.external.as_ref().is_some_and(|external| external.admin == *role) {
        let finding = finding("which is the administrator of the external server");
        return Some(finding.hint("rename the service, or use a different role for `database_server.external.admin`"));
    }
    is_reserved_role(role).then(|| finding("which PostgreSQL reserves").hint("rename the service"))
}

/// Returns whether a name belongs to the server, so that no role of the stack can have it.
pub fn is_reserved_role(role: &SqlIdent) -> bool {
    RESERVED.contains(&role.as_str()) || SqlIdent::refusal(role.as_str()).is_some()
}

/// Returns host and port of each endpoint that the environment has.
fn addresses(stack: &Stack, roster: &Roster) -> BTreeMap<DatabaseEndpoint, (String, u16)> {
    let address = |endpoint: DatabaseEndpoint| {
        if endpoint == DatabaseEndpoint::Server {
            return DatabaseHost::of(stack, roster).map(|server| (server.host, server.port));
        }
        let server = roster.get(&endpoint.server())?;
        let port = server.service.all_ports().into_values().next().unwrap_or(5432);
        Some((endpoint.server().to_string(), port))
    };
    DatabaseEndpoint::ALL.into_iter().filter_map(|endpoint| Some((endpoint, address(endpoint)?))).collect()
}

/// Returns findings about databases that services use or the stack defines in an environment without a server.
fn missing_server(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let server = service_name(DATABASE);
    let Some(declared) = stack.services.get(&server) else { return Vec::new() };
    if DatabaseHost::of(stack, roster).is_some() {
        return Vec::new();
    }
    let users = roster.values().filter(|member| !member.service.databases.is_empty());
    let uses = users.map(|member| member.path.key("databases"));
    let definitions = stack.databases.keys().map(|name| path!("databases", name));
    uses.chain(definitions).map(|path| excluded_service(&server, declared, &path)).collect()
}

/// Returns the dependencies of additional processes on the endpoints of the databases that their services use.
fn dependencies_of_processes(roster: &Roster, profile: Profile) -> Vec<Wiring> {
    let mut wirings = Vec::new();
    for (name, process) in roster {
        let Some(main_service) = process.process_of().and_then(|name| roster.get(name)) else { continue };
        if main_service.service.databases.is_empty() {
            continue;
        }
        for endpoint in endpoints(process, profile).iter().filter(|endpoint| roster.contains_key(&endpoint.server())) {
            let dependency = Addition::Dependency(endpoint.server(), Condition::Healthy);
            wirings.push(Wiring::new(name, dependency, &main_service.path.key("databases")));
        }
    }
    wirings
}

/// Owners and grants from the `databases` of services, which are added one service after the other.
#[derive(Default)]
struct OwnersAndGrants {
    /// For each database, the entry of `databases` that owns it.
    owners: BTreeMap<SqlIdent, FieldPath>,
    grants: BTreeSet<(SqlIdent, Grant)>,
}

impl OwnersAndGrants {
    /// Adds the entry `key` of a service's `databases`, and returns the database's name.
    fn declare(
        &mut self,
        stack: &Stack,
        (member, key): (&PlannedService, &SqlIdent),
        role: &SqlIdent,
        planned: &mut Planned<Server>,
    ) -> SqlIdent {
        let uses = &member.service.databases[key];
        let path = member.path.key("databases").key(key.as_str());
        let database = database_name(uses, stack);
        if RESERVED.contains(&database.as_str()) {
            planned.findings.push(
                Diagnostic::error(Code::DatabaseTaken, path.key("name"))
                    .message(format!("PostgreSQL reserves the database name `{database}`"))
                    .hint("choose a different name"),
            );
        }
        let planned_database = planned.value.databases.entry(database.clone()).or_default();
        planned_database.extensions.extend(uses.extensions.iter().cloned());
        let mut grant = |access: Access, schema: SqlIdent| {
            self.grants.insert((database.clone(), Grant { role: role.clone(), access, schema }));
        };
        match uses.access {
            // The migrations' role owns a database that the stack defines, so the service only gets grants.
            Access::Owner if stack.databases.contains_key(&database) => {
                grant(Access::Owner, SqlIdent::wrap(PUBLIC_SCHEMA.into()));
                if member.service.has_catalogue_entry(HASURA) {
                    grant(Access::Schema, SqlIdent::wrap(HASURA_SCHEMA.into()));
                }
            }
            Access::Owner => match self.owners.insert(database.clone(), path.clone()) {
                None => planned_database.owner = Some(role.clone()),
                Some(first_owner) => planned.findings.push(
                    Diagnostic::error(Code::DatabaseTaken, path.clone())
                        .message(format!("the database `{database}` already has an owner"))
                        .expected("one owner per database")
                        .hint(owner_hint(&path, &first_owner))
                        .counterpart(first_owner, "the other owner"),
                ),
            },
            access => {
                let default_schema =
                    if access == Access::Schema { role.clone() } else { SqlIdent::wrap(PUBLIC_SCHEMA.into()) };
                grant(access, uses.schema.clone().unwrap_or(default_schema));
            }
        }
        database
    }
}

/// Returns the hint for the second owner of a database. Services of the library need their databases for themselves, so
/// the entry of the other service changes.
fn owner_hint(second: &FieldPath, first: &FieldPath) -> String {
    let is_of_library =
        |path: &FieldPath| ["auth", HASURA].iter().any(|name| path.starts_with(&path!("services", *name)));
    let changed_entry = if is_of_library(second) { first } else { second };
    format!(
        "set `{}` to 'schema, 'write or 'read, or set `{}` to the name of a separate database",
        changed_entry.key("access"),
        changed_entry.key("name")
    )
}

/// Returns the finding for a name that the migrations' role cannot have.
fn refused_migrations_role(database: &SqlIdent, role: &SqlIdent, roles: &Roles, roster: &Roster) -> Option<Diagnostic> {
    let refusal = |reason: String| {
        Diagnostic::error(Code::DatabaseTaken, path!("databases", database))
            .message(format!("the migrations of `{database}` run as the role `{role}`, {reason}"))
    };
    if let Some(reason) = SqlIdent::refusal(role.as_str()) {
        return Some(refusal(format!("which is not a valid name: {reason}")).hint("give the database a shorter name"));
    }
    let (service, _) = roles.iter().find(|(_, other)| other.name == *role)?;
    let path = roster.get(service).map_or_else(FieldPath::root, |member| member.path.clone());
    Some(
        refusal(format!("which is the role of the service `{service}`"))
            .hint("rename the service")
            .related(path, "the service"),
    )
}
