//! Tests the aspects of the network: the proxy, the networks of services, fixed addresses.

use super::{additions, declared_secrets, stack_with_orders, with_fields, with_roster};
use crate::plan::addresses::Addresses;
use crate::plan::aspect::{connections, fixed_addresses, ingress, mail, secrets};
use crate::plan::wiring::{Addition, Wirings};
use crate::plan::{Network, machines};
use crate::source::decode_json;
use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn the_proxy_gets_a_certificate_unless_tls_ends_before_it() {
    let sites_certificates_and_unpublished = |mode: &str| {
        let mut stack = stack_with_orders(&json!({ "route": { "subdomain": "orders" } }));
        stack["tls"] = json!({ "mode": mode });
        stack["services"]["nginx"]["ports"] = json!({ "https": 443 });
        with_roster(&stack, |inputs, roster| {
            let addresses = Addresses::plan(inputs, roster).value;
            let planned = ingress::plan(inputs, roster, &addresses, &secrets::DeclaredSecrets::default());
            let is_unpublished =
                additions(&planned, "nginx").iter().any(|addition| matches!(addition, Addition::Unpublish(_)));
            (planned.value.ingress.sites.len(), planned.value.certificates.len(), is_unpublished)
        })
    };
    assert_eq!(sites_certificates_and_unpublished("files"), (1, 2, false));
    assert_eq!(sites_certificates_and_unpublished("proxy"), (1, 0, true));
}

#[test]
fn paths_for_callers_inside_of_the_stack_are_internal() {
    let internal_paths = |routes: &Value, fields: &Value| {
        let stack = stack_with_orders(&with_fields(json!({ "routes": routes }), fields));
        with_roster(&stack, |inputs, roster| {
            let addresses = Addresses::plan(inputs, roster).value;
            let planned = ingress::plan(inputs, roster, &addresses, &secrets::DeclaredSecrets::default());
            let sites = planned.value.ingress.sites.into_values();
            let locations = sites.flat_map(|site| site.locations).map(|location| {
                let paths = location.internal_paths.iter().map(|path| path.as_str().to_owned());
                (location.path.as_str().to_owned(), paths.collect::<Vec<_>>())
            });
            locations.collect::<Vec<_>>()
        })
    };
    let location =
        |path: &str, paths: &[&str]| (path.to_owned(), paths.iter().map(|path| (*path).to_owned()).collect());
    let main = json!({ "main": { "subdomain": "orders" } });
    let fields = json!({ "metrics": {}, "hasura": {
        "actions": { "check": { "returns": "Result" } },
        "events": { "paid": { "table": "orders", "on": ["insert"] } },
        "crons": { "nightly": { "schedule": "0 3 * * *", "call": { "path": "/reports/nightly" } } },
        "remote_schema": {},
    } });
    let all_paths = ["/actions/check", "/events/paid", "/metrics", "/reports/nightly"];
    assert_eq!(internal_paths(&main, &fields), [location("/", &all_paths)]);
    assert_eq!(internal_paths(&main, &json!({})), [location("/", &[])]);
    // A route of the path offers it, and the other route does not.
    let with_metrics =
        json!({ "main": { "subdomain": "orders" }, "metrics": { "subdomain": "orders", "path": "/metrics" } });
    let metrics = json!({ "metrics": {} });
    let offered = [location("/metrics", &[]), location("/", &["/metrics"])];
    assert_eq!(internal_paths(&with_metrics, &metrics), offered);
    // The path that the service receives has no prefix.
    let stripped = json!({ "main": { "subdomain": "orders", "path": "/api", "strip_prefix": true } });
    assert_eq!(internal_paths(&stripped, &metrics), [location("/api", &["/api/metrics", "/metrics"])]);
    // Metrics at a port without a route have no path at the edge.
    let second_port = json!({ "ports": { "metrics": 9100 }, "metrics": { "port": "metrics" } });
    assert_eq!(internal_paths(&main, &second_port), [location("/", &[])]);
}

#[test]
fn networks_follow_from_connections() {
    let connections_and_networks = |fields: &Value| {
        with_roster(&stack_with_orders(fields), |inputs, roster| {
            let addresses = Addresses::plan(inputs, roster).value;
            let ingress = ingress::plan(inputs, roster, &addresses, &secrets::DeclaredSecrets::default()).value.ingress;
            let declared_secrets = declared_secrets(inputs, roster);
            let mail = mail::plan(inputs, roster, &declared_secrets).value;
            let connections = connections::plan(inputs.profile, roster, &Wirings::default(), &ingress, &mail);
            let planned = connections::networks(roster, &connections, &BTreeSet::new());
            (connections.len(), additions(&planned, "orders"))
        })
    };
    let networks = |networks: &[Network]| vec![Addition::Networks(networks.iter().copied().collect())];
    assert_eq!(connections_and_networks(&json!({})), (0, networks(&[Network::App])));
    let connected_service = connections_and_networks(&json!({ "connects_to": ["postgres"] }));
    assert_eq!(connected_service, (1, networks(&[Network::App, Network::Data])));
    let with_fixed_address = connections_and_networks(&json!({ "connects_to": ["postgres"], "fixed_address": true }));
    assert_eq!(
        with_fixed_address,
        (1, networks(&[Network::Data, Network::Fixed])),
        "instead of the network of its zone"
    );
    let url_in = |profile: &str| {
        let mut urls = json!({ "local": "none", "staging": "none", "prod": "none" });
        urls[profile] = json!({ "url": { "service": "postgres" } });
        connections_and_networks(&json!({ "env": { "URL": { "by_profile": urls } } })).0
    };
    assert_eq!((url_in("prod"), url_in("local")), (1, 0), "only the reference of the profile");
}

#[test]
fn fixed_addresses_follow_from_the_names_of_services() {
    let fixed_network = |fields: &Value, subnet: Option<&str>| {
        let mut stack = stack_with_orders(fields);
        stack["services"]["carts"] = stack["services"]["orders"].clone();
        stack["services"]["carts"]["port"] = json!(8002);
        stack["compose"] = json!({ "fixed_subnet": subnet });
        with_roster(&stack, |inputs, roster| fixed_addresses::plan(inputs, roster).value)
    };
    let network = fixed_network(&json!({ "fixed_address": true }), Some("10.9.8.0/24")).unwrap();
    let addresses = network.addresses.iter().map(|(name, address)| format!("{name} {address}"));
    assert_eq!(addresses.collect::<Vec<_>>(), ["carts 10.9.8.100", "orders 10.9.8.122"]);
    assert_eq!(network.clients(), "10.9.8.128/25");
    let default_subnet = fixed_network(&json!({ "fixed_address": true }), None).unwrap().subnet;
    assert!(default_subnet.as_str().starts_with("198.1"), "{default_subnet}");
    assert_eq!(fixed_network(&json!({}), None), None);
}

#[test]
fn the_proxy_has_no_fixed_address() {
    let refused_fields = |service: &str| {
        let mut stack = stack_with_orders(&json!({}));
        stack["services"][service]["fixed_address"] = json!(true);
        with_roster(&stack, |inputs, roster| {
            let findings = fixed_addresses::plan(inputs, roster).findings;
            findings.iter().map(|finding| format!("{:?} {}", finding.code, finding.path)).collect::<Vec<_>>()
        })
    };
    assert_eq!(refused_fields("nginx"), ["FixedAddress services.nginx.fixed_address"]);
    assert!(refused_fields("orders").is_empty());
}

#[test]
fn environments_of_a_machine_have_different_networks_of_fixed_addresses() {
    // The conflicts of the environment `one` with an environment `two` on this machine and subnet.
    let conflicts = |machine: &str, subnet: Option<&str>, fields: &Value| {
        let environments = [("one", "server-1", Some("10.9.8.0/24")), ("two", machine, subnet)];
        let stacks = environments.map(|(environment, machine, subnet)| {
            let mut stack = stack_with_orders(fields);
            stack["services"]["nginx"]["publish"] = json!({});
            stack["compose"] = json!({ "machine": machine, "fixed_subnet": subnet });
            (EnvironmentName::new(environment).unwrap(), decode_json::<Stack>(&stack).unwrap())
        });
        let findings = machines::check_environments(stacks.iter().map(|(name, stack)| (name, stack)));
        findings.into_iter().map(|finding| (finding.environments, finding.hint)).collect::<Vec<_>>()
    };
    let fixed = json!({ "fixed_address": true });
    let hint = "for example `environments.two.compose.fixed_subnet = \"10.9.9.0/24\"`".to_owned();
    let conflict = (vec!["one".to_owned(), "two".to_owned()], hint);
    assert_eq!(conflicts("server-1", Some("10.9.8.0/24"), &fixed), [conflict]);
    assert_eq!(conflicts("server-2", Some("10.9.8.0/24"), &fixed), []);
    assert_eq!(conflicts("server-1", Some("10.9.9.0/24"), &fixed), []);
    assert_eq!(conflicts("server-1", None, &fixed), []);
    assert_eq!(conflicts("server-1", Some("10.9.8.0/24"), &json!({})), [], "no service uses the network");
}
