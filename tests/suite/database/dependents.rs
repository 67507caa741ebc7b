//! Indexes, generated columns and other parts that depend on changed columns, types and functions, in tables with rows.

use super::pairs::{Change, check_all, import};
use super::property::{plan_allowing_hazards, run_up};
use super::server::{Server, Version};
use nself::database::migrate::plan;
use nself::database::model::Schema;
use nself::diagnostic::{Code, FieldPath};

const CHANGES: [Change; 22] = [
    Change {
        name: "a partitioned table gets a constraint that equals one of a partition",
        before: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF z FOR VALUES IN (1); ALTER TABLE a ADD CONSTRAINT au UNIQUE (id, n); ALTER TABLE a ADD CONSTRAINT av UNIQUE (n, id);
            CREATE TABLE r (id integer, n integer, CONSTRAINT f FOREIGN KEY (id, n) REFERENCES a (id, n));
            INSERT INTO z VALUES (1, 2);",
        after: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF z FOR VALUES IN (1); ALTER TABLE z ADD CONSTRAINT zu UNIQUE (id, n); ALTER TABLE a ADD CONSTRAINT au UNIQUE (id, n);
            CREATE UNIQUE INDEX zi ON z (n, id); ALTER TABLE a ADD CONSTRAINT av UNIQUE (n, id); CREATE TABLE r (id integer, n integer); ALTER TABLE r ADD CONSTRAINT f FOREIGN KEY (id, n) REFERENCES a (id, n);",
        hint: |_| (),
    },
    Change {
        name: "generated columns that call a function whose arguments change",
        before: "CREATE FUNCTION norm(x text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(x)'; CREATE FUNCTION twice(x text) RETURNS text IMMUTABLE RETURN norm(x) || norm(x);
            CREATE TABLE t (id integer PRIMARY KEY, a text DEFAULT norm('A'), g text GENERATED ALWAYS AS (norm(a)) STORED, h text GENERATED ALWAYS AS (twice(a)) STORED, CONSTRAINT u UNIQUE (g), CONSTRAINT k CHECK (g <> norm('X')));
            CREATE TABLE r (g text REFERENCES t (g)); CREATE INDEX i ON t (h); CREATE INDEX j ON t (norm(a), g); CREATE VIEW v AS SELECT g, twice(a) AS b FROM t; GRANT SELECT (g) ON t TO reader; COMMENT ON COLUMN t.g IS 'name';
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (g > norm('a')); CREATE POLICY q ON t FOR INSERT WITH CHECK (true); CREATE STATISTICS s ON id, h FROM t;
            INSERT INTO t (id, a) VALUES (1, 'A'), (2, 'B');
            INSERT INTO r VALUES ('a');",
        after: "CREATE FUNCTION norm(x text, n integer DEFAULT 1) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(x)'; CREATE FUNCTION twice(x text) RETURNS text IMMUTABLE RETURN norm(x) || norm(x);
            CREATE TABLE t (id integer PRIMARY KEY, a text DEFAULT norm('A'), g text GENERATED ALWAYS AS (norm(a)) STORED, h text GENERATED ALWAYS AS (twice(a)) STORED, CONSTRAINT u UNIQUE (g), CONSTRAINT k CHECK (g <> norm('X')));
            CREATE TABLE r (g text REFERENCES t (g)); CREATE INDEX i ON t (h); CREATE INDEX j ON t (norm(a), g); CREATE VIEW v AS SELECT g, twice(a) AS b FROM t; GRANT SELECT (g) ON t TO reader; COMMENT ON COLUMN t.g IS 'name';
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (g > norm('a')); CREATE POLICY q ON t FOR INSERT WITH CHECK (true); CREATE STATISTICS s ON id, h FROM t;",
        hint: |_| (),
    },
    Change {
        name: "a generated column of a partitioned table that calls a function whose result and enumeration change",
        before: "CREATE TYPE e AS ENUM ('a', 'b'); CREATE FUNCTION f(x e, n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN n; END';
            CREATE TABLE t (id integer, x e, g bigint GENERATED ALWAYS AS (f(x, id)) STORED) PARTITION BY LIST (id); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE INDEX i ON t (g); CREATE INDEX i1 ON t1 (g);
            INSERT INTO t (id, x) VALUES (1, 'a');",
        after: "CREATE TYPE e AS ENUM ('b', 'a'); CREATE FUNCTION f(x e, n integer) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN n; END';
            CREATE TABLE t (id integer, x e, g bigint GENERATED ALWAYS AS (f(x, id)) STORED) PARTITION BY LIST (id); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE INDEX i ON t (g); CREATE INDEX i1 ON t1 (g);",
        hint: |_| (),
    },
    Change {
        name: "an index of a partition that equals an index of the partitioned table, both built again",
        before: "CREATE TABLE t (id integer, d date NOT NULL, n integer, m integer GENERATED ALWAYS AS (n * 2) STORED) PARTITION BY RANGE (d);
            CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE INDEX ti ON t (m); CREATE INDEX t1i ON t1 (m);
            INSERT INTO t (id, d, n) VALUES (1, '2026-02-02', 4);",
        after: "CREATE TABLE t (id integer, d date NOT NULL, n integer, m integer GENERATED ALWAYS AS (n * 3) STORED) PARTITION BY RANGE (d);
            CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE INDEX ti ON t (m); CREATE INDEX t1i ON t1 (m);",
        hint: |_| (),
    },
    Change {
        name: "a partitioned table gets an index that equals one of a partition",
        before: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF z FOR VALUES IN (1); CREATE INDEX ai ON a (n DESC); COMMENT ON INDEX ai IS 'own';
            INSERT INTO z VALUES (1, 2);",
        after: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF z FOR VALUES IN (1); CREATE INDEX zi ON z (n); CREATE INDEX ai ON a (n DESC); COMMENT ON INDEX ai IS 'own';",
        hint: |_| (),
    },
    Change {
        name: "new partitions with indexes that equal new ones of their tables",
        before: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE c PARTITION OF z FOR VALUES IN (1, 2) PARTITION BY LIST (id); CREATE TABLE b PARTITION OF c FOR VALUES IN (1); CREATE INDEX bi ON b (n);
            INSERT INTO z VALUES (1, 2);",
        after: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE c PARTITION OF z FOR VALUES IN (1, 2) PARTITION BY LIST (id); CREATE TABLE b PARTITION OF c FOR VALUES IN (1); CREATE TABLE a PARTITION OF c FOR VALUES IN (2);
            CREATE INDEX zi ON z (n); CREATE INDEX ci ON c (n); CREATE INDEX bi ON b (n); CREATE INDEX ai ON a (n); CREATE UNIQUE INDEX au ON a (n) WHERE n > 1;",
        hint: |_| (),
    },
    Change {
        name: "a partition that has an additional index gets a different bound",
        before: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF z FOR VALUES IN (1); CREATE INDEX zi ON z (n); CREATE INDEX ai ON a (n);
            INSERT INTO z VALUES (1, 2);",
        after: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF z FOR VALUES IN (1, 3); CREATE INDEX zi ON z (n); CREATE INDEX ai ON a (n);",
        hint: |_| (),
    },
    Change {
        name: "an index of a partition that the server uses for that of the partitioned table",
        before: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF z FOR VALUES IN (1); CREATE INDEX ai ON a (n); CREATE INDEX aj ON a (n); CREATE INDEX zi ON z (n);",
        after: "CREATE TABLE z (id integer, n integer) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF z FOR VALUES IN (1); CREATE INDEX aj ON a (n); CREATE INDEX zi ON z (n);",
        hint: |_| (),
    },
    Change {
        name: "a generated column with a view, an index, keys and statistics, whose base is retyped",
        before: "CREATE TABLE t (id integer PRIMARY KEY, b integer DEFAULT 7, h integer GENERATED ALWAYS AS (b * 2) STORED, CONSTRAINT hh CHECK (h > 0), CONSTRAINT hu UNIQUE (id, h));
            CREATE INDEX i ON t (h); CREATE INDEX j ON t (id) WHERE h > 3; CREATE VIEW a AS SELECT id, h FROM t; CREATE VIEW v AS SELECT h FROM a; GRANT SELECT (h) ON t TO reader;
            CREATE STATISTICS s ON b, h FROM t; COMMENT ON COLUMN t.h IS 'double';
            INSERT INTO t (id) VALUES (1), (2);",
        after: "CREATE TABLE t (id integer PRIMARY KEY, b bigint DEFAULT 7, h integer GENERATED ALWAYS AS (b * 2) STORED, CONSTRAINT hh CHECK (h > 0), CONSTRAINT hu UNIQUE (id, h));
            CREATE INDEX i ON t (h); CREATE INDEX j ON t (id) WHERE h > 3; CREATE VIEW a AS SELECT id, h FROM t; CREATE VIEW v AS SELECT h FROM a; GRANT SELECT (h) ON t TO reader;
            CREATE STATISTICS s ON b, h FROM t; COMMENT ON COLUMN t.h IS 'double';",
        hint: |_| (),
    },
    Change {
        name: "views of a new generated column",
        before: "CREATE TABLE t (id integer, b integer); CREATE VIEW v AS SELECT id FROM t;
            INSERT INTO t (id, b) VALUES (1, 2);",
        after: "CREATE TABLE t (id integer, b integer, g integer GENERATED ALWAYS AS (b + 1) STORED); CREATE VIEW v AS SELECT id, g FROM t; CREATE VIEW a AS SELECT g FROM v;",
        hint: |_| (),
    },
    Change {
        name: "generated columns and indexes of an enumeration that is recreated",
        before: "CREATE TYPE e AS ENUM ('a', 'b', 'c');
            CREATE TABLE t (id integer, a e DEFAULT 'a', n integer DEFAULT 1, g boolean GENERATED ALWAYS AS (a = 'a') STORED, h e GENERATED ALWAYS AS (CASE WHEN n > 3 THEN 'a'::e ELSE 'b'::e END) STORED,
              gone e GENERATED ALWAYS AS (CASE WHEN n > 3 THEN 'a'::e ELSE 'b'::e END) STORED);
            CREATE INDEX i ON t (id) WHERE a = 'a'; CREATE INDEX j ON t ((a = 'a')); CREATE INDEX k ON t (h); CREATE STATISTICS s ON id, a FROM t; CREATE VIEW v AS SELECT h FROM t;
            INSERT INTO t (id, n) VALUES (1, 1), (2, 9);",
        after: "CREATE TYPE e AS ENUM ('b', 'a');
            CREATE TABLE t (id integer, a e DEFAULT 'a', n integer DEFAULT 1, g boolean GENERATED ALWAYS AS (a = 'a') STORED, h e GENERATED ALWAYS AS (CASE WHEN n > 3 THEN 'a'::e ELSE 'b'::e END) STORED);
            CREATE INDEX i ON t (id) WHERE a = 'a'; CREATE INDEX j ON t ((a = 'a')); CREATE INDEX k ON t (h); CREATE STATISTICS s ON id, a FROM t; CREATE VIEW v AS SELECT h FROM t;",
        hint: |_| (),
    },
    Change {
        name: "expressions that mention an enumeration which is recreated",
        before: "CREATE TYPE e AS ENUM ('a', 'b', 'c'); CREATE FUNCTION c(text) RETURNS e LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1::public.e; END';
            CREATE TABLE t (id integer, x text DEFAULT 'a'::e::text, y text, z text DEFAULT 'c'::e::text, CONSTRAINT k CHECK (x::e <> 'b'::e)); CREATE INDEX i ON t (c(x));
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (x::e <> 'b'::e);
            INSERT INTO t (id) VALUES (1), (2);",
        after: "CREATE TYPE e AS ENUM ('b', 'a'); CREATE FUNCTION c(text) RETURNS e LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1::public.e; END';
            CREATE TABLE t (id integer, x text DEFAULT 'a'::e::text, y text, z text DEFAULT 'b'::e::text, CONSTRAINT k CHECK (x::e <> 'b'::e)); CREATE INDEX i ON t (c(x));
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (x::e <> 'b'::e);",
        hint: |_| (),
    },
    Change {
        name: "a generated column keeps its values, but not its type",
        before: "CREATE TYPE e AS ENUM ('a', 'b', 'c'); CREATE TABLE t (id integer, g e GENERATED ALWAYS AS (CASE WHEN id > 1 THEN 'a'::e ELSE 'b'::e END) STORED, h integer GENERATED ALWAYS AS (id + 1) STORED);
            INSERT INTO t (id) VALUES (1), (2);",
        after: "CREATE TYPE e AS ENUM ('b', 'a'); CREATE TABLE t (id integer, g e, h bigint DEFAULT 4 NOT NULL);",
        hint: |schema| {
            let why = serde_json::from_value("every row has a value".into()).unwrap();
            let hazard = serde_json::from_value("may_fail".into()).unwrap();
            schema.allow.insert("t.h".into(), [(hazard, why)].into());
        },
    },
    Change {
        name: "indexes and exclusions that call a function whose arguments change",
        before: "CREATE FUNCTION norm(x text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(x)';
            CREATE TABLE t (id integer, a text, CONSTRAINT e EXCLUDE USING btree (norm(a) WITH =)); CREATE INDEX i ON t (norm(a)); CREATE UNIQUE INDEX j ON t (id) WHERE norm(a) = 'q'; CREATE INDEX k ON t (id);
            COMMENT ON INDEX i IS 'names'; COMMENT ON CONSTRAINT e ON t IS 'one of each';
            INSERT INTO t (id, a) VALUES (1, 'A'), (2, 'B');",
        after: "CREATE FUNCTION norm(x text, n integer DEFAULT 1) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(x)';
            CREATE TABLE t (id integer, a text, CONSTRAINT e EXCLUDE USING btree (norm(a) WITH =)); CREATE INDEX i ON t (norm(a)); CREATE UNIQUE INDEX j ON t (id) WHERE norm(a) = 'q'; CREATE INDEX k ON t (id);
            COMMENT ON INDEX i IS 'names'; COMMENT ON CONSTRAINT e ON t IS 'one of each';",
        hint: |_| (),
    },
    Change {
        name: "arguments with the names of tables",
        before: "CREATE FUNCTION norm(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)'; CREATE DOMAIN d AS text CONSTRAINT dc CHECK (norm(VALUE) <> 'x');
            CREATE TABLE t (id integer, a text, b d, g text GENERATED ALWAYS AS (norm(a)) STORED); CREATE INDEX i ON t (norm(a)); CREATE FUNCTION s(t integer) RETURNS integer LANGUAGE sql AS 'SELECT id FROM t WHERE id = $1';
            INSERT INTO t (id, a) VALUES (1, 'A');",
        after: "CREATE FUNCTION norm(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(trim(t))'; CREATE DOMAIN d AS text CONSTRAINT dc CHECK (norm(VALUE) <> 'x');
            CREATE TABLE t (id integer, a text, b d, g text GENERATED ALWAYS AS (norm(a)) STORED); CREATE INDEX i ON t (norm(a)); CREATE FUNCTION s(t integer) RETURNS bigint LANGUAGE sql AS 'SELECT id::bigint FROM t WHERE id = $1';",
        hint: |_| (),
    },
    Change {
        name: "arguments without names in bodies of the SQL standard",
        before: "CREATE FUNCTION g(integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN ($1 + 1); CREATE TABLE t (id integer); CREATE INDEX i ON t (g(id));
            INSERT INTO t VALUES (1), (2);",
        after: "CREATE FUNCTION g(integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN abs($1)*($1+2); CREATE TABLE t (id integer); CREATE INDEX i ON t (g(id));",
        hint: |_| (),
    },
    Change {
        name: "columns of indexes, statistics, exclusions and policies are retyped",
        before: "CREATE TABLE t (id integer PRIMARY KEY, a varchar(20) DEFAULT 'x', b integer DEFAULT 7, r int4range, CONSTRAINT e EXCLUDE USING gist (r WITH &&) WHERE (b > 9));
            CREATE INDEX i ON t (lower(a)); CREATE INDEX j ON t ((b + 1)); CREATE UNIQUE INDEX k ON t (id) WHERE b > 3; CREATE INDEX l ON t (b) INCLUDE (a); CREATE INDEX m ON t (a varchar_pattern_ops);
            CREATE STATISTICS s ON a, b FROM t; CREATE STATISTICS u ON (b + id), (b % 3) FROM t; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (b > 3);
            CREATE MATERIALIZED VIEW v AS SELECT id, b FROM t; CREATE UNIQUE INDEX vi ON v (id); CREATE INDEX vj ON v ((b + 1));
            INSERT INTO t (id) VALUES (1), (2);",
        after: "CREATE TABLE t (id integer PRIMARY KEY, a text DEFAULT 'x', b bigint DEFAULT 7, r int4range, CONSTRAINT e EXCLUDE USING gist (r WITH &&) WHERE (b > 9));
            CREATE INDEX i ON t (lower(a)); CREATE INDEX j ON t ((b + 1)); CREATE UNIQUE INDEX k ON t (id) WHERE b > 3; CREATE INDEX l ON t (b) INCLUDE (a); CREATE INDEX m ON t (a text_pattern_ops);
            CREATE STATISTICS s ON a, b FROM t; CREATE STATISTICS u ON (b + id), (b % 3) FROM t; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (b > 3);
            CREATE MATERIALIZED VIEW v AS SELECT id, b FROM t; CREATE UNIQUE INDEX vi ON v (id); CREATE INDEX vj ON v ((b + 1));",
        hint: |_| (),
    },
    Change {
        name: "collations of columns of indexes, keys and generated columns",
        before: "CREATE TABLE p (a text PRIMARY KEY); CREATE TABLE t (id integer, a text DEFAULT 'x' REFERENCES p, g text GENERATED ALWAYS AS (lower(a)) STORED, h text GENERATED ALWAYS AS (upper(a)) STORED);
            CREATE INDEX i ON t (a); CREATE INDEX j ON t (lower(a)); CREATE UNIQUE INDEX k ON t (id, a) WHERE a > 'b'; CREATE INDEX l ON t (h);
            INSERT INTO p VALUES ('x');
            INSERT INTO t (id) VALUES (1), (2);",
        after: "CREATE TABLE p (a text COLLATE \"C\" PRIMARY KEY); CREATE TABLE t (id integer, a text COLLATE \"C\" DEFAULT 'x' REFERENCES p, g text GENERATED ALWAYS AS (lower(a)) STORED, h text COLLATE \"POSIX\" GENERATED ALWAYS AS (upper(a)) STORED);
            CREATE INDEX i ON t (a); CREATE INDEX j ON t (lower(a)); CREATE UNIQUE INDEX k ON t (id, a) WHERE a > 'b'; CREATE INDEX l ON t (h);",
        hint: |_| (),
    },
    Change {
        name: "a generated column that a foreign key refers to",
        before: "CREATE TABLE t (id integer, b integer DEFAULT 7, g integer GENERATED ALWAYS AS (b * 2) STORED UNIQUE); CREATE TABLE u (g integer REFERENCES t (g));
            INSERT INTO t (id, b) VALUES (1, 1), (2, 2);",
        after: "CREATE TABLE t (id integer, b integer DEFAULT 7, g integer GENERATED ALWAYS AS (b * 3) STORED UNIQUE); CREATE TABLE u (g integer REFERENCES t (g));",
        hint: |_| (),
    },
    Change {
        name: "generated columns and indexes of partitions",
        before: "CREATE TABLE t (id integer, d date NOT NULL, n integer, m integer GENERATED ALWAYS AS (n * 2) STORED) PARTITION BY RANGE (d);
            CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE INDEX ti ON t (m); CREATE INDEX t1i ON t1 (m, id);
            INSERT INTO t (id, d, n) VALUES (1, '2026-02-02', 4);",
        after: "CREATE TABLE t (id integer, d date NOT NULL, n bigint, m integer GENERATED ALWAYS AS (n * 3) STORED) PARTITION BY RANGE (d);
            CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE INDEX ti ON t (m); CREATE INDEX t1i ON t1 (m, id);",
        hint: |_| (),
    },
    Change {
        name: "an index that calls a function which is renamed",
        before: "CREATE FUNCTION norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'; CREATE TABLE t (id integer, a text, g text GENERATED ALWAYS AS (norm(a)) STORED); CREATE INDEX i ON t (norm(a));
            INSERT INTO t (id, a) VALUES (1, 'A');",
        after: "CREATE FUNCTION clean(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'; CREATE TABLE t (id integer, a text, g text GENERATED ALWAYS AS (clean(a)) STORED); CREATE INDEX i ON t (clean(a));",
        hint: |_| (),
    },
    Change {
        name: "an index on an attribute of a composite type that gets a further attribute",
        before: "CREATE TYPE c AS (x integer, y text); CREATE TABLE t (id integer, a c); CREATE INDEX i ON t (((a).x));
            INSERT INTO t (id, a) VALUES (1, ROW(1, 'a'));",
        after: "CREATE TYPE c AS (x integer, y text, z integer); CREATE TABLE t (id integer, a c); CREATE INDEX i ON t (((a).x));",
        hint: |_| (),
    },
];

#[test]
fn dependents_of_a_change_are_created_again() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn dependents_of_a_change_are_created_again_on_17() {
    check_all(Version::V17, &CHANGES);
}

#[test]
fn dependents_of_a_change_are_created_again_on_18() {
    check_all(Version::V18, &CHANGES);
}

/// The server keeps what it stored for the old body, so an index would miss rows.
#[test]
fn a_function_with_another_body_is_computed_again_where_its_values_are_stored() {
    let Some(server) = Server::start(Version::V15) else { return };
    server.database("stored");
    let mut session = server.session("owner", "stored");
    let definition = |body: &str| {
        import(&format!(
            "CREATE FUNCTION inner_norm(x text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT {body}';
             CREATE FUNCTION norm(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN inner_norm(x); END';
             CREATE TABLE t (a text, g text GENERATED ALWAYS AS (norm(a)) STORED); CREATE INDEX i ON t (norm(a));
             CREATE TABLE same_name (a text, norm text GENERATED ALWAYS AS (norm(a)) STORED);"
        ))
    };
    let (before, mut after) = (definition("lower(x)"), definition("upper(x)"));
    session.reset();
    run_up(&mut session, &plan(&Schema::default(), &before, &FieldPath::root()).unwrap()).unwrap();
    session.run_or_panic("INSERT INTO t VALUES ('a'), ('b'); INSERT INTO same_name VALUES ('a');");
    run_up(&mut session, &plan_allowing_hazards(&before, &mut after).unwrap()).unwrap();
    let found = "SET enable_seqscan = off; SELECT g FROM t WHERE norm(a) = 'A';";
    assert_eq!(session.run_or_panic(found).trim(), "A");
    assert_eq!(session.run_or_panic("SELECT norm FROM same_name;").trim(), "A");
}

/// Columns of any table may have a domain, so it is not dropped before its function.
#[test]
fn a_recreated_function_of_a_domain_is_refused_with_a_hint() {
    let definition = |arguments: &str| {
        import(&format!(
            "CREATE FUNCTION norm({arguments}) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(x)';
             CREATE DOMAIN d AS text CONSTRAINT c CHECK (norm(VALUE) <> 'x');"
        ))
    };
    let (before, mut after) = (definition("x text"), definition("x text, n integer DEFAULT 1"));
    let findings = plan_allowing_hazards(&before, &mut after).unwrap_err();
    let refused = findings.iter().find(|finding| finding.code == Code::ChangeRefused);
    let refused = refused.unwrap_or_else(|| panic!("{findings:#?}"));
    assert!(refused.message.contains("d depends on it"), "{refused:#?}");
    assert!(refused.hint.contains("a different name"), "{refused:#?}");
}

/// The server checks stored values of a domain only in columns of the domain itself.
#[test]
fn a_stricter_domain_inside_of_other_types_is_refused() {
    for column in ["a d[]", "a c", "a c[]", "a inner_d[]", "a over_array"] {
        let definition = |checks: &str| {
            import(&format!(
                "CREATE DOMAIN d AS text {checks}; CREATE DOMAIN inner_d AS d; CREATE DOMAIN over_array AS d[]; CREATE TYPE c AS (x d);
                 CREATE TABLE t ({column});"
            ))
        };
        for stricter in ["CONSTRAINT k CHECK (VALUE <> 'q')", "NOT NULL"] {
            let findings = plan_allowing_hazards(&definition(""), &mut definition(stricter)).unwrap_err();
            assert_eq!(findings.len(), 1, "{column}: {findings:#?}");
            assert_eq!(findings[0].code, Code::ChangeRefused);
            assert!(findings[0].message.contains("t.a"), "{column}: {findings:#?}");
            assert!(plan_allowing_hazards(&definition(stricter), &mut definition("")).is_ok(), "{column}");
        }
    }
}
