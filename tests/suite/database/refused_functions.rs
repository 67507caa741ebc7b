//! Functions that the server refuses have findings, and similar functions that it accepts have none.

use super::refused_definitions::compare;

/// The fields of a function that the server refuses.
const REFUSED: &[&str] = &[
    // Names, defaults and modes of arguments.
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"name":"x","type":"integer"},{"name":"x","type":"text"}]"#,
    r#""language":"sql","body":"SELECT 1","arguments":[{"name":"x","type":"integer"},{"name":"x","type":"integer","mode":"inout"}]"#,
    r#""language":"sql","returns":"TABLE (a integer, a text)","body":"SELECT 1, 'x'::text""#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"integer","default":"1"},{"type":"integer"}]"#,
    r#""language":"sql","body":"SELECT 1","arguments":[{"type":"integer","default":"1"},{"name":"y","type":"integer","mode":"inout"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"integer","default":"1"},{"type":"integer[]","mode":"variadic"}]"#,
    r#""procedure":true,"language":"sql","body":"SELECT 1","arguments":[{"type":"integer","default":"1"},{"name":"y","type":"integer","mode":"out"}]"#,
    r#""procedure":true,"language":"sql","body":"SELECT 1","arguments":[{"type":"integer[]","mode":"variadic"},{"name":"y","type":"integer","mode":"out"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"integer","default":"'x'"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"text","default":"$1"}]"#,
    // Functions of triggers, and types that only some functions have.
    r#""language":"plpgsql","returns":"trigger","body":"BEGIN RETURN NULL; END","arguments":[{"type":"integer"}]"#,
    r#""language":"plpgsql","returns":"event_trigger","body":"BEGIN RETURN; END","arguments":[{"type":"integer"}]"#,
    r#""language":"sql","returns":"trigger","body":"SELECT 1""#,
    r#""language":"plpgsql","returns":"cstring","body":"BEGIN RETURN 'x'; END""#,
    r#""language":"plpgsql","returns":"integer","body":"BEGIN RETURN 1; END","arguments":[{"type":"trigger"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"void"}]"#,
    r#""language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"void","mode":"out"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"record"}]"#,
    r#""language":"sql","body":"SELECT NULL","arguments":[{"name":"x","type":"trigger","mode":"out"}]"#,
    r#""language":"sql","body":"SELECT NULL","arguments":[{"name":"x","type":"event_trigger","mode":"out"}]"#,
    r#""language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"event_trigger","mode":"out"}]"#,
    r#""language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"cstring","mode":"inout"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"internal"}]"#,
    r#""language":"plpgsql","returns":"integer","body":"BEGIN RETURN 1; END","arguments":[{"type":"record[]"}]"#,
    r#""language":"plpgsql","returns":"TABLE (x void)","body":"BEGIN END""#,
    r#""language":"plpgsql","returns":"TABLE (x trigger, y integer)","body":"BEGIN END""#,
    r#""language":"plpgsql","returns":"language_handler","body":"BEGIN END""#,
    r#""language":"sql","returns":"record[]","body":"SELECT NULL""#,
    // In PL/pgSQL, inputs and outputs are variables of one block.
    r#""language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"integer"},{"name":"x","type":"integer","mode":"out"}]"#,
    r#""language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"integer","mode":"out"},{"name":"x","type":"integer[]","mode":"variadic"}]"#,
    r#""procedure":true,"language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"integer"},{"name":"x","type":"integer","mode":"out"}]"#,
    r#""language":"plpgsql","returns":"TABLE (x integer)","body":"BEGIN END","arguments":[{"name":"x","type":"integer"}]"#,
    // Results that stand for several types.
    r#""language":"sql","returns":"anyelement","body":"SELECT 1""#,
    r#""language":"plpgsql","returns":"anyrange","body":"BEGIN RETURN NULL; END","arguments":[{"type":"anyelement"}]"#,
    r#""language":"plpgsql","returns":"anycompatible","body":"BEGIN RETURN NULL; END","arguments":[{"type":"anyelement"}]"#,
    r#""language":"plpgsql","returns":"TABLE (a anycompatible)","body":"BEGIN END","arguments":[{"type":"anyelement"}]"#,
    r#""language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"integer"},{"name":"y","type":"anyarray","mode":"out"}]"#,
    // Settings.
    r#""language":"sql","returns":"integer","body":"SELECT 1","settings":{"work_men":"1MB"}"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","settings":{"port":"1"}"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","settings":{"wal_level":"logical"}"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","settings":{"work_mem":"1kB"}"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","settings":{"app.user":"x"}"#,
    // Results of SQL.
    r#""language":"sql","returns":"integer","body":"SELECT 'x'""#,
    r#""language":"sql","returns":"integer","body":"SELECT NULL""#,
    r#""language":"sql","returns":"integer","body":"SELECT true""#,
    r#""language":"sql","returns":"boolean","body":"SELECT 1""#,
    r#""language":"sql","returns":"order_state","body":"SELECT 'new'""#,
    r#""language":"sql","returns":"integer","body":"SELECT 1, 2""#,
    r#""language":"sql","returns":"integer","body":"VALUES (1, 2)""#,
    r#""language":"sql","returns":"integer","body":"SELECT""#,
    r#""language":"sql","returns":"integer","body":"UPDATE orders SET note = 'x'""#,
    r#""language":"sql","returns":"integer","body":"SELECT 1; DELETE FROM orders""#,
    r#""language":"sql","returns":"SETOF record","body":"UPDATE orders SET note = 'x'""#,
    r#""language":"sql","returns":"integer","body":"WITH x AS (SELECT 1 AS a) SELECT a, a FROM x""#,
    r#""language":"sql","returns":"integer","body":"BEGIN ATOMIC SELECT 1, 2; END""#,
    r#""language":"sql","returns":"integer","body":"BEGIN ATOMIC DELETE FROM orders; END""#,
    r#""language":"sql","returns":"TABLE (x bigint, y text)","body":"SELECT id, note, 1 FROM orders""#,
    r#""language":"sql","returns":"TABLE (x bigint)","body":"SELECT id, note FROM orders""#,
    r#""language":"sql","returns":"customers","body":"SELECT id, name, 1 FROM customers""#,
    r#""language":"sql","body":"SELECT id, note, 1 FROM orders","arguments":[{"name":"x","type":"bigint","mode":"out"},{"name":"y","type":"text","mode":"out"}]"#,
    r#""language":"sql","body":"SELECT 1, 2","procedure":true,"arguments":[{"name":"x","type":"integer","mode":"inout"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT $2","arguments":[{"type":"integer"}]"#,
    r#""language":"sql","returns":"bigint","body":"SELECT id FROM orders UNION SELECT id, note FROM orders""#,
    r#""language":"sql","returns":"void","body":"INSERT INTO customers (id, name) VALUES (gen_random_uuid())""#,
    r#""language":"sql","returns":"void","body":"INSERT INTO customers (id) SELECT id, name FROM customers""#,
    r#""language":"sql","returns":"bigint","body":"SELECT id FROM orders WHERE count(*) > 1""#,
];

const ACCEPTED: &[&str] = &[
    r#""language":"sql","body":"SELECT 1","arguments":[{"name":"x","type":"integer"},{"name":"x","type":"integer","mode":"out"}]"#,
    r#""language":"sql","returns":"TABLE (x integer)","body":"SELECT 1","arguments":[{"name":"x","type":"integer"}]"#,
    r#""procedure":true,"language":"sql","body":"SELECT 1","arguments":[{"name":"x","type":"integer"},{"name":"x","type":"integer","mode":"out"}]"#,
    r#""language":"plpgsql","returns":"TABLE (\"X\" integer, found integer)","body":"BEGIN END","arguments":[{"name":"x","type":"integer"}]"#,
    r#""language":"sql","body":"SELECT row(1)","arguments":[{"name":"x","type":"record","mode":"out"}]"#,
    r#""language":"plpgsql","returns":"TABLE (x record)","body":"BEGIN END""#,
    r#""language":"sql","body":"SELECT 1","arguments":[{"type":"integer","default":"1"},{"name":"y","type":"integer","mode":"out"},{"type":"integer","default":"2"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"integer"},{"type":"integer[]","mode":"variadic","default":"'{}'"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"anyarray","mode":"variadic"}]"#,
    r#""procedure":true,"language":"sql","body":"SELECT 1","arguments":[{"name":"y","type":"integer","mode":"out"},{"type":"integer","default":"1"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","arguments":[{"type":"anyelement","default":"'x'"}]"#,
    r#""language":"plpgsql","returns":"SETOF trigger","body":"BEGIN RETURN NULL; END""#,
    r#""language":"plpgsql","returns":"event_trigger","body":"BEGIN RETURN; END""#,
    r#""language":"plpgsql","returns":"integer","body":"BEGIN RETURN 1; END","arguments":[{"type":"record"}]"#,
    r#""language":"sql","returns":"anyarray","body":"SELECT ARRAY[$1]","arguments":[{"type":"anyelement"}]"#,
    r#""language":"plpgsql","returns":"anyrange","body":"BEGIN RETURN NULL; END","arguments":[{"type":"anymultirange"}]"#,
    r#""language":"plpgsql","returns":"anycompatible","body":"BEGIN RETURN NULL; END","arguments":[{"type":"anycompatiblerange"}]"#,
    r#""language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"anyenum"},{"name":"y","type":"anyarray","mode":"out"}]"#,
    r#""language":"plpgsql","body":"BEGIN END","arguments":[{"name":"x","type":"anyelement","mode":"inout"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT 1","settings":{"work_mem":"64MB","timezone":"UTC","role":"owner","statement_timeout":"5s","enable_seqscan":"off"}"#,
    r#""language":"sql","returns":"text","body":"SELECT 'x'""#,
    r#""language":"sql","returns":"text","body":"SELECT 1""#,
    r#""language":"sql","returns":"bigint","body":"SELECT 1.5""#,
    r#""language":"sql","returns":"integer","body":"SELECT count(*) FROM orders""#,
    r#""language":"sql","returns":"integer","body":"(SELECT 1) UNION VALUES (2)""#,
    r#""language":"sql","returns":"bigint","body":"DELETE FROM orders RETURNING id""#,
    r#""language":"sql","returns":"void","body":"SELECT 1, 2""#,
    r#""language":"sql","returns":"record","body":"SELECT 1, 2""#,
    r#""language":"sql","returns":"customers","body":"SELECT id, name FROM customers""#,
    r#""language":"sql","returns":"customers","body":"SELECT customers FROM customers""#,
    r#""language":"sql","returns":"TABLE (x uuid, y text)","body":"SELECT c FROM customers c""#,
    r#""language":"sql","returns":"TABLE (x uuid, y text)","body":"SELECT * FROM customers""#,
    r#""language":"sql","body":"SELECT row(1::bigint, 'x'::text)","arguments":[{"name":"x","type":"bigint","mode":"out"},{"name":"y","type":"text","mode":"out"}]"#,
    r#""language":"sql","body":"SELECT 1","procedure":true,"arguments":[{"name":"x","type":"integer","mode":"inout"}]"#,
    r#""language":"sql","body":"SELECT 1, 2; DELETE FROM orders","procedure":true"#,
    r#""language":"sql","returns":"integer","body":"BEGIN ATOMIC DELETE FROM orders; RETURN 1; END""#,
    r#""language":"sql","body":"SELECT $1 + $2","arguments":[{"name":"y","type":"integer","mode":"out"},{"type":"integer"},{"type":"integer"}]"#,
    r#""language":"sql","returns":"integer","body":"SELECT '$5'::text::integer""#,
    r#""language":"sql","returns":"bigint","body":"SELECT (SELECT count(*) FROM customers c WHERE c.id = customer) FROM orders WHERE id IN (SELECT max(id) FROM orders GROUP BY note)""#,
    r#""language":"sql","returns":"bigint","body":"SELECT id FROM orders GROUP BY id HAVING count(*) > 1""#,
    r#""language":"sql","returns":"bigint","body":"SELECT sum(id) OVER () FROM orders""#,
    r#""language":"sql","returns":"text","body":"SELECT max(name) || (SELECT max(note) FROM orders) FROM customers""#,
];

/// The result and body of a function in PL/pgSQL that the server refuses.
const REFUSED_BODIES: &[(&str, &str)] = &[
    ("integer", "BEGIN x := 1; RETURN 1; END"),
    ("integer", "BEGIN f.x := 1; RETURN 1; END"),
    ("integer", "BEGIN $2 := 1; RETURN 1; END"),
    ("integer", "BEGIN new := NULL; RETURN 1; END"),
    ("integer", "BEGIN SELECT 1 INTO x; RETURN 1; END"),
    ("integer", "BEGIN SELECT id, note INTO STRICT a, y FROM orders; RETURN 1; END"),
    ("integer", "BEGIN DELETE FROM orders RETURNING id INTO x; RETURN 1; END"),
    ("integer", "BEGIN EXECUTE 'SELECT 1' INTO x; RETURN 1; END"),
    ("integer", "BEGIN GET DIAGNOSTICS x = ROW_COUNT; RETURN 1; END"),
    ("integer", "BEGIN FOR x IN SELECT 1 LOOP NULL; END LOOP; RETURN 1; END"),
    ("integer", "BEGIN FOREACH x IN ARRAY ARRAY[1] LOOP NULL; END LOOP; RETURN 1; END"),
    ("integer", "BEGIN FOR i IN 1..2 LOOP NULL; END LOOP; i := 1; RETURN 1; END"),
    ("integer", "BEGIN IF a > 1 THEN NULL; ELSIF a > 0 THEN x := 1; END IF; RETURN 1; END"),
    ("integer", "BEGIN OPEN c; RETURN 1; END"),
    ("integer", "DECLARE \"B\" integer; BEGIN B := 1; RETURN 1; END"),
    ("integer", "DECLARE b CONSTANT integer := 1; BEGIN b := 2; RETURN 1; END"),
    ("integer", "DECLARE b integer; B text; BEGIN RETURN 1; END"),
    ("integer", "DECLARE b integer; b CURSOR FOR SELECT 1; BEGIN RETURN 1; END"),
    ("integer", "DECLARE b integer NOT NULL; BEGIN RETURN 1; END"),
    ("integer", "DECLARE b ALIAS FOR y; BEGIN RETURN 1; END"),
    ("integer", "DECLARE b ALIAS FOR $2; BEGIN RETURN 1; END"),
    ("integer", "DECLARE b nope; BEGIN RETURN 1; END"),
    ("integer", "BEGIN RETURN; END"),
    ("trigger", "BEGIN RETURN; END"),
    ("void", "BEGIN RETURN 1; END"),
    ("event_trigger", "BEGIN RETURN NULL; END"),
    ("SETOF trigger", "BEGIN RETURN NEXT NULL; END"),
    ("integer", "BEGIN RETURN NEXT 1; END"),
    ("integer", "BEGIN RETURN QUERY SELECT 1; END"),
    ("integer", "BEGIN RETURN QUERY EXECUTE 'SELECT 1'; END"),
    ("SETOF integer", "BEGIN RETURN 1; END"),
    ("SETOF integer", "BEGIN RETURN NEXT; END"),
    ("TABLE (b integer)", "BEGIN RETURN NEXT 1; END"),
    ("integer", "BEGIN EXIT; RETURN 1; END"),
    ("integer", "BEGIN CONTINUE; RETURN 1; END"),
    ("integer", "BEGIN LOOP EXIT nope; END LOOP; RETURN 1; END"),
    ("integer", "<<o>> BEGIN CONTINUE o; RETURN 1; END"),
    ("integer", "BEGIN RAISE EXCEPTION 'a % b'; RETURN 1; END"),
    ("integer", "BEGIN RAISE NOTICE 'a', 1; RETURN 1; END"),
    ("integer", "BEGIN RAISE NOTICE E'a \\x25 b'; RETURN 1; END"),
    ("integer", "BEGIN RAISE NOTICE E'a \\u0025% b', 1; RETURN 1; END"),
    ("integer", "BEGIN RAISE NOTICE 'a \\x25 b', 1; RETURN 1; END"),
];

const ACCEPTED_BODIES: &[(&str, &str)] = &[
    ("integer", "BEGIN a := 1; $1 := 2; f.a := 3; found := true; RETURN a; END"),
    ("integer", "DECLARE b integer[]; BEGIN b[1] := 2; RETURN b[1]; END"),
    ("integer", "DECLARE b integer; BEGIN DECLARE b text; BEGIN b := 1; END; RETURN b; END"),
    ("integer", "DECLARE a integer; f text; BEGIN a := 1; RETURN a; END"),
    ("integer", "<<o>> DECLARE b integer; BEGIN o.b := 1; EXIT o; RETURN b; END"),
    ("integer", "<<o>> DECLARE b integer; BEGIN DECLARE b text; BEGIN o.b := 1; END; RETURN b; END o"),
    ("integer", "DECLARE b orders; c record; BEGIN b.note := 'x'; c.y := 1; b.note := 'y'; RETURN 1; END"),
    (
        "integer",
        "DECLARE b orders%ROWTYPE; c orders.note%TYPE; BEGIN SELECT note INTO c FROM orders; SELECT * INTO b FROM orders; RETURN 1; END",
    ),
    ("integer", "DECLARE \"B\" integer; BEGIN \"B\" := 1; SELECT 1 INTO \"B\"; RETURN 1; END"),
    (
        "integer",
        "DECLARE c CURSOR (k integer) FOR SELECT id FROM orders WHERE id = k; r record; BEGIN OPEN c(1); FETCH c INTO r; FETCH NEXT FROM c INTO r; CLOSE c; FOR q IN c(2) LOOP q.id := 1; END LOOP; RETURN 1; END",
    ),
    (
        "integer",
        "BEGIN INSERT INTO customers (id, name) VALUES (gen_random_uuid(), 'into x'); CREATE TEMPORARY TABLE z AS SELECT 1 AS q; RETURN 1; END",
    ),
    (
        "integer",
        "DECLARE b integer; BEGIN INSERT INTO customers (id, name) SELECT gen_random_uuid(), 'x' RETURNING 1 INTO b; RETURN b; END",
    ),
    (
        "integer",
        "BEGIN MERGE INTO orders USING (SELECT 1 AS x) s ON orders.id = s.x WHEN MATCHED THEN DELETE; RETURN 1; END",
    ),
    (
        "integer",
        "DECLARE b integer; c text; BEGIN EXECUTE 'SELECT 1, 2' INTO STRICT b, c USING 1; GET DIAGNOSTICS b = ROW_COUNT; FOR b, c IN SELECT 1, 'x' LOOP NULL; END LOOP; FOREACH b IN ARRAY ARRAY[1] LOOP CONTINUE; END LOOP; RETURN b; END",
    ),
    (
        "integer",
        "DECLARE b text; BEGIN RETURN 1; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS b = MESSAGE_TEXT; RAISE NOTICE '% %% %', sqlerrm, sqlstate; RAISE; END",
    ),
    ("integer", "BEGIN <<l>> FOR i IN 1..2 LOOP l.i := 3; i := 4; EXIT l WHEN i > 1; END LOOP l; RETURN 1; END"),
    (
        "integer",
        "BEGIN <<l>> WHILE a > 1 LOOP LOOP CONTINUE l; END LOOP; END LOOP; RETURN CASE WHEN a > 1 THEN 2 ELSE 3 END; END",
    ),
    (
        "integer",
        "BEGIN CASE a WHEN 1 THEN a := 2; ELSE a := 3; END CASE; IF a = 1 THEN RETURN 1; END IF; RAISE EXCEPTION USING MESSAGE = 'x', HINT = 'y'; END",
    ),
    ("integer", "DECLARE b CONSTANT integer := 1; BEGIN DECLARE b integer; BEGIN b := 2; END; RETURN b; END"),
    ("integer", "DECLARE b ALIAS FOR $1; c ALIAS FOR a; BEGIN b := 1; c := 2; RETURN 1; END"),
    ("integer", "DECLARE b order_state := 'new'; c customers; d refcursor; e pg_class; BEGIN RETURN 1; END"),
    ("integer", "#variable_conflict use_column\nBEGIN RETURN 1; END"),
    ("integer", "BEGIN PERFORM 1; NULL; COMMIT; RAISE 'x'; ASSERT a > 1, 'y'; RETURN 1; END"),
    (
        "integer",
        "BEGIN RAISE NOTICE E'a \\x25 b \\045\\u0025', 1; RAISE NOTICE 'a %'\n'% b'; RAISE NOTICE $m$% b$m$, 1; RETURN 1; END",
    ),
    ("integer", "BEGIN NULL; END"),
    ("void", "BEGIN RETURN; END"),
    ("SETOF void", "BEGIN RETURN NEXT 1; END"),
    (
        "SETOF integer",
        "BEGIN RETURN NEXT 1; RETURN QUERY SELECT 1; RETURN QUERY EXECUTE 'SELECT 1' USING a; RETURN; END",
    ),
    ("TABLE (b integer)", "BEGIN b := 1; RETURN NEXT; f.b := 2; END"),
];

#[test]
fn functions_are_judged_as_the_server_does() {
    let definition = |fields: &&str| format!("{{\"functions\":{{\"f\":{{{fields}}}}}}}");
    compare(REFUSED.iter().map(definition), ACCEPTED.iter().map(definition));
}

#[test]
fn bodies_in_plpgsql_are_judged_as_the_server_does() {
    let definition = |(returns, body): &(&str, &str)| {
        // The functions of triggers have no arguments.
        let arguments = if returns.ends_with("trigger") { "[]" } else { r#"[{"name":"a","type":"integer"}]"# };
        let (returns, body) = (serde_json::json!(returns), serde_json::json!(body));
        format!(
            r#"{{"functions":{{"f":{{"language":"plpgsql","arguments":{arguments},"returns":{returns},"body":{body}}}}}}}"#
        )
    };
    compare(REFUSED_BODIES.iter().map(definition), ACCEPTED_BODIES.iter().map(definition));
}

#[test]
fn arguments_that_are_results_are_judged_as_the_server_does() {
    let definition = |(procedure, mode, body): &(bool, &str, &str)| {
        let body = serde_json::json!(body);
        format!(
            r#"{{"functions":{{"f":{{"language":"plpgsql","procedure":{procedure},"arguments":[{{"name":"a","type":"integer","mode":"{mode}"}}],"body":{body}}}}}}}"#
        )
    };
    let refused = [
        (false, "out", "BEGIN RETURN 1; END"),
        (false, "inout", "BEGIN RETURN a; END"),
        (true, "in", "BEGIN RETURN 1; END"),
        (true, "inout", "BEGIN RETURN a; END"),
    ];
    let accepted = [
        (false, "out", "BEGIN a := 1; RETURN; END"),
        (true, "in", "BEGIN a := 1; RETURN; END"),
        (true, "inout", "BEGIN $1 := 1; END"),
    ];
    compare(refused.iter().map(definition), accepted.iter().map(definition));
}
