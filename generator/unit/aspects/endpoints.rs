//! Tests the endpoints of the database server that services use, and the connections that they open.

use super::{name, stack_with_orders, with_roster};
use crate::diagnostic::Code;
use crate::plan::addresses::Addresses;
use crate::plan::aspect::database_clients::Clients;
use crate::plan::aspect::endpoint::{DatabaseEndpoint, endpoints};
use crate::plan::aspect::{database_endpoints, databases, external_server, mail, secrets, variables};
use crate::plan::wiring::{Addition, AspectResults};
use serde_json::{Value, json};
use std::collections::BTreeSet;

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
