//! The same input gives the same bytes for every user, folder, time and order of keys.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::support::{environments, golden, name, nself_in, project, run, skip, tree};

type Files = BTreeMap<String, Vec<u8>>;

fn case() -> tempfile::TempDir {
    project(&golden(false).into_iter().find(|case| name(case) == "full-catalogue").unwrap())
}

fn generated_files(project: &Path) -> Files {
    tree(&project.join("deploy"))
}

/// Returns the files with which the tests compare those of other runs.
fn reference() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let case = case();
        assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
        generated_files(case.path())
    })
}

#[test]
fn user_machine_and_time_make_no_difference() {
    let expected = reference();
    let program = env!("CARGO_BIN_EXE_nself");
    for (umask, cpus, variables) in [
        (
            "0077",
            "0",
            [("TZ", "Pacific/Chatham"), ("LANG", "tr_TR.UTF-8"), ("HOME", "/nonexistent"), ("USER", "nobody")],
        ),
        ("0000", "0-1", [("TZ", "UTC"), ("LANG", "C"), ("LC_ALL", "de_DE.UTF-8"), ("HOSTNAME", "elsewhere")]),
    ] {
        let case = case();
        let deep = case.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let script = format!("umask {umask}; exec taskset -c {cpus} {program} gen ../../stack.ncl");
        let output = run(Command::new("sh")
            .args(["-c", &script])
            .current_dir(&deep)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(variables));
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert!(generated_files(case.path()) == *expected, "umask {umask}, {variables:?}");
        let file = case.path().join("deploy/local/compose.yaml");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644, "umask {umask}");
        assert_eq!(file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o755, "umask {umask}");
    }
}

#[test]
fn a_different_user_gets_the_same_files() {
    let case = case();
    if run(Command::new("id").arg("-u")).stdout.trim() != "0" {
        skip("only root can run as another user");
        return;
    }
    let mut copy = Command::new("chown");
    assert_eq!(run(copy.args(["-R", "65534:65534"]).arg(case.path())).code, 0);
    // Other users may not be able to read the folder of the program, so it is copied.
    let program = case.path().join("nself-program");
    std::fs::copy(env!("CARGO_BIN_EXE_nself"), &program).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let output = run(Command::new(&program).arg("gen").current_dir(case.path()).uid(65534).gid(65534));
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(generated_files(case.path()) == *reference());
}

#[test]
fn eight_processes_write_the_same_files() {
    let expected = reference();
    let project = case();
    for round in 0..8 {
        let out = format!("out{round}");
        let output = nself_in(project.path(), ["gen", "--out", &out]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert!(tree(&project.path().join(out)) == *expected, "round {round}");
    }
}

/// Writes the stack as JSON with its keys in several orders.
#[test]
fn the_order_of_keys_makes_no_difference() {
    let stack = |keys: [usize; 4]| {
        let services = [
            r#""orders": {"image": "acme/orders:1", "port": 8001, "env": {"B": "2", "A": "1"}, "volumes": {"zz": {"path": "/z"}, "ab": {"path": "/a"}}}"#,
            r#""billing": {"env": {"C": "3"}, "port": 8002, "image": "acme/billing:1", "route": {"path": "/", "subdomain": "billing"}}"#,
            r#""zeta": {"image": "acme/zeta:1"}"#,
            r#""alpha": {"image": "acme/alpha:1"}"#,
        ];
        let services: Vec<&str> = keys.iter().map(|key| services[*key]).collect();
        format!(r#"{{"services": {{{}}}, "domain": "shop.example.com", "project": "shop"}}"#, services.join(", "))
    };
    let mut results = Vec::new();
    for keys in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data.json"), stack(keys)).unwrap();
        let text = "let nself = import \"nself/main.ncl\" in (import \"data.json\") | nself.Stack\n";
        std::fs::write(folder.path().join("stack.ncl"), text).unwrap();
        let output = nself_in(folder.path(), ["gen"]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        results.push(generated_files(folder.path()));
    }
    assert!(results.iter().all(|result| *result == results[0]));
}

/// Known-bad control: a stack that contains the time is not reproducible, and the comparison detects that.
#[test]
fn the_comparison_detects_a_difference() {
    let files_with_time = |moment: &str| {
        let case = case();
        std::fs::write(case.path().join("nginx/conf.d/extra.conf"), format!("# {moment}\n")).unwrap();
        assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
        generated_files(case.path())
    };
    assert!(files_with_time("12:00:00") != files_with_time("12:00:01"));
}

#[test]
fn no_file_names_the_host_a_folder_or_a_date() {
    // No file contains a process id, date, host name, user, socket group or absolute path.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let year = "202";
    for environment in environments() {
        for (path, bytes) in tree(&environment) {
            // Loki's schema has a constant first day, and MinIO's releases are dates.
            let text = String::from_utf8(bytes).unwrap().replace("2026-01-01", "").replace("RELEASE.2025-09-07", "");
            assert!(!text.contains(host.trim()) || host.trim().len() < 4, "{path}");
            assert!(
                !text.contains("/work/")
                    && !text.contains("/home/")
                    && !text.contains("/root/")
                    && !text.contains("/tmp/.tmp"),
                "{path}"
            );
            let date = |at: usize| text[at..].starts_with(year) && text[at..].chars().nth(4) == Some('-');
            assert!(!text.match_indices(year).any(|(at, _)| date(at)), "{path} holds a date");
        }
    }
}
