//! The runner of migrations: psql and the files, for a container that ends when the database is as the stack has
//! it. It refuses rather than guesses: a changed file, another order, an older build, a standby, a lost lock.

use minijinja::{Value, context};
use serde::Serialize;

use super::render::{Language, psql_word, render, sql_name};
use crate::artifact::Artifacts;
use crate::database::history::Run;
use crate::database::ledger;
use crate::diagnostic::Diagnostic;
use crate::plan::{Migrations, Plan};
use crate::stack::{Checked, SqlIdent};

const SCRIPT: &str = include_str!("run.sh");
const RUN: &str = include_str!("run.sql.j2");

/// `migrations/<database>/` with `run.sh`, `run.sql`, the migrations and the seeds.
///
/// # Errors
/// NS901 when the template meets anything but checked names.
pub fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    for (name, migrations) in &plan.migrations {
        let mut add = |file: &str, text: String| files.add("migrations", format!("migrations/{name}/{file}"), text);
        add("run.sh", SCRIPT.to_owned())?;
        add("run.sql", run(migrations)?)?;
        for one in &migrations.steps {
            add(&format!("{}.sql", one.name), one.up.clone())?;
        }
        if !migrations.seeds.is_empty() {
            let statements: Vec<&str> = migrations.seeds.iter().map(|seed| seed.as_str()).collect();
            add("seeds.sql", statements.join("\n") + "\n")?;
        }
    }
    Ok(files)
}

#[derive(Serialize)]
struct View {
    name: Value,
    sum: Value,
    chain: Value,
    index: bool,
    as_owner: bool,
    schema: Value,
    relation: Value,
}

fn run(migrations: &Migrations) -> Result<String, Diagnostic> {
    let views: Vec<View> = migrations
        .steps
        .iter()
        .map(|one| {
            let index = match &one.run {
                Run::Index(index) => Some(index),
                Run::Transaction => None,
            };
            let word =
                |text: Option<&str>| text.map_or(Value::UNDEFINED, |text| psql_word(&SqlIdent::wrap(text.to_owned())));
            View {
                name: psql_word(&one.name),
                sum: psql_word(&one.sum),
                chain: psql_word(&one.chain),
                index: index.is_some(),
                as_owner: migrations.owner.is_some() && !one.privileged,
                schema: word(index.map(|index| index.schema())),
                relation: word(index.map(|index| index.name())),
            }
        })
        .collect();
    let view = context! {
        migrations => views,
        owned => migrations.owner.is_some(),
        owner => migrations.owner.as_ref().map_or(Value::UNDEFINED, sql_name),
        extensions => migrations.extensions.iter().map(sql_name).collect::<Vec<_>>(),
        seeded => !migrations.seeds.is_empty(),
    };
    Ok(ledger::fill(&render(Language::Sql, RUN, view)?))
}
