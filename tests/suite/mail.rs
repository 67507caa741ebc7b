//! Mail of the generated environments: a stand-in for hasura-auth's SMTP code sends mail to real servers with the
//! generated settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{ProcessOutput, free_port, nself_in, root, run, stack, tool};

const RELAY: &str = "smtp.example.com";

/// A running Mailpit with its ports and messages.
struct MailServer {
    process: Child,
    smtp: u16,
    http: u16,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl MailServer {
    /// Starts Mailpit with the variables of the environment's service `mail`, or with other arguments.
    fn start(program: &Path, variables: &[(String, String)], arguments: &[&str]) -> Self {
        let (smtp, http) = (free_port(), free_port());
        let process = Command::new(program)
            .args(["--smtp", &format!("127.0.0.1:{smtp}"), "--listen", &format!("127.0.0.1:{http}")])
            .args(["--disable-version-check", "--quiet"])
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = MailServer { process, smtp, http };
        let deadline = Instant::now() + Duration::from_secs(30);
        while server.get("/readyz").code != 0 {
            assert!(Instant::now() < deadline, "Mailpit does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn get(&self, path: &str) -> ProcessOutput {
        run(Command::new("curl")
            .args(["--silent", "--fail", "--noproxy", "*"])
            .arg(format!("http://127.0.0.1:{}{path}", self.http)))
    }

    /// Returns the number of messages that the server received.
    fn messages(&self) -> u64 {
        let answer: serde_json::Value = serde_json::from_str(&self.get("/api/v1/messages").stdout).unwrap();
        answer["total"].as_u64().unwrap()
    }
}

/// Returns `None` and prints a remark if the tools are missing.
fn tools() -> Option<(PathBuf, PathBuf)> {
    Some((tool("bin/mailpit")?, tool("venv/bin/python")?))
}

/// Generates a stack with its secrets, and supplies the secrets of production like an operator.
fn generate(fields: &str) -> tempfile::TempDir {
    let case = stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", {fields} }}"
    ));
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    for environment in ["local", "staging", "prod"] {
        nself_in(case.path(), ["secrets", "init", "--env", environment]);
    }
    for (name, value) in [("smtp_host", RELAY), ("smtp_user", "apikey"), ("smtp_password", "Pr0vider-issued-9x2")] {
        fs::write(case.path().join("deploy/prod/secrets").join(name), value).unwrap();
    }
    let output = nself_in(case.path(), ["secrets", "init", "--env", "prod"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    case
}

/// Sends one message with the settings of an environment and some changed variables.
fn send(
    python: &Path,
    folder: &Path,
    address: &str,
    server: &MailServer,
    certificate: &Path,
    changes: &[&str],
) -> ProcessOutput {
    let ports = format!("{{\"{address}\": {}}}", server.smtp);
    run(Command::new(python)
        .arg(root().join("tests/mail/sender.py"))
        .arg(folder)
        .arg(ports)
        .arg(certificate)
        .args(changes))
}

/// Writes a self-signed certificate for the relay's name.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("relay.crt"), folder.join("relay.key"));
    let certificate_creation = run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={RELAY}"), "-addext", &format!("subjectAltName=DNS:{RELAY}")])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key));
    assert_eq!(certificate_creation.code, 0, "{}", certificate_creation.stderr);
    (certificate, key)
}

#[test]
fn local_and_staging_send_to_the_catcher() {
    let Some((mailpit, python)) = tools() else { return };
    let case = generate("services.mail = nself.services.mail");
    let (certificate, _) = certificate(case.path());
    for environment in ["local", "staging"] {
        let folder = case.path().join("deploy").join(environment);
        let server = MailServer::start(&mailpit, &catcher_variables(&folder, &python), &[]);
        let sent = |changes: &[&str]| send(&python, &folder, "mail:1025", &server, &certificate, changes);
        let output = sent(&[]);
        assert_eq!(output.code, 0, "{environment}: {}", output.stderr);
        assert_eq!(server.messages(), 1);
        // Known-bad controls: a name with which the program refuses a server without encryption, and a name that does
        // not resolve.
        let refusal = sent(&["AUTH_SMTP_HOST=mail"]);
        assert!(refusal.code == 1 && refusal.stderr.contains("unencrypted connection"), "{}", refusal.stderr);
        let unknown = sent(&["AUTH_SMTP_HOST=mailhog2"]);
        assert!(unknown.code == 1 && unknown.stderr.contains("no such host"), "{}", unknown.stderr);
        assert_eq!(server.messages(), 1);
    }
}

/// Returns the variables of the service `mail` in the generated file.
fn catcher_variables(folder: &Path, python: &Path) -> Vec<(String, String)> {
    let script = "import json, sys, yaml\nprint(json.dumps(yaml.safe_load(open(sys.argv[1]))['services']['mail']['environment']))";
    let output = run(Command::new(python).args(["-c", script]).arg(folder.join("compose.yaml")));
    let variables: std::collections::BTreeMap<String, String> = serde_json::from_str(&output.stdout).unwrap();
    variables.into_iter().collect()
}

#[test]
fn production_sends_through_relays_with_starttls_and_tls() {
    let Some((mailpit, python)) = tools() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let (certificate_text, key_text) = (certificate.display().to_string(), key.display().to_string());
    let start = |requires: &str| {
        let arguments =
            ["--smtp-tls-cert", &certificate_text, "--smtp-tls-key", &key_text, "--smtp-auth-accept-any", requires];
        MailServer::start(&mailpit, &[], &arguments)
    };
    let (starttls, implicit) = (start("--smtp-require-starttls"), start("--smtp-require-tls"));
    for (fields, address, server, wrong) in [
        ("", "smtp.example.com:587", &starttls, "AUTH_SMTP_SECURE=true"),
        (
            "mail.relay = { host = \"smtp.example.com\", security = 'starttls }",
            "smtp.example.com:587",
            &starttls,
            "AUTH_SMTP_SECURE=true",
        ),
        (
            "mail.relay = { host = \"smtp.example.com\", port = 2525 }",
            "smtp.example.com:2525",
            &starttls,
            "AUTH_SMTP_SECURE=true",
        ),
        (
            "mail.relay = { host = \"smtp.example.com\", security = 'tls }",
            "smtp.example.com:465",
            &implicit,
            "AUTH_SMTP_SECURE=false",
        ),
    ] {
        let case = generate(fields);
        let prod = case.path().join("deploy/prod");
        let before = server.messages();
        let output = send(&python, &prod, address, server, &certificate, &[]);
        assert_eq!(output.code, 0, "{fields}: {}", output.stderr);
        assert_eq!(server.messages(), before + 1, "{fields}");
        // Known-bad control: the other kind of encryption.
        let output = send(&python, &prod, address, server, &certificate, &[wrong]);
        assert_eq!(output.code, 1, "{fields}: {wrong}");
        assert_eq!(server.messages(), before + 1, "{fields}: {wrong}");
    }
}

#[test]
fn network_policies_allow_senders_to_reach_the_catcher() {
    let case = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.mail = nself.services.mail, kubernetes = nself.clusters.kind & { enabled = true }, tls.email = \"ops@example.com\" }",
    );
    let output = nself_in(case.path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let apps = case.path().join("deploy/local/kubernetes/apps");
    for file in [
        "mail/service-mailhog.yaml",
        "mail/networkpolicy-mail-from-auth-1025.yaml",
        "auth/networkpolicy-auth-to-mail-1025.yaml",
    ] {
        assert!(apps.join(file).exists(), "{file} in {:?}", crate::support::tree(&apps).keys());
    }
    // Known-bad control: a service that sends no mail cannot connect to it.
    assert!(!apps.join("hasura/networkpolicy-hasura-to-mail-1025.yaml").exists());
}

#[test]
fn invalid_relays_are_findings() {
    for (fields, code, place) in [
        ("mail.relay = { host = \"smtp.example.com\", port = 465 }", "warning[NS314]", "mail.relay.security"),
        (
            "mail.relay = { host = \"smtp.example.com\", port = 587, security = 'tls }",
            "warning[NS314]",
            "mail.relay.security",
        ),
        ("mail.relay.user = nself.secret \"relay_user\"", "error[NS304]", "mail.relay.user"),
        ("environments.prod.mail.relay = null", "error[NS314]", "services.auth.env.AUTH_SMTP_HOST"),
        ("services.mail = nself.services.mail & { aliases = [\"auth\"] }", "error[NS203]", "services.mail.aliases"),
    ] {
        let case = stack(&format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", {fields} }}"
        ));
        let output = nself_in(case.path(), ["gen"]);
        let findings: Vec<&str> = output
            .stderr
            .lines()
            .filter(|line| line.contains("NS304") || line.contains("NS314") || line.contains("NS203"))
            .collect();
        assert_eq!(findings.len(), 1, "{fields}: {}", output.stderr);
        assert!(findings[0].contains(code) && output.stderr.contains(place), "{fields}: {}", output.stderr);
    }
}

#[test]
fn pages_of_the_stack_may_sign_in_and_call_the_api() {
    let case = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",
          frontends = { admin = { port = 3001, route.subdomain = \"admin\" }, web = { port = 3000, route.subdomain = \"@\" } },
          graphql_endpoints.partner.route.host = \"graphql.partner.example.org\" }",
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let prod = fs::read_to_string(case.path().join("deploy/prod/compose.yaml")).unwrap();
    for line in [
        "AUTH_CLIENT_URL: \"https://shop.example.com\"\n",
        "AUTH_ACCESS_CONTROL_ALLOWED_REDIRECT_URLS: \"https://admin.shop.example.com,https://shop.example.com\"\n",
        "HASURA_GRAPHQL_CORS_DOMAIN: \"https://shop.example.com,https://*.shop.example.com,https://graphql.partner.example.org\"\n",
    ] {
        assert!(prod.contains(line), "{line}{prod}");
    }
    let local = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    for text in ["https://*.localhost", "https://localhost", "https://admin.localhost"] {
        assert!(local.contains(text), "{text}");
    }
}

/// The credentials of the relay belong to the stack, not to the service `auth`.
#[test]
fn a_stack_without_auth_sends_mail_through_the_relay() {
    let case = stack(&format!(
        r#"{{
  project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", mail.relay.host = "{RELAY}",
  environments.staging.domain = "staging.shop.example.com",
  services = {{
    auth.enabled = false,
    wiki = {{
      image = "acme/wiki:1", port = 8001, health.http.path = "/h",
      env = {{ SMTP_HOST = nself.mail.host, SMTP_USER = nself.mail.user, SMTP_PASSWORD = nself.mail.password }},
    }},
  }},
}}"#
    ));
    let generated = nself_in(case.path(), ["gen"]);
    assert_eq!(generated.code, 0, "{}", generated.stderr);
    let list = fs::read_to_string(case.path().join("deploy/prod/secrets.json")).unwrap();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    for name in ["smtp_user", "smtp_password"] {
        assert_eq!(list["secrets"][name]["kind"], "external", "{list}");
        assert_eq!(list["secrets"][name]["used_by"][0], "wiki", "{list}");
    }
    assert!(list["secrets"].get("smtp_host").is_none(), "the relay has a host: {list}");
}
