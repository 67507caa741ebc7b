//! Pairs of schemas as SQL: the first is created, changed to the second, and compared with what the SQL itself creates.

use std::collections::BTreeMap;

use nself::database::import::sql;
use nself::database::migrate::plan;
use nself::database::model::Schema;
use nself::diagnostic::{Diagnostic, FieldPath};

use super::property::{compare_catalogs, plan_allowing_hazards, run_down, run_up};
use super::server::{Server, Session, Version};

/// A schema, the same schema after a change, and the hints for the change. Lines of `before` that begin with INSERT
/// create rows.
pub struct Change {
    pub name: &'static str,
    pub before: &'static str,
    pub after: &'static str,
    pub hint: fn(&mut Schema),
}

pub fn import(text: &str) -> Schema {
    try_import(text).unwrap_or_else(|error| panic!("{error}"))
}

fn try_import(text: &str) -> Result<Schema, String> {
    let schema = sql::read(text).map_err(|unsupported| format!("{unsupported:#?}\n{text}"))?.schema;
    let (schema, findings) = nself::database::complete(schema, &FieldPath::root());
    if findings.iter().any(Diagnostic::is_error) { Err(format!("{findings:#?}")) } else { Ok(schema) }
}

/// Returns the catalog of an empty database after these statements.
fn catalog_of(session: &mut Session, sql: &str) -> String {
    session.reset();
    session.run_or_panic(sql);
    session.catalog()
}

/// Returns the number of rows of each table whose rows the owner can read.
fn row_counts(session: &mut Session) -> BTreeMap<String, String> {
    let tables = session.run_or_panic(
        "SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'p') AND relowner = current_user::regrole AND NOT relforcerowsecurity
            AND has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(oid, 'SELECT');",
    );
    let count = |table: &str| {
        let rows = session.run_or_panic(&format!("SELECT count(*) FROM {table};"));
        (table.to_owned(), rows.trim().to_owned())
    };
    tables.lines().map(count).collect()
}

/// Checks a change: `ours` runs the planned migrations, and `theirs` the SQL of the change.
fn check(change: &Change, ours: &mut Session, theirs: &mut Session) -> Result<(), String> {
    let (before, mut after) = (try_import(change.before)?, try_import(change.after)?);
    let text = |findings| format!("{findings:#?}");
    ours.reset();
    run_up(ours, &plan(&Schema::default(), &before, &FieldPath::root()).map_err(text)?)?;
    let expected = catalog_of(theirs, change.before);
    compare_catalogs("the SQL", &expected, "from empty", &ours.catalog())?;
    let rows: Vec<&str> = change.before.lines().map(str::trim).filter(|line| line.starts_with("INSERT ")).collect();
    if !rows.is_empty() {
        ours.try_run(&rows.join("\n"))?;
    }
    let rows_before = row_counts(ours);
    (change.hint)(&mut after);
    let groups = plan_allowing_hazards(&before, &mut after).map_err(text)?;
    run_up(ours, &groups)?;
    let rows_after = row_counts(ours);
    let differs = |table: &&String| rows_after.get(*table).is_some_and(|rows| *rows != rows_before[*table]);
    if let Some(table) = rows_before.keys().find(differs) {
        return Err(format!("{table} had {} rows and has {}", rows_before[table], rows_after[table]));
    }
    compare_catalogs("the SQL", &catalog_of(theirs, change.after), "changed", &ours.catalog())?;
    // A snapshot of the definition equals the definition, so no migration is left.
    let snapshot: Schema = serde_json::from_str(&serde_json::to_string(&after).unwrap()).map_err(|e| e.to_string())?;
    if !plan(&snapshot, &after, &FieldPath::root()).map_err(text)?.is_empty() {
        return Err("after the change, a second plan still has steps".into());
    }
    if run_down(ours, &groups)? {
        compare_catalogs("the SQL", &expected, "reverted", &ours.catalog())?;
    }
    Ok(())
}

/// Checks changes on a server of a version.
pub fn check_all(version: Version, changes: &[Change]) {
    let Some(server) = Server::start(version) else { return };
    check_all_on(&server, changes);
}

/// Checks changes whose owner is a superuser, as for extensions that move.
pub fn check_all_as_superuser(version: Version, changes: &[Change]) {
    let Some(server) = Server::start(version) else { return };
    let output = server.psql("postgres", "postgres", "ALTER ROLE owner SUPERUSER;");
    assert_eq!(output.code, 0, "{}", output.stderr);
    check_all_on(&server, changes);
}

fn check_all_on(server: &Server, changes: &[Change]) {
    server.database("ours");
    server.database("theirs");
    let (mut ours, mut theirs) = (server.session("owner", "ours"), server.session("owner", "theirs"));
    let failed: Vec<String> = changes
        .iter()
        .filter_map(|change| Some(format!("{}: {}", change.name, check(change, &mut ours, &mut theirs).err()?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Checks that the schemas after the changes are imported from a dump.
pub fn read_back_all(version: Version, changes: &[Change]) {
    let Some(server) = Server::start(version) else { return };
    server.database("theirs");
    server.database("ours");
    let (mut ours, mut theirs) = (server.session("owner", "ours"), server.session("owner", "theirs"));
    for change in changes {
        let expected = catalog_of(&mut theirs, change.after);
        let schema = import(&server.dump("theirs"));
        ours.reset();
        run_up(&mut ours, &plan(&Schema::default(), &schema, &FieldPath::root()).unwrap()).unwrap();
        compare_catalogs("the SQL", &expected, "from the dump", &ours.catalog())
            .unwrap_or_else(|error| panic!("{}: {error}", change.name));
    }
}
