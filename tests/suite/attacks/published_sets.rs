//! Attacks through a registry: old releases, releases for a different purpose, and releases with files that are never
//! generated.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nself::artifact::{ArtifactPath, Digest, Sha256};
use nself::release::{ReleaseFiles, archive};
use nself::store::{MANIFEST, Manifest};
use serde_json::Value;

use crate::registry::{DebianRegistry, MANIFEST as MANIFEST_TYPE};
use crate::support::{ProcessOutput, golden, name, nself, nself_in, project, run, tree};

fn nself_with_registry(registry: &DebianRegistry, folder: &Path, arguments: &[&str]) -> ProcessOutput {
    run(registry.configure_client(nself(folder).args(arguments)))
}

fn assert_success(output: ProcessOutput) -> ProcessOutput {
    assert_eq!(output.code, 0, "{}", output.stderr);
    output
}

fn assert_refused(output: &ProcessOutput, code: &str, word: &str) {
    assert!(
        output.code == 2 && output.stderr.contains(code) && output.stderr.contains(word),
        "{} {}",
        output.code,
        output.stderr
    );
}

/// Generates a project and creates a key.
fn generated_project() -> tempfile::TempDir {
    let case = golden(false).into_iter().find(|case| name(case) == "minimal").unwrap();
    let project = project(&case);
    assert_success(nself_in(project.path(), ["gen"]));
    assert_success(nself_in(project.path(), ["attest", "--new-key", "key"]));
    project
}

/// Publishes and signs the stack with a different domain.
fn release(registry: &DebianRegistry, folder: &Path, domain: &str, to: &str, arguments: &[&str]) -> String {
    let stack = "let nself = import \"nself/main.ncl\" in\n{ project = \"shop\", domain = \"DOMAIN\", monitoring.waive = \"not the subject\" } | nself.Stack\n";
    fs::write(folder.join("stack.ncl"), stack.replace("DOMAIN", domain)).unwrap();
    assert_success(nself_in(folder, ["gen"]));
    let published = assert_success(nself_with_registry(registry, folder, &["publish", to]));
    assert_success(nself_with_registry(registry, folder, &[&["attest", to, "--key", "key"], arguments].concat()));
    published.stdout.trim().rsplit_once('@').unwrap().1.to_owned()
}

/// Gives a manifest a different name, as the owner of a registry can do.
fn rename(registry: &DebianRegistry, digest: &str, repository: &str, tag: &str) {
    let accept = format!("accept: {MANIFEST_TYPE}");
    let url = format!("https://{}/v2/acme/shop/manifests/{digest}", registry.host);
    let manifest = registry.curl(&["-H", &accept, &url]).stdout;
    if repository != "acme/shop" {
        let document: Value = serde_json::from_str(&manifest).unwrap();
        let layers = document["layers"].as_array().unwrap().iter().chain([&document["config"]]);
        for blob in layers.map(|layer| layer["digest"].as_str().unwrap()) {
            let path = blob.replace("sha256:", "");
            let stored = format!("data/docker/registry/v2/blobs/sha256/{}/{path}/data", &path[..2]);
            let bytes = fs::read(registry.at(&stored)).unwrap();
            registry.push_blob(repository, &bytes);
        }
    }
    registry.push_manifest(repository, tag, MANIFEST_TYPE, manifest.as_bytes());
}

/// Copies the signatures of a release to a repository; they refer to it by its digest.
fn copy_signatures(registry: &DebianRegistry, digest: &str, repository: &str) {
    let fallback = digest.replace(':', "-");
    let url = format!("https://{}/v2/acme/shop/manifests/{fallback}", registry.host);
    let index_type = "application/vnd.oci.image.index.v1+json";
    let index = registry.curl(&["-H", &format!("accept: {index_type}"), &url]).stdout;
    let document: Value = serde_json::from_str(&index).unwrap();
    for entry in document["manifests"].as_array().unwrap() {
        let digest = entry["digest"].as_str().unwrap();
        rename(registry, digest, repository, digest);
    }
    registry.push_manifest(repository, &fallback, index_type, index.as_bytes());
}

/// Attack: the owner of a registry gives a signed release the name of a different tag, repository or environment.
/// Expectation: NS825. Control: without `--trust`, the release is accepted.
#[test]
fn a_signed_release_is_accepted_only_under_its_name() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = generated_project();
    let folder = project.path();
    let at = |repository: &str, tag: &str| format!("oci://{}/{repository}:{tag}", registry.host);
    let old = release(&registry, folder, "one.example.com", &at("acme/shop", "1.0.0"), &[]);
    release(&registry, folder, "two.example.com", &at("acme/shop", "1.1.0"), &[]);
    let pull = |from: &str, out: &str, more: &[&str]| {
        nself_with_registry(&registry, folder, &[&["pull", from, "--out", out, "--trust", "key.pub"], more].concat())
    };
    assert_success(pull(&at("acme/shop", "1.1.0"), "good", &[]));

    rename(&registry, &old, "acme/shop", "1.1.0");
    assert_refused(&pull(&at("acme/shop", "1.1.0"), "tag", &[]), "NS825", "signed for the tag `1.0.0`");
    assert!(!folder.join("tag").exists());
    assert_success(nself_with_registry(&registry, folder, &["pull", &at("acme/shop", "1.1.0"), "--out", "untrusted"]));

    rename(&registry, &old, "acme/other", "1.0.0");
    copy_signatures(&registry, &old, "acme/other");
    assert_refused(&pull(&at("acme/other", "1.0.0"), "repository", &[]), "NS825", "signed for the repository");
    assert_refused(
        &pull(&format!("oci://{}/acme/other@{old}", registry.host), "repository", &[]),
        "NS825",
        "repository",
    );
    assert_success(nself_with_registry(
        &registry,
        folder,
        &["pull", &at("acme/other", "1.0.0"), "--out", "untrusted-too"],
    ));
    // By its digest, regardless of the tags.
    assert_success(pull(&format!("oci://{}/acme/shop@{old}", registry.host), "digest", &[]));

    // Environments: the requested and the installed ones.
    let staging = at("acme/shop", "staging");
    assert_success(nself_with_registry(&registry, folder, &["publish", &staging, "--env", "staging"]));
    assert_success(nself_with_registry(&registry, folder, &["attest", &staging, "--key", "key", "--serial", "1"]));
    assert_refused(&pull(&staging, "prod", &["--env", "prod"]), "NS812", "has the environments staging");
    assert_success(pull(&staging, "staging", &["--env", "staging"]));
    assert_refused(&pull(&staging, "good", &[]), "NS825", "cannot replace");
}

/// Attack: a registry returns an older release with the same key, under a version or under a moving tag.
/// Expectation: NS826 unless `--allow-downgrade` is set, even if the order is unknown.
#[test]
fn a_signed_release_is_not_replaced_by_an_older_one() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = generated_project();
    let folder = project.path();
    let at = |tag: &str| format!("oci://{}/acme/shop:{tag}", registry.host);
    let pull = |from: &str, out: &str, more: &[&str]| {
        nself_with_registry(&registry, folder, &[&["pull", from, "--out", out, "--trust", "key.pub"], more].concat())
    };
    // Versions.
    release(&registry, folder, "one.example.com", &at("1.9.0"), &[]);
    release(&registry, folder, "two.example.com", &at("1.10.0"), &[]);
    assert_success(pull(&at("1.9.0"), "versions", &[]));
    assert_success(pull(&at("1.10.0"), "versions", &[]));
    assert_success(pull(&at("1.10.0"), "versions", &[]));
    let before = tree(&folder.join("versions"));
    assert_refused(&pull(&at("1.9.0"), "versions", &[]), "NS826", "1.9.0 is older than 1.10.0");
    assert_refused(
        &nself_with_registry(&registry, folder, &["pull", &at("1.10.0"), "--out", "versions"]),
        "NS826",
        "without a signature",
    );
    assert_eq!(tree(&folder.join("versions")), before, "nothing was written");
    assert_success(pull(&at("1.9.0"), "versions", &["--allow-downgrade"]));

    // A moving tag with serial numbers: the registry moves it back.
    let first = release(&registry, folder, "three.example.com", &at("main"), &["--serial", "41"]);
    assert_success(pull(&at("main"), "moving", &[]));
    release(&registry, folder, "four.example.com", &at("main"), &["--serial", "42"]);
    assert_success(pull(&at("main"), "moving", &[]));
    rename(&registry, &first, "acme/shop", "main");
    assert_refused(&pull(&at("main"), "moving", &[]), "NS826", "main with serial 41 is older than main with serial 42");

    // A moving tag without serial numbers.
    release(&registry, folder, "five.example.com", &at("edge"), &[]);
    assert_success(pull(&at("edge"), "unordered", &[]));
    release(&registry, folder, "six.example.com", &at("edge"), &[]);
    let unknown = pull(&at("edge"), "unordered", &[]);
    assert_refused(&unknown, "NS826", "it is unknown whether");
    assert!(unknown.stderr.contains("--serial") && unknown.stderr.contains("--allow-downgrade"), "{}", unknown.stderr);
    // A release without a signature has no order.
    assert_success(nself_with_registry(&registry, folder, &["pull", &at("1.9.0"), "--out", "plain"]));
    assert_refused(&pull(&at("1.10.0"), "plain", &[]), "NS826", "was not attested");
}

/// Returns files with a manifest that records exactly them, as an attacker would create it.
fn set_of(paths: &[&str]) -> ReleaseFiles {
    let mut files: ReleaseFiles = paths.iter().map(|path| ((*path).to_owned(), b"PWNED=1\n".to_vec())).collect();
    let mut manifest = Manifest::default();
    for (path, bytes) in &files {
        manifest.files.insert(ArtifactPath::new(path).unwrap(), Digest::of(bytes));
    }
    files.insert(MANIFEST.to_owned(), manifest.to_bytes());
    files
}

fn push(registry: &DebianRegistry, files: &ReleaseFiles, tag: &str) {
    let (blobs, digest): (_, Sha256) = archive::pack("shop", files).unwrap();
    let blobs: &BTreeMap<Sha256, Vec<u8>> = &blobs.0;
    for bytes in blobs.iter().filter(|(name, _)| **name != digest).map(|(_, bytes)| bytes) {
        registry.push_blob("acme/shop", bytes);
    }
    registry.push_manifest("acme/shop", tag, MANIFEST_TYPE, &blobs[&digest]);
}

/// Attack: a release without a signature has `.env`, values of secrets, hidden folders or foreign files, and its
/// manifest records them correctly.
/// Expectation: NS827, and nothing is written. Control: a release with a generated path is accepted.
#[test]
fn a_release_with_foreign_files_is_refused() {
    let Some(registry) = DebianRegistry::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let from = |tag: &str| format!("oci://{}/acme/shop:{tag}", registry.host);
    push(&registry, &set_of(&["prod/compose.yaml"]), "good");
    assert_success(nself_with_registry(&registry, folder.path(), &["pull", &from("good"), "--out", "good"]));
    let hostile = [
        "prod/.env",
        "prod/secrets/postgres_password",
        ".git/config",
        ".github/workflows/ci.yml",
        "prod/.ssh/authorized_keys",
        "prod/compose.override.yaml",
        "prod/.gitignore",
        "Makefile",
        "prod/nginx/.htpasswd",
        "prod/kubernetes/.git/config",
    ];
    for (number, path) in hostile.iter().enumerate() {
        let tag = format!("bad{number}");
        push(&registry, &set_of(&["prod/compose.yaml", path]), &tag);
        assert_refused(
            &nself_with_registry(&registry, folder.path(), &["pull", &from(&tag), "--out", "bad"]),
            "NS827",
            path,
        );
        assert!(!folder.path().join("bad").exists(), "{path}");
    }
}

/// Attack: the committed manifest records `.env` and a value of a secret, so that `publish` packs them, or so that the
/// next pull deletes them.
/// Expectation: NS805 before anything is sent, and before anything is pulled.
#[test]
fn a_manifest_cannot_publish_or_delete_private_files() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = generated_project();
    let folder = project.path();
    assert_success(nself_in(folder, ["secrets", "init"]));
    let to = format!("oci://{}/acme/shop:1", registry.host);
    assert_success(nself_with_registry(&registry, folder, &["publish", &to]));
    let path = folder.join("deploy").join(MANIFEST);
    let mut manifest = Manifest::parse(&fs::read(&path).unwrap()).unwrap();
    let private = ["local/.env", "local/secrets/hasura_admin_secret"];
    for file in private {
        let bytes = fs::read(folder.join("deploy").join(file)).unwrap();
        manifest.files.insert(ArtifactPath::new(file).unwrap(), Digest::of(&bytes));
    }
    fs::write(&path, manifest.to_bytes()).unwrap();
    let before = tree(&registry.at("data")).len();
    let output = nself_with_registry(&registry, folder, &["publish", &format!("oci://{}/acme/shop:2", registry.host)]);
    assert_refused(&output, "NS805", "local/.env");
    assert_eq!(tree(&registry.at("data")).len(), before, "nothing was sent");
    assert_refused(&nself_with_registry(&registry, folder, &["pull", &to, "--out", "deploy"]), "NS805", "local/.env");
    for file in private {
        assert!(folder.join("deploy").join(file).exists(), "{file} is still there");
    }
}
