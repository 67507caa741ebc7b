//! A store that speaks S3 with TLS: SeaweedFS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{self, ProcessOutput, run, tool};

pub const ACCESS_KEY: &str = "ledger";
pub const SECRET_KEY: &str = "a-secret-key";

pub struct Store {
    server: Child,
    pub endpoint: String,
    /// The self-signed certificate.
    pub certificate: PathBuf,
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Store {
    /// Starts the server on free ports, with its files below the folder; `None` without the tool.
    pub fn start(folder: &Path) -> Option<Store> {
        let weed = tool("backups/bin/weed")?;
        let at = |name: &str| folder.join(name);
        let identity = format!(
            r#"{{ "identities": [{{ "name": "backups", "credentials": [{{ "accessKey": "{ACCESS_KEY}", "secretKey": "{SECRET_KEY}" }}], "actions": ["Admin", "Read", "Write", "List", "Tagging"] }}] }}"#
        );
        fs::write(at("s3.json"), identity).unwrap();
        fs::create_dir(at("store")).unwrap();
        let free = || support::free_port().to_string();
        let s3 = free();
        let mut command = Command::new(weed);
        command.args(["server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.volumeSizeLimitMB=64"]);
        // These interfaces have fixed ports, so a second server would not start.
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]);
        // Each bucket gets several volumes.
        command.arg("-volume.max=100");
        let ports = [("s3.port", &s3), ("master.port", &free()), ("volume.port", &free()), ("filer.port", &free())];
        command.args(ports.map(|(name, port)| format!("-{name}={port}")));
        // By default, the ports for gRPC are the numbers above plus 10000, which may be in use.
        let grpc = ["master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"];
        command.args(grpc.map(|name| format!("-{name}={}", free())));
        command.arg(format!("-dir={}", at("store").display()));
        command.arg(format!("-s3.config={}", at("s3.json").display()));
        let (certificate, key) = (at("store.pem"), at("store.key"));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"]).arg(&key);
        super::assert_works(&run(openssl.arg("-out").arg(&certificate)));
        command.arg(format!("-s3.cert.file={}", certificate.display()));
        command.arg(format!("-s3.key.file={}", key.display()));
        let log = fs::File::create(at("weed.log")).unwrap();
        let server = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Some(Store { server, endpoint: format!("https://127.0.0.1:{s3}"), certificate })
    }

    /// Runs rclone with the remote `:s3:`.
    pub fn rclone(&self, arguments: &[&str]) -> ProcessOutput {
        let mut rclone = Command::new(tool("backups/bin/rclone").unwrap());
        rclone.arg("--ca-cert").arg(&self.certificate);
        rclone.args(["--config", "", "--retries", "1", "--low-level-retries", "1", "--s3-provider", "Other"]);
        rclone.args(["--s3-access-key-id", ACCESS_KEY, "--s3-secret-access-key", SECRET_KEY]);
        run(rclone.args(["--s3-endpoint", &self.endpoint]).args(arguments))
    }

    /// Creates a bucket, and waits until the store keeps an object in it.
    pub fn create_bucket(&self, name: &str) {
        let start = std::time::Instant::now();
        let (bucket, probe) = (format!(":s3:{name}"), format!(":s3:{name}/probe"));
        // The store creates volumes for the first object that is not empty, and fails meanwhile.
        let some_file = self.certificate.display().to_string();
        let steps: [&[&str]; 3] = [&["mkdir", &bucket], &["copyto", &some_file, &probe], &["deletefile", &probe]];
        while steps.iter().any(|step| self.rclone(step).code != 0) {
            assert!(start.elapsed().as_secs() < 90, "the store does not work");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}
