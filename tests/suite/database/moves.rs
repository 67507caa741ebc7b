//! Tables and extensions that move to a different schema, and names that objects exchange.

use nself::database::migrate::plan;
use nself::database::model::{ObjectName, Schema, SqlName};
use nself::diagnostic::{Code, FieldPath};
use nself::values::Checked;

use super::pairs::{Change, check_all_as_superuser, import};
use super::server::Version;

/// Declares that a table had a different name.
fn rename_table(schema: &mut Schema, name: &str, renamed_from: &str) {
    let table = schema.tables.get_mut(&ObjectName::new(name).unwrap()).unwrap();
    table.renamed_from = Some(SqlName::new(renamed_from).unwrap());
}

/// Declares that a column had a different name.
fn rename_column(schema: &mut Schema, table: &str, name: &str, renamed_from: &str) {
    let table = schema.tables.get_mut(&ObjectName::new(table).unwrap()).unwrap();
    table.columns.get_mut(&SqlName::new(name).unwrap()).unwrap().renamed_from =
        Some(SqlName::new(renamed_from).unwrap());
}

const CHANGES: [Change; 8] = [
    Change {
        name: "types and operator classes of extensions that move",
        before: "CREATE SCHEMA ext; CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm; CREATE DOMAIN d AS citext; CREATE TYPE c AS (a citext);
            CREATE TABLE t (id integer PRIMARY KEY, a citext DEFAULT 'a'::citext, b citext[], h hstore, d d, c c, n text, CONSTRAINT k CHECK ('x'::citext IS NOT NULL), CONSTRAINT u UNIQUE (a));
            CREATE INDEX i ON t USING gin (n gin_trgm_ops); CREATE INDEX j ON t ((n::citext)); CREATE VIEW v AS SELECT a, 'x'::citext AS x FROM t;
            CREATE FUNCTION f(a citext, b citext DEFAULT 'b'::citext) RETURNS SETOF citext LANGUAGE sql AS 'SELECT $1'; COMMENT ON FUNCTION f(citext, citext) IS 'both';
            CREATE FUNCTION o(a citext) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION o(a text) RETURNS integer LANGUAGE sql AS 'SELECT 2'; CREATE FUNCTION gone(a citext) RETURNS hstore LANGUAGE sql AS 'SELECT NULL::hstore';
            INSERT INTO t (id, a, n) VALUES (1, 'A', 'n'), (2, 'B', 'm');",
        after: "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext; CREATE DOMAIN d AS ext.citext; CREATE TYPE c AS (a ext.citext);
            CREATE TABLE t (id integer PRIMARY KEY, a ext.citext DEFAULT 'a'::ext.citext, b ext.citext[], h ext.hstore, d d, c c, n text, CONSTRAINT k CHECK ('x'::ext.citext IS NOT NULL), CONSTRAINT u UNIQUE (a));
            CREATE INDEX i ON t USING gin (n ext.gin_trgm_ops); CREATE INDEX j ON t ((n::ext.citext)); CREATE VIEW v AS SELECT a, 'x'::ext.citext AS x FROM t;
            CREATE FUNCTION f(a ext.citext, b ext.citext DEFAULT 'b'::ext.citext) RETURNS SETOF ext.citext LANGUAGE sql AS 'SELECT $1'; COMMENT ON FUNCTION f(ext.citext, ext.citext) IS 'both';
            CREATE FUNCTION o(a ext.citext) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION o(a text) RETURNS integer LANGUAGE sql AS 'SELECT 2';",
        hint: |_| (),
    },
    Change {
        name: "an extension that moves back to public, with a view that changes",
        before: "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE TABLE t (id integer, citext ext.citext); CREATE VIEW v AS SELECT citext, 'a'::ext.citext AS x FROM t;
            INSERT INTO t (id, citext) VALUES (1, 'A');",
        after: "CREATE EXTENSION citext; CREATE TABLE t (id bigint, citext citext, n text); CREATE VIEW v AS SELECT citext, 'a'::citext AS x, id FROM t;",
        hint: |_| (),
    },
    Change {
        name: "the new name of a moved table was taken on the way",
        before: "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE x.t (id integer PRIMARY KEY, n integer); CREATE TABLE y.t (id integer PRIMARY KEY);
            INSERT INTO x.t VALUES (1, 2);",
        after: "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE y.u (id integer PRIMARY KEY, n integer); CREATE TABLE y.t (id integer PRIMARY KEY);",
        hint: |schema| rename_table(schema, "y.u", "x.t"),
    },
    Change {
        name: "both names of a moved table are taken on the way",
        before: "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE x.t (id integer PRIMARY KEY, n integer); CREATE TABLE y.t (id integer PRIMARY KEY); CREATE TABLE x.u (id integer PRIMARY KEY);
            INSERT INTO x.t VALUES (1, 2);",
        after: "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE y.u (id integer PRIMARY KEY, n integer); CREATE TABLE y.t (id integer PRIMARY KEY); CREATE TABLE x.u (id integer PRIMARY KEY);",
        hint: |schema| rename_table(schema, "y.u", "x.t"),
    },
    Change {
        name: "an index and a key of a moved table get new names, since others have the old ones",
        before: "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE x.t (id integer CONSTRAINT k PRIMARY KEY, n integer CONSTRAINT q UNIQUE); CREATE INDEX i ON x.t (n); COMMENT ON INDEX x.i IS 'n';
            CREATE TABLE y.o (id integer CONSTRAINT k PRIMARY KEY, n integer CONSTRAINT q UNIQUE); CREATE INDEX i ON y.o (n); CREATE TABLE r (t integer REFERENCES x.t, n integer REFERENCES x.t (n));
            INSERT INTO x.t VALUES (1, 2);",
        after: "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE y.t (id integer CONSTRAINT k2 PRIMARY KEY, n integer CONSTRAINT q2 UNIQUE); CREATE INDEX i2 ON y.t (n); COMMENT ON INDEX y.i2 IS 'n';
            CREATE TABLE y.o (id integer CONSTRAINT k PRIMARY KEY, n integer CONSTRAINT q UNIQUE); CREATE INDEX i ON y.o (n); CREATE TABLE r (t integer REFERENCES y.t, n integer REFERENCES y.t (n));",
        hint: |schema| rename_table(schema, "y.t", "x.t"),
    },
    Change {
        name: "an index of a moved table keeps a name that another index gives up",
        before: "CREATE SCHEMA x; CREATE TABLE x.t (id integer PRIMARY KEY, n integer); CREATE INDEX i ON x.t (n); CREATE TABLE o (id integer PRIMARY KEY, n integer); CREATE INDEX i ON o (n);
            INSERT INTO x.t VALUES (1, 2);",
        after: "CREATE SCHEMA x; CREATE TABLE t (id integer PRIMARY KEY, n integer); CREATE INDEX i ON t (n); CREATE TABLE o (id integer PRIMARY KEY, n integer);",
        hint: |schema| rename_table(schema, "t", "x.t"),
    },
    Change {
        name: "a key whose old name is taken in the new schema",
        before: "CREATE SCHEMA x; CREATE TABLE x.t (id integer PRIMARY KEY, n integer); CREATE TABLE t_pkey (id integer);
            INSERT INTO x.t VALUES (1, 2);",
        after: "CREATE SCHEMA x; CREATE TABLE u (id integer PRIMARY KEY, n integer); CREATE TABLE t_pkey (id integer);",
        hint: |schema| rename_table(schema, "u", "x.t"),
    },
    Change {
        name: "a table moves with everything that refers to it",
        before: "CREATE SCHEMA x; CREATE TABLE t (id serial PRIMARY KEY, n integer, s text); CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE VIEW v AS SELECT id, n FROM t; CREATE TRIGGER a AFTER INSERT ON t REFERENCING NEW TABLE AS nt FOR EACH STATEMENT EXECUTE FUNCTION tr(); CREATE FUNCTION f(x t) RETURNS integer LANGUAGE sql AS 'SELECT x.id';
            CREATE TABLE r (a integer REFERENCES t); CREATE STATISTICS st ON id, n FROM t; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (EXISTS (SELECT FROM r WHERE r.a = t.id));
            INSERT INTO t (n) VALUES (1);",
        after: "CREATE SCHEMA x; CREATE SEQUENCE x.t_id_seq AS integer; CREATE TABLE x.u (id integer DEFAULT nextval('x.t_id_seq'::regclass) PRIMARY KEY, n integer, s text); ALTER SEQUENCE x.t_id_seq OWNED BY x.u.id;
            CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE VIEW v AS SELECT id, n FROM x.u; CREATE TRIGGER a AFTER INSERT ON x.u REFERENCING NEW TABLE AS nt FOR EACH STATEMENT EXECUTE FUNCTION tr(); CREATE FUNCTION f(x x.u) RETURNS integer LANGUAGE sql AS 'SELECT x.id';
            CREATE TABLE r (a integer REFERENCES x.u); CREATE STATISTICS st ON id, n FROM x.u; ALTER TABLE x.u ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON x.u USING (EXISTS (SELECT FROM r WHERE r.a = u.id));",
        hint: |schema| rename_table(schema, "x.u", "t"),
    },
];

#[test]
fn a_table_or_extension_moves_past_the_names_of_others() {
    check_all_as_superuser(Version::V15, &CHANGES);
}

#[test]
fn a_table_or_extension_moves_past_the_names_of_others_on_18() {
    check_all_as_superuser(Version::V18, &CHANGES);
}

/// Checks that a change has exactly one finding, with this code and these words in its message and hint.
fn assert_refused(before: &str, after: &str, hint: fn(&mut Schema), (code, message, words): (Code, &str, &str)) {
    let (before, mut after) = (import(before), import(after));
    hint(&mut after);
    let findings = plan(&before, &after, &FieldPath::root()).unwrap_err();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let finding = &findings[0];
    assert!(finding.code == code && finding.message.contains(message) && finding.hint.contains(words), "{finding:#?}");
}

#[test]
fn names_that_objects_exchange_are_one_finding() {
    let definition = |a: &str, b: &str| {
        format!(
            "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE {a}.t (id integer, n text); CREATE TABLE {b}.t (id integer, m date);"
        )
    };
    let exchange_schemas = |schema: &mut Schema| {
        rename_table(schema, "x.t", "y.t");
        rename_table(schema, "y.t", "x.t");
    };
    let expected = (Code::RenameClash, "`x.t`, `y.t` exchange their names", "a free name in a first migration");
    assert_refused(&definition("x", "y"), &definition("y", "x"), exchange_schemas, expected);
    let (before, after) = ("CREATE TABLE t (a text, b integer);", "CREATE TABLE t (b text, a integer);");
    let exchange_columns = |schema: &mut Schema| {
        rename_column(schema, "t", "a", "b");
        rename_column(schema, "t", "b", "a");
    };
    let expected = (Code::RenameClash, "`a`, `b` exchange their names", "a free name in a first migration");
    assert_refused(before, after, exchange_columns, expected);
}

#[test]
fn a_move_that_cannot_be_planned_has_steps_that_work() {
    let sequences = "CREATE SCHEMA x; CREATE SEQUENCE x.t_id_seq; CREATE TABLE t (id serial PRIMARY KEY);";
    let moved = "CREATE SCHEMA x; CREATE TABLE x.t (id serial PRIMARY KEY);";
    let hint = |schema: &mut Schema| rename_table(schema, "x.t", "t");
    let expected =
        (Code::ChangeRefused, "the name x.t_id_seq is taken", "give x.t_id_seq or the table a different name");
    assert_refused(sequences, moved, hint, expected);
    let both = "CREATE SCHEMA x; CREATE TABLE t (id integer); CREATE TABLE x.t (id integer);";
    let expected = (Code::RenameClash, "`t` cannot be renamed to `x.t`", "first remove or rename the old `x.t`");
    let allowed = |schema: &mut Schema| {
        rename_table(schema, "x.t", "public.t");
        let why = serde_json::from_value("no rows".into()).unwrap();
        schema.allow.insert("t".into(), [(serde_json::from_value("deletes_data".into()).unwrap(), why)].into());
    };
    assert_refused(both, "CREATE SCHEMA x; CREATE TABLE x.t (id integer);", allowed, expected);
    let view =
        "CREATE TABLE b (id integer, n text); CREATE VIEW v AS SELECT id FROM b; CREATE TABLE t (i integer, a v);";
    let changed =
        "CREATE TABLE b (id integer, n text); CREATE VIEW v AS SELECT id, n FROM b; CREATE TABLE t (i integer, a v);";
    let expected =
        (Code::ChangeRefused, "the view v cannot be recreated while t.a uses its row type", "first remove t.a");
    assert_refused(view, changed, |_| (), expected);
}

/// A hint of NS721 for a table in `public` names the schema, since another table of the new schema can have the name.
#[test]
fn the_hint_for_a_table_that_moves_can_be_followed() {
    let before = import("CREATE SCHEMA x; CREATE TABLE t (id integer, n integer);");
    let mut after = import("CREATE SCHEMA x; CREATE TABLE x.u (id integer, n integer);");
    let findings = plan(&before, &after, &FieldPath::root()).unwrap_err();
    assert!(findings[0].hint.contains("`renamed_from = \"public.t\"`"), "{findings:#?}");
    rename_table(&mut after, "x.u", "public.t");
    assert!(plan(&before, &after, &FieldPath::root()).is_ok());
}
