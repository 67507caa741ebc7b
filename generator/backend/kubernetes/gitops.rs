//! Objects for Argo CD or Flux, if one of them applies the manifests from a repository.

use serde_json::json;

use super::cluster::Cluster;
use super::model::{Metadata, Object, Spec};
use crate::stack::GitopsTool;

/// Returns the objects by which a GitOps tool finds the manifests. They belong into the namespace of the tool, so the
/// manifests do not include them.
pub fn objects(cluster: &Cluster) -> Vec<Object> {
    let Some(gitops) = &cluster.settings.gitops else { return Vec::new() };
    let revision = gitops.revision.as_ref().map_or("main", |revision| revision.as_str());
    let folder = gitops.path.as_ref().map_or("deploy", |path| path.as_str());
    let folder = format!("{}/{}/kubernetes", folder.trim_start_matches("./"), cluster.plan.environment);
    let name = cluster.namespace;
    let object = |api_version, kind, namespace: &str, spec| {
        let metadata = Metadata { namespace: Some(namespace.to_owned()), ..cluster.common_metadata(name) };
        Object::spec(api_version, kind, metadata, Spec::Other(spec))
    };
    match gitops.tool {
        GitopsTool::Argocd => {
            let source = json!({ "repoURL": gitops.repository, "targetRevision": revision, "path": "{{.path.path}}" });
            let directories =
                ["namespace", "secrets", "edge", "apps/*"].map(|part| json!({ "path": format!("{folder}/{part}") }));
            let spec = json!({
                "goTemplate": true, "goTemplateOptions": ["missingkey=error"],
                "generators": [{ "git": {
                    "repoURL": gitops.repository, "revision": revision, "directories": directories,
                } }],
                "template": {
                    "metadata": { "name": format!("{name}-{{{{.path.basename}}}}") },
                    "spec": {
                        "project": "default", "source": source,
                        "destination": { "server": "https://kubernetes.default.svc", "namespace": name },
                        "syncPolicy": {
                            "automated": { "prune": true, "selfHeal": true },
                            "syncOptions": ["ServerSideApply=true"],
                        },
                    },
                },
            });
            vec![object("argoproj.io/v1alpha1", "ApplicationSet", "argocd", spec)]
        }
        GitopsTool::Flux => {
            let repository = json!({ "interval": "1m", "url": gitops.repository, "ref": { "branch": revision } });
            let kustomization = json!({
                "interval": "10m", "path": format!("./{folder}"), "prune": true, "wait": true,
                "sourceRef": { "kind": "GitRepository", "name": name },
            });
            vec![
                object("source.toolkit.fluxcd.io/v1", "GitRepository", "flux-system", repository),
                object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system", kustomization),
            ]
        }
    }
}
