//! The owner of a database creates hostile objects to attack sessions of nself with more rights. Each kind of session is
//! tested.

use std::process::Command;

use super::arsenal::Trap;
use crate::database::project::{FIRST, Project, applied_migrations};
use crate::database::server::{OWNER, Server, Session, Version};
use crate::support::{ProcessOutput, nself_in, run};

fn url(server: &Server, user: &str, database: &str) -> String {
    format!("postgresql://{user}@/{database}?host={}", server.folder().display())
}

/// Creates a database whose owner has created all hostile objects.
fn database_with_hostile_objects(version: Version, definition: &str) -> Option<(Server, Project, Session, Trap)> {
    let server = Server::start(version)?;
    server.database_for_migrations("orders");
    let project = Project::new(definition);
    let mut owner = server.session(OWNER, "orders");
    let trap = Trap::set(&server, &mut owner);
    trap.arm(&mut owner);
    Some((server, project, owner, trap))
}

/// Known-bad control: asserts that hostile objects run if a superuser who searches `public` runs the same statements.
fn assert_trap_works(server: &Server, owner: &mut Session, trap: &Trap) {
    let catalog = nself::database::ledger::catalog_query();
    server.psql("postgres", "orders", &format!("SET search_path = public;\n{catalog}"));
    // Whether a different role ran hostile objects, and whether the superuser did.
    assert_eq!(trap.hostile_objects_ran(owner), (true, true), "no statement used the planted objects");
}

/// Attack: the owner of a database creates functions and operators for the deployment's superuser, who creates an
/// extension and runs the setup job again.
/// Expectation: neither session runs any of them; extension and migrations exist.
#[test]
fn no_session_of_a_deployment_runs_code_of_an_owner() {
    let extensions =
        format!("{FIRST}, extensions = [\"citext\", \"pageinspect\", {{ name = \"pg_trgm\", version = \"1.6\" }}]");
    let Some((server, project, mut owner, trap)) = database_with_hostile_objects(Version::V15, &extensions) else {
        return;
    };
    assert_trap_works(&server, &mut owner, &trap);
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output)), (0, 1), "{}{}", output.stdout, output.stderr);
    assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "the runner");
    let mut superuser = server.session("postgres", "orders");
    superuser.run_or_panic("SET search_path = pg_catalog;");
    let extensions = superuser.run_or_panic("SELECT string_agg(extname || ' ' || extnamespace::regnamespace, ',' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql';");
    assert_eq!(extensions.trim(), "citext public,pageinspect public,pg_trgm public");
    for _ in 0..2 {
        server.first_start(&project.folder.path().join("deploy/local"));
        assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "the first start");
    }
    // The superuser also removes an extension.
    project.add_migration(&format!(
        "{FIRST}, allow = {{ citext.deletes_data = \"gone\", pageinspect.deletes_data = \"gone\", pg_trgm.deletes_data = \"gone\" }}"
    ));
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output)), (0, 1), "{}{}", output.stdout, output.stderr);
    assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "the runner that removes");
    assert_trap_works(&server, &mut owner, &trap);
}

/// Attack: the owner of a database creates functions and operators for an administrator who uses the superuser's URL:
/// status, import, both sides of a comparison, baseline.
/// Expectation: no session runs any of them, and a superuser cannot write the ledger.
#[test]
fn no_query_of_a_superuser_runs_code_of_an_owner() {
    let Some((server, project, mut owner, trap)) = database_with_hostile_objects(Version::V15, FIRST) else { return };
    let (admin, scratch) = (url(&server, "postgres", "orders"), url(&server, "postgres", "postgres"));
    let nself = |arguments: &[&str]| -> ProcessOutput { nself_in(project.folder.path(), arguments) };
    let mut assert_nothing_ran =
        |what: &str| assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "{what}");
    let output = nself(&["db", "status", "--url", &admin]);
    assert!(output.stdout.contains("server: 0 applied"), "{}{}", output.stdout, output.stderr);
    assert_nothing_ran("status");
    // The planted objects are part of what was read.
    let output = nself(&["db", "import", "--url", &admin]);
    assert!(output.code == 0 && output.stdout.contains("record_run"), "{}{}", output.stdout, output.stderr);
    assert_nothing_ran("import");
    // The output names the trap's sequence `marks`, so the planted objects were read.
    for sides in [[admin.as_str(), "stack.ncl"], ["stack.ncl", &admin]] {
        let output = nself(&["db", "diff", "--from", sides[0], "--to", sides[1], "--scratch", &scratch]);
        assert!(
            output.code != 0 && (output.stdout.clone() + &output.stderr).contains("marks"),
            "{}{}",
            output.stdout,
            output.stderr
        );
        assert_nothing_ran("diff");
    }
    let output = nself(&["db", "baseline", "--url", &admin, "--scratch", &scratch]);
    assert!(output.code == 2 && output.stderr.contains("error[NS736]"), "{}", output.stderr);
    assert_nothing_ran("baseline");
    assert_trap_works(&server, &mut owner, &trap);
}

/// Attack: `nself.ledger` is a view that calls a function, or a table or materialized view with columns of a type whose
/// cast is a function.
/// Expectation: a superuser's `db status` runs none of that code.
#[test]
fn a_view_in_place_of_the_ledger_is_not_run() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    let mut owner = server.session(OWNER, "orders");
    let trap = Trap::set(&server, &mut owner);
    owner.run_or_panic(
        "CREATE SCHEMA nself;
         CREATE TYPE public.word AS ENUM ('a');
         CREATE FUNCTION public.shown(public.word) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM public.record_run(); RETURN 'x'; END$$;
         CREATE CAST (public.word AS text) WITH FUNCTION public.shown(public.word) AS IMPLICIT;",
    );
    let ways = [
        "CREATE VIEW nself.ledger AS SELECT 1 AS number, public.shown('a'::public.word) AS name, 'b' AS sum, 'done' AS state",
        "CREATE TABLE nself.ledger (number public.word, name public.word, sum public.word, state public.word)",
        "CREATE MATERIALIZED VIEW nself.ledger AS SELECT 1 AS number, 'a'::public.word AS name, 'b' AS sum, 'done' AS state",
    ];
    for way in ways {
        owner.run_or_panic(&format!("{way};"));
        if way.contains("TABLE") {
            owner.run_or_panic("INSERT INTO nself.ledger VALUES ('a', 'a', 'a', 'a');");
        }
        // Forgets what ran before.
        trap.hostile_objects_ran(&mut owner);
        let status = nself_in(project.folder.path(), ["db", "status", "--url", &url(&server, "postgres", "orders")]);
        let shown = status.stdout + &status.stderr;
        let expected = if way.contains("TABLE") { "server: 0 applied" } else { "cannot copy from" };
        assert!(shown.contains(expected), "{way}: {shown}");
        assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "{way}");
        // The runner refuses it.
        let output = project.migrate(&server, "orders");
        assert!(output.code != 0 && output.stderr.contains("the runner did not create"), "{way}: {}", output.stderr);
        // Known-bad control: a plain query.
        server.psql(
            "postgres",
            "orders",
            "SELECT name FROM nself.ledger WHERE state = 'done'; SELECT name || 'x' FROM nself.ledger;",
        );
        if !way.contains("MATERIALIZED") {
            assert_eq!(trap.hostile_objects_ran(&mut owner), (true, true), "{way}");
        }
        let kind = way.split(" nself").next().unwrap().trim_start_matches("CREATE ");
        owner.run_or_panic(&format!("DROP {kind} nself.ledger;"));
    }
}

/// Attack: a service's role, which owned the database before, has left functions, a trigger and a schema for the
/// sessions of the new owner.
/// Expectation: the runner runs none of them and reports the owners of objects.
#[test]
fn code_of_a_service_does_not_run_as_the_new_owner() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database("orders");
    let project = Project::new(FIRST);
    let mut service = server.session("owner", "orders");
    let trap = Trap::set(&server, &mut service);
    trap.arm(&mut service);
    let mut superuser = server.session("postgres", "orders");
    superuser.run_or_panic(&format!("ALTER DATABASE orders OWNER TO {OWNER}; ALTER SCHEMA public OWNER TO {OWNER};"));
    let output = project.migrate(&server, "orders");
    assert!(output.code != 0 && output.stderr.contains("REASSIGN OWNED BY owner TO"), "{}", output.stderr);
    assert_eq!(trap.hostile_objects_ran(&mut service), (false, false));
    // Known-bad control: the new owner who searches `public`.
    let catalog = nself::database::ledger::catalog_query();
    server.psql(OWNER, "orders", &format!("SET search_path = public;\n{catalog}"));
    assert_eq!(trap.hostile_objects_ran(&mut service), (true, false));
    superuser.run_or_panic(&format!("DROP SCHEMA nself CASCADE; REASSIGN OWNED BY owner TO {OWNER};"));
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output)), (0, 1), "{}", output.stderr);
    // A trigger on the ledger, by a role with that right.
    superuser.run_or_panic(
        "GRANT TRIGGER ON nself.ledger TO owner;
         CREATE FUNCTION public.fires() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM public.record_run(); RETURN NEW; END$$;",
    );
    service.run_or_panic(
        "CREATE TRIGGER fires BEFORE INSERT OR DELETE ON nself.ledger FOR EACH ROW EXECUTE FUNCTION public.fires();",
    );
    project
        .add_migration(&format!("{FIRST}, tables.later = {{ columns.id.type = \"bigint\", primary_key = [\"id\"] }}"));
    let output = project.migrate(&server, "orders");
    assert!(output.code != 0 && output.stderr.contains("the runner did not create"), "{}", output.stderr);
}

/// Attack: default privileges give PUBLIC all rights on objects that the owner creates, including the ledger.
/// Expectation: the ledger can only be read, regardless of how it was created. Control: a different table has those
/// rights.
#[test]
fn default_privileges_do_not_open_the_ledger() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    let mut owner = server.session(OWNER, "orders");
    owner.run_or_panic("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO owner, PUBLIC; ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO owner;");
    let privileges = "SELECT string_agg(DISTINCT grantee || ' ' || privilege_type, ',') FROM information_schema.table_privileges WHERE table_schema = 'nself' AND grantee <> current_user;";
    assert_eq!(project.migrate(&server, "orders").code, 0);
    assert_eq!(owner.run_or_panic(privileges).trim(), "PUBLIC SELECT");
    let mut service = server.session("owner", "orders");
    assert!(
        service
            .try_run("INSERT INTO nself.ledger VALUES (9, 'a', 'b', 'c', 'done');")
            .unwrap_err()
            .contains("permission denied")
    );
    assert!(service.try_run("CREATE TABLE nself.more (id int);").unwrap_err().contains("permission denied"));
    service.run_or_panic("DELETE FROM orders;");
    owner.run_or_panic("DROP SCHEMA nself CASCADE;");
    let output = nself_in(
        project.folder.path(),
        ["db", "baseline", "--url", &url(&server, OWNER, "orders"), "--scratch", &url(&server, "postgres", "postgres")],
    );
    // The table `orders` has rights of PUBLIC, which the migrations do not give.
    assert!(output.code == 2 && output.stderr.contains("NS733"), "{}", output.stderr);
    owner.run_or_panic("ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM owner, PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM owner; REVOKE ALL ON orders FROM owner, PUBLIC;");
    owner.run_or_panic("ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO owner;");
    let output = nself_in(
        project.folder.path(),
        ["db", "baseline", "--url", &url(&server, OWNER, "orders"), "--scratch", &url(&server, "postgres", "postgres")],
    );
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(owner.run_or_panic(privileges).trim(), "PUBLIC SELECT");
}

/// Attack: the owner sets defaults for every session of the database, such as a search path and a role.
/// Expectation: the superuser's sessions override these settings. Control: a plain session has the owner's settings.
#[test]
fn settings_of_a_database_do_not_affect_our_sessions() {
    let extensions = format!("{FIRST}, extensions = [\"citext\"]");
    let Some((server, project, mut owner, trap)) = database_with_hostile_objects(Version::V15, &extensions) else {
        return;
    };
    for setting in
        ["search_path = public, pg_catalog", "standard_conforming_strings = off", "role = 'orders_migrations'"]
    {
        owner.run_or_panic(&format!("ALTER DATABASE orders SET {setting};"));
    }
    let mut plain = Command::new("psql");
    plain.args(["-XqAt", "-U", "postgres", "-d", "orders", "-c", "SHOW search_path", "-h"]).arg(server.folder());
    assert_eq!(run(&mut plain).stdout.trim(), "public, pg_catalog");
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output)), (0, 1), "{}{}", output.stdout, output.stderr);
    for (command, expected) in [("status", "server: 1 applied, 0 waiting"), ("import", "record_run")] {
        let output = nself_in(project.folder.path(), ["db", command, "--url", &url(&server, "postgres", "orders")]);
        assert_eq!(output.code, 0, "{command}: {}", output.stderr);
        assert!(output.stdout.contains(expected), "{command}: {}", output.stdout);
    }
    assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false));
}
