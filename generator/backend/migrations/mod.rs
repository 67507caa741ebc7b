//! The runner of migrations: a psql script and the migrations, for a container that exits when all migrations are
//! applied. It fails on a standby, if a migration was edited or reordered, and if it loses its lock. It does not change
//! a database with newer migrations. SQL of the project runs in sessions of the database's owner. Only extensions need
//! a superuser: nself generates their statements from their names, and runs them from separate files in separate
//! sessions.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use minijinja::{Value, context};
use serde::Serialize;

use super::render::{
    Language, Template, empty_psql_argument, psql_argument, sql_json, sql_literal, sql_name, sql_null,
};
use super::rights_in_schema::{self, RightsInSchema};
use crate::artifact::Artifacts;
use crate::backend::{Description, Emit, PlanField};
use crate::database::history::RunMode;
use crate::database::model::{Extension, ObjectName, RequiredExtension};
use crate::database::{ledger, superuser};
use crate::diagnostic::Diagnostic;
use crate::path;
use crate::plan::{EventTables, Grant, Migrations, Plan, Step};
use crate::values::{Checked, ExtensionName, SqlIdent};

pub const DESCRIPTION: Description = Description {
    paths: &["migrations/"],
    reads: "migrations",
    emit: Emit::FromPlanParts { parts: &[PlanField::Migrations], emit },
    file_fields: |_, path| path.split('/').nth(1).map(|database| path!("databases", database)).into_iter().collect(),
    line_fields: |_, _| Vec::new(),
};

const RUN_SCRIPT: &str = include_str!("run.sh");
static RUN_SQL_TEMPLATE: LazyLock<Template> =
    LazyLock::new(|| Template::new(Language::Sql, rights_in_schema::insert_into(include_str!("run.sql.j2"))));
static EXTENSIONS_SQL_TEMPLATE: Template = Template::new(Language::Sql, include_str!("extensions.sql.j2"));

/// Writes `migrations/<database>/` with `run.sh`, `run.sql`, the migrations and the seeds, and
/// `extensions-<number>.sql` for each migration that needs or removes extensions.
///
/// # Errors
/// NS901 if the template interpolates a value that is not a checked name.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    for (name, migrations) in &plan.migrations {
        let mut add = |file: &str, text: String| files.add(format!("migrations/{name}/{file}"), text);
        add("run.sh", RUN_SCRIPT.to_owned())?;
        add("run.sql", run_sql(migrations)?)?;
        for (number, step) in (1..).zip(&migrations.steps) {
            add(&format!("{}.sql", step.name), step.up.clone())?;
            if needs_superuser(step) {
                add(&format!("extensions-{number:04}.sql"), superuser_statements(step)?)?;
            }
        }
        if !migrations.seeds.is_empty() {
            let statements: Vec<&str> = migrations.seeds.iter().map(|seed| seed.as_str()).collect();
            add("seeds.sql", statements.join("\n") + "\n")?;
        }
    }
    Ok(files)
}

/// Returns whether a migration needs or removes extensions.
fn needs_superuser(step: &Step) -> bool {
    !(step.requires.is_empty() && step.removes.is_empty())
}

/// Returns the statements of a migration that need a superuser.
fn superuser_statements(step: &Step) -> Result<String, Diagnostic> {
    let view = context! {
        // For the required extensions, psql gets variables; `DROP EXTENSION` contains the name as SQL.
        requires => step.requires.iter().map(required_extension_view).collect::<Vec<_>>(),
        removes => step.removes.iter().map(sql_name).collect::<Vec<_>>(),
    };
    Ok(superuser::replace_placeholders(&EXTENSIONS_SQL_TEMPLATE.render(view)?))
}

/// An extension in the template, as values of variables of psql. An empty value leaves the choice to the server.
#[derive(Serialize)]
struct RequiredExtensionView {
    name: Value,
    /// Whether the definition names the schema or the version.
    is_placed: bool,
    schema: Value,
    version: Value,
}

fn required_extension_view(required: &RequiredExtension) -> RequiredExtensionView {
    let Extension { schema, version } = &required.extension;
    RequiredExtensionView {
        name: psql_argument(&required.name),
        is_placed: is_placed(required),
        schema: schema.as_ref().map_or_else(empty_psql_argument, psql_argument),
        version: version.as_ref().map_or_else(empty_psql_argument, psql_argument),
    }
}

/// Returns whether the definition names the schema or the version of an extension, or whether the extension moves.
fn is_placed(required: &RequiredExtension) -> bool {
    required.extension != Extension::default()
}

/// The schema and the version that an extension must have before a migration, as literals of SQL or NULL.
#[derive(Serialize)]
struct PlacedExtensionView {
    /// The number of the migration.
    number: usize,
    name: Value,
    schema: Value,
    version: Value,
}

/// Returns the extensions of a migration whose schema or version the definition names.
fn placed_extensions(number: usize, step: &Step) -> Vec<PlacedExtensionView> {
    let placed = step.requires.iter().filter(|required| is_placed(required));
    let views = placed.map(|RequiredExtension { name, extension }| PlacedExtensionView {
        number,
        name: sql_literal(name),
        schema: extension.schema.as_ref().map_or_else(sql_null, sql_literal),
        version: extension.version.as_ref().map_or_else(sql_null, sql_literal),
    });
    views.collect()
}

/// A migration in the template.
#[derive(Serialize)]
struct MigrationView {
    number: usize,
    name: Value,
    /// The digest of the migration's SQL.
    sum: Value,
    /// The digest of this migration and all earlier migrations.
    chain: Value,
    /// Whether the migration builds an index outside a transaction; `schema` and `relation` are then the index's name.
    index: bool,
    schema: Value,
    relation: Value,
    /// Names of the extensions that the migration needs or removes.
    names: Vec<Value>,
    /// Whether it removes extensions.
    removes: bool,
    /// Extensions that must have a certain schema or version.
    placed: Vec<PlacedExtensionView>,
}

/// The access of a service to a schema that the migrations create.
#[derive(Serialize)]
struct GrantView {
    schema_literal: Value,
    #[serde(flatten)]
    rights: RightsInSchema,
}

/// The role of Hasura, and the tables on which it creates triggers, as JSON.
#[derive(Serialize)]
struct EventsView {
    role: Value,
    tables: Value,
}

/// Returns `run.sql`. `ledger::replace_placeholders` adds the statements that it shares with `db baseline`.
fn run_sql(migrations: &Migrations) -> Result<String, Diagnostic> {
    let views: Vec<MigrationView> =
        (1..).zip(&migrations.steps).map(|(number, step)| migration_view(number, step)).collect();
    let view = context! {
        // The migrations at which the runner stops, because a superuser has to create or remove extensions first.
        placed => views.iter().flat_map(|view| &view.placed).collect::<Vec<_>>(),
        points => views.iter().filter(|view| !view.names.is_empty()).collect::<Vec<_>>(),
        migrations => views,
        seeded => !migrations.seeds.is_empty(),
        events => migrations.events.as_ref().map(events_view).transpose()?,
        grants => migrations.grants.iter().map(|grant| grant_view(grant, &migrations.owner)).collect::<Vec<_>>(),
    };
    Ok(ledger::replace_placeholders(&RUN_SQL_TEMPLATE.render(view)?))
}

fn events_view(events: &EventTables) -> Result<EventsView, Diagnostic> {
    let tables: Vec<String> = events.tables.iter().map(ObjectName::sql).collect();
    Ok(EventsView { role: sql_literal(&events.role), tables: sql_json(&tables)? })
}

fn grant_view(grant: &Grant, owner: &SqlIdent) -> GrantView {
    GrantView { schema_literal: sql_literal(&grant.schema), rights: RightsInSchema::new(grant, Some(owner)) }
}

fn migration_view(number: usize, step: &Step) -> MigrationView {
    let index = match &step.run {
        RunMode::Index(index) => Some(index),
        RunMode::Transaction => None,
    };
    // A migration that removes extensions requires none.
    let names: BTreeSet<&ExtensionName> =
        step.requires.iter().map(|required| &required.name).chain(&step.removes).collect();
    // The names come from a parsed statement, whose identifiers are checked.
    let name_token =
        |name: Option<&str>| name.map_or(Value::UNDEFINED, |name| psql_argument(&SqlIdent::wrap(name.to_owned())));
    MigrationView {
        number,
        name: psql_argument(&step.name),
        sum: psql_argument(&step.sum),
        chain: psql_argument(&step.chain),
        index: index.is_some(),
        schema: name_token(index.map(|index| index.schema())),
        relation: name_token(index.map(|index| index.name())),
        names: names.into_iter().map(sql_literal).collect(),
        placed: placed_extensions(number, step),
        removes: !step.removes.is_empty(),
    }
}
