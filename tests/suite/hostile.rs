//! Hostile text in every slot of the stack language, generated from the language's own schema: it is refused
//! with a finding, or an independent reader gets it back unchanged.

use std::process::Command;

use serde_json::{Map, Value, json};

use crate::support::{nself_in, run, tool};

/// Quotes, line breaks, templates, comments, words that YAML 1.1 reads as other types, marks that reorder text.
const HOSTILE: [&str; 30] = [
    "'",
    "\"",
    "\\",
    "a\nb: c",
    "a\r\nb",
    "$X",
    "${X:-$(id)}",
    "$$",
    "{{ x }}",
    "{% x %}",
    "; } server {",
    "#c",
    "a #b",
    "a: b",
    "- a",
    "no",
    "012",
    "1e3",
    "2026-01-01",
    "~",
    "!!python/object",
    "&a *a",
    "%TAG",
    "\u{0}",
    "\u{1b}[31m",
    "\u{202E}abc",
    "../../etc/passwd",
    "`id` $(id)",
    "' OR 1=1 --",
    "<<",
];

/// A slot of the schema for text, and its path.
struct Slot {
    path: String,
    stack: Box<dyn Fn(&str) -> Value>,
}

/// Returns all text slots of the schema; `*` stands for a key of a map, which is also a slot.
fn slots() -> Vec<Slot> {
    let schema: Value =
        serde_json::from_str(&nself_in(std::path::Path::new("/"), ["schema", "--format", "json"]).stdout).unwrap();
    let mut paths = Vec::new();
    walk(&schema, &schema, &mut Vec::new(), &mut paths);
    paths.sort();
    paths.dedup();
    let slots = paths.into_iter().map(|path| {
        let shown = path.join(".");
        Slot { path: shown, stack: Box::new(move |text| fill(&path, text)) }
    });
    slots.collect()
}

fn walk(root: &Value, schema: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    if path.len() > 9
        || path.iter().filter(|step| ["join", "by_profile", "container"].contains(&step.as_str())).count() > 1
        // A frontend's container is a service, and the handlers of services have their own slots; so have the parts of
        // plugins, which are parts of the stack.
        || path.first().is_some_and(|step| step == "plugins") && path.len() > 3
        || path.iter().any(|step| step == "container") && path.iter().any(|step| step == "hasura")
    {
        return;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return walk(root, root.pointer(reference.trim_start_matches('#')).unwrap(), path, found);
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for alternative in schema[key].as_array().into_iter().flatten() {
            walk(root, alternative, path, found);
        }
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        walk(root, field, path, found);
        path.pop();
    }
    if schema["additionalProperties"].is_object() {
        path.push("*".into());
        found.push(path.clone());
        walk(root, &schema["additionalProperties"], path, found);
        path.pop();
    }
    if schema["items"].is_object() {
        path.push("[]".into());
        walk(root, &schema["items"], path, found);
        path.pop();
    }
    let text =
        schema["type"] == "string" || schema["type"].as_array().is_some_and(|types| types.contains(&json!("string")));
    if text && schema["const"].is_null() && schema["enum"].is_null() {
        found.push(path.clone());
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
fn fill(path: &[String], text: &str) -> Value {
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

#[test]
fn every_slot_refuses_or_preserves_hostile_text() {
    if tool("venv/bin/python").is_none() {
        return;
    }
    let slots = slots();
    assert!(slots.len() > 80, "{}", slots.len());
    let folder = tempfile::tempdir().unwrap();
    let text = "let nself = import \"nself/main.ncl\" in (import \"data.json\") | nself.Stack\n";
    std::fs::write(folder.path().join("stack.ncl"), text).unwrap();
    let mut accepted = Vec::new();
    let mut refused = 0;
    for (i, slot) in slots.iter().enumerate() {
        // Each slot gets a different tenth of the table, so that the whole table is used many times.
        for (j, hostile) in HOSTILE.iter().enumerate().filter(|(j, _)| (i + j) % 10 == 0) {
            std::fs::write(folder.path().join("data.json"), (slot.stack)(hostile).to_string()).unwrap();
            let out = format!("out/{i}-{j}");
            let output = nself_in(folder.path(), ["gen", "--env", "local", "--out", &out]);
            let shown = format!("{} = {hostile:?}", slot.path);
            assert!(output.code == 0 || output.code == 2, "{shown}: {} {}", output.code, output.stderr);
            if output.code == 2 {
                refused += 1;
                assert!(
                    output.stderr.contains("error[NS") && !output.stderr.contains("NS901"),
                    "{shown}: {}",
                    output.stderr
                );
                assert!(!output.stderr.contains(['\u{202E}', '\u{0}', '\u{1b}']), "{shown}");
            } else {
                accepted.push(json!([
                    format!("{out}/local/compose.yaml"),
                    format!("{out}/local/secrets.json"),
                    format!("{out}/local/fidelity.json"),
                    hostile,
                    shown
                ]));
            }
        }
    }
    assert!(refused > 300 && accepted.len() > 10, "refused {refused}, kept {}", accepted.len());
    // PyYAML reads YAML 1.1: it must find exactly the text as a value or key, unless the text was refused.
    let script = r"
import glob, json, os, sys, yaml
def texts(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from texts(key)
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    else:
        yield node
def load(text):
    return yaml.load(text, Loader=yaml.CSafeLoader)
# Most cases have the same files of services that the text does not reach.
known = {}
def texts_of_file(path):
    content = open(path).read()
    if content not in known:
        known[content] = list(texts(load(content)))
    return known[content]
bad = 0
found = 0
for path, secrets, fidelity, hostile, shown in json.load(sys.stdin):
    document = load(open(path).read())
    metadata = glob.glob(os.path.join(os.path.dirname(path), 'hasura', '**', '*.yaml'), recursive=True)
    files = glob.glob(os.path.dirname(path) + '/files/probe/**/*', recursive=True)
    for kind in ['yml', 'yaml', 'json']:
        metadata += glob.glob(os.path.join(os.path.dirname(path), 'monitoring', '**', '*.' + kind), recursive=True)
    all_texts = [open(file, newline='').read() for file in files if os.path.isfile(file)]
    all_texts += [text for file in metadata for text in texts_of_file(file)]
    all_texts += list(texts(document)) + list(texts(json.load(open(secrets)))) + list(texts(json.load(open(fidelity))))
    expected = {'auth', 'hasura', 'nginx', 'postgres', 'postgres-setup', 'probe'}
    if shown.startswith('database_server.external'):
        expected.remove('postgres')
    bundle = {'backup', 'backup-list', 'backup-restore', 'backup-tools', 'backup-verify', 'backup-wal', 'volume-owner', 'alertmanager', 'alloy', 'cadvisor', 'grafana', 'loki', 'node-exporter', 'postgres-exporter', 'prometheus', 'tempo'}
    if set(document['services']) - {'hasura-probe', 'probe-probe', 'probe-' + hostile} - bundle != expected:
        print(shown, sorted(document['services'])); bad += 1
    doubled = hostile.replace('$', '$$')
    if hostile in all_texts or doubled in all_texts or any(isinstance(t, str) and doubled in t for t in all_texts):
        found += 1
print(found, bad)
";
    let cases = folder.path().join("cases.json");
    std::fs::write(&cases, Value::Array(accepted.clone()).to_string()).unwrap();
    let python = tool("venv/bin/python").unwrap();
    let output = run(Command::new("sh")
        .arg("-c")
        .arg(format!("exec {} -c \"$1\" < {}", python.display(), cases.display()))
        .arg("sh")
        .arg(script)
        .current_dir(folder.path()));
    let last = output.stdout.lines().last().unwrap_or_default().to_owned();
    let (found, bad) = last.split_once(' ').unwrap_or_else(|| panic!("{}{}", output.stdout, output.stderr));
    assert_eq!(bad, "0", "{}", output.stdout);
    assert!(
        found.parse::<usize>().unwrap() * 10 >= accepted.len() * 5,
        "{found} of {} came back:\n{}",
        accepted.len(),
        output.stdout
    );
}

/// Long text is refused if there is a limit, and otherwise preserved.
#[test]
fn long_text_is_refused_or_preserved() {
    let folder = tempfile::tempdir().unwrap();
    let text = "let nself = import \"nself/main.ncl\" in (import \"data.json\") | nself.Stack\n";
    std::fs::write(folder.path().join("stack.ncl"), text).unwrap();
    let long = "x".repeat(64 << 10);
    for path in
        ["project", "domain", "services.*.image", "services.*.env.*", "services.*.command.[]", "secrets.*.external"]
    {
        let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
        let mut stack = fill(&steps, &long);
        if steps.last().is_some_and(|step| step == "*") {
            stack["services"]["probe"]["env"] = json!({ "PROBE": long });
        }
        std::fs::write(folder.path().join("data.json"), stack.to_string()).unwrap();
        let output = nself_in(folder.path(), ["gen", "--env", "local"]);
        assert!(
            output.code == 2 && output.stderr.contains("at most") || output.stderr.contains("more than"),
            "{path}: {} {}",
            output.code,
            &output.stderr[..output.stderr.len().min(600)]
        );
    }
}
