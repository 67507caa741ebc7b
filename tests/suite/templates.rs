//! Checks the service templates with the tools of their languages: their tests pass, they serve requests, and they stop
//! after SIGTERM.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{free_port, nself_in, root, run, stack, tool, tree};

const TEMPLATES: [&str; 8] =
    ["bullmq", "connect-go", "express", "fastapi", "functions-node", "functions-python", "go-http", "nestjs"];

/// Writes a template with `nself init`.
pub fn write_template(template: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = nself_in(folder.path(), ["init", "service", "--template", template]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(
        output.stderr.contains(&format!("services.service = nself.templates.{template} & {{")),
        "{}",
        output.stderr
    );
    folder
}

#[test]
fn a_template_is_written_completely_or_not_at_all() {
    for template in TEMPLATES {
        let folder = write_template(template);
        let files = tree(&folder.path().join("service"));
        assert!(files.contains_key("Dockerfile") && files.contains_key(".dockerignore"), "{:?}", files.keys());
        let file = String::from_utf8_lossy(&files["Dockerfile"]).into_owned();
        assert!(file.contains("\nUSER 10001:10001\n"), "{file}");
        std::fs::remove_file(folder.path().join("service/.dockerignore")).unwrap();
        let again = nself_in(folder.path(), ["init", "service", "--template", template]);
        assert!(again.code == 2 && again.stderr.contains("already exists"), "{}", again.stderr);
        assert!(!folder.path().join("service/.dockerignore").exists(), "half of it was written");
    }
    let unknown = nself_in(Path::new("/tmp"), ["init", "nowhere", "--template", "cobol"]);
    assert!(unknown.code == 2 && unknown.stderr.contains(&TEMPLATES.join(", ")), "{}", unknown.stderr);
}

#[test]
fn a_stack_uses_the_ports_of_its_templates() {
    let services: String = TEMPLATES
        .iter()
        .zip(8005..)
        .map(|(name, port)| {
            format!("  services.of-{name} = nself.templates.{name} & {{ build.context = \"services/{name}\", port = {port} }},\n")
        })
        .collect();
    let project = stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.redis = nself.services.redis,\n{services}}}"
    ));
    let without = nself_in(project.path(), ["gen", "--env", "local"]);
    assert_eq!(without.code, 2);
    for template in TEMPLATES {
        let place = format!("services.of-{template}.build.context)");
        assert!(without.stderr.contains("error[NS311]") && without.stderr.contains(&place), "{}", without.stderr);
        // The hint names the template and those that it could be confused with.
        let fix = without.stderr[without.stderr.find(&place).unwrap()..].lines().find(|line| line.contains("help:"));
        assert!(fix.is_some_and(|fix| fix.contains(template) && fix.matches(", ").count() <= 2), "{template}: {fix:?}");
        let folder = format!("services/{template}");
        assert_eq!(nself_in(project.path(), ["init", &folder, "--template", template]).code, 0);
    }
    let output = nself_in(project.path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let compose = std::fs::read(project.path().join("deploy/local/compose.yaml")).unwrap();
    let compose: serde_yaml_ng::Value = serde_yaml_ng::from_slice(&compose).unwrap();
    for (name, port) in TEMPLATES.iter().zip(8005..) {
        let service = &compose["services"][format!("of-{name}")];
        assert_eq!(service["environment"]["PORT"], port.to_string().as_str(), "{name}");
        assert_eq!(service["user"], "10001:10001", "{name}");
        assert_eq!(service["read_only"], true, "{name}");
    }
}

/// Lock files have packages for every platform, each with a digest and not bound to one registry.
#[test]
fn locked_packages_have_their_digests() {
    for template in ["bullmq", "express", "nestjs"] {
        let text = std::fs::read(root().join("templates").join(template).join("package-lock.json")).unwrap();
        let lock: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > 20, "{template}");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|sum| sum.starts_with("sha512-")), "{template}: {name}");
            assert!(package.get("resolved").is_none(), "{template}: {name}");
        }
    }
}

/// A server process, which is stopped when the value is dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(command: &mut Command) -> Server {
        let port = free_port();
        let process = command
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Server { process, port }
    }

    fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer).filter(|answer| !answer.is_empty())
    }

    fn serves_and_stops(mut self) {
        self.healthy();
        assert!(self.ask("/hello/Ada").unwrap().contains("Hello, Ada"));
        self.assert_stops();
    }

    /// Waits until the server is healthy.
    fn healthy(&self) {
        let healthy = (0..200).find_map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            self.ask("/healthz").filter(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        assert!(healthy.unwrap().contains("\"ok\""));
    }

    /// Sends SIGTERM; the service must exit with code 0 and without an error.
    fn assert_stops(&mut self) {
        let id = self.process.id().to_string();
        assert_eq!(run(Command::new("kill").args(["-TERM", &id])).code, 0);
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
        assert!(self.ask("/healthz").is_none());
    }
}

fn assert_success(command: &mut Command) {
    let output = run(command);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
}

fn assert_same_file(installed: &Path, ours: &str) {
    let (installed, ours) =
        (std::fs::read(installed).unwrap(), std::fs::read(root().join("templates").join(ours)).unwrap());
    assert!(installed == ours, "tests/tools.sh installed another version of the template's packages");
}

/// Installs the packages of a template, and runs npm with these arguments.
pub fn with_packages(template: &str, npm: &[&str]) -> Option<tempfile::TempDir> {
    let packages = tool(&format!("templates/{template}/node_modules"))?;
    assert_same_file(&packages.with_file_name("package-lock.json"), &format!("{template}/package-lock.json"));
    let folder = write_template(template);
    let service = folder.path().join("service");
    symlink(packages, service.join("node_modules")).unwrap();
    assert_success(Command::new("npm").args(npm).current_dir(&service));
    Some(folder)
}

fn node(folder: &tempfile::TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.args(arguments).current_dir(folder.path().join("service"));
    command
}

#[test]
fn express() {
    let Some(folder) = with_packages("express", &["test"]) else { return };
    Server::start(&mut node(&folder, &["src/main.js"])).serves_and_stops();
}

/// Runs the functions with the node of this machine, without packages. A broken function prevents the start.
#[test]
fn functions_node() {
    let folder = write_template("functions-node");
    let service = folder.path().join("service");
    if tool("stamps/templates").is_none() {
        return;
    }
    assert_success(Command::new("npm").arg("test").current_dir(&service));
    Server::start(&mut node(&folder, &["src/main.js"])).serves_and_stops();
    std::fs::write(service.join("functions/broken.js"), "export const answer = 1;\n").unwrap();
    let output = run(node(&folder, &["src/main.js"]).env("PORT", "0"));
    assert!(output.code != 0 && output.stderr.contains("broken.js has no default function"), "{}", output.stderr);
}

/// Runs the functions with the packages of the template fastapi, which include all of theirs.
#[test]
fn functions_python() {
    let Some(python) = tool("templates/fastapi/bin/python") else { return };
    let text = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let (all, ours) = (text("templates/fastapi/requirements.txt"), text("templates/functions-python/requirements.txt"));
    assert!(ours.lines().all(|pin| all.lines().any(|other| other == pin)), "{ours}");
    let folder = write_template("functions-python");
    let service = folder.path().join("service");
    assert_success(Command::new(&python).args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).current_dir(&service));
    let start = || {
        let mut command = Command::new(&python);
        command.args(["-m", "runtime"]).current_dir(&service);
        command
    };
    Server::start(&mut start()).serves_and_stops();
    std::fs::write(service.join("functions/broken.py"), "answer = 1\n").unwrap();
    let output = run(&mut start());
    assert!(output.code != 0 && output.stderr.contains("broken.py has no `async def handle`"), "{}", output.stderr);
}

#[test]
fn nestjs() {
    let Some(folder) = with_packages("nestjs", &["test"]) else { return };
    Server::start(&mut node(&folder, &["dist/src/main.js"])).serves_and_stops();
}

/// Runs the worker with a real Redis: it processes an added job, and finishes started jobs when it stops.
#[test]
fn bullmq() {
    let (Some(folder), Some(trixie)) = (with_packages("bullmq", &["test"]), tool("trixie")) else { return };
    let mut redis = Command::new("chroot");
    redis.arg(trixie).args([
        "sh",
        "-c",
        "exec redis-server --port $PORT --save '' --appendonly no --dir /tmp --requirepass canary",
    ]);
    let redis = Server::start(&mut redis);
    let url = format!("redis://:canary@127.0.0.1:{}/0", redis.port);
    let mut worker = Server::start(node(&folder, &["src/main.js"]).env("REDIS_URL", &url));
    worker.healthy();
    let add = "import { Queue, QueueEvents } from 'bullmq';
        const at = { connection: { host: '127.0.0.1', port: Number(process.env.REDIS), password: 'canary' } };
        const queue = new Queue('jobs', at), events = new QueueEvents('jobs', at);
        await events.waitUntilReady();
        const job = await queue.add('greet', { name: 'Ada' });
        console.log(await job.waitUntilFinished(events, 20000));
        await Promise.all([queue.close(), events.close()]);";
    let output = run(node(&folder, &["--input-type=module", "-e", add]).env("REDIS", redis.port.to_string()));
    assert_eq!((output.code, output.stdout.as_str()), (0, "Hello, Ada\n"), "{}", output.stderr);
    let prepare = "import { Queue } from 'bullmq';
        const queue = new Queue('jobs', { connection: { host: '127.0.0.1', port: Number(process.env.REDIS), password: 'canary' } });
        await queue.add('greet', {}, { delay: 600000 });
        await queue.add('nothing', {});
        await queue.close();";
    let output = run(node(&folder, &["--input-type=module", "-e", prepare]).env("REDIS", redis.port.to_string()));
    assert_eq!(output.code, 0, "{}", output.stderr);
    let expected = [
        "bullmq_jobs{queue=\"jobs\",state=\"waiting\"} 0",
        "bullmq_jobs{queue=\"jobs\",state=\"delayed\"} 1",
        "bullmq_jobs{queue=\"jobs\",state=\"failed\"} 1",
        "bullmq_jobs_ended_total{queue=\"jobs\",result=\"completed\"} 1",
        "bullmq_jobs_ended_total{queue=\"jobs\",result=\"failed\"} 1",
    ];
    let counted = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        worker.ask("/metrics").is_some_and(|text| expected.iter().all(|line| text.lines().any(|other| other == *line)))
    });
    assert!(counted, "{:?}", worker.ask("/metrics"));
    assert!(worker.ask("/metrics").unwrap().contains("content-type: text/plain; version=0.0.4"));
    worker.assert_stops();
}

#[test]
fn fastapi() {
    let Some(python) = tool("templates/fastapi/bin/python") else { return };
    let frozen = run(Command::new(&python).args(["-m", "pip", "freeze"])).stdout;
    for pin in std::fs::read_to_string(root().join("templates/fastapi/requirements.txt")).unwrap().lines() {
        assert!(frozen.lines().any(|line| line == pin), "{pin} is not what tests/tools.sh installed");
    }
    let folder = write_template("fastapi");
    let service = folder.path().join("service");
    assert_success(Command::new(&python).args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).current_dir(&service));
    Server::start(Command::new(&python).args(["-m", "service"]).current_dir(&service)).serves_and_stops();
}

/// Runs the go command offline in the folder of a template.
fn go_offline(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("go");
    command.args(arguments).current_dir(folder.join("service"));
    command.env("GOPROXY", "off").env("GOFLAGS", "-mod=readonly").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
    assert_success(&mut command);
}

/// Compiles a template into `dist`.
pub fn compiled(template: &str) -> tempfile::TempDir {
    let folder = write_template(template);
    std::fs::create_dir(folder.path().join("dist")).unwrap();
    go_offline(folder.path(), &["build", "-trimpath", "-o", "../dist/service", "."]);
    folder
}

/// Compiles a template into `dist` and runs its tests.
fn compiled_and_tested(template: &str) -> tempfile::TempDir {
    let folder = compiled(template);
    go_offline(folder.path(), &["vet", "./..."]);
    go_offline(folder.path(), &["test", "./..."]);
    folder
}

#[test]
fn connect_go() {
    let folder = compiled_and_tested("connect-go");
    let mut server = Server::start(&mut Command::new(folder.path().join("dist/service")));
    server.healthy();
    let greet = |options: &[&str], body: &str| {
        let url = format!("http://127.0.0.1:{}/service.v1.GreetService/Greet", server.port);
        run(Command::new("curl")
            .args(["-sS", "-H", "content-type: application/json", "-d", body])
            .args(options)
            .arg(url))
    };
    assert_eq!(greet(&[], "\"Ada\"").stdout, "\"Hello, Ada\"");
    assert_eq!(greet(&["--http2-prior-knowledge"], "\"Ada\"").stdout, "\"Hello, Ada\"");
    assert!(greet(&[], "\"\"").stdout.contains("invalid_argument"));
    server.assert_stops();
}

#[test]
fn go() {
    let folder = compiled_and_tested("go-http");
    Server::start(&mut Command::new(folder.path().join("dist/service"))).serves_and_stops();
    run_in_container(folder.path());
}

/// Runs only the program, in an image that nself packs, as an unprivileged user and with a read-only file system.
fn run_in_container(folder: &Path) {
    let (Some(umoci), Some(runc)) = (tool("/usr/bin/umoci"), tool("/usr/sbin/runc")) else { return };
    std::fs::write(
        folder.join("stack.ncl"),
        "let nself = import \"nself/main.ncl\" in
         { project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",
           services.hello = nself.templates.go-http & {
             image = \"ghcr.io/acme/hello:1.0.0\", layout = { folder = \"dist\", platforms = [\"linux/amd64\"] },
             command = [\"/app/service\"],
           } } | nself.Stack\n",
    )
    .unwrap();
    let output = nself_in(folder, ["image", "hello", "--out", "made"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_success(Command::new(umoci).args(["unpack", "--image", "made:1.0.0", "bundle"]).current_dir(folder));
    std::fs::copy(folder.join("made/runtime/linux-amd64.json"), folder.join("bundle/config.json")).unwrap();
    let runc = |arguments: &[&str]| {
        let mut command = Command::new(&runc);
        command.args(["--root", "state"]).args(arguments).current_dir(folder);
        command
    };
    let mut process =
        runc(&["run", "--bundle", "bundle", "hello"]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let healthy = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        run(&mut runc(&["exec", "hello", "/app/service", "healthz"])).code == 0
    });
    let state = run(&mut runc(&["state", "hello"])).stdout;
    let pid = serde_json::from_str::<serde_json::Value>(&state).unwrap_or_default()["pid"].to_string();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let _ = run(&mut runc(&["kill", "hello", "TERM"]));
    let ended = process.wait().unwrap();
    let _ = run(&mut runc(&["delete", "--force", "hello"]));
    assert!(healthy);
    assert!(status.contains("Uid:\t10001\t10001") && status.contains("CapEff:\t0000000000000000"), "{status}");
    assert!(ended.success(), "{ended}");
}
