//! What commands answer when they are given what they cannot use: code, words, exit code, nothing half-done.

use std::fs;

use crate::support::{Ran, nself_in, stack, tree};

const SHOP: &str = r#"{ project = "shop", domain = "shop.example.com", services.orders = { image = "a/orders:1" } }"#;

fn fails(ran: &Ran, words: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
}

#[test]
fn a_folder_is_no_stack() {
    let case = stack(SHOP);
    let folder = case.path().display().to_string();
    fails(&nself_in(case.path(), ["gen", &folder]), &["NS001", "is a directory", &format!("`{folder}/stack.ncl`")]);
    fails(&nself_in(case.path(), ["gen", "."]), &["NS001", "`./stack.ncl`"]);
    fails(&nself_in(case.path(), ["gen", "none.ncl"]), &["NS001", "No such file", "`nself init`"]);
}

#[test]
fn a_path_that_is_refused_is_not_looked_for() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", services = {
             aa = { build.context = "../x", port = 8001 }, bb = { build = { context = "x", dockerfile = "/y" }, port = 8002 },
             cc = { build.context = "x", port = 8003 } } }"#,
    );
    let ran = nself_in(case.path(), ["gen"]);
    fails(&ran, &["services.aa.build.context", "services.bb.build.dockerfile"]);
    // Control: a path that could be right is.
    assert_eq!(ran.stderr.matches("NS311").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("`x/Dockerfile`"), "{}", ran.stderr);
}

#[test]
fn environments_are_listed_with_the_domain_at_which_they_answer() {
    let case = stack(SHOP);
    let ran = nself_in(case.path(), ["env", "list"]);
    let domains: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(domains, ["local.nself.org", "shop.example.com", "shop.example.com"], "{}", ran.stdout);
}

#[test]
fn a_lock_of_another_kind_is_called_that() {
    let case = stack(SHOP);
    let lock = case.path().join("nself.lock");
    let gen_ = || nself_in(case.path(), ["gen"]);
    fs::write(&lock, "{\n  \"version\": 1,\n").unwrap();
    let ran = gen_();
    fails(&ran, &["NS806", "nself.lock:3:1: EOF"]);
    assert!(!ran.stderr.contains("at line"), "{}", ran.stderr);
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    fails(&gen_(), &["NS806", "nself.lock is no plain file"]);
    fs::remove_dir(&lock).unwrap();
    std::os::unix::fs::symlink("stack.ncl", &lock).unwrap();
    fails(&gen_(), &["NS806", "nself.lock is no plain file"]);
    assert!(!case.path().join("deploy").exists());
}

#[test]
fn a_missing_manifest_is_named() {
    let case = stack(SHOP);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let manifest = case.path().join("deploy/nself.manifest.json");
    let before = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    let ran = nself_in(case.path(), ["check"]);
    assert!(ran.code == 1 && ran.stderr.contains("nself.manifest.json missing; run `nself gen`"), "{}", ran.stderr);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert_eq!(fs::read(&manifest).unwrap(), before);
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);
}

#[test]
fn a_mount_without_a_source_is_a_warning_until_it_is_there() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com",
             services.orders = { image = "a/b:1", mounts = [{ source = "static", target = "/srv" }] } }"#,
    );
    let warned = |ran: &Ran| ran.stderr.contains("warning[NS312]: there is no `static` beside");
    let place = "--> stack.ncl:3:72 (services.orders.mounts[0].source)\n   = in: local, prod, staging\n";
    let first = nself_in(case.path(), ["gen"]);
    assert!(first.code == 0 && warned(&first) && first.stderr.contains(place), "{}", first.stderr);
    assert!(warned(&nself_in(case.path(), ["gen"])), "a warm run says it too");
    fs::create_dir(case.path().join("static")).unwrap();
    let there = nself_in(case.path(), ["gen"]);
    assert!(there.code == 0 && !warned(&there), "{}", there.stderr);
}

#[test]
fn line_ends_that_git_rewrote_are_called_that() {
    let case = stack(SHOP);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let file = case.path().join("deploy/local/compose.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    let ran = nself_in(case.path(), ["check"]);
    assert!(
        ran.code == 1
            && ran.stderr.contains("hand-edited: 1 only by line ends of Windows")
            && ran.stderr.contains("-text"),
        "{}",
        ran.stderr
    );
    fails(
        &nself_in(case.path(), ["gen"]),
        &["NS801", "local/compose.yaml has line ends of Windows", "core.autocrlf", "--force"],
    );
    // Control: an edit is an edit.
    fs::write(&file, text.replace('\n', "\r\n") + "# mine\r\n").unwrap();
    fails(&nself_in(case.path(), ["gen"]), &["NS801", "local/compose.yaml was edited by hand"]);
    assert!(!nself_in(case.path(), ["check"]).stderr.contains("Windows"));
    assert_eq!(nself_in(case.path(), ["gen", "--force"]).code, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_line_that_is_not_there_is_refused_with_the_lines_that_are() {
    let case = stack(SHOP);
    let compose = "deploy/local/compose.yaml";
    fails(&nself_in(case.path(), ["why", &format!("{compose}:0")]), &["no such line", "a number from 1 to "]);
    fails(
        &nself_in(case.path(), ["why", "deploy/none"]),
        &["does not generate `none`", "`nself graph --of derivations`"],
    );
    let graph = nself_in(case.path(), ["graph", "--of", "derivations"]);
    assert!(graph.stdout.contains("local/compose.yaml"), "{}", graph.stdout);
}

#[test]
fn init_names_a_service_that_a_stack_can_have() {
    let case = stack(SHOP);
    let next = |folder: &str| nself_in(case.path(), ["init", folder, "--template", "express"]).stderr;
    let line = |name: &str, context: &str| {
        format!(
            "next: in stack.ncl: services.{name} = nself.templates.express & {{ build.context = \"{context}\", port = 8001 }},\n"
        )
    };
    assert_eq!(next("services/web"), line("web", "services/web"));
    assert_eq!(next(&case.path().join("mailer").display().to_string()), line("mailer", "mailer"));
    assert_eq!(next("services/My_Web"), line("orders", "services/My_Web"));
    for outside in ["../beside", "a b"] {
        let folder = case.path().join("inner");
        fs::create_dir_all(&folder).unwrap();
        let ran = nself_in(&folder, ["init", outside, "--template", "express"]);
        assert!(ran.code == 0 && ran.stderr.contains("beside stack.ncl: "), "{}", ran.stderr);
    }
    let before = tree(case.path());
    fails(
        &nself_in(case.path(), ["init", "services/web", "--template", "express"]),
        &["NS804", "services/web/.dockerignore", "exists already"],
    );
    fails(&nself_in(case.path(), ["init"]), &["NS804", "error[NS804]: stack.ncl: it exists already"]);
    assert_eq!(tree(case.path()), before);
}

#[test]
fn a_document_is_asked_for_and_given_also_of_failures() {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", services.orders = { prot = 1 } }"#);
    for arguments in [
        ["gen", "--format", "json"].as_slice(),
        &["check", "--format", "json"],
        &["env", "list", "--format", "json"],
        &["graph", "--format", "json"],
        &["why", "deploy/local/compose.yaml", "--format", "json"],
        &["image", "orders", "--format", "json"],
        &["lock", "--check", "--format", "json"],
        &["db", "status", "--format", "json"],
        &["db", "lint", "--format", "json"],
        &["verify", "--format", "json"],
        &["publish", "oci://registry.example.com/a:1", "--format", "json"],
    ] {
        let ran = nself_in(case.path(), arguments);
        let said: serde_json::Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {ran:?}"));
        assert_eq!(
            (ran.code, &said["status"], &said["version"]),
            (2, &"error".into(), &1.into()),
            "{arguments:?}: {ran:?}"
        );
        assert!(!said["diagnostics"].as_array().unwrap().is_empty() && ran.stderr.is_empty(), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn a_hand_written_file_that_nginx_would_not_read_is_refused() {
    let case = stack(SHOP);
    let file = case.path().join("nginx/conf.d/own.conf");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "\u{FEFF}map $uri $own { default 1; }\n").unwrap();
    fails(&nself_in(case.path(), ["gen"]), &["NS603", "nginx/conf.d/own.conf", "byte order mark"]);
    // Control: with Windows line ends alone it is read.
    fs::write(&file, "map $uri $own {\r\n  default 1;\r\n}\r\n").unwrap();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
}

#[test]
fn environments_are_shown_as_gen_makes_them() {
    let case = crate::support::project(&crate::support::root().join("golden/database"));
    assert_eq!(nself_in(case.path(), ["check"]).code, 1, "it is complete");
    let ran = nself_in(case.path(), ["env", "show", "prod"]);
    assert!(ran.code == 0 && ran.stdout.contains("\"migrations\": {"), "{ran:?}");
    let ran = nself_in(case.path(), ["env", "diff", "staging", "prod"]);
    assert!(ran.code == 1 && ran.stdout.contains("+  \"profile\": \"prod\""), "{ran:?}");
    fails(
        &nself_in(case.path(), ["env", "diff", "staging", "prd"]),
        &["NS110", "`prd`", "one of local, prod, staging"],
    );
}
