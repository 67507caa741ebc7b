//! Views, functions and triggers.

use serde_json::json;

use super::{Edit, add_column, object, sql_function, take};

edits! {
    "add standard function" |d, dice| {
        let table = d.table(dice, |_| true)?;
        let sql = table.split('.').map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".");
        let name = d.name("f");
        let body = ["RETURN a + 1".to_owned(), format!("BEGIN ATOMIC SELECT max(id) + a FROM {sql}; END")][dice.below(2)].clone();
        d.map(&["functions"]).insert(name, json!({
            "arguments": [{ "name": "a", "type": "bigint" }], "returns": "bigint", "language": "sql", "body": body
        }));
        Some(())
    };
    "add view" |d, dice| {
        let (table, column) = d.column(dice, |_| true)?;
        let name = d.name("v");
        d.map(&["views"]).insert(name, json!({ "query": format!("SELECT id, {column} FROM {table}") }));
        Some(())
    };
    "add grouping view" |d, dice| {
        let (table, name) = (d.table(dice, |_| true)?, d.name("v"));
        d.map(&["views"]).insert(name, json!({ "query": format!("SELECT id, id * 2 AS twice, count(*) AS many FROM {table} GROUP BY id"), "security_invoker": false, "comment": "all of it" }));
        Some(())
    };
    "add view on view" |d, dice| {
        let below = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        let name = d.name("v");
        d.map(&["views"]).insert(name, json!({ "query": format!("SELECT id FROM {below}"), "grants": { "reader": ["select"] } }));
        Some(())
    };
    "add materialised view" |d, dice| {
        let (table, name, index) = (d.table(dice, |_| true)?, d.name("v"), d.name("x"));
        d.map(&["views"]).insert(name, json!({ "query": format!("SELECT id FROM {table}"), "materialized": true, "indexes": { index: { "columns": [{ "column": "id" }] } } }));
        Some(())
    };
    "change view" |d, dice| {
        let name = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        let text = format!("{} WHERE id > 0", d.root["views"][&name]["query"].as_str()?);
        if text.matches("WHERE").count() > 1 || text.contains("GROUP") { return None; }
        d.map(&["views", &name]).insert("query".into(), json!(text));
        Some(())
    };
    "options of a view" |d, dice| {
        // A check option needs a view that the server can write through.
        let reads_table = |query: &str| query.contains(" FROM t") && !query.contains("GROUP");
        let is_simple = |view: &serde_json::Value| view.get("materialized").is_none() && reads_table(view["query"].as_str().unwrap());
        let name = dice.pick(&d.keys(&["views"], |_, view| is_simple(view)))?.clone();
        let view = d.map(&["views", &name]);
        view.insert("security_barrier".into(), json!(dice.below(2) == 0));
        view.insert("check_option".into(), json!(["none", "local", "cascaded"][dice.below(3)]));
        Some(())
    };
    "name the columns of a view" |d, dice| {
        let name = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        d.map(&["views", &name]).insert("columns".into(), json!(["id"]));
        Some(())
    };
    "function that only its owner may call" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, _| true))?.clone();
        let private = dice.below(3) > 0;
        d.map(&["functions", &name]).insert("private".into(), json!(private));
        Some(())
    };
    "add polymorphic function" |d, dice| {
        let name = d.name("f");
        let kind = ["anyelement", "anyarray", "anycompatible"][dice.below(3)];
        d.map(&["functions"]).insert(name, json!({ "arguments": [{ "name": "a", "type": kind }], "returns": kind, "language": "sql", "body": "SELECT a" }));
        Some(())
    };
    "comment view" |d, dice| {
        let name = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        let text = d.name("note ");
        d.map(&["views", &name]).insert("comment".into(), json!(text));
        Some(())
    };
    "comment a column of a view" |d, dice| {
        let name = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        let text = d.name("it's ");
        d.map(&["views", &name]).insert("column_comments".into(), json!({ "id": text }));
        Some(())
    };
    "drop view" |d, dice| {
        let name = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        d.map(&["views"]).remove(&name);
        d.drop_dependents(&name);
        Some(())
    };
    "add function" |d, _| { sql_function(d); Some(()) };
    "function reads table" |d, dice| {
        let (table, name) = (d.table(dice, |_| true)?, d.name("f"));
        d.map(&["functions"]).insert(name, json!({ "returns": "bigint", "language": "plpgsql", "volatility": "stable",
            "body": format!("BEGIN RETURN (SELECT count(*) FROM {table}); END"), "security_definer": true,
            "settings": { "search_path": "public, pg_temp" }, "grants": { "reader": ["execute"] }, "comment": "counts" }));
        Some(())
    };
    "add procedure" |d, _| {
        let name = d.name("f");
        d.map(&["functions"]).insert(name, json!({ "procedure": true, "language": "plpgsql", "body": "BEGIN NULL; END" }));
        Some(())
    };
    "change function" |d, dice| {
        let takes_a = |f: &serde_json::Value| f["arguments"][0]["name"] == "a" && f["returns"] != "boolean";
        let name = dice.pick(&d.keys(&["functions"], |_, f| f["language"] == "sql" && takes_a(f)))?.clone();
        d.map(&["functions", &name]).insert("body".into(), json!("SELECT a + 2"));
        Some(())
    };
    "change signature" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, f| f["language"] == "sql"))?.clone();
        if d.mentions(&["tables"], &name) || d.mentions(&["views"], &name) { return None; }
        d.map(&["functions", &name]).get_mut("arguments")?.as_array_mut()?.push(json!({ "name": "b", "type": "text", "default": "''" }));
        if d.root["functions"][&name]["arguments"].as_array()?.len() > 2 { d.map(&["functions", &name]).get_mut("arguments")?.as_array_mut()?.pop(); return None; }
        Some(())
    };
    "add function with modes" |d, dice| {
        let name = d.name("f");
        let arguments = [
            json!([{ "type": "bigint" }, { "name": "b", "type": "text", "mode": "out" }]),
            json!([{ "name": "a b", "type": "bigint", "mode": "inout" }, { "type": "text", "mode": "out" }]),
            json!([{ "type": "text" }, { "name": "rest", "type": "integer[]", "mode": "variadic" }, { "name": "n", "type": "integer", "mode": "out" }]),
        ][dice.below(3)].clone();
        d.map(&["functions"]).insert(name, json!({ "arguments": arguments, "language": "plpgsql", "body": "BEGIN RETURN; END",
            "cost": dice.below(50) + 1, "grants": { "reader": ["execute"] }, "comment": "returns values" }));
        Some(())
    };
    "add procedure with modes" |d, _| {
        let name = d.name("f");
        let arguments = json!([{ "name": "a", "type": "bigint" }, { "type": "text", "mode": "inout" }]);
        d.map(&["functions"]).insert(name, json!({ "procedure": true, "arguments": arguments, "language": "plpgsql", "body": "BEGIN NULL; END",
            "grants": { "reader": ["execute"] }, "comment": "writes" }));
        Some(())
    };
    "change modes of a function" |d, dice| {
        let has_modes = |f: &serde_json::Value| f["arguments"].as_array().is_some_and(|all| all.iter().any(|a| a.get("mode").is_some()));
        let name = dice.pick(&d.keys(&["functions"], |_, f| has_modes(f)))?.clone();
        let arguments = json!([{ "name": "a", "type": "integer" }, { "name": "b", "type": "integer", "mode": "out" }, { "name": "c", "type": "text", "mode": "out" }]);
        let function = d.map(&["functions", &name]);
        if function.contains_key("procedure") { return None; }
        function.insert("arguments".into(), arguments);
        function.insert("returns".into(), json!("SETOF record"));
        function.insert("rows".into(), json!(7));
        Some(())
    };
    "default by function" |d, dice| {
        let name = sql_function(d);
        let at = add_column(d, dice, json!({ "type": "integer", "default": format!("{name}(1)") }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "check by function" |d, dice| {
        let (name, table, key) = (sql_function(d), d.table(dice, |_| true)?, d.name("k"));
        d.map(&["tables", &table, "checks"]).insert(key, json!(format!("{name}(1) > 0")));
        Some(())
    };
    "grant function" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, _| true))?.clone();
        d.map(&["functions", &name, "grants"]).insert("writer".into(), json!(["execute"]));
        Some(())
    };
    "drop function" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, _| true))?.clone();
        if ["tables", "views", "objects"].iter().any(|kind| d.mentions(&[kind], &name)) { return None; }
        d.map(&["functions"]).remove(&name);
        Some(())
    };
    "add trigger" |d, dice| {
        let (table, function, trigger) = (d.table(dice, |_| true)?, d.name("f"), d.name("g"));
        d.map(&["functions"]).insert(function.clone(), json!({ "returns": "trigger", "language": "plpgsql", "body": "BEGIN RETURN NEW; END" }));
        d.map(&["tables", &table, "triggers"]).insert(trigger, json!({ "events": ["insert", "update"], "function": function, "when": "NEW.id > 0" }));
        Some(())
    };
    "change trigger" |d, dice| {
        let (table, key, _) = take(d, dice, "triggers")?;
        let trigger = d.map(&["tables", &table, "triggers", &key]);
        if trigger.contains_key("timing") { return None; }
        trigger.insert("timing".into(), json!("after"));
        Some(())
    };
    "change trigger's settings" |d, dice| {
        let (table, key, _) = take(d, dice, "triggers")?;
        let text = d.name("note ");
        let trigger = d.map(&["tables", &table, "triggers", &key]);
        let state = ["disabled", "replica", "always"][dice.below(3)];
        trigger.insert("enabled".into(), json!(state));
        trigger.insert("comment".into(), json!(text));
        Some(())
    };
    "trigger with arguments" |d, dice| {
        let (table, key, _) = take(d, dice, "triggers")?;
        let arguments = json!([d.name("it's "), "", "\\n%s", "$$"]);
        d.map(&["tables", &table, "triggers", &key]).insert("arguments".into(), arguments);
        Some(())
    };
    "add trigger with transition tables" |d, dice| {
        let (table, function, trigger) = (d.table(dice, |_| true)?, d.name("f"), d.name("g"));
        d.map(&["functions"]).insert(function.clone(), json!({ "returns": "trigger", "language": "plpgsql", "body": "BEGIN RETURN NULL; END" }));
        d.map(&["tables", &table, "triggers"]).insert(trigger, json!({ "timing": "after", "statement": true, "events": ["update"],
            "old_table": "old rows", "new_table": "new_rows", "function": function }));
        Some(())
    };
    "add constraint trigger" |d, dice| {
        let (table, function, trigger) = (d.table(dice, |_| true)?, d.name("f"), d.name("g"));
        let deferrable = ["no", "immediate", "deferred"][dice.below(3)];
        d.map(&["functions"]).insert(function.clone(), json!({ "returns": "trigger", "language": "plpgsql", "body": "BEGIN RETURN NULL; END" }));
        d.map(&["tables", &table, "triggers"]).insert(trigger, json!({ "timing": "after", "constraint": true, "deferrable": deferrable,
            "events": ["insert", "delete"], "function": function }));
        Some(())
    };
    "add trigger of a view" |d, dice| {
        let view = dice.pick(&d.keys(&["views"], |_, view| view.get("materialized").is_none()))?.clone();
        let (function, trigger) = (d.name("f"), d.name("g"));
        d.map(&["functions"]).insert(function.clone(), json!({ "returns": "trigger", "language": "plpgsql", "body": "BEGIN RETURN NEW; END" }));
        d.map(&["views", &view, "triggers"]).insert(trigger, json!({ "timing": "instead_of", "events": ["insert", "update"], "function": function, "arguments": ["x"] }));
        Some(())
    };
    "change trigger of a view" |d, dice| {
        let view = dice.pick(&d.keys(&["views"], |_, view| view.get("triggers").is_some()))?.clone();
        let triggers = d.map(&["views", &view, "triggers"]);
        let key = triggers.keys().next()?.clone();
        if dice.below(2) == 0 { triggers.remove(&key); return Some(()); }
        triggers.get_mut(&key)?.as_object_mut()?.insert("events".into(), json!(["delete"]));
        Some(())
    };
    "drop trigger" |d, dice| {
        let (table, key, _) = take(d, dice, "triggers")?;
        d.map(&["tables", &table, "triggers"]).remove(&key).map(drop)
    };
}
