//! Objects for Argo CD or Flux, if one of them applies the manifests from a repository.

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::model::{Metadata, Object, Spec};
use crate::stack::{Gitops, GitopsTool};

/// Returns the objects that tell a GitOps tool where the manifests are. They belong to the namespace of the tool, so the
/// kustomization does not list them.
pub fn objects(cluster: &Cluster) -> Vec<Object> {
    let Some(gitops) = &cluster.settings.gitops else { return Vec::new() };
    let folder = gitops.path.as_ref().map_or("deploy", |path| path.as_str());
    let folder = format!("{}/{}/kubernetes", folder.trim_start_matches("./"), cluster.plan.environment);
    match gitops.tool {
        GitopsTool::Argocd => vec![argo_application(cluster, gitops, &folder)],
        GitopsTool::Flux => flux_objects(cluster, gitops, &folder),
    }
}

/// Returns an object of the GitOps tool, in the tool's namespace.
fn gitops_object(
    cluster: &Cluster,
    (api_version, kind): (&'static str, &'static str),
    [namespace, name]: [&str; 2],
    spec: Value,
) -> Object {
    let metadata = Metadata { namespace: Some(namespace.to_owned()), ..cluster.common_metadata(name) };
    Object::spec(api_version, kind, metadata, Spec::Other(spec))
}

/// Returns the Application of Argo CD. There is only one, since waves order only objects of the same Application.
fn argo_application(cluster: &Cluster, gitops: &Gitops, folder: &str) -> Object {
    let branch = gitops.revision.as_ref().map_or("main", |revision| revision.as_str());
    let tag = gitops.tag.as_ref().map(|tag| tag.as_str());
    let target_revision = gitops.commit.as_ref().map(|commit| commit.as_str()).or(tag).unwrap_or(branch);
    let source = |path: &str| json!({ "repoURL": gitops.repository, "targetRevision": target_revision, "path": path });
    let spec = json!({
        "project": "default",
        "sources": [source(&format!("{folder}/namespace")), source(folder)],
        "destination": { "server": "https://kubernetes.default.svc", "namespace": cluster.namespace },
        "syncPolicy": {
            "automated": { "prune": true, "selfHeal": true },
            "syncOptions": ["ServerSideApply=true"],
        },
    });
    gitops_object(cluster, ("argoproj.io/v1alpha1", "Application"), ["argocd", cluster.namespace], spec)
}

/// Returns the objects of Flux. The namespace and shared claims outlive the applications, so they have a separate
/// Kustomization that never deletes objects.
fn flux_objects(cluster: &Cluster, gitops: &Gitops, folder: &str) -> Vec<Object> {
    let name = cluster.namespace;
    let reference = match (&gitops.commit, &gitops.tag) {
        (Some(commit), _) => json!({ "commit": commit }),
        (None, Some(tag)) => json!({ "tag": tag }),
        (None, None) => json!({ "branch": gitops.revision.as_ref().map_or("main", |revision| revision.as_str()) }),
    };
    let repository = json!({ "interval": "1m", "url": gitops.repository, "ref": reference });
    // `prunes_and_waits`: whether Flux deletes objects whose files were deleted, and waits until the objects are ready.
    let kustomization = |path: &str, prunes_and_waits: bool| {
        json!({
            "interval": "10m", "path": path, "prune": prunes_and_waits, "wait": prunes_and_waits,
            "sourceRef": { "kind": "GitRepository", "name": name },
        })
    };
    let namespace_name = format!("{name}-namespace");
    let mut applications = kustomization(&format!("./{folder}"), true);
    applications["dependsOn"] = json!([{ "name": namespace_name }]);
    let kustomization_kind = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization");
    vec![
        gitops_object(cluster, ("source.toolkit.fluxcd.io/v1", "GitRepository"), ["flux-system", name], repository),
        gitops_object(
            cluster,
            kustomization_kind,
            ["flux-system", &namespace_name],
            kustomization(&format!("./{folder}/namespace"), false),
        ),
        gitops_object(cluster, kustomization_kind, ["flux-system", name], applications),
    ]
}
