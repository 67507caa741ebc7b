//! Hostile text in every slot of the stack language, generated from the language's own schema: it is refused
//! with a finding, or an independent reader gets it back unchanged.

mod slots;

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{nself_in, run, tool};
use slots::{fill, slots};

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
        // Each slot gets a different tenth of the table, so that the whole table is used many times. A repeated field gets
        // one text.
        let distance = if slot.is_repeated { HOSTILE.len() } else { 10 };
        for (j, hostile) in HOSTILE.iter().enumerate().filter(|(j, _)| (i + j) % distance == 0) {
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
            output.code == 2 && (output.stderr.contains("at most") || output.stderr.contains("more than")),
            "{path}: {} {}",
            output.code,
            &output.stderr[..output.stderr.len().min(600)]
        );
    }
}
