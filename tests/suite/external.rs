//! A PostgreSQL server outside of the stack, with TLS and an administrator who is not a superuser: the jobs of the stack
//! prepare it and migrate it. The jobs run as containers would, but without an engine.

mod moving;
mod pooler;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::database::server::{Server, Version};
use crate::support::{ProcessOutput, nself_in, run, stack};
use crate::up::in_own_namespaces;

const STACK: &str = r#"{
  project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
  database_server.external = { host = "localhost", admin = "boss" },
  services = {
    hasura.enabled = false, auth.enabled = false,
    orders = { image = "a/orders:1", port = 8001, databases.main = { name = "orders", extensions = ["citext"] }, env.URL = nself.database_url "main" },
    reports = { image = "a/reports:1", port = 8002, databases.main = { name = "orders", access = 'read }, env.URL = nself.database_url "main" },
    search = { image = "a/search:1", port = 8003, databases.main = { name = "orders", access = 'schema }, env.URL = nself.database_url "main" },
    files = { image = "a/files:1", port = 8004, databases.main.name = "files", env.URL = nself.database_url "main" },
  },
  databases.orders = {
    extensions = ["pgcrypto"],
    tables.items = { columns = { id = { type = "bigint", identity = 'always }, name = { type = "text" } }, primary_key = ["id"] },
  },
}"#;

/// The stack, and copies of its files in which the folder of secrets is a folder of this machine.
struct Client {
    project: tempfile::TempDir,
}

impl Client {
    fn new(body: &str, authority: &Path) -> Client {
        let client = Client { project: stack(body) };
        let secrets = client.secrets();
        std::fs::create_dir_all(&secrets).unwrap();
        std::fs::write(secrets.join("postgres_password"), "of-the-administrator").unwrap();
        std::fs::copy(authority, secrets.join("database_authority")).unwrap();
        for arguments in [&["db", "new"][..], &["gen"], &["secrets", "init", "--env", "local"]] {
            if arguments[0] == "db" && !body.contains("  databases.") {
                continue;
            }
            let output = nself_in(client.project.path(), arguments);
            assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
        }
        client
    }

    fn environment(&self) -> PathBuf {
        self.project.path().join("deploy/local")
    }

    fn secrets(&self) -> PathBuf {
        self.environment().join("secrets")
    }

    /// Runs the script of a job with the variables of its container.
    fn job(&self, job: &str) -> ProcessOutput {
        let service = self.service(job);
        let files = tempfile::tempdir().unwrap();
        let source = service["volumes"][0]["source"].as_str().unwrap();
        for entry in std::fs::read_dir(self.environment().join(source)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(files.path().join(path.file_name().unwrap()), self.on_this_machine(&text)).unwrap();
        }
        let mut command = Command::new("sh");
        run(self.with_variables_of(job, command.arg(files.path().join("run.sh"))))
    }

    /// Gives a command the variables of a job's container.
    fn with_variables_of<'a>(&self, job: &str, command: &'a mut Command) -> &'a mut Command {
        command.env_remove("PGPASSWORD");
        for (name, value) in self.service(job)["environment"].as_object().unwrap() {
            command.env(name, self.on_this_machine(value.as_str().unwrap()));
        }
        command
    }

    fn service(&self, name: &str) -> Value {
        let file = std::fs::read(self.environment().join("compose.yaml")).unwrap();
        let compose: Value = serde_yaml_ng::from_slice(&file).unwrap();
        compose["services"][name].clone()
    }

    fn on_this_machine(&self, text: &str) -> String {
        text.replace("/run/secrets", &self.secrets().display().to_string())
    }

    /// Returns a connection URL of the stack.
    fn url(&self, variable: &str) -> String {
        let variables = std::fs::read_to_string(self.environment().join(".env")).unwrap();
        let value = variables.lines().find_map(|line| line.strip_prefix(&format!("{variable}=")));
        let url = value.unwrap().trim_matches(['\'', '"']);
        self.on_this_machine(url)
    }

    /// Runs a query with the connection URL of a service.
    fn query(&self, service: &str, sql: &str) -> ProcessOutput {
        psql(&self.url(&format!("{}_MAIN_URL", service.to_uppercase())), sql)
    }

    /// Runs a query through the pooler, whose name resolves to this machine.
    fn query_pooler(&self, service: &str, sql: &str) -> ProcessOutput {
        let url = self.url(&format!("{}_MAIN_URL_POOLED", service.to_uppercase()));
        assert!(url.contains("@pgbouncer:6432/") && url.contains("sslmode=verify-full"), "{url}");
        psql(&format!("{url}&hostaddr=127.0.0.1"), sql)
    }
}

fn psql(url: &str, sql: &str) -> ProcessOutput {
    // The pooler lets clients wait for minutes if it has no connection to the server.
    run(Command::new("psql").args(["-X", "-qtA", url, "-c", sql]).env("PGCONNECT_TIMEOUT", "10"))
}

/// Creates an authority for `localhost`, which is its own certificate, and returns the paths of certificate and key.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost"]).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    assert_eq!(run(&mut openssl).code, 0);
    (certificate, key)
}

/// Returns a server that accepts only TLS and passwords from the network, with the administrator `boss`.
fn start_managed_server(version: Version) -> (Server, PathBuf) {
    let server = Server::start_with(version, "-c listen_addresses=127.0.0.1,::1").unwrap();
    let (certificate, key) = certificate(server.folder(), "server");
    let data = server.folder().join("data");
    for (from, to) in [(&certificate, "server.crt"), (&key, "server.key")] {
        std::fs::copy(from, data.join(to)).unwrap();
    }
    let access = "local all all trust\nhostssl all all all scram-sha-256\nhost all all all reject\n";
    std::fs::write(data.join("pg_hba.conf"), access).unwrap();
    let owned = run(Command::new("sh")
        .arg("-c")
        .arg("chown --reference=\"$0/PG_VERSION\" \"$0\"/server.* \"$0/pg_hba.conf\" && chmod 600 \"$0/server.key\"")
        .arg(&data));
    assert_eq!(owned.code, 0, "{}", owned.stderr);
    let mut session = server.session("postgres", "postgres");
    // The administrator alters roles that it has created.
    session.run_or_panic(
        "DROP ROLE orders_migrations; CREATE ROLE boss LOGIN CREATEDB CREATEROLE PASSWORD 'of-the-administrator';",
    );
    session
        .run_or_panic("ALTER SYSTEM SET ssl = on; ALTER SYSTEM SET log_statement = 'none'; SELECT pg_reload_conf();");
    let encrypted = "postgresql://boss:of-the-administrator@localhost/postgres?sslmode=require";
    let accepts = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        psql(encrypted, "SELECT 1").code == 0
    });
    assert!(accepts, "{}", psql(encrypted, "SELECT 1").stderr);
    (server, certificate)
}

#[test]
fn an_administrator_without_superuser_rights_prepares_an_external_server() {
    in_own_namespaces(
        "external::an_administrator_without_superuser_rights_prepares_an_external_server",
        prepare_server,
    );
}

fn prepare_server() {
    for version in [Version::V15, Version::V17, Version::V18] {
        let (server, authority) = start_managed_server(version);
        let client = Client::new(STACK, &authority);
        let successful_stdout = |output: ProcessOutput| {
            assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{version:?} {}", output.stdout);
            output.stdout
        };
        successful_stdout(client.job("postgres-setup"));
        successful_stdout(client.job("migrate-orders"));
        let can = |service: &str, sql: &str| client.query(service, sql).code == 0;
        assert!(can("orders", "INSERT INTO items (name) VALUES ('a')"), "{version:?}");
        for (service, sql, expected) in [
            ("orders", "DROP TABLE items", false),
            ("orders", "SELECT digest(name, 'sha256') FROM items WHERE name::citext = 'A'", true),
            ("reports", "SELECT * FROM items", true),
            ("reports", "INSERT INTO items (name) VALUES ('b')", false),
            ("search", "CREATE TABLE search.entries (id int)", true),
            ("search", "SELECT * FROM items", false),
            ("files", "CREATE TABLE public.files (id int)", true),
        ] {
            assert_eq!(can(service, sql), expected, "{version:?} {service}: {sql}");
        }
        assert_eq!(
            successful_stdout(client.query("files", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).trim(),
            "t"
        );
        let mut session = server.session("postgres", "postgres");
        assert_eq!(session.run_or_panic("SELECT rolsuper FROM pg_roles WHERE rolname = 'boss';").trim(), "f");
        let owners = "SELECT string_agg(datname || ' ' || datdba::regrole, ',' ORDER BY datname) FROM pg_database WHERE datname IN ('orders', 'files');";
        assert_eq!(session.run_or_panic(owners).trim(), "files files,orders orders_migrations");
        // The other databases of the server are not changed.
        let closed =
            "SELECT count(*) FROM pg_database WHERE datname IN ('postgres', 'template1') AND datacl IS NOT NULL;";
        let fresh = "SELECT (datacl IS NOT NULL)::int FROM pg_database WHERE datname = 'template1';";
        assert_eq!(session.run_or_panic(closed), session.run_or_panic(fresh), "{version:?}");

        // A second run changes nothing, and a changed password works.
        let before = session.run_or_panic("SELECT string_agg(t::text, ',' ORDER BY t::text) FROM (SELECT rolname, rolcreatedb FROM pg_roles UNION ALL SELECT member::regrole::text || roleid::regrole, true FROM pg_auth_members) AS t;");
        successful_stdout(client.job("postgres-setup"));
        // The runner warns of the table in the schema of `search`.
        assert_eq!(client.job("migrate-orders").code, 0);
        let after = session.run_or_panic("SELECT string_agg(t::text, ',' ORDER BY t::text) FROM (SELECT rolname, rolcreatedb FROM pg_roles UNION ALL SELECT member::regrole::text || roleid::regrole, true FROM pg_auth_members) AS t;");
        assert_eq!(before, after);
        std::fs::remove_file(client.secrets().join("files_db_password")).unwrap();
        assert_eq!(nself_in(client.project.path(), ["secrets", "init", "--env", "local"]).code, 0);
        assert!(!can("files", "SELECT 1"), "the server has the old password");
        successful_stdout(client.job("postgres-setup"));
        assert!(can("files", "SELECT 1"));

        a_server_of_another_authority_is_refused(&client, &authority);
        a_role_with_more_rights_is_refused(&server, &client);
    }
}

fn a_server_of_another_authority_is_refused(client: &Client, authority: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let (other, _) = certificate(folder.path(), "other");
    let file = client.secrets().join("database_authority");
    let replace = |by: &Path| {
        std::fs::remove_file(&file).unwrap();
        std::fs::copy(by, &file).unwrap();
    };
    replace(&other);
    let outputs = [client.job("postgres-setup"), client.job("migrate-orders"), client.query("orders", "SELECT 1")];
    for output in outputs {
        assert!(output.code != 0 && output.stderr.contains("certificate verify failed"), "{}", output.stderr);
    }
    replace(authority);
    assert_eq!(client.query("orders", "SELECT 1").code, 0, "control");
}

fn a_role_with_more_rights_is_refused(server: &Server, client: &Client) {
    let mut session = server.session("postgres", "postgres");
    session.run_or_panic("ALTER ROLE search BYPASSRLS;");
    let output = client.job("postgres-setup");
    assert!(
        output.code != 0 && output.stderr.contains("the role search has rights that only a superuser can remove"),
        "{}",
        output.stderr
    );
    session.run_or_panic("ALTER ROLE search NOBYPASSRLS;");
    assert_eq!(client.job("postgres-setup").code, 0);
}
