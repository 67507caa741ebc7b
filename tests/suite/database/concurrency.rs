//! Writers while tables change. A transaction that stays open blocks sessions that need an exclusive lock on the table;
//! the generated migrations give up after their lock timeout, or never block writers. pg_stat_activity shows which
//! sessions are blocked; the tests do not assert times.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::project::{Project, applied_migrations, assert_refused};
use super::server::{OWNER, Server, Session, Version};
use crate::support::{ProcessOutput, ends_successfully};

const CLIENTS: usize = 4;
/// The lock timeout of migrations in seconds.
const TIMEOUT: f64 = 5.0;

const TABLE: &str = r#"id = { type = "bigint" }, n = { type = "integer", default = "0" }"#;

fn definition(note: &str, more: &str) -> String {
    format!(
        "tables.orders = {{ columns = {{ {TABLE}, note = {{ type = \"text\", {note} }} }}, primary_key = [\"id\"], {more} }}"
    )
}

/// A running pgbench that writes rows 2 to 1000 until the value is dropped.
struct Writers(Child);

impl Writers {
    fn start(server: &Server) -> Writers {
        let script = server.folder().join("write.sql");
        std::fs::write(&script, "\\set id random(2, 1000)\nUPDATE orders SET n = n + 1 WHERE id = :id;\n").unwrap();
        let mut pgbench = Command::new("/usr/lib/postgresql/15/bin/pgbench");
        pgbench.args(["-n", "-c", &CLIENTS.to_string(), "-T", "600", "-U", OWNER, "-h"]).arg(server.folder());
        pgbench.arg("-f").arg(script).arg("orders").stdout(Stdio::null()).stderr(Stdio::null());
        Writers(pgbench.spawn().unwrap())
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the number of writers that wait for the table, and the longest wait in seconds.
fn blocked_writers(session: &mut Session) -> (usize, f64) {
    let text = session.run_or_panic(
        "SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0) FROM pg_stat_activity \
         WHERE application_name = 'pgbench' AND wait_event_type = 'Lock' AND wait_event = 'relation';",
    );
    let (count, longest) = text.trim().split_once('|').unwrap();
    (count.parse().unwrap(), longest.parse().unwrap())
}

/// Returns the number of writes so far; the query only reads the table.
fn write_count(session: &mut Session) -> u64 {
    session.run_or_panic("SELECT sum(n) FROM orders;").trim().parse().unwrap()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2400 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(25));
    }
    panic!("never: {what}");
}

/// Creates the table with rows, writers, a monitoring session, and an open transaction that has written the first row.
fn busy_table(note: &str) -> Option<(Server, Project, Writers, Session, Session)> {
    let server = Server::start(Version::V15)?;
    server.database_for_migrations("orders");
    let project = Project::new(&definition(note, ""));
    assert_eq!(project.migrate(&server, "orders").code, 0);
    let mut session = server.session("postgres", "orders");
    session.run_or_panic("INSERT INTO orders (id, note) SELECT i, 'note ' || i FROM generate_series(1, 20000) i;");
    let writers = Writers::start(&server);
    eventually("they write", || write_count(&mut session) > 100);
    let mut open = server.session(OWNER, "orders");
    open.run_or_panic("BEGIN; UPDATE orders SET n = n WHERE id = 1;");
    Some((server, project, writers, session, open))
}

fn waiting(session: &mut Session, query: &str) -> bool {
    let sql =
        format!("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{query}%';");
    session.run_or_panic(&sql).trim() != "0"
}

#[test]
fn an_index_is_built_while_others_write() {
    let Some((server, project, _writers, mut session, mut open)) = busy_table("nullable = true") else { return };
    project.add_migration(&definition("nullable = true", "indexes.orders_note_idx.columns = [{ column = \"note\" }]"));
    project.deploy();
    let runner = project.runner(&server, "orders").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it waits for the open transaction", || waiting(&mut session, "CREATE INDEX CONCURRENTLY"));
    let before = write_count(&mut session);
    let mut most = 0;
    eventually("they go on writing", || {
        most = most.max(blocked_writers(&mut session).0);
        write_count(&mut session) > before + 500
    });
    assert_eq!(most, 0, "writers that waited");
    assert!(waiting(&mut session, "CREATE INDEX CONCURRENTLY"), "the index still waits");
    open.run_or_panic("COMMIT;");
    let output = runner.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Known-bad control: a plain CREATE INDEX blocks every writer.
    open.run_or_panic("BEGIN; UPDATE orders SET n = n WHERE id = 1;");
    let mut plain = Command::new("psql");
    plain.arg("-h").arg(server.folder()).args([
        "-U",
        OWNER,
        "-d",
        "orders",
        "-c",
        "CREATE INDEX plain ON orders (note)",
    ]);
    let mut plain = plain.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("all writers wait", || blocked_writers(&mut session).0 == CLIENTS);
    open.run_or_panic("COMMIT;");
    assert!(ends_successfully(&mut plain));
}

#[test]
fn a_change_that_locks_the_table_gives_up_after_a_timeout() {
    let Some((server, project, _writers, mut session, mut open)) = busy_table("nullable = true") else { return };
    let more = "checks.orders_n_check = \"n >= 0\"";
    project.add_migration(&definition("backfill = \"'none'\"", more));
    project.deploy();
    let mut most = 0;
    let mut watch = |session: &mut Session, mut runner: Child| {
        while runner.try_wait().unwrap().is_none() {
            most = most.max(blocked_writers(session).0);
            sleep(Duration::from_millis(25));
        }
        let output = runner.wait_with_output().unwrap();
        ProcessOutput {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    };
    let start = || project.runner(&server, "orders").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It waits in the lock queue with writers behind it, then gives up.
    assert_refused(&watch(&mut session, start()), "lock timeout");
    let before = write_count(&mut session);
    eventually("they write again", || write_count(&mut session) > before + 100);
    open.run_or_panic("COMMIT;");
    // These changes succeed on a busy table: condition, validation, NOT NULL.
    let process_output = watch(&mut session, start());
    assert_eq!(process_output.code, 0, "{}", process_output.stderr);
    assert!(applied_migrations(&process_output) >= 2, "{}", process_output.stdout);
    assert!(most > 0, "no writer waited behind the first run");
    let not_null = "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'note';";
    assert_eq!(session.run_or_panic(not_null).trim(), "t");
    let valid = "SELECT bool_and(convalidated) FROM pg_constraint WHERE conrelid = 'orders'::regclass;";
    assert_eq!(session.run_or_panic(valid).trim(), "t");
    // Known-bad control: the plain statement waits until the transaction ends, and blocks all sessions that come later.
    session.run_or_panic("ALTER TABLE orders ALTER COLUMN note DROP NOT NULL;");
    open.run_or_panic("BEGIN; UPDATE orders SET n = n WHERE id = 1;");
    let mut direct = Command::new("psql");
    direct.arg("-h").arg(server.folder()).args([
        "-U",
        OWNER,
        "-d",
        "orders",
        "-c",
        "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
    ]);
    let mut direct = direct.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("longer than any migration of ours", || blocked_writers(&mut session).1 > 2.0 * TIMEOUT);
    assert!(direct.try_wait().unwrap().is_none(), "it does not give way");
    open.run_or_panic("COMMIT;");
    assert!(ends_successfully(&mut direct));
}
