//! The database server's first start: login roles with least rights, databases with one owner, extensions.
//! Passwords are read inside psql from mounted files; the SQL holds none.

use std::collections::BTreeMap;

use minijinja::{Value, context};
use serde::Serialize;

use super::render::{Language, psql_word, render, sql_literal, sql_name};
use crate::artifact::Artifacts;
use crate::diagnostic::Diagnostic;
use crate::plan::{Database, Plan};
use crate::stack::{Access, Checked, SecretName, SqlIdent};

const INIT: &str = include_str!("init.sql.j2");

/// Who may connect from where, once a replica is one of them.
const ACCESS: &str = include_str!("pg_hba.conf");
const STANDBY: &str = include_str!("standby.sh");

/// `postgres/init/10-roles-and-databases.sql`; with a replica also `postgres/server/` and `postgres/standby/`.
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
    if plan.replication.is_some() {
        files.add("postgres", "postgres/server/pg_hba.conf", ACCESS)?;
        // Each container has a folder of its own: a file of the one does not restart the other.
        files.add("postgres", "postgres/standby/pg_hba.conf", ACCESS)?;
        files.add("postgres", "postgres/standby/start.sh", STANDBY)?;
    }
    Ok(files)
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
    let mut connects: Vec<&SqlIdent> =
        database.owner.iter().chain(database.grants.iter().map(|grant| &grant.role)).collect();
    connects.sort();
    connects.dedup();
    DatabaseView {
        name: sql_name(name),
        literal: sql_literal(name),
        word: psql_word(name),
        owned: database.owner.is_some(),
        owner: database.owner.as_ref().map_or(Value::UNDEFINED, sql_name),
        connects: connects.into_iter().map(sql_name).collect(),
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
