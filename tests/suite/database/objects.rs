//! Objects that a definition keeps as their SQL, and functions with the same name: the SQL is imported, created from an
//! empty database, changed, and read back.

use nself::database::import::sql;
use nself::database::migrate::plan;
use nself::database::model::{Schema, UserType};
use nself::diagnostic::{Code, Diagnostic, FieldPath};

use super::pairs::{Change, check_all, import, read_back_all};
use super::property::plan_allowing_hazards;
use super::server::Version;

fn no_hint(_: &mut Schema) {}

const CHANGES: [Change; 19] = [
    Change {
        name: "aggregates of ordered sets and of moving windows",
        before: "CREATE FUNCTION add(double precision[], double precision) RETURNS double precision[] LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2';
            CREATE FUNCTION middle(double precision[], double precision) RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT $1[1 + ($2 * 10)::int]';
            CREATE AGGREGATE share(double precision ORDER BY double precision) (SFUNC = add, STYPE = double precision[], FINALFUNC = middle, INITCOND = '{}');
            CREATE AGGREGATE moving(integer) (SFUNC = int4pl, STYPE = integer, MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MINITCOND = '0', INITCOND = '0');
            CREATE TABLE t (v double precision); CREATE VIEW w AS SELECT share(0.5) WITHIN GROUP (ORDER BY v) AS half FROM t;",
        after: "CREATE FUNCTION add(double precision[], double precision) RETURNS double precision[] LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2';
            CREATE FUNCTION middle(double precision[], double precision) RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT $1[1 + ($2 * 10)::int]';
            CREATE FUNCTION first(double precision[]) RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT $1[1]';
            CREATE AGGREGATE share(part double precision ORDER BY double precision) (SFUNC = add, STYPE = double precision[], FINALFUNC = middle, INITCOND = '{1}', FINALFUNC_MODIFY = READ_WRITE);
            COMMENT ON AGGREGATE share(double precision ORDER BY double precision) IS 'of all'; CREATE AGGREGATE gone(ORDER BY double precision) (SFUNC = add, STYPE = double precision[], FINALFUNC = first);
            DROP AGGREGATE gone(ORDER BY double precision); CREATE AGGREGATE first_of(ORDER BY double precision) (SFUNC = add, STYPE = double precision[], FINALFUNC = first, INITCOND = '{}');
            CREATE AGGREGATE moving(integer) (SFUNC = int4pl, STYPE = integer, MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MINITCOND = '1', INITCOND = '0');
            CREATE TABLE t (v double precision); CREATE VIEW w AS SELECT share(0.5) WITHIN GROUP (ORDER BY v) AS half FROM t;",
        hint: no_hint,
    },
    Change {
        name: "rules with several actions",
        before: "CREATE TABLE t (id integer, v text); CREATE TABLE log (id integer, v text); CREATE RULE r AS ON DELETE TO t DO ALSO (INSERT INTO log (id) VALUES (old.id); DELETE FROM log WHERE id = 0);",
        after: "CREATE TABLE t (id integer, v text); CREATE TABLE log (id integer, v text); CREATE TABLE other (id integer); CREATE RULE r AS ON DELETE TO t DO ALSO (
              INSERT INTO log (id) VALUES (old.id);
              INSERT INTO other (id) VALUES (old.id)); CREATE RULE u AS ON UPDATE TO t DO INSTEAD (UPDATE log SET v = 'a;b' WHERE id = new.id; DELETE FROM other; );",
        hint: no_hint,
    },
    Change {
        name: "ranges",
        before: "CREATE TYPE float_range AS RANGE (subtype = double precision, subtype_diff = float8mi); CREATE TYPE gone AS RANGE (subtype = text, collation = \"C\");
            CREATE TABLE t (id integer, a float_range, EXCLUDE USING gist (a WITH &&)); CREATE TYPE mood AS ENUM ('bad', 'good');",
        after: "CREATE TYPE float_range AS RANGE (subtype = float8, subtype_diff = pg_catalog.float8mi); COMMENT ON TYPE float_range IS 'of floats';
            CREATE SCHEMA x; CREATE FUNCTION minutes(time, time) RETURNS double precision LANGUAGE sql STRICT IMMUTABLE AS 'SELECT extract(epoch FROM ($1 - $2))';
            CREATE TYPE x.\"Hours\" AS RANGE (SUBTYPE = time, SUBTYPE_DIFF = public.minutes, MULTIRANGE_TYPE_NAME = x.many_hours);
            CREATE TYPE words AS RANGE (subtype = text, subtype_opclass = text_pattern_ops, collation = \"C\", multirange_type_name = all_words);
            CREATE TYPE mood AS ENUM ('bad', 'good'); CREATE TYPE moods AS RANGE (SUBTYPE = mood);
            CREATE TABLE t (id integer, a float_range, b x.many_hours, c float_multirange DEFAULT '{}', d moods[], EXCLUDE USING gist (a WITH &&));
            CREATE FUNCTION f(a all_words) RETURNS words LANGUAGE sql AS 'SELECT range_merge(a)';
            CREATE VIEW v AS SELECT id, words('a', 'b') AS w FROM t;",
        hint: no_hint,
    },
    Change {
        name: "rights on types",
        before: "CREATE TYPE mood AS ENUM ('bad', 'good'); GRANT USAGE ON TYPE mood TO reader WITH GRANT OPTION; CREATE DOMAIN d AS text; CREATE TYPE c AS (a integer);
            REVOKE ALL ON TYPE c FROM PUBLIC; CREATE TABLE t (m mood); CREATE DOMAIN other AS text; REVOKE ALL ON TYPE other FROM PUBLIC; GRANT ALL ON TYPE other TO writer;",
        after: "CREATE TYPE mood AS ENUM ('good'); GRANT USAGE ON TYPE mood TO reader; REVOKE USAGE ON TYPE mood FROM PUBLIC; CREATE DOMAIN d AS text; GRANT USAGE ON DOMAIN d TO reader, writer;
            CREATE TYPE c AS (a integer); CREATE TYPE r AS RANGE (subtype = integer); REVOKE ALL ON TYPE r FROM PUBLIC; GRANT ALL ON TYPE r TO writer WITH GRANT OPTION;
            CREATE TABLE t (m mood); CREATE DOMAIN renamed AS text; REVOKE ALL ON TYPE renamed FROM PUBLIC; GRANT ALL ON TYPE renamed TO reader;",
        hint: |schema| {
            let Some(UserType::Domain(domain)) = schema.types.get_mut("renamed") else { panic!("no domain") };
            domain.renamed_from = Some(serde_json::from_value("other".into()).unwrap());
        },
    },
    Change {
        name: "statistics",
        before: "CREATE TABLE t (a integer, b text, c date); CREATE STATISTICS s ON a, b FROM t; COMMENT ON STATISTICS s IS 'first';
            CREATE STATISTICS \"S 2\" (mcv) ON b, c FROM t; CREATE STATISTICS e ON (lower(b)) FROM t; CREATE STATISTICS gone ON a, c FROM t;",
        after: "CREATE TABLE t (a bigint, b text, c date, d integer); CREATE STATISTICS s ON a, b FROM t; COMMENT ON STATISTICS s IS 'second';
            CREATE STATISTICS \"S 2\" (mcv, ndistinct) ON b, c FROM t; CREATE STATISTICS e ON (lower(b)), d FROM t;
            CREATE SCHEMA x; CREATE STATISTICS x.s ON a, d FROM t;",
        hint: no_hint,
    },
    Change {
        name: "statistics of a renamed table",
        before: "CREATE TABLE t (a integer, b text, c date); CREATE STATISTICS s ON a, b FROM t; CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;",
        after: "CREATE TABLE u (x integer, b text, c date); CREATE STATISTICS s ON x, b FROM u; CREATE RULE r AS ON DELETE TO u DO INSTEAD NOTHING;",
        hint: |schema| {
            let table = schema.tables.get_mut("u").unwrap();
            table.renamed_from = Some(serde_json::from_value("t".into()).unwrap());
            table.columns.get_mut("x").unwrap().renamed_from = Some(serde_json::from_value("a".into()).unwrap());
        },
    },
    Change {
        name: "collations",
        before: "CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk'); CREATE COLLATION unused FROM \"C\";
            CREATE TABLE t (a text COLLATE german, b text, c text);",
        after: "CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk'); COMMENT ON COLLATION german IS 'as in a telephone book';
            CREATE SCHEMA x; CREATE COLLATION x.\"No case\" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE TABLE t (a text, b text COLLATE x.\"No case\", c text COLLATE \"de-x-icu\"); CREATE INDEX i ON t (a COLLATE german, c COLLATE \"en-x-icu\");",
        hint: no_hint,
    },
    Change {
        name: "a collation that its columns lose",
        before: "CREATE COLLATION german (provider = icu, locale = 'de'); CREATE TABLE t (a text COLLATE german); CREATE TABLE gone (a text COLLATE german);",
        after: "CREATE TABLE t (a text);",
        hint: no_hint,
    },
    Change {
        name: "aggregates",
        before: "CREATE AGGREGATE total(value bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0'); CREATE TABLE t (id bigint, g integer);
            CREATE VIEW v WITH (security_invoker = true) AS SELECT g, total(id) AS all_of_it FROM t GROUP BY g;",
        after: "CREATE AGGREGATE total(value bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '5', PARALLEL = safe, COMBINEFUNC = int8pl);
            CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer); COMMENT ON AGGREGATE total(integer) IS 'small';
            CREATE FUNCTION step(bigint[], bigint) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2';
            CREATE AGGREGATE collected(bigint) (SFUNC = step, STYPE = bigint[], INITCOND = '{}'); CREATE TABLE t (id bigint, g integer);
            CREATE VIEW v WITH (security_invoker = true) AS SELECT g, total(id) AS all_of_it, collected(id) AS ids FROM t GROUP BY g;",
        hint: no_hint,
    },
    Change {
        name: "operators",
        before: "CREATE FUNCTION near(a integer, b integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs(a - b) < 3';
            CREATE OPERATOR <~> (FUNCTION = near, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = <~>); CREATE TABLE t (a integer);
            CREATE VIEW v WITH (security_invoker = true) AS SELECT a <~> 5 AS is_near FROM t;",
        after: "CREATE FUNCTION near(a integer, c integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs(a - c) < 4';
            CREATE FUNCTION not_near(a integer, b integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs(a - b) >= 4';
            CREATE OPERATOR <~> (FUNCTION = near, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = <~>, NEGATOR = OPERATOR(public.<!~>));
            CREATE OPERATOR <!~> (FUNCTION = not_near, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = <!~>, NEGATOR = OPERATOR(public.<~>));
            COMMENT ON OPERATOR <!~> (integer, integer) IS 'far'; CREATE TABLE t (a integer);
            CREATE VIEW v WITH (security_invoker = true) AS SELECT a <~> 5 AS is_near FROM t;",
        hint: no_hint,
    },
    Change {
        name: "casts",
        before: "CREATE TYPE mood AS ENUM ('bad', 'good'); CREATE FUNCTION rank(mood) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT CASE $1 WHEN 'bad' THEN 0 ELSE 1 END $$;
            CREATE CAST (mood AS integer) WITH FUNCTION rank(mood);",
        after: "CREATE TYPE mood AS ENUM ('bad', 'good'); CREATE FUNCTION rank(mood) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT CASE $1 WHEN 'bad' THEN 0 ELSE 1 END $$;
            CREATE CAST (mood AS integer) WITH FUNCTION rank(mood) AS ASSIGNMENT; CREATE CAST (mood AS text) WITH INOUT AS IMPLICIT;
            COMMENT ON CAST (mood AS integer) IS 'its rank';",
        hint: no_hint,
    },
    Change {
        name: "rules",
        before: "CREATE TABLE t (id integer, v text); CREATE TABLE log (id integer); CREATE RULE r AS ON DELETE TO t DO ALSO INSERT INTO log (id) VALUES (old.id);
            CREATE VIEW w WITH (security_invoker = true) AS SELECT id FROM t; CREATE RULE w_insert AS ON INSERT TO w DO INSTEAD INSERT INTO t (id) VALUES (new.id);",
        after: "CREATE TABLE t (id bigint, v text); CREATE TABLE log (id bigint); CREATE RULE r AS ON DELETE TO t WHERE old.id > 3 DO ALSO INSERT INTO log (id) VALUES (old.id);
            CREATE VIEW w WITH (security_invoker = true) AS SELECT id, v FROM t; CREATE RULE w_insert AS ON INSERT TO w DO INSTEAD INSERT INTO t (id) VALUES (new.id);
            COMMENT ON RULE w_insert ON w IS 'writes';",
        hint: no_hint,
    },
    Change {
        name: "publications",
        before: "CREATE TABLE t (id integer PRIMARY KEY, v text); CREATE TABLE u (id integer PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t; CREATE PUBLICATION gone;",
        after: "CREATE TABLE t (id bigint PRIMARY KEY, v text, w text); CREATE TABLE u (id integer PRIMARY KEY);
            CREATE PUBLICATION p FOR TABLE t (id, w) WHERE (id > 5), TABLE ONLY u WITH (publish = 'insert, update'); COMMENT ON PUBLICATION p IS 'changes';
            CREATE PUBLICATION q WITH (publish = 'insert'); ALTER PUBLICATION q ADD TABLE ONLY u; ALTER PUBLICATION q ADD TABLE t WHERE (id > 1);",
        hint: no_hint,
    },
    Change {
        name: "text search",
        before: "CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple); CREATE TEXT SEARCH CONFIGURATION german2 (COPY = german);
            ALTER TEXT SEARCH CONFIGURATION german2 ALTER MAPPING FOR word, asciiword WITH plain, german_stem;",
        after: "CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple, STOPWORDS = english); COMMENT ON TEXT SEARCH DICTIONARY plain IS 'words';
            CREATE TEXT SEARCH CONFIGURATION german2 (PARSER = pg_catalog.\"default\");
            ALTER TEXT SEARCH CONFIGURATION german2 ADD MAPPING FOR word WITH public.plain, pg_catalog.simple;
            COMMENT ON TEXT SEARCH CONFIGURATION german2 IS 'short';
            CREATE TABLE t (a text, s tsvector GENERATED ALWAYS AS (to_tsvector('public.german2', a)) STORED);",
        hint: no_hint,
    },
    Change {
        name: "overloads",
        before: "CREATE FUNCTION total(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1'; CREATE FUNCTION total(a text, b text) RETURNS text LANGUAGE sql AS 'SELECT $1';
            COMMENT ON FUNCTION total(text, text) IS 'first'; CREATE PROCEDURE total(date) LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;",
        after: "CREATE FUNCTION total(a text, b text) RETURNS text LANGUAGE sql AS 'SELECT $2'; COMMENT ON FUNCTION total(text, text) IS 'second';
            CREATE FUNCTION total(bigint[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION total(bigint[]) FROM PUBLIC;
            GRANT EXECUTE ON FUNCTION total(bigint[]) TO reader;
            CREATE FUNCTION total() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; CREATE TABLE t (id integer);
            CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION total();",
        hint: no_hint,
    },
    Change {
        name: "an overload with the name of a column",
        before: "CREATE TABLE t (total integer);",
        after: "CREATE TABLE t (total integer); CREATE FUNCTION total(integer) RETURNS bigint LANGUAGE sql AS 'SELECT max(total) FROM t';
            CREATE FUNCTION total(text) RETURNS bigint LANGUAGE sql AS 'SELECT min(total) FROM t';",
        hint: no_hint,
    },
    Change {
        name: "objects that are removed with what uses them",
        before: "CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple); CREATE TEXT SEARCH CONFIGURATION c (PARSER = pg_catalog.\"default\");
            ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH d; CREATE FUNCTION f(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
            CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = integer, RIGHTARG = integer);
            CREATE TABLE t (a text, b integer CONSTRAINT k CHECK (b <~> 1)); CREATE INDEX i ON t USING gin (to_tsvector('c'::regconfig, a));",
        after: "CREATE TABLE t (a text, b integer);",
        hint: no_hint,
    },
    Change {
        name: "a changed function and its operator in a policy, a trigger and an index of a view",
        before: "CREATE FUNCTION near(a integer, b integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs(a - b) < 3';
            CREATE OPERATOR <~> (FUNCTION = near, LEFTARG = integer, RIGHTARG = integer); CREATE TABLE t (a integer); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            CREATE POLICY p ON t USING (a <~> 5); CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
            CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.a <~> 3) EXECUTE FUNCTION noted();
            CREATE MATERIALIZED VIEW m AS SELECT a FROM t; CREATE INDEX i ON m (near(a, 2));",
        after: "CREATE FUNCTION near(a integer, c integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs(a - c) < 3';
            CREATE OPERATOR <~> (FUNCTION = near, LEFTARG = integer, RIGHTARG = integer); CREATE TABLE t (a integer); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            CREATE POLICY p ON t USING (a <~> 5); CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
            CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.a <~> 3) EXECUTE FUNCTION noted();
            CREATE MATERIALIZED VIEW m AS SELECT a FROM t; CREATE INDEX i ON m (near(a, 2));",
        hint: no_hint,
    },
    Change {
        name: "objects that are dropped and created by later statements",
        before: "CREATE TABLE t (a integer, b integer);",
        after: "CREATE TABLE t (a integer, b integer); CREATE STATISTICS IF NOT EXISTS s ON a, b FROM t; CREATE STATISTICS IF NOT EXISTS s ON a, b FROM t;
            CREATE STATISTICS x ON a, b FROM t; DROP STATISTICS x; CREATE AGGREGATE n(integer) (SFUNC = int4pl, STYPE = integer); DROP AGGREGATE n(integer);
            CREATE OR REPLACE RULE r AS ON DELETE TO t DO INSTEAD NOTHING; DROP RULE r ON t; CREATE OR REPLACE RULE r AS ON UPDATE TO t DO INSTEAD NOTHING;
            DROP COLLATION IF EXISTS missing; CREATE OPERATOR <~> (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer); DROP OPERATOR <~> (integer, integer);",
        hint: no_hint,
    },
];

#[test]
fn changes_of_objects_kept_as_sql_are_applied() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn changes_of_objects_kept_as_sql_are_applied_on_17() {
    check_all(Version::V17, &CHANGES);
}

#[test]
fn objects_kept_as_sql_are_imported_from_a_dump() {
    read_back_all(Version::V15, &CHANGES);
}

#[test]
fn objects_kept_as_sql_are_imported_from_a_dump_of_17() {
    read_back_all(Version::V17, &CHANGES);
}

/// The tests' server of version 18 was built without ICU, so changes with ICU collations run on the other versions only.
#[test]
fn changes_of_objects_kept_as_sql_are_applied_on_18() {
    let without_icu: Vec<Change> =
        CHANGES.into_iter().filter(|change| !change.before.contains("icu") && !change.after.contains("icu")).collect();
    assert!(without_icu.len() + 3 > CHANGES.len());
    check_all(Version::V18, &without_icu);
}

fn codes(findings: &[Diagnostic]) -> Vec<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

/// A change that the server would refuse names the object that depends on the changed one.
#[test]
fn an_object_that_a_column_uses_cannot_change() {
    for (before, after, dependent) in [
        (
            "CREATE COLLATION c FROM \"C\"; CREATE TABLE t (a text COLLATE c);",
            "CREATE COLLATION c FROM \"POSIX\"; CREATE TABLE t (a text COLLATE c);",
            "t.a",
        ),
        (
            "CREATE TEXT SEARCH CONFIGURATION c (COPY = english); CREATE TABLE t (a text); CREATE INDEX i ON t USING gin (to_tsvector('c'::regconfig, a));",
            "CREATE TEXT SEARCH CONFIGURATION c (COPY = german); CREATE TABLE t (a text); CREATE INDEX i ON t USING gin (to_tsvector('c'::regconfig, a));",
            "t.i",
        ),
        (
            "CREATE FUNCTION f(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
             CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = integer, RIGHTARG = integer); CREATE TABLE t (a integer CONSTRAINT k CHECK (a <~> 1));",
            "CREATE FUNCTION f(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
             CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = integer, RIGHTARG = integer, HASHES); CREATE TABLE t (a integer CONSTRAINT k CHECK (a <~> 1));",
            "t.k",
        ),
        (
            "CREATE FUNCTION f(int4range, int4range) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
             CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = int4range, RIGHTARG = int4range);
             CREATE TABLE t (a int4range, CONSTRAINT x EXCLUDE USING gist (a WITH <~>));",
            "CREATE FUNCTION f(int4range, int4range) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
             CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = int4range, RIGHTARG = int4range, HASHES);
             CREATE TABLE t (a int4range, CONSTRAINT x EXCLUDE USING gist (a WITH <~>));",
            "t.x",
        ),
    ] {
        let findings = plan_allowing_hazards(&import(before), &mut import(after)).unwrap_err();
        assert_eq!(codes(&findings), [Code::ChangeRefused], "{findings:#?}");
        assert!(findings[0].message.contains(dependent), "{}", findings[0].message);
    }
}

/// The key must follow from the statement, and the statement may name only objects of the definition.
#[test]
fn keys_and_names_of_objects_are_checked() {
    let findings_of = |objects: serde_json::Value| {
        let text = serde_json::json!({ "tables": { "t": { "columns": { "a": { "type": "integer" }, "b": { "type": "integer" } } } }, "objects": objects });
        let schema: Schema = serde_json::from_value(text).unwrap();
        nself::database::complete(schema, &FieldPath::root()).1
    };
    let create = "CREATE STATISTICS s ON a, b FROM t";
    assert_eq!(findings_of(serde_json::json!({ "statistics s": { "create": create } })), []);
    for (objects, part) in [
        (serde_json::json!({ "statistics other": { "create": create } }), "`statistics s`"),
        (serde_json::json!({ "statistics s": { "create": "CREATE STATISTICS s ON a, b FROM missing" } }), "`missing`"),
        (
            serde_json::json!({ "statistics x.s": { "create": "CREATE STATISTICS x.s ON a, b FROM t" } }),
            "no schema `x`",
        ),
        (serde_json::json!({ "statistics s": { "create": create, "mappings": { "word": ["simple"] } } }), "mappings"),
        (
            serde_json::json!({ "operator !!!(none, integer)": { "create": "CREATE OPERATOR !!! (FUNCTION = public.missing, RIGHTARG = integer)" } }),
            "no function `missing`",
        ),
        (
            serde_json::json!({ "aggregate a(missing)": { "create": "CREATE AGGREGATE a(missing) (SFUNC = int4pl, STYPE = integer)" } }),
            "no type `missing`",
        ),
    ] {
        let findings = findings_of(objects);
        assert!(findings.len() == 1 && findings[0].message.contains(part), "{findings:#?}");
    }
}

/// The server ignores modifiers of types, and functions share their names with aggregates.
#[test]
fn routines_that_the_server_cannot_distinguish_are_reported() {
    let function = |kind: &str, name: &str| serde_json::json!({ "name": name, "arguments": [{ "type": kind }], "returns": "integer", "language": "sql", "body": "SELECT 1" });
    let findings_of = |functions: serde_json::Value, create: &str| {
        let identity = nself::database::model::ObjectIdentity::of_statement(create).unwrap();
        let text = serde_json::json!({ "functions": functions, "objects": { identity.key: { "create": create } } });
        nself::database::complete(serde_json::from_value(text).unwrap(), &FieldPath::root()).1
    };
    let aggregate = "CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer)";
    let other = serde_json::json!({ "a": function("varchar(10)", "total"), "b": function("varchar[]", "total") });
    assert_eq!(findings_of(other, aggregate), []);
    let lengths = serde_json::json!({ "a": function("varchar(10)", "total"), "b": function("varchar(20)", "total") });
    let with_aggregate = serde_json::json!({ "a": function("integer", "total") });
    for (functions, part) in [(lengths, "a and b are both total(varchar)"), (with_aggregate, "are both total(integer)")]
    {
        let findings = findings_of(functions, aggregate);
        assert!(findings.len() == 1 && findings[0].message.contains(part), "{findings:#?}");
    }
    // The operator `public.*` selects no columns.
    let multiply = "CREATE OPERATOR public.* (FUNCTION = int4mul, LEFTARG = integer, RIGHTARG = text)";
    assert_eq!(findings_of(serde_json::json!({}), multiply), []);
}

/// The server records what a body of the SQL standard uses, so the function is recreated with its operator.
#[test]
fn a_function_with_a_standard_body_depends_on_its_operators() {
    let sql = |options: &str, body: &str| {
        let mut schema = import(&format!(
            "CREATE FUNCTION f(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
             CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = integer, RIGHTARG = integer{options});
             CREATE FUNCTION g(a integer) RETURNS boolean LANGUAGE sql {body};"
        ));
        let depends_on = serde_json::from_value(serde_json::json!(["operator <~>(integer, integer)"])).unwrap();
        schema.functions.get_mut("g").unwrap().depends_on = depends_on;
        schema
    };
    for (body, is_recreated) in [("RETURN a <~> 2", true), ("AS 'SELECT a <~> 2'", false)] {
        let groups = plan_allowing_hazards(&sql("", body), &mut sql(", HASHES", body)).unwrap();
        let drops = groups.iter().flatten().any(|step| step.up.starts_with("DROP FUNCTION \"public\".\"g\""));
        assert_eq!(drops, is_recreated, "{groups:#?}");
    }
}

/// The operator has the old name of the type until the type is renamed, and the check needs the operator until then.
#[test]
fn a_renamed_type_of_an_operator_that_a_check_uses_is_refused() {
    let sql = |kind: &str| {
        import(&format!(
            "CREATE TYPE {kind} AS ENUM ('a'); CREATE FUNCTION f({kind}, {kind}) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
             CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = {kind}, RIGHTARG = {kind}); CREATE TABLE t (a {kind} CONSTRAINT k CHECK (a <~> a));"
        ))
    };
    let mut after = sql("mood");
    let Some(UserType::Enum(kind)) = after.types.get_mut("mood") else { panic!("no enumeration") };
    kind.renamed_from = Some(serde_json::from_value("old_mood".into()).unwrap());
    let findings = plan_allowing_hazards(&sql("old_mood"), &mut after).unwrap_err();
    assert_eq!(codes(&findings), [Code::ChangeRefused], "{findings:#?}");
    assert!(findings[0].message.contains("t.k"), "{}", findings[0].message);
}

/// Imported functions keep their names, even where the key for an overload, such as `total_text`, is the name of another
/// function.
#[test]
fn an_imported_overload_keeps_its_name() {
    let schema = import(
        "CREATE FUNCTION total(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION total(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION total_text() RETURNS integer LANGUAGE sql AS 'SELECT 1';",
    );
    let mut names: Vec<String> =
        schema.functions.iter().map(|(key, function)| function.name_in_sql(key).to_string()).collect();
    names.sort();
    assert_eq!(names, ["total", "total", "total_text"]);
}

#[test]
fn statements_that_need_a_superuser_are_refused_with_this_reason() {
    for statement in [
        "CREATE PUBLICATION p FOR ALL TABLES;",
        "CREATE TYPE t AS ENUM ('a'); CREATE CAST (text AS t) WITHOUT FUNCTION;",
        "CREATE AGGREGATE a(integer) (SFUNC = int4pl, STYPE = internal);",
        "CREATE AGGREGATE a(integer) (SFUNC = int4pl, STYPE = pg_catalog.\"internal\");",
        "CREATE CAST (integer AS text) WITH INOUT;",
    ] {
        let findings = sql::read(statement).unwrap_err();
        assert!(findings.len() == 1 && findings[0].what.contains("only by a superuser"), "{findings:#?}");
    }
}

/// The definition chooses the keys of functions with the same name; a different key does not lead to a migration.
#[test]
fn a_different_key_of_an_overload_is_not_a_change() {
    let sql = "CREATE FUNCTION total(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1'; CREATE FUNCTION total(text) RETURNS text LANGUAGE sql AS 'SELECT $1';";
    let before = import(sql);
    let keys: Vec<&str> = before.functions.keys().map(|key| key.as_str()).collect();
    assert_eq!(keys, ["total", "total_text"]);
    let mut after = before.clone();
    let function = after.functions.remove("total_text").unwrap();
    after.functions.insert(serde_json::from_value("total_of_text".into()).unwrap(), function);
    assert!(plan(&before, &after, &FieldPath::root()).unwrap().is_empty());
}
