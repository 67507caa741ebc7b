//! Runs the generated scripts of backups with real servers: backups of a server that is written to, restores to a moment,
//! damaged and missing pieces, a full target, and a bucket.

mod buckets;
mod drill;
mod files;
mod site;
mod store;
mod volume;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{ProcessOutput, run, tool};
use site::Site;
use store::{ACCESS_KEY, SECRET_KEY, Store};

fn assert_fails(output: &ProcessOutput, why: &str) {
    assert!(
        output.code != 0 && output.stderr.contains(why),
        "{why}: {} {}{}",
        output.code,
        output.stdout,
        output.stderr
    );
}

fn assert_works(output: &ProcessOutput) {
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
}

fn seconds_pass() {
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

fn now() -> String {
    run(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])).stdout.trim().to_owned()
}

/// Starts the receiver, and waits for the base backup that it takes first.
fn protect(site: &mut Site) {
    site.receive();
    site.eventually("the first base backup", || site.backups().len() == 1);
}

/// Checks that the receiver exports each metric that the alerts use, with a value.
fn metrics_of_alerts_have_values(site: &Site) {
    let rules = crate::support::root().join("golden/backups/out/prod/monitoring/prometheus/rules/backup-wal.yml");
    let rules = fs::read_to_string(rules).unwrap();
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: std::collections::BTreeSet<&str> = words.filter(|word| word.starts_with("nself_backup_")).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let exports = |name: &str| {
        let text = fs::read_to_string(site.path("metrics/metrics.txt")).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.rsplit_once(' ')?.1.parse::<u64>().ok());
        value.is_some_and(|value| value > 1_700_000_000)
    };
    for name in names {
        site.eventually(name, || exports(name));
    }
}

/// What the accounts, tellers, branches and the history of pgbench hold together; transactions keep the first four equal.
const BOOKS: &str = "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), \
    (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history), (SELECT count(*) FROM pgbench_history)";

/// Writes while a base backup runs, drops a table, loses the volume, and restores the moment before the drop.
fn restore_before_a_drop(mut site: Site) {
    site.pgbench(&["-i", "-q"]);
    protect(&mut site);
    std::thread::scope(|scope| {
        scope.spawn(|| site.pgbench(&["-c", "4", "-T", "6"]));
        assert_works(&site.script("backup.sh", &["LABEL=busy"]));
    });
    assert!(site.backups()[1].contains("-busy-"), "{:?}", site.backups());
    metrics_of_alerts_have_values(&site);
    let books = site.sql(BOOKS);
    let moment = site.now();
    std::thread::sleep(std::time::Duration::from_millis(20));
    site.pgbench(&["-c", "4", "-T", "2"]);
    assert_ne!(site.sql(BOOKS), books);
    site.sql("DROP TABLE pgbench_accounts; CREATE TABLE later (id int)");
    site.await_stored();
    assert_fails(&site.script("restore.sh", &[]), "the database server is running");
    site.kill_server();
    site.await_end_of_receiver();
    // After a crash, the folder does not show whether a server still uses it.
    assert_fails(&site.script("restore.sh", &[]), "set SERVER_IS_STOPPED=yes");
    // A new volume has no folder above the data either.
    for entry in fs::read_dir(site.path("volume")).unwrap() {
        fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }

    assert_works(&site.script("restore.sh", &[&format!("TARGET_TIME={moment}")]));
    site.start_server();
    assert_eq!(site.sql(BOOKS), books, "every transaction up to {moment}, and none after");
    assert_eq!(site.sql("SELECT to_regclass('later') IS NULL"), "t");

    // The restored server has a new timeline, whose log continues the chain of the same backup.
    site.receive();
    site.sql("CREATE TABLE second (id int); INSERT INTO second VALUES (1)");
    site.await_stored();
    assert_works(&site.script("verify.sh", &[]));
    // Nothing is committed after this moment, so no record of the log tells the server that it has passed it.
    let quiet = site.now();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    site.await_stored();
    site.stop_server();
    site.await_end_of_receiver();
    assert_works(&site.script("restore.sh", &[&format!("TARGET_TIME={quiet}")]));
    let kept = fs::read_dir(site.path(site.data).parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.filter(|name| name.contains(".before-")).count(), 1, "the folder before the restore stays");
    site.start_server();
    assert_eq!(site.sql("SELECT count(*) FROM second"), "1");
    assert_eq!(site.sql(BOOKS), books);
    let future = "2999-01-01T00:00:00Z";
    site.stop_server();
    assert_fails(&site.script("restore.sh", &[&format!("TARGET_TIME={future}")]), "choose an earlier TARGET_TIME");
    assert!(site.path(site.data).join("PG_VERSION").exists(), "a restore that fails changes nothing");
}

#[test]
fn a_server_of_15_is_restored_to_the_moment_before_a_drop() {
    Site::start(15).into_iter().for_each(restore_before_a_drop);
}

#[test]
fn a_server_of_17_is_restored_to_the_moment_before_a_drop() {
    Site::start(17).into_iter().for_each(restore_before_a_drop);
}

/// The image of 18 has its volume one folder above, and its data in a folder with the name of the version.
#[test]
fn a_server_of_18_is_restored_to_the_moment_before_a_drop() {
    Site::start(18).into_iter().for_each(restore_before_a_drop);
}

#[test]
fn a_clock_that_is_set_back_removes_no_newer_backup() {
    let Some(mut site) = Site::start(15) else { return };
    protect(&mut site);
    site.sql("CREATE TABLE t (i int); INSERT INTO t VALUES (1); SELECT pg_switch_wal()");
    let hour_ago = site.clock_set_back();
    assert_works(&site.script("backup.sh", &[&hour_ago, "NSELF_BACKUP_KEEP_COUNT=1", "LABEL=back"]));
    assert!(site.backups().last().unwrap().contains("-back-"), "{:?}", site.backups());
    site.sql("INSERT INTO t VALUES (2)");
    // With the right time again, the number counts in the order of the log.
    assert_works(&site.script("backup.sh", &["NSELF_BACKUP_KEEP_COUNT=2", "LABEL=end"]));
    let left = site.backups();
    assert!(left.len() == 2 && left[0].contains("-back-") && left[1].contains("-end-"), "{left:?}");
    site.await_stored();
    assert_works(&site.script("verify.sh", &[&format!("BACKUP={}", left[0])]));
    assert_works(&site.script("verify.sh", &[]));
}

#[test]
fn damaged_and_missing_pieces_are_found() {
    let Some(mut site) = Site::start(15) else { return };
    protect(&mut site);
    for round in 0..3 {
        site.sql(&format!("CREATE TABLE t{round} AS SELECT generate_series(1, 10000) AS i; SELECT pg_switch_wal()"));
    }
    site.await_stored();
    assert_works(&site.script("verify.sh", &[]));
    let damaged = |file: &Path, change: &dyn Fn(&mut Vec<u8>), why: &str| {
        let before = fs::read(file).unwrap();
        let mut bytes = before.clone();
        change(&mut bytes);
        fs::write(file, bytes).unwrap();
        assert_fails(&site.script("verify.sh", &[]), why);
        fs::write(file, before).unwrap();
    };
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let shorten = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let base = &site.target_files("base.tar")[0];
    damaged(base, &flip, "is damaged or cannot be fetched");
    damaged(base, &shorten, "is damaged or cannot be fetched");
    let segments = site.target_files("/wal/");
    let segment = &segments[segments.len() - 2];
    damaged(segment, &flip, "files of the log are damaged or cannot be fetched");
    let aside = site.path("aside");
    fs::rename(segment, &aside).unwrap();
    assert_fails(&site.script("verify.sh", &[]), "of the log is missing");
    fs::rename(&aside, segment).unwrap();
    fs::write(site.path("key"), "another key\n").unwrap();
    assert_ne!(site.script("verify.sh", &[]).code, 0, "nothing can be read with a different key");
    fs::write(site.path("key"), "the key of the backups\n").unwrap();
    // Known-good control: the same files again.
    assert_works(&site.script("verify.sh", &[]));
}

#[test]
fn two_backups_at_once_are_both_whole_and_the_retention_removes_only_what_no_backup_needs() {
    let Some(mut site) = Site::start(15) else { return };
    protect(&mut site);
    std::thread::scope(|scope| {
        let site = &site;
        let start = |label| scope.spawn(move || site.script("backup.sh", &[label]));
        let both = ["LABEL=left", "LABEL=right"].map(start);
        both.into_iter().for_each(|backup| assert_works(&backup.join().unwrap()));
    });
    for name in site.backups() {
        assert_works(&site.script("verify.sh", &[&format!("BACKUP={name}")]));
    }
    assert_eq!(site.backups().len(), 3);
    assert_fails(&site.script("backup.sh", &["LABEL=a b"]), "LABEL may have");
    for _ in 0..3 {
        site.sql("SELECT pg_switch_wal(); CREATE TABLE IF NOT EXISTS t (i int); INSERT INTO t VALUES (1)");
    }
    site.await_stored();
    let before = site.target_files("/wal/").len();
    // Young backups stay, whatever their number.
    let keep = ["NSELF_BACKUP_KEEP_COUNT=1", "NSELF_BACKUP_KEEP_SECONDS=3600", "LABEL=third"];
    assert_works(&site.script("backup.sh", &keep));
    assert_eq!(site.backups().len(), 4);
    assert_works(&site.script("backup.sh", &["NSELF_BACKUP_KEEP_COUNT=2", "LABEL=fourth"]));
    let left = site.backups();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(site.target_files("/wal/").len() < before, "segments before the oldest backup are removed");
    site.sql("INSERT INTO t VALUES (2)");
    site.await_stored();
    for name in &left {
        assert_works(&site.script("verify.sh", &[&format!("BACKUP={name}")]));
    }
}

/// A file system of a few megabytes at the target, which is unmounted in the end.
struct SmallTarget<'a>(&'a Path);

impl SmallTarget<'_> {
    fn resize(&self, option: &str) -> bool {
        let mut mount = Command::new("mount");
        run(mount.args(["-t", "tmpfs", "-o", option, "tmpfs"]).arg(self.0)).code == 0
    }
}

impl Drop for SmallTarget<'_> {
    fn drop(&mut self) {
        run(Command::new("umount").args(["-l"]).arg(self.0));
    }
}

#[test]
fn a_full_target_stops_backups_and_loses_nothing() {
    let Some(mut site) = Site::start(15) else { return };
    let path = site.path("target");
    let target = SmallTarget(&path);
    assert!(target.resize("size=1m,mode=0777"), "a tmpfs can be mounted");
    site.receive();
    site.eventually("the log cannot be stored", || {
        fs::read_to_string(site.path("receiver.log")).unwrap_or_default().contains("no backup; what failed: rclone")
    });
    assert!(site.backups().is_empty());
    assert_fails(&site.script("backup.sh", &[]), "no backup; what failed: rclone");
    assert!(site.target_files("base.tar").is_empty(), "nothing incomplete stays");
    site.sql("CREATE TABLE t AS SELECT generate_series(1, 100000) AS i; SELECT pg_switch_wal()");
    assert!(target.resize("remount,size=500m,mode=0777"));
    assert_works(&site.script("backup.sh", &[]));
    site.await_stored();
    assert_works(&site.script("verify.sh", &[]));
}

#[test]
fn a_bucket_is_a_target() {
    let Some(mut site) = Site::start(15) else { return };
    let Some(store) = Store::start(&site.path("")) else { return };
    store.create_bucket("ledger-backups");
    site.store_in(&store.endpoint, ACCESS_KEY, "a key that has expired");
    assert_fails(&site.script("backup.sh", &[]), "what failed: rclone");
    site.store_in(&store.endpoint, ACCESS_KEY, SECRET_KEY);
    restore_before_a_drop(site);
}

/// Without the file of an interrupted restore, the guard runs its arguments.
#[test]
fn the_server_does_not_start_while_its_folder_is_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let generated = crate::support::root().join("golden/backups/out/prod");
    let compose = std::fs::read_to_string(generated.join("compose.yaml")).unwrap();
    let scripts = ["backups/guard.sh", "server/start.sh"].map(|script| compose.find(script).unwrap());
    assert!(scripts[0] < scripts[1], "the guard runs before the script that may create a database");
    let guard = generated.join("backups/server/guard.sh");
    let start = || {
        let mut guarded = Command::new("sh");
        run(guarded.arg(&guard).args(["echo", "started"]).env("PGDATA", folder.path().join("pgdata")))
    };
    assert_eq!(start().stdout, "started\n");
    fs::write(folder.path().join(".restore-unfinished"), "").unwrap();
    assert_fails(&start(), "a restore was interrupted");
}

#[test]
fn shellcheck_accepts_the_scripts() {
    if tool("stamps/packages").is_none() {
        return;
    }
    let folder = crate::support::root().join("golden/backups/out/prod/backups");
    let scripts = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    let scripts: Vec<_> = scripts.filter(|path| path.extension().is_some_and(|kind| kind == "sh")).collect();
    assert_eq!(scripts.len(), 16);
    let output = run(Command::new("shellcheck").arg("-x").args(&scripts));
    assert_eq!(output.code, 0, "{}", output.stdout);
}
