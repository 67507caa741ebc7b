//! The examples in a running stack: the link shortener compiled from Go, the notifications compiled from TypeScript, and
//! Redis. They do their work; then each fails in a different way, and the stack goes on without them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::containers::{copy_file, find_file, with_libraries};
use crate::support::{ProcessOutput, nself_in, root, run, tool};
use crate::up::{Stack, in_own_namespaces};

const DOMAIN: &str = "local.nself.org";

#[test]
fn examples_work_and_their_failures_stop_nothing_else() {
    if tool("bin/docker-compose-2").is_some() && tool("templates/notify/node_modules").is_some() {
        in_own_namespaces("plugins::running::examples_work_and_their_failures_stop_nothing_else", run_examples);
    }
}

fn assert_success(output: ProcessOutput) -> ProcessOutput {
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    output
}

/// Compiles the examples, and creates the root file systems of their images; `tests/images/build.sh` imports these.
fn images(folder: &Path) {
    let (links, notify) = (folder.join("links"), folder.join("notify"));
    let source = root().join("examples/plugins");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-o"]).arg(links.join("app/service")).arg(".");
    go.env("GOPROXY", "off").env("GOFLAGS", "-mod=readonly").env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local");
    assert_success(run(go.current_dir(source.join("links"))));

    let packages = tool("templates/notify/node_modules").unwrap();
    let app = notify.join("app");
    fs::create_dir_all(&app).unwrap();
    assert_success(run(Command::new("cp")
        .args(["-aL", "package.json", "tsconfig.json", "src", "test"])
        .arg(&app)
        .current_dir(source.join("notify"))));
    std::os::unix::fs::symlink(&packages, app.join("node_modules")).unwrap();
    assert_success(run(Command::new("npm").arg("test").current_dir(&app)));
    fs::remove_file(app.join("node_modules")).unwrap();
    copy_file(&packages, &app.join("node_modules"));
    with_libraries(&find_file("node"), "/usr/bin/node", &notify);
    copy_file(&tool("bin/mailpit").unwrap(), &folder.join("mailpit/mailpit"));
}

/// Replaces what cannot be pulled or built here: images, and the receiver of the webhook.
const CHANGES: &str = r#"
    staging.enabled = false,
    local = {
      plugins.flags.enabled = false,
      services = {
        links = { build = null, image = "examples.test/links:1", command = ["/app/service"] },
        notify = {
          build = null, image = "examples.test/notify:1", working_dir = "/app", command = ["node", "dist/src/main.js"],
          connects_to = ["receiver"],
        },
        mail = nself.services.mail & { image = "examples.test/mailpit:1", command = ["/mailpit"] },
        orders = null,
        receiver = {
          image = "examples.test/notify:1", port = 8009, user = "10001:10001", health.none = "a receiver of the test",
          command = ["node", "-e", "require('http').createServer((q, r) => { q.on('data', (d) => console.log('received ' + d)); q.on('end', () => r.end()) }).listen(8009)"],
        },
      },
    },
"#;

fn start(images_folder: &Path) -> Stack {
    let change = |project: &Path| {
        let file = project.join("stack.ncl");
        let text = fs::read_to_string(&file).unwrap();
        let changed = text.replacen("    local.services.mail = nself.services.mail,\n", CHANGES, 1);
        let changed = changed.replacen("    prod = {\n", "    prod = {\n      enabled = false,\n", 1);
        assert_eq!(changed.matches("enabled = false").count(), text.matches("enabled = false").count() + 3);
        fs::write(file, changed).unwrap();
        // The script reads it from the folder of the stack.
        std::os::unix::fs::symlink(images_folder, project.join("images")).unwrap();
    };
    let stack = Stack::start_with("plugins", change).expect("nothing started, although the tools are installed");
    set_secret(&stack, "np_notify_webhook_url", "http://receiver:8009/");
    stack
}

fn secret_file(stack: &Stack, name: &str) -> PathBuf {
    stack.project.path().join("deploy/local/secrets").join(name)
}

fn secret(stack: &Stack, name: &str) -> String {
    fs::read_to_string(secret_file(stack, name)).unwrap().trim().to_owned()
}

fn set_secret(stack: &Stack, name: &str, value: &str) {
    let file = secret_file(stack, name);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&file, value).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
}

/// Waits until a condition holds.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn run_examples() {
    let roots = tempfile::tempdir().unwrap();
    images(roots.path());
    let stack = start(roots.path());
    // A plugin whose migrations fail does not keep anything else from starting.
    let migration = stack.project.path().join("deploy/local/migrations/np_links/0001_init.sql");
    let good = fs::read_to_string(&migration).unwrap();
    fs::write(&migration, format!("{good}SELECT 1;\n")).unwrap();
    let output = stack.compose(&["up", "-d"]);
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "20"]).stdout);
    assert_ne!(state(&stack, "migrate-np-links")["ExitCode"], 0);
    core_answers(&stack);
    fs::write(&migration, good).unwrap();
    let output = stack.compose(&["up", "-d"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(state(&stack, "migrate-np-links")["ExitCode"], 0);

    links_are_created_and_followed(&stack);
    messages_are_mailed_and_posted(&stack);
    the_cache_has_a_password(&stack);
    failures_stop_nothing_else(&stack);
}

fn state(stack: &Stack, service: &str) -> Value {
    stack.inspect()[service]["State"].clone()
}

/// Checks that requests pass through the edge to Hasura, and that the main database accepts writes.
fn core_answers(stack: &Stack) {
    wait_until("Hasura answers through the edge", || stack.status(&format!("api.{DOMAIN}"), "/healthz", &[]) == "200");
    let write = "CREATE TABLE IF NOT EXISTS counted (at timestamptz); INSERT INTO counted VALUES (now())";
    assert_success(stack.compose(&["exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "market", "-c", write]));
}

fn links_are_created_and_followed(stack: &Stack) {
    let host = format!("go.{DOMAIN}");
    let key = format!("authorization: Bearer {}", secret(stack, "np_links_key"));
    let body = ["-d", "{\"url\": \"https://example.com/a\"}", "-H"];
    let create = |header: &str| stack.curl(&host, "/links", &[body.as_slice(), &[header]].concat()).stdout;
    wait_until("the link shortener answers", || create(&key).contains("\"slug\""));
    let link: Value = serde_json::from_str(&create(&key)).unwrap();
    let slug = link["slug"].as_str().unwrap();
    assert_eq!(link["url"], format!("https://{host}/{slug}"));
    let location = stack.curl(&host, &format!("/{slug}"), &["-o", "/dev/null", "-w", "%{redirect_url}"]).stdout;
    assert_eq!(location, "https://example.com/a");
    assert!(create("authorization: Bearer guess").contains("the key is wrong"));
    let visits = format!("SELECT visits FROM np_links_links WHERE slug = '{slug}'");
    let query = ["exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "np_links", "-tAc", visits.as_str()];
    assert_eq!(assert_success(stack.compose(&query)).stdout.trim(), "1");
}

/// Runs a script of Node.js in the container of the notifications.
fn node(stack: &Stack, script: &str) -> ProcessOutput {
    stack.compose(&["exec", "-T", "notify", "node", "-e", script])
}

fn messages_are_mailed_and_posted(stack: &Stack) {
    let body = r#"{"recipient": "ada@example.com", "subject": "Paid", "body": "Thanks"}"#;
    let script = format!(
        "fetch('http://127.0.0.1:3821/notify', {{ method: 'POST', body: JSON.stringify({body}), \
         headers: {{ authorization: 'Bearer {}' }} }}).then(async (a) => console.log(a.status, await a.text()))",
        secret(stack, "np_notify_key")
    );
    wait_until("the notifications accept a message", || node(stack, &script).stdout.starts_with("202 "));
    wait_until("the webhook was called", || {
        stack.compose(&["logs", "receiver"]).stdout.contains("\"recipient\":\"ada@example.com\"")
    });
    let mails = "fetch('http://mail:8025/api/v1/messages').then(async (a) => console.log(await a.text()))";
    wait_until("the mail arrived", || node(stack, mails).stdout.contains("ada@example.com"));
    let metrics = "fetch('http://127.0.0.1:3821/metrics').then(async (a) => console.log(await a.text()))";
    wait_until("nothing waits", || node(stack, metrics).stdout.contains("notify_waiting_messages 0\n"));
}

fn the_cache_has_a_password(stack: &Stack) {
    let ping = |password: &str| {
        let command = format!("REDISCLI_AUTH='{password}' redis-cli -p 3822 ping");
        stack.compose(&["exec", "-T", "cache", "sh", "-c", &command]).stdout
    };
    wait_until("the cache answers", || ping(&secret(stack, "np_cache_password")).contains("PONG"));
    assert!(!ping("").contains("PONG"));
}

/// Kills one plugin, lets another crash again and again, and starves the third, while requests to the core go on.
fn failures_stop_nothing_else(stack: &Stack) {
    let started = |name: &str| stack.inspect()[name]["State"]["StartedAt"].clone();
    let core = ["hasura", "nginx", "postgres"];
    let before: Vec<Value> = core.iter().map(|name| started(name)).collect();
    let id = |service: &str| assert_success(stack.compose(&["ps", "-q", service])).stdout.trim().to_owned();

    assert_success(stack.docker(&["pause", &id("notify")]));
    assert_success(stack.docker(&["kill", &id("cache")]));
    // Without its key, the link shortener ends at each start.
    let crash = stack.project.path().join("crash.yaml");
    fs::write(&crash, "services: { links: { environment: { API_KEY_FILE: /nowhere } } }\n").unwrap();
    let crash = crash.display().to_string();
    assert_success(stack.compose(&["-f", &crash, "up", "-d", "--no-deps", "links"]));
    wait_until("the link shortener restarts again and again", || {
        stack.inspect()["links"]["RestartCount"].as_u64().is_some_and(|count| count >= 2)
    });
    for _ in 0..10 {
        core_answers(stack);
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_ne!(stack.status(&format!("go.{DOMAIN}"), "/abcdef", &[]), "302", "the plugin does not answer");
    // The processors that a plugin takes are limited, too.
    assert_success(stack.docker(&["unpause", &id("notify")]));
    let spin = "exec -d notify node -e for(;;){}";
    assert_success(stack.compose(&spin.split(' ').collect::<Vec<_>>()));
    for _ in 0..5 {
        core_answers(stack);
    }
    let after: Vec<Value> = core.iter().map(|name| started(name)).collect();
    assert_eq!(before, after, "the core was not restarted");
    assert_eq!(nself_in(stack.project.path(), ["check"]).code, 0);
}
