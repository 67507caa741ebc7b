//! Definitions that the server refuses have findings, and similar definitions that it accepts have none.

use nself::database::migrate::plan;
use nself::database::model::{Schema, TypeName};
use nself::diagnostic::{Diagnostic, FieldPath};
use nself::values::Checked;
use serde_json::{Value, json};

use super::property::run_up;
use super::server::{Server, Session, Version};

/// The definition to which each case adds something.
fn base() -> Value {
    json!({ "types": { "order_state": { "enum": { "values": ["new", "paid"] } } }, "tables": {
        "customers": { "columns": { "id": { "type": "uuid" }, "name": { "type": "text" } }, "primary_key": ["id"] },
        "orders": {
            "columns": {
                "id": { "type": "bigint" },
                "customer": { "type": "uuid" },
                "total": { "type": "numeric(12,2)" },
                "note": { "type": "text", "nullable": true },
                "paid": { "type": "boolean", "nullable": true },
                "created": { "type": "timestamptz", "nullable": true },
            },
            "primary_key": ["id"],
            "row_security": "on",
        },
    }})
}

const REFUSED: [&str; 77] = [
    r#"{"types":{"x":{"enum":{"values":["a"]}}},"views":{"x":{"query":"SELECT 1 AS a"}}}"#,
    r#"{"types":{"x":{"enum":{"values":["a"]}}},"sequences":{"x":{}}}"#,
    r#"{"types":{"orders_id_seq":{"domain":{"type":"text"}}},"tables":{"orders":{"columns":{"id":{"identity":"always"}}}}}"#,
    r#"{"types":{"x":{"enum":{"values":["a"]}}},"tables":{"parts":{"columns":{"a":{"type":"integer"}},"partition_by":{"strategy":"list","columns":["a"]},"partitions":{"x":{"in":["1"]}}}}}"#,
    r#"{"types":{"r":{"range":{"subtype":"integer","multirange":"x"}}},"views":{"x":{"query":"SELECT 1 AS a"}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"timestamptz[]","default":"now()"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"uuid[]","default":"gen_random_uuid()"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"text[]","default":"lower('A')"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"text[]","default":"''"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"integer[]","default":"1 + 2"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"varchar(3)[]","default":"'x'::text"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"note":{"default":"new"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"note":{"default":"\"New order\""}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"total":{"default":"id + 1"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"total":{"default":"(SELECT 1)"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"total":{"default":"count(*)"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"state":{"type":"order_state","default":"new"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"state":{"type":"order_state(3)"}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"text","default":"new"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"total"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"(note)"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"total + 1"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"length(note)"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"paid::integer"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"count(*) > 0"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"(SELECT 1) = 1"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"EXISTS (SELECT 1 FROM customers WHERE id = customer)"}}}}"#,
    r#"{"tables":{"orders":{"columns":{"g":{"type":"timestamptz","generated":"now()"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"g":{"type":"date","generated":"CURRENT_DATE"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"g":{"type":"text","generated":"concat(note, 'x')"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"g":{"type":"numeric","generated":"g + 1"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"g":{"type":"numeric","generated":"total + 1"},"h":{"type":"numeric","generated":"g * 2"}}}}}"#,
    r#"{"functions":{"f":{"returns":"integer","language":"plpgsql","body":"BEGIN RETURN 1; END"}},"tables":{"orders":{"columns":{"g":{"type":"integer","generated":"f()"}}}}}"#,
    r#"{"functions":{"f":{"returns":"integer","language":"plpgsql","volatility":"stable","body":"BEGIN RETURN 1; END"}},"tables":{"orders":{"indexes":{"i":{"columns":[{"expression":"f()"}]}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"expression":"to_char(created, 'YYYY')"}]}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"id"}],"where":"created > now()"}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"id"}],"where":"note"}}}}}"#,
    r#"{"tables":{"orders":{"policies":{"p":{"using":"note"}}}}}"#,
    r#"{"tables":{"orders":{"policies":{"p":{"using":"max(id) > 1"}}}}}"#,
    r#"{"functions":{"t":{"returns":"trigger","language":"plpgsql","body":"BEGIN RETURN NEW; END"}},"tables":{"orders":{"triggers":{"t":{"timing":"before","events":["insert"],"function":"t","when":"(SELECT true)"}}}}}"#,
    r#"{"tables":{"orders":{"uniques":{"u":{"columns":["total"]}}},"items":{"columns":{"id":{"type":"bigint"},"order_id":{"type":"numeric"}},"primary_key":["id"],"foreign_keys":{"f":{"columns":["order_id"],"references":{"table":"orders","columns":["id"]}}}}}}"#,
    r#"{"tables":{"orders":{"foreign_keys":{"f":{"columns":["note"],"references":{"table":"customers","columns":["id"]}}}}}}"#,
    r#"{"tables":{"orders":{"storage":{"fillfactor":"300"}}}}"#,
    r#"{"tables":{"orders":{"storage":{"fillfactor":"9"}}}}"#,
    r#"{"tables":{"orders":{"storage":{"autovacuum_enabled":"maybe"}}}}"#,
    r#"{"tables":{"orders":{"storage":{"filfactor":"90"}}}}"#,
    r#"{"tables":{"orders":{"storage":{"toast.fillfactor":"90"}}}}"#,
    r#"{"tables":{"orders":{"primary_key_storage":{"fillfactor":"5"}}}}"#,
    r#"{"tables":{"orders":{"columns":{"tags":{"type":"text[]"}},"indexes":{"i":{"columns":[{"column":"tags"}],"using":"gin","storage":{"fillfactor":"90"}}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"id"}],"storage":{"toast.fillfactor":"90"}}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"id"}],"storage":{"toast.autovacuum_enabled":"off"}}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"id"}],"using":"brin","storage":{"pages_per_range":"0"}}}}}}"#,
    r#"{"functions":{"f":{"returns":"integr","language":"sql","body":"SELECT 1"}}}"#,
    r#"{"functions":{"f":{"returns":"SETOF ordrs","language":"sql","body":"SELECT 1"}}}"#,
    r#"{"functions":{"f":{"returns":"TABLE (a integer, b nope)","language":"sql","body":"SELECT 1, 2"}}}"#,
    r#"{"functions":{"f":{"arguments":[{"type":"nope"}],"returns":"integer","language":"sql","body":"SELECT 1"}}}"#,
    r#"{"functions":{"f":{"arguments":[{"name":"a","type":"text","default":"new"}],"returns":"integer","language":"sql","body":"SELECT 1"}}}"#,
    r#"{"functions":{"f":{"returns":"bigint","language":"sql","body":"SELECT nope FROM orders"}}}"#,
    r#"{"functions":{"f":{"returns":"bigint","language":"sql","body":"SELECT 1; SELECT id FROM orders o WHERE orders.id = 1"}}}"#,
    r#"{"functions":{"f":{"returns":"void","language":"sql","body":"INSERT INTO orders (id, nope) VALUES (1, 2)"}}}"#,
    r#"{"functions":{"f":{"returns":"void","language":"sql","body":"UPDATE orders SET nope = 1"}}}"#,
    r#"{"functions":{"f":{"arguments":[{"name":"a","type":"bigint"}],"returns":"bigint","language":"sql","body":"RETURN a + b"}}}"#,
    r#"{"functions":{"f":{"returns":"trigger","language":"plpgsql","body":"BEGIN RETURN NEW END"}}}"#,
    r#"{"functions":{"f":{"returns":"integer","language":"plpgsql","body":"SELECT 1;"}}}"#,
    r#"{"views":{"v":{"query":"SELECT id, nope FROM orders"}}}"#,
    r#"{"views":{"v":{"query":"SELECT o.id FROM orders o JOIN customers c ON c.id = custmer"}}}"#,
    r#"{"views":{"v":{"query":"SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = nope)"}}}"#,
    r#"{"views":{"v":{"query":"SELECT orders.id FROM orders o"}}}"#,
    r#"{"tables":{"orders":{"checks":{"orders_pkey":"total > 0"}}}}"#,
    r#"{"tables":{"orders":{"foreign_keys":{"orders_pkey":{"columns":["customer"],"references":{"table":"customers","columns":["id"]}}}}}}"#,
    r#"{"functions":{"t":{"returns":"trigger","language":"plpgsql","body":"BEGIN RETURN NEW; END"}},"tables":{"orders":{"checks":{"c":"total > 0"},"triggers":{"c":{"timing":"after","events":["insert"],"function":"t","constraint":true}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"whole":{"type":"customers(5)"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"state":{"type":"order_state(abc)"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"key":{"type":"uuid","default":"''"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"day":{"type":"date","default":"' '"}}}}}"#,
    r#"{"functions":{"touch":{"arguments":[{"type":"integer"}],"returns":"integer","language":"sql","body":"SELECT $1"},"touch_2":{"name":"touch","returns":"trigger","language":"plpgsql","body":"BEGIN RETURN NEW; END"}},"tables":{"orders":{"triggers":{"t":{"timing":"before","events":["insert"],"function":"touch_2"}}}}}"#,
    r#"{"objects":{"aggregate sum_all(integer)":{"create":"CREATE AGGREGATE public.sum_all(integer) (SFUNC = int4pl, STYPE = integer)"}},"tables":{"orders":{"checks":{"c":"sum(total) > 0"}}}}"#,
];

const ACCEPTED: [&str; 48] = [
    r#"{"tables":{"orders":{"columns":{"list":{"type":"integer[]","default":"' [0:0]={1}'"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"bigint[]","default":"'{}'::text[]::integer[]"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"text[]","default":"string_to_array('a b', ' ')"}}}}}"#,
    r#"{"types":{"names":{"domain":{"type":"text[]"}}},"tables":{"orders":{"columns":{"list":{"type":"text[]","default":"'{}'::names"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"note":{"default":"'new'"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"note":{"default":"CURRENT_USER"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"note":{"default":"lower('New' || ' order') COLLATE \"C\""}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"created":{"default":"now() AT TIME ZONE 'utc'"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"created":{"default":"timestamptz '2026-01-01' + interval '1 day'"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"state":{"type":"order_state","default":"'new'::order_state"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"list":{"type":"text[]","default":"ARRAY[]::text[]"}}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"paid"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"(NOT paid)"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"((total + 1) > 0)"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"coalesce(paid, true)"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"CASE WHEN paid THEN total > 0 ELSE true END"}}}}"#,
    r#"{"tables":{"orders":{"checks":{"c":"created < now()"}}}}"#,
    r#"{"types":{"flag":{"domain":{"type":"boolean"}}},"tables":{"orders":{"columns":{"f":{"type":"flag"}},"checks":{"c":"f"}}}}"#,
    r#"{"tables":{"orders":{"columns":{"g":{"type":"text","generated":"lower(note) || 'now'"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"now":{"type":"integer"},"g":{"type":"integer","generated":"now + 1"}}}}}"#,
    r#"{"functions":{"f":{"returns":"integer","language":"plpgsql","volatility":"immutable","body":"BEGIN RETURN 1; END"}},"tables":{"orders":{"columns":{"g":{"type":"integer","generated":"f()"}}}}}"#,
    r#"{"functions":{"f":{"arguments":[{"type":"text"}],"returns":"text","language":"sql","body":"SELECT lower($1)"}},"tables":{"orders":{"indexes":{"i":{"columns":[{"expression":"f(note)"}]}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"id"}],"where":"paid"}}}}}"#,
    r#"{"tables":{"orders":{"policies":{"p":{"using":"id IN (SELECT max(id) FROM orders)"}}}}}"#,
    r#"{"tables":{"orders":{"policies":{"p":{"using":"current_setting('app.admin', true)::boolean"}}}}}"#,
    r#"{"tables":{"items":{"columns":{"id":{"type":"bigint"},"order_id":{"type":"smallint"}},"primary_key":["id"],"foreign_keys":{"f":{"columns":["order_id"],"references":{"table":"orders","columns":["id"]}}}}}}"#,
    r#"{"types":{"key":{"domain":{"type":"uuid"}}},"tables":{"items":{"columns":{"id":{"type":"bigint"},"customer":{"type":"key"}},"primary_key":["id"],"foreign_keys":{"f":{"columns":["customer"],"references":{"table":"customers","columns":["id"]}}}}}}"#,
    r#"{"tables":{"orders":{"storage":{"fillfactor":"10","autovacuum_enabled":"off","autovacuum_vacuum_scale_factor":"0.05","toast.autovacuum_vacuum_threshold":"5","vacuum_index_cleanup":"auto"}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"id"}],"using":"brin","storage":{"pages_per_range":"1","autosummarize":"on"}}}}}}"#,
    r#"{"functions":{"f":{"returns":"SETOF orders","language":"sql","body":"SELECT * FROM orders"}}}"#,
    r#"{"functions":{"f":{"returns":"TABLE (a integer, b order_state)","language":"sql","body":"SELECT 1, 'new'::order_state"}}}"#,
    r#"{"functions":{"f":{"returns":"SETOF record","language":"sql","body":"SELECT 1, 2"}}}"#,
    r#"{"functions":{"f":{"returns":"SETOF pg_catalog.pg_class","language":"sql","body":"SELECT * FROM pg_class"}}}"#,
    r#"{"functions":{"f":{"arguments":[{"name":"wanted","type":"bigint"}],"returns":"bigint","language":"sql","body":"SELECT id FROM orders WHERE id = wanted AND f.wanted > 0 AND total > $1"}}}"#,
    r#"{"functions":{"f":{"arguments":[{"name":"o","type":"orders"}],"returns":"numeric","language":"sql","body":"SELECT o.total + (o).id"}}}"#,
    r#"{"functions":{"f":{"returns":"bigint","language":"sql","body":"WITH recent AS (SELECT id AS n FROM orders) SELECT n FROM recent r ORDER BY r.n"}}}"#,
    r#"{"functions":{"f":{"returns":"void","language":"sql","body":"INSERT INTO orders AS o (id, customer, total) VALUES (1, gen_random_uuid(), 2) ON CONFLICT (id) DO UPDATE SET total = excluded.total WHERE o.paid"}}}"#,
    r#"{"functions":{"f":{"returns":"void","language":"sql","body":"UPDATE orders o SET note = c.name FROM customers c WHERE c.id = o.customer"}}}"#,
    r#"{"functions":{"f":{"returns":"integer","language":"plpgsql","body":"DECLARE n integer;\nBEGIN\n  SELECT count(*) INTO n FROM orders;\n  IF n > 1 THEN n := CASE WHEN n > 2 THEN 3 ELSE 4 END; END IF;\n  RETURN n;\nEND;"}}}"#,
    r#"{"functions":{"f":{"returns":"integer","language":"plpgsql","body":"<<outer>> BEGIN DELETE FROM orders; FOR i IN 1..2 LOOP NULL; END LOOP; RETURN 1; END outer"}}}"#,
    r#"{"views":{"v":{"query":"SELECT o.id AS n, count(*) AS many FROM orders o JOIN customers c ON c.id = customer GROUP BY n ORDER BY many"}}}"#,
    r#"{"views":{"v":{"query":"SELECT x, y.z FROM orders, unnest(ARRAY[1]) AS x, LATERAL (SELECT name AS z FROM customers WHERE id = customer) y"}}}"#,
    r#"{"views":{"v":{"query":"SELECT id FROM orders UNION SELECT 1 AS other ORDER BY id"}}}"#,
    r#"{"views":{"v":{"query":"SELECT o.id, row_to_json(o) AS whole, o.xmin::text AS x FROM (orders o JOIN customers c ON c.id = customer) WHERE false"}}}"#,
    r#"{"types":{"anyway":{"enum":{"values":["a"]}}},"functions":{"conv":{"arguments":[{"type":"text"}],"returns":"anyway","language":"plpgsql","body":"BEGIN RETURN 'a'; END"}},"objects":{"cast (text as anyway)":{"create":"CREATE CAST (text AS public.anyway) WITH FUNCTION public.conv(text)"}}}"#,
    r#"{"functions":{"touch":{"arguments":[{"type":"integer"}],"returns":"integer","language":"sql","body":"SELECT $1"},"touch_2":{"name":"touch","returns":"trigger","language":"plpgsql","body":"BEGIN RETURN NEW; END"}},"tables":{"orders":{"triggers":{"t":{"timing":"before","events":["insert"],"function":"touch"}}}}}"#,
    r#"{"schemas":{"Audit":{}},"functions":{"f":{"returns":"integer","language":"sql","body":"SELECT 1","security_definer":true,"settings":{"search_path":"\"Audit\", pg_temp"}}}}"#,
    r#"{"tables":{"orders":{"columns":{"key":{"type":"uuid","default":"'{00000000000000000000000000000000}'"}}}}}"#,
];

/// Adds the fields of a value to a different value.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Returns the findings about a definition, and the error of the server.
fn judged(session: &mut Session, definition: Value) -> (Vec<String>, Option<String>) {
    let text = definition.to_string();
    let schema: Schema = serde_json::from_value(definition).unwrap_or_else(|error| panic!("{error}: {text}"));
    let (schema, findings) = nself::database::complete(schema, &FieldPath::root());
    session.reset();
    let errors = findings.into_iter().filter(Diagnostic::is_error).map(|finding| finding.message).collect();
    // The server has no order for objects that need each other.
    match plan(&Schema::default(), &schema, &FieldPath::root()) {
        Ok(groups) => (errors, run_up(session, &groups).err()),
        Err(found) => (errors, found.into_iter().next().map(|finding| finding.message)),
    }
}

/// Compares the findings about definitions with the judgement of the server. Each refused one has one finding.
pub fn compare(refused: impl Iterator<Item = String>, accepted: impl Iterator<Item = String>) {
    compare_on(Version::chosen(), refused, accepted);
}

/// Does the same as [`compare`] with a server of this version.
pub fn compare_on(version: Version, refused: impl Iterator<Item = String>, accepted: impl Iterator<Item = String>) {
    let Some(server) = Server::start(version) else { return };
    server.database("ours");
    let mut session = server.session("owner", "ours");
    let mut wrong = Vec::new();
    let cases = refused.map(|case| (case, 1)).chain(accepted.map(|case| (case, 0)));
    for (case, expected) in cases {
        let mut definition = base();
        merge(&mut definition, serde_json::from_str(&case).unwrap_or_else(|error| panic!("{case}: {error}")));
        let (findings, error) = judged(&mut session, definition);
        if findings.len() != expected || error.is_some() != (expected == 1) {
            wrong.push(format!("{case}\n  findings: {findings:?}\n  server: {error:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Checks that definitions have findings if and only if the server refuses them.
pub fn compare_all(definitions: impl Iterator<Item = Value>) {
    let Some(server) = Server::start(Version::chosen()) else { return };
    server.database("ours");
    let mut session = server.session("owner", "ours");
    let mut wrong = Vec::new();
    for definition in definitions {
        let (findings, error) = judged(&mut session, definition.clone());
        if findings.is_empty() != error.is_none() {
            wrong.push(format!("{definition}\n  findings: {findings:?}\n  server: {error:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn findings_and_the_server_agree() {
    compare(REFUSED.iter().map(ToString::to_string), ACCEPTED.iter().map(ToString::to_string));
}

/// Every pair of these types is the key of a table and the column that refers to it.
#[test]
fn foreign_keys_are_judged_as_the_server_does() {
    const TYPES: [&str; 19] = [
        "smallint",
        "integer",
        "bigint",
        "numeric",
        "real",
        "double precision",
        "text",
        "varchar(9)",
        "char(3)",
        "date",
        "timestamp",
        "timestamptz",
        "time",
        "timetz",
        "uuid",
        "boolean",
        "bytea",
        "inet",
        "jsonb",
    ];
    let Some(server) = Server::start(Version::chosen()) else { return };
    server.database("ours");
    let mut session = server.session("owner", "ours");
    for to in TYPES {
        for from in TYPES {
            let key = json!({ "columns": ["k"], "references": { "table": "a", "columns": ["k"] } });
            let definition = json!({ "tables": {
                "a": { "columns": { "k": { "type": to } }, "primary_key": ["k"] },
                "b": { "columns": { "k": { "type": from } }, "foreign_keys": { "f": key } },
            }});
            let (findings, error) = judged(&mut session, definition);
            assert_eq!(findings.is_empty(), error.is_none(), "{from} → {to}: {findings:?} {error:?}");
        }
    }
}

/// The hint about a default of an array is a default that the server accepts.
#[test]
fn suggested_defaults_of_arrays_run() {
    let Some(server) = Server::start(Version::chosen()) else { return };
    server.database("ours");
    let mut session = server.session("owner", "ours");
    let elements = [
        "text",
        "varchar(40)",
        "integer",
        "numeric(9,2)",
        "boolean",
        "date",
        "timestamp",
        "timestamptz",
        "uuid",
        "jsonb",
    ];
    let defaults =
        ["now()", "CURRENT_DATE", "gen_random_uuid()", "5", "true", "'it''s'", "lower('X')", "1 + 2", "'x'::varchar"];
    for (element, default) in elements.iter().flat_map(|element| defaults.map(|default| (element, default))) {
        let definition = |default: &str| json!({ "tables": { "t": { "columns": { "c": { "type": format!("{element}[]"), "default": default } } } } });
        let schema: Schema = serde_json::from_value(definition(default)).unwrap();
        let (_, findings) = nself::database::complete(schema, &FieldPath::root());
        let [finding] = findings.as_slice() else { panic!("{element} {default}: {findings:#?}") };
        let hint = finding.hint.split_once("`default = \"").unwrap().1.split_once("\"`").unwrap().0;
        let (findings, error) = judged(&mut session, definition(&hint.replace("\\\"", "\"")));
        assert!(findings.is_empty() && error.is_none(), "{element} {default}: {hint}: {findings:?} {error:?}");
    }
}

#[test]
fn modifiers_of_types_are_judged_as_the_server_does() {
    let Some(server) = Server::start(Version::chosen()) else { return };
    server.database("ours");
    let mut session = server.session("owner", "ours");
    for name in
        ["varchar", "char", "numeric", "bit", "varbit", "timestamptz", "time", "interval", "text", "integer", "uuid"]
    {
        for modifiers in
            ["", "(0)", "(1)", "(6)", "(-1)", "(1,2)", "(3,-2)", "(1,1001)", "(1001)", "(10485761)", "(1,2,3)"]
        {
            // The server reduces a precision of a time that is too high, and nself refuses it.
            let is_reduced = name.contains("time") || name == "interval";
            if is_reduced && ["(1001)", "(10485761)"].contains(&modifiers) {
                continue;
            }
            let kind = format!("{name}{modifiers}");
            session.reset();
            let error = session.try_run(&format!("CREATE TABLE t (c {kind});")).err();
            assert_eq!(TypeName::new(&kind).is_ok(), error.is_none(), "{kind}: {error:?}");
        }
    }
}
