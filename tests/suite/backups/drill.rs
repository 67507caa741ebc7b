//! The drill of `docs/backups.md` with real containers: a stack loses everything except its target and the values of its
//! secrets.

use crate::support::{ProcessOutput, tool};
use crate::up::{Stack, in_own_namespaces};

#[test]
fn a_fresh_machine_restores_from_the_target() {
    if tool("backups/bin/rclone").is_some() {
        in_own_namespaces("backups::drill::a_fresh_machine_restores_from_the_target", drill);
    }
}

/// `backup-list`, which runs as the user of the database server, lists the snapshots that root has stored. Restored
/// files have their old owner, which only root can set.
#[test]
fn a_stack_restores_its_volume() {
    if tool("backups/bin/rclone").is_some() {
        in_own_namespaces("backups::drill::a_stack_restores_its_volume", restore_uploads);
    }
}

fn restore_uploads() {
    let Some(stack) = Stack::start("backup-files") else { panic!("nothing started, although the tools are installed") };
    // The job that restores is the only one that may write to the volume.
    let shell = |script: &str| {
        let arguments = ["run", "--rm", "-T", "--entrypoint", "sh", "backup-files-restore", "-c", script];
        successful_stdout(stack.compose(&arguments))
    };
    shell("cd /volumes/uploads && echo first >'a file' && chmod 600 'a file' && chown 10001:10001 'a file'");
    successful_stdout(job(&stack, &["-e", "VOLUME=uploads", "-e", "LABEL=before", "backup-files"]));
    let listed = successful_stdout(job(&stack, &["backup-list"]));
    assert!(listed.contains("volume-uploads") && listed.contains("-before-"), "{listed}");
    successful_stdout(job(&stack, &["-e", "VOLUME=uploads", "backup-files-verify"]));
    shell("echo second >'/volumes/uploads/a file'");
    let restore = ["-e", "VOLUME=uploads", "-e", "SERVICES_ARE_STOPPED=yes", "backup-files-restore"];
    successful_stdout(stack.compose(&["up", "-d", "files"]));
    eventually(&stack, "the running service is noticed", || {
        let output = job(&stack, &restore);
        output.code != 0 && output.stderr.contains("the service files is running")
    });
    assert_eq!(shell("cat '/volumes/uploads/a file'"), "second");
    successful_stdout(stack.compose(&["stop", "files"]));
    successful_stdout(job(&stack, &restore));
    let state = shell("cd /volumes/uploads && cat 'a file' .nself-restore-old-*/* && stat -c '%a %u:%g' 'a file' .");
    assert_eq!(state, "first\nsecond\n600 10001:10001\n755 10001:10001");
    // The job that takes snapshots cannot change the volume, since it mounts it read-only.
    let arguments = ["run", "--rm", "-T", "--entrypoint", "sh", "backup-files", "-c", "touch /volumes/uploads/b"];
    let output = stack.compose(&arguments);
    let shown = output.stdout + &output.stderr;
    assert!(output.code != 0 && shown.contains("Read-only file system"), "{shown}");
}

fn successful_stdout(output: ProcessOutput) -> String {
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    output.stdout.trim().to_owned()
}

fn sql(stack: &Stack, sql: &str) -> String {
    let psql = [
        "exec",
        "-T",
        "postgres",
        "psql",
        "-XqAt",
        "-v",
        "ON_ERROR_STOP=1",
        "-U",
        "postgres",
        "-d",
        "ledger",
        "-c",
        sql,
    ];
    successful_stdout(stack.compose(&psql))
}

fn up(stack: &Stack) {
    let output = stack.compose(&["up", "-d", "--wait", "--wait-timeout", "180", "postgres", "backup-wal"]);
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "30"]).stdout);
}

fn job(stack: &Stack, arguments: &[&str]) -> ProcessOutput {
    let mut all = vec!["run", "--rm", "-T"];
    all.extend(arguments);
    stack.compose(&all)
}

/// Checks a condition every second until it is true, up to 180 times.
fn eventually(stack: &Stack, what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..180 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    panic!("never: {what}\n{}", stack.compose(&["logs", "--tail", "40"]).stdout);
}

fn drill() {
    let Some(stack) = Stack::start("backups") else { panic!("nothing started, although the tools are installed") };
    up(&stack);
    let listed = || job(&stack, &["backup-list"]).stdout;
    eventually(&stack, "the first base backup", || listed().contains("-first-"));
    successful_stdout(job(&stack, &["-e", "LABEL=before-drill", "backup"]));
    sql(&stack, "CREATE TABLE entries AS SELECT generate_series(1, 1000) AS id");
    let now = "SELECT to_char(clock_timestamp() AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let moment = sql(&stack, now);
    sql(&stack, "SELECT pg_sleep(1.2)");
    sql(&stack, "DROP TABLE entries");
    let dropped = sql(&stack, now);
    let end_of_log = |listed: String| listed.trim().rsplit_once(" reaches ").map(|(_, time)| time.to_owned());
    eventually(&stack, "the log is stored", || end_of_log(listed()).is_some_and(|time| time[..19] > dropped[..19]));
    successful_stdout(job(&stack, &["backup-verify"]));

    // Only the target and the secrets survive.
    successful_stdout(stack.compose(&["kill", "-s", "KILL"]));
    successful_stdout(stack.compose(&["down", "--timeout", "5"]));
    let volumes = successful_stdout(stack.docker(&["volume", "ls", "-q"]));
    let lost: Vec<&str> = volumes.lines().filter(|name| !name.ends_with("_backups")).collect();
    assert!(lost.len() >= 3 && lost.len() + 1 == volumes.lines().count(), "{volumes}");
    let mut remove = vec!["volume", "rm"];
    remove.extend(&lost);
    successful_stdout(stack.docker(&remove));

    assert!(listed().contains("-before-drill-"), "{}", listed());
    successful_stdout(job(&stack, &["-e", &format!("TARGET_TIME={moment}"), "backup-restore"]));
    up(&stack);
    assert_eq!(sql(&stack, "SELECT count(*), max(id) FROM entries"), "1000|1000");
    // The running server is safe from the job, and the new machine takes its own first backup.
    let output = job(&stack, &["backup-restore"]);
    assert!(
        output.code != 0 && output.stderr.contains("the database server is running"),
        "{}{}",
        output.stdout,
        output.stderr
    );
    eventually(&stack, "the first base backup of the new machine", || listed().matches("-first-").count() == 2);
    successful_stdout(stack.compose(&["kill", "-s", "KILL", "postgres"]));
    let output = job(&stack, &["backup-restore"]);
    assert!(
        output.code != 0 && output.stderr.contains("set SERVER_IS_STOPPED=yes"),
        "{}{}",
        output.stdout,
        output.stderr
    );
    successful_stdout(job(&stack, &["-e", "SERVER_IS_STOPPED=yes", "backup-restore"]));
    up(&stack);
    assert_eq!(sql(&stack, "SELECT count(*), max(id) FROM entries"), "1000|1000");
    // After an interrupted exchange of folders the server does not start, since it would create an empty database.
    successful_stdout(stack.compose(&[
        "exec",
        "-T",
        "postgres",
        "touch",
        "/var/lib/postgresql/data/.restore-unfinished",
    ]));
    successful_stdout(stack.compose(&["stop", "postgres"]));
    let output = stack.compose(&["run", "--rm", "-T", "postgres"]);
    assert!(
        output.code != 0 && output.stderr.contains("a restore was interrupted"),
        "{}{}",
        output.stdout,
        output.stderr
    );
}
