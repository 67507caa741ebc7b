//! Logs and traces on the engine: a line of a service is found by its labels, and a trace that a client started continues through
//! nginx to the service and its database.
//!
//! Loki, Tempo and Alloy are not available in this environment. VictoriaLogs takes Loki's protocol, Jaeger takes OTLP at
//! the same port, and
//! tests/monitoring/collector.py follows the generated configuration of Alloy. nginx makes no spans; it forwards the headers of
//! the trace. The service uses the SDK of OpenTelemetry, which only the generated variables configure.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{report_measurement, run, tool};
use crate::up::{Stack, in_own_namespaces};

const STACK: &str = r#"let nself = import "nself/main.ncl" in
{
  project = "seen", domain = "shop.example.com",
  services = {
    hasura.enabled = false, auth.enabled = false,
    orders = {
      image = "ghcr.io/acme/traced:1", user = "10001:10001", port = 8001, health.http.path = "/healthz", route.subdomain = "orders",
      databases.main = {}, env.DATABASE_URL = nself.database_url "main", otel = true,
    },
  },
  environments = {
    staging.enabled = false, prod.enabled = false,
    local = {
      monitoring.enabled = true,
      services = { grafana = null, cadvisor = null, node-exporter = null, postgres-exporter = null },
    },
  },
} | nself.Stack
"#;

/// A trace that a client starts: its identifier, and that of the client's span.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// The log line of the service about the request.
const LINE: &str = "orders: request for /sold-42";

#[test]
fn a_log_line_and_a_trace_are_found() {
    let tools = ["observability/victoria-logs", "observability/jaeger", "observability/packages"];
    if tools.iter().all(|name| tool(name).is_some()) {
        in_own_namespaces("monitoring::telemetry::a_log_line_and_a_trace_are_found", find_log_line_and_trace);
    }
}

fn find_log_line_and_trace() {
    let start = Stack::start_with("minimal", |project| std::fs::write(project.join("stack.ncl"), STACK).unwrap());
    let Some(stack) = start else { panic!("nothing started, although the tools are installed") };
    let from = Instant::now();
    let folder = stack.engine_data().join("containers");
    let script = "mkdir -p /var/lib/docker/containers && mount --bind \"$0\" /var/lib/docker/containers";
    assert_eq!(run(Command::new("sh").args(["-c", script]).arg(folder)).code, 0);
    let services = ["nginx", "orders", "alloy", "loki", "tempo"];
    let output = stack.compose(&[&["up", "-d", "--wait", "--wait-timeout", "120"], &services[..]].concat());
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "30"]).stdout);

    let header = format!("traceparent: 00-{TRACE}-{SPAN}-01");
    let answer = stack.curl("orders.local.nself.org", "/sold-42", &["-H", &header]).stdout;
    assert_eq!(answer, TRACE, "nginx forwards the header");
    the_trace_reaches_the_database(&stack);
    the_line_is_found_by_its_labels(&stack);
    report_measurement(&format!("logs and traces on the engine: {:.0} s", from.elapsed().as_secs_f64()));
}

/// Asks a service by the address of its container; `None` if it does not answer.
fn ask(stack: &Stack, service: &str, port: u16, path: &str, query: &[(&str, &str)]) -> Option<String> {
    let container = &stack.inspect()[service];
    let mut networks = container["NetworkSettings"]["Networks"].as_object().unwrap().values();
    let address = networks.next().unwrap()["IPAddress"].as_str().unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-G", "--max-time", "5", &format!("http://{address}:{port}{path}")]);
    for (name, value) in query {
        curl.arg("--data-urlencode").arg(format!("{name}={value}"));
    }
    let output = run(&mut curl);
    (output.code == 0).then_some(output.stdout)
}

/// Asks again until the answer is accepted, for at most half a minute.
fn wait_for<T>(what: &str, ask: impl Fn() -> Option<String>, accept: impl Fn(&str) -> Option<T>) -> T {
    for _ in 0..60 {
        if let Some(found) = ask().and_then(|answer| accept(&answer)) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("{what}: {:?}", ask());
}

/// The span of the request has the client's span as its parent, and is the parent of the query's span.
fn the_trace_reaches_the_database(stack: &Stack) {
    let trace = |id: &str| ask(stack, "tempo", 3200, &format!("/api/traces/{id}"), &[]);
    let spans = wait_for(
        "the trace",
        || trace(TRACE),
        |text| {
            let answer: Value = serde_json::from_str(text).ok()?;
            let spans = answer["data"][0]["spans"].as_array()?.clone();
            (spans.len() >= 2).then_some(spans)
        },
    );
    let tag = |span: &Value, key: &str| {
        let tags = span["tags"].as_array().unwrap();
        tags.iter().find(|tag| tag["key"] == key).map_or(Value::Null, |tag| tag["value"].clone())
    };
    let of_kind =
        |kind: &str| spans.iter().find(|span| tag(span, "span.kind") == kind).unwrap_or_else(|| panic!("{spans:?}"));
    let (request, query) = (of_kind("server"), of_kind("client"));
    assert_eq!(request["references"][0]["spanID"], SPAN, "{request}");
    assert_eq!(query["references"][0]["spanID"], request["spanID"], "{query}");
    assert_eq!(tag(query, "db.statement"), "SELECT 42", "{query}");
    let services = ask(stack, "tempo", 3200, "/api/services", &[]).unwrap();
    assert!(services.contains("\"orders\""), "{services}");
    // The control: another trace is not found.
    assert!(!trace(&TRACE.replace('4', "5")).expect("the server answers").contains("spanID"));
}

fn the_line_is_found_by_its_labels(stack: &Stack) {
    // A container of another project writes the same line.
    let labels = ["com.docker.compose.project=other", "com.docker.compose.service=orders"];
    let mut arguments =
        vec!["run", "--rm", "--log-opt", "labels=com.docker.compose.project,com.docker.compose.service"];
    arguments.extend(labels.iter().flat_map(|label| ["--label", label]));
    arguments.extend(["ghcr.io/acme/traced:1", LINE]);
    arguments.insert(1, "--entrypoint=echo");
    let other = stack.docker(&arguments);
    assert_eq!(other.code, 0, "{}", other.stderr);

    let lines = |query: &str| {
        let query = format!("{query} | fields _msg, service, stream");
        ask(stack, "loki", 3100, "/select/logsql/query", &[("query", &query)])
    };
    let found = wait_for(
        "the line",
        || lines(r#"{service="orders",stream="stderr"} "sold-42""#),
        |text| text.contains("orders: request for /sold-42").then(|| text.to_owned()),
    );
    assert_eq!(found.lines().count(), 1, "{found}");
    // The same request is in the log of nginx, under its label.
    let access = r#"{service="nginx",stream="stdout"} "sold-42""#;
    wait_for("the line of nginx", || lines(access), |text| text.contains("\\\"status\\\":200").then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    let of_orders = lines(r#"{service="orders"} "sold-42""#).expect("the server answers");
    assert_eq!(of_orders.lines().count(), 1, "lines of the other project are dropped");
    let of_another = lines(r#"{service="postgres"} "sold-42""#);
    assert_eq!(of_another.as_deref(), Some(""), "the control: another label");
}
