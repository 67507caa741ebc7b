//! Tests of `nself db baseline`: an existing server is imported and gets a ledger, and the runner continues from there.

use std::fs;
use std::path::Path;

use super::pooler::settings;
use super::project::{FIRST, Project, SECOND, applied_migrations};
use super::server::{OWNER, Pooler, Server, Version};
use crate::support::{ProcessOutput, nself_in, root, stack};

/// Creates a stack whose database `orders` was imported from a server.
fn adopt(server: &Server) -> Project {
    let project = Project { folder: stack("{}") };
    let imported = project.nself(&["db", "import", "--url", &owner_url(server, "orders")]);
    fs::write(project.folder.path().join("imported.ncl"), imported.stdout).unwrap();
    define(&project, "{}");
    project.nself(&["db", "new"]);
    project
}

/// Writes a stack whose database `orders` is the imported definition with some changes.
fn define(project: &Project, changes: &str) {
    let text = format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
         services.owner = {{ image = \"a/owner:1\", databases.main.name = \"orders\" }},\n\
         services.reader = {{ image = \"a/reader:1\", databases.main = {{ name = \"orders\", access = 'read }} }},\n\
         services.writer = {{ image = \"a/writer:1\", databases.main = {{ name = \"orders\", access = 'write }} }},\n\
         databases.orders = (import \"imported.ncl\") & {changes} }} | nself.Stack\n"
    );
    fs::write(project.folder.path().join("stack.ncl"), text).unwrap();
}

pub fn superuser_url(server: &Server, database: &str) -> String {
    format!("postgresql://postgres@/{database}?host={}", server.folder().display())
}

fn owner_url(server: &Server, database: &str) -> String {
    superuser_url(server, database).replace("postgres@", &format!("{OWNER}@"))
}

fn baseline(project: &Project, url: &str, scratch: &Server, more: &[&str]) -> ProcessOutput {
    let scratch = superuser_url(scratch, "postgres");
    let words = ["db", "baseline", "--url", url, "--scratch", &scratch];
    nself_in(project.folder.path(), words.iter().chain(more))
}

fn assert_refused(output: &ProcessOutput, code: &str, words: &[&str]) {
    assert!(output.code == 2 && output.stdout.is_empty(), "{}{}", output.stdout, output.stderr);
    assert!(output.stderr.contains(&format!("error[{code}]")), "{code}: {}", output.stderr);
    assert!(words.iter().all(|word| output.stderr.contains(word)), "{words:?}: {}", output.stderr);
}

/// Checks that the server has no objects of nself.
fn assert_no_nself_objects(server: &Server, database: &str) {
    let mut session = server.session("postgres", database);
    assert_eq!(session.run_or_panic("SELECT to_regnamespace('nself') IS NULL;").trim(), "t");
    let temporary_databases = session.run_or_panic("SELECT count(*) FROM pg_database WHERE datname LIKE 'nself%';");
    assert_eq!(temporary_databases.trim(), "0");
}

#[test]
fn a_server_without_a_ledger_is_taken_over() {
    let Some(server) = Server::start(Version::V15) else { return };
    for database in ["orders", "fresh"] {
        server.database_for_migrations(database);
    }
    let mut orders_session = server.session(OWNER, "orders");
    let shop = fs::read_to_string(root().join("tests/sql/shop.sql")).unwrap();
    orders_session.run_or_panic(&shop.replace("OWNER TO owner;", &format!("OWNER TO {OWNER};")));
    orders_session.run_or_panic("INSERT INTO customers (mail, name) VALUES ('a@b', 'a');");
    let before = orders_session.catalog();
    let project = adopt(&server);
    let url = owner_url(&server, "orders");

    // Without a ledger, the runner would create everything again.
    let early = project.migrate(&server, "orders");
    assert!(early.code != 0 && early.stderr.contains("already exists"), "{}", early.stderr);
    server.session("postgres", "orders").run_or_panic("DROP SCHEMA nself CASCADE;");

    // Known-bad controls: a different column, a different privilege, a missing table.
    for (change, back, words) in [
        (
            "ALTER TABLE customers ALTER note TYPE varchar(9);",
            "ALTER TABLE customers ALTER note TYPE text;",
            "public.customers.note differs: the server has (`character varying(9) f`), the migrations have (`text f`)",
        ),
        (
            "GRANT TRUNCATE ON orders TO writer;",
            "REVOKE TRUNCATE ON orders FROM writer;",
            "the grant relation public.orders (`writer TRUNCATE`) is on the server only",
        ),
        ("CREATE TABLE more ();", "DROP TABLE more;", "the table public.more (`p f f`) is on the server only"),
    ] {
        orders_session.run_or_panic(change);
        assert_refused(&baseline(&project, &url, &server, &[]), "NS733", &[words, "nself changed nothing"]);
        assert_no_nself_objects(&server, "orders");
        orders_session.run_or_panic(back);
    }

    let output = baseline(&project, &url, &server, &["--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert_eq!(answer["migrations"].as_u64().zip(answer["waiting"].as_u64()), Some((1, 0)), "{answer}");
    assert_eq!(orders_session.catalog(), before);
    assert_eq!(orders_session.run_or_panic("SELECT count(*) FROM customers;").trim(), "1");

    // The ledger equals the one that the runner writes for a new database.
    assert_eq!(project.migrate(&server, "fresh").code, 0);
    let ledger = |database: &str| {
        let mut session = server.session("postgres", database);
        session.run_or_panic(
            "SELECT number, name, sum, chain, state FROM nself.ledger; SELECT digest FROM nself.catalog;
             SELECT relname, relowner::regrole, relacl FROM pg_class WHERE relnamespace = 'nself'::regnamespace ORDER BY 1;
             SELECT nspacl, nspowner::regrole FROM pg_namespace WHERE nspname = 'nself';",
        )
    };
    assert_eq!(ledger("orders"), ledger("fresh"));
    assert_refused(&baseline(&project, &url, &server, &[]), "NS734", &["ledger already has migrations"]);

    // The runner has nothing to do; then it applies the next migration.
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (0, "done\n", ""));
    define(&project, "{ tables.later = { columns.id.type = \"bigint\", primary_key = [\"id\"] } }");
    project.nself(&["db", "new", "--name", "later"]);
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output), output.stderr.as_str()), (0, 1, ""), "{}", output.stdout);
    assert_eq!(
        orders_session.run_or_panic("SELECT tableowner FROM pg_tables WHERE tablename = 'later';").trim(),
        OWNER
    );
}

/// The server has only the first migrations; an index that is built outside a transaction is handled as well.
#[test]
fn a_running_server_is_taken_over_at_its_version() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    project.add_migration(SECOND);
    let url = owner_url(&server, "orders");
    let mut orders_session = server.session(OWNER, "orders");
    assert_refused(
        &baseline(&project, &url, &server, &["--to", "5"]),
        "NS107",
        &["names no migration: the history has 4 migrations"],
    );
    let on_empty_database = baseline(&project, &url, &server, &["--to", "1"]);
    assert_refused(&on_empty_database, "NS733", &["the table public.orders (`p f f`) is not on the server"]);
    orders_session.run_or_panic("CREATE TABLE orders (id bigint CONSTRAINT orders_pkey PRIMARY KEY, note text);");
    let to_latest = baseline(&project, &url, &server, &[]);
    assert_refused(
        &to_latest,
        "NS733",
        &["the column public.orders.state", "the constraint public.orders.orders_note_key"],
    );
    // The role of the migrations could not change objects of a different owner.
    let mut admin = server.session("postgres", "orders");
    admin.run_or_panic("ALTER TABLE orders OWNER TO writer;");
    let with_foreign_owner = baseline(&project, &url, &server, &["--to", "1"]);
    assert_refused(&with_foreign_owner, "NS734", &["belong to `writer`, but migrations run as `orders_migrations`"]);
    admin.run_or_panic("ALTER TABLE orders OWNER TO orders_migrations;");
    // A runner is active.
    admin.run_or_panic("SELECT pg_advisory_lock(7241105402127946086);");
    assert_refused(&baseline(&project, &url, &server, &["--to", "1"]), "NS734", &["another run of migrations"]);
    assert_no_nself_objects(&server, "orders");
    admin.run_or_panic("SELECT pg_advisory_unlock_all();");
    let output = baseline(&project, &url, &server, &["--to", "1"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, "orders: 1 migration in the ledger, 3 waiting\n"),
        "{}",
        output.stderr
    );
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, applied_migrations(&output), output.stderr.as_str()), (0, 3, ""), "{}", output.stdout);
    // The server already has the index and its constraint, and so has the temporary database.
    server.session("postgres", "orders").run_or_panic("DROP SCHEMA nself CASCADE;");
    assert_eq!(baseline(&project, &url, &server, &[]).code, 0);
    assert_eq!(project.migrate(&server, "orders").stdout, "done\n");
}

/// Names on a server cannot inject SQL or commands of psql.
#[test]
fn the_name_of_an_owner_cannot_inject_sql() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database_for_migrations("orders");
    let project = Project::new(FIRST);
    let mark = project.folder.path().join("mark");
    let role = format!("\"o'$role$ \\! touch {} #\"", mark.display());
    let mut orders_session = server.session("postgres", "orders");
    orders_session
        .run_or_panic("SET standard_conforming_strings = on; CREATE TABLE orders (id bigint PRIMARY KEY, note text);");
    orders_session.run_or_panic(&format!("CREATE ROLE {role};"));
    orders_session.run_or_panic(&format!("ALTER TABLE orders OWNER TO {role};"));
    let output = baseline(&project, &owner_url(&server, "orders"), &server, &[]);
    assert_refused(&output, "NS734", &["the server's objects belong to `o'$role$"]);
    // The runner reports it as well.
    let output = project.migrate(&server, "orders");
    assert!(output.code != 0 && output.stderr.contains("REASSIGN OWNED BY \"o'$role$"), "{}", output.stderr);
    assert!(!mark.exists());
}

/// Expressions whose values are printed or read differently with each of these settings.
const CLOCKS: &str = r#"tables.clocks = { columns = {
  id = { type = "bigint" },
  at = { type = "timestamptz", default = "'2024-03-04 05:06:07'::timestamptz" },
  day = { type = "date", default = "'03/04/2024'::date" },
  span = { type = "interval", default = "'-1 2:03:04'::interval" },
  ratio = { type = "float8", default = "'0.1234567890123456'::float8" },
  bytes = { type = "bytea", default = "'\\xdead00'::bytea" },
  path = { type = "text", nullable = true, default = "'a\\b'" },
  known = { type = "boolean", generated = "(path = NULL) IS TRUE" },
}, primary_key = ["id"], checks.clocks_at_check = "at > '2020-01-01 00:00:00'::timestamptz",
  indexes.clocks_at_idx = { columns = [{ column = "at" }], where = "at > '2020-01-01 00:00:00'::timestamptz" } },
  views.late = { query = "SELECT id FROM clocks WHERE at > '2024-01-01 00:00:00'::timestamptz AND bytes <> '\\xff'::bytea" }"#;

/// Settings of the database that is taken over, with the default value; `None` for settings that affect only input.
const DATABASE_SETTINGS: [(&str, &str, Option<&str>); 8] = [
    ("TimeZone", "'Asia/Kathmandu'", Some("UTC")),
    ("DateStyle", "SQL, DMY", Some("ISO, MDY")),
    ("IntervalStyle", "sql_standard", Some("postgres")),
    ("extra_float_digits", "-9", Some("1")),
    ("bytea_output", "escape", Some("hex")),
    ("quote_all_identifiers", "on", Some("off")),
    ("standard_conforming_strings", "off", Some("on")),
    ("transform_null_equals", "on", None),
];

/// Settings of the role that connects to the server of `--scratch`.
const SCRATCH_SETTINGS: [&str; 4] = [
    "TimeZone = 'America/St_Johns'",
    "DateStyle = 'German'",
    "IntervalStyle = 'iso_8601'",
    "search_path = 'elsewhere'",
];

/// Settings for input and output of values count neither as a difference between servers nor as a change.
#[test]
fn settings_of_a_server_are_not_differences() {
    let (Some(server), Some(other)) = (Server::start(Version::V15), Server::start(Version::V15)) else { return };
    server.database_for_migrations("orders");
    let mut admin = server.session("postgres", "postgres");
    let set = |name: &str, value: &str| format!("ALTER DATABASE orders SET {name} = {value};");
    for (name, value, _) in DATABASE_SETTINGS {
        admin.run_or_panic(&set(name, value));
    }
    let mut elsewhere = other.session("postgres", "postgres");
    for setting in SCRATCH_SETTINGS {
        elsewhere.run_or_panic(&format!("ALTER ROLE postgres SET {setting};"));
    }
    let project = Project::new(CLOCKS);
    let output = project.migrate(&server, "orders");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    let mut orders_session = server.session("postgres", "orders");
    // Each of these settings changes the stored or printed value.
    let row = orders_session
        .run_or_panic("INSERT INTO clocks (id, path) VALUES (1, NULL) RETURNING day = '2024-04-03', known;");
    assert_eq!(row.trim(), "t|t");
    let catalog_with_settings = orders_session.catalog();
    for (name, _, default) in DATABASE_SETTINGS {
        let Some(default) = default else { continue };
        orders_session.run_or_panic(&format!("SET {name} TO {default};"));
        assert_ne!(orders_session.catalog(), catalog_with_settings, "{name} changes nothing");
        orders_session.run_or_panic(&format!("RESET {name};"));
    }

    let (url, scratch) = (owner_url(&server, "orders"), superuser_url(&other, "postgres"));
    let diff = |from: &str, to: &str| {
        nself_in(project.folder.path(), ["db", "diff", "--from", from, "--to", to, "--scratch", &scratch])
    };
    for (from, to) in [(url.as_str(), "stack.ncl"), ("db/orders", &url)] {
        let output = diff(from, to);
        assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{from} {to}: {}{}", output.stdout, output.stderr);
    }
    // Changed settings do not count as a change of the database.
    admin.run_or_panic("ALTER DATABASE orders RESET ALL;");
    assert_eq!(project.migrate(&server, "orders").stderr, "");
    for (name, value, _) in DATABASE_SETTINGS {
        admin.run_or_panic(&set(name, value));
    }
    orders_session.run_or_panic("DROP SCHEMA nself CASCADE;");
    // Known-bad controls: the same text in a different zone is a different time; one more byte.
    for (change, back) in [
        (
            "ALTER TABLE clocks ALTER at SET DEFAULT '2024-03-04 05:06:07+00';",
            "ALTER TABLE clocks ALTER at SET DEFAULT '04/03/2024 05:06:07';",
        ),
        (
            "ALTER TABLE clocks ALTER bytes SET DEFAULT E'\\\\xdead0000';",
            "ALTER TABLE clocks ALTER bytes SET DEFAULT E'\\\\xdead00';",
        ),
    ] {
        orders_session.run_or_panic(change);
        assert_refused(&baseline(&project, &url, &other, &[]), "NS733", &["the column public.clocks."]);
        let output = diff(&url, "stack.ncl");
        assert!(output.code == 1 && output.stdout.contains("SET DEFAULT"), "{}{}", output.stdout, output.stderr);
        orders_session.run_or_panic(back);
    }
    for server in [&other, &server] {
        let output = baseline(&project, &url, server, &[]);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
        orders_session.run_or_panic("DROP SCHEMA nself CASCADE;");
    }
}

#[test]
fn neither_a_standby_nor_a_pooler_is_taken_over() {
    let Some(server) = Server::start(Version::V17) else { return };
    server.database_for_migrations("orders");
    server.session(OWNER, "orders").run_or_panic("CREATE TABLE orders (id bigint PRIMARY KEY, note text);");
    let project = Project::new(FIRST);
    let url = owner_url(&server, "orders");
    let standby = server.standby();
    assert_refused(
        &baseline(&project, &owner_url(&standby, "orders"), &server, &[]),
        "NS734",
        &["this server is a standby"],
    );
    let other = Server::start(Version::V15).unwrap();
    assert_refused(
        &baseline(&project, &url, &other, &[]),
        "NS734",
        &["version 17, and the server of --scratch version 15"],
    );
    let Some(pooler) = server.pooler(&settings()) else { return };
    let lenient_settings = settings().replace("extra_float_digits", "extra_float_digits, options");
    let lenient_pooler = server.pooler(&lenient_settings).unwrap();
    let pooler_url =
        |pooler: &Pooler| format!("postgresql://orders_migrations:secret@/orders?host={}", pooler.folder().display());
    let output = nself_in(project.folder.path(), ["db", "import", "--url", &pooler_url(&pooler)]);
    assert!(output.code == 2 && output.stderr.contains("use the URL of the server itself"), "{}", output.stderr);
    // Control: a query that needs no settings succeeds.
    let output = nself_in(project.folder.path(), ["db", "status", "--url", &pooler_url(&pooler)]);
    assert!(
        output.code == 1 && output.stdout.contains("server: 0 applied, 1 waiting"),
        "{}{}",
        output.stdout,
        output.stderr
    );
    // The first pooler rejects the settings, the second one is detected by the ledger's statements.
    for (pooler, message) in
        [(pooler, "this connection goes through a pooler"), (lenient_pooler, "this connection goes through a pooler")]
    {
        let url = pooler_url(&pooler);
        let output = baseline(&project, &url, &server, &[]);
        assert_refused(&output, "NS734", &[message]);
    }
    assert_no_nself_objects(&server, "orders");
    // Options of the user are kept, and the same command takes over the server directly.
    let output = baseline(&project, &format!("{url}&options=-c%20statement_timeout%3D60000"), &server, &[]);
    assert_eq!(output.code, 0, "{}", output.stderr);
}

/// Runs the migrations of the database `shop`.
pub fn migrate_shop(server: &Server, environment: &Path) {
    let mut runner = std::process::Command::new("/bin/sh");
    runner.arg(environment.join("migrations/shop/run.sh")).env("PGHOST", server.folder());
    runner.env("PGUSER", "shop_migrations").env("PGDATABASE", "shop").env("NSELF_SUPERUSER", "postgres");
    let output = crate::support::run(&mut runner);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
}

/// The main database also has the schemas of `auth` and Hasura, extensions for them, and the rights of all services.
#[test]
fn the_setup_job_and_the_services_do_not_count_as_differences() {
    let Some(server) = Server::start(Version::V15) else { return };
    let project = Project { folder: stack("{}") };
    let text = "let nself = import \"nself/main.ncl\" in
        { project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",
          services.reports = { image = \"a/reports:1\", databases.main.access = 'read },
          databases.shop = {
            tables.members = { columns = { id.type = \"bigint\", user_id.type = \"uuid\" }, primary_key = [\"id\"], grants.reports = ['insert] },
          } } | nself.Stack";
    fs::write(project.folder.path().join("stack.ncl"), text).unwrap();
    project.nself(&["db", "new"]);
    project.nself(&["gen", "--env", "local"]);
    let environment = project.folder.path().join("deploy/local");
    let migrate = || migrate_shop(&server, &environment);
    server.first_start(&environment);
    migrate();
    server.session("auth", "shop").run_or_panic("CREATE TABLE auth.users (id uuid PRIMARY KEY, email citext);");
    server.session("hasura", "shop").run_or_panic("CREATE TABLE hdb_catalog.hdb_version (version text);");
    server.first_start(&environment);
    migrate();

    let (url, scratch) = (superuser_url(&server, "shop"), superuser_url(&server, "postgres"));
    for (from, to) in [(url.as_str(), "stack.ncl"), ("db/shop", &url)] {
        let diff = ["db", "diff", "--from", from, "--to", to, "--scratch", &scratch];
        let output = nself_in(project.folder.path(), diff);
        assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{from} {to}: {}{}", output.stdout, output.stderr);
    }
    let imported = project.nself(&["db", "import", "--url", &url]);
    assert!(imported.stdout.contains("members") && !imported.stdout.contains("users"), "{}", imported.stdout);
    assert!(imported.stdout.contains("'insert") && !imported.stdout.contains("'select"), "{}", imported.stdout);
    let note = "the rights of `reports` are left out: they follow from the access of its service";
    assert_eq!(imported.stderr.matches(note).count(), 1, "{}", imported.stderr);
    assert!(
        imported.stderr.contains("schemas that belong to the roles of services are left out"),
        "{}",
        imported.stderr
    );
    server.session("postgres", "shop").run_or_panic("DROP SCHEMA nself CASCADE;");
    let output = baseline(&project, &url.replace("postgres@", "shop_migrations@"), &server, &[]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);

    // The next run of the setup job repairs default privileges that were changed by hand.
    server
        .session("postgres", "shop")
        .run_or_panic("ALTER DEFAULT PRIVILEGES FOR ROLE shop_migrations REVOKE INSERT ON TABLES FROM hasura;");
    let diff = ["db", "diff", "--from", &url, "--to", "stack.ncl", "--scratch", &scratch];
    let output = nself_in(project.folder.path(), diff);
    assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{}", output.stderr);
    server.first_start(&environment);

    // Known-bad control: a schema of a service that may only read.
    server.session("postgres", "shop").run_or_panic("GRANT CREATE ON DATABASE shop TO reports;");
    server.session("reports", "shop").run_or_panic("CREATE SCHEMA stray; CREATE TABLE stray.facts (id integer);");
    let output = nself_in(project.folder.path(), diff);
    assert!(output.code == 2 && output.stderr.contains("objects belong to several roles"), "{}", output.stderr);
    server.session("reports", "shop").run_or_panic("DROP SCHEMA stray CASCADE;");

    // Known-bad controls: an object in the schema of the definition, and a right that the definition does not grant.
    for change in ["CREATE VIEW stray AS SELECT 1 AS one;", "GRANT DELETE ON members TO reports;"] {
        server.session("shop_migrations", "shop").run_or_panic(change);
        let diff = ["db", "diff", "--from", &url, "--to", "stack.ncl", "--scratch", &scratch];
        assert_eq!(nself_in(project.folder.path(), diff).code, 1, "{change}");
        server.session("shop_migrations", "shop").run_or_panic("DROP VIEW IF EXISTS stray;");
    }
}

/// The setup job runs before the migration that creates the schema.
#[test]
fn a_service_reads_a_schema_that_a_migration_creates() {
    let Some(server) = Server::start(Version::V15) else { return };
    let project = Project { folder: stack("{}") };
    let text = "let nself = import \"nself/main.ncl\" in
        { project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",
          services.reports = { image = \"a/reports:1\", databases.main = { access = 'read, schema = \"audit\" } },
          databases.shop = {
            schemas.audit = {},
            tables.\"audit.log\" = { columns.id.type = \"bigint\", primary_key = [\"id\"] },
          } } | nself.Stack";
    fs::write(project.folder.path().join("stack.ncl"), text).unwrap();
    project.nself(&["db", "new"]);
    project.nself(&["gen", "--env", "local"]);
    let environment = project.folder.path().join("deploy/local");
    server.first_start(&environment);
    migrate_shop(&server, &environment);
    server.session("shop_migrations", "shop").run_or_panic("CREATE TABLE audit.later (id integer);");
    let mut reports = server.session("reports", "shop");
    reports.run_or_panic("SELECT FROM audit.log, audit.later;");
    assert!(reports.try_run("INSERT INTO audit.log VALUES (1);").is_err());
}
