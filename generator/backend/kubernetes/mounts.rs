//! The volumes of a pod, and their mounts in its container.

use super::cluster::{Cluster, quantity};
use super::container::secrets_mount;
use super::model::{ClaimName, EmptyDir, Mount, ProjectedKey, ProjectedKeys, Projection, ProjectionSource, Volume};
use super::volumes::claim_of_first_pod;
use super::wait;
use crate::artifact::mode;
use crate::plan::secret_list::{SECRET_KEY, secret_name};
use crate::plan::{ConfigMount, Programs, Service, VolumeMount};
use crate::values::Memory;

/// Returns the mounts of the container, and the pod's volumes to which they refer.
pub fn mounts_and_volumes(cluster: &Cluster, service: &Service) -> (Vec<Mount>, Vec<Volume>) {
    let data = service.volumes.iter().map(|mount| data_volume(cluster, mount));
    let configs = service.config.iter().enumerate().map(|(i, config)| config_volume(cluster, i, config));
    let secrets = (!service.secret_files.is_empty()).then(|| (secrets_mount(), Some(secrets_volume(service))));
    let tmpfs = service.tmpfs.iter().enumerate();
    let tmpfs = tmpfs.map(|(i, tmpfs)| memory_volume(format!("tmpfs-{i}"), tmpfs.path.to_string(), tmpfs.limit()));
    let programs = service.programs.as_ref().map(programs_volume);
    let shm = service.shm_size.map(|size| memory_volume("shm".into(), "/dev/shm".into(), size));
    let pairs = data.chain(configs).chain(secrets).chain(tmpfs).chain(programs).chain(shm);
    let (mounts, volumes): (Vec<Mount>, Vec<Option<Volume>>) = pairs.unzip();
    (mounts, volumes.into_iter().flatten().collect())
}

/// Returns the mount of a data volume, and its volume if the pod has one: a job that uses the data of a StatefulSet mounts
/// the claim of its first pod. A StatefulSet itself needs no entry, since its claim templates have the names of its volumes.
fn data_volume(cluster: &Cluster, mount: &VolumeMount) -> (Mount, Option<Volume>) {
    let name = mount.volume.to_string();
    let owner = mount.stopped_owner.as_ref().or(mount.running_owner.as_ref());
    let claim_of_owner = owner.map(|owner| claim_of_first_pod(name.as_str(), owner.as_str()));
    let claim_name = cluster.is_shared(&mount.volume).then(|| name.clone()).or(claim_of_owner);
    let volume = claim_name
        .map(|claim_name| Volume::Claim { name: name.clone(), persistent_volume_claim: ClaimName { claim_name } });
    (Mount { name, mount_path: mount.path.to_string(), sub_path: None, read_only: mount.read_only }, volume)
}

/// Returns the mount and the volume of generated files; `index` is their index in the service's list.
fn config_volume(cluster: &Cluster, index: usize, config: &ConfigMount) -> (Mount, Option<Volume>) {
    let name = format!("config-{index}");
    let configs = &cluster.configs[&config.source];
    let mode = Some(mode::of_source(&config.source)).filter(|mode| *mode != mode::DEFAULT);
    let sub_path = configs.iter().find_map(|config| config.file.clone());
    let sources = configs.iter().map(|config| {
        let items =
            config.items.iter().map(|(key, file)| ProjectedKey { key: key.clone(), path: file.path.clone(), mode });
        ProjectionSource::Config { config_map: ProjectedKeys { name: config.name.clone(), items: items.collect() } }
    });
    let volume = projected_volume(name.clone(), sources.collect());
    (Mount { name, mount_path: config.target.to_string(), sub_path, read_only: true }, Some(volume))
}

/// Returns the volume with the secrets that the service reads from files.
fn secrets_volume(service: &Service) -> Volume {
    let sources = service.secret_files.iter().map(|secret| {
        let items = vec![ProjectedKey { key: SECRET_KEY.into(), path: secret.to_string(), mode: None }];
        ProjectionSource::Secret { secret: ProjectedKeys { name: secret_name(secret), items } }
    });
    projected_volume("secrets".into(), sources.collect())
}

/// Returns a volume of ConfigMaps or secrets, which only the pod's group can read.
fn projected_volume(name: String, sources: Vec<ProjectionSource>) -> Volume {
    Volume::Projected { name, projected: Projection { default_mode: 0o440, sources } }
}

/// Returns a volume in memory and its mount.
fn memory_volume(name: String, mount_path: String, size: Memory) -> (Mount, Option<Volume>) {
    let empty_dir = EmptyDir { medium: "Memory", size_limit: quantity(size) };
    let volume = Volume::EmptyDir { name: name.clone(), empty_dir };
    (Mount { name, mount_path, sub_path: None, read_only: false }, Some(volume))
}

/// Returns the volume into which an init container copies the programs of a different image, and its mount.
fn programs_volume(programs: &Programs) -> (Mount, Option<Volume>) {
    let name = programs.service.to_string();
    // Without a medium, the folder is on the disk of the node.
    let empty_dir = EmptyDir { medium: "", size_limit: wait::PROGRAMS_SIZE.to_owned() };
    let volume = Volume::EmptyDir { name: name.clone(), empty_dir };
    (Mount { name, mount_path: programs.folder.to_string(), sub_path: None, read_only: true }, Some(volume))
}
