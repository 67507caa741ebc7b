//! Registries on the loopback interface: Debian's, with TLS and a password, and one with scripted responses.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nself::artifact::Sha256;

use crate::support::{ProcessOutput, run, tool};

pub const USER: &str = "robot";
pub const PASSWORD: &str = "canary-7f3a9b2c4d5e6f708192";

/// Debian's registry, its certificate authority, and docker's configuration with the password.
pub struct DebianRegistry {
    pub host: String,
    pub folder: tempfile::TempDir,
    process: Child,
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl DebianRegistry {
    pub fn start() -> Option<DebianRegistry> {
        let program = tool("/usr/bin/docker-registry")?;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let port = crate::support::free_port();
        let host = format!("127.0.0.1:{port}");
        let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(at("ca.pem"), key.cert.pem()).unwrap();
        std::fs::write(at("key.pem"), key.signing_key.serialize_pem()).unwrap();
        let password_file = run(Command::new("htpasswd").args(["-Bbc"]).arg(at("htpasswd")).args([USER, PASSWORD]));
        assert_eq!(password_file.code, 0, "{}", password_file.stderr);
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {0}/data}}, delete: {{enabled: true}}}}\n\
             http: {{addr: '{host}', tls: {{certificate: {0}/ca.pem, key: {0}/key.pem}}}}\n\
             auth: {{htpasswd: {{realm: tests, path: {0}/htpasswd}}}}\n",
            folder.path().display()
        );
        std::fs::write(at("config.yml"), config).unwrap();
        let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        std::fs::write(at("config.json"), format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"{auth}\"}}}}}}")).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(at("config.yml")).stdin(Stdio::null()).stdout(Stdio::null());
        let log = std::fs::File::create(at("log")).unwrap();
        let process = command.stderr(log).spawn().unwrap();
        let registry = DebianRegistry { host, folder, process };
        for _ in 0..100 {
            if TcpStream::connect(&registry.host).is_ok() {
                return Some(registry);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{}", std::fs::read_to_string(registry.at("log")).unwrap());
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Configures a command to trust the certificate and use the stored password.
    pub fn configure_client<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SSL_CERT_FILE", self.at("ca.pem")).env("DOCKER_CONFIG", self.folder.path())
    }

    pub fn curl(&self, arguments: &[&str]) -> ProcessOutput {
        let mut command = Command::new("curl");
        command
            .args(["-sS", "--fail-with-body", "-u", &format!("{USER}:{PASSWORD}"), "--cacert"])
            .arg(self.at("ca.pem"));
        let output = run(command.args(arguments));
        assert_eq!(output.code, 0, "{arguments:?}: {} {}", output.stdout, output.stderr);
        output
    }

    fn put(&self, url: &str, media_type: &str, bytes: &[u8]) {
        std::fs::write(self.at("body"), bytes).unwrap();
        let body = format!("@{}", self.at("body").display());
        let header = format!("content-type: {media_type}");
        self.curl(&["-X", "PUT", "-H", &header, "--data-binary", &body, url]);
    }

    pub fn push_blob(&self, repository: &str, bytes: &[u8]) -> Sha256 {
        let digest = Sha256::of(bytes);
        let started =
            self.curl(&["-D", "-", "-X", "POST", &format!("https://{}/v2/{repository}/blobs/uploads/", self.host)]);
        let location = started.stdout.lines().find_map(|line| {
            line.to_ascii_lowercase().starts_with("location:").then(|| line["location:".len()..].trim().to_owned())
        });
        self.put(&format!("{}&digest={digest}", location.unwrap()), "application/octet-stream", bytes);
        digest
    }

    pub fn push_manifest(&self, repository: &str, name: &str, media_type: &str, bytes: &[u8]) -> Sha256 {
        self.put(&format!("https://{}/v2/{repository}/manifests/{name}", self.host), media_type, bytes);
        Sha256::of(bytes)
    }

    /// Pushes a small image for two platforms; returns the digests of the index and of its manifests.
    pub fn push_image(&self, repository: &str, tag: &str, content: &str) -> (Sha256, BTreeMap<String, Sha256>) {
        let mut platforms = BTreeMap::new();
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let config = serde_json::json!({
                "architecture": architecture, "os": "linux", "config": {"Labels": {"content": content}},
                "rootfs": {"type": "layers", "diff_ids": []}
            });
            let config = config.to_string();
            let config_digest = self.push_blob(repository, config.as_bytes());
            let manifest = serde_json::json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
            });
            let manifest = manifest.to_string();
            let digest = Sha256::of(manifest.as_bytes());
            self.push_manifest(repository, digest.as_str(), MANIFEST, manifest.as_bytes());
            entries.push(serde_json::json!({
                "mediaType": MANIFEST, "digest": digest, "size": manifest.len(),
                "platform": {"os": "linux", "architecture": architecture}
            }));
            platforms.insert(format!("linux/{architecture}"), digest);
        }
        let index = serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string();
        (self.push_manifest(repository, tag, INDEX, index.as_bytes()), platforms)
    }
}

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A received request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub authorization: Option<String>,
    /// The number of requests before it.
    pub number: usize,
}

/// A server without TLS with scripted responses.
pub struct Scripted {
    pub host: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Starts a server. `answer` returns the complete response; the connection is closed after it.
    pub fn start(answer: impl Fn(&str, &Asked) -> Vec<u8> + Send + 'static) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (server, log) = (host.clone(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                let request = head(&mut stream);
                let mut lines = request.lines();
                let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
                let authorization = lines.find_map(|line| line.strip_prefix("authorization: ").map(str::to_owned));
                let mut log = log.lock().unwrap();
                let asked = Asked { path, authorization, number: log.len() };
                log.push(asked.clone());
                drop(log);
                let _ = stream.write_all(&answer(&server, &asked));
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
        });
        Scripted { host, asked }
    }

    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn head(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        request.push(byte[0]);
        if request == [0x16] {
            // A TLS handshake, which this server does not support.
            break;
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}

/// Returns a response with a body and its length.
pub fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(), body]
        .concat()
}
