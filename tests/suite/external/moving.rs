//! The move of a database to an external server, with the commands of docs/databases.md.

use std::process::Command;

use super::{Client, STACK, start_managed_server};
use crate::database::server::{Server, Version};
use crate::support::{ProcessOutput, nself_in, root, run};
use crate::up::in_own_namespaces;

#[test]
fn a_database_moves_to_an_external_server_as_documented() {
    in_own_namespaces("external::moving::a_database_moves_to_an_external_server_as_documented", move_databases);
}

/// A database with the statements that fill it, and a query of what must be equal on both servers.
struct Database {
    name: &'static str,
    content: &'static str,
    state: &'static str,
}

const DATABASES: [Database; 2] = [
    // A database with a definition.
    Database {
        name: "orders",
        content: "SET ROLE orders; INSERT INTO items (name) SELECT 'item ' || i FROM generate_series(1, 1000) AS i;",
        state: "SELECT count(*), max(name) FROM items; SELECT number, name FROM nself.ledger;
                SELECT digest('x', 'sha256');",
    },
    // A database whose tables the service creates.
    Database {
        name: "files",
        content: "SET ROLE files;
                  CREATE TABLE notes (id serial PRIMARY KEY, text varchar NOT NULL, of integer REFERENCES notes (id));
                  COMMENT ON TABLE notes IS 'written by the service';
                  INSERT INTO notes (text, of) VALUES ('first', NULL), ('second', 1);
                  CREATE VIEW texts AS SELECT text FROM notes;
                  CREATE FUNCTION note_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM notes';",
        state: "SELECT * FROM notes ORDER BY 1; SELECT note_count(); SELECT obj_description('notes'::regclass);",
    },
];

/// Sequences, owners, rights and extensions.
const CATALOG: &str = "
    SELECT sequencename, last_value FROM pg_sequences ORDER BY 1;
    SELECT relname, relowner::regrole, ARRAY(SELECT unnest(relacl)::text ORDER BY 1) FROM pg_class
      WHERE relnamespace = 'public'::regnamespace ORDER BY 1;
    SELECT extname FROM pg_extension ORDER BY 1;";

fn state(server: &Server, database: &Database) -> String {
    server.session("postgres", database.name).run_or_panic(&format!("{}{CATALOG}", database.state))
}

fn move_databases() {
    for version in [Version::V15, Version::V17] {
        let inside = STACK.replace("  database_server.external = { host = \"localhost\", admin = \"boss\" },\n", "");
        assert_ne!(inside, STACK);
        let dumps = dumps_of_server_in_stack(version, &inside);
        let (server, authority) = start_managed_server(version);
        let client = Client::new(STACK, &authority);
        let [setup, restore] = &restore_commands()[..] else {
            panic!("the commands of the documentation have changed")
        };
        assert_eq!(setup, "--rm postgres-setup");
        let output = client.job("postgres-setup");
        assert_eq!(output.code, 0, "{}", output.stderr);
        for (database, (dump, before)) in DATABASES.iter().zip(dumps) {
            let file = format!("{}.sql", database.name);
            std::fs::write(client.secrets().join(&file), dump).unwrap();
            let output = run_restore(&client, &restore.replace("orders", database.name));
            assert_eq!(output.code, 0, "{version:?} {}", output.stderr);
            let is_expected = |line: &&str| {
                line.contains("must be owner of extension") || line.ends_with("schema \"search\" already exists")
            };
            let unexpected: Vec<&str> = output.stderr.lines().filter(|line| !is_expected(line)).collect();
            assert!(unexpected.is_empty(), "{version:?} {unexpected:?}");
            assert_eq!(state(&server, database), before, "{version:?}");
        }

        // The migrations have nothing to do, and the services work.
        let output = client.job("migrate-orders");
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
        let answer = |service: &str, sql: &str| client.query(service, sql).stdout.trim().to_owned();
        assert_eq!(answer("orders", "INSERT INTO items (name) VALUES ('new') RETURNING id"), "1001");
        assert_eq!(answer("reports", "SELECT count(*) FROM items"), "1001");
        assert_ne!(client.query("reports", "DELETE FROM items").code, 0);
        assert_eq!(
            answer("files", "ALTER TABLE notes ADD more int; INSERT INTO notes (text) VALUES ('x') RETURNING id"),
            "3"
        );
    }
}

/// Returns the dump and the state of each database on a server of the stack.
fn dumps_of_server_in_stack(version: Version, body: &str) -> Vec<(String, String)> {
    let project = crate::support::stack(body);
    for arguments in [&["db", "new"][..], &["gen"]] {
        let output = nself_in(project.path(), arguments);
        assert_eq!(output.code, 0, "{}", output.stderr);
    }
    let environment = project.path().join("deploy/local");
    let server = Server::start(version).unwrap();
    server.session("postgres", "postgres").run_or_panic("DROP ROLE orders_migrations;");
    server.first_start(&environment);
    let mut runner = Command::new("sh");
    runner.arg(environment.join("migrations/orders/run.sh")).env("PGHOST", server.folder());
    let output = run(runner.env("PGUSER", "orders_migrations").env("PGDATABASE", "orders"));
    assert_eq!(output.code, 0, "{}", output.stderr);
    let dump_of = |database: &Database| {
        server.session("postgres", database.name).run_or_panic(database.content);
        (server.dump_whole(database.name), state(&server, database))
    };
    DATABASES.iter().map(dump_of).collect()
}

/// Returns the commands with the new generation, below the heading of docs/databases.md.
fn restore_commands() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/databases.md")).unwrap();
    let (_, below) = text.split_once("### Move the databases there").unwrap();
    // The first block has the commands with the old generation.
    let block = below.split("```").nth(3).unwrap();
    let commands = block.lines().filter_map(|line| line.strip_prefix("$ docker compose run "));
    commands.map(|command| command.split("   #").next().unwrap().to_owned()).collect()
}

/// Runs the command that restores a dump, with the variables of the job in place of a container of it.
fn run_restore(client: &Client, command: &str) -> ProcessOutput {
    let script = command.strip_prefix("--rm -T --entrypoint sh postgres-setup -c ").unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("sh -c {script}")]).current_dir(client.environment());
    run(client.with_variables_of("postgres-setup", &mut shell))
}
