//! Cases in which the runner must not run: through a pooler, on a standby, without its lock. Also changes that are
//! refused without a server, and the down script.

use std::process::{Child, Command, Stdio};

use super::project::{FIRST, Project, SECOND, applied_migrations, assert_refused};
use super::server::{OWNER, Pooler, Server, Version};
use crate::support::{ProcessOutput, nself_in, root, run};

/// Returns the pooler's settings in the golden case, for the database `orders`.
pub fn settings() -> String {
    let file = root().join("golden/replica/out/local/pgbouncer/pgbouncer.ini");
    std::fs::read_to_string(file).unwrap().replace("tickets", "orders")
}

fn through<'a>(command: &'a mut Command, pooler: &Pooler) -> &'a mut Command {
    command.env("PGHOST", pooler.folder()).env("PGPASSWORD", "secret")
}

fn psql(pooler: &Pooler, sql: &str) -> ProcessOutput {
    let mut psql = Command::new("psql");
    psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", OWNER, "-d", "orders", "-c", sql]);
    run(through(&mut psql, pooler))
}

/// Runs six runners at once; all are refused before any change.
fn six_are_refused(project: &Project, server: &Server, pooler: &Pooler, why: &str) {
    let start = |_| -> Child {
        let mut runner = project.runner(server, "orders");
        through(&mut runner, pooler).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runners: Vec<Child> = (0..6).map(start).collect();
    for runner in runners {
        let output = runner.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(why), "{stderr}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("applying"));
    }
    let mut session = server.session("postgres", "orders");
    assert_eq!(session.run_or_panic("SELECT to_regnamespace('nself') IS NULL;").trim(), "t");
}

#[test]
fn migrations_do_not_go_through_a_pooler() {
    let Some(server) = Server::start(Version::V17) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    project.add_migration(SECOND);
    project.deploy();
    let Some(ours) = server.pooler(&settings()) else { return };
    assert_eq!(psql(&ours, "SELECT 1").stdout.trim(), "1", "the pooler accepts queries");
    six_are_refused(&project, &server, &ours, "unsupported startup parameter");
    // A pooler that ignores unknown settings.
    let careless = settings().replace("extra_float_digits", "extra_float_digits, options");
    let careless = server.pooler(&careless).unwrap();
    six_are_refused(&project, &server, &careless, "this connection goes through a pooler");
    // The same runner with a direct connection succeeds.
    let output = run(&mut project.runner(&server, "orders"));
    assert_eq!((output.code, applied_migrations(&output)), (0, 4), "{}", output.stderr);
}

/// In transaction mode, settings of a session affect the next client unless they are reset; tested with and without the
/// reset.
#[test]
fn a_setting_does_not_affect_the_next_client() {
    let Some(server) = Server::start(Version::V17) else { return };
    server.database_for_migrations("orders");
    let values_of_clients = |settings: &str| -> Option<Vec<String>> {
        let pooler = server.pooler(settings)?;
        assert_eq!(psql(&pooler, "SET app.tenant_id = 'of-another'").code, 0);
        let ask = "SELECT coalesce(current_setting('app.tenant_id', true), '')";
        Some((0..5).map(|_| psql(&pooler, ask).stdout.trim().to_owned()).collect())
    };
    let Some(found) = values_of_clients(&settings()) else { return };
    assert_eq!(found, ["", "", "", "", ""]);
    // Known-bad control.
    let found =
        values_of_clients(&settings().replace("server_reset_query_always = 1", "server_reset_query_always = 0"))
            .unwrap();
    assert!(found.contains(&"of-another".to_owned()), "{found:?}");
}

#[test]
fn migrations_refuse_a_standby_which_then_receives_them() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    let standby = server.standby();
    project.deploy();
    assert_refused(&run(&mut project.runner(&standby, "orders")), "this server is a standby");
    assert_eq!(run(&mut project.runner(&server, "orders")).code, 0);
    let mut session = standby.session("postgres", "orders");
    let arrived = (0..300).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        session.run_or_panic("SELECT to_regclass('orders') IS NOT NULL;").trim() == "t"
    });
    assert!(arrived);
    // It is refused even if no migrations are left to apply.
    assert_refused(&run(&mut project.runner(&standby, "orders")), "this server is a standby");
}

#[test]
fn a_runner_that_lost_its_lock_stops_before_the_next_step() {
    for kind in ["transaction", "index"] {
        let Some(server) = Server::start(Version::V15) else { return };
        server.database_for_migrations("orders");
        let project = Project::new(FIRST);
        project.nself(&["db", "new", "--by-hand", "--name", "careless"]);
        let up = project.folder.path().join("db/orders/migrations/0002_careless/up.sql");
        std::fs::write(&up, "SELECT pg_advisory_unlock_all();\n").unwrap();
        project.nself(&["db", "sum"]);
        // The next step is a table, or an index outside a transaction.
        let next = match kind {
            "transaction" => {
                format!("{FIRST}, tables.later = {{ columns.id.type = \"bigint\", primary_key = [\"id\"] }}")
            }
            _ => FIRST.replace("primary_key", "indexes.orders_note_idx.columns = [{ column = \"note\" }], primary_key"),
        };
        project.add_migration(&next);
        let output = project.migrate(&server, "orders");
        assert_refused(&output, "the lock is lost");
        assert_eq!(applied_migrations(&output), 3, "{}", output.stdout);
        let mut session = server.session("postgres", "orders");
        assert_eq!(
            session.run_or_panic("SELECT string_agg(name, ' ' ORDER BY number) FROM nself.ledger;").trim(),
            "0001_init 0002_careless"
        );
        assert_eq!(
            session
                .run_or_panic("SELECT to_regclass('later') IS NULL AND to_regclass('orders_note_idx') IS NULL;")
                .trim(),
            "t"
        );
        // The next runner takes the lock and continues.
        let output = project.migrate(&server, "orders");
        assert_eq!((output.code, applied_migrations(&output)), (0, 1), "{kind}: {}", output.stderr);
    }
}

/// NS725: nself refuses changes that PostgreSQL would refuse, with an alternative, without a server.
#[test]
fn changes_that_postgresql_refuses_are_refused_without_a_server() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let mut session = server.session(OWNER, "orders");
    let table =
        |kind: &str| format!("tables.orders = {{ columns.id = {{ type = \"{kind}\" }}, primary_key = [\"id\"] }}");
    let part = |kind: &str| {
        format!("types.part.composite.attributes = [{{ name = \"a\", type = \"{kind}\" }}], {}", table("part"))
    };
    let amount = |kind: &str| format!("types.amount.domain.type = \"{kind}\", {}", table("amount"));
    for (before, after, sql, why) in [
        (amount("integer"), amount("text"), "ALTER DOMAIN amount TYPE text;", "syntax error at or near \"TYPE\""),
        (
            part("integer"),
            part("text"),
            "ALTER TYPE part ALTER ATTRIBUTE a TYPE text;",
            "cannot alter type \"part\" because column \"orders.id\" uses it",
        ),
    ] {
        session.reset();
        let project = Project::new(&before);
        let output = project.migrate(&server, "orders");
        assert_eq!(output.code, 0, "{}", output.stderr);
        let error = session.try_run(sql).expect_err(sql);
        assert!(error.contains(why), "{error}");
        project.define(&after);
        let output = nself_in(project.folder.path(), ["db", "new"]);
        assert!(
            output.code == 2 && output.stderr.contains("error[NS725]") && output.stderr.contains("= help:"),
            "{}",
            output.stderr
        );
        assert_eq!(nself_in(project.folder.path(), ["db", "diff"]).code, 2);
        server.session("postgres", "orders").run_or_panic("DROP SCHEMA nself CASCADE;");
    }
}

#[test]
fn the_down_script_checks_the_ledger() {
    let Some(server) = Server::start(Version::V17) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    assert_eq!(project.migrate(&server, "orders").code, 0);
    let first = server.session(OWNER, "orders").catalog();
    project.add_migration(SECOND);
    assert_eq!(applied_migrations(&project.migrate(&server, "orders")), 3);
    let mut session = server.session("postgres", "orders");
    let script = project.folder.path().join("down.sql");
    let down = |to: &str| {
        let output = nself_in(project.folder.path(), ["db", "down", "--to", to]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        std::fs::write(&script, output.stdout).unwrap();
        let mut psql = Command::new("psql");
        psql.args(["-Xq", "-h"]).arg(server.folder()).args(["-U", OWNER, "-d", "orders", "-f"]).arg(&script);
        run(&mut psql)
    };
    let output = down("1");
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert_eq!(output.stdout.matches("reverting").count(), 3);
    assert_eq!(server.session(OWNER, "orders").catalog(), first);
    assert_eq!(session.run_or_panic("SELECT string_agg(name, ' ') FROM nself.ledger;").trim(), "0001_init");
    // A second time, the ledger does not match the script; while a runner is active, the script fails.
    assert_refused(&down("1"), "the last migration of this database is not 0004_next_3");
    session.run_or_panic("SELECT pg_advisory_lock(7241105402127946086);");
    assert_refused(&down("1"), "another run of migrations");
    session.run_or_panic("SELECT pg_advisory_unlock_all();");
    // Forward again without a warning about other changes; then back to the start.
    let output = run(&mut project.runner(&server, "orders"));
    assert_eq!((output.code, applied_migrations(&output), output.stderr.as_str()), (0, 3, ""));
    assert_eq!(down("0").code, 0);
    assert_eq!(session.run_or_panic("SELECT to_regclass('orders') IS NULL;").trim(), "t");
    // A table with rows is not dropped.
    assert_eq!(run(&mut project.runner(&server, "orders")).code, 0);
    session.run_or_panic("INSERT INTO orders (id) VALUES (1);");
    assert!(down("0").code != 0);
    assert_eq!(session.run_or_panic("SELECT count(*) FROM orders;").trim(), "1");
    // A change that loses data cannot be reverted, and invalid numbers are refused.
    let without_note = FIRST.replace(", note = { type = \"text\", nullable = true }", "");
    project.add_migration(&format!("{without_note}, allow.\"orders.note\".deletes_data = \"moved\", allow.\"orders.state\".deletes_data = \"moved\", allow.\"orders.orders_note_key\".drops_constraint = \"moved\""));
    let output = nself_in(project.folder.path(), ["db", "down", "--to", "1"]);
    assert!(
        output.code == 2 && output.stderr.contains("error[NS725]") && output.stdout.is_empty(),
        "{}{}",
        output.stdout,
        output.stderr
    );
    assert_eq!(nself_in(project.folder.path(), ["db", "down", "--to", "77"]).code, 2);
}
