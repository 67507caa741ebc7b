//! Values of secrets come from outside: by the operator, from a store, or sealed for this cluster. No file holds one
//! that somebody else can read.

use serde_json::json;

use super::model::{Object, Spec};
use super::{Cluster, SECRET_KEY, secret_name};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::SecretSource;

/// Objects from which the cluster makes the secrets; none where the operator does.
pub fn objects(cluster: &Cluster, findings: &mut Vec<Diagnostic>) -> Vec<Object> {
    let settings = cluster.settings;
    let used = cluster.plan.secrets.iter();
    let used = used.filter(|(_, secret)| !secret.files_of.is_empty() || !secret.variables_of.is_empty());
    let mut objects = Vec::new();
    for (secret, _) in used {
        let name = secret_name(secret);
        if name.ends_with('-') {
            findings.push(
                Diagnostic::error(Code::BadName, path!("secrets", secret))
                    .message(format!("the cluster's name of the secret would be `{name}`"))
                    .expected("a name that does not end with `_`"),
            );
        }
        let (api_version, kind, spec) = match settings.secrets {
            SecretSource::Manual => continue,
            SecretSource::External => {
                let Some(store) = &settings.secret_store else {
                    findings.push(
                        Diagnostic::error(Code::MissingField, path!("kubernetes", "secrets"))
                            .message("nothing says which store holds the secrets")
                            .expected("`kubernetes.secret_store`, the name of a ClusterSecretStore"),
                    );
                    return Vec::new();
                };
                let spec = json!({
                    "refreshInterval": "1h",
                    "secretStoreRef": { "kind": "ClusterSecretStore", "name": store },
                    "target": { "name": name, "creationPolicy": "Owner" },
                    "data": [{ "secretKey": SECRET_KEY, "remoteRef": { "key": format!("{}/{secret}", cluster.namespace) } }],
                });
                ("external-secrets.io/v1", "ExternalSecret", spec)
            }
            SecretSource::Sealed => {
                let Some(sealed) = settings.sealed.get(secret) else {
                    findings.push(
                        Diagnostic::error(Code::UnknownSecret, path!("kubernetes", "sealed"))
                            .message(format!("the secret `{secret}` is not sealed for this environment"))
                            .expected(format!("`kubernetes.sealed.{secret} = \"Ag…\"`"))
                            .hint(format!(
                                "kubeseal --raw --namespace {} --name {name} --from-file secrets/{secret}",
                                cluster.namespace
                            )),
                    );
                    continue;
                };
                let spec = json!({ "encryptedData": { SECRET_KEY: sealed }, "template": { "type": "Opaque" } });
                ("bitnami.com/v1alpha1", "SealedSecret", spec)
            }
        };
        objects.push(Object::spec(api_version, kind, cluster.shared(&name), Spec::Other(spec)));
    }
    objects
}
