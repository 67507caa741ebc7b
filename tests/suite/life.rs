//! Stacks over time on a real container engine: from one generation to the next, and through interrupted starts.

use std::path::Path;
use std::time::Duration;

use crate::support::{ProcessOutput, nself_in};
use crate::up::{Stack, in_own_namespaces};

fn assert_success(output: ProcessOutput) -> ProcessOutput {
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    output
}

/// Returns a stack of the server and services with separate databases.
fn services(text: &str) -> String {
    format!(
        "let nself = import \"nself/main.ncl\" in {{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
         services = {{ hasura.enabled = false, auth.enabled = false,\n{text}\n}} }} | nself.Stack\n"
    )
}

/// Returns a service with a database.
fn service(name: &str, port: u16, more: &str) -> String {
    format!(
        "{name} = {{ image = \"ghcr.io/acme/{name}:1\", port = {port}, health.http.path = \"/healthz\", route.subdomain = \"{name}\",\n\
         env.DATABASE_URL = nself.database_url \"main\", databases.main = {{ name = \"{name}\" {more} }} }},"
    )
}

fn write(project: &Path, text: &str) {
    std::fs::write(project.join("stack.ncl"), text).unwrap();
}

/// Starts a stack of the server and `tickets`.
fn tickets() -> Stack {
    let stack = Stack::start_with("minimal", |project| write(project, &services(&service("tickets", 8001, ""))));
    stack.unwrap_or_else(|| panic!("nothing started, although the tools are installed"))
}

/// Generates the changed stack and starts it.
fn next_generation(stack: &Stack, text: &str) -> ProcessOutput {
    write(stack.project.path(), text);
    let output = stack.generate();
    assert_success(nself_in(stack.project.path(), ["secrets", "init", "--env", "local"]));
    must_start(stack);
    output
}

fn must_start(stack: &Stack) {
    let output = stack.up();
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "30"]).stdout);
}

/// Runs a query as the superuser.
fn query(stack: &Stack, database: &str, sql: &str) -> String {
    let arguments = ["exec", "-T", "postgres", "psql", "-U", "postgres", "-d", database, "-qtAc", sql];
    assert_success(stack.compose(&arguments)).stdout.trim().to_owned()
}

/// Returns everything that the server has, except the salted digests of passwords.
fn catalog(stack: &Stack) -> String {
    let dump = assert_success(stack.compose(&[
        "exec",
        "-T",
        "postgres",
        "pg_dumpall",
        "-U",
        "postgres",
        "--no-role-passwords",
    ]));
    // Each dump has a random word.
    dump.stdout.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

fn start_time(stack: &Stack, service: &str) -> String {
    stack.inspect()[service]["State"]["StartedAt"].as_str().unwrap().to_owned()
}

#[test]
fn a_database_that_is_added_reaches_a_running_server() {
    in_own_namespaces("life::a_database_that_is_added_reaches_a_running_server", add_database);
}

fn add_database() {
    let stack = tickets();
    must_start(&stack);
    assert_eq!(query(&stack, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'reports'"), "0", "control");
    query(&stack, "tickets", "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)");
    let server = start_time(&stack, "postgres");

    // The next generation adds a service with a database and an extension.
    let both = services(&(service("tickets", 8001, "") + &service("reports", 8002, ", extensions = [\"citext\"]")));
    next_generation(&stack, &both);
    assert_eq!(stack.inspect()["reports"]["State"]["Health"]["Status"], "healthy");
    assert_eq!(
        query(&stack, "reports", "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension"),
        "citext plpgsql"
    );
    assert_eq!(
        query(&stack, "reports", "SELECT datdba::regrole FROM pg_database WHERE datname = 'reports'"),
        "reports"
    );
    assert_eq!(query(&stack, "tickets", "SELECT id FROM kept"), "7");
    assert_eq!(start_time(&stack, "postgres"), server, "the server keeps running");

    // A second start changes nothing.
    let before = catalog(&stack);
    let job = start_time(&stack, "postgres-setup");
    must_start(&stack);
    assert_ne!(start_time(&stack, "postgres-setup"), job, "the job runs at each start");
    assert_eq!(catalog(&stack), before);

    a_changed_password_reaches_the_role(&stack);

    // Objects that the stack no longer uses stay, and each is a finding.
    let output = next_generation(&stack, &services(&service("tickets", 8001, "")));
    for lost in ["the database `reports`", "the role `reports`"] {
        assert!(output.stderr.contains(&format!("NS320]: the stack no longer uses {lost}")), "{}", output.stderr);
    }
    assert_eq!(query(&stack, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'reports'"), "1");
}

/// Replaces the password of a role, as its owner would: the old password stops working.
fn a_changed_password_reaches_the_role(stack: &Stack) {
    let secrets = stack.project.path().join("deploy/local/secrets");
    let file = secrets.join("reports_db_password");
    let old = std::fs::read_to_string(&file).unwrap();
    let connects = |password: &str| {
        let url = format!("postgres://reports:{}@127.0.0.1/reports", password.trim());
        stack.compose(&["exec", "-T", "postgres", "psql", &url, "-c", "SELECT 1"]).code == 0
    };
    assert!(connects(&old), "control");
    std::fs::remove_file(&file).unwrap();
    assert_success(nself_in(stack.project.path(), ["secrets", "init", "--env", "local"]));
    let new = std::fs::read_to_string(&file).unwrap();
    assert!(new != old && !connects(&new), "the server has the old password");
    must_start(stack);
    assert!(connects(&new) && !connects(&old));
    assert_eq!(stack.inspect()["reports"]["State"]["Health"]["Status"], "healthy");
}

#[test]
fn a_server_of_version_18_keeps_its_data() {
    in_own_namespaces("life::a_server_of_version_18_keeps_its_data", run_version_18);
}

fn run_version_18() {
    let image = "postgres.image = \"docker.io/library/postgres:18-alpine\",\n";
    let stack =
        Stack::start_with("minimal", |project| write(project, &services(&(service("tickets", 8001, "") + image))));
    let stack = stack.unwrap_or_else(|| panic!("nothing started, although the tools are installed"));
    must_start(&stack);
    assert!(query(&stack, "tickets", "SHOW server_version_num").starts_with("18"));
    query(&stack, "tickets", "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)");
    assert_success(stack.compose(&["down", "-t", "5"]));
    must_start(&stack);
    assert_eq!(query(&stack, "tickets", "SELECT id FROM kept"), "7");
}

#[test]
fn a_missing_value_stops_only_the_start() {
    in_own_namespaces("life::a_missing_value_stops_only_the_start", start_without_value);
}

fn start_without_value() {
    let stack = tickets();
    must_start(&stack);
    let file = stack.project.path().join("deploy/local/.env");
    let variables = std::fs::read_to_string(&file).unwrap();
    let without: String =
        variables.lines().filter(|line| !line.starts_with("TICKETS_")).map(|line| format!("{line}\n")).collect();
    assert_ne!(variables, without);
    std::fs::write(&file, without).unwrap();
    let running = start_time(&stack, "tickets");
    let output = stack.up();
    assert!(output.code != 0 && output.stderr.contains("TICKETS_MAIN_URL is missing a value"), "{}", output.stderr);
    assert!(assert_success(stack.compose(&["ps"])).stdout.contains("shop-local-tickets-1"));
    assert_eq!(start_time(&stack, "tickets"), running, "the start changed nothing");
    assert!(assert_success(stack.compose(&["logs", "tickets"])).stdout.contains("ready"));
    assert_success(stack.compose(&["stop", "-t", "5", "tickets"]));
    assert_success(stack.compose(&["down", "-t", "5"]));
    assert_eq!(stack.docker(&["ps", "-aq"]).stdout, "");
}

#[test]
fn two_environments_run_on_one_host() {
    in_own_namespaces("life::two_environments_run_on_one_host", run_two_environments);
}

fn run_two_environments() {
    let text = services(&service("tickets", 8001, ""));
    let (body, rest) = text.split_at(text.rfind(" } | nself.Stack").unwrap());
    let with = |second: &str| {
        format!(
            "{body},\ncompose.machine = \"one\", environments = {{ staging.enabled = false, prod.enabled = false,\n\
             second = {{ profile = 'local, {second} }} }}{rest}"
        )
    };
    let stack = Stack::start_with("minimal", |project| {
        // With the same ports, the second environment would not start.
        write(project, &with(""));
        let output = nself_in(project, ["gen"]);
        assert_eq!(output.stderr.matches("NS321").count(), 1, "{}", output.stderr);
        // The change that the finding names.
        let publish = "services.nginx.publish = { http.port = 8080, https.port = 8443 }";
        assert!(output.stderr.contains(&format!("`environments.second.{publish}`")), "{}", output.stderr);
        write(project, &with(publish));
    });
    let stack = stack.unwrap_or_else(|| panic!("nothing started, although the tools are installed"));
    assert_success(nself_in(stack.project.path(), ["secrets", "init", "--env", "second"]));
    must_start(&stack);
    let file = stack.project.path().join("deploy/second/compose.yaml");
    let second = |arguments: &[&str]| {
        let mut all = vec!["-f", file.to_str().unwrap()];
        all.extend(arguments);
        stack.compose_of(&all)
    };
    assert_success(second(&["up", "-d", "--wait", "--wait-timeout", "120"]));
    for (port, environment) in [(443, "local"), (8443, "second")] {
        let host = "tickets.localhost";
        let authority = stack.project.path().join(format!("deploy/{environment}/secrets/authority"));
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "--resolve", &format!("{host}:{port}:127.0.0.1"), "--cacert"])
            .arg(authority);
        let output = assert_success(crate::support::run(curl.arg(format!("https://{host}:{port}/x"))));
        assert!(output.stdout.contains("/x"), "{environment}: {}", output.stdout);
    }
    // Each environment has separate databases.
    query(&stack, "tickets", "CREATE TABLE only_local (id int)");
    let sql = "SELECT count(*) FROM pg_class WHERE relname = 'only_local'";
    let output =
        assert_success(second(&["exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "tickets", "-qtAc", sql]));
    assert_eq!((output.stdout.trim(), query(&stack, "tickets", sql).as_str()), ("0", "1"));
    assert_success(second(&["down", "-v", "-t", "5"]));
    assert_eq!(stack.inspect()["tickets"]["State"]["Health"]["Status"], "healthy", "the first environment stays");
}

#[test]
fn an_interrupted_first_start_is_repeated() {
    in_own_namespaces("life::an_interrupted_first_start_is_repeated", interrupt_first_start);
}

fn interrupt_first_start() {
    let stack = tickets();
    let kill = |service: &str| stack.compose(&["kill", "-s", "KILL", service]);
    let mut incomplete = 0;
    // Different moments: while the data folder is created, while the server of the first start runs, and later.
    for pause in [30, 150, 300, 500, 800, 1200, 1700, 2300, 3000] {
        assert_success(stack.compose(&["up", "-d", "--no-deps", "postgres"]));
        std::thread::sleep(Duration::from_millis(pause));
        kill("postgres");
        let list = ["run", "--rm", "--no-deps", "-T", "--entrypoint", "ls", "postgres", "/var/lib/postgresql/data"];
        incomplete += usize::from(assert_success(stack.compose(&list)).stdout.contains("pgdata.first-start"));
        if pause % 2 == 0 {
            // Every second start has no containers of the last attempt.
            assert_success(stack.compose(&["down", "--timeout", "1"]));
        }
    }
    assert!(incomplete > 2, "{incomplete} of the first starts were interrupted");
    // The job is interrupted as well.
    for pause in [0, 20, 60, 120] {
        assert_success(stack.compose(&["up", "-d", "--wait", "postgres"]));
        assert_success(stack.compose(&["up", "-d", "--no-deps", "postgres-setup"]));
        std::thread::sleep(Duration::from_millis(pause));
        kill("postgres-setup");
    }
    must_start(&stack);
    assert_eq!(
        query(&stack, "tickets", "SELECT datdba::regrole FROM pg_database WHERE datname = 'tickets'"),
        "tickets"
    );
    // The result is the same as after a start without interruption.
    let interrupted = catalog(&stack);
    assert_success(stack.compose(&["down", "-v", "--timeout", "5"]));
    must_start(&stack);
    assert_eq!(catalog(&stack), interrupted);
}
