//! Event triggers: only a superuser can create one, but its function may belong to a different role, which can replace
//! it.

use crate::attacks::database_sessions::arsenal::Trap;
use crate::database::project::{FIRST, Project};
use crate::database::server::{OWNER, Server, Version};
use crate::support::nself_in;

/// Creates a trigger of the superuser whose function the owner of the database has replaced.
fn taken_over(version: Version, event: &str) -> Option<(Server, Project, crate::database::server::Session, Trap)> {
    let server = Server::start(version)?;
    server.database_for_migrations("orders");
    let project = Project::new(&format!("{FIRST}, extensions = [\"citext\"]"));
    let mut owner = server.session(OWNER, "orders");
    let trap = Trap::set(&server, &mut owner);
    let function = "FUNCTION public.audit() RETURNS event_trigger LANGUAGE plpgsql AS";
    let mut superuser = server.session("postgres", "orders");
    superuser.run_or_panic(&format!(
        "CREATE {function} 'BEGIN END'; CREATE EVENT TRIGGER audit ON {event} EXECUTE FUNCTION public.audit();"
    ));
    superuser.run_or_panic(&format!("ALTER FUNCTION public.audit() OWNER TO {OWNER};"));
    owner.run_or_panic(&format!("CREATE OR REPLACE {function} 'BEGIN PERFORM public.record_run(); END';"));
    trap.hostile_objects_ran(&mut owner);
    Some((server, project, owner, trap))
}

/// Attack: the function of an event trigger is code of the owner, and the deployment's superuser creates an extension.
/// Expectation: the superuser's session fails before any change and says what to do; the function never runs as the
/// superuser.
#[test]
fn the_function_of_an_event_trigger_does_not_run_as_the_superuser() {
    for version in [Version::V15, Version::V17] {
        let Some((server, project, mut owner, trap)) = taken_over(version, "ddl_command_start") else { return };
        let output = project.migrate(&server, "orders");
        let why = "the function of an event trigger belongs to a role that is not a superuser";
        assert!(output.code != 0 && output.stderr.contains(why), "{}{}", output.stdout, output.stderr);
        assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "{version:?}");
        // Known-bad control: any change by a superuser.
        server.psql("postgres", "orders", "CREATE TABLE x ();");
        assert_eq!(trap.hostile_objects_ran(&mut owner), (true, true), "{version:?}");
        // Once it belongs to a superuser again, the deployment succeeds.
        server.session("postgres", "orders").run_or_panic(
            "ALTER FUNCTION public.audit() OWNER TO postgres; CREATE OR REPLACE FUNCTION public.audit() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';",
        );
        let output = project.migrate(&server, "orders");
        assert_eq!(output.code, 0, "{version:?}: {}", output.stderr);
    }
}

/// Attack: the same with a login trigger, which runs before the first statement of a session (PostgreSQL 17).
/// Expectation: sessions of the superuser start without event triggers.
#[test]
fn a_login_trigger_does_not_run_as_the_superuser() {
    let Some((server, project, mut owner, trap)) = taken_over(Version::V17, "login") else { return };
    let admin = format!("postgresql://postgres@/orders?host={}", server.folder().display());
    assert_eq!(nself_in(project.folder.path(), ["db", "status", "--url", &admin]).code, 1);
    assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "status");
    let import = nself_in(project.folder.path(), ["db", "import", "--url", &admin]);
    // pg_dump logged in, since it knows the version of the server, and refused to read a newer one.
    assert!(import.code == 2 && import.stderr.contains("server version: 17"), "{}", import.stderr);
    assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "import");
    assert!(project.migrate(&server, "orders").code != 0);
    assert_eq!(trap.hostile_objects_ran(&mut owner), (false, false), "the runner");
    // Known-bad control: a plain login.
    server.psql("postgres", "orders", "SELECT 1;");
    assert_eq!(trap.hostile_objects_ran(&mut owner), (true, true));
}
