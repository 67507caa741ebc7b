//! Checks that a container has one mount at each path. Container engines silently keep one of two mounts at the same
//! path, so data is written to the wrong place; a cluster refuses the pod. A mount inside a second mount is allowed,
//! since the outer mount comes first, except inside a folder of generated files: it is read-only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::model::Service;
use crate::plan::roster::{PlannedService, Roster};
use crate::values::{ContainerPath, ServiceName};

/// The folder of the files with secrets.
const SECRETS: &str = "/run/secrets";

/// A mount's path in the container, with the field that declares it.
struct MountPath {
    target: String,
    path: FieldPath,
    /// The reason why nself adds the mount; `None` if a field declares the mount.
    added: Option<&'static str>,
}

/// Returns NS207 for every mount at `/`, at the path of another mount, or inside a folder of generated files.
pub fn check(roster: &Roster, services: &BTreeMap<ServiceName, Arc<Service>>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut shared: BTreeMap<&ServiceName, Vec<MountPath>> = BTreeMap::new();
    for member in roster.values() {
        for (name, volume) in &member.service.volumes {
            for (field, services) in [("readers", &volume.readers), ("writers", &volume.writers)] {
                for (service, target) in services {
                    let path = member.path.key("volumes").key(name.as_str()).key(field).key(service.as_str());
                    shared.entry(service).or_default().push(mount_path(target, path));
                }
            }
        }
    }
    for (name, member) in roster {
        let Some(service) = services.get(name) else { continue };
        let mut all = added_mounts(member, service);
        let added_count = all.len();
        all.extend(declared_mounts(member));
        all.extend(shared.remove(name).unwrap_or_default());
        let mut mounts_by_path: BTreeMap<&str, &MountPath> = BTreeMap::new();
        for (i, mounted) in all.iter().enumerate() {
            if mounted.target.is_empty() {
                findings.push(
                    Diagnostic::error(Code::MountTaken, mounted.path.clone())
                        .message("a mount at `/` would hide the whole image")
                        .expected("a folder or file below it, such as `/data`"),
                );
                continue;
            }
            let outer_folder = || {
                all[..added_count].iter().filter(|mount| mount.added == Some(FILES)).find(|mount| {
                    mounted.target.strip_prefix(&mount.target).is_some_and(|below| below.starts_with('/'))
                })
            };
            if let Some(first) = mounts_by_path.get(mounted.target.as_str()) {
                findings.push(taken_path(mounted, first, "is mounted twice"));
            } else if let Some(first) = (i >= added_count).then(outer_folder).flatten() {
                findings.push(taken_path(mounted, first, "is in a read-only folder of generated files"));
            } else {
                mounts_by_path.insert(&mounted.target, mounted);
            }
        }
    }
    findings
}

/// The reason for mounts of generated files.
const FILES: &str = "generated files are mounted there";

fn taken_path(mounted: &MountPath, first: &MountPath, what: &str) -> Diagnostic {
    let related = first.added.unwrap_or("the other mount");
    Diagnostic::error(Code::MountTaken, mounted.path.clone())
        .message(format!("`{}` {what}", mounted.target))
        .expected("one volume, file, folder or memory file system at each path of a container")
        .hint("remove one of the two, or change its path")
        .related(first.path.clone(), related)
}

/// Returns the mounts that nself adds to the service.
fn added_mounts(member: &PlannedService, service: &Service) -> Vec<MountPath> {
    let added = |target: String, path: FieldPath, what| MountPath { target, path, added: Some(what) };
    let is_declared = |target: &ContainerPath| member.service.files.contains_key(target);
    let files = service.config.iter().filter(|config| !is_declared(&config.target));
    let files = files.map(|config| added(config.target.to_string(), member.path.clone(), FILES));
    let mut all: Vec<MountPath> = files.collect();
    if !service.secret_files.is_empty() {
        let folder = std::iter::once(SECRETS.to_owned());
        let files = service.secret_files.iter().map(|secret| format!("{SECRETS}/{secret}"));
        all.extend(
            folder.chain(files).map(|target| added(target, member.path.clone(), "its secrets are mounted there")),
        );
    }
    if service.shm_size.is_some() {
        all.push(added("/dev/shm".into(), member.path.key("shm_size"), "`shm_size` mounts `/dev/shm` here"));
    }
    all
}

/// Returns the mounts that the stack declares for the service.
fn declared_mounts(member: &PlannedService) -> impl Iterator<Item = MountPath> {
    let (service, path) = (&member.service, &member.path);
    let volumes = service
        .volumes
        .iter()
        .map(|(name, volume)| mount_path(&volume.path, path.key("volumes").key(name.as_str()).key("path")));
    let mounts = service.mounts.iter().enumerate();
    let mounts = mounts.map(|(i, mount)| mount_path(&mount.target, path.key("mounts").index(i).key("target")));
    let hosts = service.host_mounts.iter().enumerate();
    let hosts = hosts.map(|(i, mount)| mount_path(&mount.target, path.key("host_mounts").index(i).key("target")));
    let tmpfs = service.tmpfs.iter().enumerate();
    let tmpfs = tmpfs.map(|(i, tmpfs)| mount_path(&tmpfs.path, path.key("tmpfs").index(i).key("path")));
    let files = service.files.keys().map(|target| mount_path(target, path.key("files").key(target.as_str())));
    volumes.chain(mounts).chain(hosts).chain(tmpfs).chain(files)
}

/// Returns the path of a declared mount, without a final slash.
fn mount_path(target: &ContainerPath, path: FieldPath) -> MountPath {
    MountPath { target: target.as_str().trim_end_matches('/').to_owned(), path, added: None }
}
