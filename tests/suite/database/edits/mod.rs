//! Kinds of change to a database, each as an edit of its definition that keeps it valid. Two thirds of them need
//! existing objects and otherwise do nothing; the effective ones are counted.

mod draft;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use draft::contains_word;
pub use draft::{Dice, Draft};

macro_rules! edits {
    ($($name:literal $edit:expr;)*) => {
        pub const EDITS: &[Edit] = &[$(($name, $edit)),*];
    };
}

mod keys;
mod objects;
mod routines;
mod schemas;
mod security;
mod tables;
mod types;

/// Every kind of change. A case consists of indexes in this list; the first one adds a table.
pub static EDITS: LazyLock<Vec<Edit>> = LazyLock::new(|| {
    [tables::EDITS, keys::EDITS, types::EDITS, routines::EDITS, security::EDITS, schemas::EDITS, objects::EDITS]
        .concat()
});

fn is_unpartitioned(table: &Value) -> bool {
    table.get("partition_by").is_none()
}

/// Returns whether a column has no default, no identity and no generated value.
fn has_no_default(column: &Value) -> bool {
    ["default", "identity", "generated"].iter().all(|key| column.get(key).is_none())
}

/// Types with a value for the row `i`, and a constant default.
pub const TYPES: &[(&str, &str, &str)] = &[
    ("integer", "$i", "7"),
    ("bigint", "$i", "-1"),
    ("smallint", "$i", "0"),
    ("text", "'text ' || $i", "'some ''text'''"),
    ("varchar(20)", "'v' || $i", "''"),
    ("numeric(8,2)", "$i + 0.25", "1.5"),
    ("boolean", "$i % 2 = 0", "true"),
    ("timestamptz", "'2026-01-01'::timestamptz + $i * interval '1 hour'", "'2026-02-03 04:05:06+00'"),
    ("date", "'2026-01-01'::date + $i", "current_date"),
    ("uuid", "('00000000-0000-0000-0000-00000000000' || $i)::uuid", "'00000000-0000-0000-0000-000000000000'"),
    ("jsonb", "jsonb_build_object('i', $i)", "'{}'"),
    ("text[]", "array['a', $i::text]", "'{}'"),
    ("int4range", "int4range($i, $i + 1)", "'empty'"),
];

pub type Edit = (&'static str, fn(&mut Draft, &mut Dice) -> Option<()>);

fn random_type(dice: &mut Dice) -> (&'static str, &'static str) {
    let (kind, _, default) = TYPES[dice.below(TYPES.len())];
    (kind, default)
}

fn add_table(d: &mut Draft, dice: &mut Dice, schema: &str) -> Option<String> {
    let name = format!("{schema}{}", d.name("t"));
    let mut columns = Map::new();
    columns.insert("id".into(), json!({ "type": "bigint" }));
    for _ in 0..=dice.below(3) {
        let (kind, default) = random_type(dice);
        let mut column = json!({ "type": kind });
        match dice.below(3) {
            0 => column["nullable"] = json!(true),
            1 => column["default"] = json!(default),
            _ => {}
        }
        columns.insert(d.name("c"), column);
    }
    d.map(&["tables"]).insert(name.clone(), json!({ "columns": columns, "primary_key": ["id"] }));
    Some(name)
}

fn add_column(d: &mut Draft, dice: &mut Dice, column: Value) -> Option<(String, String)> {
    let table = d.table(dice, |_| true)?;
    let name = d.name("c");
    d.map(&["tables", &table, "columns"]).insert(name.clone(), column);
    Some((table, name))
}

fn set(d: &mut Draft, at: &(String, String), key: &str, value: Value) {
    d.map(&["tables", &at.0, "columns", &at.1]).insert(key.into(), value);
}

/// Returns the name that a column has in `allow`.
fn object(at: &(String, String)) -> String {
    format!("{}.{}", at.0, at.1)
}

/// Chooses an entry of a group, such as `checks`, of a table, and returns the table, its key and its value. It stays.
fn take(d: &mut Draft, dice: &mut Dice, group: &str) -> Option<(String, String, Value)> {
    let table = d.table(dice, |table| table.get(group).is_some_and(|map| !map.as_object().unwrap().is_empty()))?;
    let keys = d.keys(&["tables", &table, group], |_, _| true);
    let key = dice.pick(&keys)?.clone();
    let value = d.root["tables"][&table][group][&key].clone();
    Some((table, key, value))
}

fn add_index(d: &mut Draft, dice: &mut Dice, keep: fn(&Value) -> bool, index: fn(&str) -> Value) -> Option<()> {
    let (table, column) = d.column(dice, keep)?;
    let name = d.name("x");
    d.map(&["tables", &table, "indexes"]).insert(name, index(&column));
    Some(())
}

fn is(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |column: &Value| column["type"] == kind
}

fn sql_function(d: &mut Draft) -> String {
    let name = d.name("f");
    d.map(&["functions"]).insert(
        name.clone(),
        json!({ "arguments": [{ "name": "a", "type": "integer" }], "returns": "integer", "language": "sql",
                "volatility": "immutable", "body": "SELECT a + 1" }),
    );
    name
}

fn user_type(d: &Draft, dice: &mut Dice, kind: &str) -> Option<String> {
    dice.pick(&d.keys(&["types"], |_, found| found.get(kind).is_some())).cloned()
}
