//! `nself db diff`: what `db new` would write; with `--from` and `--to`, the plan between any two schemas.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::super::{FINE, FOUND, Format, StackArguments, output};
use super::{Outcome, Selection, files};
use crate::database::history::{History, Migration};
use crate::database::model::Schema;
use crate::database::plan::plan;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::Checked;
use crate::stack::SqlIdent;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// A stack file, a folder such as db/shop, or `empty`; the written migrations unless given.
    #[arg(long, value_name = "X")]
    from: Option<String>,
    /// The same; the definitions of the stack unless given.
    #[arg(long, value_name = "Y")]
    to: Option<String>,
    #[arg(long, value_enum, default_value = "sql")]
    format: DiffFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    Sql,
    Json,
}

impl Arguments {
    pub fn findings_format(&self) -> Format {
        if self.format == DiffFormat::Json { Format::Json } else { Format::Text }
    }
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut all: Vec<(SqlIdent, Vec<Migration>)> = Vec::new();
    match (&arguments.from, &arguments.to) {
        (None, None) => {
            for definition in arguments.selection.definitions()? {
                let mut history = arguments.selection.history(&definition.name)?;
                let old = history.schema(&definition.name).map_err(|finding| vec![finding])?;
                let groups = plan(&old, &definition.schema, &definition.root());
                let groups = groups.map_err(|findings| definition.located(findings))?;
                let known = history.migrations.len();
                history.extend("change", &groups, &definition.schema).map_err(internal)?;
                all.push((definition.name, history.migrations.split_off(known)));
            }
        }
        (from, to) => {
            let (name, old) = side(arguments, from.as_deref(), true)?;
            let (other, new) = side(arguments, to.as_deref(), false)?;
            let groups = plan(&old, &new, &FieldPath::root().key("databases").key(name.as_str()))?;
            let mut history = History { head: crate::database::snapshot::objects(&old), ..History::default() };
            history.extend("change", &groups, &new).map_err(internal)?;
            all.push((if to.is_some() { other } else { name }, history.migrations));
        }
    }
    let changes = all.iter().any(|(_, migrations)| !migrations.is_empty());
    match arguments.format {
        DiffFormat::Sql => output::result(&sql(&all)),
        DiffFormat::Json => output::json(&answer(&all, changes)),
    }
    Ok(if changes { FOUND } else { FINE })
}

fn internal(message: String) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::Internal, FieldPath::root()).message(message)]
}

/// One side: a name for it and its schema.
fn side(arguments: &Arguments, what: Option<&str>, old: bool) -> Result<(SqlIdent, Schema), Vec<Diagnostic>> {
    let selection = &arguments.selection;
    let one = |mut found: Vec<super::Definition>| match (found.pop(), found.is_empty()) {
        (Some(definition), true) => Ok((definition.name, definition.schema)),
        _ => Err(vec![
            Diagnostic::error(Code::UnknownDatabase, FieldPath::root())
                .message("the stack does not have exactly one database")
                .hint("name it with --database"),
        ]),
    };
    match what {
        None if old => {
            let (name, _) = one(selection.definitions()?)?;
            let schema = selection.history(&name)?.schema(&name).map_err(|finding| vec![finding])?;
            Ok((name, schema))
        }
        None => one(selection.definitions()?),
        Some("empty") => Ok((SqlIdent::wrap("empty".into()), Schema::default())),
        Some(what) if what.contains("://") => Err(vec![
            Diagnostic::error(Code::NotYet, FieldPath::root())
                .message("the schema of a running server cannot be read in this release")
                .expected("a stack file, a folder such as db/shop, or `empty`"),
        ]),
        Some(what) if Path::new(what).is_dir() => folder(Path::new(what)),
        Some(what) => {
            let stack = StackArguments { stack: what.into(), ..selection.stack.clone() };
            one(Selection { stack, databases: selection.databases.clone() }.definitions()?)
        }
    }
}

/// The snapshot in a folder `db/<name>`.
fn folder(path: &Path) -> Result<(SqlIdent, Schema), Vec<Diagnostic>> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let wrong = |message: String| {
        vec![
            Diagnostic::error(Code::MigrationDamaged, FieldPath::root())
                .message(message)
                .expected("a folder such as db/shop"),
        ]
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = SqlIdent::new(&name).map_err(|reason| wrong(format!("{}: {reason}", path.display())))?;
    let project = path.parent().filter(|db| db.file_name().is_some_and(|name| name == "db")).and_then(Path::parent);
    let Some(project) = project else { return Err(wrong(format!("{} is not below db/", path.display()))) };
    let history = History::read(&name, &files::read(project, &name)?)?;
    let schema = history.schema(&name).map_err(|finding| vec![finding])?;
    Ok((name, schema))
}

fn sql(all: &[(SqlIdent, Vec<Migration>)]) -> String {
    let mut text = String::new();
    for (name, migrations) in all {
        for migration in migrations {
            text += &format!("-- {name}: {}\n{}\n", migration.name, migration.up);
        }
    }
    text
}

fn answer(all: &[(SqlIdent, Vec<Migration>)], changes: bool) -> Value {
    let databases: serde_json::Map<String, Value> = all
        .iter()
        .map(|(name, migrations)| {
            let migrations: Vec<Value> = migrations
                .iter()
                .map(|one| {
                    json!({ "name": one.name, "up": one.up, "down": one.down, "run": one.plan.run, "steps": one.plan.steps })
                })
                .collect();
            (name.to_string(), json!({ "migrations": migrations }))
        })
        .collect();
    json!({ "version": 1, "status": if changes { "differs" } else { "same" }, "databases": databases })
}
