//! Which files a stack may import, and what nself writes into an untrusted project: the cache is in the project, so an
//! untrusted checkout can contain files and links there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{ProcessOutput, nself_in};

const CANARY: &str = "canary-4be1";

fn write(project: &Path, fields: &str) {
    let text = format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n  {fields} }} | nself.Stack\n"
    );
    fs::write(project.join("stack.ncl"), text).unwrap();
}

fn assert_refused(output: &ProcessOutput, place: &str) {
    assert_eq!(output.code, 2, "{}", output.stderr);
    assert!(output.stderr.starts_with("error[NS006]") && output.stderr.ends_with("1 error\n"), "{}", output.stderr);
    assert!(output.stderr.contains(place), "{place}: {}", output.stderr);
    assert!(!output.stderr.contains(CANARY), "{}", output.stderr);
}

#[test]
fn a_refused_import_is_reported_at_its_place() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.ncl"), format!("{{ {CANARY} ")).unwrap();
    let case = tempfile::tempdir().unwrap();
    fs::create_dir(case.path().join("parts")).unwrap();
    symlink(outside.path().join("secret.ncl"), case.path().join("parts/link.ncl")).unwrap();
    fs::write(case.path().join("parts/extra.ncl"), "{\n  part = import \"link.ncl\",\n}").unwrap();
    write(case.path(), "services = import \"parts/extra.ncl\",");
    assert_refused(&nself_in(case.path(), ["gen"]), "parts/extra.ncl:2:10");
    assert!(!case.path().join("deploy").exists());
}

#[test]
fn imports_of_a_file_outside_are_not_named() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("one.ncl"), format!("import \"{CANARY}.ncl\"")).unwrap();
    fs::write(outside.path().join(format!("{CANARY}.ncl")), "{}").unwrap();
    let case = tempfile::tempdir().unwrap();
    write(case.path(), &format!("services = import \"{}/one.ncl\",", outside.path().display()));
    assert_refused(&nself_in(case.path(), ["gen"]), "stack.ncl:3:14");
}

#[test]
fn a_planted_file_in_the_cached_library_is_not_trusted() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.txt"), CANARY).unwrap();
    let case = tempfile::tempdir().unwrap();
    write(case.path(), "");
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let library = fs::read_dir(case.path().join(".nself/lib")).unwrap().next().unwrap().unwrap().path();
    symlink(outside.path().join("secret.txt"), library.join("nself/planted.txt")).unwrap();
    symlink(outside.path(), library.join("nself/folder")).unwrap();
    for import in ["nself/planted.txt", "nself/folder/secret.txt"] {
        write(
            case.path(),
            &format!("services.orders = {{ image = \"a/b:1\", env.TEXT = import \"{import}\" as 'Text }},"),
        );
        assert_refused(&nself_in(case.path(), ["gen"]), "stack.ncl:3:");
    }
    let leaked = crate::support::tree(&case.path().join("deploy"))
        .values()
        .any(|bytes| String::from_utf8_lossy(bytes).contains(CANARY));
    assert!(!leaked);
}

#[test]
fn the_stack_file_must_not_be_a_link_out_of_its_folder() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("other.ncl"), format!("{{ a = \"{CANARY}\" ")).unwrap();
    let case = tempfile::tempdir().unwrap();
    symlink(outside.path().join("other.ncl"), case.path().join("stack.ncl")).unwrap();
    assert_refused(&nself_in(case.path(), ["gen"]), "stack.ncl:1:1");
    // A link to the folder of the project is allowed.
    let real = tempfile::tempdir().unwrap();
    write(real.path(), "");
    symlink(real.path(), case.path().join("project")).unwrap();
    let output = nself_in(case.path(), ["gen", "project/stack.ncl"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
}

#[test]
fn the_library_is_never_written_through_a_link() {
    let elsewhere = tempfile::tempdir().unwrap();
    let case = tempfile::tempdir().unwrap();
    write(case.path(), "");
    fs::create_dir(case.path().join(".nself")).unwrap();
    symlink(elsewhere.path().join("ignore"), case.path().join(".nself/.gitignore")).unwrap();
    symlink(elsewhere.path(), case.path().join(".nself/lib")).unwrap();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_shadows_the_library_takes_effect() {
    let case = tempfile::tempdir().unwrap();
    fs::create_dir(case.path().join("parts")).unwrap();
    let part = "let nself = import \"nself/main.ncl\" in { redis = nself.services.redis }";
    fs::write(case.path().join("parts/extra.ncl"), part).unwrap();
    write(case.path(), "services = import \"parts/extra.ncl\",");
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let output = nself_in(case.path(), ["check"]);
    assert!(output.code == 0 && output.stderr.contains("up to date"), "{}", output.stderr);
    fs::create_dir(case.path().join("parts/nself")).unwrap();
    fs::write(case.path().join("parts/nself/main.ncl"), "{ services.redis = { image = \"mine/redis:1\" } }").unwrap();
    let output = nself_in(case.path(), ["check"]);
    assert!(output.code == 1 && output.stdout.contains("mine/redis:1"), "{}{}", output.stdout, output.stderr);
}
