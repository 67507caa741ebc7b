//! Names that pass from a dropped object to an object of the same or a different kind in one migration.

use nself::database::migrate::plan;
use nself::database::model::Schema;
use nself::diagnostic::{Code, FieldPath};

use super::pairs::{Change, check_all, import};
use super::server::Version;

fn no_hint(_: &mut Schema) {}

const CHANGES: [Change; 23] = [
    Change {
        name: "a sequence, an identity and a partition with the names of dropped types",
        before: "CREATE TYPE s AS ENUM ('a'); CREATE DOMAIN t_id_seq AS text; CREATE TYPE p AS ENUM ('b'); CREATE TABLE t (a s, b t_id_seq, c p);
            CREATE TABLE l (k integer) PARTITION BY LIST (k);",
        after: "CREATE SEQUENCE s; CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY); CREATE TABLE l (k integer) PARTITION BY LIST (k);
            CREATE TABLE p PARTITION OF l FOR VALUES IN (1);",
        hint: no_hint,
    },
    Change {
        name: "types with the names of a dropped sequence, an identity and a partition",
        before: "CREATE SEQUENCE s; CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY); CREATE TABLE l (k integer) PARTITION BY LIST (k);
            CREATE TABLE p PARTITION OF l FOR VALUES IN (1);",
        after: "CREATE TYPE s AS ENUM ('a'); CREATE DOMAIN t_id_seq AS text; CREATE TYPE p AS ENUM ('b'); CREATE TABLE t (a s, b t_id_seq, c p);
            CREATE TABLE l (k integer) PARTITION BY LIST (k);",
        hint: no_hint,
    },
    Change {
        name: "a key, from a dropped table",
        before: "CREATE TABLE t1 (a integer, CONSTRAINT k PRIMARY KEY (a)); CREATE TABLE t2 (b text NOT NULL);",
        after: "CREATE TABLE t2 (b text NOT NULL, CONSTRAINT k PRIMARY KEY (b));",
        hint: no_hint,
    },
    Change {
        name: "keys and indexes, from a dropped table",
        before: "CREATE TABLE t1 (a integer, CONSTRAINT u UNIQUE (a), CONSTRAINT x EXCLUDE USING btree (a WITH =)); CREATE INDEX i ON t1 (a);
            CREATE TABLE t2 (b text NOT NULL, c text);",
        after: "CREATE TABLE t2 (b text NOT NULL, c text, CONSTRAINT x UNIQUE (b)); CREATE INDEX u ON t2 (c); CREATE MATERIALIZED VIEW i AS SELECT b FROM t2;",
        hint: no_hint,
    },
    Change {
        name: "a key that is renamed to the name of a key of a dropped table",
        before: "CREATE TABLE t1 (a integer, b text, CONSTRAINT k PRIMARY KEY (a), CONSTRAINT l UNIQUE (b)); CREATE TABLE t2 (b text NOT NULL, CONSTRAINT k2 PRIMARY KEY (b));
            CREATE TABLE t3 (c text); CREATE INDEX l2 ON t3 (c);",
        after: "CREATE TABLE t2 (b text NOT NULL, CONSTRAINT k PRIMARY KEY (b)); CREATE TABLE t3 (c text); CREATE INDEX l ON t3 (c);",
        hint: no_hint,
    },
    Change {
        name: "keys that exchange their names",
        before: "CREATE TABLE t1 (a integer, CONSTRAINT k1 PRIMARY KEY (a)); CREATE TABLE t2 (b text, CONSTRAINT k2 PRIMARY KEY (b), c integer CONSTRAINT f REFERENCES t1);
            CREATE INDEX i1 ON t1 (a); CREATE INDEX i2 ON t2 (c); CREATE TABLE t3 (d text CONSTRAINT u UNIQUE); CREATE TABLE t4 (e text CONSTRAINT v UNIQUE);",
        after: "CREATE TABLE t1 (a integer, CONSTRAINT k2 PRIMARY KEY (a)); CREATE TABLE t2 (b text, CONSTRAINT k1 PRIMARY KEY (b), c integer CONSTRAINT f REFERENCES t1);
            CREATE INDEX i2 ON t1 (a); CREATE INDEX i1 ON t2 (c); CREATE TABLE t3 (d text CONSTRAINT v UNIQUE); CREATE TABLE t4 (e text CONSTRAINT u UNIQUE);",
        hint: no_hint,
    },
    Change {
        name: "an enumeration becomes a table",
        before: "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (x e NOT NULL DEFAULT 'a', y e[]);",
        after: "CREATE TABLE t (x text NOT NULL); CREATE TABLE e (id integer PRIMARY KEY);",
        hint: no_hint,
    },
    Change {
        name: "a table becomes an enumeration",
        before: "CREATE TABLE e (id integer PRIMARY KEY, n text); CREATE TABLE t (e integer REFERENCES e); CREATE VIEW v AS SELECT id FROM e;",
        after: "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (e integer, x e); CREATE VIEW v AS SELECT x FROM t;",
        hint: no_hint,
    },
    Change {
        name: "a sequence becomes a table",
        before: "CREATE SEQUENCE s; CREATE TABLE t (id serial, n integer DEFAULT nextval('s'));",
        after: "CREATE TABLE s (id integer); CREATE TABLE t (id integer NOT NULL, n integer); CREATE TABLE t_id_seq (a integer);",
        hint: no_hint,
    },
    Change {
        name: "a composite type and a table exchange their kinds",
        before: "CREATE TYPE c AS (a integer, b text); CREATE TABLE d (id integer); CREATE FUNCTION f(x c) RETURNS c LANGUAGE sql AS 'SELECT x';",
        after: "CREATE TABLE c (id integer); CREATE TYPE d AS (a integer); CREATE TABLE u (x d); CREATE FUNCTION f(x c) RETURNS c LANGUAGE sql AS 'SELECT x';",
        hint: no_hint,
    },
    Change {
        name: "a composite type becomes an index and a sequence",
        before: "CREATE TYPE c AS (a integer); CREATE TYPE d AS (a integer); CREATE TABLE t (id integer);",
        after: "CREATE TABLE t (id integer); CREATE INDEX c ON t (id); CREATE SEQUENCE d;",
        hint: no_hint,
    },
    Change {
        name: "domains and ranges become a table and a view",
        before: "CREATE DOMAIN d AS text CHECK (VALUE <> ''); CREATE TYPE r AS RANGE (SUBTYPE = integer); CREATE TABLE t (x d);",
        after: "CREATE TABLE d (id integer); CREATE TABLE t (x text); CREATE VIEW r AS SELECT x FROM t;",
        hint: |schema| {
            let column = schema.tables.get_mut("t").unwrap().columns.get_mut("x").unwrap();
            column.using = Some(serde_json::from_value("x::text".into()).unwrap());
        },
    },
    Change {
        name: "a table becomes a range type, and a domain its multirange type",
        before: "CREATE TABLE r (id integer); CREATE DOMAIN r_multirange AS text;",
        after: "CREATE TYPE r AS RANGE (SUBTYPE = integer);",
        hint: no_hint,
    },
    Change {
        name: "the name of a partition, to a type",
        before: "CREATE TABLE p (id integer) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);",
        after: "CREATE TABLE q (other text); CREATE TYPE p1 AS ENUM ('a');",
        hint: no_hint,
    },
    Change {
        name: "functions and views that use the name of a type then use that of a table",
        before: "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (x e); CREATE FUNCTION f(a e) RETURNS e LANGUAGE sql AS 'SELECT a'; CREATE VIEW v AS SELECT 'a'::e AS x, x AS y FROM t;
            CREATE FUNCTION g() RETURNS e LANGUAGE sql AS 'SELECT NULL::e';",
        after: "CREATE TABLE e (id integer); CREATE TABLE t (x text); CREATE FUNCTION f(a e) RETURNS e LANGUAGE sql AS 'SELECT a'; CREATE VIEW v AS SELECT e.id AS x, t.x AS y FROM t, e;
            CREATE FUNCTION g() RETURNS e LANGUAGE sql AS 'SELECT NULL::e';",
        hint: no_hint,
    },
    Change {
        name: "the sequence of an identity",
        before: "CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, v integer); CREATE TABLE u (id integer GENERATED ALWAYS AS IDENTITY); CREATE TABLE w (id integer GENERATED ALWAYS AS IDENTITY);",
        after: "CREATE TABLE t (v integer); CREATE SEQUENCE t_id_seq; CREATE TABLE u_id_seq (a text); CREATE TABLE w (id integer NOT NULL); CREATE VIEW w_id_seq AS SELECT v FROM t;",
        hint: no_hint,
    },
    Change {
        name: "a sequence, to the sequence of a new identity column",
        before: "CREATE SEQUENCE t_id_seq; CREATE TABLE t (v integer);",
        after: "CREATE TABLE t (v integer, id integer GENERATED ALWAYS AS IDENTITY);",
        hint: no_hint,
    },
    Change {
        name: "a type, to a renamed table",
        before: "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (id integer, x e); CREATE VIEW v AS SELECT x FROM t;",
        after: "CREATE TABLE e (id integer, x text); CREATE VIEW v AS SELECT x FROM e;",
        hint: |schema| rename_table(schema, "e", "t"),
    },
    Change {
        name: "an index, to a renamed table",
        before: "CREATE TABLE gone (a integer CONSTRAINT u PRIMARY KEY); CREATE TABLE t (id integer);",
        after: "CREATE TABLE u (id integer);",
        hint: |schema| rename_table(schema, "u", "t"),
    },
    Change {
        name: "names in a schema",
        before: "CREATE SCHEMA \"The x\"; CREATE TYPE \"The x\".\"The e\" AS ENUM ('a'); CREATE TABLE \"The x\".t (a \"The x\".\"The e\"); CREATE SEQUENCE \"The x\".s; CREATE TYPE e_before AS ENUM ('b'); CREATE TYPE e AS ENUM ('a');",
        after: "CREATE SCHEMA \"The x\"; CREATE TABLE \"The x\".\"The e\" (id integer); CREATE TABLE \"The x\".t (a text); CREATE VIEW \"The x\".s AS SELECT a FROM \"The x\".t; CREATE TYPE e_before AS ENUM ('b'); CREATE TABLE e (a e_before);",
        hint: no_hint,
    },
    Change {
        name: "the longest names",
        before: "CREATE TYPE äääääääääääääääääääääääääääääää AS ENUM ('a'); CREATE TYPE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa AS (a integer);",
        after: "CREATE TABLE äääääääääääääääääääääääääääääää (id integer); CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (id integer);",
        hint: no_hint,
    },
    Change {
        name: "checks that call a function whose arguments change",
        before: "CREATE FUNCTION ok(a integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT true$$;
            CREATE TABLE t (a integer, b integer, CONSTRAINT same CHECK (ok(a)), CONSTRAINT gone CHECK (ok(b)), CONSTRAINT other CHECK (a > 0)); COMMENT ON CONSTRAINT same ON t IS 'x';",
        after: "CREATE FUNCTION ok(a integer, b integer DEFAULT 1) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT true$$;
            CREATE TABLE t (a integer, b integer, CONSTRAINT same CHECK (ok(a)), CONSTRAINT new CHECK (ok(a, b)), CONSTRAINT other CHECK (a > 0)); COMMENT ON CONSTRAINT same ON t IS 'x';",
        hint: no_hint,
    },
    Change {
        name: "a default that calls a function with other arguments",
        before: "CREATE FUNCTION gen() RETURNS text LANGUAGE sql AS $$SELECT 'a'$$; CREATE TABLE t (x text DEFAULT gen(), y text DEFAULT upper(gen()), gone text DEFAULT gen(), none text DEFAULT gen()); CREATE TABLE u (x text DEFAULT gen());",
        after: "CREATE FUNCTION gen(n integer DEFAULT 5) RETURNS text LANGUAGE sql AS $$SELECT 'b'$$; CREATE TABLE t (x text DEFAULT gen(8), y text DEFAULT upper(gen()), none text, new_one text DEFAULT gen(1)); CREATE TABLE w (x text DEFAULT gen());",
        hint: |schema| {
            let why = serde_json::from_value("meant".into()).unwrap();
            let hazard = serde_json::from_value("deletes_data".into()).unwrap();
            schema.allow.insert("t.gone".into(), [(hazard, why)].into());
            let why = serde_json::from_value("meant".into()).unwrap();
            schema.allow.insert("u".into(), [(hazard, why)].into());
        },
    },
];

fn rename_table(schema: &mut Schema, name: &str, old: &str) {
    let table = schema.tables.get_mut(name).unwrap();
    table.renamed_from = Some(serde_json::from_value(old.into()).unwrap());
}

#[test]
fn a_name_passes_to_a_different_object() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn a_name_passes_to_a_different_object_on_a_newer_server() {
    check_all(Version::V17, &CHANGES);
}

#[test]
fn a_name_passes_to_a_different_object_on_the_newest_server() {
    check_all(Version::V18, &CHANGES);
}

/// A table cannot be dropped before a column that has its row type, but the new object needs the name before that.
#[test]
fn a_name_that_is_needed_until_the_end_is_refused_with_a_hint_for_two_migrations() {
    for (before, after) in [
        ("CREATE TABLE e (id integer); CREATE TABLE t (x e);", "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (x text);"),
        ("CREATE TABLE e (id integer); CREATE TYPE c AS (x e);", "CREATE SEQUENCE e; CREATE TYPE c AS (y integer);"),
    ] {
        let mut after = import(after);
        if let Some(column) = after.tables.get_mut("t").and_then(|table| table.columns.get_mut("x")) {
            column.using = Some(serde_json::from_value("x::text".into()).unwrap());
        }
        let findings = plan(&import(before), &after, &FieldPath::root()).unwrap_err();
        let refused = findings.iter().find(|finding| finding.code == Code::ChangeRefused);
        let refused = refused.unwrap_or_else(|| panic!("{findings:#?}"));
        assert!(refused.message.contains("takes the name of the table e"), "{refused:#?}");
        assert!(refused.hint.contains("in the next one"), "{refused:#?}");
    }
}

/// A finding shows the name of the definition, not the temporary name that an object gets before it is dropped.
#[test]
fn findings_name_the_object_by_its_own_name() {
    let before = import("CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (x e);");
    let after = import("CREATE TABLE e (id integer); CREATE TABLE t (x integer);");
    let findings = plan(&before, &after, &FieldPath::root()).unwrap_err();
    assert!(findings[0].message.ends_with("from e to integer"), "{findings:#?}");
    let before = import("CREATE SEQUENCE s;");
    let findings = plan(&before, &import("CREATE TABLE s (id integer);"), &FieldPath::root()).unwrap_err();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].hint.contains("allow.\"s\".deletes_data"), "{findings:#?}");
}
