//! `nself why`: from generated lines to fields of the stack, and from a run to its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use nself::artifact::Artifact;
use nself::diagnostic::Span;
use nself::pipeline::{Provenance, provenance};
use nself::source::Evaluator;
use nself::{Output, Request, generate};
use serde_json::Value;

use crate::support::{derivations, golden, name, nself_in, project, stack};

fn ask(folder: &Path, arguments: &[&str]) -> Value {
    let output = nself_in(folder, [&["why"], arguments, &["--format", "json"]].concat());
    assert_eq!(output.code, 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
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
            "\"/etc/orders/config.yaml\".yaml.limits.per_minute",
        ),
        ("prod/files/orders/etc/orders/features.json", "", "checkout", "\"/etc/orders/features.json\".json.checkout"),
        ("prod/files/orders/etc/orders/motd", "", "to prod", "\"/etc/orders/motd\".text.join[0]"),
        ("prod/files/orders/etc/orders/dot-rules", "", "round", "\"/etc/orders/.rules\".from"),
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
            "services.ping-api.health.http.path",
            "health.http.path",
        ),
        ("local/compose.yaml", "  monitor:", "/tmp", "services.monitor.tmpfs[0].path", "tmpfs ="),
        ("local/nginx/sites/ping.local.nself.org.conf", "", "proxy_pass", "services.ping-api.port", "port = 8001"),
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
            "services.monitor.secrets.grafana_password.random",
            "secrets.grafana_password",
        ),
        ("local/health.json", "\"ping-api\"", "\"path\"", "services.ping-api.health.http.path", "health.http.path"),
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
        let output = nself_in(folder, ["why", bad]);
        assert!(output.code == 2 && output.stderr.contains("NS802"), "{bad}: {}", output.stderr);
    }
}

/// A line of a generated file with the field that decided it.
#[derive(Debug)]
struct Decided {
    text: String,
    place: Option<Span>,
    /// Whether the field has a single value, such as a text or a number.
    is_scalar: bool,
}

type DecidedFiles = BTreeMap<String, Vec<Decided>>;

/// Generates a stack in this process and returns `most_lines` of each file, spread over the file; `None` for a stack with
/// errors.
fn decided_files(folder: &Path, most_lines: usize) -> Option<DecidedFiles> {
    let request = Request::new(folder.join("stack.ncl"), Evaluator::InProcess);
    let output = generate(&request).ok()?;
    let mut files = BTreeMap::new();
    for (path, artifact) in output.artifacts.iter() {
        let Some(bytes) = artifact.bytes() else { continue };
        let environment = path.as_str().split('/').next().unwrap();
        let planned = output.plans.iter().find(|planned| planned.plan.environment.as_str() == environment);
        let decided = |(number, text): (usize, &str)| {
            let Provenance { field, span, .. } =
                provenance(&output, &request, path.as_str(), Some(number + 1)).unwrap();
            let is_scalar = planned.is_some_and(|planned| planned.origins.has_scalar(&field));
            Decided { text: text.to_owned(), place: span, is_scalar }
        };
        let text = String::from_utf8_lossy(bytes);
        let step = text.lines().count().div_ceil(most_lines).max(1);
        files.insert(path.as_str().to_owned(), text.lines().enumerate().step_by(step).map(decided).collect());
    }
    Some(files)
}

#[test]
fn why_names_a_place_in_the_stack_for_every_file_of_every_case() {
    for case in golden(false) {
        let project = project(&case);
        let files = decided_files(project.path(), 12).unwrap();
        assert!(files.len() > 5, "{}", name(&case));
        for (path, lines) in files.into_iter().filter(|(path, _)| path.contains('/')) {
            for Decided { text, place, .. } in lines {
                let file = place.map(|place| project.path().join(place.file));
                assert!(file.is_some_and(|file| file.is_file()), "{}: {path}: {text}", name(&case));
            }
        }
    }
}

/// Returns the literals that are values of fields on a line of a stack, as ranges of bytes.
fn literals(line: &str) -> Vec<Range<usize>> {
    let code = line.split('#').next().unwrap();
    let starts = code.match_indices("= ").map(|(at, equals)| at + equals.len());
    let literal = |start: usize| {
        let rest = &line[start..];
        let length = match rest.strip_prefix('"') {
            Some(text) => text.find('"')? + 2,
            None => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
        };
        (length > 0).then(|| start..start + length)
    };
    starts.filter_map(literal).collect()
}

/// Returns other values of the same kind as a literal.
fn other_values(literal: &str) -> Vec<String> {
    match literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) => vec![format!("\"{text}x\""), format!("\"x{text}\""), literal.replace('1', "2")],
        None => vec![(literal.parse::<u64>().unwrap() + 1).to_string()],
    }
}

/// The lines of files that change with a value of the stack.
type ChangedLines = BTreeSet<(String, usize)>;

fn changed_lines(old: &DecidedFiles, new: &Output) -> ChangedLines {
    let mut changed = BTreeSet::new();
    for (path, lines) in old {
        let old_texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let new = new.artifacts.get(path).and_then(Artifact::bytes).map(String::from_utf8_lossy).unwrap_or_default();
        let new_texts: Vec<&str> = new.lines().collect();
        for operation in similar::capture_diff_slices(similar::Algorithm::Myers, &old_texts, &new_texts) {
            if operation.tag() != similar::DiffTag::Equal {
                changed.extend(operation.old_range().map(|number| (path.clone(), number)));
            }
        }
    }
    changed
}

/// A literal of a stack: the line from 0, and its range on the line.
type Literal = (usize, Range<usize>);

/// Changes a value of a stack, and returns the lines of files that change; `None` if no other value is accepted.
fn lines_that_change_with(stack: &Path, (number, range): &Literal, old: &DecidedFiles) -> Option<ChangedLines> {
    let text = std::fs::read_to_string(stack).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = lines[*number].clone();
    let value = &line[range.clone()];
    let new = other_values(value).into_iter().filter(|other| other != value).find_map(|other| {
        lines[*number] = format!("{}{other}{}", &line[..range.start], &line[range.end..]);
        std::fs::write(stack, lines.join("\n") + "\n").unwrap();
        generate(&Request::new(stack, Evaluator::InProcess)).ok()
    });
    std::fs::write(stack, text).unwrap();
    new.map(|new| changed_lines(old, &new))
}

#[test]
fn a_line_changes_with_the_value_that_why_names() {
    let case = golden(false).into_iter().find(|case| name(case) == "full-catalogue").unwrap();
    let project = project(&case);
    let stack = project.path().join("stack.ncl");
    let files = decided_files(project.path(), usize::MAX).unwrap();
    let text = std::fs::read_to_string(&stack).unwrap();
    let literals = text
        .lines()
        .enumerate()
        .flat_map(|(number, line)| literals(line).into_iter().map(move |range| (number, range)));
    let changes: Vec<(Literal, ChangedLines)> = literals
        .filter_map(|literal| lines_that_change_with(&stack, &literal, &files).map(|changed| (literal, changed)))
        .collect();
    assert!(changes.len() > 10, "{changes:?}");

    let is_named = |decided: &Decided, (number, range): &Literal| {
        let is_here = |place: &Span| (place.line as usize, place.column as usize) == (number + 1, range.start + 1);
        decided.is_scalar && decided.place.as_ref().is_some_and(|place| place.file == "stack.ncl" && is_here(place))
    };
    let (mut named, mut checked, mut vague) = (0, 0, 0);
    for (literal, changed) in &changes {
        let line = text.lines().nth(literal.0).unwrap();
        let value = line[literal.1.clone()].trim_matches('"');
        // Files of the user are copied as they are.
        for (path, decided) in files.iter().filter(|(path, _)| !path.contains("/conf.d/")) {
            for (at, decided) in decided.iter().enumerate() {
                let shown = format!("{path}:{}: {} names {:?}", at + 1, decided.text, decided.place);
                let changes_here = changed.contains(&(path.clone(), at));
                if is_named(decided, literal) {
                    named += 1;
                    assert!(changes_here, "a change of `{line}` does not change {shown}");
                // A line with the hosts of several sites has a field for each.
                } else if changes_here && decided.text.contains(value) && decided.text.matches(".localhost").count() < 2
                {
                    let other = changes.iter().find(|(other, _)| is_named(decided, other));
                    // A reference such as `nself.public_url` is the field that decided the line.
                    let place = decided.place.as_ref().filter(|place| place.file == "stack.ncl");
                    let is_reference = place
                        .is_some_and(|place| text.lines().nth(place.line as usize - 1).unwrap().contains("nself."));
                    let is_right =
                        is_reference || other.is_some_and(|(_, changed)| changed.contains(&(path.clone(), at)));
                    checked += 1;
                    vague += usize::from(!is_right && !decided.is_scalar);
                    assert!(is_right || !decided.is_scalar, "`{line}` changes {shown}");
                }
            }
        }
    }
    assert!(named > 100, "only {named} lines name a value");
    assert!(vague * 4 < named + checked, "{vague} of {} lines name a record instead of a value", named + checked);
}

#[test]
fn why_shows_the_reason_of_the_last_run() {
    let body = |level: &str| {
        format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.orders = {{ image = \"ghcr.io/acme/orders:1\", \
             port = 8001, env.LEVEL = \"{level}\", health.none = \"it has none\" }} }}"
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
        let output = nself_in(project.path(), [&["graph"], arguments].concat());
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout
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
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\nservices = {\n  orders = { image = \"a/b:1\", port = 8001 },\n},\nenvironments.prod.services.orders.replicas = 3,\n}",
    );
    assert_eq!(crate::support::nself_in(case.path(), ["gen"]).code, 0);
    let compose = std::fs::read_to_string(case.path().join("deploy/prod/compose.yaml")).unwrap();
    let decided_at = |searched: &str| {
        let line =
            compose.lines().position(|line| line == searched).unwrap_or_else(|| panic!("{searched}: {compose}")) + 1;
        let output = crate::support::nself_in(
            case.path(),
            ["why", &format!("deploy/prod/compose.yaml:{line}"), "--format", "json"],
        );
        let answer: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        (answer["span"]["file"].as_str().unwrap_or_default().to_owned(), answer["span"]["line"].as_u64())
    };
    assert_eq!(decided_at("      replicas: 3"), ("stack.ncl".to_owned(), Some(6)));
    assert_eq!(decided_at("  orders:"), ("stack.ncl".to_owned(), Some(4)));
    for other in ["  auth:", "  postgres:", "  nginx:"] {
        assert_ne!(decided_at(other).1, Some(6), "{other}");
    }
}
