//! Files with an unchanged derivation are neither rendered nor read nor written, and the result is always the same as in a
//! run without a cache.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use nself::store::MANIFEST;
use serde_json::Value;

use crate::support::{ProcessOutput, nself_in, run, stack, tree};

/// Returns a stack with services; `more` is merged over it.
fn body(count: usize, more: &str) -> String {
    let services: String = (0..count)
        .map(|i| {
            format!(
                "    svc-{i} = {{ image = \"registry.example.com/svc:{i}\", port = {}, user = \"10001:10001\", env.LEVEL | default = \"info\",\n\
                 \x20     route.subdomain = \"s{i}\", health.http.path | default = \"/healthz\", depends_on | default = [\"postgres\"] }},\n",
                8001 + i
            )
        })
        .collect();
    format!(
        "{{\n  project = \"shop\",\n  domain | default = \"shop.example.com\",\n  monitoring.waive = \"not the subject\",\n  kubernetes = {{ enabled = true, gateway_class | default = \"any\" }},\n  services = {{\n{services}  }},\n}}\n& {{ {more} }}"
    )
}

fn write(folder: &Path, count: usize, more: &str) {
    let text = format!("let nself = import \"nself/main.ncl\" in\n({}) | nself.Stack\n", body(count, more));
    fs::write(folder.join("stack.ncl"), text).unwrap();
}

/// Waits until all files are older than a stamp that is written now.
fn settle() {
    sleep(Duration::from_millis(30));
}

fn assert_success(output: ProcessOutput) -> ProcessOutput {
    assert_eq!(output.code, 0, "{}", output.stderr);
    output
}

/// Runs `gen` for one environment and returns the number of rendered files.
fn rendered_files(folder: &Path) -> u64 {
    let output = assert_success(nself_in(folder, ["gen", "--env", "prod", "--format", "json"]));
    serde_json::from_str::<Value>(&output.stdout).unwrap()["rendered"].as_u64().unwrap_or_default()
}

/// Generates until a stamp records all files as unchanged.
fn stable_project(count: usize) -> tempfile::TempDir {
    let project = stack("{}");
    write(project.path(), count, "");
    rendered_files(project.path());
    settle();
    // Files that are as new as the stamp are compared once more.
    let file = project.path().join("stack.ncl");
    fs::write(&file, format!("# Nothing new.\n{}", fs::read_to_string(&file).unwrap())).unwrap();
    rendered_files(project.path());
    settle();
    project
}

/// Returns the files that a run without a cache generates from the same stack.
fn generate_without_cache(project: &Path) -> BTreeMap<String, Vec<u8>> {
    let fresh = tempfile::tempdir().unwrap();
    fs::copy(project.join("stack.ncl"), fresh.path().join("stack.ncl")).unwrap();
    assert_success(nself_in(fresh.path(), ["gen", "--env", "prod"]));
    deploy(fresh.path())
}

/// Returns the generated files and the manifest.
fn deploy(project: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = tree(&project.join("deploy"));
    files.retain(|path, _| path.contains('/') || path == "nself.manifest");
    files
}

#[test]
fn a_changed_service_renders_only_its_files() {
    let project = stable_project(30);
    let folder = project.path();
    let inode = |path: &str| fs::metadata(folder.join("deploy/prod").join(path)).unwrap().ino();
    let before = deploy(folder);
    let other = inode("kubernetes/apps/svc-8/deployment-svc-8.yaml");
    write(folder, 30, "services.svc-7.env.LEVEL = \"debug\"");
    let output = assert_success(nself_in(folder, ["gen", "--env", "prod", "--format", "json"]));
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let own =
        |path: &str| path.starts_with("prod/kubernetes/apps/") && !path.starts_with("prod/kubernetes/apps/svc-7/");
    let content =
        |path: &str| ["nginx", "acme", "postgres"].iter().any(|ring| path.starts_with(&format!("prod/{ring}/")));
    let kept_files = before.keys().filter(|path| own(path) || content(path)).count();
    assert_eq!(report["rendered"].as_u64().unwrap() as usize, before.len() - 1 - kept_files, "{report}");
    assert!(kept_files > before.len() * 8 / 10);
    assert_eq!(report["counts"]["changed"], 2, "{report}");
    assert_eq!(inode("kubernetes/apps/svc-8/deployment-svc-8.yaml"), other);
    let after = deploy(folder);
    assert!(after == generate_without_cache(folder));
    let changed: Vec<&String> =
        after.iter().filter(|(path, bytes)| before[*path] != **bytes).map(|(path, _)| path).collect();
    assert_eq!(changed, [MANIFEST, "prod/compose.yaml", "prod/kubernetes/apps/svc-7/deployment-svc-7.yaml"]);
    // The summary has the number as well, and `check` renders and reads everything.
    write(folder, 30, "services.svc-7.env.LEVEL = \"trace\"");
    let checked = nself_in(folder, ["check", "--env", "prod", "--format", "json"]);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(checked["rendered"].as_u64().unwrap() as usize, before.len() - 1, "{checked}");
    let output = assert_success(nself_in(folder, ["gen", "--env", "prod"]));
    assert!(output.stderr.contains(" generated again"), "{}", output.stderr);
}

/// After any change, the result is the same as in a run without a cache.
#[test]
fn incremental_runs_equal_runs_without_a_cache() {
    let project = stable_project(6);
    let folder = project.path();
    let edits = [
        "services.svc-1.env.LEVEL = \"debug\"",
        "services.svc-1.port | force = 8055",
        "services.svc-1.depends_on = [\"postgres\", \"svc-2\"]",
        "services.svc-1.connects_to = [\"svc-3\"]",
        "services.svc-1 = { egress = true, zone = 'data }",
        "services.svc-1 = { volumes.files = { path = \"/files\", size = \"1GiB\" }, waive.\"compose.volume_size\" = \"one disk\" }",
        "services.svc-1 = { volumes.files = { path = \"/files\", readers.svc-2 = \"/theirs\" } }",
        "services.svc-1 = { volumes.files = { path = \"/files\", readers.svc-3 = \"/theirs\" } }",
        "services.svc-1 = { databases.main.name = \"one\", env.URL = nself.database_url \"main\" }",
        "services.svc-1 = { replicas = 3 }, services.svc-2.image | force = \"registry.example.com/other:1\"",
        "services.svc-1.env.PEER = nself.url \"svc-2\", services.svc-2.port | force = 8056",
        "services.extra = { image = \"a/extra:1\", port = 8090, user = \"1:1\", health.tcp = {} }",
        "services.redis = nself.services.redis, services.svc-4.depends_on = [\"redis\"]",
        "domain = \"other.example.com\"",
        "kubernetes.edge = 'ingress",
        "kubernetes.storage_class = \"fast\"",
        "secrets.token = nself.external \"a token\", services.svc-1.env.TOKEN = nself.secret \"token\"",
        "tls.email = \"ops@example.com\"",
        "services.svc-2.health.http.path = \"/other\"",
        "services.svc-5.processes.nightly = { command = [\"count\"], schedule = \"1 2 * * *\" }",
        "",
    ];
    for edit in edits {
        write(folder, 6, edit);
        let output = nself_in(folder, ["gen", "--env", "prod"]);
        assert_eq!(output.code, 0, "{edit}: {}", output.stderr);
        let (made, clean) = (deploy(folder), generate_without_cache(folder));
        let differs: Vec<&String> =
            clean.keys().chain(made.keys()).filter(|path| made.get(*path) != clean.get(*path)).collect();
        assert!(differs.is_empty(), "{edit}: {differs:?}");
        settle();
    }
}

/// Any change to generated files is detected.
#[test]
fn edited_files_are_never_reused() {
    let project = stable_project(4);
    let folder = project.path();
    let file = folder.join("deploy/prod/kubernetes/apps/svc-1/deployment-svc-1.yaml");
    let apps = folder.join("deploy/prod/kubernetes/apps");
    let next = |level: &str| write(folder, 4, &format!("services.svc-2.env.LEVEL = \"{level}\""));
    let whole = fs::read(&file).unwrap();

    // An edit that keeps size and modification time.
    let shell = |script: &str| {
        let output = run(Command::new("sh").args(["-c", script]).current_dir(folder));
        assert_eq!(output.code, 0, "{}", output.stderr);
    };
    let path = file.display();
    shell(&format!(
        "touch -r {path} time && printf x | dd of={path} bs=1 seek=9 conv=notrunc 2>&1 && touch -r time {path}"
    ));
    assert_eq!(fs::read(&file).unwrap().len(), whole.len());
    next("one");
    let output_after_edit = nself_in(folder, ["gen", "--env", "prod"]);
    assert!(output_after_edit.code == 2 && output_after_edit.stderr.contains("NS801"), "{}", output_after_edit.stderr);
    assert_success(nself_in(folder, ["gen", "--env", "prod", "--force"]));
    assert_eq!(fs::read(&file).unwrap(), whole);
    settle();

    // A deleted file.
    fs::remove_file(&file).unwrap();
    next("two");
    assert_success(nself_in(folder, ["gen", "--env", "prod"]));
    assert!(deploy(folder) == generate_without_cache(folder));
    settle();

    // A link to the same bytes; a folder that was replaced by a link.
    fs::rename(&file, folder.join("moved")).unwrap();
    symlink(folder.join("moved"), &file).unwrap();
    next("three");
    let linked = nself_in(folder, ["gen", "--env", "prod"]);
    assert!(linked.code == 2 && linked.stderr.contains("NS803"), "{}", linked.stderr);
    fs::remove_file(&file).unwrap();
    fs::rename(folder.join("moved"), &file).unwrap();
    fs::rename(&apps, folder.join("apps")).unwrap();
    symlink(folder.join("apps"), &apps).unwrap();
    let linked = nself_in(folder, ["gen", "--env", "prod"]);
    assert!(linked.code == 2 && linked.stderr.contains("NS803"), "{}", linked.stderr);
    fs::remove_file(&apps).unwrap();
    fs::rename(folder.join("apps"), &apps).unwrap();
    assert_success(nself_in(folder, ["gen", "--env", "prod"]));
    assert!(deploy(folder) == generate_without_cache(folder));

    // Wrong clocks.
    for time in ["1980-01-01", "2099-01-01"] {
        settle();
        shell(&format!("find deploy .nself -exec touch -h -d {time} {{}} +"));
        next(time);
        assert_success(nself_in(folder, ["gen", "--env", "prod"]));
        assert!(deploy(folder) == generate_without_cache(folder), "{time}");
    }
}

/// A record that a different program wrote is ignored.
#[test]
fn planted_and_damaged_records_are_not_trusted() {
    let project = stable_project(4);
    let folder = project.path();
    let all = deploy(folder).len() as u64 - 1;
    let plant = |folder: &Path| {
        let file = folder.join("deploy/prod/kubernetes/apps/svc-1/deployment-svc-1.yaml");
        let good = fs::read_to_string(&file).unwrap();
        let bad = good.replace("registry.example.com/svc:1", "registry.example.com/evl:1");
        assert_ne!(good, bad);
        fs::write(&file, &bad).unwrap();
        let manifest = folder.join("deploy").join(MANIFEST);
        let text = fs::read_to_string(&manifest).unwrap();
        let digest = |text: &str| nself::artifact::Digest::of(text.as_bytes()).to_string();
        fs::write(manifest, text.replace(&digest(&good), &digest(&bad))).unwrap();
        // The same with the digests in the stamp.
        for entry in fs::read_dir(folder.join(".nself/stamps")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace(&digest(&good), &digest(&bad))).unwrap();
        }
    };
    // A copy of the project, as in a checkout, with its file times.
    let copy = tempfile::tempdir().unwrap();
    let copied = run(Command::new("cp").arg("-a").arg(folder.join(".")).arg(copy.path()));
    assert_eq!(copied.code, 0, "{}", copied.stderr);
    plant(copy.path());
    write(copy.path(), 4, "services.svc-2.env.LEVEL = \"debug\"");
    assert_eq!(rendered_files(copy.path()), all);
    assert!(deploy(copy.path()) == generate_without_cache(copy.path()));

    // In the original place, with a matching manifest.
    plant(folder);
    write(folder, 4, "services.svc-2.env.LEVEL = \"debug\"");
    assert_eq!(rendered_files(folder), all);
    assert!(deploy(folder) == generate_without_cache(folder));
    settle();

    // Truncated, empty and newer stamps, a missing manifest, a different copy of the program.
    let stamps = |change: &dyn Fn(String) -> String| {
        for entry in fs::read_dir(folder.join(".nself/stamps")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, change(text)).unwrap();
        }
    };
    let changes: [&dyn Fn(String) -> String; 3] =
        [&|text| text[..text.len() / 2].to_owned(), &|_| String::new(), &|text| {
            text.replace("nself stamp ", "nself stamp 9")
        }];
    for (i, change) in changes.into_iter().enumerate() {
        stamps(change);
        write(folder, 4, &format!("services.svc-2.env.LEVEL = \"level{i}\""));
        assert_eq!(rendered_files(folder), all, "change {i}");
        settle();
    }
    let program = folder.join("nself-copy");
    fs::copy(env!("CARGO_BIN_EXE_nself"), &program).unwrap();
    write(folder, 4, "services.svc-2.env.LEVEL = \"copy\"");
    let output = assert_success(run(Command::new(&program)
        .args(["gen", "--env", "prod", "--format", "json"])
        .current_dir(folder)));
    assert_eq!(serde_json::from_str::<Value>(&output.stdout).unwrap()["rendered"].as_u64(), Some(all));
    // Control: an unchanged stamp is trusted.
    settle();
    write(folder, 4, "services.svc-2.env.LEVEL = \"last\"");
    assert_success(run(Command::new(&program).args(["gen", "--env", "prod"]).current_dir(folder)));
    settle();
    write(folder, 4, "services.svc-2.env.LEVEL = \"very last\"");
    let output = assert_success(run(Command::new(&program)
        .args(["gen", "--env", "prod", "--format", "json"])
        .current_dir(folder)));
    assert!(serde_json::from_str::<Value>(&output.stdout).unwrap()["rendered"].as_u64().unwrap() < all / 2);
    assert!(deploy(folder) == generate_without_cache(folder));
}
