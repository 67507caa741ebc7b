//! Types and sequences.

use serde_json::{Value, json};

use super::{Edit, add_column, contains_word, object, user_type};

edits! {
    "add enumeration" |d, dice| {
        let name = d.name("e");
        d.map(&["types"]).insert(name.clone(), json!({ "enum": { "values": ["new", "paid", "sent"] } }));
        add_column(d, dice, json!({ "type": name, "default": "'paid'" })).map(drop)
    };
    "add label" |d, dice| {
        let name = user_type(d, dice, "enum")?;
        let label = d.name("label ");
        let values = d.map(&["types", &name, "enum"]).get_mut("values")?.as_array_mut()?;
        let at = dice.below(values.len() + 1);
        values.insert(at, json!(label));
        Some(())
    };
    "rename label" |d, dice| {
        let name = user_type(d, dice, "enum")?;
        let new_name = d.name("label ");
        let kind = d.map(&["types", &name, "enum"]);
        if kind.contains_key("renamed_values") { return None; }
        let values = kind.get_mut("values")?.as_array_mut()?;
        let old = std::mem::replace(values.first_mut()?, json!(new_name));
        // A label that this change adds has no old name, and `paid` may be the default of a column.
        if old.as_str()?.starts_with("label") || old == "paid" { return None; }
        kind.insert("renamed_values".into(), json!({ new_name: old }));
        Some(())
    };
    "drop label" |d, dice| {
        let name = user_type(d, dice, "enum")?;
        if d.mentions(&["functions"], &name) { return None; }
        let values = d.map(&["types", &name, "enum"]).get_mut("values")?.as_array_mut()?;
        if values.len() < 3 || values.last()? == "paid" { return None; }
        values.pop();
        d.allow(&name, &["converts_data", "rewrite"]);
        Some(())
    };
    "array of enumeration" |d, dice| {
        let name = user_type(d, dice, "enum")?;
        add_column(d, dice, json!({ "type": format!("{name}[]"), "nullable": true })).map(drop)
    };
    "rename type" |d, dice| {
        let kind = ["enum", "domain", "composite"][dice.below(3)];
        let name = user_type(d, dice, kind)?;
        let new_name = d.name("y");
        let mut definition = d.map(&["types"]).remove(&name)?;
        if definition[kind].get("renamed_from").is_some() { d.map(&["types"]).insert(name, definition); return None; }
        definition[kind]["renamed_from"] = json!(name);
        d.map(&["types"]).insert(new_name.clone(), definition);
        d.replace(&name, &new_name);
        Some(())
    };
    "comment type" |d, dice| {
        let kind = ["enum", "domain", "composite"][dice.below(3)];
        let name = user_type(d, dice, kind)?;
        let text = d.name("note ");
        d.map(&["types", &name, kind]).insert("comment".into(), json!(text));
        Some(())
    };
    "add domain" |d, dice| {
        let name = d.name("d");
        d.map(&["types"]).insert(name.clone(), json!({ "domain": { "type": "integer", "checks": { "small": "VALUE < 1000000" } } }));
        let at = add_column(d, dice, json!({ "type": name, "nullable": true }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "add domain check" |d, dice| {
        let (name, check) = (user_type(d, dice, "domain")?, d.name("k"));
        d.map(&["types", &name, "domain", "checks"]).insert(check, json!("VALUE > -1000000"));
        Some(())
    };
    "drop domain check" |d, dice| {
        let name = user_type(d, dice, "domain")?;
        d.map(&["types", &name, "domain"]).remove("checks")?;
        d.allow(&name, &["drops_constraint"]);
        Some(())
    };
    "change domain default" |d, dice| {
        let name = user_type(d, dice, "domain")?;
        let old_default = d.map(&["types", &name, "domain"]).remove("default");
        if old_default.is_none() { d.map(&["types", &name, "domain"]).insert("default".into(), json!("42")); }
        Some(())
    };
    "add composite type" |d, dice| {
        let name = d.name("p");
        d.map(&["types"]).insert(name.clone(), json!({ "composite": { "attributes": [{ "name": "street", "type": "text" }, { "name": "number", "type": "integer" }] } }));
        add_column(d, dice, json!({ "type": name, "nullable": true })).map(drop)
    };
    "add attribute" |d, dice| {
        let (name, part) = (user_type(d, dice, "composite")?, d.name("a"));
        d.map(&["types", &name, "composite"]).get_mut("attributes")?.as_array_mut()?.push(json!({ "name": part, "type": "date" }));
        Some(())
    };
    "drop unused type" |d, dice| {
        let names = d.keys(&["types"], |_, _| true);
        let name = dice.pick(&names)?.clone();
        let mut rest = d.root.clone();
        rest["types"].as_object_mut()?.remove(&name);
        let has_column = |table: &Value| {
            let mut columns = table["columns"].as_object().unwrap().values();
            columns.any(|column| column["type"].as_str().unwrap().starts_with(&name))
        };
        let is_column_type = rest["tables"].as_object().into_iter().flatten().any(|(_, table)| has_column(table));
        if is_column_type || contains_word(&rest["tables"], &name) || contains_word(&rest["objects"], &name) { return None; }
        d.root = rest;
        Some(())
    };
    "pass a name to a different kind" |d, dice| {
        let kind = ["types", "sequences"][dice.below(2)];
        let name = dice.pick(&d.keys(&[kind], |_, _| true))?.clone();
        let mut rest = d.root.clone();
        rest[kind].as_object_mut()?.remove(&name);
        if contains_word(&rest, &name) { return None; }
        d.root = rest;
        d.allow(&name, &["deletes_data"]);
        let (kind, object) = match (dice.below(2), kind) {
            (0, _) => ("tables", json!({ "columns": { "id": { "type": "bigint" } } })),
            (_, "types") => ("sequences", json!({ "start": 3 })),
            _ => ("types", json!({ "composite": { "attributes": [{ "name": "a", "type": "text" }] } })),
        };
        d.map(&[kind]).insert(name, object);
        Some(())
    };
    "name primary key" |d, dice| {
        let table = dice.pick(&d.keys(&["tables"], |_, t| t.get("primary_key").is_some()))?.clone();
        let name = if dice.below(4) == 0 { Value::Null } else { json!(d.name("pk")) };
        d.map(&["tables", &table]).insert("primary_key_name".into(), name);
        Some(())
    };
    "parallel function" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, f| f["procedure"] != true))?.clone();
        let parallel = dice.pick(&["unsafe", "restricted", "safe"])?;
        d.map(&["functions", &name]).insert("parallel".into(), json!(parallel));
        Some(())
    };
    "add sequence" |d, _| {
        let name = d.name("s");
        d.map(&["sequences"]).insert(name, json!({ "start": 5, "min": 1, "max": 5000 }));
        Some(())
    };
    "sequence as default" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        let at = add_column(d, dice, json!({ "type": "bigint", "default": format!("nextval('{name}')") }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "default spelled like an object" |d, dice| {
        let kind = ["views", "functions", "sequences", "types"][dice.below(4)];
        let name = dice.pick(&d.keys(&[kind], |_, _| true))?.clone();
        add_column(d, dice, json!({ "type": "text", "default": format!("'{name}'") }))?;
        Some(())
    };
    "change sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        let sequence = d.map(&["sequences", &name]);
        sequence.insert("increment".into(), json!(2 + dice.below(4)));
        sequence.insert("cycle".into(), json!(true));
        Some(())
    };
    "own sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        let table = dice.pick(&d.keys(&["tables"], |_, _| true))?.clone();
        let schema_of = |name: &str| name.split_once('.').map(|(schema, _)| schema.to_owned());
        if schema_of(&name) != schema_of(&table) {
            return None;
        }
        let column = dice.pick(&d.keys(&["tables", &table, "columns"], |_, c| c.get("generated").is_none()))?.clone();
        let owner = if dice.below(4) == 0 { Value::Null } else { json!({ "table": table, "column": column }) };
        d.map(&["sequences", &name]).insert("owned_by".into(), owner);
        Some(())
    };
    "drop sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        if d.mentions(&["tables"], &name) { return None; }
        d.map(&["sequences"]).remove(&name);
        d.allow(&name, &["deletes_data"]);
        Some(())
    };
    "rename sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, s| s.get("renamed_from").is_none()))?.clone();
        let new_name = d.name("s");
        let mut sequence = d.map(&["sequences"]).remove(&name)?;
        sequence["renamed_from"] = json!(name);
        d.map(&["sequences"]).insert(new_name.clone(), sequence);
        d.replace(&name, &new_name);
        Some(())
    };
}
