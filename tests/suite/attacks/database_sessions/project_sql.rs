//! SQL of the project that tries to gain rights: backfills, seeds, hand-written migrations, definitions.

use std::fs;
use std::path::Path;

use crate::database::project::{FIRST, Project};
use crate::database::server::{OWNER, Server, Version};
use crate::support::{ProcessOutput, nself_in, run};

/// Statements that try to return from a set role to the login role, or to run a program of the server or psql.
fn ways(mark: &str) -> Vec<String> {
    let program = format!("COPY (SELECT 1) TO PROGRAM 'touch {mark}';");
    vec![
        format!("SELECT set_config('role', 'postgres', true); {program}"),
        format!("RESET ROLE; {program}"),
        format!("SET ROLE postgres; {program}"),
        format!("SET ROLE NONE; {program}"),
        format!("RESET SESSION AUTHORIZATION; {program}"),
        format!("SET SESSION AUTHORIZATION postgres; {program}"),
        format!("COMMIT; RESET ROLE; {program}"),
        format!("ROLLBACK; BEGIN; RESET ROLE; {program}"),
        format!("DO $$ BEGIN RESET ROLE; COPY (SELECT 1) TO PROGRAM 'touch {mark}'; END $$;"),
        format!(
            "CREATE FUNCTION up() RETURNS void LANGUAGE sql AS $$SELECT set_config('role', 'postgres', false)$$; SELECT up(); {program}"
        ),
        format!("DISCARD ALL; {program}"),
        format!("\\! touch {mark}"),
        format!("SELECT 1; \\! touch {mark}"),
        format!("SELECT 1 \\g |touch {mark}"),
        format!("\\copy (SELECT 1) TO PROGRAM 'touch {mark}'"),
        format!("\\connect orders postgres\n{program}"),
        format!("ALTER ROLE {OWNER} SUPERUSER; {program}"),
        format!("GRANT pg_execute_server_program TO {OWNER}; {program}"),
    ]
}

fn marks(server: &Server) -> (std::path::PathBuf, String) {
    let folder = server.folder().join("marks");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    (folder.join("mark"), server.inner("marks/mark"))
}

fn is_absent(mark: &Path) -> bool {
    let there = mark.exists();
    if there {
        fs::remove_file(mark).unwrap();
    }
    !there
}

/// Attack: seeds reset the role that the runner set, end its transaction, or use commands of psql.
/// Expectation: the server refuses each, nothing is changed, and no program runs.
#[test]
fn sql_of_the_project_cannot_gain_rights() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(&format!(
        "{FIRST}, seeds.local = [\"INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING;\"]"
    ));
    let output = project.migrate(&server, "orders");
    assert_eq!(output.code, 0, "{}", output.stderr);
    let (mark, inner) = marks(&server);
    let seeds = project.folder.path().join("deploy/local/migrations/orders/seeds.sql");
    let mut worked = Vec::new();
    for way in ways(&inner) {
        fs::write(&seeds, format!("INSERT INTO orders (id) VALUES (7);\n{way}\n")).unwrap();
        let output = run(&mut project.runner(&server, "orders"));
        assert!(output.code != 0 && output.stderr.contains("ERROR"), "{way}: {}{}", output.stdout, output.stderr);
        assert!(is_absent(&mark), "{way}");
        let mut session = server.session("postgres", "orders");
        assert_eq!(session.run_or_panic("SELECT count(*) FROM orders WHERE id = 7;").trim(), "0", "{way}");
        // Known-bad control: a superuser's session that only sets the role, as the runner's was.
        let text = format!("BEGIN;\nSET LOCAL ROLE {OWNER};\n{way}\nCOMMIT;\n");
        let _ = server.psql("postgres", "orders", &text);
        session.run_or_panic("DROP FUNCTION IF EXISTS up();");
        session
            .run_or_panic(&format!("ALTER ROLE {OWNER} NOSUPERUSER; REVOKE pg_execute_server_program FROM {OWNER};"));
        worked.push(!is_absent(&mark));
    }
    assert!(
        worked.iter().filter(|worked| **worked).count() >= 12,
        "the ways work where nothing stands against them: {worked:?}"
    );
}

fn is_denied(output: &ProcessOutput) -> bool {
    output.stderr.contains("permission denied") || output.stderr.contains("must be superuser")
}

/// Attack: hand-written migrations with the same statements, and one that is marked as privileged.
/// Expectation: the server refuses the first ones; `gen` refuses the last one.
#[test]
fn a_hand_written_migration_cannot_gain_rights() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let (mark, inner) = marks(&server);
    let project = Project::new(FIRST);
    project.nself(&["db", "new", "--by-hand", "--name", "up"]);
    let folder = project.folder.path().join("db/orders/migrations/0002_up");
    for way in [
        format!("SELECT set_config('role', 'postgres', true);\nCOPY (SELECT 1) TO PROGRAM 'touch {inner}';\n"),
        format!("COPY (SELECT 1) TO PROGRAM 'touch {inner}';\n"),
        format!(
            "DO $$ BEGIN PERFORM set_config('role', 'postgres', false); EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {inner}'''; END $$;\n"
        ),
    ] {
        fs::write(folder.join("up.sql"), &way).unwrap();
        project.nself(&["db", "sum"]);
        let output = project.migrate(&server, "orders");
        assert!(output.code != 0 && is_denied(&output), "{way}: {}", output.stderr);
        assert!(is_absent(&mark), "{way}");
        // The same in a temporary database, for a URL of a superuser.
        let url =
            |user: &str, database: &str| format!("postgresql://{user}@/{database}?host={}", server.folder().display());
        server.session(OWNER, "orders").run_or_panic("DROP SCHEMA nself CASCADE;");
        let output = nself_in(
            project.folder.path(),
            ["db", "baseline", "--url", &url(OWNER, "orders"), "--scratch", &url("postgres", "postgres")],
        );
        assert!(output.code == 2 && is_denied(&output), "{way}: {}", output.stderr);
        assert!(is_absent(&mark), "{way}");
        let mut admin = server.session("postgres", "postgres");
        let remaining_objects = "SELECT (SELECT count(*) FROM pg_database WHERE datname LIKE 'nself%') + (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'nself%');";
        assert_eq!(admin.run_or_panic(remaining_objects).trim(), "0");
        server.session(OWNER, "orders").run_or_panic("DROP TABLE orders;");
    }
    let plan = folder.join("plan.json");
    let text = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, text.replace("\"by_hand\": true", "\"by_hand\": true, \"privileged\": true")).unwrap();
    project.nself(&["db", "sum"]);
    let output = nself_in(project.folder.path(), ["gen"]);
    assert!(output.code == 2 && output.stderr.contains("error[NS735]"), "{}", output.stderr);
}

/// Attack: a definition with a view that is computed when it is created, on the `--scratch` server with a superuser's
/// URL.
/// Expectation: a role without rights creates it, and everything is dropped afterwards. Control: the superuser may read
/// the data.
#[test]
fn scratch_definitions_are_created_by_a_role_without_rights() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    assert_eq!(project.migrate(&server, "orders").code, 0);
    let view = "SELECT count(*) AS files FROM pg_ls_dir('.') AS d (name)";
    project.define(&format!("{FIRST}, views.files = {{ materialized = true, query = \"{view}\" }}"));
    let url = |database: &str| format!("postgresql://postgres@/{database}?host={}", server.folder().display());
    let diff = || {
        nself_in(
            project.folder.path(),
            ["db", "diff", "--from", &url("orders"), "--to", "stack.ncl", "--scratch", &url("postgres")],
        )
    };
    let output = diff();
    assert!(
        output.code == 2 && output.stderr.contains("permission denied for function pg_ls_dir"),
        "{}{}",
        output.stdout,
        output.stderr
    );
    assert_eq!(server.psql("postgres", "postgres", &format!("{view};")).code, 0);
    project.define(FIRST);
    let output = diff();
    assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{}", output.stderr);
    let mut admin = server.session("postgres", "postgres");
    assert_eq!(admin.run_or_panic("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'nself%';").trim(), "0");
}

/// Attack: the runner gets the login of the superuser, or of a role that can become superuser, instead of the owner's.
/// Expectation: it fails before any change.
#[test]
fn the_runner_refuses_a_session_that_can_gain_rights() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    project.deploy();
    let mut superuser = server.session("postgres", "orders");
    superuser.run_or_panic("CREATE ROLE member LOGIN; GRANT postgres TO member;");
    for (change, user, back) in [
        ("", "postgres", ""),
        ("ALTER DATABASE orders OWNER TO member;", "member", "ALTER DATABASE orders OWNER TO orders_migrations;"),
        ("ALTER ROLE orders_migrations CREATEROLE;", OWNER, "ALTER ROLE orders_migrations NOCREATEROLE;"),
        ("ALTER ROLE orders_migrations BYPASSRLS;", OWNER, "ALTER ROLE orders_migrations NOBYPASSRLS;"),
        (
            "GRANT pg_read_server_files TO orders_migrations;",
            OWNER,
            "REVOKE pg_read_server_files FROM orders_migrations;",
        ),
        ("", "owner", ""),
    ] {
        superuser.run_or_panic(change);
        let output = run(project.runner(&server, "orders").env("PGUSER", user));
        let why = "log in as the role that owns the database";
        assert!(output.code != 0 && output.stderr.contains(why), "{change} {user}: {}{}", output.stdout, output.stderr);
        assert_eq!(superuser.run_or_panic("SELECT to_regnamespace('nself') IS NULL;").trim(), "t");
        superuser.run_or_panic(back);
    }
    assert_eq!(run(&mut project.runner(&server, "orders")).code, 0);
}
