//! Tests the aspects of the database server: roles, the job that prepares it, access rules, TLS, settings, extensions.

use super::{added_arguments, additions, name, stack, stack_with_orders, waits_for, with_roster};
use crate::plan::aspect::server_settings::Libraries;
use crate::plan::aspect::{access, database_endpoints, databases, encryption, extensions, server_settings, setup};
use crate::plan::wiring::Addition;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn a_service_with_a_database_gets_a_role_and_waits_for_the_server() {
    // Whether `orders` has a role, and whether it waits for the server.
    let role_and_wait = |fields: &Value| {
        with_roster(&stack_with_orders(fields), |inputs, roster| {
            let planned = databases::plan(inputs.stack, roster);
            let waits = waits_for(&additions(&planned, "orders"), "postgres");
            (planned.value.roles.contains_key(&name("orders")), waits)
        })
    };
    assert_eq!(role_and_wait(&json!({ "databases": { "main": { "access": "read" } } })), (true, true));
    assert_eq!(role_and_wait(&json!({})), (false, false));
}

#[test]
fn the_replica_has_a_role_on_the_server() {
    // Whether there is a role, and the number of additions to the job that creates it.
    let replication = |with_replica: bool| {
        let mut stack = stack(&json!({}));
        if with_replica {
            stack["services"]["postgres-replica"] = json!({ "image": "a/postgres:1" });
        }
        with_roster(&stack, |_, roster| {
            let planned = database_endpoints::replication(roster);
            (planned.value.is_some(), additions(&planned, "postgres-setup").len())
        })
    };
    assert_eq!(replication(true), (true, 1));
    assert_eq!(replication(false), (false, 0));
}

#[test]
fn access_rules_and_tls_are_wired_into_the_server() {
    let rules_and_tls = |tls: bool| {
        let mut stack = stack(&json!({}));
        stack["database_server"] = json!({ "tls": tls });
        with_roster(&stack, |inputs, roster| {
            let no_names = BTreeSet::new();
            let access = access::plan(inputs, roster, &no_names);
            let rules = additions(&access, "postgres").len();
            let tls_plan = encryption::plan(inputs.stack, roster, access.value.as_ref(), (&no_names, &BTreeMap::new()));
            (rules, tls_plan.value.len(), additions(&tls_plan, "postgres").len())
        })
    };
    // The numbers of additions of access rules, of certificates and of additions for TLS: certificate and key, three
    // settings, and the entrypoint that copies the key.
    assert_eq!(rules_and_tls(true), (3, 3, 6));
    assert_eq!(rules_and_tls(false), (3, 0, 0));
}

#[test]
fn a_job_with_all_passwords_prepares_the_server() {
    // The numbers of jobs and of their passwords, and whether `orders` waits for the job.
    let job_passwords_and_wait = |database: &Value| {
        with_roster(&stack_with_orders(&json!({ "databases": database })), |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).value;
            let planned = setup::plan(inputs.stack, roster, &server, &BTreeMap::new());
            let passwords = additions(&planned, "postgres-setup");
            let passwords = passwords.iter().filter(|addition| matches!(addition, Addition::SecretFile(_))).count();
            let waits = waits_for(&additions(&planned, "orders"), "postgres-setup");
            (planned.value.len(), passwords, waits)
        })
    };
    assert_eq!(job_passwords_and_wait(&json!({ "main": {} })), (1, 1, true));
    assert_eq!(job_passwords_and_wait(&json!({})), (1, 0, false));
    let mut without_server = stack_with_orders(&json!({}));
    without_server["services"]["postgres"]["enabled"] = json!(false);
    let jobs = with_roster(&without_server, |inputs, roster| {
        setup::plan(inputs.stack, roster, &databases::Server::default(), &BTreeMap::new()).value.len()
    });
    assert_eq!(jobs, 0, "no server");
}

#[test]
fn settings_of_the_server_follow_its_memory_unless_the_stack_sets_them() {
    let settings = |memory: &str, server: &Value| {
        let mut stack = stack(&json!({}));
        stack["services"]["postgres"]["limits"] = json!({ "memory": memory });
        stack["services"]["postgres"]["command"] = json!(["postgres", "-c", "max_wal_size=7GB"]);
        stack["database_server"]["settings"] = server.clone();
        with_roster(&stack, |inputs, roster| {
            added_arguments(&server_settings::plan(inputs.stack, roster, &Libraries::default()), "postgres")
        })
    };
    let count = |words: &[String], word: &str| words.iter().filter(|other| *other == word).count();
    let derived = settings("2GiB", &json!({}));
    for word in
        ["shared_buffers=524288kB", "effective_cache_size=1572864kB", "shared_preload_libraries=pg_stat_statements"]
    {
        assert_eq!(count(&derived, word), 1, "{word} {derived:?}");
    }
    assert_eq!(count(&settings("8GiB", &json!({})), "shared_buffers=2097152kB"), 1);
    let declared = settings("2GiB", &json!({ "shared_buffers": "1GB", "max_connections": "50" }));
    for word in ["shared_buffers=1GB", "max_connections=50"] {
        assert_eq!(count(&declared, word), 1, "{word} {declared:?}");
    }
    // The command of the service sets `max_wal_size`, so nself does not add it.
    for (name, expected) in [("shared_buffers=", 1), ("max_connections=", 1), ("max_wal_size=", 0)] {
        assert_eq!(declared.iter().filter(|word| word.starts_with(name)).count(), expected, "{name} {declared:?}");
    }
}

#[test]
fn a_setting_in_the_command_of_a_server_stays() {
    let mut stack = stack(&json!({}));
    stack["services"]["postgres"]["command"] =
        json!(["postgres", "-c", "cron.database_name=jobs", "-ccheckpoint_timeout=1h", "--max-wal-size=4GB"]);
    let settings = [("cron.database_name", "shop"), ("checkpoint_timeout", "5min")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let libraries = Libraries { settings, ..Libraries::default() };
    let arguments = with_roster(&stack, |inputs, roster| {
        added_arguments(&server_settings::plan(inputs.stack, roster, &libraries), "postgres")
    });
    let is_added = |name: &str| arguments.iter().any(|word| word.starts_with(name));
    assert!(!["cron.database_name", "checkpoint_timeout", "max_wal_size"].into_iter().any(is_added), "{arguments:?}");
    assert!(is_added("work_mem="), "{arguments:?}");
}

#[test]
fn extensions_are_checked_against_the_image_and_loaded() {
    // The paths of the findings, and the extensions that the server loads at its start.
    let findings_and_loaded = |image: &str, uses: &[(&str, &str)]| {
        let mut stack = stack(&json!({}));
        stack["services"]["postgres"]["image"] = json!(image);
        for (i, (database, extension)) in uses.iter().enumerate() {
            let databases = json!({ "main": { "name": database, "extensions": [extension] } });
            stack["services"][format!("user{i}")] = json!({ "image": "a/b:1", "databases": databases });
        }
        with_roster(&stack, |inputs, roster| {
            let planned = extensions::plan(inputs.stack, roster, &BTreeMap::new());
            let paths: Vec<String> = planned.findings.iter().map(|finding| finding.path.to_string()).collect();
            (paths, planned.value.names.into_iter().collect::<Vec<_>>())
        })
    };
    let official = "docker.io/library/postgres:16-alpine";
    let path = |service: &str| vec![format!("services.{service}.databases.main.extensions[0]")];
    assert_eq!(findings_and_loaded(official, &[("one", "citext")]), (vec![], vec![]));
    assert_eq!(findings_and_loaded(official, &[("one", "vector")]), (path("user0"), vec![]));
    assert_eq!(findings_and_loaded("docker.io/pgvector/pgvector:pg16", &[("one", "vector")]), (vec![], vec![]));
    assert_eq!(
        findings_and_loaded("ghcr.io/acme/postgres:1", &[("one", "pg_cron")]),
        (vec![], vec!["pg_cron".to_owned()])
    );
    let in_two_databases = findings_and_loaded("ghcr.io/acme/postgres:1", &[("one", "pg_cron"), ("two", "pg_cron")]);
    assert_eq!(in_two_databases, (path("user1"), vec!["pg_cron".to_owned()]));
    // An extension requires a second one in the same database.
    let in_database = |database: &str| findings_and_loaded(official, &[("one", "earthdistance"), (database, "cube")]).0;
    assert_eq!((in_database("one"), in_database("two")), (vec![], path("user0")));
}
