//! The cache and the output folder under faults: killed and concurrent runs, full disks, read-only folders, damage, a
//! clock that goes backwards. No fault leads to a wrong byte or a crash.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nself::artifact::Digest;
use nself::store::{MANIFEST, Manifest};

use crate::support::{nself, nself_in, run, skip, tree};

fn body(level: &str) -> String {
    format!(
        "let nself = import \"nself/main.ncl\" in
         {{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.orders = {{ image = \"ghcr.io/acme/orders:1\",
           port = 8001, env.LEVEL = \"{level}\", health.none = \"it has none\" }} }} | nself.Stack\n"
    )
}

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stack.ncl"), body("info")).unwrap();
    folder
}

fn objects(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(".nself/objects1")).into_iter().flatten();
    let mut objects: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    objects.sort();
    objects
}

/// Checks that every object has the digest in its name and is read-only.
fn objects_are_whole(folder: &Path) {
    for path in objects(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            assert_eq!(Digest::of(&fs::read(&path).unwrap()).as_str(), name);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o444);
        }
    }
}

#[test]
fn a_missing_cache_only_costs_time() {
    let project = project();
    let folder = project.path();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    let first = tree(&folder.join("deploy"));
    assert!(objects(folder).len() > 10);
    fs::remove_dir_all(folder.join(".nself")).unwrap();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    assert_eq!(tree(&folder.join("deploy")), first);
    // Files are never generated from objects: forged objects have no effect.
    for path in objects(folder) {
        fs::remove_file(&path).unwrap();
        fs::write(&path, "forged").unwrap();
    }
    fs::remove_dir_all(folder.join("deploy")).unwrap();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    assert_eq!(tree(&folder.join("deploy")), first);
    objects_are_whole(folder);
}

#[test]
fn verify_reports_every_difference_and_repairs_files() {
    let project = project();
    let folder = project.path();
    let early = nself_in(folder, ["verify"]);
    assert!(early.code == 2 && early.stderr.contains("NS805"), "{}", early.stderr);
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    let first = tree(&folder.join("deploy"));
    assert_eq!(nself_in(folder, ["verify", "--rebuild"]).code, 0);

    let compose_file = folder.join("deploy/local/compose.yaml");
    fs::write(&compose_file, "edited").unwrap();
    fs::remove_file(folder.join("deploy/prod/health.json")).unwrap();
    let damaged = objects(folder).into_iter().next_back().unwrap();
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, "damaged").unwrap();
    let verification = nself_in(folder, ["verify"]);
    assert_eq!(verification.code, 1);
    for text in ["local/compose.yaml differs", "prod/health.json is missing", "NS808"] {
        assert!(verification.stderr.contains(text), "{}", verification.stderr);
    }
    assert_eq!(fs::read(&compose_file).unwrap(), b"edited", "without --repair nothing is touched");
    let repaired = nself_in(folder, ["verify", "--rebuild", "--repair"]);
    assert_eq!(repaired.code, 0, "{}", repaired.stderr);
    assert!(repaired.stdout.contains("restored local/compose.yaml") && repaired.stdout.contains("moved to quarantine"));
    assert_eq!(tree(&folder.join("deploy")), first);
    assert_eq!(nself_in(folder, ["verify"]).code, 0);

    // Without the stack, objects are enough for a repair; without both, it fails.
    fs::write(&compose_file, "edited").unwrap();
    fs::rename(folder.join("stack.ncl"), folder.join("away.ncl")).unwrap();
    assert_eq!(nself_in(folder, ["verify", "--repair"]).code, 0);
    assert_eq!(tree(&folder.join("deploy")), first);
    fs::write(&compose_file, "edited").unwrap();
    fs::remove_dir_all(folder.join(".nself")).unwrap();
    let without_copies = nself_in(folder, ["verify", "--repair"]);
    assert!(
        without_copies.code == 1 && without_copies.stderr.contains("no copy exists to restore the file"),
        "{}",
        without_copies.stderr
    );
    assert_eq!(fs::read(&compose_file).unwrap(), b"edited");

    // A stack that generates different files is a finding and is not used for a repair.
    fs::write(folder.join("stack.ncl"), body("debug")).unwrap();
    let other = nself_in(folder, ["verify", "--rebuild"]);
    assert!(other.code == 1 && other.stderr.contains("NS809"), "{}", other.stderr);
}

#[test]
fn gc_deletes_unused_objects_and_keeps_young_ones() {
    let project = project();
    let folder = project.path();
    for level in ["info", "debug", "warn"] {
        fs::write(folder.join("stack.ncl"), body(level)).unwrap();
        assert_eq!(nself_in(folder, ["gen"]).code, 0);
    }
    let all = objects(folder).len();
    assert_eq!(nself_in(folder, ["gc", "--keep", "1"]).code, 0);
    assert_eq!(objects(folder).len(), all, "objects that are younger than the grace period are kept");
    let output = nself_in(folder, ["gc", "--keep", "1", "--grace", "0"]);
    assert_eq!(output.code, 0);
    assert!(objects(folder).len() < all, "{}", output.stderr);
    fs::write(folder.join("deploy/prod/compose.yaml"), "edited").unwrap();
    assert_eq!(nself_in(folder, ["verify", "--repair"]).code, 0, "objects of the latest generation are kept");
    assert_eq!(nself_in(Path::new("/"), ["gc"]).code, 0);
}

/// Starts three runs, waits until one of them writes, and kills all after a delay.
fn kill_while_they_write(folder: &Path, delay: Duration) {
    let manifest = folder.join("deploy").join(MANIFEST);
    let before = fs::read(&manifest).unwrap();
    let spawn =
        |command: &mut Command| command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut writers: Vec<_> = (0..3).map(|_| spawn(nself(folder).arg("gen")).unwrap()).collect();
    while writers.iter_mut().any(|writer| writer.try_wait().unwrap().is_none())
        && fs::read(&manifest).is_ok_and(|now| now == before)
    {
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(delay);
    for writer in &mut writers {
        let _ = writer.kill();
    }
    for mut writer in writers {
        writer.wait().unwrap();
    }
}

#[test]
fn killed_concurrent_runs_leave_consistent_files() {
    let project = project();
    let folder = project.path();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    let mut results = std::collections::BTreeMap::new();
    for level in ["info", "debug"] {
        fs::write(folder.join("stack.ncl"), body(level)).unwrap();
        assert_eq!(nself_in(folder, ["gen"]).code, 0);
        results.insert(level, tree(&folder.join("deploy")));
    }
    let (mut unfinished, mut round) = (0, 0);
    // A busy machine can delay each signal until the runs have ended, so there are more rounds until one was in time.
    while round < 12 || unfinished == 0 && round < 120 {
        fs::write(folder.join("stack.ncl"), body(["info", "debug"][round % 2])).unwrap();
        if round % 5 == 0 {
            let _ = fs::remove_dir_all(folder.join(".nself/objects1"));
        }
        kill_while_they_write(folder, Duration::from_micros(200 * round as u64 % 3_000));
        objects_are_whole(folder);
        // Each file is complete, in one of the two states. The manifest of a run that was killed has both.
        let now = tree(&folder.join("deploy"));
        unfinished += u32::from(Manifest::parse(&now[MANIFEST]).unwrap().is_unfinished);
        let is_output = |path: &str| path != MANIFEST && !path.contains("/.nself-") && !path.starts_with(".nself-");
        for (path, bytes) in now.iter().filter(|(path, _)| is_output(path)) {
            assert!(results.values().any(|known| known.get(path) == Some(bytes)), "round {round}: {path}");
        }
        round += 1;
    }
    assert!(unfinished > 0, "no run was killed while it wrote");
    let level = "debug";
    fs::write(folder.join("stack.ncl"), body(level)).unwrap();
    let repaired_run = nself_in(folder, ["gen"]);
    assert_eq!(repaired_run.code, 0, "{}", repaired_run.stderr);
    assert_eq!(tree(&folder.join("deploy")), results[level]);
    assert_eq!(nself_in(folder, ["verify", "--rebuild"]).code, 0);
}

/// A memory file system of the given size; unmounted when the value is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mount = run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=755"), "none"])
            .arg(folder.path()));
        if mount.code != 0 {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{}", mount.stderr);
            skip("no right to mount a small file system");
            return None;
        }
        Some(SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg("-l").arg(self.0.path()));
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_partial_file() {
    let Some(disk) = SmallDisk::mount("2m") else { return };
    let folder = disk.0.path();
    fs::write(folder.join("stack.ncl"), body("info")).unwrap();
    let with_space = nself_in(folder, ["gen"]);
    assert_eq!(with_space.code, 0, "control: with enough space the run succeeds: {}", with_space.stderr);
    let first = tree(&folder.join("deploy"));
    let fill = |folder: &Path| {
        let mut file = fs::File::create(folder.join("ballast")).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 512]).is_ok() {}
    };
    fs::write(folder.join("stack.ncl"), body("debug")).unwrap();
    let elsewhere = project();
    fs::write(elsewhere.path().join("stack.ncl"), body("debug")).unwrap();
    assert_eq!(nself_in(elsewhere.path(), ["gen"]).code, 0);
    let second = tree(&elsewhere.path().join("deploy"));
    fill(folder);
    let without_space = nself_in(folder, ["gen"]);
    assert_eq!(without_space.code, 2, "{}", without_space.stderr);
    assert!(
        without_space.stderr.contains("NS804") || without_space.stderr.contains("NS001"),
        "{}",
        without_space.stderr
    );
    objects_are_whole(folder);
    for (path, bytes) in tree(&folder.join("deploy")) {
        assert!(bytes == first[&path] || bytes == second[&path], "{path} is half a file");
    }
    fs::remove_file(folder.join("ballast")).unwrap();
    let repaired_run = nself_in(folder, ["gen"]);
    assert_eq!(repaired_run.code, 0, "{}", repaired_run.stderr);
    assert_eq!(nself_in(folder, ["verify", "--rebuild"]).code, 0);
}

#[test]
fn a_read_only_cache_only_costs_time() {
    let Some(disk) = SmallDisk::mount("4m") else { return };
    let project = project();
    let folder = project.path();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    let first = tree(&folder.join("deploy"));
    fs::remove_dir_all(folder.join("deploy")).unwrap();
    fs::remove_dir_all(folder.join(".nself")).unwrap();
    fs::create_dir(folder.join(".nself")).unwrap();
    let bind = run(Command::new("mount").arg("--bind").arg(disk.0.path()).arg(folder.join(".nself")));
    assert_eq!(bind.code, 0, "{}", bind.stderr);
    let cache = folder.join(".nself");
    assert_eq!(run(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&cache)).code, 0);
    let output = nself_in(folder, ["gen"]);
    let verified = nself_in(folder, ["verify", "--rebuild"]);
    let gc_output = nself_in(folder, ["gc", "--grace", "0"]);
    assert_eq!(run(Command::new("umount").arg(&cache)).code, 0);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(tree(&folder.join("deploy")), first);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(gc_output.code == 2 && gc_output.stderr.contains("Read-only"), "{}", gc_output.stderr);
}

#[test]
fn damaged_and_newer_records_count_as_missing() {
    let project = project();
    let folder = project.path();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    let records = folder.join(".nself/generations3");
    fs::write(records.join("00000001.json"), "{\"manifest\":").unwrap();
    let later = r#"{"manifest":"DIGEST","inputs":{},"parts":{},"generators":{},"later":1}"#;
    fs::write(records.join("00000002.json"), later.replace("DIGEST", &"0".repeat(64))).unwrap();
    fs::create_dir(folder.join(".nself/objects2")).unwrap();
    fs::write(folder.join("stack.ncl"), body("debug")).unwrap();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    assert_eq!(nself_in(folder, ["why", "--rebuilt"]).code, 0);
    assert_eq!(nself_in(folder, ["gc", "--grace", "0"]).code, 0);
    assert!(folder.join(".nself/objects2").is_dir(), "gc keeps the folder of a different release");
    // Wrong clocks: all files are older than the stamp, or in the future.
    for time in ["1980-01-01", "2099-01-01"] {
        let mut touch = Command::new("find");
        touch.arg(folder).args(["-type", "f", "-exec", "touch", "-h", "-d", time, "{}", "+"]);
        assert_eq!(run(&mut touch).code, 0);
        assert_eq!(nself_in(folder, ["gen"]).code, 0);
        assert_eq!(nself_in(folder, ["gc", "--grace", "60"]).code, 0);
        assert_eq!(nself_in(folder, ["verify", "--rebuild"]).code, 0);
    }
}

#[test]
fn the_cache_contains_no_secret_values() {
    let project = project();
    let folder = project.path();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    assert_eq!(nself_in(folder, ["secrets", "init", "--env", "local"]).code, 0);
    fs::write(folder.join("stack.ncl"), body("debug")).unwrap();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    assert_eq!(nself_in(folder, ["verify", "--rebuild", "--repair"]).code, 0);
    let cache_bytes: Vec<u8> = tree(&folder.join(".nself")).into_values().flatten().collect();
    let values = tree(&folder.join("deploy/local/secrets"));
    let long: Vec<&Vec<u8>> = values.values().filter(|value| value.len() > 15).collect();
    assert!(long.len() > 3, "{:?}", values.keys());
    let is_in_cache = |value: &[u8]| cache_bytes.windows(value.len()).any(|part| part == value);
    assert!(is_in_cache(b"shop.example.com"), "control: the search finds text that is not secret");
    assert!(!long.iter().any(|value| is_in_cache(value)));
}
