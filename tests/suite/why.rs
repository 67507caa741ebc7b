//! `nself why`: from generated lines to fields of the stack, and from a run to its reason.

use std::path::Path;

use serde_json::Value;

use crate::support::{derivations, golden, name, nself_in, project, stack};

fn ask(folder: &Path, arguments: &[&str]) -> Value {
    let ran = nself_in(folder, [&["why"], arguments, &["--format", "json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Returns the number of the first matching line after `after`, counted from 1.
fn line(text: &str, after: &str, wanted: &str) -> usize {
    let start = text.find(after).unwrap_or_else(|| panic!("no {after}"));
    let at = start + text[start..].find(wanted).unwrap_or_else(|| panic!("no {wanted}"));
    text[..at].lines().count() + usize::from(text[..at].ends_with('\n'))
}

#[test]
fn lines_of_files_and_processes_lead_back_to_the_service() {
    let case = golden(false).into_iter().find(|case| name(case) == "files-and-processes").unwrap();
    let project = project(&case);
    assert_eq!(nself_in(project.path(), ["gen"]).code, 0);
    for (file, after, wanted, field) in [
        (
            "prod/files/orders/etc/orders/config.yaml",
            "",
            "per_minute",
            "/etc/orders/config.yaml.yaml.limits.per_minute",
        ),
        ("prod/files/orders/etc/orders/features.json", "", "checkout", "/etc/orders/features.json.json.checkout"),
        ("prod/files/orders/etc/orders/motd", "", "to prod", "/etc/orders/motd.text"),
        ("prod/files/orders/etc/orders/dot-rules", "", "round", "/etc/orders/.rules.from"),
        ("prod/compose.yaml", "  orders-worker:", "LOG_LEVEL", "services.orders.processes.worker.env.LOG_LEVEL"),
        ("prod/compose.yaml", "  orders-worker:", "command:", "services.orders.processes.worker.command"),
        ("prod/compose.yaml", "  orders-worker:", "user:", "services.orders.user"),
    ] {
        let text = std::fs::read_to_string(project.path().join("deploy").join(file)).unwrap();
        let at = format!("deploy/{file}:{}", line(&text, after, wanted));
        let answer = ask(project.path(), &[&at]);
        assert!(answer["field"].as_str().unwrap().ends_with(field), "{at}: {answer}");
    }
}

#[test]
fn why_shows_the_field_that_decided_a_line() {
    let case = golden(false).into_iter().find(|case| name(case) == "full-catalogue").unwrap();
    let project = project(&case);
    let folder = project.path();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    let stack = std::fs::read_to_string(folder.join("stack.ncl")).unwrap();
    let line_of = |text: &str| stack.lines().position(|line| line.contains(text)).unwrap() as u64 + 1;
    for (file, after, wanted, field, place) in [
        ("local/compose.yaml", "  ping-api:", "PORT: \"8001\"", "services.ping-api.env.PORT", "PORT = \"8001\""),
        ("local/compose.yaml", "  ping-api:", "image:", "services.ping-api.image", "image = \"docker.io/nself/ping"),
        ("local/compose.yaml", "  ping-api:", "pids:", "services.ping-api.limits.pids", "pids = 64"),
        (
            "local/compose.yaml",
            "  ping-api:",
            "http://127.0.0.1:8001/healthz",
            "services.ping-api.health",
            "health.http.path",
        ),
        ("local/compose.yaml", "  monitor:", "/tmp", "services.monitor.tmpfs", "tmpfs ="),
        (
            "local/nginx/sites/ping.local.nself.org.conf",
            "",
            "proxy_pass",
            "services.ping-api.route",
            "route.subdomain = \"ping\"",
        ),
        (
            "local/nginx/sites/monitor.local.nself.org.conf",
            "",
            "if ($caller = outside)",
            "services.monitor.route",
            "route = { subdomain = \"monitor\"",
        ),
        (
            "local/secrets.json",
            "\"grafana_password\"",
            "\"length\"",
            "services.monitor.secrets.grafana_password",
            "secrets.grafana_password",
        ),
        ("local/health.json", "\"ping-api\"", "\"path\"", "services.ping-api.health", "health.http.path"),
        (
            "local/postgres/setup/setup.sql",
            "",
            "CREATE ROLE %I LOGIN', 'ping_api'",
            "services.ping-api",
            "ping-api = {",
        ),
        (
            "prod/compose.yaml",
            "  ping-api:",
            "replicas:",
            "services.ping-api.replicas",
            "services.ping-api.replicas = 2",
        ),
    ] {
        let text = std::fs::read_to_string(folder.join("deploy").join(file)).unwrap();
        let at = format!("deploy/{file}:{}", line(&text, after, wanted));
        let answer = ask(folder, &[&at]);
        assert_eq!(answer["field"], field, "{at} {wanted}");
        assert_eq!(answer["span"]["file"], "stack.ncl", "{at}");
        assert_eq!(answer["span"]["line"].as_u64(), Some(line_of(place)), "{at} {wanted}: {answer}");
        assert!(answer["text"].as_str().unwrap().contains(wanted));
        let environment = file.split('/').next().unwrap();
        assert_eq!(answer["derivation"].as_str().unwrap()[..12], derivations(folder, environment)[file]);
    }
    let whole = ask(folder, &["local/compose.yaml"]);
    assert_eq!((&whole["generator"], &whole["on_disk"]), (&Value::from("compose"), &Value::from("same")));
    for bad in ["local/compose.yaml:0", "local/compose.yaml:99999", "local/nothing", "../stack.ncl"] {
        let ran = nself_in(folder, ["why", bad]);
        assert!(ran.code == 2 && ran.stderr.contains("NS802"), "{bad}: {}", ran.stderr);
    }
}

#[test]
fn why_answers_for_every_line_of_every_case() {
    let case = golden(false).into_iter().find(|case| name(case) == "minimal").unwrap();
    let project = project(&case);
    assert_eq!(nself_in(project.path(), ["gen"]).code, 0);
    for (path, bytes) in crate::support::tree(&project.path().join("deploy")) {
        if !path.contains('/') || path.contains("/secrets/") {
            continue;
        }
        // Only the first, the last and a middle line, since each takes a process.
        let count = String::from_utf8(bytes).unwrap().lines().count();
        for line in std::collections::BTreeSet::from([1, count.div_ceil(2), count]) {
            let answer = ask(project.path(), &[&format!("{path}:{line}")]);
            assert!(answer["span"]["line"].as_u64().is_some(), "{path}:{line}: {answer}");
        }
    }
}

#[test]
fn why_shows_the_reason_of_the_last_run() {
    let body = |level: &str| {
        format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", services.orders = {{ image = \"ghcr.io/acme/orders:1\", \
             port = 8001, env.LEVEL = \"{level}\", health.none = \"none\" }} }}"
        )
    };
    let project = stack(&body("info"));
    let folder = project.path();
    let none = nself_in(folder, ["why", "--rebuilt"]);
    assert_eq!(none.code, 1, "{}", none.stdout);
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    assert_eq!(ask(folder, &["--rebuilt"])["first"], true);
    let text = std::fs::read_to_string(folder.join("stack.ncl")).unwrap();
    std::fs::write(folder.join("stack.ncl"), text.replace("\"info\"", "\"debug\"")).unwrap();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    let answer = ask(folder, &["--rebuilt"]);
    assert_eq!(answer["inputs"], serde_json::json!({ "stack.ncl": "changed" }));
    let changed = |environment: &str| (format!("{environment}: services.orders"), Value::from("changed"));
    let parts: serde_json::Map<String, Value> = ["local", "staging", "prod"].map(changed).into_iter().collect();
    assert_eq!(answer["parts"], Value::Object(parts));
    let files = answer["files"].as_object().unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["local/compose.yaml", "prod/compose.yaml", "staging/compose.yaml"]);
    assert!(answer["same_bytes"].as_u64().unwrap() > 3, "the others were derived again, and not written: {answer}");
    // A comment has no effect, so there is no new record.
    std::fs::write(folder.join("stack.ncl"), text.replace("\"info\"", "\"debug\"") + "# comment\n").unwrap();
    assert_eq!(nself_in(folder, ["gen"]).code, 0);
    assert_eq!(ask(folder, &["--rebuilt"]), answer);
}

#[test]
fn graphs_contain_services_and_files() {
    let case = golden(false).into_iter().find(|case| name(case) == "full-catalogue").unwrap();
    let project = project(&case);
    let draw = |arguments: &[&str]| {
        let ran = nself_in(project.path(), [&["graph"], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    };
    let graph: Value = serde_json::from_str(&draw(&["--format", "json"])).unwrap();
    let edges = graph["edges"].as_array().unwrap();
    assert!(edges.contains(&serde_json::json!({ "from": "ping-api", "to": "redis", "label": "6379" })));
    assert!(edges.contains(&serde_json::json!({ "from": "ping-api", "to": "postgres", "label": "waits for" })));
    let dot = draw(&["--format", "dot", "--of", "derivations", "--env", "prod"]);
    assert!(dot.starts_with("digraph nself {") && dot.contains("\"nginx\" -> \"prod/nginx/nginx.conf\" [label=\""));
    assert!(draw(&[]).starts_with("flowchart LR\n"));
}

/// A layer that sets a field of one service does not decide fields of other services.
#[test]
fn a_layer_decides_only_the_fields_that_it_sets() {
    let case = crate::support::stack(
        "{ project = \"shop\", domain = \"shop.example.com\",\nservices = {\n  orders = { image = \"a/b:1\", port = 8001 },\n},\nenvironments.prod.services.orders.replicas = 3,\n}",
    );
    assert_eq!(crate::support::nself_in(case.path(), ["gen"]).code, 0);
    let compose = std::fs::read_to_string(case.path().join("deploy/prod/compose.yaml")).unwrap();
    let decided_at = |searched: &str| {
        let line =
            compose.lines().position(|line| line == searched).unwrap_or_else(|| panic!("{searched}: {compose}")) + 1;
        let ran = crate::support::nself_in(
            case.path(),
            ["why", &format!("deploy/prod/compose.yaml:{line}"), "--format", "json"],
        );
        let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        (answer["span"]["file"].as_str().unwrap_or_default().to_owned(), answer["span"]["line"].as_u64())
    };
    assert_eq!(decided_at("      replicas: 3"), ("stack.ncl".to_owned(), Some(6)));
    assert_eq!(decided_at("  orders:"), ("stack.ncl".to_owned(), Some(4)));
    for other in ["  auth:", "  postgres:", "  nginx:"] {
        assert_ne!(decided_at(other).1, Some(6), "{other}");
    }
}
