//! The way in: a Gateway or an Ingress in front of nginx, which routes as it does everywhere, and the certificate.

use serde_json::{Value, json};

use super::Cluster;
use super::model::{Object, Policy, Spec};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::{ClusterEdge, Profile, TlsMode};

const GATEWAY: &str = "gateway.networking.k8s.io/v1";
const CERTIFICATES: &str = "cert-manager.io/v1";
/// Names of the gateway and, with a number from the second on, of certificates and their secrets.
const EDGE: &str = "edge";
const CERTIFICATE: &str = "edge-tls";
/// Hosts of an HTTPRoute (Gateway API v1), and of a certificate (Let's Encrypt).
const HOSTS: usize = 16;
const NAMES: usize = 100;
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Objects of the edge, none where nginx is reached on ports of the nodes.
pub fn objects(cluster: &Cluster, findings: &mut Vec<Diagnostic>) -> Vec<Object> {
    let settings = &cluster.settings;
    match settings.edge {
        ClusterEdge::NodePort => {
            if cluster.tls == TlsMode::Acme {
                findings.push(
                    Diagnostic::error(Code::Unsupported, path!("kubernetes", "edge"))
                        .message("a certificate authority does not reach ports of the nodes")
                        .hint("set `tls.mode` to 'local or 'files, or use the edge 'gateway or 'ingress"),
                );
            }
            return Vec::new();
        }
        ClusterEdge::Gateway if settings.gateway_class.is_none() => {
            findings.push(
                Diagnostic::error(Code::MissingField, path!("kubernetes"))
                    .message("the edge 'gateway needs the class of the gateway")
                    .expected("`kubernetes.gateway_class`; `kubectl get gatewayclass` lists those of the cluster")
                    .hint("on kind and minikube use `edge = 'nodeport`, on k3s `edge = 'ingress`"),
            );
            return Vec::new();
        }
        _ => {}
    }
    let secure = cluster.tls != TlsMode::Proxy;
    let certificates = if secure { certificates(cluster) } else { Vec::new() };
    let secrets: Vec<String> = certificates.iter().map(|(name, _)| name.clone()).collect();
    let mut objects = match settings.edge {
        ClusterEdge::Ingress => vec![ingress(cluster, &secrets)],
        _ => gateway(cluster, &secrets),
    };
    if matches!(cluster.tls, TlsMode::Acme | TlsMode::Local) {
        if settings.issuer.is_none() {
            objects.extend(issuer(cluster));
        }
        objects.extend(certificates.into_iter().map(|(_, certificate)| certificate));
    }
    objects
}

fn other(cluster: &Cluster, api_version: &'static str, kind: &'static str, name: &str, spec: Value) -> Object {
    Object::spec(api_version, kind, cluster.shared(name), Spec::Other(spec))
}

fn hosts<'a>(cluster: &Cluster<'a>) -> Vec<&'a str> {
    cluster.plan.ingress.sites.values().flat_map(|site| &site.hosts).map(String::as_str).collect()
}

fn gateway(cluster: &Cluster, secrets: &[String]) -> Vec<Object> {
    let same = json!({ "namespaces": { "from": "Same" } });
    let mut listeners = vec![json!({ "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": same })];
    if !secrets.is_empty() {
        let references: Vec<Value> = secrets.iter().map(|name| json!({ "name": name })).collect();
        listeners.push(json!({
            "name": "https", "port": 443, "protocol": "HTTPS", "allowedRoutes": same,
            "tls": { "mode": "Terminate", "certificateRefs": references },
        }));
    }
    let class = &cluster.settings.gateway_class;
    let spec = json!({ "gatewayClassName": class, "listeners": listeners });
    let mut objects = vec![other(cluster, GATEWAY, "Gateway", EDGE, spec)];
    let section = if secrets.is_empty() { "http" } else { "https" };
    if !secrets.is_empty() {
        let redirect =
            json!({ "type": "RequestRedirect", "requestRedirect": { "scheme": "https", "statusCode": 301 } });
        let spec = json!({
            "parentRefs": [{ "name": EDGE, "sectionName": "http" }], "rules": [{ "filters": [redirect] }],
        });
        objects.push(other(cluster, GATEWAY, "HTTPRoute", "redirect", spec));
    }
    for (i, hosts) in hosts(cluster).chunks(HOSTS).enumerate() {
        // nginx decides how long a request may take, and keeps websockets open.
        let rule = json!({
            "backendRefs": [{ "name": cluster.plan.ingress.service, "port": cluster.front_ports()[0] }],
            "timeouts": { "request": "0s" },
        });
        let spec = json!({
            "parentRefs": [{ "name": EDGE, "sectionName": section }], "hostnames": hosts, "rules": [rule],
        });
        objects.push(other(cluster, GATEWAY, "HTTPRoute", &numbered("sites", i), spec));
    }
    objects
}

fn numbered(name: &str, i: usize) -> String {
    if i == 0 { name.to_owned() } else { format!("{name}-{}", i + 1) }
}

fn ingress(cluster: &Cluster, secrets: &[String]) -> Object {
    let port = cluster.front_ports()[0];
    let backend = json!({ "service": { "name": cluster.plan.ingress.service, "port": { "number": port } } });
    let rules: Vec<Value> = hosts(cluster)
        .into_iter()
        .map(|host| {
            json!({ "host": host, "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] } })
        })
        .collect();
    let mut spec = json!({ "rules": rules });
    if let Some(class) = &cluster.settings.ingress_class {
        spec["ingressClassName"] = json!(class);
    }
    let certified = certified(cluster);
    let tls = certified.chunks(NAMES).zip(secrets).map(|(h, name)| json!({ "hosts": h, "secretName": name }));
    let tls: Vec<Value> = tls.collect();
    if !tls.is_empty() {
        spec["tls"] = json!(tls);
    }
    other(cluster, "networking.k8s.io/v1", "Ingress", EDGE, spec)
}

/// Hosts in certificates: the challenge over HTTP proves no wildcards.
fn certified<'a>(cluster: &Cluster<'a>) -> Vec<&'a str> {
    let own_authority = cluster.tls == TlsMode::Acme && cluster.settings.issuer.is_none();
    hosts(cluster).into_iter().filter(|host| !own_authority || !host.starts_with('*')).collect()
}

/// Certificates with the names of the secrets that hold them.
fn certificates(cluster: &Cluster) -> Vec<(String, Object)> {
    let issuer = match &cluster.settings.issuer {
        Some(issuer) => json!({ "group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer }),
        None => json!({ "group": "cert-manager.io", "kind": "Issuer", "name": EDGE }),
    };
    let certified = certified(cluster);
    let certificates = certified.chunks(NAMES).enumerate().map(|(i, hosts)| {
        let name = numbered(CERTIFICATE, i);
        let spec = json!({
            "secretName": name, "dnsNames": hosts, "issuerRef": issuer,
            "privateKey": { "algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always" },
        });
        let object = other(cluster, CERTIFICATES, "Certificate", &name, spec);
        (name, object)
    });
    certificates.collect()
}

/// The namespace's own authority; for Let's Encrypt with a way to the pods that answer its challenge.
fn issuer(cluster: &Cluster) -> Vec<Object> {
    if cluster.plan.profile == Profile::Local {
        return vec![other(cluster, CERTIFICATES, "Issuer", EDGE, json!({ "selfSigned": {} }))];
    }
    let solver = match cluster.settings.edge {
        ClusterEdge::Ingress => match &cluster.settings.ingress_class {
            Some(class) => json!({ "ingress": { "ingressClassName": class } }),
            None => json!({ "ingress": {} }),
        },
        _ => json!({ "gatewayHTTPRoute": { "parentRefs": [
            { "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": EDGE, "sectionName": "http" },
        ] } }),
    };
    let mut acme = json!({
        "server": LETS_ENCRYPT,
        "privateKeySecretRef": { "name": "acme-account" },
        "solvers": [{ "http01": solver }],
    });
    if let Some(email) = &cluster.plan.ingress.email {
        acme["email"] = json!(email.to_string());
    }
    let policy = Policy {
        pod_selector: json!({ "matchLabels": { "acme.cert-manager.io/http01-solver": "true" } }),
        policy_types: vec!["Ingress"],
        ingress: vec![json!({ "ports": [{ "port": 8089, "protocol": "TCP" }] })],
        egress: Vec::new(),
    };
    let policy =
        Object::spec("networking.k8s.io/v1", "NetworkPolicy", cluster.shared("acme-challenge"), Spec::Policy(policy));
    vec![other(cluster, CERTIFICATES, "Issuer", EDGE, json!({ "acme": acme })), policy]
}
