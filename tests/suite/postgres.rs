//! Runs the setup job on a real PostgreSQL: a second run changes nothing, and roles have exactly the
//! declared rights.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{ProcessOutput, environments, golden_file, nself_in, run, stack, tool};

const STACK: &str = r#"{
  project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
  services = {
    orders = { image = "a/orders:1", port = 8001, databases.main = { name = "orders", extensions = ["citext"] } },
    reports = { image = "a/reports:1", port = 8002, databases.main = { name = "orders", access = 'read } },
    billing = { image = "a/billing:1", port = 8003, databases.main = { name = "orders", access = 'write } },
    search-index = { image = "a/search:1", port = 8004, databases.main = { name = "orders", access = 'schema, schema = "index" } },
  },
}"#;

/// A temporary server on a socket in a folder, run by the user `postgres`.
struct Server {
    folder: tempfile::TempDir,
    bin: PathBuf,
}

impl Server {
    fn start() -> Option<Server> {
        tool("stamps/packages")?;
        let bin = PathBuf::from("/usr/lib/postgresql/15/bin");
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let server = Server { folder, bin };
        let data = server.folder.path().join("data");
        let output = server
            .postgres("initdb")
            .args(["-U", "postgres", "--auth-local=scram-sha-256", "--pwfile"])
            .arg(server.password())
            .arg("-D")
            .arg(&data)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let options = format!("-c listen_addresses='' -c unix_socket_directories={}", server.folder.path().display());
        let output = server
            .postgres("pg_ctl")
            .args(["-w", "-o", &options, "-l"])
            .arg(server.folder.path().join("log"))
            .arg("-D")
            .arg(&data)
            .arg("start")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(server)
    }

    fn password(&self) -> PathBuf {
        let path = self.folder.path().join("password");
        fs::write(&path, "superuser-password").unwrap();
        path
    }

    fn postgres(&self, program: &str) -> Command {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(self.bin.join(program)).current_dir("/");
        command
    }

    fn psql(&self, user: &str, password: &str, database: &str, arguments: &[&str]) -> ProcessOutput {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qtA", "-h"])
            .arg(self.folder.path())
            .args(["-U", user, "-d", database])
            .args(arguments);
        run(psql.env("PGPASSWORD", password))
    }

    fn apply(&self, file: &Path) -> ProcessOutput {
        self.psql("postgres", "superuser-password", "postgres", &["-f", &file.display().to_string()])
    }

    fn catalog(&self) -> String {
        let mut dump = Command::new(self.bin.join("pg_dumpall"));
        dump.args(["--no-role-passwords", "-h"])
            .arg(self.folder.path())
            .args(["-U", "postgres"])
            .env("PGPASSWORD", "superuser-password");
        let dump = run(&mut dump);
        assert_eq!(dump.code, 0, "{}", dump.stderr);
        // Newer versions put a random word around each dump.
        dump.stdout.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self
            .postgres("pg_ctl")
            .args(["-m", "immediate", "-D"])
            .arg(self.folder.path().join("data"))
            .arg("stop")
            .output();
    }
}

/// Returns the generated SQL of [`STACK`] with the path of the container's secrets replaced by a local folder.
fn sql(server: &Server) -> (tempfile::TempDir, PathBuf) {
    sql_of(server, STACK)
}

fn sql_of(server: &Server, text: &str) -> (tempfile::TempDir, PathBuf) {
    let case = stack(text);
    let output = nself_in(case.path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let setup = case.path().join("deploy/local/postgres/setup");
    fs::copy(setup.join("revoke.sql"), case.path().join("revoke.sql")).unwrap();
    let text = fs::read_to_string(setup.join("setup.sql")).unwrap();
    assert!(!text.contains("password 'x") && text.contains("/run/secrets/orders_db_password"));
    let secrets = server.folder.path().join("secrets");
    fs::create_dir_all(&secrets).unwrap();
    for role in ["atlas", "auth", "billing", "hasura", "orders", "reports", "search_index"] {
        // A password that would inject SQL, shell or psql commands without escaping.
        fs::write(secrets.join(format!("{role}_db_password")), password(role)).unwrap();
    }
    let file = case.path().join("init.sql");
    fs::write(&file, text.replace("/run/secrets", &secrets.display().to_string())).unwrap();
    (case, file)
}

fn password(role: &str) -> String {
    format!("{role}'\"; DROP ROLE postgres; $(id) `id` :x \\q #")
}

#[test]
fn the_setup_job_grants_least_rights_and_is_repeatable() {
    let Some(server) = Server::start() else { return };
    let (_case, file) = sql(&server);
    let output = server.apply(&file);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    let first = server.catalog();
    let again = server.apply(&file);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""));
    assert_eq!(first, server.catalog(), "a second run changes nothing");
    let log = fs::read_to_string(server.folder.path().join("log")).unwrap();
    assert!(!log.contains("DROP ROLE"), "no password is logged: {log}");

    let can = |role: &str, database: &str, query: &str| {
        server.psql(role, &password(role), database, &["-c", query]).code == 0
    };
    assert!(
        can("orders", "orders", "CREATE TABLE public.item (id serial PRIMARY KEY, name citext)"),
        "the owner creates"
    );
    assert!(can("orders", "orders", "INSERT INTO item (name) VALUES ('a')"));
    assert!(!server.psql("orders", "wrong", "orders", &["-c", "SELECT 1"]).stderr.is_empty(), "the password counts");

    // role, and whether it may select and insert in the owner's table and create tables
    for (role, select, insert, create) in
        [("reports", true, false, false), ("billing", true, true, false), ("search_index", false, false, false)]
    {
        assert_eq!(can(role, "orders", "SELECT * FROM public.item"), select, "{role} select");
        assert_eq!(can(role, "orders", "INSERT INTO public.item (name) VALUES ('b')"), insert, "{role} insert");
        assert_eq!(can(role, "orders", "CREATE TABLE public.other (id int)"), create, "{role} create");
        assert!(!can(role, "orders", "DROP TABLE public.item"), "{role} drop");
        assert!(!can(role, "shop", "SELECT 1"), "{role} connects elsewhere");
        assert!(!can(role, "postgres", "SELECT 1"), "{role} connects to the server's database");
        assert!(!can(role, "orders", "CREATE ROLE evil SUPERUSER"), "{role} creates a role");
    }
    assert!(can("search_index", "orders", "CREATE TABLE \"index\".entry (id int)"), "its own schema");
    assert!(can("orders", "orders", "SELECT * FROM \"index\".entry"), "which the owner reads");
    assert!(!can("reports", "orders", "SELECT * FROM \"index\".entry"));

    // hasura-auth owns its schema in the main database and can use its extensions.
    assert!(can("auth", "shop", "CREATE TABLE auth.users (email citext, secret text DEFAULT gen_salt('bf'))"));
    assert!(can("hasura", "shop", "SELECT * FROM auth.users"));
    assert!(!can("auth", "hasura", "SELECT 1"));
    assert!(can("hasura", "hasura", "CREATE SCHEMA hdb_catalog"), "Hasura's metadata");
    let superusers = server.psql(
        "postgres",
        "superuser-password",
        "postgres",
        &["-c", "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper"],
    );
    assert_eq!(superusers.stdout.trim(), "postgres");
}

#[test]
fn the_setup_job_takes_back_the_rights_that_the_stack_no_longer_grants() {
    let Some(server) = Server::start() else { return };
    let run_setup = |stack: &str| {
        let (_case, file) = sql_of(&server, stack);
        let output = server.apply(&file);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    };
    let can = |role: &str, query: &str| server.psql(role, &password(role), "orders", &["-c", query]).code == 0;
    run_setup(STACK);
    assert!(can("orders", "CREATE TABLE item (id serial PRIMARY KEY, name text); CREATE TABLE note (id int)"));
    // Rights that the job did not grant: on one table, on a column, and of a role that the stack does not have.
    assert!(can("orders", "GRANT TRUNCATE ON item TO billing; GRANT UPDATE (name) ON item TO billing"));
    let superuser = |query: &str| server.psql("postgres", "superuser-password", "orders", &["-c", query]);
    assert_eq!(superuser("CREATE ROLE guest; GRANT INSERT ON item TO guest").code, 0);
    assert!(can("billing", "INSERT INTO item (name) VALUES ('a')") && can("reports", "SELECT FROM item"));

    let lowered = STACK.replace("access = 'write", "access = 'read");
    let lowered = lowered.replace(
        r#", databases.main = { name = "orders", access = 'read } },
    billing"#,
        r#", databases.main = { name = "reports" } },
    billing"#,
    );
    assert_ne!(lowered, STACK);
    run_setup(&lowered);
    let first = server.catalog();
    run_setup(&lowered);
    assert_eq!(first, server.catalog(), "a second run changes nothing");
    assert!(can("orders", "CREATE TABLE later (id serial PRIMARY KEY)"));
    for (query, is_allowed) in [
        ("SELECT FROM item", true),
        ("SELECT FROM later", true),
        ("INSERT INTO item (name) VALUES ('b')", false),
        ("INSERT INTO later VALUES (1)", false),
        ("DELETE FROM note", false),
        ("SELECT nextval('item_id_seq')", false),
        ("UPDATE item SET name = 'c'", true),
        ("TRUNCATE item", true),
    ] {
        assert_eq!(can("billing", query), is_allowed, "{query}");
    }
    assert!(!can("reports", "SELECT 1"), "a service that gave up the database");
    let held = superuser(
        "SELECT has_table_privilege('reports', 'later', 'SELECT'), has_table_privilege('guest', 'item', 'INSERT')",
    );
    assert_eq!(held.stdout.trim(), "f|t");

    run_setup(STACK);
    assert!(
        can("billing", "INSERT INTO later VALUES (1)") && can("reports", "SELECT FROM later"),
        "and grants them again"
    );
}

#[test]
fn a_new_owner_can_use_the_tables_of_the_earlier_owner() {
    let Some(server) = Server::start() else { return };
    let can = |role: &str, query: &str| server.psql(role, &password(role), "orders", &["-c", query]).code == 0;
    let run_setup = |stack: &str| {
        let (_case, file) = sql_of(&server, stack);
        let output = server.apply(&file);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    };
    run_setup(STACK);
    assert!(can("orders", "CREATE TABLE item (id integer)") && can("billing", "INSERT INTO item VALUES (1)"));
    let orders = r#"databases.main = { name = "orders", extensions = ["citext"] }"#;
    let billing = r#"databases.main = { name = "orders", access = 'write }"#;
    let exchanged = STACK.replace(orders, "OWNER").replace(billing, orders).replace("OWNER", billing);
    for _ in 0..2 {
        run_setup(&exchanged);
        assert!(can("billing", "INSERT INTO item VALUES (2); CREATE TABLE of_billing (id integer)"));
        assert!(can("billing", "DROP TABLE of_billing"));
    }
    // The rights of the earlier access end with the earlier owner's objects.
    let default_privileges = || {
        let query = "SELECT count(*) FROM pg_default_acl WHERE defaclrole = 'orders'::regrole";
        server.psql("postgres", "superuser-password", "orders", &["-c", query]).stdout.trim().to_owned()
    };
    assert_eq!(default_privileges(), "2");
    let reassign = "REASSIGN OWNED BY orders TO billing";
    assert_eq!(server.psql("postgres", "superuser-password", "orders", &["-c", reassign]).code, 0);
    run_setup(&exchanged);
    assert_eq!(default_privileges(), "0");
    assert!(can("billing", "INSERT INTO item VALUES (3)") && can("orders", "INSERT INTO item VALUES (4)"));
}

/// The statements of `atlas` come before those of `search-index`, which creates the schema.
#[test]
fn a_service_reads_the_schema_of_a_different_service() {
    let Some(server) = Server::start() else { return };
    let can = |role: &str, query: &str| server.psql(role, &password(role), "orders", &["-c", query]).code == 0;
    let reader = |access: &str, schema: &str| {
        let database = format!("databases.main = {{ name = \"orders\", access = '{access}, schema = \"{schema}\" }}");
        STACK.replace("services = {", &format!("services = {{ atlas = {{ image = \"a/atlas:1\", {database} }},"))
    };
    let run_setup = |stack: &str| {
        let (_case, file) = sql_of(&server, stack);
        let output = server.apply(&file);
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stderr
    };
    assert_eq!(run_setup(&reader("read", "index")), "");
    assert!(can("search_index", "CREATE TABLE index.entry (id serial PRIMARY KEY)"));
    assert!(can("atlas", "SELECT FROM index.entry"), "also a table that is newer than the last run");
    assert!(!can("atlas", "INSERT INTO index.entry DEFAULT VALUES"));
    assert_eq!(run_setup(&reader("write", "index")), "");
    assert!(can("search_index", "CREATE TABLE index.later (id serial PRIMARY KEY)"));
    assert!(can("atlas", "INSERT INTO index.later DEFAULT VALUES"));
    // A schema that the owner of the database creates when it starts.
    let output = run_setup(&reader("read", "sales"));
    assert!(output.contains("the schema sales of orders does not exist yet; atlas gets its rights"), "{output}");
    assert!(!can("atlas", "SELECT FROM index.later"), "the earlier access ended");
    assert!(can("orders", "CREATE SCHEMA sales; CREATE TABLE sales.invoice (id integer)"));
    assert_eq!(run_setup(&reader("read", "sales")), "");
    assert!(can("orders", "CREATE TABLE sales.later (id integer)"));
    assert!(can("atlas", "SELECT FROM sales.invoice, sales.later"));
}

#[test]
fn a_right_on_which_others_depend_stays_with_a_warning() {
    let Some(server) = Server::start() else { return };
    let can = |role: &str, query: &str| server.psql(role, &password(role), "orders", &["-c", query]).code == 0;
    let (_case, file) = sql(&server);
    assert_eq!(server.apply(&file).code, 0);
    assert!(can("orders", "CREATE TABLE item (name text); GRANT UPDATE (name) ON item TO billing WITH GRANT OPTION"));
    assert!(can("billing", "GRANT UPDATE (name) ON item TO reports"));
    let (_case, file) = sql_of(&server, &STACK.replace("access = 'write", "access = 'read"));
    let output = server.apply(&file);
    assert!(output.code == 0 && output.stderr.contains("dependent privileges exist"), "{}", output.stderr);
    assert!(can("reports", "UPDATE item SET name = 'a'") && !can("billing", "DELETE FROM item"));
}

/// Known-bad control: failing SQL makes the run fail.
#[test]
fn an_error_in_the_setup_job_makes_it_fail() {
    let Some(server) = Server::start() else { return };
    let (_case, file) = sql(&server);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("nself_extension pgcrypto", "nself_extension no_such_extension")).unwrap();
    let output = server.apply(&file);
    assert!(output.code != 0 && output.stderr.contains("no_such_extension"), "{}", output.stderr);
}

#[test]
fn extensions_are_created_in_the_database_that_requires_them() {
    let sql = golden_file("local", "postgres/setup/setup.sql");
    for database in ["hasura", "nself_demo", "ping"] {
        assert!(sql.contains(&format!("\\connect {database}\n")), "{sql}");
    }
    assert!(sql.contains("\\set nself_extension citext\n"), "auth asked for it");
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.a1 = { image = "a/b:1", databases.main = { name = "a1", extensions = ["hstore"] } } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let sql = fs::read_to_string(case.path().join("deploy/prod/postgres/setup/setup.sql")).unwrap();
    let own = &sql[sql.find("\\connect a1").unwrap()..];
    assert!(
        own[..own.find("\\connect hasura").unwrap()].contains("\\set nself_extension hstore\n"),
        "in the database that asked"
    );
}

#[test]
fn no_service_connects_as_superuser() {
    let sql = golden_file("prod", "postgres/setup/setup.sql");
    let logins = sql.lines().filter(|line| line.starts_with("ALTER ROLE")).collect::<Vec<_>>();
    assert!(
        logins.len() == 8
            && logins.iter().step_by(2).all(|line| line.contains("NOSUPERUSER") && line.contains("NOBYPASSRLS")),
        "{logins:?}"
    );
    // Only the server and the jobs that prepare and migrate it have the superuser's password.
    let users: BTreeSet<String> = environments()
        .iter()
        .flat_map(|environment| {
            let compose: serde_json::Value =
                serde_yaml_ng::from_slice(&fs::read(environment.join("compose.yaml")).unwrap()).unwrap();
            let list: serde_json::Value =
                serde_json::from_slice(&fs::read(environment.join("secrets.json")).unwrap()).unwrap();
            let users = list["secrets"]["postgres_password"]["used_by"].as_array().unwrap().clone();
            users.into_iter().map(|user| user.as_str().unwrap().to_owned()).filter(move |user| {
                let service = &compose["services"][user];
                let is_job = user.starts_with("migrate-") || user == "postgres-setup";
                !(is_job && service["restart"] == "no" && service["ports"].is_null())
            })
        })
        .collect();
    assert_eq!(users, BTreeSet::from(["postgres".to_owned()]));
}
