//! The database server's first start: login roles with least rights, databases with one owner, extensions; and the
//! rules by which it takes connections. Passwords are read inside psql from mounted files; the SQL holds none.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Value, context};
use serde::Serialize;

use super::render::{Language, hba_connection, hba_name, hba_peers, psql_word, render, sql_literal, sql_name};
use crate::artifact::Artifacts;
use crate::diagnostic::Diagnostic;
use crate::plan::{Database, Plan, ServerAccess};
use crate::stack::{Access, Checked, SecretName, SqlIdent};

const INIT: &str = include_str!("init.sql.j2");

const ACCESS: &str = include_str!("pg_hba.conf.j2");
const PRIVATE_KEY: &str = include_str!("private-key.sh");
const STANDBY: &str = include_str!("standby.sh");

/// `postgres/init/10-roles-and-databases.sql` and `postgres/server/`; with a replica also `postgres/standby/`.
///
/// # Errors
/// NS901 when the template meets anything but checked names.
pub fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut names: BTreeMap<&SqlIdent, SecretName> = BTreeMap::new();
    for database in plan.databases.values() {
        let granted = database.grants.iter().map(|grant| &grant.role);
        for role in database.owner.iter().chain(granted) {
            names.insert(role, SecretName::wrap(format!("{role}_db_password")));
        }
    }
    if let Some(replication) = &plan.replication {
        names.insert(&replication.role, replication.password.clone());
    }
    let replication = plan.replication.as_ref().map(|replication| &replication.role);
    let roles: Vec<RoleView> = names
        .into_iter()
        .map(|(name, secret)| RoleView {
            name: sql_name(name),
            literal: sql_literal(name),
            secret: psql_word(&secret),
            replication: replication == Some(name),
        })
        .collect();
    let databases: Vec<DatabaseView> = plan.databases.iter().map(|(name, database)| view(name, database)).collect();
    let text = render(Language::Sql, INIT, context! { roles, databases })?;
    let mut files = Artifacts::default();
    files.add("postgres", "postgres/init/10-roles-and-databases.sql", text)?;
    let Some(access) = &plan.access else { return Ok(files) };
    // Each container has a folder of its own: a file of the one does not restart the other.
    let folders = ["server", "standby"].into_iter().take(if plan.replication.is_some() { 2 } else { 1 });
    for folder in folders {
        files.add("postgres", format!("postgres/{folder}/pg_hba.conf"), rules(plan, access)?)?;
        if access.tls {
            files.add("postgres", format!("postgres/{folder}/private-key.sh"), PRIVATE_KEY)?;
        }
    }
    if plan.replication.is_some() {
        files.add("postgres", "postgres/standby/start.sh", STANDBY)?;
        files.add("postgres", "postgres/standby/primary", format!("{}\n", access.primary()))?;
    }
    Ok(files)
}

/// The server's `pg_hba.conf`.
fn rules(plan: &Plan, access: &ServerAccess) -> Result<String, Diagnostic> {
    let databases: Vec<Value> = plan
        .databases
        .iter()
        .map(|(name, database)| {
            let roles: Vec<Value> = roles(database).into_iter().map(hba_name).collect();
            context! { name => hba_name(name), roles }
        })
        .collect();
    let view = context! {
        databases,
        kind => hba_connection(access.tls),
        superuser => hba_name(&access.superuser),
        superuser_from => hba_peers(&access.superuser_from),
        replication => plan.replication.as_ref().map(|replication| hba_name(&replication.role)),
        replication_from => hba_peers(&access.replication_from),
    };
    render(Language::AccessRules, ACCESS, view)
}

/// Roles that connect to a database.
fn roles(database: &Database) -> BTreeSet<&SqlIdent> {
    database.owner.iter().chain(database.grants.iter().map(|grant| &grant.role)).collect()
}

#[derive(Serialize)]
struct RoleView {
    name: Value,
    literal: Value,
    secret: Value,
    replication: bool,
}

#[derive(Serialize)]
struct DatabaseView {
    name: Value,
    literal: Value,
    word: Value,
    owned: bool,
    owner: Value,
    connects: Vec<Value>,
    extensions: Vec<Value>,
    grants: Vec<GrantView>,
}

#[derive(Serialize)]
struct GrantView {
    role: Value,
    schema: Value,
    schema_owner: bool,
    write: bool,
}

fn view(name: &SqlIdent, database: &Database) -> DatabaseView {
    DatabaseView {
        name: sql_name(name),
        literal: sql_literal(name),
        word: psql_word(name),
        owned: database.owner.is_some(),
        owner: database.owner.as_ref().map_or(Value::UNDEFINED, sql_name),
        connects: roles(database).into_iter().map(sql_name).collect(),
        extensions: database.extensions.iter().map(sql_name).collect(),
        grants: database
            .grants
            .iter()
            .map(|grant| GrantView {
                role: sql_name(&grant.role),
                schema: sql_name(&grant.schema),
                schema_owner: grant.access == Access::Schema,
                write: grant.access == Access::Write,
            })
            .collect(),
    }
}
