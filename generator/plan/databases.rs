//! Databases, owners and login roles: one role per service, named after it, with the rights it asked for.
//! Nobody connects as superuser, so an application that does cannot be written.

use std::collections::BTreeMap;

use super::members::Members;
use super::servers::{REPLICATION, Way, ways};
use super::{Database, Grant};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::{Access, Checked, Condition, Profile, SecretName, ServiceName, SqlIdent, Stack};

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

/// Databases with their grants, and the roles; services that use one wait for the server.
pub fn plan(
    stack: &Stack,
    members: &mut Members,
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
            match uses.access {
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
                    let usual = if access == Access::Schema { role.clone() } else { SqlIdent::wrap("public".into()) };
                    let schema = uses.schema.clone().unwrap_or(usual);
                    grants.push((database.clone(), Grant { role: role.clone(), access, schema }));
                }
            }
            urls.extend(ports.iter().map(|(way, port)| {
                (way.url_secret(name, key), Url { way: *way, port: *port, database: database.clone() })
            }));
        }
        let password = SecretName::wrap(format!("{role}_db_password"));
        roles.insert(name.clone(), Role { name: role, password, urls });
        for way in ways(member, profile).iter().filter(|way| ports.contains_key(way)) {
            member.service.depends_on.entry(way.server()).or_insert(Condition::Healthy);
        }
    }
    grants.sort();
    for (database, grant) in grants {
        databases.entry(database).or_default().grants.push(grant);
    }
    (databases, roles)
}
