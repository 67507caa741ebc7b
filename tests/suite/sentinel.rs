//! Redis with Sentinel on a real container engine, with real programs: the primary is killed under writes, and a client
//! that asks the Sentinels continues with the new primary.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::{ProcessOutput, root, run, tool};
use crate::up::{Stack, in_own_namespaces};

const NODES: [&str; 3] = ["redis-1", "redis-2", "redis-3"];
const SENTINELS: [&str; 3] = ["redis-sentinel-1", "redis-sentinel-2", "redis-sentinel-3"];
/// The longest time without a stored number after the death of the primary, in seconds.
const LONGEST_PAUSE: f64 = 15.0;

#[test]
fn writes_continue_after_the_primary_fails() {
    in_own_namespaces("sentinel::writes_continue_after_the_primary_fails", fail_over);
}

/// Returns a stack with a client, whose image has Python, and with the exporter, although monitoring is off.
fn stack_text() -> &'static str {
    r#"let nself = import "nself/main.ncl" in
let sentinel = nself.redis_sentinel {} in
{
  project = "shop",
  domain = "shop.example.com",
  services = sentinel.services & {
    hasura.enabled = false,
    auth.enabled = false,
    client = sentinel.client & {
      image = "docker.io/library/redis:7.4-bookworm",
      command = ["sleep", "1d"],
      user = "10001:10001",
      health.exec = ["true"],
      connects_to = sentinel.client.connects_to @ ["redis-nodes-exporter"],
    },
  },
  environments.local.services.redis-nodes-exporter.only_with = [],
} | nself.Stack
"#
}

fn successful_stdout(output: ProcessOutput) -> String {
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    output.stdout.trim().to_owned()
}

/// Runs Python in the container of the client.
fn python(stack: &Stack, program: &str, arguments: &[&str]) -> ProcessOutput {
    let mut words = vec!["exec", "-T", "client", "python3", "-c", program];
    words.extend(arguments);
    stack.compose(&words)
}

/// Runs a command of Redis in the container of a node.
fn redis(stack: &Stack, node: &str, command: &str) -> ProcessOutput {
    let shell = format!("REDISCLI_AUTH=\"$(cat /run/secrets/redis_password)\" redis-cli {command}");
    stack.compose(&["exec", "-T", node, "sh", "-c", &shell])
}

fn info(stack: &Stack, node: &str) -> String {
    successful_stdout(redis(stack, node, "INFO replication")).replace('\r', "")
}

fn wait_until(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    for _ in 0..seconds * 5 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("never: {what}");
}

/// The numbers that Redis acknowledged, each with its time, and the primary at the end.
struct Written {
    stored: Vec<(u64, f64)>,
    primary: String,
}

impl Written {
    fn read(process_output: ProcessOutput) -> Written {
        let output = successful_stdout(process_output);
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let lines: Vec<Vec<String>> = output.lines().map(words).collect();
        let stored = lines.iter().filter(|line| line[0] == "stored");
        let stored = stored.map(|line| (line[1].parse().unwrap(), line[2].parse().unwrap())).collect();
        let primary = lines.iter().find(|line| line[0] == "primary").map(|line| line[1].clone());
        Written { stored, primary: primary.unwrap_or_default() }
    }

    /// Returns the longest time between two numbers after a given time.
    fn longest_pause(&self, from: f64, until: f64) -> f64 {
        let times = self.stored.iter().map(|(_, time)| *time).filter(|time| *time >= from && *time <= until);
        let times: Vec<f64> = std::iter::once(from).chain(times).chain([until]).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Kills a container as a defect of its machine would: without a stop signal. The engine does not restart it.
fn kill(stack: &Stack, service: &str) -> f64 {
    let time = now();
    successful_stdout(stack.compose(&["kill", "-s", "KILL", service]));
    time
}

/// Writes for some seconds, and runs an action after the first few.
fn write_during(stack: &Stack, (first, seconds): (u64, u32), action: impl FnOnce() -> f64) -> (Written, f64) {
    let writer = std::fs::read_to_string(root().join("tests/sentinel/writer.py")).unwrap();
    std::thread::scope(|scope| {
        let arguments = [first.to_string(), seconds.to_string()];
        let writing = scope.spawn(move || python(stack, &writer, &[&arguments[0], &arguments[1]]));
        std::thread::sleep(Duration::from_secs(5));
        let time = action();
        (Written::read(writing.join().unwrap()), time)
    })
}

fn numbers(stack: &Stack, node: &str) -> BTreeSet<u64> {
    successful_stdout(redis(stack, node, "LRANGE numbers 0 -1"))
        .lines()
        .map(|line| line.trim().parse().unwrap())
        .collect()
}

fn fail_over() {
    let start =
        Stack::start_with("minimal", |project| std::fs::write(project.join("stack.ncl"), stack_text()).unwrap());
    let Some(stack) = start else { panic!("nothing started, although the tools are installed") };
    let up = |stack: &Stack| {
        let mut arguments = vec!["up", "-d", "--wait", "--wait-timeout", "120", "client", "redis-nodes-exporter"];
        arguments.extend(NODES.iter().chain(&SENTINELS));
        let output = stack.compose(&arguments);
        assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "20"]).stdout);
    };
    up(&stack);
    assert!(info(&stack, "redis-1").contains("role:master"), "the first node is the first primary");
    no_password_is_shown(&stack);
    wait_until("replicas", 30, || info(&stack, "redis-1").contains("connected_slaves:2"));
    every_member_has_metrics(&stack, "redis-1");

    let (written, killed) = write_during(&stack, (1, 35), || kill(&stack, "redis-1"));
    assert!(written.stored.iter().any(|(_, time)| *time < killed - 1.0), "it wrote before");
    let pause = written.longest_pause(killed, killed + 29.0);
    let logs = || stack.compose(&["logs", "--tail", "40", SENTINELS[0], SENTINELS[1], SENTINELS[2]]).stdout;
    assert!(pause < LONGEST_PAUSE, "no number was stored for {pause} s; killed at {killed}\n{}", logs());
    assert!(["redis-2", "redis-3"].contains(&written.primary.as_str()), "{}", written.primary);
    let stored = numbers(&stack, &written.primary);
    let lost_writes: Vec<_> = written.stored.iter().filter(|(number, _)| !stored.contains(number)).collect();
    assert!(lost_writes.iter().all(|(_, time)| *time > killed - 1.0), "lost: {lost_writes:?}");

    the_old_primary_returns_as_a_replica(&stack, &written.primary);
    every_member_has_metrics(&stack, &written.primary);
    // After a stop of the whole stack, the last primary is the primary again.
    successful_stdout(stack.compose(&["down", "--timeout", "10"]));
    up(&stack);
    assert!(info(&stack, &written.primary).contains("role:master"));
    assert_eq!(numbers(&stack, &written.primary), stored);
    without_a_majority_nothing_changes(&stack, &written.primary);
}

/// Checks that neither the generated files nor the processes show the password.
fn no_password_is_shown(stack: &Stack) {
    let password = successful_stdout(stack.compose(&["exec", "-T", "redis-1", "cat", "/run/secrets/redis_password"]));
    assert!(password.len() > 40);
    let compose = std::fs::read_to_string(stack.project.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(!compose.contains(&password));
    for service in ["redis-2", "redis-sentinel-1"] {
        let inspected = serde_json::to_string(&stack.inspect()[service]).unwrap();
        assert!(!inspected.contains(&password), "{service}");
        let processes = successful_stdout(stack.compose(&["top", service]));
        assert!(processes.contains("redis-server") && !processes.contains(&password), "{processes}");
    }
    let mode = successful_stdout(stack.compose(&[
        "exec",
        "-T",
        "redis-sentinel-1",
        "stat",
        "-c",
        "%a",
        "/data/sentinel.conf",
    ]));
    assert_eq!(mode, "600");
    let refused = stack.compose(&["exec", "-T", "redis-sentinel-1", "redis-cli", "-p", "26379", "SENTINEL", "MASTERS"]);
    assert!(refused.stdout.contains("NOAUTH"), "{}", refused.stdout);
}

/// Checks the series of the alerts at the generated exporter.
fn every_member_has_metrics(stack: &Stack, primary: &str) {
    let scrape = "import sys, urllib.request; print(urllib.request.urlopen('http://redis-nodes-exporter:9121/scrape?target=' + sys.argv[1], timeout=10).read().decode())";
    for node in NODES {
        let metrics = successful_stdout(python(stack, scrape, &[&format!("redis://{node}:6379")]));
        assert!(metrics.lines().any(|line| line == "redis_up 1"), "{node}: {metrics}");
        let role = if node == primary { "role=\"master\"" } else { "role=\"slave\"" };
        let has_role = |line: &str| line.starts_with("redis_instance_info{") && line.contains(role);
        assert!(metrics.lines().any(has_role), "{node}: {metrics}");
        assert!(metrics.contains("\nredis_connected_slaves "), "{node}: {metrics}");
    }
    for sentinel in SENTINELS {
        let metrics = successful_stdout(python(stack, scrape, &[&format!("redis://{sentinel}:26379")]));
        assert!(metrics.lines().any(|line| line == "redis_up 1"), "{sentinel}: {metrics}");
    }
    let none = successful_stdout(python(stack, scrape, &["redis://client:6379"]));
    assert!(none.lines().any(|line| line == "redis_up 0"), "control: {none}");
}

fn the_old_primary_returns_as_a_replica(stack: &Stack, primary: &str) {
    successful_stdout(stack.compose(&["start", "redis-1"]));
    let follows = |node: &str| {
        let info = redis(stack, node, "INFO replication").stdout.replace('\r', "");
        info.contains("role:slave")
            && info.contains(&format!("master_host:{primary}\n"))
            && info.contains("master_link_status:up")
    };
    wait_until("the old primary follows the new one", 30, || follows("redis-1"));
    assert_eq!(numbers(stack, "redis-1"), numbers(stack, primary));
    wait_until("both replicas are known", 30, || info(stack, primary).contains("connected_slaves:2"));
}

/// Control: with one Sentinel of three, a dead primary is not replaced, and writes stop until a second Sentinel is back.
fn without_a_majority_nothing_changes(stack: &Stack, primary: &str) {
    successful_stdout(stack.compose(&["stop", "--timeout", "5", SENTINELS[1], SENTINELS[2]]));
    let (written, killed) = write_during(stack, (1_000_000, 30), || kill(stack, primary));
    let pause = written.longest_pause(killed, killed + 24.0);
    assert!(pause > LONGEST_PAUSE, "writes went on after {pause} s without a majority");
    assert_eq!(written.primary, primary);
    successful_stdout(stack.compose(&["start", SENTINELS[1]]));
    let writer = std::fs::read_to_string(root().join("tests/sentinel/writer.py")).unwrap();
    wait_until("a majority selects a primary", 60, || {
        let written = Written::read(python(stack, &writer, &["2000000", "1"]));
        written.primary != primary && !written.stored.is_empty()
    });
}

#[test]
fn shellcheck_accepts_the_start_scripts() {
    let Some(shellcheck) = tool("/usr/bin/shellcheck") else { return };
    let files = root().join("golden/redis-sentinel/out/prod/files");
    for service in ["redis-1", "redis-sentinel-1"] {
        let script = files.join(service).join("etc/nself/redis/start.sh");
        let output = run(std::process::Command::new(&shellcheck).arg(&script));
        assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{service}: {}", output.stderr);
    }
}
