//! Checks Compose files with other programs: both generations of Compose, the specification's schema, a linter for the
//! order of keys, and a second YAML reader.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{
    ProcessOutput, assert_services_refused, environments, golden, golden_file, golden_service, nself_in, project, run,
    stack, tool,
};

/// Returns values for all variables that the file requires.
fn variables(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(folder.join("compose.yaml")).unwrap();
    let references = text.split("${").skip(1).filter_map(|rest| rest.split('}').next()?.split_once(":?"));
    let mut lines: Vec<String> = references.map(|(name, _)| format!("{name}=value\n")).collect();
    lines.sort();
    lines.dedup();
    let path = folder.join(".env");
    std::fs::write(&path, lines.concat()).unwrap();
    path
}

/// Copies an environment and adds values for its variables.
fn copy(environment: &Path) -> tempfile::TempDir {
    let copy = project(environment);
    variables(copy.path());
    copy
}

fn config(program: &Path, folder: &Path) -> ProcessOutput {
    // Compose 1 needs a project name on the command line; Compose 2 reads it from the file.
    run(Command::new(program).args(["-p", "probe", "-f", "compose.yaml", "config", "-q"]).current_dir(folder))
}

fn is_accepted(output: &ProcessOutput) -> bool {
    output.code == 0 && output.stderr.is_empty()
}

/// Misspells a key, so that no version of Compose accepts the file.
fn break_compose_file(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("compose.yaml")).unwrap();
    std::fs::write(folder.join("compose.yaml"), text.replacen("    restart: ", "    restrat: ", 1)).unwrap();
}

#[test]
fn compose_2_reads_every_file_without_warnings() {
    let Some(program) = tool("bin/docker-compose-2") else { return };
    for environment in environments() {
        let folder = copy(&environment);
        let output = config(&program, folder.path());
        assert!(is_accepted(&output), "{}: {}", environment.display(), output.stderr);
    }
    let folder = copy(&environments()[0]);
    break_compose_file(folder.path());
    assert!(!is_accepted(&config(&program, folder.path())), "the check can fail");
}

#[test]
fn docker_compose_1_29_reads_the_compatible_form() {
    let Some(program) = tool("/usr/bin/docker-compose") else { return };
    for compat in ["'\"docker-compose-1.29\"", "'podman"] {
        let case = stack(&format!(
            r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", compose.compat = {compat},
                 services = {{ redis = nself.services.redis, minio = nself.services.minio,
                   orders = {{ image = "acme/orders:1", port = 8001, replicas = 2, depends_on = ["redis"],
                              compose.hostname = "orders" }} }} }}"#
        ));
        let output = nself_in(case.path(), ["gen"]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        for environment in ["local", "staging", "prod"] {
            let folder = case.path().join("deploy").join(environment);
            variables(&folder);
            let text = std::fs::read_to_string(folder.join("compose.yaml")).unwrap();
            assert!(!text.contains("\n    deploy:") && text.contains("pids_limit: "), "limits that 1.29 honours");
            if compat.contains("1.29") {
                let output = config(&program, &folder);
                assert!(is_accepted(&output), "{}", output.stderr);
                break_compose_file(&folder);
                assert!(!is_accepted(&config(&program, &folder)), "the check can fail");
            } else {
                assert!(text.starts_with("name: shop-"));
            }
        }
        let raw = stack(&format!(
            r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", compose.compat = {compat},
                 services.orders = {{ image = "acme/orders:1", compose.pull_policy = "always" }} }}"#
        ));
        let output = nself_in(raw.path(), ["gen"]);
        assert!(output.code == 2 && output.stderr.contains("NS705"), "{}", output.stderr);
    }
}

#[test]
fn the_compose_schema_and_yamllint_report_no_errors() {
    let Some(venv) = tool("venv/bin") else { return };
    let files: Vec<PathBuf> = environments().iter().map(|environment| environment.join("compose.yaml")).collect();
    let schema = |files: &[PathBuf]| {
        run(Command::new(venv.join("check-jsonschema")).args(["--builtin-schema", "vendor.compose-spec"]).args(files))
    };
    let output = schema(&files);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let rules = "{extends: default, rules: {document-start: disable, line-length: disable, indentation: {indent-sequences: true, spaces: 2}}}";
    let output = run(Command::new(venv.join("yamllint")).args(["-s", "-d", rules]).args(&files));
    assert_eq!(output.code, 0, "{}", output.stdout);
    let untidy = copy(&environments()[0]);
    let text = std::fs::read_to_string(untidy.path().join("compose.yaml")).unwrap();
    std::fs::write(untidy.path().join("compose.yaml"), text.replacen("restart: unless-stopped", "restart:  no", 1))
        .unwrap();
    let output =
        run(Command::new(venv.join("yamllint")).args(["-s", "-d", rules]).arg(untidy.path().join("compose.yaml")));
    assert_ne!(output.code, 0, "the check can fail");
    let folder = copy(&environments()[0]);
    break_compose_file(folder.path());
    assert_ne!(schema(&[folder.path().join("compose.yaml")]).code, 0, "the check can fail");
}

#[test]
fn the_linter_of_key_order_gives_no_warning() {
    let Some(linter) = tool("npm/node_modules/.bin/dclint") else { return };
    let lint = |files: &[PathBuf]| run(Command::new(&linter).args(["--max-warnings", "0"]).args(files));
    let files: Vec<PathBuf> = environments().iter().map(|environment| environment.join("compose.yaml")).collect();
    let output = lint(&files);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let folder = copy(&environments()[0]);
    let file = folder.path().join("compose.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, volumes) = text.split_once("\nvolumes:\n").unwrap();
    std::fs::write(&file, format!("volumes:\n{volumes}{head}\n")).unwrap();
    assert_ne!(lint(&[file]).code, 0, "the check can fail");
}

/// A program that reads the Compose files of many folders in one process, since Compose 1.29 takes most of its time to
/// start. It prints each folder whose file is refused or causes a warning.
const COMPOSE_1: &str = r#"
import contextlib, io, os, sys
from compose.cli.main import main
for folder in sys.argv[1:]:
    os.chdir(folder)
    sys.argv = ["docker-compose", "-p", "probe", "-f", "compose.yaml", "config", "-q"]
    code, errors = 0, io.StringIO()
    with contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    if code or errors.getvalue():
        print(folder, code, errors.getvalue())
"#;

/// Generates each golden stack in the compatible form.
#[test]
fn docker_compose_1_29_reads_every_golden_stack() {
    if tool("stamps/packages").is_none() {
        return;
    }
    let (mut projects, mut folders) = (Vec::new(), Vec::new());
    for case in golden(false) {
        let project = project(&case);
        let compat = "(import \"stack.ncl\") & { compose.compat = '\"docker-compose-1.29\" }\n";
        std::fs::write(project.path().join("compat.ncl"), compat).unwrap();
        let output = nself_in(project.path(), ["gen", "compat.ncl"]);
        assert_eq!(output.code, 0, "{}: {}", case.display(), output.stderr);
        for environment in ["local", "staging", "prod"] {
            let folder = project.path().join("deploy").join(environment);
            variables(&folder);
            // Compose 1.29 requires build folders to exist. The golden stacks name folders that do not exist.
            let text = std::fs::read_to_string(folder.join("compose.yaml")).unwrap();
            for context in text.lines().filter_map(|line| line.trim().strip_prefix("context: ")) {
                std::fs::create_dir_all(folder.join(context.trim_matches('"'))).unwrap();
            }
            folders.push(folder);
        }
        projects.push(project);
    }
    // Compose 1.29 is a program of the system's Python.
    let read = |folders: &[PathBuf]| run(Command::new("/usr/bin/python3").args(["-c", COMPOSE_1]).args(folders));
    let output = read(&folders);
    assert!(is_accepted(&output) && output.stdout.is_empty(), "{}{}", output.stdout, output.stderr);
    break_compose_file(&folders[0]);
    let refused = read(&folders[..2]);
    assert!(refused.stdout.starts_with(&format!("{} 1 ", folders[0].display())), "{}", refused.stdout);
    assert!(!refused.stdout.contains(&folders[1].display().to_string()), "{}", refused.stdout);
}

/// Every row of a fidelity report names a field of the plan.
#[test]
fn the_fidelity_report_has_waivers_with_reasons() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
             services.orders = { image = "acme/orders:1", autoscale = { min = 1, max = 3 },
               waive."compose.autoscale" = "one server" } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let account = std::fs::read(case.path().join("deploy/prod/fidelity.json")).unwrap();
    let account: serde_json::Value = serde_json::from_slice(&account).unwrap();
    assert_eq!(account["waived"]["services.orders.autoscale"], "one server");
    assert!(account["fields"]["services.*.autoscale"]["refused"].is_string());
    assert!(account["fields"].as_object().unwrap().len() > 30);
}

/// A field of the plan or of a service without a row is reported; with all rows, nothing is.
#[test]
fn a_fidelity_table_without_a_field_is_a_defect() {
    use nself::backend::PlanDigests;
    use nself::backend::fidelity::{Handling, Row, report};
    use nself::plan::{ProjectFiles, resolve};
    use nself::source::{EvaluationRequest, Evaluator, load};

    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    let request = EvaluationRequest {
        stack: case.path().join("stack.ncl"),
        allow_imports: Vec::new(),
        cache: case.path().join(".nself"),
        evaluator: Evaluator::InProcess,
    };
    let environment = load(&request).unwrap().environments.remove(0);
    let (plan, _) = resolve(&environment.name, &environment.stack, &ProjectFiles::default());
    let fields = PlanDigests::of(&plan);
    let forgotten = |table: &'static [Row]| -> Vec<String> {
        report("test", table, &plan, &fields).1.into_iter().map(|finding| finding.message).collect()
    };
    let none = forgotten(&[]);
    for field in ["`ingress`", "`compat`", "`services.*.image`", "`services.*.shm_size`", "`secrets.*.recipe`"] {
        assert!(none.iter().any(|message| message.ends_with(field)), "{field}: {none:?}");
    }
    const SOME: &[Row] = &[("services", Handling::Decided("")), ("secrets.*.recipe", Handling::Decided(""))];
    let some = forgotten(SOME);
    assert!(some.len() < none.len() && !some.iter().any(|message| message.contains("`services")), "{some:?}");
    assert!(!some.iter().any(|message| message.ends_with("`secrets.*.recipe`")), "{some:?}");
}

/// `--frozen` accepts only images with a digest.
#[test]
fn frozen_refuses_images_without_a_digest() {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    let output = nself_in(case.path(), ["gen", "--frozen"]);
    assert!(output.code == 2 && output.stderr.contains("NS707"), "{}", output.stderr);
}

/// Compose interpolates `$`, so each one is doubled.
#[test]
fn a_dollar_in_a_value_is_doubled() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.a1 = { image = "a/b:1", command = ["--exclude=^/(sys|proc)($|/)", "$$"], env.V = "p@$w0rd${X}" } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let text = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(
        text.contains("(sys|proc)($$|/)\"") && text.contains("- \"$$$$\"") && text.contains("V: \"p@$$w0rd$${X}\""),
        "{text}"
    );
}

#[test]
fn a_service_depends_on_redis_only_where_the_stack_declares_it() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.a1 = { image = "a/b:1" } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert!(!fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap().contains("redis"));
    assert_services_refused(r#"a1 = { image = "a/b:1", depends_on = ["redis"] }"#, "NS301");
}

#[test]
fn health_check_route_and_references_use_the_declared_port() {
    // The port is declared once; health check, route and references use it.
    for (name, subdomain, port) in [
        ("functions", "functions", 3000),
        ("meilisearch", "search", 7700),
        ("s3", "storage", 8333),
        ("mail", "mail", 8025),
    ] {
        let site = golden_file("local", &format!("nginx/sites/{subdomain}.local.nself.org.conf"));
        assert!(site.contains(&format!("proxy_pass http://{name}_{port};")), "{site}");
        let upstreams = golden_file("local", "nginx/upstreams.conf");
        assert!(upstreams.contains(&format!("server {name}:{port} resolve;")), "{upstreams}");
        let text = golden_service("local", name);
        assert!(text.contains(&format!("127.0.0.1:{port}/")) || name == "mail", "{text}");
    }
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.a1 = { image = "a/b:1", port = 8123, route.subdomain = "a1", health.http.path = "/h" }, services.b1 = { image = "a/b:1", env.A = nself.url "a1" } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let text = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(text.contains("http://127.0.0.1:8123/h") && text.contains("A: \"http://a1:8123\""));
}

#[test]
fn every_mounted_file_is_generated() {
    for environment in environments() {
        let text = fs::read_to_string(environment.join("compose.yaml")).unwrap();
        assert!(!text.contains("create_host_path: true"));
        let sources: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("source: \"./")).collect();
        assert!(!sources.is_empty(), "{}: nginx, at least, mounts files", environment.display());
        for source in sources {
            let path = environment.join(source.trim_end_matches('"'));
            assert!(path.exists(), "{}", path.display());
        }
    }
}

#[test]
fn other_services_use_the_container_port_not_the_published_port() {
    // `publish` changes only the port of the host.
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services = {
             tool = { image = "a/tool:1", ports.http = 9000, publish.http.port = 19000, development_only = true, only = ['local] },
             user = { image = "a/user:1", env.URL = nself.url "tool", only = ['local] } } }"#,
    );
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let text = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(text.contains("URL: \"http://tool:9000\"") && text.contains("published: \"19000\""));
}

#[test]
fn the_console_of_hasura_can_be_disabled() {
    assert!(golden_service("local", "hasura").contains("HASURA_GRAPHQL_ENABLE_CONSOLE: \"true\""));
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", environments.local.services.hasura.env.HASURA_GRAPHQL_ENABLE_CONSOLE = "false" }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let text = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(text.contains("HASURA_GRAPHQL_ENABLE_CONSOLE: \"false\""));
}

#[test]
fn health_checks_use_programs_of_the_image() {
    // The library names the tool of each image; a service on which others wait has a health check.
    for (name, tool) in [
        ("hasura", "- curl"),
        ("auth", "- wget"),
        ("redis", "redis-cli ping"),
        ("postgres", "- pg_isready"),
        ("mail", "/mailpit"),
    ] {
        assert!(golden_service("local", name).contains(tool), "{name}");
    }
    assert_services_refused(
        r#"blind = { image = "a/b:1" }, waiter = { image = "a/b:1", depends_on = ["blind"] }"#,
        "NS308",
    );
}
