//! Plugins: the commands, with a real registry, and the examples in a running stack.

mod running;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::lock;
use crate::registry::DebianRegistry;
use crate::support::{ProcessOutput, nself, nself_in, root, run, stack};

/// A stack with this field `plugins`.
fn shop(plugins: &str) -> tempfile::TempDir {
    stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", plugins = {{ {plugins} }} }}"
    ))
}

fn declare(folder: &Path, plugins: &str) {
    let text = fs::read_to_string(shop(plugins).path().join("stack.ncl")).unwrap();
    fs::write(folder.join("stack.ncl"), text).unwrap();
}

fn example(name: &str) -> String {
    root().join("examples/plugins").join(name).display().to_string()
}

fn assert_success(output: ProcessOutput) -> ProcessOutput {
    assert_eq!(output.code, 0, "{}", output.stderr);
    output
}

fn assert_failure(output: &ProcessOutput, code: &str) {
    assert!(output.code == 2 && output.stderr.contains(code), "{}", output.stderr);
}

#[test]
fn one_file_has_the_singular() {
    let project = shop("");
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("plugin.ncl"), "{}\n").unwrap();
    let path = source.path().display().to_string();
    let added = assert_success(nself_in(project.path(), ["plugin", "add", &path, "--name", "tiny"]));
    assert!(added.stderr.contains("1 file, pinned in nself.lock"), "{}", added.stderr);
    let removed = assert_success(nself_in(project.path(), ["plugin", "remove", "tiny"]));
    assert!(removed.stderr.contains("1 file deleted"), "{}", removed.stderr);
    // Control: other numbers have the plural.
    let deleted = assert_success(nself_in(project.path(), ["gc"]));
    assert!(deleted.stderr.contains("deleted 0 generations and 0 objects with 0 bytes"), "{}", deleted.stderr);
}

#[test]
fn a_plugin_from_a_folder_is_added_listed_and_removed() {
    let project = shop("");
    let folder = project.path();
    let output = assert_success(nself_in(folder, ["plugin", "add", &example("links")]));
    assert_eq!(output.stdout, "plugins/links\n");
    assert!(output.stderr.contains("plugins.links = import \"plugins/links/plugin.ncl\","), "{}", output.stderr);
    assert!(fs::read_to_string(folder.join("nself.lock")).unwrap().contains("\n    \"links\": {\"digest\":\"sha256:"));
    declare(folder, "links = import \"plugins/links/plugin.ncl\"");
    assert_success(nself_in(folder, ["gen"]));
    assert!(folder.join("deploy/prod/migrations/np_links/0001_init.sql").is_file());

    let list = assert_success(nself_in(folder, ["plugin", "list"])).stdout;
    assert_eq!(list, "links  1.0.0  local, prod, staging  pinned  folder\n");
    let json: Value = serde_json::from_str(&nself_in(folder, ["plugin", "list", "--format", "json"]).stdout).unwrap();
    let plugin = &json["plugins"][0];
    assert_eq!((&plugin["status"], &plugin["database"]), (&Value::from("pinned"), &Value::from("np_links")));
    assert_eq!(plugin["services"], serde_json::json!(["links"]));

    let output = nself_in(folder, ["plugin", "remove", "links"]);
    assert_failure(&output, "NS759");
    assert!(output.stderr.contains("--> stack.ncl:"), "{}", output.stderr);
    declare(folder, "");
    let output = nself_in(folder, ["plugin", "remove", "links"]);
    assert_failure(&output, "NS759");
    assert!(
        output.stderr.contains("--keep-data") && output.stderr.contains("DROP DATABASE np_links"),
        "{}",
        output.stderr
    );
    let file = folder.join("plugins/links/main.go");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.clone() + "// edited\n").unwrap();
    assert_eq!(nself_in(folder, ["plugin", "list", "--check"]).code, 1);
    assert_failure(&nself_in(folder, ["plugin", "remove", "links", "--keep-data"]), "NS758");
    fs::write(&file, text).unwrap();
    assert_success(nself_in(folder, ["plugin", "remove", "links", "--keep-data"]));
    assert!(!folder.join("plugins/links").exists());
    assert_eq!(assert_success(nself_in(folder, ["plugin", "list", "--check"])).stdout, "");
    assert_success(nself_in(folder, ["gen"]));
}

/// This holds even if no file that nself generates depends on the changed file, and after a run with the same arguments.
#[test]
fn frozen_refuses_a_plugin_whose_files_differ_from_the_lock() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = shop("");
    let folder = project.path();
    assert_success(nself_in(folder, ["plugin", "add", &example("links")]));
    declare(folder, "links = import \"plugins/links/plugin.ncl\"");
    lock::fill(&registry, folder);
    assert_success(lock::lock(&registry, folder, &[]));
    assert_success(nself_in(folder, ["gen", "--frozen"]));

    let file = folder.join("plugins/links/main.go");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.clone() + "// edited\n").unwrap();
    let output = nself_in(folder, ["gen", "--frozen"]);
    assert_failure(&output, "error[NS758]");
    assert!(output.stderr.contains("stack.ncl:2:") && output.stderr.contains("(plugins.links)"), "{}", output.stderr);
    assert_eq!(output.stderr.matches("error[").count(), 1, "{}", output.stderr);
    assert_success(nself_in(folder, ["gen"]));
    fs::write(&file, text).unwrap();
    assert_success(nself_in(folder, ["gen", "--frozen"]));
    fs::write(folder.join("plugins/links/added.go"), "package main\n").unwrap();
    assert_failure(&nself_in(folder, ["gen", "--frozen"]), "error[NS758]");
}

#[test]
fn a_published_plugin_is_added_by_its_digest() {
    let Some(registry) = DebianRegistry::start() else { return };
    let with_registry =
        |folder: &Path, arguments: &[&str]| run(registry.configure_client(nself(folder).args(arguments)));
    let author = shop("");
    assert_success(nself_in(author.path(), ["plugin", "add", &example("cache")]));
    let to = format!("oci://{}/acme/cache:1.0.0", registry.host);
    let published = assert_success(with_registry(author.path(), &["plugin", "publish", "cache", &to])).stdout;
    assert!(published.starts_with("oci://") && published.contains("@sha256:"), "{published}");

    let project = shop("cache = import \"plugins/cache/plugin.ncl\"");
    let output = with_registry(project.path(), &["plugin", "add", &to]);
    assert_failure(&output, "NS757");
    assert!(output.stderr.contains("has no digest"), "{}", output.stderr);
    assert_success(with_registry(project.path(), &["plugin", "add", published.trim()]));
    let lock = fs::read_to_string(project.path().join("nself.lock")).unwrap();
    assert!(lock.contains(published.trim()), "{lock}");
    assert_success(nself_in(project.path(), ["gen"]));
    // A release of generated files is not a plugin.
    let release = format!("oci://{}/acme/shop:1.0.0", registry.host);
    let release = assert_success(with_registry(project.path(), &["publish", &release])).stdout;
    assert_failure(&with_registry(project.path(), &["plugin", "add", release.trim(), "--name", "shop"]), "NS757");
    assert!(!project.path().join("plugins/shop").exists());
}

#[test]
fn a_new_plugin_works_with_every_template() {
    for template in ["bullmq", "connect-go", "express", "fastapi", "go-http", "nestjs"] {
        let project = shop("my-links = import \"plugins/my-links/plugin.ncl\"");
        assert_success(nself_in(project.path(), ["plugin", "new", "my-links", "--template", template]));
        let output = nself_in(project.path(), ["gen"]);
        let is_bullmq = template == "bullmq";
        // Its queue needs a Redis, which the stack does not have.
        assert!((output.code == 0) != is_bullmq, "{template}: {}", output.stderr);
        let compose = fs::read_to_string(project.path().join("deploy/prod/compose.yaml")).unwrap_or_default();
        assert!(is_bullmq || compose.contains("\n  my-links:\n") && compose.contains("PORT: \"3820\""), "{template}");
        assert_failure(&nself_in(project.path(), ["plugin", "new", "my-links"]), "already exists");
    }
    // The next plugin gets the next free port.
    let project = shop("my-links = import \"plugins/my-links/plugin.ncl\"");
    for (name, port) in [("my-links", 3820), ("others", 3821)] {
        assert_success(nself_in(project.path(), ["plugin", "new", name]));
        let definition = fs::read_to_string(project.path().join(format!("plugins/{name}/plugin.ncl"))).unwrap();
        assert!(definition.contains(&format!("port = {port},")), "{definition}");
    }
    assert_failure(&nself_in(shop("").path(), ["plugin", "new", "My_Links"]), "NS105");
}
