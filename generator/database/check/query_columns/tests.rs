//! Tests of queries that mention columns which their tables do not have.

use serde_json::json;

use super::*;
use crate::values::Checked;

/// Returns the names that the faults of a query mention.
fn names(query: &str) -> String {
    let column = || json!({ "type": "bigint" });
    let schema: Schema = serde_json::from_value(json!({ "tables": {
        "orders": { "columns": { "id": column(), "total": column(), "customer_id": column() } },
        "shop.customers": { "columns": { "id": column(), "name": column() } },
    }, "functions": {
        "label": { "arguments": [{ "type": "orders" }], "returns": "text", "language": "sql", "body": "SELECT 'x'" },
    }}))
    .unwrap();
    let name = ObjectName::new("find").unwrap();
    let function: Function = serde_json::from_value(json!({
            "arguments": [{ "name": "wanted", "type": "bigint" }], "returns": "bigint", "language": "sql", "body": "SELECT 1",
        }))
        .unwrap();
    let query_faults = faults(&schema, query, Some((&name, &function)));
    let names = query_faults.iter().filter_map(|(message, _)| message.split('`').nth(1));
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn names_that_no_table_has_are_found() {
    for (query, expected) in [
        ("SELECT nope, id FROM orders WHERE totl > 0", "nope totl"),
        ("SELECT o.nope FROM orders o", "nope"),
        ("SELECT orders.id FROM orders o", "orders.id"),
        ("SELECT id FROM orders UNION SELECT b FROM orders ORDER BY x", "b"),
        ("SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM shop.customers c WHERE c.id = custmer_id)", "custmer_id"),
        ("SELECT x FROM orders JOIN shop.customers c ON c.id = customer_id AND y", "x y"),
        ("INSERT INTO orders (id, nope) VALUES (1, 2)", "nope"),
        ("UPDATE orders SET nope = 1, id = wrong WHERE total = 2", "nope wrong"),
        ("DELETE FROM orders WHERE nope", "nope"),
        ("SELECT nope", "nope"),
        ("SELECT id FROM orders; SELECT nope FROM orders", "nope"),
        ("SELECT a, b, id, total FROM orders AS t (a, b)", "id"),
        ("SELECT t.customer_id FROM orders t (a, b, c)", "customer_id"),
        ("SELECT a FROM orders AS t (a, b, c, d)", "orders"),
        ("SELECT o.id FROM orders AS t (a), orders o WHERE t.customer_id = 1", "customer_id"),
    ] {
        assert_eq!(names(query), expected, "{query}");
    }
}

#[test]
fn names_of_other_sources_are_accepted() {
    for query in [
        "SELECT id AS x, count(*) AS n FROM orders GROUP BY x ORDER BY n DESC, total",
        "SELECT o.id, o.label, o.ctid, o, xmin FROM orders o",
        "SELECT x FROM orders, unnest(ARRAY[1]) AS u (x)",
        "SELECT x FROM unknown_table",
        "WITH orders AS (SELECT 1 AS x) SELECT x, orders.y FROM orders",
        "WITH RECURSIVE r AS (SELECT id FROM orders UNION ALL SELECT r.id FROM r WHERE other) SELECT z FROM r",
        "SELECT s.q, q FROM (SELECT id AS q FROM orders) s",
        "SELECT id FROM orders WHERE id = wanted AND find.wanted = 1 AND total > $1",
        "SELECT public.orders.nope FROM orders",
        "SELECT (wanted).x, wanted.y FROM orders",
        "SELECT extract(year FROM current_date), id::my_type, CAST(id AS numeric(3)) FROM orders",
        "SELECT a, t.b, total FROM orders AS t (a, b)",
        "SELECT id, \"A\", t.id, ctid FROM orders AS t (\"A\"), (SELECT 1 AS id) s",
        "SELECT a, b FROM (SELECT id, total FROM orders) AS t (a, b)",
        "SELECT a, b FROM orders JOIN shop.customers c (a, b) ON a = orders.id",
        "SELECT id FROM orders, LATERAL (SELECT total AS t2 FROM shop.customers WHERE name = customer_id) l",
        "SELECT sum(id) OVER w FROM orders WINDOW w AS (PARTITION BY total)",
        "INSERT INTO orders AS o (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET total = excluded.total RETURNING o.id",
        "UPDATE orders o SET total = c.name FROM shop.customers c WHERE c.id = o.customer_id",
        "DELETE FROM orders USING shop.customers c WHERE c.id = customer_id",
        "SELECT id FROM orders ORDER BY id FOR UPDATE OF orders",
        "SELECT row_to_json(orders) FROM (orders JOIN shop.customers c ON c.id = customer_id)",
        "SELECT EXTRACT(epoch FROM x) FROM generate_series(1, 2) x",
        "SELECT make_interval(days => 3), DATE '2020-01-01' FROM orders",
    ] {
        assert_eq!(names(query), "", "{query}");
    }
}
