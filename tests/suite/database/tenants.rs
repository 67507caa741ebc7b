//! Two tenants and the generated roles: no statement of one tenant reads or writes rows of the other.

use std::fs;

use nself::database::migrate::plan;
use nself::database::model::Schema;
use nself::diagnostic::FieldPath;

use super::server::{Server, Session, Version};
use crate::support::{golden, name, nself_in, project};

const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";
const B: &str = "bbbbbbbb-0000-0000-0000-000000000000";

/// Creates the database of the golden case with rows of two tenants, written by the superuser.
fn tenants() -> Option<(Server, tempfile::TempDir)> {
    let server = Server::start(Version::V15)?;
    let case = golden(false).into_iter().find(|case| name(case) == "database").unwrap();
    let case = project(&case);
    assert_eq!(nself_in(case.path(), ["gen", "--env", "local"]).code, 0);
    server.first_start(&case.path().join("deploy/local"));
    let mut session = server.session("postgres", "tickets");
    let run_sh = case.path().join("deploy/local/migrations/tickets/run.sh");
    let mut runner = std::process::Command::new("/bin/sh");
    runner.arg(run_sh).env("PGHOST", server.folder()).env("PGUSER", "tickets_migrations").env("PGDATABASE", "tickets");
    runner.env("NSELF_SUPERUSER", "postgres");
    let output = crate::support::run(&mut runner);
    assert_eq!(output.code, 0, "{}", output.stderr);
    for (tenant, email) in [(A, "a@example.com"), (B, "b@example.com")] {
        session.run_or_panic(&format!(
            "INSERT INTO people (id, tenant_id, email) VALUES ('{tenant}', '{tenant}', '{email}');
             INSERT INTO tickets (tenant_id, author_id, title) VALUES ('{tenant}', '{tenant}', 'of {email}');"
        ));
    }
    Some((server, case))
}

/// Returns what a statement prints, or the first line of its error.
fn output_or_error(session: &mut Session, sql: &str) -> String {
    session
        .try_run(sql)
        .map_or_else(|error| error.lines().next().unwrap_or_default().to_owned(), |text| text.trim().to_owned())
}

#[test]
fn no_role_can_read_or_write_rows_of_a_different_tenant() {
    let Some((server, _case)) = tenants() else { return };
    let mut superuser = server.session("postgres", "tickets");
    let digest_of_rows_of_b = "SELECT md5(string_agg(t::text, ',' ORDER BY t)) FROM (SELECT p::text FROM people p WHERE tenant_id = 'bbbbbbbb-0000-0000-0000-000000000000' UNION ALL SELECT t::text FROM tickets t WHERE tenant_id = 'bbbbbbbb-0000-0000-0000-000000000000') AS x(t);";
    let before = superuser.run_or_panic(digest_of_rows_of_b);
    // A role that reads and writes, a role that reads, and the owner of the tables.
    for role in ["tickets", "reports", "tickets_migrations"] {
        for setting in [None, Some(""), Some(A)] {
            let mut session = server.session(role, "tickets");
            if let Some(setting) = setting {
                session.run_or_panic(&format!("SET app.tenant_id = '{setting}';"));
            }
            let expected = if setting == Some(A) { "1" } else { "0" };
            for from in
                ["people", "tickets", "open_tickets", "(SELECT * FROM tickets) t", "tickets JOIN people ON true"]
            {
                let sql = format!("SELECT count(*) FROM {from};");
                let found = output_or_error(&mut session, &sql);
                // The reader has no rights on `people`.
                let denied = role == "reports" && from.contains("people") && found.contains("permission denied");
                assert!(found == expected || denied, "{role} {setting:?} {from}: {found}");
            }
            assert_eq!(
                output_or_error(&mut session, "SELECT count(*) FROM tickets WHERE title LIKE '%b@%' OR true;"),
                expected
            );
            for write in [
                format!("INSERT INTO people (tenant_id, email) VALUES ('{B}', 'x@example.com');"),
                format!("INSERT INTO tickets (tenant_id, author_id, title) VALUES ('{B}', '{B}', 'x');"),
                format!("UPDATE tickets SET title = 'stolen' WHERE tenant_id = '{B}';"),
                format!("UPDATE people SET tenant_id = '{B}';"),
                format!("UPDATE tickets SET tenant_id = '{B}', author_id = '{B}';"),
                format!("DELETE FROM people WHERE tenant_id = '{B}';"),
                "DELETE FROM tickets WHERE title LIKE '%b@%';".to_owned(),
                format!(
                    "INSERT INTO people (id, tenant_id, email) VALUES ('{B}', '{A}', 'y@example.com') ON CONFLICT (id) DO UPDATE SET email = 'z@example.com';"
                ),
                format!(
                    "MERGE INTO tickets USING (SELECT '{B}'::uuid AS t) s ON tenant_id = s.t WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (tenant_id, author_id, title) VALUES (s.t, s.t, 'x');"
                ),
                "COPY tickets TO STDOUT;".to_owned(),
            ] {
                let output = output_or_error(&mut session, &format!("BEGIN; {write} ROLLBACK;"));
                assert!(
                    !output.contains("b@example.com") && !output.contains(B),
                    "{role} {setting:?} {write}: {output}"
                );
                let _ = session.try_run(&write);
                assert_eq!(superuser.run_or_panic(digest_of_rows_of_b), before, "{role} {setting:?}: {write}");
            }
        }
    }
}

/// Known-bad control: without the policy, the same queries return rows.
#[test]
fn the_check_detects_a_missing_policy() {
    let Some((server, _case)) = tenants() else { return };
    server.session("postgres", "tickets").run_or_panic("ALTER TABLE tickets DISABLE ROW LEVEL SECURITY;");
    let mut service = server.session("tickets", "tickets");
    assert_eq!(output_or_error(&mut service, "SELECT count(*) FROM tickets;"), "2");
}

/// Parts that the convention adds cannot be removed or changed.
#[test]
fn a_tenant_table_without_its_policy_is_refused() {
    let case = golden(false).into_iter().find(|case| name(case) == "database").unwrap();
    let case = project(&case);
    let file = case.path().join("db/tickets.ncl");
    let text = fs::read_to_string(&file).unwrap();
    for (change, words) in [
        (
            "scope = 'tenant,\n      policies.tenant_isolation.using = \"true\",",
            "the policy `tenant_isolation` cannot be declared",
        ),
        ("scope = 'tenant,\n      columns.tenant_id = { type = \"text\" },", "`tenant_id` must be uuid"),
        ("scope = 'app,", "differs from the `convention` of the database"),
        ("", "needs a `scope`"),
        ("scope = 'shared, columns.tenant_id.type = \"uuid\",", "has `scope = 'shared`, but also the column"),
    ] {
        fs::write(&file, text.replacen("scope = 'tenant,", change, 1)).unwrap();
        let output = nself_in(case.path(), ["db", "diff"]);
        assert!(
            output.code == 2 && output.stderr.contains("[NS711]") && output.stderr.contains(words),
            "{}",
            output.stderr
        );
    }
    // `row_security = 'off` is accepted and changes nothing: row-level security stays forced.
    fs::write(&file, text.replacen("scope = 'tenant,", "scope = 'tenant, row_security = 'off,", 1)).unwrap();
    assert_eq!(nself_in(case.path(), ["db", "diff"]).code, 0);
}

/// A partition with its own permissive policy shows no rows of other tenants.
#[test]
fn a_partition_shows_rows_of_one_tenant_only() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database("parts");
    let definition = serde_json::json!({ "convention": "tenant", "tables": {
        "events": {
            "scope": "tenant", "columns": { "id": { "type": "bigint" } }, "grants": { "reader": ["select"] },
            "partition_by": { "strategy": "list", "columns": ["id"] }, "partitions": { "listed": { "in": ["1"] } },
        },
        "rest": {
            "partition_of": { "table": "events", "bound": "default" }, "grants": { "reader": ["select"] },
            "policies": { "everything": { "using": "true" } },
        },
    } });
    let schema = super::case::schema(&definition).unwrap();
    let groups = plan(&Schema::default(), &schema, &FieldPath::root()).unwrap();
    super::property::run_up(&mut server.session("owner", "parts"), &groups).unwrap();
    let rows =
        [A, B].map(|tenant| format!("INSERT INTO events (id, tenant_id) VALUES (1, '{tenant}'), (2, '{tenant}');"));
    server.session("postgres", "parts").run_or_panic(&rows.concat());
    let mut reader = server.session("reader", "parts");
    assert_eq!(reader.run_or_panic("SELECT count(*) FROM rest;").trim(), "0", "without a tenant");
    reader.run_or_panic(&format!("SET app.tenant_id = '{A}';"));
    assert_eq!(
        reader.run_or_panic("SELECT count(*), min(tenant_id::text), max(tenant_id::text) FROM rest;").trim(),
        format!("1|{A}|{A}")
    );
    assert_eq!(reader.run_or_panic("SELECT count(*) FROM events;").trim(), "2");
    assert!(reader.try_run("SELECT FROM listed;").is_err());
    let truncate = serde_json::json!({ "reader": ["truncate"] });
    let mut open = definition.clone();
    open["tables"]["rest"]["grants"] = truncate;
    assert!(super::case::schema(&open).unwrap_err().contains("rows of all tenants"));
}
