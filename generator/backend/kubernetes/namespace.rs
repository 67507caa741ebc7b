//! The namespace of an environment and the policies of all its pods.

use super::cluster::Cluster;
use super::model::{Body, Metadata, Object};
use super::network;

/// The Kubernetes release whose rules of Pod Security apply. The version is pinned, so that an upgrade of the cluster does
/// not change the rules.
const POD_SECURITY_VERSION: &str = "v1.34";

/// Returns the namespace, whose Pod Security level is `restricted`, and the policies of all its pods.
pub fn objects(cluster: &Cluster) -> Vec<Object> {
    let mut labels = cluster.common_labels();
    for (mode, version) in [
        ("pod-security.kubernetes.io/audit", "pod-security.kubernetes.io/audit-version"),
        ("pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/enforce-version"),
        ("pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/warn-version"),
    ] {
        labels.insert(mode, "restricted".to_owned());
        labels.insert(version, POD_SECURITY_VERSION.to_owned());
    }
    let metadata = Metadata { name: cluster.namespace.to_owned(), labels, ..Metadata::default() };
    let namespace = Object { api_version: "v1", kind: "Namespace", metadata, body: Body::Bare {} };
    let policies = network::common()
        .into_iter()
        .map(|(name, spec)| Object::spec("networking.k8s.io/v1", "NetworkPolicy", cluster.common_metadata(name), spec));
    std::iter::once(namespace).chain(policies).collect()
}
