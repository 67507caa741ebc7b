//! Tests each aspect alone: its part of the plan and its wirings, with two stacks that give different results.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::stack;
use crate::diagnostic::Code;
use crate::plan::addresses::Addresses;
use crate::plan::aspect::database_clients::Clients;
use crate::plan::aspect::endpoint::Endpoint;
use crate::plan::aspect::server_settings::Libraries;
use crate::plan::aspect::{
    access, backups, cache_memory, connections, database_endpoints, databases, definitions, encryption, extensions,
    external_server, graphql, ingress, mail, migrations, monitoring, plugins, secrets, server_settings, setup,
    variables, volumes,
};
use crate::plan::backup_services;
use crate::plan::inputs::Inputs;
use crate::plan::roster::{Roster, roster};
use crate::plan::wiring::{Addition, Outcome, Planned, Wirings};
use crate::plan::{HasuraMetadata, Network, Program, ProjectFiles, Value as PlannedValue};
use crate::source::decode_json;
use crate::stack::env::MailSetting;
use crate::stack::{Profile, Stack};
use crate::values::{Checked, EnvironmentName, SecretName, ServiceName, VariableName};

/// Calls a function with the inputs and the roster of a stack.
fn with_roster<T>(stack: &Value, test: impl FnOnce(Inputs, &Roster) -> T) -> T {
    let stack: Stack = decode_json(stack).unwrap();
    let (environment, files) = (EnvironmentName::new("prod").unwrap(), ProjectFiles::default());
    let mut roster = roster(&stack, Profile::Prod).part;
    backup_services::complete(&stack, &mut roster);
    test(Inputs::new(&environment, &stack, &files), &roster)
}

fn name(text: &str) -> ServiceName {
    ServiceName::wrap(text.to_owned())
}

/// Returns the stack with a service `orders`.
fn stack_with_orders(fields: &Value) -> Value {
    let mut service = json!({ "image": "a/orders:1", "port": 8001 });
    for (name, value) in fields.as_object().unwrap() {
        service[name] = value.clone();
    }
    stack(&json!({ "orders": service }))
}

/// Returns the kinds of a service's additions.
fn additions<T>(planned: &Planned<T>, service: &str) -> Vec<Addition> {
    let wirings = planned.wirings.iter().filter(|wiring| wiring.service.as_str() == service);
    wirings.map(|wiring| wiring.addition.clone()).collect()
}

fn waits_for(additions: &[Addition], to: &str) -> bool {
    additions.iter().any(|addition| matches!(addition, Addition::Dependency(name, _) if name.as_str() == to))
}

#[test]
fn a_service_with_a_database_gets_a_role_and_waits_for_the_server() {
    let server = |fields: &Value| {
        with_roster(&stack_with_orders(fields), |inputs, roster| {
            let planned = databases::plan(inputs.stack, roster);
            let waits = waits_for(&additions(&planned, "orders"), "postgres");
            (planned.part.roles.contains_key(&name("orders")), waits)
        })
    };
    assert_eq!(server(&json!({ "databases": { "main": { "access": "read" } } })), (true, true));
    assert_eq!(server(&json!({})), (false, false));
}

#[test]
fn a_wiring_names_the_field_that_caused_it() {
    with_roster(&stack_with_orders(&json!({ "databases": { "main": {} } })), |inputs, roster| {
        let planned = databases::plan(inputs.stack, roster);
        assert_eq!(planned.wirings[0].cause.to_string(), "services.orders.databases");
    });
}

#[test]
fn services_of_a_plugin_wait_for_its_hooks() {
    let waits = |before_start: bool| {
        let mut stack = stack(&json!({
            "links": { "image": "a/links:1", "port": 3820, "processes": { "worker": { "command": ["work"] } } },
            "links-cache": { "image": "a/cache:1", "port": 3821, "health": { "tcp": {} } },
            "links-before-start": { "image": "a/links:1", "run": "once", "depends_on": { "links-cache": "healthy" } },
            "orders": { "image": "a/orders:1", "port": 8001 },
        }));
        stack["plugins"] = json!({ "links": { "services": ["links", "links-cache"] } });
        if before_start {
            stack["plugins"]["links"]["hooks"] = json!({ "before_start": "links-before-start" });
        }
        with_roster(&stack, |inputs, roster| {
            let planned = plugins::plan(inputs.stack, roster, &BTreeMap::new());
            let names = ["links", "links-worker", "links-cache", "orders"];
            names.map(|name| waits_for(&additions(&planned, name), "links-before-start"))
        })
    };
    // The hook itself waits for the cache.
    assert_eq!(waits(true), [true, true, false, false]);
    assert_eq!(waits(false), [false; 4]);
}

#[test]
fn a_volume_whose_owner_must_be_set_has_a_job() {
    let job = |set_owner: bool| {
        let volumes = json!({ "data": { "path": "/data", "set_owner": set_owner } });
        with_roster(&stack_with_orders(&json!({ "user": "1000:1000", "volumes": volumes })), |inputs, roster| {
            let planned = volumes::plan(inputs.stack, roster);
            let waits = waits_for(&additions(&planned, "orders"), "volume-owner");
            (planned.part.volumes.len(), planned.part.job.len(), waits)
        })
    };
    // The other volume belongs to the database server.
    assert_eq!(job(true), (2, 1, true));
    assert_eq!(job(false), (2, 0, false));
}

#[test]
fn the_pooler_admits_only_roles_whose_pooled_url_is_used() {
    let pooled = |reference: &str| {
        let mut stack =
            stack_with_orders(&json!({ "databases": { "main": {} }, "env": { "URL": { reference: "main" } } }));
        stack["services"]["pgbouncer"] = json!({ "image": "a/pgbouncer:1", "ports": { "postgres": 6432 } });
        with_roster(&stack, |inputs, roster| {
            let mut outcome = Outcome::default();
            let server = outcome.collect(databases::plan(inputs.stack, roster));
            let declared = outcome.collect(secrets::plan(inputs.stack, roster, &server));
            let addresses = outcome.collect(Addresses::plan(inputs, roster));
            outcome.collect(variables::plan(
                inputs,
                roster,
                &addresses,
                &mail::plan(inputs, roster, &declared).part,
                &declared,
            ));
            let users = outcome.wirings.secret_users();
            let planned = database_endpoints::pooler(inputs.stack, roster, &server.roles, &users);
            (planned.part.pooler.unwrap().databases.len(), planned.findings.len(), planned.wirings.len())
        })
    };
    assert_eq!(pooled("pooled_url"), (1, 0, 2));
    assert_eq!(pooled("database_url"), (0, 1, 2));
}

#[test]
fn the_replica_has_a_role_on_the_server() {
    let replication = |with_replica: bool| {
        let mut stack = stack(&json!({}));
        if with_replica {
            stack["services"]["postgres-replica"] = json!({ "image": "a/postgres:1" });
        }
        with_roster(&stack, |_, roster| {
            let planned = database_endpoints::replication(roster);
            (planned.part.is_some(), additions(&planned, "postgres-setup").len())
        })
    };
    assert_eq!(replication(true), (true, 1));
    assert_eq!(replication(false), (false, 0));
}

#[test]
fn a_variable_with_an_unknown_secret_is_not_set() {
    let variables = |secret: &str| {
        with_roster(&stack_with_orders(&json!({ "env": { "KEY": { "secret": secret } } })), |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).part;
            let declared = secrets::plan(inputs.stack, roster, &server).part;
            let addresses = Addresses::plan(inputs, roster).part;
            let planned =
                variables::plan(inputs, roster, &addresses, &mail::plan(inputs, roster, &declared).part, &declared);
            (additions(&planned, "orders").len(), planned.findings.len())
        })
    };
    assert_eq!(variables("postgres_password"), (1, 0));
    assert_eq!(variables("password_of_postgres"), (0, 1));
}

#[test]
fn secrets_without_a_user_are_left_out() {
    let planned = |fields: &Value| {
        with_roster(&stack_with_orders(fields), |inputs, roster| {
            let mut outcome = Outcome::default();
            let server = outcome.collect(databases::plan(inputs.stack, roster));
            let declared = outcome.collect(secrets::plan(inputs.stack, roster, &server));
            outcome.collect(secrets::files(roster, &declared));
            let secrets = secrets::with_users(declared, BTreeMap::new(), outcome.wirings.secret_users());
            secrets.contains_key(&SecretName::wrap("key".into()))
        })
    };
    let secret = json!({ "key": { "random": 43 } });
    assert!(planned(&json!({ "secrets": secret, "secret_files": ["key"] })));
    assert!(!planned(&json!({ "secrets": secret })));
}

#[test]
fn the_proxy_gets_a_certificate_unless_tls_ends_before_it() {
    let proxy = |mode: &str| {
        let mut stack = stack_with_orders(&json!({ "route": { "subdomain": "orders" } }));
        stack["tls"] = json!({ "mode": mode });
        stack["services"]["nginx"]["ports"] = json!({ "https": 443 });
        with_roster(&stack, |inputs, roster| {
            let addresses = Addresses::plan(inputs, roster).part;
            let planned = ingress::plan(inputs, roster, &addresses, &secrets::DeclaredSecrets::default());
            let unpublished = additions(&planned, "nginx").iter().any(|one| matches!(one, Addition::Unpublish(_)));
            (planned.part.ingress.sites.len(), planned.part.certificates.len(), unpublished)
        })
    };
    assert_eq!(proxy("files"), (1, 2, false));
    assert_eq!(proxy("proxy"), (1, 0, true));
}

#[test]
fn networks_follow_from_connections() {
    let joined = |fields: &Value| {
        with_roster(&stack_with_orders(fields), |inputs, roster| {
            let addresses = Addresses::plan(inputs, roster).part;
            let ingress = ingress::plan(inputs, roster, &addresses, &secrets::DeclaredSecrets::default()).part.ingress;
            let server = databases::plan(inputs.stack, roster).part;
            let declared = secrets::plan(inputs.stack, roster, &server).part;
            let mail = mail::plan(inputs, roster, &declared).part;
            let connections = connections::plan(roster, &Wirings::default(), &ingress, &mail);
            let planned = connections::networks(roster, &connections, &BTreeSet::new());
            (connections.len(), additions(&planned, "orders"))
        })
    };
    let networks = |networks: &[Network]| vec![Addition::Networks(networks.iter().copied().collect())];
    assert_eq!(joined(&json!({})), (0, networks(&[Network::App])));
    assert_eq!(joined(&json!({ "connects_to": ["postgres"] })), (1, networks(&[Network::App, Network::Data])));
}

#[test]
fn mail_goes_to_the_catcher_where_it_runs_and_else_through_the_relay() {
    let sent = |with_catcher: bool, port: u16| {
        let mut stack =
            stack_with_orders(&json!({ "env": { "SMTP_HOST": { "mail": "host" }, "SMTP_TLS": { "mail": "tls" } } }));
        let secret = json!({ "secret": "postgres_password" });
        let relay =
            json!({ "host": "smtp.example.com", "port": port, "security": "tls", "user": secret, "password": secret });
        stack["mail"] = json!({ "relay": relay });
        if with_catcher {
            let catcher = json!({ "image": "a/mailpit:1", "ports": { "smtp": 1025 }, "aliases": ["mailhog"] });
            stack["services"]["mail"] = catcher;
        }
        with_roster(&stack, |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).part;
            let declared = secrets::plan(inputs.stack, roster, &server).part;
            let planned = mail::plan(inputs, roster, &declared);
            let addresses = Addresses::plan(inputs, roster).part;
            let ingress = ingress::plan(inputs, roster, &addresses, &secrets::DeclaredSecrets::default()).part.ingress;
            let values = [MailSetting::Host, MailSetting::Port, MailSetting::Tls].map(|one| planned.part.value(one));
            let connections = connections::plan(roster, &Wirings::default(), &ingress, &planned.part);
            let reaches = connections.iter().any(|one| one.to.as_str() == "mail" && one.port == 1025);
            (values, reaches, planned.findings.len())
        })
    };
    let text = |values: [&str; 3]| values.map(|value| crate::plan::Value::Text(value.to_owned()));
    assert_eq!(sent(true, 465), (text(["mailhog", "1025", "false"]), true, 0));
    assert_eq!(sent(false, 465), (text(["smtp.example.com", "465", "true"]), false, 0));
    assert_eq!(sent(false, 587), (text(["smtp.example.com", "587", "true"]), false, 1));
}

#[test]
fn access_rules_and_tls_are_wired_into_the_server() {
    let server = |tls: bool| {
        let mut stack = stack(&json!({}));
        stack["database_server"] = json!({ "tls": tls });
        with_roster(&stack, |inputs, roster| {
            let none = BTreeSet::new();
            let access = access::plan(inputs, roster, &none);
            let rules = additions(&access, "postgres").len();
            let encrypted = encryption::plan(inputs.stack, roster, access.part.as_ref(), (&none, &BTreeMap::new()));
            (rules, encrypted.part.len(), additions(&encrypted, "postgres").len())
        })
    };
    // Certificate and key, three settings, and the entrypoint that copies the key.
    assert_eq!(server(true), (3, 3, 6));
    assert_eq!(server(false), (3, 0, 0));
}

#[test]
fn a_job_with_all_passwords_prepares_the_server() {
    let job = |database: &Value| {
        with_roster(&stack_with_orders(&json!({ "databases": database })), |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).part;
            let planned = setup::plan(inputs.stack, roster, &server, &BTreeMap::new());
            let passwords = additions(&planned, "postgres-setup");
            let passwords = passwords.iter().filter(|addition| matches!(addition, Addition::SecretFile(_))).count();
            let waits = waits_for(&additions(&planned, "orders"), "postgres-setup");
            (planned.part.len(), passwords, waits)
        })
    };
    assert_eq!(job(&json!({ "main": {} })), (1, 1, true));
    assert_eq!(job(&json!({})), (1, 0, false));
    let mut without = stack_with_orders(&json!({}));
    without["services"]["postgres"]["enabled"] = json!(false);
    let jobs = with_roster(&without, |inputs, roster| {
        setup::plan(inputs.stack, roster, &databases::Server::default(), &BTreeMap::new()).part.len()
    });
    assert_eq!(jobs, 0, "no server");
}

#[test]
fn a_client_of_an_external_server_reaches_its_addresses() {
    let outside = |server: &Value| {
        let mut stack = stack_with_orders(&json!({ "databases": { "main": {} } }));
        stack["database_server"] = json!({ "external": server });
        with_roster(&stack, |inputs, _| {
            let clients = Clients::from([
                (name("orders"), BTreeSet::from([Endpoint::Server])),
                (name("reports"), BTreeSet::from([Endpoint::Pooler])),
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
    assert_eq!(outside(&server), [("orders".to_owned(), 6432, 2)], "a client of the pooler does not reach the server");
    assert_eq!(outside(&json!({ "host": "10.1.0.7" })), [("orders".to_owned(), 5432, 1)]);
    assert_eq!(outside(&Value::Null), []);
}

#[test]
fn backups_wire_their_target_and_the_folder_of_the_server() {
    let planned = |target: Value, data: &str| {
        let secrets = json!({ "backup_key": { "random": 43 }, "backup_wal_password": { "random": 43 } });
        let mut stack = stack(&json!({
            "backup-wal": { "catalogue": "backup-wal", "secrets": secrets },
            "backup-restore": { "catalogue": "backup-restore", "run": "on_request" },
        }));
        stack["services"]["postgres"]["env"] = json!({ "PGDATA": data });
        stack["backups"] = json!({ "enabled": true, "target": target });
        with_roster(&stack, |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).part;
            let declared = secrets::plan(inputs.stack, roster, &server).part;
            let planned = backups::plan(inputs, roster, &declared);
            let kinds = additions(&planned, "backup-restore");
            let mounts =
                kinds.iter().any(|kind| matches!(kind, Addition::Volume(mount) if mount.stopped_owner.is_some()));
            let place = kinds.iter().find_map(|kind| match kind {
                Addition::Variable(name, PlannedValue::Text(text)) if name.as_str() == "NSELF_BACKUP_PLACE" => {
                    Some(text.clone())
                }
                _ => None,
            });
            let egress = roster[&name("backup-wal")].service.egress;
            let codes: Vec<Code> = planned.findings.iter().map(|finding| finding.code).collect();
            (place.unwrap_or_default(), mounts, egress, codes)
        })
    };
    let inside = "/var/lib/postgresql/data/pgdata";
    let key = json!({ "secret": "postgres_password" });
    let bucket = json!({ "s3": { "bucket": "ledger", "access_key": key, "secret_key": key } });
    assert_eq!(planned(bucket, inside), ("store:ledger/shop/prod".into(), true, true, vec![]));
    let host = json!({ "folder": { "host": "/mnt/backups" } });
    assert_eq!(planned(host, inside), ("store:/backups".into(), true, false, vec![]));
    let here = json!({ "folder": {} });
    assert_eq!(planned(here.clone(), inside).3, [Code::BackupOnHost]);
    assert_eq!(planned(here, "/var/lib/postgresql/data").3, [Code::BackupOnHost, Code::BackupServer]);
    assert_eq!(planned(json!({}), inside).3, [Code::BackupTarget]);
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

/// Plans the metadata of a stack whose Hasura serves the database `shop`.
fn with_metadata<T>(stack: &Value, test: impl FnOnce(Planned<BTreeMap<ServiceName, HasuraMetadata>>) -> T) -> T {
    with_roster(stack, |inputs, roster| {
        let mut outcome = Outcome::default();
        let server = outcome.collect(databases::plan(inputs.stack, roster));
        let definitions = outcome.collect(definitions::plan(inputs.stack, &server));
        let declared = outcome.collect(secrets::plan(inputs.stack, roster, &server));
        let addresses = outcome.collect(Addresses::plan(inputs, roster));
        let mail = mail::plan(inputs, roster, &declared).part;
        outcome.collect(variables::plan(inputs, roster, &addresses, &mail, &declared));
        let scope = graphql::Scope { stack: inputs.stack, roster, addresses: &addresses, secrets: &declared };
        test(graphql::plan(&scope, &definitions, &outcome.wirings))
    })
}

/// Returns a stack with a Hasura that serves the database `shop` and gets its URL from a reference of this kind.
fn hasura(reference: &str) -> Value {
    let catalogue = "hasura";
    let mut stack = stack(&json!({ "hasura": {
        "catalogue": catalogue, "image": "a/hasura:1", "port": 8080, "databases": { "main": {} },
        "extra_env": { "URL": { reference: "main" } },
    } }));
    stack["databases"] = json!({ "shop": { "served_by": "hasura" } });
    stack
}

#[test]
fn a_definition_is_served_by_a_hasura_service_with_its_url() {
    let served = |reference: &str| {
        with_metadata(&hasura(reference), |planned| {
            (planned.part.len(), planned.findings.len(), additions(&planned, "hasura").len())
        })
    };
    assert_eq!(served("database_url"), (1, 0, 3));
    assert_eq!(served("secret"), (0, 1, 0));
}

#[test]
fn a_hasura_connects_to_the_service_that_answers_its_calls() {
    let mut stack = hasura("database_url");
    stack["secrets"] = json!({ "webhook_key": { "random": 43 } });
    stack["services"]["jobs"] = json!({ "image": "a/jobs:1", "port": 8001, "hasura": { "crons": { "nightly": {
        "schedule": "0 3 * * *", "call": { "headers": { "X-Key": { "secret": "webhook_key" } } },
    } } } });
    let names = |key: &str| SecretName::wrap(key.to_owned());
    with_metadata(&stack, |planned| {
        assert!(planned.findings.is_empty(), "{:?}", planned.findings);
        let additions = additions(&planned, "hasura");
        assert!(additions.contains(&Addition::Connection { to: name("jobs"), port: 8001 }));
        let variable = VariableName::wrap("NSELF_HEADER_WEBHOOK_KEY".into());
        assert!(additions.contains(&Addition::Variable(variable, PlannedValue::Secret(names("webhook_key")))));
        let crons = &planned.part[&name("hasura")].crons;
        assert_eq!(crons[0].webhook, "http://jobs:8001/crons/nightly");
    });
    stack["secrets"] = json!({});
    with_metadata(&stack, |planned| {
        assert_eq!(planned.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::UnknownSecret]);
        assert!(planned.part[&name("hasura")].crons.is_empty());
    });
}

#[test]
fn a_definition_without_tables_needs_a_service_that_uses_its_database() {
    let planned = |fields: &Value| {
        let mut stack = stack_with_orders(fields);
        stack["databases"] = json!({ "shop_orders": {} });
        with_roster(&stack, |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).part;
            let definitions = definitions::plan(inputs.stack, &server);
            let migrated =
                migrations::plan(inputs, roster, &server.databases, &definitions.part, &definitions.findings);
            let waits = waits_for(&additions(&migrated, "orders"), "migrate-shop-orders");
            (definitions.findings.len(), migrated.part.jobs.len(), waits)
        })
    };
    assert_eq!(planned(&json!({ "databases": { "main": { "name": "shop_orders" } } })), (0, 1, true));
    assert_eq!(planned(&json!({})), (1, 0, false));
}

/// Returns the words that an aspect appends to a service's command.
fn words<T>(planned: &Planned<T>, service: &str) -> Vec<String> {
    let additions = additions(planned, service).into_iter();
    let words = additions.flat_map(|addition| match addition {
        Addition::Arguments { arguments, .. } => arguments.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    });
    words.collect()
}

#[test]
fn settings_of_the_server_follow_its_memory_unless_the_stack_sets_them() {
    let settings = |memory: &str, server: &Value| {
        let mut stack = stack(&json!({}));
        stack["services"]["postgres"]["limits"] = json!({ "memory": memory });
        stack["services"]["postgres"]["command"] = json!(["postgres", "-c", "max_wal_size=7GB"]);
        stack["database_server"]["settings"] = server.clone();
        with_roster(&stack, |inputs, roster| {
            words(&server_settings::plan(inputs.stack, roster, &Libraries::default()), "postgres")
        })
    };
    let has = |words: &[String], word: &str| words.iter().filter(|other| *other == word).count();
    let two = settings("2GiB", &json!({}));
    assert_eq!((has(&two, "shared_buffers=524288kB"), has(&two, "effective_cache_size=1572864kB")), (1, 1), "{two:?}");
    assert_eq!(has(&two, "shared_preload_libraries=pg_stat_statements"), 1);
    assert_eq!(has(&settings("8GiB", &json!({})), "shared_buffers=2097152kB"), 1);
    let own = settings("2GiB", &json!({ "shared_buffers": "1GB", "max_connections": "50" }));
    assert_eq!((has(&own, "shared_buffers=1GB"), has(&own, "max_connections=50")), (1, 1), "{own:?}");
    for name in ["shared_buffers=", "max_connections=", "max_wal_size="] {
        let expected = usize::from(name != "max_wal_size=");
        assert_eq!(own.iter().filter(|word| word.starts_with(name)).count(), expected, "{name} {own:?}");
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
    let added = with_roster(&stack, |inputs, roster| {
        words(&server_settings::plan(inputs.stack, roster, &libraries), "postgres")
    });
    let is_added = |name: &str| added.iter().any(|word| word.starts_with(name));
    assert!(!["cron.database_name", "checkpoint_timeout", "max_wal_size"].into_iter().any(is_added), "{added:?}");
    assert!(is_added("work_mem="), "{added:?}");
}

#[test]
fn redis_refuses_writes_before_its_container_is_full() {
    let arguments = |fields: &Value| {
        let mut redis = json!({ "image": "a/redis:1", "catalogue": "redis", "limits": { "memory": "100MiB" } });
        for (name, value) in fields.as_object().unwrap() {
            redis[name] = value.clone();
        }
        with_roster(&stack(&json!({ "redis": redis })), |_, roster| words(&cache_memory::plan(roster), "redis"))
    };
    assert_eq!(arguments(&json!({})), ["--maxmemory", "62914560"]);
    assert!(arguments(&json!({ "command": ["redis-server", "--maxmemory", "1gb"] })).is_empty());
    let template = |text: &str| json!({ "secrets": { "redis_conf": { "template": [{ "text": text }] } } });
    assert!(arguments(&template("maxmemory 1gb\n")).is_empty());
    assert!(!arguments(&template("maxmemory-policy allkeys-lru\n")).is_empty());
}

#[test]
fn extensions_are_checked_against_the_image_and_loaded() {
    let planned = |image: &str, uses: &[(&str, &str)]| {
        let mut stack = stack(&json!({}));
        stack["services"]["postgres"]["image"] = json!(image);
        for (i, (database, extension)) in uses.iter().enumerate() {
            let databases = json!({ "main": { "name": database, "extensions": [extension] } });
            stack["services"][format!("user{i}")] = json!({ "image": "a/b:1", "databases": databases });
        }
        with_roster(&stack, |inputs, roster| {
            let planned = extensions::plan(inputs.stack, roster, &BTreeMap::new());
            let paths: Vec<String> = planned.findings.iter().map(|finding| finding.path.to_string()).collect();
            (paths, planned.part.names.into_iter().collect::<Vec<_>>())
        })
    };
    let official = "docker.io/library/postgres:16-alpine";
    let place = |service: &str| vec![format!("services.{service}.databases.main.extensions[0]")];
    assert_eq!(planned(official, &[("one", "citext")]), (vec![], vec![]));
    assert_eq!(planned(official, &[("one", "vector")]), (place("user0"), vec![]));
    assert_eq!(planned("docker.io/pgvector/pgvector:pg16", &[("one", "vector")]), (vec![], vec![]));
    assert_eq!(planned("ghcr.io/acme/postgres:1", &[("one", "pg_cron")]), (vec![], vec!["pg_cron".to_owned()]));
    let two = planned("ghcr.io/acme/postgres:1", &[("one", "pg_cron"), ("two", "pg_cron")]);
    assert_eq!(two, (place("user1"), vec!["pg_cron".to_owned()]));
}

/// Returns the stack with a service that has every facet, and with Prometheus if it is part of the stack.
fn monitored(facets: &Value, has_prometheus: bool) -> Value {
    let mut orders = json!({ "image": "a/orders:1", "port": 8001, "otel": true });
    for (name, value) in facets.as_object().unwrap() {
        orders[name] = value.clone();
    }
    let mut services = json!({ "orders": orders });
    if has_prometheus {
        services["prometheus"] = json!({
            "catalogue": "prometheus", "image": "a/prometheus:1", "ports": { "http": 9090 }, "zone": "monitoring",
            "volumes": { "prometheus-data": { "path": "/prometheus", "size": "10GiB" } },
        });
        services["tempo"] = json!({
            "catalogue": "tempo", "image": "a/tempo:1", "ports": { "http": 3200, "otlp-http": 4318 },
        });
    }
    stack(&services)
}

fn monitoring_of(stack: &Value) -> Planned<crate::plan::Monitoring> {
    with_roster(stack, |inputs, roster| {
        let server = databases::plan(inputs.stack, roster).part;
        let declared = secrets::plan(inputs.stack, roster, &server).part;
        monitoring::plan(inputs, roster, &declared)
    })
}

#[test]
fn prometheus_scrapes_the_services_with_metrics() {
    let alert = json!({ "A": { "expr": "up == 0", "summary": "down" } });
    let facets = json!({ "metrics": { "interval": "15s" }, "alerts": alert });
    let planned = monitoring_of(&monitored(&facets, true));
    let job = &planned.part.jobs[&name("orders")];
    assert_eq!((job.port, job.path.as_str(), job.interval.0), (8001, "/metrics", 15_000));
    assert_eq!(planned.part.alerts.keys().collect::<Vec<_>>(), [&name("orders")]);
    let connection = Addition::Connection { to: name("orders"), port: 8001 };
    assert!(additions(&planned, "prometheus").contains(&connection));
    assert!(additions(&planned, "orders").contains(&Addition::MetricsPort(8001)));
    let arguments = additions(&planned, "prometheus").into_iter().filter_map(|addition| match addition {
        Addition::Arguments { arguments, .. } => Some(arguments[0].to_string()),
        _ => None,
    });
    assert_eq!(arguments.collect::<Vec<_>>(), ["--storage.tsdb.retention.size=8053MB"]);
    // A service without the facet, and a stack without Prometheus.
    assert!(monitoring_of(&monitored(&json!({}), true)).part.jobs.is_empty());
    let off = monitoring_of(&monitored(&facets, false));
    assert!(off.part.programs.is_empty() && off.wirings.is_empty());
    // A job ends, so it has no target.
    let job = monitoring_of(&monitored(&json!({ "metrics": {}, "run": "once" }), true));
    assert!(job.part.jobs.is_empty() && planned.part.programs.contains_key(&Program::Prometheus));
}

#[test]
fn a_service_sends_traces_only_if_it_asks_for_them() {
    let endpoint = |facets: &Value| {
        let planned = monitoring_of(&monitored(facets, true));
        let variable = VariableName::wrap("OTEL_EXPORTER_OTLP_ENDPOINT".into());
        additions(&planned, "orders").into_iter().find_map(|addition| match addition {
            Addition::DefaultVariable(name, PlannedValue::Text(value)) if name == variable => Some(value),
            _ => None,
        })
    };
    assert_eq!(endpoint(&json!({})).as_deref(), Some("http://tempo:4318"));
    assert_eq!(endpoint(&json!({ "otel": false })), None);
}
