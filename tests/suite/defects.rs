//! Defects of the shell and Go tools that this one replaces, each with a test that shows that it cannot happen.
//! Numbers group what belongs together; names say what went wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::{Ran, environments, golden, name, nself_in, project, stack, tree};

/// A file of the full golden stack.
fn file(environment: &str, path: &str) -> String {
    let case = golden(false).into_iter().find(|case| name(case) == "full-catalogue").unwrap();
    fs::read_to_string(case.join("out").join(environment).join(path)).unwrap()
}

/// The lines of one service.
fn service(environment: &str, service: &str) -> String {
    let text = file(environment, "compose.yaml");
    let start = text.find(&format!("\n  {service}:\n")).unwrap() + 1;
    let rest = &text[start..];
    let end = rest[1..]
        .match_indices("\n  ")
        .find(|(i, _)| !rest[i + 4..].starts_with(' '))
        .map_or(rest.len(), |(i, _)| i + 1);
    rest[..end].to_owned()
}

fn with(services: &str) -> Ran {
    let case = stack(&format!(r#"{{ project = "shop", domain = "shop.example.com", services = {{ {services} }} }}"#));
    nself_in(case.path(), ["gen"])
}

fn refused(services: &str, code: &str) {
    let ran = with(services);
    assert!(ran.code == 2 && ran.stderr.contains(&format!("error[{code}]")), "{services}: {}", ran.stderr);
}

#[test]
fn defect_01_02_09_15_output_depends_on_the_host() {
    // No process id, date, host name, user, socket group or absolute path is in any file.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let year = "202";
    for environment in environments() {
        for (path, bytes) in tree(&environment) {
            let text = String::from_utf8(bytes).unwrap();
            assert!(!text.contains(host.trim()) || host.trim().len() < 4, "{path}");
            assert!(
                !text.contains("/work/")
                    && !text.contains("/home/")
                    && !text.contains("/root/")
                    && !text.contains("/tmp/.tmp"),
                "{path}"
            );
            let date = |at: usize| text[at..].starts_with(year) && text[at..].chars().nth(4) == Some('-');
            assert!(
                !text.match_indices(year).any(|(at, _)| date(at)) || text.contains("RELEASE.2025-09-07"),
                "{path} holds a date"
            );
        }
    }
}

#[test]
fn defect_01_a_dollar_in_a_value_becomes_something_else() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", services.a1 = { image = "a/b:1", command = ["--exclude=^/(sys|proc)($|/)", "$$"], env.V = "p@$w0rd${X}" } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let text = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(
        text.contains("(sys|proc)($$|/)\"") && text.contains("- \"$$$$\"") && text.contains("V: \"p@$$w0rd$${X}\""),
        "{text}"
    );
}

#[test]
fn defect_03_log_lines_inside_the_output() {
    let case = project(&golden(false)[0]);
    let ran = nself_in(case.path(), ["gen", "--format", "json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&ran.stdout).is_ok(), "{}", ran.stdout);
    assert_eq!(ran.stderr, "", "a machine reads one document and nothing else");
}

#[test]
fn defect_04_every_service_depends_on_redis() {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", services.a1 = { image = "a/b:1" } }"#);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert!(!fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap().contains("redis"));
    refused(r#"a1 = { image = "a/b:1", depends_on = ["redis"] }"#, "NS301");
}

#[test]
fn defect_05_18_ports_of_service_health_and_edge_differ() {
    // The port is written once; health check, route and references read it.
    for (name, subdomain, port) in [
        ("functions", "functions", 3000),
        ("meilisearch", "search", 7700),
        ("minio", "storage", 9000),
        ("mail", "mail", 8025),
    ] {
        let site = file("local", &format!("nginx/sites/{subdomain}.local.nself.org.conf"));
        assert!(
            site.contains(&format!("set $upstream {name};"))
                && site.contains(&format!("proxy_pass http://$upstream:{port};")),
            "{site}"
        );
        let text = service("local", name);
        assert!(text.contains(&format!("127.0.0.1:{port}/")) || name == "mail", "{text}");
    }
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", services.a1 = { image = "a/b:1", port = 8123, route.subdomain = "a1", health.http.path = "/h" }, services.b1 = { image = "a/b:1", env.A = nself.url "a1" } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let text = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(text.contains("http://127.0.0.1:8123/h") && text.contains("A: \"http://a1:8123\""));
}

#[test]
fn defect_06_21_mounts_of_folders_that_nobody_writes() {
    for environment in environments() {
        let text = fs::read_to_string(environment.join("compose.yaml")).unwrap();
        assert!(!text.contains("create_host_path: true"));
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("source: \"./")) {
            assert!(environment.join(line.trim_end_matches('"')).exists(), "{line}");
        }
    }
}

#[test]
fn defect_07_19_monitoring_of_things_that_export_nothing() {
    // Monitoring has no output in this release, and says so instead of writing half of it.
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.enabled = true }"#);
    let ran = nself_in(case.path(), ["gen"]);
    assert!(ran.code == 2 && ran.stderr.contains("NS703"));
    refused(r#"hasura.env.HASURA_GRAPHQL_METRICS_SECRET = nself.secret "jwt_key""#, "NS405");
}

#[test]
fn defect_08_23_init_scripts_for_another_database_or_extension_list() {
    let sql = file("local", "postgres/init/10-roles-and-databases.sql");
    for database in ["hasura", "nself_demo", "ping"] {
        assert!(sql.contains(&format!("\\connect {database}\n")), "{sql}");
    }
    assert!(sql.contains("\\set nself_extension citext\n"), "auth asked for it");
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", services.a1 = { image = "a/b:1", databases.main = { name = "a1", extensions = ["hstore"] } } }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let sql = fs::read_to_string(case.path().join("deploy/prod/postgres/init/10-roles-and-databases.sql")).unwrap();
    let own = &sql[sql.find("\\connect a1").unwrap()..];
    assert!(
        own[..own.find("\\connect hasura").unwrap()].contains("\\set nself_extension hstore\n"),
        "in the database that asked"
    );
}

#[test]
fn defect_09_15_frontends_are_skipped_on_linux() {
    assert!(file("local", "nginx/sites/_wildcard.local.nself.org.conf").contains("server host.docker.internal:3000;"));
    assert!(service("local", "nginx").contains("host.docker.internal:host-gateway"));
    assert!(!service("prod", "nginx").contains("host.docker.internal"), "no frontend in prod");
}

#[test]
fn defect_10_passwords_that_break_urls() {
    // URLs are secrets as a whole, composed with percent-encoding; nothing is interpolated at start.
    let list = file("prod", "secrets.json");
    assert!(list.contains("\"encode\": \"url\""));
    for environment in environments() {
        let text = fs::read_to_string(environment.join("compose.yaml")).unwrap();
        assert!(!text.contains("postgres://") && !text.contains("redis://"), "{}", environment.display());
    }
}

#[test]
fn defect_12_validation_rewrites_the_users_file() {
    let case = project(&golden(true)[0]);
    let before = tree(case.path());
    for arguments in [["gen"].as_slice(), &["check"], &["gen", "--force"], &["env", "list"]] {
        nself_in(case.path(), arguments);
    }
    let after = tree(case.path());
    for (path, bytes) in &before {
        assert_eq!(bytes, &after[path], "{path}");
    }
    assert!(after.keys().filter(|path| !before.contains_key(*path)).all(|path| path.starts_with(".nself/")));
}

#[test]
fn defect_13_services_connect_as_superuser() {
    let sql = file("prod", "postgres/init/10-roles-and-databases.sql");
    let logins = sql.lines().filter(|line| line.starts_with("ALTER ROLE")).collect::<Vec<_>>();
    assert!(
        logins.len() == 3 && logins.iter().all(|line| line.contains("NOSUPERUSER") && line.contains("NOBYPASSRLS")),
        "{logins:?}"
    );
    // There is no way to name the superuser's password outside the server and the jobs that migrate and end.
    let users: BTreeSet<String> = environments()
        .iter()
        .flat_map(|environment| {
            let compose: serde_json::Value =
                serde_yaml_ng::from_slice(&fs::read(environment.join("compose.yaml")).unwrap()).unwrap();
            let list: serde_json::Value =
                serde_json::from_slice(&fs::read(environment.join("secrets.json")).unwrap()).unwrap();
            let users = list["secrets"]["postgres_password"]["used_by"].as_array().unwrap().clone();
            users.into_iter().map(|user| user.as_str().unwrap().to_owned()).filter(move |user| {
                let service = &compose["services"][user];
                !(user.starts_with("migrate-") && service["restart"] == "no" && service["ports"].is_null())
            })
        })
        .collect();
    assert_eq!(users, BTreeSet::from(["postgres".to_owned()]));
}

#[test]
fn defect_16_17_limits_that_cannot_work() {
    refused("postgres.limits.pids = 100", "NS402");
    refused(r#"worker = { image = "a/b:1", limits.memory = "128MiB", reservations.memory = "256MiB" }"#, "NS401");
}

#[test]
fn defect_18_the_host_port_is_used_inside_the_network() {
    // `publish` moves the port of the host only.
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", services = {
             tool = { image = "a/tool:1", ports.http = 9000, publish.http.port = 19000, development_only = true, only = ['local] },
             user = { image = "a/user:1", env.URL = nself.url "tool", only = ['local] } } }"#,
    );
    let ran = nself_in(case.path(), ["gen"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let text = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(text.contains("URL: \"http://tool:9000\"") && text.contains("published: \"19000\""));
}

#[test]
fn defect_20_headers_that_break_consoles() {
    for environment in ["local", "prod"] {
        let text = file(environment, "nginx/nginx.conf");
        assert!(!text.contains("Content-Security-Policy"));
        assert!(text.contains("map $upstream_http_x_frame_options $frames"), "the service's own header wins");
    }
}

#[test]
fn defect_21_the_edges_health_depends_on_tls() {
    for environment in ["local", "staging", "prod"] {
        assert!(service(environment, "nginx").contains("http://127.0.0.1:8081/healthz"));
    }
}

#[test]
fn defect_22_secrets_in_the_output() {
    refused(r#"a1 = { image = "a/b:1", env.DB_PASSWORD = "hunter2hunter2" }"#, "NS504");
    refused(r#"a1 = { image = "a/b:1", command = ["serve", "--requirepass", "x"] }"#, "NS504");
    refused(r#"a1 = { image = "a/b:1", health.exec = ["ping", "redis://x:y@redis"] }"#, "NS504");
}

#[test]
fn defect_22_secrets_that_show_by_their_form_in_any_field() {
    let canary = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8aB3dE5gH7";
    let token = format!("ghp_{canary}");
    for services in [
        format!(r#"a1 = {{ image = "a/b:1", env.SETTING = "{token}" }}"#),
        format!(
            r#"a1 = {{ image = "a/b:1", extra_env.A = nself.by_profile {{ local = "a", staging = "b", prod = "{token}" }} }}"#
        ),
        format!(r#"a1 = {{ image = "a/b:1", env.A = nself.join ["token ", "{token}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", env.A = nself.join ["ghp_", "{canary}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", entrypoint = ["sh", "-c", "serve {token}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", health.exec = ["ping", "{token}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", compose.labels.key = "{token}" }}"#),
        format!(r#"a1 = {{ image = "a/b:1", compose.labels."{token}" = "key" }}"#),
        format!(r#"a1 = {{ image = "a/b:1", kubernetes.hostAliases = [{{ ip = "{token}" }}] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", secrets.url.template = [{{ text = "x {token}" }}] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", secrets.url.external = "it is {token}" }}"#),
        format!(r#"a1 = {{ image = "a/b:1", waive."compose.autoscale" = "{token}" }}"#),
        format!(r#"a1 = {{ enabled = false, image = "a/b:1", env.SETTING = "{token}" }}"#),
    ] {
        let ran = with(&services);
        let told = ran.stderr.matches("error[NS504]").count();
        assert!(ran.code == 2 && told == 1 && ran.stderr.contains("a GitHub token"), "{services}: {}", ran.stderr);
        assert!(!ran.stderr.contains(canary) && !ran.stdout.contains(canary), "{}", ran.stderr);
    }
    // Beside the stack, where it would be copied.
    let case = stack(r#"{ project = "shop", domain = "shop.example.com" }"#);
    fs::create_dir_all(case.path().join("nginx/conf.d")).unwrap();
    let text = format!("server {{\n  server_name a.b; # ö {token}\n}}\n");
    fs::write(case.path().join("nginx/conf.d/own.conf"), text).unwrap();
    let ran = nself_in(case.path(), ["gen"]);
    assert!(ran.code == 2 && ran.stderr.contains("--> nginx/conf.d/own.conf:2:24"), "{}", ran.stderr);
    assert!(ran.stderr.contains("error[NS504]: a GitHub token") && !ran.stderr.contains(canary), "{}", ran.stderr);
    // Controls: what explains may show a form, and what a shell fills in is none.
    let fine = with(
        r#"a1 = { image = "a/b:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
             command = ["sh", "-c", "exec serve redis://:$PASSWORD@redis"], env.LOCALE = "sk-SK", env.TOKEN_URL = "https://a.b/ghp_",
             secrets.url.external = "such as postgres://user:password@host/name", env.URL = nself.secret "url" }"#,
    );
    assert_eq!(fine.code, 0, "{}", fine.stderr);
}

#[test]
fn defect_24_the_console_cannot_be_switched_off() {
    assert!(service("local", "hasura").contains("HASURA_GRAPHQL_ENABLE_CONSOLE: \"true\""));
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", environments.local.services.hasura.env.HASURA_GRAPHQL_ENABLE_CONSOLE = "false" }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let text = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    assert!(text.contains("HASURA_GRAPHQL_ENABLE_CONSOLE: \"false\""));
}

#[test]
fn defect_25_files_outside_the_project() {
    // Nothing is written but the output and the cache, both inside the project.
    let home = tempfile::tempdir().unwrap();
    let case = project(&golden(false)[0]);
    let before: BTreeSet<String> = tree(case.path()).into_keys().collect();
    let ran = crate::support::run(crate::support::nself(case.path()).arg("gen").env("HOME", home.path()));
    assert_eq!(ran.code, 0);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    let new = tree(case.path()).into_keys().filter(|path| !before.contains(path));
    assert!(new.into_iter().all(|path| path.starts_with("deploy/") || path.starts_with(".nself/")));
}

#[test]
fn defect_26_health_checks_with_programs_that_the_image_lacks() {
    // The catalogue names the tool of each image; a service that others wait for has a check.
    for (name, tool) in [
        ("hasura", "- curl"),
        ("auth", "- wget"),
        ("redis", "redis-cli ping"),
        ("postgres", "- pg_isready"),
        ("mail", "/mailpit"),
    ] {
        assert!(service("local", name).contains(tool), "{name}");
    }
    refused(r#"blind = { image = "a/b:1" }, waiter = { image = "a/b:1", depends_on = ["blind"] }"#, "NS308");
}

#[test]
fn incident_372_two_servers_with_one_name() {
    refused(r#"a1 = { image = "a/b:1", port = 8001, route.subdomain = "api" }"#, "NS202");
}

#[test]
fn incident_364_a_static_upstream_after_a_restart() {
    for environment in environments() {
        for entry in fs::read_dir(environment.join("nginx/sites")).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            for line in text.lines().filter(|line| line.contains("_pass ")) {
                assert!(line.contains("//$upstream:") || line.contains("//host_"), "{line}");
            }
        }
    }
}

#[test]
fn incident_444_check_writes_nothing() {
    let case = project(&golden(false)[0]);
    let before: BTreeSet<String> = tree(case.path()).into_keys().collect();
    assert_eq!(nself_in(case.path(), ["check"]).code, 1);
    let new: Vec<String> = tree(case.path()).into_keys().filter(|path| !before.contains(path)).collect();
    assert!(new.iter().all(|path| path.starts_with(".nself/")), "{new:?}");
    assert!(!Path::new(&case.path().join("deploy")).exists());
}
