//! The output folder under attack and under load: concurrent runs, edits during a run, planted links, failing writes,
//! and stamps that must not hide any of these.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nself::artifact::Artifacts;
use nself::diagnostic::Code;
use nself::files::{Root, Scope};
use nself::store::{MANIFEST, Manifest, PreviousOutputs, State, apply, compare};

use crate::support::{derivations, nself, nself_in, run, stack, tree};

const STACK: &str = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.extra = { image = "a/extra:1", port = 8001, route.subdomain = "extra" } }"#;
const SMALLER: &str = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#;

fn generated_project() -> tempfile::TempDir {
    let case = stack(STACK);
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    case
}

fn text(body: &str) -> String {
    format!("let nself = import \"nself/main.ncl\" in\n{body} | nself.Stack\n")
}

/// Waits until all files are older than a stamp that is written now.
fn settle() {
    sleep(Duration::from_millis(30));
}

/// Returns the temporary files that a killed run may leave.
fn is_temporary(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with(".nself-"))
}

#[test]
fn environments_generated_concurrently_stay_in_the_manifest() {
    let whole = tree(&generated_project().path().join("deploy"));
    for round in 0..6 {
        let case = stack(STACK);
        let mut racing: Vec<_> = ["local", "staging", "prod"]
            .map(|environment| {
                nself(case.path()).args(["gen", "--env", environment]).stderr(Stdio::null()).spawn().unwrap()
            })
            .into();
        for child in &mut racing {
            assert!(child.wait().unwrap().success(), "round {round}");
        }
        let files = tree(&case.path().join("deploy"));
        assert!(files[MANIFEST] == whole[MANIFEST], "round {round}: an environment is missing from the manifest");
        assert!(files == whole, "round {round}");
    }
}

/// After two concurrent runs with different stacks, the folder is exactly one of the two results.
#[test]
fn concurrent_runs_of_different_stacks_leave_the_files_of_one() {
    let smaller = stack(SMALLER);
    assert_eq!(nself_in(smaller.path(), ["gen"]).code, 0);
    let ends = [tree(&generated_project().path().join("deploy")), tree(&smaller.path().join("deploy"))];
    for round in 0..6 {
        let case = stack(STACK);
        fs::write(case.path().join("small.ncl"), text(SMALLER)).unwrap();
        let mut racing: Vec<_> = ["stack.ncl", "small.ncl", "stack.ncl", "small.ncl"]
            .map(|file| nself(case.path()).args(["gen", file]).stderr(Stdio::null()).spawn().unwrap())
            .into();
        for child in &mut racing {
            assert!(child.wait().unwrap().success(), "round {round}");
        }
        assert!(ends.contains(&tree(&case.path().join("deploy"))), "round {round}: a mixture");
    }
}

#[test]
fn a_killed_run_is_repaired_without_force() {
    let expected = tree(&generated_project().path().join("deploy"));
    for round in 0..10_u64 {
        let case = stack(STACK);
        let mut killed = nself(case.path()).arg("gen").stderr(Stdio::null()).spawn().unwrap();
        // Kill the run as soon as it writes.
        let deploy = case.path().join("deploy");
        while tree_if_any(&deploy).len() < 1 + 3 * round as usize && killed.try_wait().unwrap().is_none() {}
        let _ = killed.kill();
        killed.wait().unwrap();
        fs::create_dir_all(deploy.join("local")).unwrap();
        fs::write(deploy.join("local/.nself-0123456789abcdef"), "half").unwrap();
        let output = nself_in(case.path(), ["gen"]);
        assert_eq!(output.code, 0, "round {round}: {}", output.stderr);
        assert!(tree(&deploy) == expected, "round {round}");
    }
}

fn tree_if_any(folder: &Path) -> BTreeSet<PathBuf> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Simulates a full disk by a limit on the size of files.
#[test]
fn a_failed_write_is_reported_and_repaired_by_the_next_run() {
    let expected = tree(&generated_project().path().join("deploy"));
    let case = generated_project();
    fs::remove_dir_all(case.path().join("deploy")).unwrap();
    fs::remove_dir_all(case.path().join(".nself/stamps")).unwrap();
    let script = format!("trap '' XFSZ; ulimit -f 12; exec {} gen", env!("CARGO_BIN_EXE_nself"));
    let output = run(Command::new("sh").args(["-c", &script]).current_dir(case.path()));
    assert!(output.code == 2 && output.stderr.contains("NS804"), "{} {}", output.code, output.stderr);
    let partial = tree(&case.path().join("deploy"));
    let is_unfinished = Manifest::parse(&partial[MANIFEST]).unwrap().is_unfinished;
    assert!(is_unfinished && partial.len() > 2 && partial.len() < expected.len(), "{:?}", partial.keys());
    for (path, bytes) in partial.iter().filter(|(path, _)| *path != MANIFEST) {
        assert!(is_temporary(path) || expected[path] == *bytes, "{path} is half a file");
    }
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(tree(&case.path().join("deploy")) == expected);
}

#[test]
fn unchanged_files_are_not_written_again() {
    let case = generated_project();
    let deploy = case.path().join("deploy");
    let identity = |path: &str| {
        let meta = fs::metadata(deploy.join(path)).unwrap();
        (meta.ino(), meta.mtime(), meta.mtime_nsec())
    };
    let (same, other) = (identity("prod/compose.yaml"), identity("prod/health.json"));
    fs::remove_file(deploy.join("local/health.json")).unwrap();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert_eq!((same, other), (identity("prod/compose.yaml"), identity("prod/health.json")));
    assert!(deploy.join("local/health.json").exists());
    // Known-bad control: a changed file is written again.
    fs::remove_file(deploy.join("prod/health.json")).unwrap();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert_ne!(other, identity("prod/health.json"));
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["0077", "0000"] {
        let case = stack(STACK);
        let script = format!("umask {umask}; exec {} gen", env!("CARGO_BIN_EXE_nself"));
        assert_eq!(run(Command::new("sh").args(["-c", &script]).current_dir(case.path())).code, 0);
        for entry in walkdir::WalkDir::new(case.path().join("deploy")).into_iter().map(Result::unwrap) {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            let right = if entry.file_type().is_dir() { 0o755 } else { 0o644 };
            assert_eq!(mode, right, "umask {umask}: {}", entry.path().display());
        }
    }
}

#[test]
fn an_edit_between_comparison_and_writing_is_not_lost() {
    let out = tempfile::tempdir().unwrap();
    let files = |text: &str| {
        let mut files = Artifacts::default();
        files.add("local/nginx/a", "same\n").unwrap();
        files.add("local/nginx/b", text).unwrap();
        files
    };
    apply(
        &compare(&Root::at(out.path(), Scope::Output), &files("one\n"), None, &PreviousOutputs::default()).unwrap(),
        false,
    )
    .unwrap();
    for force in [false, true] {
        let changes =
            compare(&Root::at(out.path(), Scope::Output), &files("two\n"), None, &PreviousOutputs::default()).unwrap();
        let edit = format!("mine, force {force}\n");
        fs::write(out.path().join("local/nginx/b"), &edit).unwrap();
        let findings = apply(&changes, force).unwrap_err();
        assert_eq!(findings[0].code, Code::HandEdited, "{findings:?}");
        assert_eq!(fs::read_to_string(out.path().join("local/nginx/b")).unwrap(), edit);
    }
    // Stale files as well.
    let mut fewer = Artifacts::default();
    fewer.add("local/nginx/a", "same\n").unwrap();
    fs::write(out.path().join("local/nginx/b"), "one\n").unwrap();
    let changes = compare(&Root::at(out.path(), Scope::Output), &fewer, None, &PreviousOutputs::default()).unwrap();
    assert!(changes.changes.iter().any(|change| change.state == State::Stale), "{changes:?}");
    fs::write(out.path().join("local/nginx/b"), "mine\n").unwrap();
    assert_eq!(apply(&changes, false).unwrap_err()[0].code, Code::HandEdited);
    assert_eq!(fs::read_to_string(out.path().join("local/nginx/b")).unwrap(), "mine\n");
    // Known-bad control: without an edit in between, the same call succeeds.
    fs::write(out.path().join("local/nginx/b"), "one\n").unwrap();
    apply(&compare(&Root::at(out.path(), Scope::Output), &fewer, None, &PreviousOutputs::default()).unwrap(), false)
        .unwrap();
    assert!(!out.path().join("local/nginx/b").exists());
}

/// A configuration file that becomes a folder, and the reverse, is replaced without `--force`, in one run and back.
#[test]
fn a_file_becomes_a_folder_and_a_folder_a_file() {
    let out = tempfile::tempdir().unwrap();
    let root = Root::at(out.path(), Scope::Output);
    let previous = PreviousOutputs::default();
    let paths_on_disk = || tree(out.path()).into_keys().filter(|path| path.starts_with("local")).collect::<Vec<_>>();
    for path in ["local/files/api/a", "local/files/api/a/b/c", "local/files/api/a/b", "local/files/api/a"] {
        let mut files = Artifacts::default();
        files.add(path, "text\n").unwrap();
        let changes = compare(&root, &files, None, &previous).unwrap();
        apply(&changes, false).unwrap();
        assert_eq!(paths_on_disk(), [path]);
        assert!(!compare(&root, &files, None, &previous).unwrap().differ(), "{path}");
    }
    // Files that nself did not write stay, and nothing else changes.
    let folder = |path: &str| {
        let mut files = Artifacts::default();
        files.add(path, "text\n").unwrap();
        files
    };
    apply(&compare(&root, &folder("local/files/api/a/b"), None, &previous).unwrap(), false).unwrap();
    fs::write(out.path().join("local/files/api/a/own"), "own\n").unwrap();
    let before = tree(out.path());
    assert_eq!(compare(&root, &folder("local/files/api/a"), None, &previous).unwrap_err()[0].code, Code::OutputUnsafe);
    assert!(tree(out.path()) == before);
}

/// A stack with a file inside of a file changes nothing, and its correction works without further steps.
#[test]
fn a_stack_with_a_file_inside_a_file_changes_nothing() {
    let services = |files: &str| {
        let service = format!("services.extra = {{ image = \"a/extra:1\", files = {{ {files} }} }}");
        text(&SMALLER.replace(" }", &format!(", {service} }}")))
    };
    let case = stack(SMALLER);
    for (files, code) in [
        (r#""/etc/a".text = "x""#, 0),
        (r#""/etc/a".text = "x", "/etc/a/b".text = "y""#, 2),
        (r#""/etc/a/b".text = "y""#, 0),
        (r#""/etc/a".text = "x""#, 0),
    ] {
        let before = tree(case.path());
        fs::write(case.path().join("stack.ncl"), services(files)).unwrap();
        let output = nself_in(case.path(), ["gen"]);
        assert_eq!(output.code, code, "{files}: {}", output.stderr);
        assert_eq!(output.stderr.contains("NS317"), code == 2, "{}", output.stderr);
        let deploy = case.path().join("deploy");
        assert!(
            code == 0 || tree(&deploy).iter().all(|(path, bytes)| before.get(&format!("deploy/{path}")) == Some(bytes))
        );
        settle();
    }
}

/// A folder is replaced by a link after the comparison.
#[test]
fn a_folder_that_becomes_a_link_is_not_followed() {
    let (out, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut files = Artifacts::default();
    files.add("local/nginx/a", "one\n").unwrap();
    apply(&compare(&Root::at(out.path(), Scope::Output), &files, None, &PreviousOutputs::default()).unwrap(), false)
        .unwrap();
    let changes =
        compare(&Root::at(out.path(), Scope::Output), &Artifacts::default(), None, &PreviousOutputs::default())
            .unwrap();
    fs::rename(out.path().join("local"), outside.path().join("local")).unwrap();
    symlink(outside.path().join("local"), out.path().join("local")).unwrap();
    assert_eq!(apply(&changes, true).unwrap_err()[0].code, Code::OutputUnsafe);
    assert!(outside.path().join("local/nginx/a").exists(), "deleted through a link");
}

#[test]
fn neither_the_folder_nor_the_manifest_may_be_a_link() {
    let case = generated_project();
    let deploy = case.path().join("deploy");
    let elsewhere = tempfile::tempdir().unwrap();
    // A manifest that would be valid.
    fs::rename(deploy.join(MANIFEST), elsewhere.path().join("manifest")).unwrap();
    symlink(elsewhere.path().join("manifest"), deploy.join(MANIFEST)).unwrap();
    fs::write(case.path().join("stack.ncl"), text(SMALLER)).unwrap();
    let before = (tree(&deploy), tree(elsewhere.path()));
    for arguments in [&["gen"][..], &["gen", "--force"], &["check"]] {
        let output = nself_in(case.path(), arguments);
        assert!(output.code == 2 && output.stderr.contains("NS803"), "{arguments:?}: {}", output.stderr);
        assert!((tree(&deploy), tree(elsewhere.path())) == before, "{arguments:?}");
    }

    let case = stack(STACK);
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), case.path().join("deploy")).unwrap();
    let output = nself_in(case.path(), ["gen", "--force"]);
    assert!(output.code == 2 && output.stderr.contains("NS803"), "{}", output.stderr);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

/// `.nself` may be committed, so its author decides its content.
#[test]
fn links_in_the_cache_are_not_followed_to_files_outside() {
    let precious = tempfile::tempdir().unwrap();
    let file = precious.path().join("file");
    fs::write(&file, "precious").unwrap();
    let case = stack(STACK);
    fs::create_dir(case.path().join(".nself")).unwrap();
    symlink(&file, case.path().join(".nself/lock")).unwrap();
    symlink(precious.path(), case.path().join(".nself/stamps")).unwrap();
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(fs::read_dir(precious.path()).unwrap().count(), 1, "a stamp was written through a link");
}

#[test]
fn each_warm_run_reports_foreign_files() {
    let case = generated_project();
    let deploy = case.path().join("deploy");
    settle();
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);
    fs::create_dir_all(deploy.join("prod/own")).unwrap();
    fs::write(deploy.join("prod/own/mine.txt"), "mine\n").unwrap();
    settle();
    for round in 0..3 {
        let output = nself_in(case.path(), ["check"]);
        assert_eq!(output.code, 0);
        assert!(
            output.stderr.contains("foreign: nself did not write prod/own/mine.txt"),
            "round {round}: {}",
            output.stderr
        );
        let output = nself_in(case.path(), ["check", "--format", "json"]);
        assert!(output.stdout.contains("\"foreign\""), "round {round}: {}", output.stdout);
    }
    fs::write(deploy.join("prod/own/second.txt"), "mine\n").unwrap();
    assert!(nself_in(case.path(), ["check"]).stderr.contains("prod/own/second.txt"));
    // Files of the operator do not count as foreign.
    for private in ["prod/.env", "prod/secrets/key", "prod/data/base/1"] {
        fs::create_dir_all(deploy.join(private).parent().unwrap()).unwrap();
        fs::write(deploy.join(private), "private\n").unwrap();
        assert!(!nself_in(case.path(), ["check"]).stderr.contains(private), "{private}");
    }
}

#[test]
fn names_of_foreign_files_cannot_control_the_terminal() {
    let case = generated_project();
    fs::write(case.path().join("deploy/prod/\u{1b}[2Jgone\u{202e}"), "").unwrap();
    let output = nself_in(case.path(), ["check"]);
    assert!(
        output.stderr.contains("foreign: nself did not write prod/\\u{001B}[2Jgone\\u{202E}"),
        "{:?}",
        output.stderr
    );
    assert!(!output.stderr.contains(['\u{1b}', '\u{202e}']), "{:?}", output.stderr);
}

/// A link to the same bytes in place of an output looks the same to `stat` and to a digest, but is not safe.
#[test]
fn a_warm_run_detects_a_link_in_place_of_a_file() {
    let case = generated_project();
    settle();
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);
    let file = case.path().join("deploy/prod/compose.yaml");
    fs::rename(&file, case.path().join("moved")).unwrap();
    symlink(case.path().join("moved"), &file).unwrap();
    let output = nself_in(case.path(), ["check"]);
    assert!(output.code == 2 && output.stderr.contains("NS803"), "{} {}", output.code, output.stderr);
}

/// The stack is saved while a run evaluates it: the next run must not use the result of the old text.
#[test]
fn a_stack_saved_during_a_run_is_read_by_the_next_run() {
    for round in 0..12_u64 {
        let case = stack(STACK);
        let mut running = nself(case.path()).arg("gen").stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(20 + 25 * round));
        fs::write(case.path().join("stack.ncl"), text(SMALLER)).unwrap();
        running.wait().unwrap();
        settle();
        let believed = nself_in(case.path(), ["check"]).code;
        let _ = fs::remove_dir_all(case.path().join(".nself"));
        assert_eq!(believed, nself_in(case.path(), ["check"]).code, "round {round}");
    }
}

/// Returns whether the run evaluated nothing.
fn is_warm(case: &Path) -> bool {
    let output = nself_in(case, ["check"]);
    output.code == 0 && output.stderr.ends_with("files, all up to date\n") && !output.stderr.contains("deploy:")
}

#[test]
fn the_second_run_is_warm_and_a_missing_cache_only_costs_time() {
    let case = stack(STACK);
    settle();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert!(is_warm(case.path()), "the first run left no stamp that holds");
    let before = tree(&case.path().join("deploy"));
    fs::remove_dir_all(case.path().join(".nself")).unwrap();
    assert!(!is_warm(case.path()));
    assert!(is_warm(case.path()));
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert!(tree(&case.path().join("deploy")) == before);
    // A run for one environment has a separate stamp.
    assert_eq!(nself_in(case.path(), ["check", "--env", "prod"]).code, 0);
    fs::write(case.path().join("deploy/local/health.json"), "edited\n").unwrap();
    assert_eq!(nself_in(case.path(), ["check", "--env", "prod"]).code, 0);
    assert_eq!(nself_in(case.path(), ["check"]).code, 1);
}

/// A stamp in an untrusted checkout records everything as unchanged; its author chose every digest in it.
#[test]
fn a_planted_stamp_is_not_trusted() {
    let case = stack(STACK);
    settle();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert!(is_warm(case.path()));
    let file = case.path().join("deploy/prod/compose.yaml");
    let right = fs::read(&file).unwrap();
    let evil = String::from_utf8(right.clone()).unwrap() + "# evil\n";
    fs::write(&file, &evil).unwrap();
    let digest = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    for entry in fs::read_dir(case.path().join(".nself/stamps")).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(entry.path()).unwrap();
        let forged = text.replace(&digest(&right), &digest(evil.as_bytes()));
        assert_ne!(text, forged);
        fs::write(case.path().join("forged"), forged).unwrap();
        fs::rename(case.path().join("forged"), entry.path()).unwrap();
    }
    assert_eq!(nself_in(case.path(), ["check"]).code, 1);
    // A stamp without entries is not trusted either.
    for entry in fs::read_dir(case.path().join(".nself/stamps")).unwrap().map(Result::unwrap) {
        for empty in ["nself stamp 2\n2\n{}\nend\n", "nself stamp 3\n1 1\n2\n{}\n/\nend\n"] {
            fs::write(case.path().join("forged"), empty).unwrap();
            fs::rename(case.path().join("forged"), entry.path()).unwrap();
            assert_eq!(nself_in(case.path(), ["check"]).code, 1, "{empty:?}");
        }
    }
}

/// A derivation changes only with the parts of the plan that its generator reads.
#[test]
fn a_derivation_changes_with_the_parts_that_its_generator_reads() {
    let of_stack = |body: &str| {
        let case = stack(body);
        assert_eq!(nself_in(case.path(), ["gen", "--env", "prod"]).code, 0);
        derivations(case.path(), "prod")
    };
    let service = |level: &str| {
        format!(
            r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.extra = {{ image = "a/extra:1", port = 8001, env.LEVEL = "{level}" }} }}"#
        )
    };
    let (with_info, with_debug) = (of_stack(&service("info")), of_stack(&service("debug")));
    assert_eq!(with_info.keys().collect::<Vec<_>>(), with_debug.keys().collect::<Vec<_>>());
    for (path, derivation) in &with_info {
        // The slices of the edge and the databases are different.
        let follows = !["/nginx/", "/acme/", "/postgres/"].iter().any(|folder| path.contains(folder));
        assert_eq!(*derivation != with_debug[path], follows, "{path}");
    }
    assert!(
        with_info.keys().any(|path| path.contains("/nginx/"))
            && with_info.keys().any(|path| path.contains("/postgres/"))
    );
    assert_eq!(with_info, of_stack(&service("info")));
    // Outputs of one step share a derivation; different steps have different derivations.
    let mut steps: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, derivation) in &with_info {
        let folder = path.split('/').nth(1).filter(|_| path.matches('/').count() > 1).unwrap_or("");
        steps.entry(derivation).or_default().insert(folder);
    }
    let mut folders: Vec<_> = steps.into_values().map(|folders| folders.into_iter().collect::<Vec<_>>()).collect();
    folders.sort();
    // The summary, compose.yaml with its fidelity report, and the content backends.
    assert_eq!(folders, [vec![""], vec![""], vec!["acme"], vec!["nginx"], vec!["postgres"]]);
}
