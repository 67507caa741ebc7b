//! Statements of upgrade scripts: each script is imported, and the catalog equals the one that the server makes of it.

use nself::database::import::sql;
use nself::database::model::Schema;

use super::pairs::{Change, check_all, read_back_all};
use super::server::Version;

fn no_hint(_: &mut Schema) {}

const SCRIPTS: [Change; 29] = [
    Change {
        name: "ALTER CONSTRAINT",
        before: "CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE c (a integer CONSTRAINT f REFERENCES p, b integer CONSTRAINT g REFERENCES p DEFERRABLE, d integer CONSTRAINT h REFERENCES p);",
        after: "CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE c (a integer CONSTRAINT f REFERENCES p, b integer CONSTRAINT g REFERENCES p DEFERRABLE, d integer CONSTRAINT h REFERENCES p);
            ALTER TABLE c ALTER CONSTRAINT f DEFERRABLE INITIALLY DEFERRED, ALTER CONSTRAINT g NOT DEFERRABLE; ALTER TABLE c ALTER CONSTRAINT h DEFERRABLE;",
        hint: no_hint,
    },
    Change {
        name: "ALTER POLICY",
        before: "CREATE TABLE t (id integer, a text); CREATE POLICY p ON t USING (a = 'x');",
        after: "CREATE TABLE t (id integer, a text); CREATE POLICY p ON t TO reader USING (a = 'x') WITH CHECK (id > 0); CREATE POLICY q ON t FOR INSERT WITH CHECK (id > 1);
            ALTER POLICY p ON t USING (a = 'y'); ALTER POLICY q ON t TO writer WITH CHECK (id > 2); ALTER POLICY q ON t RENAME TO r; ALTER POLICY p ON t TO PUBLIC;",
        hint: no_hint,
    },
    Change {
        name: "SET SCHEMA of a table",
        before: "CREATE SCHEMA s; CREATE TABLE keeps (id integer);",
        after: "CREATE SCHEMA s; CREATE TABLE keeps (id integer); CREATE TABLE t (id serial PRIMARY KEY, n integer GENERATED ALWAYS AS IDENTITY, a text CONSTRAINT u UNIQUE); CREATE INDEX i ON t (a);
            COMMENT ON INDEX i IS 'index'; CREATE TABLE c (t integer REFERENCES t); GRANT SELECT ON t TO reader; GRANT USAGE ON SEQUENCE t_id_seq TO reader; GRANT USAGE ON SEQUENCE t_n_seq TO writer;
            ALTER TABLE t SET SCHEMA s; ALTER TABLE s.t ADD b text; CREATE TABLE t (other integer); ALTER TABLE s.t SET SCHEMA s;",
        hint: no_hint,
    },
    Change {
        name: "columns of a view",
        before: "CREATE TABLE t (id integer, a text); CREATE VIEW v AS SELECT id, a FROM t; CREATE VIEW w AS SELECT id FROM t; ALTER VIEW w ALTER id SET DEFAULT 3; CREATE VIEW x AS SELECT id FROM t; ALTER VIEW x ALTER id SET DEFAULT 4;",
        after: "CREATE TABLE t (id integer, a text); CREATE VIEW v AS SELECT id, a FROM t; COMMENT ON COLUMN v.a IS 'text'; GRANT SELECT (a) ON v TO reader;
            CREATE FUNCTION next_id() RETURNS integer LANGUAGE sql AS 'SELECT 1'; ALTER VIEW v ALTER COLUMN a SET DEFAULT 'z'; ALTER VIEW v ALTER id SET DEFAULT next_id(); ALTER VIEW v RENAME COLUMN a TO \"The b\"; ALTER VIEW v RENAME id TO n;
            CREATE VIEW w AS SELECT id FROM t; ALTER VIEW w ALTER id SET DEFAULT 3; ALTER VIEW w ALTER COLUMN id DROP DEFAULT; CREATE VIEW x AS SELECT id FROM t; ALTER VIEW x ALTER id SET DEFAULT 5;",
        hint: no_hint,
    },
    Change {
        name: "RENAME ATTRIBUTE",
        before: "CREATE TYPE c AS (a integer, b text);",
        after: "CREATE TYPE c AS (a integer, b text); ALTER TYPE c RENAME ATTRIBUTE b TO \"The d\" CASCADE; CREATE TABLE t (x c);",
        hint: |schema| {
            let why = serde_json::from_value("meant".into()).unwrap();
            let hazard = serde_json::from_value("deletes_data".into()).unwrap();
            schema.allow.insert("c".into(), [(hazard, why)].into());
        },
    },
    Change {
        name: "CREATE RECURSIVE VIEW",
        before: "CREATE TABLE t (id integer, parent integer);",
        after: "CREATE TABLE t (id integer, parent integer); CREATE RECURSIVE VIEW \"The tree\" (id, depth) AS SELECT id, 1 FROM t WHERE parent IS NULL UNION ALL SELECT t.id, u.depth + 1 FROM t JOIN \"The tree\" u ON u.id = t.parent;
            CREATE VIEW top AS SELECT id FROM \"The tree\" WHERE depth = 1;",
        hint: no_hint,
    },
    Change {
        name: "CREATE AGGREGATE with BASETYPE",
        before: "CREATE TABLE t (a integer);",
        after: "CREATE TABLE t (a integer); CREATE AGGREGATE joined (BASETYPE = text, SFUNC = textcat, STYPE = text, INITCOND = ''); CREATE FUNCTION add(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1 + 1';
            CREATE AGGREGATE rows (basetype = 'any', sfunc = add, stype = bigint, initcond = '0'); COMMENT ON AGGREGATE rows(*) IS 'counts';",
        hint: no_hint,
    },
    Change {
        name: "DROP TYPE CASCADE of a type that nothing uses",
        before: "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (x e);",
        after: "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (x e); ALTER TABLE t ALTER x TYPE text USING x::text; DROP TYPE e CASCADE; DROP TYPE IF EXISTS no_type CASCADE;",
        hint: no_hint,
    },
    Change {
        name: "a publication whose table is renamed",
        before: "CREATE TABLE t (id integer PRIMARY KEY); CREATE TABLE u (id integer PRIMARY KEY);",
        after: "CREATE TABLE t (id integer PRIMARY KEY); CREATE TABLE u (id integer PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t, u (id); ALTER TABLE t RENAME TO \"The t\";",
        hint: |schema| {
            let table = schema.tables.get_mut("The t").unwrap();
            table.renamed_from = Some(serde_json::from_value("t".into()).unwrap());
        },
    },
    Change {
        name: "a serial column of an unlogged table",
        before: "CREATE TABLE a (id integer);",
        after: "CREATE TABLE a (id integer); CREATE UNLOGGED TABLE t (id bigserial PRIMARY KEY);",
        hint: no_hint,
    },
    Change {
        name: "an unlogged sequence in front of its table",
        before: "CREATE TABLE a (id integer);",
        after: "CREATE TABLE a (id integer); CREATE UNLOGGED SEQUENCE t_id_seq; CREATE UNLOGGED TABLE t (id bigint DEFAULT nextval('t_id_seq') NOT NULL); ALTER SEQUENCE t_id_seq OWNED BY t.id;",
        hint: no_hint,
    },
    Change {
        name: "DETACH PARTITION",
        before: "CREATE TABLE r (id integer PRIMARY KEY);",
        after: "CREATE TABLE r (id integer PRIMARY KEY); CREATE TABLE p (id integer NOT NULL, day date NOT NULL DEFAULT '2026-01-01', v text CONSTRAINT c CHECK (v <> ''), r integer CONSTRAINT f REFERENCES r, PRIMARY KEY (id, day), CONSTRAINT u UNIQUE (day, v)) PARTITION BY RANGE (day);
            CREATE INDEX \"by v\" ON p (v, id DESC) WITH (fillfactor = 70); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE TABLE \"P 2\" PARTITION OF p (v DEFAULT 'x') DEFAULT;
            CREATE INDEX own ON p1 (r); GRANT SELECT ON p1 TO reader; ALTER TABLE p DETACH PARTITION p1; ALTER TABLE p DETACH PARTITION \"P 2\"; ALTER TABLE p1 ADD z integer;
            CREATE TABLE p3 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
        hint: no_hint,
    },
    Change {
        name: "names of dropped and renamed relations",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE TABLE p1 (b integer, a integer); DROP TABLE p1; CREATE TABLE p (a integer, b integer) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
            CREATE VIEW v AS SELECT * FROM p1; CREATE VIEW o AS SELECT b, a FROM p; ALTER VIEW o RENAME TO w; ALTER VIEW w RENAME COLUMN a TO c; CREATE VIEW x AS SELECT * FROM w;
            CREATE UNLOGGED SEQUENCE s; DROP SEQUENCE s; CREATE SEQUENCE s;",
        hint: no_hint,
    },
    Change {
        name: "identity columns that are dropped",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE TABLE i (id integer GENERATED ALWAYS AS IDENTITY, a integer); GRANT SELECT ON SEQUENCE i_id_seq TO reader; ALTER TABLE i ALTER COLUMN id DROP IDENTITY;
            CREATE TABLE j (id integer GENERATED ALWAYS AS IDENTITY, a integer); GRANT SELECT ON SEQUENCE j_id_seq TO reader; ALTER TABLE j DROP COLUMN id; ALTER TABLE j ADD id integer GENERATED ALWAYS AS IDENTITY;
            CREATE TABLE l (id integer GENERATED ALWAYS AS IDENTITY); GRANT SELECT ON SEQUENCE l_id_seq TO reader; DROP TABLE l; CREATE SEQUENCE l_id_seq;",
        hint: no_hint,
    },
    Change {
        name: "IF NOT EXISTS of a name that a different relation has",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE MATERIALIZED VIEW m AS SELECT id FROM k; CREATE MATERIALIZED VIEW IF NOT EXISTS m AS SELECT 1 AS other; CREATE VIEW v AS SELECT id FROM k;
            CREATE TABLE IF NOT EXISTS v (other integer); CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY); CREATE SEQUENCE IF NOT EXISTS t_id_seq; CREATE SEQUENCE IF NOT EXISTS k; CREATE UNLOGGED SEQUENCE IF NOT EXISTS v;",
        hint: no_hint,
    },
    Change {
        name: "names that the server derives from expressions",
        before: "CREATE TABLE t (a integer, data jsonb, c text, arr integer[], day timestamp);",
        after: "CREATE TABLE t (a integer, data jsonb, c text, arr integer[], day timestamp); CREATE INDEX ON t (((data->>'x')::int)); CREATE INDEX ON t ((CASE WHEN a > 0 THEN 1 ELSE 2 END)); CREATE INDEX ON t ((CASE WHEN a > 0 THEN 1 ELSE arr[1] END));
            CREATE INDEX ON t (cast(c as text)); CREATE INDEX ON t ((c::varchar)); CREATE INDEX ON t ((t.a)); CREATE INDEX ON t ((arr[1])); CREATE INDEX ON t ((ARRAY[a, 1])); CREATE INDEX ON t ((data->'x')); CREATE INDEX ON t (((a + 1)::text::int));
            CREATE INDEX ON t (extract(year from day)); CREATE INDEX ON t (substring(c from 1 for 2)); CREATE INDEX ON t (trim(c)); CREATE INDEX ON t (trim(trailing 'x' from c)); CREATE INDEX ON t ((day AT TIME ZONE 'utc')); CREATE INDEX ON t (nullif(a, 1));
            CREATE INDEX ON t (((a + 1)::double precision)); CREATE INDEX ON t (((c || 'x')::character(10))); CREATE INDEX ON t (((c || 'x')::varchar(10))); CREATE INDEX ON t (((a + 1)::numeric(10, 2))); CREATE INDEX ON t (((a = 1)::boolean)); CREATE INDEX ON t ((-a));
            CREATE TABLE x (c text, EXCLUDE USING btree ((c::varchar) WITH =), EXCLUDE USING btree (((c || 'x')::varchar) WITH =));
            CREATE VIEW v AS SELECT a::text, (a + 1)::bigint, CASE WHEN a > 0 THEN 1 END, ARRAY[a, 1], arr[1], extract(year from day), (t.c) FROM t; CREATE VIEW w AS SELECT * FROM v;",
        hint: no_hint,
    },
    Change {
        name: "RENAME VALUE",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE TYPE mood AS ENUM ('a', 'b c', 'd'); CREATE DOMAIN feeling AS mood DEFAULT 'a'; CREATE TABLE e (m mood[] DEFAULT '{a,b c}', n mood[] DEFAULT '{{\"a\"},{d}}'::mood[], o feeling DEFAULT 'b c', q mood DEFAULT 'a'::mood);
            CREATE TABLE p (m mood NOT NULL) PARTITION BY LIST (m); CREATE TABLE p1 PARTITION OF p FOR VALUES IN ('a', 'd'); CREATE TABLE r (i integer, f feeling) PARTITION BY RANGE (i, f); CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (1, 'a') TO (2, 'd');
            CREATE TABLE other (x text) PARTITION BY LIST (x); CREATE TABLE other1 PARTITION OF other FOR VALUES IN ('a'); ALTER TYPE mood RENAME VALUE 'a' TO 'it is'; ALTER TYPE mood RENAME VALUE 'b c' TO 'b';",
        hint: no_hint,
    },
    Change {
        name: "comments of dropped constraints",
        before: "CREATE TABLE k (id integer PRIMARY KEY);",
        after: "CREATE TABLE k (id integer PRIMARY KEY); CREATE TABLE t (a integer, b integer, c integer, d integer, CONSTRAINT c CHECK (a > 0), CONSTRAINT u UNIQUE (a), CONSTRAINT f FOREIGN KEY (a) REFERENCES k, CONSTRAINT g FOREIGN KEY (b) REFERENCES k);
            CREATE TABLE gone (id integer PRIMARY KEY); ALTER TABLE t ADD CONSTRAINT h FOREIGN KEY (b) REFERENCES gone; COMMENT ON CONSTRAINT c ON t IS 'old'; COMMENT ON CONSTRAINT u ON t IS 'old'; COMMENT ON CONSTRAINT f ON t IS 'old';
            COMMENT ON CONSTRAINT g ON t IS 'stays'; COMMENT ON CONSTRAINT h ON t IS 'old'; DROP TABLE gone CASCADE; ALTER TABLE t DROP COLUMN a, ADD CONSTRAINT c CHECK (b > 0), ADD CONSTRAINT u UNIQUE (b), ADD CONSTRAINT f FOREIGN KEY (c) REFERENCES k,
            ADD CONSTRAINT h FOREIGN KEY (d) REFERENCES k;",
        hint: no_hint,
    },
    Change {
        name: "DETACH PARTITION with indexes that the partition had before",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE TABLE q (a integer NOT NULL, b text) PARTITION BY LIST (a); CREATE TABLE q1 PARTITION OF q FOR VALUES IN (1); CREATE TABLE q3 PARTITION OF q FOR VALUES IN (3); CREATE INDEX my_idx ON q1 (b);
            CREATE INDEX by_case ON q1 (lower(b)); CREATE INDEX twice ON q1 (a); CREATE INDEX ON q (b); CREATE INDEX l ON q (lower(b)); CREATE INDEX i ON q (a); CREATE INDEX twice1 ON q1 (a); DROP INDEX i; CREATE INDEX i ON q (a); ALTER INDEX l RENAME TO l2;
            ALTER TABLE q1 RENAME TO q2; ALTER INDEX my_idx RENAME TO mine; ALTER TABLE q DETACH PARTITION q2; DROP INDEX l2; ALTER TABLE q DETACH PARTITION q3;",
        hint: no_hint,
    },
    Change {
        name: "objects of dropped relations",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE TABLE t (a integer, b integer, c integer); CREATE STATISTICS a ON b, c FROM t; CREATE STATISTICS s ON a, b FROM t; CREATE STATISTICS e ON (a + 1), c FROM t; ALTER TABLE t DROP COLUMN a;
            CREATE TABLE gone (a integer, b integer); CREATE STATISTICS g ON a, b FROM gone; CREATE RULE r AS ON INSERT TO gone DO INSTEAD NOTHING; DROP TABLE gone; CREATE VIEW v AS SELECT id FROM k; CREATE RULE r AS ON INSERT TO v DO INSTEAD NOTHING; DROP VIEW v;
            CREATE TABLE gone (a integer, b integer);",
        hint: no_hint,
    },
    Change {
        name: "RENAME TO of indexes of constraints with comments",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE TABLE t (a integer, b integer, CONSTRAINT u UNIQUE (a), CONSTRAINT p PRIMARY KEY (b), CONSTRAINT i CHECK (a > 0)); CREATE INDEX i ON t (b); COMMENT ON CONSTRAINT u ON t IS 'unique'; COMMENT ON CONSTRAINT p ON t IS 'primary';
            COMMENT ON CONSTRAINT i ON t IS 'check'; ALTER INDEX u RENAME TO u2; ALTER INDEX p RENAME TO p2; ALTER INDEX i RENAME TO i2;",
        hint: no_hint,
    },
    Change {
        name: "SET SCHEMA of types, sequences, views and functions",
        before: "CREATE SCHEMA s; CREATE TABLE k (id integer);",
        after: "CREATE SCHEMA s; CREATE TABLE k (id integer); CREATE TYPE e AS ENUM ('a', 'b'); CREATE DOMAIN d AS text DEFAULT 'x' CHECK (VALUE <> ''); CREATE SEQUENCE q; CREATE FUNCTION make() RETURNS integer LANGUAGE sql AS 'SELECT 1';
            CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TABLE t (x e DEFAULT 'a'::public.e, y d, z e[] DEFAULT '{a}'::e[], n bigint DEFAULT nextval('public.q'::regclass), m integer DEFAULT make());
            CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g(); ALTER TYPE e SET SCHEMA s; ALTER DOMAIN d SET SCHEMA s; ALTER SEQUENCE q SET SCHEMA s; ALTER FUNCTION make() SET SCHEMA s; ALTER FUNCTION g() SET SCHEMA s;
            ALTER FUNCTION s.g() RENAME TO \"The g\"; CREATE VIEW v AS SELECT m FROM t; ALTER VIEW v SET SCHEMA s; CREATE MATERIALIZED VIEW w AS SELECT m FROM t; CREATE INDEX i ON w (m); ALTER MATERIALIZED VIEW w SET SCHEMA s; ALTER TYPE s.e SET SCHEMA s;",
        hint: no_hint,
    },
    Change {
        name: "ALTER SCHEMA RENAME TO",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE SCHEMA app; COMMENT ON SCHEMA app IS 'x'; CREATE TYPE app.e AS ENUM ('a'); CREATE FUNCTION app.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE SEQUENCE app.q;
            CREATE TABLE app.t (id bigserial PRIMARY KEY, s app.e DEFAULT 'a'::app.e, n bigint DEFAULT nextval('app.q'), i integer GENERATED ALWAYS AS IDENTITY); CREATE TABLE app.c (t bigint REFERENCES app.t); CREATE INDEX ci ON app.c (t);
            CREATE TRIGGER tr BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.g(); GRANT USAGE ON SCHEMA app TO reader; GRANT SELECT ON app.t TO reader; ALTER SCHEMA app RENAME TO shop; CREATE TABLE shop.v (id integer);",
        hint: no_hint,
    },
    Change {
        name: "options of sequences and identity columns",
        before: "CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), n integer);",
        after: "CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), n integer); ALTER TABLE t ALTER COLUMN id SET GENERATED BY DEFAULT SET INCREMENT BY 2 SET MAXVALUE 1000 SET CYCLE RESTART WITH 50;
            ALTER TABLE t ALTER id SET NO MAXVALUE SET MINVALUE 3 SET START 12; ALTER SEQUENCE t_id_seq CACHE 20 NO CYCLE; ALTER TABLE t RENAME TO u; ALTER SEQUENCE t_id_seq RENAME TO u_id_seq; ALTER SEQUENCE u_id_seq CACHE 30;",
        hint: |schema| {
            let table = schema.tables.get_mut("u").unwrap();
            table.renamed_from = Some(serde_json::from_value("t".into()).unwrap());
        },
    },
    Change {
        name: "changes of publications, statistics and rules",
        before: "CREATE TABLE t (id integer PRIMARY KEY, x text); CREATE TABLE w (id integer PRIMARY KEY);",
        after: "CREATE SCHEMA s; CREATE TABLE t (id integer PRIMARY KEY, x text); CREATE TABLE w (id integer PRIMARY KEY); CREATE TABLE gone (id integer PRIMARY KEY); CREATE PUBLICATION p FOR TABLE gone, t (id), w WITH (publish = 'insert');
            CREATE PUBLICATION q FOR TABLE t, w; CREATE PUBLICATION r FOR TABLE gone; DROP TABLE gone; ALTER PUBLICATION p SET (publish = 'insert, update'); ALTER PUBLICATION p DROP TABLE w; ALTER PUBLICATION q SET TABLE w; ALTER PUBLICATION q RENAME TO \"The q\";
            CREATE STATISTICS st ON id, x FROM t; ALTER STATISTICS st RENAME TO st2; ALTER STATISTICS st2 SET SCHEMA s; ALTER STATISTICS s.st2 SET STATISTICS -1; CREATE RULE a AS ON DELETE TO t DO INSTEAD NOTHING; ALTER RULE a ON t RENAME TO b;",
        hint: no_hint,
    },
    Change {
        name: "the order of the actions of ALTER TABLE",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE TABLE t (a text DEFAULT 'x', b integer NOT NULL, c integer, d text DEFAULT 'y'); ALTER TABLE t ALTER COLUMN a SET DEFAULT '5', ALTER COLUMN a TYPE integer USING 1, ALTER a DROP DEFAULT;
            ALTER TABLE t ALTER b SET NOT NULL, ALTER b DROP NOT NULL; ALTER TABLE t ADD CONSTRAINT ck CHECK (c > 0), DROP COLUMN c, ADD COLUMN c bigint;",
        hint: no_hint,
    },
    Change {
        name: "tables of queries and temporary tables",
        before: "CREATE TABLE t (id integer PRIMARY KEY, x varchar(5) COLLATE \"C\" NOT NULL DEFAULT 'a');",
        after: "CREATE TABLE t (id integer PRIMARY KEY, x varchar(5) COLLATE \"C\" NOT NULL DEFAULT 'a'); CREATE TABLE b AS SELECT * FROM t; CREATE TABLE IF NOT EXISTS c AS SELECT o.id::bigint, o.x AS \"The y\" FROM t AS o WHERE id > 3 WITH NO DATA; SELECT x, id INTO d FROM t;
            CREATE TEMP TABLE tmp AS SELECT count(*) FROM t; CREATE TEMPORARY TABLE rows (id integer); CREATE INDEX ON rows (id); ALTER TABLE rows ADD v text; DROP TABLE rows, tmp; CREATE VIEW v AS SELECT * FROM d;",
        hint: no_hint,
    },
    Change {
        name: "statements of ALTER TABLE about other relations",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE SCHEMA s; CREATE TABLE k (id integer); CREATE VIEW v AS SELECT id FROM k; CREATE SEQUENCE q; CREATE INDEX i ON k (id); ALTER TABLE v RENAME TO w; ALTER TABLE q RENAME TO r; ALTER TABLE i RENAME TO j; ALTER TABLE w SET SCHEMA s; ALTER TABLE r SET SCHEMA s;
            ALTER VIEW s.w SET (security_barrier, security_invoker = true); ALTER VIEW s.w RESET (security_barrier);",
        hint: no_hint,
    },
    Change {
        name: "RENAME COLUMN with a trigger whose condition has DISTINCT FROM",
        before: "CREATE TABLE k (id integer);",
        after: "CREATE TABLE k (id integer); CREATE TABLE t (a text, b integer); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER tr BEFORE UPDATE OF a ON t FOR EACH ROW WHEN (OLD.a IS DISTINCT FROM NEW.a) EXECUTE FUNCTION g();
            ALTER TABLE t RENAME COLUMN a TO \"The a\"; ALTER TABLE t DISABLE TRIGGER ALL; ALTER TABLE t ENABLE TRIGGER ALL; ALTER TABLE t DISABLE TRIGGER USER;",
        hint: no_hint,
    },
];

#[test]
fn scripts_lead_to_the_schema_of_the_server() {
    check_all(Version::V15, &SCRIPTS);
}

#[test]
fn scripts_lead_to_the_schema_of_a_newer_server() {
    check_all(Version::V17, &SCRIPTS);
}

#[test]
fn scripts_lead_to_the_schema_of_the_newest_server() {
    check_all(Version::V18, &SCRIPTS);
}

#[test]
fn schemas_of_scripts_are_read_back_from_a_dump() {
    read_back_all(Version::V15, &SCRIPTS);
}

#[test]
fn comments_on_indexes_of_constraints_are_left_out_with_a_note() {
    let table = "CREATE TABLE t (id integer PRIMARY KEY, a text);";
    let imported = sql::read(&format!("{table} COMMENT ON INDEX t_pkey IS 'x';")).unwrap();
    let notes = &imported.notes;
    assert!(notes.iter().any(|note| note.what.contains("the comment on t_pkey is left out")), "{notes:#?}");
    assert_eq!(imported.schema, sql::read(table).unwrap().schema);
}

/// Each script names an object that does not exist, or would change an object that nself cannot follow, such as a view whose
/// SQL mentions a renamed column.
#[test]
fn statements_whose_effect_is_unclear_are_refused() {
    let tables = "CREATE TABLE t (id integer, a text); CREATE VIEW v AS SELECT id, a FROM t; CREATE TYPE e AS ENUM ('a'); CREATE TYPE c AS (a integer, b text);";
    for (script, reason) in [
        ("ALTER TABLE t ALTER CONSTRAINT f DEFERRABLE;", "there is no foreign key `f`"),
        ("ALTER POLICY p ON t USING (true);", "there is no policy with this name"),
        ("ALTER TABLE t SET SCHEMA none;", "there is no schema `none`"),
        ("CREATE SCHEMA s; ALTER TABLE t SET SCHEMA s;", "the view v mentions it"),
        ("CREATE VIEW w AS SELECT a FROM v; ALTER VIEW v RENAME COLUMN a TO b;", "the view w mentions it"),
        ("ALTER VIEW v RENAME COLUMN a TO id;", "nself cannot follow the rename of `a`"),
        ("CREATE FUNCTION f(x c) RETURNS integer RETURN (x).a; ALTER TYPE c RENAME ATTRIBUTE a TO d;", "mentions it"),
        ("CREATE TABLE u (x e); DROP TYPE e CASCADE;", "CASCADE may also drop a part of the table u"),
        ("CREATE FUNCTION f() RETURNS e LANGUAGE sql AS 'SELECT NULL'; DROP TYPE e CASCADE;", "the function f"),
        (
            "CREATE TABLE p (t integer); CREATE PUBLICATION pub FOR TABLE p; DROP VIEW v; ALTER TABLE t RENAME TO u; ALTER TABLE p RENAME TO q;",
            "",
        ),
        (
            "DROP VIEW v; CREATE TABLE p (t integer); CREATE PUBLICATION pub FOR TABLE t; ALTER TABLE t RENAME TO u;",
            "the publication pub mentions it",
        ),
        (
            "CREATE TABLE p (id integer GENERATED ALWAYS AS IDENTITY) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p DEFAULT; ALTER TABLE p DETACH PARTITION p1;",
            "cannot follow the partition",
        ),
        (
            "CREATE TABLE p (id integer) PARTITION BY LIST (id); CREATE INDEX ON p (abs(id)); CREATE TABLE p1 PARTITION OF p DEFAULT; ALTER TABLE p DETACH PARTITION p1;",
            "an index with expressions",
        ),
        ("ALTER TABLE t DETACH PARTITION v;", "there is no table `v`"),
        ("CREATE UNLOGGED SEQUENCE s; ALTER SEQUENCE s RENAME TO s2;", "a sequence that belongs to no unlogged table"),
        (
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO reader; CREATE TABLE i (id integer GENERATED ALWAYS AS IDENTITY); ALTER TABLE i ALTER COLUMN id DROP IDENTITY;",
            "",
        ),
        (
            "ALTER TYPE e RENAME VALUE 'a' TO 'b'; CREATE TYPE f AS ENUM ('a', 'b'); ALTER TYPE f RENAME VALUE 'a' TO 'b';",
            "the label `b` already exists",
        ),
        ("CREATE VIEW w AS SELECT '{a}'::e[] AS x; ALTER TYPE e RENAME VALUE 'a' TO 'b';", "the view w mentions it"),
        (
            "CREATE SCHEMA app; CREATE COLLATION app.german (provider = icu, locale = 'de'); DROP SCHEMA app CASCADE;",
            "it contains `app.german`",
        ),
        (
            "BEGIN; SET LOCAL search_path = ''; CREATE TABLE public.y (a integer); COMMIT; CREATE TABLE u (a integer);",
            "",
        ),
        (
            "SELECT pg_catalog.set_config('search_path', '', false); BEGIN; SET LOCAL search_path = public; COMMIT; CREATE TABLE u (a integer);",
            "the search path is empty",
        ),
        (
            "SELECT pg_catalog.set_config('search_path', '', false); DISCARD PLANS; CREATE TABLE u (a integer);",
            "the search path is empty",
        ),
        ("SELECT pg_catalog.set_config('search_path', '', false); DISCARD ALL; CREATE TABLE u (a integer);", ""),
        (
            "CREATE DOMAIN d AS integer CONSTRAINT x CHECK (VALUE > 0) CONSTRAINT x CHECK (VALUE > 1);",
            "there are two constraints `x`",
        ),
        (
            "CREATE DOMAIN d AS integer CONSTRAINT x CHECK (VALUE > 0) CONSTRAINT y CHECK (VALUE > 1); ALTER DOMAIN d RENAME CONSTRAINT x TO y;",
            "there are two constraints `y`",
        ),
        (
            "CREATE TABLE u (a integer, CONSTRAINT x CHECK (a > 0), CONSTRAINT y UNIQUE (a)); ALTER TABLE u RENAME CONSTRAINT x TO y;",
            "there are two constraints `y`",
        ),
        (
            "CREATE TABLE u (a integer, CONSTRAINT y UNIQUE (a)); CREATE INDEX i ON u (a); ALTER TABLE u RENAME CONSTRAINT y TO i;",
            "the name `i` is taken",
        ),
        (
            "CREATE TABLE u (a integer, CONSTRAINT y CHECK (a > 0)); CREATE INDEX i ON u (a); ALTER TABLE u RENAME CONSTRAINT y TO i;",
            "",
        ),
        (
            "CREATE POLICY p ON t USING (true); CREATE POLICY q ON t USING (false); ALTER POLICY p ON t RENAME TO q;",
            "the name `q` is taken",
        ),
        ("ALTER TYPE e RENAME TO c;", "the name `c` is taken"),
        ("ALTER TYPE e RENAME TO v;", "the name `v` is taken"),
        ("COMMENT ON SCHEMA nope IS 'x';", "there is no schema `nope`"),
        ("COMMENT ON COLUMN v.nope IS 'x';", "there is no column `nope` of v"),
        ("COMMENT ON SCHEMA public IS 'x'; COMMENT ON COLUMN v.a IS 'x'; COMMENT ON COLUMN v.nope IS NULL;", ""),
        ("CREATE UNLOGGED SEQUENCE s;", "a sequence that belongs to no unlogged table"),
        ("CREATE SCHEMA s; ALTER TYPE e SET SCHEMA none;", "there is no schema `none`"),
        ("CREATE SCHEMA s; CREATE VIEW w AS SELECT 'a'::e AS x; ALTER TYPE e SET SCHEMA s;", "the view w mentions it"),
        (
            "CREATE SCHEMA s; CREATE SEQUENCE q; CREATE VIEW w AS SELECT nextval('q') AS n; ALTER SEQUENCE q SET SCHEMA s;",
            "the view w mentions it",
        ),
        ("CREATE TABLE u (id serial); CREATE SCHEMA s; ALTER SEQUENCE u_id_seq SET SCHEMA s;", "moves with its table"),
        ("ALTER SCHEMA none RENAME TO s;", "nself can rename only a schema that the file creates"),
        (
            "CREATE SCHEMA s; CREATE TABLE s.u (a integer, b integer); CREATE STATISTICS s.x ON a, b FROM s.u; ALTER SCHEMA s RENAME TO r;",
            "a schema with `s.x`",
        ),
        (
            "CREATE COLLATION c (provider = icu, locale = 'de'); ALTER COLLATION c RENAME TO d;",
            "create it under its new name",
        ),
        ("CREATE TABLE u AS SELECT count(*) FROM t;", "whose columns follow from a query"),
        ("CREATE TABLE u AS SELECT t.id FROM t JOIN v USING (id);", "whose columns follow from a query"),
        ("CREATE TEMP TABLE t (id integer);", "hides a lasting table or view"),
        ("CREATE TEMP TABLE u (id integer); CREATE TABLE u (id integer);", "hides a lasting table or view"),
        ("CREATE TABLE u (id integer); ALTER TABLE u INHERIT t;", "or make the tables partitions"),
        (
            "CREATE STATISTICS s ON id, a FROM t; ALTER STATISTICS s SET STATISTICS 500;",
            "has no field for the precision",
        ),
        ("CREATE PUBLICATION pub FOR TABLE t; ALTER PUBLICATION pub DROP TABLE v;", "the publication has no"),
        ("ALTER TABLE t ALTER id SET INCREMENT 2;", "no identity column"),
        ("BEGIN; CREATE TABLE u (id integer); ROLLBACK;", "which undoes statements before it"),
        ("SET TIME ZONE 'Europe/Berlin';", "changes the meaning of later statements"),
        (
            "SET TIME ZONE 'UTC'; SET enable_seqscan = off; SET datestyle = 'ISO, MDY'; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT set_config('app.user', 'x', false), pg_advisory_lock(1);",
            "",
        ),
        (
            "SELECT setval('x', coalesce(max(id), 1)) FROM t; WITH d AS (DELETE FROM t RETURNING id) SELECT id FROM d; MERGE INTO t USING v ON false WHEN NOT MATCHED THEN DO NOTHING; VALUES (1);",
            "",
        ),
        ("SELECT create_hypertable('t', 'id');", "a query is not part of a schema"),
    ] {
        match sql::read(&format!("{tables} {script}")) {
            Ok(_) => assert_eq!(reason, "", "{script}"),
            Err(findings) => {
                assert!(
                    findings.iter().any(|it| it.what.contains(reason)) && !reason.is_empty(),
                    "{script}: {findings:#?}"
                )
            }
        }
    }
}
