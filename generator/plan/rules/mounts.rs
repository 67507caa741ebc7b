//! Checks that a container has one mount at each path. Container engines silently keep one of two mounts at the same
//! path, so data is written to the wrong place; a cluster refuses the pod. A mount inside another mount is allowed,
//! because engines create the outer one first, but not inside a folder of generated files, which is read-only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::model::Service;
use crate::plan::roster::{PlannedService, Roster};
use crate::values::folders::is_below_folder;
use crate::values::{ContainerPath, ServiceName};

/// The folder of the files with secrets.
pub(super) const SECRETS: &str = "/run/secrets";

/// A mount's path in the container, with the field that declares it.
struct MountPath {
    target: String,
    path: FieldPath,
    /// The reason why nself adds the mount; `None` if a field declares the mount.
    reason_if_added: Option<&'static str>,
}

/// Returns NS207 for every mount at `/`, at the path of another mount, or inside a folder of generated files.
pub fn check(roster: &Roster, services: &BTreeMap<ServiceName, Arc<Service>>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    // For each service, the volumes of other services that it reads or writes.
    let mut shared_mounts: BTreeMap<&ServiceName, Vec<MountPath>> = BTreeMap::new();
    for member in roster.values() {
        for (name, volume) in &member.service.volumes {
            for (field, services) in [("readers", &volume.readers), ("writers", &volume.writers)] {
                for (service, target) in services {
                    let path = member.path.key("volumes").key(name.as_str()).key(field).key(service.as_str());
                    shared_mounts.entry(service).or_default().push(mount_path(target, path));
                }
            }
        }
    }
    for (name, member) in roster {
        let Some(service) = services.get(name) else { continue };
        let mounts_by_nself = added_mounts(member, service);
        let mounts_by_others = shared_mounts.remove(name).unwrap_or_default();
        let mounts_by_stack: Vec<MountPath> = declared_mounts(member).chain(mounts_by_others).collect();
        let mut mounts_by_path: BTreeMap<&str, &MountPath> = BTreeMap::new();
        // Mounts by nself come first, so that a conflict is reported at the field that the user wrote.
        for (mount, is_declared) in
            mounts_by_nself.iter().map(|mount| (mount, false)).chain(mounts_by_stack.iter().map(|mount| (mount, true)))
        {
            if mount.target.is_empty() {
                findings.push(
                    Diagnostic::error(Code::MountTaken, mount.path.clone())
                        .message("a mount at `/` would hide the whole image")
                        .expected("a path below `/`, such as `/data`"),
                );
                continue;
            }
            // The read-only folder of generated files that contains the mount, if any.
            let outer_folder = || {
                let folders = mounts_by_nself.iter().filter(|folder| folder.reason_if_added == Some(GENERATED_FILES));
                folders.clone().find(|folder| is_below_folder(&mount.target, &folder.target))
            };
            if let Some(first) = mounts_by_path.get(mount.target.as_str()) {
                findings.push(taken_path(mount, first));
            } else if let Some(folder) = is_declared.then(outer_folder).flatten() {
                findings.push(inside_generated_files(mount, folder));
            } else {
                mounts_by_path.insert(&mount.target, mount);
            }
        }
    }
    findings
}

/// The reason for mounts of generated files.
const GENERATED_FILES: &str = "generated files are mounted there";

/// Returns the finding for a mount inside a folder of generated files.
fn inside_generated_files(mount: &MountPath, folder: &MountPath) -> Diagnostic {
    Diagnostic::error(Code::MountTaken, mount.path.clone())
        .message(format!("`{}` is in a read-only folder of generated files", mount.target))
        .hint(format!("mount it at a path outside of `{}`", folder.target))
        .related(folder.path.clone(), GENERATED_FILES)
}

/// Returns the finding for a mount at the path of an earlier mount.
fn taken_path(mount: &MountPath, first: &MountPath) -> Diagnostic {
    let finding = Diagnostic::error(Code::MountTaken, mount.path.clone())
        .message(format!("`{}` is mounted twice", mount.target))
        .expected("one volume, file, folder or memory file system at each path of a container")
        .hint("remove one of the two, or change its path");
    match first.reason_if_added {
        Some(reason) => finding.related(first.path.clone(), reason),
        None => finding.counterpart(first.path.clone(), "the other mount"),
    }
}

/// Returns the mounts that nself adds to the service.
fn added_mounts(member: &PlannedService, service: &Service) -> Vec<MountPath> {
    let added_mount =
        |target: String, path: FieldPath, reason| MountPath { target, path, reason_if_added: Some(reason) };
    let is_declared = |target: &ContainerPath| member.service.files.contains_key(target);
    let files = service.config.iter().filter(|config| !is_declared(&config.target));
    let files = files.map(|config| added_mount(config.target.to_string(), member.path.clone(), GENERATED_FILES));
    let mut mounts: Vec<MountPath> = files.collect();
    if !service.secret_files.is_empty() {
        let folder = std::iter::once(SECRETS.to_owned());
        let files = service.secret_files.iter().map(|secret| format!("{SECRETS}/{secret}"));
        mounts.extend(
            folder
                .chain(files)
                .map(|target| added_mount(target, member.path.clone(), "the secrets of the service are mounted there")),
        );
    }
    if service.shm_size.is_some() {
        mounts.push(added_mount("/dev/shm".into(), member.path.key("shm_size"), "`shm_size` mounts `/dev/shm` here"));
    }
    mounts
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
    let host_mounts = service.host_mounts.iter().enumerate();
    let host_mounts =
        host_mounts.map(|(i, mount)| mount_path(&mount.target, path.key("host_mounts").index(i).key("target")));
    let tmpfs = service.tmpfs.iter().enumerate();
    let tmpfs = tmpfs.map(|(i, tmpfs)| mount_path(&tmpfs.path, path.key("tmpfs").index(i).key("path")));
    let files = service.files.keys().map(|target| mount_path(target, path.key("files").key(target.as_str())));
    volumes.chain(mounts).chain(host_mounts).chain(tmpfs).chain(files)
}

/// Returns a declared mount with its target without a final slash: `/data/` → `/data`, and `/` → an empty text.
fn mount_path(target: &ContainerPath, path: FieldPath) -> MountPath {
    MountPath { target: target.as_str().trim_end_matches('/').to_owned(), path, reason_if_added: None }
}
