//! Values of secrets never appear in generated files, the cache or messages.

use std::fs;
use std::path::Path;

use crate::support::{assert_services_refused, environments, generate_services, golden_file, nself_in, stack, tree};

const STACK: &str = r#"{
  project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
  services = { redis = nself.services.redis, minio = nself.services.minio, meilisearch = nself.services.meilisearch, mail = nself.services.mail },
}"#;
const CANARY: &str = "CanaryK7q2ZxR9vT4mW8pL1nB6";

fn generated_project() -> tempfile::TempDir {
    let case = stack(STACK);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    case
}

/// Returns whether a text contains the canary, plain or encoded.
fn contains_canary(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let digest = blake3::hash(CANARY.as_bytes()).to_hex().to_string();
    let forms = [CANARY.to_owned(), base64(CANARY.as_bytes()), CANARY.to_ascii_lowercase(), digest];
    forms.iter().any(|form| text.contains(form.as_str()))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks_exact(3) {
        let bits = u32::from(chunk[0]) << 16 | u32::from(chunk[1]) << 8 | u32::from(chunk[2]);
        text.extend((0..4).map(|i| char::from(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize])));
    }
    text
}

#[test]
fn secret_values_appear_only_in_their_files() {
    let case = generated_project();
    let local = case.path().join("deploy/local");
    fs::create_dir_all(local.join("secrets")).unwrap();
    let names: serde_json::Value = serde_json::from_slice(&fs::read(local.join("secrets.json")).unwrap()).unwrap();
    for (i, (name, entry)) in names["secrets"].as_object().unwrap().iter().enumerate() {
        if entry["kind"] == "random" || entry["kind"] == "external" {
            fs::write(local.join("secrets").join(name), format!("{CANARY}{i}")).unwrap();
        }
    }
    let mut outputs = Vec::new();
    let commands: [&[&str]; 9] = [
        &["secrets", "init"],
        &["secrets", "check"],
        &["gen", "--force"],
        &["gen", "--format", "json"],
        &["check"],
        &["env", "show", "local"],
        &["env", "diff", "local", "prod"],
        &["secrets", "init", "--env", "prod"],
        &["explain"],
    ];
    for arguments in commands {
        let output = nself_in(case.path(), arguments);
        outputs.push(format!("{arguments:?} {} {}", output.stdout, output.stderr));
    }
    assert!(!contains_canary(outputs.concat().as_bytes()), "{outputs:#?}");
    let mut private = 0;
    for (path, bytes) in tree(case.path()) {
        let operator = path.starts_with("deploy/local/secrets/") || path == "deploy/local/.env";
        assert!(operator || !contains_canary(&bytes), "{path} shows a secret");
        private += usize::from(operator && contains_canary(&bytes));
    }
    assert!(private > 10, "the search finds what is there: {private}");
}

/// A credential in the wrong field is refused without being repeated.
#[test]
fn messages_do_not_repeat_a_refused_value() {
    for body in [
        format!(r#"{{ project = "{CANARY}_x", domain = "d.example.com" }}"#),
        format!(
            r#"{{ project = "shop", domain = "d.example.com", monitoring.waive = "not the subject", services.a1 = {{ image = "a/b:1", env.API_TOKEN = "{CANARY}" }} }}"#
        ),
        format!(
            r#"{{ project = "shop", domain = "d.example.com", monitoring.waive = "not the subject", services.a1 = {{ image = "a/b:1", env.URL = "https://u:{CANARY}@h/" }} }}"#
        ),
        format!(
            r#"{{ project = "shop", domain = "d.example.com", monitoring.waive = "not the subject", services.a1 = {{ image = "{CANARY} x", port = "{CANARY}" }} }}"#
        ),
        format!(
            r#"{{ project = "shop", domain = "d.example.com", monitoring.waive = "not the subject", services.a1 = {{ image = "a/b:1", command = "{CANARY}", user = "{CANARY}" }} }}"#
        ),
        format!(
            r#"{{ project = "shop", domain = "d.example.com", monitoring.waive = "not the subject", services.a1 = {{ image = "a/b:1", command = ["x", "postgres://u:{CANARY}@h/"] }} }}"#
        ),
    ] {
        let case = stack(&body);
        for format in ["text", "json"] {
            let output = nself_in(case.path(), ["gen", "--format", format]);
            assert_eq!(output.code, 2, "{body}");
            assert!(
                !contains_canary(output.stdout.as_bytes()) && !contains_canary(output.stderr.as_bytes()),
                "{}{}",
                output.stdout,
                output.stderr
            );
        }
        assert!(tree(&case.path().join(".nself")).values().all(|bytes| !contains_canary(bytes)), "the cache");
    }
}

/// Operators add variables such as `IMAGE_TAG` to `.env`, which Compose and the timers then read.
#[test]
fn init_keeps_lines_of_the_operator_in_the_environment_file() {
    let case = generated_project();
    let file = case.path().join("deploy/local/.env");
    let init = || assert_eq!(nself_in(case.path(), ["secrets", "init"]).code, 0);
    init();
    let own = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{own}# versions\nIMAGE_TAG='1.4.2'")).unwrap();
    init();
    init();
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{own}# versions\nIMAGE_TAG='1.4.2'\n"));
}

#[test]
fn init_creates_missing_values_and_keeps_existing_ones() {
    let case = generated_project();
    assert_eq!(nself_in(case.path(), ["secrets", "init"]).code, 0);
    let before = tree(&case.path().join("deploy/local/secrets"));
    assert_eq!(nself_in(case.path(), ["secrets", "init"]).code, 0);
    assert_eq!(before, tree(&case.path().join("deploy/local/secrets")));
    let url = String::from_utf8(before["hasura_main_url"].clone()).unwrap();
    let password = String::from_utf8(before["hasura_db_password"].clone()).unwrap();
    assert_eq!(url, format!("postgres://hasura:{password}@postgres:5432/shop"));
    assert_eq!(nself_in(case.path(), ["check"]).code, 0, "check does not look at secrets");
    // Production has secrets that only the operator can supply.
    let prod = nself_in(case.path(), ["secrets", "init", "--env", "prod"]);
    assert!(prod.code == 1 && prod.stderr.contains("missing smtp_password"), "{}", prod.stderr);
    for name in ["smtp_host", "smtp_user", "smtp_password"] {
        fs::write(case.path().join("deploy/prod/secrets").join(name), "a-value-of-the-operator-1").unwrap();
    }
    assert_eq!(nself_in(case.path(), ["secrets", "init", "--env", "prod"]).code, 0);
}

#[test]
fn check_finds_weak_missing_and_shared_values() {
    let case = generated_project();
    for env in ["local", "staging", "prod"] {
        nself_in(case.path(), ["secrets", "init", "--env", env]);
        for name in ["smtp_host", "smtp_user", "smtp_password"] {
            let path = case.path().join("deploy").join(env).join("secrets").join(name);
            if !path.exists() {
                fs::write(path, format!("operator-{env}-{name}-value")).unwrap();
            }
        }
    }
    let check = || nself_in(case.path(), ["secrets", "check"]);
    assert_eq!(check().code, 0, "{}", check().stderr);
    let secret = |env: &str, name: &str| case.path().join("deploy").join(env).join("secrets").join(name);
    let put = |path: &Path, value: &str| {
        let _ = fs::remove_file(path);
        fs::write(path, value).unwrap();
    };
    for (value, code) in
        [("minioadmin", "NS505"), ("postgres", "NS505"), ("short", "NS505"), ("aaaaaaaaaaaaaaaaaaaaaaaa", "NS505")]
    {
        let old = fs::read_to_string(secret("prod", "minio_root_password")).unwrap();
        put(&secret("prod", "minio_root_password"), value);
        let output = check();
        assert!(output.code == 1 && output.stderr.contains(code), "{value}: {}", output.stderr);
        put(&secret("prod", "minio_root_password"), &old);
    }
    let staging = fs::read_to_string(secret("staging", "jwt_key")).unwrap();
    put(&secret("prod", "jwt_key"), &staging);
    let output = check();
    assert!(output.code == 1 && output.stderr.contains("NS506"), "{}", output.stderr);
    fs::remove_file(secret("prod", "jwt_key")).unwrap();
    let output = check();
    assert!(output.code == 1 && output.stderr.contains("NS304"), "{}", output.stderr);
}

/// Two authorities issue one certificate each: for the edge and, if enabled, for the database server.
#[test]
fn a_certificate_is_issued_again_only_if_a_part_is_missing() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", database_server.tls = true }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen", "--env", "local"]).code, 0);
    let folder = case.path().join("deploy/local/secrets");
    let issue = || {
        assert_eq!(nself_in(case.path(), ["secrets", "init", "--env", "local"]).code, 0);
        ["tls_certificate", "authority", "database_certificate", "database_key", "database_authority"]
            .map(|name| fs::read_to_string(folder.join(name)).unwrap())
    };
    let first = issue();
    assert_eq!(first, issue());
    assert_ne!(first[1], first[4], "each has its authority");
    fs::remove_file(folder.join("database_authority")).unwrap();
    let again = issue();
    assert_eq!(again[..2], first[..2], "the other certificate stays");
    assert!((2..5).all(|i| again[i] != first[i]));
    // openssl verifies the chain, for exactly the names that clients use.
    let verify = |host: &str, authority: &str| {
        let file = |name: &str| folder.join(name).display().to_string();
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["verify", "-verify_hostname", host, "-CAfile", &file(authority), &file("database_certificate")]);
        crate::support::run(&mut openssl).code == 0
    };
    assert!(verify("postgres", "database_authority"));
    assert!(!verify("hasura", "database_authority"));
    assert!(!verify("postgres", "authority"));
}

/// A browser that has imported the authority accepts the hosts of later generations.
#[test]
fn the_certificate_authority_is_kept_when_routes_change() {
    let text = |subdomain: &str| {
        format!(
            r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.orders = {{ image = "a/b:1", port = 8001, route.subdomain = "{subdomain}" }} }}"#
        )
    };
    let case = stack(&text("orders"));
    let nself = |arguments: &[&str]| nself_in(case.path(), arguments);
    let generate = || assert_eq!(nself(&["gen", "--env", "local"]).code, 0);
    let folder = case.path().join("deploy/local/secrets");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    generate();
    assert_eq!(nself(&["secrets", "init"]).code, 0);
    let first = (read("authority"), read("tls_certificate"));
    assert!(!nself(&["secrets", "check", "--env", "local"]).stderr.contains("NS516"));
    let main = fs::read_to_string(case.path().join("stack.ncl")).unwrap();
    fs::write(case.path().join("stack.ncl"), main.replace("subdomain = \"orders\"", "subdomain = \"sales\"")).unwrap();
    generate();
    let checked = nself(&["secrets", "check", "--env", "local"]);
    assert!(checked.code == 1 && checked.stderr.contains("error[NS516]"), "{}", checked.stderr);
    assert!(checked.stderr.contains("nself secrets init --env local"), "{}", checked.stderr);
    let again = nself(&["secrets", "init"]);
    assert!(
        again.stdout.contains("created tls_certificate") && !again.stdout.contains("authority"),
        "{}",
        again.stdout
    );
    assert!(!nself(&["secrets", "check", "--env", "local"]).stderr.contains("NS516"));
    assert_eq!(read("authority"), first.0);
    assert_ne!(read("tls_certificate"), first.1);
    let verify = |host: &str| {
        let file = |name: &str| folder.join(name).display().to_string();
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["verify", "-verify_hostname", host, "-CAfile", &file("authority"), &file("tls_certificate")]);
        crate::support::run(&mut openssl).code == 0
    };
    assert!(verify("sales.local.nself.org") && verify("sales.localhost"));
    assert!(!verify("orders.local.nself.org"));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.join("authority_key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "no container reads the key of the authority");
    // The second run creates nothing. This also holds for composed values that end in a line break.
    assert!(nself(&["secrets", "init"]).stdout.is_empty());
}

/// nginx runs as a different user than the operator who wrote the key.
#[test]
fn a_key_that_containers_cannot_read_is_a_finding() {
    use std::os::unix::fs::PermissionsExt;
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", environments.local.tls.mode = 'files }"#,
    );
    assert_eq!(nself_in(case.path(), ["gen", "--env", "local"]).code, 0);
    let folder = case.path().join("deploy/local/secrets");
    nself_in(case.path(), ["secrets", "init"]);
    fs::remove_file(folder.join("tls_key")).ok();
    fs::write(folder.join("tls_key"), "a key that the operator has copied here").unwrap();
    fs::set_permissions(folder.join("tls_key"), fs::Permissions::from_mode(0o600)).unwrap();
    let output = nself_in(case.path(), ["secrets", "check", "--env", "local"]);
    assert!(
        output.stderr.contains("warning[NS515]") && output.stderr.contains("secrets/tls_key (0600)"),
        "{}",
        output.stderr
    );
    assert_eq!(fs::metadata(folder.join("tls_key")).unwrap().permissions().mode() & 0o777, 0o444);
    assert!(!nself_in(case.path(), ["secrets", "check", "--env", "local"]).stderr.contains("NS515"));
}

#[test]
fn connection_urls_are_secrets_with_encoded_passwords() {
    // A URL is a secret as a whole, composed with percent-encoding; nothing is interpolated at start.
    let list = golden_file("prod", "secrets.json");
    assert!(list.contains("\"encode\": \"url\""));
    for environment in environments() {
        let text = fs::read_to_string(environment.join("compose.yaml")).unwrap();
        // The exporter of Redis reads the password from a file, so its URL has none.
        let with_password = |(at, _): (usize, &str)| text[at..].lines().next().unwrap().contains('@');
        let has_password = text.match_indices("redis://").any(with_password);
        assert!(!text.contains("postgres://") && !has_password, "{}", environment.display());
    }
}

#[test]
fn credentials_are_recognised_by_names_options_and_urls() {
    assert_services_refused(r#"a1 = { image = "a/b:1", env.DB_PASSWORD = "hunter2hunter2" }"#, "NS504");
    assert_services_refused(r#"a1 = { image = "a/b:1", command = ["serve", "--requirepass", "x"] }"#, "NS504");
    assert_services_refused(r#"a1 = { image = "a/b:1", health.exec = ["ping", "redis://x:y@redis"] }"#, "NS504");
}

#[test]
fn credentials_are_recognised_by_their_format_in_every_field() {
    let canary = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8aB3dE5gH7";
    let token = format!("ghp_{canary}");
    for services in [
        format!(r#"a1 = {{ image = "a/b:1", env.SETTING = "{token}" }}"#),
        format!(
            r#"a1 = {{ image = "a/b:1", extra_env.A = nself.by_profile {{ local = "a", staging = "b", prod = "{token}" }} }}"#
        ),
        format!(r#"a1 = {{ image = "a/b:1", env.A = nself.join ["token ", "{token}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", env.A = nself.join ["ghp_", "{canary}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", entrypoint = ["sh", "-c", "serve {token}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", health.exec = ["ping", "{token}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", compose.labels.key = "{token}" }}"#),
        format!(r#"a1 = {{ image = "a/b:1", compose.labels."{token}" = "key" }}"#),
        format!(r#"a1 = {{ image = "a/b:1", kubernetes.dnsConfig.searches = ["{token}"] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", secrets.url.template = [{{ text = "x {token}" }}] }}"#),
        format!(r#"a1 = {{ image = "a/b:1", secrets.url.external = "it is {token}" }}"#),
        format!(r#"a1 = {{ image = "a/b:1", waive."compose.autoscale" = "{token}" }}"#),
        format!(r#"a1 = {{ enabled = false, image = "a/b:1", env.SETTING = "{token}" }}"#),
    ] {
        let output = generate_services(&services);
        let findings = output.stderr.matches("error[NS504]").count();
        assert!(
            output.code == 2 && findings == 1 && output.stderr.contains("a GitHub token"),
            "{services}: {}",
            output.stderr
        );
        assert!(!output.stderr.contains(canary) && !output.stdout.contains(canary), "{}", output.stderr);
    }
    // A file of the project that would be copied.
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    fs::create_dir_all(case.path().join("nginx/conf.d")).unwrap();
    let text = format!("server {{\n  server_name a.b; # ö {token}\n}}\n");
    fs::write(case.path().join("nginx/conf.d/own.conf"), text).unwrap();
    let output = nself_in(case.path(), ["gen"]);
    assert!(output.code == 2 && output.stderr.contains("--> nginx/conf.d/own.conf:2:24"), "{}", output.stderr);
    assert!(
        output.stderr.contains("error[NS504]: a GitHub token") && !output.stderr.contains(canary),
        "{}",
        output.stderr
    );
    // Controls: explanations may contain such formats, and variables of a shell are not credentials.
    let fine = generate_services(
        r#"a1 = { image = "a/b:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
             command = ["sh", "-c", "exec serve redis://:$PASSWORD@redis"], env.LOCALE = "sk-SK", env.TOKEN_URL = "https://a.b/ghp_",
             secrets.url.external = "such as postgres://user:password@host/name", env.URL = nself.secret "url" }"#,
    );
    assert_eq!(fine.code, 0, "{}", fine.stderr);
}

/// A provider may issue short names, also the same one for each environment; a well-known password is still refused.
#[test]
fn short_names_that_a_provider_issues_are_accepted() {
    let case = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.probe = { image = \"a/b:1\", env = { PIN_TOKEN = nself.secret \"pin_token\" }, \
          secrets.pin_token = { external = \"PIN of the terminal\", min_length = 6 } } }",
    );
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    for environment in ["staging", "prod"] {
        nself_in(case.path(), ["secrets", "init", "--env", environment]);
        let secrets = case.path().join("deploy").join(environment).join("secrets");
        let values =
            [("smtp_host", "smtp.gmail.com"), ("smtp_user", "apikey"), ("smtp_password", "abcd efgh ijkl mnop")];
        for (name, value) in values.into_iter().chain([("pin_token", "402918")]) {
            fs::write(secrets.join(name), format!("{value}{}", if name.ends_with("word") { environment } else { "" }))
                .unwrap();
        }
        nself_in(case.path(), ["secrets", "init", "--env", environment]);
    }
    let prod = case.path().join("deploy/prod/secrets");
    let check = || nself_in(case.path(), ["secrets", "check", "--env", "prod"]);
    fs::write(prod.join("pin_token"), "739104").unwrap();
    assert_eq!(check().code, 0, "{}", check().stderr);
    for (name, value) in [("pin_token", "73910"), ("smtp_password", "short"), ("smtp_password", "password")] {
        let old = fs::read_to_string(prod.join(name)).unwrap();
        fs::remove_file(prod.join(name)).unwrap();
        fs::write(prod.join(name), value).unwrap();
        let output = check();
        assert!(
            output.stderr.contains("error[NS505]") && output.stderr.contains("from its provider"),
            "{name}: {}",
            output.stderr
        );
        fs::remove_file(prod.join(name)).unwrap();
        fs::write(prod.join(name), old).unwrap();
    }
    fs::remove_file(prod.join("smtp_host")).unwrap();
    let missing = check();
    assert!(missing.stderr.contains("write the host name of the mail provider's SMTP server to"), "{}", missing.stderr);
}

/// Before `secrets init`, all values that it creates are one finding.
#[test]
fn missing_values_that_nself_creates_are_one_finding() {
    let case = generated_project();
    let output = nself_in(case.path(), ["secrets", "check", "--env", "local"]);
    assert!(output.stderr.contains("run `nself secrets init --env local`, which creates them"), "{}", output.stderr);
    assert!(output.code == 1 && output.stderr.contains("\n1 error\n"), "{}", output.stderr);
}
