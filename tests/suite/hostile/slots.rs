//! The slots of the stack language for text, read from its schema, and a stack for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::support::nself_in;

/// A slot of the schema for text, and its path.
pub struct Slot {
    pub path: String,
    /// Whether another slot is the same field of the same type, such as a route of a service and one of a frontend.
    pub is_repeated: bool,
    pub stack: Box<dyn Fn(&str) -> Value>,
}

/// The path of each slot, with the type and field that it is.
type Fields = BTreeMap<Vec<String>, String>;

/// Returns all text slots of the schema; `*` is a key of a map, which is also a slot.
pub fn slots() -> Vec<Slot> {
    let schema: Value = serde_json::from_str(&nself_in(Path::new("/"), ["schema", "--format", "json"]).stdout).unwrap();
    let mut fields = Fields::new();
    Walk { root: &schema, found: &mut fields }.visit(&schema, &mut Vec::new(), "");
    // Of equal fields, the one of a service is the original, since the probe is a complete service.
    let mut in_order: Vec<&Vec<String>> = fields.keys().collect();
    in_order.sort_by_key(|path| path[0] != "services");
    let mut known = BTreeSet::new();
    let originals: BTreeSet<Vec<String>> =
        in_order.into_iter().filter(|path| known.insert(fields[*path].clone())).cloned().collect();
    let slots = fields.into_keys().map(|path| Slot {
        path: path.join("."),
        is_repeated: !originals.contains(&path),
        stack: Box::new(move |text| fill(&path, text)),
    });
    slots.collect()
}

/// A walk through the schema that collects the slots.
struct Walk<'a> {
    root: &'a Value,
    found: &'a mut Fields,
}

impl Walk<'_> {
    /// Visits the part of the schema at a path. `field` is the last type with fields, and the path from there.
    fn visit(&mut self, schema: &Value, path: &mut Vec<String>, field: &str) {
        if path.len() > 9
            || path.iter().filter(|step| ["join", "by_profile", "container"].contains(&step.as_str())).count() > 1
            // A frontend's container is a service, and the handlers of services have their own slots; so have the parts
            // of plugins, which are parts of the stack.
            || path.first().is_some_and(|step| step == "plugins") && path.len() > 3
            || path.iter().any(|step| step == "container") && path.iter().any(|step| step == "hasura")
        {
            return;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.root.pointer(reference.trim_start_matches('#')).unwrap();
            let has_fields = target["properties"].is_object();
            return self.visit(target, path, if has_fields { reference } else { field });
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            for alternative in schema[key].as_array().into_iter().flatten() {
                self.visit(alternative, path, field);
            }
        }
        for (name, part) in schema["properties"].as_object().into_iter().flatten() {
            self.visit_below(part, path, name, field);
        }
        if schema["additionalProperties"].is_object() {
            path.push("*".into());
            self.add(path, &format!("{field}.*"));
            path.pop();
            self.visit_below(&schema["additionalProperties"], path, "*", field);
        }
        if schema["items"].is_object() {
            self.visit_below(&schema["items"], path, "[]", field);
        }
        let text = schema["type"] == "string"
            || schema["type"].as_array().is_some_and(|types| types.contains(&json!("string")));
        if text && schema["const"].is_null() && schema["enum"].is_null() {
            self.add(path, field);
        }
    }

    fn visit_below(&mut self, schema: &Value, path: &mut Vec<String>, step: &str, field: &str) {
        path.push(step.to_owned());
        self.visit(schema, path, &format!("{field}.{step}"));
        path.pop();
    }

    fn add(&mut self, path: &[String], field: &str) {
        self.found.entry(path.to_vec()).or_insert_with(|| field.to_owned());
    }
}

/// Adds the monitoring bundle, and all facets of the probe, so that their texts reach files.
fn add_monitoring(stack: &mut Value) {
    stack["secrets"] = json!({ "probe": { "external": "a URL" } });
    let receiver = json!({ "webhook": { "url": { "secret": "probe" } } });
    stack["monitoring"] = json!({ "enabled": true, "receivers": { "probe": receiver } });
    let series = json!({ "up{}": "1" });
    let alert = json!({ "expr": "up == 0", "summary": "down", "test": { "fires": series, "quiet": series } });
    let probe = &mut stack["services"]["probe"];
    probe["metrics"] = json!({});
    probe["alerts"] = json!({ "Probe": alert });
    probe["dashboards"] = json!({ "probe": { "title": "probe", "panels": [] } });
}

/// Returns a small valid stack with `text` at `path`.
pub fn fill(path: &[String], text: &str) -> Value {
    let mut stack = json!({ "project": "shop", "domain": "shop.example.com", "services": { "probe": { "image": "a/probe:1", "port": 8001, "route": { "subdomain": "probe" } } } });
    if path.iter().any(|step| ["alerts", "dashboards", "metrics", "monitoring"].contains(&step.as_str())) {
        add_monitoring(&mut stack);
    }
    if path[0] == "backups" {
        stack["backups"] = json!({ "enabled": true, "target": { "s3": { "bucket": "probe", "access_key": { "secret": "probe" }, "secret_key": { "secret": "probe" } } } });
        stack["secrets"] = json!({ "probe": { "external": "a key" } });
        if path.contains(&"folder".to_owned()) {
            stack["backups"]["target"] = json!({ "folder": {} });
        }
    }
    let mut at = &mut stack;
    for (i, step) in path.iter().enumerate() {
        let last = i + 1 == path.len();
        let key = match step.as_str() {
            "*" if last => text,
            "*" if path[i - 1] == "services" => "probe",
            "*" if path[i - 1].contains("env") || path[i - 1] == "args" => "PROBE",
            "*" if path[i - 1] == "alerts" => "Probe",
            "*" if path[i - 1] == "files" => "/etc/probe.yaml",
            "*" => "probe",
            other => other,
        };
        if step == "[]" {
            *at = json!([null]);
            at = &mut at[0];
        } else {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at = at.as_object_mut().unwrap().entry(key).or_insert(Value::Null);
        }
    }
    if path.last().is_some_and(|step| step == "*") {
        *at = if path.iter().any(|step| step.contains("env") || step == "args") { json!("x") } else { json!({}) };
    } else {
        *at = json!(text);
    }
    stack
}
