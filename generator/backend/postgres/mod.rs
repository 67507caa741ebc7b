//! The job that prepares the database server (login roles with least privileges, databases with one owner, extensions),
//! the script that starts the server, and its `pg_hba.conf`. psql reads passwords from mounted files, so the SQL
//! contains none.

mod removed;
mod rights;

pub use removed::upgrade_warnings;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use minijinja::{Value, context};
use serde::Serialize;

use super::provenance::field_of_service;
use super::render::{
    Language, Template, hba_addresses, hba_connection, hba_name, psql_argument, sql_json, sql_literal, sql_name,
};
use super::rights_in_schema::{self, RightsInSchema};
use crate::artifact::Artifacts;
use crate::backend::{Description, Emit, PlanField};
use crate::database::extension_catalogue::in_order_of_creation;
use crate::database::model::{HASURA_SCHEMA, PUBLIC_SCHEMA};
use crate::database::superuser;
use crate::diagnostic::Diagnostic;
use crate::path;
use crate::plan::{Database, DatabaseSetup, Grant, Plan, ServerAccess};
use crate::stack::Access;
use crate::values::SqlIdent;

pub const DESCRIPTION: Description = Description {
    paths: &["postgres/"],
    reads: "databases, roles, replication, access",
    emit: Emit::FromPlanParts {
        parts: &[PlanField::Databases, PlanField::Roles, PlanField::Replication, PlanField::Access, PlanField::Setup],
        emit,
    },
    // An external server is not a service of the plan: the field `database_server.external` declares it.
    file_fields: |plan, _| match field_of_service(plan, "postgres") {
        fields if fields.is_empty() => vec![path!("database_server", "external")],
        fields => fields,
    },
    line_fields: |_, _| Vec::new(),
};

/// The path of the file with the statements of the setup job.
pub const SETUP: &str = "postgres/setup/setup.sql";
static SETUP_TEMPLATE: LazyLock<Template> =
    LazyLock::new(|| Template::new(Language::Sql, rights_in_schema::insert_into(include_str!("setup.sql.j2"))));
/// The statements that take back rights which the stack no longer grants. [`SETUP`] includes the file in each database.
const REVOKE: &str = include_str!("revoke.sql");
const SETUP_SCRIPT: &str = include_str!("setup.sh");
/// The generated SQL lists all roles and databases in comment lines with these prefixes. The next run of `nself gen` reads
/// them to find names that were removed (see `removed`).
const ROLES_PREFIX: &str = "-- Roles:";
const DATABASES_PREFIX: &str = "-- Databases:";

static PG_HBA_TEMPLATE: Template = Template::new(Language::AccessRules, include_str!("pg_hba.conf.j2"));
const PRIVATE_KEY_SCRIPT: &str = include_str!("private-key.sh");
const START_SCRIPT: &str = include_str!("start.sh");
const STANDBY_SCRIPT: &str = include_str!("standby.sh");

/// Writes `postgres/setup/` and `postgres/server/`; with a replica also `postgres/standby/`.
///
/// # Errors
/// NS901 if the template interpolates a value that is not a checked name.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    if let Some(setup) = &plan.setup {
        files.add("postgres/setup/run.sh", SETUP_SCRIPT)?;
        files.add(SETUP, statements(plan, setup)?)?;
        files.add("postgres/setup/revoke.sql", REVOKE)?;
    }
    let Some(access) = &plan.access else { return Ok(files) };
    files.add("postgres/server/start.sh", START_SCRIPT)?;
    // The server and the standby have separate folders, so that a changed file restarts only the container that uses
    // it.
    let folders: &[&str] = if plan.replication.is_some() { &["server", "standby"] } else { &["server"] };
    for folder in folders {
        files.add(format!("postgres/{folder}/pg_hba.conf"), pg_hba_conf(plan, access)?)?;
        if access.tls {
            files.add(format!("postgres/{folder}/private-key.sh"), PRIVATE_KEY_SCRIPT)?;
        }
    }
    if plan.replication.is_some() {
        files.add("postgres/standby/start.sh", STANDBY_SCRIPT)?;
        files.add("postgres/standby/primary", format!("{}\n", access.primary_host()))?;
    }
    Ok(files)
}

/// Returns the SQL statements of the setup job: the content of the file [`SETUP`].
fn statements(plan: &Plan, setup: &DatabaseSetup) -> Result<String, Diagnostic> {
    let roles: Vec<RoleView> = plan
        .roles
        .iter()
        .map(|(name, role)| RoleView {
            name: sql_name(name),
            literal: sql_literal(name),
            psql_argument: psql_argument(name),
            // The name of a secret is also the name of its mounted file.
            secret: psql_argument(&role.password),
            replication: role.replication,
        })
        .collect();
    let databases = plan.databases.iter().map(|(name, database)| database_view(plan, name, database));
    let databases = databases.collect::<Result<Vec<DatabaseView>, Diagnostic>>()?;
    let monitors = sql_json(&rights::monitors(&plan.databases))?;
    let shared_roles = setup.shared_roles.iter().map(|(name, members)| {
        let members: Vec<Value> = members
            .iter()
            .map(|member| context! { name => sql_name(member), literal => sql_literal(member) })
            .collect();
        context! { name => sql_name(name), literal => sql_literal(name), members }
    });
    let shared_roles: Vec<Value> = shared_roles.collect();
    let former_roles: Vec<Value> = setup.former_roles.iter().map(sql_literal).collect();
    let view =
        context! { roles, shared_roles, former_roles, databases, monitors, is_own_server => setup.is_own_server };
    Ok(superuser::replace_placeholders(&SETUP_TEMPLATE.render(view)?))
}

/// Returns the `pg_hba.conf` of the primary and of the standby, which have the same rules.
fn pg_hba_conf(plan: &Plan, access: &ServerAccess) -> Result<String, Diagnostic> {
    let databases: Vec<Value> = plan
        .databases
        .iter()
        .map(|(name, database)| {
            let roles: Vec<Value> = connecting_roles(database).into_iter().map(hba_name).collect();
            context! { name => hba_name(name), roles }
        })
        .collect();
    let replication_roles = plan.roles.iter().filter(|(_, role)| role.replication).map(|(name, _)| hba_name(name));
    let view = context! {
        databases,
        kind => hba_connection(access.tls),
        superuser => hba_name(&access.superuser),
        superuser_from => hba_addresses(&access.superuser_from),
        replication_roles => replication_roles.collect::<Vec<_>>(),
        replication_from => hba_addresses(&access.replication_from),
    };
    PG_HBA_TEMPLATE.render(view)
}

/// Returns the roles that may connect to a database: its owner, and the roles with a grant in it.
fn connecting_roles(database: &Database) -> BTreeSet<&SqlIdent> {
    database.owner.iter().chain(database.grants.iter().map(|grant| &grant.role)).collect()
}

/// A role for the template: its name as an SQL identifier, as an SQL literal and as an argument of psql.
#[derive(Serialize)]
struct RoleView {
    name: Value,
    literal: Value,
    psql_argument: Value,
    /// The name of the file from which psql reads the password.
    secret: Value,
    /// Whether the standby connects with this role.
    replication: bool,
}

/// A database for the template, with its name in the same three forms as in [`RoleView`].
#[derive(Serialize)]
struct DatabaseView {
    name: Value,
    literal: Value,
    psql_argument: Value,
    /// Whether the database has an owner; without one, `owner` and `owner_literal` are undefined.
    owned: bool,
    owner: Value,
    owner_literal: Value,
    connecting_roles: Vec<Value>,
    extensions: Vec<Value>,
    grants: Vec<GrantView>,
    /// Roles that may use the schemas of other roles.
    cross_schema_roles: Vec<CrossSchemaRole>,
    /// Roles that write rows of which Hasura may keep events.
    event_writers: Vec<Value>,
    /// What the statements grant to each role of the stack, as JSON.
    rights: Value,
    /// What the definition grants, as JSON.
    declared: Value,
}

#[derive(Serialize)]
struct CrossSchemaRole {
    role: Value,
    /// Whether the role may create foreign keys to the tables of these schemas, and triggers on them.
    may_reference: bool,
}

#[derive(Serialize)]
struct GrantView {
    role_literal: Value,
    role_argument: Value,
    schema_literal: Value,
    schema_argument: Value,
    /// Whether the schema may not exist yet.
    may_lack_schema: bool,
    /// Whether Hasura keeps events in the schema.
    keeps_events: bool,
    #[serde(flatten)]
    rights: RightsInSchema,
}

fn database_view(plan: &Plan, name: &SqlIdent, database: &Database) -> Result<DatabaseView, Diagnostic> {
    let database_owner =
        database.owner.iter().map(|role| CrossSchemaRole { role: sql_name(role), may_reference: true });
    // Roles with `access = 'owner` use all schemas. They cannot create foreign keys to the tables of other roles, or triggers
    // on these tables.
    let owner_grants = database.grants.iter().filter(|grant| grant.access == Access::Owner);
    let schema_owners = owner_grants.map(|grant| CrossSchemaRole { role: sql_name(&grant.role), may_reference: false });
    // A service may use the rows of a schema that a later statement creates for a different service.
    let mut grants: Vec<&Grant> = database.grants.iter().collect();
    grants.sort_by_key(|grant| {
        matches!(grant.access, Access::Write | Access::Read) && grant.schema.as_str() != PUBLIC_SCHEMA
    });
    Ok(DatabaseView {
        rights: sql_json(&rights::rights(plan.roles.keys(), database))?,
        declared: sql_json(&database.declared_privileges)?,
        cross_schema_roles: database_owner.chain(schema_owners).collect(),
        event_writers: database.writers().into_iter().map(sql_name).collect(),
        name: sql_name(name),
        literal: sql_literal(name),
        psql_argument: psql_argument(name),
        owned: database.owner.is_some(),
        owner: database.owner.as_ref().map_or(Value::UNDEFINED, sql_name),
        owner_literal: database.owner.as_ref().map_or(Value::UNDEFINED, sql_literal),
        connecting_roles: connecting_roles(database).into_iter().map(sql_name).collect(),
        extensions: in_order_of_creation(&database.extensions).iter().map(psql_argument).collect(),
        grants: grants.into_iter().map(|grant| grant_view(database, grant)).collect(),
    })
}

fn grant_view(database: &Database, grant: &Grant) -> GrantView {
    GrantView {
        role_literal: sql_literal(&grant.role),
        role_argument: psql_argument(&grant.role),
        schema_literal: sql_literal(&grant.schema),
        schema_argument: psql_argument(&grant.schema),
        may_lack_schema: database.may_lack_schema(grant),
        keeps_events: grant.schema.as_str() == HASURA_SCHEMA,
        rights: RightsInSchema::new(grant, database.creator(&grant.schema)),
    }
}
