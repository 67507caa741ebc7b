//! The metrics of certificates, read from the generated program with real certificates.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{environments, run, tool};

struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn create_certificate(folder: &Path, host: &str, days: &str) {
    let folder = folder.join(host);
    std::fs::create_dir(&folder).unwrap();
    let output = run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days])
        .args(["-subj", &format!("/CN={host}"), "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(&folder));
    assert_eq!(output.code, 0, "{}", output.stderr);
}

/// Returns the metrics, which are 0 for a host without a readable certificate.
#[test]
fn the_time_at_which_each_certificate_expires_is_a_metric() {
    let (Some(python), Some(promtool)) = (tool("venv/bin/python"), tool("trixie/usr/bin/promtool")) else { return };
    let program = environments().into_iter().map(|folder| folder.join("acme/metrics.py")).find(|path| path.exists());
    let certificates = tempfile::tempdir().unwrap();
    create_certificate(certificates.path(), "api.example.com", "30");
    create_certificate(certificates.path(), "broken.example.com", "30");
    std::fs::write(certificates.path().join("broken.example.com/cert.pem"), "no certificate").unwrap();
    let port = crate::support::free_port().to_string();
    let _exporter = Exporter(
        Command::new(python)
            .arg(program.unwrap())
            .args([&port, "api.example.com", "broken.example.com", "new.example.com"])
            .env("NSELF_CERTIFICATES", certificates.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let get = |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        run(Command::new("curl").args(["-sS", "--max-time", "5", "-w", "%{http_code} %{content_type}", &url])).stdout
    };
    let answered = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        Some(get("/metrics")).filter(|text| text.contains("200 text/plain; version=0.0.4"))
    });
    let text = answered.unwrap_or_else(|| panic!("{}", get("/metrics")));
    let expiry = |host: &str| {
        let start = format!("nself_certificate_expiry_timestamp_seconds{{host=\"{host}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&start)?.parse::<u64>().ok())
    };
    let output = run(Command::new("openssl")
        .args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"])
        .arg(certificates.path().join("api.example.com/cert.pem")));
    let date = output.stdout.trim().trim_start_matches("notAfter=").to_owned();
    let seconds = run(Command::new("date").args(["-u", "+%s", "-d", &date])).stdout;
    assert_eq!(expiry("api.example.com"), seconds.trim().parse().ok(), "{text}");
    assert_eq!(["broken.example.com", "new.example.com", "other.example.com"].map(expiry), [Some(0), Some(0), None]);
    assert!(get("/").starts_with("<!DOCTYPE") && get("/").contains("404"), "{}", get("/"));
    let lint = |text: &str| {
        let script = "printf %s \"$1\" | \"$0\" check metrics";
        run(Command::new("sh").args(["-c", script]).arg(&promtool).arg(text))
    };
    let (metrics, _) = text.rsplit_once("200 ").unwrap();
    let output = lint(metrics);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert_ne!(lint(&metrics.replace("_seconds", "_milliseconds")).code, 0);
}
