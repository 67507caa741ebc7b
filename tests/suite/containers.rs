//! Runs every template in a container: nself packs its image, a real engine loads it and starts it from the generated
//! Compose file, as an unprivileged user and with a read-only file system. Also runs the generated bake file with a
//! real builder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::registry::{DebianRegistry, PASSWORD};
use crate::support::{ProcessOutput, nself_in, root, run, skip, stack, tool};
use crate::templates::{compiled, with_packages, write_template};
use crate::up::in_own_namespaces;

fn assert_success(output: ProcessOutput) -> ProcessOutput {
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    output
}

pub fn copy_file(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    assert_success(run(Command::new("cp").arg("-aLT").arg(from).arg(to)));
}

/// Copies a program and its shared libraries from this machine, to the same paths.
pub fn with_libraries(program: &Path, at: &str, root: &Path) {
    copy_file(program, &root.join(at.trim_start_matches('/')));
    libraries(program, root);
}

fn libraries(program: &Path, root: &Path) {
    for line in run(Command::new("ldd").arg(program)).stdout.lines() {
        let path = line.split_whitespace().find(|word| word.starts_with('/'));
        let Some(path) = path.map(Path::new) else { continue };
        let target = root.join(path.strip_prefix("/").unwrap());
        if !target.exists() {
            copy_file(path, &target);
        }
    }
}

pub fn find_file(name: &str) -> PathBuf {
    let path = assert_success(run(Command::new("sh").args(["-c", &format!("readlink -f \"$(command -v {name})\"")])));
    PathBuf::from(path.stdout.trim())
}

/// Creates the root file system of a Node.js service.
fn node(template: &str, files: &[&str], root: &Path) -> Option<()> {
    let folder = with_packages(template, &["run", "build", "--if-present"])?;
    node_files(&folder.path().join("service"), &[files, &["node_modules"]].concat(), root);
    Some(())
}

/// Copies the program and files of a Node.js service.
fn node_files(service: &Path, files: &[&str], root: &Path) {
    with_libraries(&find_file("node"), "/usr/bin/node", root);
    for file in files.iter().chain(&["package.json"]) {
        copy_file(&service.join(file), &root.join("app").join(file));
    }
}

/// Creates a root file system with the interpreter and packages of the virtual environment of the template fastapi.
fn python_base(root: &Path) -> Option<()> {
    let program = tool("templates/fastapi/bin/python")?;
    let ask =
        "import sys, sysconfig; print(sys.executable, sysconfig.get_path('stdlib'), sysconfig.get_path('purelib'))";
    let output = assert_success(run(Command::new(&program).args(["-c", ask]))).stdout;
    let [executable, library, packages] = output.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{output}") };
    with_libraries(&std::fs::canonicalize(executable).unwrap(), "/usr/bin/python3", root);
    let target = root.join(library.trim_start_matches('/'));
    std::fs::create_dir_all(&target).unwrap();
    let archive = "cd \"$1\" && tar --exclude=site-packages --exclude=dist-packages --exclude=test --exclude=__pycache__ \
                   --exclude=idlelib --exclude=lib2to3 --exclude=ensurepip --exclude=tkinter -c . | tar -C \"$2\" -x";
    assert_success(run(Command::new("sh").args(["-c", archive, "sh", library]).arg(&target)));
    copy_file(Path::new(packages), &root.join("app/packages"));
    compile_python(&program, root);
    // Extension modules need additional shared libraries.
    for entry in walkdir::WalkDir::new(root).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() && entry.file_name().to_string_lossy().contains(".so") {
            libraries(entry.path(), root);
        }
    }
    Some(())
}

/// Compiles a folder as a Dockerfile does; otherwise each start compiles again. All times in layers are equal, so hashes
/// decide.
fn compile_python(program: &Path, folder: &Path) {
    let compile = ["-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"];
    run(Command::new(program).args(compile).arg(folder));
}

/// Creates the root file system of a Python service with these folders, from that of [`python_base`].
fn python(template: &str, folders: &[&str], base: &Path, root: &Path) -> Option<()> {
    let program = tool("templates/fastapi/bin/python")?;
    std::fs::create_dir_all(root).unwrap();
    assert_success(run(Command::new("cp").arg("-aT").arg(base).arg(root)));
    let folder = write_template(template);
    for name in folders {
        let target = root.join("app").join(name);
        copy_file(&folder.path().join("service").join(name), &target);
        compile_python(&program, &target);
    }
    Some(())
}

fn go(template: &str, root: &Path) {
    let folder = compiled(template);
    copy_file(&folder.path().join("dist/service"), &root.join("app/service"));
}

/// Template, port, and command of the image.
const SERVICES: [(&str, u16, &str); 8] = [
    ("bullmq", 8001, r#"command = ["/usr/bin/node", "src/main.js"], working_dir = "/app""#),
    ("connect-go", 8002, r#"command = ["/app/service"]"#),
    ("express", 8003, r#"command = ["/usr/bin/node", "src/main.js"], working_dir = "/app""#),
    (
        "fastapi",
        8004,
        r#"command = ["/usr/bin/python3", "-m", "service"], working_dir = "/app", env = { PYTHONPATH = "/app/packages", PYTHONDONTWRITEBYTECODE = "1" }"#,
    ),
    ("functions-node", 8007, r#"command = ["/usr/bin/node", "src/main.js"], working_dir = "/app""#),
    (
        "functions-python",
        8008,
        r#"command = ["/usr/bin/python3", "-m", "runtime"], working_dir = "/app", env = { PYTHONPATH = "/app/packages", PYTHONDONTWRITEBYTECODE = "1" }"#,
    ),
    ("go-http", 8005, r#"command = ["/app/service"]"#),
    ("nestjs", 8006, r#"command = ["/usr/bin/node", "dist/src/main.js"], working_dir = "/app""#),
];

fn shop() -> tempfile::TempDir {
    let services: String = SERVICES
        .iter()
        .map(|(name, port, more)| {
            format!(
                "  services.of-{name} = nself.templates.{name} & {{ image = \"registry.example.com/of-{name}:1.0.0\", port = {port},\n\
                 \x20   layout = {{ folder = \"roots/{name}\", path = \"/\", platforms = [\"linux/amd64\"] }}, {more} }},\n"
            )
        })
        .collect();
    // An image of one folder for two platforms.
    let more = "services.of-two-platforms = { image = \"registry.example.com/of-two-platforms:1.0.0\", user = \"10001:10001\",\n\
                \x20   layout = { folder = \"roots/go-http\", path = \"/\", platforms = [\"linux/amd64\", \"linux/arm64/v8\"] },\n\
                \x20   health.none = \"it is not started\", command = [\"/app/service\"] },\n";
    stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.redis = nself.services.redis,\n{services}{more}}}"
    ))
}

#[test]
fn every_template_runs_without_root_and_with_a_read_only_file_system() {
    if tool("bin/docker-compose-2").is_some() {
        in_own_namespaces(
            "containers::every_template_runs_without_root_and_with_a_read_only_file_system",
            run_templates,
        );
    }
}

/// A container engine for one test, which stops when the value is dropped.
struct Engine {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Engine {
    fn start(file: PathBuf) -> Engine {
        let engine = Engine { folder: tempfile::tempdir().unwrap(), file };
        assert_success(run(Command::new(root().join("tests/engine.sh")).arg("start").arg(engine.folder.path())));
        engine
    }

    fn with<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("DOCKER_HOST", format!("unix://{}/docker.sock", self.folder.path().display()))
    }

    fn docker(&self, arguments: &[&str]) -> ProcessOutput {
        run(self.with(Command::new("docker").args(arguments)))
    }

    fn compose(&self, arguments: &[&str]) -> ProcessOutput {
        let compose = tool("bin/docker-compose-2").unwrap();
        run(self.with(Command::new(compose).arg("-f").arg(&self.file).args(arguments)))
    }

    fn inspect(&self, name: &str) -> Value {
        let id = assert_success(self.compose(&["ps", "-aq", name])).stdout;
        let all: Value = serde_json::from_str(&assert_success(self.docker(&["inspect", id.trim()])).stdout).unwrap();
        all[0].clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "--timeout", "5"]);
        run(Command::new(root().join("tests/engine.sh")).arg("stop").arg(self.folder.path()));
    }
}

fn run_templates() {
    let project = shop();
    let folder = project.path();
    let at = |name: &str| folder.join("roots").join(name);
    let functions = write_template("functions-node");
    node_files(&functions.path().join("service"), &["src", "functions"], &at("functions-node"));
    let temporary = tempfile::tempdir().unwrap();
    let base = temporary.path().join("root");
    let ready = python_base(&base)
        .and(python("fastapi", &["service"], &base, &at("fastapi")))
        .and(python("functions-python", &["runtime", "functions"], &base, &at("functions-python")))
        .and(node("express", &["src"], &at("express")))
        .and(node("nestjs", &["dist"], &at("nestjs")))
        .and(node("bullmq", &["src"], &at("bullmq")));
    assert!(ready.is_some(), "nothing started, although the tools are installed");
    go("go-http", &at("go-http"));
    go("connect-go", &at("connect-go"));
    assert_success(nself_in(folder, ["gen"]));
    assert_success(nself_in(folder, ["secrets", "init", "--env", "local"]));
    let engine = Engine::start(folder.join("deploy/local/compose.yaml"));
    load(&engine, folder);
    // Stand-ins of the same name replace images that are not built here.
    let compose = std::fs::read_to_string(&engine.file).unwrap();
    let redis = compose.lines().find(|line| line.contains("image:") && line.contains("library/redis")).unwrap();
    std::fs::write(folder.join("redis.yaml"), format!("{redis}\n")).unwrap();
    let script = root().join("tests/images/build.sh");
    assert_success(run(engine.with(Command::new(script).arg(folder.join("redis.yaml")))));

    let names: Vec<String> = SERVICES.iter().map(|(name, ..)| format!("of-{name}")).collect();
    let mut up = vec!["up", "-d", "--no-build", "--wait", "--wait-timeout", "300"];
    up.extend(names.iter().map(String::as_str));
    let output = engine.compose(&up);
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, engine.compose(&["logs", "--tail", "20"]).stdout);
    for (name, port, _) in SERVICES {
        let container = engine.inspect(&format!("of-{name}"));
        assert_eq!(container["State"]["Health"]["Status"], "healthy", "{name}");
        assert_eq!(container["HostConfig"]["ReadonlyRootfs"], true, "{name}");
        let status = std::fs::read_to_string(format!("/proc/{}/status", container["State"]["Pid"])).unwrap();
        assert!(status.contains("Uid:\t10001\t10001\t10001\t10001"), "{name}: {status}");
        assert!(status.contains("CapEff:\t0000000000000000") && status.contains("NoNewPrivs:\t1"), "{name}: {status}");
        let mut networks = container["NetworkSettings"]["Networks"].as_object().unwrap().values();
        let address = networks.next().unwrap()["IPAddress"].as_str().unwrap().to_owned();
        let curl = |path: &str, more: &[&str]| {
            let url = format!("http://{address}:{port}{path}");
            run(Command::new("curl").args(["-sS", "--max-time", "10"]).args(more).arg(url)).stdout
        };
        let answer = match name {
            "connect-go" => {
                curl("/service.v1.GreetService/Greet", &["-H", "content-type: application/json", "-d", "\"Ada\""])
            }
            "bullmq" => curl("/healthz", &[]).replace("ok", "Hello, Ada"),
            _ => curl("/hello/Ada", &[]),
        };
        assert!(answer.contains("Hello, Ada"), "{name}: {answer}");
    }
    // Known-bad control: without `read_only`, a container can write.
    let image = "registry.example.com/of-express:1.0.0";
    let script = "require('fs').writeFileSync('/tmp-or-not', 'x')";
    let write = |more: &[&str]| {
        let mut arguments = vec!["run", "--rm", "--network", "none", "--user", "0:0"];
        arguments.extend(more);
        arguments.extend([image, "/usr/bin/node", "-e", script]);
        engine.docker(&arguments).code
    };
    assert_eq!((write(&[]), write(&["--read-only"])), (0, 1));
    // Each service stops after the stop signal, before the engine kills it.
    assert_success(engine.compose(&["stop", "--timeout", "20"]));
    for name in &names {
        assert_eq!(engine.inspect(name)["State"]["ExitCode"], 0, "{name}");
    }
}

/// Packs the images and loads each into the engine under its name in the stack.
fn load(engine: &Engine, folder: &Path) {
    let file = folder.join("image.tar");
    let layout = folder.join("made");
    let load = || engine.docker(&["load", "-i", &file.display().to_string()]);
    let inspect =
        |image: &str, what: &str| assert_success(engine.docker(&["image", "inspect", "-f", what, image])).stdout;
    for name in SERVICES.iter().map(|(name, ..)| *name).chain(["two-platforms"]) {
        assert_success(nself_in(folder, ["image", &format!("of-{name}"), "--out", "made"]));
        if name == SERVICES[0].0 {
            // Known-bad controls before the engine has the layers: no layers, and a layer with different content.
            for layers in ["[]", "[\"blobs/sha256/CONFIG\"]"] {
                let text = std::fs::read_to_string(layout.join("manifest.json")).unwrap();
                let mut list: Value = serde_json::from_str(&text).unwrap();
                let config = list[0]["Config"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                list[0]["Layers"] = serde_json::from_str(&layers.replace("CONFIG", &config)).unwrap();
                std::fs::write(layout.join("manifest.json"), list.to_string()).unwrap();
                archive(&layout, &file);
                assert_ne!(load().code, 0, "{layers}");
                std::fs::write(layout.join("manifest.json"), text).unwrap();
            }
        }
        archive(&layout, &file);
        let loaded = assert_success(load()).stdout;
        let image = format!("registry.example.com/of-{name}:1.0.0");
        assert!(loaded.contains(&format!("Loaded image: {image}\n")), "{loaded}");
        assert_eq!(inspect(&image, "{{.Config.User}} {{.Architecture}}"), "10001:10001 amd64\n");
    }
    // The first platform has the name itself; the others have a suffix.
    let other = "registry.example.com/of-two-platforms:1.0.0-arm64-v8";
    assert_eq!(inspect(other, "{{.Config.User}} {{.Architecture}}"), "10001:10001 arm64\n");
    std::fs::remove_file(file).unwrap();
    std::fs::remove_dir_all(layout).unwrap();
}

/// Packs a layout into one file.
fn archive(layout: &Path, file: &Path) {
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(layout).arg("-cf").arg(file).arg(".");
    assert_success(run(&mut tar));
}

/// Other runtimes: podman loads the layout directly, and crun uses the runtime configuration.
#[test]
fn podman_and_crun_run_images_that_nself_packs() {
    let (Some(trixie), Some(podman), Some(crun)) = (tool("trixie"), tool("/usr/bin/podman"), tool("/usr/bin/crun"))
    else {
        return;
    };
    let project = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.hello = { image = \"ghcr.io/acme/hello:1.0.0\", port = 8001,\n\
         user = \"10001:10001\", layout = { folder = \"root\", platforms = [\"linux/amd64\"] }, health.none = \"it ends\",\n\
         command = [\"/app/busybox\", \"sh\", \"-c\", \"/app/busybox id; echo x >/app/x\"] } }",
    );
    let folder = project.path();
    copy_file(&trixie.join("usr/bin/busybox"), &folder.join("root/busybox"));
    assert_success(nself_in(folder, ["image", "hello", "--out", "made"]));
    archive(&folder.join("made"), &folder.join("image.tar"));
    let podman = |arguments: &[&str]| {
        let mut command = Command::new(&podman);
        command.args([
            "--root",
            "storage",
            "--runroot",
            "run",
            "--storage-driver",
            "vfs",
            "--cgroup-manager",
            "cgroupfs",
        ]);
        run(command.args(["--runtime", "/usr/sbin/runc"]).args(arguments).current_dir(folder))
    };
    let loaded = assert_success(podman(&["load", "-q", "-i", "image.tar"])).stdout;
    let name = loaded.trim().rsplit(' ').next().unwrap();
    // podman's default limits exceed the limits of this machine.
    let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
    let mut arguments = vec!["run", "--rm", "--network", "none", "--read-only", "--cap-drop", "all"];
    arguments.extend(limits);
    arguments.push(name);
    let output = podman(&arguments);
    let says =
        |output: &ProcessOutput| output.stdout.contains("uid=10001") && output.stderr.contains("Read-only file system");
    assert!(output.code == 1 && says(&output), "{output:?}");

    assert_success(run(Command::new("umoci").args(["unpack", "--image", "made:1.0.0", "bundle"]).current_dir(folder)));
    std::fs::copy(folder.join("made/runtime/linux-amd64.json"), folder.join("bundle/config.json")).unwrap();
    let output =
        run(Command::new(crun).args(["--root", "state", "run", "--bundle", "bundle", "hello"]).current_dir(folder));
    if output.stderr.contains("cgroups in hybrid mode not supported") {
        return skip("crun refuses this machine's control groups");
    }
    assert!(output.code == 1 && says(&output), "{output:?}");
}

/// A running builder, which stops when the value is dropped.
struct Builder {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for Builder {
    fn drop(&mut self) {
        let _ = run(Command::new("kill").arg(self.process.id().to_string()));
        let _ = self.process.wait();
    }
}

impl Builder {
    /// Starts a builder that reads images of docker.io from the registry.
    fn start(registry: &DebianRegistry) -> Builder {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = format!(
            "[registry.\"docker.io\"]\n  mirrors = [\"{0}/hub\"]\n[registry.\"{0}\"]\n  http = false\n  ca = [\"{1}\"]\n",
            registry.host,
            registry.at("ca.pem").display()
        );
        std::fs::write(at("buildkitd.toml"), config).unwrap();
        let log = std::fs::File::create(at("log")).unwrap();
        let mut command = Command::new(tool("bin/buildkitd").unwrap());
        command
            .arg("--config")
            .arg(at("buildkitd.toml"))
            .arg("--root")
            .arg(at("data"))
            .arg("--addr")
            .arg(format!("unix://{}", at("socket").display()))
            .args(["--oci-worker-net", "host", "--oci-worker-snapshotter", "native", "--containerd-worker=false"]);
        let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let builder = Builder { process, folder };
        for _ in 0..200 {
            if builder.folder.path().join("socket").exists() {
                return builder;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{}", builder.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn buildx(&self, registry: &DebianRegistry, folder: &Path, arguments: &[&str]) -> ProcessOutput {
        let mut command = Command::new(tool("bin/docker-buildx").unwrap());
        command.args(arguments).current_dir(folder).env("BUILDX_CONFIG", self.folder.path().join("buildx"));
        run(registry.configure_client(&mut command))
    }
}

#[test]
fn the_bake_file_builds_from_locked_base_images() {
    let tools = ["bin/docker-buildx", "bin/buildkitd", "/usr/bin/skopeo", "/usr/bin/docker-registry"];
    if tools.iter().all(|name| tool(name).is_some()) {
        in_own_namespaces("containers::the_bake_file_builds_from_locked_base_images", build_with_bake);
    }
}

fn build_with_bake() {
    assert_success(run(
        Command::new("sh").args(["-c", "mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup"])
    ));
    let registry = DebianRegistry::start().unwrap();
    let busybox = tool("trixie").unwrap().join("usr/bin/busybox");
    // nself also packs the base image, which has a changing text.
    let push = |text: &str| {
        let base = stack(
            "{ project = \"base\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.base = { image = \"hub/library/base:1\", port = 8001,\n\
             layout = { folder = \"root\", path = \"/\", platforms = [\"linux/amd64\"] }, command = [\"/bin/busybox\"], health.none = \"it only ends\" } }",
        );
        copy_file(&busybox, &base.path().join("root/bin/busybox"));
        std::fs::write(base.path().join("root/text"), text).unwrap();
        assert_success(nself_in(base.path(), ["image", "base", "--out", "made"]));
        let target = format!("docker://{}/hub/library/base:1", registry.host);
        let mut copy = Command::new("skopeo");
        copy.args(["copy", "--dest-creds", &format!("robot:{PASSWORD}"), "oci:made:1", &target]);
        assert_success(run(registry.configure_client(copy.current_dir(base.path()))));
    };
    let project = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
         services.web = { build = { context = \"services/web\", args.GREETING = m%%\"${HOME} 50%{x}\"%% }, port = 8001, user = \"10001:10001\",\n\
         health.exec = [\"/bin/busybox\", \"true\"], command = [\"/bin/busybox\", \"sleep\", \"1000\"] },\n\
         environments.prod.kubernetes = { enabled = true, gateway_class = \"any\", registry = \"registry.example.com/shop\", tag = \"1.2.3\" } }",
    );
    let folder = project.path();
    let dockerfile = "FROM docker.io/library/base:1 AS layout\nARG GREETING\nENV GREETING=$GREETING\n\
                      RUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo \\\"$GREETING\\\" >/greeting\"]\nCOPY index.html /\n";
    std::fs::create_dir_all(folder.join("services/web")).unwrap();
    std::fs::write(folder.join("services/web/Dockerfile"), dockerfile).unwrap();
    std::fs::write(folder.join("services/web/index.html"), "here\n").unwrap();
    let builder = Builder::start(&registry);
    let address = format!("unix://{}/socket", builder.folder.path().display());
    assert_success(builder.buildx(&registry, folder, &["create", "--name", "own", "--driver", "remote", &address]));
    let bake = |out: &str| {
        let output = format!("*.output=type=local,dest={out}");
        let arguments = ["bake", "--builder", "own", "-f", "deploy/prod/docker-bake.json", "--set", &output];
        let process_output = builder.buildx(&registry, folder, &arguments);
        assert_eq!(process_output.code, 0, "{}\n{}", process_output.stderr, builder.log());
        std::fs::read_to_string(folder.join(out).join("text")).unwrap()
    };
    crate::lock::fill(&registry, folder);
    push("first\n");
    assert_success(crate::lock::lock(&registry, folder, &[]));
    assert_success(nself_in(folder, ["gen"]));
    let file = std::fs::read_to_string(folder.join("deploy/prod/docker-bake.json")).unwrap();
    let output: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(
        output["target"]["web"]["tags"],
        serde_json::json!(["shop-prod-web:${IMAGE_TAG}", "registry.example.com/shop/web:1.2.3"])
    );
    let base = output["target"]["web"]["contexts"]["base:1"].as_str().unwrap();
    assert!(base.starts_with("docker-image://docker.io/library/base:1@sha256:"), "{base}");
    // The tag changes, but not the lock.
    push("second\n");
    assert_eq!(bake("one"), "first\n");
    assert_eq!(std::fs::read_to_string(folder.join("one/greeting")).unwrap(), "${HOME} 50%{x}\n");
    assert_eq!(std::fs::read_to_string(folder.join("one/index.html")).unwrap(), "here\n");
    // Control: without the lock, the build uses the changed tag.
    std::fs::remove_file(folder.join("nself.lock")).unwrap();
    assert_success(nself_in(folder, ["gen"]));
    assert_eq!(bake("two"), "second\n");
}
