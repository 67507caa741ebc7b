//! `nself lock` with Debian's registry over TLS and with a password, and with registries that send wrong content.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nself::artifact::Sha256;

use crate::registry::{DebianRegistry, INDEX, MANIFEST, PASSWORD, Scripted, response};
use crate::support::{ProcessOutput, nself, nself_in, run, stack};

/// Returns the images that `nself lock --check` reports as missing.
fn missing_images(folder: &Path) -> Vec<String> {
    let output = nself_in(folder, ["lock", "--check", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let messages = report["diagnostics"].as_array().unwrap().iter().map(|found| found["message"].as_str().unwrap());
    messages.filter_map(|text| text.strip_suffix("` is not in nself.lock")).map(|text| text[1..].to_owned()).collect()
}

const STACK: &str = "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\" }";

fn with_image(image: &str) -> String {
    format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.orders = {{ image = \"{image}\", port = 8001, \
         health.none = \"it has none\" }} }}"
    )
}

fn rewrite(folder: &Path, body: &str) {
    std::fs::write(
        folder.join("stack.ncl"),
        format!("let nself = import \"nself/main.ncl\" in\n{body} | nself.Stack\n"),
    )
    .unwrap();
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("nself.lock")).unwrap_or_default()
}

/// Pushes every image of the stack under its name.
pub fn fill(registry: &DebianRegistry, folder: &Path) -> Vec<String> {
    let names = missing_images(folder);
    for name in &names {
        let (repository, tag) = name.strip_prefix("docker.io/").unwrap().rsplit_once(':').unwrap();
        registry.push_image(&format!("hub/{repository}"), tag, "one");
    }
    names
}

pub fn lock(registry: &DebianRegistry, folder: &Path, arguments: &[&str]) -> ProcessOutput {
    let mut command = nself(folder);
    command.arg("lock").arg("--mirror").arg(format!("docker.io={}/hub", registry.host)).args(arguments);
    run(registry.configure_client(&mut command))
}

#[test]
fn tags_become_digests_in_all_files() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = stack(STACK);
    let folder = project.path();
    let frozen = nself_in(folder, ["gen", "--frozen"]);
    assert_eq!(frozen.code, 2);
    assert!(frozen.stderr.contains("error[NS707]") && frozen.stderr.contains("`nself lock`"), "{}", frozen.stderr);
    assert_eq!(nself_in(folder, ["lock", "--check"]).code, 1);

    let names = fill(&registry, folder);
    assert!(names.len() >= 5, "{names:?}");
    let output = lock(&registry, folder, &[]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(output.stdout.lines().filter(|line| line.starts_with("locked ")).count(), names.len());
    let text = read(folder);
    assert!(!text.contains(&registry.host), "the lock does not name the registry that was read: {text}");
    assert!(text.contains("\"linux/amd64\":\"sha256:") && text.contains("\"linux/arm64\":\"sha256:"), "{text}");
    assert!(![&text, &output.stdout, &output.stderr].iter().any(|text| text.contains(PASSWORD)));

    assert_eq!(nself_in(folder, ["lock", "--check"]).code, 0);
    assert_eq!(nself_in(folder, ["gen", "--frozen"]).code, 0);
    for environment in ["local", "staging", "prod"] {
        let compose = std::fs::read_to_string(folder.join("deploy").join(environment).join("compose.yaml")).unwrap();
        let images: Vec<&str> = compose.lines().filter(|line| line.trim_start().starts_with("image:")).collect();
        assert!(images.len() >= 4 && images.iter().all(|line| line.contains("@sha256:")), "{images:?}");
    }
    // A warm run detects a changed lock.
    std::fs::write(folder.join("nself.lock"), text.replace("version\": 1", "version\": 9")).unwrap();
    assert!(nself_in(folder, ["gen"]).stderr.contains("NS806"));
    std::fs::write(folder.join("nself.lock"), text).unwrap();
    assert_eq!(nself_in(folder, ["gen", "--frozen", "--check"]).code, 0);
}

#[test]
fn dockerfiles_use_locked_base_images() {
    let (Some(registry), Some(compose)) = (DebianRegistry::start(), crate::support::tool("bin/docker-compose-2"))
    else {
        return;
    };
    let project = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.orders = nself.templates.express & { build.context = \"orders\" } }",
    );
    let folder = project.path();
    let absent = nself_in(folder, ["gen", "--frozen"]);
    assert!(
        absent.stderr.contains("NS311") && absent.stderr.contains("`orders/Dockerfile` does not exist"),
        "{}",
        absent.stderr
    );
    assert_eq!(nself_in(folder, ["init", "orders", "--template", "express"]).code, 0);
    let names = fill(&registry, folder);
    assert!(names.iter().any(|name| name == "docker.io/library/node:22-slim"), "{names:?}");
    assert_eq!(lock(&registry, folder, &[]).code, 0);
    assert_eq!(nself_in(folder, ["gen", "--frozen"]).code, 0);
    assert_eq!(nself_in(folder, ["secrets", "init", "--env", "local"]).code, 0);
    let file = folder.join("deploy/local/compose.yaml");
    let read = run(Command::new(compose).arg("-f").arg(&file).args(["config", "--format", "json"]));
    assert_eq!(read.code, 0, "{}", read.stderr);
    let config: serde_json::Value = serde_json::from_str(&read.stdout).unwrap();
    let context = config["services"]["orders"]["build"]["additional_contexts"]["node:22-slim"].as_str();
    assert!(context.unwrap().starts_with("docker-image://docker.io/library/node:22-slim@sha256:"), "{context:?}");
    // A name without a tag is refused, and a warm run detects a changed Dockerfile.
    let dockerfile = folder.join("orders/Dockerfile");
    let text = std::fs::read_to_string(&dockerfile).unwrap();
    std::fs::write(&dockerfile, text.replace("node:22-slim AS", "node AS")).unwrap();
    let untagged = nself_in(folder, ["gen", "--frozen"]);
    assert!(
        untagged.code == 2 && untagged.stderr.contains("the base image `docker.io/library/node` of the Dockerfile"),
        "{}",
        untagged.stderr
    );
}

#[test]
fn a_pin_changes_only_with_update() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = stack(STACK);
    let folder = project.path();
    let names = fill(&registry, folder);
    assert_eq!(lock(&registry, folder, &[]).code, 0);
    let before = read(folder);
    let (repository, tag) = names[0].strip_prefix("docker.io/").unwrap().rsplit_once(':').unwrap();
    let (moved, platforms) = registry.push_image(&format!("hub/{repository}"), tag, "two");

    assert_eq!(lock(&registry, folder, &[]).code, 0);
    assert_eq!(read(folder), before, "what is locked stays");
    let check = lock(&registry, folder, &["--check", "--update", repository]);
    assert_eq!((check.code, read(folder) == before), (1, true), "{}", check.stderr);
    let update = lock(&registry, folder, &["--update", repository]);
    assert_eq!(update.code, 0, "{}", update.stderr);
    assert!(update.stdout.starts_with(&format!("updated {} ", names[0])), "{}", update.stdout);
    let after = read(folder);
    assert!(after.contains(moved.as_str()) && after.contains(platforms["linux/arm64"].as_str()));
    assert_eq!(before.lines().zip(after.lines()).filter(|(old, new)| old != new).count(), 1, "one line per image");
    assert_eq!(lock(&registry, folder, &["--check", "--update-all"]).code, 0);
    let unknown = lock(&registry, folder, &["--update", "redis"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("no service uses an image `redis`"), "{}", unknown.stderr);

    // An image that the stack no longer uses is removed.
    let extra = after
        .replace("  \"images\": {\n", "  \"images\": {\n    \"docker.io/a/b:1\": {\"digest\":\"")
        .replacen("{\"digest\":\"    ", &format!("{{\"digest\":\"{moved}\",\"platforms\":{{}}}},\n    "), 1);
    std::fs::write(folder.join("nself.lock"), extra).unwrap();
    let check = nself_in(folder, ["lock", "--check"]);
    assert!(check.code == 1 && check.stderr.contains("has `docker.io/a/b:1`"), "{}", check.stderr);
    assert_eq!(lock(&registry, folder, &[]).code, 0);
    assert_eq!(read(folder), after);
}

#[test]
fn without_tls_or_credentials_nothing_is_written() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = stack(STACK);
    let folder = project.path();
    fill(&registry, folder);
    let image = format!("{}/hub/acme/orders:1", registry.host);
    registry.push_image("hub/acme/orders", "1", "one");
    assert_eq!(lock(&registry, folder, &[]).code, 0);
    let before = read(folder);
    rewrite(folder, &with_image(&image));

    let refused = |change: &dyn Fn(&mut Command), code: &str| {
        let mut command = nself(folder);
        registry.configure_client(&mut command).arg("lock");
        change(&mut command);
        let output = run(&mut command);
        assert_eq!(output.code, 2);
        assert!(output.stderr.contains(&format!("error[{code}]")), "{}", output.stderr);
        assert!(output.stderr.contains("stack.ncl:2:"), "{}", output.stderr);
        assert!(!output.stderr.contains(PASSWORD) && !output.stdout.contains(PASSWORD));
        assert_eq!(read(folder), before);
    };
    refused(
        &|command| {
            command.env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt");
        },
        "NS821",
    );
    refused(
        &|command| {
            command.env("DOCKER_CONFIG", folder);
        },
        "NS822",
    );
    let wrong = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(registry.at("config.json")).unwrap();
    std::fs::write(wrong.path().join("config.json"), config.replace("\"auth\":\"", "\"auth\":\"cm9ib3Q6b2xkOm"))
        .unwrap();
    refused(
        &|command| {
            command.env("DOCKER_CONFIG", wrong.path());
        },
        "NS822",
    );
    // Known-bad control: with both, the same call succeeds.
    assert_eq!(run(registry.configure_client(nself(folder).arg("lock"))).code, 0);
    assert_ne!(read(folder), before);
    rewrite(folder, &with_image(&image.replace("orders:1", "orders:2")));
    let before = read(folder);
    let output = run(registry.configure_client(nself(folder).arg("lock")));
    assert!(output.code == 2 && output.stderr.contains("NS823"), "{}", output.stderr);
    assert_eq!(read(folder), before);
}

/// Returns a project whose only unlocked image is on `host`.
fn project_with_image_on(registry: &DebianRegistry, host: &str) -> tempfile::TempDir {
    let project = stack(STACK);
    fill(registry, project.path());
    assert_eq!(lock(registry, project.path(), &[]).code, 0);
    rewrite(project.path(), &with_image(&format!("{host}/acme/orders:1")));
    project
}

#[test]
fn unexpected_content_of_registries_is_not_used() {
    let Some(registry) = DebianRegistry::start() else { return };
    let manifest = br#"{"schemaVersion":2,"config":{"digest":"sha256:00"},"layers":[]}"#.to_vec();
    let kind = format!("content-type: {MANIFEST}\r\n");
    type Script = Box<dyn Fn(&str, &crate::registry::Asked) -> Vec<u8> + Send>;
    let half = {
        let mut whole = response("200 OK", &kind, &manifest);
        whole.truncate(whole.len() - 20);
        whole
    };
    let wrong = response("200 OK", &format!("{kind}docker-content-digest: {}\r\n", Sha256::of(b"other")), &manifest);
    let bad_config = response("200 OK", &kind, &manifest);
    let page = response("200 OK", "content-type: text/html\r\n", b"<html>log in</html>");
    let windows =
        br#"{"manifests":[{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "platform":{"os":"windows","architecture":"amd64"}}]}"#;
    let windows = response("200 OK", &format!("content-type: {INDEX}\r\n"), windows);
    let over_there = |host: &str| {
        response("401 Unauthorized", &format!("www-authenticate: Bearer realm=\"http://{host}/token\"\r\n"), b"")
    };
    let scripts: Vec<(&str, &str, usize, Script)> = vec![
        (
            "missing",
            "NS823",
            1,
            Box::new(|_, _| response("404 Not Found", "", br#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#)),
        ),
        ("overloaded", "NS821", 4, Box::new(|_, _| response("429 Too Many Requests", "retry-after: 0\r\n", b""))),
        ("patience", "NS821", 1, Box::new(|_, _| response("429 Too Many Requests", "retry-after: 3600\r\n", b""))),
        ("broken", "NS821", 4, Box::new(|_, _| response("500 Internal Server Error", "", b"oops"))),
        ("cut", "NS821", 4, Box::new(move |_, _| half.clone())),
        ("other content", "NS824", 1, Box::new(move |_, _| wrong.clone())),
        ("no digest", "NS824", 1, Box::new(move |_, _| bad_config.clone())),
        ("a page", "NS824", 1, Box::new(move |_, _| page.clone())),
        ("not for Linux", "NS824", 1, Box::new(move |_, _| windows.clone())),
        ("forbidden", "NS822", 1, Box::new(|_, _| response("403 Forbidden", "", b""))),
        (
            "expired",
            "NS822",
            3,
            Box::new(move |host, asked| match asked.path.starts_with("/token") {
                true => response("200 OK", "", br#"{"token":"stale"}"#),
                false => over_there(host),
            }),
        ),
    ];
    let project = project_with_image_on(&registry, "127.0.0.1:1");
    let folder = project.path();
    let before = read(folder);
    for (name, code, count, script) in scripts {
        let server = Scripted::start(script);
        rewrite(folder, &with_image(&format!("{}/acme/orders:1", server.host)));
        let output = nself_in(folder, ["lock", "--plain-http", &server.host]);
        assert_eq!(output.code, 2, "{name}: {}", output.stderr);
        assert!(output.stderr.contains(&format!("error[{code}]")), "{name}: {}", output.stderr);
        assert_eq!(server.count(), count, "{name}: {:?}", server.asked.lock().unwrap());
        assert_eq!(read(folder), before, "{name}");
    }
    // TLS is used by default.
    let server = Scripted::start(|_, _| response("404 Not Found", "", b""));
    rewrite(folder, &with_image(&format!("{}/acme/orders:1", server.host)));
    let output = nself_in(folder, ["lock"]);
    assert!(output.code == 2 && output.stderr.contains("NS821"), "{}", output.stderr);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().starts_with(".nself-")), "{files:?}");
}

#[test]
fn transient_failures_are_tried_again() {
    let Some(registry) = DebianRegistry::start() else { return };
    let config = br#"{"os":"linux","architecture":"arm64","variant":"v8"}"#.to_vec();
    let manifest =
        format!(r#"{{"schemaVersion":2,"config":{{"digest":"{}"}},"layers":[]}}"#, Sha256::of(&config)).into_bytes();
    let expected = Sha256::of(&manifest);
    let server = Scripted::start(move |host, asked| {
        let kind = format!("content-type: {MANIFEST}\r\n");
        if asked.path.starts_with("/token") {
            return response("200 OK", "", format!("{{\"token\":\"number{}\"}}", asked.number).as_bytes());
        }
        match &asked.authorization {
            None => {
                let realm = format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"x\"\r\n");
                response("401 Unauthorized", &realm, b"")
            }
            Some(_) if asked.number < 4 => response("503 Service Unavailable", "", b""),
            // A token that has expired is replaced.
            Some(token) if token == "Bearer number1" => {
                let realm = format!("www-authenticate: Bearer realm=\"http://{host}/token\"\r\n");
                response("401 Unauthorized", &realm, b"")
            }
            Some(_) if asked.path.contains("/blobs/") => response("200 OK", "", &config),
            Some(_) => response("200 OK", &kind, &manifest),
        }
    });
    let project = project_with_image_on(&registry, &server.host);
    let output = nself_in(project.path(), ["lock", "--plain-http", &server.host]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let text = read(project.path());
    assert!(
        text.contains(&format!("\"digest\":\"{expected}\",\"platforms\":{{\"linux/arm64/v8\":\"{expected}\"}}")),
        "{text}"
    );
}

#[test]
fn credentials_are_not_sent_to_a_token_server_in_a_different_domain() {
    let Some(registry) = DebianRegistry::start() else { return };
    let server = Scripted::start(|host, asked| {
        if asked.path.starts_with("/token") {
            return response("200 OK", "", br#"{"token":"unknown"}"#);
        }
        // The same server under a different name.
        let address = host.replace("127.0.0.1", "localhost");
        let realm = format!("www-authenticate: Bearer realm=\"http://{address}/token\"\r\n");
        response("401 Unauthorized", &realm, b"")
    });
    let project = project_with_image_on(&registry, &server.host);
    let docker_config = tempfile::tempdir().unwrap();
    // Runs `nself lock` with accounts for these hosts, each with its name as the password. Returns the standard error,
    // and the headers that the token server got.
    let lock_with_accounts = |hosts: &[&str]| {
        let accounts: serde_json::Map<String, serde_json::Value> = hosts
            .iter()
            .map(|host| ((*host).to_owned(), serde_json::json!({ "username": "robot", "password": host })))
            .collect();
        std::fs::write(docker_config.path().join("config.json"), serde_json::json!({ "auths": accounts }).to_string())
            .unwrap();
        let before = server.count();
        let mut command = nself(project.path());
        command.args(["lock", "--plain-http", &server.host]).env("DOCKER_CONFIG", docker_config.path());
        let output = run(&mut command);
        assert!(output.code == 2 && output.stderr.contains("error[NS822]"), "{}", output.stderr);
        let asked = server.asked.lock().unwrap()[before..].to_vec();
        let for_tokens = asked.into_iter().filter(|asked| asked.path.starts_with("/token"));
        (output.stderr, for_tokens.map(|asked| asked.authorization).collect::<Vec<_>>())
    };
    let (message, headers) = lock_with_accounts(&[server.host.as_str()]);
    assert!(message.contains("in a different domain") && headers.is_empty(), "{message} {headers:?}");
    // Controls: no account is a request without a password, and the token server may have its own account.
    assert_eq!(lock_with_accounts(&[]).1, [None]);
    let token_server = server.host.replace("127.0.0.1", "localhost");
    let (message, headers) = lock_with_accounts(&[server.host.as_str(), token_server.as_str()]);
    let expected = STANDARD.encode(format!("robot:{token_server}"));
    assert_eq!(headers, [Some(format!("Basic {expected}"))], "{message}");
}
