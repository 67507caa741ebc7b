//! Attacks through foreign keys between rows of tenants.

use nself::codes::Code;
use nself::database::complete;
use nself::database::model::Schema;
use nself::diagnostic::FieldPath;
use serde_json::{Value, json};

use crate::database::project::Project;
use crate::database::server::{Server, Version};

const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";
const B: &str = "bbbbbbbb-0000-0000-0000-000000000000";

fn tables(convention: &str, scope: &str, action: &str) -> String {
    format!(
        "convention = '{convention}, tables = {{
          people = {{ {scope} columns.id.type = \"bigint\", primary_key = [\"id\"] }},
          notes = {{
            {scope}
            columns = {{ id = {{ type = \"bigint\" }}, author = {{ type = \"bigint\", nullable = true }} }},
            primary_key = [\"id\"],
            foreign_keys.notes_author_fkey = {{ columns = [\"author\"], references = {{ table = \"people\", columns = [\"id\"] }}, on_delete = '{action} }},
          }},
        }}"
    )
}

/// Returns whether tenant B learns that A has the person 1, and B's notes after A deletes it.
fn attack(server: &Server, database: &str, definition: &str) -> (bool, String) {
    let project = Project::new(definition);
    server.database_for_migrations(database);
    project.deploy();
    let output = project.migrate(server, database);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let mut admin = server.session("postgres", database);
    admin.run_or_panic("GRANT SELECT, INSERT, DELETE ON people, notes TO writer;");
    let isolated = admin.run_or_panic("SELECT count(*) FROM pg_policy;").trim() != "0";
    let of = |tenant: &str, sql: &str| {
        let mut session = server.session("writer", database);
        session.run_or_panic(&format!("SET app.tenant_id = '{tenant}';"));
        session.try_run(sql)
    };
    let (into, value) = if isolated { ("tenant_id, ", "current_setting('app.tenant_id')::uuid, ") } else { ("", "") };
    of(A, &format!("INSERT INTO people ({into}id) VALUES ({value}1);")).unwrap();
    // The server accepts a row of B that refers to a row of A only if that row exists: 1 does, 2 does not.
    let exists = of(B, &format!("INSERT INTO notes ({into}id, author) VALUES ({value}10, 1);")).is_ok();
    let missing = of(B, &format!("INSERT INTO notes ({into}id, author) VALUES ({value}11, 2);")).is_ok();
    of(B, &format!("INSERT INTO people ({into}id) VALUES ({value}3);")).unwrap();
    of(B, &format!("INSERT INTO notes ({into}id, author) VALUES ({value}12, 3);")).unwrap();
    of(A, "DELETE FROM people WHERE id = 1;").unwrap();
    (
        exists != missing,
        admin
            .run_or_panic("SELECT string_agg(id || ':' || coalesce(author::text, '-'), ' ' ORDER BY id) FROM notes;")
            .trim()
            .to_owned(),
    )
}

/// Attack: B refers to ids of A to learn which exist; A deletes a row to which a row of B refers.
/// Expectation: B gets the same answer for both ids, and A's delete does not change B's rows; within a tenant the
/// action works. Control: without the convention, B learns the id, and its row is deleted.
#[test]
fn a_foreign_key_stays_within_its_tenant() {
    let Some(server) = Server::start(Version::V15) else { return };
    let control = attack(&server, "shared", &tables("none", "", "cascade"));
    assert_eq!(control, (true, "12:3".to_owned()), "the attack does nothing here");
    for action in ["cascade", "set_null", "restrict"] {
        let definition = tables("tenant", "scope = 'tenant,", action);
        assert_eq!(attack(&server, &format!("keys_{action}"), &definition), (false, "12:3".to_owned()), "{action}");
        let mut admin = server.session("postgres", &format!("keys_{action}"));
        let deleted = admin.try_run("DELETE FROM people WHERE id = 3;");
        let remaining =
            admin.run_or_panic("SELECT string_agg(id || ':' || coalesce(author::text, '-'), ' ') FROM notes;");
        let expected = match action {
            "cascade" => (true, ""),
            "set_null" => (true, "12:-"),
            _ => (false, "12:3"),
        };
        assert_eq!((deleted.is_ok(), remaining.trim()), expected, "{action}");
    }
}

fn codes(tables: &Value) -> Vec<Code> {
    let schema: Schema = serde_json::from_value(json!({ "convention": "tenant", "tables": tables })).unwrap();
    complete(schema, &FieldPath::root()).1.iter().map(|finding| finding.code).collect()
}

/// Attack: keys that cannot be completed: from a shared table to a tenant's table, with the tenant's column on one side
/// only or at a different position, and a key whose action would unset the column.
/// Expectation: NS743.
#[test]
fn a_foreign_key_across_tenants_is_refused() {
    let with = |scope: &str, key: Value| {
        let people = json!({ "scope": "tenant", "columns": { "id": { "type": "uuid" } }, "primary_key": ["id"] });
        let mut notes =
            json!({ "scope": scope, "columns": { "id": { "type": "uuid" }, "author": { "type": "uuid" } } });
        notes["foreign_keys"] = json!({ "k": key });
        codes(&json!({ "people": people, "notes": notes }))
    };
    let to = |columns: &[&str]| json!({ "table": "people", "columns": columns });
    assert_eq!(with("tenant", json!({ "columns": ["author"], "references": to(&["id"]) })), []);
    assert_eq!(
        with("tenant", json!({ "columns": ["author", "tenant_id"], "references": to(&["id", "tenant_id"]) })),
        []
    );
    for (scope, key) in [
        ("shared", json!({ "columns": ["author"], "references": to(&["id"]) })),
        ("tenant", json!({ "columns": ["tenant_id"], "references": to(&["id"]) })),
        ("tenant", json!({ "columns": ["author"], "references": to(&["tenant_id"]) })),
        ("tenant", json!({ "columns": ["tenant_id", "author"], "references": to(&["id", "tenant_id"]) })),
        ("tenant", json!({ "columns": ["author"], "references": to(&["id"]), "on_update": "set_null" })),
    ] {
        assert!(with(scope, key.clone()).contains(&Code::ForeignTenant), "{scope} {key}");
    }
}
