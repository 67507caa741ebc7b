//! `publish`, `attest` and `pull` with Debian's registry, and with a registry that interrupts transfers.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::registry::{DebianRegistry, PASSWORD, Scripted, response};
use crate::support::{ProcessOutput, golden, name, nself, nself_in, project, run, tree};

/// Generates a project with values of secrets.
fn generated_project() -> tempfile::TempDir {
    let case = golden(false).into_iter().find(|case| name(case) == "minimal").unwrap();
    let project = project(&case);
    assert_eq!(nself_in(project.path(), ["gen"]).code, 0);
    assert_eq!(nself_in(project.path(), ["secrets", "init", "--env", "local"]).code, 0);
    project
}

fn nself_with_registry(registry: &DebianRegistry, folder: &Path, arguments: &[&str]) -> ProcessOutput {
    let output = run(registry.configure_client(nself(folder).args(arguments)));
    assert!(!output.stdout.contains(PASSWORD) && !output.stderr.contains(PASSWORD));
    output
}

fn assert_success(output: ProcessOutput) -> ProcessOutput {
    assert_eq!(output.code, 0, "{}", output.stderr);
    output
}

#[test]
fn a_release_is_published_attested_pulled_and_verified() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = generated_project();
    let folder = project.path();
    let to = format!("oci://{}/acme/shop:1.0.0", registry.host);
    let published = assert_success(nself_with_registry(&registry, folder, &["publish", &to]));
    let digest = published.stdout.trim().rsplit_once('@').unwrap().1.to_owned();
    assert_eq!(
        assert_success(nself_with_registry(&registry, folder, &["publish", &to])).stdout,
        published.stdout,
        "the same set, the same digest"
    );

    // Flux requests this media type.
    let accept = "accept: application/vnd.oci.image.manifest.v1+json";
    let manifest = registry.curl(&["-H", accept, &format!("https://{}/v2/acme/shop/manifests/1.0.0", registry.host)]);
    let manifest: Value = serde_json::from_str(&manifest.stdout).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.cncf.flux.config.v1+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.cncf.flux.content.v1.tar+gzip");
    // The bill of materials refers to the release; this registry has no referrers API.
    let fallback = format!("https://{}/v2/acme/shop/manifests/{}", registry.host, digest.replace(':', "-"));
    let index = registry.curl(&["-H", "accept: application/vnd.oci.image.index.v1+json", &fallback]).stdout;
    let index: Value = serde_json::from_str(&index).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "published twice, and one bill");
    assert_eq!(index["manifests"][0]["artifactType"], "application/spdx+json");
    let bill = content(&registry, index["manifests"][0]["digest"].as_str().unwrap());
    assert_eq!(bill["packages"][0]["checksums"][0]["checksumValue"], digest["sha256:".len()..]);
    let names: Vec<&str> =
        bill["packages"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"docker.io/library/nginx"), "{names:?}");
    // tar can unpack the layer.
    let layer =
        format!("https://{}/v2/acme/shop/blobs/{}", registry.host, manifest["layers"][0]["digest"].as_str().unwrap());
    let archive = registry.at("layer.tgz");
    registry.curl(&["-o", &archive.display().to_string(), &layer]);
    let listed = assert_success(run(Command::new("tar").arg("-tzf").arg(&archive))).stdout;
    assert!(listed.contains("prod/compose.yaml\n") && listed.contains("nself.manifest\n"), "{listed}");
    assert!(!listed.contains("secrets/") && !listed.contains(".env\n"), "{listed}");

    // A public key that exists belongs to a different private key, so neither file is written.
    fs::write(folder.join("key.pub"), "a key").unwrap();
    let refused = run(nself(folder).args(["attest", "--new-key", "key"]));
    assert!(refused.code == 2 && refused.stderr.contains("key.pub"), "{}", refused.stderr);
    assert!(!folder.join("key").exists());
    fs::remove_file(folder.join("key.pub")).unwrap();
    assert_success(run(nself(folder).args(["attest", "--new-key", "key"])));
    let attested = assert_success(nself_with_registry(&registry, folder, &["attest", &to, "--key", "key"]));
    let again = assert_success(nself_with_registry(&registry, folder, &["attest", &to, "--key", "key"]));
    assert_eq!(again.stdout, attested.stdout, "nothing in it depends on the moment");
    let out = folder.join("pulled");
    let at = format!("oci://{}/acme/shop@{digest}", registry.host);
    assert_success(nself_with_registry(&registry, folder, &["pull", &at, "--out", "pulled", "--trust", "key.pub"]));
    let pulled = tree(&out);
    assert!(pulled.len() > 20, "{:?}", pulled.keys());
    for (path, bytes) in pulled.into_iter().filter(|(path, _)| path != "nself.pull.json") {
        assert_eq!(fs::read(folder.join("deploy").join(&path)).unwrap(), bytes, "{path}");
    }
    assert_success(nself_in(folder, ["verify", "--out", "pulled", "--rebuild"]));
    // In a different folder, without the registry.
    let elsewhere = tempfile::tempdir().unwrap();
    let far = elsewhere.path().join("a/b/c");
    assert_success(nself_with_registry(&registry, folder, &["pull", &to, "--out", &far.display().to_string()]));
    assert_success(nself_in(folder, ["verify", "--rebuild", "--out", &far.display().to_string()]));

    // openssl verifies the signature.
    let envelope = content(&registry, attested.stdout.trim().rsplit_once('@').unwrap().1);
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let kind = envelope["payloadType"].as_str().unwrap();
    let signed = [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), &payload].concat();
    fs::write(folder.join("signed"), &signed).unwrap();
    fs::write(folder.join("signature"), STANDARD.decode(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap())
        .unwrap();
    let openssl = |file: &str| {
        run(Command::new("openssl")
            .args(["pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin", "-in", file, "-sigfile", "signature"])
            .current_dir(folder))
    };
    assert_success(openssl("signed"));
    fs::write(folder.join("other"), [&signed[..], b" "].concat()).unwrap();
    assert_ne!(openssl("other").code, 0);
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], digest["sha256:".len()..]);
    let release = &statement["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(release["repository"], format!("{}/acme/shop", registry.host));
    assert_eq!((&release["tag"], &release["project"]), (&"1.0.0".into(), &"shop".into()));
    assert_eq!(release["environments"], serde_json::json!(["local", "prod", "staging"]));
    let inputs = statement["predicate"]["buildDefinition"]["resolvedDependencies"].as_array().unwrap();
    assert!(inputs.iter().any(|input| input["name"] == "stack.ncl"), "{inputs:?}");

    // The registry stores neither values of secrets nor the password.
    let stored_bytes: Vec<u8> = tree(&registry.at("data")).into_values().flatten().collect();
    let values = tree(&folder.join("deploy/local/secrets"));
    assert!(values.len() > 3);
    let key = fs::read_to_string(folder.join("key")).unwrap().lines().nth(1).unwrap().to_owned().into_bytes();
    for value in values.into_values().chain([PASSWORD.as_bytes().to_vec(), key]).filter(|value| value.len() > 15) {
        assert!(!stored_bytes.windows(value.len()).any(|part| part == value));
    }
}

/// Returns the content of an artifact with one layer.
fn content(registry: &DebianRegistry, digest: &str) -> Value {
    let get = |what: &str, accept: &str| {
        let url = format!("https://{}/v2/acme/shop/{what}", registry.host);
        serde_json::from_str::<Value>(&registry.curl(&["-H", accept, &url]).stdout).unwrap()
    };
    let manifest = get(&format!("manifests/{digest}"), "accept: application/vnd.oci.image.manifest.v1+json");
    get(&format!("blobs/{}", manifest["layers"][0]["digest"].as_str().unwrap()), "accept: */*")
}

#[test]
fn changed_files_are_not_published_attested_or_pulled() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = generated_project();
    let folder = project.path();
    let to = format!("oci://{}/acme/shop:1", registry.host);
    let compose = folder.join("deploy/prod/compose.yaml");
    let text = fs::read_to_string(&compose).unwrap();
    fs::write(&compose, "edited").unwrap();
    let output = nself_with_registry(&registry, folder, &["publish", &to]);
    assert!(
        output.code == 2 && output.stderr.contains("prod/compose.yaml differs from the manifest"),
        "{}",
        output.stderr
    );
    assert_success(nself_with_registry(&registry, folder, &["publish", &to, "--env", "local"]));
    fs::write(&compose, text).unwrap();
    assert_success(nself_with_registry(&registry, folder, &["publish", &to]));

    // A wrong key; then the right one; then a stack that generates different files.
    for key in ["one", "two"] {
        assert_success(run(nself(folder).args(["attest", "--new-key", key])));
    }
    let unsigned = nself_with_registry(&registry, folder, &["pull", &to, "--out", "pulled", "--trust", "one.pub"]);
    assert!(unsigned.code == 2 && unsigned.stderr.contains("none of the trusted keys signed"), "{}", unsigned.stderr);
    assert_success(nself_with_registry(&registry, folder, &["attest", &to, "--key", "one"]));
    let other = nself_with_registry(&registry, folder, &["pull", &to, "--out", "pulled", "--trust", "two.pub"]);
    assert!(other.code == 2 && other.stderr.contains("NS812"), "{}", other.stderr);
    assert!(!folder.join("pulled").exists());
    assert_success(nself_with_registry(&registry, folder, &["attest", &to, "--key", "two"]));
    assert_success(nself_with_registry(
        &registry,
        folder,
        &["pull", &to, "--out", "pulled", "--trust", "two.pub", "--trust", "one.pub"],
    ));
    let stack = fs::read_to_string(folder.join("stack.ncl")).unwrap();
    fs::write(folder.join("stack.ncl"), stack.replace("shop.example.com", "other.example.com")).unwrap();
    let changed = nself_with_registry(&registry, folder, &["attest", &to, "--key", "one"]);
    assert!(changed.code == 2 && changed.stderr.contains("the stack generates different files"), "{}", changed.stderr);
    let verification = nself_in(folder, ["verify", "--out", "pulled", "--rebuild"]);
    assert!(verification.code == 1 && verification.stderr.contains("NS809"), "{}", verification.stderr);

    // A foreign file is kept; an image is not a release; a missing tag.
    fs::create_dir_all(folder.join("full/local")).unwrap();
    fs::write(folder.join("full/local/compose.yaml"), "mine").unwrap();
    let full = nself_with_registry(&registry, folder, &["pull", &to, "--out", "full"]);
    assert!(full.code == 2 && full.stderr.contains("NS802"), "{}", full.stderr);
    assert_eq!(tree(&folder.join("full")).len(), 1);
    registry.push_image("acme/image", "1", "x");
    let image = nself_with_registry(
        &registry,
        folder,
        &["pull", &format!("oci://{}/acme/image:1", registry.host), "--out", "no"],
    );
    assert!(image.code == 2 && image.stderr.contains("is not a release"), "{}", image.stderr);
    let missing_tag = nself_with_registry(
        &registry,
        folder,
        &["pull", &format!("oci://{}/acme/shop:9", registry.host), "--out", "no"],
    );
    assert!(missing_tag.code == 2 && missing_tag.stderr.contains("NS823"), "{}", missing_tag.stderr);
    let unknown = nself_in(folder, ["publish", &to]);
    assert!(unknown.code == 2 && unknown.stderr.contains("NS821"), "{}", unknown.stderr);
    let anonymous = run(nself(folder)
        .args(["publish", &to])
        .env("SSL_CERT_FILE", registry.at("ca.pem"))
        .env("DOCKER_CONFIG", folder));
    assert!(anonymous.code == 2 && anonymous.stderr.contains("NS822"), "{}", anonymous.stderr);
    assert!(!folder.join("no").exists());
}

#[test]
fn an_interrupted_transfer_leaves_nothing_to_pull() {
    let project = generated_project();
    let folder = project.path();
    // The server accepts the start of an upload and then closes the connection, or redirects it.
    for (location, code) in [("/v2/acme/shop/blobs/uploads/1", "NS821"), ("https://example.com/steal", "NS824")] {
        let server = Scripted::start(move |_, asked| match asked.path.as_str() {
            path if path.ends_with("/uploads/") => response("202 Accepted", &format!("location: {location}\r\n"), b""),
            path if path.contains("digest=") => Vec::new(),
            path if path.contains("/manifests/") => response("201 Created", "", b""),
            _ => response("404 Not Found", "", b""),
        });
        let to = format!("oci://{}/acme/shop:1", server.host);
        let output = nself_in(folder, ["publish", &to, "--plain-http", &server.host]);
        assert!(output.code == 2 && output.stderr.contains(code), "{}", output.stderr);
        let asked = server.asked.lock().unwrap().clone();
        assert!(!asked.is_empty() && asked.iter().all(|asked| !asked.path.contains("/manifests/")), "{asked:?}");
    }
}

#[test]
fn a_pull_updates_an_earlier_pull() {
    let Some(registry) = DebianRegistry::start() else { return };
    let project = generated_project();
    let folder = project.path();
    let to = format!("oci://{}/acme/shop:1", registry.host);
    assert_success(nself_with_registry(&registry, folder, &["publish", &to]));
    assert_success(nself_with_registry(&registry, folder, &["pull", &to, "--out", "pulled"]));
    assert_success(nself_with_registry(&registry, folder, &["publish", &to, "--env", "prod"]));
    assert_success(nself_with_registry(&registry, folder, &["pull", &to, "--out", "pulled"]));
    let own = ["nself.manifest", "nself.pull.json"];
    assert!(tree(&folder.join("pulled")).keys().all(|path| path.starts_with("prod/") || own.contains(&path.as_str())));
    assert_success(nself_in(folder, ["verify", "--out", "pulled", "--rebuild"]));
    fs::write(folder.join("pulled/prod/compose.yaml"), "edited").unwrap();
    let output = nself_with_registry(&registry, folder, &["pull", &to, "--out", "pulled"]);
    assert!(output.code == 2 && output.stderr.contains("NS802"), "{}", output.stderr);
    assert_eq!(fs::read(folder.join("pulled/prod/compose.yaml")).unwrap(), b"edited");
}
