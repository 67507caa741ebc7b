//! Changes as applications make them: several objects that depend on each other change in one migration.

use super::pairs::{Change, check_all};
use super::server::Version;

const CHANGES: [Change; 71] = [
    Change {
        name: "an action of a foreign key, a wider text and a new key",
        before: "CREATE TABLE c (id serial PRIMARY KEY, name varchar(50) NOT NULL);
            CREATE TABLE o (id serial PRIMARY KEY, c_id integer NOT NULL REFERENCES c ON DELETE CASCADE, note text);",
        after: "CREATE TABLE c (id serial PRIMARY KEY, name varchar(80) NOT NULL, email text UNIQUE);
            CREATE TABLE o (id serial PRIMARY KEY, c_id integer NOT NULL REFERENCES c ON DELETE SET NULL, note text); CREATE INDEX ON o (c_id);",
        hint: |_| (),
    },
    Change {
        name: "serial pk int to bigint with fks",
        before: "CREATE TABLE c (id serial PRIMARY KEY); CREATE TABLE o (id serial PRIMARY KEY, c_id integer REFERENCES c); CREATE INDEX oc ON o (c_id);
            INSERT INTO c DEFAULT VALUES; INSERT INTO o (c_id) VALUES (1);",
        after: "CREATE TABLE c (id bigserial PRIMARY KEY); CREATE TABLE o (id bigserial PRIMARY KEY, c_id bigint REFERENCES c); CREATE INDEX oc ON o (c_id);",
        hint: |_| (),
    },
    Change {
        name: "a default calls a new function",
        before: "CREATE TABLE t (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, a text);
            INSERT INTO t (a) VALUES ('x');",
        after: "CREATE FUNCTION newid() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
            CREATE TABLE t (id uuid DEFAULT newid() PRIMARY KEY, a text);",
        hint: |_| (),
    },
    Change {
        name: "composite pk change",
        before: "CREATE TABLE t (a integer, b integer, c integer NOT NULL, PRIMARY KEY (a, b));",
        after: "CREATE TABLE t (a integer NOT NULL, b integer NOT NULL, c integer, PRIMARY KEY (a, c), UNIQUE (a, b));",
        hint: |_| (),
    },
    Change {
        name: "text becomes varchar",
        before: "CREATE TABLE t (id integer, a text);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a varchar);",
        hint: |_| (),
    },
    Change {
        name: "jsonb gin opclass",
        before: "CREATE TABLE t (id integer, a jsonb); CREATE INDEX i ON t USING gin (a);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a jsonb); CREATE INDEX i ON t USING gin (a jsonb_path_ops);",
        hint: |_| (),
    },
    Change {
        name: "unique constraint and index with NULLS NOT DISTINCT",
        before: "CREATE TABLE t (id integer, a jsonb, UNIQUE (id));",
        after: "CREATE TABLE t (id integer, a jsonb, UNIQUE NULLS NOT DISTINCT (id)); CREATE UNIQUE INDEX u ON t (id) NULLS NOT DISTINCT;",
        hint: |_| (),
    },
    Change {
        name: "brin with params",
        before: "CREATE TABLE t (id integer, at timestamptz); CREATE INDEX i ON t USING brin (at);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, at timestamptz); CREATE INDEX i ON t USING brin (at) WITH (pages_per_range='32', autosummarize='true');",
        hint: |_| (),
    },
    Change {
        name: "index in descending order",
        before: "CREATE TABLE t (id integer, at timestamptz); CREATE INDEX i ON t (at);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, at timestamptz); CREATE INDEX i ON t (at DESC NULLS LAST, id);",
        hint: |_| (),
    },
    Change {
        name: "a trigger function on two tables",
        before: "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.u := now(); RETURN NEW; END$$;
            CREATE TABLE a (id integer, u timestamptz); CREATE TABLE b (id integer, u timestamptz);
            CREATE TRIGGER tt BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION touch();",
        after: "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.u := clock_timestamp(); RETURN NEW; END$$;
            CREATE TABLE a (id integer, u timestamptz); CREATE TABLE b (id integer, u timestamptz);
            CREATE TRIGGER tt BEFORE INSERT OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION touch();
            CREATE TRIGGER tt BEFORE UPDATE ON b FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch();",
        hint: |_| (),
    },
    Change {
        name: "RLS with security definer helper",
        before: "CREATE TABLE m (u integer, o integer); CREATE TABLE t (id integer, o integer); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            CREATE POLICY p ON t USING (o IN (SELECT m.o FROM m WHERE m.u = current_setting('app.u')::integer));",
        after: "CREATE TABLE m (u integer, o integer);
            CREATE FUNCTION mine() RETURNS SETOF integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS 'SELECT m.o FROM m WHERE m.u = current_setting(''app.u'')::integer';
            CREATE TABLE t (id integer, o integer); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (o IN (SELECT mine()));
            CREATE POLICY q ON t AS RESTRICTIVE FOR DELETE TO reader USING (id > 3);",
        hint: |_| (),
    },
    Change {
        name: "view chain with columns added in middle",
        before: "CREATE TABLE t (id integer, a text); CREATE VIEW v1 AS SELECT id, a FROM t; CREATE VIEW v2 AS SELECT id, a FROM v1;
            CREATE VIEW v3 AS SELECT v2.id, v1.a FROM v2 JOIN v1 USING (id); GRANT SELECT ON v3 TO reader; COMMENT ON VIEW v2 IS 'two';
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id bigint, a text, b text); CREATE VIEW v1 AS SELECT b, id, a FROM t; CREATE VIEW v2 AS SELECT id, a FROM v1;
            CREATE VIEW v3 AS SELECT v2.id, v1.a FROM v2 JOIN v1 USING (id); GRANT SELECT ON v3 TO reader; COMMENT ON VIEW v2 IS 'two';",
        hint: |_| (),
    },
    Change {
        name: "matview with unique index used by function",
        before: "CREATE TABLE t (id integer, a text); CREATE MATERIALIZED VIEW m AS SELECT id, count(*) AS n FROM t GROUP BY id;
            CREATE UNIQUE INDEX mi ON m (id); CREATE FUNCTION r() RETURNS void LANGUAGE plpgsql AS 'BEGIN REFRESH MATERIALIZED VIEW m; END';
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text); CREATE MATERIALIZED VIEW m AS SELECT id, count(*) AS n, max(a) AS a FROM t GROUP BY id;
            CREATE UNIQUE INDEX mi ON m (id); CREATE INDEX mj ON m (n DESC);
            CREATE FUNCTION r() RETURNS void LANGUAGE plpgsql AS 'BEGIN REFRESH MATERIALIZED VIEW CONCURRENTLY m; END';",
        hint: |_| (),
    },
    Change {
        name: "view to matview",
        before: "CREATE TABLE t (id integer); CREATE VIEW v AS SELECT id FROM t;
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer); CREATE MATERIALIZED VIEW v AS SELECT id FROM t; CREATE INDEX vi ON v (id);",
        hint: |_| (),
    },
    Change {
        name: "view becomes table",
        before: "CREATE TABLE t (id integer); CREATE VIEW v AS SELECT id FROM t;
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer); CREATE TABLE v (id integer);",
        hint: |_| (),
    },
    Change {
        name: "table becomes view",
        before: "CREATE TABLE t (id integer); CREATE TABLE v (id integer);",
        after: "CREATE TABLE t (id integer); CREATE VIEW v AS SELECT id FROM t;",
        hint: |_| (),
    },
    Change {
        name: "function returns table of row type and table changes",
        before: "CREATE TABLE t (id integer, a text); CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t';
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text, b integer DEFAULT 0); CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t';",
        hint: |_| (),
    },
    Change {
        name: "domain over domain gets check",
        before: "CREATE DOMAIN pos AS integer CHECK (VALUE > 0); CREATE DOMAIN small AS pos; CREATE TABLE t (id integer, a small);",
        after: "CREATE DOMAIN pos AS integer DEFAULT 1 CHECK (VALUE > 0) CONSTRAINT lim CHECK (VALUE < 1000);
            CREATE DOMAIN small AS pos NOT NULL CHECK (VALUE < 100); CREATE TABLE t (id integer, a small);",
        hint: |_| (),
    },
    Change {
        name: "array of enum rebuilt",
        before: "CREATE TYPE e AS ENUM ('a','x','b'); CREATE TABLE t (id integer, a e[] DEFAULT '{a}', CONSTRAINT k CHECK (cardinality(a) > 0));
            CREATE INDEX i ON t USING gin (a);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TYPE e AS ENUM ('b','a'); CREATE TABLE t (id integer, a e[] DEFAULT '{a}', CONSTRAINT k CHECK (cardinality(a) > 0));
            CREATE INDEX i ON t USING gin (a);",
        hint: |_| (),
    },
    Change {
        name: "enum in function sig rebuilt",
        before: "CREATE TYPE e AS ENUM ('a','x','b'); CREATE TABLE t (id integer, a e); CREATE FUNCTION f(x e) RETURNS e LANGUAGE sql AS 'SELECT x';
            CREATE VIEW v AS SELECT f(a) AS a FROM t;
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TYPE e AS ENUM ('b','a'); CREATE TABLE t (id integer, a e); CREATE FUNCTION f(x e) RETURNS e LANGUAGE sql AS 'SELECT x';
            CREATE VIEW v AS SELECT f(a) AS a FROM t;",
        hint: |_| (),
    },
    Change {
        name: "enum to text with check",
        before: "CREATE TYPE e AS ENUM ('a','b'); CREATE TABLE t (id integer, a e NOT NULL DEFAULT 'a'); CREATE INDEX i ON t (a) WHERE a = 'b';
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text NOT NULL DEFAULT 'a', CONSTRAINT ac CHECK (a IN ('a','b'))); CREATE INDEX i ON t (a) WHERE a = 'b';",
        hint: |_| (),
    },
    Change {
        name: "schema move of table",
        before: "CREATE SCHEMA x; CREATE TABLE t (id serial PRIMARY KEY, a text);",
        after: "CREATE SCHEMA x; CREATE TABLE x.t (id serial PRIMARY KEY, a text);",
        hint: |_| (),
    },
    Change {
        name: "self ref and cyclic fks",
        before: "CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE b (id integer PRIMARY KEY);",
        after: "CREATE TABLE a (id integer PRIMARY KEY, b integer, parent integer REFERENCES a);
            CREATE TABLE b (id integer PRIMARY KEY, a integer REFERENCES a);
            ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b DEFERRABLE INITIALLY DEFERRED;",
        hint: |_| (),
    },
    Change {
        name: "fk to unique instead of pk",
        before: "CREATE TABLE p (id integer PRIMARY KEY, code text NOT NULL UNIQUE); CREATE TABLE t (id integer, p integer CONSTRAINT f REFERENCES p (id));",
        after: "CREATE TABLE p (id integer PRIMARY KEY, code text NOT NULL UNIQUE);
            CREATE TABLE t (id integer, p integer, code text CONSTRAINT f REFERENCES p (code));",
        hint: |_| (),
    },
    Change {
        name: "pk to another column with fk",
        before: "CREATE TABLE p (id integer PRIMARY KEY, code integer NOT NULL UNIQUE); CREATE TABLE t (id integer, p integer CONSTRAINT f REFERENCES p (id));",
        after: "CREATE TABLE p (id integer NOT NULL UNIQUE, code integer PRIMARY KEY); CREATE TABLE t (id integer, p integer CONSTRAINT f REFERENCES p (id));",
        hint: |_| (),
    },
    Change {
        name: "unlogged to logged",
        before: "CREATE UNLOGGED TABLE t (id serial PRIMARY KEY, a text);",
        after: "CREATE TABLE t (id serial PRIMARY KEY, a text);",
        hint: |_| (),
    },
    Change {
        name: "partition added list, default kept",
        before: "CREATE TABLE t (id integer, k text) PARTITION BY LIST (k); CREATE TABLE td PARTITION OF t DEFAULT;",
        after: "CREATE TABLE t (id integer, k text) PARTITION BY LIST (k); CREATE TABLE td PARTITION OF t DEFAULT;
            CREATE TABLE ta PARTITION OF t FOR VALUES IN ('a','b', NULL);",
        hint: |_| (),
    },
    Change {
        name: "a partitioned table gets a primary key and an incoming foreign key",
        before: "CREATE TABLE t (id integer NOT NULL, d date NOT NULL) PARTITION BY RANGE (d);
            CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE TABLE u (id integer, d date);",
        after: "CREATE TABLE t (id integer NOT NULL, d date NOT NULL, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
            CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
            CREATE TABLE u (id integer, d date, FOREIGN KEY (id, d) REFERENCES t); CREATE INDEX ti ON t (d);",
        hint: |_| (),
    },
    Change {
        name: "partitioned generated column",
        before: "CREATE TABLE t (id integer, d date NOT NULL, n integer) PARTITION BY RANGE (d);
            CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
        after: "CREATE TABLE t (id integer, d date NOT NULL, n integer, m integer GENERATED ALWAYS AS (n * 2) STORED) PARTITION BY RANGE (d);
            CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE INDEX ti ON t (m);",
        hint: |_| (),
    },
    Change {
        name: "exclusion with range",
        before: "CREATE TABLE t (id integer, a tsrange);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a tsrange, CONSTRAINT x EXCLUDE USING gist (a WITH &&) WHERE (NOT isempty(a)) DEFERRABLE);",
        hint: |_| (),
    },
    Change {
        name: "money and bit types",
        before: "CREATE TABLE t (id integer, m money, b bit(3));
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, m money DEFAULT 3, b bit(3) DEFAULT B'101', vb bit varying(9), p point, x xml, l pg_lsn, o oid, tid tid);",
        hint: |_| (),
    },
    Change {
        name: "comments everywhere",
        before: "CREATE TABLE t (id integer PRIMARY KEY, a text CONSTRAINT k CHECK (a <> '')); CREATE INDEX i ON t (a); CREATE TYPE e AS ENUM ('a');
            CREATE DOMAIN d AS text; CREATE SEQUENCE s; CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE SCHEMA x;",
        after: "CREATE TABLE t (id integer PRIMARY KEY, a text CONSTRAINT k CHECK (a <> '')); CREATE INDEX i ON t (a); CREATE TYPE e AS ENUM ('a');
            CREATE DOMAIN d AS text; CREATE SEQUENCE s; CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE SCHEMA x;
            COMMENT ON TABLE t IS 'it''s'; COMMENT ON COLUMN t.a IS E'l1\\nl2'; COMMENT ON INDEX i IS 'i'; COMMENT ON CONSTRAINT k ON t IS 'k';
            COMMENT ON TYPE e IS 'e'; COMMENT ON DOMAIN d IS 'd'; COMMENT ON SEQUENCE s IS 's'; COMMENT ON FUNCTION f() IS 'f';
            COMMENT ON SCHEMA x IS 'x';",
        hint: |_| (),
    },
    Change {
        name: "columns with quoted mixed-case names",
        before: "CREATE TABLE \"User\" (id integer PRIMARY KEY, \"createdAt\" timestamptz);
            CREATE TABLE \"Post\" (id integer, \"userId\" integer CONSTRAINT \"Post_userId_fkey\" REFERENCES \"User\");",
        after: "CREATE TABLE \"User\" (id integer PRIMARY KEY, \"createdAt\" timestamptz(3) DEFAULT CURRENT_TIMESTAMP NOT NULL, \"Role\" text DEFAULT 'USER' NOT NULL);
            CREATE TABLE \"Post\" (id integer, \"userId\" integer NOT NULL CONSTRAINT \"Post_userId_fkey\" REFERENCES \"User\" ON UPDATE CASCADE ON DELETE RESTRICT);",
        hint: |_| (),
    },
    Change {
        name: "procedure with transaction control",
        before: "CREATE PROCEDURE p(INOUT n integer) LANGUAGE plpgsql AS 'BEGIN n := n + 1; COMMIT; END';",
        after: "CREATE PROCEDURE p(INOUT n integer, k text DEFAULT 'x') LANGUAGE plpgsql AS 'BEGIN n := n + 2; COMMIT; END';
            CREATE PROCEDURE p2() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;",
        hint: |_| (),
    },
    Change {
        name: "aggregate and operator used in view",
        before: "CREATE FUNCTION addn(a numeric, b numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
            CREATE AGGREGATE summ(numeric) (SFUNC = addn, STYPE = numeric, INITCOND = '0'); CREATE TABLE t (id integer);
            CREATE VIEW v AS SELECT summ(id) AS s FROM t;
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE FUNCTION addn(a numeric, b numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT a + b + 0';
            CREATE AGGREGATE summ(numeric) (SFUNC = addn, STYPE = numeric, INITCOND = '1'); CREATE TABLE t (id integer);
            CREATE VIEW v AS SELECT summ(id) AS s FROM t;",
        hint: |_| (),
    },
    Change {
        name: "window, cte, lateral, grouping sets views",
        before: "CREATE TABLE t (id integer, a integer, b text);",
        after: "CREATE TABLE t (id integer, a integer, b text);
            CREATE VIEW w AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT r.n, x.a, row_number() OVER (PARTITION BY x.b ORDER BY x.a DESC) AS rn FROM r LEFT JOIN LATERAL (SELECT t.a, t.b FROM t WHERE t.id = r.n LIMIT 1) x ON true;
            CREATE VIEW g AS SELECT a, b, count(*) FILTER (WHERE id > 1) AS c, string_agg(b, ',' ORDER BY id) AS s FROM t GROUP BY GROUPING SETS ((a), (b), ());
            CREATE VIEW j AS SELECT jsonb_build_object('a', a, 'b', b) AS o, array_agg(id) OVER w AS l FROM t WINDOW w AS (PARTITION BY a);
            CREATE VIEW vv AS SELECT q.i, q.s FROM (VALUES (1,'a'),(2,'b')) AS q(i, s);",
        hint: |_| (),
    },
    Change {
        name: "default nextval shared sequence",
        before: "CREATE SEQUENCE ids; CREATE TABLE a (id bigint DEFAULT nextval('ids') PRIMARY KEY); CREATE TABLE b (id bigint PRIMARY KEY);",
        after: "CREATE SEQUENCE ids CACHE 20; CREATE TABLE a (id bigint DEFAULT nextval('ids') PRIMARY KEY);
            CREATE TABLE b (id bigint DEFAULT nextval('ids') PRIMARY KEY);
            CREATE TABLE c (id bigint DEFAULT nextval('ids'), k text DEFAULT ('c-' || currval('ids')));",
        hint: |_| (),
    },
    Change {
        name: "subpartitions",
        before: "CREATE TABLE t (id integer, k text, d date) PARTITION BY LIST (k); CREATE TABLE ta PARTITION OF t FOR VALUES IN ('a') PARTITION BY RANGE (d);
            CREATE TABLE ta1 PARTITION OF ta FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');",
        after: "CREATE TABLE t (id integer, k text, d date, n text) PARTITION BY LIST (k);
            CREATE TABLE ta PARTITION OF t FOR VALUES IN ('a') PARTITION BY RANGE (d);
            CREATE TABLE ta1 PARTITION OF ta FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
            CREATE TABLE ta2 PARTITION OF ta FOR VALUES FROM ('2026-02-01') TO ('2026-03-01'); CREATE INDEX ti ON t (n) WHERE n IS NOT NULL;
            ALTER TABLE t ADD CHECK (n <> '');",
        hint: |_| (),
    },
    Change {
        name: "one overload of a function changes its result",
        before: "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION f(text) RETURNS integer LANGUAGE sql AS 'SELECT 2';
            CREATE VIEW v AS SELECT f(1) AS a, f('x'::text) AS b;",
        after: "CREATE FUNCTION f(integer) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
            CREATE FUNCTION f(text) RETURNS integer LANGUAGE sql AS 'SELECT 3'; CREATE VIEW v AS SELECT f(1) AS a, f('x'::text) AS b;",
        hint: |_| (),
    },
    Change {
        name: "a function with variadic arguments becomes strict",
        before: "CREATE FUNCTION f(a integer, VARIADIC b text[]) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN b[1]; END';",
        after: "CREATE FUNCTION f(a integer, VARIADIC b text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql STRICT STABLE PARALLEL RESTRICTED COST 50 AS 'BEGIN RETURN b[2]; END';",
        hint: |_| (),
    },
    Change {
        name: "storage of a column, and storage parameters of a table",
        before: "CREATE TABLE t (id integer, a text, b bytea);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text, b bytea) WITH (fillfactor = 70, toast.autovacuum_enabled = false);
            ALTER TABLE t ALTER a SET STORAGE EXTERNAL, ALTER b SET STATISTICS 500;",
        hint: |_| (),
    },
    Change {
        name: "unnamed checks get names, and a new check has none",
        before: "CREATE TABLE t (id integer CHECK (id > 0), a integer, CHECK (a > id));",
        after: "CREATE TABLE t (id integer, a integer, CONSTRAINT t_id_check CHECK (id > 1), CONSTRAINT other CHECK (a > id), CHECK (id < 99) NO INHERIT);",
        hint: |_| (),
    },
    Change {
        name: "columns with rows become NOT NULL",
        before: "CREATE TABLE t (id integer, a text DEFAULT 'x');
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer NOT NULL, a text DEFAULT 'x' NOT NULL);",
        hint: |_| (),
    },
    Change {
        name: "rule on view insert",
        before: "CREATE TABLE t (id integer, a text); CREATE VIEW v AS SELECT id, a FROM t;
            CREATE RULE ri AS ON INSERT TO v DO INSTEAD INSERT INTO t (id, a) VALUES (NEW.id, NEW.a);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text, b text); CREATE VIEW v AS SELECT id, b, a FROM t;
            CREATE RULE ri AS ON INSERT TO v DO INSTEAD INSERT INTO t (id, a, b) VALUES (NEW.id, NEW.a, NEW.b);",
        hint: |_| (),
    },
    Change {
        name: "instead of trigger with view change",
        before: "CREATE TABLE t (id integer, a text); CREATE VIEW v AS SELECT id, a FROM t;
            CREATE FUNCTION w() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER vt INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION w();
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id bigint, a text); CREATE VIEW v AS SELECT a, id FROM t;
            CREATE FUNCTION w() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER vt INSTEAD OF INSERT OR UPDATE ON v FOR EACH ROW EXECUTE FUNCTION w();",
        hint: |_| (),
    },
    Change {
        name: "multicolumn stats on recreated col",
        before: "CREATE TABLE t (id integer, a integer, b integer); CREATE STATISTICS s (mcv) ON a, b FROM t;
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text, b integer); CREATE STATISTICS s (mcv, ndistinct) ON a, b FROM t;",
        hint: |_| (),
    },
    Change {
        name: "drop column used in many",
        before: "CREATE TABLE t (id integer, a integer, b integer, CONSTRAINT k CHECK (a > b)); CREATE INDEX i ON t (a, b);
            CREATE INDEX j ON t (id) WHERE a > 0; CREATE VIEW v AS SELECT a, id FROM t; CREATE STATISTICS s ON a, b FROM t;
            ALTER TABLE t ADD UNIQUE (a, id); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (a > 0);",
        after: "CREATE TABLE t (id integer, b integer, CONSTRAINT k CHECK (b > 0)); CREATE INDEX i ON t (b); CREATE VIEW v AS SELECT id FROM t;
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (b > 0);",
        hint: |_| (),
    },
    Change {
        name: "composite type in fn and table",
        before: "CREATE TYPE addr AS (street text, zip text); CREATE TABLE t (id integer, a addr);
            CREATE FUNCTION f(x addr) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT (x).zip'; CREATE INDEX i ON t (f(a));
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TYPE addr AS (street text, zip text, city text); CREATE TABLE t (id integer, a addr, l addr[]);
            CREATE FUNCTION f(x addr) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT (x).city'; CREATE INDEX i ON t (f(a));",
        hint: |_| (),
    },
    Change {
        name: "one function in a check and a default",
        before: "CREATE FUNCTION dflt() RETURNS integer LANGUAGE sql AS 'SELECT 1';
            CREATE TABLE t (id integer, a integer DEFAULT dflt(), CHECK (a < dflt() + 100));
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE FUNCTION dflt(base integer DEFAULT 5) RETURNS integer LANGUAGE sql AS 'SELECT base';
            CREATE TABLE t (id integer, a integer DEFAULT dflt(), CHECK (a < dflt() + 100));",
        hint: |_| (),
    },
    Change {
        name: "a function of a row type and a view that calls it",
        before: "CREATE TABLE t (id integer, a text); CREATE FUNCTION f(r t) RETURNS text LANGUAGE sql STABLE AS 'SELECT r.a';
            CREATE VIEW v AS SELECT f(t) AS x FROM t;
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text, z integer); CREATE FUNCTION f(r t) RETURNS text LANGUAGE sql STABLE AS 'SELECT r.a || r.z';
            CREATE VIEW v AS SELECT f(t) AS x FROM t;",
        hint: |_| (),
    },
    Change {
        name: "grants on a schema, a table and a sequence",
        before: "CREATE SCHEMA x; CREATE TABLE x.t (id serial);",
        after: "CREATE SCHEMA x; GRANT USAGE ON SCHEMA x TO reader; CREATE TABLE x.t (id serial); GRANT SELECT, UPDATE ON x.t TO reader;
            GRANT USAGE ON SEQUENCE x.t_id_seq TO reader;",
        hint: |_| (),
    },
    Change {
        name: "view with column rename by position",
        before: "CREATE TABLE t (id integer, a text); CREATE VIEW v AS SELECT id, a FROM t; CREATE VIEW w AS SELECT a FROM v;
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text); CREATE VIEW v AS SELECT id, a AS name FROM t; CREATE VIEW w AS SELECT name FROM v;",
        hint: |_| (),
    },
    Change {
        name: "a generated column becomes a plain one",
        before: "CREATE TABLE t (id integer, a integer DEFAULT 1, g integer GENERATED ALWAYS AS (a+1) STORED); CREATE INDEX i ON t (g);
            CREATE VIEW v AS SELECT g FROM t;
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a integer DEFAULT 1, g integer); CREATE INDEX i ON t (g); CREATE VIEW v AS SELECT g FROM t;",
        hint: |_| (),
    },
    Change {
        name: "a generated column becomes a plain one of another type",
        before: "CREATE TABLE t (id integer, a integer DEFAULT 1, g integer GENERATED ALWAYS AS (a+1) STORED);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a integer DEFAULT 1, g bigint DEFAULT 4 NOT NULL);",
        hint: |_| (),
    },
    Change {
        name: "policy and trigger use rebuilt enum",
        before: "CREATE TYPE e AS ENUM ('a','b','c'); CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
            CREATE TABLE t (id integer, x e); CREATE TRIGGER tr BEFORE UPDATE OF x ON t FOR EACH ROW WHEN (new.x = 'a') EXECUTE FUNCTION tf();
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (x <> 'a');
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TYPE e AS ENUM ('b','a'); CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
            CREATE TABLE t (id integer, x e); CREATE TRIGGER tr BEFORE UPDATE OF x ON t FOR EACH ROW WHEN (new.x = 'a') EXECUTE FUNCTION tf();
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (x <> 'a');",
        hint: |_| (),
    },
    Change {
        name: "identity to none",
        before: "CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a integer);
            INSERT INTO t (a) VALUES (1);",
        after: "CREATE TABLE t (id integer PRIMARY KEY, a integer);",
        hint: |_| (),
    },
    Change {
        name: "identity retype",
        before: "CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a integer);
            INSERT INTO t (a) VALUES (1);",
        after: "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a integer);",
        hint: |_| (),
    },
    Change {
        name: "replica identity index changed",
        before: "CREATE TABLE t (id integer NOT NULL, a integer NOT NULL); CREATE UNIQUE INDEX i ON t (id); ALTER TABLE t REPLICA IDENTITY USING INDEX i;",
        after: "CREATE TABLE t (id bigint NOT NULL, a integer NOT NULL); CREATE UNIQUE INDEX i ON t (id, a); ALTER TABLE t REPLICA IDENTITY USING INDEX i;",
        hint: |_| (),
    },
    Change {
        name: "drop schema with contents",
        before: "CREATE SCHEMA x; CREATE TYPE x.e AS ENUM ('a'); CREATE TABLE x.t (id serial, e x.e); CREATE VIEW x.v AS SELECT e FROM x.t;
            CREATE FUNCTION x.f(x.e) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE TABLE t (id integer DEFAULT 1, e x.e);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer DEFAULT 1);",
        hint: |_| (),
    },
    Change {
        name: "fk across schema with view on both",
        before: "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.p (id integer PRIMARY KEY); CREATE TABLE b.c (id integer, p integer REFERENCES a.p);
            CREATE VIEW a.v AS SELECT p.id FROM a.p JOIN b.c ON c.p = p.id;",
        after: "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.p (id bigint PRIMARY KEY);
            CREATE TABLE b.c (id integer, p bigint NOT NULL REFERENCES a.p ON DELETE CASCADE);
            CREATE VIEW a.v AS SELECT p.id, c.id AS cid FROM a.p JOIN b.c ON c.p = p.id;",
        hint: |_| (),
    },
    Change {
        name: "function default args and named view call",
        before: "CREATE FUNCTION f(a integer, b integer DEFAULT 2) RETURNS integer LANGUAGE sql AS 'SELECT a+b'; CREATE VIEW v AS SELECT f(1) AS x;",
        after: "CREATE FUNCTION f(a integer, b integer DEFAULT 3, c integer DEFAULT 0) RETURNS integer LANGUAGE sql AS 'SELECT a+b+c';
            CREATE VIEW v AS SELECT f(a => 1, c => 4) AS x;",
        hint: |_| (),
    },
    Change {
        name: "function default dropped",
        before: "CREATE FUNCTION f(a integer, b integer DEFAULT 2) RETURNS integer LANGUAGE sql AS 'SELECT a+b'; CREATE VIEW v AS SELECT f(1) AS x;",
        after: "CREATE FUNCTION f(a integer, b integer) RETURNS integer LANGUAGE sql AS 'SELECT a+b'; CREATE VIEW v AS SELECT f(1, 2) AS x;",
        hint: |_| (),
    },
    Change {
        name: "table function RETURNS TABLE gets col",
        before: "CREATE TABLE t (id integer, a text); CREATE FUNCTION f() RETURNS TABLE (id integer) LANGUAGE sql AS 'SELECT id FROM t';
            CREATE VIEW v AS SELECT id FROM f();
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text); CREATE FUNCTION f() RETURNS TABLE (id integer, a text) LANGUAGE sql AS 'SELECT id, a FROM t';
            CREATE VIEW v AS SELECT id, a FROM f();",
        hint: |_| (),
    },
    Change {
        name: "column named like fn",
        before: "CREATE FUNCTION status(x integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''a''';
            CREATE TABLE t (id integer, status text GENERATED ALWAYS AS (status(id)) STORED);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE FUNCTION status(x integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''b''';
            CREATE TABLE t (id integer, status text GENERATED ALWAYS AS (status(id)) STORED, CONSTRAINT k CHECK (status <> ''));",
        hint: |_| (),
    },
    Change {
        name: "a function that reads the table whose default calls it",
        before: "CREATE TABLE t (id integer);",
        after: "CREATE TABLE t (id integer);
            CREATE FUNCTION nxt() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT coalesce(max(id),0)+1 FROM t); END';
            ALTER TABLE t ALTER id SET DEFAULT nxt(); ALTER TABLE t ADD CHECK (nxt() > 0);",
        hint: |_| (),
    },
    Change {
        name: "a domain of a column with rows becomes NOT NULL",
        before: "CREATE DOMAIN d AS text; CREATE TABLE t (id integer, a d DEFAULT 'x');
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE DOMAIN d AS text NOT NULL; CREATE TABLE t (id integer, a d DEFAULT 'x');",
        hint: |_| (),
    },
    Change {
        name: "unique to unique index",
        before: "CREATE TABLE t (id integer, CONSTRAINT u UNIQUE (id)); CREATE TABLE r (t integer REFERENCES t (id));
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer); CREATE UNIQUE INDEX u ON t (id); CREATE TABLE r (t integer REFERENCES t (id));",
        hint: |_| (),
    },
    Change {
        name: "pk renamed constraint",
        before: "CREATE TABLE t (id integer CONSTRAINT a PRIMARY KEY); CREATE TABLE r (t integer REFERENCES t);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer CONSTRAINT b PRIMARY KEY); CREATE TABLE r (t integer REFERENCES t);",
        hint: |_| (),
    },
    Change {
        name: "view on partition and parent",
        before: "CREATE TABLE t (id integer, k integer) PARTITION BY LIST (k); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
            CREATE VIEW v AS SELECT id FROM t1; CREATE VIEW w AS SELECT id FROM t;",
        after: "CREATE TABLE t (id bigint, k integer) PARTITION BY LIST (k); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
            CREATE VIEW v AS SELECT id FROM t1; CREATE VIEW w AS SELECT id FROM t;",
        hint: |_| (),
    },
    Change {
        name: "xml json array defaults",
        before: "CREATE TABLE t (id integer);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, j jsonb DEFAULT '{\"a\": [1, 2]}'::jsonb NOT NULL, ar text[] DEFAULT ARRAY['x','y''z'] NOT NULL, iv interval DEFAULT '1 day 02:00', ts timestamptz DEFAULT (now() + '1 day'::interval), b bytea DEFAULT '\\x00ff', n numeric(5,2) DEFAULT -1.50, u uuid DEFAULT '00000000-0000-0000-0000-000000000000', bl boolean DEFAULT (1 > 0), i inet DEFAULT '10.0.0.1/8');",
        hint: |_| (),
    },
    Change {
        name: "operator class order and collate in index",
        before: "CREATE TABLE t (id integer, a text, p point, ip inet); CREATE INDEX i ON t (a text_pattern_ops DESC NULLS FIRST);
            INSERT INTO t (id) SELECT g FROM generate_series(1,5) g;",
        after: "CREATE TABLE t (id integer, a text, p point, ip inet);
            CREATE INDEX i ON t (a COLLATE \"C\" text_pattern_ops ASC NULLS FIRST) INCLUDE (id) WITH (fillfactor = 80) WHERE a IS NOT NULL;
            CREATE INDEX g ON t USING gist (p) ; CREATE INDEX q ON t USING gist (ip inet_ops); CREATE INDEX h ON t USING hash (id);",
        hint: |_| (),
    },
];

/// These changes run on the oldest and the newest version, because other files check each kind of change on every version.
#[test]
fn changes_of_applications_lead_to_the_schema_of_the_sql() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn changes_of_applications_lead_to_the_schema_of_the_sql_on_18() {
    check_all(Version::V18, &CHANGES);
}
