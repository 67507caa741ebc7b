//! Snapshots of volumes with the generated scripts: names of all kinds, changes meanwhile, damage, full targets, interrupted
//! runs and retention.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::volume::{Files, describe, fill};
use super::{SmallTarget, assert_fails, assert_works, now, seconds_pass};
use crate::support::run;

/// Takes two snapshots, loses everything, and restores both.
fn restore_two_points_in_time(files: &Files) {
    let volume = files.volume();
    fill(&volume);
    let first = files.describe();
    files.backup(&["LABEL=first"]);
    seconds_pass();
    let moment = now();
    seconds_pass();
    fs::write(volume.join("invoices/2026 05/number 1 .pdf"), "another invoice").unwrap();
    fs::remove_file(volume.join("-rf")).unwrap();
    fs::remove_file(volume.join("new\nline")).unwrap();
    fs::write(volume.join("later"), "later").unwrap();
    let second = files.describe();
    files.backup(&["LABEL=second"]);
    assert_works(&files.script("files-verify.sh", &[]));
    assert_works(&files.script("files-verify.sh", &[&format!("TARGET_TIME={moment}")]));

    fs::write(volume.join("later"), "lost").unwrap();
    let lost = files.describe();
    assert_fails(&files.script("files-restore.sh", &[]), "docker compose stop worker");
    assert_eq!(files.describe(), lost, "a refused restore changes nothing");
    assert_works(&files.restore(&[]));
    assert_eq!(files.describe(), second);
    assert_works(&files.restore(&[&format!("TARGET_TIME={moment}")]));
    assert_eq!(files.describe(), first);
    let old: Vec<PathBuf> = fs::read_dir(&volume).unwrap().map(|entry| entry.unwrap().path()).collect();
    let old: Vec<String> = old
        .iter()
        .filter(|path| path.display().to_string().contains("/.nself-restore-old-"))
        .map(|path| describe(path))
        .collect();
    assert_eq!(old.len(), 2, "the files before each restore stay");
    assert!(!volume.join(".nself-restore-new").exists());
    assert_fails(&files.restore(&["TARGET_TIME=2001-01-01T00:00:00Z"]), "no such snapshot of volume-uploads");
    assert_fails(&files.restore(&["VOLUME=nothing"]), "the backups have no volume-nothing");
    assert_eq!(files.describe(), first);
}

#[test]
fn a_volume_is_restored_to_two_points_in_time() {
    let Some(files) = Files::new() else { return };
    restore_two_points_in_time(&files);
    // Folders of restores are not part of a snapshot.
    files.backup(&["LABEL=third"]);
    let before = files.describe();
    for entry in fs::read_dir(files.volume()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.is_symlink() {
            fs::remove_dir_all(entry).unwrap()
        } else {
            fs::remove_file(entry).unwrap()
        }
    }
    assert_works(&files.restore(&[]));
    assert_eq!(files.describe(), before);
    assert_eq!(
        fs::read_dir(files.volume())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".nself"))
            .count(),
        0
    );
}

#[test]
fn the_programs_of_busybox_restore_the_same_volume() {
    let Some(files) = Files::new().and_then(Files::with_busybox) else { return };
    restore_two_points_in_time(&files);
}

#[test]
fn the_owner_of_a_volume_restores_it_without_root() {
    let Some(mut files) = Files::new() else { return };
    let volume = files.volume();
    fill(&volume);
    assert_works(&run(Command::new("chown").args(["-hR", "10001:10001"]).arg(files.folder.path())));
    let before = files.describe();
    let as_owner = |files: &Files, script: &str, variables: &[&str]| {
        let inner = files.command(script, variables);
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "10001", "--regid", "10001", "--clear-groups"]).arg(inner.get_program());
        run(command.args(inner.get_args()).current_dir("/"))
    };
    assert_works(&as_owner(&files, "files-backup.sh", &[]));
    fs::remove_dir_all(volume.join("invoices")).unwrap();
    assert_works(&as_owner(&files, "files-restore.sh", &["SERVICES_ARE_STOPPED=yes"]));
    assert_eq!(files.describe(), before);
    // With a file that the owner of the volume cannot read, the backup fails and stores no snapshot.
    assert_works(&run(Command::new("chown").arg("0:0").arg(volume.join("large"))));
    fs::set_permissions(volume.join("large"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_fails(&as_owner(&files, "files-backup.sh", &[]), "Permission denied");
    assert_eq!(files.snapshots().len(), 1);
    // A service that answers is running, whatever the caller says.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    files.set("NSELF_BACKUP_WRITERS", &format!("uploads/localhost:{}", listener.local_addr().unwrap().port()));
    assert_fails(&files.restore(&[]), "the service localhost is running");
    drop(listener);
    assert_works(&files.restore(&[]));
}

#[test]
fn damaged_and_missing_pieces_of_snapshots_are_found() {
    let Some(files) = Files::new() else { return };
    fill(&files.volume());
    files.backup(&[]);
    let verify = || files.script("files-verify.sh", &[]);
    assert_works(&verify());
    let describe = files.describe();
    for piece in ["files-1", "list", "sha256sums"] {
        let file = files.target_files(piece).remove(0);
        let bytes = fs::read(&file).unwrap();
        let mut flipped = bytes.clone();
        let position = flipped.len() - 20;
        flipped[position] ^= 1;
        for damaged in [&flipped, &bytes[..bytes.len() / 2].to_vec()] {
            fs::write(&file, damaged).unwrap();
            assert_ne!(verify().code, 0, "{piece}");
            assert_ne!(files.restore(&[]).code, 0, "{piece}");
        }
        fs::remove_file(&file).unwrap();
        assert_ne!(verify().code, 0, "without {piece}");
        fs::write(&file, bytes).unwrap();
    }
    assert_eq!(files.describe(), describe, "a restore that fails changes nothing");
    fs::write(files.path("key"), "another key\n").unwrap();
    assert_ne!(verify().code, 0, "nothing can be read with a different key");
    fs::write(files.path("key"), "the key of the backups\n").unwrap();
    // Known-good control: the same files again.
    assert_works(&verify());
}

#[test]
fn a_full_or_absent_target_leaves_earlier_snapshots() {
    let Some(mut files) = Files::new() else { return };
    let path = files.path("target");
    let target = SmallTarget(&path);
    assert!(target.resize("size=6m,mode=0777"), "a tmpfs can be mounted");
    fs::write(files.volume().join("one"), "one").unwrap();
    files.backup(&[]);
    let noise = (0..12_000_000).scan(1_u32, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(state.to_be_bytes()[0])
    });
    fs::write(files.volume().join("two"), noise.collect::<Vec<u8>>()).unwrap();
    assert_fails(&files.script("files-backup.sh", &[]), "no snapshot of volume-uploads");
    assert_eq!(files.snapshots().len(), 1);
    assert_eq!(files.target_files("files-1").len(), 1, "nothing incomplete stays");
    assert_works(&files.script("files-verify.sh", &[]));
    assert!(target.resize("remount,size=500m,mode=0777"));
    files.backup(&[]);
    assert_works(&files.script("files-verify.sh", &[]));
    drop(target);

    for (name, value) in [("TYPE", "s3"), ("PROVIDER", "Other"), ("ENDPOINT", "http://127.0.0.1:9")] {
        files.set(&format!("RCLONE_CONFIG_STORE_{name}"), value);
    }
    files.set("NSELF_BACKUP_PLACE", "store:absent/place");
    files.set("RCLONE_LOW_LEVEL_RETRIES", "1");
    for script in ["files-backup.sh", "files-verify.sh", "list.sh"] {
        assert_ne!(files.script(script, &[]).code, 0, "{script}");
    }
}

#[test]
fn simultaneous_and_interrupted_runs_leave_only_whole_snapshots() {
    let Some(files) = Files::new() else { return };
    fill(&files.volume());
    std::thread::scope(|scope| {
        let files = &files;
        let both =
            ["LABEL=left", "LABEL=right"].map(|label| scope.spawn(move || files.script("files-backup.sh", &[label])));
        both.into_iter().for_each(|backup| assert_works(&backup.join().unwrap()));
    });
    let whole = files.snapshots();
    assert_eq!(whole.len(), 2);
    for name in &whole {
        assert_works(&files.script("files-verify.sh", &[&format!("SNAPSHOT={name}")]));
    }
    // The folder of a snapshot appears when its first piece is stored; the description follows much later.
    let count = || fs::read_dir(files.path("target/files/volume-uploads")).unwrap().count();
    let mut command = files.command("files-backup.sh", &["LABEL=killed"]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut killed = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while count() == 2 {
        assert!(killed.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    run(Command::new("kill").args(["-KILL", "--", &format!("-{}", killed.id())]));
    killed.wait().unwrap();
    assert_eq!(count(), 3, "the folder of the killed run");
    assert_eq!(files.snapshots(), whole, "the folder of the killed run is not a snapshot");
    assert_works(&files.script("files-verify.sh", &[]));
    files.backup(&[]);
    assert_eq!(count(), 4, "a young incomplete folder may belong to a run");
    let folders = fs::read_dir(files.path("target/files/volume-uploads")).unwrap().map(|entry| entry.unwrap().path());
    let folder = folders.into_iter().find(|path| path.display().to_string().contains("-killed-")).unwrap();
    let old = folder.with_file_name("20260101T000000Z-killed-000000");
    fs::rename(folder, &old).unwrap();
    files.backup(&[]);
    assert!(!old.exists(), "an old one is removed");
    assert_eq!(files.snapshots().len(), 4);
}

#[test]
fn retention_removes_the_oldest_snapshots_only() {
    let Some(mut files) = Files::new() else { return };
    fs::create_dir(files.path("volumes/other")).unwrap();
    fs::write(files.volume().join("one"), "one").unwrap();
    files.backup(&["LABEL=a"]);
    files.set("NSELF_BACKUP_FILES", "volume-uploads volume-other");
    files.backup(&["LABEL=b", "NSELF_BACKUP_KEEP_COUNT=1", "NSELF_BACKUP_KEEP_SECONDS=3600"]);
    assert_eq!(files.snapshots().len(), 3, "young snapshots stay, whatever their number");
    // The clock goes back by an hour: the newest snapshot stays, although others have later times.
    let path = files.replace_program("date", "exec /bin/date -d '1 hour ago' \"$@\"");
    fs::write(files.volume().join("two"), "two").unwrap();
    files.backup(&["LABEL=back", "NSELF_BACKUP_KEEP_COUNT=1", "VOLUME=uploads"]);
    let last = files.snapshots().pop().unwrap();
    assert!(last.contains("-back-"), "{last}");
    // A TARGET_TIME after the jump selects the newest snapshot, and so does a restore without TARGET_TIME.
    fs::remove_file(files.volume().join("two")).unwrap();
    let moment = run(Command::new("sh").arg("-c").arg("date -u +%Y-%m-%dT%H:%M:%SZ").env("PATH", &files.path)).stdout;
    assert_works(&files.restore(&["VOLUME=uploads", &format!("TARGET_TIME={}", moment.trim())]));
    assert_eq!(fs::read_to_string(files.volume().join("two")).unwrap(), "two");
    files.path = path;
    assert_works(&files.restore(&["VOLUME=uploads"]));
    assert_eq!(fs::read_to_string(files.volume().join("two")).unwrap(), "two");
    // With the clock correct again, KEEP_COUNT keeps the snapshots that were taken last, whatever their times.
    files.backup(&["LABEL=end", "NSELF_BACKUP_KEEP_COUNT=2", "VOLUME=uploads"]);
    let kept = files.snapshots();
    let labels: Vec<&str> = kept.iter().map(|name| name.split('-').nth(1).unwrap()).collect();
    assert_eq!(labels, ["b", "back", "end"], "the first one is of the other volume");
    assert_fails(&files.script("files-backup.sh", &["LABEL=a b"]), "LABEL may have");
}

#[test]
fn two_restores_in_one_second_keep_the_files_of_both() {
    let Some(mut files) = Files::new() else { return };
    fs::write(files.volume().join("one"), "one").unwrap();
    files.backup(&[]);
    files.replace_program("date", "exec /bin/date -d 2026-05-31T12:00:00Z \"$@\"");
    for text in ["first", "second"] {
        fs::write(files.volume().join("one"), text).unwrap();
        assert_works(&files.restore(&[]));
        assert_eq!(fs::read_to_string(files.volume().join("one")).unwrap(), "one");
    }
    let old = walkdir::WalkDir::new(files.volume()).min_depth(2).sort_by_file_name().into_iter();
    let mut old: Vec<String> = old.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    old.sort();
    assert_eq!(old, ["first", "second"]);
}

#[test]
fn a_target_that_lists_too_little_loses_no_snapshot() {
    let Some(files) = Files::new() else { return };
    fs::write(files.volume().join("one"), "one").unwrap();
    files.backup(&[]);
    let snapshot = fs::read_dir(files.path("target/files/volume-uploads")).unwrap().next().unwrap().unwrap().path();
    let old = snapshot.with_file_name("20260101T000000Z-scheduled-000000");
    fs::rename(snapshot, &old).unwrap();
    // The target first fails to list the snapshots, then lists them; the old snapshot stays in both cases.
    let rclone = files.path("tools/rclone");
    fs::rename(&rclone, files.path("tools/real")).unwrap();
    for (answer, works) in [("exit 3", false), (":", true)] {
        let listing = format!("case \"$*\" in *--include*snapshot.txt) {answer} ;; esac");
        let script = format!("#!/bin/sh\nreal=${{0%/*}}/real\n{listing}\nexec \"$real\" \"$@\"\n");
        fs::write(&rclone, script).unwrap();
        fs::set_permissions(&rclone, fs::Permissions::from_mode(0o755)).unwrap();
        let output = files.script("files-backup.sh", &[]);
        assert_eq!(output.code == 0, works, "{}", output.stderr);
        assert_eq!(output.stderr.contains("nothing old is removed"), !works, "{}", output.stderr);
        assert!(old.exists(), "{}", output.stderr);
    }
    // Known-bad control: without its description, the folder is an interrupted run.
    fs::remove_file(files.target_files("000000/snapshot.txt").remove(0)).unwrap();
    files.backup(&[]);
    assert!(!old.exists());
}

#[test]
fn one_damaged_snapshot_does_not_keep_the_others_from_being_verified() {
    let Some(mut files) = Files::new() else { return };
    fs::create_dir(files.path("volumes/other")).unwrap();
    files.set("NSELF_BACKUP_FILES", "volume-uploads volume-other");
    for volume in ["uploads", "other"] {
        fs::write(files.path("volumes").join(volume).join("one"), "one").unwrap();
    }
    files.backup(&[]);
    fs::remove_file(
        files
            .target_files("volume-uploads/")
            .into_iter()
            .find(|file| file.display().to_string().contains("/list."))
            .unwrap(),
    )
    .unwrap();
    let output = files.script("files-verify.sh", &[]);
    assert_fails(&output, "these could not be verified: volume-uploads");
    assert!(output.stderr.contains("verified:") && output.stderr.contains("of volume-other"), "{}", output.stderr);
}

#[test]
fn files_that_change_meanwhile_are_read_again_or_reported() {
    let Some(files) = Files::new() else { return };
    fill(&files.volume());
    let (log, busy) = (files.volume().join("log"), files.volume().join("busy"));
    fs::create_dir(&busy).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(&log, "x".repeat(usize::try_from(round % 90_000).unwrap())).unwrap();
                fs::write(busy.join(format!("{round}")), "a file that lives for a moment").unwrap();
                if round > 40 {
                    let _ = fs::remove_file(busy.join(format!("{}", round - 40)));
                }
                round += 1;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let output = files.script("files-backup.sh", &[]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        output
    });
    assert_works(&output);
    assert!(
        output.stderr.contains("changed while they were read") && output.stderr.contains("changing ./log"),
        "{}",
        output.stderr
    );
    let listed = files.script("list.sh", &[]).stdout;
    assert!(listed.contains("of its entries changed while they were read"), "{listed}");
    let without_changing_files = |text: &str| {
        text.lines()
            .filter(|line| !line.contains("/busy") && !line.contains("/log"))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let before = without_changing_files(&files.describe());
    assert_works(&files.script("files-verify.sh", &[]));
    assert_works(&files.restore(&[]));
    assert_eq!(without_changing_files(&files.describe()), before);
    // Known-good control: nothing changes.
    let output = files.script("files-backup.sh", &[]);
    assert!(output.code == 0 && !output.stderr.contains("changed"), "{}", output.stderr);
}
