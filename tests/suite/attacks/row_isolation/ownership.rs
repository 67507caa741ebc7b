//! The role of a service reads and writes rows and owns no objects, so it cannot lift the isolation of tenants.

use std::process::Command;

use crate::database::server::{Server, Version};
use crate::support::{golden, name, nself_in, project, run};

const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";
const B: &str = "bbbbbbbb-0000-0000-0000-000000000000";

/// Creates the database of the golden case with the setup job and the runner, with rows of two tenants.
fn tickets() -> Option<(Server, tempfile::TempDir)> {
    let server = Server::start(Version::V17)?;
    let case = golden(false).into_iter().find(|case| name(case) == "database").unwrap();
    let case = project(&case);
    assert_eq!(nself_in(case.path(), ["gen", "--env", "local"]).code, 0);
    server.first_start(&case.path().join("deploy/local"));
    migrate(&server, &case);
    let mut session = server.session("postgres", "tickets");
    for tenant in [A, B] {
        session.run_or_panic(&format!(
            "INSERT INTO people (id, tenant_id, email) VALUES ('{tenant}', '{tenant}', '{tenant}@example.com');
             INSERT INTO tickets (tenant_id, author_id, title) VALUES ('{tenant}', '{tenant}', 'of {tenant}');"
        ));
    }
    Some((server, case))
}

fn migrate(server: &Server, case: &tempfile::TempDir) {
    let mut runner = Command::new("/bin/sh");
    runner.arg(case.path().join("deploy/local/migrations/tickets/run.sh")).env("PGHOST", server.folder());
    runner.env("PGUSER", "tickets_migrations").env("PGDATABASE", "tickets").env("NSELF_SUPERUSER", "postgres");
    let output = run(&mut runner);
    assert_eq!(output.code, 0, "{}", output.stderr);
}

/// Statements that would give the service more than access to rows, or change tables.
const LIFTS: [&str; 27] = [
    "ALTER TABLE tickets DISABLE ROW LEVEL SECURITY;",
    "ALTER TABLE tickets NO FORCE ROW LEVEL SECURITY;",
    "ALTER TABLE tickets OWNER TO tickets;",
    "ALTER TABLE tickets ADD COLUMN more text;",
    "ALTER TABLE tickets DISABLE TRIGGER ALL;",
    "ALTER POLICY tenant_isolation ON tickets USING (true);",
    "CREATE POLICY mine ON tickets USING (true);",
    "DROP POLICY tenant_isolation ON tickets;",
    "DROP TABLE tickets CASCADE;",
    "TRUNCATE tickets CASCADE;",
    "CREATE RULE mine AS ON INSERT TO tickets DO INSTEAD NOTHING;",
    "CREATE TRIGGER mine BEFORE INSERT ON tickets FOR EACH ROW EXECUTE FUNCTION touch();",
    "CREATE INDEX mine ON tickets (title);",
    "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';",
    "CREATE TABLE public.mine (id int);",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    "CREATE SCHEMA mine;",
    "DROP SCHEMA public CASCADE;",
    "GRANT ALL ON tickets TO PUBLIC;",
    "ALTER DEFAULT PRIVILEGES FOR ROLE tickets_migrations GRANT ALL ON TABLES TO tickets;",
    "ALTER DATABASE tickets SET search_path = mine;",
    "ALTER DATABASE tickets OWNER TO tickets;",
    "GRANT tickets_migrations TO tickets;",
    "SET ROLE tickets_migrations;",
    "SET SESSION AUTHORIZATION tickets_migrations;",
    "ALTER ROLE tickets BYPASSRLS;",
    "UPDATE nself.ledger SET sum = '';",
];

/// Attack: the role of a service lifts row-level security, changes or drops tables, or becomes the owner.
/// Expectation: everything is refused, rows of the other tenant stay invisible, and the role can still read and write
/// rows.
#[test]
fn a_service_cannot_lift_row_level_security() {
    let Some((server, _case)) = tickets() else { return };
    let mut service = server.session("tickets", "tickets");
    service.run_or_panic(&format!("SET app.tenant_id = '{A}';"));
    let foreign = format!("SELECT count(*) FROM tickets WHERE tenant_id = '{B}';");
    for lift in LIFTS {
        let tried = service.try_run(lift);
        let is_refused = tried.as_ref().err().is_some_and(|error| {
            [
                "must be owner",
                "permission denied",
                "must be able to SET ROLE",
                "is not a superuser",
                "must be superuser",
            ]
            .iter()
            .any(|words| error.contains(words))
        });
        // The server accepts this statement but grants nothing.
        let nothing_granted = lift.starts_with("GRANT ALL ON tickets") && tried.is_ok();
        assert!(is_refused || nothing_granted, "{lift}: {tried:?}");
        assert_eq!(service.run_or_panic(&foreign).trim(), "0", "{lift}");
    }
    let mut superuser = server.session("postgres", "tickets");
    let owned = "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid IN ('tickets'::regrole, 'reports'::regrole, 'hasura'::regrole) AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database());";
    assert_eq!(superuser.run_or_panic(owned).trim(), "0", "services own nothing here");
    let forced = "SELECT count(*) FROM pg_class WHERE relname IN ('tickets', 'people') AND relrowsecurity AND relforcerowsecurity;";
    assert_eq!(superuser.run_or_panic(forced).trim(), "2");
    // The service can still do its work.
    service.run_or_panic(&format!(
        "INSERT INTO tickets (tenant_id, author_id, title) VALUES ('{A}', '{A}', 'mine');
         UPDATE tickets SET title = 'still mine' WHERE title = 'mine'; DELETE FROM tickets WHERE title = 'still mine';"
    ));
    assert_eq!(service.run_or_panic("SELECT count(*) FROM tickets;").trim(), "1");
    // Control: the owner of the tables can lift it with one statement.
    let mut owner = server.session("tickets_migrations", "tickets");
    let lifted =
        owner.run_or_panic(&format!("BEGIN; ALTER TABLE tickets DISABLE ROW LEVEL SECURITY; {foreign} ROLLBACK;"));
    assert_eq!(lifted.trim(), "1");
}

/// Attack: a later migration creates tables, and an operator makes the service their owner so that it can use them.
/// Expectation: the service gets rights on rows of later tables, sequences and schemas without that, and none on the
/// ledger.
#[test]
fn services_get_rights_on_rows_of_later_tables() {
    let Some((server, case)) = tickets() else { return };
    let mut owner = server.session("tickets_migrations", "tickets");
    owner.run_or_panic(
        "CREATE SCHEMA later; CREATE TABLE later.notes (id int GENERATED ALWAYS AS IDENTITY, note text);",
    );
    let mut service = server.session("tickets", "tickets");
    service.run_or_panic(
        "INSERT INTO later.notes (note) VALUES ('a'); UPDATE later.notes SET note = 'b'; DELETE FROM later.notes;",
    );
    for sql in ["DROP TABLE later.notes;", "TRUNCATE later.notes;", "CREATE TABLE later.mine (id int);"] {
        let error = service.try_run(sql).expect_err(sql);
        assert!(error.contains("must be owner") || error.contains("permission denied"), "{sql}: {error}");
    }
    let privileges = "SELECT coalesce(string_agg(DISTINCT privilege_type, ' '), '') FROM information_schema.role_table_grants WHERE table_schema = 'nself' AND grantee <> 'tickets_migrations';";
    assert_eq!(owner.run_or_panic(privileges).trim(), "SELECT", "the ledger is read and no more");
    // Running the setup job again grants the same.
    server.first_start(&case.path().join("deploy/local"));
    migrate(&server, &case);
    assert_eq!(owner.run_or_panic(privileges).trim(), "SELECT");
    service.run_or_panic("SELECT count(*) FROM later.notes;");
}

/// Attack: a table of the tenants belongs to the service's role, as in earlier releases.
/// Expectation: the runner fails and shows how to change the owner; afterwards it succeeds.
#[test]
fn a_table_that_belongs_to_a_service_stops_the_runner() {
    let Some((server, case)) = tickets() else { return };
    let mut superuser = server.session("postgres", "tickets");
    superuser.run_or_panic("ALTER TABLE tickets OWNER TO tickets;");
    let mut runner = Command::new("/bin/sh");
    runner.arg(case.path().join("deploy/local/migrations/tickets/run.sh")).env("PGHOST", server.folder());
    runner.env("PGUSER", "tickets_migrations").env("PGDATABASE", "tickets").env("NSELF_SUPERUSER", "postgres");
    let output = run(&mut runner);
    let way = "REASSIGN OWNED BY tickets TO tickets_migrations";
    assert!(output.code != 0 && output.stderr.contains(way), "{}{}", output.stdout, output.stderr);
    superuser.run_or_panic(&format!("{way};"));
    migrate(&server, &case);
}
