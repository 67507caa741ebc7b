//! Rights in the cluster's API, for the services that read it.

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::model::{Body, Metadata, Object};
use crate::plan::Service;
use crate::stack::ClusterRight;
use crate::values::ServiceName;

const API: &str = "rbac.authorization.k8s.io/v1";

/// Returns roles and role bindings for a service's account. The roles allow it to read the logs of the namespace's
/// pods, or the metrics of nodes.
pub fn objects(cluster: &Cluster, name: &ServiceName, service: &Service) -> Vec<Object> {
    let subjects = json!([{ "kind": "ServiceAccount", "name": name, "namespace": cluster.namespace }]);
    let metadata = cluster.metadata(name, service.zone);
    let mut objects = Vec::new();
    for right in &service.on_clusters.reads {
        let (metadata, role_kind, binding_kind, rules) = match right {
            ClusterRight::Logs => (metadata.clone(), "Role", "RoleBinding", log_rules()),
            ClusterRight::Nodes => {
                // Names of objects outside of namespaces must differ between environments.
                let full_name = format!("{}-{name}", cluster.namespace);
                let metadata = Metadata { name: full_name, namespace: None, ..metadata.clone() };
                (metadata, "ClusterRole", "ClusterRoleBinding", node_rules())
            }
        };
        let role_ref = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": metadata.name });
        let role_body = Body::Rules { rules };
        let binding_body = Body::Binding { role_ref, subjects: subjects.clone() };
        objects.push(Object { api_version: API, kind: role_kind, metadata: metadata.clone(), body: role_body });
        objects.push(Object { api_version: API, kind: binding_kind, metadata, body: binding_body });
    }
    objects
}

/// Returns rights to list pods and to read their logs.
fn log_rules() -> Value {
    json!([
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"] },
    ])
}

/// Returns rights to list nodes and to read their metrics. They do not include `nodes/proxy`, which would also allow a
/// service to run commands in pods.
fn node_rules() -> Value {
    json!([
        { "apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"] },
    ])
}
