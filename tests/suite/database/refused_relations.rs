//! Views, tables, types and sequences that the server refuses have findings, and similar ones that it accepts have none.

use serde_json::{Value, json};

use super::refused_definitions::{compare, compare_on};
use super::server::Version;

/// The fields of a view that the server refuses.
const REFUSED_VIEWS: &[&str] = &[
    r#""query":"SELECT 1 AS a, 2 AS a""#,
    r#""query":"SELECT 1, 2""#,
    r#""query":"SELECT true, 'x'""#,
    r#""query":"SELECT lower(note), lower(name) FROM orders, customers""#,
    r#""query":"SELECT o.id, c.id FROM orders o, customers c""#,
    r#""query":"SELECT 1 AS a, 2 AS b","columns":["b"]"#,
    r#""query":"SELECT 1 AS a, 2 AS b","columns":["x","x"]"#,
    r#""query":"SELECT 1 AS a","columns":["a","b"]"#,
    r#""query":"SELECT 1 AS a","columns":["a","b"],"materialized":true"#,
    r#""query":"SELECT id AS ctid FROM orders","materialized":true"#,
    r#""query":"SELECT id FROM orders","materialized":true,"indexes":{"i":{"columns":[{"column":"nope"}]}}"#,
    r#""query":"SELECT id FROM orders","materialized":true,"indexes":{"i":{"columns":[{"column":"id"}],"include":["nope"]}}"#,
    r#""query":"SELECT id FROM orders","materialized":true,"indexes":{"i":{"columns":[{"expression":"lower(nope)"}]}}"#,
    r#""query":"SELECT id FROM orders","materialized":true,"indexes":{"i":{"columns":[{"column":"id"}],"where":"nope > 1"}}"#,
    r#""query":"SELECT id, note FROM orders","materialized":true,"indexes":{"i":{"columns":[{"column":"id"},{"column":"note"}],"using":"hash"}}"#,
    r#""query":"SELECT id FROM orders","column_defaults":{"nope":"1"}"#,
    r#""query":"SELECT id FROM orders","column_comments":{"nope":"x"}"#,
    r#""query":"SELECT id FROM orders","column_grants":{"nope":{"reader":["select"]}}"#,
    r#""query":"SELECT id FROM orders WHERE note = $1""#,
    r#""query":"SELECT c.name FROM customers AS c (k, n)""#,
    r#""query":"SELECT k, id FROM customers AS c (k)""#,
    r#""query":"SELECT a FROM customers AS c (a, b, d)""#,
    r#""query":"WITH d AS (DELETE FROM orders RETURNING id) SELECT id FROM d""#,
    r#""query":"SELECT id FROM (WITH d AS (DELETE FROM orders RETURNING id) SELECT id FROM d) x""#,
    r#""query":"SELECT id FROM orders UNION SELECT id, note FROM orders""#,
    r#""query":"SELECT id FROM orders EXCEPT VALUES (1, 2)""#,
    r#""query":"(SELECT id FROM orders) INTERSECT (SELECT id, note FROM orders)""#,
    r#""query":"VALUES (1, 2), (3)""#,
    r#""query":"SELECT id, count(note) FROM orders""#,
    r#""query":"SELECT o.id + 1 AS n, max(total) FROM orders o HAVING count(*) > 1""#,
    r#""query":"SELECT id FROM orders WHERE count(*) > 1""#,
    r#""query":"SELECT count(id) AS n FROM orders","check_option":"local""#,
    r#""query":"SELECT DISTINCT id FROM orders","check_option":"cascaded""#,
    r#""query":"SELECT id FROM orders GROUP BY id","check_option":"local""#,
    r#""query":"SELECT id FROM orders LIMIT 1","check_option":"local""#,
    r#""query":"SELECT id FROM orders UNION SELECT id FROM orders","check_option":"local""#,
    r#""query":"WITH x AS (SELECT 1) SELECT id FROM orders","check_option":"local""#,
    r#""query":"SELECT orders.id FROM orders JOIN customers c ON c.id = customer","check_option":"local""#,
    r#""query":"SELECT id FROM (SELECT id FROM orders) x","check_option":"local""#,
    r#""query":"SELECT id + 1 AS n, lower(note) AS m FROM orders","check_option":"local""#,
    r#""query":"SELECT id, row_number() OVER () AS n FROM orders","check_option":"local""#,
    r#""query":"SELECT id, generate_series(1, 2) AS n FROM orders","check_option":"local""#,
    r#""query":"SELECT id FROM orders TABLESAMPLE SYSTEM (1)","check_option":"local""#,
    r#""query":"SELECT 1 AS x","check_option":"local""#,
];

const ACCEPTED_VIEWS: &[&str] = &[
    r#""query":"SELECT 1 AS a, 2 AS a","columns":["x","y"]"#,
    r#""query":"SELECT 1 AS a, 2 AS a","columns":["x"]"#,
    r#""query":"VALUES (1, 2)","column_comments":{"column1":"x","column2":"y"}"#,
    r#""query":"SELECT id AS ctid, xmin::text, tableoid FROM orders""#,
    r#""query":"SELECT FROM orders""#,
    r#""query":"SELECT c.k, n, o.id FROM customers AS c (k, n), orders o WHERE c.k = o.customer""#,
    r#""query":"SELECT k, name FROM customers c (k)""#,
    r#""query":"SELECT a, b FROM (SELECT id, note FROM orders) AS o (a, b)""#,
    r#""query":"SELECT id FROM orders WHERE note = '$1'""#,
    r#""query":"SELECT id, note FROM orders","columns":["k"],"materialized":true,"indexes":{"i":{"columns":[{"column":"k"},{"expression":"lower(note)"}],"where":"v.k > 1"}}"#,
    r#""query":"SELECT id FROM orders UNION (SELECT total FROM orders) ORDER BY id""#,
    r#""query":"SELECT note, count(*) AS n FROM orders GROUP BY id""#,
    r#""query":"SELECT count(*) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY id) AS m, bit_xor(id) AS x FROM orders""#,
    r#""query":"SELECT lower(note) AS n, count(*) AS m FROM orders GROUP BY 1""#,
    r#""query":"SELECT count(*) AS n, (SELECT max(c.name) FROM customers c) AS m, max(id) + 1 AS o FROM orders HAVING max(id) > 1""#,
    r#""query":"SELECT id, rank() OVER (ORDER BY total) AS r, count(*) FILTER (WHERE paid) OVER (PARTITION BY note) AS c FROM orders""#,
    r#""query":"SELECT id, (SELECT count(*) FROM customers) AS n FROM orders","check_option":"local""#,
    r#""query":"SELECT id, lower(note) AS n FROM orders WHERE id IN (SELECT max(id) FROM orders GROUP BY note) ORDER BY id FOR UPDATE","check_option":"local""#,
];

/// Expressions, each with the name of its column.
const NAMES: &[(&str, &str)] = &[
    ("id", "id"),
    ("o.note", "note"),
    ("Note", "note"),
    ("id AS \"Key\"", "Key"),
    ("id key", "key"),
    ("1", "?column?"),
    ("-1", "?column?"),
    ("'x'", "?column?"),
    ("NULL", "?column?"),
    ("true", "?column?"),
    ("id + 1", "?column?"),
    ("NOT paid", "?column?"),
    ("note IS NULL", "?column?"),
    ("note LIKE 'x'", "?column?"),
    ("id IN (1, 2)", "?column?"),
    ("id BETWEEN 1 AND 2", "?column?"),
    ("(id)", "id"),
    ("id::text", "id"),
    ("CAST(note AS varchar(3))", "note"),
    ("'1'::integer", "int4"),
    ("'1'::bigint", "int8"),
    ("'x'::varchar(3)", "varchar"),
    ("'new'::order_state", "order_state"),
    ("date '2026-01-01'", "date"),
    ("interval '1 day'", "interval"),
    ("timestamptz '2026-01-01'", "timestamptz"),
    ("'{}'::text[]", "text"),
    ("lower(note)", "lower"),
    ("pg_catalog.lower(note)", "lower"),
    ("count(*) OVER ()", "count"),
    ("coalesce(note, 'x')", "coalesce"),
    ("nullif(note, 'x')", "nullif"),
    ("greatest(id, 1)", "greatest"),
    ("CURRENT_DATE", "current_date"),
    ("CURRENT_TIMESTAMP", "current_timestamp"),
    ("CURRENT_USER", "current_user"),
    ("CASE WHEN paid THEN 1 ELSE 2 END", "case"),
    ("CASE WHEN paid THEN 1 ELSE id END", "id"),
    ("ARRAY[id]", "array"),
    ("ARRAY(SELECT 1)", "array"),
    ("ROW(id, 1)::text", "row"),
    ("EXISTS (SELECT 1)", "exists"),
    ("(SELECT max(name) FROM customers)", "max"),
    ("(SELECT 1 AS q)", "q"),
    ("extract(year FROM created)", "extract"),
    ("substring(note FROM 1 FOR 2)", "substring"),
    ("position('a' IN note)", "position"),
    ("trim(note)", "btrim"),
    ("overlay(note PLACING 'x' FROM 1)", "overlay"),
    ("created AT TIME ZONE 'utc'", "timezone"),
    ("note COLLATE \"C\"", "note"),
    ("(ARRAY[1, 2])[1]", "array"),
    ("(o).total", "total"),
];

/// Definitions of tables, types and sequences that the server refuses.
const REFUSED: &[&str] = &[
    // Columns and keys.
    r#"{"tables":{"orders":{"columns":{"ctid":{"type":"text"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"tableoid":{"type":"text"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"x":{"type":"void"}}}}}"#,
    r#"{"tables":{"orders":{"uniques":{"u":{"columns":["note","note"]}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"integer"}},"primary_key":["a","a"]}}}"#,
    r#"{"tables":{"orders":{"columns":{"j":{"type":"json"}},"uniques":{"u":{"columns":["j"]}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"point"}},"primary_key":["a"]}}}"#,
    r#"{"types":{"d":{"domain":{"type":"json"}}},"tables":{"orders":{"columns":{"j":{"type":"d"}},"uniques":{"u":{"columns":["j"]}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"a":{"type":"integer"}},"foreign_keys":{"f":{"columns":["id","a"],"references":{"table":"orders","columns":["id","id"]}}}}}}"#,
    // Indexes.
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"note"},{"column":"id"}],"using":"hash"}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"note"}],"using":"hash","include":["id"]}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"note"}],"using":"brin","include":["id"]}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"j":{"type":"jsonb"}},"indexes":{"i":{"columns":[{"column":"j"}],"using":"gin","include":["id"]}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"p":{"type":"point"},"q":{"type":"point"}},"indexes":{"i":{"columns":[{"column":"p"},{"column":"q"}],"using":"spgist"}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"note"}],"using":"gin"}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"id"}],"using":"gist"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"x":{"type":"xml"}},"indexes":{"i":{"columns":[{"column":"x"}]}}}}}"#,
    r#"{"tables":{"orders":{"excludes":{"x":{"elements":[{"expression":"id","with":"&&"}],"using":"gist"}}}}}"#,
    // Partitions.
    r#"{"tables":{"x":{"columns":{"a":{"type":"integer"},"b":{"type":"integer"}},"partition_by":{"strategy":"list","columns":["a","b"]}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"date"}},"partition_by":{"strategy":"range","columns":["a"]},"partitions":{"p":{"range":{"from":["'2026-01-01'"],"to":["'2026-03-01'"]}},"q":{"range":{"from":["'2026-02-01'"],"to":["MAXVALUE"]}}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"integer"}},"partition_by":{"strategy":"range","columns":["a"]},"partitions":{"p":{"range":{"from":["10"],"to":["9"]}}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"text"}},"partition_by":{"strategy":"list","columns":["a"]},"partitions":{"p":{"in":["'a'","'b'"]},"q":{"in":["'a'"]}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"text"}},"partition_by":{"strategy":"list","columns":["a"]},"partitions":{"p":"default","q":"default"}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"bigint"}},"partition_by":{"strategy":"hash","columns":["a"]},"partitions":{"p":{"hash":{"modulus":2,"remainder":0}},"q":{"hash":{"modulus":4,"remainder":2}}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"bigint"}},"partition_by":{"strategy":"hash","columns":["a"]},"partitions":{"p":{"hash":{"modulus":2,"remainder":0}},"q":{"hash":{"modulus":3,"remainder":1}}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"json"}},"partition_by":{"strategy":"range","columns":["a"]}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"integer"}},"partition_by":{"strategy":"range","columns":["a"]},"partitions":{"p":{"range":{"from":["1"],"to":["2147483648"]}}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"smallint"}},"partition_by":{"strategy":"list","columns":["a"]},"partitions":{"p":{"in":["'-32769'"]}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"date"}},"partition_by":{"strategy":"list","columns":["a"]},"partitions":{"p":{"in":["'2025-02-29'"]}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"timestamptz"}},"partition_by":{"strategy":"list","columns":["a"]},"partitions":{"p":{"in":["'2026-13-01 10:00'"]}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"money"}},"partition_by":{"strategy":"hash","columns":["a"]}}}}"#,
    // Expressions.
    r#"{"tables":{"orders":{"checks":{"c":"id > $1"}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"text","checks":{"c":"VALU > 'a'"}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"text","checks":{"c":"\"VALUE\" > 'a'"}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"text","checks":{"c":"VALUE"}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"text","checks":{"c":"length(VALUE)"}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"text","checks":{"c":"(SELECT true)"}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"text","checks":{"c":"max(VALUE) > 'x'"}}}}}"#,
    r#"{"types":{"p":{"composite":{"attributes":[{"name":"x","type":"integer"}]}},"q":{"domain":{"type":"p","checks":{"c":"VALUE.x > 0"}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"integer","default":"'x'"}}}}"#,
    // Types.
    r#"{"types":{"c":{"composite":{"attributes":[{"name":"x","type":"c"}]}}}}"#,
    r#"{"types":{"c":{"composite":{"attributes":[{"name":"x","type":"c[]"}]}}}}"#,
    r#"{"types":{"c":{"composite":{"attributes":[{"name":"x","type":"e"}]}},"e":{"composite":{"attributes":[{"name":"x","type":"c"}]}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"d"}}}}"#,
    r#"{"tables":{"orders":{"columns":{"x":{"type":"orders"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"x":{"type":"customers"}}},"customers":{"columns":{"x":{"type":"orders"}}}}}"#,
    r#"{"types":{"c":{"composite":{"attributes":[{"name":"x","type":"text"},{"name":"x","type":"text"}]}}}}"#,
    r#"{"types":{"c":{"composite":{"attributes":[{"name":"x","type":"trigger"}]}}}}"#,
    r#"{"types":{"r":{"range":{"subtype":"json"}}}}"#,
    r#"{"types":{"r":{"range":{"subtype":"point"}}}}"#,
    r#"{"types":{"r":{"range":{"subtype":"void"}}}}"#,
    // Sequences.
    r#"{"sequences":{"s":{"min":5,"start":1}}}"#,
    r#"{"sequences":{"s":{"max":5,"start":6}}}"#,
    r#"{"sequences":{"s":{"min":5,"max":5}}}"#,
    r#"{"sequences":{"s":{"max":0}}}"#,
    r#"{"sequences":{"s":{"kind":"smallint","max":40000}}}"#,
    r#"{"sequences":{"s":{"kind":"smallint","start":40000}}}"#,
    r#"{"sequences":{"s":{"increment":-1,"start":1}}}"#,
    r#"{"tables":{"orders":{"columns":{"n":{"type":"smallint","identity":"always","identity_options":{"start":40000}}}}}}"#,
];

const ACCEPTED: &[&str] = &[
    r#"{"tables":{"orders":{"columns":{"oid":{"type":"text"},"XMIN":{"type":"text"}}}}}"#,
    r#"{"tables":{"orders":{"uniques":{"u":{"columns":["id"],"include":["id","note","note"]}},"indexes":{"i":{"columns":[{"column":"id"},{"column":"id"}]}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"j":{"type":"json[]"},"k":{"type":"customers"},"l":{"type":"order_state"}},"uniques":{"u":{"columns":["j","k","l"]}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"x":{"type":"xid"}},"indexes":{"i":{"columns":[{"column":"x"}],"using":"hash"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"p":{"type":"point"}},"indexes":{"i":{"columns":[{"column":"p"}],"using":"gist","include":["id"]}}}}}"#,
    r#"{"tables":{"orders":{"indexes":{"i":{"columns":[{"column":"note","opclass":"text_pattern_ops"}]},"j":{"columns":[{"column":"note"},{"column":"id"}],"using":"brin"}}}}}"#,
    r#"{"tables":{"orders":{"columns":{"r":{"type":"daterange"}},"excludes":{"x":{"elements":[{"expression":"r","with":"&&"}],"using":"gist"},"y":{"elements":[{"expression":"id","with":"="}],"using":"btree"}}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"integer"}},"partition_by":{"strategy":"range","columns":["a","a"]}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"timestamptz"},"b":{"type":"text"}},"partition_by":{"strategy":"range","columns":["a","b"]},"partitions":{"p":{"range":{"from":["MINVALUE","MINVALUE"],"to":["'2026-02-01'","'k'"]}},"q":{"range":{"from":["'2026-02-01 00:00'","'m'"],"to":["MAXVALUE","MAXVALUE"]}},"r":"default"}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"text","nullable":true}},"partition_by":{"strategy":"list","columns":["a"]},"partitions":{"p":{"in":["'a'","NULL","'a'"]},"q":{"in":["'A'"]}}},"y":{"columns":{"a":{"type":"bigint"}},"partition_by":{"strategy":"hash","columns":["a"]},"partitions":{"py":{"hash":{"modulus":2,"remainder":0}},"qy":{"hash":{"modulus":4,"remainder":3}}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"text","checks":{"a":"value > 'a'","b":"\"value\" <> CURRENT_USER","c":"true","e":"length(VALUE) > 0 AND now() > '2000-01-01'"}}}}}"#,
    r#"{"types":{"d":{"domain":{"type":"boolean","checks":{"c":"VALUE"}}}}}"#,
    r#"{"types":{"p":{"composite":{"attributes":[{"name":"x","type":"integer"}]}},"q":{"domain":{"type":"p","checks":{"c":"(VALUE).x > 0 AND pg_catalog.abs((VALUE).x) > 0"}}}}}"#,
    r#"{"types":{"c":{"composite":{"attributes":[{"name":"ctid","type":"text"}]}},"e":{"composite":{"attributes":[{"name":"x","type":"c[]"},{"name":"y","type":"c"}]}}}}"#,
    r#"{"types":{"r":{"range":{"subtype":"text[]"}},"s":{"range":{"subtype":"order_state"}},"u":{"range":{"subtype":"tsvector"}}}}"#,
    r#"{"tables":{"x":{"columns":{"a":{"type":"date"},"b":{"type":"bigint"}},"partition_by":{"strategy":"range","columns":["a","b"]},"partitions":{"p":{"range":{"from":["'2024-02-29'","'-9223372036854775808'"],"to":["'infinity'","9223372036854775807"]}}}}}}"#,
    r#"{"sequences":{"s":{"increment":-1,"max":10,"min":1},"t":{"increment":100,"max":10},"u":{"kind":"smallint","increment":40000,"cache":100000},"v":{"min":5}}}"#,
    r#"{"tables":{"orders":{"columns":{"n":{"type":"integer","identity":"always","identity_options":{"min":10}}}}}}"#,
];

/// The fields of a table with the virtual column `v` that PostgreSQL 18 refuses.
const REFUSED_WITH_VIRTUAL: &[&str] = &[
    r#""primary_key":["v"]"#,
    r#""primary_key":["id"],"primary_key_include":["v"]"#,
    r#""uniques":{"u":{"columns":["v"]}}"#,
    r#""uniques":{"u":{"columns":["id"],"include":["v"]}}"#,
    r#""foreign_keys":{"f":{"columns":["v"],"references":{"table":"orders","columns":["id"]}}}"#,
    r#""indexes":{"i":{"columns":[{"column":"v"}]}}"#,
    r#""indexes":{"i":{"columns":[{"expression":"v + 1"}]}}"#,
    r#""indexes":{"i":{"columns":[{"column":"id"}],"include":["v"]}}"#,
    r#""indexes":{"i":{"columns":[{"column":"id"}],"where":"v > 1"}}"#,
    r#""excludes":{"e":{"elements":[{"expression":"v","with":"="}],"using":"btree"}}"#,
    r#""partition_by":{"strategy":"range","columns":["v"]}"#,
    r#""partition_by":{"strategy":"range","columns":["s"]}"#,
    r#""columns":{"w":{"type":"whole","generated":"id","virtual":true}}"#,
];

const ACCEPTED_WITH_VIRTUAL: &[&str] = &[
    r#""checks":{"c":"v > 1"}"#,
    r#""indexes":{"i":{"columns":[{"column":"s"},{"expression":"length('v')"}]}}"#,
    r#""uniques":{"u":{"columns":["s"]}},"foreign_keys":{"f":{"columns":["s"],"references":{"table":"orders","columns":["id"]}}}"#,
    r#""policies":{"p":{"using":"v > 1"}},"row_security":"on""#,
    r#""columns":{"w":{"type":"whole","generated":"id"}}"#,
];

#[test]
fn virtual_columns_are_judged_as_the_server_does() {
    let definition = |fields: &&str| {
        let mut definition: Value = serde_json::from_str(&format!("{{\"tables\":{{\"x\":{{{fields}}}}}}}")).unwrap();
        let columns = &mut definition["tables"]["x"]["columns"];
        columns["id"] = json!({ "type": "bigint" });
        columns["v"] = json!({ "type": "bigint", "generated": "id * 2", "virtual": true });
        columns["s"] = json!({ "type": "bigint", "generated": "id * 3" });
        definition["types"] = json!({ "whole": { "domain": { "type": "bigint" } } });
        definition.to_string()
    };
    let (refused, accepted) = (REFUSED_WITH_VIRTUAL.iter(), ACCEPTED_WITH_VIRTUAL.iter());
    compare_on(Version::V18, refused.map(definition), accepted.map(definition));
}

#[test]
fn views_are_judged_as_the_server_does() {
    let definition = |fields: &&str| format!("{{\"views\":{{\"v\":{{{fields}}}}}}}");
    compare(REFUSED_VIEWS.iter().map(definition), ACCEPTED_VIEWS.iter().map(definition));
}

/// A comment of a column shows the name that the server gives it.
#[test]
fn columns_of_views_have_the_names_that_the_server_gives_them() {
    let definition = |expression: &str, name: &str| {
        let view = serde_json::json!({ "query": format!("SELECT {expression} FROM orders o"), "column_comments": { name: "x" } });
        serde_json::json!({ "views": { "v": view } }).to_string()
    };
    let accepted = NAMES.iter().map(|(expression, name)| definition(expression, name));
    compare(NAMES.iter().map(|(expression, _)| definition(expression, "nope")), accepted);
}

#[test]
fn tables_types_and_sequences_are_judged_as_the_server_does() {
    compare(REFUSED.iter().map(ToString::to_string), ACCEPTED.iter().map(ToString::to_string));
}

/// Every built-in type with each method: nself refuses exactly the types that the server refuses.
#[test]
fn types_of_indexes_are_judged_as_the_server_does() {
    use nself::database::model::{BUILT_IN_TYPES, PSEUDO_TYPES};
    let types = BUILT_IN_TYPES.iter().filter(|name| !PSEUDO_TYPES.contains(name) && !name.starts_with("interval "));
    let types: Vec<String> = types.flat_map(|name| [(*name).to_owned(), format!("{name}[]")]).collect();
    super::refused_definitions::compare_all(types.iter().flat_map(|kind| {
        ["btree", "hash", "gin", "gist", "spgist", "brin"].map(|method| {
            serde_json::json!({ "tables": { "x": {
                "columns": { "c": { "type": kind } },
                "indexes": { "i": { "columns": [{ "column": "c" }], "using": method } },
            }}})
        })
    }));
}
