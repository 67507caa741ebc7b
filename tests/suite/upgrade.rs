//! Runs the documented upgrade to a new major version of PostgreSQL: two real servers, the generated files and the
//! commands of docs/databases.md.

use std::path::Path;
use std::process::Command;

use crate::support::{ProcessOutput, nself_in, root, run};
use crate::up::{Stack, in_own_namespaces};

#[test]
fn data_moves_to_a_new_major_version_as_documented() {
    in_own_namespaces("upgrade::data_moves_to_a_new_major_version_as_documented", run_documented_upgrade);
}

/// Returns the commands below this heading of docs/databases.md, with their comments.
fn commands(heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/databases.md")).unwrap();
    let (_, below) = text.split_once(heading).unwrap_or_else(|| panic!("{heading} is missing"));
    let block = below.split("```").nth(1).unwrap();
    let commands: Vec<String> = block.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect();
    assert!(commands.len() > 4, "{block}");
    commands
}

fn assert_success(output: ProcessOutput) -> String {
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    output.stdout.trim().to_owned()
}

/// Changes the golden stack to a server of this major version.
fn use_postgres_version(project: &Path, major: u32) {
    let file = project.join("stack.ncl");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = text.lines().find(|line| line.contains("services.postgres.image"));
    let text = line.map_or(text.clone(), |line| text.replace(&format!("{line}\n"), ""));
    let image = format!("  services.postgres.image = \"docker.io/library/postgres:{major}-alpine\",\n");
    std::fs::write(file, text.replace("  domain =", &format!("{image}  domain ="))).unwrap();
}

fn psql(stack: &Stack, sql: &str) -> String {
    let words = ["exec", "-T", "postgres", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "tickets"];
    assert_success(stack.compose(&[words.as_slice(), &["-c", sql]].concat()))
}

/// Returns everything that must be equal before and after: rows, sequences, the ledger, rights (except rights of owners,
/// which
/// differ in 17) and roles. Each start stores the passwords with new salts.
fn state(stack: &Stack) -> String {
    psql(
        stack,
        "SELECT id, title FROM tickets ORDER BY 1; SELECT sequencename, last_value FROM pg_sequences;
         SELECT * FROM nself.ledger ORDER BY 1;
         SELECT relname, relowner::regrole, (SELECT string_agg(grantee::regrole || ' ' || privilege_type, ',' ORDER BY 1)
            FROM aclexplode(relacl) WHERE grantee <> relowner) FROM pg_class
          WHERE relnamespace IN ('public'::regnamespace, 'nself'::regnamespace) ORDER BY 1;
         SELECT datname, datdba::regrole, datacl FROM pg_database WHERE datname NOT LIKE 'template%' ORDER BY 1;
         SELECT rolname, left(rolpassword, 13), rolreplication, rolcanlogin FROM pg_authid WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1;",
    )
}

/// A view that the two versions print differently.
const VIEW: &str = "databases.tickets = {\n    views.titled.query = \"SELECT id FROM tickets WHERE title <> ''\",";

fn run_documented_upgrade() {
    let stack = Stack::start_with("replica", |project| {
        use_postgres_version(project, 15);
        let file = project.join("stack.ncl");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("databases.tickets = {", VIEW, 1)).unwrap();
        assert_success(nself_in(project, ["db", "new", "--name", "view"]));
    });
    let stack = stack.unwrap();
    let output = stack.compose(&["up", "-d", "--wait", "postgres-replica", "tickets"]);
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "30"]).stdout);
    assert!(psql(&stack, "SHOW server_version_num").starts_with("15"));
    psql(&stack, "INSERT INTO tickets (title) SELECT 'of ' || i FROM generate_series(1, 100) i");
    let before = state(&stack);
    let view = "SELECT pg_get_viewdef('titled'::regclass)";
    let printed = psql(&stack, view);
    assert!(before.contains("100|of 100") && before.contains("|done|") && before.contains("SCRAM-SHA-256"), "{before}");

    let folder = stack.project.path().join("deploy/local");
    for line in commands("## Move to a new major version of PostgreSQL") {
        if line.contains("rm shop-prod_postgres-data") {
            let dump = std::fs::read_to_string(folder.join("secrets/all.sql")).unwrap();
            assert!(dump.lines().rev().take(6).any(|line| line == "-- PostgreSQL database cluster dump complete"));
            use_postgres_version(stack.project.path(), 17);
            let output = stack.generate();
            assert!(output.stderr.contains("warning[NS709]"), "{}", output.stderr);
            does_not_start(&stack);
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", &line.replace("shop-prod_", "desk-local_")]).current_dir(&folder);
        let output = run(stack.with_docker(&mut shell));
        assert_eq!(output.code, 0, "{line}\n{}{}", output.stdout, output.stderr);
        if line.contains("psql") {
            let existing = |line: &&str| {
                let words: Vec<&str> = line.split_whitespace().collect();
                matches!(words[..], ["ERROR:", "role" | "database" | "schema", _, "already", "exists"])
            };
            let (known, others): (Vec<&str>, Vec<&str>) = output.stderr.lines().partition(existing);
            assert!(!known.is_empty() && others.is_empty(), "{}", output.stderr);
        }
    }
    assert!(psql(&stack, "SHOW server_version_num").starts_with("17"));
    assert!(state(&stack) == before, "{}\n{before}", state(&stack));

    // No migrations and no warnings, although the versions print the catalog differently.
    assert_ne!(psql(&stack, view), printed);
    let logs = stack.compose(&["logs", "--no-log-prefix", "migrate-tickets"]).stdout;
    assert_eq!(logs.trim().trim_start_matches("\u{1b}[2K"), "done");
    let project = stack.project.path();
    let container = &stack.inspect()["postgres"];
    let networks = container["NetworkSettings"]["Networks"].as_object().unwrap();
    let address = networks.values().next().unwrap()["IPAddress"].as_str().unwrap();
    // Connections from the host are refused for the superuser and accepted for a role.
    let status = |role: &str, secret: &str| {
        let password = std::fs::read_to_string(folder.join("secrets").join(secret)).unwrap();
        let url = format!("postgresql://{role}:{}@{address}/tickets", password.trim());
        nself_in(project, ["db", "status", "--url", &url])
    };
    assert!(status("postgres", "postgres_password").stderr.contains("pg_hba.conf rejects connection"));
    let status = assert_success(status("tickets", "tickets_db_password"));
    assert!(status.ends_with("server: 2 applied, 0 waiting"), "{status}");
    for arguments in [["db", "verify"].as_slice(), &["secrets", "check", "--env", "local"]] {
        assert_success(nself_in(project, arguments));
    }
    assert_eq!(nself_in(project, ["check"]).code, 0);
}

/// Known-bad control: the new server does not start with the old data.
fn does_not_start(stack: &Stack) {
    assert_success(stack.compose(&["up", "-d", "postgres"]));
    let is_refused = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        stack.compose(&["logs", "postgres"]).stdout.contains("files are incompatible with server")
    });
    assert!(is_refused, "{}", stack.compose(&["logs", "postgres"]).stdout);
    assert_success(stack.compose(&["down", "--timeout", "5"]));
}
