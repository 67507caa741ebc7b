//! Checks Hasura's metadata: it matches the published types, names only objects that a real server has, and every
//! permission has its row filter.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::database::server::{Server, Session, Version};
use crate::support::{ProcessOutput, golden, name, nself_in, project, run, stack, tool};

/// Reads the folder like Hasura's command line: `!include FILE` is replaced by the content of the file in the same
/// folder.
pub fn read(file: &Path) -> Value {
    let value = serde_yaml_ng::from_str(&fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}")));
    include(value.unwrap(), file.parent().unwrap())
}

fn include(value: Value, folder: &Path) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("!include ") {
            Some(file) => read(&folder.join(file)),
            None => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(|item| include(item, folder)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, include(value, folder)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

pub fn metadata(folder: &Path) -> Value {
    let version = read(&folder.join("version.yaml"));
    assert_eq!(version, json!({ "version": 3 }));
    json!({ "resource_version": 1, "metadata": { "version": 3, "sources": read(&folder.join("databases/databases.yaml")) } })
}

fn golden_metadata() -> Value {
    let case = golden(false).into_iter().find(|case| name(case) == "database").unwrap();
    metadata(&case.join("out/local/hasura/hasura"))
}

fn tables(metadata: &Value) -> Vec<Value> {
    let sources = metadata["metadata"]["sources"].as_array().unwrap();
    sources.iter().flat_map(|source| source["tables"].as_array().unwrap().clone()).collect()
}

/// Checks values against the published type, in one run of the compiler. Returns the errors of each value.
fn type_errors(values: &[Value]) -> Option<Vec<String>> {
    let tools = tool("metadata")?;
    let folder = tempfile::tempdir_in(&tools).unwrap();
    let names: Vec<String> = (0..values.len()).map(|i| format!("value{i}.ts")).collect();
    for (name, metadata) in names.iter().zip(values) {
        // The published type accepts any configuration for other kinds of sources, so this kind is checked separately.
        let sources = metadata["metadata"]["sources"].as_array().unwrap();
        let configurations: Vec<&Value> = sources.iter().map(|source| &source["configuration"]).collect();
        let text = format!(
            "import type {{ Metadata, PostgresConfiguration }} from 'hasura-metadata-types';\n\
             export const value: Metadata = {metadata};\n\
             export const configurations: PostgresConfiguration[] = {};\n",
            json!(configurations)
        );
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut judge = Command::new("node");
    judge.arg(tools.join("node_modules/typescript/bin/tsc")).args(["--noEmit", "--strict", "--skipLibCheck"]);
    let output = run(judge.args(&names).current_dir(folder.path()));
    let errors = names.iter().map(|name| {
        let lines = output.stdout.lines().filter(|line| line.starts_with(&format!("{name}(")));
        lines.collect::<Vec<_>>().join("\n")
    });
    let errors: Vec<String> = errors.collect();
    assert_eq!(output.code == 0, errors.iter().all(String::is_empty), "{}{}", output.stdout, output.stderr);
    Some(errors)
}

/// Asserts that a value has the published type, and that it has not after the replacement of any of these texts.
pub fn assert_type(good: &Value, replacements: &[(&str, &str)]) {
    let text = good.to_string();
    let mut values = vec![good.clone()];
    for (is, was) in replacements {
        assert!(text.contains(is), "{is}");
        values.push(serde_json::from_str(&text.replace(is, was)).unwrap());
    }
    let Some(errors) = type_errors(&values) else { return };
    assert_eq!(errors[0], "");
    for ((_, was), errors) in replacements.iter().zip(&errors[1..]) {
        assert!(!errors.is_empty(), "{was} was accepted");
    }
}

#[test]
fn metadata_matches_the_published_types() {
    // Known-bad controls: keys and values that do not exist in Hasura.
    assert_type(
        &golden_metadata(),
        &[
            ("\"foreign_key_constraint_on\"", "\"foreign_key_constraints_on\""),
            ("\"select_permissions\"", "\"select_permission\""),
            ("\"filter\"", "\"filters\""),
            ("\"read-committed\"", "\"read-uncommitted\""),
            ("\"from_env\"", "\"env\""),
        ],
    );
}

/// Returns the differences between the metadata and the server's tables, columns and keys.
fn faults(session: &mut Session, metadata: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |session: &mut Session, sql: String, what: String| {
        if session.run_or_panic(&sql).trim() != "t" {
            faults.push(what);
        }
    };
    let full = |name: &Value| format!("{}.{}", name["schema"].as_str().unwrap(), name["name"].as_str().unwrap());
    for table in tables(metadata) {
        let own = full(&table["table"]);
        check(session, format!("SELECT to_regclass('{own}') IS NOT NULL;"), own.clone());
        for kind in ["insert", "select", "update", "delete"] {
            for permission in table[format!("{kind}_permissions")].as_array().into_iter().flatten() {
                let rule = &permission["permission"];
                let permitted_columns = rule["columns"].as_array().into_iter().flatten().map(|it| it.as_str().unwrap());
                let keys =
                    ["filter", "check", "set"].into_iter().flat_map(|key| rule[key].as_object().into_iter().flatten());
                for column in permitted_columns.chain(keys.map(|(key, _)| key.as_str())) {
                    let sql = format!(
                        "SELECT count(*) = 1 FROM pg_attribute WHERE attrelid = to_regclass('{own}') AND attname = '{column}' \
                         AND NOT attisdropped AND ('{kind}' NOT IN ('insert', 'update') OR (attgenerated = '' AND attidentity <> 'a'));"
                    );
                    check(session, sql, format!("{own}.{column} of {kind}"));
                }
            }
        }
        for (kind, relationship) in ["object", "array"].into_iter().flat_map(|kind| {
            table[format!("{kind}_relationships")]
                .as_array()
                .into_iter()
                .flatten()
                .map(move |relationship| (kind, relationship))
        }) {
            let on = &relationship["using"]["foreign_key_constraint_on"];
            let columns = |value: &Value| -> Vec<String> {
                let all = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                all.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
            };
            let (from, keys) = if on.is_object() {
                (full(&on["table"]), columns(if on["column"].is_null() { &on["columns"] } else { &on["column"] }))
            } else {
                (own.clone(), columns(on))
            };
            let other = if on.is_object() { format!("AND confrelid = '{own}'::regclass") } else { String::new() };
            let sql = format!(
                "SELECT count(*) = 1 FROM pg_constraint WHERE contype = 'f' AND conrelid = to_regclass('{from}') {other} AND \
                 (SELECT array_agg(attname::text ORDER BY place) FROM unnest(conkey) WITH ORDINALITY AS k (number, place) \
                  JOIN pg_attribute ON attrelid = conrelid AND attnum = number) = '{{{}}}';",
                keys.join(",")
            );
            check(session, sql, format!("{own}: the {kind} relationship {}", relationship["name"]));
        }
    }
    faults
}

/// Creates the database of the golden case on a real server.
fn served() -> Option<(Server, tempfile::TempDir)> {
    let server = Server::start(Version::V17)?;
    let case = project(&golden(false).into_iter().find(|case| name(case) == "database").unwrap());
    assert_eq!(nself_in(case.path(), ["gen", "--env", "local"]).code, 0);
    server.first_start(&case.path().join("deploy/local"));
    let mut runner = Command::new("/bin/sh");
    runner.arg(case.path().join("deploy/local/migrations/tickets/run.sh"));
    let output = run(runner
        .env("PGHOST", server.folder())
        .env("PGUSER", "tickets_migrations")
        .env("NSELF_SUPERUSER", "postgres")
        .env("PGDATABASE", "tickets"));
    assert_eq!(output.code, 0, "{}", output.stderr);
    Some((server, case))
}

#[test]
fn metadata_names_only_objects_that_the_server_has() {
    let Some((server, case)) = served() else { return };
    let mut session = server.session("postgres", "tickets");
    let metadata = metadata(&case.path().join("deploy/local/hasura/hasura"));
    assert_eq!(faults(&mut session, &metadata), Vec::<String>::new());
    let relationships = metadata.to_string().matches("foreign_key_constraint_on").count();
    let keys = session.run_or_panic("SELECT count(*) FROM pg_constraint WHERE contype = 'f';");
    assert_eq!(
        relationships.to_string(),
        (2 * keys.trim().parse::<u32>().unwrap()).to_string(),
        "both directions of each key"
    );
    // Known-bad controls: a dropped column and key, a column that no role may write.
    session.run_or_panic(
        "ALTER TABLE tickets DROP COLUMN spent; ALTER TABLE tickets DROP CONSTRAINT tickets_author_fkey;",
    );
    session.run_or_panic("ALTER TABLE tickets ALTER COLUMN state DROP DEFAULT;");
    let found = faults(&mut session, &metadata).join("\n");
    assert!(found.contains("tickets.spent of insert") && found.contains("relationship \"author\""), "{found}");
}

/// The service that filters by a session variable sees all rows; a service without the setting sees none.
#[test]
fn only_hasura_is_exempt_from_the_tenants_policy() {
    let Some((server, _case)) = served() else { return };
    let mut superuser = server.session("postgres", "tickets");
    superuser.run_or_panic("INSERT INTO people (id, tenant_id, email) SELECT gen_random_uuid(), gen_random_uuid(), n || '@example.com' FROM generate_series(1, 3) n;");
    superuser.run_or_panic("CREATE ROLE other LOGIN; GRANT CONNECT ON DATABASE tickets TO other; GRANT USAGE ON SCHEMA public TO other; GRANT SELECT ON people TO other;");
    for (role, rows) in [("hasura", "3"), ("tickets", "0"), ("other", "0")] {
        assert_eq!(server.session(role, "tickets").run_or_panic("SELECT count(*) FROM people;").trim(), rows, "{role}");
    }
}

/// Every permission on a tenant's table has the filter; a missing filter is detected.
#[test]
fn every_permission_has_the_filter_of_its_convention() {
    let metadata = golden_metadata();
    let mut checked_tables = BTreeSet::new();
    for table in tables(&metadata) {
        let own = table["table"]["name"].as_str().unwrap();
        let tenant = ["people", "tickets"].contains(&own);
        for kind in ["insert", "select", "update", "delete"] {
            for permission in table[format!("{kind}_permissions")].as_array().into_iter().flatten() {
                checked_tables.insert((own.to_owned(), kind));
                let rule = &permission["permission"];
                for place in if kind == "insert" { &["check"] as &[&str] } else { &["filter"] } {
                    let filter = &rule[place]["tenant_id"]["_eq"];
                    assert_eq!(filter == "X-Hasura-Tenant-Id", tenant, "{own} {kind}: {rule}");
                }
                // Columns that are compared with session variables cannot be written.
                let columns = rule["columns"].as_array().cloned().unwrap_or_default();
                assert!(kind == "select" || !columns.contains(&json!("tenant_id")), "{own} {kind}");
            }
        }
    }
    assert_eq!(checked_tables.len(), 6, "{checked_tables:?}");
}

fn shop(tables: &str, more: &str) -> tempfile::TempDir {
    stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", databases.shop = {{ {more} tables = {{ {tables} }} }} }}"
    ))
}

const ORDERS: &str =
    r#"orders = { columns = { id = { type = "bigint" }, owner_id = { type = "text" } }, primary_key = ["id"]"#;

/// Generates a stack without a server.
fn generate(case: &tempfile::TempDir) -> ProcessOutput {
    nself_in(case.path(), ["db", "new", "--name", "next"]);
    nself_in(case.path(), ["gen", "--env", "local"])
}

#[test]
fn the_api_follows_the_schema() {
    let lines = r#"lines = { columns = { id = { type = "bigint" }, order_id = { type = "bigint" }, gift_order_id = { type = "bigint" } },
        primary_key = ["id"], foreign_keys = {
          lines_gift_fkey = { columns = ["gift_order_id"], references = { table = "orders", columns = ["id"] } },
          lines_order_fkey = { columns = ["order_id"], references = { table = "orders", columns = ["id"] } } } }"#;
    let notes = r#"notes = { columns = { order_id = { type = "bigint" } }, primary_key = ["order_id"],
        foreign_keys.notes_order_fkey = { columns = ["order_id"], references = { table = "orders", columns = ["id"] } } }"#;
    let case = shop(&format!("{ORDERS} }}, {lines}, {notes}"), "served_by = \"hasura\",");
    let output = generate(&case);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let folder = case.path().join("deploy/local/hasura/hasura");
    let value = metadata(&folder);
    assert_type(&value, &[]);
    assert_eq!(value["metadata"]["sources"][0]["name"], "default", "the main database is Hasura's own source");
    let names = |table: &str, kind: &str| -> Vec<String> {
        let all = tables(&value);
        let table = all.iter().find(|it| it["table"]["name"] == table).unwrap();
        let list = table[format!("{kind}_relationships")].as_array().cloned().unwrap_or_default();
        list.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("lines", "object"), ["gift_order", "order"]);
    assert_eq!(names("orders", "array"), ["lines_by_gift_order", "lines_by_order"]);
    assert_eq!(names("orders", "object"), ["notes"], "one row at most is an object");
    // A table that was removed from the definition is removed from the metadata.
    let text = fs::read_to_string(case.path().join("stack.ncl")).unwrap();
    let without =
        text.replace(&format!(", {notes}"), "").replace("served_by", "allow.notes.deletes_data = \"moved\", served_by");
    fs::write(case.path().join("stack.ncl"), without).unwrap();
    let output = generate(&case);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(!metadata(&folder).to_string().contains("notes"));
    assert!(!folder.join("databases/default/tables/public_notes.yaml").exists());
}

#[test]
fn an_api_that_bypasses_a_policy_is_refused() {
    let served = "served_by = \"hasura\",";
    for (table, more, code, why) in [
        ("api.user.may = ['select]", "", "NS710", "no service serves"),
        ("api.admin.may = ['select]", served, "NS710", "already has every permission"),
        ("api.user = { may = ['select], columns = [\"total\"] }", served, "NS710", "no column `total`"),
        ("api.user = { may = ['select], rows.owner_id = \"owner\" }", served, "NS106", "X-Hasura-"),
        (
            "row_security = 'on, policies.own.using = \"owner_id = CURRENT_USER\", api.user.may = ['select]",
            served,
            "NS711",
            "limits the rows of the table",
        ),
        (
            "scope = 'tenant, api.user.rows.tenant_id = \"X-Hasura-User-Id\"",
            "served_by = \"hasura\", convention = 'tenant,",
            "NS711",
            "already compares it",
        ),
        ("", "served_by = \"hasurra\",", "NS301", "did you mean `hasura`"),
        ("", "served_by = \"auth\",", "NS301", "is not a Hasura"),
    ] {
        let output = generate(&shop(&format!("{ORDERS}, {table} }}"), more));
        assert!(
            output.code == 2 && output.stderr.contains(code) && output.stderr.contains(why),
            "{table} {more}: {}",
            output.stderr
        );
    }
    // A policy of the user is accepted if `rows` has an equivalent condition.
    let good = "row_security = 'on, policies.own.using = \"owner_id = CURRENT_USER\", \
                api.user = { may = ['select], rows.owner_id = \"X-Hasura-User-Id\" }";
    let output = generate(&shop(&format!("{ORDERS}, {good} }}"), served));
    assert_eq!(output.code, 0, "{}", output.stderr);
}
