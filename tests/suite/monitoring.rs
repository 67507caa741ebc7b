//! The monitoring bundle, checked by promtool and amtool: configurations, rules with their tests, expressions of dashboards,
//! and that a program exports every metric that they name.

mod certificates;
mod delivery;
mod telemetry;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{environments, golden, nself_in, project, root, run, stack, tool};

/// Generated files of the golden case, for the environment with the bundle.
fn bundle() -> PathBuf {
    root().join("golden/monitoring/out/prod/monitoring")
}

fn promtool(arguments: &[&str], folder: &Path) -> Option<(bool, String)> {
    let output = run(Command::new(tool("trixie/usr/bin/promtool")?).args(arguments).current_dir(folder));
    Some((output.code == 0, output.stdout + &output.stderr))
}

/// Returns the files of a folder with their names.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| {
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap_or_default())
    });
    files.collect()
}

fn copy(from: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(from).min_depth(1) {
        let entry = entry.unwrap();
        let target = folder.path().join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir(&target).unwrap();
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
    folder
}

fn replace(path: &Path, old: &str, new: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{}: {old}", path.display());
    std::fs::write(path, text.replace(old, new)).unwrap();
}

/// Returns all folders with a configuration of Prometheus among the golden cases, also those in ConfigMaps.
fn prometheus_folders() -> Vec<PathBuf> {
    let cases = golden(false).into_iter().flat_map(|case| walkdir::WalkDir::new(case.join("out")));
    let files =
        cases.map(|entry| entry.unwrap().into_path()).filter(|path| path.ends_with("prometheus/prometheus.yml"));
    files.map(|path| path.parent().unwrap().to_path_buf()).collect()
}

#[test]
fn prometheus_accepts_its_configuration() {
    let folders = prometheus_folders();
    assert!(!folders.is_empty());
    for folder in &folders {
        let Some((passes, shown)) = promtool(&["check", "config", "prometheus.yml"], folder) else { return };
        assert!(passes, "{}: {shown}", folder.display());
        // A pattern that matches no file passes, so the number of files counts.
        let rules = files(&folder.join("rules")).len();
        assert!(rules > 0 && shown.contains(&format!("{rules} rule files found")), "{shown}");
    }
    let broken_copy = copy(&folders[0]);
    replace(&broken_copy.path().join("prometheus.yml"), "sample_limit", "sample_limits");
    assert!(!promtool(&["check", "config", "prometheus.yml"], broken_copy.path()).unwrap().0);
}

#[test]
fn every_alert_fires_and_does_not_fire() {
    // Most environments have the same rules and tests, which run once.
    let mut known = BTreeSet::new();
    for folder in prometheus_folders() {
        let (tests, rules) = (files(&folder.join("tests")), files(&folder.join("rules")));
        let is_new = |name: &&String| {
            let text = &tests[*name];
            let paths = text.lines().filter_map(|line| line.trim().strip_prefix("- \"../rules/"));
            let tested: Vec<String> = paths.map(|path| rules[path.trim_end_matches('"')].clone()).collect();
            assert!(!tested.is_empty(), "{text}");
            known.insert((text.clone(), tested))
        };
        let paths: Vec<String> = tests.keys().filter(is_new).map(|name| format!("tests/{name}")).collect();
        if !paths.is_empty() {
            let arguments = ["test", "rules"].into_iter().chain(paths.iter().map(String::as_str));
            let Some((passes, shown)) = promtool(&arguments.collect::<Vec<_>>(), &folder) else { return };
            assert!(passes, "{}: {shown}", folder.display());
        }
        let lines = tests.values().flat_map(|text| text.lines());
        let titles: Vec<&str> = lines.filter_map(|line| line.trim_start().strip_prefix("- name:")).collect();
        let mut alerts = 0;
        for (name, text) in rules.iter().filter(|(name, _)| *name != "_targets.yml") {
            for alert in text.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")) {
                alerts += 1;
                for title in [format!("{alert} fires"), format!("{alert} does not fire")] {
                    assert!(titles.iter().any(|known| known.contains(&title)), "{name}: no test `{title}`");
                }
            }
        }
        assert!(alerts > 20, "{}: {alerts} alerts", folder.display());
    }
    // A rule that no longer fires, and one that always does.
    for condition in ["pg_up == 7", "pg_up >= 0"] {
        let broken_copy = copy(&bundle().join("prometheus"));
        replace(&broken_copy.path().join("rules/postgres-exporter.yml"), "pg_up == 0", condition);
        let (passes, shown) = promtool(&["test", "rules", "tests/postgres-exporter.yml"], broken_copy.path()).unwrap();
        assert!(!passes && shown.contains("PostgresDown"), "{condition}: {shown}");
    }
}

#[test]
fn alertmanager_accepts_its_configuration_and_each_severity_has_a_receiver() {
    let Some(amtool) = tool("trixie/usr/bin/amtool") else { return };
    let file = bundle().join("alertmanager/alertmanager.yml");
    let check = |file: &Path| run(Command::new(&amtool).arg("check-config").arg(file));
    assert_eq!(check(&file).code, 0, "{}", check(&file).stderr);
    for (labels, receivers) in [
        (vec!["severity=critical", "alertname=TargetDown"], "on-call,team"),
        (vec!["severity=warning", "alertname=HostClock"], "office,team"),
        (vec!["severity=heartbeat", "alertname=Heartbeat"], "heartbeat"),
        (vec!["severity=unknown"], "none"),
    ] {
        let mut routes = Command::new(&amtool);
        routes.args(["config", "routes", "test"]).arg(format!("--config.file={}", file.display()));
        assert_eq!(run(routes.args(&labels)).stdout.trim(), receivers, "{labels:?}");
    }
    let broken_copy = copy(&bundle().join("alertmanager"));
    let broken_file = broken_copy.path().join("alertmanager.yml");
    replace(&broken_file, "receiver: on-call", "receiver: off-call");
    assert_ne!(check(&broken_file).code, 0);
}

/// Returns the expressions of the dashboards by title and data source.
fn panels(folder: &Path) -> Vec<(String, String, String)> {
    let dashboards = files(&folder.join("grafana/dashboards")).into_iter().filter(|(name, _)| name.ends_with(".json"));
    let panels = dashboards.flat_map(|(name, text)| {
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        // Collapsed rows contain panels.
        let rows_and_panels = dashboard["panels"].as_array().unwrap().clone();
        let panels = rows_and_panels.into_iter().flat_map(|panel| match panel["panels"].as_array() {
            Some(panels) => panels.clone(),
            None => vec![panel],
        });
        panels.flat_map(move |panel| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let title = format!("{name}: {}", text(&panel["title"]));
            let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{title}")).clone();
            targets.into_iter().map(move |target| {
                let source = if target["datasource"].is_null() { &panel["datasource"] } else { &target["datasource"] };
                // Grafana replaces its variables.
                let expression = text(&target["expr"]).replace("$__rate_interval", "5m").replace("$shop", "a");
                (title.clone(), text(&source["uid"]), expression)
            })
        })
    });
    panels.collect()
}

/// Returns the expressions of all rules with the names of their files.
fn rules(folder: &Path) -> Vec<(String, String)> {
    let rules = files(&folder.join("prometheus/rules")).into_iter().flat_map(|(name, text)| {
        let file: Value = serde_yaml_ng::from_str(&text).unwrap();
        let groups = file["groups"].as_array().unwrap().clone();
        let rules = groups.into_iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
        rules.map(move |rule| (name.clone(), rule["expr"].as_str().unwrap().to_owned()))
    });
    rules.collect()
}

/// Checks an expression as that of a recording rule.
fn parses(expression: &str) -> Option<bool> {
    let folder = tempfile::tempdir().unwrap();
    let rule = serde_json::json!({ "groups": [{ "name": "a", "rules": [{ "record": "a", "expr": expression }] }] });
    std::fs::write(folder.path().join("rule.yml"), rule.to_string()).unwrap();
    Some(promtool(&["check", "rules", "rule.yml"], folder.path())?.0)
}

#[test]
fn every_expression_of_a_dashboard_is_promql() {
    let panels = panels(&bundle());
    assert!(panels.len() > 15);
    for (title, source, expression) in panels {
        match source.as_str() {
            "prometheus" => {
                let Some(parses) = parses(&expression) else { return };
                assert!(parses, "{title}: {expression}");
            }
            "loki" => assert!(expression.starts_with('{'), "{title}: {expression}"),
            other => panic!("{title}: {other}"),
        }
    }
    assert_eq!(parses("sum(rate(a[5m])"), Some(false));
}

/// Metrics that Prometheus itself makes for each target and alert.
const OWN: [&str; 5] = ["up", "ALERTS", "scrape_samples_scraped", "scrape_duration_seconds", "scrape_series_added"];
/// Metrics from the documentation of programs that cannot run here: Loki 3.7, Alloy 1.11, Tempo 3.0, cAdvisor 0.60.
const DOCUMENTED: [&str; 6] = [
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "container_spec_memory_limit_bytes",
    "loki_request_duration_seconds_count",
    "loki_write_dropped_entries_total",
    "tempo_discarded_spans_total",
];

/// Metrics of programs that nself writes; `certificates` and the test of the template read them.
const GENERATED: [&str; 3] = ["bullmq_jobs", "bullmq_jobs_ended_total", "nself_certificate_expiry_timestamp_seconds"];

/// Returns the words of an expression that name metrics: neither functions, nor labels, nor keywords.
fn metrics(expression: &str) -> BTreeSet<String> {
    const KEYWORDS: [&str; 11] =
        ["and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool"];
    let mut names = BTreeSet::new();
    let (mut braces, mut quoted, mut word) = (0, false, String::new());
    let mut labels_follow = false;
    let mut in_labels = false;
    for c in expression.chars().chain([' ']) {
        if quoted {
            quoted = c != '"';
            continue;
        }
        if c.is_ascii_alphanumeric() || c == '_' || c == ':' {
            word.push(c);
            continue;
        }
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if is_name && braces == 0 && !in_labels {
            if ["by", "without", "on", "ignoring"].contains(&word.as_str()) {
                labels_follow = true;
            } else if c != '(' && !KEYWORDS.contains(&word.as_str()) {
                names.insert(word.clone());
            }
        }
        word.clear();
        match c {
            '"' => quoted = true,
            '{' | '[' => braces += 1,
            '}' | ']' => braces -= 1,
            '(' if labels_follow => (labels_follow, in_labels) = (false, true),
            ')' if in_labels => in_labels = false,
            _ => {}
        }
    }
    // A function before a blank, as in `sum by (job) (…)`.
    names.retain(|name| !["sum", "max", "min", "avg", "count", "topk"].contains(&name.as_str()));
    names
}

#[test]
fn a_program_exports_every_metric_of_the_bundle() {
    let recorded = files(&root().join("tests/monitoring/metrics"));
    assert_eq!(recorded.len(), 5);
    let exported: BTreeSet<&str> =
        recorded.values().flat_map(|text| text.lines()).chain(OWN).chain(DOCUMENTED).chain(GENERATED).collect();
    let mut number = 0;
    let panels = panels(&bundle()).into_iter().filter(|(_, source, _)| source == "prometheus");
    let expressions = panels.map(|(title, _, expression)| (title, expression)).chain(rules(&bundle()));
    for (place, expression) in expressions.filter(|(place, _)| !place.starts_with("orders.")) {
        for metric in metrics(&expression) {
            assert!(exported.contains(metric.as_str()), "{place}: no program exports `{metric}`: {expression}");
            number += 1;
        }
    }
    assert!(number > 40, "{number}");
    let mistaken = metrics("sum by (job) (rate(redis_memory_used{db=\"a\"}[5m])) / on (job) up > 0");
    assert_eq!(mistaken, BTreeSet::from(["redis_memory_used".to_owned(), "up".to_owned()]));
    assert!(!exported.contains("redis_memory_used"));
}

/// The memory limits of the bundle's services in MiB.
fn memory(size: &str) -> BTreeMap<String, u64> {
    let case = stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", services.redis = nself.services.redis,
            environments.prod = {{ monitoring = {{ enabled = true, size = '{size} }}, tls.email = \"a@example.com\" }} }}"
    ));
    let output = nself_in(case.path(), ["gen", "--env", "prod"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let text = std::fs::read_to_string(case.path().join("deploy/prod/compose.yaml")).unwrap();
    let file: Value = serde_yaml_ng::from_str(&text).unwrap();
    let core = ["acme", "auth", "hasura", "nginx", "postgres", "postgres-setup", "redis", "volume-owner"];
    let services = file["services"].as_object().unwrap().iter().filter(|(name, _)| !core.contains(&name.as_str()));
    let memory = services.map(|(name, service)| {
        let text = service["deploy"]["resources"]["limits"]["memory"].as_str().unwrap();
        let (number, unit) = text.split_at(text.len() - 1);
        (name.clone(), number.parse::<u64>().unwrap() * if unit == "G" { 1024 } else { 1 })
    });
    memory.collect()
}

/// The engine writes the labels of Compose to each line; Alloy drops the lines of other projects by them.
#[test]
fn alloy_reads_only_the_logs_of_its_environment() {
    let mut projects = BTreeSet::new();
    for environment in environments() {
        let Ok(alloy) = std::fs::read_to_string(environment.join("monitoring/alloy/config.alloy")) else { continue };
        let compose: Value =
            serde_yaml_ng::from_str(&std::fs::read_to_string(environment.join("compose.yaml")).unwrap()).unwrap();
        let project = compose["name"].as_str().unwrap();
        assert!(alloy.contains(&format!("selector = \"{{project!=\\\"{project}\\\"}}\"")), "{project}: {alloy}");
        let labels = &compose["services"]["nginx"]["logging"]["options"]["labels"];
        for label in labels.as_str().unwrap().split(',') {
            assert!(alloy.contains(&format!("\\\"{label}\\\"")), "{label}: {alloy}");
        }
        projects.insert(project.to_owned());
    }
    assert!(projects.len() >= 2, "{projects:?}");
}

#[test]
fn the_small_size_fits_on_a_small_server() {
    let small = memory("small");
    assert_eq!(small.len(), 10, "{small:?}");
    assert!(small.values().sum::<u64>() <= 1228, "{small:?}");
    assert!(memory("large").values().sum::<u64>() > 4096);
}

#[test]
fn the_layers_of_the_user_override_the_bundle() {
    let case = project(&root().join("golden/monitoring"));
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let why = |file: &str, block: &str, line: &str| {
        let path = format!("deploy/prod/{file}");
        let text = std::fs::read_to_string(case.path().join(&path)).unwrap();
        let start = text.lines().position(|text| text == block).unwrap();
        let number = start + 1 + text.lines().skip(start).position(|text| text.contains(line)).unwrap();
        nself_in(case.path(), ["why", &format!("{path}:{number}")]).stdout
    };
    for (file, block, line, place) in [
        ("compose.yaml", "  prometheus:", "memory: \"512M\"", "stack.ncl:"),
        ("compose.yaml", "  prometheus:", "image:", "services.prometheus.image"),
        ("monitoring/prometheus/prometheus.yml", "  - job_name: orders", "metrics_path", "services.orders.metrics"),
        ("monitoring/prometheus/rules/orders.yml", "groups:", "OrdersSlow", "services.orders.alerts.OrdersSlow"),
        ("monitoring/alertmanager/alertmanager.yml", "receivers:", "name: office", "monitoring.receivers.office"),
    ] {
        let shown = why(file, block, line);
        assert!(shown.contains(place), "{file}, {line}: {shown}");
    }
    let local = std::fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(!local.contains("grafana"), "an override does not start a service where the bundle is off");
    let prod = std::fs::read_to_string(case.path().join("deploy/prod/compose.yaml")).unwrap();
    assert!(prod.contains("GF_USERS_DEFAULT_THEME: light") && !prod.contains("docker.sock"));
}
