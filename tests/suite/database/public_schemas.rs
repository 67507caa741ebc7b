//! SQL of the kinds that dumps and migrations of public applications contain: it is imported, created, changed
//! and read back, and the catalog equals the one that the SQL itself creates.

use nself::database::import::sql;
use nself::database::model::Schema;

use super::pairs::{Change, check_all, import, read_back_all};
use super::property::{compare_catalogs, run_up};
use super::server::{Server, Version};
use nself::database::migrate::plan;
use nself::diagnostic::FieldPath;

fn no_hint(_: &mut Schema) {}

const CHANGES: [Change; 25] = [
    Change {
        name: "ALTER … IF EXISTS of objects that do not exist",
        before: "CREATE TABLE t (id integer, a text); ALTER INDEX IF EXISTS i RENAME TO j; ALTER INDEX IF EXISTS i SET (fillfactor = 50); ALTER INDEX IF EXISTS nowhere.i ALTER COLUMN 1 SET STATISTICS 10;
            ALTER TABLE IF EXISTS m ADD COLUMN x integer; ALTER TABLE IF EXISTS ONLY m RENAME TO t; ALTER SEQUENCE IF EXISTS m RENAME TO t; ALTER SEQUENCE IF EXISTS m OWNER TO reader; ALTER SEQUENCE IF EXISTS m RESTART;
            ALTER VIEW IF EXISTS m RENAME TO t; ALTER VIEW IF EXISTS m OWNER TO reader; ALTER VIEW IF EXISTS m SET SCHEMA nowhere; ALTER VIEW IF EXISTS m ALTER COLUMN x SET DEFAULT 1; ALTER MATERIALIZED VIEW IF EXISTS m RENAME TO t;
            ALTER MATERIALIZED VIEW IF EXISTS m SET (fillfactor = 10); ALTER FOREIGN TABLE IF EXISTS m RENAME TO t; DROP FOREIGN TABLE IF EXISTS m; DROP EVENT TRIGGER IF EXISTS m; DROP SERVER IF EXISTS m;",
        after: "CREATE TABLE t (id integer, a text); CREATE INDEX i ON t (a); CREATE SEQUENCE s; CREATE VIEW v AS SELECT id FROM t; CREATE MATERIALIZED VIEW w AS SELECT id FROM t;
            ALTER INDEX IF EXISTS i RENAME TO j; ALTER INDEX IF EXISTS j SET (fillfactor = 50); ALTER TABLE IF EXISTS t ADD COLUMN x integer; ALTER SEQUENCE IF EXISTS s RENAME TO r; ALTER SEQUENCE IF EXISTS r INCREMENT 5;
            ALTER VIEW IF EXISTS v RENAME TO u; ALTER VIEW IF EXISTS u OWNER TO owner; ALTER MATERIALIZED VIEW IF EXISTS w RENAME TO x; ALTER TABLE t DROP CONSTRAINT IF EXISTS k, DROP COLUMN IF EXISTS z;",
        hint: no_hint,
    },
    Change {
        name: "settings of a dump",
        before: "SET statement_timeout = 0; SET LOCAL work_mem = '64MB'; SELECT pg_catalog.set_config('search_path', 'public', false);
            CREATE TABLE a (id bigint NOT NULL) TABLESPACE pg_default; SET search_path TO \"$user\", public; ANALYZE a; NOTIFY changes, 'reload';",
        after: "SET default_table_access_method = heap; CREATE TABLE a (id bigint NOT NULL, PRIMARY KEY (id)) USING heap; ALTER TABLE a CLUSTER ON a_pkey;
            CREATE MATERIALIZED VIEW m AS SELECT id FROM a; REFRESH MATERIALIZED VIEW m; ALTER TABLE a SET WITHOUT CLUSTER; SET search_path TO \"$user\", public;",
        hint: no_hint,
    },
    Change {
        name: "stars in views",
        before: "CREATE TABLE zoo (zebra integer, ant text, \"Mole\" date); CREATE TABLE pen (size integer, zebra integer, bar text);
            CREATE VIEW v1 AS SELECT * FROM zoo; CREATE VIEW v2 AS SELECT z.*, p.size FROM zoo z JOIN pen p ON p.zebra = z.zebra;
            CREATE VIEW v3 AS SELECT * FROM zoo NATURAL JOIN pen; CREATE VIEW v4 AS SELECT * FROM v1;
            CREATE VIEW v5 AS WITH w AS (SELECT ant, zebra AS z FROM zoo) SELECT * FROM w;",
        after: "CREATE TABLE zoo (zebra integer, ant text, \"Mole\" date, cat integer); CREATE TABLE pen (size integer, zebra integer, bar text); ALTER TABLE pen ADD COLUMN a_last text;
            CREATE VIEW v1 AS SELECT * FROM zoo WHERE EXISTS (SELECT * FROM pen WHERE pen.zebra = zoo.zebra);
            CREATE VIEW v2 AS SELECT *, 1 AS one FROM pen p LEFT JOIN zoo USING (zebra);
            CREATE VIEW v3 AS SELECT s.* FROM (SELECT * FROM zoo) s UNION ALL SELECT * FROM zoo;
            CREATE VIEW v4 AS SELECT * FROM v1; CREATE VIEW v5 AS WITH w (c, d) AS (SELECT ant, zebra FROM zoo) SELECT w.* FROM w;
            CREATE VIEW v6 AS SELECT row_to_json(zoo.*) AS whole FROM zoo; CREATE VIEW v8 AS SELECT count(zoo.*) AS n FROM zoo; CREATE VIEW v7 AS SELECT DISTINCT ON (t.zebra) t.* FROM pen t; CREATE VIEW v9 AS SELECT * FROM v8 t (many);
            CREATE VIEW v10 AS WITH zoo AS (SELECT * FROM zoo) SELECT * FROM zoo;
            CREATE VIEW v11 AS WITH RECURSIVE r AS (SELECT zebra, size FROM pen UNION SELECT * FROM r WHERE size < 5) SELECT * FROM r;
            CREATE FUNCTION f() RETURNS TABLE (a text, d date, i integer) LANGUAGE sql BEGIN ATOMIC SELECT z.* FROM (SELECT ant, \"Mole\", cat FROM zoo) z; END;
            ALTER TABLE zoo ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON zoo USING (EXISTS (SELECT * FROM pen WHERE pen.zebra = zoo.zebra));",
        hint: no_hint,
    },
    Change {
        name: "options and names of columns of views",
        before: "CREATE TABLE t (id integer, v text); CREATE VIEW plain AS SELECT id FROM t; CREATE VIEW named (x, \"Y\") AS SELECT id, v FROM t;
            CREATE VIEW safe WITH (security_barrier) AS SELECT id FROM t WHERE id > 1; CREATE VIEW checked AS SELECT id FROM t WHERE id > 1 WITH CHECK OPTION;",
        after: "CREATE TABLE t (id integer, v text); CREATE VIEW plain WITH (security_invoker = on, security_barrier = 1) AS SELECT id FROM t; CREATE VIEW named (y) AS SELECT id, v FROM t;
            CREATE VIEW safe WITH (security_barrier = off) AS SELECT id FROM t WHERE id > 1; CREATE VIEW checked AS SELECT id FROM t WHERE id > 1 WITH LOCAL CHECK OPTION;
            CREATE VIEW later AS SELECT id FROM t; ALTER VIEW later SET (security_invoker = true, check_option = cascaded);
            CREATE MATERIALIZED VIEW kept (k) AS SELECT id FROM t; CREATE UNIQUE INDEX kept_k ON kept (k);",
        hint: no_hint,
    },
    Change {
        name: "columns that a foreign key sets",
        before: "CREATE TABLE p (a integer, b integer, PRIMARY KEY (a, b)); CREATE TABLE c (a integer NOT NULL, b integer, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES p ON DELETE SET NULL (b));",
        after: "CREATE TABLE p (a integer, b integer, PRIMARY KEY (a, b)); CREATE TABLE c (a integer NOT NULL, b integer DEFAULT 5, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES p ON DELETE SET DEFAULT (b) ON UPDATE CASCADE);",
        hint: no_hint,
    },
    Change {
        name: "sequences after ALTER SEQUENCE",
        before: "CREATE SEQUENCE s; CREATE SEQUENCE i AS integer; CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY);
            ALTER SEQUENCE s INCREMENT BY 5 CACHE 10 RESTART WITH 100; ALTER SEQUENCE i AS bigint; ALTER SEQUENCE t_id_seq RESTART WITH 5; ALTER SEQUENCE IF EXISTS gone CYCLE;",
        after: "CREATE SEQUENCE s MAXVALUE 90 CYCLE; CREATE SEQUENCE i AS integer START 20; CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY);
            ALTER SEQUENCE s NO MAXVALUE NO CYCLE MINVALUE -5 START 7; ALTER SEQUENCE i MINVALUE -4 OWNED BY t.id;",
        hint: no_hint,
    },
    Change {
        name: "functions after ALTER FUNCTION",
        before: "CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f(integer) SET search_path = public; ALTER FUNCTION f IMMUTABLE STRICT COST 5;",
        after: "CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql STRICT IMMUTABLE SET work_mem = '1MB' SET jit = off AS 'SELECT 1';
            ALTER FUNCTION f(integer) RESET work_mem CALLED ON NULL INPUT PARALLEL SAFE; ALTER ROUTINE f(integer) STABLE;",
        hint: no_hint,
    },
    Change {
        name: "DO blocks",
        before: "DO $$ BEGIN CREATE TYPE mood AS ENUM ('a'); EXCEPTION WHEN duplicate_object OR others THEN RAISE NOTICE 'it exists'; END $$;
            DO $do$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'mood') THEN CREATE TYPE mood AS ENUM ('b'); END IF; END $do$;
            CREATE TABLE t (id integer, m mood); ALTER TABLE t ENABLE ROW LEVEL SECURITY;",
        after: "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id integer, m mood); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            DO LANGUAGE plpgsql $$ BEGIN
              -- Several objects in one block.
              IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE policyname = 'own' AND tablename = 't') THEN CREATE POLICY \"own\" ON t USING (id = 1); END IF;
              IF NOT EXISTS (SELECT FROM information_schema.columns WHERE table_name = 't' AND column_name = 'n') THEN ALTER TABLE t ADD COLUMN n integer DEFAULT 1; END IF;
              RAISE NOTICE 'done: %', now();
            END; $$;
            DO $$ BEGIN ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0); EXCEPTION WHEN duplicate_object THEN null; END $$;
            DO $$ BEGIN ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0); EXCEPTION WHEN duplicate_object THEN null; END $$;",
        hint: no_hint,
    },
    Change {
        name: "trigger functions of the server",
        before: "CREATE TABLE t (id integer, v text, s tsvector); CREATE TRIGGER search BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('s', 'pg_catalog.english', 'v');",
        after: "CREATE TABLE t (id integer, v text, s tsvector); CREATE TRIGGER search BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE PROCEDURE pg_catalog.tsvector_update_trigger('s', 'pg_catalog.simple', 'v');
            CREATE TRIGGER same BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();",
        hint: no_hint,
    },
    Change {
        name: "rights on all functions of a schema",
        before: "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO reader;",
        after: "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; GRANT ALL ON ALL ROUTINES IN SCHEMA public TO writer;
            CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION g() FROM PUBLIC; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO reader;",
        hint: no_hint,
    },
    Change {
        name: "comments on constraints",
        before: "CREATE TABLE p (id integer, n integer, v text, CONSTRAINT p_pkey PRIMARY KEY (id), CONSTRAINT u UNIQUE (n), CONSTRAINT c CHECK (n > 0), CONSTRAINT e EXCLUDE USING btree (v WITH =), CONSTRAINT old_name UNIQUE (v, n));
            CREATE TABLE q (id integer CONSTRAINT f REFERENCES p (id));
            COMMENT ON CONSTRAINT p_pkey ON p IS 'key'; COMMENT ON CONSTRAINT u ON p IS 'it''s unique'; COMMENT ON CONSTRAINT c ON p IS 'positive'; COMMENT ON CONSTRAINT e ON p IS 'x'; COMMENT ON CONSTRAINT f ON q IS E'@name f\\n@omit';
            COMMENT ON CONSTRAINT old_name ON p IS 'stays';",
        after: "CREATE TABLE p (id integer, n bigint, v text, CONSTRAINT p_pkey PRIMARY KEY (id) INCLUDE (v), CONSTRAINT u UNIQUE (n), CONSTRAINT c CHECK (n > 1), CONSTRAINT e EXCLUDE USING btree (v WITH =), CONSTRAINT new_name UNIQUE (v, n));
            CREATE TABLE q (id integer CONSTRAINT f REFERENCES p (id) ON DELETE CASCADE); CREATE TABLE r (id integer PRIMARY KEY); COMMENT ON CONSTRAINT r_pkey ON r IS 'new';
            COMMENT ON CONSTRAINT p_pkey ON p IS 'key'; COMMENT ON CONSTRAINT u ON p IS 'changed'; COMMENT ON CONSTRAINT c ON p IS 'positive'; COMMENT ON CONSTRAINT f ON q IS 'kept';
            COMMENT ON CONSTRAINT new_name ON p IS 'stays'; COMMENT ON CONSTRAINT e ON p IS NULL; ALTER TABLE q ADD CONSTRAINT g CHECK (id > 0); COMMENT ON CONSTRAINT g ON q IS 'later';",
        hint: no_hint,
    },
    Change {
        name: "storage parameters of keys",
        before: "CREATE TABLE t (a integer, b integer, c integer, PRIMARY KEY (a) WITH (fillfactor = 90), CONSTRAINT u UNIQUE (b) WITH (fillfactor = 70, deduplicate_items = off), CONSTRAINT w UNIQUE (c));
            CREATE TABLE s (a integer); CREATE TABLE p (a integer, CONSTRAINT k UNIQUE (a) WITH (fillfactor = 70)) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);",
        after: "CREATE TABLE t (a integer, b integer, c integer, PRIMARY KEY (a) WITH (fillfactor = 80), CONSTRAINT u UNIQUE (b), CONSTRAINT w UNIQUE (c) WITH (fillfactor = 60));
            CREATE TABLE s (a integer PRIMARY KEY WITH (fillfactor = 50)); CREATE TABLE p (a integer, CONSTRAINT k UNIQUE (a) WITH (fillfactor = 60)) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);",
        hint: no_hint,
    },
    Change {
        name: "options of exclusion constraints",
        before: "CREATE TABLE t (r int4range, v text, CONSTRAINT e EXCLUDE USING gist (r WITH &&) DEFERRABLE, CONSTRAINT b EXCLUDE (v WITH =));",
        after: "CREATE TABLE t (r int4range, v text, CONSTRAINT e EXCLUDE USING gist (r WITH &&) WHERE (v > 'a') DEFERRABLE INITIALLY DEFERRED, CONSTRAINT b EXCLUDE (v WITH =) WITH (fillfactor = 60));",
        hint: no_hint,
    },
    Change {
        name: "arguments that stand for several types",
        before: "CREATE FUNCTION first_of(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1'; CREATE AGGREGATE first(anyelement) (SFUNC = first_of, STYPE = anyelement);
            CREATE FUNCTION size(a anyarray) RETURNS integer LANGUAGE sql AS 'SELECT cardinality(a)';",
        after: "CREATE FUNCTION first_of(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1'; CREATE AGGREGATE first(anyelement) (SFUNC = first_of, STYPE = anyelement, PARALLEL = SAFE);
            CREATE FUNCTION size(a anycompatiblearray, b anycompatible DEFAULT NULL::integer) RETURNS integer LANGUAGE sql AS 'SELECT cardinality(a)'; CREATE TABLE t (id integer, v text);
            CREATE VIEW v AS SELECT v, first(id) AS id FROM t GROUP BY v; COMMENT ON FUNCTION first_of(anyelement, anyelement) IS 'x';",
        hint: no_hint,
    },
    Change {
        name: "functions that only their owner may call",
        before: "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION g() FROM PUBLIC;",
        after: "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;
            CREATE FUNCTION h() RETURNS integer LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION h FROM PUBLIC; GRANT EXECUTE ON FUNCTION h TO reader;",
        hint: no_hint,
    },
    Change {
        name: "columns of another table",
        before: "CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY, v text DEFAULT 'x' NOT NULL, w integer, CONSTRAINT a_w CHECK (w > 0), PRIMARY KEY (id), CONSTRAINT a_v UNIQUE (v)); CREATE INDEX a_i ON a (w DESC) WHERE w > 5;
            CREATE TABLE b (LIKE a, extra text);",
        after: "CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY, v text DEFAULT 'x' NOT NULL, w integer, CONSTRAINT a_w CHECK (w > 0), PRIMARY KEY (id), CONSTRAINT a_v UNIQUE (v)); CREATE INDEX a_i ON a (w DESC) WHERE w > 5; COMMENT ON COLUMN a.v IS 'text';
            CREATE TABLE b (LIKE a INCLUDING DEFAULTS, extra text); CREATE TABLE c (LIKE a INCLUDING ALL); CREATE TABLE d (first integer, LIKE a INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY); CREATE VIEW v AS SELECT * FROM d;",
        hint: no_hint,
    },
    Change {
        name: "functions with the rights of their owner",
        before: "CREATE FUNCTION f() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
        after: "CREATE FUNCTION f() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1'; CREATE FUNCTION g() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS 'SELECT 1';",
        hint: no_hint,
    },
    Change {
        name: "labels that functions use are removed",
        before: "CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad'); CREATE TABLE t (id integer, m mood DEFAULT 'ok'); CREATE FUNCTION f(m mood, n integer) RETURNS text LANGUAGE sql AS 'SELECT m::text'; CREATE TABLE IF NOT EXISTS t (other integer);
            CREATE FUNCTION g(a mood[] DEFAULT '{}') RETURNS mood LANGUAGE plpgsql AS 'BEGIN RETURN a[1]; END'; CREATE FUNCTION gone(mood) RETURNS integer LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION f(mood, integer) TO reader; COMMENT ON FUNCTION g IS 'first';",
        after: "CREATE TYPE mood AS ENUM ('glad', 'ok'); CREATE TABLE t (id integer, m mood DEFAULT 'ok'); CREATE FUNCTION f(m mood, n integer) RETURNS text LANGUAGE sql AS 'SELECT m::text';
            CREATE FUNCTION g(a mood[] DEFAULT '{}') RETURNS mood LANGUAGE plpgsql AS 'BEGIN RETURN a[1]; END'; GRANT EXECUTE ON FUNCTION f(mood, integer) TO reader; COMMENT ON FUNCTION g IS 'first';",
        hint: no_hint,
    },
    Change {
        name: "the schema public without its default right",
        before: "REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM owner; GRANT ALL ON SCHEMA public TO owner; GRANT ALL ON SCHEMA public TO PUBLIC; CREATE TABLE t (id integer);",
        after: "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO reader; CREATE TABLE t (id integer);",
        hint: no_hint,
    },
    Change {
        name: "the schema public with its default right again",
        before: "REVOKE USAGE ON SCHEMA public FROM PUBLIC; CREATE TABLE t (id integer);",
        after: "CREATE TABLE t (id integer);",
        hint: no_hint,
    },
    Change {
        name: "partitions with a list of columns",
        before: "CREATE TABLE t (id integer, n integer, v text) PARTITION BY LIST (id); CREATE TABLE p PARTITION OF t (n DEFAULT 1, CONSTRAINT c CHECK (n > 0)) FOR VALUES IN (1);",
        after: "CREATE TABLE t (id integer, n integer, v text) PARTITION BY LIST (id);
            CREATE TABLE p PARTITION OF t (n WITH OPTIONS DEFAULT 2 NOT NULL, v CHECK (v <> ''), PRIMARY KEY (id), UNIQUE (v)) FOR VALUES IN (1); CREATE TABLE q PARTITION OF t (v DEFAULT 'x') DEFAULT WITH (fillfactor = 70);",
        hint: no_hint,
    },
    Change {
        name: "options of columns",
        before: "CREATE TABLE t (id integer, v text, w text); ALTER TABLE t ALTER COLUMN v SET (n_distinct = -0.5, n_distinct_inherited = 100); ALTER TABLE t ALTER w SET (n_distinct = 7);",
        after: "CREATE TABLE t (id bigint, v text, w text, x text); ALTER TABLE t ALTER COLUMN v SET (n_distinct = 5); ALTER TABLE t ALTER w SET (n_distinct = 7); ALTER TABLE t ALTER w RESET (n_distinct); ALTER TABLE t ALTER x SET (n_distinct = 3);",
        hint: no_hint,
    },
    Change {
        name: "collations of domains and attributes",
        before: "CREATE DOMAIN d AS text COLLATE \"C\" CHECK (VALUE <> ''); CREATE TYPE c AS (a text COLLATE \"C\", b integer); CREATE TABLE t (v d);",
        after: "CREATE DOMAIN d AS text COLLATE \"C\" CHECK (VALUE <> ''); CREATE TYPE c AS (a text, b integer, e text COLLATE \"de-x-icu\"); CREATE DOMAIN n AS varchar(5) DEFAULT 'x' COLLATE \"POSIX\"; CREATE TABLE t (v d, w n);",
        hint: no_hint,
    },
    Change {
        name: "strings on several lines and the order of parameters",
        before: "CREATE TABLE t (id integer) WITH (fillfactor = 70, autovacuum_enabled = false); COMMENT ON TABLE t IS 'one '\n'two ''three''';",
        after: "CREATE TABLE t (id integer) WITH (fillfactor = 70, autovacuum_enabled = false); CREATE INDEX i ON t (id) WITH (fillfactor = 80, deduplicate_items = off) WHERE id > 5; COMMENT ON TABLE t IS 'one'\n' four';",
        hint: no_hint,
    },
    Change {
        name: "extensions in a schema",
        before: "CREATE SCHEMA IF NOT EXISTS extensions; GRANT USAGE ON SCHEMA extensions TO reader;
            CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions;
            CREATE TABLE t (id uuid PRIMARY KEY DEFAULT extensions.uuid_generate_v4(), mail extensions.citext NOT NULL,
            CHECK (mail OPERATOR(extensions.<>) ''::extensions.citext)); CREATE UNIQUE INDEX t_mail ON t (mail extensions.citext_ops);",
        after: "CREATE SCHEMA extensions; CREATE SCHEMA search; CREATE EXTENSION \"uuid-ossp\" WITH SCHEMA extensions;
            CREATE EXTENSION citext SCHEMA extensions; CREATE EXTENSION cube SCHEMA search; CREATE EXTENSION pg_trgm SCHEMA search;
            CREATE TABLE t (id uuid PRIMARY KEY DEFAULT extensions.uuid_generate_v4(), mail extensions.citext NOT NULL, note text, place search.cube,
            CHECK (mail OPERATOR(extensions.<>) ''::extensions.citext)); CREATE UNIQUE INDEX t_mail ON t (mail extensions.citext_ops);
            CREATE INDEX t_note ON t USING gin (note search.gin_trgm_ops);",
        hint: no_hint,
    },
];

#[test]
fn what_public_schemas_contain_runs_on_15() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn what_public_schemas_contain_runs_on_17() {
    check_all(Version::V17, &CHANGES);
}

#[test]
fn what_public_schemas_contain_runs_on_18() {
    check_all(Version::V18, &CHANGES);
}

#[test]
fn what_public_schemas_contain_is_imported_from_a_dump() {
    read_back_all(Version::V15, &CHANGES);
}

/// Statements that concern the server, which are left out with a note that names them.
const LEFT_OUT: [(&str, &str); 18] = [
    ("CREATE ROLE web NOLOGIN;", "`CREATE ROLE` is left out"),
    ("ALTER USER web WITH PASSWORD 's3cret';", "`ALTER USER` is left out"),
    (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'web') THEN CREATE ROLE web; END IF; END $$;",
        "`CREATE ROLE` is left out",
    ),
    ("GRANT web TO app;", "membership in roles is left out"),
    ("SET ROLE web;", "`SET ROLE` is left out"),
    ("CREATE DATABASE shop;\n\\connect shop", "`CREATE DATABASE` is left out"),
    ("ALTER DATABASE shop SET timezone TO 'UTC';", "`ALTER DATABASE` is left out"),
    ("GRANT CONNECT ON DATABASE shop TO web;", "rights on databases are left out"),
    ("COMMENT ON DATABASE shop IS 'x';", "the comment on database is left out"),
    ("CREATE EXTENSION btree_gist WITH SCHEMA pg_catalog;", "`btree_gist` is created in the schema public"),
    ("CREATE EXTENSION citext WITH SCHEMA ext;", "the schema `ext` of the extension `citext` is added"),
    ("CREATE TABLE t (id int, PRIMARY KEY (id) USING INDEX TABLESPACE fast);", "the tablespace `fast` is left out"),
    ("CREATE SCHEMA app AUTHORIZATION web;", "the owner `web` is left out"),
    ("CREATE TEMP TABLE t (id int); CREATE INDEX ON t (id);", "the temporary `t` is left out"),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE EXTENSION citext; ALTER FUNCTION f() DEPENDS ON EXTENSION citext;",
        "`DEPENDS ON EXTENSION` is left out",
    ),
    (
        "CREATE DOMAIN d AS text CONSTRAINT c CHECK (VALUE <> ''); COMMENT ON CONSTRAINT c ON DOMAIN d IS 'x';",
        "the comment on constraint c",
    ),
    ("CREATE TYPE c AS (a int); COMMENT ON COLUMN c.a IS 'x';", "the comment on column c.a"),
    (
        "CREATE TABLE t (id int, v text);\nCOPY t (id, v) FROM stdin;\n1\tit's $$\n\\.\nCREATE TABLE u (id int);",
        "`COPY t` is left out",
    ),
];

#[test]
fn statements_about_the_server_are_left_out_with_a_note() {
    for (text, words) in LEFT_OUT {
        let imported = sql::read(text).unwrap_or_else(|lost| panic!("{text}: {lost:#?}"));
        assert!(imported.notes.iter().any(|note| note.what.contains(words)), "{text}: {:#?}", imported.notes);
        assert!(!imported.notes.iter().any(|note| note.what.contains("s3cret")), "{:#?}", imported.notes);
    }
    let copied = sql::read(LEFT_OUT[LEFT_OUT.len() - 1].0).unwrap().schema;
    assert_eq!(copied.tables.len(), 2);
    let needed = sql::read("CREATE EXTENSION earthdistance CASCADE;").unwrap().schema;
    assert_eq!(needed.extensions.keys().map(ToString::to_string).collect::<Vec<_>>(), ["cube", "earthdistance"]);
    // Commands of psql that do not change the schema.
    assert!(sql::read("\\set ON_ERROR_STOP on\n\\echo 'x'\nCREATE TABLE t (id int);").is_ok());
}

/// What could be misread stays refused, with the way out.
const REFUSED: [(&str, &str); 21] = [
    ("CREATE VIEW v AS SELECT * FROM generate_series(1, 3) g;", "write the names of the columns"),
    (
        "CREATE TABLE t (b int, a int); CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql BEGIN ATOMIC SELECT * FROM t; END;",
        "write the body between `$$`",
    ),
    (
        "CREATE TABLE t (b int, a int); CREATE VIEW v AS SELECT u.x FROM t AS u (x, y);",
        "write `AS name` where a column is selected",
    ),
    ("CREATE VIEW v AS SELECT * FROM missing;", "write the names of the columns"),
    ("SELECT create_hypertable('a', 't');", "run it in a hand-written migration"),
    ("CREATE EXTENSION hstore SCHEMA \"Ext\";", "is not allowed; use a-z"),
    ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();", "create it with psql as the superuser"),
    ("CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;", "create it with psql as the superuser"),
    ("\\connect a\n\\connect b", "`\\connect` is a command of psql"),
    // The condition is about a different object, and may be false on a new server.
    (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'admin') THEN CREATE TABLE t (id int); END IF; END $$;",
        "write its statements without the block",
    ),
    (
        "DO $$ BEGIN IF EXISTS (SELECT 1) THEN CREATE TABLE t (id int); END IF; END $$;",
        "write its statements without the block",
    ),
    (
        "CREATE TABLE t (n int); DO $$ BEGIN IF NOT EXISTS (SELECT FROM information_schema.columns WHERE table_name = 't' AND column_name = 'c') \
         THEN ALTER TABLE t ADD COLUMN d int; END IF; END $$;",
        "write its statements without the block",
    ),
    // The server undoes the first statement too.
    (
        "CREATE TYPE a AS ENUM (); DO $$ BEGIN CREATE TYPE b AS ENUM (); CREATE TYPE a AS ENUM (); EXCEPTION WHEN duplicate_object THEN null; END $$;",
        "write its statements without the block",
    ),
    (
        "CREATE TABLE t (n int); CREATE TABLE o (q int); CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql \
         BEGIN ATOMIC WITH x AS (INSERT INTO o (q) VALUES (1) RETURNING *) SELECT n FROM t; END;",
        "write the names of the columns",
    ),
    // The name of the merged column is also that of a column of `c`.
    (
        "CREATE TABLE a (id int, k int); CREATE TABLE b (id int); CREATE TABLE c (id int, l int); \
         CREATE VIEW v AS SELECT * FROM a JOIN b USING (id) JOIN c ON c.l = a.k;",
        "write the names of the columns",
    ),
    (
        "CREATE TABLE t (z int, b int); CREATE VIEW v AS SELECT z, b FROM t UNION ALL TABLE t;",
        "write SELECT with their names",
    ),
    (
        "CREATE TABLE t (z int, b int); CREATE TABLE u (z int, b int); CREATE FUNCTION f() RETURNS void LANGUAGE sql \
         BEGIN ATOMIC INSERT INTO t SELECT * FROM u; END;",
        "INSERT without a list of columns",
    ),
    // The type of this name is in a different schema, or a further condition may be false.
    (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname = 'app' AND typname = 'other') \
         THEN CREATE TYPE app.status AS ENUM (); END IF; END $$;",
        "write its statements without the block",
    ),
    (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 's') AND 1 > 2 THEN CREATE TYPE s AS ENUM (); END IF; END $$;",
        "write its statements without the block",
    ),
    ("CREATE TABLE t (id int);\nCOPY t FROM stdin;\n1\nCREATE TABLE u (id int);\n", "does not accept this SQL"),
    ("CREATE SEQUENCE s; ALTER SEQUENCE s INCREMENT BY -1;", "changes its direction"),
];

/// Texts that are easily misread, each with the same schema in plain words.
const EQUAL: [(&str, &str); 6] = [
    (
        "CREATE TABLE t (n int); DO $$ BEGIN ALTER TABLE t ADD COLUMN IF NOT EXISTS n int, ADD COLUMN IF NOT EXISTS c int; END $$;",
        "CREATE TABLE t (n int, c int);",
    ),
    (
        "CREATE TABLE t (n int PRIMARY KEY, m int NOT NULL); DO $$ BEGIN ALTER TABLE t ADD CONSTRAINT x PRIMARY KEY (m); EXCEPTION WHEN others THEN NULL; END $$;",
        "CREATE TABLE t (n int PRIMARY KEY, m int NOT NULL);",
    ),
    (
        "CREATE TABLE t (n int CONSTRAINT c CHECK (n > 0)); COMMENT ON CONSTRAINT c ON t IS 'old'; ALTER TABLE t DROP CONSTRAINT c; ALTER TABLE t ADD CONSTRAINT c CHECK (n > 1);",
        "CREATE TABLE t (n int CONSTRAINT c CHECK (n > 1));",
    ),
    (
        "CREATE TABLE t (n int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (EXISTS (SELECT * FROM generate_series(1, 3) g WHERE g = n));",
        "CREATE TABLE t (n int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (EXISTS (SELECT 1 FROM generate_series(1, 3) g WHERE g = n));",
    ),
    (
        "CREATE TABLE t (n int); CREATE VIEW v AS SELECT n FROM t; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; \
         CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f(); \
         DO $$ BEGIN CREATE TRIGGER g INSTEAD OF UPDATE ON v FOR EACH ROW EXECUTE FUNCTION f(); EXCEPTION WHEN duplicate_object THEN null; END $$;",
        "CREATE TABLE t (n int); CREATE VIEW v AS SELECT n FROM t; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; \
         CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f();",
    ),
    // A string that looks like rows.
    (
        "CREATE TABLE t (n text DEFAULT '\ncopy t from stdin;\nx');\nCREATE TABLE u (id int);",
        "CREATE TABLE u (id int); CREATE TABLE t (n text DEFAULT '\ncopy t from stdin;\nx');",
    ),
];

#[test]
fn texts_that_are_easily_misread_have_their_meaning() {
    for (text, plain) in EQUAL {
        let [imported, expected] =
            [text, plain].map(|text| sql::read(text).unwrap_or_else(|lost| panic!("{text}: {lost:#?}")).schema);
        assert_eq!(imported, expected, "{text}");
    }
}

#[test]
fn what_could_be_misread_is_refused_with_the_way_out() {
    for (text, words) in REFUSED {
        let lost = sql::read(text).map(|_| ()).unwrap_err();
        assert!(lost.iter().any(|finding| finding.what.contains(words)), "{text}: {lost:#?}");
    }
}

/// The privileges of all objects are as on the server, which has default privileges in addition.
#[test]
fn default_privileges_that_an_older_object_lacks_are_left_out() {
    const SQL: &str = "CREATE SCHEMA s; CREATE TABLE s.old (id int); CREATE FUNCTION old() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE everywhere;
        ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT, INSERT ON TABLES TO reader; ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT DELETE ON TABLES TO writer; GRANT DELETE ON s.old TO writer;
        ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON ROUTINES TO reader; ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO reader; GRANT USAGE ON everywhere TO reader;
        CREATE TABLE s.new (id int); CREATE VIEW s.v AS SELECT id FROM s.new; CREATE FUNCTION new() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE later; REVOKE INSERT ON s.v FROM reader;";
    const LEFT_OUT: &str = "ALTER DEFAULT PRIVILEGES IN SCHEMA s REVOKE ALL ON TABLES FROM reader; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM reader;";
    let notes = sql::read(SQL).unwrap().notes.into_iter().map(|note| note.what);
    let notes: Vec<String> = notes.filter(|note| !note.contains("names the role")).collect();
    assert_eq!(notes.len(), 2, "{notes:#?}");
    for part in [
        "reader on functions are left out, since old lacks",
        "reader on tables of the schema s are left out, since s.old lacks",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "{notes:#?}");
    }
    let Some(server) = Server::start(Version::chosen()) else { return };
    server.database("theirs");
    server.database("ours");
    let (mut ours, mut theirs) = (server.session("owner", "ours"), server.session("owner", "theirs"));
    theirs.reset();
    ours.reset();
    theirs.run_or_panic(SQL);
    run_up(&mut ours, &plan(&Schema::default(), &import(&server.dump("theirs")), &FieldPath::root()).unwrap()).unwrap();
    theirs.run_or_panic(LEFT_OUT);
    let expected = theirs.catalog();
    compare_catalogs("the SQL", &expected, "from the dump", &ours.catalog()).unwrap();
    ours.reset();
    run_up(&mut ours, &plan(&Schema::default(), &import(SQL), &FieldPath::root()).unwrap()).unwrap();
    compare_catalogs("the SQL", &expected, "from the SQL", &ours.catalog()).unwrap();
}
