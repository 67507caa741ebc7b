//! Checks `files` of services: their modes, data that independent parsers read, and the effect of a change.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{nself_in, run, tool};

const STACK: &str = "let nself = import \"nself/main.ncl\" in (import \"data.json\") | nself.Stack\n";

/// A stack with these files of one service.
fn with_files(files: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let stack = json!({
        "project": "shop", "domain": "shop.example.com", "monitoring": { "waive": "not the subject" },
        "services": { "probe": { "image": "a/probe:1", "health": { "none": "no port" }, "files": files } },
    });
    std::fs::write(folder.path().join("stack.ncl"), STACK).unwrap();
    std::fs::write(folder.path().join("data.json"), stack.to_string()).unwrap();
    folder
}

/// A generated file has its mode, and gets it back if a copy or git removed the executable bit. Bits that a umask removes
/// do not count as a difference.
#[test]
fn files_have_their_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folder = with_files(&json!({
        "/usr/local/bin/run": { "text": "#!/bin/sh\necho it runs\n", "mode": "755" },
        "/mode-0755/plain": { "text": "not a program\n" },
    }));
    let files = folder.path().join("deploy/local/files/probe");
    let [program, plain] = ["mode-0755/usr/local/bin/run", "dir-mode-0755/plain"].map(|path| files.join(path));
    let nself = |command: &str| nself_in(folder.path(), [command, "--env", "local"]);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(nself("gen").code, 0);
    assert_eq!((mode(&program), mode(&plain)), (0o755, 0o644));
    assert_eq!(run(&mut Command::new(&program)).stdout, "it runs\n");
    assert_eq!(nself("check").code, 0);
    let set =
        |path: &std::path::Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    set(&program, 0o700);
    set(&plain, 0o600);
    let masked = nself_in(folder.path(), ["verify"]);
    assert_eq!((masked.code, nself("check").code), (0, 0), "{}", masked.stderr);
    set(&program, 0o644);
    let verification = nself_in(folder.path(), ["verify"]);
    let message = "error[NS801]: local/files/probe/mode-0755/usr/local/bin/run is not executable, but was generated with the mode 0755";
    assert!(verification.code == 1 && verification.stderr.contains(message), "{}", verification.stderr);
    assert_eq!(mode(&program), 0o644, "without --repair nothing changes");
    let repaired = nself_in(folder.path(), ["verify", "--repair"]);
    assert!(repaired.code == 0 && repaired.stdout.contains("restored local/files/probe/mode-0755"), "{repaired:?}");
    assert_eq!((mode(&program), nself_in(folder.path(), ["verify"]).code), (0o755, 0));
    set(&program, 0o644);
    let checked = nself("check");
    assert!(checked.code == 1 && checked.stderr.contains("1 changed"), "{}", checked.stderr);
    assert_eq!(nself("gen").code, 0);
    assert_eq!((mode(&program), nself("check").code), (0o755, 0));
}

#[test]
fn data_comes_back_from_yaml_and_json() {
    let Some(python) = tool("venv/bin/python") else { return };
    let texts = [
        "no",
        "012",
        "1e3",
        "2026-01-01",
        "~",
        "a: b",
        "a #b",
        "- a",
        "&a *a",
        "<<",
        "{{ x }}",
        "${X:-1}",
        "a\nb: c\n",
        "'",
        "\"",
        "\\",
        "",
        " x ",
        "%TAG",
        "null",
        "0x1f",
        "1_000",
        "=",
    ];
    let by_key: serde_json::Map<String, Value> = texts.iter().map(|text| ((*text).to_owned(), json!(text))).collect();
    let data = json!({ "texts": texts, "keys": by_key, "others": [1, -2, 0.5, true, null, [], {}, [[1], []], { "a": [{ "b": {} }] }] });
    let folder = with_files(&json!({ "/etc/a.yaml": { "yaml": data }, "/etc/b.json": { "json": data } }));
    let output = nself_in(folder.path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let script = "import json, sys, yaml\nfor read, path in [(yaml.safe_load, 'a.yaml'), (json.load, 'b.json')]:\n    \
                  print(json.dumps(read(open('deploy/local/files/probe/etc/' + path))))\n";
    let output = run(Command::new(python).args(["-c", script]).current_dir(folder.path()));
    let read: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, [data.clone(), data], "{}", output.stderr);
}

#[test]
fn a_changed_file_replaces_the_containers_that_mount_it() {
    let labels = |text: &str| -> BTreeMap<String, Value> {
        let folder = with_files(&json!({ "/etc/motd": { "text": text } }));
        assert_eq!(nself_in(folder.path(), ["gen", "--env", "local"]).code, 0);
        let compose = std::fs::read_to_string(folder.path().join("deploy/local/compose.yaml")).unwrap();
        let compose: Value = serde_yaml_ng::from_str(&compose).unwrap();
        let services = compose["services"].as_object().unwrap().iter();
        services.map(|(name, service)| (name.clone(), service["labels"]["org.nself.config"].clone())).collect()
    };
    let (first, same, other) = (labels("1"), labels("1"), labels("2"));
    assert_eq!(first, same);
    assert!(
        first["probe"].is_string() && first["nginx"].is_string(),
        "control: other services have one too: {first:?}"
    );
    let changed: Vec<&str> =
        first.iter().filter(|(name, label)| other[*name] != **label).map(|(name, _)| name.as_str()).collect();
    assert_eq!(changed, ["probe"], "{first:?} {other:?}");
}
