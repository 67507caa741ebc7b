//! Triggers of all kinds, and comments of policies and of columns of views: the SQL is imported, its objects are created in
//! an empty database, changed, and imported again from a dump.

use super::pairs::{Change, check_all, read_back_all};
use super::server::Version;

const FUNCTION: &str = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;";

macro_rules! with_function {
    ($sql:literal) => {
        concat!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
             CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
             CREATE TABLE t (id integer, v text);",
            $sql
        )
    };
}

const CHANGES: [Change; 8] = [
    Change {
        name: "comments of policies and of columns of views",
        before: "CREATE TABLE t (id integer, v text); CREATE POLICY p ON t USING (id > 0); CREATE POLICY q ON t USING (id > 1);
            COMMENT ON POLICY q ON t IS 'old'; CREATE VIEW w AS SELECT id, v FROM t; COMMENT ON COLUMN w.id IS 'number';
            COMMENT ON COLUMN w.v IS 'gone'; COMMENT ON COLUMN w.v IS NULL; COMMENT ON TABLE t IS 'gone'; COMMENT ON TABLE t IS NULL;",
        after: "CREATE TABLE t (id integer, v text); CREATE POLICY p ON t USING (id > 0); CREATE POLICY q ON t USING (id > 1);
            COMMENT ON POLICY p ON t IS 'it''s new'; CREATE VIEW w AS SELECT id, v FROM t; COMMENT ON COLUMN w.id IS 'key'; COMMENT ON COLUMN w.v IS 'text';",
        hint: |_| (),
    },
    Change {
        name: "arguments",
        before: with_function!("CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f('x', 2, word);"),
        after: with_function!(
            "CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f('it''s', E'a\\\\b', $$'$$, '');
             CREATE TRIGGER b AFTER DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION f(Mixed, \"Mixed\", 1.5);"
        ),
        hint: |_| (),
    },
    Change {
        name: "transition tables",
        before: with_function!(
            "CREATE TRIGGER a AFTER UPDATE ON t REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION f();
             CREATE TRIGGER b AFTER INSERT ON t REFERENCING NEW TABLE n FOR EACH ROW EXECUTE FUNCTION f();"
        ),
        after: with_function!(
            "CREATE TRIGGER a AFTER UPDATE ON t REFERENCING NEW TABLE AS \"New Rows\" OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION f();
             CREATE TRIGGER b AFTER DELETE ON t REFERENCING OLD TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION f();"
        ),
        hint: |_| (),
    },
    Change {
        name: "constraint triggers",
        before: with_function!(
            "CREATE CONSTRAINT TRIGGER a AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
             CREATE CONSTRAINT TRIGGER b AFTER UPDATE OF v ON t DEFERRABLE FOR EACH ROW WHEN (new.id > 1) EXECUTE FUNCTION f();
             CREATE TRIGGER c AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"
        ),
        after: with_function!(
            "CREATE CONSTRAINT TRIGGER a AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();
             CREATE TRIGGER b AFTER UPDATE OF v ON t FOR EACH ROW WHEN (new.id > 1) EXECUTE FUNCTION f();
             CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t NOT DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f();"
        ),
        hint: |_| (),
    },
    Change {
        name: "states and comments",
        before: with_function!(
            "CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); COMMENT ON TRIGGER a ON t IS 'old';
             CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE t ENABLE ALWAYS TRIGGER b;
             CREATE TRIGGER c BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE t DISABLE TRIGGER c; COMMENT ON TRIGGER c ON t IS 'same';"
        ),
        after: with_function!(
            "CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE t ENABLE REPLICA TRIGGER a; COMMENT ON TRIGGER a ON t IS 'it''s new';
             CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); COMMENT ON TRIGGER b ON t IS 'x'; COMMENT ON TRIGGER b ON t IS 'y';
             CREATE TRIGGER c BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION g(); ALTER TABLE t DISABLE TRIGGER c; COMMENT ON TRIGGER c ON t IS 'same';"
        ),
        hint: |_| (),
    },
    Change {
        name: "views",
        before: with_function!(
            "CREATE VIEW v AS SELECT id FROM t; CREATE VIEW w AS SELECT id FROM t;
             CREATE TRIGGER a INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f('x'); COMMENT ON TRIGGER a ON v IS 'writes';
             CREATE TRIGGER a INSTEAD OF DELETE ON w FOR EACH ROW EXECUTE FUNCTION f();
             CREATE TRIGGER gone AFTER UPDATE ON w FOR EACH STATEMENT EXECUTE FUNCTION g();"
        ),
        after: with_function!(
            "CREATE VIEW v AS SELECT id, v FROM t; CREATE VIEW w AS SELECT id FROM t;
             CREATE TRIGGER a INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f('x'); COMMENT ON TRIGGER a ON v IS 'writes';
             CREATE TRIGGER a INSTEAD OF DELETE OR UPDATE ON w FOR EACH ROW EXECUTE FUNCTION g();
             CREATE TRIGGER b BEFORE INSERT ON w FOR EACH STATEMENT EXECUTE FUNCTION g();"
        ),
        hint: |_| (),
    },
    Change {
        name: "partitioned tables",
        before: with_function!(
            "CREATE TABLE p (id integer) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
             CREATE TRIGGER a AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION f();
             CREATE TRIGGER b AFTER UPDATE ON p REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION f();"
        ),
        after: with_function!(
            "CREATE TABLE p (id integer) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
             CREATE TRIGGER a AFTER DELETE ON p FOR EACH ROW EXECUTE FUNCTION f('x');
             CREATE TRIGGER b AFTER UPDATE ON p REFERENCING NEW TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION f();"
        ),
        hint: |_| (),
    },
    Change {
        name: "a view with triggers is dropped",
        before: with_function!(
            "CREATE VIEW v AS SELECT id FROM t; CREATE TRIGGER a INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f();"
        ),
        after: with_function!(""),
        hint: |_| (),
    },
];

#[test]
fn triggers_of_all_kinds_change() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn triggers_of_all_kinds_change_on_17() {
    check_all(Version::V17, &CHANGES);
}

#[test]
fn triggers_of_all_kinds_change_on_18() {
    check_all(Version::V18, &CHANGES);
}

#[test]
fn triggers_of_all_kinds_are_imported_from_a_dump() {
    read_back_all(Version::V15, &CHANGES);
    read_back_all(Version::V17, &CHANGES);
}

/// A trigger that is replaced is never missing.
#[test]
fn a_trigger_is_replaced_in_one_statement() {
    use nself::database::migrate::plan;
    use nself::diagnostic::FieldPath;

    let schema = |event: &str| {
        super::pairs::import(&format!(
            "{FUNCTION} CREATE TABLE t (id integer); CREATE TRIGGER a BEFORE {event} ON t FOR EACH ROW EXECUTE FUNCTION f();"
        ))
    };
    let groups = plan(&schema("INSERT"), &schema("DELETE"), &FieldPath::root()).unwrap();
    let statements: Vec<&str> = groups.iter().flatten().map(|step| step.up.as_str()).collect();
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert!(statements[0].starts_with("CREATE OR REPLACE TRIGGER \"a\" BEFORE DELETE"), "{statements:?}");
}
