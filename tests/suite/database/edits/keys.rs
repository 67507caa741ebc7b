//! Constraints and indexes.

use serde_json::{Value, json};

use super::{Edit, add_index, contains_word, has_no_default, is_unpartitioned, take};

edits! {
    "add unique" |d, dice| {
        let (table, column) = d.column(dice, |column| ["integer", "text", "uuid", "varchar(20)"].iter().any(|kind| column["type"] == *kind) && has_no_default(column))?;
        is_unpartitioned(&d.root["tables"][&table]).then_some(())?;
        let name = d.name("u");
        let mut unique = json!({ "columns": [column] });
        if dice.below(3) == 0 { unique["deferrable"] = json!("deferred"); }
        if dice.below(3) == 0 { unique["include"] = json!(["id"]); }
        d.map(&["tables", &table, "uniques"]).insert(name, unique);
        Some(())
    };
    "change unique" |d, dice| {
        let (table, key, _) = take(d, dice, "uniques")?;
        d.map(&["tables", &table, "uniques", &key]).insert("nulls_not_distinct".into(), json!(true));
        Some(())
    };
    "match full" |d, dice| {
        let (table, key, _) = take(d, dice, "foreign_keys")?;
        d.map(&["tables", &table, "foreign_keys", &key]).insert("match_full".into(), json!(true));
        Some(())
    };
    "primary key includes a column" |d, dice| {
        let table = d.table(dice, |table| table["primary_key"] == json!(["id"]) && table.get("primary_key_include").is_none())?;
        let column = dice.pick(&d.keys(&["tables", &table, "columns"], |name, column| name != "id" && has_no_default(column)))?.clone();
        d.map(&["tables", &table]).insert("primary_key_include".into(), json!([column]));
        d.allow(&format!("{table}.{table}_pkey"), &["drops_constraint"]);
        Some(())
    };
    "primary key becomes deferrable" |d, dice| {
        let table = d.table(dice, |table| table.get("primary_key").is_some() && table.get("partition_by").is_none() && table.get("replica_identity").is_none())?;
        let word = table.rsplit('.').next()?.to_owned();
        if !d.keys(&["tables"], |_, other| other.get("foreign_keys").is_some_and(|keys| contains_word(keys, &word))).is_empty() { return None; }
        if d.mentions(&["objects"], &word) || d.mentions(&["views"], &word) { return None; }
        d.map(&["tables", &table]).insert("primary_key_deferrable".into(), json!("deferred"));
        Some(())
    };
    "drop unique" |d, dice| {
        let (table, key, unique) = take(d, dice, "uniques")?;
        let meant = |key: &Value| key["references"]["columns"] == unique["columns"];
        let tables = d.root["tables"].as_object()?.values();
        if tables.filter_map(|table| table["foreign_keys"].as_object()).flatten().any(|(_, key)| meant(key)) { return None; }
        d.map(&["tables", &table, "uniques"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "rename unique" |d, dice| {
        let (table, key, value) = take(d, dice, "uniques")?;
        let name = d.name("u");
        d.map(&["tables", &table, "uniques"]).remove(&key);
        d.map(&["tables", &table, "uniques"]).insert(name, value);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "add check" |d, dice| {
        let (table, column) = d.column(dice, |column| ["integer", "bigint", "smallint", "numeric(8,2)"].iter().any(|kind| column["type"] == *kind))?;
        let name = d.name("k");
        d.map(&["tables", &table, "checks"]).insert(name, json!(format!("{column} > -1000 OR {column} IS NULL")));
        Some(())
    };
    "add text check" |d, dice| {
        let (table, column) = d.column(dice, |column| ["text", "varchar(20)"].iter().any(|kind| column["type"] == *kind))?;
        let name = d.name("k");
        d.map(&["tables", &table, "checks"]).insert(name, json!(format!("{column} <> 'it''s; bad'")));
        Some(())
    };
    "change check" |d, dice| {
        let (table, key, value) = take(d, dice, "checks")?;
        let text = format!("({}) OR id > -5", value.as_str()?);
        d.map(&["tables", &table, "checks"]).insert(key, json!(text));
        Some(())
    };
    "add check without validation" |d, dice| {
        let table = d.table(dice, is_unpartitioned)?;
        let name = d.name("k");
        d.map(&["tables", &table, "checks"]).insert(name, json!({ "expression": "id > -5", "not_valid": true }));
        Some(())
    };
    "check tables that inherit no more" |d, dice| {
        let (table, key, value) = take(d, dice, "checks")?;
        (is_unpartitioned(&d.root["tables"][&table]) && value.is_string()).then_some(())?;
        d.map(&["tables", &table, "checks"]).insert(key, json!({ "expression": value, "no_inherit": true }));
        Some(())
    };
    "drop check" |d, dice| {
        let (table, key, _) = take(d, dice, "checks")?;
        d.map(&["tables", &table, "checks"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "add foreign key" |d, dice| {
        let target = d.table(dice, |table| table["primary_key"] == json!(["id"]) && table.get("unlogged").is_none() && table.get("primary_key_deferrable").is_none())?;
        let table = d.table(dice, |table| table.get("unlogged").is_none())?;
        let (column, name) = (d.name("r"), d.name("fk"));
        d.map(&["tables", &table, "columns"]).insert(column.clone(), json!({ "type": "bigint", "nullable": true }));
        d.map(&["tables", &table, "foreign_keys"]).insert(name, json!({ "columns": [column], "references": { "table": target, "columns": ["id"] } }));
        Some(())
    };
    "add foreign key to unique" |d, dice| {
        let (target, _, unique) = take(d, dice, "uniques")?;
        if unique.get("deferrable").is_some() || d.root["tables"][&target].get("unlogged").is_some() { return None; }
        let table = d.table(dice, |table| table.get("unlogged").is_none())?;
        let kind = d.root["tables"][&target]["columns"][unique["columns"][0].as_str()?]["type"].clone();
        let (column, name) = (d.name("r"), d.name("fk"));
        d.map(&["tables", &table, "columns"]).insert(column.clone(), json!({ "type": kind, "nullable": true }));
        d.map(&["tables", &table, "foreign_keys"]).insert(name, json!({ "columns": [column], "references": { "table": target, "columns": unique["columns"] } }));
        Some(())
    };
    "change foreign key" |d, dice| {
        let (table, key, _) = take(d, dice, "foreign_keys")?;
        let action = ["cascade", "set_null", "restrict"][dice.below(3)];
        d.map(&["tables", &table, "foreign_keys", &key]).insert("on_delete".into(), json!(action));
        Some(())
    };
    "drop foreign key" |d, dice| {
        let (table, key, _) = take(d, dice, "foreign_keys")?;
        d.map(&["tables", &table, "foreign_keys"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "add exclusion" |d, dice| {
        let table = d.table(dice, |table| is_unpartitioned(table) && !table.get("excludes").is_some_and(|all| contains_word(all, "int8range")))?;
        let name = d.name("e");
        d.map(&["tables", &table, "excludes"]).insert(name, json!({ "using": "gist", "elements": [{ "expression": "int8range(id, id + 1)", "with": "&&" }] }));
        Some(())
    };
    "change options of an exclusion" |d, dice| {
        let (table, key, _) = take(d, dice, "excludes")?;
        let exclude = d.map(&["tables", &table, "excludes", &key]);
        exclude.insert("deferrable".into(), json!(["immediate", "deferred"][dice.below(2)]));
        exclude.insert("storage".into(), [json!({ "fillfactor": "60" }), json!({})][dice.below(2)].clone());
        Some(())
    };
    "storage parameters of a unique constraint" |d, dice| {
        let (table, key, _) = take(d, dice, "uniques")?;
        let storage = [json!({ "fillfactor": "70" }), json!({ "fillfactor": "71", "deduplicate_items": "off" }), json!({})];
        d.map(&["tables", &table, "uniques", &key]).insert("storage".into(), storage[dice.below(3)].clone());
        Some(())
    };
    "storage parameters of a primary key" |d, dice| {
        let table = d.table(dice, |table| is_unpartitioned(table) && table.get("primary_key").is_some())?;
        let storage = [json!({ "fillfactor": "70" }), json!({ "fillfactor": "90" }), json!({})];
        d.map(&["tables", &table]).insert("primary_key_storage".into(), storage[dice.below(3)].clone());
        Some(())
    };
    "comment constraint" |d, dice| {
        let group = ["uniques", "checks", "foreign_keys", "excludes"][dice.below(4)];
        let (table, key, _) = take(d, dice, group)?;
        let text = d.name("it's ");
        d.map(&["tables", &table, "constraint_comments"]).insert(key, json!(text));
        Some(())
    };
    "comment primary key" |d, dice| {
        let table = d.table(dice, |table| table.get("primary_key").is_some() && table.get("primary_key_name").is_none())?;
        let (key, text) = (format!("{}_pkey", table.rsplit('.').next()?), d.name("key "));
        d.map(&["tables", &table, "constraint_comments"]).insert(key, json!(text));
        Some(())
    };
    "drop exclusion" |d, dice| {
        let (table, key, _) = take(d, dice, "excludes")?;
        d.map(&["tables", &table, "excludes"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "change primary key" |d, dice| {
        let table = d.table(dice, |table| is_unpartitioned(table) && table["primary_key"] == json!(["id"]) && table.get("primary_key_include").is_none())?;
        let word = table.rsplit('.').next()?.to_owned();
        if !d.keys(&["tables"], |_, other| other.get("foreign_keys").is_some_and(|keys| contains_word(keys, &word))).is_empty() { return None; }
        let columns = d.keys(&["tables", &table, "columns"], |name, column| name != "id" && column.get("nullable").is_none() && column["type"] == "integer");
        let other = dice.pick(&columns)?.clone();
        d.map(&["tables", &table]).insert("primary_key".into(), json!(["id", other]));
        Some(())
    };
    "add index" |d, dice| add_index(d, dice, |_| true, |column| json!({ "columns": [{ "column": "id", "descending": true }, { "column": column }] })
);
    "add partial index" |d, dice| add_index(d, dice, |c| c["type"] == "integer", |column| json!({ "columns": [{ "column": column, "nulls": "first" }], "where": format!("{column} > 3") }));
    "add expression index" |d, dice| add_index(d, dice, |c| c["type"] == "text" || c["type"] == "varchar(20)", |column| json!({ "columns": [{ "expression": format!("lower({column})") }] }));
    "add index with operator class" |d, dice| add_index(d, dice, |c| c["type"] == "text", |column| json!({ "columns": [{ "column": column, "opclass": "text_pattern_ops" }] }));
    "add gin index" |d, dice| add_index(d, dice, |c| c["type"] == "jsonb" || c["type"] == "text[]", |column| json!({ "columns": [{ "column": column }], "using": "gin" }));
    "add covering index" |d, dice| add_index(d, dice, |_| true, |column| json!({ "columns": [{ "column": "id" }], "unique": true, "include": [column] }));
    "add brin index" |d, dice| add_index(d, dice, |c| c["type"] == "date", |column| json!({ "columns": [{ "column": column }], "using": "brin", "comment": "by day" }));
    "change index" |d, dice| {
        let (table, key, index) = take(d, dice, "indexes")?;
        (index.get("using").is_none() && index.get("unique").is_none()).then_some(())?;
        d.map(&["tables", &table, "indexes", &key]).insert("where".into(), json!("id > 0"));
        Some(())
    };
    "add index with parameters" |d, dice| add_index(d, dice, |c| c["type"] == "text", |column| json!({
        "columns": [{ "column": "id" }, { "expression": format!("upper({column})"), "collation": "C", "statistics": 90 }],
        "storage": { "fillfactor": "80" }
    }));
    "change parameters of an index" |d, dice| {
        let (table, key, index) = take(d, dice, "indexes")?;
        index.get("using").is_none().then_some(())?;
        let storage = [json!({ "fillfactor": "70" }), json!({ "fillfactor": "71", "deduplicate_items": "off" }), json!({})];
        d.map(&["tables", &table, "indexes", &key]).insert("storage".into(), storage[dice.below(3)].clone());
        Some(())
    };
    "comment index" |d, dice| {
        let (table, key, _) = take(d, dice, "indexes")?;
        let text = d.name("note ");
        d.map(&["tables", &table, "indexes", &key]).insert("comment".into(), json!(text));
        Some(())
    };
    "drop index" |d, dice| {
        let (table, key, _) = take(d, dice, "indexes")?;
        d.map(&["tables", &table, "indexes"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "rename index" |d, dice| {
        let (table, key, value) = take(d, dice, "indexes")?;
        let name = d.name("x");
        d.map(&["tables", &table, "indexes"]).remove(&key);
        d.map(&["tables", &table, "indexes"]).insert(name, value);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
}
