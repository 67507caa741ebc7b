//! Tests the aspects of the database server, of its clients and of Redis.

use super::super::stack;
use super::{additions, name, stack_with_orders, waits_for, with_roster};
use crate::diagnostic::Code;
use crate::plan::Value as PlannedValue;
use crate::plan::addresses::Addresses;
use crate::plan::aspect::database_clients::Clients;
use crate::plan::aspect::endpoint::{DatabaseEndpoint, endpoints};
use crate::plan::aspect::server_settings::Libraries;
use crate::plan::aspect::{
    access, backup_files, backups, cache_memory, database_endpoints, databases, encryption, extensions,
    external_server, files, mail, secrets, server_settings, setup, variables,
};
use crate::plan::backup_services;
use crate::plan::wiring::{Addition, AspectResults, Planned};
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

/// Returns the size of the pools, which is `None` without a pooler, and the findings about connections.
fn pool_size_and_findings(services: &Value, settings: &Value) -> (Option<u16>, Vec<String>) {
    let mut stack = stack_with_orders(&services["orders"]);
    for (name, service) in services.as_object().unwrap().iter().filter(|(name, _)| *name != "orders") {
        stack["services"][name] = service.clone();
    }
    stack["database_server"] = json!({ "settings": settings });
    with_roster(&stack, |inputs, roster| {
        let mut outcome = AspectResults::default();
        let server = outcome.collect(databases::plan(inputs.stack, roster));
        let declared_secrets = outcome.collect(secrets::plan(inputs.stack, roster, &server));
        let addresses = outcome.collect(Addresses::plan(inputs, roster));
        let mail = mail::plan(inputs, roster, &declared_secrets).value;
        outcome.collect(variables::plan(inputs, roster, &addresses, &mail, &declared_secrets));
        let users = outcome.wirings.secret_users();
        let planned = database_endpoints::pooler(inputs.stack, roster, &server.roles, &users);
        let findings = planned.findings.into_iter().filter(|finding| finding.code == Code::Connections);
        let findings = findings.map(|finding| format!("{}: {}", finding.path, finding.message)).collect();
        (planned.value.pooler.map(|pooler| pooler.pool_size), findings)
    })
}

#[test]
fn services_open_at_most_the_connections_that_the_server_accepts() {
    let orders = |reference: &str, connections: u16, replicas: u16| {
        json!({
            "image": "a/orders:1", "databases": { "main": { "connections": connections } },
            "env": { "URL": { reference: "main" } }, "replicas": replicas,
        })
    };
    let direct = |connections, replicas| json!({ "orders": orders("database_url", connections, replicas) });
    assert_eq!(pool_size_and_findings(&direct(98, 2), &json!({})).1, [""; 0]);
    let excess = "services may open 198 connections, but the database server accepts 197 of them";
    assert_eq!(pool_size_and_findings(&direct(99, 2), &json!({})).1, [format!("services.postgres: {excess}")]);
    assert_eq!(pool_size_and_findings(&direct(99, 2), &json!({ "max_connections": "201" })).1, [""; 0]);
    let settings = json!({ "max_connections": "100" });
    let findings = pool_size_and_findings(&direct(50, 2), &settings).1;
    assert!(findings[0].starts_with("database_server.settings.max_connections: services may open 100"), "{findings:?}");
    // Clients of the pooler do not reach the server, which has the connections of the pools.
    let pooled = |orders: Value, replicas: u16| {
        let pooler = json!({ "image": "a/pgbouncer:1", "ports": { "postgres": 6432 }, "replicas": replicas });
        json!({ "orders": orders, "pgbouncer": pooler })
    };
    assert_eq!(pool_size_and_findings(&pooled(orders("pooled_url", 99, 9), 1), &json!({})), (Some(20), Vec::new()));
    assert_eq!(pool_size_and_findings(&pooled(orders("pooled_url", 99, 9), 10), &json!({})), (Some(10), Vec::new()));
    assert_eq!(
        pool_size_and_findings(&pooled(orders("pooled_url", 9, 9), 1), &json!({ "max_connections": "20" })).0,
        Some(10)
    );
    let findings = pool_size_and_findings(&pooled(orders("pooled_url", 99, 11), 1), &json!({})).1;
    assert_eq!(
        findings,
        ["services.pgbouncer: services may open 1089 connections, but the pooler accepts 1000 of them"]
    );
    let direct_and_pooled = json!({
        "orders": orders("pooled_url", 5, 1),
        "pgbouncer": pooled(json!({}), 1)["pgbouncer"],
        "reports": orders("database_url", 90, 2),
    });
    assert!(
        pool_size_and_findings(&direct_and_pooled, &json!({})).1[0].contains("200 connections"),
        "180 and the pool of 20"
    );
}

#[test]
fn a_service_uses_the_endpoints_of_its_profile_only() {
    let used = |profile: &str| {
        let mut texts = json!({ "local": "none", "staging": "none", "prod": "none" });
        texts[profile] = json!({ "database_url": "main" });
        let fields = json!({
            "databases": { "main": {} }, "env": { "URL": { "pooled_url": "main" } },
            "files": { "/etc/orders.conf": { "text": { "by_profile": texts } } },
        });
        with_roster(&stack_with_orders(&fields), |inputs, roster| endpoints(&roster[&name("orders")], inputs.profile))
    };
    assert_eq!(used("local"), BTreeSet::from([DatabaseEndpoint::Pooler]));
    assert_eq!(used("prod"), BTreeSet::from([DatabaseEndpoint::Server, DatabaseEndpoint::Pooler]));
}

#[test]
fn the_pooler_admits_only_roles_whose_pooled_url_is_used() {
    // The numbers of databases of the pooler, of findings, and of wirings.
    let pooler_counts = |reference: &str| {
        let mut stack =
            stack_with_orders(&json!({ "databases": { "main": {} }, "env": { "URL": { reference: "main" } } }));
        stack["services"]["pgbouncer"] = json!({ "image": "a/pgbouncer:1", "ports": { "postgres": 6432 } });
        with_roster(&stack, |inputs, roster| {
            let mut outcome = AspectResults::default();
            let server = outcome.collect(databases::plan(inputs.stack, roster));
            let declared_secrets = outcome.collect(secrets::plan(inputs.stack, roster, &server));
            let addresses = outcome.collect(Addresses::plan(inputs, roster));
            outcome.collect(variables::plan(
                inputs,
                roster,
                &addresses,
                &mail::plan(inputs, roster, &declared_secrets).value,
                &declared_secrets,
            ));
            let users = outcome.wirings.secret_users();
            let planned = database_endpoints::pooler(inputs.stack, roster, &server.roles, &users);
            (planned.value.pooler.unwrap().databases.len(), planned.findings.len(), planned.wirings.len())
        })
    };
    assert_eq!(pooler_counts("pooled_url"), (1, 0, 2));
    assert_eq!(pooler_counts("database_url"), (0, 1, 2));
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
fn a_client_of_an_external_server_reaches_its_addresses() {
    // The services with access to addresses outside, each with the port and the number of addresses.
    let clients_outside = |server: &Value| {
        let mut stack = stack_with_orders(&json!({ "databases": { "main": {} } }));
        stack["database_server"] = json!({ "external": server });
        with_roster(&stack, |inputs, _| {
            let clients = Clients::from([
                (name("orders"), BTreeSet::from([DatabaseEndpoint::Server])),
                (name("reports"), BTreeSet::from([DatabaseEndpoint::Pooler])),
            ]);
            let planned = external_server::plan(inputs.stack, &clients);
            let server = planned.wirings.iter().map(|wiring| match &wiring.addition {
                Addition::Outside(server) => (wiring.service.to_string(), server.port, server.addresses.len()),
                other => panic!("{other:?}"),
            });
            server.collect::<Vec<_>>()
        })
    };
    let server = json!({ "host": "db.example.com", "port": 6432, "addresses": ["10.1.0.0/16", "10.2.0.0/16"] });
    assert_eq!(
        clients_outside(&server),
        [("orders".to_owned(), 6432, 2)],
        "a client of the pooler does not reach the server"
    );
    assert_eq!(clients_outside(&json!({ "host": "10.1.0.7" })), [("orders".to_owned(), 5432, 1)]);
    assert_eq!(clients_outside(&Value::Null), []);
}

#[test]
fn backups_wire_their_target_and_the_folder_of_the_server() {
    // The place of the backups, whether `backup-restore` mounts the volume of the server, whether `backup-wal` may leave
    // the network of the project, and the codes of the findings.
    let backups_to = |target: Value, data: &str| {
        let secrets = json!({ "backup_key": { "random": 43 }, "backup_wal_password": { "random": 43 } });
        let mut stack = stack(&json!({
            "backup-wal": { "catalogue": "backup-wal", "secrets": secrets },
            "backup-restore": { "catalogue": "backup-restore", "run": "on_request" },
        }));
        stack["services"]["postgres"]["env"] = json!({ "PGDATA": data });
        stack["backups"] = json!({ "enabled": true, "target": target });
        with_roster(&stack, |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).value;
            let declared_secrets = secrets::plan(inputs.stack, roster, &server).value;
            let planned = backups::plan(inputs, roster, &declared_secrets);
            let restore_additions = additions(&planned, "backup-restore");
            let mounts_server = restore_additions
                .iter()
                .any(|addition| matches!(addition, Addition::Volume(mount) if mount.stopped_owner.is_some()));
            let place = restore_additions.iter().find_map(|addition| match addition {
                Addition::Variable(name, PlannedValue::Text(text)) if name.as_str() == "NSELF_BACKUP_PLACE" => {
                    Some(text.clone())
                }
                _ => None,
            });
            let egress = roster[&name("backup-wal")].service.egress;
            let codes: Vec<Code> = planned.findings.iter().map(|finding| finding.code).collect();
            (place.unwrap_or_default(), mounts_server, egress, codes)
        })
    };
    let inside = "/var/lib/postgresql/data/pgdata";
    let key = json!({ "secret": "postgres_password" });
    let bucket = json!({ "s3": { "bucket": "ledger", "access_key": key, "secret_key": key } });
    assert_eq!(backups_to(bucket, inside), ("store:ledger/shop/prod".into(), true, true, vec![]));
    let host = json!({ "folder": { "host": "/mnt/backups" } });
    assert_eq!(backups_to(host, inside), ("store:/backups".into(), true, false, vec![]));
    let here = json!({ "folder": {} });
    assert_eq!(backups_to(here.clone(), inside).3, [Code::BackupOnHost]);
    assert_eq!(backups_to(here, "/var/lib/postgresql/data").3, [Code::BackupOnHost, Code::BackupServer]);
    assert_eq!(backups_to(json!({}), inside).3, [Code::BackupTarget]);
}

/// The snapshots that are planned for a stack.
struct Snapshots {
    /// Path, whether it is read-only, and whether the owner must be stopped.
    copied: Vec<(String, bool, bool)>,
    restored: Vec<(String, bool, bool)>,
    /// The services that write to the volumes, as `backup-files-restore` receives them.
    writers: String,
    codes: Vec<Code>,
    has_jobs: bool,
}

/// Plans the snapshots of volumes and buckets with these settings of `backups`.
fn plan_snapshots(settings: Value) -> Snapshots {
    let job = |name: &str| json!({ "catalogue": name, "run": "on_request", "user": "0:0" });
    let mut stack = stack(&json!({
        "backup-wal": { "catalogue": "backup-wal" },
        "backup-files": job("backup-files"),
        "backup-files-restore": job("backup-files-restore"),
        "files": { "image": "a/files:1", "port": 8001, "user": "10001:10001", "volumes": {
            "uploads": { "path": "/uploads", "writers": { "worker": "/uploads" } } } },
        "worker": { "image": "a/worker:1" },
        "reports": { "image": "docker.io/pgvector/pgvector:pg17", "volumes": { "reports": { "path": "/data" } } },
        "events": { "image": "docker.io/library/mongo:8", "volumes": { "events": { "path": "/data" } } },
        "gone": { "enabled": false, "image": "a/gone:1", "volumes": { "gone": { "path": "/data" } } },
    }));
    stack["backups"] = settings;
    with_roster(&stack, |inputs, roster| {
        let server = databases::plan(inputs.stack, roster).value;
        let declared_secrets = secrets::plan(inputs.stack, roster, &server).value;
        let addresses = Addresses::plan(inputs, roster).value;
        let planned = backup_files::plan(inputs, roster, &addresses, &declared_secrets);
        let mounts = |job: &str| {
            let mounts = additions(&planned, job).into_iter().filter_map(|addition| match addition {
                Addition::Volume(mount) => {
                    Some((mount.path.to_string(), mount.read_only, mount.stopped_owner.is_some()))
                }
                _ => None,
            });
            mounts.collect()
        };
        let writers = additions(&planned, "backup-files-restore").into_iter().find_map(|addition| match addition {
            Addition::Variable(variable, PlannedValue::Text(text)) if variable.as_str() == "NSELF_BACKUP_WRITERS" => {
                Some(text)
            }
            _ => None,
        });
        Snapshots {
            copied: mounts("backup-files"),
            restored: mounts("backup-files-restore"),
            writers: writers.unwrap_or_default(),
            codes: planned.findings.iter().map(|finding| finding.code).collect(),
            has_jobs: roster.contains_key(&name("backup-files")),
        }
    })
}

#[test]
fn snapshots_mount_volumes_of_services_and_check_their_names() {
    let volumes = |names: Value| plan_snapshots(json!({ "enabled": true, "volumes": names }));
    let planned = volumes(json!(["uploads", "gone"]));
    assert_eq!(planned.copied, [("/volumes/uploads".to_owned(), true, false)]);
    assert_eq!(planned.restored, [("/volumes/uploads".to_owned(), false, true)]);
    assert_eq!(planned.writers, "uploads/files:8001 uploads/worker");
    assert_eq!(planned.codes, []);
    assert!(planned.has_jobs);
    assert!(!volumes(json!([])).has_jobs, "without volumes and buckets");
    assert_eq!(volumes(json!(["upload"])).codes, [Code::BackupSource]);
    assert_eq!(volumes(json!(["reports", "events"])).codes, [Code::LiveDatabaseFiles, Code::LiveDatabaseFiles]);
    let without_store = plan_snapshots(json!({ "enabled": true, "buckets": ["invoices"] }));
    assert_eq!((without_store.codes, without_store.has_jobs), (vec![Code::BackupSource], false));
}

#[test]
fn only_services_of_the_library_copy_the_server() {
    let clients = |catalogue: Value| {
        let service = json!({ "catalogue": catalogue, "image": "a/wal:1" });
        with_roster(&stack(&json!({ "backup-wal": service })), |_, roster| {
            backup_services::replication_clients(roster).len()
        })
    };
    assert_eq!(clients(json!("backup-wal")), 2);
    assert_eq!(clients(json!(null)), 0);
}

/// Returns the arguments that an aspect appends to a service's command.
fn added_arguments<T>(planned: &Planned<T>, service: &str) -> Vec<String> {
    let additions = additions(planned, service).into_iter();
    let arguments = additions.flat_map(|addition| match addition {
        Addition::Arguments { arguments, .. } => arguments.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    });
    arguments.collect()
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
fn redis_refuses_writes_before_its_container_is_full() {
    let arguments = |fields: &Value| {
        let mut redis = json!({ "image": "a/redis:1", "catalogue": "redis", "limits": { "memory": "100MiB" } });
        for (name, value) in fields.as_object().unwrap() {
            redis[name] = value.clone();
        }
        with_roster(&stack(&json!({ "redis": redis })), |inputs, roster| {
            let mut outcome = AspectResults::default();
            let addresses = outcome.collect(Addresses::plan(inputs, roster));
            let mail = mail::plan(inputs, roster, &secrets::DeclaredSecrets::default()).value;
            let files = outcome.collect(files::plan(inputs, roster, &addresses, &mail));
            added_arguments(&cache_memory::plan(roster, &outcome.wirings, &files), "redis")
        })
    };
    assert_eq!(arguments(&json!({})), ["--maxmemory", "62914560"]);
    assert!(arguments(&json!({ "command": ["redis-server", "--maxmemory", "1gb"] })).is_empty());
    let template = |text: &str| json!({ "secrets": { "redis_conf": { "template": [{ "text": text }] } } });
    assert!(arguments(&template("maxmemory 1gb\n")).is_empty());
    assert!(!arguments(&template("maxmemory-policy allkeys-lru\n")).is_empty());
    let file = |text: &str| json!({ "files": { "/etc/redis/redis.conf": { "text": text } } });
    assert!(arguments(&file("appendonly yes\nmaxmemory 100mb\n")).is_empty());
    assert!(!arguments(&file("# maxmemory 100mb\n")).is_empty());
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
