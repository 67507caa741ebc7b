//! The output folder: generated files match the stack exactly, other files are never changed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::{golden, nself, nself_in, project, run, stack, tree};

const STACK: &str = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.extra = { image = "a/extra:1", port = 8001, route.subdomain = "extra" } }"#;
const SMALLER: &str = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#;

fn generated_project() -> tempfile::TempDir {
    let case = stack(STACK);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    case
}

fn rewrite(case: &Path, body: &str) {
    fs::write(case.join("stack.ncl"), format!("let nself = import \"nself/main.ncl\" in\n{body} | nself.Stack\n"))
        .unwrap();
}

fn states(case: &Path) -> serde_json::Value {
    let output = nself_in(case, ["check", "--format", "json"]);
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr))
}

fn state_of(case: &Path, path: &str) -> String {
    let answer = states(case);
    let file = answer["files"].as_array().unwrap().iter().find(|file| file["path"] == path);
    file.map_or("same", |file| file["state"].as_str().unwrap()).to_owned()
}

#[test]
fn check_distinguishes_the_states_of_files() {
    let case = generated_project();
    let deploy = case.path().join("deploy");
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);

    fs::remove_file(deploy.join("local/health.json")).unwrap();
    fs::write(deploy.join("prod/health.json"), "{}\n").unwrap();
    fs::write(deploy.join("prod/mine.txt"), "mine\n").unwrap();
    rewrite(case.path(), SMALLER);
    assert_eq!(state_of(case.path(), "local/health.json"), "missing");
    assert_eq!(state_of(case.path(), "prod/health.json"), "hand-edited");
    assert_eq!(state_of(case.path(), "prod/mine.txt"), "foreign");
    assert_eq!(state_of(case.path(), "staging/compose.yaml"), "changed");
    assert_eq!(state_of(case.path(), "staging/nginx/sites/extra.shop.example.com.conf"), "stale");
    let output = nself_in(case.path(), ["check"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stdout.contains("--- a/staging/compose.yaml\n+++ b/staging/compose.yaml\n@@"),
        "a unified diff: {}",
        output.stdout
    );
    assert!(output.stderr.contains("foreign: nself did not write prod/mine.txt"), "{}", output.stderr);
}

#[test]
fn a_hand_edit_is_never_lost() {
    let case = generated_project();
    let file = case.path().join("deploy/prod/compose.yaml");
    let edited_text = fs::read_to_string(&file).unwrap() + "# mine\n";
    fs::write(&file, &edited_text).unwrap();
    rewrite(case.path(), SMALLER);
    let before = tree(&case.path().join("deploy"));
    let output = nself_in(case.path(), ["gen"]);
    assert!(
        output.code == 2 && output.stderr.contains("NS801") && output.stderr.contains("prod/compose.yaml"),
        "{}",
        output.stderr
    );
    assert_eq!(tree(&case.path().join("deploy")), before, "nothing was written, not even the other files");
    assert_eq!(nself_in(case.path(), ["gen", "--force"]).code, 0);
    assert_ne!(fs::read_to_string(&file).unwrap(), edited_text);
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);
}

#[test]
fn a_foreign_file_in_place_of_an_output_is_kept() {
    let case = stack(STACK);
    fs::create_dir_all(case.path().join("deploy/local")).unwrap();
    fs::write(case.path().join("deploy/local/compose.yaml"), "mine\n").unwrap();
    let output = nself_in(case.path(), ["gen"]);
    assert!(output.code == 2 && output.stderr.contains("NS802"), "{}", output.stderr);
    assert_eq!(tree(&case.path().join("deploy")).len(), 1);
}

#[test]
fn stale_files_are_deleted_and_secrets_are_kept() {
    let case = generated_project();
    let deploy = case.path().join("deploy");
    assert_eq!(nself_in(case.path(), ["secrets", "init"]).code, 0);
    let secrets = tree(&deploy.join("local/secrets"));
    rewrite(
        case.path(),
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", environments = { staging.enabled = false, prod.enabled = false } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert!(!deploy.join("prod").exists() && !deploy.join("staging").exists());
    assert_eq!(tree(&deploy.join("local/secrets")), secrets);
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);
}

#[test]
fn generating_one_environment_leaves_the_others_unchanged() {
    let case = generated_project();
    let deploy = case.path().join("deploy");
    let before = tree(&deploy.join("local"));
    rewrite(case.path(), SMALLER);
    assert_eq!(nself_in(case.path(), ["gen", "--env", "prod"]).code, 0);
    assert_eq!(tree(&deploy.join("local")), before);
    assert_eq!(nself_in(case.path(), ["check", "--env", "prod"]).code, 0);
    assert_eq!(nself_in(case.path(), ["check"]).code, 1);
}

/// Links could lead a write out of the folder, so they are not followed.
#[test]
fn links_in_the_output_folder_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("precious");
    for place in ["local", "local/nginx", "local/compose.yaml", "nself.manifest"] {
        fs::write(&target, "precious").unwrap();
        let folder = outside.path().join("folder");
        fs::create_dir_all(&folder).unwrap();
        let case = stack(STACK);
        let link = case.path().join("deploy").join(place);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let file = place.ends_with("yaml") || place.ends_with("manifest");
        symlink(if file { &target } else { &folder }, &link).unwrap();
        let output = nself_in(case.path(), ["gen", "--force"]);
        assert_eq!(output.code, 2, "{place}: {}", output.stderr);
        assert!(output.stderr.contains("NS803") || output.stderr.contains("NS805"), "{place}: {}", output.stderr);
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious", "{place}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{place}");
    }
}

/// Links in the cache of a checkout are not followed.
#[test]
fn links_in_the_cache_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let case = stack(STACK);
    fs::create_dir(case.path().join(".nself")).unwrap();
    for name in ["lock", "stamps", "lib", ".gitignore"] {
        symlink(&precious, case.path().join(".nself").join(name)).unwrap();
    }
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");

    let case = stack(STACK);
    let elsewhere = outside.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, case.path().join(".nself")).unwrap();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing is written through the link");
}

#[test]
fn a_damaged_manifest_is_an_error() {
    let case = generated_project();
    let manifest = case.path().join("deploy/nself.manifest");
    let text = fs::read_to_string(&manifest).unwrap();
    // The cut is inside a digest, so the last line is incomplete.
    let half = text[..text.len() / 2].rfind('\n').unwrap() + 20;
    for bad in [&text[..half], &text.replace("  local/", " local/")] {
        fs::write(&manifest, bad).unwrap();
        let before = tree(&case.path().join("deploy"));
        let output = nself_in(case.path(), ["gen"]);
        assert!(output.code == 2 && output.stderr.contains("NS805"), "{}", output.stderr);
        assert_eq!(tree(&case.path().join("deploy")), before);
    }
    // Without a manifest, files with exactly the generated content are adopted.
    fs::remove_file(&manifest).unwrap();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), text);
}

/// After a run is killed at any time, the next one repairs the files; concurrent runs leave complete files.
#[test]
fn killed_and_concurrent_runs_leave_complete_files() {
    let expected = tree(&generated_project().path().join("deploy"));
    let case = stack(STACK);
    let manifest = case.path().join("deploy/nself.manifest");
    let mut killed_runs = 0;
    for round in 0..6_u64 {
        let _ = fs::remove_dir_all(case.path().join("deploy"));
        let mut runs: Vec<_> = (0..3)
            .map(|_| nself(case.path()).arg("gen").stderr(std::process::Stdio::null()).spawn().unwrap())
            .collect();
        // The manifest is the first file of a run, which holds the lock for which the other runs wait.
        while !manifest.exists() && runs[2].try_wait().unwrap().is_none() {}
        std::thread::sleep(std::time::Duration::from_micros(300 * round));
        let mut survivor = runs.pop().unwrap();
        for mut child in runs {
            let _ = child.kill();
            killed_runs += u32::from(child.wait().unwrap().code().is_none());
        }
        assert!(survivor.wait().unwrap().success(), "round {round}");
        let output = nself_in(case.path(), ["gen"]);
        assert_eq!(output.code, 0, "round {round}: {}", output.stderr);
        let mut files = tree(&case.path().join("deploy"));
        // A killed run may leave a temporary file, which is not an output.
        files.retain(|path, _| !path.contains("/.nself-") && !path.starts_with(".nself-"));
        assert!(files == expected, "round {round}");
    }
    assert!(killed_runs > 0, "each run had ended before it was killed");
}

#[test]
fn a_read_only_project_can_be_checked() {
    let case = generated_project();
    let _ = fs::remove_dir_all(case.path().join(".nself"));
    fs::write(case.path().join(".nself"), "a file where the cache would be").unwrap();
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);
    assert_eq!(fs::metadata(case.path().join(".nself")).unwrap().permissions().mode() & 0o111, 0);
}

/// A stamp must never hide a change, not even within the same clock tick.
#[test]
fn a_warm_run_detects_every_change() {
    let case = generated_project();
    for round in 0..8 {
        let body = if round % 2 == 0 { SMALLER } else { STACK };
        rewrite(case.path(), body);
        assert_eq!(nself_in(case.path(), ["check"]).code, 1, "round {round}");
        assert_eq!(nself_in(case.path(), ["gen"]).code, 0, "round {round}");
        assert_eq!(nself_in(case.path(), ["check"]).code, 0, "round {round}");
    }
    let stamps = case.path().join(".nself/stamps");
    for entry in fs::read_dir(stamps).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
    }
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);
    fs::create_dir_all(case.path().join("nginx/conf.d")).unwrap();
    fs::write(case.path().join("nginx/conf.d/new.conf"), "# new\n").unwrap();
    assert_eq!(nself_in(case.path(), ["check"]).code, 1, "a new hand-written file is a difference");
}

#[test]
fn no_command_changes_files_of_the_project() {
    for (case, code, folders) in
        [(&golden(true)[0], 2, &[".nself/"][..]), (&golden(false)[0], 0, &["deploy/", ".nself/"])]
    {
        let case = project(case);
        let before = tree(case.path());
        for arguments in [["gen"].as_slice(), &["check"], &["gen", "--force"]] {
            let output = nself_in(case.path(), arguments);
            assert_eq!(output.code, code, "{arguments:?}: {}", output.stderr);
        }
        nself_in(case.path(), ["env", "list"]);
        let after = tree(case.path());
        for (path, bytes) in &before {
            assert_eq!(bytes, &after[path], "{path}");
        }
        let is_expected = |path: &String| folders.iter().any(|folder| path.starts_with(folder));
        assert!(after.keys().all(|path| before.contains_key(path) || is_expected(path)), "{:?}", after.keys());
    }
}

#[test]
fn gen_writes_only_into_the_output_folder_and_the_cache() {
    // Only the output and the cache are written, both inside the project.
    let home = tempfile::tempdir().unwrap();
    let case = project(&golden(false)[0]);
    let before: BTreeSet<String> = tree(case.path()).into_keys().collect();
    let output = run(nself(case.path()).arg("gen").env("HOME", home.path()));
    assert_eq!(output.code, 0);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    let new: Vec<String> = tree(case.path()).into_keys().filter(|path| !before.contains(path)).collect();
    assert!(new.iter().any(|path| path == "deploy/nself.manifest"), "{new:?}");
    assert!(new.iter().all(|path| path.starts_with("deploy/") || path.starts_with(".nself/")), "{new:?}");
}

#[test]
fn check_writes_only_into_the_cache() {
    let case = project(&golden(false)[0]);
    let before: BTreeSet<String> = tree(case.path()).into_keys().collect();
    assert_eq!(nself_in(case.path(), ["check"]).code, 1);
    let new: Vec<String> = tree(case.path()).into_keys().filter(|path| !before.contains(path)).collect();
    assert!(new.iter().all(|path| path.starts_with(".nself/")), "{new:?}");
    assert!(!Path::new(&case.path().join("deploy")).exists());
}
