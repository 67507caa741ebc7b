//! Data volumes: one writer each, readers by name, and the one-shot that makes a folder belong to its user.

use std::collections::{BTreeMap, BTreeSet};

use super::roster::{Roster, VOLUME_OWNER, service_name};
use super::{Check, Health, Service, Volume, VolumeMount};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::{Condition, Zone};
use crate::values::{
    Capability, Checked, ContainerPath, Cpus, Duration, ImageRef, Memory, ServiceName, Text, UserId, VolumeName,
};

/// Sets owners before the first start, and waits for services in clusters; the tag is exact since nothing else in it matters.
pub const IMAGE: &str = "docker.io/library/busybox:1.37.0";

/// Mounts volumes into their owners and readers and adds the one-shot where owners must be set.
pub fn plan(
    members: &Roster,
    services: &mut BTreeMap<ServiceName, Service>,
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<VolumeName, Volume> {
    let mut volumes: BTreeMap<VolumeName, Volume> = BTreeMap::new();
    let mut declared: BTreeMap<VolumeName, FieldPath> = BTreeMap::new();
    for (name, member) in members {
        for (volume_name, volume) in &member.service.volumes {
            let path = member.path.key("volumes").key(volume_name.as_str());
            if let Some(first) = declared.insert(volume_name.clone(), path.clone()) {
                findings.push(
                    Diagnostic::error(Code::VolumeShared, path)
                        .message(format!("the volume `{volume_name}` belongs to another service"))
                        .expected("a volume with one owner")
                        .hint("rename it; a service that only reads it is named in the owner's `readers`")
                        .related(first, "its owner"),
                );
                continue;
            }
            let set_owner = member.service.user.clone().filter(|_| volume.set_owner);
            let planned = Volume { owner: name.clone(), path: volume.path.clone(), set_owner, size: volume.size };
            volumes.insert(volume_name.clone(), planned);
            mount(services, name, volume_name, &volume.path, false);
            for (reader, target) in &volume.readers {
                if members.contains_key(reader) {
                    mount(services, reader, volume_name, target, true);
                } else {
                    findings.push(super::addresses::missing(
                        reader,
                        members,
                        &path.key("readers").key(reader.as_str()),
                    ));
                }
            }
        }
    }
    owner_job(&volumes, services);
    volumes
}

fn mount(
    services: &mut BTreeMap<ServiceName, Service>,
    service: &ServiceName,
    volume: &VolumeName,
    path: &ContainerPath,
    read_only: bool,
) {
    if let Some(service) = services.get_mut(service) {
        service.volumes.push(VolumeMount { volume: volume.clone(), path: path.clone(), read_only });
    }
}

/// The container that hands each fresh volume to its user; owners and readers wait for it.
fn owner_job(volumes: &BTreeMap<VolumeName, Volume>, services: &mut BTreeMap<ServiceName, Service>) {
    let owned: Vec<(&VolumeName, &UserId)> =
        volumes.iter().filter_map(|(name, volume)| Some((name, volume.set_owner.as_ref()?))).collect();
    if owned.is_empty() {
        return;
    }
    let target = |name: &VolumeName| ContainerPath::wrap(format!("/volumes/{name}"));
    // One process per volume; names and ids come from checked types, and no shell reads user text.
    let script: Vec<String> = owned.iter().map(|(name, user)| format!("chown {user} {}", target(name))).collect();
    let job = service_name(VOLUME_OWNER);
    for service in services.values_mut() {
        if service.volumes.iter().any(|mount| owned.iter().any(|(name, _)| **name == mount.volume)) {
            service.depends_on.insert(job.clone(), Condition::Completed);
        }
    }
    let arguments = ["sh", "-c", &script.join(" && ")].map(|text| Text::wrap(text.to_owned()));
    let mounts =
        owned.iter().map(|(name, _)| VolumeMount { volume: (*name).clone(), path: target(name), read_only: false });
    let service = Service {
        origin: FieldPath::root(),
        image: Some(ImageRef::wrap(IMAGE.into())),
        build: None,
        bases: BTreeMap::new(),
        layout: None,
        entrypoint: None,
        command: Some(arguments.to_vec()),
        working_dir: None,
        ports: BTreeMap::new(),
        publish: Vec::new(),
        env: BTreeMap::new(),
        secret_files: BTreeSet::new(),
        volumes: mounts.collect(),
        mounts: Vec::new(),
        config: Vec::new(),
        tmpfs: Vec::new(),
        user: Some(UserId::wrap("0:0".into())),
        read_only: true,
        capabilities: vec![Capability::wrap("CHOWN".into())],
        init: false,
        health: Health {
            check: Check::None,
            interval: Duration(10_000),
            timeout: Duration(5_000),
            retries: 1,
            start_period: Duration(0),
        },
        depends_on: BTreeMap::new(),
        memory_limit: Memory(64 << 20),
        cpu_limit: Cpus(500),
        pids_limit: 16,
        memory_reservation: Memory(16 << 20),
        cpu_reservation: Cpus(10),
        replicas: 1,
        autoscale: None,
        zone: Zone::Data,
        networks: BTreeSet::new(),
        egress: false,
        reaches_host: false,
        stop_grace: Duration(5_000),
        stop_signal: None,
        shm_size: None,
        one_shot: true,
        schedule: None,
        compose: BTreeMap::new(),
        kubernetes: BTreeMap::new(),
        waive: BTreeMap::new(),
    };
    services.insert(job, service);
}
