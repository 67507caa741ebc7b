//! Checks nginx configurations with a real nginx, a security analyser and an independent parser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster::manifests;
use crate::support::{
    ProcessOutput, assert_services_refused, environments, golden_file, golden_service, name, nself_in, project, run,
    stack, tool,
};

/// Runs `nginx -t` in a root file system with the nginx of our image and a temporary key pair.
fn test_configuration(root: &Path, environment: &Path) -> ProcessOutput {
    let script = r#"
set -e
mount --bind "$1" "$1"
mount -t tmpfs none "$1/run" && mkdir -p "$1/run/secrets"
mkdir -p "$1/etc/nself" && mount --bind "$2/nginx" "$1/etc/nself"
mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev"
printf '127.0.0.1 localhost host.docker.internal kube-dns.kube-system.svc.cluster.local\n' > "$1/run/hosts"
touch "$1/etc/hosts" && mount --bind "$1/run/hosts" "$1/etc/hosts"
cp "$3"/* "$1/run/secrets/"
exec chroot "$1" nginx -e stderr -t -c /etc/nself/nginx.conf
"#;
    let pair = key_pair();
    run(Command::new("unshare").args(["-m", "sh", "-c", script, "sh"]).arg(root).arg(environment).arg(pair.path()))
}

/// Creates a temporary key pair under the names of the secrets.
pub fn key_pair() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let [key, certificate] = ["tls_key", "tls_certificate"].map(|name| folder.path().join(name));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=probe"]);
    assert_eq!(run(openssl.arg("-keyout").arg(key).arg("-out").arg(certificate)).code, 0);
    folder
}

fn is_accepted(output: &ProcessOutput) -> bool {
    output.code == 0 && !["[warn]", "[emerg]", "[alert]", "[error]"].iter().any(|level| output.stderr.contains(level))
}

#[test]
fn nginx_accepts_every_configuration_without_a_warning() {
    let Some(root) = tool("forky") else { return };
    for environment in environments() {
        let output = test_configuration(&root, &environment);
        assert!(is_accepted(&output), "{}: {}", environment.display(), output.stderr);
    }
    for folder in cluster_configurations() {
        let output = test_configuration(&root, folder.path());
        assert!(is_accepted(&output), "{}", output.stderr);
    }
    for (from, to) in [
        ("server_tokens off;", "server_tokenz off;"),
        ("    listen 8443 ssl default_server;\n    http2 on;", "    listen 8443 ssl http2 default_server;"),
    ] {
        let copy = project(&crate::support::root().join("golden/minimal/out/local"));
        let file = copy.path().join("nginx/nginx.conf");
        let text = std::fs::read_to_string(&file).unwrap();
        let broken_text = text.replacen(&from.replace("\n    ", "\n        "), to, 1);
        assert_ne!(text, broken_text, "{from}");
        std::fs::write(&file, broken_text).unwrap();
        assert!(!is_accepted(&test_configuration(&root, copy.path())), "the check can fail: {to}");
    }
}

/// Returns the files in the ConfigMaps that pods of nginx mount.
fn cluster_configurations() -> Vec<tempfile::TempDir> {
    manifests(&environments()).iter().map(|folder| configuration_of_pods(folder)).collect()
}

/// Returns the files in the ConfigMaps of nginx for one folder of manifests.
pub fn configuration_of_pods(manifests: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(manifests.join("apps/nginx")).unwrap().map(|entry| entry.unwrap().path()) {
        if name(&entry).starts_with("configmap-") {
            let map: serde_json::Value = serde_yaml_ng::from_str(&std::fs::read_to_string(entry).unwrap()).unwrap();
            for (key, text) in map["data"].as_object().unwrap() {
                let file = copy.path().join("nginx").join(key.replace("..", "/"));
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text.as_str().unwrap()).unwrap();
            }
        }
    }
    copy
}

/// Copies an environment so that the analysers can read it: the includes name files of the copy.
fn copy_for_analysers(environment: &Path) -> (tempfile::TempDir, PathBuf) {
    let copy = project(environment);
    let main = copy.path().join("nginx/nginx.conf");
    let text = std::fs::read_to_string(&main).unwrap();
    let folder = copy.path().join("nginx");
    std::fs::write(folder.join("mime.types"), "types { text/html html; }\n").unwrap();
    let with_local_paths = |text: &str| {
        text.replace("/etc/nself/", &format!("{}/", folder.display()))
            .replace("/etc/nginx/", &format!("{}/", folder.display()))
    };
    std::fs::write(&main, with_local_paths(&text)).unwrap();
    for site in std::fs::read_dir(folder.join("sites")).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::write(&site, with_local_paths(&std::fs::read_to_string(&site).unwrap())).unwrap();
    }
    (copy, main)
}

#[test]
fn gixy_has_no_finding_at_any_level() {
    let Some(gixy) = tool("venv/bin/gixy") else { return };
    let analyse = |main: &Path| run(Command::new(&gixy).args(["-f", "json"]).arg(main));
    // The rest of a path after a removed prefix comes from `$request_uri` through a map, which gixy does not follow: nginx
    // sends it as the client wrote it (`edge::routes`).
    let is_rest = |finding: &serde_json::Value| {
        finding["plugin"] == "proxy_pass_normalized" && finding["config"].as_str().unwrap().contains("/$rest_")
    };
    let unexpected = |main: &Path| {
        let output = analyse(main);
        let mut findings: Vec<serde_json::Value> =
            serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}{}", output.stdout, output.stderr));
        findings.retain(|finding| !is_rest(finding));
        findings
    };
    for environment in environments() {
        let (_copy, main) = copy_for_analysers(&environment);
        assert_eq!(unexpected(&main), [] as [serde_json::Value; 0], "{}", environment.display());
    }
    for folder in cluster_configurations() {
        let (_copy, main) = copy_for_analysers(folder.path());
        assert_eq!(unexpected(&main), [] as [serde_json::Value; 0]);
    }
    let (_copy, main) = copy_for_analysers(&environments()[0]);
    let text = std::fs::read_to_string(&main).unwrap();
    std::fs::write(&main, text.replacen("server_tokens off;", "server_tokens on;", 1)).unwrap();
    assert!(analyse(&main).stdout.contains("version_disclosure"), "the check can fail");
}

/// An independent parser finds exactly the routes of the plan.
#[test]
fn an_independent_parser_reads_the_sites_of_the_model() {
    let Some(crossplane) = tool("venv/bin/crossplane") else { return };
    for environment in environments() {
        let (_copy, main) = copy_for_analysers(&environment);
        let output = run(Command::new(&crossplane).arg("parse").arg(&main));
        let parsed: serde_json::Value =
            serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
        assert_eq!(parsed["status"], "ok", "{}", parsed["errors"]);
        let mut names = Vec::new();
        let mut targets = Vec::new();
        for file in parsed["config"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|file| file["file"].as_str().unwrap().contains("/sites/"))
        {
            collect(&file["parsed"], "server_name", &mut names);
            collect(&file["parsed"], "proxy_pass", &mut targets);
            collect(&file["parsed"], "grpc_pass", &mut targets);
        }
        let sites = std::fs::read_dir(environment.join("nginx/sites")).unwrap().count();
        assert!(targets.len() >= sites && names.len() >= sites);
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        // Each site is named after its first host.
        for name in std::fs::read_dir(environment.join("nginx/sites")).unwrap() {
            let name = name.unwrap().file_name().to_string_lossy().replace("_wildcard", "*");
            assert!(names.contains(&name.strip_suffix(".conf").unwrap().to_owned()), "{name} in {names:?}");
        }
    }
}

fn collect(block: &serde_json::Value, directive: &str, found: &mut Vec<String>) {
    for entry in block.as_array().into_iter().flatten() {
        if entry["directive"] == directive {
            found.extend(entry["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap().to_owned()));
        }
        collect(&entry["block"], directive, found);
    }
}

/// A stack with proxies in front and all options of routes.
#[test]
fn every_kind_of_route_is_accepted() {
    let Some(root) = tool("forky") else { return };
    let body = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
             edge = { trusted_proxies = ["203.0.113.0/24", "2001:db8::/32"], internal_addresses = ["192.0.2.7"], max_body = "1GiB", connections = 10 },
             tls.mode = 'MODE,
             frontends = { web = { port = 3000, route.subdomain = "@" }, any = { port = 3001, route.subdomain = "*" } },
             include_frontends = true,
             services = {
               up = { image = "a/up:1", port = 8001, route = { subdomain = "up", kind = 'upload } },
               ws = { image = "a/ws:1", port = 8002, route = { subdomain = "ws", kind = 'websocket, timeout = "2h" } },
               rpc = { image = "a/rpc:1", port = 8003, route = { subdomain = "rpc", kind = 'grpc } },
               inside = { image = "a/inside:1", port = 8004, route = { subdomain = "inside", access = 'internal } },
               part = { image = "a/part:1", port = 8005, route = { subdomain = "up", path = "/part", internal_paths = ["/part/admin"], max_body = "1KiB" } },
             } }"#;
    for (mode, uses_tls) in [("files", true), ("proxy", false)] {
        let case = stack(&body.replace("MODE", mode));
        let output = nself_in(case.path(), ["gen"]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        for environment in ["local", "staging", "prod"] {
            let folder = case.path().join("deploy").join(environment);
            let output = test_configuration(&root, &folder);
            assert!(is_accepted(&output), "{environment}: {}", output.stderr);
            // If TLS is terminated in front of nginx, nginx does not use TLS.
            let site = std::fs::read_to_string(folder.join("nginx/sites/up.shop.example.com.conf"))
                .or_else(|_| std::fs::read_to_string(folder.join("nginx/sites/up.local.nself.org.conf")))
                .unwrap();
            assert_eq!(site.contains("ssl"), uses_tls, "{site}");
            let compose = std::fs::read_to_string(folder.join("compose.yaml")).unwrap();
            assert_eq!(compose.contains("published: \"443\""), uses_tls);
            assert_eq!(compose.contains("tls_certificate"), uses_tls);
        }
    }
}

/// nginx refuses a parameter of 4096 bytes or more, so long lists are divided.
#[test]
fn long_lists_of_paths_and_headers_are_accepted() {
    let Some(root) = tool("forky") else { return };
    let quoted = |items: Vec<String>| format!("[{}]", items.join(", "));
    let paths = quoted((100..400).map(|i| format!("\"/internal/part-{i}/settings.of.part\"")).collect());
    let headers = quoted((100..300).map(|i| format!("\"X-Internal-Header-Number-{i}\"")).collect());
    let case = stack(&format!(
        r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", edge.internal_addresses = ["192.0.2.7"],
             services.up = {{ image = "a/up:1", port = 8001, guard.internal_paths = {paths},
               route = {{ subdomain = "up", cors = {{ origins = ["https://app.example.org"], headers = {headers}, exposed_headers = {headers} }} }} }} }}"#
    ));
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let folder = case.path().join("deploy/prod");
    let site = std::fs::read_to_string(folder.join("nginx/sites/up.shop.example.com.conf")).unwrap();
    for i in 100..400 {
        assert_eq!(site.matches(&format!("/part-{i}(")).count(), 1, "{i}");
    }
    assert_eq!(site.matches("X-Internal-Header-Number-299").count(), 2, "{site}");
    let output = test_configuration(&root, &folder);
    assert!(is_accepted(&output), "{}", output.stderr);
}

#[test]
fn shellcheck_accepts_the_certificate_script() {
    let script =
        environments().into_iter().map(|folder| folder.join("acme/acme.sh")).find(|path| path.exists()).unwrap();
    if tool("stamps/packages").is_none() {
        return;
    }
    let output = run(Command::new("shellcheck").arg(&script));
    assert_eq!(output.code, 0, "{}", output.stdout);
}

#[test]
fn only_in_local_nginx_forwards_frontends_to_the_host() {
    assert!(golden_file("local", "nginx/upstreams.conf").contains("server host.docker.internal:3000;"));
    assert!(golden_service("local", "nginx").contains("host.docker.internal:host-gateway"));
    assert!(!golden_service("prod", "nginx").contains("host.docker.internal"), "no frontend in prod");
}

#[test]
fn frame_options_of_a_service_replace_those_of_nginx() {
    for environment in ["local", "prod"] {
        let text = golden_file(environment, "nginx/nginx.conf");
        assert!(!text.contains("Content-Security-Policy"));
        assert!(text.contains("map $upstream_http_x_frame_options $frames"), "the service's own header wins");
    }
}

#[test]
fn the_health_check_of_nginx_does_not_use_tls() {
    for environment in ["local", "staging", "prod"] {
        assert!(golden_service(environment, "nginx").contains("http://127.0.0.1:8081/healthz"));
    }
}

#[test]
fn two_routes_cannot_have_one_host_name() {
    assert_services_refused(r#"a1 = { image = "a/b:1", port = 8001, route.subdomain = "api" }"#, "NS202");
}

#[test]
fn nginx_follows_the_addresses_of_every_upstream() {
    let mut passes = 0;
    for environment in environments() {
        let upstreams = fs::read_to_string(environment.join("nginx/upstreams.conf")).unwrap();
        for entry in fs::read_dir(environment.join("nginx/sites")).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            for line in text.lines().filter(|line| line.contains("_pass ")) {
                let name = line.split("://").nth(1).unwrap().split(['/', ';']).next().unwrap();
                let (_, upstream) =
                    upstreams.split_once(&format!("upstream {name} {{")).unwrap_or_else(|| panic!("{line}"));
                let server = upstream.lines().find(|line| line.trim().starts_with("server ")).unwrap();
                assert!(server.contains(" resolve") || server.contains("server host.docker.internal:"), "{server}");
                passes += 1;
            }
        }
    }
    assert!(passes > 30, "{passes}");
}
