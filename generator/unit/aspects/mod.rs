//! Tests each aspect alone, for two stacks with different results: its part of the plan, and its wirings (the additions
//! to services).

mod backups;
mod endpoints;
mod hasura;
mod monitoring;
mod network;
mod server;

use super::{stack, with_fields};
use crate::diagnostic::Code;
use crate::plan::ProjectFiles;
use crate::plan::addresses::Addresses;
use crate::plan::aspect::secrets::DeclaredSecrets;
use crate::plan::aspect::{
    cache_memory, connections, databases, files, ingress, mail, plugins, secrets, variables, volumes,
};
use crate::plan::backup_services;
use crate::plan::inputs::Inputs;
use crate::plan::roster::{Roster, roster};
use crate::plan::wiring::{Addition, AspectResults, Planned, Wirings};
use crate::source::decode_json;
use crate::stack::env::MailSetting;
use crate::stack::{Profile, Stack};
use crate::values::{Checked, EnvironmentName, SecretName, ServiceName};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Calls a function with the inputs of a stack and its roster, the services that run in the environment.
fn with_roster<T>(stack: &Value, test: impl FnOnce(Inputs, &Roster) -> T) -> T {
    let stack: Stack = decode_json(stack).unwrap();
    let (environment, files) = (EnvironmentName::new("prod").unwrap(), ProjectFiles::default());
    let mut roster = roster(&stack, Profile::Prod).value;
    backup_services::complete(&stack, &mut roster);
    test(Inputs::new(&environment, &stack, &files), &roster)
}

/// Returns a text as the name of a service.
fn name(text: &str) -> ServiceName {
    ServiceName::wrap(text.to_owned())
}

/// Returns a stack with the service `orders`, to which it adds these fields.
fn stack_with_orders(fields: &Value) -> Value {
    let service = json!({ "image": "a/orders:1", "port": 8001 });
    stack(&json!({ "orders": with_fields(service, fields) }))
}

/// Returns the additions of an aspect to a service.
fn additions<T>(planned: &Planned<T>, service: &str) -> Vec<Addition> {
    let wirings = planned.wirings.iter().filter(|wiring| wiring.service.as_str() == service);
    wirings.map(|wiring| wiring.addition.clone()).collect()
}

/// Returns the secrets that the stack declares.
fn declared_secrets(inputs: Inputs, roster: &Roster) -> DeclaredSecrets {
    let server = databases::plan(inputs.stack, roster).value;
    secrets::plan(inputs.stack, roster, &server).value
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

/// Returns whether the additions to a service make it wait for `dependency`.
fn waits_for(additions: &[Addition], dependency: &str) -> bool {
    additions.iter().any(|addition| matches!(addition, Addition::Dependency(name, _) if name.as_str() == dependency))
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
    // Whether `links`, its worker, its cache and `orders` wait for the hook. The hook itself waits for the cache.
    assert_eq!(waits(true), [true, true, false, false]);
    assert_eq!(waits(false), [false; 4]);
}

#[test]
fn a_volume_whose_owner_must_be_set_has_a_job() {
    let volumes_jobs_and_wait = |set_owner: bool| {
        let volumes = json!({ "data": { "path": "/data", "set_owner": set_owner } });
        with_roster(&stack_with_orders(&json!({ "user": "1000:1000", "volumes": volumes })), |inputs, roster| {
            let planned = volumes::plan(inputs.stack, roster);
            let waits = waits_for(&additions(&planned, "orders"), "volume-owner");
            (planned.value.volumes.len(), planned.value.job.len(), waits)
        })
    };
    // The numbers of volumes and jobs, and whether `orders` waits. The second volume belongs to the database server.
    assert_eq!(volumes_jobs_and_wait(true), (2, 1, true));
    assert_eq!(volumes_jobs_and_wait(false), (2, 0, false));
}

#[test]
fn a_variable_with_an_unknown_secret_is_not_set() {
    let additions_and_findings = |secret: &str| {
        with_roster(&stack_with_orders(&json!({ "env": { "KEY": { "secret": secret } } })), |inputs, roster| {
            let declared_secrets = declared_secrets(inputs, roster);
            let addresses = Addresses::plan(inputs, roster).value;
            let planned = variables::plan(
                inputs,
                roster,
                &addresses,
                &mail::plan(inputs, roster, &declared_secrets).value,
                &declared_secrets,
            );
            (additions(&planned, "orders").len(), planned.findings.len())
        })
    };
    assert_eq!(additions_and_findings("postgres_password"), (1, 0));
    assert_eq!(additions_and_findings("password_of_postgres"), (0, 1));
}

#[test]
fn a_template_is_checked_where_its_secret_is_declared_first() {
    let mut stack = stack_with_orders(&json!({ "secrets": { "key": { "random": 43 } } }));
    stack["secrets"] = json!({ "key": { "template": [{ "text": "x" }, { "secret": "nope" }] } });
    let findings = with_roster(&stack, |inputs, roster| {
        let server = databases::plan(inputs.stack, roster).value;
        secrets::plan(inputs.stack, roster, &server).findings
    });
    let places: Vec<_> = findings.iter().map(|finding| (finding.code, finding.path.to_string())).collect();
    let expected = [(Code::NameTaken, "services.orders.secrets.key"), (Code::UnknownSecret, "secrets.key.template[1]")];
    assert_eq!(places, expected.map(|(code, path)| (code, path.to_owned())));
}

#[test]
fn secrets_without_a_user_are_left_out() {
    let has_key = |fields: &Value| {
        with_roster(&stack_with_orders(fields), |inputs, roster| {
            let mut outcome = AspectResults::default();
            let server = outcome.collect(databases::plan(inputs.stack, roster));
            let declared_secrets = outcome.collect(secrets::plan(inputs.stack, roster, &server));
            outcome.collect(secrets::files(roster, &declared_secrets));
            let secrets = secrets::with_users(declared_secrets, BTreeMap::new(), outcome.wirings.secret_users(), false);
            secrets.contains_key(&SecretName::wrap("key".into()))
        })
    };
    let secret = json!({ "key": { "random": 43 } });
    assert!(has_key(&json!({ "secrets": secret, "secret_files": ["key"] })));
    assert!(!has_key(&json!({ "secrets": secret })));
}

#[test]
fn mail_goes_to_the_catcher_where_it_runs_and_else_through_the_relay() {
    // The host, the port and whether TLS is used; whether a service connects to the catcher, and to the internet; the
    // number of findings.
    let mail_settings = |with_catcher: bool, port: u16| {
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
            let declared_secrets = declared_secrets(inputs, roster);
            let planned = mail::plan(inputs, roster, &declared_secrets);
            let addresses = Addresses::plan(inputs, roster).value;
            let ingress = ingress::plan(inputs, roster, &addresses, &DeclaredSecrets::default()).value.ingress;
            let values =
                [MailSetting::Host, MailSetting::Port, MailSetting::Tls].map(|setting| planned.value.value(setting));
            let connections = connections::plan(inputs.profile, roster, &Wirings::default(), &ingress, &planned.value);
            let reaches_catcher =
                connections.iter().any(|connection| connection.to.as_str() == "mail" && connection.port == 1025);
            let reaches_internet = planned.wirings.iter().any(|wiring| wiring.addition == Addition::Egress);
            (values, reaches_catcher, reaches_internet, planned.findings.len())
        })
    };
    let text = |values: [&str; 3]| values.map(|value| crate::plan::Value::Text(value.to_owned()));
    assert_eq!(mail_settings(true, 465), (text(["mailhog", "1025", "false"]), true, false, 0));
    assert_eq!(mail_settings(false, 465), (text(["smtp.example.com", "465", "true"]), false, true, 0));
    assert_eq!(mail_settings(false, 587), (text(["smtp.example.com", "587", "true"]), false, true, 1));
}

#[test]
fn a_mail_server_is_needed_only_for_a_variable_of_the_profile() {
    let findings = |profile: &str| {
        let mut hosts = json!({ "local": "none", "staging": "none", "prod": "none" });
        hosts[profile] = json!({ "mail": "host" });
        let stack = stack_with_orders(&json!({ "env": { "SMTP_HOST": { "by_profile": hosts } } }));
        with_roster(&stack, |inputs, roster| mail::plan(inputs, roster, &DeclaredSecrets::default()).findings.len())
    };
    assert_eq!((findings("prod"), findings("local")), (1, 0));
}

#[test]
fn redis_refuses_writes_before_its_container_is_full() {
    let arguments = |fields: &Value| {
        let redis = json!({ "image": "a/redis:1", "catalogue": "redis", "limits": { "memory": "100MiB" } });
        with_roster(&stack(&json!({ "redis": with_fields(redis, fields) })), |inputs, roster| {
            let mut outcome = AspectResults::default();
            let addresses = outcome.collect(Addresses::plan(inputs, roster));
            let mail = mail::plan(inputs, roster, &DeclaredSecrets::default()).value;
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
