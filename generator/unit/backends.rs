//! Tests the files that backends write for a plan.

use serde_json::{Value, json};

use super::{files, generate, plan, stack, text, with_fields};
use crate::artifact::{ArtifactPath, Artifacts};
use crate::backend::{Backend, GeneratedLine, compose, kubernetes, summary, timers};
use crate::codes::Code;

/// Returns the paths of the generated files, in order.
fn paths(files: &Artifacts) -> Vec<&str> {
    files.iter().map(|(path, _)| path.as_str()).collect()
}

/// Returns a stack with the service `orders`, to which it adds these fields.
fn stack_with_orders(fields: &Value) -> Value {
    let service = json!({
        "image": "a/orders:1", "port": 8001, "health": { "http": { "path": "/healthz" } },
        "route": { "subdomain": "orders" },
    });
    stack(&json!({ "orders": with_fields(service, fields) }))
}

#[test]
fn the_files_of_a_stack_have_the_same_bytes_every_time() {
    let digests = |fields: &Value| {
        let generated = files(&stack_with_orders(fields));
        generated.iter().map(|(path, file)| (path.to_string(), file.digest())).collect::<Vec<_>>()
    };
    let first = digests(&json!({}));
    assert!(first.len() > 8 && first == digests(&json!({})));
    // Control: the files of a different stack have different bytes.
    assert_ne!(first, digests(&json!({ "env": { "LEVEL": "debug" } })));
}

#[test]
fn compose_escapes_each_dollar() {
    let generated = files(&stack_with_orders(&json!({ "env": { "PRICE": "5$ ${HOME} $$" } })));
    assert!(text(&generated, "compose.yaml").contains("PRICE: \"5$$ $${HOME} $$$$\""));
}

#[test]
fn nginx_has_a_site_for_each_service_with_a_route() {
    let has_site =
        |stack: &Value| paths(&files(stack)).iter().any(|path| path.starts_with("nginx/") && path.contains("orders"));
    assert!(has_site(&stack_with_orders(&json!({}))));
    let without_route = files(&stack_with_orders(&json!({ "route": null })));
    assert!(!paths(&without_route).iter().any(|path| path.starts_with("nginx/") && path.contains("orders")));
    let texts = without_route.iter().map(|(_, file)| String::from_utf8_lossy(file.bytes().unwrap()).into_owned());
    assert_eq!(texts.filter(|text| text.contains("server_name;")).count(), 0, "nginx refuses a server without names");
}

#[test]
fn postgres_creates_a_role_for_each_service_that_uses_a_database() {
    let sql = |stack: &Value| text(&files(stack), "postgres/setup/setup.sql");
    assert!(sql(&stack_with_orders(&json!({ "databases": { "main": { "name": "orders" } } }))).contains("\"orders\""));
    assert!(!sql(&stack_with_orders(&json!({}))).contains("\"orders\""));
}

#[test]
fn a_secret_is_a_reference_in_every_file() {
    let generated = files(&stack_with_orders(&json!({
        "secrets": { "pin": { "random": 43 } }, "env": { "PIN": { "secret": "pin" } },
    })));
    assert!(text(&generated, "compose.yaml").contains("PIN: \"${PIN:?"), "{}", text(&generated, "compose.yaml"));
}

#[test]
fn compose_refuses_settings_that_it_cannot_express_unless_the_stack_waives_them() {
    let findings = |waive: &Value| {
        let scaled = json!({ "autoscale": { "min": 1, "max": 3 }, "waive": waive });
        let (plan, _) = plan(&stack_with_orders(&scaled));
        generate(&plan).err().unwrap_or_default().iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(findings(&json!({})), [Code::Unsupported]);
    assert_eq!(findings(&json!({ "compose.autoscale": "one server" })), []);
}

#[test]
fn each_kubernetes_file_has_exactly_one_object() {
    let mut stack = stack_with_orders(&json!({ "user": "1000:1000" }));
    for name in ["nginx", "postgres"] {
        stack["services"][name]["user"] = json!("101:101");
    }
    assert!(paths(&files(&stack)).iter().all(|path| !path.starts_with("kubernetes/")));
    stack["kubernetes"] = json!({ "enabled": true, "gateway_class": "any" });
    let generated = files(&stack);
    let objects: Vec<String> = paths(&generated)
        .into_iter()
        .filter(|path| path.starts_with("kubernetes/apps/orders/") && !path.ends_with("kustomization.yaml"))
        .map(|path| text(&generated, path))
        .collect();
    assert!(objects.len() > 3 && objects.iter().all(|text| text.matches("\nkind: ").count() == 1), "{objects:?}");
}

#[test]
fn a_line_leads_back_to_the_field_from_which_it_comes() {
    let stack = stack_with_orders(&json!({ "env": { "LEVEL": "info" } }));
    let generated = files(&stack);
    let (plan, _) = plan(&stack);
    // The fields from which the first line of a file with these words comes.
    let fields = |path: &str, words: &str| {
        let text = text(&generated, path);
        let lines: Vec<&str> = text.lines().collect();
        let index = lines.iter().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {text}"));
        let output = ArtifactPath::new(format!("prod/{path}")).unwrap();
        let backend = Backend::of_output(&output).unwrap();
        let fields = backend.provenance(&plan, &GeneratedLine::new(path, &lines, index));
        fields.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(fields("compose.yaml", "LEVEL:")[0], "services.orders.env.LEVEL");
    assert_eq!(fields("nginx/sites/orders.shop.example.com.conf", "orders")[0], "services.orders.route");
    assert!(fields("health.json", "\"orders\"").contains(&"services.orders.health".to_owned()));
    assert_eq!(fields("postgres/setup/setup.sql", "Generated")[0], "services.postgres");
}

#[test]
fn every_file_has_a_backend_and_a_field() {
    let stack = stack_with_orders(&json!({}));
    let generated = files(&stack);
    let (plan, _) = plan(&stack);
    for path in paths(&generated) {
        let output = ArtifactPath::new(format!("prod/{path}")).unwrap();
        let backend = Backend::of_output(&output).unwrap_or_else(|| panic!("{path} has no backend"));
        assert!(!backend.provenance(&plan, &GeneratedLine::whole_file(path)).is_empty(), "{path}");
    }
}

#[test]
fn a_service_that_runs_once_is_not_restarted_on_either_platform() {
    let stack = |run: &str| {
        let job = json!({ "image": "ghcr.io/a/job:1", "user": "1000:1000", "run": run });
        let mut stack = stack(&json!({ "buckets": job }));
        stack["kubernetes"] = json!({ "enabled": true, "gateway_class": "any" });
        stack
    };
    let texts = |run: &str| {
        let generated = files(&stack(run));
        let texts = generated.iter().map(|(_, file)| String::from_utf8_lossy(file.bytes().unwrap()).into_owned());
        texts.collect::<Vec<_>>()
    };
    let has_job =
        |texts: &[String]| texts.iter().any(|text| text.contains("kind: Job") && text.contains("name: buckets"));
    assert!(has_job(&texts("once")) && !has_job(&texts("always")));
    let restart_line = |run: &str| {
        let generated = files(&stack(run));
        let (_, file) = generated.iter().find(|(path, _)| path.as_str() == "compose.yaml").unwrap();
        let text = String::from_utf8_lossy(file.bytes().unwrap()).into_owned();
        text[text.find("\n  buckets:").unwrap()..]
            .lines()
            .find(|line| line.contains("restart:"))
            .unwrap()
            .trim()
            .to_owned()
    };
    assert_eq!(restart_line("once"), "restart: \"no\"");
    assert_eq!(restart_line("always"), "restart: unless-stopped");
}

#[test]
fn a_short_port_has_brackets_around_an_ipv6_address() {
    let ports = |compat: &Value, address: &str| {
        let publish = json!({ "http": { "port": 8001, "address": address, "reason": "clients of the intranet" } });
        let mut stack = stack_with_orders(&json!({ "publish": publish }));
        stack["compose"] = json!({ "compat": compat });
        let compose = text(&files(&stack), "compose.yaml");
        compose.lines().filter(|line| line.contains(address)).map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    for compat in ["podman", "docker-compose-1.29"] {
        assert_eq!(ports(&json!(compat), "2001:db8::1"), ["- \"[2001:db8::1]:8001:8001\""], "{compat}");
        assert_eq!(ports(&json!(compat), "192.0.2.7"), ["- \"192.0.2.7:8001:8001\""], "{compat}");
    }
    assert_eq!(ports(&Value::Null, "2001:db8::1"), ["host_ip: \"2001:db8::1\""]);
}

#[test]
fn a_project_with_a_new_name_loses_all_volumes() {
    let stack = stack_with_orders(&json!({}));
    let old = text(&files(&stack), "compose.yaml");
    let warnings = |stack: &Value| {
        let new = text(&files(stack), "compose.yaml");
        let warnings = compose::upgrade(&plan(stack).0, old.as_bytes(), new.as_bytes()).warnings;
        warnings
            .iter()
            .map(|finding| (finding.code, finding.path.to_string(), finding.message.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings(&stack), []);
    let mut renamed = stack.clone();
    renamed["project"] = json!("store");
    let [(code, path, message)] = &warnings(&renamed)[..] else { panic!("{:?}", warnings(&renamed)) };
    assert_eq!((*code, path.as_str()), (Code::LostVolume, "project"));
    assert!(message.contains("`store-prod`, before `shop-prod`: the volumes postgres-data stay"), "{message}");
}

#[test]
fn the_value_of_a_generated_secret_can_be_kept() {
    let stack = |fields: &Value| stack_with_orders(fields);
    let with_secret =
        |name: &str, recipe: Value| stack(&json!({ "secrets": { (name): recipe }, "secret_files": [name] }));
    let list = |stack: &Value| text(&files(stack), summary::SECRETS);
    let hints = |old: &Value, new: &Value| {
        let warnings = summary::upgrade_warnings(&plan(new).0, list(old).as_bytes(), list(new).as_bytes());
        assert!(warnings.iter().all(|finding| finding.code == Code::LostSecret), "{warnings:?}");
        warnings.into_iter().map(|finding| finding.hint).collect::<Vec<_>>()
    };
    let old = with_secret("webhook_key", json!({ "random": 43 }));
    let bytes = json!({ "random_bytes": { "count": 32, "encoding": "hex" } });
    let renamed = hints(&old, &with_secret("hook_key", bytes.clone()));
    let command = "`mv -n deploy/prod/secrets/webhook_key deploy/prod/secrets/hook_key`";
    assert!(renamed.len() == 1 && renamed[0].contains(command), "{renamed:?}");
    let removed = hints(&with_secret("webhook_key", bytes), &stack(&json!({})));
    assert!(removed.len() == 1 && removed[0].contains("`rm deploy/prod/secrets/webhook_key`"), "{removed:?}");
    assert!(hints(&old, &old).is_empty());
    // The operator has the value of an external secret, and a role can get a different password.
    assert!(hints(&with_secret("webhook_key", json!({ "external": "a key" })), &stack(&json!({}))).is_empty());
    assert!(hints(&stack(&json!({ "databases": { "main": { "name": "orders" } } })), &stack(&json!({}))).is_empty());
}

#[test]
fn a_timer_without_a_schedule_must_be_disabled() {
    let stack = stack_with_orders(&json!({ "schedule": "0 3 * * *", "route": null }));
    let (plan, generated) = (plan(&stack).0, files(&stack));
    let old_files = ["shop-prod-orders@.timer", "shop-prod-report@.service", "shop-prod-report@.timer"];
    let warnings = timers::upgrade_warnings(&plan, &old_files.map(str::to_owned), &generated);
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!((warning.code, warning.path.to_string()), (Code::RemovedTimer, "services.report".to_owned()));
    assert!(warning.hint.contains("systemctl disable --now"), "{}", warning.hint);
}

#[test]
fn an_autoscaler_takes_over_the_number_of_pods() {
    let mut stack = stack_with_orders(&json!({ "autoscale": { "min": 3, "max": 6 }, "user": "1000:1000" }));
    stack["kubernetes"] = json!({ "enabled": true, "gateway_class": "any" });
    let plan = plan(&stack).0;
    let with_old_file = |old: &str| {
        let old_file =
            |path: &str| (path == "kubernetes/apps/orders/deployment-orders.yaml").then(|| old.as_bytes().to_vec());
        kubernetes::handover_warnings(&plan, &old_file)
    };
    let warnings = with_old_file("spec:\n  replicas: 3\n");
    assert_eq!(warnings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::PodsHandover]);
    assert!(warnings[0].hint.contains("\"replicas\":3"), "{}", warnings[0].hint);
    assert!(with_old_file("spec:\n  template: {}\n").is_empty());
}
