//! Row security and grants.

use serde_json::json;

use super::{Edit, is_unpartitioned, take};

edits! {
    "protect rows" |d, dice| {
        let (table, policy) = (d.table(dice, |table| table.get("row_security").is_none())?, d.name("p"));
        let level = ["on", "forced"][dice.below(2)];
        let table = d.map(&["tables", &table]);
        table.insert("row_security".into(), json!(level));
        table.insert("policies".into(), json!({ policy: { "using": "id > 0", "roles": ["reader"] } }));
        Some(())
    };
    "add policy" |d, dice| {
        let is_on = |table: &serde_json::Value| table.get("row_security").is_some_and(|state| state != "forced_when_on");
        let (table, policy) = (d.table(dice, is_on)?, d.name("p"));
        d.map(&["tables", &table, "policies"]).insert(policy.clone(), json!({ "for": "insert", "restrictive": true, "check": "id < 100" }));
        Some(())
    };
    "change policy" |d, dice| {
        let (table, key, _) = take(d, dice, "policies")?;
        let text = format!("id > {}", dice.below(9));
        let policy = d.map(&["tables", &table, "policies", &key]);
        let field = if policy.contains_key("using") { "using" } else { "check" };
        policy.insert(field.into(), json!(text));
        d.allow(&format!("{table}.{key}"), &["rls_weakened"]);
        Some(())
    };
    "comment policy" |d, dice| {
        let (table, key, _) = take(d, dice, "policies")?;
        let text = d.name("it's ");
        d.map(&["tables", &table, "policies", &key]).insert("comment".into(), json!(text));
        Some(())
    };
    "drop policy" |d, dice| {
        let (table, key, _) = take(d, dice, "policies")?;
        d.map(&["tables", &table, "policies"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["rls_weakened"]);
        Some(())
    };
    "unprotect rows" |d, dice| {
        let table = d.table(dice, |table| table.get("row_security").is_some())?;
        d.map(&["tables", &table]).remove("row_security");
        for policy in d.keys(&["tables", &table, "policies"], |_, _| true) {
            d.allow(&format!("{table}.{policy}"), &["rls_weakened"]);
        }
        d.map(&["tables", &table]).remove("policies");
        d.allow(&table, &["rls_weakened"]);
        Some(())
    };
    "force row security that is off" |d, dice| {
        let table = d.table(dice, |table| table.get("row_security").is_none())?;
        d.map(&["tables", &table]).insert("row_security".into(), json!("forced_when_on"));
        Some(())
    };
    "change replica identity" |d, dice| {
        let table = d.table(dice, is_unpartitioned)?;
        let indexes = d.keys(&["tables", &table, "uniques"], |_, unique| unique.get("deferrable").is_none());
        let fits = |name: &&String| d.root["tables"][&table]["uniques"][name]["columns"].as_array().is_some_and(|columns| {
            columns.iter().all(|column| d.root["tables"][&table]["columns"][column.as_str().unwrap()].get("nullable").is_none())
        });
        let identity = match (dice.below(3), indexes.iter().find(fits)) {
            (0, Some(index)) => json!({ "index": index }),
            (1, _) => json!("nothing"),
            _ => json!("full"),
        };
        d.map(&["tables", &table]).insert("replica_identity".into(), identity);
        Some(())
    };
    "grant table" |d, dice| {
        let table = d.table(dice, |_| true)?;
        let role = ["reader", "writer", "public"][dice.below(3)];
        d.map(&["tables", &table, "grant_options"]).remove(role);
        d.map(&["tables", &table, "grants"]).insert(role.into(), json!(["insert", "select"]));
        Some(())
    };
    "revoke table" |d, dice| {
        let (table, role, _) = take(d, dice, "grants")?;
        d.map(&["tables", &table, "grant_options"]).remove(&role);
        d.map(&["tables", &table, "grants"]).remove(&role).map(drop)
    };
    "grant with option" |d, dice| {
        let (table, role, _) = take(d, dice, "grants")?;
        if role == "public" { return None; }
        d.map(&["tables", &table, "grants"]).insert(role.clone(), json!(["insert", "select", "update"]));
        d.map(&["tables", &table, "grant_options"]).insert(role, json!(["select"]));
        Some(())
    };
    "grant column" |d, dice| {
        let (table, column) = d.column(dice, |_| true)?;
        let options = [json!({}), json!({ "writer": ["update"] })][dice.below(2)].clone();
        let column = d.map(&["tables", &table, "columns", &column]);
        column.insert("grants".into(), json!({ "writer": ["insert", "update"], "reader": ["select"] }));
        column.insert("grant_options".into(), options);
        Some(())
    };
    "grant sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        d.map(&["sequences", &name, "grants"]).insert("writer".into(), json!(["usage"]));
        Some(())
    };
}
