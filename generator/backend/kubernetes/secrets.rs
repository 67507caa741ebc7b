//! The objects from which a cluster creates secrets: references to a secret store, or values that are encrypted for
//! this cluster. No file contains the value of a secret in plain text.

use serde_json::json;

use super::cluster::Cluster;
use super::model::{Object, Spec};
use crate::backend::findings::Findings;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::secret_list::{SECRET_KEY, secret_name};
use crate::stack::SecretSource;
use crate::values::SecretName;

/// Returns the objects from which the cluster creates the secrets; empty if the operator creates them.
///
/// # Errors
/// NS104 if no store is set, NS105 for a name that Kubernetes refuses.
pub fn objects(cluster: &Cluster) -> Result<Vec<Object>, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let mut objects = Vec::new();
    for secret in cluster.plan.read_secrets() {
        let name = secret_name(secret);
        if name.ends_with('-') {
            findings.extend([Diagnostic::error(Code::BadName, path!("secrets", secret))
                .message(format!(
                    "the secret would have the name `{name}` in the cluster, which Kubernetes does not accept"
                ))
                .expected("a secret whose name does not end with `_`")]);
        }
        match cluster.settings.secrets {
            SecretSource::Manual => {}
            SecretSource::External => match external_secret(cluster, secret, &name) {
                Ok(object) => objects.push(object),
                Err(finding) => {
                    findings.extend([finding]);
                    // One finding for the missing store is enough.
                    break;
                }
            },
            SecretSource::Sealed => objects.extend(sealed_secret(cluster, secret, &name)),
        }
    }
    findings.into_result(objects)
}

/// Returns the ExternalSecret that copies the value from the secret store. `name` is the name of the Kubernetes Secret.
fn external_secret(cluster: &Cluster, secret: &SecretName, name: &str) -> Result<Object, Diagnostic> {
    let store = cluster.settings.secret_store.as_ref().ok_or_else(|| {
        Diagnostic::error(Code::MissingField, path!("kubernetes", "secrets"))
            .message("`kubernetes.secrets = 'external` needs `kubernetes.secret_store`")
            .expected("the name of a ClusterSecretStore")
    })?;
    let key = format!("{}/{secret}", cluster.namespace);
    let spec = json!({
        "refreshInterval": "1h",
        "secretStoreRef": { "kind": "ClusterSecretStore", "name": store },
        "target": { "name": name, "creationPolicy": "Owner" },
        "data": [{ "secretKey": SECRET_KEY, "remoteRef": { "key": key } }],
    });
    let metadata = cluster.common_metadata(name);
    Ok(Object::spec("external-secrets.io/v1", "ExternalSecret", metadata, Spec::Other(spec)))
}

/// Returns the SealedSecret with the encrypted value; `None` if the stack does not have it yet (NS848). `name` is the name
/// of the Kubernetes Secret.
fn sealed_secret(cluster: &Cluster, secret: &SecretName, name: &str) -> Option<Object> {
    let value = cluster.settings.sealed.get(secret)?;
    let spec = json!({ "encryptedData": { SECRET_KEY: value }, "template": { "type": "Opaque" } });
    Some(Object::spec("bitnami.com/v1alpha1", "SealedSecret", cluster.common_metadata(name), Spec::Other(spec)))
}
