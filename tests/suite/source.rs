//! Programs that would crash, hang or read other files: each gives one finding.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::support::{ProcessOutput, nself_in};

fn gen_with(text: &str) -> ProcessOutput {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.ncl"), text).unwrap();
    let output = nself_in(folder.path(), ["gen", "--time-limit", "5"]);
    assert!(!folder.path().join("deploy").exists());
    output
}

/// Checks that `nself gen` reports one of these codes and ends in time; the machine decides which limit is reached first.
fn assert_refused(text: &str, codes: &[&str]) {
    let started = Instant::now();
    let output = gen_with(text);
    let first_characters: String = text.chars().take(60).collect();
    assert_eq!(output.code, 2, "{first_characters}: {}", output.stderr);
    assert!(
        codes.iter().any(|code| output.stderr.contains(&format!("error[{code}]"))),
        "{first_characters}: {}",
        output.stderr
    );
    assert!(output.stderr.contains("stack.ncl:"), "{first_characters}: {}", output.stderr);
    assert!(started.elapsed() < Duration::from_secs(60), "{first_characters}");
}

#[test]
fn deep_nesting_is_a_finding() {
    assert_refused(&format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)), &["NS005"]);
    assert_refused(&format!("{}1{}", "{a=".repeat(5_000), "}".repeat(5_000)), &["NS005"]);
}

#[test]
fn endless_programs_are_findings() {
    assert_refused("let rec f = fun x => 1 + f x in { a = f 1 }", &["NS005"]);
    assert_refused("let rec f = fun x => f (x @ x) in { a = f [1, 2] }", &["NS005"]);
    assert_refused("let rec f = fun x => f x in { a = f 1 }", &["NS005"]);
    assert_refused("{ a = import \"/dev/zero\" as 'Text }", &["NS006"]);
}

#[test]
fn imports_outside_the_project_are_refused_and_never_shown() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.txt");
    std::fs::write(&secret, "canary-9d1f\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    symlink(&secret, folder.path().join("link.txt")).unwrap();
    let relative = format!("../{}/secret.txt", outside.path().file_name().unwrap().to_string_lossy());
    let absolute = secret.display().to_string();
    for import in ["link.txt", &relative, &absolute] {
        for form in [format!("import \"{import}\" as 'Text"), format!("import \"{import}\" as 'Nickel")] {
            let text = format!(
                "let nself = import \"nself/main.ncl\" in {{ project = {form}, domain = \"x.example.com\" }} | nself.Stack"
            );
            std::fs::write(folder.path().join("stack.ncl"), text).unwrap();
            let output = nself_in(folder.path(), ["gen"]);
            assert_eq!(output.code, 2, "{import}");
            assert!(output.stderr.contains("NS006"), "{import}: {}", output.stderr);
            assert!(!output.stderr.contains("canary"), "{}", output.stderr);
            assert!(!output.stderr.contains(&outside.path().display().to_string()), "{}", output.stderr);
        }
    }
    // The same import works if it is allowed.
    let text = format!(
        "let nself = import \"nself/main.ncl\" in {{ project = \"shop\", domain = \"x.example.com\", monitoring.waive = \"not the subject\", services.a1 = {{ image = \"a/b:1\", env.T = import \"{absolute}\" as 'Text }} }} | nself.Stack"
    );
    std::fs::write(folder.path().join("stack.ncl"), text).unwrap();
    let allowed = outside.path().display().to_string();
    let output = nself_in(folder.path(), ["gen", "--allow-import", &allowed]);
    assert_eq!(output.code, 0, "{}", output.stderr);
}

#[test]
fn imports_of_the_project_are_inputs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("parts")).unwrap();
    let write_part = |port: u16| {
        let text = format!("{{ orders = {{ image = \"a/b:{port}\", port = {port} }} }}");
        std::fs::write(folder.path().join("parts/services.ncl"), text).unwrap();
    };
    let text = "let nself = import \"nself/main.ncl\" in { project = \"shop\", domain = \"x.example.com\", monitoring.waive = \"not the subject\", services = import \"parts/services.ncl\" } | nself.Stack";
    std::fs::write(folder.path().join("stack.ncl"), text).unwrap();
    write_part(8001);
    assert_eq!(nself_in(folder.path(), ["gen"]).code, 0);
    assert_eq!(nself_in(folder.path(), ["check"]).code, 0);
    write_part(80);
    let output = nself_in(folder.path(), ["check"]);
    assert!(output.code == 2 && output.stderr.contains("parts/services.ncl:1:"), "{}", output.stderr);
    write_part(8002);
    assert_eq!(nself_in(folder.path(), ["check"]).code, 1, "the import decides the result");
    // A user's library that shadows the embedded one is detected as well.
    std::fs::create_dir(folder.path().join("nself")).unwrap();
    std::fs::write(folder.path().join("nself/main.ncl"), "{ Stack = Dyn }").unwrap();
    let output = nself_in(folder.path(), ["check"]);
    assert!(output.code == 2 && output.stderr.contains("NS004"), "{}", output.stderr);
}

#[test]
fn the_error_for_a_missing_stack_names_init() {
    let folder = tempfile::tempdir().unwrap();
    let output = nself_in(folder.path(), ["gen"]);
    assert!(
        output.code == 2 && output.stderr.contains("NS001") && output.stderr.contains("nself init"),
        "{}",
        output.stderr
    );
}
