//! Rules of exposure: published ports, development tools in production, and capabilities and raw keys that give a
//! container control of the host.

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::PROXY_SERVICE;
use crate::stack::{Profile, Zone};
use crate::values::ServiceName;

/// Capabilities without an effect outside of the container, unlike SYS_ADMIN, NET_ADMIN, SYS_PTRACE or SYS_MODULE.
const CONTAINED_CAPABILITIES: [&str; 9] =
    ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "IPC_LOCK", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];

/// Raw Compose keys that give a container control of the host.
const HOST_KEYS: [&str; 12] = [
    "cap_add",
    "cgroup",
    "cgroup_parent",
    "device_cgroup_rules",
    "devices",
    "ipc",
    "network_mode",
    "pid",
    "privileged",
    "userns_mode",
    "uts",
    "volumes_from",
];

/// Checks what each service exposes: published ports, development tools and privileges on the host.
pub fn check(profile: Profile, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, member) in roster {
        published_ports(profile, name, member, &mut findings);
        findings.extend(development_tool(profile, name, member));
        host_privileges(member, &mut findings);
        findings.extend(host_folders(member));
    }
    findings
}

/// Refuses published ports, except 80 and 443 of the edge, and loopback ports of development tools in local.
fn published_ports(profile: Profile, name: &ServiceName, member: &PlannedService, findings: &mut Vec<Diagnostic>) {
    for (port, publish) in &member.service.publish {
        let path = member.path.key("publish").key(port.as_str());
        if name.as_str() == PROXY_SERVICE {
            if !matches!(publish.port, 80 | 443) {
                findings.push(
                    Diagnostic::error(Code::PublicPort, path)
                        .message(format!("the edge publishes port {}", publish.port))
                        .expected("80 and 443"),
                );
            }
            continue;
        }
        let loopback = publish.address.is_none_or(|address| address.is_loopback());
        let is_local_tool = member.service.development_only && profile == Profile::Local && loopback;
        if !is_local_tool {
            findings.push(
                Diagnostic::error(Code::PublicPort, path)
                    .message(format!("`{name}` publishes port {} of the host", publish.port))
                    .expected("only nginx publishes ports (80 and 443); in local also development tools, on 127.0.0.1")
                    .hint(match member.service.zone {
                        Some(Zone::Data) => {
                            format!("remove `publish`; `docker compose exec {name}` runs a client in the container")
                        }
                        _ => "remove `publish` and give the service a route".to_owned(),
                    }),
            );
        }
    }
}

/// Refuses development tools in production.
fn development_tool(profile: Profile, name: &ServiceName, member: &PlannedService) -> Option<Diagnostic> {
    (profile == Profile::Prod && member.service.development_only).then(|| {
        let path = if member.service.only.is_some() { member.path.key("only") } else { member.path.clone() };
        Diagnostic::error(Code::DevelopmentInProd, path)
            .message(format!("`{name}` is a development tool"))
            .expected("a production environment without it")
            .hint(format!("limit it: `services.{name}.only = ['local]`"))
    })
}

/// Folders of the host that hold nothing which controls the host or another container: output of containers, and control
/// groups.
const READABLE_FOLDERS: [&str; 4] =
    ["/sys/fs/cgroup", "/var/lib/docker/containers", "/var/log", "/var/lib/containers/storage/overlay-containers"];

/// Refuses folders of the host other than the readable ones and those below them.
fn host_folders(member: &PlannedService) -> Vec<Diagnostic> {
    let inside = |path: &str, folder: &str| {
        path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    let paths = member.service.host_paths.iter().enumerate();
    let refused = paths.filter(|(_, path)| !READABLE_FOLDERS.iter().any(|folder| inside(path.source.as_str(), folder)));
    let findings = refused.map(|(i, path)| {
        Diagnostic::error(Code::HostFolder, member.path.key("host_paths").index(i).key("source"))
            .message(format!("`{}` of the host may give control of the host or of other containers", path.source))
            .expected(format!("a folder at or below one of {}", READABLE_FOLDERS.join(", ")))
    });
    findings.collect()
}

/// Refuses capabilities and raw keys with an effect outside of the container.
fn host_privileges(member: &PlannedService, findings: &mut Vec<Diagnostic>) {
    for (i, capability) in member.service.capabilities.iter().enumerate() {
        if !CONTAINED_CAPABILITIES.contains(&capability.as_str()) {
            findings.push(
                Diagnostic::error(Code::Privileged, member.path.key("capabilities").index(i))
                    .message(format!("{capability} gives access beyond the container"))
                    .expected(format!("one of {}", CONTAINED_CAPABILITIES.join(", "))),
            );
        }
    }
    for key in member.service.compose.keys() {
        if HOST_KEYS.contains(&key.as_str()) {
            findings.push(
                Diagnostic::error(Code::Privileged, member.path.key("compose").key(key))
                    .message(format!("the raw key `{key}` gives the container control of the host"))
                    .hint("run such a program outside the stack"),
            );
        }
    }
}
