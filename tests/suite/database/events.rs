//! Tests of the triggers that Hasura creates for events, with its statements and its role.

use std::fs;

use super::baseline::{migrate_shop, superuser_url};
use super::project::Project;
use super::server::{Server, Version};
use crate::support::{nself_in, stack};

/// Writes a stack with events of these tables.
fn define(project: &Project, events: &str) {
    let text = format!(
        "let nself = import \"nself/main.ncl\" in
        {{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",
          services.jobs = {{ image = \"a/jobs:1\", port = 8001, databases.main.access = 'write, hasura.events = {{ {events} }} }},
          databases.shop = {{ served_by = \"hasura\",
            tables.orders = {{ columns.id.type = \"bigint\", primary_key = [\"id\"] }},
            tables.members = {{ columns.id.type = \"bigint\", primary_key = [\"id\"] }} }} }} | nself.Stack"
    );
    fs::write(project.folder.path().join("stack.ncl"), text).unwrap();
}

/// The statements of Hasura for an event on inserts, without the payload.
const CREATE: &str = "
    CREATE OR REPLACE FUNCTION hdb_catalog.\"notify_hasura_placed_INSERT\"() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO hdb_catalog.event_log (name) VALUES ('placed'); RETURN NULL; END $$;
    CREATE TRIGGER \"notify_hasura_placed_INSERT\" AFTER INSERT ON public.orders
      FOR EACH ROW EXECUTE PROCEDURE hdb_catalog.\"notify_hasura_placed_INSERT\"();";
const DROP: &str = "DROP FUNCTION IF EXISTS hdb_catalog.\"notify_hasura_placed_INSERT\"() CASCADE;";

#[test]
fn hasura_creates_and_drops_the_triggers_of_its_events() {
    let Some(server) = Server::start(Version::V15) else { return };
    let project = Project { folder: stack("{}") };
    let environment = project.folder.path().join("deploy/local");
    let deploy = |events: &str| {
        define(&project, events);
        project.nself(&["gen", "--env", "local"]);
        server.first_start(&environment);
        migrate_shop(&server, &environment);
    };
    define(&project, "");
    project.nself(&["db", "new"]);
    deploy("placed = { table = \"orders\", on = ['insert] }");
    let mut hasura = server.session("hasura", "shop");
    hasura.run_or_panic("CREATE TABLE hdb_catalog.event_log (name text);");
    hasura.run_or_panic(CREATE);
    // Known-bad control: a table without events.
    assert!(hasura.try_run(&CREATE.replace("public.orders", "public.members")).is_err());

    // The service writes rows of the table, and the trigger writes the event with the rights of the service.
    server.session("jobs", "shop").run_or_panic("INSERT INTO orders VALUES (1);");
    let mut hasura = server.session("hasura", "shop");
    assert!(hasura.run_or_panic("SELECT name FROM hdb_catalog.event_log;").contains("placed"));

    // The trigger is no change of the database: a deployment does not warn, and `db` commands leave the trigger out.
    deploy("placed = { table = \"orders\", on = ['insert] }");
    let (url, scratch) = (superuser_url(&server, "shop"), superuser_url(&server, "postgres"));
    for (from, to) in [(url.as_str(), "stack.ncl"), ("stack.ncl", &url)] {
        let diff = ["db", "diff", "--from", from, "--to", to, "--scratch", &scratch];
        let output = nself_in(project.folder.path(), diff);
        assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{from} {to}: {}{}", output.stdout, output.stderr);
    }
    assert!(!project.nself(&["db", "import", "--url", &url]).stdout.contains("notify_hasura"));

    // A removed event: the right is taken back, and Hasura drops the trigger with its function.
    deploy("");
    hasura.run_or_panic(DROP);
    assert!(hasura.try_run(CREATE).is_err());
}
