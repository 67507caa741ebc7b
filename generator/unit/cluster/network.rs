//! Tests network policies and what they assume about name servers and the protocols of ports.

use serde_json::{Value, json};

use super::{
    cluster_with_settings, contains, deployment, files, generate, nginx_configuration, on_cluster, plan, text,
    trimmed_lines,
};
use crate::artifact::Artifacts;
use crate::codes::Code;

#[test]
fn policies_allow_queries_to_the_declared_name_server() {
    let dns = json!({
        "service": "dns-default", "namespace": "openshift-dns", "domain": "cluster.example", "port": 5353,
        "addresses": ["169.254.20.10"],
    });
    let generated = files(&cluster_with_settings(&json!({ "dns": dns, "ip_families": "dual" })));
    let policy = text(&generated, "kubernetes/policies/networkpolicy-dns.yaml");
    for wanted in ["openshift-dns", "port: 5353", "port: 53\n", "169.254.20.10/32"] {
        assert!(policy.contains(wanted), "{wanted}: {policy}");
    }
    let nginx = nginx_configuration(&generated);
    for wanted in [
        "resolver dns-default.openshift-dns.svc.cluster.example valid=2s;",
        "server orders.shop-prod.svc.cluster.example:8001 resolve;",
        "listen [::]:8080;",
    ] {
        assert!(nginx.contains(wanted), "{wanted}: {nginx}");
    }
    assert!(text(&generated, "kubernetes/apps/orders/service-orders.yaml").contains("ipFamilyPolicy: PreferDualStack"));
}

/// Returns the stack with `orders` and the name server `dns`, which publishes its port `dns` for UDP.
fn with_name_server(orders: &Value, ports: &Value) -> Value {
    let mut stack = on_cluster(orders);
    stack["services"]["dns"] = json!({
        "image": "a/dns:1", "user": "1000:1000", "ports": ports, "health": { "exec": ["dns", "status"] },
        "publish": {
            "dns": { "port": 53, "address": "192.0.2.53", "protocol": "udp", "reason": "name server of the office" },
        },
    });
    stack
}

#[test]
fn a_udp_port_has_policies_for_udp_and_no_probe_by_tcp() {
    let connects = json!({ "connects_to": ["dns"] });
    let policies = ["orders/networkpolicy-orders-to-dns-5353", "dns/networkpolicy-dns-from-orders-5353"];
    let protocols = |generated: &Artifacts| {
        policies.map(|policy| {
            let policy = text(generated, &format!("kubernetes/apps/{policy}.yaml"));
            ["protocol: TCP", "protocol: UDP"].map(|protocol| policy.contains(protocol))
        })
    };
    let deployment = |generated: &Artifacts| text(generated, "kubernetes/apps/dns/deployment-dns.yaml");
    let udp = files(&with_name_server(&connects, &json!({ "dns": 5353 })));
    assert_eq!(protocols(&udp), [[false, true], [false, true]]);
    assert!(!deployment(&udp).contains("tcpSocket"), "{}", deployment(&udp));
    let both = files(&with_name_server(&connects, &json!({ "dns": 5353, "dns-tcp": 5353 })));
    assert_eq!(protocols(&both), [[true, true], [true, true]]);
    assert!(deployment(&both).contains("tcpSocket"), "{}", deployment(&both));
    let with_tcp_port = files(&with_name_server(&connects, &json!({ "dns": 5353, "status": 8081 })));
    let lines = trimmed_lines(&deployment(&with_tcp_port));
    assert!(contains(&lines, &["tcpSocket:", "port: 8081"]), "{lines:#?}");
}

#[test]
fn a_pod_waits_only_for_tcp_ports() {
    let waits = json!({ "depends_on": { "dns": "healthy" } });
    let (only_udp, _) = plan(&with_name_server(&waits, &json!({ "dns": 5353 })));
    let findings = generate(&only_udp).err().unwrap_or_default();
    assert_eq!(
        findings.iter().map(|finding| (finding.code, finding.path.to_string())).collect::<Vec<_>>(),
        [(Code::Unsupported, "services.orders.depends_on.dns".to_owned())]
    );
    assert!(findings[0].hint.contains("`depends_on.dns = 'started`"), "{findings:?}");
    let started = json!({ "depends_on": { "dns": "started" } });
    assert!(
        !deployment(&with_name_server(&started, &json!({ "dns": 5353 }))).iter().any(|line| line.contains("dns:5353"))
    );
    let pod = deployment(&with_name_server(&waits, &json!({ "dns": 5353, "status": 8081 })));
    assert!(contains(&pod, &["- \"dns:8081\""]) && !pod.iter().any(|line| line.contains("dns:5353")), "{pod:#?}");
}
