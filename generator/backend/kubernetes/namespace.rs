//! Objects that outlive the applications of an environment: its namespace, and the volume claims that services share.
//! The kustomization of the environment does not list them, so that neither `kubectl delete -k` nor a prune deletes
//! them.

use serde_json::json;

use super::cluster::{Cluster, quantity};
use super::model::{Body, Claim, Metadata, Object, Spec};
use crate::stack::SharedVolumes;
use crate::values::{Memory, VolumeName};

/// The Kubernetes version whose Pod Security rules apply. It is pinned, so that an upgrade of the cluster does not
/// change the rules.
const POD_SECURITY_VERSION: &str = "v1.34";
/// The size of a volume for which the stack sets none: 10 GiB.
pub const DEFAULT_VOLUME_SIZE: Memory = Memory(10 << 30);
/// Annotations that make Argo CD and Flux keep an object in the cluster after its file was deleted.
const KEEP_ANNOTATIONS: [(&str, &str); 2] = [
    ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
];

/// Returns the namespace, whose Pod Security level is `restricted`, and the shared claims.
pub fn objects(cluster: &Cluster) -> Vec<Object> {
    let metadata = Metadata { name: cluster.namespace.to_owned(), labels: labels(cluster), ..Metadata::default() };
    let namespace = Object { api_version: "v1", kind: "Namespace", metadata, body: Body::Bare {} };
    let access_mode = |volume: &VolumeName| {
        let mounts = cluster.plan.services.values().flat_map(|service| &service.volumes);
        // The volume of a job is among the shared volumes even if nothing else mounts it. One mount needs no
        // ReadWriteMany.
        let has_one_mount = mounts.filter(|mount| mount.volume == *volume).count() == 1;
        match cluster.settings.shared_volumes {
            SharedVolumes::Many if !has_one_mount => "ReadWriteMany",
            _ => "ReadWriteOnce",
        }
    };
    let shared_volumes = cluster.plan.volumes.iter().filter(|(name, _)| cluster.is_shared(name));
    let claims = shared_volumes.filter_map(|(name, volume)| {
        let owner = cluster.plan.services.get(&volume.owner)?;
        let metadata = Metadata { name: name.to_string(), ..cluster.metadata(&volume.owner, owner.zone) };
        let spec = Spec::Claim(claim(cluster, volume.size, access_mode(name)));
        Some(Object::spec("v1", "PersistentVolumeClaim", metadata, spec))
    });
    let mut objects: Vec<Object> = std::iter::once(namespace).chain(claims).collect();
    for object in &mut objects {
        object.metadata.annotations.extend(KEEP_ANNOTATIONS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    objects
}

/// Returns the labels of the namespace.
pub fn labels(cluster: &Cluster) -> super::model::Labels {
    let mut labels = cluster.common_labels();
    for (mode, version) in [
        ("pod-security.kubernetes.io/audit", "pod-security.kubernetes.io/audit-version"),
        ("pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/enforce-version"),
        ("pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/warn-version"),
    ] {
        labels.insert(mode, "restricted".to_owned());
        labels.insert(version, POD_SECURITY_VERSION.to_owned());
    }
    labels
}

/// Returns a volume claim with the storage class of the cluster.
pub fn claim(cluster: &Cluster, size: Option<Memory>, access_mode: &'static str) -> Claim {
    Claim {
        access_modes: [access_mode],
        storage_class_name: cluster.settings.storage_class.as_ref().map(ToString::to_string),
        resources: json!({ "requests": { "storage": quantity(size.unwrap_or(DEFAULT_VOLUME_SIZE)) } }),
    }
}
