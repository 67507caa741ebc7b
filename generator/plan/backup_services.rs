//! Completes the backup services that the library declares. Image and user come from the database server; schedule, folders
//! and access to the internet come from the stack's `backups`.

use std::collections::{BTreeMap, BTreeSet};

use super::object_store::ObjectStore;
use super::roster::Roster;
use super::service_names::{
    BACKUP, BACKUP_LIST, BACKUP_RESTORE, BACKUP_TOOLS, BACKUP_VERIFY, DATABASE, FILES_BACKUP, FILES_RESTORE,
    FILES_VERIFY, REPLICA, WAL_RECEIVER, service_name,
};
use crate::stack::{self, BackupTarget, HostMount, Stack, Volume};
use crate::values::{BucketName, Checked, ContainerPath, Reason, ServiceName, VolumeName};

/// The services that run the server's image and access the target. The first one owns the target's volume.
pub const TARGET_CLIENTS: [&str; 8] =
    [WAL_RECEIVER, BACKUP, BACKUP_LIST, BACKUP_VERIFY, BACKUP_RESTORE, FILES_BACKUP, FILES_VERIFY, FILES_RESTORE];
/// The clients that store, check and restore snapshots of volumes and buckets.
pub const FILE_JOBS: [&str; 3] = [FILES_BACKUP, FILES_VERIFY, FILES_RESTORE];
/// The folder of a target in the containers.
pub const FOLDER: &str = "/backups";
/// The volume that holds the backups if the target is a folder without a path on the host.
const VOLUME: &str = "backups";

/// Returns whether the library's backup services run in the environment.
pub fn backups_are_on(roster: &Roster) -> bool {
    let name = service_name(WAL_RECEIVER);
    roster.get(&name).is_some_and(|member| member.service.catalogue == Some(name.clone()))
}

/// Returns the services that connect to the server to copy it or its log.
pub fn replication_clients(roster: &Roster) -> Vec<ServiceName> {
    let replica = [REPLICA].map(service_name).into_iter().filter(|name| roster.contains_key(name));
    let backups = [WAL_RECEIVER, BACKUP].map(service_name).into_iter().filter(|_| backups_are_on(roster));
    replica.chain(backups).collect()
}

/// Returns the volumes of which snapshots are stored, each with the service that owns it. Volumes of services that the
/// environment excludes are left out.
pub fn volumes<'a>(stack: &'a Stack, roster: &'a Roster) -> BTreeMap<&'a VolumeName, &'a ServiceName> {
    let owner_of = |volume: &VolumeName| {
        roster.iter().find(|(_, member)| member.service.volumes.contains_key(volume)).map(|(name, _)| name)
    };
    stack.backups.volumes.iter().filter_map(|volume| Some((volume, owner_of(volume)?))).collect()
}

/// Returns the buckets of which snapshots are stored; none if the environment excludes the object store.
pub fn buckets<'a>(stack: &'a Stack, roster: &Roster) -> BTreeSet<&'a BucketName> {
    let store = ObjectStore::in_environment(stack, roster);
    stack.backups.buckets.iter().filter(|_| store.is_some()).collect()
}

/// Returns the services that write to a volume: its owner and the volume's `writers`.
pub fn writers(roster: &Roster, volume: &VolumeName, owner: &ServiceName) -> BTreeSet<ServiceName> {
    let declared = roster[owner].service.volumes[volume].writers.keys();
    declared.filter(|name| roster.contains_key(*name)).chain([owner]).cloned().collect()
}

/// Completes the backup services in the roster. They run the server's image as the server's user, because that image
/// contains the programs that copy the server.
pub fn complete(stack: &Stack, roster: &mut Roster) {
    let Some(server) = roster.get(&service_name(DATABASE)).map(|member| member.service.clone()) else { return };
    if !backups_are_on(roster) {
        return;
    }
    complete_file_jobs(stack, roster, &server);
    let target = &stack.backups.target;
    for name in TARGET_CLIENTS {
        let Some(service) = roster.get_mut(&service_name(name)).map(|member| &mut member.service) else { continue };
        if service.image.is_none() && service.build.is_none() {
            (service.image, service.build, service.layout) =
                (server.image.clone(), server.build.clone(), server.layout.clone());
        }
        service.user = service.user.take().or_else(|| server.user.clone());
        if target.s3.is_some() {
            service.egress = Some(true);
        }
        service.host_mounts.extend(host_folder(target));
    }
    if let Some(tools) = roster.get_mut(&service_name(BACKUP_TOOLS)).map(|member| &mut member.service) {
        tools.user = tools.user.take().or(server.user);
    }
    let backup = roster.get_mut(&service_name(BACKUP)).map(|member| &mut member.service);
    if let (Some(backup), Some(schedule)) = (backup, &stack.backups.schedule) {
        backup.schedule = Some(schedule.clone());
    }
    let volume = target_volume(target, roster);
    let log_receiver = roster.get_mut(&service_name(WAL_RECEIVER)).map(|member| &mut member.service);
    if let (Some(log_receiver), Some(volume)) = (log_receiver, volume) {
        log_receiver.volumes.insert(VolumeName::wrap(VOLUME.to_owned()), volume);
    }
}

/// Completes the jobs for snapshots of volumes and buckets, and removes these jobs from an environment that has
/// neither. On clusters, where no container runs as root, the jobs run as the owner of the first volume.
fn complete_file_jobs(stack: &Stack, roster: &mut Roster, server: &stack::Service) {
    let volumes: Vec<(VolumeName, ServiceName)> =
        volumes(stack, roster).into_iter().map(|(volume, owner)| (volume.clone(), owner.clone())).collect();
    let store = ObjectStore::in_environment(stack, roster).filter(|_| !stack.backups.buckets.is_empty());
    if volumes.is_empty() && store.is_none() {
        roster.retain(|name, _| !FILE_JOBS.contains(&name.as_str()));
        return;
    }
    let owner_user = volumes.first().and_then(|(_, owner)| roster[owner].service.user.clone());
    let writers: BTreeSet<ServiceName> =
        volumes.iter().flat_map(|(volume, owner)| writers(roster, volume, owner)).collect();
    // A service without a port accepts no connections, so the jobs cannot notice that it is running.
    let has_port = |name: &&ServiceName| !roster[*name].service.all_ports().is_empty();
    let reachable_writers: Vec<ServiceName> = writers.iter().filter(has_port).cloned().collect();
    for name in FILE_JOBS.map(service_name) {
        let Some(job) = roster.get_mut(&name).map(|member| &mut member.service) else { continue };
        // The check of snapshots mounts no volume of the services, so it keeps the user of the server.
        let user = owner_user.clone().filter(|_| name.as_str() != FILES_VERIFY);
        job.on_clusters.user = job.on_clusters.user.take().or(user).or_else(|| server.user.clone());
        if name.as_str() == FILES_BACKUP && stack.backups.files_schedule.is_some() {
            job.schedule.clone_from(&stack.backups.files_schedule);
        }
        if name.as_str() == FILES_RESTORE {
            // The job tries to connect to each writer, and refuses to work while one is running.
            job.connects_to.extend(reachable_writers.iter().cloned());
        }
        if name.as_str() != FILES_VERIFY {
            job.connects_to.extend(store.map(|store| service_name(store.service)));
        }
    }
    let jobs: Vec<ServiceName> =
        FILE_JOBS.map(service_name).into_iter().filter(|name| roster.contains_key(name)).collect();
    // The jobs read programs from the volume into which the service `BACKUP_TOOLS` copies them.
    let tool_volumes = roster.get_mut(&service_name(BACKUP_TOOLS)).map(|member| &mut member.service.volumes);
    for volume in tool_volumes.into_iter().flat_map(|volumes| volumes.values_mut()) {
        let path = volume.path.clone();
        volume.readers.extend(jobs.iter().map(|name| (name.clone(), path.clone())));
    }
}

/// Returns the mount of a target that is a folder of the host.
fn host_folder(target: &BackupTarget) -> Option<HostMount> {
    Some(HostMount {
        source: target.folder.as_ref()?.host.clone()?,
        target: ContainerPath::wrap(FOLDER.to_owned()),
        writable: true,
        reason: Reason::wrap("the target of backups".to_owned()),
    })
}

/// Returns the volume that holds the backups if the target is a folder without a path on the host. The first of
/// `TARGET_CLIENTS` owns the volume; the other clients are its writers.
fn target_volume(target: &BackupTarget, roster: &Roster) -> Option<Volume> {
    let folder = target.folder.as_ref().filter(|folder| folder.host.is_none())?;
    let path = ContainerPath::wrap(FOLDER.to_owned());
    let clients = TARGET_CLIENTS.iter().skip(1).map(|name| service_name(name)).filter(|name| roster.contains_key(name));
    let writers: BTreeMap<ServiceName, ContainerPath> = clients.map(|name| (name, path.clone())).collect();
    Some(Volume { path, set_owner: true, size: folder.size, readers: BTreeMap::new(), writers })
}
