//! Every supported server starts with the generated settings and reports them back. The table of settings and their values
//! is that of the servers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::server::{Server, Version};
use crate::support::{nself_in, root, stack};

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

/// Settings that nself sets itself, so a stack cannot.
const SET_BY_NSELF: [&str; 9] = [
    "config_file",
    "data_directory",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "port",
    "ssl",
    "ssl_cert_file",
    "ssl_key_file",
];

/// The table has all settings of each server. Its ranges contain those of each server, and are those of one of them; its
/// words contain those of each server, which depend on how the server was built.
#[test]
fn the_table_of_settings_is_that_of_real_servers() {
    let table = fs::read_to_string(root().join("generator/values/postgres_settings.txt")).unwrap();
    let table: BTreeMap<&str, Vec<&str>> =
        table.lines().map(|line| line.split('\t').collect::<Vec<_>>()).map(|columns| (columns[0], columns)).collect();
    let mut limits: BTreeSet<(String, String)> = BTreeSet::new();
    let mut names: BTreeSet<String> = SET_BY_NSELF.map(str::to_owned).into();
    for version in [Version::V15, Version::V17, Version::V18] {
        let Some(server) = Server::start(version) else { return };
        let mut session = server.session("postgres", "postgres");
        let rows = session.run_or_panic(
            "SELECT concat_ws(E'\\t', lower(name), vartype, coalesce(unit, ''), min_val, max_val, array_to_string(enumvals, ',')) \
               FROM pg_settings WHERE context <> 'internal' AND name NOT LIKE '%.%' ORDER BY 1;",
        );
        for row in rows.lines() {
            let row: Vec<&str> = row.split('\t').collect();
            names.insert(row[0].to_owned());
            if SET_BY_NSELF.contains(&row[0]) {
                continue;
            }
            let columns = table.get(row[0]).unwrap_or_else(|| panic!("{version:?}: {} is missing", row[0]));
            match row[1] {
                "integer" | "real" => {
                    let number = |text: &str| text.parse::<f64>().unwrap();
                    let (min, max) = (columns[columns.len() - 2], columns[columns.len() - 1]);
                    assert!(number(min) <= number(row[3]) && number(max) >= number(row[4]), "{version:?}: {row:?}");
                    assert!(row[2].is_empty() || columns[2] == row[2], "{version:?}: {row:?}");
                    limits.extend([row[3], row[4]].map(|limit| (row[0].to_owned(), limit.to_owned())));
                }
                "enum" => {
                    let words: Vec<&str> = columns[2].split(',').collect();
                    assert!(row[3].split(',').all(|word| words.contains(&word)), "{version:?}: {row:?}");
                }
                "bool" => assert!(["boolean", "text"].contains(&columns[1]), "{version:?}: {row:?}"),
                _ => assert_eq!(columns[1], "text", "{version:?}: {row:?}"),
            }
        }
    }
    for (name, columns) in &table {
        assert!(names.contains(*name), "no server has {name}");
        if ["integer", "real", "size", "time"].contains(&columns[1]) {
            for limit in &columns[columns.len() - 2..] {
                assert!(limits.contains(&((*name).to_owned(), (*limit).to_owned())), "{name}: {limit}");
            }
        }
    }
}

/// Each value is refused by the table, too (`values/postgres_setting.rs`).
#[test]
fn servers_refuse_what_the_table_refuses() {
    for option in
        ["wal_level=replicaa", "work_mem=1kB", "checkpoint_timeout=1s", "random_page_cost=-1", "wal_level=minimal"]
    {
        let started = std::panic::catch_unwind(|| Server::start_with(Version::V15, &format!("-c {option}")).is_some());
        assert!(!started.unwrap_or(false), "{option}");
    }
}

/// The list of the settings that a function cannot change is that of real servers.
#[test]
fn settings_of_the_whole_server_are_those_of_real_servers() {
    let list = fs::read_to_string(root().join("generator/values/postgres_server_settings.txt")).unwrap();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for version in [Version::V15, Version::V17, Version::V18] {
        let Some(server) = Server::start(version) else { return };
        let rows = server.session("postgres", "postgres").run_or_panic(
            "SELECT lower(name) FROM pg_settings WHERE context NOT IN ('user', 'superuser') AND name NOT LIKE '%.%' ORDER BY 1;",
        );
        names.extend(rows.lines().map(str::to_owned));
    }
    assert_eq!(list.lines().map(str::to_owned).collect::<BTreeSet<_>>(), names);
}
