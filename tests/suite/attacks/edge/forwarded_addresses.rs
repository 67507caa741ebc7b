//! Addresses in X-Forwarded-For, and stacks or clusters in which the client's address is replaced.

use std::path::Path;

use serde_json::Value;

use super::running::{GATEWAY, LAN, NEIGHBOUR, Request, RunningEdge, STRANGER, generated_project};
use super::{environment, host, tools_are_installed};
use crate::support::{golden, name, nself_in, stack};
use crate::up::in_own_namespaces;

/// Attack: X-Forwarded-For contains an internal address: from the internet, through a trusted proxy before the address
/// that it appends, and on a cluster whose load balancer replaced the client's address.
/// Expectation: only the address that a listed proxy appended counts; proxies and load balancers never count as
/// internal, and only proxies set the scheme.
#[test]
fn a_forged_forwarded_address_is_not_trusted() {
    if tools_are_installed() {
        in_own_namespaces(
            "attacks::edge::forwarded_addresses::a_forged_forwarded_address_is_not_trusted",
            forged_addresses,
        );
    }
}

fn forged_addresses() {
    let inner = "services.inner = { image = \"a/b:1\", port = 8001, user = \"1:1\", route = { subdomain = \"inner\", access = 'internal } },";
    let office = "edge.internal_addresses = [\"198.51.100.0/24\"],";
    let behind = |edge: &RunningEdge, from, subdomain: &str, forwarded: &str| {
        let headers = if forwarded.is_empty() {
            String::new()
        } else {
            format!("X-Forwarded-For: {forwarded}\r\nX-Forwarded-Proto: https\r\n")
        };
        edge.send(&[Request { port: 8080, ..Request::get(from, &host(subdomain), "/", &headers) }]).remove(0)
    };
    let project = generated_project(&format!(
        "{inner} {office} tls.mode = 'proxy, edge.trusted_proxies = [\"172.30.0.9\"], services.plain = {{ image = \"a/b:1\", port = 8002, route.subdomain = \"plain\" }},"
    ));
    let edge = RunningEdge::start(&environment(&project, "prod"));
    for (from, forwarded, status) in [
        (NEIGHBOUR, "198.51.100.7", 200),
        (NEIGHBOUR, "198.51.100.7, 203.0.113.9", 403),
        (NEIGHBOUR, "203.0.113.9, 198.51.100.7, 172.30.0.9", 200),
        (NEIGHBOUR, "", 403),
        (NEIGHBOUR, "172.30.0.9", 403),
        (NEIGHBOUR, "172.30.0.1", 403),
        (STRANGER, "198.51.100.7", 403),
        (LAN, "198.51.100.7", 403),
        (GATEWAY, "198.51.100.7", 403),
    ] {
        assert_eq!(behind(&edge, from, "inner", forwarded).status, status, "{from}: {forwarded}");
    }
    let headers = |from| behind(&edge, from, "plain", "192.0.2.1").received["headers"].clone();
    let (proxy, stranger) = (headers(NEIGHBOUR), headers(STRANGER));
    assert_eq!(
        (proxy["x-forwarded-for"].as_str(), proxy["x-forwarded-proto"].as_str()),
        (Some("192.0.2.1"), Some("https"))
    );
    assert_eq!(
        (stranger["x-forwarded-for"].as_str(), stranger["x-forwarded-proto"].as_str()),
        (Some(STRANGER), Some("http"))
    );
    drop(edge);

    // On a cluster only the address that the gateway appended is trusted, so the load balancer counts as the client.
    let cluster = "kubernetes = { enabled = true, edge = 'ingress, preserves_client_address = true, edge_namespace = \"traefik\" },";
    let project = generated_project(&format!("{inner} {office} {cluster}"));
    let pods = crate::nginx::configuration_of_pods(&environment(&project, "prod").join("kubernetes"));
    let edge = RunningEdge::start(pods.path());
    assert_eq!(behind(&edge, NEIGHBOUR, "inner", "198.51.100.7, 10.42.0.1").status, 403);
    assert_eq!(behind(&edge, NEIGHBOUR, "inner", "198.51.100.7").status, 200);
    assert_eq!(behind(&edge, STRANGER, "inner", "198.51.100.7").status, 403);
    drop(edge);
    // Control: trust all addresses of the header.
    let edge =
        RunningEdge::start_with(pods.path(), |text| text.replace("real_ip_recursive off;", "real_ip_recursive on;"));
    assert_eq!(behind(&edge, NEIGHBOUR, "inner", "198.51.100.7, 10.42.0.1").status, 200);
}

/// Returns the findings of a stack with an internal route and these fields.
fn findings_of(body: &str) -> (i32, String) {
    let inner = "services.inner = { image = \"a/b:1\", port = 8001, user = \"1:1\", route = { subdomain = \"inner\", access = 'internal } },";
    let project = stack(&format!(
        "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", {inner} {body} }}"
    ));
    let output = nself_in(project.path(), ["gen", "--env", "prod"]);
    (output.code, output.stderr)
}

/// Attack: a stack whose internal routes would be open to the internet, since a proxy, a bridge or a load balancer
/// replaces the addresses of clients.
/// Expectation: the stack is refused (NS605, NS606) at the wrong field, and accepted after following the hint.
#[test]
fn internal_routes_without_client_addresses_are_refused() {
    let office_is_internal = "edge.internal_addresses = [\"198.51.100.0/24\"],";
    let gateway = "kubernetes = nself.clusters.gateway \"envoy\" & { enabled = true, MORE },";
    let k3s = "kubernetes = nself.clusters.k3s & { enabled = true, MORE },";
    let keeps = "preserves_client_address = true";
    let both = "preserves_client_address = true, edge_namespace = \"envoy-gateway-system\"";
    for (code, wrong, fixed) in [
        ("NS605", "tls.mode = 'proxy,".to_owned(), "tls.mode = 'proxy, edge.trusted_proxies = [\"172.16.0.0/12\"],".to_owned()),
        (
            "NS605",
            "services.nginx.publish.https.address = \"::\",".to_owned(),
            "services.nginx.publish.https.address = \"0.0.0.0\",".to_owned(),
        ),
        (
            "NS605",
            "services.nginx.publish.https.address = \"127.0.0.1\",".to_owned(),
            "services.nginx.publish.https.address = \"127.0.0.1\", tls.mode = 'proxy, edge.trusted_proxies = [\"172.16.0.0/12\"],".to_owned(),
        ),
        ("NS605", k3s.replace("MORE", ""), k3s.replace("MORE", keeps)),
        ("NS605", gateway.replace("MORE", ""), gateway.replace("MORE", both)),
        ("NS605", gateway.replace("MORE", keeps), gateway.replace("MORE", both)),
        ("NS606", "edge.trusted_proxies = [\"198.51.0.0/16\"],".into(), "edge.trusted_proxies = [\"198.51.101.1\"],".into()),
        ("NS606", "edge.trusted_proxies = [\"0.0.0.0/0\"],".into(), String::new()),
    ] {
        let (exit, stderr) = findings_of(&format!("{office_is_internal} {wrong}"));
        assert!(exit == 2 && stderr.contains(&format!("error[{code}]")), "{wrong}: {stderr}");
        let (exit, stderr) = findings_of(&format!("{office_is_internal} {fixed}"));
        assert!(exit == 0 && !stderr.contains("NS605") && !stderr.contains("NS606"), "{fixed}: {stderr}");
    }
    for everything in ["0.0.0.0/0", "::/0"] {
        let (exit, stderr) = findings_of(&format!("edge.internal_addresses = [\"{everything}\"],"));
        assert!(exit == 2 && stderr.contains("error[NS606]"), "{stderr}");
    }
    // Without `edge_namespace`, any private address may be a gateway's.
    let vpn = "edge.internal_addresses = [\"10.8.0.0/24\"],";
    let (exit, stderr) = findings_of(&format!("{vpn} {}", gateway.replace("MORE", both)));
    assert!(exit == 2 && stderr.contains("error[NS606]"), "{stderr}");
    let (exit, stderr) =
        findings_of(&format!("{vpn} edge.trusted_proxies = [\"10.42.0.0/16\"], {}", gateway.replace("MORE", both)));
    assert_eq!(exit, 0, "{stderr}");
    // Without listed addresses, no caller is internal, which is a warning.
    let (exit, stderr) = findings_of("");
    assert!(exit == 0 && stderr.contains("warning[NS604]: `inner.shop.example.com` accepts only internal"), "{stderr}");
}

/// Attack: through ports of the nodes, kube-proxy replaces the client's address by the node's.
/// Expectation: only the Service of the edge has `externalTrafficPolicy: Local`, which keeps the client's address.
#[test]
fn node_ports_keep_the_clients_address() {
    let case = golden(false).into_iter().find(|case| name(case) == "kubernetes").unwrap();
    let services = |environment: &str| -> Vec<(String, Value)> {
        let folder = case.join("out").join(environment).join("kubernetes");
        let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_name().to_string_lossy().starts_with("service-"));
        let read = |path: &Path| serde_yaml_ng::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap();
        files.map(|entry| (name(entry.path()), read(entry.path())["spec"].clone())).collect()
    };
    for environment in ["local", "staging", "prod"] {
        let all = services(environment);
        assert!(all.len() > 5);
        for (file, spec) in all {
            let local = spec["externalTrafficPolicy"] == "Local";
            assert_eq!(local, spec["type"] == "NodePort", "{environment} {file}: {spec}");
            assert_eq!(local, environment == "local" && file == "service-nginx.yaml", "{environment} {file}");
        }
    }
}
