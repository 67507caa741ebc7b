//! The runner of migrations: a psql script and the migrations, for a container that exits when all migrations are
//! applied. It fails on a standby, if a migration was edited or reordered, and if it loses its lock. It does not change
//! a database with newer migrations. SQL of the project runs in sessions of the database's owner. Only extensions need
//! a superuser: nself generates their statements from their names, and runs them from separate files in separate
//! sessions.

use minijinja::{Value, context};
use serde::Serialize;

use super::render::{Language, psql_argument, render, sql_literal, sql_name};
use crate::artifact::Artifacts;
use crate::backend::{Description, Emit, PlanField};
use crate::database::history::RunMode;
use crate::database::{ledger, superuser};
use crate::diagnostic::Diagnostic;
use crate::path;
use crate::plan::{Migrations, Plan, Step};
use crate::values::{Checked, SqlIdent};

pub const DESCRIPTION: Description = Description {
    paths: &["migrations/"],
    reads: "migrations",
    emit: Emit::FromPlanParts { parts: &[PlanField::Migrations], emit },
    file_fields: |_, path| path.split('/').nth(1).map(|database| path!("databases", database)).into_iter().collect(),
    line_fields: |_, _| Vec::new(),
};

const RUN_SCRIPT: &str = include_str!("run.sh");
const RUN_SQL_TEMPLATE: &str = include_str!("run.sql.j2");
const EXTENSIONS_SQL_TEMPLATE: &str = include_str!("extensions.sql.j2");

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
        // For the new extensions, psql gets a variable with the name; `DROP EXTENSION` contains the name as SQL.
        requires => step.requires.iter().map(psql_argument).collect::<Vec<_>>(),
        removes => step.removes.iter().map(sql_name).collect::<Vec<_>>(),
    };
    Ok(superuser::replace_placeholders(&render(Language::Sql, EXTENSIONS_SQL_TEMPLATE, view)?))
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
}

/// Returns `run.sql`. `ledger::replace_placeholders` adds the statements that it shares with `db baseline`.
fn run_sql(migrations: &Migrations) -> Result<String, Diagnostic> {
    let views: Vec<MigrationView> =
        (1..).zip(&migrations.steps).map(|(number, step)| migration_view(number, step)).collect();
    let view = context! {
        // The migrations at which the runner stops, because a superuser has to create or remove extensions first.
        points => views.iter().filter(|view| !view.names.is_empty()).collect::<Vec<_>>(),
        migrations => views,
        seeded => !migrations.seeds.is_empty(),
    };
    Ok(ledger::replace_placeholders(&render(Language::Sql, RUN_SQL_TEMPLATE, view)?))
}

fn migration_view(number: usize, step: &Step) -> MigrationView {
    let index = match &step.run {
        RunMode::Index(index) => Some(index),
        RunMode::Transaction => None,
    };
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
        names: step.requires.union(&step.removes).map(sql_literal).collect(),
        removes: !step.removes.is_empty(),
    }
}
