//! Mounts of a container: each path once. Container engines silently keep one of two mounts at the same path, so data is
//! written to the wrong place; a cluster refuses the pod. A mount below another is allowed, since the upper one is
//! mounted first. A folder of generated files is read-only, so no mount can be created in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::model::Service;
use crate::plan::roster::{PlannedService, Roster};
use crate::values::ServiceName;

/// Secrets are files of this folder.
const SECRETS: &str = "/run/secrets";

/// A mount: its path in the container, and the field that declares it.
struct Mounted {
    target: String,
    path: FieldPath,
    /// Describes a mount that nself adds, which no field of the stack declares.
    added: Option<&'static str>,
}

/// Returns NS207 for every mount at or in a path that is taken.
pub fn check(roster: &Roster, services: &BTreeMap<ServiceName, Arc<Service>>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut read: BTreeMap<&ServiceName, Vec<Mounted>> = BTreeMap::new();
    for member in roster.values() {
        for (name, volume) in &member.service.volumes {
            for (reader, target) in &volume.readers {
                let path = member.path.key("volumes").key(name.as_str()).key("readers").key(reader.as_str());
                read.entry(reader).or_default().push(mounted(target, path));
            }
        }
    }
    for (name, member) in roster {
        let Some(service) = services.get(name) else { continue };
        let mut all = generated(member, service);
        let generated = all.len();
        all.extend(declared(member));
        all.extend(read.remove(name).unwrap_or_default());
        let mut taken: BTreeMap<&str, &Mounted> = BTreeMap::new();
        for (i, mounted) in all.iter().enumerate() {
            if mounted.target.is_empty() {
                findings.push(
                    Diagnostic::error(Code::MountTaken, mounted.path.clone())
                        .message("a mount at `/` would hide the whole image")
                        .expected("a folder or file below it, such as `/data`"),
                );
                continue;
            }
            let above = || {
                all[..generated].iter().filter(|mount| mount.added == Some(FILES)).find(|mount| {
                    mounted.target.strip_prefix(&mount.target).is_some_and(|below| below.starts_with('/'))
                })
            };
            if let Some(first) = taken.get(mounted.target.as_str()) {
                findings.push(taken_by(mounted, first, "is mounted twice"));
            } else if let Some(first) = (i >= generated).then(above).flatten() {
                findings.push(taken_by(mounted, first, "is in a read-only folder of generated files"));
            } else {
                taken.insert(&mounted.target, mounted);
            }
        }
    }
    findings
}

const FILES: &str = "generated files are mounted there";

fn taken_by(mounted: &Mounted, first: &Mounted, what: &str) -> Diagnostic {
    let related = first.added.unwrap_or("the other one");
    Diagnostic::error(Code::MountTaken, mounted.path.clone())
        .message(format!("`{}` {what}", mounted.target))
        .expected("one volume, file, folder or memory file system at each path of a container")
        .hint("remove one of the two, or give it another path")
        .related(first.path.clone(), related)
}

/// Returns the mounts that nself adds to the service.
fn generated(member: &PlannedService, service: &Service) -> Vec<Mounted> {
    let added = |target: String, path: FieldPath, what| Mounted { target, path, added: Some(what) };
    let files = service.config.iter().map(|config| added(config.target.to_string(), member.path.clone(), FILES));
    let mut all: Vec<Mounted> = files.collect();
    if !service.secret_files.is_empty() {
        let folder = std::iter::once(SECRETS.to_owned());
        let files = service.secret_files.iter().map(|secret| format!("{SECRETS}/{secret}"));
        all.extend(
            folder.chain(files).map(|target| added(target, member.path.clone(), "its secrets are mounted there")),
        );
    }
    if service.shm_size.is_some() {
        all.push(added("/dev/shm".into(), member.path.key("shm_size"), "it is mounted with this size"));
    }
    all
}

/// Returns the mounts that the stack declares for the service.
fn declared(member: &PlannedService) -> impl Iterator<Item = Mounted> {
    let (service, path) = (&member.service, &member.path);
    let volumes = service
        .volumes
        .iter()
        .map(|(name, volume)| mounted(&volume.path, path.key("volumes").key(name.as_str()).key("path")));
    let mounts = service.mounts.iter().enumerate();
    let mounts = mounts.map(|(i, mount)| mounted(&mount.target, path.key("mounts").index(i).key("target")));
    let tmpfs = service.tmpfs.iter().enumerate();
    let tmpfs = tmpfs.map(|(i, tmpfs)| mounted(&tmpfs.path, path.key("tmpfs").index(i).key("path")));
    volumes.chain(mounts).chain(tmpfs)
}

/// Returns a mount of the stack, without the final slash of its path.
fn mounted(target: &crate::values::ContainerPath, path: FieldPath) -> Mounted {
    Mounted { target: target.as_str().trim_end_matches('/').to_owned(), path, added: None }
}
