//! SQL that the import refuses, with place and message.

use std::fs;

use crate::support::nself_in;

/// A statement, the place of the finding, and the start of its message.
const REFUSED: [(&str, (usize, usize), &str); 34] = [
    ("CREATE TABLE t (id int) WITH (fillfactor = 'a b');", (1, 31), "the table t: a storage parameter: "),
    ("CREATE TABLE t (id int) INHERITS (u);", (1, 25), "the table t: nself cannot represent the inheritance of tables"),
    ("CREATE TABLE t (id public.\"char\");", (1, 20), "the table t: nself cannot represent a type called \"char\""),
    (
        "CREATE TABLE t (id text COLLATE \"de_DE\");",
        (1, 1),
        "the table t: nself cannot represent the collation `de_DE`",
    ),
    (
        "CREATE TYPE r AS RANGE (subtype = int, canonical = f);",
        (1, 52),
        "the type r: nself cannot represent `canonical` of a range",
    ),
    (
        "CREATE TYPE r AS RANGE (subtype = int);\nALTER TYPE r RENAME TO s;",
        (2, 14),
        "the type r: nself cannot represent the new name",
    ),
    ("CREATE TABLE t AS SELECT 1 AS id;", (1, 1), "the table t: nself cannot represent `CREATE TABLE … AS`"),
    ("ALTER TABLE t ADD COLUMN id int;", (1, 15), "the table t: there is no table `t`"),
    (
        "CREATE TABLE t (id int);\nALTER TABLE t DISABLE TRIGGER ALL;",
        (2, 15),
        "the table t: nself cannot represent ALL triggers",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE INDEX i ON t (id COLLATE \"de_DE\");",
        (2, 1),
        "the table t: nself cannot represent the collation `de_DE`",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE INDEX i ON t USING rum (id);",
        (2, 27),
        "the index i: nself cannot represent the index method `rum`",
    ),
    ("CREATE TABLE t (id int);\nCREATE INDEX i ON ONLY t (id);", (2, 19), "the index i: nself cannot represent `ONLY`"),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'f';",
        (1, 1),
        "the function f: nself cannot represent the language c",
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT * FROM t; END;",
        (1, 73),
        "the function f: nself cannot represent this `*`",
    ),
    (
        "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1';",
        (1, 51),
        "the function f: nself cannot represent `LEAKPROOF`",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE TRIGGER g AFTER INSERT ON t FROM u FOR EACH ROW EXECUTE FUNCTION f();",
        (2, 36),
        "the trigger g of t: nself cannot represent `FROM`",
    ),
    (
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();",
        (1, 1),
        "nself cannot represent `CREATE EVENT TRIGGER",
    ),
    (
        "CREATE SCHEMA s;\nALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO reader WITH GRANT OPTION;",
        (2, 71),
        "default privileges: nself cannot represent `WITH GRANT OPTION`",
    ),
    ("DROP OWNED BY reader;", (1, 1), "nself cannot represent `DROP OWNED BY`"),
    (
        "SET search_path = pg_temp, public;\nCREATE TABLE public.t (id int);\nCREATE TABLE u (id int);",
        (3, 1),
        "the search path begins with `pg_temp`",
    ),
    (
        "SET search_path TO pg_catalog;\nCREATE VIEW v AS SELECT 1 AS a;",
        (2, 1),
        "the search path begins with `pg_catalog`",
    ),
    (
        "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TYPE t AS (a int);",
        (2, 1),
        "the search path is empty",
    ),
    (
        "CREATE TABLE t (id int);\n\\connect other\nCREATE TABLE u (id int);",
        (2, 1),
        "`\\connect` after statements about",
    ),
    (
        "CREATE TABLE t (id int PRIMARY KEY);\nALTER TABLE t ADD PRIMARY KEY (id);",
        (2, 19),
        "the table t: there are two primary keys",
    ),
    (
        "CREATE TABLE t (id int CONSTRAINT c CHECK (id > 0));\nALTER TABLE t ADD CONSTRAINT c UNIQUE (id);",
        (2, 19),
        "the table t: there are two constraints `c`",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';\n\
         CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f();\nCREATE TRIGGER g AFTER UPDATE ON t EXECUTE FUNCTION f();",
        (4, 1),
        "the trigger g of t: there is already a trigger",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE POLICY p ON t USING (true);\nCREATE POLICY p ON t USING (false);",
        (3, 1),
        "the policy p of t: there is already a policy",
    ),
    ("CREATE TABLE t (id int);\nCOMMENT ON CONSTRAINT c ON t IS 'x';", (2, 23), "there is no constraint `c` of t"),
    (
        "CREATE EXTENSION postgis_topology SCHEMA ext;",
        (1, 42),
        "the extension postgis_topology: PostgreSQL installs it in the schema topology only",
    ),
    (
        "CREATE PUBLICATION p FOR ALL TABLES;",
        (1, 1),
        "a publication of all tables or of a schema can be created only by a superuser",
    ),
    ("DO $$ BEGIN PERFORM 's3cret'; END $$;", (1, 1), "nself can represent a `DO` block only"),
    ("SET search_path = audit;", (1, 1), "`SET search_path`"),
    ("\\i other.sql", (1, 1), "`\\i` is a command of psql"),
    ("CREATE TABLE t (id int;", (1, 23), "PostgreSQL does not accept this SQL"),
];

#[test]
fn unsupported_sql_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (text, (line, column), words) in REFUSED {
        fs::write(folder.path().join("x.sql"), text).unwrap();
        let output = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
        let place = format!("  --> x.sql:{line}:{column}\n");
        let is_reported = output.code == 2
            && output.stdout.is_empty()
            && output.stderr.contains(words)
            && output.stderr.contains(&place);
        if !is_reported {
            wrong.push(format!("{text}\nwanted {words} at {place}{}{}", output.stdout, output.stderr));
        }
        assert!(!output.stderr.contains("s3cret"), "a value is repeated: {}", output.stderr);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Several owners, and a contradictory definition, at the place of its statement.
    let text = "CREATE TABLE a (id int);\nCREATE TABLE b (id int, a_id int REFERENCES a (id));\nALTER TABLE a OWNER TO x;\nALTER TABLE b OWNER TO y;\n";
    fs::write(folder.path().join("x.sql"), text).unwrap();
    let output = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
    assert!(
        output.stderr.contains("objects belong to several roles: x, y") && output.stderr.contains("x.sql:4:15"),
        "{}",
        output.stderr
    );
    fs::write(folder.path().join("x.sql"), &text[..text.find("ALTER").unwrap()]).unwrap();
    let output = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
    assert!(output.stderr.contains("[NS710]") && output.stderr.contains("x.sql:2:1"), "{}", output.stderr);
    let text = "CREATE TABLE t (id int, v int);\nCREATE TABLE log (id int, v int);\n\
                CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM log; INSERT INTO log VALUES (new.id, new.v));";
    fs::write(folder.path().join("x.sql"), text).unwrap();
    let output = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
    assert!(
        output.stderr.contains("INSERT needs a list of columns") && output.stderr.contains("x.sql:3:1"),
        "{}",
        output.stderr
    );
}
