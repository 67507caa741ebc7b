//! Tables and their columns.

use serde_json::{Value, json};

use super::{
    Edit, TYPES, add_column, add_table, contains_word, has_no_default, is, is_unpartitioned, object, random_type, set,
};

edits! {
    "add table" |d, dice| add_table(d, dice, "").map(drop);
    "change parameters of a table" |d, dice| {
        let table = d.table(dice, is_unpartitioned)?;
        let storage = [json!({ "fillfactor": "70" }), json!({ "autovacuum_enabled": "false", "toast.autovacuum_enabled": "off" }), json!({})];
        d.map(&["tables", &table]).insert("storage".into(), storage[dice.below(3)].clone());
        Some(())
    };
    "change statistics" |d, dice| {
        let at = d.column(dice, |_| true)?;
        let value = json!(dice.below(50));
        set(d, &at, "statistics", value);
        Some(())
    };
    "options of a column" |d, dice| {
        let (table, column) = d.column(dice, |_| true)?;
        let options = [json!({ "n_distinct": "5" }), json!({ "n_distinct": "-0.5", "n_distinct_inherited": "9" }), json!({})];
        d.map(&["tables", &table, "columns", &column]).insert("options".into(), options[dice.below(3)].clone());
        Some(())
    };
    "change storage and compression" |d, dice| {
        let variable = |column: &Value| ["text", "jsonb", "text[]", "numeric(8,2)"].iter().any(|kind| column["type"] == *kind);
        let at = d.column(dice, variable)?;
        let storage = [json!("plain"), json!("external"), json!("extended"), json!("main"), json!(null)];
        // The server of version 18 of the tests is built without lz4.
        let compression = [json!("pglz"), json!(null)];
        set(d, &at, "storage", storage[dice.below(5)].clone());
        set(d, &at, "compression", compression[dice.below(2)].clone());
        Some(())
    };
    "add two tables" |d, dice| { add_table(d, dice, "")?; add_table(d, dice, "").map(drop) };
    "drop table" |d, dice| {
        let name = d.table(dice, |_| true)?;
        d.map(&["tables"]).remove(&name);
        for part in d.keys(&["tables"], |_, part| part["partition_of"]["table"] == name.as_str()) {
            d.map(&["tables"]).remove(&part);
        }
        for other in d.keys(&["tables"], |_, _| true) {
            let keys = d.keys(&["tables", &other, "foreign_keys"], |_, key| key["references"]["table"] == name.as_str());
            for key in keys {
                d.map(&["tables", &other, "foreign_keys"]).remove(&key);
                d.allow(&format!("{other}.{key}"), &["drops_constraint"]);
            }
        }
        let word = name.rsplit('.').next()?.to_owned();
        d.drop_dependents(&word);
        d.allow(&name, &["deletes_data"]);
        Some(())
    };
    "rename table" |d, dice| {
        let name = d.table(dice, |table| table.get("renamed_from").is_none())?;
        let new_name = d.name("t");
        let (word, full) = match name.split_once('.') {
            Some((schema, word)) => (word.to_owned(), format!("{schema}.{new_name}")),
            None => (name.clone(), new_name.clone()),
        };
        // Only objects of an earlier version can be renamed.
        let mut table = d.map(&["tables"]).remove(&name)?;
        table["renamed_from"] = json!(word);
        d.map(&["tables"]).insert(full, table);
        d.replace(&word, &new_name);
        Some(())
    };
    "add nullable column" |d, dice| {
        let (kind, _) = random_type(dice);
        add_column(d, dice, json!({ "type": kind, "nullable": true })).map(drop)
    };
    "add column with default" |d, dice| {
        let (kind, default) = random_type(dice);
        add_column(d, dice, json!({ "type": kind, "default": default })).map(drop)
    };
    "add column with backfill" |d, dice| add_column(d, dice, json!({ "type": "bigint", "backfill": "id * 2" })).map(drop);
    "add column with volatile default" |d, dice| {
        let at = add_column(d, dice, json!({ "type": "uuid", "default": "gen_random_uuid()" }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "drop column" |d, dice| {
        let at = d.column(dice, |_| true)?;
        d.map(&["tables", &at.0, "columns"]).remove(&at.1);
        d.allow(&object(&at), &["deletes_data"]);
        Some(())
    };
    "rename column" |d, dice| {
        let (table, column) = d.column(dice, |column| column.get("renamed_from").is_none())?;
        let new_name = d.name("c");
        let mut definition = d.map(&["tables", &table, "columns"]).remove(&column)?;
        definition["renamed_from"] = json!(column);
        d.map(&["tables", &table, "columns"]).insert(new_name, definition);
        Some(())
    };
    "rename used column" |d, dice| {
        let table = d.table(dice, |table| table.get("checks").is_some() || table.get("indexes").is_some())?;
        let columns = d.keys(&["tables", &table, "columns"], |name, column| name != "id" && column.get("renamed_from").is_none());
        let column = dice.pick(&columns)?.clone();
        let new_name = d.name("c");
        let mut definition = d.map(&["tables", &table, "columns"]).remove(&column)?;
        definition["renamed_from"] = json!(column);
        d.map(&["tables", &table, "columns"]).insert(new_name.clone(), definition);
        // Names of columns are unique, so no other table changes.
        d.replace(&column, &new_name);
        Some(())
    };
    "widen number" |d, dice| {
        let at = d.column(dice, |column| ["smallint", "integer"].iter().any(|kind| column["type"] == *kind))?;
        set(d, &at, "type", json!("bigint"));
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "widen text" |d, dice| {
        let at = d.column(dice, is("varchar(20)"))?;
        set(d, &at, "type", json!("text"));
        Some(())
    };
    "lengthen text" |d, dice| {
        let at = d.column(dice, is("varchar(20)"))?;
        set(d, &at, "type", json!("varchar(40)"));
        Some(())
    };
    "widen numeric" |d, dice| {
        let at = d.column(dice, is("numeric(8,2)"))?;
        set(d, &at, "type", json!("numeric(12,2)"));
        Some(())
    };
    "widen used column" |d, dice| {
        let table = d.table(dice, |table| is_unpartitioned(table) && ["checks", "indexes", "uniques"].iter().any(|key| table.get(key).is_some()))?;
        let columns = d.keys(&["tables", &table, "columns"], |_, column| column["type"] == "integer" && has_no_default(column));
        let at = (table, dice.pick(&columns)?.clone());
        set(d, &at, "type", json!("bigint"));
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "convert type" |d, dice| {
        let at = d.column(dice, |column| column["type"] == "integer" && has_no_default(column))?;
        set(d, &at, "type", json!("text"));
        set(d, &at, "using", json!(format!("{}::text", at.1)));
        d.allow(&object(&at), &["rewrite", "converts_data"]);
        Some(())
    };
    "set default" |d, dice| {
        let at = d.column(dice, |column| TYPES.iter().any(|(kind, ..)| column["type"] == *kind) && has_no_default(column))?;
        let kind = d.root["tables"][&at.0]["columns"][&at.1]["type"].as_str()?.to_owned();
        let default = TYPES.iter().find(|(known, ..)| *known == kind)?.2;
        set(d, &at, "default", json!(default));
        Some(())
    };
    "drop default" |d, dice| {
        let at = d.column(dice, |column| column.get("default").is_some())?;
        d.map(&["tables", &at.0, "columns", &at.1]).remove("default");
        Some(())
    };
    "set not null" |d, dice| {
        let at = d.column(dice, |column| column.get("nullable").is_some() && column.get("generated").is_none() && TYPES.iter().any(|(kind, ..)| column["type"] == *kind))?;
        let kind = d.root["tables"][&at.0]["columns"][&at.1]["type"].as_str()?.to_owned();
        let default = TYPES.iter().find(|(known, ..)| *known == kind)?.2;
        set(d, &at, "backfill", json!(default));
        d.map(&["tables", &at.0, "columns", &at.1]).remove("nullable");
        Some(())
    };
    "drop not null" |d, dice| {
        let at = d.column(dice, |column| column.get("nullable").is_none() && column.get("identity").is_none())?;
        set(d, &at, "nullable", json!(true));
        d.allow(&object(&at), &["drops_constraint"]);
        Some(())
    };
    "add identity column" |d, dice| {
        let at = add_column(d, dice, json!({ "type": "bigint", "identity": "always" }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "make identity" |d, dice| {
        let at = d.column(dice, |column| column["type"] == "integer" && has_no_default(column) && column.get("nullable").is_none())?;
        is_unpartitioned(&d.root["tables"][&at.0]).then(|| set(d, &at, "identity", json!("by_default")))
    };
    "change identity" |d, dice| {
        let at = d.column(dice, |column| column["identity"] == "by_default")?;
        set(d, &at, "identity", json!("always"));
        Some(())
    };
    "drop identity" |d, dice| {
        let at = d.column(dice, |column| column.get("identity").is_some())?;
        d.map(&["tables", &at.0, "columns", &at.1]).remove("identity");
        Some(())
    };
    "add generated column" |d, dice| {
        let at = add_column(d, dice, json!({ "type": "bigint", "nullable": true, "generated": "id * 10" }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "generate from column" |d, dice| {
        let (table, column) = d.column(dice, |column| ["integer", "smallint"].iter().any(|kind| column["type"] == *kind) && has_no_default(column))?;
        let name = d.name("c");
        let text = format!("{column} + 1");
        d.map(&["tables", &table, "columns"]).insert(name.clone(), json!({ "type": "bigint", "nullable": true, "generated": text }));
        d.allow(&format!("{table}.{name}"), &["rewrite"]);
        Some(())
    };
    "change generated column" |d, dice| {
        let at = d.column(dice, |column| column["generated"] == "id * 10")?;
        set(d, &at, "generated", json!("id + 5"));
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "generated becomes plain" |d, dice| {
        let at = d.column(dice, |column| column.get("generated").is_some())?;
        d.map(&["tables", &at.0, "columns", &at.1]).remove("generated");
        Some(())
    };
    "comment column" |d, dice| {
        let at = d.column(dice, |_| true)?;
        let text = format!("about it, {}: it's :USER", d.name("n"));
        set(d, &at, "comment", json!(text));
        Some(())
    };
    "comment table" |d, dice| {
        let table = d.table(dice, |_| true)?;
        let text = d.name("note ");
        d.map(&["tables", &table]).insert("comment".into(), json!(text));
        Some(())
    };
    "remove comment" |d, dice| {
        let table = d.table(dice, |table| table.get("comment").is_some())?;
        d.map(&["tables", &table]).remove("comment").map(drop)
    };
    "change collation" |d, dice| {
        let at = d.column(dice, |column| column["type"] == "text" && column.get("collation").is_none() && column.get("generated").is_none())?;
        set(d, &at, "collation", json!("C"));
        Some(())
    };
    "toggle unlogged" |d, dice| {
        let table = d.table(dice, |table| is_unpartitioned(table) && table.get("foreign_keys").is_none())?;
        let word = table.rsplit('.').next()?.to_owned();
        let referenced = d.keys(&["tables"], |name, other| name != table && contains_word(other, &word));
        if !referenced.is_empty() || d.mentions(&["objects"], &word) || d.root["tables"][&table]["columns"].as_object()?.values().any(|c| c.get("identity").is_some()) { return None; }
        let was = d.map(&["tables", &table]).remove("unlogged");
        if was.is_none() { d.map(&["tables", &table]).insert("unlogged".into(), json!(true)); }
        d.allow(&table, &["rewrite"]);
        Some(())
    };
}
