//! Attacks on terminals and CI logs by names and texts of an untrusted project.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::commit;
use crate::support::{ProcessOutput, nself_in, root, stack};

/// A name that changes colours of a terminal, starts a line with a CI command, reorders text and hides parts of it.
const HOSTILE: &str = "x\n::warning::w\r##[error]e ##vso[task.x]\x1b[31m\u{202E}\u{9b}1m\u{200B}\u{E0041}\u{AD}";

/// Returns the parts of a text that a terminal or a CI service would not treat as text.
fn commands(text: &str) -> Vec<String> {
    let is_invisible = |c: char| {
        c.is_control() && c != '\n' && c != '\t'
            || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{E0000}'..='\u{E007F}')
    };
    let mut invisible_characters: Vec<String> =
        text.chars().filter(|c| is_invisible(*c)).map(|c| format!("{c:?}")).collect();
    for line in text.lines() {
        if line.trim_start().starts_with("::") {
            invisible_characters.push(line.to_owned());
        }
        for (at, _) in line.match_indices("##") {
            let name = line[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphanumeric());
            if name.starts_with('[') {
                invisible_characters.push(line.to_owned());
            }
        }
    }
    invisible_characters
}

/// Checks that the run repeated the hostile name as text.
fn is_text(output: &ProcessOutput) {
    let all = format!("{}\n{}", output.stdout, output.stderr);
    assert!(all.contains("w\\u{000D}#\\u{0023}[error]e") || all.contains("w\\r#\\u0023[error]e"), "{all}");
    assert_eq!(commands(&all), Vec::<String>::new(), "{all}");
}

/// Known-bad control: the search finds commands in unprotected text.
#[test]
fn the_search_finds_commands_of_ci_logs() {
    assert!(commands(HOSTILE).len() >= 8, "{:?}", commands(HOSTILE));
    assert_eq!(commands(" ::add-mask::x").len(), 1);
    assert_eq!(commands("plain ::x:: # [y] ## z [w]"), Vec::<String>::new());
}

/// Attack: names of files in the folder of an image, of folders on the command line, and refused arguments contain
/// escape sequences, line breaks and commands of CI services.
/// Expectation: each name is shown on one line, with special characters by number.
#[test]
fn names_of_arguments_and_folders_cannot_control_the_terminal() {
    let case = tempfile::tempdir().unwrap();
    let folder = case.path();
    is_text(&nself_in(folder, ["init", HOSTILE]));
    assert!(folder.join(HOSTILE).join("stack.ncl").exists(), "the name was used as it is");
    is_text(&nself_in(folder, ["init", HOSTILE]));
    is_text(&nself_in(folder, ["init", "service", "--template", HOSTILE]));
    is_text(&nself_in(folder, ["secrets", "init", "--env", HOSTILE]));
    is_text(&nself_in(folder, ["secrets", "init", "--out", HOSTILE]));
    is_text(&nself_in(folder, ["gen", HOSTILE]));
    is_text(&nself_in(folder, ["gen", "--out", HOSTILE, &format!("{HOSTILE}/stack.ncl")]));
    is_text(&nself_in(folder, [HOSTILE]));
    is_text(&nself_in(folder, ["gen", &format!("--{HOSTILE}")]));
    is_text(&nself_in(folder, ["gen", "--time-limit", HOSTILE]));
    is_text(&nself_in(folder, ["explain", HOSTILE]));
    is_text(&nself_in(folder, ["pull", HOSTILE, "--out", "x"]));
    is_text(&nself_in(folder, ["gc", "--keep", HOSTILE]));
    is_text(&nself_in(folder, ["db", "import", "--sql", HOSTILE]));
}

/// Attack: the folder of an image contains private files with hostile names.
/// Expectation: `image` shows the names of omitted files as text; its JSON is an equal document.
#[test]
fn names_of_omitted_files_cannot_control_the_terminal() {
    let body = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.web = {
        image = "ghcr.io/acme/web:1", layout = { folder = "web", platforms = ["linux/amd64"] },
        command = ["/app/web"], user = "10001:10001", port = 8001 } }"#;
    let case = stack(body);
    let name = format!(".env.{HOSTILE}");
    fs::create_dir(case.path().join("web")).unwrap();
    fs::write(case.path().join("web/web"), "#!/bin/true\n").unwrap();
    fs::write(case.path().join("web").join(&name), "A=1\n").unwrap();
    let output = nself_in(case.path(), ["image", "web"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    is_text(&output);
    let output = nself_in(case.path(), ["image", "web", "--format", "json"]);
    assert_eq!(commands(&output.stdout), Vec::<String>::new(), "{}", output.stdout);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["left_out"][0], name.as_str());
}

/// Attack: a generated file is replaced by a file with commands, and files with hostile names are next to it.
/// Expectation: `check` shows diff and names as text, including text after the signs of a diff.
#[test]
fn a_diff_cannot_control_the_terminal() {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    let folder = case.path();
    assert_eq!(nself_in(folder, ["gen", "--env", "local"]).code, 0);
    let compose = folder.join("deploy/local/compose.yaml");
    let text = fs::read_to_string(&compose).unwrap();
    let edited_text = format!("::error::first\n  ::add-mask::second\n{HOSTILE}\n{}", &text[..text.len() / 2]);
    commit(folder, "local/compose.yaml", edited_text.as_bytes());
    fs::write(folder.join("deploy/local").join(HOSTILE), "x").unwrap();
    let output = nself_in(folder, ["check", "--env", "local"]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    is_text(&output);
    assert!(output.stderr.contains("foreign: nself did not write local/x\\u{000A}::warning::w"), "{}", output.stderr);
    assert!(
        output.stdout.contains("\n-::error::first\n") && output.stdout.contains("#\\u{0023}[error]e"),
        "{}",
        output.stdout
    );
    // A later run shows the saved text in the same way.
    commit(folder, "local/compose.yaml", text.as_bytes());
    for _ in 0..2 {
        is_text(&nself_in(folder, ["gen", "--env", "local"]));
    }
    assert_eq!(commands(&nself_in(folder, ["gen", "--env", "local", "--format", "json"]).stdout), Vec::<String>::new());
}

/// Attack: the stack has hostile text that messages repeat: names of fields, environments and services, and messages of
/// Nickel code.
/// Expectation: findings are text; their JSON is one document without commands.
#[test]
fn findings_about_hostile_text_cannot_control_the_terminal() {
    let quoted = "x\\n::warning::w\\r##[error]e\\u{1b}[31m\\u{202e}";
    let stack_with = |fields: &str| {
        format!(
            "{{ project = \"shop\", domain = \"d.example.com\", monitoring.waive = \"not the subject\", {fields} }}"
        )
    };
    for body in [
        stack_with(&format!("\"{quoted}\" = 1")),
        stack_with(&format!("environments.\"{quoted}\" = {{}}")),
        stack_with(&format!("services.\"{quoted}\".image = \"a/b:1\"")),
        stack_with(&format!("services.web.depends_on = [\"{quoted}\"]")),
        format!("{{ project = \"shop\", domain = std.fail_with \"{quoted}\" }}"),
    ] {
        let case = stack(&body);
        for format in ["text", "json"] {
            let output = nself_in(case.path(), ["gen", "--format", format]);
            assert_eq!(output.code, 2, "{body}");
            let all = format!("{}\n{}", output.stdout, output.stderr);
            assert!(all.contains("::warning::w"), "the text is shown: {body}\n{all}");
            assert_eq!(commands(&all), Vec::<String>::new(), "{body}\n{all}");
            if format == "json" {
                serde_json::from_str::<Value>(&output.stdout).unwrap();
            }
        }
    }
}

/// Attack: the value of a secret looks like a command.
/// Expectation: output for other programs is exact, byte for byte.
#[test]
fn documents_for_other_programs_are_exact() {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    let folder = case.path();
    assert_eq!(nself_in(folder, ["gen", "--env", "local"]).code, 0);
    assert_eq!(nself_in(folder, ["secrets", "init"]).code, 0);
    let value = "::add-mask::x ##[error]é\u{202E}";
    let secret = folder.join("deploy/local/secrets/hasura_admin_secret");
    fs::remove_file(&secret).unwrap();
    fs::write(&secret, value).unwrap();
    let output = nself_in(folder, ["secrets", "kubernetes", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let values: Vec<String> = serde_yaml_ng::Deserializer::from_str(&output.stdout)
        .map(|document| {
            let document: serde_yaml_ng::Value = serde::Deserialize::deserialize(document).unwrap();
            document["stringData"]["value"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(values.iter().any(|text| text == value), "{}", output.stdout);
    assert!(output.stdout.contains("##[error]é"), "no sign of the value is written differently");
}

/// Attack: a new command prints without the module that escapes text.
/// Expectation: only one module writes to stdout and stderr. clippy refuses others; this test checks its list.
#[test]
fn only_one_module_prints() {
    let refused = [
        "println!",
        "print!(",
        "eprint!",
        "eprintln!",
        "dbg!",
        "io::stdout",
        "io::stderr",
        "/dev/stderr",
        "/dev/stdout",
    ];
    let clippy = fs::read_to_string(root().join("clippy.toml")).unwrap();
    for name in ["std::io::stdout", "std::io::stderr", "std::print", "std::println", "std::eprint", "std::eprintln"] {
        assert!(clippy.contains(&format!("path = \"{name}\"")), "{name}");
    }
    let mut writers = Vec::new();
    for entry in walkdir::WalkDir::new(root().join("generator")).into_iter().map(Result::unwrap) {
        if entry.path().extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(entry.path()).unwrap();
            if refused.iter().any(|name| text.contains(name)) {
                writers.push(entry.path().strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    assert_eq!(writers, [Path::new("generator/terminal.rs")]);
}
