//! The edge of a cluster: a Gateway or an Ingress that sends all requests to nginx, and the certificates.

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::model::{Object, Spec};
use super::policies;
use super::services::H2C_PORT;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::Site;
use crate::stack::{ClusterEdge, Profile, TlsMode};

const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
const CERT_MANAGER_API: &str = "cert-manager.io/v1";
/// The name of the Gateway, of the Ingress and of the issuer.
const EDGE: &str = "edge";
/// The name of the first certificate and of its secret; others have a number appended, as in `edge-tls-2`.
const CERTIFICATE_NAME: &str = "edge-tls";
/// The maximum number of hosts of an HTTPRoute (Gateway API v1).
const MAX_HOSTS_OF_ROUTE: usize = 16;
/// The maximum number of hosts of a certificate (Let's Encrypt).
const MAX_HOSTS_OF_CERTIFICATE: usize = 100;
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Returns the objects of the edge; empty if clients reach nginx on ports of the nodes.
///
/// # Errors
/// NS701 if the certificate authority cannot reach the edge, NS104 if the gateway class is not set.
pub fn objects(cluster: &Cluster) -> Result<Vec<Object>, Diagnostic> {
    let settings = &cluster.settings;
    match settings.edge {
        ClusterEdge::NodePort => {
            if cluster.tls == TlsMode::Acme {
                return Err(Diagnostic::error(Code::Unsupported, path!("kubernetes", "edge"))
                    .message("Let's Encrypt must reach port 80 of the domain, but `edge = 'nodeport` has no port 80")
                    .hint("set `tls.mode` to 'local or 'files, or `edge` to 'gateway or 'ingress"));
            }
            return Ok(Vec::new());
        }
        ClusterEdge::Gateway if settings.gateway_class.is_none() => {
            return Err(Diagnostic::error(Code::MissingField, path!("kubernetes"))
                .message("`edge = 'gateway` requires a gateway class")
                .expected("a value for `kubernetes.gateway_class`; `kubectl get gatewayclass` lists the classes of the cluster")
                .hint("on kind and minikube use `edge = 'nodeport`, on k3s `edge = 'ingress`"));
        }
        _ => {}
    }
    let terminates_tls = cluster.tls != TlsMode::Proxy;
    // With `tls.mode = 'files`, only the names of the secrets are used; the user supplies their content.
    let certificates = if terminates_tls { certificates(cluster) } else { Vec::new() };
    let secret_names: Vec<String> = certificates.iter().map(|(name, _)| name.clone()).collect();
    let mut objects = match settings.edge {
        ClusterEdge::Ingress => vec![ingress(cluster, &secret_names)],
        _ => gateway(cluster, &secret_names),
    };
    if matches!(cluster.tls, TlsMode::Acme | TlsMode::Local) {
        if settings.issuer.is_none() {
            objects.extend(issuer(cluster));
        }
        objects.extend(certificates.into_iter().map(|(_, certificate)| certificate));
    }
    Ok(objects)
}

/// Returns an object whose spec is plain JSON, because no other file creates objects of its kind.
fn edge_object(cluster: &Cluster, api_version: &'static str, kind: &'static str, name: &str, spec: Value) -> Object {
    Object::spec(api_version, kind, cluster.common_metadata(name), Spec::Other(spec))
}

/// Adds the annotations that the stack sets.
fn with_edge_annotations(cluster: &Cluster, mut object: Object) -> Object {
    let annotations = cluster.settings.edge_annotations.iter();
    object.metadata.annotations.extend(annotations.map(|(name, value)| (name.to_string(), value.to_string())));
    object
}

/// Returns the port of nginx's Service that receives the requests for a site.
fn backend_port(cluster: &Cluster, site: &Site) -> u16 {
    if site.has_grpc() { H2C_PORT } else { cluster.http_port() }
}

/// Returns the hosts of all sites.
fn hosts<'a>(cluster: &Cluster<'a>) -> Vec<&'a str> {
    cluster.plan.ingress.sites.values().flat_map(|site| &site.hosts).map(String::as_str).collect()
}

/// Returns the Gateway and its routes. With certificates, one route redirects HTTP to HTTPS.
fn gateway(cluster: &Cluster, secret_names: &[String]) -> Vec<Object> {
    // Only routes of the environment's namespace may use the Gateway.
    let allowed_routes = json!({ "namespaces": { "from": "Same" } });
    let mut listeners =
        vec![json!({ "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": allowed_routes })];
    if !secret_names.is_empty() {
        let references: Vec<Value> = secret_names.iter().map(|name| json!({ "name": name })).collect();
        listeners.push(json!({
            "name": "https", "port": 443, "protocol": "HTTPS", "allowedRoutes": allowed_routes,
            "tls": { "mode": "Terminate", "certificateRefs": references },
        }));
    }
    let class = &cluster.settings.gateway_class;
    let spec = json!({ "gatewayClassName": class, "listeners": listeners });
    let mut objects = vec![with_edge_annotations(cluster, edge_object(cluster, GATEWAY_API, "Gateway", EDGE, spec))];
    let listener = if secret_names.is_empty() { "http" } else { "https" };
    if !secret_names.is_empty() {
        let redirect =
            json!({ "type": "RequestRedirect", "requestRedirect": { "scheme": "https", "statusCode": 301 } });
        let spec = json!({
            "parentRefs": [{ "name": EDGE, "sectionName": "http" }], "rules": [{ "filters": [redirect] }],
        });
        objects.push(edge_object(cluster, GATEWAY_API, "HTTPRoute", "redirect", spec));
    }
    let (grpc_sites, other_sites): (Vec<&Site>, Vec<&Site>) =
        cluster.plan.ingress.sites.values().partition(|site| site.has_grpc());
    for (name, sites) in [("sites", other_sites), ("grpc", grpc_sites)] {
        let hosts: Vec<&String> = sites.iter().flat_map(|site| &site.hosts).collect();
        // All sites of a group have the same port. A group without sites has no hosts, so it gets no route.
        for (i, hosts) in hosts.chunks(MAX_HOSTS_OF_ROUTE).enumerate() {
            // nginx limits the time of requests and keeps websockets open, so the gateway sets no timeout.
            let rule = json!({
                "backendRefs": [{ "name": cluster.plan.ingress.service, "port": backend_port(cluster, sites[0]) }],
                "timeouts": { "request": "0s" },
            });
            let spec = json!({
                "parentRefs": [{ "name": EDGE, "sectionName": listener }], "hostnames": hosts, "rules": [rule],
            });
            objects.push(edge_object(cluster, GATEWAY_API, "HTTPRoute", &numbered_name(name, i), spec));
        }
    }
    objects
}

/// Returns the name of the object with this index: `sites`, `sites-2`, ….
fn numbered_name(name: &str, index: usize) -> String {
    if index == 0 { name.to_owned() } else { format!("{name}-{}", index + 1) }
}

/// Returns the Ingress, with a rule for each host.
fn ingress(cluster: &Cluster, secret_names: &[String]) -> Object {
    let rules = cluster.plan.ingress.sites.values().flat_map(|site| site.hosts.iter().map(move |host| (host, site)));
    let rules = rules.map(|(host, site)| {
        let port = json!({ "number": backend_port(cluster, site) });
        let backend = json!({ "service": { "name": cluster.plan.ingress.service, "port": port } });
        json!({ "host": host, "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] } })
    });
    let rules: Vec<Value> = rules.collect();
    let mut spec = json!({ "rules": rules });
    if let Some(class) = &cluster.settings.ingress_class {
        spec["ingressClassName"] = json!(class);
    }
    let hosts = certificate_hosts(cluster);
    // `certificates` divides the hosts in the same way, so each group of hosts has its secret at the same index.
    let host_groups = hosts.chunks(MAX_HOSTS_OF_CERTIFICATE).zip(secret_names);
    let tls: Vec<Value> = host_groups.map(|(hosts, secret)| json!({ "hosts": hosts, "secretName": secret })).collect();
    if !tls.is_empty() {
        spec["tls"] = json!(tls);
    }
    with_edge_annotations(cluster, edge_object(cluster, "networking.k8s.io/v1", "Ingress", EDGE, spec))
}

/// Returns the hosts of the certificates. Wildcards are omitted for Let's Encrypt, whose HTTP challenge cannot validate
/// them. An issuer that the stack names may validate them by other means, such as DNS.
fn certificate_hosts<'a>(cluster: &Cluster<'a>) -> Vec<&'a str> {
    let uses_http_challenge = cluster.tls == TlsMode::Acme && cluster.settings.issuer.is_none();
    hosts(cluster).into_iter().filter(|host| !(uses_http_challenge && host.starts_with('*'))).collect()
}

/// Returns the certificates with the names of their secrets.
fn certificates(cluster: &Cluster) -> Vec<(String, Object)> {
    let issuer = match &cluster.settings.issuer {
        Some(issuer) => json!({ "group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer }),
        None => json!({ "group": "cert-manager.io", "kind": "Issuer", "name": EDGE }),
    };
    let hosts = certificate_hosts(cluster);
    let certificates = hosts.chunks(MAX_HOSTS_OF_CERTIFICATE).enumerate().map(|(i, hosts)| {
        let name = numbered_name(CERTIFICATE_NAME, i);
        let spec = json!({
            "secretName": name, "dnsNames": hosts, "issuerRef": issuer,
            "privateKey": { "algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always" },
        });
        let object = edge_object(cluster, CERT_MANAGER_API, "Certificate", &name, spec);
        (name, object)
    });
    certificates.collect()
}

/// Returns the issuer of the namespace; for Let's Encrypt also the network policy that allows traffic to the pods of
/// its challenge.
fn issuer(cluster: &Cluster) -> Vec<Object> {
    // Let's Encrypt cannot reach an environment of the profile `local`, so its certificates are always self-signed.
    if cluster.plan.profile == Profile::Local || cluster.tls == TlsMode::Local {
        return vec![edge_object(cluster, CERT_MANAGER_API, "Issuer", EDGE, json!({ "selfSigned": {} }))];
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
    vec![
        edge_object(cluster, CERT_MANAGER_API, "Issuer", EDGE, json!({ "acme": acme })),
        policies::to_challenge_pods(cluster),
    ]
}
