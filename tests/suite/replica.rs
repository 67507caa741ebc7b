//! Runs the pooler and the replica: real PgBouncer and PostgreSQL with the generated files.

use crate::support::ProcessOutput;
use crate::up::{Stack, in_own_namespaces};

#[test]
fn a_pooler_and_a_replica_serve_the_stack() {
    in_own_namespaces("replica::a_pooler_and_a_replica_serve_the_stack", pooler_and_replica_work);
}

/// Returns the connection URL in a variable of `.env`.
fn url(stack: &Stack, variable: &str) -> String {
    let env = std::fs::read_to_string(stack.project.path().join("deploy/local/.env")).unwrap();
    let line = env.lines().find_map(|line| line.strip_prefix(&format!("{variable}="))).unwrap();
    line.trim_matches(['\'', '"']).to_owned()
}

/// Runs psql with such a URL, in a container that can connect to the pooler and to the servers.
fn psql(stack: &Stack, variable: &str, sql: &str) -> ProcessOutput {
    let url = url(stack, variable);
    stack.compose(&["exec", "-T", "postgres-replica", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", &url, "-c", sql])
}

fn successful_stdout(output: ProcessOutput) -> String {
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    output.stdout.trim().to_owned()
}

fn assert_refused(output: &ProcessOutput, why: &str) {
    assert!(output.code != 0 && output.stderr.contains(why), "{}{}", output.stdout, output.stderr);
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("never: {what}");
}

const POOLED: &str = "TICKETS_MAIN_URL_POOLED";
const READS: &str = "REPORTS_MAIN_URL_REPLICA";

fn pooler_and_replica_work() {
    let Some(stack) = Stack::start("replica") else { panic!("nothing started, although the tools are installed") };
    let output = stack.up();
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "30"]).stdout);
    transactions_share_connections(&stack);
    sessions_leave_nothing_behind(&stack);
    only_services_of_the_pooler_can_connect(&stack);
    the_replica_streams_and_refuses_writes(&stack);
    a_replica_that_was_away_catches_up(&stack);
    the_health_of_a_replica_is_its_stream(&stack);
}

fn transactions_share_connections(stack: &Stack) {
    successful_stdout(psql(stack, POOLED, "INSERT INTO tickets (title) VALUES ('first')"));
    assert_eq!(successful_stdout(psql(stack, POOLED, "SELECT title FROM tickets")), "first");
    // More clients than connections of the pool: 60 clients sleep, and the server never has more than 20 connections.
    let url = url(stack, POOLED);
    let clients = format!("for i in $(seq 60); do psql -XqAt '{url}' -c 'SELECT pg_sleep(0.2)' & done; wait");
    let output = stack.compose(&["exec", "-T", "postgres-replica", "sh", "-c", &clients]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    let count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'tickets'";
    let open: u32 = successful_stdout(server(stack, count)).parse().unwrap();
    assert!((2..=20).contains(&open), "{open} connections for 60 clients");
}

/// Runs psql on the server as the superuser.
fn server(stack: &Stack, sql: &str) -> ProcessOutput {
    stack.compose(&[
        "exec",
        "-T",
        "postgres",
        "psql",
        "-XqAt",
        "-v",
        "ON_ERROR_STOP=1",
        "-U",
        "postgres",
        "-d",
        "tickets",
        "-c",
        sql,
    ])
}

/// Settings of one client do not affect the next one on the same connection.
fn sessions_leave_nothing_behind(stack: &Stack) {
    successful_stdout(psql(stack, POOLED, "SET app.tenant_id = 'first-client'; SELECT pg_advisory_lock(7)"));
    for _ in 0..30 {
        let setting =
            successful_stdout(psql(stack, POOLED, "SELECT coalesce(current_setting('app.tenant_id', true), '')"));
        assert_eq!(setting, "");
    }
    assert_eq!(
        successful_stdout(server(stack, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7")),
        "0"
    );
    // A setting applies within a transaction, which is how the tenant's name is set.
    let inside = "BEGIN; SET LOCAL app.tenant_id = 'mine'; SELECT current_setting('app.tenant_id'); COMMIT";
    assert_eq!(successful_stdout(psql(stack, POOLED, inside)), "mine");
}

fn only_services_of_the_pooler_can_connect(stack: &Stack) {
    // The pooler refuses `reports`, which has a password and a database, and the superuser.
    let secrets = stack.project.path().join("deploy/local/secrets");
    let read = |name: &str| std::fs::read_to_string(secrets.join(name)).unwrap().trim().to_owned();
    let by = |user: &str, password: &str, database: &str| {
        let password = format!("PGPASSWORD={password}");
        let words = [
            "exec",
            "-T",
            "-e",
            &password,
            "postgres-replica",
            "psql",
            "-XqAt",
            "-h",
            "pgbouncer",
            "-U",
            user,
            "-d",
            database,
            "-c",
            "SELECT 1",
        ];
        stack.compose(&words)
    };
    let tickets = read("tickets_db_password");
    assert_eq!(successful_stdout(by("tickets", &tickets, "tickets")), "1");
    assert_refused(&by("tickets", "wrong", "tickets"), "authentication failed");
    assert_refused(&by("tickets", &tickets, "desk"), "no such database");
    assert_refused(&by("tickets", &tickets, "pgbouncer"), "not allowed");
    assert_refused(&by("reports", &read("reports_db_password"), "tickets"), "authentication failed");
    assert_refused(&by("postgres", &read("postgres_password"), "tickets"), "authentication failed");
}

fn the_replica_streams_and_refuses_writes(stack: &Stack) {
    successful_stdout(psql(stack, POOLED, "INSERT INTO tickets (title) VALUES ('second')"));
    wait_until("the row arrives", || successful_stdout(psql(stack, READS, "SELECT count(*) FROM tickets")) == "2");
    assert_refused(&psql(stack, READS, "CREATE TEMPORARY TABLE x (y int)"), "read-only transaction");
    let replica = |sql: &str| {
        stack.compose(&[
            "exec",
            "-T",
            "postgres-replica",
            "psql",
            "-XqAt",
            "-U",
            "postgres",
            "-d",
            "tickets",
            "-c",
            sql,
        ])
    };
    assert_refused(&replica("INSERT INTO tickets (title) VALUES ('third')"), "read-only transaction");
    assert_eq!(successful_stdout(replica("SELECT pg_is_in_recovery()")), "t");
    let senders = "SELECT usename, application_name, state FROM pg_stat_replication";
    assert_eq!(successful_stdout(server(stack, senders)), "replication|postgres_replica|streaming");
    // The role can only replicate.
    let role = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = 'replication'";
    assert_eq!(successful_stdout(server(stack, role)), "f|f|f|f|t");
    let password =
        std::fs::read_to_string(stack.project.path().join("deploy/local/secrets/replication_password")).unwrap();
    let password = format!("PGPASSWORD={}", password.trim());
    let connect = [
        "exec",
        "-T",
        "-e",
        &password,
        "postgres-replica",
        "psql",
        "-h",
        "postgres",
        "-U",
        "replication",
        "-d",
        "tickets",
        "-c",
        "SELECT 1",
    ];
    assert_refused(&stack.compose(&connect), "pg_hba.conf rejects connection");
    // No other role can replicate, and the data folder contains no password.
    let env = std::fs::read_to_string(stack.project.path().join("deploy/local/secrets/tickets_db_password")).unwrap();
    let other = format!("PGPASSWORD={}", env.trim());
    let copy = [
        "exec",
        "-T",
        "-e",
        &other,
        "postgres-replica",
        "pg_basebackup",
        "-h",
        "postgres",
        "-U",
        "tickets",
        "-D",
        "/tmp/copy",
    ];
    assert_refused(&stack.compose(&copy), "pg_hba.conf rejects replication connection");
    let search = format!("! grep -rqs '{}' /var/lib/postgresql/data", password.trim_start_matches("PGPASSWORD="));
    assert_eq!(stack.compose(&["exec", "-T", "postgres-replica", "sh", "-c", &search]).code, 0);
    // Migrations never use the pooler.
    let job = &stack.inspect()["migrate-tickets"]["Config"]["Env"];
    assert!(job.to_string().contains("PGHOST=postgres\""), "{job}");
}

/// A stopped replica receives all changes later and is not copied again.
fn a_replica_that_was_away_catches_up(stack: &Stack) {
    assert_eq!(stack.compose(&["stop", "postgres-replica"]).code, 0);
    successful_stdout(server(
        stack,
        "INSERT INTO tickets (title) SELECT 'many' FROM generate_series(1, 1000); SELECT pg_switch_wal(); CHECKPOINT",
    ));
    assert_eq!(successful_stdout(server(stack, "SELECT active, wal_status FROM pg_replication_slots")), "f|reserved");
    assert_eq!(stack.compose(&["start", "postgres-replica"]).code, 0);
    wait_until("it caught up", || {
        let output = psql(stack, READS, "SELECT count(*) FROM tickets");
        output.code == 0 && output.stdout.trim() == "1002"
    });
    let logs = stack.compose(&["logs", "postgres-replica"]).stdout;
    assert_eq!(logs.matches("entering standby mode").count(), 2, "{logs}");
}

/// Known-bad control: a replica that answers but does not receive changes is unhealthy.
fn the_health_of_a_replica_is_its_stream(stack: &Stack) {
    let health = |stack: &Stack| {
        let container = &stack.inspect()["postgres-replica"];
        let words: Vec<String> = container["Config"]["Healthcheck"]["Test"].as_array().unwrap()[1..]
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect();
        let mut arguments = vec!["exec", "-T", "postgres-replica"];
        arguments.extend(words.iter().map(String::as_str));
        stack.compose(&arguments).code
    };
    wait_until("it streams", || health(stack) == 0);
    successful_stdout(server(
        stack,
        "ALTER ROLE replication NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_replication",
    ));
    wait_until("it is not well", || health(stack) == 1);
    assert_eq!(successful_stdout(psql(stack, READS, "SELECT count(*) > 0 FROM tickets")), "t", "it still answers");
    successful_stdout(server(stack, "ALTER ROLE replication LOGIN"));
    wait_until("it streams again", || health(stack) == 0);
}
