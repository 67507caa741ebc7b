//! `nself fmt` with the formatter of the `nickel` program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{ProcessOutput, golden, name, nself, nself_in, project, run, tool, tree};

/// Runs `nself fmt` with the folder of the formatter on the PATH.
fn fmt(folder: &Path, arguments: &[&str]) -> Option<ProcessOutput> {
    let bin = tool("nickel/bin")?;
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    Some(run(nself(folder).arg("fmt").args(arguments).env("PATH", path)))
}

const STACK: &str = "let nself = import \"nself/main.ncl\" in\n# The shop.\n{ project = \"shop\",\n  domain = \"shop.example.com\", databases.shop = import \"db/shop.ncl\",\n  services.orders = import \"services/orders.ncl\" } | nself.Stack\n";
const SHOP: &str =
    "let columns = import \"../columns.ncl\" in\n{tables.items = {columns = columns, primary_key = [\"id\"]}}\n";
const FORMATTED_SHOP: &str =
    "let columns = import \"../columns.ncl\" in\n{ tables.items = { columns = columns, primary_key = [\"id\"] } }\n";

/// A project whose stack has a service without an image, so it parses and cannot be generated.
fn unformatted() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("stack.ncl", STACK),
        ("db/shop.ncl", SHOP),
        ("columns.ncl", "{ id = { type = \"bigint\" } }\n"),
        ("services/orders.ncl", "{port=8001}\n"),
        ("unused.ncl", "{a=1}\n"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(folder: &Path, path: &str) -> String {
    fs::read_to_string(folder.join(path)).unwrap()
}

#[test]
fn the_stack_and_its_imports_are_formatted() {
    let project = unformatted();
    let folder = project.path();
    let Some(checked) = fmt(folder, &["--check"]) else { return };
    assert_eq!(checked.code, 1, "{}", checked.stderr);
    for text in ["--- stack.ncl", "--- db/shop.ncl", "-{port=8001}\n+{ port = 8001 }"] {
        assert!(checked.stdout.contains(text), "{}", checked.stdout);
    }
    assert!(checked.stderr.contains("3 not formatted, 1 file unchanged"), "{}", checked.stderr);
    assert_eq!((read(folder, "stack.ncl").as_str(), read(folder, "db/shop.ncl").as_str()), (STACK, SHOP));

    fs::set_permissions(folder.join("stack.ncl"), fs::Permissions::from_mode(0o600)).unwrap();
    // Also from a folder below, with paths that work there.
    let output = fmt(&folder.join("db"), &[]).unwrap();
    assert_eq!((output.code, output.stdout.lines().count()), (0, 3), "{output:?}");
    assert!(output.stdout.contains("formatted ../db/shop.ncl\n"), "{}", output.stdout);
    assert_eq!(read(folder, "db/shop.ncl"), FORMATTED_SHOP);
    assert!(read(folder, "stack.ncl").contains("# The shop.\n"), "comments stay");
    assert_eq!(read(folder, "unused.ncl"), "{a=1}\n", "nothing imports it");
    let metadata = fs::metadata(folder.join("stack.ncl")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);

    // A second run writes nothing.
    let again = fmt(folder, &[]).unwrap();
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{}", again.stderr);
    assert_eq!(fs::metadata(folder.join("stack.ncl")).unwrap().modified().unwrap(), metadata.modified().unwrap());
    assert_eq!(fmt(folder, &["--check"]).unwrap().code, 0);
    let named = fmt(folder, &["unused.ncl", "columns.ncl"]).unwrap();
    assert_eq!((named.code, named.stdout.as_str()), (0, "formatted unused.ncl\n"), "{}", named.stderr);
    assert_eq!(read(folder, "unused.ncl"), "{ a = 1 }\n");
}

/// The formatter alone would accept the open bracket, and write the file without complaint.
#[test]
fn a_file_that_does_not_parse_is_not_written() {
    let project = unformatted();
    let folder = project.path();
    let broken = "{\n  port=(8001,\n}\n";
    fs::write(folder.join("services/orders.ncl"), broken).unwrap();
    let Some(output) = fmt(folder, &[]) else { return };
    assert!(output.code == 2 && output.stderr.contains("error[NS002]"), "{}", output.stderr);
    assert!(output.stderr.contains("--> services/orders.ncl:2:"), "{}", output.stderr);
    assert_eq!(read(folder, "services/orders.ncl"), broken);
    assert_eq!(read(folder, "db/shop.ncl"), FORMATTED_SHOP, "the other files are formatted");
    for arguments in [["services/orders.ncl"].as_slice(), &["--check"]] {
        assert_eq!(fmt(folder, arguments).unwrap().code, 2);
    }
    fs::write(folder.join("stack.ncl"), "{ project = \"shop\"\n").unwrap();
    let output = fmt(folder, &[]).unwrap();
    assert!(output.code == 2 && output.stderr.contains("--> stack.ncl:"), "{}", output.stderr);
    let missing = fmt(folder, &["nowhere.ncl"]).unwrap();
    assert!(missing.code == 2 && missing.stderr.contains("error[NS804]: nowhere.ncl: "), "{}", missing.stderr);
}

/// A link in the checkout could lead to a file that does not belong to the project.
#[test]
fn links_of_the_project_are_not_followed() {
    let project = unformatted();
    let folder = project.path();
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("orders.ncl");
    fs::rename(folder.join("services/orders.ncl"), &target).unwrap();
    std::os::unix::fs::symlink(&target, folder.join("services/orders.ncl")).unwrap();
    let Some(output) = fmt(folder, &[]) else { return };
    assert_eq!(output.code, 2, "{}", output.stdout);
    assert_eq!(fs::read_to_string(&target).unwrap(), "{port=8001}\n");
    // An operator may name a link; the link stays.
    let named = fmt(folder, &["services/orders.ncl"]).unwrap();
    assert_eq!(named.code, 0, "{}", named.stderr);
    assert!(fs::symlink_metadata(folder.join("services/orders.ncl")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&target).unwrap(), "{ port = 8001 }\n");
}

#[test]
fn without_the_formatter_the_message_says_how_to_install_it() {
    let project = unformatted();
    let before = tree(project.path());
    let output = run(nself(project.path()).arg("fmt").env("PATH", "/nowhere"));
    assert_eq!(output.code, 2, "{}", output.stdout);
    for text in ["error[NS616]: the program `nickel`", "cargo install --locked nickel-lang-cli --version 1.18.0"] {
        assert!(output.stderr.contains(text), "{}", output.stderr);
    }
    for (path, bytes) in before {
        assert_eq!(fs::read(project.path().join(&path)).unwrap(), bytes, "{path}");
    }
    // What was found before is not lost.
    fs::write(project.path().join("columns.ncl"), "{ id = \n").unwrap();
    let output = run(nself(project.path()).args(["fmt", "columns.ncl", "unused.ncl"]).env("PATH", "/nowhere"));
    assert!(output.stderr.contains("error[NS002]") && output.stderr.contains("error[NS616]"), "{}", output.stderr);
}

#[test]
fn a_formatted_stack_generates_the_same_files() {
    for case in ["kubernetes", "redis-sentinel"] {
        let case = golden(false).into_iter().find(|path| name(path) == case).unwrap();
        let project = project(&case);
        let generate = || {
            let output = nself_in(project.path(), ["gen"]);
            assert_eq!(output.code, 0, "{}", output.stderr);
            tree(&project.path().join("deploy"))
        };
        let before = generate();
        let Some(output) = fmt(project.path(), &[]) else { return };
        assert!(output.code == 0 && output.stdout.contains("formatted stack.ncl"), "{case:?}: {output:?}");
        assert!(generate() == before, "{case:?}");
        assert_eq!(fmt(project.path(), &["--check"]).unwrap().code, 0, "{case:?}: a second run would change it");
    }
}

#[test]
fn a_new_stack_is_formatted() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(nself_in(folder.path(), ["init"]).code, 0);
    let Some(output) = fmt(folder.path(), &["--check"]) else { return };
    assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{}", output.stderr);
}
