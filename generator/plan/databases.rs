//! Databases, owners and login roles: one role per service, named after it, with the rights it asked for, and one per
//! database that is defined here, which owns it and runs its migrations. No service connects as superuser, so an
//! application that does cannot be written.

use std::collections::{BTreeMap, BTreeSet};

use super::database_endpoints::{REPLICATION, Replication, Way, ways};
use super::roster::{Roster, service_name};
use super::{Database, Grant, LoginRole, Migrations};
use crate::database::model::PUBLIC;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{Access, Condition, Profile, Stack};
use crate::values::{Checked, SecretName, ServiceName, SqlIdent};

/// The login role of a service.
#[derive(Debug, Clone)]
pub struct Role {
    pub name: SqlIdent,
    pub password: SecretName,
    /// Connection URL of each use by the secret that holds it.
    pub urls: BTreeMap<SecretName, Url>,
}

/// A way to a database.
#[derive(Debug, Clone)]
pub struct Url {
    pub way: Way,
    pub port: u16,
    pub database: SqlIdent,
}

pub type Roles = BTreeMap<ServiceName, Role>;

/// The superuser, the replica's role, template databases, and the pooler's own.
const RESERVED: [&str; 6] = ["postgres", "template0", "template1", "public", REPLICATION, "pgbouncer"];

fn role_name(service: &ServiceName) -> SqlIdent {
    SqlIdent::wrap(service.as_str().replace('-', "_"))
}

/// The main database, named after the project.
pub fn main_database(stack: &Stack) -> SqlIdent {
    SqlIdent::wrap(stack.project.as_str().replace('-', "_"))
}

/// The role that owns a database which is defined here, and everything that its migrations make.
pub fn migrations_role(database: &SqlIdent) -> SqlIdent {
    SqlIdent::wrap(format!("{database}_migrations"))
}

/// The secret with a role's password.
pub fn password(role: &SqlIdent) -> SecretName {
    SecretName::wrap(format!("{role}_db_password"))
}

/// Hasura keeps the log of its event triggers in this schema of a database that it serves.
const HASURA_SCHEMA: &str = "hdb_catalog";

/// Databases with their grants, and the roles; services that use one wait for the server.
pub fn plan(
    stack: &Stack,
    members: &mut Roster,
    findings: &mut Vec<Diagnostic>,
) -> (BTreeMap<SqlIdent, Database>, Roles) {
    let mut databases = BTreeMap::new();
    let mut owners: BTreeMap<SqlIdent, FieldPath> = BTreeMap::new();
    let mut grants: Vec<(SqlIdent, Grant)> = Vec::new();
    let mut roles = Roles::new();
    databases.insert(main_database(stack), Database::default());
    let profile = stack.profile.unwrap_or(Profile::Prod);
    let port = |way: Way| {
        let server = members.get(&way.server())?;
        Some((way, server.service.all_ports().into_values().next().unwrap_or(5432)))
    };
    let ports: BTreeMap<Way, u16> = Way::ALL.into_iter().filter_map(port).collect();
    for (name, member) in members.iter_mut() {
        if member.service.databases.is_empty() {
            continue;
        }
        let role = role_name(name);
        if RESERVED.contains(&role.as_str()) || SqlIdent::refusal(role.as_str()).is_some() {
            findings.push(
                Diagnostic::error(Code::DatabaseTaken, member.path.clone())
                    .message(format!("the login role would be `{role}`, which belongs to the server"))
                    .hint("rename the service"),
            );
        }
        let mut urls = BTreeMap::new();
        for (key, uses) in &member.service.databases {
            let path = member.path.key("databases").key(key.as_str());
            let database = uses.name.clone().unwrap_or_else(|| main_database(stack));
            if RESERVED.contains(&database.as_str()) {
                findings.push(
                    Diagnostic::error(Code::DatabaseTaken, path.key("name"))
                        .message(format!("the database `{database}` belongs to the server"))
                        .hint("choose another name"),
                );
            }
            let entry = databases.entry(database.clone()).or_default();
            entry.extensions.extend(uses.extensions.iter().cloned());
            let defined = stack.databases.contains_key(&database);
            match uses.access {
                Access::Owner if defined => {
                    let mut grant = |access: Access, schema: &str| {
                        let schema = SqlIdent::wrap(schema.into());
                        grants.push((database.clone(), Grant { role: role.clone(), access, schema }));
                    };
                    grant(Access::Owner, PUBLIC);
                    if member.service.catalogue == Some(service_name("hasura")) {
                        grant(Access::Schema, HASURA_SCHEMA);
                    }
                }
                Access::Owner => match owners.insert(database.clone(), path.clone()) {
                    None => entry.owner = Some(role.clone()),
                    Some(first) => findings.push(
                        Diagnostic::error(Code::DatabaseTaken, path.clone())
                            .message(format!("the database `{database}` already has an owner"))
                            .expected("one owner per database")
                            .hint("give the service a database of its own with `name`, or less access: 'schema, 'write or 'read")
                            .related(first, "the other owner"),
                    ),
                },
                access => {
                    let usual = if access == Access::Schema { role.clone() } else { SqlIdent::wrap(PUBLIC.into()) };
                    let schema = uses.schema.clone().unwrap_or(usual);
                    grants.push((database.clone(), Grant { role: role.clone(), access, schema }));
                }
            }
            urls.extend(ports.iter().map(|(way, port)| {
                (way.url_secret(name, key), Url { way: *way, port: *port, database: database.clone() })
            }));
        }
        roles.insert(name.clone(), Role { password: password(&role), name: role, urls });
        for way in ways(member, profile).iter().filter(|way| ports.contains_key(way)) {
            member.service.depends_on.entry(way.server()).or_insert(Condition::Healthy);
        }
    }
    for name in stack.databases.keys() {
        if let Some(database) = databases.get_mut(name) {
            let role = migrations_role(name);
            findings.extend(refused_role(name, &role, &roles, members));
            database.owner = Some(role);
        }
    }
    grants.sort();
    grants.dedup();
    for (database, grant) in grants {
        databases.entry(database).or_default().grants.push(grant);
    }
    (databases, roles)
}

/// What stands against the name of a migrations' role.
fn refused_role(database: &SqlIdent, role: &SqlIdent, roles: &Roles, members: &Roster) -> Option<Diagnostic> {
    let taken = |reason: String| {
        Diagnostic::error(Code::DatabaseTaken, path!("databases", database))
            .message(format!("the migrations of `{database}` run as the role `{role}`, {reason}"))
    };
    if let Some(reason) = SqlIdent::refusal(role.as_str()) {
        return Some(taken(format!("which is no name: {reason}")).hint("give the database a shorter name"));
    }
    let (service, _) = roles.iter().find(|(_, known)| known.name == *role)?;
    let path = members.get(service).map_or_else(FieldPath::root, |member| member.path.clone());
    Some(
        taken(format!("which is that of the service `{service}`"))
            .hint("rename the service")
            .related(path, "the service"),
    )
}

/// All roles that may log in at the server, by name: what makes them, and what says from where they come, reads this.
pub fn logins(
    roles: &Roles,
    databases: &BTreeMap<SqlIdent, Database>,
    migrations: &BTreeMap<SqlIdent, Migrations>,
    replication: Option<&Replication>,
) -> BTreeMap<SqlIdent, LoginRole> {
    let mut logins = BTreeMap::new();
    for (service, role) in roles {
        let reached = databases.iter().filter(|(_, database)| database.lets_in(&role.name));
        let login = LoginRole {
            service: service.clone(),
            password: role.password.clone(),
            databases: reached.map(|(name, _)| name.clone()).collect(),
            replication: false,
        };
        logins.insert(role.name.clone(), login);
    }
    for (database, migrations) in migrations {
        let login = LoginRole {
            service: migrations.job.clone(),
            password: password(&migrations.owner),
            databases: [database.clone()].into(),
            replication: false,
        };
        logins.insert(migrations.owner.clone(), login);
    }
    if let Some(replication) = replication {
        let login = LoginRole {
            service: Way::Replica.server(),
            password: replication.password.clone(),
            databases: BTreeSet::new(),
            replication: true,
        };
        logins.insert(replication.role.clone(), login);
    }
    logins
}
