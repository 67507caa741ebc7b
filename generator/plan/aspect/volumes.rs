//! Plans data volumes. A volume belongs to one service and may have readers and additional writers. A job gives the folder of
//! each volume to the user of the service that owns the volume.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::missing_services::missing_service;
use crate::plan::model::{Volume, VolumeMount};
use crate::plan::roster::{Category, PlannedService, Roster, name_of_job_taken};
use crate::plan::service_names::{VOLUME_OWNER, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{self, Condition, Health, Limits, Reservations, Stack, Zone};
use crate::values::{
    Capability, Checked, ContainerPath, Cpus, DurationOrZero, ImageRef, Memory, ServiceName, Text, UserId, VolumeName,
};

/// The image of the job that sets owners, and of the containers on a cluster that wait for other services. The tag names an
/// exact release, because no fix in a later release matters for these commands.
pub const IMAGE: &str = "docker.io/library/busybox:1.37.0";

/// Volumes by name, and the job that sets their owners.
#[derive(Debug, Default)]
pub struct Volumes {
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// A roster with the job; empty if no volume requires it.
    pub job: Roster,
}

/// Plans volumes, and mounts each into its owner, its readers and its writers. They wait for the job that sets owners.
pub fn plan(stack: &Stack, roster: &Roster) -> Planned<Volumes> {
    let mut planned = Planned::<Volumes>::default();
    let mut declared_at: BTreeMap<VolumeName, FieldPath> = BTreeMap::new();
    for (name, member) in roster {
        for (volume_name, volume) in &member.service.volumes {
            let path = member.path.key("volumes").key(volume_name.as_str());
            if let Some(first) = declared_at.insert(volume_name.clone(), path.clone()) {
                planned.findings.push(
                    Diagnostic::error(Code::VolumeShared, path)
                        .message(format!("the volume `{volume_name}` belongs to a different service"))
                        .expected("a name that no other service uses for a volume")
                        .hint(
                            "rename the volume; to share the volume of the owner instead, add this service to `readers` or `writers` of that volume",
                        )
                        .counterpart(first, "the other service with this volume"),
                );
                continue;
            }
            let set_owner = if volume.set_owner { member.service.user.clone() } else { None };
            // The owner runs with this group anyway.
            let owner_mount = VolumeMount { owner_group: None, ..volume_mount(volume_name, &volume.path, member) };
            planned.wirings.extend(mount(name, owner_mount, set_owner.is_some(), &path));
            let access_lists = [("readers", &volume.readers, true), ("writers", &volume.writers, false)];
            for (field, services, read_only) in access_lists {
                for (service, target) in services {
                    let path = path.key(field).key(service.as_str());
                    if !roster.contains_key(service) {
                        planned.findings.push(missing_service(service, stack, roster, &path));
                        continue;
                    }
                    if service == name {
                        planned.findings.push(mounted_by_owner(service, &path));
                        continue;
                    }
                    let shared_mount = VolumeMount { read_only, ..volume_mount(volume_name, target, member) };
                    for process in with_processes(roster, service) {
                        planned.wirings.extend(mount(process, shared_mount.clone(), set_owner.is_some(), &path));
                    }
                }
            }
            let volume = Volume { owner: name.clone(), path: volume.path.clone(), set_owner, size: volume.size };
            planned.value.volumes.insert(volume_name.clone(), volume);
        }
    }
    if let Some((service, wirings)) = owner_job(&planned.value.volumes) {
        let name = service_name(VOLUME_OWNER);
        planned.findings.extend(name_of_job_taken(roster, &name, "sets the owners of volumes"));
        let job = PlannedService { service, path: FieldPath::root(), category: Category::Catalogue };
        planned.value.job.insert(name, job);
        planned.wirings.extend(wirings);
    }
    planned
}

/// Returns the finding for a volume whose owner is also one of its `readers` or `writers`.
fn mounted_by_owner(owner: &ServiceName, path: &FieldPath) -> Diagnostic {
    Diagnostic::error(Code::MountTaken, path.clone())
        .message(format!("the volume belongs to `{owner}`, which mounts it already"))
        .expected("the name of a different service")
        .hint("remove this entry; `path` of the volume is where its owner mounts it")
}

/// Returns a service and the services that run additional commands of its image (`processes`), which get the same mounts.
fn with_processes<'a>(roster: &'a Roster, service: &'a ServiceName) -> impl Iterator<Item = &'a ServiceName> {
    let processes = roster.iter().filter(move |(_, member)| member.process_of() == Some(service));
    std::iter::once(service).chain(processes.map(|(name, _)| name))
}

/// Returns a writable mount of a volume with the group of its owner.
fn volume_mount(volume: &VolumeName, path: &ContainerPath, owner: &PlannedService) -> VolumeMount {
    let owner_group = owner.service.user.as_ref().map(|user| user.ids().1);
    VolumeMount::writable(volume.clone(), path.clone(), owner_group)
}

/// Returns the wirings of a service that mounts a volume. With `waits_for_owner`, it waits for the job that sets owners.
fn mount(service: &ServiceName, mount: VolumeMount, waits_for_owner: bool, cause: &FieldPath) -> Vec<Wiring> {
    let wait = Addition::Dependency(service_name(VOLUME_OWNER), Condition::Completed);
    let additions = [Addition::Volume(mount)].into_iter().chain(waits_for_owner.then_some(wait));
    additions.map(|addition| Wiring::new(service, addition, cause)).collect()
}

/// Returns the job that makes users the owners of their volumes, with its wirings; `None` if the images set all owners.
fn owner_job(volumes: &BTreeMap<VolumeName, Volume>) -> Option<(stack::Service, Vec<Wiring>)> {
    let owners: Vec<(&VolumeName, &UserId)> =
        volumes.iter().filter_map(|(name, volume)| Some((name, volume.set_owner.as_ref()?))).collect();
    if owners.is_empty() {
        return None;
    }
    let job = service_name(VOLUME_OWNER);
    let target = |name: &VolumeName| ContainerPath::wrap(format!("/volumes/{name}"));
    // One `chown` for each volume. Names and ids come from checked types, so the script contains no free text of the
    // user.
    let script: Vec<String> = owners.iter().map(|(name, user)| format!("chown {user} {}", target(name))).collect();
    let command = ["sh", "-c", &script.join(" && ")].map(|text| Text::wrap(text.to_owned()));
    let mut wirings = vec![Wiring::new(&job, Addition::Job, &FieldPath::root())];
    for (name, _) in owners {
        let mount = VolumeMount::writable(name.clone(), target(name), None);
        let cause = path!("services", volumes[name].owner, "volumes", name);
        wirings.push(Wiring::new(&job, Addition::Volume(mount), &cause));
    }
    let service = stack::Service {
        image: Some(ImageRef::wrap(IMAGE.into())),
        command: Some(command.to_vec()),
        user: Some(UserId::wrap("0:0".into())),
        capabilities: vec![Capability::wrap("CHOWN".into())],
        health: Some(Health { retries: Some(1), start_period: Some(DurationOrZero(0)), ..Health::default() }),
        limits: Limits { memory: Some(Memory(64 << 20)), cpus: Some(Cpus(500)), pids: Some(16), ..Limits::default() },
        reservations: Reservations { memory: Some(Memory(16 << 20)), cpus: Some(Cpus(10)) },
        zone: Some(Zone::Data),
        stop_grace: Some(DurationOrZero(5_000)),
        ..stack::Service::default()
    };
    Some((service, wirings))
}
