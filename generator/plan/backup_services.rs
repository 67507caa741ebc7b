//! Completes the backup services that the library declares. Image and user come from the database server; schedule, folders
//! and access to the internet come from the stack's `backups`.

use std::collections::BTreeMap;

use super::roster::Roster;
use super::service_names::{
    BACKUP, BACKUP_LIST, BACKUP_RESTORE, BACKUP_TOOLS, BACKUP_VERIFY, DATABASE, REPLICA, WAL_RECEIVER, service_name,
};
use crate::stack::{BackupTarget, HostMount, Stack, Volume};
use crate::values::{Checked, ContainerPath, ServiceName, Text, VolumeName};

/// The services that run the server's image and access the target. The first one owns the target's volume.
pub const CLIENTS: [&str; 5] = [WAL_RECEIVER, BACKUP, BACKUP_LIST, BACKUP_VERIFY, BACKUP_RESTORE];
/// The folder of a target in the containers.
pub const FOLDER: &str = "/backups";
/// The volume of a target that is a folder of the stack.
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

/// Completes the backup services in the roster. They run the server's image as the server's user, because that image
/// contains the programs that copy the server.
pub fn complete(stack: &Stack, roster: &mut Roster) {
    let Some(server) = roster.get(&service_name(DATABASE)).map(|planned| planned.service.clone()) else { return };
    if !backups_are_on(roster) {
        return;
    }
    let target = &stack.backups.target;
    for name in CLIENTS {
        let Some(service) = roster.get_mut(&service_name(name)).map(|planned| &mut planned.service) else { continue };
        if service.image.is_none() && service.build.is_none() {
            (service.image, service.build, service.layout) =
                (server.image.clone(), server.build.clone(), server.layout.clone());
        }
        service.user = service.user.take().or_else(|| server.user.clone());
        service.egress |= target.s3.is_some();
        service.host_mounts.extend(host_folder(target));
    }
    if let Some(tools) = roster.get_mut(&service_name(BACKUP_TOOLS)).map(|planned| &mut planned.service) {
        tools.user = tools.user.take().or(server.user);
    }
    let backup = roster.get_mut(&service_name(BACKUP)).map(|planned| &mut planned.service);
    if let (Some(backup), Some(schedule)) = (backup, &stack.backups.schedule) {
        backup.schedule = Some(schedule.clone());
    }
    let log_receiver = roster.get_mut(&service_name(WAL_RECEIVER)).map(|planned| &mut planned.service);
    if let (Some(log_receiver), Some(volume)) = (log_receiver, volume(target)) {
        log_receiver.volumes.insert(VolumeName::wrap(VOLUME.to_owned()), volume);
    }
}

/// Returns the mount of a target that is a folder of the host.
fn host_folder(target: &BackupTarget) -> Option<HostMount> {
    Some(HostMount {
        source: target.folder.as_ref()?.host.clone()?,
        target: ContainerPath::wrap(FOLDER.to_owned()),
        writable: true,
        reason: Text::wrap("the target of backups".to_owned()),
    })
}

/// Returns the volume of a target that is a folder of the stack. The other services write to it, too.
fn volume(target: &BackupTarget) -> Option<Volume> {
    let folder = target.folder.as_ref().filter(|folder| folder.host.is_none())?;
    let path = ContainerPath::wrap(FOLDER.to_owned());
    let writers: BTreeMap<ServiceName, ContainerPath> =
        CLIENTS.iter().skip(1).map(|name| (service_name(name), path.clone())).collect();
    Some(Volume { path, set_owner: true, size: folder.size, readers: BTreeMap::new(), writers })
}
