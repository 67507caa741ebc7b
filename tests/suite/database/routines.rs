//! Routines with arguments of all modes: the SQL is imported, and its routines are created in an empty database, changed
//! and imported from a dump.

use super::pairs::{Change, check_all, read_back_all};
use super::server::Version;

const CHANGES: [Change; 5] = [
    Change {
        name: "arguments without names",
        before: "CREATE FUNCTION f(integer, text DEFAULT 'x') RETURNS integer LANGUAGE sql AS 'SELECT $1';
            COMMENT ON FUNCTION f(integer, text) IS 'first';",
        after: "CREATE FUNCTION f(integer, text DEFAULT 'x') RETURNS integer LANGUAGE sql AS 'SELECT $1 + 1';
            COMMENT ON FUNCTION f(integer, text) IS 'second'; CREATE FUNCTION g(double precision, b numeric(3,1)) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;",
        hint: |_| (),
    },
    Change {
        name: "arguments that return values",
        before: "CREATE FUNCTION f(a integer, OUT b text) LANGUAGE sql AS $$ SELECT 'x' $$;
            CREATE FUNCTION g(INOUT a integer, OUT integer) AS 'SELECT 1, 2' LANGUAGE sql;
            CREATE FUNCTION h(OUT a integer, OUT b integer) RETURNS SETOF record LANGUAGE sql ROWS 5 AS 'SELECT 1, 2';
            REVOKE ALL ON FUNCTION f(integer) FROM PUBLIC; GRANT EXECUTE ON FUNCTION f(a integer, OUT b text) TO reader;",
        after: "CREATE FUNCTION f(a integer, OUT b text) RETURNS text LANGUAGE sql AS $$ SELECT 'y' $$;
            CREATE FUNCTION g(INOUT a integer, OUT integer) RETURNS record AS 'SELECT 3, 4' LANGUAGE sql COST 7;
            CREATE FUNCTION h(OUT a integer, OUT b text) RETURNS SETOF record LANGUAGE sql ROWS 50 AS $$ SELECT 1, 'x' $$;
            COMMENT ON FUNCTION h() IS 'rows';",
        hint: |_| (),
    },
    Change {
        name: "variadic arguments",
        before: "CREATE FUNCTION f(VARIADIC rest integer[]) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM unnest(rest)';",
        after: "CREATE FUNCTION f(VARIADIC rest text[]) RETURNS bigint LANGUAGE sql COST 20 AS 'SELECT count(*) FROM unnest(rest)';
            CREATE FUNCTION g(text, VARIADIC text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS 'SELECT $1';",
        hint: |_| (),
    },
    Change {
        name: "tables",
        before: "CREATE FUNCTION f(n integer) RETURNS TABLE (id bigint, name text) LANGUAGE sql AS $$ SELECT 1, 'x' $$;",
        after: "CREATE FUNCTION f(n integer) RETURNS TABLE (id bigint, name text) LANGUAGE sql COST 100 ROWS 3 AS $$ SELECT 2, 'x' $$;",
        hint: |_| (),
    },
    Change {
        name: "procedures",
        before: "CREATE PROCEDURE p(a integer, INOUT b text) LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
            COMMENT ON PROCEDURE p(integer, text) IS 'first';",
        after: "CREATE PROCEDURE p(a integer, INOUT b text, OUT c integer) LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
            CREATE PROCEDURE q(integer, VARIADIC integer[]) LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;",
        hint: |_| (),
    },
];

#[test]
fn routines_of_all_kinds_change() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn routines_of_all_kinds_change_on_17() {
    check_all(Version::V17, &CHANGES);
}

#[test]
fn routines_of_all_kinds_change_on_18() {
    check_all(Version::V18, &CHANGES);
}

#[test]
fn routines_of_all_kinds_are_imported_from_a_dump() {
    read_back_all(Version::V15, &CHANGES);
    read_back_all(Version::V17, &CHANGES);
}

#[test]
fn options_that_a_definition_cannot_have_are_refused() {
    for (option, word) in [("LEAKPROOF", "LEAKPROOF"), ("SUPPORT helper", "SUPPORT"), ("COST 0.5", "whole number")] {
        let sql = format!("CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql {option} AS 'SELECT 1';");
        let refused = nself::database::import::sql::read(&sql).unwrap_err();
        assert!(refused.len() == 1 && refused[0].what.contains(word), "{refused:#?}");
    }
}
