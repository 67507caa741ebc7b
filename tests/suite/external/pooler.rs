//! PgBouncer between services and an external server: a real PgBouncer with the generated settings and secrets.

use std::process::Command;

use super::{Client, certificate, psql, start_managed_server};
use crate::database::server::Version;
use crate::support::{ProcessOutput, tool};
use crate::up::in_own_namespaces;

/// A stack whose services share the connections of the pooler. The pooler has another port than the server, as both are on this machine.
const POOLED: &str = r#"{
  project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
  database_server.external = { host = "localhost", admin = "boss" },
  services = {
    hasura.enabled = false, auth.enabled = false,
    pgbouncer = nself.services.pgbouncer & { ports.pg = 6432 },
    orders = { image = "a/orders:1", port = 8001, databases.main.name = "orders", env = { URL = nself.database_url "main", POOLED = nself.pooled_url "main" } },
    reports = { image = "a/reports:1", port = 8002, databases.main = { name = "orders", access = 'read }, env.POOLED = nself.pooled_url "main" },
  },
}"#;

/// PgBouncer in the root file system of Debian 13, with the generated settings and the secrets of a stack.
struct Pooler {
    process: std::process::Child,
    folder: tempfile::TempDir,
}

impl Pooler {
    fn start(client: &Client) -> Pooler {
        let root = tool("trixie").unwrap();
        let folder = tempfile::tempdir_in(root.join("tmp")).unwrap();
        let inner = format!("/{}", folder.path().strip_prefix(&root).unwrap().display());
        let copied = Command::new("cp").arg("-R").arg(client.secrets()).arg(folder.path().join("secrets")).status();
        assert!(copied.unwrap().success());
        let settings = std::fs::read_to_string(client.environment().join("pgbouncer/pgbouncer.ini")).unwrap();
        let settings = settings.replace("/run/secrets", &format!("{inner}/secrets"));
        std::fs::write(folder.path().join("pgbouncer.ini"), settings).unwrap();
        assert!(Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()).status().unwrap().success());
        let mut command = Command::new("chroot");
        command.arg("--userspec=postgres").arg(&root).args(["/usr/sbin/pgbouncer"]);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process =
            command.arg(format!("{inner}/pgbouncer.ini")).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        Pooler { process: process.unwrap(), folder }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn it_verifies_the_server_and_has_a_separate_authority() {
    in_own_namespaces("external::pooler::it_verifies_the_server_and_has_a_separate_authority", check_pooler);
}

fn check_pooler() {
    let (server, authority) = start_managed_server(Version::V15);
    let client = Client::new(POOLED, &authority);
    assert_eq!(client.job("postgres-setup").code, 0);
    let successful_stdout = |output: ProcessOutput| {
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout.trim().to_owned()
    };
    let pooler = Pooler::start(&client);
    let answers = (0..50).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        client.query_pooler("orders", "SELECT 1").code == 0
    });
    let log = || std::fs::read_to_string(pooler.folder.path().join("log")).unwrap();
    assert!(answers, "{}\n{}", client.query_pooler("orders", "SELECT 1").stderr, log());
    successful_stdout(client.query("orders", "CREATE TABLE items (name text)"));
    successful_stdout(client.query_pooler("orders", "INSERT INTO items VALUES ('a')"));
    assert_eq!(successful_stdout(client.query_pooler("reports", "SELECT name FROM items")), "a");
    assert!(client.query_pooler("reports", "INSERT INTO items VALUES ('b')").stderr.contains("permission denied"));
    // Both connections are encrypted, and the one to the server has its own session.
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(successful_stdout(client.query_pooler("orders", encrypted)), "t");
    let plain = client.url("ORDERS_MAIN_URL_POOLED").replace("verify-full", "disable");
    let plain = psql(&format!("{plain}&hostaddr=127.0.0.1"), "SELECT 1");
    assert!(plain.code != 0 && plain.stderr.contains("SSL required"), "{}", plain.stderr);
    // The authority of the server does not sign the pooler's certificate, nor the other way round.
    let url = client.url("ORDERS_MAIN_URL_POOLED").replace("pooler_authority", "database_authority");
    let output = psql(&format!("{url}&hostaddr=127.0.0.1"), "SELECT 1");
    assert!(output.code != 0 && output.stderr.contains("certificate verify failed"), "{}", output.stderr);

    drop(pooler);
    let folder = tempfile::tempdir().unwrap();
    let (other, _) = certificate(folder.path(), "other");
    let file = client.secrets().join("database_authority");
    std::fs::remove_file(&file).unwrap();
    std::fs::copy(&other, &file).unwrap();
    let pooler = Pooler::start(&client);
    let log = || std::fs::read_to_string(pooler.folder.path().join("log")).unwrap();
    let refuses = (0..50).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_ne!(client.query_pooler("orders", "SELECT 1").code, 0, "{}", log());
        log().contains("certificate verify failed")
    });
    assert!(refuses, "{}", log());
    drop(server);
}
