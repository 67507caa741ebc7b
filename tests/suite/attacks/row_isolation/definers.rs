//! Attacks through functions that run with their owner's rights.

use nself::codes::Code;
use nself::database::complete;
use nself::database::model::Schema;
use nself::diagnostic::FieldPath;
use serde_json::{Value, json};

use crate::database::project::Project;
use crate::database::server::{Server, Version};
use crate::support::stack;

fn definition(settings: &Value, schemas: &Value) -> Vec<Code> {
    let function = json!({ "language": "sql", "returns": "bigint", "body": "SELECT 1", "security_definer": true, "settings": settings });
    let schema: Schema = serde_json::from_value(json!({ "schemas": schemas, "functions": { "f": function } })).unwrap();
    complete(schema, &FieldPath::root()).1.iter().map(|finding| finding.code).collect()
}

/// Attack: a definer function whose names its caller can replace: no search path, one in which a role may create
/// objects, one without `pg_temp` at its end.
/// Expectation: NS742. Control: a fixed path is accepted.
#[test]
fn a_definer_without_a_fixed_search_path_is_refused() {
    let none = json!({});
    let open =
        json!({ "open": { "grants": { "reader": ["create"] } }, "audit": { "grants": { "reader": ["usage"] } } });
    for path in
        ["pg_temp", "pg_catalog, pg_temp", "public, pg_temp", "pg_catalog, public, pg_temp", "audit, public, pg_temp"]
    {
        assert_eq!(definition(&json!({ "search_path": path }), &open), [], "{path}");
    }
    for path in [
        "public",
        "pg_temp, public",
        "\"$user\", public, pg_temp",
        "elsewhere, pg_temp",
        "open, pg_temp",
        "public, pg_catalog, pg_temp",
        "",
    ] {
        let settings = if path.is_empty() { none.clone() } else { json!({ "search_path": path }) };
        assert_eq!(definition(&settings, &open), [Code::OpenDefiner], "{path}");
    }
    let public = json!({ "public": { "grants": { "reader": ["create"] } } });
    assert_eq!(definition(&json!({ "search_path": "public, pg_temp" }), &public), [Code::OpenDefiner]);
}

/// Creates a project with a database whose rows `owner` reads and writes, and `reader` reads.
fn project(definition: &str) -> Project {
    let project = Project { folder: stack("{}") };
    define(&project, definition);
    project.nself(&["db", "new"]);
    project
}

fn define(project: &Project, definition: &str) {
    let text = format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
         services.owner = {{ image = \"a/owner:1\", databases.main.name = \"orders\" }},\n\
         services.reader = {{ image = \"a/reader:1\", databases.main = {{ name = \"orders\", access = 'read }} }},\n\
         databases.orders = {{ {definition} }} }} | nself.Stack\n"
    );
    std::fs::write(project.folder.path().join("stack.ncl"), text).unwrap();
}

const ROWS: &str = "tables.secrets = { columns.id.type = \"bigint\" },";

fn function(more: &str) -> String {
    format!(
        "{ROWS} functions.count_secrets = {{ language = 'sql, returns = \"bigint\", body = \"SELECT count(*) FROM secrets\", {more} }}"
    )
}

/// Attack: a role without grants calls a definer function, created or changed to be one, and shadows the table that it
/// reads by a temporary table.
/// Expectation: the call is refused unless `grants` has the role or `public`; the temporary table is not read.
/// Control: every role may call the same function without definer rights, and it reads the temporary table.
#[test]
fn only_roles_with_a_grant_can_call_a_definer() {
    let Some(server) = Server::start(Version::V15) else { return };
    let definer = "security_definer = true, settings.search_path = \"public, pg_temp\",";
    let call = "SELECT count_secrets();";
    let shadow = "CREATE TEMPORARY TABLE secrets AS SELECT generate_series(1, 7);";
    for (i, (first, second, allowed)) in [
        (function(definer), None, false),
        (function(""), Some(function(definer)), false),
        (function(definer), Some(function("")), true),
        (function(&format!("{definer} grants.reader = ['execute]")), None, true),
        (function(&format!("{definer} grants.public = ['execute]")), None, true),
    ]
    .into_iter()
    .enumerate()
    {
        let project = project(&first);
        if let Some(second) = &second {
            define(&project, second);
            project.nself(&["db", "new", "--name", "next"]);
        }
        let database = format!("definers{i}");
        server.database_for_migrations(&database);
        project.deploy();
        let output = project.migrate(&server, &database);
        assert_eq!(output.code, 0, "{}", output.stderr);
        server.session("postgres", &database).run_or_panic("GRANT SELECT ON secrets TO reader;");
        let mut reader = server.session("reader", &database);
        reader.run_or_panic(shadow);
        match reader.try_run(call) {
            Ok(count) => {
                assert!(allowed, "case {i}");
                let is_definer = second.as_ref().unwrap_or(&first).contains("security_definer");
                assert_eq!(count.trim(), if is_definer { "0" } else { "7" }, "case {i}");
            }
            Err(error) => assert!(!allowed && error.contains("permission denied for function"), "case {i}: {error}"),
        }
    }
}
