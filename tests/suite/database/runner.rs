//! Runs the generated runner on a real server: it applies each migration once and in order, or, if files, ledger or
//! runner were changed, nothing.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::project::{FIRST, Project, SECOND, applied_migrations, assert_refused};
use super::server::{OWNER, Server, Version};
use crate::support::{ends_successfully, nself_in, root, run};

/// Starts the command with which pods of the golden case `database` wait, as a role without rights.
fn start_waiting(container: &str, argument: &str, variable: &str, server: &Server) -> Child {
    let deployment = root().join("golden/database/out/prod/kubernetes/apps/reports/deployment-reports.yaml");
    let deployment: serde_json::Value = serde_yaml_ng::from_str(&fs::read_to_string(deployment).unwrap()).unwrap();
    let containers = deployment["spec"]["template"]["spec"]["initContainers"].as_array().unwrap();
    let container = containers.iter().find(|one| one["name"] == container).unwrap();
    let words = container["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().replace("$$", "$"));
    let words: Vec<String> = words.collect();
    let url = format!("postgres:///orders?user=reader&host={}", server.folder().display());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(argument).env(variable, url).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(process.try_wait().unwrap().is_none(), "it did not wait");
    process
}

#[test]
fn pods_wait_for_the_extensions_of_their_databases() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let mut waiting = start_waiting("postgres-setup", "URL_1:citext,pgcrypto", "URL_1", &server);
    let mut session = server.session("postgres", "orders");
    session.run_or_panic("CREATE EXTENSION citext;");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(waiting.try_wait().unwrap().is_none(), "it did not wait for the second extension");
    session.run_or_panic("CREATE EXTENSION pgcrypto;");
    assert!(ends_successfully(&mut waiting));
}

/// The command ends once the last migration is in the ledger.
#[test]
fn pods_wait_for_the_last_migration() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    let runner = fs::read_to_string(project.deploy().join("run.sql")).unwrap();
    let manifest = runner.lines().find(|line| line.starts_with("INSERT INTO nself_manifest")).unwrap();
    let chain = manifest.split('\'').nth(5).unwrap();
    let mut waiting = start_waiting("migrate-tickets", chain, "DATABASE_URL", &server);
    assert_eq!(run(&mut project.runner(&server, "orders")).code, 0);
    assert!(ends_successfully(&mut waiting));
}

#[test]
fn each_migration_is_applied_once_and_in_order() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    let first = project.migrate(&server, "orders");
    assert_eq!((first.code, applied_migrations(&first)), (0, 1), "{}{}", first.stdout, first.stderr);
    let again = project.migrate(&server, "orders");
    assert_eq!((again.code, again.stdout.as_str(), again.stderr.as_str()), (0, "done\n", ""));
    project.add_migration(SECOND);
    let second = project.migrate(&server, "orders");
    // The column, the index (outside a transaction), the constraint.
    assert_eq!((second.code, applied_migrations(&second)), (0, 3), "{}{}", second.stdout, second.stderr);
    let mut session = server.session("postgres", "orders");
    let ledger =
        session.run_or_panic("SELECT string_agg(number || ' ' || state, ',' ORDER BY number) FROM nself.ledger;");
    assert_eq!(ledger.trim(), "1 done,2 done,3 done,4 done");
    assert_eq!(session.run_or_panic("SELECT tableowner FROM pg_tables WHERE tablename = 'orders';").trim(), OWNER);
    let url = format!("postgresql://postgres@/orders?host={}", server.folder().display());
    let status = project.nself(&["db", "status", "--url", &url]);
    assert!(status.stdout.contains("server: 4 applied, 0 waiting"), "{}", status.stdout);
    // A foreign change is reported but does not stop migrations.
    session.run_or_panic("CREATE INDEX by_hand ON orders (state);");
    let drifted = project.migrate(&server, "orders");
    assert!(drifted.code == 0 && drifted.stderr.contains("changed by something else"), "{}", drifted.stderr);
    assert_eq!(project.migrate(&server, "orders").stderr, "");
    // What the setup job does between two runs, after the stack has changed, is not foreign.
    session.run_or_panic(
        "COMMENT ON ROLE reader IS 'nself: {\"orders\": []}'; COMMENT ON ROLE writer IS 'nself: {\"orders\": []}';
         GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO reader; CREATE EXTENSION citext SCHEMA public;
         CREATE SCHEMA writer AUTHORIZATION writer; CREATE TABLE writer.entries (id int);",
    );
    session.run_or_panic(&format!("ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT ON TABLES TO reader;"));
    assert_eq!(project.migrate(&server, "orders").stderr, "");
    session.run_or_panic("GRANT SELECT ON orders TO owner;");
    assert!(project.migrate(&server, "orders").stderr.contains("changed by something else"));
}

/// Major versions print catalogs differently, and earlier releases of nself did not record the version.
#[test]
fn a_digest_of_a_different_server_version_is_not_a_change() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    assert_eq!(project.migrate(&server, "orders").code, 0);
    let mut session = server.session("postgres", "orders");
    let sum = "0".repeat(32);
    for (digest, warned) in [(format!("14:{sum}"), false), (sum.clone(), false), (format!("15:{sum}"), true)] {
        session.run_or_panic(&format!("UPDATE nself.catalog SET digest = '{digest}';"));
        let output = run(&mut project.runner(&server, "orders"));
        assert_eq!((output.code, output.stdout.as_str()), (0, "done\n"));
        assert_eq!(output.stderr.contains("changed by something else"), warned, "{digest}: {}", output.stderr);
        assert!(session.run_or_panic("SELECT digest FROM nself.catalog;").starts_with("15:"), "{digest}");
    }
}

#[test]
fn changed_files_or_ledgers_stop_the_runner_before_its_first_step() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    server.database_for_migrations("fresh");
    let project = Project::new(FIRST);
    assert_eq!(project.migrate(&server, "orders").code, 0);
    let old = project.folder.path().join("old");
    assert!(run(Command::new("cp").args(["-r"]).arg(project.deploy()).arg(&old)).code == 0);
    project.add_migration(SECOND);
    let folder = project.deploy();

    // A changed file: neither it nor earlier migrations are applied.
    let file = folder.join("0002_next.sql");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\nDROP TABLE orders;\n")).unwrap();
    for database in ["orders", "fresh"] {
        assert_refused(&run(&mut project.runner(&server, database)), "0002_next.sql was changed");
    }
    let mut fresh = server.session("postgres", "fresh");
    assert_eq!(fresh.run_or_panic("SELECT count(*) FROM nself.ledger;").trim(), "0");
    fs::write(&file, text).unwrap();

    // Migrations that were edited and sealed again, inserted before applied ones, or removed.
    let good = project.nself(&["db", "verify"]);
    assert!(good.stderr.contains("4 migrations"), "{}", good.stderr);
    project.rewrite(|history| history.migrations[0].up += "-- edited\n");
    assert_refused(&project.migrate(&server, "orders"), "0001_init differs from the migration that was applied");
    project.rewrite(|history| {
        let up = history.migrations[0].up.replace("-- edited\n", "");
        history.migrations[0].up = up;
    });
    assert_eq!(project.migrate(&server, "orders").code, 0);

    // An older generation with a different ledger.
    let mut older = project.runner(&server, "orders");
    older = {
        let mut command = Command::new("/bin/sh");
        command.arg(old.join("run.sh")).envs(older.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command
    };
    let mut session = server.session("postgres", "orders");
    let ledger = session.run_or_panic("SELECT string_agg(chain || state, ',' ORDER BY number) FROM nself.ledger;");
    let catalog = session.catalog();
    let output = run(&mut older);
    assert!(output.code == 0 && output.stderr.contains("newer migrations than this generation"), "{}", output.stderr);
    let now = session.run_or_panic("SELECT string_agg(chain || state, ',' ORDER BY number) FROM nself.ledger;");
    assert_eq!((now, session.catalog()), (ledger, catalog), "it changes nothing");
    // Only an unchanged start of the history is accepted.
    session.run_or_panic("CREATE TEMPORARY TABLE first AS SELECT chain FROM nself.ledger WHERE number = 1;");
    session.run_or_panic("UPDATE nself.ledger SET chain = repeat('0', 64) WHERE number = 1;");
    assert_refused(&run(&mut older), "0001_init differs from the migration that was applied");
    session.run_or_panic("UPDATE nself.ledger SET chain = (SELECT chain FROM first) WHERE number = 1;");
    session.run_or_panic("DROP TABLE first;");
    session.run_or_panic("UPDATE nself.ledger SET sum = repeat('0', 64) WHERE number = 2;");
    assert_refused(&project.migrate(&server, "orders"), "0002_next differs from the migration that was applied");
    session.run_or_panic("DELETE FROM nself.ledger WHERE number = 2;");
    assert_refused(&project.migrate(&server, "orders"), "the ledger is damaged");
}

#[test]
fn six_concurrent_runners_apply_each_migration_once() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    project.add_migration(SECOND);
    project.deploy();
    let start = |_| -> Child {
        project.runner(&server, "orders").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runners: Vec<Child> = (0..6).map(start).collect();
    let mut applied = 0;
    for runner in runners {
        let output = runner.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        applied += String::from_utf8_lossy(&output.stdout).matches("applying ").count();
    }
    assert_eq!(applied, 4);
}

#[test]
fn a_runner_that_was_killed_is_resumed() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    project.nself(&["db", "new", "--by-hand", "--name", "slow"]);
    let up = project.folder.path().join("db/orders/migrations/0002_slow/up.sql");
    fs::write(&up, "INSERT INTO orders (id) VALUES (1);\nSELECT pg_sleep(600);\n").unwrap();
    project.nself(&["db", "sum"]);
    project.deploy();
    let mut runner = project.runner(&server, "orders").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut session = server.session("postgres", "orders");
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = 'orders';";
    let sleeps = (0..3000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        session.run_or_panic(asleep).trim() == "1"
    });
    assert!(sleeps, "the migration never ran");
    // psql has replaced run.sh; its server process ends with the connection.
    runner.kill().unwrap();
    runner.wait().unwrap();
    session.run_or_panic(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = 'orders';",
    );
    assert_eq!(session.run_or_panic("SELECT count(*) FROM orders;").trim(), "0");
    fs::write(&up, "INSERT INTO orders (id) VALUES (1);\n").unwrap();
    project.nself(&["db", "sum"]);
    let resumed = project.migrate(&server, "orders");
    assert_eq!((resumed.code, applied_migrations(&resumed)), (0, 1), "{}{}", resumed.stdout, resumed.stderr);
    assert_eq!(session.run_or_panic("SELECT count(*) FROM orders;").trim(), "1");
}

#[test]
fn an_invalid_index_is_built_again() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    assert_eq!(project.migrate(&server, "orders").code, 0);
    let mut session = server.session("postgres", "orders");
    session.run_or_panic("INSERT INTO orders VALUES (1, 'same'), (2, 'same');");
    project.add_migration(SECOND);
    assert_refused(&project.migrate(&server, "orders"), "could not create unique index");
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid;";
    assert_eq!(session.run_or_panic(invalid).trim(), "1");
    session.run_or_panic("UPDATE orders SET note = 'other' WHERE id = 2;");
    let resumed = project.migrate(&server, "orders");
    assert_eq!((resumed.code, applied_migrations(&resumed)), (0, 2), "{}{}", resumed.stdout, resumed.stderr);
    assert_eq!(session.run_or_panic(invalid).trim(), "0");
}

/// Extensions are created and dropped with different rights than tables.
#[test]
fn extensions_are_created_and_removed() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(&format!("{FIRST}, extensions = [\"citext\", \"pageinspect\"]"));
    let output = project.migrate(&server, "orders");
    assert_eq!(output.code, 0, "{}", output.stderr);
    let mut session = server.session("postgres", "orders");
    let count = "SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql';";
    assert_eq!(session.run_or_panic(count).trim(), "2");
    let allow = "allow = { citext.deletes_data = \"gone\", pageinspect.deletes_data = \"gone\" }";
    project.add_migration(&format!("{FIRST}, {allow}"));
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output), output.stderr.as_str()), (0, 1, ""), "{}", output.stdout);
    assert_eq!(session.run_or_panic(count).trim(), "0");
    // In a new database, each extension exists when a migration needs it, and is removed afterwards.
    server.database_for_migrations("later");
    let output = project.migrate(&server, "later");
    assert_eq!((output.code, applied_migrations(&output), output.stderr.as_str()), (0, 2, ""), "{}", output.stdout);
    assert_eq!(server.session("postgres", "later").run_or_panic(count).trim(), "0");
    // The same on a database with a ledger.
    project.add_migration(&format!("{FIRST}, extensions = [\"pageinspect\"]"));
    for database in ["orders", "later"] {
        let output = project.migrate(&server, database);
        assert_eq!((output.code, applied_migrations(&output), output.stderr.as_str()), (0, 1, ""), "{}", output.stdout);
        assert_eq!(server.session("postgres", database).run_or_panic(count).trim(), "1");
    }
}

/// Extensions are created in their schema and version, and later moved and updated.
#[test]
fn extensions_have_their_schema_and_version() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(&format!(
        "{FIRST}, schemas.extensions = {{}}, \
         extensions = [{{ name = \"pgcrypto\", schema = \"extensions\" }}, {{ name = \"citext\", version = \"1.5\" }}, {{ name = \"xml2\", schema = \"extensions\" }}]"
    ));
    let places = "SELECT concat_ws(' ', extname, extnamespace::regnamespace, extversion) FROM pg_extension WHERE extname IN ('citext', 'pgcrypto') ORDER BY 1;";
    let owner = "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'extensions';";
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    let mut session = server.session("postgres", "orders");
    assert_eq!(session.run_or_panic(places).trim(), "citext public 1.5\npgcrypto extensions 1.3");
    assert_eq!(session.run_or_panic(owner).trim(), OWNER);
    // A second run changes nothing.
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output), output.stderr.as_str()), (0, 0, ""), "{}", output.stdout);
    project.add_migration(&format!(
        "{FIRST}, schemas = {{ extensions = {{}}, texts = {{}} }}, \
         extensions = [\"pgcrypto\", {{ name = \"citext\", schema = \"texts\", version = \"1.6\" }}, {{ name = \"xml2\", schema = \"extensions\" }}]"
    ));
    server.database_for_migrations("later");
    for (database, count) in [("orders", 1), ("later", 2)] {
        let output = project.migrate(&server, database);
        assert_eq!(
            (output.code, applied_migrations(&output), output.stderr.as_str()),
            (0, count, ""),
            "{database}: {}",
            output.stdout
        );
        let mut session = server.session("postgres", database);
        assert_eq!(session.run_or_panic(places).trim(), "citext texts 1.6\npgcrypto public 1.3", "{database}");
    }
    // PostgreSQL cannot move this one.
    project.add_migration(&format!(
        "{FIRST}, schemas = {{ extensions = {{}}, texts = {{}} }}, \
         extensions = [\"pgcrypto\", {{ name = \"citext\", schema = \"texts\", version = \"1.6\" }}, \"xml2\"]"
    ));
    assert_refused(&project.migrate(&server, "orders"), "cannot move the extension xml2 from the schema extensions");
}

/// Known-bad control: a migration that fails leaves nothing behind.
#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let Some(server) = Server::start(Version::V17) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    project.nself(&["db", "new", "--by-hand", "--name", "bad"]);
    let up = project.folder.path().join("db/orders/migrations/0002_bad/up.sql");
    fs::write(&up, "CREATE TABLE left_behind ();\nSELECT 1 / 0;\n").unwrap();
    project.nself(&["db", "sum"]);
    assert_refused(&project.migrate(&server, "orders"), "division by zero");
    let mut session = server.session("postgres", "orders");
    assert_eq!(session.run_or_panic("SELECT to_regclass('left_behind') IS NULL;").trim(), "t");
    assert_eq!(session.run_or_panic("SELECT count(*) FROM nself.ledger;").trim(), "1");
    // SQL that would end the runner's transaction is refused before files are generated.
    fs::write(&up, "COMMIT;\n").unwrap();
    project.nself(&["db", "sum"]);
    let output = nself_in(project.folder.path(), ["gen"]);
    assert!(output.code == 2 && output.stderr.contains("NS712"), "{}", output.stderr);
}

/// The owner of such an object could change it regardless of the migrations.
#[test]
fn objects_of_all_kinds_belong_to_the_role_of_the_migrations() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    let mut session = server.session("postgres", "orders");
    for (kind, create) in [
        ("COLLATION c", "CREATE COLLATION c FROM \"C\""),
        ("STATISTICS s", "CREATE TABLE t (a integer, b integer); CREATE STATISTICS s ON a, b FROM t"),
        ("TEXT SEARCH DICTIONARY d", "CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple)"),
        ("TEXT SEARCH CONFIGURATION k", "CREATE TEXT SEARCH CONFIGURATION k (COPY = simple)"),
        ("PUBLICATION p", "CREATE PUBLICATION p"),
    ] {
        session.run_or_panic(&format!(
            "{create}; GRANT CREATE ON DATABASE orders TO writer; GRANT CREATE ON SCHEMA public TO writer;"
        ));
        session.run_or_panic(&format!("ALTER {kind} OWNER TO writer;"));
        let output = project.migrate(&server, "orders");
        assert!(
            output.code != 0 && output.stderr.contains("belongs to writer, not to the owner"),
            "{kind}: {}",
            output.stderr
        );
        session.run_or_panic(&format!("DROP {kind}; DROP TABLE IF EXISTS t;"));
    }
    // Control: without these objects, the same migrations run.
    assert_eq!(project.migrate(&server, "orders").code, 0);
}
