//! Timers of services with a schedule, read by systemd.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{ProcessOutput, nself_in, run, skip, stack};

/// Returns the output of `systemd-analyze`; `None` if it is not installed.
fn analyze(arguments: &[&str]) -> Option<ProcessOutput> {
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "systemd-analyze is missing; tests/tools.sh installs it");
        skip("systemd-analyze is missing; it is part of systemd");
        return None;
    }
    Some(run(Command::new("/usr/bin/systemd-analyze").args(arguments).env("TZ", "UTC").env("LC_ALL", "C")))
}

/// Generates a stack with a service `nightly`.
fn project_with_schedule(schedule: &str, more: &str) -> tempfile::TempDir {
    let case = stack(&format!(
        r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", {more}
             services.nightly = {{ image = "a/nightly:1", schedule = "{schedule}", health.none = "it ends", user = "10001:10001" }} }}"#
    ));
    let output = nself_in(case.path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    case
}

fn unit(case: &tempfile::TempDir, kind: &str) -> String {
    fs::read_to_string(case.path().join(format!("deploy/local/timers/shop-local-nightly@.{kind}"))).unwrap()
}

#[test]
fn systemd_accepts_the_units() {
    let case = project_with_schedule("15 3 * * 1", "");
    let folder = case.path().join("deploy/local/timers");
    // An instance of the templates: systemd verifies what it would load.
    let instance = |kind: &str| folder.join(format!("shop-local-nightly@srv-shop.{kind}"));
    let verify = |service: &str| {
        fs::write(instance("service"), service).unwrap();
        fs::write(instance("timer"), unit(&case, "timer")).unwrap();
        analyze(&["verify", "--man=no", instance("timer").to_str().unwrap()])
    };
    let service = unit(&case, "service");
    // The program need not be installed where the units are verified.
    let service = service.replace("ExecStart=docker ", "ExecStart=/bin/sh ");
    let Some(output) = verify(&service) else { return };
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    // Known-bad controls: an unknown field, and a time that does not exist.
    let bad = verify(&service.replace("Type=oneshot", "Typo=oneshot")).unwrap();
    assert!(bad.stderr.contains("Typo"), "{}", bad.stderr);
    assert_ne!(analyze(&["calendar", "*-*-* 25:00:00 UTC"]).unwrap().code, 0);
}

#[test]
fn the_unit_runs_the_service_once_in_the_folder_of_the_instance() {
    let service = unit(&project_with_schedule("15 3 * * *", ""), "service");
    assert!(service.contains("\nType=oneshot\n") && service.contains("\nWorkingDirectory=%f\n"), "{service}");
    assert!(service.contains("\nExecStart=docker compose run --rm --no-deps -T nightly\n"), "{service}");
    let podman = project_with_schedule("15 3 * * *", "compose.compat = 'podman,");
    assert!(unit(&podman, "service").contains("\nExecStart=podman-compose run --rm --no-deps -T nightly\n"));
}

#[test]
fn a_deadline_ends_the_run_of_a_unit_and_is_refused_for_other_jobs() {
    let more = "services.nightly.deadline = \"90m\",";
    let case = project_with_schedule("15 3 * * *", more);
    let service = unit(&case, "service");
    for wanted in [
        "\nTimeoutStartSec=5400\n",
        "\nExecStart=docker compose run --rm --no-deps -T --name shop-local-nightly-run nightly\n",
        "\nExecStopPost=-docker rm --force shop-local-nightly-run\n",
    ] {
        assert!(service.contains(wanted), "{wanted}: {service}");
    }
    let path = case.path().join("deploy/local/timers/shop-local-nightly@srv-shop.service");
    fs::write(&path, service.replace("=docker ", "=/bin/sh ").replace("=-docker ", "=-/bin/sh ")).unwrap();
    let Some(output) = analyze(&["verify", "--man=no", path.to_str().unwrap()]) else { return };
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));

    let once = |more: &str| {
        let case = stack(&format!(
            r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
                 services.once = {{ image = "a/once:1", run = 'once, deadline = "5m", user = "10001:10001", {more} }} }}"#
        ));
        let output = nself_in(case.path(), ["gen", "--env", "local"]);
        (output, case)
    };
    let (refused, _) = once("");
    assert!(refused.code == 2 && refused.stderr.contains("error[NS701]"), "{}", refused.stderr);
    assert!(refused.stderr.contains("services.once.waive.\"compose.deadline\""), "{}", refused.stderr);
    let (accepted, case) = once("waive.\"compose.deadline\" = \"it ends soon\",");
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    let report = fs::read_to_string(case.path().join("deploy/local/fidelity.json")).unwrap();
    assert!(report.contains("it ends soon"), "{report}");
}

/// Returns the first minutes of 2027, whose first day is a Friday, at which cron starts a schedule, as systemd prints them.
/// Each field is a set of numbers; `None` is `*`.
fn cron_times(fields: [Option<&[u32]>; 5], count: usize) -> Vec<String> {
    const MONTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let [minutes, hours, days, months, weekdays] = fields;
    let is = |field: Option<&[u32]>, number: u32| field.is_none_or(|numbers| numbers.contains(&number));
    let mut times = Vec::new();
    let (mut month, mut day, mut weekday) = (1, 1, 5);
    while times.len() < count && month <= 12 {
        let on_day = match (days, weekdays) {
            (Some(_), Some(_)) => is(days, day) || is(weekdays, weekday),
            _ => is(days, day) && is(weekdays, weekday),
        };
        for minute in (0..1440).filter(|minute| is(hours, minute / 60) && is(minutes, minute % 60)) {
            if on_day && is(months, month) {
                times.push(format!("2027-{month:02}-{day:02} {:02}:{:02}:00 UTC", minute / 60, minute % 60));
            }
        }
        (day, weekday) = (day + 1, (weekday + 1) % 7);
        if day > MONTHS[month as usize - 1] {
            (day, month) = (1, month + 1);
        }
    }
    times.truncate(count);
    times
}

/// Returns the first times in 2027 at which systemd starts a timer.
fn systemd_times(timer: &str, count: usize) -> Option<Vec<String>> {
    let mut times = Vec::new();
    for event in timer.lines().filter_map(|line| line.strip_prefix("OnCalendar=")) {
        let iterations = format!("--iterations={count}");
        let output = analyze(&["calendar", &iterations, "--base-time=2026-12-31 23:59:59 UTC", event])?;
        assert_eq!(output.code, 0, "{event}: {}", output.stderr);
        let lines = output.stdout.lines().filter(|line| line.contains("Next elapse:") || line.contains("Iter. #"));
        // `Iter. #2: Sun 2027-01-03 03:00:00 UTC`
        times.extend(lines.map(|line| line.split_whitespace().rev().take(3).collect::<Vec<_>>()).map(|mut words| {
            words.reverse();
            words.join(" ")
        }));
    }
    times.retain(|time| time.starts_with("2027-"));
    times.sort();
    times.dedup();
    times.truncate(count);
    Some(times)
}

#[test]
fn systemd_starts_a_service_at_the_times_of_cron() {
    let every_third: Vec<u32> = (1..=31).step_by(3).collect();
    for (schedule, fields) in [
        ("15 3 * * *", [Some(&[15][..]), Some(&[3]), None, None, None]),
        ("*/25 22-23 * * *", [Some(&[0, 25, 50]), Some(&[22, 23]), None, None, None]),
        ("0 12 1,15 2,8 *", [Some(&[0]), Some(&[12]), Some(&[1, 15]), Some(&[2, 8]), None]),
        ("30 6 * * 0,6", [Some(&[30]), Some(&[6]), None, None, Some(&[0, 6])]),
        // One of the two days is enough.
        ("0 0 13 * 5", [Some(&[0]), Some(&[0]), Some(&[13]), None, Some(&[5])]),
        ("5 4 */3 * 1-2", [Some(&[5]), Some(&[4]), Some(&every_third), None, Some(&[1, 2])]),
        ("50/4 1 31 * *", [Some(&[50, 54, 58]), Some(&[1]), Some(&[31]), None, None]),
    ] {
        let timer = unit(&project_with_schedule(schedule, ""), "timer");
        let Some(times) = systemd_times(&timer, 12) else { return };
        assert_eq!(times, cron_times(fields, 12), "{schedule}\n{timer}");
    }
}

#[test]
fn a_stack_without_a_schedule_has_no_timers() {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    assert_eq!(nself_in(case.path(), ["gen", "--env", "local"]).code, 0);
    assert!(!case.path().join("deploy/local/timers").exists());
}
