//! Attacks by files of an untrusted checkout: symbolic links, devices, pipes and huge files.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{ProcessOutput, nself, run, stack, tree};

/// A text that must not appear in outputs, messages or logs.
const CANARY: &str = "canary-7d20f1";

/// A run that takes longer is killed and fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

const SHOP: &str = r#"project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject","#;

/// Creates a project with a database, an image of a folder, and additional fields.
fn project(field: &str) -> tempfile::TempDir {
    let case = stack(&format!(
        r#"{{ {SHOP} {field}
          environments = {{ staging.enabled = false, prod.enabled = false }},
          databases.orders = {{ tables.orders = {{ columns.id.type = "bigint", primary_key = ["id"] }} }},
          services.web = {{ image = "ghcr.io/acme/web:1.0.0", port = 8001, command = ["/app/web"], health.none = "it ends with the test",
            databases.main.name = "orders", layout = {{ folder = "web/files", platforms = ["linux/amd64"] }} }} }}"#
    ));
    fs::create_dir_all(case.path().join("web/files")).unwrap();
    fs::write(case.path().join("web/files/index.html"), "hello").unwrap();
    case
}

/// Creates a folder outside the project with a file that must not be read or changed.
fn outside() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("precious.conf"), format!("# {CANARY}\n")).unwrap();
    folder
}

fn assert_untouched(outside: &Path, what: &str) {
    let files = tree(outside);
    assert!(files.len() == 1 && files["precious.conf"] == format!("# {CANARY}\n").as_bytes(), "{what}: {files:?}");
}

fn assert_unread(output: &ProcessOutput, project: &Path, what: &str) {
    assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY), "{what}: {output:?}");
    for entry in walkdir::WalkDir::new(project).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{what}: {}", entry.path().display());
        }
    }
}

/// Runs nself with 4 GiB of address space and a time limit.
fn run_within_limits(folder: &Path, arguments: &[&str]) -> ProcessOutput {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 4194304; exec \"$@\"", "sh"]);
    command.arg(nself(folder).get_program()).args(arguments).current_dir(folder);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ProcessOutput {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

fn assert_success(folder: &Path, arguments: &[&str]) {
    let output = run_within_limits(folder, arguments);
    assert_eq!(output.code, 0, "{arguments:?}: {output:?}");
}

/// Replaces the file or folder at `path` by a link.
fn replace_by_link(project: &Path, path: &str, target: &Path) {
    let at = project.join(path);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    match fs::symlink_metadata(&at) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(&at).unwrap(),
        Ok(_) => fs::remove_file(&at).unwrap(),
        Err(_) => {}
    }
    symlink(target, at).unwrap();
}

fn replace_by_pipe(path: &Path) {
    let mkfifo_status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(mkfifo_status.success());
}

/// Attack: in a checkout, `.nself` or a folder in it is a link to a folder of the operator; CI runs `gc`.
/// Expectation: nothing is deleted there.
#[test]
fn gc_deletes_nothing_through_a_link() {
    for place in [".nself", ".nself/objects1", ".nself/quarantine", ".nself/generations3"] {
        let (case, outside) = (project(""), outside());
        assert_success(case.path(), &["db", "new"]);
        assert_success(case.path(), &["gen"]);
        fs::write(outside.path().join("00000001.json"), "{}").unwrap();
        replace_by_link(case.path(), place, outside.path());
        // Control: the link points to the files.
        assert!(case.path().join(place).join("precious.conf").exists());
        let output = run_within_limits(case.path(), &["gc", "--grace", "0", "--keep", "1"]);
        assert!(outside.path().join("00000001.json").exists(), "{place}: {output:?}");
        fs::remove_file(outside.path().join("00000001.json")).unwrap();
        assert_untouched(outside.path(), place);
        if place != ".nself/generations3" {
            assert!(
                output.code == 2 && output.stderr.contains("NS803") && output.stderr.contains(place),
                "{place}: {output:?}"
            );
        }
    }
}

/// Attack: a folder or file of the migrations is a link, or a link has the name of a temporary file.
/// Expectation: `db new`, `db sum` and `gen` do not write, delete or read through it.
#[test]
fn migrations_are_not_written_through_a_link() {
    for (place, is_file) in [
        ("db", false),
        ("db/orders", false),
        ("db/orders/migrations", false),
        ("db/orders/migrations/0002_x", false),
        ("db/orders/schema", false),
        ("db/orders/nself.sum", true),
        ("db/orders/nself.nself-new", true),
    ] {
        let (case, outside) = (project(""), outside());
        assert_success(case.path(), &["db", "new"]);
        let target = outside.path().join("precious.conf");
        replace_by_link(case.path(), place, if is_file { &target } else { outside.path() });
        for command in [&["db", "new", "--name", "next"][..], &["db", "sum"], &["gen"], &["check"]] {
            let output = run_within_limits(case.path(), command);
            assert_untouched(outside.path(), place);
            assert_unread(&output, case.path(), place);
            // A file that nself does not use is ignored.
            assert_eq!(output.code == 2, place != "db/orders/nself.nself-new", "{place} {command:?}: {output:?}");
        }
    }
}

/// Attack: the target folder of an image, or a folder in the path of its content, is a link.
/// Expectation: `image` does not write or read through it.
#[test]
fn an_image_is_not_read_or_written_through_a_link() {
    for place in [".nself", ".nself/images", ".nself/images/local", ".nself/images/local/web", "web", "web/files"] {
        let (case, outside) = (project(""), outside());
        fs::create_dir(outside.path().join("files")).unwrap();
        fs::write(outside.path().join("files/precious"), CANARY).unwrap();
        fs::remove_file(outside.path().join("precious.conf")).unwrap();
        assert_success(case.path(), &["db", "new"]);
        replace_by_link(case.path(), place, outside.path());
        let output = run_within_limits(case.path(), &["image", "web"]);
        assert_eq!(output.code, 2, "{place}: {output:?}");
        assert_unread(&output, case.path(), place);
        assert_eq!(tree(outside.path()).into_keys().collect::<Vec<_>>(), ["files/precious"], "{place}");
    }
    // Control: without a link, the same command packs the image.
    let case = project("");
    assert_success(case.path(), &["db", "new"]);
    assert_success(case.path(), &["image", "web"]);
    // A folder on the command line must not be reached through a link of the checkout either.
    let outside = outside();
    replace_by_link(case.path(), "build", outside.path());
    assert_eq!(run_within_limits(case.path(), &["image", "web", "--out", "build/web"]).code, 2);
    assert_untouched(outside.path(), "--out");
}

/// Attack: `nginx/conf.d`, a parent folder or a file in it is a link to files of the machine, which would be copied
/// into outputs and into the diff that CI prints.
/// Expectation: outputs and messages contain none of their content.
#[test]
fn hand_written_nginx_files_are_not_read_through_a_link() {
    for place in ["nginx", "nginx/conf.d", "nginx/conf.d/a.conf"] {
        let (case, outside) = (project(""), outside());
        fs::create_dir(outside.path().join("conf.d")).unwrap();
        fs::write(outside.path().join("conf.d/a.conf"), format!("# {CANARY}\n")).unwrap();
        assert_success(case.path(), &["db", "new"]);
        let target = match place {
            "nginx" => outside.path().to_owned(),
            "nginx/conf.d" => outside.path().join("conf.d"),
            _ => outside.path().join("conf.d/a.conf"),
        };
        replace_by_link(case.path(), place, &target);
        // Control: the path opens the file.
        assert!(fs::read_to_string(case.path().join("nginx/conf.d/a.conf")).unwrap().contains(CANARY));
        for command in [&["check"][..], &["gen"], &["check", "--format", "json"], &["why", "deploy/local/compose.yaml"]]
        {
            let output = run_within_limits(case.path(), command);
            assert!(output.code == 2, "{place}: {output:?}");
            assert_unread(&output, case.path(), place);
        }
    }
}

/// Attack: the output folder, a folder in it, or a folder in the path of `--out` is a link.
/// Expectation: nothing is written through it.
#[test]
fn outputs_are_not_written_through_a_link() {
    for (place, out) in
        [("deploy", "deploy"), ("deploy/local/nginx", "deploy"), ("build", "build/deploy"), ("build", "build")]
    {
        let (case, outside) = (project(""), outside());
        assert_success(case.path(), &["db", "new"]);
        replace_by_link(case.path(), place, outside.path());
        for command in ["gen", "check", "verify"] {
            let output = run_within_limits(case.path(), &[command, "--out", out]);
            assert_eq!(output.code, 2, "{place}: {output:?}");
            assert_untouched(outside.path(), place);
        }
    }
}

/// Attack: the source of a mount, or a folder in its path, is a link to the engine's socket or to `/`.
/// Expectation: NS313, even if the link is created after a warm run.
#[test]
fn the_source_of_a_mount_is_not_a_link() {
    let mount = r#"services.cache = { image = "docker.io/library/redis:7", port = 8002, health.none = "it ends with the test",
        mounts = [{ source = "config/cache/data", target = "/data" }] },"#;
    let case = project(mount);
    fs::create_dir_all(case.path().join("config/cache/data")).unwrap();
    assert_success(case.path(), &["db", "new"]);
    assert_success(case.path(), &["gen"]);
    std::thread::sleep(Duration::from_millis(30));
    assert_success(case.path(), &["check"]);
    for (place, target) in [
        ("config/cache/data", "/var/run/docker.sock"),
        ("config/cache/data", "/"),
        ("config/cache/data", "/nowhere"),
        ("config/cache", "/"),
        ("config", "/"),
    ] {
        let (at, aside) = (case.path().join(place), case.path().join("aside"));
        fs::rename(&at, &aside).unwrap();
        replace_by_link(case.path(), place, Path::new(target));
        let output = run_within_limits(case.path(), &["check"]);
        assert!(output.code == 2 && output.stderr.contains("error[NS313]"), "{place} {target}: {output:?}");
        assert!(output.stderr.contains(&format!("`{place}` is a symbolic link")), "{output:?}");
        fs::remove_file(&at).unwrap();
        fs::rename(&aside, &at).unwrap();
        // Control: a real folder is accepted.
        assert_success(case.path(), &["check"]);
    }
}

/// Attack: a file that nself reads is a pipe without a writer, a link to an endless device, or a sparse file of a
/// terabyte.
/// Expectation: each command ends, within its memory, with an error that names the file.
#[test]
fn endless_files_are_errors() {
    let files = [
        ("nginx/conf.d/a.conf", "gen"),
        ("nself.lock", "gen"),
        ("db/orders/nself.sum", "gen"),
        ("db/orders/migrations/0001_init/up.sql", "gen"),
        ("db/orders/schema/extra.sql", "gen"),
        ("deploy/nself.manifest", "check"),
        ("deploy/local/compose.yaml", "check"),
        ("deploy/nself.manifest", "verify"),
        ("deploy/local/compose.yaml", "verify"),
        ("deploy/local/compose.yaml", "why deploy/local/compose.yaml"),
        ("web/files/index.html", "image web"),
        ("stack.ncl", "gen"),
    ];
    let case = project("");
    assert_success(case.path(), &["db", "new"]);
    assert_success(case.path(), &["gen"]);
    for (path, command) in files {
        for kind in ["pipe", "device", "huge"] {
            let at = case.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            let before = fs::read(&at).ok();
            let _ = fs::remove_file(&at);
            match kind {
                "pipe" => replace_by_pipe(&at),
                "device" => symlink("/dev/zero", &at).unwrap(),
                _ => File::create(&at).unwrap().set_len(1 << 40).unwrap(),
            }
            let arguments: Vec<&str> = command.split(' ').collect();
            let output = run_within_limits(case.path(), &arguments);
            // `verify` reports each file and continues.
            assert_eq!(
                output.code,
                if output.stderr.contains(" objects\n") { 1 } else { 2 },
                "{path} {kind} {command}: {output:?}"
            );
            let name = path.rsplit('/').next().unwrap();
            assert!(
                output.stderr.contains(name) && output.stderr.contains("error[NS"),
                "{path} {kind} {command}: {output:?}"
            );
            assert!(!output.stderr.contains("NS901"), "{path} {kind}: {output:?}");
            if kind == "huge" {
                assert!(output.stderr.contains("larger than"), "{path}: {output:?}");
                assert!(path != "stack.ncl" || output.stderr.contains("NS813"), "{output:?}");
            }
            fs::remove_file(&at).unwrap();
            before.map_or(Ok(()), |before| fs::write(&at, before)).unwrap();
        }
    }
}

/// Attack: many files within the size limit that together fill the memory.
/// Expectation: a limit for all files together ends the run.
#[test]
fn many_large_files_are_an_error() {
    for (folder, size, count) in [("nginx/conf.d", 1 << 20, 17), ("db/orders/schema", 16 << 20, 17)] {
        let case = project("");
        assert_success(case.path(), &["db", "new"]);
        fs::create_dir_all(case.path().join(folder)).unwrap();
        for i in 0..count {
            File::create(case.path().join(folder).join(format!("{i:02}.conf"))).unwrap().set_len(size).unwrap();
        }
        let output = run_within_limits(case.path(), &["gen"]);
        assert!(output.code == 2 && output.stderr.contains("error[NS813]"), "{folder}: {:.2000}", output.stderr);
        assert!(
            output.stderr.contains("together with the other files of its kind, it is larger than"),
            "{folder}: {:.2000}",
            output.stderr
        );
    }
}

/// Attack: a record, a stamp or an object of the cache, or a Dockerfile, is an endless file.
/// Expectation: a damaged file of the cache counts as missing, and every command ends.
#[test]
fn an_endless_file_in_the_cache_counts_as_missing() {
    for kind in ["pipe", "device", "huge"] {
        let case = project("");
        assert_success(case.path(), &["db", "new"]);
        assert_success(case.path(), &["gen"]);
        let cache = case.path().join(".nself");
        let mut files: Vec<_> = ["generations3", "objects1", "stamps"]
            .iter()
            .flat_map(|folder| fs::read_dir(cache.join(folder)).unwrap().map(|entry| entry.unwrap().path()))
            .collect();
        files.extend([cache.join("generations3/1.json"), cache.join(".gitignore"), cache.join("lib/x")]);
        for file in files {
            let _ = fs::remove_file(&file);
            match kind {
                "pipe" => replace_by_pipe(&file),
                "device" => symlink("/dev/zero", &file).unwrap(),
                _ => File::create(&file).unwrap().set_len(1 << 40).unwrap(),
            }
        }
        assert_success(case.path(), &["gen"]);
        let output = run_within_limits(case.path(), &["why", "--rebuilt"]);
        assert!(output.code == 1 && output.stderr.contains("no run is recorded"), "{kind}: {output:?}");
        let output = run_within_limits(case.path(), &["verify", "--repair"]);
        assert_eq!(output.code, 0, "{kind}: {output:?}");
        assert_success(case.path(), &["gc", "--grace", "0"]);
    }
}

/// Attack: the stack imports a pipe, or a link to an endless device or to a file outside.
/// Expectation: the run ends with an error that contains nothing of the file.
#[test]
fn imports_are_regular_files() {
    for kind in ["pipe", "device", "huge", "outside"] {
        let (case, outside) = (project(r#"services.more = import "more.ncl","#), outside());
        let at = case.path().join("more.ncl");
        match kind {
            "pipe" => replace_by_pipe(&at),
            "device" => symlink("/dev/zero", &at).unwrap(),
            "huge" => File::create(&at).unwrap().set_len(1 << 40).unwrap(),
            _ => symlink(outside.path().join("precious.conf"), &at).unwrap(),
        }
        let output = run_within_limits(case.path(), &["gen", "--time-limit", "5"]);
        let code = match kind {
            "huge" => "error[NS813]",
            "pipe" => "error[NS814]",
            _ => "error[NS006]",
        };
        assert!(output.code == 2 && output.stderr.starts_with(code), "{kind}: {output:?}");
        assert!(output.stderr.contains("--> stack.ncl:2:"), "{kind}: {output:?}");
        fs::remove_file(&at).unwrap();
        assert_unread(&output, case.path(), kind);
    }
}

/// Attack: the folder of a new service is a link of the checkout.
/// Expectation: `init` does not write through links below the given folder.
#[test]
fn a_template_is_not_written_through_a_link() {
    let (case, outside) = (project(""), outside());
    replace_by_link(case.path(), "services/orders/Dockerfile", &outside.path().join("precious.conf"));
    let output = run_within_limits(case.path(), &["init", "services/orders", "--template", "go"]);
    assert_eq!(output.code, 2, "{output:?}");
    replace_by_link(case.path(), "services/orders/Dockerfile", &outside.path().join("new"));
    let output = run_within_limits(case.path(), &["init", "services/orders", "--template", "go"]);
    assert_eq!(output.code, 2, "{output:?}");
    assert_untouched(outside.path(), "init");
}

/// Attack: a later change to nself opens a file by its path and follows links again.
/// Expectation: clippy refuses each function that does so outside of one module.
#[test]
fn clippy_refuses_other_functions_that_open_files() {
    let calls = [
        "fs::read(path).is_ok()",
        "fs::read_to_string(path).is_ok()",
        "fs::write(path, path).is_ok()",
        "fs::copy(path, path).is_ok()",
        "fs::rename(path, path).is_ok()",
        "fs::remove_file(path).is_ok()",
        "fs::remove_dir(path).is_ok()",
        "fs::remove_dir_all(path).is_ok()",
        "fs::create_dir(path).is_ok()",
        "fs::create_dir_all(path).is_ok()",
        "fs::read_dir(path).is_ok()",
        "fs::read_link(path).is_ok()",
        "fs::metadata(path).is_ok()",
        "fs::symlink_metadata(path).is_ok()",
        "fs::canonicalize(path).is_ok()",
        "fs::hard_link(path, path).is_ok()",
        "fs::exists(path).is_ok()",
        "fs::File::open(path).is_ok()",
        "fs::File::create(path).is_ok()",
        "fs::File::create_new(path).is_ok()",
        "fs::OpenOptions::new().open(path).is_ok()",
        "fs::File::options().open(path).is_ok()",
        "fs::DirBuilder::new().create(path).is_ok()",
        "std::os::unix::fs::symlink(path, path).is_ok()",
        "std::path::Path::new(path).exists()",
        "std::path::Path::new(path).is_file()",
        "std::path::Path::new(path).is_dir()",
        "std::path::Path::new(path).metadata().is_ok()",
        "std::path::Path::new(path).canonicalize().is_ok()",
    ];
    let (folder, root) = (tempfile::tempdir().unwrap(), crate::support::root());
    let sysroot = crate::support::run(Command::new("rustc").args(["--print", "sysroot"])).stdout;
    let lint = |name: &str, calls: &[&str]| {
        let lines =
            calls.iter().enumerate().map(|(i, call)| format!("pub fn call_{i}(path: &str) -> bool {{ {call} }}"));
        let text = ["#![allow(unused_imports)] use std::fs;".to_owned()].into_iter().chain(lines).collect::<Vec<_>>();
        fs::write(folder.path().join(name), text.join("\n")).unwrap();
        let mut clippy = Command::new("clippy-driver");
        clippy.args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-D", "warnings", "--sysroot"]);
        clippy.arg(sysroot.trim()).arg(name).current_dir(folder.path()).env("CLIPPY_CONF_DIR", &root);
        crate::support::run(&mut clippy)
    };
    let output = lint("calls.rs", &calls);
    for (i, call) in calls.iter().enumerate() {
        assert!(output.stderr.contains(&format!("calls.rs:{}:", i + 2)), "{call} passes: {}", output.stderr);
    }
    // Control: a function that opens nothing is accepted.
    let output = lint("control.rs", &["std::path::Path::new(path).is_absolute()"]);
    assert_eq!(output.code, 0, "{}", output.stderr);

    let sources = walkdir::WalkDir::new(root.join("generator")).into_iter().map(|entry| entry.unwrap().into_path());
    let allowed: Vec<String> = sources
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
        .filter(|path| fs::read_to_string(path).unwrap().contains("clippy::disallowed_methods"))
        .map(|path| path.strip_prefix(root.join("generator")).unwrap().display().to_string())
        .collect();
    // `lib.rs` allows them for tests only; only `terminal.rs` prints.
    for path in &allowed {
        assert!(["files/mod.rs", "lib.rs", "terminal.rs"].contains(&path.as_str()), "{path} may open files by path");
    }
    assert!(allowed.iter().any(|path| path == "files/mod.rs"));
}

/// Attack: the checked-out files contain a repository that lacks an object and whose configuration names a program to
/// fetch it. CI compares the history of a stack in that folder with an earlier revision.
/// Expectation: git refuses that repository, and the program does not run. Control: git without guards runs it.
#[test]
fn git_uses_no_repository_inside_the_checkout() {
    let case = project("");
    let folder = case.path();
    assert_success(folder, &["db", "new"]);
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=nself", "-c", "user.email=nself@example.com"];
        run(Command::new("git").args(identity).args(arguments).current_dir(folder))
    };
    for arguments in [&["init", "-q"][..], &["add", "db", "stack.ncl"], &["commit", "-qm", "history"]] {
        let output = git(arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {output:?}");
    }
    assert_success(folder, &["db", "verify", "--base", "HEAD"]);
    let object = git(&["rev-parse", "HEAD:./db/orders/nself.sum"]).stdout;
    let (first, rest) = object.trim().split_at(2);
    fs::remove_file(folder.join(".git/objects").join(first).join(rest)).unwrap();
    for entry in fs::read_dir(folder.join(".git")).unwrap().map(Result::unwrap) {
        fs::rename(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    fs::remove_dir(folder.join(".git")).unwrap();
    let (program, marker) = (folder.join("program"), folder.join("marker"));
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = format!(
        "[core]\nrepositoryformatversion = 1\nbare = false\nworktree = .\nsshCommand = {}\n\
         [extensions]\npartialClone = origin\n[remote \"origin\"]\nurl = ssh://example.invalid/x\npromisor = true\n",
        program.display()
    );
    fs::write(folder.join("config"), config).unwrap();
    git(&["cat-file", "blob", "HEAD:./db/orders/nself.sum"]);
    assert!(marker.exists(), "the control: git runs the program");
    fs::remove_file(&marker).unwrap();
    let output = run_within_limits(folder, &["db", "verify", "--base", "HEAD"]);
    assert!(output.code == 2 && output.stderr.contains("bareRepository"), "{output:?}");
    assert!(!marker.exists(), "{output:?}");
}
