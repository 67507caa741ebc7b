//! What an import refuses, with the place and the words of each.

use std::fs;

use crate::support::nself_in;

/// A statement and how its loss begins, where it is.
const REFUSED: [(&str, (usize, usize), &str); 47] = [
    ("CREATE TABLE t (id int) TABLESPACE fast;", (1, 25), "the table t: `TABLESPACE` has no place"),
    ("CREATE TABLE t (id int) WITH (fillfactor = 70);", (1, 25), "the table t: `WITH` has no place"),
    ("CREATE TABLE t (id int) INHERITS (u);", (1, 25), "the table t: `INHERITS`"),
    ("CREATE TEMP TABLE t (id int);", (1, 8), "the table t: `TEMP`"),
    ("CREATE TABLE t (LIKE u);", (1, 17), "the table t: `LIKE`"),
    ("CREATE TABLE \"Orders\" (id int);", (1, 14), "the name `Orders`"),
    ("CREATE TABLE t (id \"char\");", (1, 20), "the table t: the type \"char\""),
    ("CREATE TABLE t (id int DEFAULT 'x' COLLATE \"C\");", (1, 32), "the table t: write COLLATE before DEFAULT"),
    ("CREATE TABLE t (id text COLLATE \"de_DE\");", (1, 33), "the table t: the collation `de_DE`"),
    ("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY (START 7));", (1, 53), "the table t: options of an identity"),
    ("CREATE TABLE t (id int, CHECK (id > 0) NO INHERIT);", (1, 40), "the table t: `NO INHERIT`"),
    ("CREATE TABLE t (id int REFERENCES u (id) MATCH FULL);", (1, 42), "the table t: `MATCH FULL`"),
    ("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE);", (1, 36), "the table t: `DEFERRABLE`"),
    ("CREATE TABLE t (id int) PARTITION BY RANGE (lower(id));", (1, 45), "the table t: a table is divided by columns"),
    ("CREATE TABLE t AS SELECT 1 AS id;", (1, 1), "`CREATE TABLE t`"),
    ("ALTER TABLE t ADD COLUMN id int;", (1, 15), "the table t: there is no table `t`"),
    ("CREATE TABLE t (id int);\nALTER TABLE t DISABLE TRIGGER ALL;", (2, 15), "the table t: `DISABLE TRIGGER ALL`"),
    (
        "CREATE TABLE t (id int);\nALTER TABLE t ALTER id SET STATISTICS 5;",
        (2, 24),
        "the table t: `SET STATISTICS` of t.id",
    ),
    (
        "CREATE TABLE t (id int);\nALTER TABLE t FORCE ROW LEVEL SECURITY;",
        (2, 15),
        "the table t: row security is forced but not on",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE INDEX i ON t (id COLLATE \"C\");",
        (2, 22),
        "the index i: the collation of an index",
    ),
    ("CREATE TABLE t (id int);\nCREATE INDEX i ON t (id) WITH (fillfactor = 9);", (2, 26), "the index i: `WITH`"),
    ("CREATE TABLE t (id int);\nCREATE INDEX i ON t USING rum (id);", (2, 27), "the index i: the index method `rum`"),
    ("CREATE TABLE t (id int);\nCREATE INDEX i ON ONLY t (id);", (2, 19), "the index i: `ONLY`"),
    ("CREATE VIEW v (a) AS SELECT 1;", (1, 15), "the view v: names of columns"),
    ("CREATE VIEW v WITH (security_barrier) AS SELECT 1 AS a;", (1, 21), "the view v: the option `security_barrier`"),
    ("CREATE VIEW v AS SELECT 1 AS a WITH CHECK OPTION;", (1, 32), "the view v: `WITH CHECK OPTION`"),
    (
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        (1, 19),
        "the function f: an argument without a name",
    ),
    ("CREATE FUNCTION f(OUT a int) LANGUAGE sql AS 'SELECT 1';", (1, 19), "the function f: `OUT` has no place"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'f';", (1, 1), "the function f: the language c"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1;", (1, 1), "the function f: only a body in quotes"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql COST 5 AS 'SELECT 1';", (1, 46), "the function f: `COST`"),
    (
        "CREATE TABLE t (id int);\nCREATE TRIGGER g INSTEAD OF INSERT ON t EXECUTE FUNCTION f();",
        (2, 1),
        "the trigger g of t: `INSTEAD OF`",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f('x');",
        (2, 1),
        "the trigger g of t: arguments of a trigger",
    ),
    ("CREATE TABLE t (id int);\nGRANT SELECT (id) ON t TO reader;", (2, 7), "GRANT ON t: privileges of single columns"),
    (
        "CREATE TABLE t (id int);\nGRANT SELECT ON t TO reader WITH GRANT OPTION;",
        (2, 29),
        "GRANT ON t: `WITH GRANT OPTION`",
    ),
    (
        "CREATE SCHEMA s;\nCREATE TABLE s.t (id int);\nALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO reader;",
        (3, 1),
        "default privileges: `reader` does not have those of s on s.t",
    ),
    (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;",
        (1, 1),
        "default privileges: those of no single schema",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT USAGE ON SEQUENCES TO reader;",
        (1, 38),
        "default privileges: only those on tables",
    ),
    ("GRANT reader TO writer;", (1, 1), "membership in roles"),
    ("CREATE TABLE t (id int);\nCOMMENT ON CONSTRAINT c ON t IS 'x';", (2, 12), "comments on a constraint"),
    (
        "CREATE EXTENSION hstore SCHEMA ext;",
        (1, 32),
        "the extension hstore: the model has extensions in the schema public",
    ),
    ("CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING;", (1, 1), "`CREATE RULE"),
    ("CREATE PUBLICATION p FOR ALL TABLES;", (1, 1), "`CREATE PUBLICATION"),
    ("INSERT INTO t VALUES ('s3cret');", (1, 1), "`INSERT INTO t`"),
    ("SET search_path = audit;", (1, 1), "`SET search_path`"),
    ("\\i other.sql", (1, 1), "`\\i` is a command of psql"),
    ("CREATE TABLE t (id int;", (1, 23), "this is not SQL"),
];

#[test]
fn what_the_model_cannot_hold_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (text, (line, column), words) in REFUSED {
        fs::write(folder.path().join("x.sql"), text).unwrap();
        let ran = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
        let place = format!("  --> x.sql:{line}:{column}\n");
        let said = ran.code == 2 && ran.stdout.is_empty() && ran.stderr.contains(words) && ran.stderr.contains(&place);
        if !said {
            wrong.push(format!("{text}\nwanted {words} at {place}{}{}", ran.stdout, ran.stderr));
        }
        assert!(!ran.stderr.contains("s3cret"), "a value is repeated: {}", ran.stderr);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Several owners, and a definition that contradicts itself, at the place of its statement.
    let text = "CREATE TABLE a (id int);\nCREATE TABLE b (id int, a_id int REFERENCES a (id));\nALTER TABLE a OWNER TO x;\nALTER TABLE b OWNER TO y;\n";
    fs::write(folder.path().join("x.sql"), text).unwrap();
    let ran = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
    assert!(
        ran.stderr.contains("objects belong to several roles: x, y") && ran.stderr.contains("x.sql:4:15"),
        "{}",
        ran.stderr
    );
    fs::write(folder.path().join("x.sql"), &text[..text.find("ALTER").unwrap()]).unwrap();
    let ran = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
    assert!(ran.stderr.contains("[NS710]") && ran.stderr.contains("x.sql:2:1"), "{}", ran.stderr);
}
