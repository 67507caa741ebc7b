//! What is mounted where in a container: each path once. An engine says nothing of two mounts at one path and keeps one of
//! them, so that data ends in another place than it was sent to; a cluster refuses the pod. One below another is
//! fine, the upper one is mounted first; but what is generated is read-only and has no place for a further one.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Service;
use crate::plan::roster::{PlannedService, Roster};
use crate::values::ServiceName;

/// Secrets are files of this folder.
const SECRETS: &str = "/run/secrets";

/// Something that is mounted: where, and the field that says so.
struct Mounted {
    target: String,
    path: FieldPath,
    /// What it is, where no field of the stack says so.
    ours: Option<&'static str>,
}

/// Refuses what is mounted over something else: NS207.
pub fn check(members: &Roster, services: &BTreeMap<ServiceName, Service>, findings: &mut Vec<Diagnostic>) {
    let mut read: BTreeMap<&ServiceName, Vec<Mounted>> = BTreeMap::new();
    for member in members.values() {
        for (name, volume) in &member.service.volumes {
            for (reader, target) in &volume.readers {
                let path = member.path.key("volumes").key(name.as_str()).key("readers").key(reader.as_str());
                read.entry(reader).or_default().push(mounted(target, path));
            }
        }
    }
    for (name, member) in members {
        let Some(service) = services.get(name) else { continue };
        let mut all = generated(member, service);
        let generated = all.len();
        all.extend(written(member));
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
                all[..generated]
                    .iter()
                    .filter(|ours| ours.ours == Some(FILES))
                    .find(|ours| mounted.target.strip_prefix(&ours.target).is_some_and(|below| below.starts_with('/')))
            };
            if let Some(first) = taken.get(mounted.target.as_str()) {
                findings.push(taken_by(mounted, first, "is mounted twice"));
            } else if let Some(first) = (i >= generated).then(above).flatten() {
                findings.push(taken_by(mounted, first, "lies in a read-only folder of generated files"));
            } else {
                taken.insert(&mounted.target, mounted);
            }
        }
    }
}

const FILES: &str = "generated files are mounted there";

fn taken_by(mounted: &Mounted, first: &Mounted, what: &str) -> Diagnostic {
    let related = first.ours.unwrap_or("the other one");
    Diagnostic::error(Code::MountTaken, mounted.path.clone())
        .message(format!("`{}` {what}", mounted.target))
        .expected("one volume, file, folder or memory file system at each path of a container")
        .hint("remove one of the two, or give it another path")
        .related(first.path.clone(), related)
}

/// What comes with the service.
fn generated(member: &PlannedService, service: &Service) -> Vec<Mounted> {
    let ours = |target: String, path: FieldPath, what| Mounted { target, path, ours: Some(what) };
    let files = service.config.iter().map(|config| ours(config.target.to_string(), member.path.clone(), FILES));
    let mut all: Vec<Mounted> = files.collect();
    if !service.secret_files.is_empty() {
        let folder = std::iter::once(SECRETS.to_owned());
        let files = service.secret_files.iter().map(|secret| format!("{SECRETS}/{secret}"));
        all.extend(
            folder.chain(files).map(|target| ours(target, member.path.clone(), "its secrets are mounted there")),
        );
    }
    if service.shm_size.is_some() {
        all.push(ours("/dev/shm".into(), member.path.key("shm_size"), "it is mounted with this size"));
    }
    all
}

/// What the stack says of the service.
fn written(member: &PlannedService) -> impl Iterator<Item = Mounted> {
    let (said, path) = (&member.service, &member.path);
    let volumes = said
        .volumes
        .iter()
        .map(|(name, volume)| mounted(&volume.path, path.key("volumes").key(name.as_str()).key("path")));
    let mounts = said.mounts.iter().enumerate();
    let mounts = mounts.map(|(i, mount)| mounted(&mount.target, path.key("mounts").index(i).key("target")));
    let tmpfs = said.tmpfs.iter().enumerate();
    let tmpfs = tmpfs.map(|(i, tmpfs)| mounted(&tmpfs.path, path.key("tmpfs").index(i).key("path")));
    volumes.chain(mounts).chain(tmpfs)
}

/// `/data/` is `/data`.
fn mounted(target: &crate::values::ContainerPath, path: FieldPath) -> Mounted {
    Mounted { target: target.as_str().trim_end_matches('/').to_owned(), path, ours: None }
}
