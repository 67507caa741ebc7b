//! The stack language and the commands about it: codes, `init`, environments and their layers, `schema`.

use std::path::Path;

use crate::support::{assert_services_refused, golden, name, nself_in, project, run, stack};

/// Every code has an explanation, and a golden case prints it unless it needs a server or a broken disk.
#[test]
fn every_code_has_an_explanation_and_a_case() {
    let golden_errors: String =
        golden(true).iter().map(|case| std::fs::read_to_string(case.join("error.txt")).unwrap()).collect();
    let codes_of_other_tests = [
        "NS001", "NS101", "NS110", "NS313", "NS506", "NS508", "NS509", "NS510", "NS511", "NS515", "NS516", "NS705",
        "NS706", "NS707", "NS320", "NS325", "NS616", "NS617", "NS619", "NS708", "NS709", "NS713", "NS714", "NS715",
        "NS716", "NS720", "NS721", "NS722", "NS723", "NS724", "NS725", "NS730", "NS731", "NS732", "NS733", "NS734",
        "NS735", "NS736", "NS744", "NS757", "NS758", "NS759", "NS767", "NS780", "NS801", "NS802", "NS803", "NS804",
        "NS805", "NS806", "NS807", "NS808", "NS809", "NS811", "NS812", "NS813", "NS814", "NS821", "NS822", "NS823",
        "NS824", "NS825", "NS826", "NS827", "NS828", "NS901",
    ];
    for code in nself::codes::Code::ALL {
        assert!(code.explanation().len() > 40, "{code}");
        assert!(
            golden_errors.contains(&format!("[{code}]")) || codes_of_other_tests.contains(&code.id()),
            "no case shows {code}"
        );
        let output = nself_in(Path::new("/"), ["explain", code.id()]);
        assert!(output.code == 0 && output.stdout.contains(code.title()), "{code}");
    }
}

#[test]
fn init_writes_a_stack_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("My Shop 2");
    std::fs::create_dir(&project).unwrap();
    assert_eq!(nself_in(&project, ["init"]).code, 0);
    let text = std::fs::read_to_string(project.join("stack.ncl")).unwrap();
    assert!(text.contains("project = \"my-shop-2\""), "{text}");
    assert_eq!(nself_in(&project, ["gen"]).code, 0);
    let again = nself_in(&project, ["init"]);
    assert_eq!(again.code, 2, "init overwrites nothing");
    assert_eq!(std::fs::read_to_string(project.join("stack.ncl")).unwrap(), text);
}

#[test]
fn environments_are_listed_shown_and_compared() {
    let case = project(&golden(false).into_iter().find(|case| name(case) == "full-catalogue").unwrap());
    let list = nself_in(case.path(), ["env", "list"]);
    assert_eq!(list.stdout.lines().count(), 3, "{}", list.stdout);
    let show = nself_in(case.path(), ["env", "show", "prod"]);
    assert!(show.code == 0 && serde_json::from_str::<serde_json::Value>(&show.stdout).is_ok());
    let diff = nself_in(case.path(), ["env", "diff", "staging", "prod"]);
    assert!(diff.code == 1 && diff.stdout.contains("+  \"profile\": \"prod\""), "{}", diff.stdout);
    assert_eq!(nself_in(case.path(), ["env", "diff", "prod", "prod"]).code, 0);
    assert_eq!(nself_in(case.path(), ["env", "show", "nowhere"]).code, 2);
    let output = nself_in(case.path(), ["gen", "--env", "prod"]);
    assert_eq!(output.code, 0);
    assert!(case.path().join("deploy/prod").exists() && !case.path().join("deploy/local").exists());
    assert_eq!(nself_in(case.path(), ["gen", "--env", "nowhere"]).code, 2);
}

/// A layer replaces values, and `null` removes a variable.
#[test]
fn a_layer_can_remove_a_variable() {
    let case = crate::support::stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
             services.orders = { image = "a/orders:1", env = { KEPT = "yes", GONE = "common" } },
             environments.prod.services.orders.env.GONE = null }"#,
    );
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let text = |env: &str| std::fs::read_to_string(case.path().join("deploy").join(env).join("compose.yaml")).unwrap();
    assert!(text("staging").contains("GONE: common") && text("prod").contains("KEPT: "));
    assert!(!text("prod").contains("GONE"));
}

/// A layer can have parts of records, and `null` for any optional value; the merged stack is checked like any other.
#[test]
fn a_layer_adds_parts_and_removes_values() {
    let case = crate::support::stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
             services = {
               orders = { image = "a/orders:1", port = 8001, route.subdomain = "orders" },
               tool = { image = "a/tool:1" },
             },
             frontends.web = { port = 3000, route.subdomain = "app" },
             environments = {
               staging = { services.tool = null, frontends.web = null },
               prod.services = {
                 orders = { port = null, route = null },
                 postgres = { volumes.postgres-data.size = "100GiB", waive."compose.volume_size" = "the disk is large", limits.pids = 300 },
               },
             } }"#,
    );
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let has = |env: &str, text: &str| {
        let files = crate::support::tree(&case.path().join("deploy").join(env));
        files.values().any(|bytes| String::from_utf8_lossy(bytes).contains(text))
    };
    assert_eq!(["local", "staging", "prod"].map(|env| has(env, "a/tool:1")), [true, false, true]);
    assert_eq!(["local", "staging", "prod"].map(|env| has(env, "orders.")), [true, true, false]);
    assert_eq!(["local", "staging", "prod"].map(|env| has(env, "server_name app.")), [true, false, false]);
    assert_eq!(["staging", "prod"].map(|env| has(env, "pids: 300")), [false, true]);
    // A value that is missing after the merge is reported for that environment.
    let case = crate::support::stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
             environments.prod.services = { postgres.volumes.other.size = "1GiB", orders.port = "8001", orders.image = null } }"#,
    );
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 2);
    for finding in [
        "error[NS104]: `path` is missing\n  --> stack.ncl:3:68 (services.postgres.volumes.other)\n   = in: prod\n",
        "error[NS103]: the value has the wrong type: text\n  --> stack.ncl:3:97 (services.orders.port)\n   = in: prod\n   = expected: a whole number from 1 to 65535\n",
        "error[NS307]: `orders` has neither an image nor a build folder",
    ] {
        assert!(output.stderr.contains(finding), "{finding}\nin {}", output.stderr);
    }
    // Ranges apply in layers as well.
    let ranges = [
        ("services.orders.port", "0", "65535"),
        ("services.orders.ports.admin", "70000", "65535"),
        ("services.orders.replicas", "0", "65535"),
        ("services.orders.publish.http.port", "0", "65535"),
        ("services.orders.health.retries", "0", "65535"),
        ("services.orders.autoscale.cpu", "101", "100"),
        ("services.orders.autoscale.memory", "0", "100"),
        ("services.orders.secrets.pin.random", "0", "65535"),
        ("frontends.web.port", "0", "65535"),
        ("edge.connections", "0", "65535"),
        ("kubernetes.node_ports.http", "0", "65535"),
    ];
    let fields = |layer: &str| -> String {
        ranges.iter().map(|(path, value, _)| format!("{layer}{path} = {value},\n")).collect()
    };
    for layer in ["", "environments.prod."] {
        let case = crate::support::stack(&format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
             services.orders = {{ image = \"a/orders:1\", autoscale = {{ min = 1, max = 2 }} }},\n{}}}",
            fields(layer)
        ));
        let output = nself_in(case.path(), ["gen"]);
        assert_eq!(output.code, 2);
        for (line, (path, _, most)) in ranges.iter().enumerate() {
            let place = format!("--> stack.ncl:{}:", line + 4);
            let is_reported = |finding: &str| {
                [place.as_str(), "NS107", path, &format!("from 1 to {most}\n")]
                    .iter()
                    .all(|part| finding.contains(part))
            };
            assert!(
                output.stderr.split("\n\n").any(|finding| is_reported(&format!("{finding}\n"))),
                "{layer}{path}: {}",
                output.stderr
            );
        }
    }
}

/// The text of the stack language as a snapshot, so that changes are visible in reviews.
#[test]
fn the_language_matches_its_snapshot() {
    insta::assert_snapshot!("language", nself_in(Path::new("/"), ["schema"]).stdout);
}

#[test]
fn schema_and_completions_go_to_stdout() {
    let schema = nself_in(Path::new("/"), ["schema", "--format", "json"]);
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
    assert!(schema["properties"]["services"].is_object());
    assert!(nself_in(Path::new("/"), ["schema"]).stdout.contains("depends_on"));
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), nself_in(Path::new("/"), ["completions", "bash"]).stdout).unwrap();
    assert_eq!(run(std::process::Command::new("bash").arg("-n").arg(script.path())).code, 0);
}

#[test]
fn servers_run_monitoring_unless_there_is_a_reason() {
    let generate = |environment: &str, fields: &str| {
        let qa = "environments.qa = { profile = 'staging, domain = \"qa.shop.example.com\" }";
        let case = stack(&format!(r#"{{ project = "shop", domain = "shop.example.com", {qa}, {fields} }}"#));
        let output = nself_in(case.path(), ["gen", "--env", environment]);
        let file = case.path().join(format!("deploy/{environment}/monitoring/prometheus/prometheus.yml"));
        (output, file.exists())
    };
    let waive = "monitoring.waive = \"another team watches it\"";
    let off = "monitoring.enabled = false";
    for (environment, fields, has_monitoring) in [
        ("local", String::new(), false),
        ("staging", String::new(), true),
        ("prod", String::new(), true),
        ("qa", String::new(), true),
        ("prod", waive.to_owned(), false),
        ("prod", format!("{waive}, {off}"), false),
        ("prod", format!("{waive}, environments.prod.monitoring.enabled = true"), true),
        ("prod", format!("{waive}, environments.prod.monitoring.waive = null"), true),
        ("local", "monitoring.enabled = true".to_owned(), true),
        ("local", off.to_owned(), false),
        ("prod", format!("environments.staging.{waive}"), true),
        ("staging", format!("environments.staging.{waive}"), false),
    ] {
        let (output, found) = generate(environment, &fields);
        assert_eq!((output.code, found), (0, has_monitoring), "{environment}: {fields}: {}", output.stderr);
    }
    for fields in [off, "environments.prod.monitoring.enabled = false", "environments.prod.services.prometheus = null"]
    {
        let (output, _) = generate("prod", fields);
        assert!(output.code == 2 && output.stderr.contains("error[NS704]"), "{fields}: {}", output.stderr);
        let (output, _) = generate("prod", &format!("{fields}, {waive}"));
        assert_eq!(output.code, 0, "{fields}: {}", output.stderr);
    }
}

#[test]
fn a_variable_that_the_image_does_not_read_is_refused() {
    assert_services_refused(r#"hasura.env.HASURA_GRAPHQL_METRICS_SECRET = nself.secret "jwt_key""#, "NS405");
}

#[test]
fn limits_below_reservations_or_needs_are_refused() {
    assert_services_refused("postgres.limits.pids = 100", "NS402");
    assert_services_refused(
        r#"worker = { image = "a/b:1", limits.memory = "128MiB", reservations.memory = "256MiB" }"#,
        "NS401",
    );
}
