//! Texts with the names of renamed objects: a check, a default and a function that change in the same migration as the name,
//! and their reversal while the objects still have the new names.

use nself::database::model::{Schema, SqlName, UserType};
use nself::values::Checked;

use super::pairs::{Change, check_all};
use super::server::Version;

const CHANGES: [Change; 6] = [
    Change {
        name: "a type in CAST, in a check that stays and one that changes",
        before: "CREATE TYPE status AS ENUM ('new', 'done');
            CREATE TABLE orders (kind text, CONSTRAINT stays CHECK (CAST(kind AS status) IS NOT NULL), CONSTRAINT changes CHECK (CAST(lower(kind) AS status) <> 'done'));
            INSERT INTO orders VALUES ('new');",
        after: "CREATE TYPE state AS ENUM ('new', 'done');
            CREATE TABLE orders (kind text, CONSTRAINT stays CHECK (CAST(kind AS state) IS NOT NULL), CONSTRAINT changes CHECK (CAST(lower(kind) AS state) = 'new'));",
        hint: rename_type,
    },
    Change {
        name: "a type in the body of a function and in a view",
        before: "CREATE TYPE status AS ENUM ('new', 'done');
            CREATE FUNCTION is_done(word text) RETURNS boolean LANGUAGE sql AS $$SELECT CAST(word AS status) = 'done'::status$$;
            CREATE VIEW done AS SELECT CAST('done' AS status) AS a;",
        after: "CREATE TYPE state AS ENUM ('new', 'done');
            CREATE FUNCTION is_done(word text) RETURNS boolean LANGUAGE sql AS $$SELECT CAST(word AS state) = 'done'::state$$;
            CREATE VIEW done AS SELECT CAST('done' AS state) AS a;",
        hint: rename_type,
    },
    Change {
        name: "a type in a default that changes",
        before: "CREATE TYPE status AS ENUM ('new', 'done'); CREATE TABLE orders (a status DEFAULT CAST('new' AS status), b status[] DEFAULT ARRAY['new']::status[]);
            INSERT INTO orders DEFAULT VALUES;",
        after: "CREATE TYPE state AS ENUM ('new', 'done'); CREATE TABLE orders (a state DEFAULT CAST('done' AS state), b state[] DEFAULT ARRAY['done']::state[]);",
        hint: rename_type,
    },
    Change {
        name: "a table in the body of a function",
        before: "CREATE TABLE orders (id integer, total integer);
            CREATE FUNCTION count_orders() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM orders WHERE total > 0$$;
            INSERT INTO orders VALUES (1, 2);",
        after: "CREATE TABLE sales (id integer, amount integer);
            CREATE FUNCTION count_orders() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM sales WHERE amount > 0$$;",
        hint: |schema| {
            rename_table(schema);
            let column = schema.tables.get_mut("sales").unwrap().columns.get_mut("amount").unwrap();
            column.renamed_from = Some(SqlName::wrap("total".into()));
        },
    },
    Change {
        name: "a table as an object in defaults",
        before: "CREATE TABLE orders (id integer); CREATE TABLE log (a regclass DEFAULT 'orders'::regclass, b oid DEFAULT CAST('orders' AS regclass), c regclass DEFAULT 'log'::regclass);
            INSERT INTO log DEFAULT VALUES;",
        after: "CREATE TABLE sales (id integer); CREATE TABLE log (a regclass DEFAULT 'sales'::regclass, b oid DEFAULT CAST('sales' AS regclass), c regclass DEFAULT 'sales'::regclass);",
        hint: rename_table,
    },
    Change {
        name: "a table whose row is the type of a check",
        before: "CREATE TABLE orders (id integer); CREATE TABLE log (a text, CONSTRAINT k CHECK ((CAST(a AS orders)).id > 0), CONSTRAINT m CHECK ((a::orders).id > 0));",
        after: "CREATE TABLE sales (id integer); CREATE TABLE log (a text, CONSTRAINT k CHECK ((CAST(a AS sales)).id > 1), CONSTRAINT m CHECK ((a::sales).id > 0));",
        hint: rename_table,
    },
];

fn rename_type(schema: &mut Schema) {
    let Some(UserType::Enum(kind)) = schema.types.get_mut("state") else { panic!("no enumeration") };
    kind.renamed_from = Some(SqlName::wrap("status".into()));
}

fn rename_table(schema: &mut Schema) {
    schema.tables.get_mut("sales").unwrap().renamed_from = Some(SqlName::wrap("orders".into()));
}

#[test]
fn texts_and_names_change_and_are_reverted_together() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn texts_and_names_change_and_are_reverted_together_on_the_newest_server() {
    check_all(Version::V18, &CHANGES);
}
