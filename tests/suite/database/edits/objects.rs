//! Objects that a definition keeps as their SQL, and functions with the same name.

use serde_json::json;

use super::{Draft, Edit, add_column, is_unpartitioned, user_type};

/// Adds an object; its key follows from the statement.
fn add(d: &mut Draft, create: String) {
    let key = format!("new {create}");
    d.map(&["objects"]).insert(key, json!({ "create": create }));
}

/// Returns the keys of the objects of a kind.
fn keys(d: &Draft, kind: &str) -> Vec<String> {
    d.keys(&["objects"], |key, _| key.starts_with(kind))
}

/// Returns the name of an object, the last word of its key.
fn last_word(key: &str) -> &str {
    key.rsplit(' ').next().unwrap()
}

edits! {
    "add statistics" |d, dice| {
        let (table, column) = d.column(dice, |column| column["type"] != "jsonb")?;
        let name = d.name("st");
        let kinds = ["", " (ndistinct)", " (dependencies, mcv)"][dice.below(3)];
        add(d, format!("CREATE STATISTICS {name}{kinds} ON id, {column} FROM {table}"));
        Some(())
    };
    "change statistics" |d, dice| {
        let key = dice.pick(&keys(d, "statistics"))?.clone();
        let text = d.root["objects"][&key]["create"].as_str()?.to_owned();
        let changed = if text.contains("(mcv)") { text.replace(" (mcv)", "") } else if text.contains('(') { return None } else { text.replacen(" ON", " (mcv) ON", 1) };
        d.map(&["objects", &key]).insert("create".into(), json!(changed));
        Some(())
    };
    "comment object" |d, dice| {
        let key = dice.pick(&d.keys(&["objects"], |_, _| true))?.clone();
        let text = d.name("it's ");
        d.map(&["objects", &key]).insert("comment".into(), json!(text));
        Some(())
    };
    "remove comment of object" |d, dice| {
        let key = dice.pick(&d.keys(&["objects"], |_, object| object.get("comment").is_some()))?.clone();
        d.map(&["objects", &key]).remove("comment").map(drop)
    };
    "drop object" |d, dice| {
        let key = dice.pick(&d.keys(&["objects"], |key, _| key.starts_with("statistics") || key.starts_with("rule") || key.starts_with("publication") || key.starts_with("cast")))?.clone();
        d.map(&["objects"]).remove(&key).map(drop)
    };
    "column with a collation" |d, dice| {
        let name = d.name("col");
        add(d, format!("CREATE COLLATION {name} FROM \"POSIX\""));
        add_column(d, dice, json!({ "type": "text", "nullable": true, "collation": name })).map(drop)
    };
    "drop collation" |d, dice| {
        let key = dice.pick(&keys(d, "collation"))?.clone();
        if d.mentions(&["tables"], last_word(&key)) || d.mentions(&["views"], last_word(&key)) { return None; }
        d.map(&["objects"]).remove(&key).map(drop)
    };
    "column loses its collation" |d, dice| {
        let (table, column) = d.column(dice, |column| column["collation"].as_str().is_some_and(|name| name.starts_with("col")))?;
        d.map(&["tables", &table, "columns", &column]).remove("collation").map(drop)
    };
    "add aggregate" |d, dice| {
        let name = d.name("agg");
        let start = dice.below(9);
        add(d, format!("CREATE AGGREGATE {name}(value bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '{start}')"));
        Some(())
    };
    "view with an aggregate" |d, dice| {
        let (table, name, view) = (d.table(dice, |_| true)?, d.name("agg"), d.name("v"));
        add(d, format!("CREATE AGGREGATE {name}(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0')"));
        d.map(&["views"]).insert(view, json!({ "query": format!("SELECT id, {name}(id) AS total FROM {table} GROUP BY id") }));
        Some(())
    };
    "change aggregate" |d, dice| {
        let key = dice.pick(&keys(d, "aggregate"))?.clone();
        let text = d.root["objects"][&key]["create"].as_str()?.to_owned();
        let (head, _) = text.rsplit_once("INITCOND")?;
        let changed = format!("{head}INITCOND = '1{}')", dice.below(90));
        d.map(&["objects", &key]).insert("create".into(), json!(changed));
        Some(())
    };
    "add operator" |d, dice| {
        let function = d.name("f");
        d.map(&["functions"]).insert(function.clone(), json!({ "arguments": [{ "type": "bigint" }, { "type": "bigint" }], "returns": "boolean",
            "language": "sql", "volatility": "immutable", "body": "SELECT $1 > $2" }));
        let signs = ["<~>", "=~=", "@<>@"][dice.below(3)];
        let taken = format!("operator {signs}(bigint, bigint)");
        if d.root["objects"].get(&taken).is_some() { return None; }
        add(d, format!("CREATE OPERATOR {signs} (FUNCTION = {function}, LEFTARG = bigint, RIGHTARG = bigint)"));
        if dice.below(2) == 0 {
            let (table, view) = (d.table(dice, |_| true)?, d.name("v"));
            d.map(&["views"]).insert(view, json!({ "query": format!("SELECT id, id {signs} 2 AS more FROM {table}") }));
        }
        Some(())
    };
    "change function of operator" |d, dice| {
        let key = dice.pick(&keys(d, "operator"))?.clone();
        let text = d.root["objects"][&key]["create"].as_str()?.to_owned();
        let function = text.split("FUNCTION = ").nth(1)?.split(',').next()?.to_owned();
        d.map(&["functions", &function]).insert("arguments".into(), json!([{ "name": "a", "type": "bigint" }, { "type": "bigint" }]));
        Some(())
    };
    "add cast" |d, dice| {
        let kind = user_type(d, dice, "composite")?;
        let taken = d.root["objects"].get(format!("cast ({kind} as bigint)")).is_some();
        if taken { return None; }
        add(d, format!("CREATE CAST ({kind} AS bigint) WITH INOUT AS ASSIGNMENT"));
        Some(())
    };
    "add rule" |d, dice| {
        let (table, name) = (d.table(dice, |_| true)?, d.name("r"));
        let action = ["INSTEAD NOTHING".to_owned(), format!("ALSO UPDATE {table} SET id = id WHERE id < -7")][dice.below(2)].clone();
        add(d, format!("CREATE RULE {name} AS ON DELETE TO {table} WHERE old.id < -5 DO {action}"));
        Some(())
    };
    "add publication" |d, dice| {
        let plain = |table: &serde_json::Value| is_unpartitioned(table) && table.get("unlogged").is_none();
        let (table, name) = (d.table(dice, plain)?, d.name("pub"));
        let columns = ["", " (id)", " (id) WHERE (id > 3)"][dice.below(3)];
        add(d, format!("CREATE PUBLICATION {name} FOR TABLE {table}{columns} WITH (publish = 'insert')"));
        Some(())
    };
    "add text search" |d, dice| {
        let (dictionary, name) = (d.name("dict"), d.name("ts"));
        add(d, format!("CREATE TEXT SEARCH DICTIONARY {dictionary} (TEMPLATE = simple, STOPWORDS = english)"));
        let create = format!("CREATE TEXT SEARCH CONFIGURATION {name} ({})", ["COPY = simple", "PARSER = \"default\""][dice.below(2)]);
        d.map(&["objects"]).insert(format!("new {create}"), json!({ "create": create, "mappings": { "asciiword": [dictionary, "simple"] } }));
        Some(())
    };
    "change mappings" |d, dice| {
        let key = dice.pick(&keys(d, "text search configuration"))?.clone();
        let dictionary = ["simple", "english_stem"][dice.below(2)];
        d.map(&["objects", &key, "mappings"]).insert("word".into(), json!([dictionary]));
        Some(())
    };
    "add overload" |d, dice| {
        let base = dice.pick(&d.keys(&["functions"], |_, f| f.get("name").is_none()))?.clone();
        if base.contains('.') { return None; }
        let key = d.name("over");
        let same = d.keys(&["functions"], |_, f| f["name"] == base.as_str());
        if !same.is_empty() { return None; }
        d.map(&["functions"]).insert(key, json!({ "name": base, "arguments": [{ "type": "uuid" }], "returns": "text", "language": "sql",
            "body": "SELECT $1::text", "grants": { "reader": ["execute"] }, "comment": "of an identifier" }));
        Some(())
    };
    "rename the key of an overload" |d, dice| {
        let old = dice.pick(&d.keys(&["functions"], |_, f| f.get("name").is_some()))?.clone();
        let (new_name, function) = (d.name("over"), d.map(&["functions"]).remove(&old)?);
        d.map(&["functions"]).insert(new_name, function);
        Some(())
    };
    "drop overload" |d, dice| {
        let key = dice.pick(&d.keys(&["functions"], |_, f| f.get("name").is_some()))?.clone();
        d.map(&["functions"]).remove(&key).map(drop)
    };
    "statistics of a new column" |d, dice| {
        let at = add_column(d, dice, json!({ "type": "integer", "nullable": true }))?;
        let name = d.name("st");
        add(d, format!("CREATE STATISTICS {name} ON id, {} FROM {}", at.1, at.0));
        Some(())
    };
}
