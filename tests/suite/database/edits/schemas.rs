//! Edits of schemas, extensions and partitions.

use serde_json::{Value, json};

use super::{Edit, add_column, add_table, contains_word, is_unpartitioned, random_type};

edits! {
    "add schema" |d, dice| {
        let name = d.name("n");
        d.map(&["schemas"]).insert(name.clone(), json!({ "comment": "apart" }));
        add_table(d, dice, &format!("{name}.")).map(drop)
    };
    "grant schema" |d, dice| {
        let name = dice.pick(&d.keys(&["schemas"], |_, _| true))?.clone();
        d.map(&["schemas", &name, "grants"]).insert("reader".into(), json!(["usage"]));
        d.map(&["schemas", &name, "default_privileges", "tables"]).insert("reader".into(), json!(["select"]));
        Some(())
    };
    "drop schema" |d, dice| {
        let name = dice.pick(&d.keys(&["schemas"], |_, _| true))?.clone();
        if contains_word(&d.root["tables"], &name) || !d.keys(&["tables"], |table, _| table.starts_with(&format!("{name}."))).is_empty() { return None; }
        if d.mentions(&["views"], &name) || d.mentions(&["functions"], &name) { return None; }
        d.map(&["schemas"]).remove(&name).map(drop)
    };
    "add extension" |d, dice| {
        let extension = ["citext", "pg_trgm", "hstore"][dice.below(3)];
        let mut all: Vec<Value> = d.root.get("extensions").and_then(Value::as_array).cloned().unwrap_or_default();
        if all.iter().any(|known| known == extension) { return None; }
        all.push(json!(extension));
        d.root["extensions"] = json!(all);
        Some(())
    };
    "use extension" |d, dice| {
        if !d.root.get("extensions").is_some_and(|all| contains_word(all, "citext")) { return None; }
        add_column(d, dice, json!({ "type": "citext", "nullable": true })).map(drop)
    };
    "drop extension" |d, _| {
        let all = d.root.get_mut("extensions")?.as_array_mut()?;
        let extension = all.pop()?;
        let extension = extension.as_str()?.to_owned();
        let used = d.root["tables"].as_object().into_iter().flatten().any(|(_, t)| t["columns"].as_object().unwrap().values().any(|c| c["type"] == extension.as_str()));
        if used { d.root["extensions"].as_array_mut()?.push(json!(extension)); return None; }
        d.allow(&extension, &["deletes_data"]);
        Some(())
    };
    "add partitioned table" |d, dice| {
        let (name, part) = (d.name("t"), d.name("q"));
        let (kind, _) = random_type(dice);
        let column = d.name("c");
        d.map(&["tables"]).insert(name, json!({
            "columns": { "id": { "type": "bigint" }, column: { "type": kind, "nullable": true } }, "primary_key": ["id"],
            "partition_by": { "strategy": "range", "columns": ["id"] },
            "partitions": { part: { "range": { "from": ["MINVALUE"], "to": ["1000"] } } } }));
        Some(())
    };
    "add partition" |d, dice| {
        let table = d.table(dice, |table| !is_unpartitioned(table))?;
        let count = d.keys(&["tables", &table, "partitions"], |_, _| true).len();
        let part = d.name("q");
        // Above the first partition; ranges do not overlap, since `next` grows with each name.
        let (from, to) = ((count * 1000 + d.next * 10_000).to_string(), (count * 1000 + d.next * 10_000 + 5).to_string());
        d.map(&["tables", &table, "partitions"]).insert(part, json!({ "range": { "from": [from], "to": [to] } }));
        Some(())
    };
    "give a partition its own objects" |d, dice| {
        let table = d.table(dice, |table| !is_unpartitioned(table))?;
        let part = dice.pick(&d.keys(&["tables", &table, "partitions"], |_, _| true))?.clone();
        let bound = d.map(&["tables", &table, "partitions"]).remove(&part)?;
        let columns = d.keys(&["tables", &table, "columns"], |_, column| column.get("generated").is_none());
        let (column, index, check) = (dice.pick(&columns)?.clone(), d.name("x"), d.name("k"));
        let security = d.root["tables"][&table].get("row_security").cloned().unwrap_or(json!("off"));
        let name = table.rsplit_once('.').map_or(part.clone(), |(schema, _)| format!("{schema}.{part}"));
        d.map(&["tables"]).insert(name, json!({
            "partition_of": { "table": table, "bound": bound }, "row_security": security, "grants": { "writer": ["select"] },
            "indexes": { index: { "columns": [{ "column": column }] } }, "checks": { check: "id > -5000" }, "storage": { "fillfactor": "60" }
        }));
        Some(())
    };
    "take objects from a partition" |d, dice| {
        let part = dice.pick(&d.keys(&["tables"], |_, table| table.get("partition_of").is_some()))?.clone();
        let fields = d.map(&["tables", &part]);
        let indexes = fields.remove("indexes");
        fields.remove("storage");
        for index in indexes.as_ref().and_then(Value::as_object).into_iter().flatten() {
            d.allow(&format!("{part}.{}", index.0), &["drops_constraint"]);
        }
        Some(())
    };
    "add default partition" |d, dice| {
        let table = d.table(dice, |table| !is_unpartitioned(table) && !contains_word(&table["partitions"], "default"))?;
        let part = d.name("q");
        let defaults = d.keys(&["tables"], |_, it| it["partition_of"]["table"] == table.as_str() && it["partition_of"]["bound"] == "default");
        defaults.is_empty().then_some(())?;
        d.map(&["tables", &table, "partitions"]).insert(part, json!("default"));
        Some(())
    };
    "drop partition" |d, dice| {
        let table = d.table(dice, |table| !is_unpartitioned(table))?;
        let parts = d.keys(&["tables", &table, "partitions"], |_, bound| bound != "default" && bound["range"]["from"][0] != "MINVALUE");
        let part = dice.pick(&parts)?.clone();
        d.map(&["tables", &table, "partitions"]).remove(&part);
        d.allow(&format!("{table}.{part}"), &["deletes_data"]);
        Some(())
    };
}
