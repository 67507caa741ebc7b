//! Plans the migrations between two schemas: from the written migrations to the definitions, or between any two of a
//! stack, a folder of migrations, a server and the empty schema.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::definition::{Definition, Selection};
use super::import::check_complete;
use crate::database::history::{History, Migration};
use crate::database::import::sql::{Imported, ServiceRights};
use crate::database::ledger::settings::InputSettings;
use crate::database::migrate::{StepGroups, plan_with_all_hazards};
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{real_path, stat_target};
use crate::parallel;
use crate::path;
use crate::project::migrations;
use crate::server::Server;
use crate::source::JsonDecoder;
use crate::values::{Checked, SqlIdent, plugin_names};

/// The planned migrations of each database. They are not written to files.
#[derive(Debug, Default)]
pub struct Diff {
    pub databases: Vec<(SqlIdent, Vec<Migration>)>,
    pub warnings: Vec<Diagnostic>,
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub enum Side {
    /// The schema that results from the written migrations of the only selected database.
    Migrations(Selection),
    /// The definition of the only selected database in a stack.
    Stack(Selection),
    /// The schema that results from the migrations in a folder such as `db/shop`.
    Folder(PathBuf),
    /// The URL of a server.
    Server(String),
    /// A schema without objects.
    Empty,
}

impl Side {
    /// Reads a side from the command line: `empty`, a URL, a folder such as `db/shop`, or a stack file. `selection` is
    /// the command's selection.
    pub fn parse(text: &str, selection: &Selection) -> Side {
        if text == "empty" {
            Side::Empty
        } else if text.contains("://") {
            Side::Server(text.to_owned())
        } else if stat_target(Path::new(text)).is_ok_and(|stat| stat.is_folder()) {
            Side::Folder(text.into())
        } else {
            Side::Stack(selection.with_stack(Path::new(text)))
        }
    }
}

/// Plans what `nself db new` would write for the selected databases.
///
/// # Errors
/// The errors of reading the definitions and the migrations; changes that cannot be planned.
pub fn pending(selection: &Selection) -> Result<Diff, Vec<Diagnostic>> {
    let mut diff = Diff::default();
    for definition in selection.definitions()? {
        let history = selection.history(&definition.name)?;
        let old_schema = history.schema(&definition.name, &JsonDecoder).map_err(|finding| vec![finding])?;
        let (step_groups, warnings) = definition.plan(&old_schema)?;
        let existing = history.migrations.len();
        let migrations = Migration::of_groups("change", existing, &step_groups).map_err(internal_error)?;
        diff.databases.push((definition.name, migrations));
        diff.warnings.extend(warnings);
    }
    Ok(diff)
}

/// Plans the migrations from one side to the other. If exactly one side is a server, the other side is created in a
/// temporary database on the server `scratch_url`, since a server prints SQL in its own spelling.
///
/// # Errors
/// The errors of reading the sides, NS716 if `scratch_url` is missing, changes that cannot be planned.
pub fn between(from: &Side, to: &Side, scratch_url: Option<&str>) -> Result<Diff, Vec<Diagnostic>> {
    let mut sides = parallel::each([from, to], DiffSchema::read).into_iter();
    let (Some(old), Some(new)) = (sides.next(), sides.next()) else { return Ok(Diff::default()) };
    let (mut old, mut new) = both(old, new)?;
    match (&old.server, &new.server) {
        (Some(server), None) => reprint(&mut new.schema, &mut old.schema, server, scratch_url)?,
        (None, Some(server)) => reprint(&mut old.schema, &mut new.schema, server, scratch_url)?,
        _ => {}
    }
    let (step_groups, warnings) = new.plan_from(&old.schema)?;
    let migrations = Migration::of_groups("change", 0, &step_groups).map_err(internal_error)?;
    Ok(Diff { databases: vec![(new.name, migrations)], warnings })
}

/// Returns both sides.
///
/// # Errors
/// The errors of reading both sides.
fn both<T>(old: Result<T, Vec<Diagnostic>>, new: Result<T, Vec<Diagnostic>>) -> Result<(T, T), Vec<Diagnostic>> {
    match (old, new) {
        (Ok(old), Ok(new)) => Ok((old, new)),
        (old, new) => Err([old.err(), new.err()].into_iter().flatten().flatten().collect()),
    }
}

/// Makes a written schema comparable with the schema of a server. Replaces the SQL in `written` with the spelling that the
/// server `scratch_url` prints, and copies hints and allowances, which servers do not store, to `server_schema`.
fn reprint(
    written: &mut Schema,
    server_schema: &mut Schema,
    server: &ServerSpelling,
    scratch_url: Option<&str>,
) -> Result<(), Vec<Diagnostic>> {
    let Some(url) = scratch_url else {
        return Err(vec![
            Diagnostic::error(Code::ScratchRequired, FieldPath::root())
                .message("one side comes from a server and the other from files: to compare them, nself needs a scratch server (`--scratch`)")
                .hint("add --scratch URL with a server of the same version: the other side is created there in a temporary database"),
        ]);
    };
    *written = Server::new(url)?.reprint(written, &server.settings)?;
    server.default_rights.remove_from(written);
    // The setup job creates extensions for services, too, which their databases need besides those of the definition.
    if server.default_rights.has_record() {
        server_schema.extensions.retain(|extension, _| written.extensions.contains_key(extension));
    }
    written.copy_hints_to(server_schema);
    Ok(())
}

/// The schema of one side, with what is known about its origin.
struct DiffSchema {
    /// Name of the database.
    name: SqlIdent,
    schema: Schema,
    /// Present for a stack: it can allow hazards, and findings have a place in its files.
    definition: Option<Definition>,
    /// Present for a server.
    server: Option<ServerSpelling>,
}

/// Reasons why the schema of a server can differ from an equal written schema.
struct ServerSpelling {
    /// Settings that decide how the server reads text such as dates.
    settings: InputSettings,
    /// Rights that follow from the access of services, which do not count as differences.
    default_rights: ServiceRights,
}

impl DiffSchema {
    /// Reads the schema of a side.
    fn read(side: &Side) -> Result<Self, Vec<Diagnostic>> {
        let without_origin =
            |name: SqlIdent, schema: Schema| DiffSchema { name, schema, definition: None, server: None };
        match side {
            Side::Empty => Ok(without_origin(SqlIdent::wrap("empty".into()), Schema::default())),
            Side::Migrations(selection) => {
                let name = single_definition(selection)?.name;
                let schema = selection.history(&name)?.schema(&name, &JsonDecoder).map_err(|finding| vec![finding])?;
                Ok(without_origin(name, schema))
            }
            Side::Stack(selection) => {
                let definition = single_definition(selection)?;
                let schema = without_origin(definition.name.clone(), definition.schema.clone());
                Ok(DiffSchema { definition: Some(definition), ..schema })
            }
            Side::Folder(path) => read_folder(path).map(|(name, schema)| without_origin(name, schema)),
            Side::Server(url) => {
                let server = Server::new(url)?;
                let Imported { schema, service_rights, .. } = server.schema_to_compare()?;
                check_complete(&schema, |_| None)?;
                let spelling = ServerSpelling { settings: server.input_settings()?, default_rights: service_rights };
                Ok(DiffSchema { server: Some(spelling), ..without_origin(server.database_name(), schema) })
            }
        }
    }

    /// Plans the change from an older schema to this one. Also returns warnings.
    fn plan_from(&self, old: &Schema) -> Result<(StepGroups, Vec<Diagnostic>), Vec<Diagnostic>> {
        match &self.definition {
            Some(definition) => Definition { schema: self.schema.clone(), ..definition.clone() }.plan(old),
            // Hazards can only be allowed in a stack, so here they are listed and not refused.
            None => Ok((plan_with_all_hazards(old, &self.schema, &path!("databases", self.name))?, Vec::new())),
        }
    }
}

/// Returns the definition of the only selected database.
fn single_definition(selection: &Selection) -> Result<Definition, Vec<Diagnostic>> {
    selection.single("--from and --to compare one database")
}

/// Reads the name of the database and the schema that results from the migrations in a folder `db/<name>`, or
/// `plugins/<name>/db` of a plugin.
fn read_folder(path: &Path) -> Result<(SqlIdent, Schema), Vec<Diagnostic>> {
    let path = real_path(path).unwrap_or_else(|_| path.to_owned());
    let wrong_folder = |message: String| {
        vec![
            Diagnostic::error(Code::MigrationDamaged, FieldPath::root())
                .message(message)
                .expected("a folder such as db/shop or plugins/notify/db"),
        ]
    };
    let names: Vec<String> = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    // The name of the database, and the number of folders between the project and `path`.
    let (name, depth) = match names.as_slice() {
        [.., plugins, plugin, db] if plugins == plugin_names::FOLDER && db == "db" => {
            (plugin_names::database(plugin), 3)
        }
        [.., db, name] if db == "db" => (name.clone(), 2),
        _ => return Err(wrong_folder(format!("{} is not the folder of a database", path.display()))),
    };
    let name = SqlIdent::new(&name).map_err(|reason| wrong_folder(format!("{}: {reason}", path.display())))?;
    let project = path.ancestors().nth(depth).unwrap_or(&path);
    let history = History::read(&name, &migrations::read(project, &name)?)?;
    let schema = history.schema(&name, &JsonDecoder).map_err(|finding| vec![finding])?;
    // To free the many small values of a long history takes longer than to end the process.
    std::mem::forget(history);
    Ok((name, schema))
}

fn internal_error(message: String) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::Internal, FieldPath::root()).message(message)]
}

impl Diff {
    /// Returns whether no database has a change.
    pub fn is_empty(&self) -> bool {
        self.databases.iter().all(|(_, migrations)| migrations.is_empty())
    }

    /// Returns the SQL of all migrations, with comments that name each migration and the hazards to review.
    pub fn to_sql(&self) -> String {
        let mut text = String::new();
        for (name, migrations) in &self.databases {
            for migration in migrations {
                text += &format!("-- {name}: {}\n", migration.name);
                for step in &migration.plan.steps {
                    let hazards = step.hazards.iter().filter(|hazard| hazard.needs_review());
                    let hazards: Vec<&str> = hazards.map(|hazard| hazard.id()).collect();
                    if !hazards.is_empty() {
                        text += &format!("-- hazard: {}: {}\n", step.why, hazards.join(", "));
                    }
                }
                text += &format!("{}\n", migration.up);
            }
        }
        text
    }

    /// Returns the migrations as JSON: a list in `databases.<name>.migrations` for each database.
    pub fn to_json(&self) -> Value {
        let database = |(name, migrations): &(SqlIdent, Vec<Migration>)| {
            let migrations: Vec<Value> = migrations.iter().map(migration_json).collect();
            (name.to_string(), json!({ "migrations": migrations }))
        };
        let databases: serde_json::Map<String, Value> = self.databases.iter().map(database).collect();
        json!({ "version": 1, "status": if self.is_empty() { "same" } else { "differs" }, "databases": databases })
    }
}

fn migration_json(migration: &Migration) -> Value {
    json!({
        "name": migration.name, "up": migration.up, "down": migration.down,
        "run": migration.plan.run, "steps": migration.plan.steps,
    })
}
