//! Reads and runs images that nself packs with other programs: skopeo, umoci, runc, a registry.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::registry::{DebianRegistry, PASSWORD};
use crate::support::{nself, nself_in, run, stack, tool, tree};

const CANARY: &str = "canary-5d2f8e91c07b4a36";

/// Creates a project with a static web server in a folder.
fn project(busybox: &Path, layout: &str) -> tempfile::TempDir {
    let project = stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.web = {{
          image = \"ghcr.io/acme/web:1.0.0\", port = 8001, user = \"10001:10001\", {layout},
          command = [\"/app/busybox\", \"httpd\", \"-f\", \"-p\", \"8001\", \"-h\", \"/app/www\"],
          env = {{ GREETING = \"hello\", TOKEN = nself.secret \"jwt_secret\" }},
          health.exec = [\"/app/busybox\", \"wget\", \"-q\", \"-O\", \"/dev/null\", \"http://127.0.0.1:8001/\"],
        }} }}"
    ));
    let web = project.path().join("web");
    std::fs::create_dir_all(web.join("www")).unwrap();
    std::fs::copy(busybox, web.join("busybox")).unwrap();
    std::fs::set_permissions(web.join("busybox"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(web.join("www/index.html"), "it runs\n").unwrap();
    std::fs::write(web.join(".env"), format!("PASSWORD={CANARY}\n")).unwrap();
    std::os::unix::fs::symlink("index.html", web.join("www/start.html")).unwrap();
    project
}

fn busybox() -> Option<PathBuf> {
    Some(tool("trixie")?.join("usr/bin/busybox"))
}

fn json(bytes: &str) -> Value {
    serde_json::from_str(bytes).unwrap_or_else(|error| panic!("{error}: {bytes}"))
}

#[test]
fn an_image_is_the_same_on_every_machine_and_in_every_order() {
    let Some(busybox) = busybox() else { return };
    let layout = "layout = { folder = \"web\", platforms = [\"linux/amd64\", \"linux/arm64/v8\"] }";
    let mut layouts = std::collections::BTreeSet::new();
    // The types of the OCI specification contain hash maps, whose order differs in each process. Two keys are in the same
    // order in eight processes in one of 128 runs, and more keys more rarely.
    for i in 0..8 {
        let project = project(&busybox, layout);
        let mut command = nself(project.path());
        command.args(["image", "web", "--out", "made"]).env("TZ", format!("UTC+{i}")).env("HOME", project.path());
        let output = run(&mut command);
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert!(output.stderr.contains("left out: .env"), "{}", output.stderr);
        let files = tree(&project.path().join("made"));
        assert!(files.values().all(|bytes| !bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes())));
        layouts.insert(files);
    }
    assert_eq!(layouts.len(), 1);
    // Known-bad control: different content gives a different image.
    let project = project(&busybox, layout);
    std::fs::write(project.path().join("web/www/index.html"), "it differs\n").unwrap();
    assert_eq!(nself_in(project.path(), ["image", "web", "--out", "made"]).code, 0);
    assert!(!layouts.contains(&tree(&project.path().join("made"))));
}

#[test]
fn registries_and_skopeo_accept_an_index_over_platforms() {
    let (Some(busybox), Some(registry), Some(skopeo)) = (busybox(), DebianRegistry::start(), tool("/usr/bin/skopeo"))
    else {
        return;
    };
    let project = project(&busybox, "layout = { folder = \"web\", platforms = [\"linux/amd64\", \"linux/arm64/v8\"] }");
    let output = nself_in(project.path(), ["image", "web"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let (name, digest) = output.stdout.trim().split_once('@').unwrap();
    assert_eq!(name, "ghcr.io/acme/web:1.0.0");
    let layout = project.path().join(".nself/images/local/web");
    let source = format!("oci:{}:1.0.0", layout.display());

    let inspect = run(Command::new(&skopeo).args(["inspect", "--config", "--override-arch", "amd64", &source]));
    assert_eq!(inspect.code, 0, "{}", inspect.stderr);
    let config = json(&inspect.stdout);
    assert_eq!(config["config"]["User"], "10001:10001");
    assert_eq!(config["config"]["Cmd"][0], "/app/busybox");
    assert_eq!(config["config"]["ExposedPorts"], serde_json::json!({"8001/tcp": {}}));
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1.0.0");
    assert_eq!(config["config"]["Env"], Value::Null, "values of an environment are no part of an image");

    let target = format!("docker://{}/acme/web:1.0.0", registry.host);
    let mut copy = Command::new(&skopeo);
    copy.args(["copy", "--all", "--preserve-digests", "--dest-creds", &format!("robot:{PASSWORD}"), &source, &target]);
    let copy = run(registry.configure_client(&mut copy));
    assert_eq!(copy.code, 0, "{} {}", copy.stdout, copy.stderr);
    let head = registry.curl(&[
        "-I",
        "-H",
        "accept: application/vnd.oci.image.index.v1+json",
        &format!("https://{}/v2/acme/web/manifests/1.0.0", registry.host),
    ]);
    assert!(head.stdout.to_lowercase().contains(&format!("docker-content-digest: {digest}")), "{}", head.stdout);

    // The layout as an archive for Docker: every platform has a separate name and the same layer.
    let archive = project.path().join("image.tar");
    let mut tar = Command::new("tar");
    assert_eq!(run(tar.arg("-C").arg(&layout).arg("-cf").arg(&archive).arg(".")).code, 0);
    let layer = |from: &str| {
        let inspect = run(Command::new(&skopeo).args(["inspect", "--config", from]));
        assert_eq!(inspect.code, 0, "{from}: {}", inspect.stderr);
        let config = json(&inspect.stdout);
        (config["architecture"].as_str().unwrap().to_owned(), config["rootfs"]["diff_ids"].clone())
    };
    let [first, second] = ["", "-arm64-v8"]
        .map(|more| layer(&format!("docker-archive:{}:ghcr.io/acme/web:1.0.0{more}", archive.display())));
    assert_eq!((first.0.as_str(), second.0.as_str()), ("amd64", "arm64"));
    assert_eq!((&first.1, &second.1), (&config["rootfs"]["diff_ids"], &config["rootfs"]["diff_ids"]));

    let spdx = json(&std::fs::read_to_string(layout.join("sbom.spdx.json")).unwrap());
    let names: Vec<&str> =
        spdx["files"].as_array().unwrap().iter().map(|file| file["fileName"].as_str().unwrap()).collect();
    assert_eq!(names, ["./app/busybox", "./app/www/index.html"]);
    let cyclone = json(&std::fs::read_to_string(layout.join("sbom.cyclonedx.json")).unwrap());
    assert_eq!(cyclone["components"].as_array().unwrap().len(), 2);
}

/// A container of runc, which is stopped when the value is dropped.
struct Container {
    folder: tempfile::TempDir,
    process: Child,
}

impl Container {
    fn runc(folder: &Path) -> Command {
        let mut command = Command::new("/usr/sbin/runc");
        command.arg("--root").arg(folder.join("state"));
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = run(Self::runc(self.folder.path()).args(["delete", "--force", "web"]));
        let _ = self.process.wait();
    }
}

#[test]
fn runc_runs_an_unpacked_image_without_root_and_read_only() {
    let (Some(busybox), Some(umoci), Some(_)) = (busybox(), tool("/usr/bin/umoci"), tool("/usr/sbin/runc")) else {
        return;
    };
    let project = project(&busybox, "layout = { folder = \"web\", platforms = [\"linux/amd64\"] }");
    let output = nself_in(project.path(), ["image", "web", "--out", "made"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let layout = project.path().join("made");
    let image = format!("{}:1.0.0", layout.display());
    let unpack = run(Command::new(umoci).args(["unpack", "--image", &image]).arg(&bundle));
    assert_eq!(unpack.code, 0, "{}", unpack.stderr);
    let text = std::fs::read_to_string(layout.join("runtime/linux-amd64.json")).unwrap();
    let spec: oci_spec::runtime::Spec = serde_json::from_str(&text).unwrap();
    assert_eq!(spec.root().as_ref().unwrap().readonly(), Some(true));
    let config = json(&text);
    assert_eq!(config["annotations"]["org.nself.secret-variables"], "TOKEN");
    assert!(config["process"]["env"].as_array().unwrap().contains(&Value::from("GREETING=hello")));
    std::fs::write(bundle.join("config.json"), &text).unwrap();

    let mut command = Container::runc(folder.path());
    command.args(["run", "--bundle"]).arg(&bundle).arg("web");
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let container = Container { folder, process };
    let inside = |words: &[&str]| {
        run(Container::runc(container.folder.path()).args(["exec", "web", "/app/busybox"]).args(words))
    };
    let answered = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        Some(inside(&["wget", "-q", "-O", "-", "http://127.0.0.1:8001/start.html"])).filter(|output| output.code == 0)
    });
    let log = std::fs::read_to_string(container.folder.path().join("log")).unwrap();
    assert_eq!(answered.expect(&log).stdout, "it runs\n");
    assert_eq!(inside(&["id", "-u"]).stdout, "10001\n");
    let write = inside(&["touch", "/app/x"]);
    assert!(write.code != 0 && write.stderr.contains("Read-only file system"), "{}", write.stderr);
    assert!(inside(&["cat", "/proc/self/status"]).stdout.contains("CapEff:\t0000000000000000"));
}

/// Packs a base image with this page and pushes it as `hub/library/base:1`. Returns the digest that the tag then has.
fn push_base(registry: &DebianRegistry, busybox: &Path, page: &str) -> String {
    let base = project(busybox, "layout = { folder = \"web\", path = \"/base\", platforms = [\"linux/amd64\"] }");
    std::fs::write(base.path().join("web/www/index.html"), page).unwrap();
    assert_eq!(nself_in(base.path(), ["image", "web", "--out", "made"]).code, 0);
    let target = format!("docker://{}/hub/library/base:1", registry.host);
    let mut copy = Command::new("skopeo");
    copy.args(["copy", "--dest-creds", &format!("robot:{PASSWORD}"), "oci:made:1.0.0", &target])
        .current_dir(base.path());
    let copy = run(registry.configure_client(&mut copy));
    assert_eq!(copy.code, 0, "{}", copy.stderr);
    let head = registry.curl(&[
        "-I",
        "-H",
        "accept: application/vnd.oci.image.manifest.v1+json",
        &format!("https://{}/v2/hub/library/base/manifests/1", registry.host),
    ]);
    let digest = |line: &str| line.to_lowercase().strip_prefix("docker-content-digest: ").map(str::to_owned);
    head.stdout.lines().find_map(digest).unwrap_or_else(|| panic!("{}", head.stdout)).trim().to_owned()
}

/// The tag of the base image moves to a different image after the lock was written, which changes nothing.
#[test]
fn a_base_image_is_fetched_by_its_locked_digest() {
    let (Some(busybox), Some(registry), Some(umoci)) = (busybox(), DebianRegistry::start(), tool("/usr/bin/umoci"))
    else {
        return;
    };
    let locked = push_base(&registry, &busybox, "the locked base\n");
    let project =
        project(&busybox, &format!("layout = {{ folder = \"web\", base = \"{}/hub/library/base:1\" }}", registry.host));
    let image = |folder: &Path| {
        let mut command = nself(folder);
        command.args(["image", "web", "--out", "made"]);
        run(registry.configure_client(&mut command))
    };
    let unlocked = image(project.path());
    assert!(unlocked.code == 2 && unlocked.stderr.contains("`nself lock`"), "{}", unlocked.stderr);
    let lock = format!(
        "{{\"version\":1,\"images\":{{\"{1}/hub/library/base:1\":{{\"digest\":\"{0}\",\"platforms\":{{\"linux/amd64\":\"{0}\"}}}}}}}}",
        locked, registry.host
    );
    std::fs::write(project.path().join("nself.lock"), &lock).unwrap();
    assert_ne!(push_base(&registry, &busybox, "a later base\n"), locked, "control: the tag names a different image");
    let output = image(project.path());
    assert_eq!(output.code, 0, "{}", output.stderr);
    let unpacked = project.path().join("bundle");
    let layout = format!("{}:1.0.0", project.path().join("made").display());
    let unpack = run(Command::new(umoci).args(["unpack", "--image", &layout]).arg(&unpacked));
    assert_eq!(unpack.code, 0, "{}", unpack.stderr);
    for (file, page) in [("base/www/index.html", "the locked base\n"), ("app/www/index.html", "it runs\n")] {
        assert_eq!(std::fs::read_to_string(unpacked.join("rootfs").join(file)).unwrap(), page, "{file}");
    }
    // A locked digest that the registry lacks is an error, although the registry has the tag.
    let changed_lock = lock.replace(&locked[7..15], "00000000");
    std::fs::write(project.path().join("nself.lock"), changed_lock).unwrap();
    let failed = image(project.path());
    assert!(failed.code == 2 && failed.stderr.contains("NS823"), "{}", failed.stderr);
    assert!(failed.stderr.contains("stack.ncl:"), "{}", failed.stderr);
}
