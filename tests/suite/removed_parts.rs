//! Parts of the last generation that the stack no longer has, such as an environment or a secret with a new name, and
//! values in place of those that another party issues.

use std::fs;

use crate::support::{nself_in, stack};

/// Returns a stack with one more environment and one more secret of these names.
fn body(environment: &str, secret: &str) -> String {
    format!(
        r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
             environments.{environment} = {{ profile = 'staging, domain = "test.example.com" }},
             services.orders = {{
               image = "a/orders:1",
               secrets = {{ {secret} = nself.random_hex 32, stripe_key = nself.external "the key of Stripe" }},
               secret_files = ["{secret}", "stripe_key"],
             }} }}"#
    )
}

#[test]
fn an_environment_and_a_secret_with_new_names_have_warnings() {
    let case = stack(&body("live", "cipher_key"));
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let write_stack = |environment: &str, secret: &str| {
        let text = format!("let nself = import \"nself/main.ncl\" in\n{} | nself.Stack\n", body(environment, secret));
        fs::write(case.path().join("stack.ncl"), text).unwrap();
    };
    write_stack("main", "sealing_key");
    let local = nself_in(case.path(), ["gen", "--env", "local"]);
    assert!(local.code == 0 && !local.stderr.contains("NS744"), "the files of `live` stay: {}", local.stderr);
    let output = nself_in(case.path(), ["gen"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    for text in [
        "warning[NS744]: the stack no longer has the environment `live`: the volumes certificates, postgres-data stay on its host",
        "`docker compose -p shop-live down`",
        "warning[NS510]: `prod` no longer uses the generated secret `cipher_key`",
        "`mv -n deploy/prod/secrets/cipher_key deploy/prod/secrets/sealing_key`",
    ] {
        assert!(output.stderr.contains(text), "{text}\nin {}", output.stderr);
    }
    let again = nself_in(case.path(), ["gen"]);
    assert!(!again.stderr.contains("NS744") && !again.stderr.contains("NS510"), "{}", again.stderr);
}

/// The password of the server's superuser becomes that of the administrator of a server outside of the stack.
#[test]
fn a_value_that_another_party_supplies_replaces_the_generated_one() {
    let body = |external: &str| {
        format!(
            r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
                 environments.prod.database_server = {{ {external} }} }}"#
        )
    };
    let case = stack(&body(""));
    let (gen_prod, init) = (["gen", "--env", "prod"], ["secrets", "init", "--env", "prod"]);
    assert_eq!(nself_in(case.path(), gen_prod).code, 0);
    nself_in(case.path(), init);
    let password = case.path().join("deploy/prod/secrets/postgres_password");
    assert!(password.exists());
    let text = body("external = { host = \"db.example.com\", addresses = [\"10.20.0.0/24\"] }");
    fs::write(
        case.path().join("stack.ncl"),
        format!("let nself = import \"nself/main.ncl\" in\n{text} | nself.Stack\n"),
    )
    .unwrap();
    let output = nself_in(case.path(), gen_prod);
    let message = "warning[NS510]: `prod`: the value of `postgres_password` comes from another party now";
    assert!(output.code == 0 && output.stderr.contains(message), "{}", output.stderr);
    assert!(output.stderr.contains("`rm deploy/prod/secrets/postgres_password`"), "{}", output.stderr);
    // `secrets init` keeps a value, and names the file of a missing one.
    assert!(!nself_in(case.path(), init).stderr.contains("secrets/postgres_password"));
    fs::remove_file(&password).unwrap();
    let missing = nself_in(case.path(), init).stderr;
    assert!(missing.contains("postgres_password"), "{missing}");
    assert!(!nself_in(case.path(), gen_prod).stderr.contains("NS510"));
}

#[test]
fn placeholders_are_listed_until_they_are_replaced() {
    let case = stack(&body("live", "cipher_key"));
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let secrets = case.path().join("deploy/local/secrets");
    for _ in 0..2 {
        let init = nself_in(case.path(), ["secrets", "init"]);
        assert!(init.code == 0 && init.stderr.contains("placeholder stripe_key: "), "{}", init.stderr);
    }
    assert!(fs::read_to_string(secrets.join("stripe_key")).unwrap().starts_with("placeholder"));
    let key = fs::read_to_string(secrets.join("cipher_key")).unwrap();
    assert!(key.trim_end().len() == 64 && key.trim_end().chars().all(|c| c.is_ascii_hexdigit()));
    let check = || nself_in(case.path(), ["secrets", "check", "--env", "local"]);
    assert!(check().code == 0 && check().stderr.contains("warning[NS511]"), "{}", check().stderr);
    fs::remove_file(secrets.join("stripe_key")).unwrap();
    fs::write(secrets.join("stripe_key"), "whsec_5f2c9d7a1b3e8064\n").unwrap();
    let init = nself_in(case.path(), ["secrets", "init"]);
    assert!(init.code == 0 && !init.stderr.contains("placeholder"), "{}", init.stderr);
    assert!(!check().stderr.contains("NS511"), "{}", check().stderr);
}
