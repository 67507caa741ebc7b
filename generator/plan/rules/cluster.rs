//! Rules of an environment that also runs on a cluster.

use std::collections::BTreeSet;

use super::cluster_names::{self, ClusterServices};
use super::sealed_secrets;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::dockerfile;
use crate::plan::inputs::Inputs;
use crate::plan::missing_services::missing_service;
use crate::plan::model::{Plan, Service, VolumeMount};
use crate::plan::roster::{Roster, includes};
use crate::plan::service_names::{ACME, BACKUP_TOOLS, PROXY_SERVICE, VOLUME_OWNER};
use crate::stack::{Frontend, Kubernetes, Profile, Published, SharedVolumes};
use crate::values::{Memory, ServiceName};

/// Storage classes whose volumes are folders of one node: Rancher's local-path, the default of k3s and kind.
const LOCAL_CLASSES: [&str; 1] = ["local-path"];

/// Services of the library that never run on a cluster.
const REPLACED_SERVICES: [&str; 3] = [ACME, BACKUP_TOOLS, VOLUME_OWNER];

/// Checks the settings of the cluster against the stack as declared.
pub fn check_declarations(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    let settings = &inputs.stack.kubernetes;
    let mut findings = unserved_frontends(inputs);
    if settings.enabled {
        let unknown_services = settings.service_annotations.keys().filter(|name| !roster.contains_key(*name));
        findings.extend(unknown_services.map(|name| {
            missing_service(name, inputs.stack, roster, &path!("kubernetes", "service_annotations", name))
        }));
        findings.extend(several_revisions(settings));
        findings.extend(check_node_ports(inputs, roster));
    }
    findings
}

/// Checks users, volumes, names and the quota, which depend on the finished plan.
pub fn check_plan(inputs: Inputs, roster: &Roster, plan: &Plan) -> Vec<Diagnostic> {
    let settings = &inputs.stack.kubernetes;
    if !settings.enabled {
        return Vec::new();
    }
    let cluster_services = || {
        plan.services.iter().filter(|(name, service)| {
            !REPLACED_SERVICES.contains(&name.as_str()) && service.on_clusters.replacement(settings).is_none()
        })
    };
    let mut findings: Vec<Diagnostic> =
        cluster_services().filter_map(|(_, service)| check_user(inputs, service)).collect();
    findings.extend(cluster_services().filter_map(|(name, service)| check_volume_groups(name, service, plan)));
    let services: ClusterServices = cluster_services().map(|(name, service)| (name, &**service)).collect();
    findings.extend(cluster_names::check(settings, roster, plan, &services));
    findings.extend(check_shared_volumes(settings, roster));
    findings.extend(sealed_secrets::check(inputs, settings, plan));
    findings.extend(quota_below_limits(settings, cluster_services().map(|(_, service)| &**service)));
    findings
}

/// The default range of ports that nodes publish.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

/// Refuses published ports outside of the range of node ports.
fn check_node_ports(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    if inputs.stack.kubernetes.published != Published::NodePort {
        return Vec::new();
    }
    let members = roster.iter().filter(|(name, _)| name.as_str() != PROXY_SERVICE);
    // Each published port with its service: `(member, (name of the port, publish))`.
    let ports = members.flat_map(|(_, member)| member.service.publish.iter().map(move |port| (member, port)));
    let public_ports = ports.filter(|(_, (_, publish))| publish.address.is_some_and(|address| !address.is_loopback()));
    let out_of_range =
        public_ports.filter(|(_, (_, publish))| !NODE_PORTS.contains(&publish.node_port.unwrap_or(publish.port)));
    let findings = out_of_range.map(|(member, (port, publish))| {
        let number = publish.node_port.unwrap_or(publish.port);
        Diagnostic::error(Code::NodePort, member.path.key("publish").key(port.as_str()))
            .message(format!("the nodes of a cluster cannot publish port {number}"))
            .expected("a port from 30000 to 32767")
            .hint(format!("set `publish.{port}.node_port = 30022`, or `kubernetes.published = 'loadbalancer`"))
    });
    findings.collect()
}

/// Refuses `gitops` with more than one of a branch (`revision`), a tag and a commit.
fn several_revisions(settings: &Kubernetes) -> Option<Diagnostic> {
    let gitops = settings.gitops.as_ref()?;
    let fields_are_set = [gitops.revision.is_some(), gitops.tag.is_some(), gitops.commit.is_some()];
    (fields_are_set.iter().filter(|is_set| **is_set).count() > 1).then(|| {
        Diagnostic::error(Code::BadValue, path!("kubernetes", "gitops"))
            .message("`gitops` can have only one of `revision`, `tag` and `commit`")
            .expected("one of `revision`, `tag` and `commit`")
    })
}

/// Checks that a container's user is a number other than 0. The pods set `runAsNonRoot`, and a kubelet does not start a
/// container under that rule if the image sets the user by a name instead of a number.
fn check_user(inputs: Inputs, service: &Service) -> Option<Diagnostic> {
    if service.user.is_some() {
        return None;
    }
    let dockerfile = service.build.as_ref().map(dockerfile::path);
    let text = dockerfile.and_then(|path| inputs.files.dockerfiles.get(&path)?.as_deref());
    let user = text.and_then(dockerfile::user);
    let number = user.and_then(|user| user.split(':').next()?.parse::<u32>().ok());
    let finding = match (user, number) {
        (_, Some(1..)) => return None,
        (Some(user), _) => Diagnostic::error(Code::UnknownUser, service.origin.key("build")).message(format!(
            "the cluster does not start the image: its user is `{user}`, and only a number other than 0 is accepted"
        )),
        (None, _) => Diagnostic::warning(Code::UnknownUser, service.origin.clone()).message(
            "the cluster starts the image only if its user is a number other than 0, but the stack sets no user",
        ),
    };
    let finding = finding.expected("the numeric user of the image, such as `user = \"10001:10001\"`");
    Some(finding.hint("set `user` of the service, or `USER` with a number in the Dockerfile"))
}

/// Refuses a service whose volumes need different groups: a pod has one group for all of its volumes.
fn check_volume_groups(name: &ServiceName, service: &Service, plan: &Plan) -> Option<Diagnostic> {
    let own_group = service.on_clusters.user.as_ref().or(service.user.as_ref()).map(|user| user.ids().1);
    let is_shared = |mount: &&VolumeMount| {
        let other_services = plan.services.iter().filter(|(other, _)| *other != name);
        other_services.flat_map(|(_, service)| &service.volumes).any(|other_mount| other_mount.volume == mount.volume)
    };
    // Volumes of services that a cluster replaces do not exist there.
    let exists = |mount: &&VolumeMount| {
        let owner = plan.volumes.get(&mount.volume).map(|volume| volume.owner.as_str());
        owner.is_none_or(|owner| !REPLACED_SERVICES.contains(&owner))
    };
    let mounts = || service.volumes.iter().filter(exists);
    // A volume to which the service writes, and which others share, must have the group of the service.
    let groups_of_shared = mounts().filter(|mount| !mount.read_only).filter(is_shared).filter_map(|_| own_group);
    let groups: BTreeSet<u32> = mounts().filter_map(|mount| mount.owner_group).chain(groups_of_shared).collect();
    let names: Vec<String> = groups.iter().map(ToString::to_string).collect();
    (groups.len() > 1).then(|| {
        Diagnostic::error(Code::VolumeGroups, service.origin.key("volumes"))
            .message(format!(
                "`{name}` shares volumes with services of the groups {}, but all volumes of a pod must have the same group",
                names.join(" and ")
            ))
            .hint("set the second number of `user` of these services to the same group")
    })
}

/// Refuses volumes that pods on any node share if their storage class only provides folders of one node.
fn check_shared_volumes(settings: &Kubernetes, roster: &Roster) -> Vec<Diagnostic> {
    let class = settings.storage_class.as_ref().filter(|class| LOCAL_CLASSES.contains(&class.as_str()));
    let (Some(class), SharedVolumes::Many) = (class, settings.shared_volumes) else { return Vec::new() };
    let members = roster.iter().filter(|(name, _)| ![ACME, BACKUP_TOOLS].contains(&name.as_str()));
    let volumes = members.flat_map(|(_, member)| member.service.volumes.iter().map(move |volume| (member, volume)));
    let shared_by_services =
        volumes.filter(|(_, (_, volume))| !volume.readers.is_empty() || !volume.writers.is_empty());
    let findings = shared_by_services.map(|(member, (name, volume))| {
        let field = if volume.readers.is_empty() { "writers" } else { "readers" };
        Diagnostic::error(Code::SharedClass, member.path.key("volumes").key(name.as_str()).key(field))
            .message(format!(
                "several pods mount the volume `{name}`, but the storage class `{class}` only provides folders of one node"
            ))
            .expected("a storage class of network file systems, or pods on one node")
            .hint("set `kubernetes.shared_volumes = 'node`, which keeps the pods on the node of the volume")
            .related(path!("kubernetes", "storage_class"), "the storage class")
    });
    findings.collect()
}

/// Refuses a quota below the sum of the services' limits: the cluster would refuse some of their pods.
fn quota_below_limits<'a>(settings: &Kubernetes, services: impl Iterator<Item = &'a Service>) -> Vec<Diagnostic> {
    let Some(quota) = settings.quota else { return Vec::new() };
    let (mut memory, mut cpus, mut pods) = (0_u64, 0_u64, 0_u64);
    for service in services {
        let replicas = u64::from(service.autoscale.as_ref().map_or(service.replicas, |scale| scale.max));
        memory = memory.saturating_add(service.memory_limit.0.saturating_mul(replicas));
        cpus = cpus.saturating_add(u64::from(service.cpu_limit.0).saturating_mul(replicas));
        pods = pods.saturating_add(replicas);
    }
    // Field, bound, sum of the limits, and this sum as text.
    let bounds = [
        ("memory", quota.memory.map(|bound| bound.0), memory, Memory(memory).to_string()),
        ("cpus", quota.cpus.map(|bound| u64::from(bound.0)), cpus, format!("{}.{:03}", cpus / 1000, cpus % 1000)),
        ("pods", quota.pods.map(u64::from), pods, pods.to_string()),
    ];
    let exceeded_bounds = bounds.into_iter().filter(|(_, bound, sum, _)| bound.is_some_and(|bound| bound < *sum));
    let findings = exceeded_bounds.map(|(field, _, _, sum)| {
        Diagnostic::error(Code::LimitBelowReservation, path!("kubernetes", "quota", field))
            .message(format!(
                "the limits of the services add up to {sum}, so the quota would refuse some of their pods"
            ))
            .expected(format!("at least {sum}, with room for the pods of a rollout"))
    });
    findings.collect()
}

/// Warns of frontends that a cluster cannot serve, because their dev servers run on the developer's machine: NS701.
fn unserved_frontends(inputs: Inputs) -> Vec<Diagnostic> {
    let Inputs { stack, profile, .. } = inputs;
    if !stack.kubernetes.enabled {
        return Vec::new();
    }
    let on_this_machine = |frontend: &&Frontend| profile == Profile::Local && includes(stack, profile, frontend);
    let frontends = stack.frontends.iter().filter(|(_, frontend)| on_this_machine(frontend));
    let findings = frontends.map(|(name, _)| {
        Diagnostic::warning(Code::Unsupported, path!("frontends", name))
            .message("a cluster cannot connect to a dev server, so it does not serve the frontend")
            .hint("open the dev server directly, or exclude the frontend from this environment: `include = false`")
    });
    findings.collect()
}
