//! Attacks through the committed manifest, which any pull request can change.

use std::fs;
use std::path::Path;

use nself::artifact::Digest;

use crate::support::{ProcessOutput, nself_in, stack, tree};

const CANARY: &str = "canary-55e9c2";
const STACK: &str = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#;
const MANIFEST: &str = "deploy/nself.manifest";

fn generated_project() -> tempfile::TempDir {
    let case = stack(STACK);
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    case
}

/// Adds a line to the manifest in nself's format, and returns its number.
fn plant(project: &Path, path: &str, content: &[u8]) -> usize {
    let text = fs::read_to_string(project.join(MANIFEST)).unwrap();
    let digest = Digest::of(content);
    fs::write(project.join(MANIFEST), format!("{text}{digest}  {path}\n")).unwrap();
    text.lines().count() + 1
}

fn assert_unshown(output: &ProcessOutput) {
    assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY), "{output:?}");
}

/// Attack: a line of the manifest names a file of the operator, with its digest or a different one, so that `check`
/// prints it and `gen` deletes it as a file that is no longer generated.
/// Expectation: NS805 at the line, nothing is shown, nothing is deleted.
#[test]
fn a_manifest_line_for_a_file_of_the_operator_is_refused() {
    for path in [
        "local/.env",
        "local/secrets/postgres-password",
        "prod/secrets/nested/key",
        "local/data/postgres/PG_VERSION",
        "local/.env.local",
        "local/notes.txt",
        "local/nginx/.htpasswd",
        "notes.txt",
        ".git/config",
    ] {
        let case = generated_project();
        let content = format!("PASSWORD={CANARY}\n");
        let file = case.path().join("deploy").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &content).unwrap();
        for recorded in [content.as_bytes(), b"another content"] {
            let before = fs::read(case.path().join(MANIFEST)).unwrap();
            let line = plant(case.path(), path, recorded);
            let commands = [
                &["check"][..],
                &["gen", "--force"],
                &["check", "--format", "json"],
                &["gen"],
                &["verify"],
                &["verify", "--repair"],
            ];
            // All commands for one file; for the others, only commands that would show or delete it.
            for command in &commands[..if path == "local/.env" { commands.len() } else { 2 }] {
                let process_output = nself_in(case.path(), *command);
                let output = format!("{}{}", process_output.stdout, process_output.stderr);
                assert!(process_output.code == 2 && output.contains("NS805"), "{path} {command:?}: {process_output:?}");
                assert!(
                    output.contains(&format!("nself.manifest:{line}: nself never generates `{path}`")),
                    "{path}: {process_output:?}"
                );
                assert_unshown(&process_output);
                assert_eq!(fs::read_to_string(&file).unwrap(), content, "{path} {command:?}");
            }
            fs::write(case.path().join(MANIFEST), before).unwrap();
        }
    }
}

/// Attack: a line names a path that nself could generate but does not, with the digest of the operator's file.
/// Expectation: `check` names the file and counts its lines, and shows none.
#[test]
fn content_of_foreign_files_is_never_shown() {
    let case = generated_project();
    let content = format!("# {CANARY}\n# two\n");
    let file = case.path().join("deploy/local/nginx/sites/admin.conf");
    fs::write(&file, &content).unwrap();
    for recorded in [content.as_bytes(), b"another content"] {
        let before = fs::read(case.path().join(MANIFEST)).unwrap();
        plant(case.path(), "local/nginx/sites/admin.conf", recorded);
        let output = nself_in(case.path(), ["check"]);
        assert!(output.code == 1 && output.stdout.contains("local/nginx/sites/admin.conf"), "{output:?}");
        assert!(output.stdout.contains("-[2 lines of the file on disk, not shown]"), "{output:?}");
        assert_unshown(&output);
        fs::write(case.path().join(MANIFEST), before).unwrap();
    }
}

/// Attack: CI prints the diff of a file into which an operator pasted a value; the file is recorded, or it is at the
/// path of an output and the manifest was deleted.
/// Expectation: the generated side is shown, and the lines of the other side are only counted.
#[test]
fn hand_written_lines_are_never_shown() {
    let case = generated_project();
    let file = case.path().join("deploy/local/compose.yaml");
    let edited_text =
        fs::read_to_string(&file).unwrap().replacen("services:", &format!("# {CANARY}\n# more\nother:"), 1);
    fs::write(&file, edited_text).unwrap();
    for without_manifest in [false, true] {
        if without_manifest {
            fs::remove_file(case.path().join(MANIFEST)).unwrap();
        }
        let output = nself_in(case.path(), ["check"]);
        assert_eq!(output.code, 1, "{output:?}");
        assert_unshown(&output);
        assert!(output.stdout.contains("\n-[3 lines of the file on disk, not shown]\n+services:\n"), "{output:?}");
        // `verify` without a manifest, and `gen`, are refused; `why` shows the line of the generated file.
        let why = "deploy/local/compose.yaml:3";
        let verify_code = if without_manifest { 2 } else { 1 };
        for (command, code) in
            [(&["check", "--format", "json"][..], 1), (&["verify"], verify_code), (&["gen"], 2), (&["why", why], 0)]
        {
            let output = nself_in(case.path(), command);
            assert_eq!(output.code, code, "{command:?}: {output:?}");
            assert_unshown(&output);
        }
    }
}

/// Attack: `--force` overwrites or deletes every file of the output folder.
/// Expectation: secrets and `.env` are kept, regardless of the manifest.
#[test]
fn force_never_touches_values_of_secrets() {
    let case = generated_project();
    assert_eq!(nself_in(case.path(), ["secrets", "init"]).code, 0);
    let values = |folder: &Path| {
        let mut files = tree(&folder.join("deploy"));
        files.retain(|path, _| path.contains("/secrets/") || path.ends_with("/.env"));
        files
    };
    let before = values(case.path());
    assert!(before.contains_key("local/.env") && before.contains_key("local/secrets/postgres_password"), "{before:?}");
    plant(case.path(), "local/nginx/sites/old.conf", b"old");
    fs::write(case.path().join("deploy/local/nginx/sites/old.conf"), "edited").unwrap();
    assert_eq!(nself_in(case.path(), ["gen", "--force"]).code, 0);
    assert!(!case.path().join("deploy/local/nginx/sites/old.conf").exists());
    assert_eq!(values(case.path()), before);
    fs::remove_file(case.path().join(MANIFEST)).unwrap();
    assert_eq!(nself_in(case.path(), ["gen", "--force"]).code, 0);
    assert_eq!(values(case.path()), before, "without a manifest");
}
