//! Returns secrets as Kubernetes objects, which the command line prints to a pipe. nself never writes them to a file.

use std::collections::BTreeMap;

use serde::Serialize;

use super::folder::SecretFolder;
use super::missing::missing_values;
use crate::artifact::yaml;
use crate::diagnostic::Diagnostic;
use crate::plan::{self, secret_list};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata<'a>,
    string_data: BTreeMap<&'a str, String>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: String,
    namespace: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
}

/// Returns a Secret for each value that a service uses, as YAML documents, and the reason if nself cannot find out
/// whether git tracks a value.
///
/// # Errors
/// NS304 for missing values, NS106 for malformed values, NS509 for each value that git tracks.
pub fn manifests(folder: &SecretFolder) -> Result<(String, Option<String>), Vec<Diagnostic>> {
    let version_control_problem = folder.refuse_tracked()?;
    folder.refuse_malformed()?;
    let list = &folder.list;
    let namespace = plan::namespace(&list.project, &list.environment);
    let mut documents = Vec::new();
    let mut missing = Vec::new();
    for (name, _) in list.secrets.iter().filter(|(_, entry)| !entry.used_by.is_empty()) {
        let Some(value) = folder.read(name).map_err(|finding| vec![finding])? else {
            missing.push(name);
            continue;
        };
        let labels = [("app.kubernetes.io/managed-by", "nself"), ("app.kubernetes.io/part-of", list.project.as_str())];
        let secret = Secret {
            api_version: "v1",
            kind: "Secret",
            metadata: Metadata {
                name: secret_list::secret_name(name),
                namespace: &namespace,
                labels: BTreeMap::from(labels),
            },
            string_data: BTreeMap::from([(secret_list::SECRET_KEY, value)]),
        };
        documents.push(yaml::to_yaml(&secret).map_err(|finding| vec![finding])?);
    }
    let findings = missing_values(folder, &missing);
    if findings.is_empty() { Ok((documents.join("---\n"), version_control_problem)) } else { Err(findings) }
}
