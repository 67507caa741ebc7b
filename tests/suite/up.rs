//! Starts stacks with a real container engine, with stand-ins for images that cannot be pulled (tests/images). Requests
//! go through the generated nginx over TLS. Everything runs in separate namespaces: ports 80 and 443 are free there,
//! the bridges and packet filters of this machine do not change, and all processes stop with the test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::order::{self, Watch};
use crate::storage::signed_request;
use crate::support::{MEASURED, ProcessOutput, golden, name, nself_in, project, remark, root, run, tool};

/// A project of a golden stack and the engine that runs it; dropping the value stops both.
pub struct Stack {
    pub project: tempfile::TempDir,
    engine: tempfile::TempDir,
    compose: PathBuf,
}

impl Stack {
    pub fn start(case: &str) -> Option<Stack> {
        Stack::start_with(case, |_| ())
    }

    /// Starts a changed project.
    pub fn start_with(case: &str, change: impl FnOnce(&Path)) -> Option<Stack> {
        let compose = tool("bin/docker-compose-2")?;
        tool("trixie")?;
        let case = golden(false).into_iter().find(|path| name(path) == case).unwrap();
        let stack = Stack { project: project(&case), engine: tempfile::tempdir().unwrap(), compose };
        let output = run(Command::new(root().join("tests/engine.sh")).arg("start").arg(stack.engine.path()));
        assert_eq!(output.code, 0, "{}", output.stderr);
        change(stack.project.path());
        stack.generate();
        assert_eq!(nself_in(stack.project.path(), ["secrets", "init", "--env", "local"]).code, 0);
        Some(stack)
    }

    /// Generates the files and builds missing images.
    pub fn generate(&self) -> ProcessOutput {
        let output = nself_in(self.project.path(), ["gen"]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        let build = run(self.with_engine(&mut Command::new(root().join("tests/images/build.sh"))).arg(self.file()));
        assert_eq!(build.code, 0, "{}", build.stderr);
        output
    }

    fn file(&self) -> PathBuf {
        self.project.path().join("deploy/local/compose.yaml")
    }

    /// Returns the folder with the data of the engine, such as the logs of containers.
    pub fn engine_data(&self) -> PathBuf {
        self.engine.path().join("data")
    }

    fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.engine.path().display())
    }

    fn with_engine<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("DOCKER_HOST", self.host())
    }

    /// Makes `docker compose` in a shell use this engine.
    pub fn with_docker<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let config = self.engine.path().join("config");
        let plugins = config.join("cli-plugins");
        std::fs::create_dir_all(&plugins).unwrap();
        let _ = std::os::unix::fs::symlink(&self.compose, plugins.join("docker-compose"));
        self.with_engine(command).env("DOCKER_CONFIG", config)
    }

    pub fn compose(&self, arguments: &[&str]) -> ProcessOutput {
        run(self.with_engine(&mut Command::new(&self.compose)).arg("-f").arg(self.file()).args(arguments))
    }

    /// Runs Compose with the file of another environment among the arguments.
    pub fn compose_of(&self, arguments: &[&str]) -> ProcessOutput {
        run(self.with_engine(&mut Command::new(&self.compose)).args(arguments))
    }

    pub fn docker(&self, arguments: &[&str]) -> ProcessOutput {
        run(self.with_engine(&mut Command::new("docker")).args(arguments))
    }

    pub fn up(&self) -> ProcessOutput {
        self.compose(&["up", "-d", "--wait", "--wait-timeout", "180"])
    }

    /// Runs curl with TLS, trusting only the project's authority.
    pub fn curl(&self, host: &str, path: &str, more: &[&str]) -> ProcessOutput {
        let authority = self.project.path().join("deploy/local/secrets/authority");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "--resolve", &format!("{host}:443:127.0.0.1"), "--cacert"])
            .arg(authority);
        run(curl.arg(format!("https://{host}{path}")).args(more))
    }

    pub fn status(&self, host: &str, path: &str, more: &[&str]) -> String {
        let mut arguments = vec!["-o", "/dev/null", "-w", "%{http_code}"];
        arguments.extend(more);
        self.curl(host, path, &arguments).stdout
    }

    pub fn inspect(&self) -> BTreeMap<String, Value> {
        let ids = self.compose(&["ps", "-aq"]).stdout;
        let mut arguments = vec!["inspect"];
        arguments.extend(ids.split_whitespace());
        let all: Vec<Value> = serde_json::from_str(&self.docker(&arguments).stdout).unwrap();
        all.into_iter()
            .map(|container| {
                (container["Config"]["Labels"]["com.docker.compose.service"].as_str().unwrap().to_owned(), container)
            })
            .collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "--timeout", "5"]);
        run(Command::new(root().join("tests/engine.sh")).arg("stop").arg(self.engine.path()));
    }
}

/// A variable that is set in the process with the namespaces.
const APART: &str = "NSELF_TEST_APART";

#[test]
fn the_full_stack_starts_and_works() {
    in_own_namespaces("up::the_full_stack_starts_and_works", run_full_stack);
}

#[test]
fn databases_are_migrated_before_services_use_them() {
    in_own_namespaces("up::databases_are_migrated_before_services_use_them", migrate_before_services);
}

/// Runs the test of this name again in separate namespaces, where it calls `body`.
pub fn in_own_namespaces(test: &str, body: fn()) {
    if std::env::var_os(APART).is_some() {
        return body();
    }
    if tool("bin/docker-compose-2").is_none() || tool("trixie").is_none() {
        return;
    }
    let mut apart = Command::new("unshare");
    apart.args(["--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]);
    // The shell stays: as the first process of its namespace it reaps orphaned processes such as the engine.
    apart.args(["bash", "-c", "ip link set lo up; \"$@\"; code=$?; exit $code", "apart"]);
    apart.arg(std::env::current_exe().unwrap());
    let output = run(apart.args([test, "--exact", "--nocapture"]).env(APART, "1"));
    assert!(output.code == 0 && output.stdout.contains("1 passed"), "{}{}", output.stdout, output.stderr);
    output.stderr.lines().filter(|line| line.starts_with(MEASURED)).for_each(remark);
}

fn migrate_before_services() {
    let Some(stack) = Stack::start("database") else { panic!("nothing started, although the tools are installed") };
    let used = ["postgres", "hasura", "tickets", "reports"];
    let up = |stack: &Stack| {
        let mut arguments = vec!["up", "-d", "--wait", "--wait-timeout", "120"];
        arguments.extend(used);
        stack.compose(&arguments)
    };
    let psql = |stack: &Stack, sql: &str| {
        let output = stack.compose(&["exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "tickets", "-tAc", sql]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout.trim().to_owned()
    };
    let output = up(&stack);
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "20"]).stdout);
    let containers = stack.inspect();
    let job = &containers["migrate-tickets"]["State"];
    assert_eq!((job["Status"].as_str(), job["ExitCode"].as_i64()), (Some("exited"), Some(0)));
    for service in ["hasura", "tickets", "reports"] {
        let started = containers[service]["State"]["StartedAt"].as_str().unwrap();
        assert!(started > job["FinishedAt"].as_str().unwrap(), "{service} waited");
    }
    assert_eq!(psql(&stack, "SELECT count(*) FROM nself.ledger WHERE state = 'done'"), "1");
    assert_eq!(psql(&stack, "SELECT count(*) FROM countries"), "2", "the seeds of this environment");
    assert_eq!(psql(&stack, "SELECT tableowner FROM pg_tables WHERE tablename = 'tickets'"), "tickets_migrations");
    // A second start applies nothing.
    assert_eq!(stack.compose(&["down", "--timeout", "5"]).code, 0);
    assert_eq!(up(&stack).code, 0);
    assert!(!stack.compose(&["logs", "migrate-tickets"]).stdout.contains("applying"));
    // A changed migration prevents the start of all services that use the database.
    assert_eq!(stack.compose(&["down", "--timeout", "5"]).code, 0);
    let file = stack.project.path().join("deploy/local/migrations/tickets/0001_init.sql");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "DROP TABLE tickets;\n").unwrap();
    assert!(up(&stack).code != 0);
    assert!(stack.compose(&["logs", "migrate-tickets"]).stdout.contains("0001_init.sql was changed"));
    let state = stack.inspect()["tickets"]["State"]["Status"].as_str().unwrap_or_default().to_owned();
    assert!(state != "running", "{state}");
}

fn run_full_stack() {
    let Some(stack) = Stack::start("full-catalogue") else {
        panic!("nothing started, although the tools are installed")
    };
    for round in 1..=2 {
        let watch = Watch::start(&stack.host(), stack.project.path());
        let output = stack.up();
        assert_eq!(
            output.code,
            0,
            "round {round}: {}\n{}",
            output.stderr,
            stack.compose(&["logs", "--tail", "20"]).stdout
        );
        healthy_in_order(&stack, watch);
        if round == 1 {
            only_the_edge_is_published(&stack);
            routes_reach_their_services(&stack);
            websockets_pass(&stack);
            strangers_are_refused();
            roles_have_least_rights(&stack);
            networks_keep_zones_apart(&stack);
            limits_are_set(&stack);
            a_restarted_service_is_found_again(&stack);
            a_flood_is_answered_with_429(&stack);
            internal_routes_know_this_machine(&stack);
        }
        remove_everything(&stack);
        assert_eq!(stack.docker(&["ps", "-aq"]).stdout, "", "containers");
        assert_eq!(stack.docker(&["volume", "ls", "-q"]).stdout, "", "volumes");
        let networks = stack.docker(&["network", "ls", "--format", "{{.Name}}"]).stdout;
        assert!(!networks.contains("nself-demo"), "{networks}");
    }
    a_missing_value_stops_the_start(&stack);
}

/// Runs `docker compose down -v` until it succeeds, for at most a minute.
///
/// Under load, the engine releases the endpoints of a container some seconds after the container ended, and refuses to
/// remove the network until then. Any other error fails at once.
fn remove_everything(stack: &Stack) {
    let start = std::time::Instant::now();
    loop {
        let down = stack.compose(&["down", "-v", "--timeout", "10"]);
        if down.code == 0 {
            return;
        }
        let is_releasing = down.stderr.contains("has active endpoints") && start.elapsed().as_secs() < 60;
        let inspect = ["network", "inspect", "nself-demo-local_edge"];
        assert!(is_releasing, "{}{}", down.stderr, stack.docker(&inspect).stdout);
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// Checks that each service started once, after its dependencies were healthy or complete.
fn healthy_in_order(stack: &Stack, watch: Watch) {
    let containers = stack.inspect();
    let ids: BTreeSet<String> =
        containers.values().map(|container| container["Id"].as_str().unwrap().to_owned()).collect();
    let lives = watch.stop(&ids);

    // Read the configuration from Compose, not from the generator.
    let config: Value = serde_json::from_str(&stack.compose(&["config", "--format", "json"]).stdout).unwrap();
    let waits: BTreeMap<String, Vec<String>> = config["services"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, service)| {
            let on = service["depends_on"].as_object().into_iter().flatten().map(|(other, _)| other.clone());
            (name.clone(), on.collect())
        })
        .collect();
    for (name, on) in [("hasura", "postgres"), ("auth", "postgres"), ("ping-api", "redis"), ("s3", "volume-owner")] {
        assert!(waits[name].iter().any(|other| other == on), "{name} waits for {on}");
    }
    assert_eq!(order::faults(&waits, &lives), Vec::<String>::new(), "{lives:?}");

    let health: Value =
        serde_json::from_slice(&std::fs::read(stack.project.path().join("deploy/local/health.json")).unwrap()).unwrap();
    let services = health["services"].as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), containers.keys().collect::<Vec<_>>(), "one view of all services");
    for (name, container) in &containers {
        assert_eq!(services[name]["waits_for"], serde_json::json!(waits[name]), "{name}");
        let state = &container["State"];
        if ["postgres-setup", "s3-buckets", "volume-owner"].contains(&name.as_str()) {
            assert_eq!((state["Status"].as_str(), state["ExitCode"].as_i64()), (Some("exited"), Some(0)));
        } else {
            assert_eq!(state["Health"]["Status"], "healthy", "{name}");
        }
    }
}

fn only_the_edge_is_published(stack: &Stack) {
    let mut published = Vec::new();
    for (name, container) in stack.inspect() {
        for (_, bindings) in container["NetworkSettings"]["Ports"].as_object().unwrap() {
            for binding in bindings.as_array().into_iter().flatten() {
                published.push(format!(
                    "{name} {}:{}",
                    binding["HostIp"].as_str().unwrap(),
                    binding["HostPort"].as_str().unwrap()
                ));
            }
        }
    }
    published.sort();
    assert_eq!(published, ["admin 127.0.0.1:3021", "nginx 127.0.0.1:443", "nginx 127.0.0.1:80"]);
}

/// Requests routes in both local domains, with reads, writes and large bodies.
fn routes_reach_their_services(stack: &Stack) {
    let table = [
        ("api", "hasura", 8080),
        ("auth", "auth", 4000),
        ("search", "meilisearch", 7700),
        ("monitor", "monitor", 3000),
        ("ping", "ping-api", 8001),
        ("functions", "functions", 3000),
        ("mail", "mail", 8025),
    ];
    for domain in ["local.nself.org", "localhost"] {
        for (subdomain, service, port) in table {
            let host = format!("{subdomain}.{domain}");
            let output = stack.curl(&host, "/some/path%20x?q=1&r=%2F", &[]);
            let answer: Value = serde_json::from_str(&output.stdout)
                .unwrap_or_else(|_| panic!("{host}: {}{}", output.stdout, output.stderr));
            assert_eq!((answer["service"].as_str(), answer["port"].as_u64()), (Some(service), Some(port)), "{host}");
            assert_eq!(answer["path"], "/some/path%20x?q=1&r=%2F", "{host}: the path arrives as it was sent");
            assert_eq!(answer["headers"]["host"], host.as_str());
            assert_eq!(answer["headers"]["x-forwarded-proto"], "https");
        }
    }
    // Control: a stand-in answers only at its health path, so a wrong path in the library would be detected.
    assert_eq!(stack.status("api.localhost", "/healthz", &[]), "200");
    assert_eq!(stack.status("api.localhost", "/health", &[]), "404");

    // The wildcard host forwards to the dev server on this machine.
    let address = stack.docker(&["network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"]).stdout;
    let mut server = Command::new("python3")
        .args(["-m", "http.server", "3000", "--bind", address.trim()])
        .current_dir(stack.project.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let reached = (0..50).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        stack.status("www.local.nself.org", "/stack.ncl", &[]) == "200"
    });
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(reached, "nginx forwards the wildcard to the host's port 3000");

    // 20 MiB: more than other routes accept, streamed to storage.
    let file = stack.project.path().join("large");
    std::fs::write(&file, vec![b'x'; 20 << 20]).unwrap();
    let upload = format!("@{}", file.display());
    assert_eq!(signed_request(stack, "/uploads/large", &["-T", &file.display().to_string()]), "200");
    assert_eq!(stack.status("storage.local.nself.org", "/uploads/large", &[]), "403", "without a key");
    assert_eq!(stack.status("ping.local.nself.org", "/", &["-X", "POST", "--data-binary", &upload]), "413");
}

fn websockets_pass(stack: &Stack) {
    let authority = stack.project.path().join("deploy/local/secrets/authority");
    let script = r"
import base64, os, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
tcp = context.wrap_socket(socket.create_connection(('127.0.0.1', 443), 10), server_hostname='api.local.nself.org')
key = base64.b64encode(os.urandom(16)).decode()
tcp.sendall(('GET /v1/graphql HTTP/1.1\r\nHost: api.local.nself.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
             'Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n' % key).encode())
head = b''
while b'\r\n\r\n' not in head:
    head += tcp.recv(1)
assert b' 101 ' in head.split(b'\r\n')[0], head
mask, text = b'\x01\x02\x03\x04', b'hello'
tcp.sendall(b'\x81' + bytes([0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
answer = b''
while len(answer) < 7:
    answer += tcp.recv(7)
assert answer == b'\x81\x05hello', answer
print('echoed')
";
    let output = run(Command::new("python3").args(["-c", script]).arg(authority));
    assert_eq!(output.stdout, "echoed\n", "{}", output.stderr);
}

fn strangers_are_refused() {
    let http = |host: &str, path: &str| {
        run(Command::new("curl")
            .args([
                "-sS",
                "--max-time",
                "10",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code} %{redirect_url}",
                "-H",
                &format!("Host: {host}"),
            ])
            .arg(format!("http://127.0.0.1{path}")))
    };
    assert_eq!(http("api.localhost", "/a?b=1").stdout, "308 https://api.localhost/a?b=1");
    let unknown = http("evil.example", "/");
    assert_eq!(unknown.code, 52, "closed without an answer: {}", unknown.stdout);
    let tls = run(Command::new("curl").args([
        "-ksS",
        "--max-time",
        "10",
        "--resolve",
        "evil.example:443:127.0.0.1",
        "https://evil.example/",
    ]));
    assert_eq!(tls.code, 35, "no handshake: {}{}", tls.stdout, tls.stderr);
    // A client that trusts other authorities refuses the certificate.
    let system = run(Command::new("curl").args([
        "-sS",
        "--max-time",
        "10",
        "--resolve",
        "api.localhost:443:127.0.0.1",
        "https://api.localhost/",
    ]));
    assert_eq!(system.code, 60, "{}", system.stdout);
}

fn a_flood_is_answered_with_429(stack: &Stack) {
    let authority = stack.project.path().join("deploy/local/secrets/authority");
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "--max-time",
        "30",
        "-Z",
        "--parallel-max",
        "20",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}\n",
        "--resolve",
        "auth.local.nself.org:443:127.0.0.1",
        "--cacert",
    ])
    .arg(authority);
    let codes = run(curl.arg("https://auth.local.nself.org/?[1-60]")).stdout;
    let count = |code: &str| codes.lines().filter(|line| *line == code).count();
    assert!(count("200") >= 15 && count("429") >= 20, "{codes}");
    assert_eq!(count("200") + count("429"), 60, "{codes}");
}

/// Requests through ports on the loopback address come from this machine, which is internal; direct requests of other
/// containers are not. Ports on other addresses could be used from anywhere.
fn internal_routes_know_this_machine(stack: &Stack) {
    let script = r"
import socket, ssl, sys
context = ssl._create_unverified_context()
tls = context.wrap_socket(socket.create_connection(('nginx', 8443), 10), server_hostname=sys.argv[1])
tls.sendall(('GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % (sys.argv[2], sys.argv[1])).encode())
print(tls.recv(4096).split(b' ')[1].decode())
";
    for (host, path) in [("monitor.local.nself.org", "/"), ("api.local.nself.org", "/console")] {
        assert_eq!(stack.status(host, path, &[]), "200", "{host}{path}");
        let output = stack.compose(&["exec", "-T", "auth", "python3", "-c", script, host, path]);
        assert_eq!(output.stdout.trim(), "403", "{host}{path}: {}", output.stderr);
    }
    let output = stack.compose(&["exec", "-T", "auth", "python3", "-c", script, "api.local.nself.org", "/v1/graphql"]);
    assert_eq!(output.stdout.trim(), "200", "{}", output.stderr);

    let file = stack.project.path().join("stack.ncl");
    let text = std::fs::read_to_string(&file).unwrap();
    let everywhere = "services.nginx.publish = { http.address = \"0.0.0.0\", https.address = \"0.0.0.0\" },";
    let outside = text.replace("edge.rate_limits.auth =", &format!("{everywhere}\n  edge.rate_limits.auth ="));
    assert_ne!(text, outside);
    std::fs::write(&file, outside).unwrap();
    assert_eq!(nself_in(stack.project.path(), ["gen"]).code, 0);
    // The running nginx tests and loads the new files without downtime.
    for arguments in [["-t"].as_slice(), &["-s", "reload"]] {
        let mut command = vec!["exec", "-T", "nginx", "nginx", "-e", "stderr", "-c", "/etc/nself/nginx.conf"];
        command.extend(arguments);
        let output = stack.compose(&command);
        assert_eq!(output.code, 0, "{}", output.stderr);
    }
    let is_refused = (0..50).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        stack.status("monitor.local.nself.org", "/", &[]) == "403"
    });
    assert!(is_refused);
    // The start script may reload nginx once more. A worker that ends closes a connection that it accepted just
    // before and that has not sent a request yet.
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(stack.status("api.local.nself.org", "/", &[]), "200", "other routes stay");
    std::fs::write(&file, text).unwrap();
    assert_eq!(nself_in(stack.project.path(), ["gen"]).code, 0);
}

fn roles_have_least_rights(stack: &Stack) {
    let as_superuser =
        |query: &str| stack.compose(&["exec", "-T", "postgres", "psql", "-U", "postgres", "-qtAc", query]).stdout;
    assert_eq!(
        as_superuser(
            "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolcanlogin AND NOT rolsuper"
        )
        .trim(),
        "auth hasura ping_api"
    );
    assert_eq!(as_superuser("SELECT count(*) FROM pg_roles WHERE rolsuper").trim(), "1");
    let secret =
        |name: &str| std::fs::read_to_string(stack.project.path().join("deploy/local/secrets").join(name)).unwrap();
    let as_role = |url: &str, query: &str| stack.compose(&["exec", "-T", "postgres", "psql", url, "-qtAc", query]);
    let ping = secret("ping_api_main_url");
    assert_eq!(as_role(&ping, "SELECT current_user || current_database()").stdout.trim(), "ping_apiping");
    assert_ne!(as_role(&ping.replace("/ping", "/nself_demo"), "SELECT 1").code, 0, "another service's database");
    assert_ne!(as_role(&ping.replace("/ping", "/postgres"), "SELECT 1").code, 0, "the server's own database");
    assert_eq!(as_role(&secret("auth_main_url"), "CREATE TABLE auth.probe (id int); DROP TABLE auth.probe").code, 0);
    assert_ne!(as_role(&secret("auth_main_url"), "CREATE TABLE public.probe (id int)").code, 0);
}

fn networks_keep_zones_apart(stack: &Stack) {
    let reach = |from: &str, host: &str, port: &str| {
        // The root file system of nginx has bash and no Python.
        let (program, script) = if from == "nginx" {
            ("bash", format!("exec 3<>/dev/tcp/{host}/{port}"))
        } else {
            ("python3", format!("import socket; socket.create_connection(('{host}', {port}), 3)"))
        };
        stack.compose(&["exec", "-T", from, "timeout", "5", program, "-c", &script]).code == 0
    };
    assert!(reach("ping-api", "postgres", "5432"));
    assert!(reach("nginx", "hasura", "8080"));
    assert!(reach("auth", "mail", "1025"), "mail is handed over by SMTP");
    assert!(reach("mail", "127.0.0.1", "1025"), "control: a connection from mail to a port that it reaches");
    assert!(!reach("nginx", "postgres", "5432"), "the edge does not see the data zone");
    assert!(!reach("mail", "postgres", "5432"), "a service that asked for nothing sees nothing");
}

fn limits_are_set(stack: &Stack) {
    for (name, container) in stack.inspect() {
        let host = &container["HostConfig"];
        assert!(
            host["Memory"].as_u64().unwrap() > 0
                && host["NanoCpus"].as_u64().unwrap() > 0
                && host["PidsLimit"].as_u64().unwrap() > 0,
            "{name}"
        );
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]), "{name}");
        assert!(
            host["SecurityOpt"]
                .as_array()
                .unwrap()
                .iter()
                .any(|option| option.as_str().unwrap().starts_with("no-new-privileges")),
            "{name}"
        );
        assert_eq!(host["LogConfig"]["Config"]["max-size"], "10m", "{name}");
        let development = ["admin", "functions"].contains(&name.as_str());
        assert_eq!(host["ReadonlyRootfs"], !development, "{name}");
        let root = ["functions", "volume-owner"].contains(&name.as_str());
        assert_eq!(matches!(container["Config"]["User"].as_str(), Some("" | "0:0")), root, "{name}");
        assert!(
            container["Config"]["Env"]
                .as_array()
                .unwrap()
                .iter()
                .all(|variable| !variable.as_str().unwrap().ends_with('=')),
            "{name}: no empty variable"
        );
    }
}

/// A static upstream would answer 502 after a restart.
fn a_restarted_service_is_found_again(stack: &Stack) {
    assert_eq!(stack.compose(&["up", "-d", "--force-recreate", "--no-deps", "meilisearch"]).code, 0);
    let back = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        stack.status("search.local.nself.org", "/", &[]) == "200"
    });
    assert!(back);
}

/// Known-bad control: the stand-ins refuse the same settings as the real images.
fn a_missing_value_stops_the_start(stack: &Stack) {
    let file = stack.file();
    let text = std::fs::read_to_string(&file).unwrap();
    let env = stack.project.path().join("deploy/local/.env");
    let values = std::fs::read_to_string(&env).unwrap();
    std::fs::write(&env, values.replace("HASURA_ADMIN_SECRET=", "OTHER=")).unwrap();
    let output = stack.up();
    assert!(output.code != 0 && output.stderr.contains("run nself secrets init"), "{}", output.stderr);
    std::fs::write(&env, values).unwrap();
    std::fs::write(
        &file,
        text.replace("HASURA_GRAPHQL_METADATA_DATABASE_URL:", "HASURA_GRAPHQL_METADATA_DATABASE_URI:"),
    )
    .unwrap();
    let output = stack.compose(&["up", "-d", "--wait", "--wait-timeout", "60", "hasura"]);
    assert_ne!(output.code, 0, "hasura without its metadata database");
    let logs = stack.compose(&["logs", "hasura"]).stdout;
    assert!(logs.contains("HASURA_GRAPHQL_METADATA_DATABASE_URL is missing"), "{logs}");
    std::fs::write(&file, text).unwrap();
}
