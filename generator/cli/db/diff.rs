//! `nself db diff`: what `db new` would write; with `--from` and `--to`, the plan between any two schemas.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::super::{DIFFERENCES, Format, SUCCESS, StackArguments, output};
use super::import::checked;
use super::server::Server;
use super::{Definition, Outcome, Selection, files};
use crate::database::history::{History, Migration};
use crate::database::import::sql::{Imported, ServiceRights};
use crate::database::ledger::settings::InputSettings;
use crate::database::migrate::plan_unreviewed;
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{look_behind, real_path};
use crate::path;
use crate::source::PlainDecoder;
use crate::values::{Checked, SqlIdent};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// A stack file, a folder such as db/shop, the URL of a server, or `empty`; the written migrations unless given.
    #[arg(long, value_name = "X")]
    from: Option<String>,
    /// The same; the definitions of the stack unless given.
    #[arg(long, value_name = "Y")]
    to: Option<String>,
    /// A server on which the side that is no URL is made for a moment, when the other one is.
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
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
    if arguments.from.is_none() && arguments.to.is_none() {
        for definition in arguments.selection.definitions()? {
            let mut history = arguments.selection.history(&definition.name)?;
            let old = history.schema(&definition.name, &PlainDecoder).map_err(|finding| vec![finding])?;
            let groups = definition.plan(&old)?;
            let known = history.migrations.len();
            history.extend("change", &groups, &definition.schema).map_err(internal)?;
            all.push((definition.name, history.migrations.split_off(known)));
        }
    } else {
        let from = side(arguments, arguments.from.as_deref(), true)?;
        let to = side(arguments, arguments.to.as_deref(), false)?;
        let name = if arguments.to.is_some() { to.name.clone() } else { from.name.clone() };
        all.push((name, pair(from, to, arguments.scratch.as_deref())?));
    }
    let changes = all.iter().any(|(_, migrations)| !migrations.is_empty());
    match arguments.format {
        DiffFormat::Sql => output::document(&sql(&all)),
        DiffFormat::Json => output::json(&answer(&all, changes)),
    }
    Ok(if changes { DIFFERENCES } else { SUCCESS })
}

fn internal(message: String) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::Internal, FieldPath::root()).message(message)]
}

/// One side of a pair.
struct Side {
    name: SqlIdent,
    schema: Schema,
    /// Of a stack: where things stand, and that hazards can be allowed there.
    definition: Option<Definition>,
    /// Of a server: expressions are as it prints them.
    printed: Option<Printed>,
}

/// What is known of a server.
struct Printed {
    /// What texts mean to it.
    meaning: InputSettings,
    /// Rights that follow from the access of services.
    service_rights: ServiceRights,
}

/// The plan from one side to the other, both in the same spelling.
fn pair(mut from: Side, mut to: Side, scratch: Option<&str>) -> Result<Vec<Migration>, Vec<Diagnostic>> {
    let sides = match (&from.printed, &to.printed) {
        (Some(printed), None) => Some((&mut to.schema, &mut from.schema, printed)),
        (None, Some(printed)) => Some((&mut from.schema, &mut to.schema, printed)),
        _ => None,
    };
    if let Some((written, server, printed)) = sides {
        let Some(url) = scratch else {
            return Err(vec![
                Diagnostic::error(Code::TwoSpellings, FieldPath::root())
                    .message("one side is a server and the other is not")
                    .hint("--scratch URL names a server of the same version; the other side is made there for a moment, in a database of its own"),
            ]);
        };
        *written = Server::new(url)?.printed(written, &printed.meaning)?;
        printed.service_rights.remove_from(written);
        written.copy_hints_to(server);
    }
    let groups = match &to.definition {
        Some(definition) => Definition { schema: to.schema.clone(), ..definition.clone() }.plan(&from.schema)?,
        // Nobody can allow anything there; the plan says what is hazardous.
        None => plan_unreviewed(&from.schema, &to.schema, &path!("databases", to.name))?,
    };
    let mut history = History { head: crate::database::snapshot::objects(&from.schema), ..History::default() };
    history.extend("change", &groups, &to.schema).map_err(internal)?;
    Ok(history.migrations)
}

fn side(arguments: &Arguments, what: Option<&str>, old: bool) -> Result<Side, Vec<Diagnostic>> {
    let selection = &arguments.selection;
    let one = |selection: &Selection| selection.only("the stack does not have exactly one database");
    let plain = |name: SqlIdent, schema: Schema| Side { name, schema, definition: None, printed: None };
    let stack = |definition: Definition| Side {
        definition: Some(definition.clone()),
        ..plain(definition.name, definition.schema)
    };
    match what {
        None if old => {
            let name = one(selection)?.name;
            let schema = selection.history(&name)?.schema(&name, &PlainDecoder).map_err(|finding| vec![finding])?;
            Ok(plain(name, schema))
        }
        None => one(selection).map(stack),
        Some("empty") => Ok(plain(SqlIdent::wrap("empty".into()), Schema::default())),
        Some(url) if url.contains("://") => {
            let server = Server::new(url)?;
            let Imported { schema, service_rights, .. } = server.compared()?;
            checked(&schema, |_| None)?;
            let printed = Printed { meaning: server.meaning()?, service_rights };
            Ok(Side { printed: Some(printed), ..plain(server.name(), schema) })
        }
        Some(what) if look_behind(Path::new(what)).is_ok_and(|stat| stat.is_folder()) => {
            folder(Path::new(what)).map(|(name, schema)| plain(name, schema))
        }
        Some(what) => {
            let arguments = StackArguments { stack: what.into(), ..selection.stack.clone() };
            one(&Selection { stack: arguments, databases: selection.databases.clone() }).map(stack)
        }
    }
}

/// The snapshot in a folder `db/<name>`.
fn folder(path: &Path) -> Result<(SqlIdent, Schema), Vec<Diagnostic>> {
    let path = real_path(path).unwrap_or_else(|_| path.to_owned());
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
    let schema = history.schema(&name, &PlainDecoder).map_err(|finding| vec![finding])?;
    Ok((name, schema))
}

fn sql(all: &[(SqlIdent, Vec<Migration>)]) -> String {
    let mut text = String::new();
    for (name, migrations) in all {
        for migration in migrations {
            text += &format!("-- {name}: {}\n", migration.name);
            for step in &migration.plan.steps {
                let hazards = step.hazards.iter().filter(|hazard| hazard.needs_review()).map(|hazard| hazard.id());
                let hazards: Vec<&str> = hazards.collect();
                if !hazards.is_empty() {
                    text += &format!("-- hazard: {}: {}\n", step.why, hazards.join(", "));
                }
            }
            text += &format!("{}\n", migration.up);
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
