//! The database server's first start: login roles with least rights, databases with one owner, extensions.
//! Passwords are read inside psql from mounted files; the SQL holds none.

use minijinja::{Value, context};
use serde::Serialize;

use super::render::{Language, psql_word, render, sql_literal, sql_name};
use crate::artifact::Artifacts;
use crate::database::superuser;
use crate::diagnostic::Diagnostic;
use crate::plan::{Database, Plan};
use crate::stack::{Access, SqlIdent};

const INIT: &str = include_str!("init.sql.j2");

/// Who may connect from where, once a replica is one of them.
const ACCESS: &str = include_str!("pg_hba.conf");
const STANDBY: &str = include_str!("standby.sh");

/// `postgres/init/10-roles-and-databases.sql`; with a replica also `postgres/server/` and `postgres/standby/`.
///
/// # Errors
/// NS901 when the template meets anything but checked names.
pub fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let roles: Vec<RoleView> = plan
        .roles
        .iter()
        .map(|(name, role)| RoleView {
            name: sql_name(name),
            literal: sql_literal(name),
            secret: psql_word(&role.password),
            replication: role.replication,
        })
        .collect();
    let databases: Vec<DatabaseView> = plan.databases.iter().map(|(name, database)| view(name, database)).collect();
    let text = superuser::fill(&render(Language::Sql, INIT, context! { roles, databases })?);
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
    owner_literal: Value,
    connects: Vec<Value>,
    extensions: Vec<Value>,
    grants: Vec<GrantView>,
    /// Roles that reach into schemas of others.
    guests: Vec<GuestView>,
}

#[derive(Serialize)]
struct GuestView {
    role: Value,
    /// Its tables refer to theirs.
    refers: bool,
}

#[derive(Serialize)]
struct GrantView {
    role: Value,
    schema: Value,
    access: &'static str,
}

fn view(name: &SqlIdent, database: &Database) -> DatabaseView {
    let mut connects: Vec<&SqlIdent> =
        database.owner.iter().chain(database.grants.iter().map(|grant| &grant.role)).collect();
    connects.sort();
    connects.dedup();
    let owner = database.owner.iter().map(|role| GuestView { role: sql_name(role), refers: true });
    let everything = database.grants.iter().filter(|grant| grant.access == Access::Owner);
    let guests = everything.map(|grant| GuestView { role: sql_name(&grant.role), refers: false });
    DatabaseView {
        guests: owner.chain(guests).collect(),
        name: sql_name(name),
        literal: sql_literal(name),
        word: psql_word(name),
        owned: database.owner.is_some(),
        owner: database.owner.as_ref().map_or(Value::UNDEFINED, sql_name),
        owner_literal: database.owner.as_ref().map_or(Value::UNDEFINED, sql_literal),
        connects: connects.into_iter().map(sql_name).collect(),
        extensions: database.extensions.iter().map(psql_word).collect(),
        grants: database
            .grants
            .iter()
            .map(|grant| GrantView {
                role: sql_name(&grant.role),
                schema: sql_name(&grant.schema),
                access: match grant.access {
                    Access::Owner => "everything",
                    Access::Schema => "schema",
                    Access::Write => "write",
                    Access::Read => "read",
                },
            })
            .collect(),
    }
}
