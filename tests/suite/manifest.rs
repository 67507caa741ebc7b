//! The committed manifest in version control: small diffs, merges of branches, line endings, and killed runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nself::store::{MANIFEST, Manifest};

use crate::support::{ProcessOutput, nself, nself_in, run, stack, tree};

/// Returns a stack with these services, each with a variable.
fn text(services: &[(&str, u16)], level: &str) -> String {
    let service = |(name, port): &(&str, u16)| {
        format!(
            "    {name} = {{ image = \"a/{name}:1\", port = {port}, env.LEVEL = \"{level}\", health.none = \"it has none\" }},\n"
        )
    };
    let services: String = services.iter().map(service).collect();
    format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n  services = {{\n{services}  }},\n}} | nself.Stack\n"
    )
}

/// Runs git without the configuration of this machine.
fn git(folder: &Path, arguments: &[&str]) -> ProcessOutput {
    let identity = ["-c", "user.name=nself", "-c", "user.email=nself@example.com", "-c", "init.defaultBranch=main"];
    let mut command = Command::new("git");
    command.args(identity).args(arguments).current_dir(folder);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    run(&mut command)
}

fn git_succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder, arguments);
    assert_eq!(output.code, 0, "git {arguments:?}: {} {}", output.stdout, output.stderr);
    output.stdout
}

fn generate(folder: &Path) {
    let output = nself_in(folder, ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
}

/// Creates a repository with a generated stack on the branch `main`.
fn repository(services: &[(&str, u16)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stack.ncl"), text(services, "info")).unwrap();
    fs::write(folder.path().join(".gitignore"), ".nself/\n").unwrap();
    generate(folder.path());
    git_succeeds(folder.path(), &["init", "-q"]);
    commit(folder.path());
    folder
}

fn commit(folder: &Path) {
    git_succeeds(folder, &["add", "-A"]);
    git_succeeds(folder, &["commit", "-qm", "change"]);
}

/// Creates a branch from `main` with the stack `text` and its generated files.
fn branch(folder: &Path, name: &str, text: &str) {
    git_succeeds(folder, &["checkout", "-q", "-b", name, "main"]);
    fs::write(folder.join("stack.ncl"), text).unwrap();
    generate(folder);
    commit(folder);
}

const TWO: [(&str, u16); 2] = [("alpha", 8001), ("omega", 8002)];

#[test]
fn a_changed_variable_changes_only_the_lines_of_changed_files() {
    let project = repository(&TWO);
    let folder = project.path();
    fs::write(folder.join("stack.ncl"), text(&TWO, "debug")).unwrap();
    generate(folder);
    let changed = git_succeeds(folder, &["diff", "--name-only", "--", "deploy"]);
    let files: BTreeSet<&str> = changed.lines().filter_map(|path| path.strip_prefix("deploy/")).collect();
    let diff = git_succeeds(folder, &["diff", "-U0", "--", &format!("deploy/{MANIFEST}")]);
    let added = diff.lines().filter(|line| line.starts_with('+') && !line.starts_with("+++"));
    let lines: BTreeSet<&str> = added.filter_map(|line| line.split_once("  ")).map(|(_, path)| path).collect();
    let expected: BTreeSet<&str> = files.iter().copied().filter(|path| *path != MANIFEST).collect();
    assert_eq!(lines, expected);
    assert_eq!(lines.len(), 3, "compose.yaml of three environments: {lines:?}");
}

#[test]
fn every_line_is_the_digest_of_a_file() {
    let project = repository(&TWO);
    let mut files = tree(&project.path().join("deploy"));
    let manifest = String::from_utf8(files.remove(MANIFEST).unwrap()).unwrap();
    for name in [".gitattributes", ".gitignore"] {
        files.remove(name).unwrap();
    }
    let lines = files.iter().map(|(path, bytes)| format!("{}  {path}\n", blake3::hash(bytes).to_hex()));
    assert_eq!(manifest, lines.collect::<String>());
}

/// An environment that is removed leaves its secrets on disk, and git still ignores them.
#[test]
fn secrets_of_a_removed_environment_stay_ignored() {
    let project = repository(&TWO);
    let folder = project.path();
    // Secrets that the operator provides are a finding.
    assert_eq!(nself_in(folder, ["secrets", "init", "--env", "staging"]).code, 1);
    let removed =
        text(&TWO, "info").replace("} | nself.Stack", "  environments.staging.enabled = false } | nself.Stack");
    fs::write(folder.join("stack.ncl"), removed).unwrap();
    generate(folder);
    assert!(folder.join("deploy/staging/.env").exists() && !folder.join("deploy/staging/.gitignore").exists());
    commit(folder);
    let tracked = git_succeeds(folder, &["ls-files", "deploy"]);
    assert!(tracked.contains("deploy/local/") && !tracked.contains("deploy/staging/"), "{tracked}");
}

/// Two branches each add a service; git merges the manifest, and one run repairs all files.
#[test]
fn branches_that_add_services_merge() {
    let project = repository(&TWO);
    let folder = project.path();
    let with = |name: &'static str, port| [TWO[0], (name, port), TWO[1]];
    branch(folder, "one", &text(&with("beta", 8003), "info"));
    branch(folder, "two", &text(&with("gamma", 8004), "info"));
    git(folder, &["merge", "-q", "one"]);
    let unmerged = git_succeeds(folder, &["diff", "--name-only", "--diff-filter=U"]);
    assert!(!unmerged.contains(MANIFEST), "{unmerged}");
    // The user resolves the conflict in the stack.
    let all = [TWO[0], ("beta", 8003), ("gamma", 8004), TWO[1]];
    fs::write(folder.join("stack.ncl"), text(&all, "info")).unwrap();
    let output = nself_in(folder, ["check"]);
    assert!(output.code == 1 && !output.stderr.contains("hand-edited"), "{}", output.stderr);
    assert_eq!(nself_in(folder, ["verify"]).code, 2, "a merged manifest is not yet an account of the files");
    generate(folder);
    assert_eq!(nself_in(folder, ["check"]).code, 0);
    let fresh = repository(&all);
    assert!(tree(&folder.join("deploy")) == tree(&fresh.path().join("deploy")));
}

/// Files and manifest with conflicts do not need `--force` either.
#[test]
fn a_conflict_in_every_file_is_repaired_by_one_run() {
    let project = repository(&TWO);
    let folder = project.path();
    fs::remove_file(folder.join("deploy/.gitattributes")).unwrap();
    commit(folder);
    git_succeeds(folder, &["checkout", "-q", "-b", "base"]);
    git_succeeds(folder, &["branch", "-qf", "main", "base"]);
    // A run that writes restores the attributes; git reads them from the working tree.
    let attributes = || fs::remove_file(folder.join("deploy/.gitattributes")).unwrap();
    for (name, level) in [("one", "warn"), ("two", "error")] {
        git_succeeds(folder, &["checkout", "-q", "-b", name, "main"]);
        fs::write(folder.join("stack.ncl"), text(&TWO, level)).unwrap();
        generate(folder);
        attributes();
        commit(folder);
    }
    assert_ne!(git(folder, &["merge", "-q", "one"]).code, 0);
    let unmerged = git_succeeds(folder, &["diff", "--name-only", "--diff-filter=U"]);
    assert!(unmerged.contains(MANIFEST) && unmerged.contains("deploy/prod/compose.yaml"), "{unmerged}");
    fs::write(folder.join("stack.ncl"), text(&TWO, "error")).unwrap();
    generate(folder);
    assert_eq!(nself_in(folder, ["check"]).code, 0);
    // A hand edit is still detected.
    let compose = folder.join("deploy/prod/compose.yaml");
    fs::write(&compose, fs::read_to_string(&compose).unwrap() + "# mine\n").unwrap();
    let output = nself_in(folder, ["gen"]);
    assert!(output.code == 2 && output.stderr.contains("NS801"), "{}", output.stderr);
}

#[test]
fn converted_line_endings_have_no_effect() {
    let project = repository(&TWO);
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy");
    git_succeeds(
        copies.path(),
        &["clone", "-q", "-c", "core.autocrlf=true", project.path().to_str().unwrap(), copy.to_str().unwrap()],
    );
    let stack = fs::read(copy.join("stack.ncl")).unwrap();
    assert!(stack.contains(&b'\r'), "the control: git converts other files");
    let output = nself_in(&copy, ["check"]);
    assert_eq!(output.code, 0, "{} {}", output.stdout, output.stderr);
    generate(&copy);
    assert_eq!(git_succeeds(&copy, &["status", "--porcelain", "--", "deploy"]), "");
    // A manifest with converted line endings is still read.
    let manifest = copy.join("deploy").join(MANIFEST);
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap().replace('\n', "\r\n")).unwrap();
    assert_eq!(nself_in(&copy, ["check"]).code, 0);
}

/// After a run is killed at any time, no file counts as edited by hand, even if the stack has changed since.
#[test]
fn files_of_a_killed_run_do_not_count_as_hand_edited() {
    let (mut unfinished, mut round) = (0, 0);
    // A busy machine can delay each signal until the run has ended, so there are more rounds until one was in time.
    while round < 24 || unfinished == 0 && round < 240 {
        let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
        let folder = case.path();
        generate(folder);
        fs::write(folder.join("stack.ncl"), text(&TWO, "warn")).unwrap();
        let mut running = nself(folder).arg("gen").stderr(Stdio::null()).spawn().unwrap();
        // Writing takes milliseconds, so the test waits for its start and then kills the run.
        let manifest = folder.join("deploy").join(MANIFEST);
        let before = fs::read(&manifest).unwrap();
        while running.try_wait().unwrap().is_none() && fs::read(&manifest).is_ok_and(|now| now == before) {}
        std::thread::sleep(std::time::Duration::from_micros(100 * (round % 24)));
        let _ = running.kill();
        running.wait().unwrap();
        unfinished += u32::from(Manifest::parse(&fs::read(&manifest).unwrap()).unwrap().is_unfinished);
        fs::write(folder.join("stack.ncl"), text(&TWO[..1], "error")).unwrap();
        generate(folder);
        assert_eq!(nself_in(folder, ["check"]).code, 0, "round {round}");
        round += 1;
    }
    assert!(unfinished > 0, "no run was killed while it wrote");
}
