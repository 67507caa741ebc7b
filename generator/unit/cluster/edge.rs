//! Tests the objects through which requests reach nginx: issuers of certificates, routes, ports.

use serde_json::{Value, json};

use super::{cluster_with_settings, contains, errors, files, nginx_configuration, on_cluster, text, trimmed_lines};
use crate::codes::Code;

#[test]
fn local_certificates_are_self_signed_in_every_profile() {
    let issuer = |mode: &str| {
        let mut stack = on_cluster(&json!({}));
        stack["tls"] = json!({ "mode": mode });
        let generated = files(&stack);
        let paths = generated.iter().map(|(path, _)| path.as_str().to_owned());
        let path = paths.into_iter().find(|path| path.ends_with("/issuer-edge.yaml")).unwrap();
        text(&generated, &path)
    };
    assert!(issuer("local").contains("selfSigned:") && !issuer("local").contains("acme"), "{}", issuer("local"));
    assert!(issuer("acme").contains("acme:") && !issuer("acme").contains("selfSigned"), "{}", issuer("acme"));
}

#[test]
fn a_gateway_needs_the_http_port_of_nginx() {
    let mut stack = on_cluster(&json!({}));
    for field in ["ports", "publish"] {
        stack["services"]["nginx"][field].as_object_mut().unwrap().remove("http");
    }
    assert_eq!(errors(&stack), [(Code::UnknownPort, "services.nginx.ports".to_owned())]);
    stack["kubernetes"]["edge"] = json!("nodeport");
    stack["tls"] = json!({ "mode": "files" });
    assert_eq!(errors(&stack), [], "clients reach the port for HTTPS");
    files(&stack);
}

#[test]
fn grpc_ports_use_http2() {
    let route = json!({ "subdomain": "orders", "kind": "grpc" });
    let generated = files(&on_cluster(&json!({ "route": route })));
    assert!(text(&generated, "kubernetes/apps/orders/service-orders.yaml").contains("appProtocol: kubernetes.io/h2c"));
    let edge = text(&generated, "kubernetes/apps/nginx/service-nginx.yaml");
    assert!(edge.matches("appProtocol").count() == 1 && edge.contains("name: h2c"), "{edge}");
    assert!(text(&generated, "kubernetes/edge/httproute-grpc.yaml").contains("port: 8082"));
}

#[test]
fn http3_has_a_udp_port_at_the_number_of_https() {
    let mut on_nodes = cluster_with_settings(&json!({ "edge": "nodeport" }));
    on_nodes["tls"] = json!({ "mode": "files" });
    let edge = |stack: &Value| {
        let generated = files(stack);
        let text = |path: &str| text(&generated, path);
        (
            text("kubernetes/apps/nginx/service-nginx.yaml"),
            text("kubernetes/apps/nginx/networkpolicy-nginx-from-outside.yaml"),
            text("compose.yaml"),
        )
    };
    let (service, policy, compose) = edge(&on_nodes);
    assert!(!service.contains("UDP") && !policy.contains("UDP") && !compose.contains("udp"), "{service}{policy}");
    on_nodes["edge"] = json!({ "http3": true });
    let (service, policy, compose) = edge(&on_nodes);
    assert_eq!(
        (service.matches("nodePort: 30443").count(), service.matches("protocol: UDP").count()),
        (2, 1),
        "{service}"
    );
    assert!(contains(&trimmed_lines(&policy), &["- port: 8443", "protocol: UDP"]), "{policy}");
    assert!(contains(&trimmed_lines(&compose), &["published: \"443\"", "protocol: udp"]), "{compose}");
}

#[test]
fn an_ingress_redirects_to_https_and_ports_of_nodes_renew_certificates() {
    let site = |settings: &Value| nginx_configuration(&files(&cluster_with_settings(settings)));
    let ingress = site(&json!({ "edge": "ingress" }));
    assert!(ingress.contains("if ($without_tls)"), "{ingress}");
    assert!(!site(&json!({})).contains("$without_tls"), "a gateway redirects without nginx");
    let mut nodes = cluster_with_settings(&json!({ "edge": "nodeport" }));
    nodes["tls"] = json!({ "mode": "files" });
    let nodes_site = nginx_configuration(&files(&nodes));
    assert!(
        nodes_site.contains("ssl_certificate $secrets/tls_certificate;") && nodes_site.contains("valid=1m"),
        "{nodes_site}"
    );
}
