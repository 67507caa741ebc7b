//! Imports folders of migrations, and compares the definition with the catalog of a server that ran the same files.

use std::fs;
use std::path::Path;

use super::import::planned;
use super::property::compare_catalogs;
use super::server::{Server, Version};
use crate::support::{ProcessOutput, nself_in};

/// A file of migrations: its path, and the SQL that runs forward with the lines before and after it.
struct File(&'static str, &'static str, &'static str, &'static str);

/// The files of a tool in the order in which the tool runs them, and further files that it does not run.
struct Case {
    tool: &'static str,
    migrations: &'static [File],
    others: &'static [(&'static str, &'static str)],
}

const CASES: [Case; 9] = [
    Case {
        tool: "prisma",
        migrations: &[
            File(
                "20240101000000_init/migration.sql",
                "-- CreateEnum\n",
                r#"CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
                CREATE TABLE "User" ("id" SERIAL NOT NULL, "email" TEXT NOT NULL, "role" "Role" NOT NULL DEFAULT 'USER',
                  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "nick" VARCHAR(20) DEFAULT 'none',
                  CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
                CREATE TABLE "Post" ("id" TEXT NOT NULL, "authorId" INTEGER NOT NULL, "title" TEXT, CONSTRAINT "Post_pkey" PRIMARY KEY ("id"));
                CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
                CREATE INDEX "Post_title_idx" ON "Post"("title");
                ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;"#,
                "\n",
            ),
            File(
                "20240202000000_roles/migration.sql",
                "/* Warnings: */\n",
                r#"BEGIN;
                CREATE TYPE "Role_new" AS ENUM ('USER', 'STAFF');
                ALTER TABLE "User" ALTER COLUMN "role" DROP DEFAULT;
                ALTER TABLE "User" ALTER COLUMN "role" TYPE "Role_new" USING ("role"::text::"Role_new");
                ALTER TYPE "Role" RENAME TO "Role_old";
                ALTER TYPE "Role_new" RENAME TO "Role";
                DROP TYPE "Role_old";
                ALTER TABLE "User" ALTER COLUMN "role" SET DEFAULT 'USER';
                COMMIT;
                ALTER TABLE "Post" DROP CONSTRAINT "Post_authorId_fkey";
                DROP INDEX "Post_title_idx";
                ALTER TABLE "User" DROP CONSTRAINT "User_pkey", ALTER COLUMN "id" DROP DEFAULT, ALTER COLUMN "id" SET DATA TYPE BIGINT,
                  ALTER COLUMN "nick" SET DATA TYPE TEXT, ADD CONSTRAINT "User_pkey" PRIMARY KEY ("id");
                DROP SEQUENCE "User_id_seq";
                ALTER TABLE "Post" RENAME TO "Article";
                ALTER TABLE "Article" RENAME CONSTRAINT "Post_pkey" TO "Article_pkey";
                ALTER TABLE "Article" RENAME COLUMN "authorId" TO "writerId";
                ALTER TABLE "Article" ALTER COLUMN "writerId" TYPE bigint;
                ALTER INDEX "User_email_key" RENAME TO "User_mail";
                ALTER TABLE "Article" ADD CONSTRAINT "Article_writerId_fkey" FOREIGN KEY ("writerId") REFERENCES "User"("id");"#,
                "\n",
            ),
        ],
        others: &[("migration_lock.toml", "provider = \"postgresql\"\n")],
    },
    Case {
        tool: "drizzle",
        migrations: &[
            File(
                "0001_second.sql",
                "",
                r#"DO $$ BEGIN
 CREATE TYPE "public"."state" AS ENUM('new', 'paid');
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "orders" ("id" serial PRIMARY KEY NOT NULL, "state" "state" DEFAULT 'new' NOT NULL);
--> statement-breakpoint
CREATE TABLE "lines" ("order_id" integer, "n" integer)"#,
                "",
            ),
            File(
                "0000_third.sql",
                "",
                r#"DO $$ BEGIN
 ALTER TABLE "lines" ADD CONSTRAINT "lines_order" FOREIGN KEY ("order_id") REFERENCES "public"."orders"("id") ON DELETE cascade;
EXCEPTION WHEN duplicate_object THEN null; END $$;--> statement-breakpoint
ALTER TYPE "public"."state" ADD VALUE 'sent' BEFORE 'paid';--> statement-breakpoint
ALTER TYPE "state" RENAME VALUE 'new' TO 'open';--> statement-breakpoint
ALTER TABLE "lines" ALTER COLUMN "n" SET DATA TYPE text;--> statement-breakpoint
ALTER TABLE "lines" ADD COLUMN "m" integer GENERATED ALWAYS AS IDENTITY;--> statement-breakpoint
ALTER TABLE "lines" ALTER COLUMN "m" DROP IDENTITY;"#,
                "",
            ),
        ],
        others: &[(
            "meta/_journal.json",
            r#"{"version": "7", "dialect": "postgresql", "entries": [{"idx": 0, "when": 1, "tag": "0001_second", "breakpoints": true}, {"idx": 1, "when": 2, "tag": "0000_third", "breakpoints": true}]}"#,
        )],
    },
    Case {
        tool: "flyway",
        migrations: &[
            File(
                "V1__shop.sql",
                "",
                "CREATE TABLE customers (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text CHECK (name <> ''), old text);
                CREATE TABLE orders (id bigserial PRIMARY KEY, customer bigint REFERENCES customers, total numeric(10,2) CHECK (total >= 0),
                  note text, UNIQUE (customer, note));
                CREATE INDEX orders_note ON orders (lower(note)) WHERE note IS NOT NULL; CREATE INDEX orders_total ON orders (total);",
                "",
            ),
            File(
                "sub/V1.2__columns.sql",
                "",
                "ALTER TABLE orders DROP COLUMN note, ADD COLUMN IF NOT EXISTS total integer; ALTER TABLE orders RENAME total TO amount;
                ALTER TABLE customers DROP COLUMN IF EXISTS old; ALTER TABLE customers DROP COLUMN IF EXISTS older;
                ALTER TABLE customers ALTER COLUMN id SET GENERATED ALWAYS; ALTER SEQUENCE orders_id_seq RENAME TO orders_numbers;
                INSERT INTO customers (name) VALUES ('first'); UPDATE customers SET name = 'x';",
                "",
            ),
            File("V1_10__last.sql", "", "DROP INDEX IF EXISTS orders_note; ALTER TABLE orders SET UNLOGGED; ALTER TABLE orders SET LOGGED;", ""),
            File("R__1_view.sql", "", "CREATE OR REPLACE VIEW totals AS SELECT id, amount FROM orders;", ""),
            File("R__2_view.sql", "", "DROP VIEW IF EXISTS counts; CREATE VIEW counts AS SELECT count(*) AS n FROM totals; ALTER VIEW counts RENAME TO numbers;", ""),
        ],
        others: &[("U1.2__columns.sql", "DROP TABLE orders;"), ("V1__shop.sql.conf", "executeInTransaction=false")],
    },
    Case {
        tool: "hasura",
        migrations: &[
            File(
                "default/9_init/up.sql",
                "",
                "CREATE TABLE \"public\".\"posts\" (\"id\" uuid NOT NULL DEFAULT gen_random_uuid(), \"updated_at\" timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (\"id\"), UNIQUE (\"updated_at\"));
                CREATE OR REPLACE FUNCTION \"public\".\"touch\"() RETURNS TRIGGER AS $$
                DECLARE _new record; BEGIN _new := NEW; _new.\"updated_at\" = NOW(); RETURN _new; END; $$ LANGUAGE plpgsql;
                CREATE TRIGGER \"touch_posts\" BEFORE UPDATE ON \"public\".\"posts\" FOR EACH ROW EXECUTE PROCEDURE \"public\".\"touch\"();
                CREATE TRIGGER gone BEFORE UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION touch();",
                "",
            ),
            File(
                "default/10_more/up.sql",
                "",
                "alter table \"public\".\"posts\" add column \"title\" text null; alter table \"public\".\"posts\" alter column \"title\" set not null;
                DROP TRIGGER gone ON posts; DROP TRIGGER IF EXISTS never ON posts; ALTER TRIGGER touch_posts ON posts RENAME TO touch_all;
                alter table posts drop constraint posts_updated_at_key; DROP FUNCTION IF EXISTS nothing(integer);
                CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION f(integer);
                CREATE SCHEMA s; DROP SCHEMA s; CREATE EXTENSION citext; DROP EXTENSION citext;",
                "",
            ),
        ],
        others: &[("default/9_init/down.sql", "DROP TABLE posts;"), ("default/10_more/down.sql", "SELECT nonsense")],
    },
    Case {
        tool: "golang-migrate",
        migrations: &[
            File("1_counter.up.sql", "", "CREATE SEQUENCE counter", ""),
            File("2_first.up.sql", "", "CREATE TABLE a (id integer PRIMARY KEY, v integer); CREATE TABLE b (a integer REFERENCES a); CREATE TABLE gone (id integer REFERENCES a)", ""),
            File("10_second.up.sql", "", "DROP TABLE gone; ALTER TABLE a RENAME COLUMN id TO key; ALTER TABLE a DROP CONSTRAINT a_pkey CASCADE; ALTER TABLE a ADD PRIMARY KEY (v)", ""),
            File("11_third.up.sql", "", "CREATE TABLE c (v integer REFERENCES a (v)); ALTER TABLE a RENAME TO aa; SELECT setval('counter', 5);", ""),
        ],
        others: &[("2_first.down.sql", "DROP TABLE a;"), ("10_second.down.sql", ""), ("11_third.down.sql", "")],
    },
    Case {
        tool: "sqlx",
        migrations: &[
            File(
                "20230101_first.sql",
                "-- no-transaction\n",
                "CREATE DOMAIN positive AS integer CHECK (VALUE > 0); CREATE TYPE pair AS (a integer, b text); CREATE TABLE t (p positive DEFAULT 1, q pair);",
                "",
            ),
            File(
                "20230102_second.sql",
                "",
                "ALTER DOMAIN positive DROP CONSTRAINT positive_check; ALTER DOMAIN positive ADD CONSTRAINT small CHECK (VALUE < 10); ALTER DOMAIN positive SET DEFAULT 3;
                ALTER TYPE pair ADD ATTRIBUTE c date; ALTER TYPE pair DROP ATTRIBUTE IF EXISTS zzz; ALTER DOMAIN positive RENAME TO small_number;",
                "",
            ),
        ],
        others: &[],
    },
    Case {
        tool: "dbmate",
        migrations: &[
            File("20230101_a.sql", "-- migrate:up\n", "CREATE TABLE t (id integer, tenant integer); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (tenant = 1); CREATE POLICY q ON t USING (id = 1);\n", "-- migrate:down\nDROP TABLE t;\n"),
            File("20230102_b.sql", "-- migrate:up transaction:false\n", "DROP POLICY q ON t; ALTER POLICY p ON t RENAME TO own_rows; ALTER TABLE t RENAME tenant TO owner;\n", "\n-- migrate:down\nSELECT 1;\n"),
        ],
        others: &[],
    },
    Case {
        tool: "goose",
        migrations: &[
            File("00001_a.sql", "-- +goose Up\n", "CREATE TABLE t (id integer, v text);\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n-- +goose StatementEnd\n", "-- +goose Down\nDROP TABLE t;\n"),
            File("00002_b.sql", "-- +goose NO TRANSACTION\n-- +goose Up\n", "CREATE INDEX CONCURRENTLY t_v ON t (v);\n", "-- +goose Down\nDROP INDEX t_v;\n"),
        ],
        others: &[],
    },
    // The printed SQL of Alembic and Django: one file instead of a folder.
    Case {
        tool: "printed",
        migrations: &[File(
            "1_printed.sql",
            "",
            "BEGIN; CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
            CREATE TABLE account (id SERIAL NOT NULL, name VARCHAR(50) NOT NULL, PRIMARY KEY (id)); INSERT INTO alembic_version (version_num) VALUES ('a1') RETURNING alembic_version.version_num;
            ALTER TABLE account ADD COLUMN last TIMESTAMP WITHOUT TIME ZONE; UPDATE alembic_version SET version_num='b2' WHERE alembic_version.version_num = 'a1'; COMMIT;
            BEGIN; CREATE TABLE \"shop_item\" (\"id\" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, \"name\" varchar(20) NOT NULL UNIQUE, \"qty\" integer NOT NULL CHECK (\"qty\" >= 0));
            CREATE INDEX \"shop_item_name_like\" ON \"shop_item\" (\"name\" varchar_pattern_ops); ALTER TABLE \"shop_item\" ALTER COLUMN \"qty\" TYPE bigint USING \"qty\"::bigint;
            ALTER TABLE \"shop_item\" ADD COLUMN \"n\" integer DEFAULT 0 NOT NULL; ALTER TABLE \"shop_item\" ALTER COLUMN \"n\" DROP DEFAULT; COMMIT;",
            "",
        )],
        others: &[],
    },
];

fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join("migrations").join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn import(folder: &Path) -> ProcessOutput {
    nself_in(folder, ["db", "import", "--sql", "migrations"])
}

/// Runs the files of a case on a server, imports them, and compares the catalogs.
fn check(server: &Server, case: &Case) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let name = case.tool.replace('-', "_");
    let (theirs, ours) = (format!("theirs_{name}"), format!("ours_{name}"));
    server.database(&theirs);
    server.database(&ours);
    let mut session = server.session("owner", &theirs);
    for File(path, before, sql, after) in case.migrations {
        write(folder.path(), path, &format!("{before}{sql}{after}"));
        session.try_run(&format!("{sql};")).map_err(|error| format!("{path}: {error}"))?;
    }
    for (path, text) in case.others {
        write(folder.path(), path, text);
    }
    let output = import(folder.path());
    if output.code != 0 {
        return Err(output.stderr);
    }
    let mut own = server.session("owner", &ours);
    own.transaction(&planned(folder.path(), &output.stdout))?;
    compare_catalogs("the files", &session.catalog(), "the import", &own.catalog())
        .map_err(|error| format!("{error}\n{}", output.stdout))?;
    // Changes of rows are left out, and the warning names the file.
    let changes_rows = case.migrations.iter().any(|file| file.2.contains("INSERT INTO") || file.2.contains("setval"));
    if output.stderr.contains("is left out: a definition has no rows") != changes_rows {
        return Err(format!("warnings about rows: {}", output.stderr));
    }
    if case.tool == "flyway" && !output.stderr.contains("migrations/sub/V1.2__columns.sql:4:17") {
        return Err(format!("the place of the warning: {}", output.stderr));
    }
    Ok(())
}

fn equal_catalogs(version: Version) {
    let Some(server) = Server::start(version) else { return };
    let failures = CASES.iter().filter_map(|case| Some(format!("{}: {}", case.tool, check(&server, case).err()?)));
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn folders_of_other_tools_equal_a_server_that_ran_them() {
    equal_catalogs(Version::V15);
}

#[test]
fn folders_of_other_tools_equal_a_newer_server_that_ran_them() {
    equal_catalogs(Version::V18);
}

type Files = &'static [(&'static str, &'static str)];

/// Files, the message, and its place.
const REFUSED: [(Files, &str, &str); 14] = [
    (
        &[("1_a.up.sql", ""), ("V1__a.sql", "")],
        "error[NS780]",
        "migrations of Flyway (V1__a.sql) and migrations of golang-migrate",
    ),
    (
        &[("V1__a.sql", "CREATE TABLE t (id int);\nCREATE TABLE u (n ${kind});")],
        "error[NS780]",
        "migrations/V1__a.sql:2:1",
    ),
    (&[("readme.md", "")], "error[NS780]", "migrations: the folder has no .sql files"),
    (&[("1_a.sql", "CREATE TABLE t (id int"), ("2_b.sql", ");")], "error[NS714]", "migrations/1_a.sql:1:23"),
    (&[("1_a.sql", "CREATE TABLE t (v text DEFAULT 'x"), ("2_b.sql", "')")], "error[NS714]", "migrations/1_a.sql:1:32"),
    (
        &[("1_a.sql", "CREATE TABLE t (id int);"), ("2_b.sql", "\nALTER TABLE t INHERIT x;")],
        "inheritance of tables",
        "migrations/2_b.sql:2:15",
    ),
    (
        &[
            ("1_a.sql", "CREATE TABLE t (id int);"),
            ("2_b.sql", "CREATE VIEW v AS SELECT id FROM t;\n"),
            ("3_c.sql", "\n\nALTER TABLE t RENAME TO u;"),
        ],
        "the view v mentions it",
        "migrations/3_c.sql:3:15",
    ),
    (
        &[("1_a.sql", "CREATE TABLE t (id int); CREATE VIEW v AS SELECT id FROM t; ALTER TABLE t RENAME id TO n;")],
        "nself cannot follow this change of `t.id`",
        "migrations/1_a.sql:1:75",
    ),
    (
        &[("1_a.sql", "CREATE TABLE t (id int primary key); CREATE TABLE u (t int REFERENCES t); DROP TABLE t;")],
        "a foreign key of u refers to it",
        "migrations/1_a.sql:1:86",
    ),
    (
        &[("1_a.sql", "CREATE TABLE t (id int); CREATE VIEW v AS SELECT id FROM t; DROP TABLE t CASCADE;")],
        "CASCADE may also drop a part of the view v",
        "migrations/1_a.sql:1:72",
    ),
    (
        &[(
            "1_a.sql",
            "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (x e, CHECK (x = 'a')); ALTER TYPE e RENAME VALUE 'a' TO 'b';",
        )],
        "nself cannot follow this change of `a`",
        "migrations/1_a.sql:1:82",
    ),
    (&[("1_a.sql", "DROP TABLE t;")], "there is no table `t`", "migrations/1_a.sql:1:12"),
    (
        &[(
            "1_a.sql",
            "DO $$ BEGIN EXECUTE 'CREATE TABLE t (id int)'; EXCEPTION WHEN duplicate_object THEN null; END $$;",
        )],
        "nself can represent a `DO` block only",
        "migrations/1_a.sql:1:1",
    ),
    (
        &[("1_a.sql", "CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0)); ALTER TABLE t DROP CONSTRAINT d;")],
        "there is no constraint `d`",
        "migrations/1_a.sql:1:67",
    ),
];

#[test]
fn what_cannot_be_applied_is_refused_with_its_file_and_line() {
    for (files, message, place) in REFUSED {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(folder.path(), path, text);
        }
        let output = import(folder.path());
        assert!(output.code == 2 && output.stdout.is_empty(), "{}", output.stderr);
        assert!(
            output.stderr.contains(message) && output.stderr.contains(place),
            "{message} {place}\n{}",
            output.stderr
        );
    }
}
