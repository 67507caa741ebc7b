//! Every supported server starts with the generated settings and reports them back.

use std::fs;

use super::server::{Server, Version};
use crate::support::{nself_in, stack};

const STACK: &str = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", database_server.settings.work_mem = "9MB" }"#;

/// Returns the arguments of the server's command in `compose.yaml`, except arguments with paths in the container.
fn settings() -> (tempfile::TempDir, Vec<(String, String)>) {
    let case = stack(STACK);
    let output = nself_in(case.path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let compose = fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    let compose: serde_yaml_ng::Value = serde_yaml_ng::from_str(&compose).unwrap();
    let words = compose["services"]["postgres"]["command"].as_sequence().unwrap().iter();
    let settings = words.filter_map(|word| word.as_str()?.split_once('='));
    let settings = settings.filter(|(name, _)| *name != "hba_file");
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (case, settings)
}

#[test]
fn servers_accept_the_generated_settings() {
    let (case, settings) = settings();
    assert!(settings.len() > 10, "{settings:?}");
    let options: Vec<String> = settings.iter().map(|(name, value)| format!("-c {name}={value}")).collect();
    for version in [Version::V15, Version::V17, Version::V18] {
        let Some(server) = Server::start_with(version, &options.join(" ")) else { return };
        let mut session = server.session("postgres", "postgres");
        for (name, value) in &settings {
            // The server prints sizes in its own units, so the server compares them.
            let same = session.run_or_panic(&format!(
                "SELECT current_setting('{name}') = set_config('{name}', '{value}', false) \
                   FROM pg_settings WHERE name = '{name}' AND context IN ('user', 'superuser');"
            ));
            let shown = session.run_or_panic(&format!("SELECT current_setting('{name}');"));
            assert!(same.trim() != "f" && !shown.trim().is_empty(), "{version:?}: {name} is {shown}");
        }
        assert_eq!(session.run_or_panic("SHOW work_mem;").trim(), "9MB");
        assert_eq!(session.run_or_panic("SHOW shared_buffers;").trim(), "512MB");
        server.first_start(&case.path().join("deploy/local"));
        server.first_start(&case.path().join("deploy/local"));
        let statements =
            session.run_or_panic("SELECT count(*) > 0, bool_or(query ~* 'password') FROM pg_stat_statements;");
        assert_eq!(statements.trim(), "t|f", "{version:?}");
        let log = fs::read_to_string(server.folder().join("log")).unwrap();
        assert!(!log.to_lowercase().contains("password"), "{log}");
    }
}

#[test]
fn a_server_refuses_a_setting_that_it_does_not_know() {
    let started = std::panic::catch_unwind(|| Server::start_with(Version::V15, "-c shared_bufers=1GB").is_some());
    assert!(!started.unwrap_or(false), "the test above would see a misspelled setting");
}
