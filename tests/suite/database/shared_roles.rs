//! Roles without a login: the setup job creates them, makes the roles of services members, and takes that back.

use std::fs;

use super::project::{Project, applied_migrations};
use super::server::{Server, Version};
use crate::support::{nself_in, stack};

/// Returns the text of a stack whose definition grants rights to the role `anon`, with these members of the role.
fn stack_with_members(members: &str) -> String {
    format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
         services.pages = {{ image = \"a/pages:1\", databases.main = {{ name = \"orders\", access = 'read }} }},\n\
         database_server.roles = {{ anon.members = [{members}], readers = {{}} }},\n\
         databases.orders = {{ tables.notes = {{ columns.id.type = \"integer\", grants.anon = ['select] }} }} }} | nself.Stack\n"
    )
}

#[test]
fn members_of_a_role_without_a_login_act_as_it() {
    let Some(server) = Server::start(Version::chosen()) else { return };
    let project = stack("{}");
    let run = |arguments: &[&str]| {
        let output = nself_in(project.path(), arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {}{}", output.stdout, output.stderr);
    };
    let mut session = server.session("postgres", "postgres");
    for (members, is_member) in [("\"pages\"", true), ("", false)] {
        fs::write(project.path().join("stack.ncl"), stack_with_members(members)).unwrap();
        if is_member {
            run(&["db", "new"]);
        }
        run(&["gen", "--env", "local"]);
        let environment = project.path().join("deploy/local");
        server.first_start(&environment);
        server.first_start(&environment);
        let roles = session.run_or_panic(
            "SELECT string_agg(rolname || ' ' || rolcanlogin, ',' ORDER BY rolname) FROM pg_roles WHERE rolname IN ('anon', 'readers');",
        );
        assert_eq!(roles.trim(), "anon false,readers false");
        let membership = session.run_or_panic("SELECT pg_has_role('pages', 'anon', 'MEMBER');");
        assert_eq!(membership.trim(), if is_member { "t" } else { "f" });
    }
}

/// The first migration grants rights to the role of a service that leaves the stack, which the second one revokes. On a new
/// server, both run.
#[test]
fn a_new_server_applies_migrations_that_name_a_role_of_the_past() {
    let Some(server) = Server::start(Version::chosen()) else { return };
    let project = Project { folder: stack("{}") };
    let write = |services: &str, grants: &str| {
        let text = format!(
            "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
             services.owner = {{ image = \"a/owner:1\", databases.main.name = \"orders\" }}, {services}\n\
             databases.orders = {{ tables.notes = {{ columns.id.type = \"integer\", {grants} }} }} }} | nself.Stack\n"
        );
        fs::write(project.folder.path().join("stack.ncl"), text).unwrap();
        project.nself(&["db", "new", "--name", "rights"]);
    };
    let reports =
        "services.reports = { image = \"a/reports:1\", databases.main = { name = \"orders\", access = 'read } },";
    write(reports, "grants.reports = ['insert]");
    write("", "");
    project.deploy();
    server.first_start(&project.folder.path().join("deploy/local"));
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output)), (0, 2), "{}{}", output.stdout, output.stderr);
    let mut session = server.session("postgres", "orders");
    let role = session.run_or_panic("SELECT rolcanlogin, has_table_privilege('reports', 'notes', 'INSERT') FROM pg_roles WHERE rolname = 'reports';");
    assert_eq!(role.trim(), "f|f");
}
